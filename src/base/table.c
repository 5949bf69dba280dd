/* SPDX-License-Identifier: MIT */
/* Records by name: chains behind sixteen latches.  (T1) */
#include <string.h>

#include "base/latch.h"
#include "base/table.h"

enum { SHARD_BITS = 4, SHARDS = 1 << SHARD_BITS, FIRST_SIZE = 4 };

struct mark {
	struct mark *next; /* in its chain */
	uint64_t hash;
	size_t len;
	uint32_t kind;
	_Alignas(8) char record[]; /* and then the name */
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
	size_t record; /* bytes, whole words */
	struct shard shard[SHARDS];
};

static void
shard_init(struct shard *s)
{
	latch_init(&s->latch);
	s->size = FIRST_SIZE;
	s->chain = s->first;
}

struct table *
table_create_of(struct env *e, size_t record)
{
	struct table *t = env_zalloc(e, sizeof(*t), LK_LINE);

	if (t == NULL)
		return NULL;
	t->env = e;
	t->record = (record + 7) & ~(size_t)7;
	for (unsigned i = 0; i < SHARDS; i++)
		shard_init(&t->shard[i]);
	return t;
}

struct table *
table_create(struct env *e)
{
	return table_create_of(e, sizeof(uint64_t));
}

static size_t
bytes_of(const struct table *t, size_t len)
{
	return sizeof(struct mark) + t->record + len;
}

static void
free_chain(struct table *t, struct mark *m)
{
	while (m != NULL) {
		struct mark *next = m->next;

		env_free(t->env, m, bytes_of(t, m->len));
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
			free_chain(t, s->chain[c]);
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
find_mark(const struct table *t, const struct shard *s, const struct table_key *k)
{
	struct mark *m = *chain_of(s->chain, s->size, k->hash);

	while (m != NULL && (m->hash != k->hash || m->len != k->len || m->kind != k->kind ||
			     memcmp(m->record + t->record, k->name, k->len) != 0))
		m = m->next;
	return m;
}

/* NULL: no memory, and nothing was touched.  (T2) */
static struct mark *
add_mark(struct table *t, struct shard *s, const struct table_key *k)
{
	struct mark *m = env_zalloc(t->env, bytes_of(t, k->len), sizeof(void *));

	if (m == NULL)
		return NULL;
	m->hash = k->hash;
	m->len = k->len;
	m->kind = k->kind;
	memcpy(m->record + t->record, k->name, k->len);
	put_mark(s->chain, s->size, m);
	if (++s->n > s->size)
		grow(t->env, s);
	return m;
}

bool
table_visit(struct table *t, const struct table_key *k, bool make,
	    void (*look)(void *arg, void *record), void *arg)
{
	struct shard *s = &t->shard[k->hash >> (64 - SHARD_BITS)];
	struct mark *m;

	latch_lock(&s->latch); /* from finding to changing: one step (T1) */
	m = find_mark(t, s, k);
	if (m == NULL && make)
		m = add_mark(t, s, k);
	if (m != NULL)
		look(arg, m->record);
	latch_unlock(&s->latch);
	return m != NULL;
}

struct raising {
	uint64_t value;
	enum table_outcome outcome;
};

static void
raise(void *arg, void *record)
{
	struct raising *r = arg;
	uint64_t *mark = record;

	r->outcome = r->value < *mark ? TABLE_BELOW : TABLE_RAISED;
	if (r->outcome == TABLE_RAISED)
		*mark = r->value;
}

enum table_outcome
table_raise(struct table *t, const void *name, size_t len, uint64_t hash, uint64_t value)
{
	const struct table_key k = { name, len, hash, 0 };
	struct raising r = { value, TABLE_NOMEM };

	(void)table_visit(t, &k, true, raise, &r);
	return r.outcome;
}
