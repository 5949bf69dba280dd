/* SPDX-License-Identifier: MIT */
/*
 * Notices to owners: told with nothing latched, and never after the owner's close has returned.
 *
 * A1  a notice is begun under the owner's latch, while the owner is open; a close that has the latch sees to it that
 *     none is begun any more, and then waits for those that are being told.  It does not wait for one that its
 *     own thread is telling: that is a close from inside the callback.
 */
#ifndef LK_CORE_NOTICES_H
#define LK_CORE_NOTICES_H

#include "core/manager.h"

/* A notice that is being told: in the frame of the thread that does it. */
struct telling {
	struct telling *next;
	struct thread by;
};

/* From the options of an owner that was just opened. */
void notices_begin(struct lk_owner *w, const struct lk_owner_options *o);

/* Is there anybody to tell? */
LK_HOT bool
notices_wanted(const struct lk_owner *w)
{
	return (w->flags & OWNER_TELLS) != 0;
}

/* One of `kind` about the grant `g` on `r`, which cannot go away now: the rest of it is the caller's. */
void notice_is(struct lk_notice *n, struct lk_owner *w, enum lk_kind kind, lk_grant g,
	       const struct lk_resource *r);

/* Tell it.  With the owner's latch, which is open meanwhile. */
void notice_tell(struct lk_owner *w, const struct lk_notice *n);

/* Without the latch, when none can begin: until all have been told.  (A1) */
void notices_end(struct lk_owner *w);

#endif /* LK_CORE_NOTICES_H */
