/* SPDX-License-Identifier: MIT */
/* The connections of a store: taken by one call at a time, in the order in which they come. */
#ifndef LK_ADAPTERS_REDIS_POOL_H
#define LK_ADAPTERS_REDIS_POOL_H

#include "redis/store.h"

/* Of the URL's number of connections none is open; or the program's is the only one.  */
void pool_init(struct redis_store *s, redisContext *given);
void pool_fini(struct redis_store *s);

/* Open as many as shall always be.  0 or a code, said. */
int pool_fill(struct redis_store *s);

/* NULL: the deadline passed, or the time that one waits for a connection.  It may be closed, or be so unknown to us. */
struct connection *pool_take(struct redis_store *s, uint64_t deadline_ns);

/* Those that nobody needed for a while are closed then, as far as there are more than there shall always be. */
void pool_give(struct redis_store *s, struct connection *c);

void pool_count_opened(struct redis_store *s);
void pool_count_broken(struct redis_store *s);

/* The figures, in words: the bytes of the whole text. */
size_t pool_tell(struct redis_store *s, char *buf, size_t cap);

/* … and in numbers: how many figures there are. */
size_t pool_figures(struct redis_store *s, struct lk_store_figure *out, size_t cap);

#endif /* LK_ADAPTERS_REDIS_POOL_H */
