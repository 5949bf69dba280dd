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

enum { CACHE_SLOTS = 1024, CACHE_MOST = 8192 };

struct cache_entry;

struct cache {
	const struct place *place;
	pthread_mutex_t lock;
	struct cache_entry *slots[CACHE_SLOTS]; /* with it */
};

/* A record: value NULL: there is none, and `gone` is the number of removals. */
struct seen {
	const char *value; /* version and bytes, aligned to 8 */
	size_t len;
	bool is_alien; /* what is there is not a string */
	char gone[24]; /* … of a record that is there it is "" */
};

void cache_init(struct cache *c, const struct place *place);
void cache_fini(struct cache *c);

/* Copied to the arena.  False: it is not known, or there is no memory. */
bool cache_get(struct cache *c, const void *name, size_t len, struct arena *a, struct seen *out);

/* The value comes in two pieces, and is forgotten if it is long, or there is no memory. */
void cache_put(struct cache *c, const void *name, size_t len, const void *version, size_t n_version,
	       const void *bytes, size_t n_bytes, const char *gone);
void cache_forget(struct cache *c, const void *name, size_t len);

#endif /* LK_ADAPTERS_REDIS_CACHE_H */
