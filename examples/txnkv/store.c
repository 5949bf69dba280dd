/* SPDX-License-Identifier: MIT */
/* What is committed, in memory: see store.h. */
#define _GNU_SOURCE /* tdestroy, twalk_r */
#include <search.h>
#include <stdlib.h>

#include "kv.h"
#include "store.h"

struct value *
value_make(struct bytes b)
{
	struct value *v = malloc(sizeof(*v) + b.len);

	if (v == NULL)
		return NULL;
	v->len = b.len;
	if (b.len > 0)
		memcpy(v->data, b.data, b.len);
	return v;
}

/* --------------------------------------------------------------------- tables */

void
store_init(struct store *s, bool keeps_deleted)
{
	*s = (struct store){ .keeps_deleted = keeps_deleted };
	pthread_mutex_init(&s->making, NULL);
}

static void
free_row(void *memory)
{
	struct row *r = memory;

	free(r->value);
	free(r);
}

void
store_fini(struct store *s)
{
	struct table *t = atomic_load(&s->first);

	while (t != NULL) {
		struct table *next = t->next;

		for (size_t i = 0; i < STORE_STRIPES; i++) {
			tdestroy(t->stripe[i].tree, free_row);
			pthread_rwlock_destroy(&t->stripe[i].latch);
		}
		free(t);
		t = next;
	}
	pthread_mutex_destroy(&s->making);
}

static struct table *
find_table(struct store *s, struct bytes name)
{
	struct table *t = atomic_load_explicit(&s->first, memory_order_acquire);

	while (t != NULL && bytes_compare(t->name, name) != 0)
		t = t->next;
	return t;
}

/* Its name, and the same as a segment of the names of locks, stand behind it. */
static struct table *
make_table(struct store *s, struct bytes name)
{
	size_t lock_len = lk_name_escape(name.data, name.len, NULL, 0);
	struct table *t = NULL;
	char *text;

	if (posix_memalign((void **)&t, alignof(struct table),
			   sizeof(*t) + name.len + lock_len + 1) != 0)
		return NULL;
	text = (char *)(t + 1);
	*t = (struct table){ .next = atomic_load(&s->first),
			     .number = s->n_tables,
			     .name = { text, name.len },
			     .lock_name = { text + name.len, lock_len } };
	if (name.len > 0)
		memcpy(text, name.data, name.len);
	lk_name_escape(name.data, name.len, text + name.len, lock_len + 1);
	for (size_t i = 0; i < STORE_STRIPES; i++)
		pthread_rwlock_init(&t->stripe[i].latch, NULL);
	return t;
}

int
store_table(struct store *s, struct bytes name, struct table **out)
{
	int rc = 0;

	*out = find_table(s, name);
	if (*out != NULL)
		return 0;
	pthread_mutex_lock(&s->making);
	*out = find_table(s, name);
	if (*out == NULL && s->n_tables == KV_TABLES_MAX) {
		rc = KV_TABLES;
	} else if (*out == NULL) {
		*out = make_table(s, name);
		rc = *out == NULL ? LK_E_NOMEM : 0;
		if (rc == 0) {
			s->n_tables++;
			atomic_store_explicit(&s->first, *out, memory_order_release);
		}
	}
	pthread_mutex_unlock(&s->making);
	return rc;
}

/* ----------------------------------------------------------------------- rows */

static int
compare(const void *a, const void *b)
{
	return bytes_compare(((const struct row *)a)->key, ((const struct row *)b)->key);
}

/* FNV-1a; whoever aims keys at one stripe has slower latches, and no more. */
static struct stripe *
stripe_of(struct table *t, struct bytes key)
{
	uint32_t hash = 2166136261;

	for (size_t i = 0; i < key.len; i++)
		hash = (hash ^ (unsigned char)key.data[i]) * 16777619;
	return &t->stripe[(hash ^ hash >> 16) % STORE_STRIPES];
}

/* What tsearch() gives is a place where a pointer to the row is. */
static struct row *
find_row(const struct stripe *s, struct bytes key)
{
	const struct row wanted = { .key = key };
	struct row **place = tfind(&wanted, &s->tree, compare);

	return place == NULL ? NULL : *place;
}

int
store_read(struct table *t, struct bytes key, struct arena *a, struct bytes *value,
	   uint64_t *version)
{
	struct stripe *s = stripe_of(t, key);
	const struct row *r;
	int rc = KV_NOT_FOUND;

	pthread_rwlock_rdlock(&s->latch);
	r = find_row(s, key);
	*version = r == NULL ? 0 : r->version;
	if (r != NULL && r->value != NULL)
		rc = arena_copy(a, (struct bytes){ r->value->data, r->value->len }, value);
	pthread_rwlock_unlock(&s->latch);
	return rc;
}

struct walk {
	int (*fn)(void *arg, const struct row *r);
	void *arg;
	int rc;
};

/* twalk_r() cannot be ended, so it goes on without doing anything. */
static void
visit(const void *place, VISIT which, void *arg)
{
	struct walk *w = arg;

	if (w->rc == 0 && (which == postorder || which == leaf))
		w->rc = w->fn(w->arg, *(struct row *const *)place);
}

int
store_each(struct table *t, int (*fn)(void *arg, const struct row *r), void *arg)
{
	struct walk w = { fn, arg, 0 };

	for (size_t i = 0; w.rc == 0 && i < STORE_STRIPES; i++) {
		struct stripe *s = &t->stripe[i];

		pthread_rwlock_rdlock(&s->latch);
		twalk_r(s->tree, visit, &w);
		pthread_rwlock_unlock(&s->latch);
	}
	return w.rc;
}

static struct row *
make_row(struct bytes key)
{
	struct row *r = malloc(sizeof(*r) + key.len);

	if (r == NULL)
		return NULL;
	*r = (struct row){ .key = { r->data, key.len } };
	if (key.len > 0)
		memcpy(r->data, key.data, key.len);
	return r;
}

/* Latched. */
static struct row *
insert_row(struct stripe *s, struct bytes key)
{
	struct row *r = make_row(key);

	if (r != NULL && tsearch(r, &s->tree, compare) == NULL) {
		free(r);
		return NULL;
	}
	return r;
}

struct row *
store_reserve(struct table *t, struct bytes key)
{
	struct stripe *s = stripe_of(t, key);
	struct row *r;

	pthread_rwlock_wrlock(&s->latch);
	r = find_row(s, key);
	if (r == NULL)
		r = insert_row(s, key);
	pthread_rwlock_unlock(&s->latch);
	return r;
}

/* Latched. */
static void
drop_if_empty(struct store *store, struct stripe *s, struct row *r)
{
	if (r->value != NULL || (store->keeps_deleted && r->version != 0))
		return;
	tdelete(r, &s->tree, compare);
	free(r);
}

void
store_leave(struct store *store, struct table *t, struct row *r)
{
	struct stripe *s = stripe_of(t, r->key);

	pthread_rwlock_wrlock(&s->latch);
	drop_if_empty(store, s, r);
	pthread_rwlock_unlock(&s->latch);
}

void
store_write(struct store *store, struct table *t, struct row *r, struct value *value,
	    uint64_t version)
{
	struct stripe *s = stripe_of(t, r->key);
	struct value *old;

	pthread_rwlock_wrlock(&s->latch);
	old = r->value;
	r->value = value;
	r->version = version;
	drop_if_empty(store, s, r);
	pthread_rwlock_unlock(&s->latch);
	free(old);
}
