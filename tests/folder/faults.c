/* SPDX-License-Identifier: MIT */
/* The calls that fail, or kill. */
#define _GNU_SOURCE
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static struct {
	enum fault which;
	enum how how;
	bool keep;
	int error;
	_Atomic uint64_t at;
	_Atomic uint64_t calls;
	_Atomic uint64_t hits;
} fault = { .which = FAULTS };

static _Thread_local bool takes_part;
static uint32_t magic;
static const char *boot;
static void (*on_sync)(int fd);

void
faults_here(bool here)
{
	takes_part = here;
}

void
faults_magic(uint32_t says)
{
	magic = says;
}

void
faults_boot(const char *path)
{
	boot = path;
}

void
faults_on_sync(void (*fn)(int fd))
{
	on_sync = fn;
}

void
fault_at(enum fault f, uint64_t nth, bool keep, enum how how, int error)
{
	atomic_store(&fault.at, 0);
	atomic_store(&fault.calls, 0);
	atomic_store(&fault.hits, 0);
	fault.which = f;
	fault.how = how;
	fault.keep = keep;
	fault.error = error;
	atomic_store(&fault.at, nth);
}

uint64_t
fault_hits(void)
{
	return atomic_load(&fault.hits);
}

uint64_t
fault_calls(void)
{
	return atomic_load(&fault.calls);
}

static bool
changes_files(enum fault f)
{
	switch (f) {
	case FAULT_PWRITE:
	case FAULT_FSYNC:
	case FAULT_FALLOCATE:
	case FAULT_FTRUNCATE:
	case FAULT_RENAME:
	case FAULT_OPENAT:
	case FAULT_UNLINK:
	case FAULT_MKDIR:
	case FAULT_COPY:
		return true;
	default:
		return false;
	}
}

static bool
is_due(enum fault f)
{
	uint64_t call, at;

	if (!takes_part || (fault.which == FAULTS ? !changes_files(f) : fault.which != f))
		return false;
	call = atomic_fetch_add(&fault.calls, 1) + 1;
	at = atomic_load(&fault.at);
	if (at == 0 || call < at || (call > at && !fault.keep))
		return false;
	atomic_fetch_add(&fault.hits, 1);
	return true;
}

static void
die(void)
{
	(void)kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* For calls that do not write.  True: it has failed. */
static bool
fails(enum fault f)
{
	if (!is_due(f))
		return false;
	if (fault.how == HOW_KILLED || fault.how == HOW_HALF)
		die();
	errno = fault.error;
	return fault.how == HOW_ERROR;
}

#define REAL(result, name, ...)            \
	result __real_##name(__VA_ARGS__); \
	result __wrap_##name(__VA_ARGS__); \
	result __wrap_##name(__VA_ARGS__)

REAL(ssize_t, pread, int fd, void *buf, size_t n, off_t at)
{
	return fails(FAULT_PREAD) ? -1 : __real_pread(fd, buf, n, at);
}

REAL(ssize_t, pwrite, int fd, const void *buf, size_t n, off_t at)
{
	if (!is_due(FAULT_PWRITE))
		return __real_pwrite(fd, buf, n, at);
	switch (fault.how) {
	case HOW_ERROR:
		errno = fault.error;
		return -1;
	case HOW_SHORT:
		return __real_pwrite(fd, buf, n > 1 ? n / 2 : n, at);
	case HOW_HALF:
		(void)!__real_pwrite(fd, buf, n / 2, at);
		break;
	case HOW_KILLED:
		break;
	}
	die();
	return -1;
}

REAL(void *, mempcpy, void *to, const void *from, size_t n)
{
	if (is_due(FAULT_COPY) && (fault.how == HOW_KILLED || fault.how == HOW_HALF)) {
		(void)__real_mempcpy(to, from, fault.how == HOW_HALF ? n / 2 : 0);
		die();
	}
	return __real_mempcpy(to, from, n);
}

REAL(int, fsync, int fd)
{
	if (fails(FAULT_FSYNC))
		return -1;
	if (takes_part && on_sync != NULL)
		on_sync(fd);
	return __real_fsync(fd);
}

REAL(int, fallocate, int fd, int mode, off_t at, off_t n)
{
	return fails(FAULT_FALLOCATE) ? -1 : __real_fallocate(fd, mode, at, n);
}

REAL(int, ftruncate, int fd, off_t size)
{
	return fails(FAULT_FTRUNCATE) ? -1 : __real_ftruncate(fd, size);
}

REAL(int, renameat, int from_dir, const char *from, int to_dir, const char *to)
{
	return fails(FAULT_RENAME) ? -1 : __real_renameat(from_dir, from, to_dir, to);
}

REAL(int, unlinkat, int dir, const char *name, int flags)
{
	return fails(FAULT_UNLINK) ? -1 : __real_unlinkat(dir, name, flags);
}

REAL(int, mkdir, const char *path, mode_t mode)
{
	return fails(FAULT_MKDIR) ? -1 : __real_mkdir(path, mode);
}

REAL(int, fstat, int fd, struct stat *out)
{
	return fails(FAULT_FSTAT) ? -1 : __real_fstat(fd, out);
}

REAL(int, fstatat, int dir, const char *name, struct stat *out, int flags)
{
	return fails(FAULT_FSTATAT) ? -1 : __real_fstatat(dir, name, out, flags);
}

REAL(off_t, lseek, int fd, off_t at, int from)
{
	return fails(FAULT_LSEEK) ? -1 : __real_lseek(fd, at, from);
}

REAL(int, fstatfs, int fd, struct statfs *out)
{
	int rc = fails(FAULT_STATFS) ? -1 : __real_fstatfs(fd, out);

	if (rc == 0 && magic != 0)
		out->f_type = magic;
	return rc;
}

REAL(int, inotify_init1, int flags)
{
	return fails(FAULT_INOTIFY) ? -1 : __real_inotify_init1(flags);
}

REAL(int, inotify_add_watch, int fd, const char *path, uint32_t mask)
{
	return fails(FAULT_WATCH) ? -1 : __real_inotify_add_watch(fd, path, mask);
}

REAL(int, eventfd, unsigned int value, int flags)
{
	return fails(FAULT_EVENTFD) ? -1 : __real_eventfd(value, flags);
}

int __real_openat(int dir, const char *name, int flags, ...);
int __wrap_openat(int dir, const char *name, int flags, ...);
int __real_open(const char *name, int flags, ...);
int __wrap_open(const char *name, int flags, ...);
int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);

static mode_t
mode_of(int flags, va_list args)
{
	return (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
}

int
__wrap_openat(int dir, const char *name, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return fails(FAULT_OPENAT) ? -1 : __real_openat(dir, name, flags, mode);
}

int
__wrap_open(const char *name, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	if (boot != NULL && strcmp(name, "/proc/sys/kernel/random/boot_id") == 0)
		name = boot;
	return __real_open(name, flags, mode);
}

/* The commands that are used take a pointer. */
int
__wrap_fcntl(int fd, int command, ...)
{
	va_list args;
	void *argument;

	va_start(args, command);
	argument = va_arg(args, void *);
	va_end(args);
	/* Unlocking does not fail: there is nothing that the kernel needs for it. */
	if (command == F_OFD_SETLK && ((struct flock *)argument)->l_type == F_UNLCK)
		return __real_fcntl(fd, command, argument);
	return fails(FAULT_FCNTL) ? -1 : __real_fcntl(fd, command, argument);
}
