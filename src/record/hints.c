/* SPDX-License-Identifier: MIT */
/* Who is to be told what a decision has changed for him: found by comparing what was with what is. */
#include "record/decide.h"

struct hints {
	struct decide_hint *out;
	size_t room;
	size_t n;
	const struct record_id *not_for;
};

static void
hint(struct hints *to, const struct record_id *who, enum decide_news what, lk_mode mode)
{
	if (to->not_for != NULL && record_id_is(who, to->not_for))
		return;
	if (to->n < to->room)
		to->out[to->n] = (struct decide_hint){ *who, what, mode };
	to->n++;
}

/* Was this hold there before?  NULL: no. */
static const struct record_holder *
as_it_was(const struct record *old, const struct record_holder *h)
{
	const struct record_holder *was = old != NULL ? record_holder_of(old, &h->who) : NULL;

	return was != NULL && was->born == h->born ? was : NULL;
}

static bool
was_waiting(const struct record *old, const struct record_holder *h)
{
	const struct record_waiter *w = old != NULL ? record_waiter_of(old, &h->who) : NULL;

	return w != NULL && w->request == h->request;
}

/* More than it was, in mode, units or urgency? */
static bool
demands_more(const struct record_demand *was, const struct record_demand *is)
{
	return is->n > 0 && (was->n == 0 || !mode_covers(was->mode, is->mode) ||
			     is->units > was->units || is->priority > was->priority);
}

static void
hint_holder(struct hints *to, const struct record *old, const struct record *fresh,
	    const struct record_holder *h)
{
	const struct record_holder *was = as_it_was(old, h);
	const struct record_demand none = { .mode = LK_NL };
	const struct record_demand before =
		was != NULL && was->mode == h->mode ? record_demand_on(old, was) : none;
	const struct record_demand now = record_demand_on(fresh, h);

	if (was_waiting(old, h) && record_waiter_of(fresh, &h->who) == NULL)
		hint(to, &h->who, NEWS_GRANTED, (lk_mode)h->mode);
	if (demands_more(&before, &now))
		hint(to, &h->who, NEWS_BLOCKS, now.mode);
}

size_t
decide_hints(const struct record *old, const struct record *fresh, const struct record_id *who,
	     struct decide_hint *out, size_t room)
{
	struct hints to = { out, room, 0, who };

	for (unsigned i = 0; i < fresh->n_holders; i++) {
		const struct record_holder *h = &fresh->holder[i];

		if ((h->flags & HOLDER_KEPT) == 0)
			hint_holder(&to, old, fresh, h);
	}
	for (unsigned i = 0; i < fresh->n_endings; i++) {
		const struct record_ending *e = &fresh->ending[i];
		const struct record_holder *was =
			old != NULL ? record_holder_of(old, &e->who) : NULL;

		if (was != NULL && was->born == e->born)
			hint(&to, &e->who, NEWS_ENDED, (lk_mode)e->mode);
	}
	return to.n;
}
