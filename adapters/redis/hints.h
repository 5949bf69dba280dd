/* SPDX-License-Identifier: MIT */
/*
 * Hints: a connection of its own that listens to the channel, in a thread.
 *
 * RH1  whenever it begins to listen, for the first time or again, "any" is told, as what came before was not heard.
 * RH2  with sentinels, it listens to one of them too, and goes where that says (RS2).
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

int hints_watch(struct lk_store *base, lk_store_hint_fn *fn, void *arg);
void hints_unwatch(struct lk_store *base);

#endif /* LK_ADAPTERS_REDIS_HINTS_H */
