/* SPDX-License-Identifier: MIT */
/* The striped store: see store.h. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "hash.h"
#include "store.h"
#include "table.h"

struct stripe {
	pthread_mutex_t latch;
	struct table table[STORE_N_DBS]; /* guarded by the latch */
} __attribute__((aligned(64)));

struct store {
	struct hash_seed seed;
	bool yields;
	size_t n_stripes;
	struct stripe *stripe;
};

/* Where a key is; the latch of its stripe is held from place_open() to place_close(). */
struct place {
	struct stripe *stripe;
	struct table *table;
	uint64_t hash;
	struct entry **entry; /* NULL: not there; its time may have come */
};

uint64_t
store_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct store *
store_open(size_t n_stripes, bool yields)
{
	struct store *s = calloc(1, sizeof(*s));
	size_t size = n_stripes * sizeof(*s->stripe);

	if (s == NULL)
		return NULL;
	s->stripe = aligned_alloc(_Alignof(struct stripe), size);
	if (s->stripe == NULL) {
		free(s);
		return NULL;
	}
	memset(s->stripe, 0, size);
	s->n_stripes = n_stripes;
	s->yields = yields;
	hash_seed_draw(&s->seed);
	for (size_t i = 0; i < n_stripes; i++)
		pthread_mutex_init(&s->stripe[i].latch, NULL);
	return s;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n_stripes; i++) {
		for (unsigned db = 0; db < STORE_N_DBS; db++)
			table_clear(&s->stripe[i].table[db]);
		pthread_mutex_destroy(&s->stripe[i].latch);
	}
	free(s->stripe);
	free(s);
}

static void
stripe_leave(const struct store *s, struct stripe *stripe)
{
	pthread_mutex_unlock(&stripe->latch);
	if (s->yields)
		sched_yield();
}

static bool
is_over(const struct entry *e)
{
	return e->expires_ns != 0 && e->expires_ns <= store_now();
}

/* Latch the key's stripe and look for it.  The table's buckets take the low bits of the hash. */
static struct place
place_open(struct store *s, unsigned db, struct bytes key)
{
	struct place p = { .hash = hash_bytes(&s->seed, key) };

	p.stripe = &s->stripe[(p.hash >> 32) % s->n_stripes];
	pthread_mutex_lock(&p.stripe->latch);
	p.table = &p.stripe->table[db];
	p.entry = table_find(p.table, p.hash, key);
	return p;
}

static void
place_close(const struct store *s, struct place *p)
{
	stripe_leave(s, p->stripe);
}

bool
store_get(struct store *s, unsigned db, struct bytes key, struct buffer *value,
	  uint64_t *expires_ns)
{
	struct place p = place_open(s, db, key);
	bool is_there = p.entry != NULL && !is_over(*p.entry);

	if (is_there && value != NULL) {
		buffer_reset(value, SIZE_MAX);
		buffer_append(value, (*p.entry)->value, (*p.entry)->value_len);
	}
	if (is_there && expires_ns != NULL)
		*expires_ns = (*p.entry)->expires_ns;
	place_close(s, &p);
	return is_there;
}

bool
store_set(struct store *s, unsigned db, struct bytes key, struct bytes value, uint64_t expires_ns)
{
	struct place p = place_open(s, db, key);
	struct entry *e = p.entry != NULL ? *p.entry : table_insert(p.table, p.hash, key);
	bool is_set = e != NULL && entry_set(e, value);

	if (is_set)
		e->expires_ns = expires_ns;
	else if (e != NULL && p.entry == NULL) /* new: at the head of its chain */
		table_remove(p.table, table_find(p.table, p.hash, key));
	place_close(s, &p);
	return is_set;
}

bool
store_expire(struct store *s, unsigned db, struct bytes key, uint64_t expires_ns)
{
	struct place p = place_open(s, db, key);
	bool is_there = p.entry != NULL && !is_over(*p.entry);

	if (is_there)
		(*p.entry)->expires_ns = expires_ns;
	place_close(s, &p);
	return is_there;
}

bool
store_delete(struct store *s, unsigned db, struct bytes key)
{
	struct place p = place_open(s, db, key);
	bool is_there = p.entry != NULL && !is_over(*p.entry);

	if (p.entry != NULL)
		table_remove(p.table, p.entry);
	place_close(s, &p);
	return is_there;
}

size_t
store_n_stripes(const struct store *s)
{
	return s->n_stripes;
}

void
store_clear(struct store *s, unsigned db, size_t stripe)
{
	struct stripe *it = &s->stripe[stripe];

	pthread_mutex_lock(&it->latch);
	table_clear(&it->table[db]);
	stripe_leave(s, it);
}

size_t
store_count(struct store *s, unsigned db, size_t stripe)
{
	struct stripe *it = &s->stripe[stripe];
	size_t n;

	pthread_mutex_lock(&it->latch);
	n = it->table[db].n_entries;
	stripe_leave(s, it);
	return n;
}

/* What is over is left out, as in store_get(). */
static void
table_each(const struct table *t, void (*fn)(void *arg, struct bytes key), void *arg)
{
	for (size_t i = 0; i < t->n_buckets; i++) {
		for (const struct entry *e = t->bucket[i]; e != NULL; e = e->next) {
			if (!is_over(e))
				fn(arg, (struct bytes){ .data = e->key, .len = e->key_len });
		}
	}
}

void
store_each(struct store *s, unsigned db, size_t stripe, void (*fn)(void *arg, struct bytes key),
	   void *arg)
{
	struct stripe *it = &s->stripe[stripe];

	pthread_mutex_lock(&it->latch);
	table_each(&it->table[db], fn, arg);
	stripe_leave(s, it);
}
