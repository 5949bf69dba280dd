/* SPDX-License-Identifier: MIT */
/*
 * A lock table as most people write it, in an hour: 256 shards, each a mutex and a chained hash table, and for each name in use an entry
 * from malloc(), which goes back to free() with its last user.  An entry has a condition variable, on which every
 * release broadcasts, whether or not somebody waits: nobody counts who does.  A shard has 64 buckets to begin with, and twice as many
 * whenever each of them has an entry.
 *
 * sharded.c beside this file is the same table after a day of care: entries are kept for the next name, and are one cache line; waiters are
 * counted.  Goals compare with this one, for it is what a program has that did not make a lock table its business; the other is beside it.
 *
 * What it does not have is what the other does not have either: an order among waiters, owners, re-entry, release of all,
 * deadlines, cancellation, fences, paths, a check that a release is of something held, a view of what is going on.
 *
 * Needs: libxxhash-dev <xxhash.h>
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "bench.h"

#define N_SHARDS      256
#define N_BUCKETS_MIN 64

struct entry {
	struct entry *next;
	uint64_t hash;
	pthread_cond_t changed;
	unsigned n_users; /* who holds it, and who wants to */
	unsigned n_holders[LK_X + 1];
	char name[]; /* a C string */
};

struct shard {
	pthread_mutex_t latch;
	struct entry **buckets;
	size_t n_buckets;
	size_t n_entries;
} __attribute__((aligned(64)));

struct ticket {
	struct entry *entry;
	lk_mode mode;
};

/* May somebody have it in the one mode while another has it in the other?  Gray's matrix, and U as in latchkey.h. */
static const bool compatible[LK_X + 1][LK_X + 1] = {
	[LK_IS] = { [LK_IS] = 1, [LK_IX] = 1, [LK_S] = 1, [LK_SIX] = 1, [LK_U] = 1 },
	[LK_IX] = { [LK_IS] = 1, [LK_IX] = 1 },
	[LK_S] = { [LK_IS] = 1, [LK_S] = 1, [LK_U] = 1 },
	[LK_SIX] = { [LK_IS] = 1 },
	[LK_U] = { [LK_IS] = 1, [LK_S] = 1 },
};

static void
must(int error, const char *what)
{
	if (error != 0)
		bench_die(what, strerror(error));
}

static void *
must_have(void *memory)
{
	if (memory == NULL)
		bench_die("sharded_simple", "out of memory");
	return memory;
}

/* --------------------------------------------------------------------------- shards */

static struct shard *
shard_of(void *world, uint64_t hash)
{
	return &((struct shard *)world)[hash >> 56];
}

static struct entry **
shard_bucket(const struct shard *s, uint64_t hash)
{
	return &s->buckets[hash & (s->n_buckets - 1)];
}

static void
shard_grow(struct shard *s)
{
	struct entry **old = s->buckets;
	const size_t n = s->n_buckets;

	s->n_buckets = 2 * n;
	s->buckets = must_have(calloc(s->n_buckets, sizeof(struct entry *)));
	for (size_t i = 0; i < n; i++) {
		while (old[i] != NULL) {
			struct entry *e = old[i];
			struct entry **bucket = shard_bucket(s, e->hash);

			old[i] = e->next;
			e->next = *bucket;
			*bucket = e;
		}
	}
	free(old);
}

/* The name's entry; made if there is none. */
static struct entry *
shard_enter(struct shard *s, const char *name, size_t len, uint64_t hash)
{
	struct entry **bucket;
	struct entry *e;

	for (e = *shard_bucket(s, hash); e != NULL; e = e->next)
		if (e->hash == hash && strcmp(e->name, name) == 0)
			return e;
	if (s->n_entries == s->n_buckets)
		shard_grow(s);
	e = must_have(malloc(sizeof(*e) + len + 1));
	memset(e, 0, sizeof(*e));
	e->hash = hash;
	must(pthread_cond_init(&e->changed, NULL), "sharded_simple: condition");
	memcpy(e->name, name, len + 1);
	bucket = shard_bucket(s, hash);
	e->next = *bucket;
	*bucket = e;
	s->n_entries++;
	return e;
}

static void
shard_remove(struct shard *s, struct entry *e)
{
	struct entry **at = shard_bucket(s, e->hash);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	s->n_entries--;
	must(pthread_cond_destroy(&e->changed), "sharded_simple: condition");
	free(e);
}

/* The shard's latch is held. */
static bool
is_free(const struct entry *e, lk_mode mode)
{
	for (lk_mode other = LK_IS; other <= LK_X; other++)
		if (e->n_holders[other] > 0 && !compatible[mode][other])
			return false;
	return true;
}

/* ---------------------------------------------------------------------- a contestant */

static void *
simple_open(size_t n_names, size_t n_held)
{
	struct shard *shards = must_have(aligned_alloc(64, N_SHARDS * sizeof(*shards)));

	(void)n_names;
	(void)n_held;
	for (size_t i = 0; i < N_SHARDS; i++) {
		must(pthread_mutex_init(&shards[i].latch, NULL), "sharded_simple: mutex");
		shards[i].n_buckets = N_BUCKETS_MIN;
		shards[i].buckets = must_have(calloc(N_BUCKETS_MIN, sizeof(struct entry *)));
		shards[i].n_entries = 0;
	}
	return shards;
}

static void
simple_close(void *world)
{
	struct shard *shards = world;

	for (size_t i = 0; i < N_SHARDS; i++) {
		must(pthread_mutex_destroy(&shards[i].latch), "sharded_simple: mutex");
		free(shards[i].buckets);
	}
	free(shards);
}

BENCH_INLINE void
simple_acquire(void *session, const void *target, lk_mode mode, struct ticket *ticket)
{
	const char *name = (const char *)target;
	const size_t len = strlen(name);
	const uint64_t hash = XXH3_64bits(name, len);
	struct shard *s = shard_of(session, hash);
	struct entry *e;

	must(pthread_mutex_lock(&s->latch), "sharded_simple: lock");
	e = shard_enter(s, name, len, hash);
	e->n_users++;
	while (!is_free(e, mode))
		must(pthread_cond_wait(&e->changed, &s->latch), "sharded_simple: wait");
	e->n_holders[mode]++;
	must(pthread_mutex_unlock(&s->latch), "sharded_simple: unlock");
	*ticket = (struct ticket){ e, mode };
}

BENCH_INLINE void
simple_release(void *session, const void *target, struct ticket *ticket)
{
	struct entry *e = ticket->entry;
	struct shard *s = shard_of(session, e->hash);

	(void)target;
	must(pthread_mutex_lock(&s->latch), "sharded_simple: lock");
	e->n_holders[ticket->mode]--;
	must(pthread_cond_broadcast(&e->changed), "sharded_simple: wake");
	if (--e->n_users == 0)
		shard_remove(s, e);
	must(pthread_mutex_unlock(&s->latch), "sharded_simple: unlock");
}

#define PEER sharded_simple
#define PEER_WHAT                                                                               \
	"256 x (mutex, chained hash table), an entry from malloc() for each use, broadcast at " \
	"each release, 6 modes"
#define PEER_BY      BY_NAME
#define PEER_MODES   MODES_ALL
#define PEER_TICKET  struct ticket
#define PEER_OPEN    simple_open
#define PEER_CLOSE   simple_close
#define PEER_ACQUIRE simple_acquire
#define PEER_RELEASE simple_release
#include "contestant.h"
