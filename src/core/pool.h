/* SPDX-License-Identifier: MIT */
/*
 * Pools of owners.
 *
 *                 lk_pool_take()                    lk_pool_give()
 *   idle, FREE ------------------> out, POOLED ----------------------> idle, or to the first turn
 *                                                        `- lingers: its memory is not the pool's any more (LE9)
 *
 * What a pool has is the memory of owners.  Each is opened when it is taken and closed when it is given back, in the
 * thread that does so and with nothing latched; the pool's latch is for its lists and numbers.
 *
 * PO1  an owner is out of a pool, as `w->pool` says, from when the pool gives it away, under its latch, until
 *      somebody gives it back, under that latch: once.  It is closed in no other way.
 * PO2  somebody waits only while nothing is idle and n_open is `max`.  So what comes free goes to the first who waits,
 *      under the same latch, and nobody overtakes.
 * PO3  a turn is in the line exactly while it WAITS, and it ends once, under the latch: who finds it WAITING decides, so
 *      a taker whose time is over and who was given an owner has it.
 * PO4  pools and turns are type-stable: who wakes, or looks at the line, late finds a pool and a turn, if other ones; a
 *      taker that is woken for nothing looks again (P1).
 * PO5  a taker reads the gate under the latch before it waits, and lk_shutdown() takes the latch of each pool once
 *      the gate is shut: so it finds the taker in the line, or the taker sees the gate.
 */
#ifndef LK_CORE_POOL_H
#define LK_CORE_POOL_H

#include "core/manager.h"

enum turn_state { TURN_WAITS, TURN_HANDED, TURN_CLOSED, TURN_NOMEM };

/* One who waits. */
struct turn {
	struct cds_list_head node;
	struct parker parker;
	a32 state;          /* enum turn_state */
	struct lk_owner *w; /* HANDED: whose it is */
	aptr link;          /* in the slab's free list */
};

struct lk_pool {
	struct lk_manager *manager;
	struct latch latch;
	a32 is_made; /* that is, and the line, for whoever goes through the slab (PO5) */
	bool is_open;
	bool is_closing; /* takers are refused */
	uint32_t max;
	uint32_t n_open;
	uint32_t n_idle;
	uint32_t n_waiting;
	struct lk_owner *idle; /* the one that was given back last; by `pooled` */
	struct cds_list_head line;
	struct lk_pool_stats stats; /* of it, what only grows */
	int64_t timeout_ns;
	struct lk_owner_options owner;
	char label[LK_LABEL_MAX + 1];
	aptr link; /* in the slab's free list */
};

/* The gate is shut: nobody waits for an owner any more.  (PO5) */
void pools_shut(struct lk_manager *m);

#endif /* LK_CORE_POOL_H */
