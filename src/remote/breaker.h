/* SPDX-License-Identifier: MIT */
/*
 * Breaker: a store in front of the store of a manager, that stops asking it while it fails.  (latchkey/breaker.h)
 *
 * BK1  while the circuit of the store is open nobody but heartbeats and one probe is in the store, who came in after it opened.
 * BK2  a probe is one call.  What it comes to counts only if the circuit was not closed, or opened anew, meanwhile (`ticket`);
 *      what others come to who were on their way when it opened counts for nothing.
 * BK3  a name's circuit opens only while that of the store is closed: else it is the store that fails, not the name.
 * BK4  there are at most max_failure_entries names; an open one stays until it is closed.
 * BK5  nothing is latched while the store is asked.
 */
#ifndef LK_REMOTE_BREAKER_H
#define LK_REMOTE_BREAKER_H

#include <latchkey/breaker.h>
#include <latchkey/store.h>

#include "base/env.h"
#include "base/latch.h"
#include "base/list.h"

enum { BREAKER_CHAINS = 256 };

/* One that counts failures: of the store, or of a name. */
struct circuit {
	bool is_open;
	bool is_probed;    /* a probe is under way */
	int32_t last_code; /* of the latest failure */
	uint64_t failures; /* in a row */
	uint64_t failed_ns;
	uint64_t due_ns; /* then a probe may go */
	uint64_t ticket; /* changes whenever it opens, is probed, or closed */
	uint64_t opened;
	uint64_t refused;
};

/* What its user may set at any time. */
struct breaker_limits {
	uint64_t threshold; /* LK_OFF: it never opens */
	uint64_t reset_ns;
	uint64_t max_entries;
};

struct breaker {
	struct lk_store store; /* this is what is asked; … */
	struct lk_store_ops ops;
	struct lk_store *inner; /* … and that is what answers */
	struct env *env;
	struct latch latch;         /* of all that follows */
	void (*on_open)(void *arg); /* with nothing latched */
	void *arg;
	struct breaker_limits limits;
	struct circuit all;
	uint64_t last_ticket;
	uint64_t n_names;
	struct cds_list_head chain[BREAKER_CHAINS];
	struct cds_list_head
		counting; /* names that are closed, the one that failed longest ago first */
	struct cds_list_head open;
	char name[LK_BREAKER_STORE_MAX];
};

/* In front of `inner`, which is closed with it: it is a store like any (lk_store_close()).  NULL: no memory. */
struct breaker *breaker_open(struct env *env, struct lk_store *inner, const char *url,
			     const struct breaker_limits *limits);

/* From now on, whenever the store is not asked any more. */
void breaker_watch(struct breaker *b, void (*on_open)(void *arg), void *arg);

void breaker_set(struct breaker *b, const struct breaker_limits *limits);

/* Would a call be refused now? */
bool breaker_bars(struct breaker *b);

/* By the name of a lock; NULL: all. */
void breaker_read(struct breaker *b, const void *name, size_t len, struct lk_breaker *out);
void breaker_reset(struct breaker *b, const void *name, size_t len);

/* All of them, in memory of `env` that the caller frees: names are in it.  NULL: no memory. */
struct lk_breaker *breaker_list(struct breaker *b, size_t *n, size_t *size);

#endif /* LK_REMOTE_BREAKER_H */
