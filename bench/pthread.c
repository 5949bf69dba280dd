/* SPDX-License-Identifier: MIT */
/* What the C library has: a mutex, a read-write lock, by handle. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define CACHE_LINE 64

static void
must(int error, const char *what)
{
	if (__builtin_expect(error != 0, 0))
		bench_die(what, strerror(error));
}

/* A lock has cache lines of its own, as Latchkey's resources have. */
static void *
lines(size_t size)
{
	void *memory = aligned_alloc(CACHE_LINE, (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);

	if (memory == NULL)
		bench_die("pthread", "out of memory");
	return memory;
}

/* ------------------------------------------------------------------------ mutex */

static void *
mutex_open(void *world, const char *name)
{
	pthread_mutex_t *mutex = lines(sizeof(*mutex));

	(void)world;
	(void)name;
	must(pthread_mutex_init(mutex, NULL), "pthread_mutex: init");
	return mutex;
}

static void
mutex_close(void *world, void *target)
{
	(void)world;
	must(pthread_mutex_destroy(target), "pthread_mutex: destroy");
	free(target);
}

static bench_ticket
mutex_acquire(void *session, const void *target, lk_mode mode)
{
	(void)session;
	(void)mode;
	must(pthread_mutex_lock((pthread_mutex_t *)target), "pthread_mutex: lock");
	return 0;
}

static void
mutex_release(void *session, const void *target, bench_ticket ticket)
{
	(void)session;
	(void)ticket;
	must(pthread_mutex_unlock((pthread_mutex_t *)target), "pthread_mutex: unlock");
}

static void
mutex_loop(struct run *r)
{
	bench_loop(r, mutex_acquire, mutex_release);
}

/* It knows one mode; it is the yardstick for all. */
const struct contestant pthread_mutex = {
	.name = "pthread_mutex",
	.by = BY_HANDLE,
	.modes = MODES_ALL,
	.target_open = mutex_open,
	.target_close = mutex_close,
	.acquire = mutex_acquire,
	.release = mutex_release,
	.loop = mutex_loop,
};

/* ------------------------------------------------------------- read-write lock */

static void *
rwlock_open(void *world, const char *name)
{
	pthread_rwlock_t *rwlock = lines(sizeof(*rwlock));

	(void)world;
	(void)name;
	must(pthread_rwlock_init(rwlock, NULL), "pthread_rwlock: init");
	return rwlock;
}

static void
rwlock_close(void *world, void *target)
{
	(void)world;
	must(pthread_rwlock_destroy(target), "pthread_rwlock: destroy");
	free(target);
}

static bench_ticket
rwlock_acquire(void *session, const void *target, lk_mode mode)
{
	(void)session;
	if (mode == LK_S)
		must(pthread_rwlock_rdlock((pthread_rwlock_t *)target), "pthread_rwlock: rdlock");
	else
		must(pthread_rwlock_wrlock((pthread_rwlock_t *)target), "pthread_rwlock: wrlock");
	return 0;
}

static void
rwlock_release(void *session, const void *target, bench_ticket ticket)
{
	(void)session;
	(void)ticket;
	must(pthread_rwlock_unlock((pthread_rwlock_t *)target), "pthread_rwlock: unlock");
}

static void
rwlock_loop(struct run *r)
{
	bench_loop(r, rwlock_acquire, rwlock_release);
}

const struct contestant pthread_rwlock = {
	.name = "pthread_rwlock",
	.by = BY_HANDLE,
	.modes = MODE_BIT(LK_S) | MODE_BIT(LK_X),
	.target_open = rwlock_open,
	.target_close = rwlock_close,
	.acquire = rwlock_acquire,
	.release = rwlock_release,
	.loop = rwlock_loop,
};
