/* SPDX-License-Identifier: MIT */
/*
 * Pools: a bounded number of owners, for servers that have a task for each request.
 *
 * A task takes an owner, uses it as any other, and gives it back; so there are never more than `max` at a time,
 * and taking one needs no memory once it is there.  Who finds none waits, and is served in the order of
 * arrival: an owner that is given back goes to the first who waits, and nobody takes it before.  When nobody waits,
 * the owner that was given back last is the next to be taken, as it is still in the caches.
 *
 * Each time that an owner is taken it is opened anew, with an id of its own, without a cancel that came late and with
 * nothing left of who had it before: tokens, notices and requests of then are not its.
 *
 * Who waits for an owner is not seen by the search for deadlocks: do not take a second owner of a pool while you hold
 * locks with the first.
 */
#include <latchkey.h> /* all parts, in their order, whichever is asked for first */

#ifndef LATCHKEY_POOL_H
#define LATCHKEY_POOL_H

#ifdef __cplusplus
extern "C" {
#endif

#define LK_POOL_MAX 100u /* the most owners of a pool that says nothing */

struct lk_pool;

/* NULL options, and zero in a field, mean the default. */
struct lk_pool_options {
	uint32_t size;
	uint32_t reserved;
	uint32_t min;       /* made when the pool is opened; further ones when they are wanted */
	uint32_t max;       /* 0: LK_POOL_MAX */
	int64_t timeout_ns; /* of takers that say nothing; LK_FOREVER; 0: the manager's, as it is then */
	const struct lk_owner_options
		*owner; /* what each owner is; copied; NULL: nothing special */
};

#define LK_POOL_OPTIONS_INIT                                     \
	{                                                        \
		.size = (uint32_t)sizeof(struct lk_pool_options) \
	}

struct lk_pool_stats {
	uint32_t size;
	uint32_t max;
	uint32_t open;    /* owners that there are: */
	uint32_t idle;    /* … that can be had */
	uint32_t taken;   /* … that are out, or just being given back */
	uint32_t waiting; /* takers */
	uint64_t takes;   /* that got an owner */
	uint64_t waits;   /* takers that had to wait */
	uint64_t wait_ns; /* of those that got an owner, or ran out of time: all together, … */
	uint64_t longest_wait_ns; /* … and the longest of them */
	uint64_t timeouts;        /* takers that ended with LK_E_TIMEDOUT */
	uint64_t created;         /* owners made, ever */
	uint64_t given_holding;   /* owners given back with grants that were not released */
};

/*
 * lk_pool_open - open a pool of owners, and make `min` of them.
 *
 * What is made stays with the pool until it is closed.
 *
 * Ownership   `*out` is the caller's until lk_pool_close().  `o` and what it points to is copied; a queue in the
 *             options of the owners cannot be closed before the pool.
 * Threads     any; a pool is for all of them.
 * Returns     0; LK_E_INVAL (`min` above `max`, and what lk_owner_open() says of its options), LK_E_VERSION,
 *             LK_E_CLOSED, LK_E_NOMEM: `*out` is not written.
 */
LK_API LK_NODISCARD int lk_pool_open(struct lk_manager *m, const struct lk_pool_options *o,
				     struct lk_pool **out);

/*
 * lk_pool_take - take an owner, waiting if all are taken.
 *
 * Of `o` LK_NOWAIT, timeout_ns and deadline_ns count; anything else is LK_E_INVAL.
 *
 * Ownership   `*out` is the caller's until lk_pool_give(); lk_owner_close() of it is LK_E_INVAL.
 * Threads     any; the owner is then used by one thread at a time.
 * Blocking    until one is given back to whom it is due, up to the deadline of `o` or of the pool.  No signal ends
 *             it, and lk_owner_cancel() has nobody to address.
 * Ordering    what was done with the owner before it was given back happens-before.
 * Returns     0; LK_E_BUSY (LK_NOWAIT), LK_E_TIMEDOUT, LK_E_CLOSED (lk_shutdown(), or lk_pool_close() was called),
 *             LK_E_NOMEM (an owner had to be made, or a wait remembered), LK_E_VERSION, LK_E_STALE (the pool is
 *             closed): `*out` is not written.
 * Units       nanoseconds.
 */
LK_API LK_NODISCARD int lk_pool_take(struct lk_pool *p, const struct lk_options *o,
				     struct lk_owner **out);

/*
 * lk_pool_give - give an owner back: to the first who waits, or for the next taker.
 *
 * What it still holds is released, as by lk_owner_close(), and counted in `given_holding`.
 *
 * Ownership   the owner is the pool's again: the pointer is stale, and may be another taker's owner at once.
 * Threads     any; nobody may be in a call with the owner, or make one afterwards.
 * Blocking    as lk_owner_close().
 * Ordering    as lk_release() for each grant.
 * Returns     0; LK_E_INVAL: it is open, but not of this pool; LK_E_STALE: it was given back, or the pool is closed.
 */
LK_API LK_NODISCARD int lk_pool_give(struct lk_pool *p, struct lk_owner *w);

/* lk_pool_stats - how it is now.  Set `out->size`.  Returns 0; LK_E_VERSION; LK_E_STALE. */
LK_API LK_NODISCARD int lk_pool_stats(struct lk_pool *p, struct lk_pool_stats *out);

/*
 * lk_pool_close - end a pool.
 *
 * From its first call on takers are refused, and those who wait are woken, with LK_E_CLOSED; also if it cannot
 * be closed yet.
 *
 * Ownership   on success `p` is gone.
 * Threads     any.
 * Returns     0; LK_E_BUSY: owners are taken: call again when they were given back; LK_E_STALE: it is closed.
 */
LK_API LK_NODISCARD int lk_pool_close(struct lk_pool *p);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_POOL_H */
