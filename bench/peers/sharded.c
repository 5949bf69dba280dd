/* SPDX-License-Identifier: MIT */
/*
 * A lock table as a careful C programmer writes it in a day: 256 shards, each a mutex and a chained hash
 * table of entries, made when a name is first wanted and given back to the shard when nobody holds it or
 * waits for it.  An entry has a cache line: a count of holders for each of the six modes, so that one mask says whether a request fits, and
 * a condition variable from the first time that somebody waits.
 *
 * What it does not have: an order among waiters (a stream of readers keeps a writer out for ever), owners,
 * re-entry, release of all, deadlines, cancellation, fences, paths, a check that a release is of something
 * held, a view of what is going on.  Two readers that upgrade wait for each other for ever.
 *
 * Needs: libxxhash-dev <xxhash.h>
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "peers/lines.h"

#define N_SHARDS      256
#define N_BUCKETS_MIN 16 /* of a shard; twice as many whenever it has an entry for each */

/* One cache line. */
struct entry {
	struct entry *next;
	uint64_t hash;
	pthread_cond_t *changed; /* made by the first waiter */
	uint32_t n_waiters;
	uint16_t n_holders[LK_X + 1];
	uint8_t held; /* bit m: somebody holds it in mode m */
	uint8_t name_len;
	char name[NAME_SIZE];
};

_Static_assert(sizeof(struct entry) <= CACHE_LINE, "an entry is a cache line");

struct shard {
	pthread_mutex_t latch;
	struct entry **buckets;
	size_t n_buckets;
	size_t n_entries;
	struct entry *unused;
	struct pool pool;
} __attribute__((aligned(64)));

struct ticket {
	struct entry *entry;
	lk_mode mode;
};

/* The modes that keep a mode out: Gray's matrix, and U as in latchkey.h. */
#define BIT(m) MODE_BIT(LK_##m)
static const uint32_t conflicts[LK_X + 1] = {
	[LK_IS] = BIT(X),
	[LK_IX] = BIT(S) | BIT(SIX) | BIT(U) | BIT(X),
	[LK_S] = BIT(IX) | BIT(SIX) | BIT(X),
	[LK_SIX] = BIT(IX) | BIT(S) | BIT(SIX) | BIT(U) | BIT(X),
	[LK_U] = BIT(IX) | BIT(SIX) | BIT(U) | BIT(X),
	[LK_X] = BIT(IS) | BIT(IX) | BIT(S) | BIT(SIX) | BIT(U) | BIT(X),
};

static void
must(int error, const char *what)
{
	if (__builtin_expect(error != 0, 0))
		bench_die(what, strerror(error));
}

static void *
must_have(void *memory)
{
	if (__builtin_expect(memory == NULL, 0))
		bench_die("sharded_table", "out of memory");
	return memory;
}

/* -------------------------------------------------------------------------- entries */

static struct entry *
entry_create(struct shard *s, const char *name, size_t len, uint64_t hash)
{
	struct entry *e = s->unused;

	if (len > NAME_SIZE)
		bench_die("sharded_table", "the name is too long");
	if (e != NULL) {
		s->unused = e->next;
	} else {
		e = (struct entry *)pool_line(&s->pool);
		*e = (struct entry){ 0 };
	}
	e->hash = hash;
	e->name_len = (uint8_t)len;
	memcpy(e->name, name, len);
	return e;
}

/* Nobody holds it or waits for it, so all its counts are zero. */
static void
entry_destroy(struct shard *s, struct entry *e)
{
	e->next = s->unused;
	s->unused = e;
}

static void
entry_fini(struct entry *e)
{
	if (e->changed != NULL)
		must(pthread_cond_destroy(e->changed), "sharded_table: condition");
	free(e->changed);
}

/* --------------------------------------------------------------------------- shards */

static void
shard_init(struct shard *s)
{
	must(pthread_mutex_init(&s->latch, NULL), "sharded_table: mutex");
	s->n_buckets = N_BUCKETS_MIN;
	s->buckets = must_have(calloc(s->n_buckets, sizeof(struct entry *)));
	s->n_entries = 0;
	s->unused = NULL;
	s->pool = (struct pool){ 0 };
}

static void
shard_fini(struct shard *s)
{
	for (struct entry *e = s->unused; e != NULL; e = e->next)
		entry_fini(e);
	pool_free(&s->pool);
	must(pthread_mutex_destroy(&s->latch), "sharded_table: mutex");
	free(s->buckets);
}

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
shard_insert(struct shard *s, struct entry *e)
{
	struct entry **bucket = shard_bucket(s, e->hash);

	e->next = *bucket;
	*bucket = e;
}

static void
shard_grow(struct shard *s)
{
	struct entry **old = s->buckets;
	size_t n = s->n_buckets;

	s->n_buckets = 2 * n;
	s->buckets = must_have(calloc(s->n_buckets, sizeof(struct entry *)));
	for (size_t i = 0; i < n; i++) {
		struct entry *next;

		for (struct entry *e = old[i]; e != NULL; e = next) {
			next = e->next;
			shard_insert(s, e);
		}
	}
	free(old);
}

/* The name's entry; made if there is none. */
static struct entry *
shard_enter(struct shard *s, const char *name, size_t len, uint64_t hash)
{
	struct entry *e;

	for (e = *shard_bucket(s, hash); e != NULL; e = e->next)
		if (e->hash == hash && e->name_len == len && memcmp(e->name, name, len) == 0)
			return e;
	if (s->n_entries == s->n_buckets)
		shard_grow(s);
	e = entry_create(s, name, len, hash);
	shard_insert(s, e);
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
	entry_destroy(s, e);
}

/* ----------------------------------------------- holding; the shard's latch is held */

static void
entry_hold(struct entry *e, lk_mode mode)
{
	if (e->n_holders[mode] == UINT16_MAX)
		bench_die("sharded_table", "too many holders");
	if (e->n_holders[mode]++ == 0)
		e->held = (uint8_t)(e->held | MODE_BIT(mode));
}

static void
entry_drop(struct entry *e, lk_mode mode)
{
	if (--e->n_holders[mode] == 0)
		e->held = (uint8_t)(e->held & ~MODE_BIT(mode));
}

static void
entry_wait(struct shard *s, struct entry *e)
{
	if (e->changed == NULL) {
		e->changed = must_have(malloc(sizeof(*e->changed)));
		must(pthread_cond_init(e->changed, NULL), "sharded_table: condition");
	}
	e->n_waiters++;
	must(pthread_cond_wait(e->changed, &s->latch), "sharded_table: wait");
	e->n_waiters--;
}

/* Whoever of the waiters fits goes on, the others wait again. */
static void
entry_wake(struct entry *e)
{
	if (e->n_waiters > 0)
		must(pthread_cond_broadcast(e->changed), "sharded_table: wake");
}

/* ---------------------------------------------------------------------- a contestant */

static void *
sharded_open(size_t n_names, size_t n_held)
{
	struct shard *shards = (struct shard *)lines(N_SHARDS * sizeof(*shards));

	(void)n_names;
	(void)n_held;
	for (size_t i = 0; i < N_SHARDS; i++)
		shard_init(&shards[i]);
	return shards;
}

static void
sharded_close(void *world)
{
	struct shard *shards = world;

	for (size_t i = 0; i < N_SHARDS; i++)
		shard_fini(&shards[i]);
	free(shards);
}

BENCH_INLINE void
sharded_acquire(void *session, const void *target, lk_mode mode, struct ticket *ticket)
{
	const char *name = (const char *)target;
	size_t len = strlen(name);
	uint64_t hash = XXH3_64bits(name, len);
	struct shard *s = shard_of(session, hash);

	must(pthread_mutex_lock(&s->latch), "sharded_table: lock");
	ticket->entry = shard_enter(s, name, len, hash);
	ticket->mode = mode;
	while ((ticket->entry->held & conflicts[mode]) != 0)
		entry_wait(s, ticket->entry);
	entry_hold(ticket->entry, mode);
	must(pthread_mutex_unlock(&s->latch), "sharded_table: unlock");
}

BENCH_INLINE void
sharded_release(void *session, const void *target, struct ticket *ticket)
{
	struct entry *e = ticket->entry;
	struct shard *s = shard_of(session, e->hash);

	(void)target;
	must(pthread_mutex_lock(&s->latch), "sharded_table: lock");
	entry_drop(e, ticket->mode);
	if (e->n_waiters > 0)
		entry_wake(e);
	else if (e->held == 0)
		shard_remove(s, e);
	must(pthread_mutex_unlock(&s->latch), "sharded_table: unlock");
}

/* Its own hold is not in the way; it has it again in the new mode. */
BENCH_INLINE void
sharded_convert(void *session, const void *target, struct ticket *ticket, lk_mode from, lk_mode to)
{
	struct entry *e = ticket->entry;
	struct shard *s = shard_of(session, e->hash);

	(void)target;
	must(pthread_mutex_lock(&s->latch), "sharded_table: lock");
	for (;;) {
		entry_drop(e, from);
		if ((e->held & conflicts[to]) == 0)
			break;
		entry_hold(e, from);
		entry_wait(s, e);
	}
	entry_hold(e, to);
	ticket->mode = to;
	entry_wake(e);
	must(pthread_mutex_unlock(&s->latch), "sharded_table: unlock");
}

#define PEER         sharded_table
#define PEER_WHAT    "256 x (mutex, chained hash table of entries), condition variables, 6 modes"
#define PEER_BY      BY_NAME
#define PEER_MODES   MODES_ALL
#define PEER_TICKET  struct ticket
#define PEER_OPEN    sharded_open
#define PEER_CLOSE   sharded_close
#define PEER_ACQUIRE sharded_acquire
#define PEER_RELEASE sharded_release
#define PEER_CONVERT sharded_convert
#include "contestant.h"
