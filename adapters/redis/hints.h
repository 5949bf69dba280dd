/* SPDX-License-Identifier: MIT */
/*
 * Hints: a connection of its own that listens to the channel, in a thread.
 *
 * RH1  whenever it begins to listen, for the first time or again, "any" is told, as what came before was not heard.
 * RH2  with sentinels, it listens to one of them too, and goes where that says (RS2).
 * RH3  what a hint says is there now is a guess (cache.h).  It is an answer for an update of that record alone, which changes nothing, and which the
 *      function asks for that is called with the hint; if it was written in the epoch that the opening knows (RD5), on the
 *      version that the opening knew by an answer, or by such a hint.  So it is what came next after what was known, as
 *      if that answer had come later; and nothing that was seen since is forgotten, as each has its version (RD1).  And for a read of that
 *      record alone by who has heard of it since he asked last, and says so (LK_STORE_HEARD), in whatever thread.  The hint may be quicker than the
 *      answer on which it was written: it is one once that is here.
 *      Not with `replicas`: they may not have it yet (RD8).
 */
#ifndef LK_ADAPTERS_REDIS_HINTS_H
#define LK_ADAPTERS_REDIS_HINTS_H

#include <latchkey/store.h>

#include <pthread.h>

#include "redis/connection.h"

struct hints {
	struct connection connection;
	struct connection sentinel; /* to one of those who know when there is another master */
	bool is_sentinel_asked;     /* … whether it is there, and it has not said so yet */
	uint64_t tended_ns;         /* … when it was looked after */
	pthread_t thread;
	int stop; /* eventfd; -1: nobody watches */
	lk_store_hint_fn *fn;
	void *arg;
	uint64_t nap_ns; /* until it tries to connect again */
};

struct redis_store;

void hints_init(struct redis_store *s);

/* Is this thread in the function of a hint about that record?  (RH3) */
bool hints_are_about(const struct redis_store *s, const void *name, size_t len);

int hints_watch(struct lk_store *base, lk_store_hint_fn *fn, void *arg);
void hints_unwatch(struct lk_store *base);

#endif /* LK_ADAPTERS_REDIS_HINTS_H */
