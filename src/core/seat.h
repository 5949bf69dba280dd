/* SPDX-License-Identifier: MIT */
/*
 * Where a hold is counted: in the word, or, of a name that is spread, in the slot of its owner
 * (word/spread.h); and when a name becomes spread.
 *
 * A name is spread once somebody has lost so many compare-and-swaps on its word to others whose modes
 * it could have shared, and not seldom: owners note that for the few names where it happened last.
 *
 * Below a name that is spread this would be too late.  Whoever works there takes one of many tables each time, so two of them
 * seldom want the same one at the same instant, though nearly always another processor had its word last.  The name above
 * says that there are several; so to meet another's hold below it, once, is as good as all those attempts.  As it says little of
 * that one table, names are spread early only while there are few (SPREAD_EARLY).
 */
#ifndef LK_CORE_SEAT_H
#define LK_CORE_SEAT_H

#include "core/request.h"

/* `w`, which now has `r` in `mode`, lost so many attempts before. */
void seat_note_lost(struct lk_owner *w, struct lk_resource *r, lk_mode mode, uint32_t lost);

/* `w`, which now has `r` in its word in `mode`, met others there; the name above is spread. */
void seat_note_met(struct lk_owner *w, struct lk_resource *r, lk_mode mode);

LK_HOT a64 *
seat_of(const struct lk_owner *w, const struct lk_resource *r)
{
	return spread_seat(&w->manager->spread, shim_load(&r->spread, SHIM_RELAXED), w->seat);
}

/*
 * The same by the owner whose call it is.  From `r` to a slot it is three loads, each of which waits for the one before, and all for
 * the locked instruction before them; what is remembered is one, that waits for nothing.  (C8)
 */
LK_HOT a64 *
seat_near(struct lk_owner *w, const struct lk_resource *r)
{
	if (unlikely(w->near.r != r))
		w->near = (struct near){ r, seat_of(w, r) };
	return w->near.seat;
}

/* Weaken what is counted there, and see to those who wait. */
LK_HOT void
seat_weaken(struct lk_owner *w, struct lk_resource *r, lk_mode from, lk_mode to)
{
	if (unlikely(!seat_leave(seat_of(w, r), &r->word, from, to)))
		pass_to_waiters(w, r, from);
}

/*
 * Change what is counted in the owner's slot, if the name is spread and `to` is of its family; `from`
 * LK_NL: begin.  False: nothing was changed.
 */
LK_HOT bool
seat_try(struct lk_owner *w, struct lk_resource *r, lk_mode from, lk_mode to)
{
	if (!seat_open(shim_load(&r->word, SHIM_ACQUIRE), to))
		return false;
	if (likely(seat_enter(seat_of(w, r), &r->word, from, to)))
		return true;
	seat_weaken(w, r, to, from);
	return false;
}

#endif /* LK_CORE_SEAT_H */
