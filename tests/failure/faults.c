/* SPDX-License-Identifier: MIT */
/* The calls that fail on demand. */
#define _GNU_SOURCE
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct {
	_Atomic uint64_t calls;
	_Atomic uint64_t hits;
	_Atomic uint64_t at;
	atomic_bool keep;
	atomic_int error;
} faults[FAULTS];

static _Thread_local bool takes_part;

void
faults_here(bool here)
{
	takes_part = here;
}

void
fault_at(enum fault f, uint64_t nth, bool keep, int error)
{
	atomic_store(&faults[f].at, 0);
	atomic_store(&faults[f].calls, 0);
	atomic_store(&faults[f].hits, 0);
	atomic_store(&faults[f].keep, keep);
	atomic_store(&faults[f].error, error);
	atomic_store(&faults[f].at, nth);
}

uint64_t
fault_calls(enum fault f)
{
	return atomic_load(&faults[f].calls);
}

uint64_t
fault_hits(enum fault f)
{
	return atomic_load(&faults[f].hits);
}

/* 0, or the error with which this call fails. */
static int
fault_now(enum fault f)
{
	uint64_t at, call;

	if (!takes_part)
		return 0;
	call = atomic_fetch_add(&faults[f].calls, 1) + 1;
	at = atomic_load(&faults[f].at);
	if (at == 0 || call < at || (call > at && !atomic_load(&faults[f].keep)))
		return 0;
	atomic_fetch_add(&faults[f].hits, 1);
	return atomic_load(&faults[f].error);
}

static int
fails_by_errno(enum fault f)
{
	int error = fault_now(f);

	if (error == 0)
		return 0;
	errno = error;
	return -1;
}

/* Each __wrap_ stands before the library's call; each __real_ is what it would have called. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);
ssize_t __real_getrandom(void *at, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *at, size_t n, unsigned flags);
int __real_sched_getaffinity(pid_t pid, size_t n, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t pid, size_t n, cpu_set_t *set);
int __real_posix_memalign(void **out, size_t align, size_t size);
int __wrap_posix_memalign(void **out, size_t align, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
int __real_pthread_key_create(pthread_key_t *key, void (*end)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*end)(void *));
int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);

long
__wrap_syscall(long number, ...)
{
	long a[6];
	va_list args;
	int rc = 0;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_futex && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET)
		rc = fails_by_errno(FAULT_FUTEX);
	else if (number == SYS_membarrier)
		rc = fails_by_errno(FAULT_MEMBARRIER);
	return rc != 0 ? rc : __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int
__wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	return fails_by_errno(FAULT_CLOCK) != 0 ? -1 : __real_clock_gettime(id, t);
}

ssize_t
__wrap_getrandom(void *at, size_t n, unsigned flags)
{
	return fails_by_errno(FAULT_RANDOM) != 0 ? -1 : __real_getrandom(at, n, flags);
}

int
__wrap_sched_getaffinity(pid_t pid, size_t n, cpu_set_t *set)
{
	return fails_by_errno(FAULT_AFFINITY) != 0 ? -1 : __real_sched_getaffinity(pid, n, set);
}

int
__wrap_posix_memalign(void **out, size_t align, size_t size)
{
	int error = fault_now(FAULT_MEMORY);

	return error != 0 ? error : __real_posix_memalign(out, align, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return fails_by_errno(FAULT_REALLOC) != 0 ? NULL : __real_realloc(p, size);
}

int
__wrap_pthread_key_create(pthread_key_t *key, void (*end)(void *))
{
	int error = fault_now(FAULT_KEY);

	return error != 0 ? error : __real_pthread_key_create(key, end);
}

int
__wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
	int error = fault_now(FAULT_SETSPECIFIC);

	return error != 0 ? error : __real_pthread_setspecific(key, value);
}

/* liburcu is a library of its own, so this one takes the place of the C library's for everybody. */
int
pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*main)(void *), void *arg)
{
	static int (*_Atomic next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	int error = fault_now(FAULT_THREAD);

	if (atomic_load(&next) == NULL) {
		void *found = dlsym(RTLD_NEXT, "pthread_create");
		int (*call)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

		memcpy(&call, &found, sizeof(call)); /* a cast is not ISO C */
		atomic_store(&next, call);
	}
	return error != 0 ? error : atomic_load(&next)(thread, attr, main, arg);
}
