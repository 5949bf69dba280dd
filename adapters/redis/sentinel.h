/* SPDX-License-Identifier: MIT */
/*
 * Sentinels: servers that know where the master is.
 *
 * RS1  what a sentinel says is believed only if the server there says itself that it is a master.
 * RS2  when the place changes, the generation does: no connection from before is used for another question.
 */
#ifndef LK_ADAPTERS_REDIS_SENTINEL_H
#define LK_ADAPTERS_REDIS_SENTINEL_H

#include "redis/store.h"

/*
 * Ask the sentinels in turn where the master is, go there, log in, and see that it is one.  0 or a code, said: of the last
 * that was tried.
 */
int sentinel_connect(struct redis_store *s, struct connection *c, struct patience p);

/* Listen to one of them.  0 or a code, said; where the master is now is known then. */
int sentinel_listen(struct redis_store *s, struct connection *c, struct patience p);

/* Something that was heard: is there another master now?  It is where the store is then.  (RS2) */
bool sentinel_hear(struct redis_store *s, const redisReply *r);

#endif /* LK_ADAPTERS_REDIS_SENTINEL_H */
