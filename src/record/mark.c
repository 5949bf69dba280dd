/* SPDX-License-Identifier: MIT */
/* The mark that a writer leaves who did not end well, as a hold that has to tell it gets weaker, or ends.  (DE7) */
#include "record/inside.h"

/*
 * What is not with the hold cannot be told on: so when all of it is done again, as no answer came, the mark that went
 * to somebody else is not made anew (DE6).
 */
static bool
is_untold(const struct decision *d, const struct record_holder *h)
{
	const bool told = (h->flags & HOLDER_TOLD) != 0;

	if ((d->q->flags & DECIDE_UNTOLD) != 0)
		return told || mode_writes((lk_mode)h->mode);
	return told && (d->q->flags & DECIDE_UNHEARD) != 0;
}

void
mark_leave(struct decision *d, struct record_holder *h, lk_mode left)
{
	const bool untold = is_untold(d, h);

	h->flags &= (uint8_t)~HOLDER_TOLD;
	if (untold && mode_writes(left)) {
		h->flags |= HOLDER_TOLD;
	} else if (untold) {
		d->r->is_orphaned = 1;
	}
}

void
mark_take(struct decision *d)
{
	struct record_holder *h = record_holder_of(d->r, &d->q->who);

	if (!d->r->is_orphaned || h == NULL)
		return;
	h->flags |= HOLDER_TOLD;
	h->request =
		d->q->request; /* or it would be told already when this is decided again (DE6) */
	d->r->is_orphaned = 0;
}
