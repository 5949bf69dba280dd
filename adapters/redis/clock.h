/* SPDX-License-Identifier: MIT */
/*
 * The server's clock, one for all openings of this process that are in the same run of a server: asked now and then, and
 * reckoned on in between by the clock of this machine, as differences only are of interest.  It may be some
 * milliseconds late, and never goes back.
 */
#ifndef LK_ADAPTERS_REDIS_CLOCK_H
#define LK_ADAPTERS_REDIS_CLOCK_H

#include "redis/store.h"

int clock_now(struct lk_store *base, uint64_t *ns, uint64_t *clock_id, uint64_t deadline_ns);

/* The store is closed. */
void clock_leave(struct redis_store *s);

/* After a fork: another thread may have had the lock. */
void clock_in_child(void);

#endif /* LK_ADAPTERS_REDIS_CLOCK_H */
