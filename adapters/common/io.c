/* SPDX-License-Identifier: MIT */
/* Reading, writing, locking: the system's calls. */
#define _GNU_SOURCE
#include "common/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
io_read_some(int fd, void *buf, size_t n, uint64_t at, size_t *got)
{
	*got = 0;
	while (*got < n) {
		ssize_t done = pread(fd, (char *)buf + *got, n - *got, (off_t)(at + *got));

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno;
		if (done == 0)
			return 0;
		*got += (size_t)done;
	}
	return 0;
}

int
io_read(int fd, void *buf, size_t n, uint64_t at)
{
	size_t got;
	int error = io_read_some(fd, buf, n, at, &got);

	return error == 0 && got < n ? IO_SHORT : error;
}

int
io_write(int fd, const void *buf, size_t n, uint64_t at)
{
	size_t put = 0;

	while (put < n) {
		ssize_t done = pwrite(fd, (const char *)buf + put, n - put, (off_t)(at + put));

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno;
		if (done == 0)
			return ENOSPC;
		put += (size_t)done;
	}
	return 0;
}

int
io_sync(int fd)
{
	while (fsync(fd) != 0) {
		if (errno != EINTR)
			return errno;
	}
	return 0;
}

/* For file systems that cannot reserve: what is not there yet is written once. */
static int
write_zeros(int fd, uint64_t at, uint64_t n)
{
	static const char zeros[4096];
	int error = 0;

	for (uint64_t done = 0; done < n && error == 0; done += sizeof(zeros)) {
		const uint64_t left = n - done;

		error = io_write(fd, zeros, left < sizeof(zeros) ? (size_t)left : sizeof(zeros),
				 at + done);
	}
	return error;
}

int
io_reserve(int fd, uint64_t at, uint64_t n)
{
	while (fallocate(fd, 0, (off_t)at, (off_t)n) != 0) {
		if (errno == EOPNOTSUPP || errno == ENOSYS)
			return write_zeros(fd, at, n);
		if (errno != EINTR)
			return errno;
	}
	return 0;
}

int
io_truncate(int fd, uint64_t size)
{
	while (ftruncate(fd, (off_t)size) != 0) {
		if (errno != EINTR)
			return errno;
	}
	return 0;
}

static int
check_plain(int fd)
{
	struct stat is;
	int error = io_stat(fd, &is);

	if (error != 0)
		return error;
	return S_ISREG(is.st_mode) && is.st_uid == geteuid() && (is.st_mode & 022) == 0 &&
			       is.st_nlink <= 1
		       ? 0
		       : EPERM;
}

int
io_open(int dir, const char *name, int flags, int *fd)
{
	int error;

	do
		*fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
			     0600);
	while (*fd < 0 && errno == EINTR);
	if (*fd < 0)
		return errno == ELOOP ? EPERM : errno;
	error = check_plain(*fd);
	if (error != 0)
		io_close(fd);
	return error;
}

int
io_rename(int dir, const char *from, const char *to)
{
	return renameat(dir, from, dir, to) == 0 ? 0 : errno;
}

void
io_remove(int dir, const char *name)
{
	(void)unlinkat(dir, name, 0);
}

int
io_stat(int fd, struct stat *out)
{
	return fstat(fd, out) == 0 ? 0 : errno;
}

int
io_size(int fd, uint64_t *out)
{
	const off_t end = lseek(fd, 0, SEEK_END);

	if (end < 0)
		return errno;
	*out = (uint64_t)end;
	return 0;
}

int
io_stat_at(int dir, const char *name, struct stat *out)
{
	return fstatat(dir, name, out, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

void
io_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

int
io_lock(int fd, uint64_t byte, enum io_lock how)
{
	static const short types[] = { F_UNLCK, F_RDLCK, F_WRLCK };
	struct flock lock = {
		.l_type = types[how], .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1
	};

	while (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
		if (errno == EACCES)
			return EAGAIN;
		if (errno != EINTR)
			return errno;
	}
	return 0;
}

int
io_is_locked(int fd, uint64_t byte, uint64_t n, bool *is)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = (off_t)n
	};

	while (fcntl(fd, F_OFD_GETLK, &lock) != 0) {
		if (errno != EINTR)
			return errno;
	}
	*is = lock.l_type != F_UNLCK;
	return 0;
}

void *
io_copy(void *to, const void *from, size_t n)
{
	void *end;

	__asm__ volatile("" ::: "memory");
	end = mempcpy(to, from, n); /* by this name tests find it */
	__asm__ volatile("" ::: "memory");
	return end;
}

const char *
io_text(int error)
{
	const char *text;

	if (error == IO_SHORT)
		return "the file is too short";
	text = strerrordesc_np(error);
	return text != NULL ? text : "an error without a name";
}
