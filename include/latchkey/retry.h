/* SPDX-License-Identifier: MIT */
/*
 * Trying again: when a store did not answer, and when a transaction was the victim of a deadlock.
 *
 * A lock that is taken is no reason to try again: a request waits for it, and is woken.  What a wait does not help
 * against is a store that cannot be reached just now (LK_E_STORE), or whose answer was lost (LK_E_UNKNOWN).  Of
 * these a request may have so many attempts, with pauses between them that grow and differ, so that those whom
 * one failure has hit do not all come back at one moment.
 *
 *   lk_options.max_retries, lk_options.retry   of one request: lk_acquire(), its kin by bytes, number, handle and
 *                                              units, lk_acquire_many(), lk_convert(), lk_with()
 *   max_retries, retry, retry_first_ns, retry_cap_ns   settings of the manager, for requests that say nothing
 *   lk_retry_run()                             a whole transaction, also after a deadlock
 *   lk_retry_next()                            the pauses alone, for loops of the program's
 *
 * All of it ends with the deadline of the request: an attempt that could only begin after it is not waited for, and the
 * result is what the store said last.  lk_owner_cancel() ends a pause.  With LK_NOWAIT nothing is tried again.
 */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_RETRY_H
#define LATCHKEY_RETRY_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * How pauses follow each other; each is at most cap_ns.
 *
 *   decorrelated  drawn between first_ns and three times the last one, so that nobody keeps step with others
 *   fixed         first_ns
 *   linear        first_ns, 2 * first_ns, 3 * first_ns, …
 *   exponential   drawn between 0 and what grows by factor_pct each time ("full jitter")
 *   custom        what `next` says
 *
 * Source: Brooker, "Exponential Backoff And Jitter", 2015.
 */
enum lk_retry_strategy {
	LK_RETRY_DECORRELATED = 1, /* the default */
	LK_RETRY_FIXED,
	LK_RETRY_LINEAR,
	LK_RETRY_EXPONENTIAL,
	LK_RETRY_CUSTOM
};

/*
 * The pause before the attempt of that number (the first one is 1, and has none), after one of `last_ns`.  LK_OFF: no more
 * attempts.  Called with nothing locked; may call Latchkey.
 */
typedef uint64_t lk_retry_fn(void *arg, uint32_t attempt, uint64_t last_ns);

/* Zero means the default. */
struct lk_retry {
	uint32_t size;
	uint32_t strategy;     /* enum lk_retry_strategy; 0: decorrelated */
	uint32_t max_attempts; /* in all, the first one too; 0: 8 */
	uint32_t factor_pct;   /* EXPONENTIAL: 100 to 100000; 0: 200 */
	uint64_t first_ns;     /* 0: 10 ms */
	uint64_t cap_ns;       /* 0: one second; not below first_ns */
	lk_retry_fn *next;     /* CUSTOM; else NULL */
	void *arg;
};

#define LK_RETRY_INIT                                     \
	{                                                 \
		.size = (uint32_t)sizeof(struct lk_retry) \
	}

/* Where a loop is.  All zeros at its beginning, but for the size. */
struct lk_retry_state {
	uint32_t size;
	uint32_t attempts; /* that were made */
	uint64_t last_ns;  /* the pause before the last one */
};

/*
 * lk_retry_next - an attempt has failed: how long is the pause before the next one?
 *
 * Ownership   `r` (NULL: the defaults) is not kept; `state` is the caller's, and one loop's.
 * Threads     any; each with a state of its own.
 * Blocking    no.
 * Returns     0: `*pause_ns` is the pause, and the attempt is counted; LK_E_LIMIT: there were as many as there may be;
 *             LK_E_INVAL: `r` or `state`; LK_E_VERSION; LK_E_FORKED.
 * Units       nanoseconds.
 */
LK_API LK_NODISCARD int lk_retry_next(struct lk_manager *m, const struct lk_retry *r,
				      struct lk_retry_state *state, uint64_t *pause_ns);

/*
 * lk_retry_run - call `body`, and again as long as it says that a later attempt may do better: LK_E_DEADLOCK,
 * LK_E_CONVERSION_DEADLOCK, LK_E_STORE, LK_E_UNKNOWN.
 *
 * What `w` was granted in an attempt that ended with any code but 0 is released before the pause, or the end: all since
 * the call began, as by lk_rollback().  What it had before stays.
 *
 * Of `o` (NULL: the manager's defaults) only the deadline counts (timeout_ns, deadline_ns), and LK_NOWAIT: one attempt.  The
 * body has to see to it that its own requests end by then.
 *
 * Threads     as all calls with the owner.  `body` may use `w`.
 * Blocking    as `body`, and the pauses.
 * Returns     what `body` returned last; LK_E_CANCELED: lk_owner_cancel() in a pause; LK_E_CLOSED: lk_shutdown() before an
 *             attempt; LK_E_INVAL, LK_E_VERSION: `r` or `o`, and `body` was not called.
 */
LK_API LK_NODISCARD int lk_retry_run(struct lk_owner *w, const struct lk_retry *r,
				     const struct lk_options *o, int (*body)(void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_RETRY_H */
