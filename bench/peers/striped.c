/* SPDX-License-Identifier: MIT */
/*
 * What people write who need locks by name: an array of mutexes, or of read-write locks, indexed by a
 * hash of the name.  Two names may share a lock, so a thread that holds one cannot safely ask for
 * another; there are no owners, intents, fences, timeouts, and nobody can say who holds what.  As a
 * price it is fair: it is the floor for locks by name.
 *
 * Needs: libxxhash-dev <xxhash.h>
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "peers/lines.h"

#define N_STRIPES 1024 /* a power of 2 */

struct stripe {
	_Alignas(64) pthread_mutex_t mutex;
};

struct rw_stripe {
	_Alignas(64) pthread_rwlock_t lock;
};

static void
must(int error, const char *what)
{
	if (__builtin_expect(error != 0, 0))
		bench_die(what, strerror(error));
}

BENCH_INLINE size_t
stripe_of(const void *name)
{
	return XXH3_64bits(name, strlen((const char *)name)) & (N_STRIPES - 1);
}

/* ------------------------------------------------------------------------- mutexes */

static void *
striped_open(size_t n_names, size_t n_held)
{
	struct stripe *stripes = (struct stripe *)lines(N_STRIPES * sizeof(*stripes));

	(void)n_names;
	(void)n_held;
	for (size_t i = 0; i < N_STRIPES; i++)
		must(pthread_mutex_init(&stripes[i].mutex, NULL), "striped: init");
	return stripes;
}

static void
striped_close(void *world)
{
	struct stripe *stripes = world;

	for (size_t i = 0; i < N_STRIPES; i++)
		must(pthread_mutex_destroy(&stripes[i].mutex), "striped: destroy");
	free(stripes);
}

/* The stripe is the ticket: whoever hashes by hand keeps the index, too. */
BENCH_INLINE void
striped_acquire(void *session, const void *target, lk_mode mode, size_t *ticket)
{
	struct stripe *stripes = (struct stripe *)session;

	(void)mode;
	*ticket = stripe_of(target);
	must(pthread_mutex_lock(&stripes[*ticket].mutex), "striped: lock");
}

BENCH_INLINE void
striped_release(void *session, const void *target, size_t *ticket)
{
	struct stripe *stripes = (struct stripe *)session;

	(void)target;
	must(pthread_mutex_unlock(&stripes[*ticket].mutex), "striped: unlock");
}

#define PEER         striped_mutex
#define PEER_WHAT    "1024 pthread_mutex, each in its own line, chosen by XXH3 of the name"
#define PEER_BY      BY_NAME
#define PEER_MODES   MODES_ALL
#define PEER_TRAITS  PEER_COLLIDES
#define PEER_TICKET  size_t
#define PEER_OPEN    striped_open
#define PEER_CLOSE   striped_close
#define PEER_ACQUIRE striped_acquire
#define PEER_RELEASE striped_release
#include "contestant.h"

/* ---------------------------------------------------------------- read-write locks */

static void *
striped_rw_open(size_t n_names, size_t n_held)
{
	struct rw_stripe *stripes = (struct rw_stripe *)lines(N_STRIPES * sizeof(*stripes));

	(void)n_names;
	(void)n_held;
	for (size_t i = 0; i < N_STRIPES; i++)
		must(pthread_rwlock_init(&stripes[i].lock, NULL), "striped: init");
	return stripes;
}

static void
striped_rw_close(void *world)
{
	struct rw_stripe *stripes = world;

	for (size_t i = 0; i < N_STRIPES; i++)
		must(pthread_rwlock_destroy(&stripes[i].lock), "striped: destroy");
	free(stripes);
}

BENCH_INLINE void
striped_rw_acquire(void *session, const void *target, lk_mode mode, size_t *ticket)
{
	struct rw_stripe *stripes = (struct rw_stripe *)session;

	*ticket = stripe_of(target);
	if (mode == LK_S)
		must(pthread_rwlock_rdlock(&stripes[*ticket].lock), "striped: rdlock");
	else
		must(pthread_rwlock_wrlock(&stripes[*ticket].lock), "striped: wrlock");
}

BENCH_INLINE void
striped_rw_release(void *session, const void *target, size_t *ticket)
{
	struct rw_stripe *stripes = (struct rw_stripe *)session;

	(void)target;
	must(pthread_rwlock_unlock(&stripes[*ticket].lock), "striped: unlock");
}

#define PEER         striped_rwlock
#define PEER_WHAT    "1024 pthread_rwlock, each in its own line, chosen by XXH3 of the name"
#define PEER_BY      BY_NAME
#define PEER_MODES   MODES_SX
#define PEER_TRAITS  PEER_COLLIDES
#define PEER_TICKET  size_t
#define PEER_OPEN    striped_rw_open
#define PEER_CLOSE   striped_rw_close
#define PEER_ACQUIRE striped_rw_acquire
#define PEER_RELEASE striped_rw_release
#include "contestant.h"
