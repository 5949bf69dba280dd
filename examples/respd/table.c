/* SPDX-License-Identifier: MIT */
/* Hash tables with chains: see table.h. */
#include <stdlib.h>

#include "table.h"

#define N_BUCKETS_FIRST 8

/* Twice as many buckets.  False: no memory, and all is as it was. */
static bool
table_grow(struct table *t)
{
	size_t n = t->n_buckets == 0 ? N_BUCKETS_FIRST : t->n_buckets * 2;
	struct entry **bucket = calloc(n, sizeof(struct entry *));

	if (bucket == NULL)
		return false;
	for (size_t i = 0; i < t->n_buckets; i++) {
		struct entry *next;

		for (struct entry *e = t->bucket[i]; e != NULL; e = next) {
			next = e->next;
			e->next = bucket[e->hash & (n - 1)];
			bucket[e->hash & (n - 1)] = e;
		}
	}
	free(t->bucket);
	t->bucket = bucket;
	t->n_buckets = n;
	return true;
}

struct entry **
table_find(const struct table *t, uint64_t hash, struct bytes key)
{
	struct entry **place;

	if (t->n_buckets == 0)
		return NULL;
	for (place = &t->bucket[hash & (t->n_buckets - 1)]; *place != NULL;
	     place = &(*place)->next) {
		struct entry *e = *place;

		if (e->hash == hash && e->key_len == key.len &&
		    memcmp(e->key, key.data, key.len) == 0)
			return place;
	}
	return NULL;
}

struct entry *
table_insert(struct table *t, uint64_t hash, struct bytes key)
{
	struct entry **head;
	struct entry *e;

	/* A table that cannot grow gets long chains, unless it has none at all. */
	if (t->n_entries >= t->n_buckets && !table_grow(t) && t->n_buckets == 0)
		return NULL;
	e = malloc(sizeof(*e) + key.len);
	if (e == NULL)
		return NULL;
	head = &t->bucket[hash & (t->n_buckets - 1)];
	*e = (struct entry){ .next = *head, .hash = hash, .key_len = key.len };
	memcpy(e->key, key.data, key.len);
	*head = e;
	t->n_entries++;
	return e;
}

static void
entry_free(struct entry *e)
{
	free(e->value);
	free(e);
}

void
table_remove(struct table *t, struct entry **place)
{
	struct entry *e = *place;

	*place = e->next;
	t->n_entries--;
	entry_free(e);
}

void
table_clear(struct table *t)
{
	for (size_t i = 0; i < t->n_buckets; i++) {
		while (t->bucket[i] != NULL)
			table_remove(t, &t->bucket[i]);
	}
	free(t->bucket);
	*t = (struct table){ 0 };
}

bool
entry_set(struct entry *e, struct bytes value)
{
	char *copy = malloc(value.len == 0 ? 1 : value.len);

	if (copy == NULL)
		return false;
	memcpy(copy, value.data, value.len);
	free(e->value);
	e->value = copy;
	e->value_len = value.len;
	return true;
}
