/* SPDX-License-Identifier: MIT */
/*
 * What the latest updates left behind: so the next one of the same name need not read.  A guess, never an answer: what
 * is made of it is written only if it is still so (RD3), and before it is told it is looked at again.
 */
#ifndef LK_ADAPTERS_REDIS_CACHE_H
#define LK_ADAPTERS_REDIS_CACHE_H

#include <pthread.h>
#include <stdbool.h>

#include "common/arena.h"

/* So many names, as a question about one that is not among them takes an exchange more; records that are longer are left out. */
enum { CACHE_SETS = 2048, CACHE_WAYS = 8, CACHE_MOST = 8192 };

/* With which a value begins. */
enum { CACHE_VERSION = 16 };

struct cache_entry;

/* Those that share some bits of a hash, the one that was used last first; of each, other bits of it. */
struct cache_set {
	uint32_t tag[CACHE_WAYS];
	struct cache_entry *way[CACHE_WAYS];
};

struct cache {
	const struct place *place;
	pthread_mutex_t lock;
	struct cache_set *sets; /* with it; NULL until there is one to keep */
};

/* A record: value NULL: there is none, and `gone` is the number of removals. */
struct seen {
	const char *value; /* version and bytes, aligned to 8 */
	size_t len;
	bool is_alien; /* what is there is not a string */
	bool is_heard; /* it is known by a hint that follows what was known before (RH3) */
	char gone[24]; /* … of a record that is there it is "" */
};

void cache_init(struct cache *c, const struct place *place);
void cache_fini(struct cache *c);

/* Copied to the arena.  False: it is not known, or there is no memory. */
bool cache_get(struct cache *c, const void *name, size_t len, struct arena *a, struct seen *out);

/* The value comes in two pieces, and is forgotten if it is long, or there is no memory. */
void cache_put(struct cache *c, const void *name, size_t len, const void *version, size_t n_version,
	       const void *bytes, size_t n_bytes, const char *gone);

/*
 * The same, of a hint: the value, and the version that it follows; NULL: nobody knows.  If that is the one that is known by an answer, or
 * by such a hint, or is put here next, `is_heard` is set.
 */
void cache_hear(struct cache *c, const void *name, size_t len, const void *was, const void *value,
		size_t n);
void cache_forget(struct cache *c, const void *name, size_t len);

#endif /* LK_ADAPTERS_REDIS_CACHE_H */
