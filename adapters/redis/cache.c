/* SPDX-License-Identifier: MIT */
/* A few places for each hash; who comes later pushes out who was not used for longest. */
#include "redis/cache.h"

struct cache_entry {
	size_t size; /* of all of it */
	size_t name_len;
	size_t len;
	bool is_there;
	bool is_guess; /* by a hint, of which nobody knows what it follows */
	bool is_heard;
	char was[CACHE_VERSION]; /* … of a guess: the version that it follows */
	char gone[24];
	_Alignas(8) char bytes[]; /* the value, then the name */
};

void
cache_init(struct cache *c, const struct place *place)
{
	c->place = place;
	c->sets = NULL;
	pthread_mutex_init(&c->lock, NULL);
}

static void
drop(struct cache *c, struct cache_entry *e)
{
	if (e != NULL)
		place_free(c->place, e, e->size);
}

void
cache_fini(struct cache *c)
{
	for (size_t i = 0; c->sets != NULL && i < CACHE_SETS; i++) {
		for (size_t k = 0; k < CACHE_WAYS; k++)
			drop(c, c->sets[i].way[k]);
	}
	place_free(c->place, c->sets, CACHE_SETS * sizeof(*c->sets));
	pthread_mutex_destroy(&c->lock);
}

/* A name, and where it has its place. */
struct key {
	const void *name;
	size_t len;
	size_t set;
	uint32_t tag;
};

static struct key
key_for(const void *name, size_t len)
{
	const unsigned char *bytes = name;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
	return (struct key){ name, len, (h ^ h >> 32) % CACHE_SETS, (uint32_t)(h >> 16) };
}

static bool
is_it(const struct cache_entry *e, const struct key *k)
{
	return e != NULL && e->name_len == k->len &&
	       memcmp(e->bytes + e->len, k->name, k->len) == 0;
}

/* With the lock.  Where it is; CACHE_WAYS: nowhere. */
static size_t
find(const struct cache_set *set, const struct key *k)
{
	size_t i = 0;

	while (i < CACHE_WAYS && (set->tag[i] != k->tag || !is_it(set->way[i], k)))
		i++;
	return i;
}

/* With the lock: the first is `e`, and those before the i-th move up, in the place of that one. */
static void
put_first(struct cache_set *set, size_t i, struct cache_entry *e, uint32_t tag)
{
	memmove(&set->way[1], &set->way[0], i * sizeof(set->way[0]));
	memmove(&set->tag[1], &set->tag[0], i * sizeof(set->tag[0]));
	set->way[0] = e;
	set->tag[0] = tag;
}

/* With the lock: it is there no more, and the last place is free. */
static void
take_out(struct cache *c, struct cache_set *set, size_t i)
{
	const size_t n = CACHE_WAYS - 1 - i;

	drop(c, set->way[i]);
	memmove(&set->way[i], &set->way[i + 1], n * sizeof(set->way[0]));
	memmove(&set->tag[i], &set->tag[i + 1], n * sizeof(set->tag[0]));
	set->way[CACHE_WAYS - 1] = NULL;
}

/* False: no memory. */
static bool
copy(const struct cache_entry *e, struct arena *a, struct seen *out)
{
	char *bytes = e->is_there ? arena_alloc(a, e->len) : NULL;

	*out = (struct seen){ .value = bytes,
			      .len = bytes != NULL ? e->len : 0,
			      .is_heard = e->is_heard };
	memcpy(out->gone, e->gone, sizeof(out->gone));
	if (bytes != NULL)
		memcpy(bytes, e->bytes, e->len);
	return bytes != NULL || !e->is_there;
}

bool
cache_get(struct cache *c, const void *name, size_t len, struct arena *a, struct seen *out)
{
	const struct key k = key_for(name, len);
	bool is_known = false;

	pthread_mutex_lock(&c->lock);
	if (c->sets != NULL) {
		struct cache_set *set = &c->sets[k.set];
		const size_t i = find(set, &k);

		if (i < CACHE_WAYS) {
			put_first(set, i, set->way[i], k.tag);
			is_known = copy(set->way[0], a, out);
		}
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
	*e = (struct cache_entry){ .size = size };
	e->name_len = len;
	e->len = n;
	memcpy(e->bytes + n, name, len);
	return e;
}

/* With the lock.  NULL: no memory. */
static struct cache_set *
set_for(struct cache *c, const struct key *k)
{
	if (c->sets == NULL)
		c->sets = place_zalloc(c->place, CACHE_SETS * sizeof(*c->sets));
	return c->sets != NULL ? &c->sets[k->set] : NULL;
}

/* With the lock: it is the only one of its name, or there is none. */
static void
put(struct cache *c, const struct key *k, struct cache_entry *e)
{
	struct cache_set *set = set_for(c, k);
	size_t i;

	if (set == NULL) {
		drop(c, e);
		return;
	}
	i = find(set, k);
	if (i < CACHE_WAYS)
		take_out(c, set, i);
	if (e == NULL)
		return;
	drop(c, set->way[CACHE_WAYS - 1]);
	put_first(set, CACHE_WAYS - 1, e, k->tag);
}

/*
 * With the lock: somebody has written on what is put here now, and his hint was quicker than our answer: so that is what is known.  (RH3)
 */
static bool
is_followed(struct cache *c, const struct key *k, const void *version, size_t n)
{
	const struct cache_set *set = set_for(c, k);
	const size_t i = set != NULL ? find(set, k) : CACHE_WAYS;
	struct cache_entry *e = i < CACHE_WAYS ? set->way[i] : NULL;

	if (e == NULL || !e->is_guess || n < CACHE_VERSION ||
	    memcmp(e->was, version, CACHE_VERSION) != 0)
		return false;
	e->is_heard = true;
	e->is_guess = false;
	return true;
}

void
cache_put(struct cache *c, const void *name, size_t len, const void *version, size_t n_version,
	  const void *bytes, size_t n_bytes, const char *gone)
{
	const struct key k = key_for(name, len);
	struct cache_entry *e = make(c, name, len, n_version + n_bytes);

	if (e != NULL) {
		e->is_there = n_version > 0;
		memcpy(e->bytes, version, n_version);
		if (n_bytes > 0)
			memcpy(e->bytes + n_version, bytes, n_bytes);
		memcpy(e->gone, gone, strnlen(gone, sizeof(e->gone) - 1));
	}
	pthread_mutex_lock(&c->lock);
	if (is_followed(c, &k, version, n_version))
		drop(c, e);
	else
		put(c, &k, e);
	pthread_mutex_unlock(&c->lock);
}

/* With the lock: by an answer, or a hint that follows one. */
static bool
is_known_as(const struct cache *c, const struct key *k, const void *version)
{
	const struct cache_set *set = &c->sets[k->set];
	const size_t i = find(set, k);
	const struct cache_entry *e = i < CACHE_WAYS ? set->way[i] : NULL;

	return e != NULL && e->is_there && !e->is_guess && e->len > CACHE_VERSION &&
	       memcmp(e->bytes, version, CACHE_VERSION) == 0;
}

void
cache_hear(struct cache *c, const void *name, size_t len, const void *was, const void *value,
	   size_t n)
{
	const struct key k = key_for(name, len);
	struct cache_entry *e = make(c, name, len, n);

	if (e != NULL) {
		e->is_there = true;
		memcpy(e->bytes, value, n);
	}
	pthread_mutex_lock(&c->lock);
	if (e != NULL) {
		e->is_heard = was != NULL && c->sets != NULL && is_known_as(c, &k, was);
		e->is_guess = !e->is_heard;
		if (was != NULL)
			memcpy(e->was, was, CACHE_VERSION);
	}
	put(c, &k, e);
	pthread_mutex_unlock(&c->lock);
}

void
cache_forget(struct cache *c, const void *name, size_t len)
{
	const struct key k = key_for(name, len);

	pthread_mutex_lock(&c->lock);
	if (c->sets != NULL)
		put(c, &k, NULL);
	pthread_mutex_unlock(&c->lock);
}
