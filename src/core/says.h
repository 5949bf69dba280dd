/* SPDX-License-Identifier: MIT */
/*
 * What a store says of itself goes into the log.
 *
 * N3  a store speaks in whatever thread, with whatever of its own latched: so what it says is only written down there, and the thread
 *     that minds the store, with nothing latched, takes it to the log (N1).  Of what is said in between the latest counts.
 */
#ifndef LK_CORE_SAYS_H
#define LK_CORE_SAYS_H

#include "lease/timer.h"

enum { SAYS_ROOM = 400 };

struct lk_manager;

struct says {
	struct latch latch; /* of what follows, but for the timer */
	bool is_served;     /* somebody serves the timer */
	bool is_news;
	enum lk_log_level level;
	char line[SAYS_ROOM];
	struct timer timer;
};

/* Before the store is opened; and when somebody serves. */
void says_init(struct lk_manager *m);
void says_begin(struct lk_manager *m);

/* For lk_store_open.say; `arg` is the manager. */
void says_hear(void *arg, enum lk_log_level level, const char *line);

#endif /* LK_CORE_SAYS_H */
