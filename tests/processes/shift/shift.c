/* SPDX-License-Identifier: MIT */
/*
 * Loaded before a child (LD_PRELOAD): its clocks are wrong by what is in the file that LK_TEST_CLOCKS names, from one
 * moment to the next.  What the kernel sleeps by is as right as ever.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "shift.h"

static const struct shift *shift;

__attribute__((constructor)) static void
find_file(void)
{
	const char *path = getenv("LK_TEST_CLOCKS");
	const int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *memory = MAP_FAILED;

	if (fd >= 0)
		memory = mmap(NULL, sizeof(*shift), PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		_exit(125);
	(void)close(fd);
	shift = memory;
}

static long long
seconds_off(clockid_t clock)
{
	if (shift == NULL)
		return 0;
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		return atomic_load(&shift->realtime_s);
	case CLOCK_BOOTTIME:
		return atomic_load(&shift->boottime_s);
	default:
		return 0;
	}
}

int
clock_gettime(clockid_t clock, struct timespec *t)
{
	const int rc = (int)syscall(SYS_clock_gettime, clock, t);

	if (rc == 0)
		t->tv_sec += (time_t)seconds_off(clock);
	return rc;
}

int
gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return -1;
	*t = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
	return 0;
}
