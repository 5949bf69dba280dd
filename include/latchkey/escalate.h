/* SPDX-License-Identifier: MIT */
/*
 * Escalation: one lock on an ancestor in place of many below it; and the way back.
 *
 * An owner that locks thousands of rows holds thousands of words.  With lk_config.escalate_after, once it
 * holds more names below an ancestor than that, each by a lock of its own, the library tries to hold the ancestor in
 * what covers them: without waiting, at the end of the call that took the last of them.
 *
 *   it works     the grants become *implied* (LK_IMPLIED): the same values, in the same modes, released in
 *                any order; but counted on the ancestor, and what is acquired below it later costs no word.
 *                When the last of them is released the ancestor falls to what its own grants need.
 *   it does not  all is as before.  The next attempt comes after a quarter of the threshold of further locks.
 *
 *   what         S, if all of them are in S or IS.  Else X; but if those in S and IS alone are more than the
 *                threshold, and the others are not, the ancestor is held in S beside its IX, that is in SIX, and
 *                the others stay locks of their own.  If X is not to be had, and that would help, it is tried too.
 *   where        the nearest ancestor first; then those above, each by its own count, to which an ancestor that
 *                covers what is below counts as one.
 *   what stays   grants with LK_PARENTS; with leases, if there is lk_config.lock_delay_ns, or if they
 *                imply others; those that a submitted request needs; what lies below a barrier.  A lease goes on
 *                as before: when it ends, its grant alone is lost.
 *
 * What an escalation costs others: they cannot lock what this owner has not locked below that ancestor, until the grants
 * are released.  What it costs the owner: to convert a grant that it covers, to more than it covers, needs more on the
 * ancestor too.
 * Source: escalation as in System R (Gray et al. 1976) and SQL Server, whose second attempt comes after a quarter, too.
 */
#include <latchkey.h> /* all parts, in their order, whichever is asked for first */

#ifndef LATCHKEY_ESCALATE_H
#define LATCHKEY_ESCALATE_H

#ifdef __cplusplus
extern "C" {
#endif

/* What lk_config.on_escalate is asked about.  `name` and the label end with the call. */
struct lk_escalation {
	uint32_t size;
	uint32_t reserved;
	uint64_t owner_id; /* as in lk_snapshot() */
	const char *owner_label;
	const void *name; /* of the ancestor */
	size_t name_len;
	lk_mode held;    /* what the owner holds there now */
	lk_mode mode;    /* … and would hold */
	uint32_t locks;  /* names below it that it would hold no lock of their own on any more */
	uint32_t grants; /* … and its grants on them */
};

/*
 * lk_config.on_escalate - a barrier: asked before each attempt.
 *
 * Non-zero: not there.  What is below that name stays as it is, and takes no part in an escalation to a name further up
 * either, until it is asked again, after a quarter of the threshold of further locks.
 *
 * Ownership   `escalation` is the library's, and ends with the call.
 * Threads     that of the owner, in the middle of its call, with nothing latched.  It may call Latchkey with other
 *             owners, but not with this one (lk_owner_cancel() excepted), nor lk_shutdown() or lk_close().
 *             It must return: no longjmp(), no exception.  Meanwhile the thread cannot be cancelled.
 * Blocking    it should be quick, and not wait for anybody.
 */

/*
 * lk_deescalate - the way back: what is implied below `name` is locked by itself again, and then the owner's
 * hold on `name` falls to what its own grants there, and the intents of what is below, need.
 *
 * Whatever covered it: an escalation, or a grant on `name`, which stays.  The next attempt to escalate to `name`, or to
 * what is above it, comes after a quarter of the threshold of further locks.
 *
 * Ownership   grants and their values stay.
 * Threads     one call at a time per owner.
 * Blocking    no: what covers a name keeps away whoever could be in the way there, and those who wait for it
 *             wait for this owner anyway.  It takes memory only if it must make holds on names in between.
 * Ordering    nothing: what is held before is held after, and at every moment between.
 * Returns     how many grants are locks of their own again: 0 or more.  Otherwise nothing has changed, and the value is:
 *             LK_E_STALE      `w` holds nothing on that name
 *             LK_E_LIMIT      as many as can hold one of the names in S (2^13) do
 *             LK_E_BUSY       rarely: a thread was stopped inside the library
 *             LK_E_NAME, LK_E_CLOSED, LK_E_NOMEM
 */
LK_API LK_NODISCARD int lk_deescalate(struct lk_owner *w, const void *name, size_t len);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_ESCALATE_H */
