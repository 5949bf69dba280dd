/* SPDX-License-Identifier: MIT */
/*
 * Where a hold is counted: in the word, or, of a name that is spread, in the slot of its owner
 * (word/spread.h); and when a name becomes spread.
 *
 * A name is spread once somebody has lost so many compare-and-swaps on its word to others whose modes
 * it could have shared, and not seldom: owners note that for the few names where it happened last.
 */
#ifndef LK_CORE_SEAT_H
#define LK_CORE_SEAT_H

#include "core/request.h"

/* `w`, which now has `r` in `mode`, lost so many attempts before. */
void seat_note_lost(struct lk_owner *w, struct lk_resource *r, lk_mode mode, uint32_t lost);

LK_HOT a64 *
seat_of(const struct lk_owner *w, const struct lk_resource *r)
{
	return spread_seat(&w->manager->spread, shim_load(&r->spread, SHIM_RELAXED), w->seat);
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
