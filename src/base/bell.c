/* SPDX-License-Identifier: MIT */
/* Bells by eventfd(2).  errno stays what it was. */
#include "base/bell.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int
bell_open(void)
{
	const int saved = errno;
	const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	errno = saved;
	return fd;
}

void
bell_close(int fd)
{
	const int saved = errno;

	(void)close(fd);
	errno = saved;
}

void
bell_ring(int fd)
{
	const uint64_t one = 1;
	const int saved = errno;
	ssize_t n;

	do {
		n = write(fd, &one, sizeof(one));
	} while (n < 0 && errno == EINTR);
	errno = saved; /* EAGAIN: it was rung 2^64 - 2 times, so it is readable */
}

void
bell_silence(int fd)
{
	const int saved = errno;
	uint64_t times;
	ssize_t n;

	do {
		n = read(fd, &times, sizeof(times));
	} while (n < 0 && errno == EINTR);
	errno = saved; /* EAGAIN: it is silent */
}
