/* SPDX-License-Identifier: MIT */
/* What a server's error means. */
#ifndef LK_ADAPTERS_REDIS_TROUBLE_H
#define LK_ADAPTERS_REDIS_TROUBLE_H

#include "redis/store.h"

/* Does the error say that word, at its beginning or where a script cites what it was told? */
bool trouble_is(const redisReply *r, const char *word);

int trouble_code(const redisReply *r);

/* In the server's words; returns the code. */
int trouble_say(struct redis_store *s, const char *what, const redisReply *r);

#endif /* LK_ADAPTERS_REDIS_TROUBLE_H */
