/* SPDX-License-Identifier: MIT */
/* The system calls behind futex.h, clock.h and atomic.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/futex.h"

/* No call of ours may change errno: it belongs to the program around us. */
static long
quiet_futex(const a32 *word, int op, uint32_t value, const struct timespec *until)
{
	int saved = errno;
	long rc = syscall(SYS_futex, &word->v, op, value, until, NULL, FUTEX_BITSET_MATCH_ANY);

	if (rc < 0)
		rc = -errno;
	errno = saved;
	return rc;
}

bool
shim_futex_wait(const a32 *word, uint32_t value, uint64_t deadline_ns)
{
	struct timespec until;

	if (deadline_ns >= (uint64_t)INT64_MAX)
		return quiet_futex(word, FUTEX_WAIT_BITSET_PRIVATE, value, NULL) == -ETIMEDOUT;
	until.tv_sec = (time_t)(deadline_ns / 1000000000u);
	until.tv_nsec = (long)(deadline_ns % 1000000000u);
	return quiet_futex(word, FUTEX_WAIT_BITSET_PRIVATE, value, &until) == -ETIMEDOUT;
}

void
shim_yield(void)
{
	(void)sched_yield(); /* it does not fail */
}

void
shim_futex_wake(const a32 *word, int n)
{
	(void)quiet_futex(word, FUTEX_WAKE_PRIVATE, (uint32_t)n, NULL);
}

static uint64_t
read_clock(clockid_t id, uint64_t per_second)
{
	struct timespec t;

	if (clock_gettime(id, &t) != 0)
		return 0;
	return (uint64_t)t.tv_sec * per_second + (uint64_t)t.tv_nsec / (1000000000u / per_second);
}

uint64_t
shim_now(void)
{
	return read_clock(CLOCK_MONOTONIC, 1000000000u);
}

uint64_t
shim_boottime(void)
{
	return read_clock(CLOCK_BOOTTIME, 1000000000u);
}

uint64_t
shim_wall_ms(void)
{
	return read_clock(CLOCK_REALTIME, 1000u);
}

uint64_t
shim_random(void)
{
	uint64_t x;
	int saved = errno;

	/* GRND_NONBLOCK: early at boot a worse seed is better than a hang. */
	if (getrandom(&x, sizeof(x), GRND_NONBLOCK) != (ssize_t)sizeof(x))
		x = shim_now() ^ ((uint64_t)getpid() << 40) ^ (uint64_t)(uintptr_t)&x;
	errno = saved;
	return x;
}

static bool
membarrier(int command)
{
	int saved = errno;
	long rc = syscall(SYS_membarrier, command, 0, 0);

	errno = saved;
	return rc == 0;
}

bool
shim_barrier_all(void)
{
	if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
		return true;
	/* Not registered yet, or not known: the slower kind needs no registration. */
	if (membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
	    membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
		return true;
	return membarrier(MEMBARRIER_CMD_GLOBAL);
}

unsigned
shim_cpus(void)
{
	cpu_set_t set;
	int saved = errno;
	unsigned n = 2; /* more CPUs than a cpu_set_t has: certainly more than one */

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = (unsigned)CPU_COUNT(&set);
	errno = saved;
	return n;
}
