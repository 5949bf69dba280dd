/* SPDX-License-Identifier: MIT */
/*
 * Detached grants: locks that belong to a token, and to nobody else.
 *
 * For work that outlives whoever began it: a process takes the lock, writes the token into a queue or a file, and ends;
 * another one renews and releases it.  A detached grant has no owner, no thread and no session.  It ends by its
 * token (lk_token_release()), or with its lease, which whoever has the token renews (lk_token_renew()).
 *
 *	lk2-<fence>-<id>-<id>-<check>     each of 16 digits of 0-9a-f: of a manager with a store
 *
 * With a store it outlives its process: whoever opens the same store can use the token, and everybody waits for it as for
 * any holder.  Without one ("memory:") it lasts until lk_close() at the longest, and its token is one of lk_token().
 *
 * It stands by itself: what owners hold does not count for it, and an owner that holds the name waits for it, or
 * makes it wait, like anybody.  A thread that waits for its own detached grant is not in a ring that anybody sees.
 *
 * Whoever sees the token can use the lock.  Its lease is counted by the clock of the store, which all who share it have:
 * with files that is CLOCK_BOOTTIME, so nothing outlives the boot.
 */
#include <latchkey.h> /* all parts, in their order, whichever is asked for first */

#ifndef LATCHKEY_DETACH_H
#define LATCHKEY_DETACH_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * lk_detach - lock a name for whoever has the token.  lk_detach_bytes: a name of any bytes; lk_detach_id: one that is a number.
 *
 * Ancestors are held in their intents by the same token.  `o->lease_ns`, or else the setting of that name, is needed.
 * Of the options also count: the time to wait, LK_NOWAIT, priority, tag (without a store), and name_hash is ignored.  With
 * a store its time begins when it was granted there, and LK_NOWAIT takes up to ten milliseconds, as with lk_acquire().
 *
 * Ownership   `token` is written, always ended by a NUL if `cap` is not 0; on failure it is "".
 * Threads     any.
 * Blocking    until it is granted, refused, or too late.  lk_owner_cancel() does not reach it; lk_shutdown() does.
 * Ordering    as lk_acquire().
 * Returns     0; LK_E_INVAL (also without a lease, and if `cap` is less than LK_TOKEN_MAX); LK_E_NAME; LK_E_BUSY;
 *             LK_E_TIMEDOUT; LK_E_LIMIT: more than 30 levels, with a store; LK_E_NOMEM; LK_E_CLOSED; LK_E_FORKED;
 *             LK_E_UNSUPPORTED: another option, or a store without a clock; what the store says.  Nothing is held then,
 *             but after LK_E_UNKNOWN perhaps for the time of the lease.
 * Units       nanoseconds.
 */
LK_API LK_NODISCARD int lk_detach(struct lk_manager *m, const char *name, lk_mode mode,
				  const struct lk_options *o, char *token, size_t cap);
LK_API LK_NODISCARD int lk_detach_bytes(struct lk_manager *m, const void *name, size_t len,
					lk_mode mode, const struct lk_options *o, char *token,
					size_t cap);
LK_API LK_NODISCARD int lk_detach_id(struct lk_manager *m, uint64_t id, lk_mode mode,
				     const struct lk_options *o, char *token, size_t cap);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_DETACH_H */
