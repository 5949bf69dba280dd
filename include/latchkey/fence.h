/* SPDX-License-Identifier: MIT */
/* Fences: numbers by which a resource knows a writer that comes late. */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_FENCE_H
#define LATCHKEY_FENCE_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * lk_fence - the fencing token of a grant.
 *
 * Every time an owner comes to hold a name in U, SIX or X where before it did not, the name's
 * fence grows.  A later fence of the same name is larger, also when the name was out of use
 * or the manager opened anew (as long as the wall clock did not go back in between).
 * Downgrading keeps the fence.
 *
 * Through a store the fence of an implied grant (LK_IMPLIED) is fetched when it is first asked for, here or by
 * lk_token(): ask before writing.  What implies it is looked for in the store after that, so a lock that was lost,
 * whether this process knows it or not, gets no number above those of who has it next.
 *
 * Threads     as all calls with the owner.
 * Blocking    no; but to fetch one for a few steps of the store, and up to two seconds if another process keeps the name.
 * Returns     the token; for a grant that never was write-capable on a name held in S, the
 *             latest token given out (for reading only); 0 for what never was more than an
 *             intent, or a stale grant; and where it could not be fetched: the store does not answer
 *             (lk_store_error()), or what implies it is lost (lk_check()).
 */
LK_API uint64_t lk_fence(struct lk_owner *w, lk_grant g);

/*
 * lk_fence_pass - guard a resource that checks tokens: is `fence` at least the highest that
 * ever passed here for this name?
 *
 * The tokens may come from this manager or from anywhere.  One small record is kept for every
 * name that ever passed, until the manager closes; a name that passed before needs no memory.
 *
 * Threads     any.
 * Returns     0: passed, and lower ones are refused from now on; LK_E_STALE: a larger one has
 *             passed before; LK_E_NAME, LK_E_NOMEM.
 */
LK_API LK_NODISCARD int lk_fence_pass(struct lk_manager *m, const void *name, size_t len,
				      uint64_t fence);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_FENCE_H */
