/* SPDX-License-Identifier: MIT */
/* Marks by name: chains behind sixteen latches.  (T1) */
#include <string.h>

#include "base/latch.h"
#include "base/table.h"

enum { SHARD_BITS = 4, SHARDS = 1 << SHARD_BITS, FIRST_SIZE = 4 };

struct mark {
	struct mark *next; /* in its chain */
	uint64_t hash;
	uint64_t value;
	size_t len;
	char name[];
};

/* The names whose hashes begin alike.  The latch guards the rest, and the marks. */
struct shard {
	struct latch latch;
	size_t size; /* chains, a power of two */
	size_t n;    /* marks */
	struct mark **chain;
	struct mark *first[FIRST_SIZE]; /* the chains as long as these are enough */
} LK_ALIGNED;

struct table {
	struct env *env;
	struct shard shard[SHARDS];
};

struct key {
	const void *name;
	size_t len;
	uint64_t hash;
};

static void
shard_init(struct shard *s)
{
	latch_init(&s->latch);
	s->size = FIRST_SIZE;
	s->chain = s->first;
}

struct table *
table_create(struct env *e)
{
	struct table *t = env_zalloc(e, sizeof(*t), LK_LINE);

	if (t == NULL)
		return NULL;
	t->env = e;
	for (unsigned i = 0; i < SHARDS; i++)
		shard_init(&t->shard[i]);
	return t;
}

static void
free_chain(struct env *e, struct mark *m)
{
	while (m != NULL) {
		struct mark *next = m->next;

		env_free(e, m, sizeof(*m) + m->len);
		m = next;
	}
}

static void
free_chains(struct env *e, struct shard *s)
{
	if (s->chain != s->first)
		env_free(e, s->chain, s->size * sizeof(struct mark *));
}

void
table_destroy(struct table *t)
{
	if (t == NULL)
		return;
	for (unsigned i = 0; i < SHARDS; i++) {
		struct shard *s = &t->shard[i];

		for (size_t c = 0; c < s->size; c++)
			free_chain(t->env, s->chain[c]);
		free_chains(t->env, s);
	}
	env_free(t->env, t, sizeof(*t));
}

/* The upper bits of a hash choose the shard, the lower ones the chain. */
static struct mark **
chain_of(struct mark **chain, size_t size, uint64_t hash)
{
	return &chain[hash & (size - 1)];
}

static void
put_mark(struct mark **chain, size_t size, struct mark *m)
{
	struct mark **head = chain_of(chain, size, m->hash);

	m->next = *head;
	*head = m;
}

/* Twice as many chains.  Without memory they stay as they are, and the next new name tries again. (T2) */
static void
grow(struct env *e, struct shard *s)
{
	size_t size = s->size * 2;
	struct mark **chain = env_zalloc(e, size * sizeof(struct mark *), sizeof(void *));

	if (chain == NULL)
		return;
	for (size_t c = 0; c < s->size; c++) {
		struct mark *next;

		for (struct mark *m = s->chain[c]; m != NULL; m = next) {
			next = m->next;
			put_mark(chain, size, m);
		}
	}
	free_chains(e, s);
	s->chain = chain;
	s->size = size;
}

static struct mark *
find_mark(const struct shard *s, const struct key *k)
{
	struct mark *m = *chain_of(s->chain, s->size, k->hash);

	while (m != NULL &&
	       (m->hash != k->hash || m->len != k->len || memcmp(m->name, k->name, k->len) != 0))
		m = m->next;
	return m;
}

static enum table_outcome
add_mark(struct env *e, struct shard *s, const struct key *k, uint64_t value)
{
	struct mark *m = env_alloc(e, sizeof(*m) + k->len, sizeof(void *));

	if (m == NULL)
		return TABLE_NOMEM; /* nothing was touched (T2) */
	m->hash = k->hash;
	m->value = value;
	m->len = k->len;
	memcpy(m->name, k->name, k->len);
	put_mark(s->chain, s->size, m);
	if (++s->n > s->size)
		grow(e, s);
	return TABLE_RAISED;
}

static enum table_outcome
raise(struct mark *m, uint64_t value)
{
	if (value < m->value)
		return TABLE_BELOW;
	m->value = value;
	return TABLE_RAISED;
}

enum table_outcome
table_raise(struct table *t, const void *name, size_t len, uint64_t hash, uint64_t value)
{
	const struct key k = { name, len, hash };
	struct shard *s = &t->shard[hash >> (64 - SHARD_BITS)];
	enum table_outcome outcome;
	struct mark *m;

	latch_lock(&s->latch); /* from finding to raising: one step (T1) */
	m = find_mark(s, &k);
	outcome = m != NULL ? raise(m, value) : add_mark(t->env, s, &k, value);
	latch_unlock(&s->latch);
	return outcome;
}
