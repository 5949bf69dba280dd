/* SPDX-License-Identifier: MIT */
/*
 * Grants that change hands, and locks that change names, without a gap.
 */
#include <latchkey.h> /* all parts, in their order, whichever is asked for first */

#ifndef LATCHKEY_TRANSFER_H
#define LATCHKEY_TRANSFER_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * lk_transfer - give a grant to another owner of the same manager.
 *
 * In one step for everybody else: the name, and its ancestors, are held all the time as they were, and nobody gets in
 * between.  Its fence stays what it is (if `to` has the name already, its hold there goes on with the larger of both), and so do
 * mode, tag, lease and its end, LK_RENEW, LK_PARENTS, LK_OWNER_DIED and the time since when it is held.  What `w` has besides, on
 * that name too, stays its own.  (Of the ancestors of a grant with LK_PARENTS that writes, `to` gets fences of its own.)
 *
 * Ownership   from then on `g` is LK_E_STALE, and `*out` (may be NULL) is the same grant as a grant of `to`.  If `to` is `w`,
 *             `g` stays what it is, and `*out` is that.
 * Threads     the caller acts for `w`.  For `to` the caller acts as well, or it was opened with LK_OWNER_SHARED: then
 *             any thread may hand it grants, also while its own is in a call with it, but for a call that waits.  A shared
 *             owner pays for that with a latch of its own in each call.
 * Blocking    no (short internal latches).
 * Ordering    what was done before it happens-before what is done for `to` with the grant.
 * Returns     0.  Otherwise nothing changed, but that requests which `to` has submitted may have lost their place in a line:
 *             LK_E_STALE   `w` does not hold `g`, or `to` is closed.
 *             LK_E_LOST    its lease is over.
 *             LK_E_BUSY    what `w` has left there (by other grants on that name, by grants below it, by what it has
 *                          submitted) would be in the way of `to`; or `to` is in a call that waits, or runs code of the
 *                          program; or `w` has submitted a conversion of `g`; or an implied grant of `to` on the way
 *                          cannot come to be one of its own at once.
 *             LK_E_UNSUPPORTED   `g` is implied: it goes with what implies it; or one of the two is in a family (family.h).
 *             LK_E_INVAL   `to` is of another manager.
 *             LK_E_LIMIT (too many holders, or grants of `to` on the name), LK_E_NOMEM, LK_E_CLOSED.
 */
LK_API LK_NODISCARD int lk_transfer(struct lk_owner *w, lk_grant g, struct lk_owner *to,
				    lk_grant *out);

/*
 * lk_move - move a lock to another name: acquire that one in the mode of `g`, then release `g`, in one call.
 *
 * It waits for the new name as lk_acquire() does, with what `o` says, and is refused as that is; `g` is held all
 * the while.  The new grant is one of its own: its fence is the new name's; lease, tag and flags are those of `o`, not those of
 * `g`.  A name below the old one is implied by it, so that the old one stays held for it, as after any such release.
 *
 * Ownership   on success `g` is LK_E_STALE, and `*out` (may be NULL) the new grant.
 * Threads     as all calls with `w`.  If that is shared, no other call with it sees one without the other, but code of the
 *             program that runs in this one (a hook, a condition).
 * Blocking    as lk_acquire().
 * Ordering    as lk_acquire(), then lk_release().
 * Returns     0; LK_E_STALE, LK_E_LOST (of `g`, also if it was lost in the wait: then nothing is held of the new name); or
 *             what lk_acquire() returns, and `g` is held as before; LK_E_UNSUPPORTED: `w` is in a family (family.h).
 */
LK_API LK_NODISCARD int lk_move(struct lk_owner *w, lk_grant g, const void *name, size_t len,
				const struct lk_options *o, lk_grant *out);
LK_API LK_NODISCARD int lk_move_id(struct lk_owner *w, lk_grant g, uint64_t id,
				   const struct lk_options *o, lk_grant *out);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_TRANSFER_H */
