/* SPDX-License-Identifier: MIT */
/* The spaces of the test store: their records and sessions.  (TS1, TS3, TS4) */
#include "test/space.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static struct {
	pthread_once_t once;
	pthread_mutex_t lock;
	struct space *first;
	uint64_t made;
} spaces = { .once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER };

/* --------------------------------------------------------------------- the list */

static void
lock_spaces(void)
{
	pthread_mutex_lock(&spaces.lock);
}

static void
unlock_spaces(void)
{
	pthread_mutex_unlock(&spaces.lock);
}

/* A child begins with none: those of its parent may be in the middle of something. */
static void
forget_spaces(void)
{
	spaces.first = NULL;
	unlock_spaces();
}

static void
set_up(void)
{
	(void)pthread_atfork(lock_spaces, unlock_spaces, forget_spaces);
}

static void
enter_spaces(void)
{
	pthread_once(&spaces.once, set_up);
	lock_spaces();
}

static struct space *
find(const char *name)
{
	for (struct space *sp = spaces.first; sp != NULL; sp = sp->next) {
		if (strcmp(sp->name, name) == 0)
			return sp;
	}
	return NULL;
}

static struct space *
make(const char *name)
{
	const size_t size = strlen(name) + 1;
	struct space *sp = calloc(1, sizeof(*sp) + size);

	if (sp == NULL)
		return NULL;
	memcpy(sp->name, name, size);
	pthread_mutex_init(&sp->lock, NULL);
	sp->clock_id = ++spaces.made;
	sp->next = spaces.first;
	spaces.first = sp;
	return sp;
}

static struct space *
take(const char *name, bool is_made)
{
	struct space *sp;

	enter_spaces();
	sp = find(name);
	if (sp == NULL && is_made)
		sp = make(name);
	if (sp != NULL)
		sp->n_open++;
	unlock_spaces();
	return sp;
}

struct space *
space_get(const char *name)
{
	return take(name, true);
}

struct space *
space_find(const char *name)
{
	return take(name, false);
}

static void
destroy(struct space *sp)
{
	for (size_t i = 0; i < SPACE_BUCKETS; i++) {
		while (sp->buckets[i].first != NULL) {
			struct kept *k = sp->buckets[i].first;

			sp->buckets[i].first = k->next;
			free(k);
		}
	}
	space_end_sessions(sp, NULL);
	pthread_mutex_destroy(&sp->lock);
	free(sp);
}

void
space_put(struct space *sp)
{
	bool is_last;

	enter_spaces();
	is_last = --sp->n_open == 0;
	if (is_last) {
		struct space **at = &spaces.first;

		while (*at != sp)
			at = &(*at)->next;
		*at = sp->next;
	}
	unlock_spaces();
	if (is_last)
		destroy(sp);
}

/* -------------------------------------------------------------------- records */

struct bucket *
space_bucket(struct space *sp, const void *name, size_t len)
{
	return &sp->buckets[XXH3_64bits(name, len) % SPACE_BUCKETS];
}

struct kept *
bucket_find(const struct bucket *b, const void *name, size_t len)
{
	for (struct kept *k = b->first; k != NULL; k = k->next) {
		if (k->len == len && memcmp(k->bytes, name, len) == 0)
			return k;
	}
	return NULL;
}

struct kept *
kept_make(const struct lk_store_record *r)
{
	struct kept *k = calloc(1, sizeof(*k) + ((r->len + 7) & ~(size_t)7) + r->fresh_len);

	if (k == NULL)
		return NULL;
	k->len = r->len;
	k->size = r->fresh_len;
	memcpy(k->bytes, r->name, r->len);
	memcpy(k->bytes + (kept_record(k) - k->bytes), r->fresh, r->fresh_len);
	return k;
}

void
bucket_put(struct bucket *b, const struct lk_store_record *r, struct kept *fresh)
{
	struct kept *old = bucket_find(b, r->name, r->len);
	struct kept **at = &b->first;

	while (*at != old)
		at = &(*at)->next;
	if (old != NULL)
		*at = old->next;
	free(old);
	if (fresh != NULL) {
		fresh->next = b->first;
		b->first = fresh;
	}
	b->version++; /* (TS3) */
}

/* ------------------------------------------------------------------- sessions */

uint64_t
space_now(const struct space *sp, const struct test_store *s)
{
	return place_now(&s->place) + (uint64_t)sp->step_ns;
}

struct session *
space_session(struct space *sp, uint64_t now, const struct lk_session_id *id)
{
	struct session **at = &sp->sessions;

	while (*at != NULL) {
		struct session *s = *at;

		if (now > s->ends_ns) {
			*at = s->next; /* (TS4) */
			free(s);
			continue;
		}
		if (memcmp(&s->id, id, sizeof(*id)) == 0)
			return s;
		at = &s->next;
	}
	return NULL;
}

/* NULL: of all. */
void
space_end_sessions(struct space *sp, const struct test_store *of)
{
	struct session **at = &sp->sessions;

	while (*at != NULL) {
		struct session *s = *at;

		if (of != NULL && s->of != of) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		free(s);
	}
}
