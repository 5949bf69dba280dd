/* SPDX-License-Identifier: MIT */
/* One place for each hash; who comes later pushes out who was there. */
#include "redis/cache.h"

struct cache_entry {
	size_t size; /* of all of it */
	size_t name_len;
	size_t len;
	bool is_there;
	char gone[24];
	_Alignas(8) char bytes[]; /* the value, then the name */
};

void
cache_init(struct cache *c, const struct place *place)
{
	c->place = place;
	pthread_mutex_init(&c->lock, NULL);
	memset(c->slots, 0, sizeof(c->slots));
}

static void
drop(struct cache *c, struct cache_entry **slot)
{
	if (*slot != NULL)
		place_free(c->place, *slot, (*slot)->size);
	*slot = NULL;
}

void
cache_fini(struct cache *c)
{
	for (size_t i = 0; i < CACHE_SLOTS; i++)
		drop(c, &c->slots[i]);
	pthread_mutex_destroy(&c->lock);
}

static struct cache_entry **
slot_of(struct cache *c, const void *name, size_t len)
{
	const unsigned char *bytes = name;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
	return &c->slots[(h ^ h >> 32) % CACHE_SLOTS];
}

static bool
is_it(const struct cache_entry *e, const void *name, size_t len)
{
	return e != NULL && e->name_len == len && memcmp(e->bytes + e->len, name, len) == 0;
}

bool
cache_get(struct cache *c, const void *name, size_t len, struct arena *a, struct seen *out)
{
	struct cache_entry **slot = slot_of(c, name, len);
	bool is_known = false;

	pthread_mutex_lock(&c->lock);
	if (is_it(*slot, name, len)) {
		const struct cache_entry *e = *slot;
		char *copy = e->is_there ? arena_alloc(a, e->len) : NULL;

		is_known = copy != NULL || !e->is_there;
		*out = (struct seen){ .value = copy, .len = copy != NULL ? e->len : 0 };
		memcpy(out->gone, e->gone, sizeof(out->gone));
		if (copy != NULL)
			memcpy(copy, e->bytes, e->len);
	}
	pthread_mutex_unlock(&c->lock);
	return is_known;
}

static struct cache_entry *
make(struct cache *c, const void *name, size_t len, size_t n)
{
	const size_t size = sizeof(struct cache_entry) + n + len;
	struct cache_entry *e = n <= CACHE_MOST ? place_alloc(c->place, size) : NULL;

	if (e == NULL)
		return NULL;
	e->size = size;
	e->name_len = len;
	e->len = n;
	memcpy(e->bytes + n, name, len);
	return e;
}

void
cache_put(struct cache *c, const void *name, size_t len, const void *version, size_t n_version,
	  const void *bytes, size_t n_bytes, const char *gone)
{
	struct cache_entry **slot = slot_of(c, name, len);
	struct cache_entry *e = make(c, name, len, n_version + n_bytes);

	if (e != NULL) {
		e->is_there = n_version > 0;
		memcpy(e->bytes, version, n_version);
		if (n_bytes > 0)
			memcpy(e->bytes + n_version, bytes, n_bytes);
		memset(e->gone, 0, sizeof(e->gone));
		memcpy(e->gone, gone, strnlen(gone, sizeof(e->gone) - 1));
	}
	pthread_mutex_lock(&c->lock);
	drop(c, slot);
	*slot = e;
	pthread_mutex_unlock(&c->lock);
}

void
cache_forget(struct cache *c, const void *name, size_t len)
{
	struct cache_entry **slot = slot_of(c, name, len);

	pthread_mutex_lock(&c->lock);
	if (is_it(*slot, name, len))
		drop(c, slot);
	pthread_mutex_unlock(&c->lock);
}
