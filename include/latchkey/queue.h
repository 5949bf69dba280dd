/* SPDX-License-Identifier: MIT */
/*
 * Queues: requests that nobody waits for, for programs with an event loop.
 *
 *	lk_queue_open(m, &queue);              // once; lk_queue_fd(queue) goes into epoll
 *	lk_submit(queue, w, "orders/42", LK_X, NULL, done, arg, &id);
 *	…
 *	lk_queue_dispatch(queue, 64);          // when the descriptor is readable: done(arg, &completion)
 *
 * A request is *submitted*: the call returns at once, and exactly one completion comes through the queue, when the
 * request was granted or ended without.  It keeps its place in the line like one that a thread waits for.
 *
 *   - An owner may have any number of requests outstanding, and goes on meanwhile.  From its first lk_submit() on
 *     each of its calls takes a latch of its own (some tens of nanoseconds), until it is closed.
 *   - The owner, its requests and the rest of its calls are one: they never wait for each other.  What it takes itself
 *     of a name for which a request of its waits makes the request begin anew, at the end of that call.
 *   - An owner with a request outstanding is part of rings of owners that wait for each other.  As it goes on, such a
 *     ring is ended only if it is still there lk_config.deadlock_delay_ns after it was found, and the owner made no
 *     call meanwhile.
 *   - Deadlines, fairness and rings of requests are looked after by a thread of the manager's, which the first
 *     request that waits starts; with LK_MANUAL by lk_serve().
 *   - A grant is its owner's from the moment when its completion can be reaped; it keeps others out from the
 *     moment when it was made.  Whoever reaps slowly holds long.
 */
#include <latchkey.h> /* all parts, in their order, whichever is asked for first */

#ifndef LATCHKEY_QUEUE_H
#define LATCHKEY_QUEUE_H

#ifdef __cplusplus
extern "C" {
#endif

/* A request that was submitted: unique in the manager, never 0. */
typedef uint64_t lk_request_id;

/* What comes out of a queue. */
struct lk_completion {
	uint32_t size;
	enum lk_kind kind;      /* LK_DONE, or that of `notice` */
	lk_request_id id;       /* LK_DONE: what lk_submit() gave */
	struct lk_owner *owner; /* may be closed by now: then it is a name for it, and no more */
	int code;               /* LK_DONE: 0 granted (converted); or as lk_acquire() */
	uint32_t flags;         /* none yet */
	lk_grant grant;         /* the grant, or the first of several; 0: none */
	lk_grant *
		grants; /* of lk_submit_many(): the caller's array, written just now if `code` is 0 */
	size_t n_grants; /* of all that were granted */
	void *arg;
	struct lk_notice notice; /* of another kind: see notice.h */
};

typedef void lk_done_fn(void *arg, const struct lk_completion *completion);

/*
 * lk_queue_open - open a queue.
 *
 * Ownership   `*out` is the caller's until lk_queue_close(), which comes before lk_close().
 * Threads     any number may submit to a queue, and any number reap.
 * Returns     0; LK_E_NOMEM; LK_E_LIMIT (no file descriptor is left); LK_E_CLOSED.
 */
LK_API LK_NODISCARD int lk_queue_open(struct lk_manager *m, struct lk_queue **out);

/*
 * lk_queue_close - close a queue, and its descriptor.
 *
 * Threads     nobody else may be in a call with it, or make one afterwards.
 * Returns     0; LK_E_BUSY, and nothing changed, while a request is outstanding, something can be reaped, or
 *             an owner is open whose notices come through it.
 */
LK_API LK_NODISCARD int lk_queue_close(struct lk_queue *q);

/*
 * lk_queue_fd - a descriptor that is readable when something may be reaped: for poll() and epoll, by level or edge.
 *
 * It is the queue's: do not read, write or close it.  Now and then it is readable, and nothing is there.  With edges
 * go on until a call gives less than it was asked for.
 */
LK_API int lk_queue_fd(struct lk_queue *q);

/*
 * lk_queue_dispatch - call back for what is there, at most `max` times, in the order of the queue.
 *
 * `done` of a request runs in the calling thread, with nothing latched.  It may call anything, with any owner that is
 * not in a call: release the grant, submit, dispatch, close the owner.  A completion without a callback
 * is dropped.
 *
 * Blocking    no (short internal latches, and what the callbacks do).
 * Returns     how many, 0 or more; or a negative code.
 */
LK_API int lk_queue_dispatch(struct lk_queue *q, unsigned max);

/*
 * lk_queue_reap - the same without callbacks: up to `max` completions into `out`.
 *
 * `out->size` of the first says how large each is.  `grants` of lk_submit_many() are written before.
 * Returns     how many, 0 or more; or a negative code: LK_E_VERSION.
 */
LK_API int lk_queue_reap(struct lk_queue *q, struct lk_completion *out, unsigned max);

/*
 * lk_submit - ask for `name` in `mode` on behalf of `w`, and go on.
 *
 * Ownership   name and options are copied; `*id` (may be NULL) is written before the completion can come.
 * Threads     a call of `w`, as any other.
 * Blocking    no, whoever holds the name (short internal latches).
 * Options     as of lk_acquire().  The deadline is that of the request.  With LK_NOWAIT the completion says LK_E_BUSY
 *             if somebody is in the way.  `report` and `condition`: LK_E_UNSUPPORTED.
 * Returns     0: exactly one completion will come, also if it was granted at once; its code is 0 or one of
 *             lk_acquire()'s.  Otherwise none ever comes: LK_E_NAME, LK_E_NOMEM, LK_E_CLOSED, LK_E_UNSUPPORTED,
 *             LK_E_VERSION, LK_E_INVAL (also a queue of another manager), LK_E_PERM (lk_config.on_event).
 */
LK_API LK_NODISCARD int lk_submit(struct lk_queue *q, struct lk_owner *w, const char *name,
				  lk_mode mode, const struct lk_options *o, lk_done_fn *done,
				  void *arg, lk_request_id *id);

/* The same as lk_acquire_bytes(), lk_acquire_id() and lk_acquire_on() ask. */
LK_API LK_NODISCARD int lk_submit_bytes(struct lk_queue *q, struct lk_owner *w, const void *name,
					size_t len, lk_mode mode, const struct lk_options *o,
					lk_done_fn *done, void *arg, lk_request_id *id);
LK_API LK_NODISCARD int lk_submit_id(struct lk_queue *q, struct lk_owner *w, uint64_t number,
				     lk_mode mode, const struct lk_options *o, lk_done_fn *done,
				     void *arg, lk_request_id *id);
LK_API LK_NODISCARD int lk_submit_on(struct lk_queue *q, struct lk_owner *w, struct lk_resource *r,
				     lk_mode mode, const struct lk_options *o, lk_done_fn *done,
				     void *arg, lk_request_id *id);

/*
 * lk_submit_many - lk_acquire_many(): several names, all or nothing.  `n` 0 succeeds.
 *
 * Ownership   `r` and its names are copied.  `grants` (may be NULL), with room for `n`, must stay until the completion
 *             was reaped: it is written right before that, in the order of `r`.
 */
LK_API LK_NODISCARD int lk_submit_many(struct lk_queue *q, struct lk_owner *w,
				       const struct lk_request *r, size_t n,
				       const struct lk_options *o, lk_grant *grants,
				       lk_done_fn *done, void *arg, lk_request_id *id);

/*
 * lk_submit_convert - lk_convert().
 *
 * The completion says LK_E_STALE if `g` was released meanwhile.  While the request waits, the owner keeps on that name
 * at least what it had when it was submitted.
 */
LK_API LK_NODISCARD int lk_submit_convert(struct lk_queue *q, struct lk_owner *w, lk_grant g,
					  lk_mode to, const struct lk_options *o, lk_done_fn *done,
					  void *arg, lk_request_id *id);

/*
 * lk_cancel - end a request that was submitted, with LK_E_CANCELED.
 *
 * If a grant wins the race, the grant stands: its completion says so.  lk_owner_cancel() does not end it: that is
 * for the owner's waiting threads.
 *
 * Threads     any, also while the owner is in a call.
 * Returns     0: the request ends, or has ended; its completion comes as ever, once.  LK_E_STALE: `w` has no such
 *             request, or it was reaped already.
 */
LK_API LK_NODISCARD int lk_cancel(struct lk_owner *w, lk_request_id id);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_QUEUE_H */
