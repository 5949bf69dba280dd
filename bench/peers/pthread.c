/* SPDX-License-Identifier: MIT */
/*
 * What the C library has: a mutex, a read-write lock and a spin lock, by handle, with default attributes.
 * They know no names, owners, timeouts in line, fences or conversions; a pthread_mutex has one mode.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "peers/lines.h"

static void
must(int error, const char *what)
{
	if (__builtin_expect(error != 0, 0))
		bench_die(what, strerror(error));
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

BENCH_INLINE void
mutex_acquire(void *session, const void *target, lk_mode mode, char *ticket)
{
	(void)session;
	(void)mode;
	(void)ticket;
	must(pthread_mutex_lock((pthread_mutex_t *)target), "pthread_mutex: lock");
}

BENCH_INLINE void
mutex_release(void *session, const void *target, char *ticket)
{
	(void)session;
	(void)ticket;
	must(pthread_mutex_unlock((pthread_mutex_t *)target), "pthread_mutex: unlock");
}

/* It knows one mode; it is the yardstick for all. */
#define PEER              pthread_mutex
#define PEER_WHAT         "pthread_mutex_lock(), default attributes: sleeps at once if it is taken"
#define PEER_BY           BY_HANDLE
#define PEER_MODES        MODES_ALL
#define PEER_TICKET       char
#define PEER_TARGET_OPEN  mutex_open
#define PEER_TARGET_CLOSE mutex_close
#define PEER_ACQUIRE      mutex_acquire
#define PEER_RELEASE      mutex_release
#include "contestant.h"

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

BENCH_INLINE void
rwlock_acquire(void *session, const void *target, lk_mode mode, char *ticket)
{
	(void)session;
	(void)ticket;
	if (mode == LK_S)
		must(pthread_rwlock_rdlock((pthread_rwlock_t *)target), "pthread_rwlock: rdlock");
	else
		must(pthread_rwlock_wrlock((pthread_rwlock_t *)target), "pthread_rwlock: wrlock");
}

BENCH_INLINE void
rwlock_release(void *session, const void *target, char *ticket)
{
	(void)session;
	(void)ticket;
	must(pthread_rwlock_unlock((pthread_rwlock_t *)target), "pthread_rwlock: unlock");
}

#define PEER              pthread_rwlock
#define PEER_WHAT         "pthread_rwlock_rdlock() and _wrlock(), default attributes: prefers readers"
#define PEER_BY           BY_HANDLE
#define PEER_MODES        MODES_SX
#define PEER_TICKET       char
#define PEER_TARGET_OPEN  rwlock_open
#define PEER_TARGET_CLOSE rwlock_close
#define PEER_ACQUIRE      rwlock_acquire
#define PEER_RELEASE      rwlock_release
#include "contestant.h"

/* ------------------------------------------------------------------- spin lock */

static void *
spin_open(void *world, const char *name)
{
	pthread_spinlock_t *spin = (pthread_spinlock_t *)lines(sizeof(*spin));

	(void)world;
	(void)name;
	must(pthread_spin_init(spin, PTHREAD_PROCESS_PRIVATE), "pthread_spin: init");
	return (void *)(uintptr_t)spin;
}

static void
spin_close(void *world, void *target)
{
	(void)world;
	must(pthread_spin_destroy((pthread_spinlock_t *)target), "pthread_spin: destroy");
	free(target);
}

BENCH_INLINE void
spin_acquire(void *session, const void *target, lk_mode mode, char *ticket)
{
	(void)session;
	(void)mode;
	(void)ticket;
	must(pthread_spin_lock((pthread_spinlock_t *)target), "pthread_spin: lock");
}

BENCH_INLINE void
spin_release(void *session, const void *target, char *ticket)
{
	(void)session;
	(void)ticket;
	must(pthread_spin_unlock((pthread_spinlock_t *)target), "pthread_spin: unlock");
}

#define PEER              pthread_spin
#define PEER_WHAT         "pthread_spin_lock(): a word, first come, first served by chance"
#define PEER_BY           BY_HANDLE
#define PEER_MODES        MODES_ALL
#define PEER_TRAITS       PEER_SPINS
#define PEER_TICKET       char
#define PEER_TARGET_OPEN  spin_open
#define PEER_TARGET_CLOSE spin_close
#define PEER_ACQUIRE      spin_acquire
#define PEER_RELEASE      spin_release
#include "contestant.h"
