/* SPDX-License-Identifier: MIT */
/*
 * Escalation: many locks below an ancestor become one lock on it, and what they were becomes implied.
 *
 *   db/t: IX, 17 counts     db/t/1: X … db/t/17: X      the 17th is more than escalate_after
 *   db/t: X, by 17 counts   17 implied grants           in one step for others: the ancestor first
 *
 * ES1  it is tried at the end of a call that has done what it was asked for: what a call may still undo is
 *      not touched, and what is put back by a failing call (H10) was not escalated in it.
 * ES2  whoever counts one more on an ancestor, for a hold in its word, looks whether there may be too many
 *      (escalate_note), and does no more than to note it.  After the first look at all slots the hold is PACED: not
 *      before so many further counts is there another, nor could there be too many before.
 * ES3  the ancestor is in its word in the mode that covers, before any hold below is given up in its own, and until the
 *      last is: so what was protected is, at every moment.  It is had without waiting, or not at all, and no other request of the owner's
 *      is disturbed for its sake.
 * ES4  all memory that it takes is there before the ancestor is made stronger.  After that nothing fails.
 * ES5  a hold becomes implied only if nothing is counted on it, none of its grants has LK_PARENTS or units, and it does not cover
 *      by a lease; what it covers itself is moved to the ancestor before.
 * ES6  what an escalation made implied, or what is implied by counts on the cover and by none of its grants, is
 *      ESCALATED: it does not depend on the cover's own grants, and is not lost with them.
 * ES7  who holds a cover has nobody in his way below it (M3): so what is implied is made real without waiting, past
 *      all who stand in its line (Q11), the cover being what it was until the last is.
 */
#ifndef LK_CORE_ESCALATE_H
#define LK_CORE_ESCALATE_H

#include "core/grant.h"

/* So many locks below one hold of the owner's are not too many; LK_OFF: none are. */
LK_HOT uint64_t
escalate_after(const struct lk_owner *w)
{
	if ((w->flags & OWNER_ESCALATES) != 0)
		return w->escalate_after;
	return shim_load(&w->manager->escalate_after, SHIM_RELAXED);
}

/* One was counted on a hold that is an INTENT, or has the extra `e`.  (ES2) */
LK_HOT void
escalate_note_intent(struct lk_owner *w, uint64_t counts)
{
	if (unlikely((counts >> 32) + (uint32_t)counts > escalate_after(w)))
		w->may_escalate = true;
}

LK_HOT void
escalate_note(struct lk_owner *w, struct extra *e)
{
	if ((e->flags & EXTRA_PACED) == 0)
		w->may_escalate |= e->n_below > escalate_after(w);
	else if (e->escalate_in == 0 || --e->escalate_in == 0)
		w->may_escalate = true;
}

/* In a call of the owner, which was successful: try it where there are too many.  (ES1) */
void escalate_slowly(struct lk_owner *w);

LK_HOT void
escalate(struct lk_owner *w)
{
	if (unlikely(w->may_escalate))
		escalate_slowly(w);
}

/* The hold in `slot`, and all above it, are not looked at for a while. */
void escalate_pause(struct lk_owner *w, uint32_t slot);

#endif /* LK_CORE_ESCALATE_H */
