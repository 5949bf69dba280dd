/* SPDX-License-Identifier: MIT */
/* One step from one owner's part of a word to another's.  (TR1-TR4) */
#include "wait/resplit.h"
#include "wait/inside.h"

static bool
changes(const struct resplit_part *p)
{
	return p->from != p->to;
}

/* What of a part's beginning is in the word. */
static lk_mode
in_word(const struct resplit_part *p)
{
	return p->seat == NULL ? p->from : LK_NL;
}

/* The word without what both had that goes, and with what is left of the first. */
static uint64_t
without_taken(const struct resplit *s, uint64_t w)
{
	if (s->gives.seat == NULL)
		w = word_change(w, s->gives.from, s->gives.to);
	return changes(&s->takes) ? word_without(w, in_word(&s->takes)) : w;
}

/* Does the word get no more holds than it had?  Then no count that was not full gets so. */
static bool
is_only_moved(const struct resplit *s)
{
	return s->gives.to == LK_NL && s->gives.seat == NULL && s->takes.seat == NULL;
}

/* `others`: the word without what is taken.  What is in slots goes with both, so it goes with this. */
static enum line_outcome
judge(const struct resplit *s, uint64_t others)
{
	const lk_mode to = s->takes.to;

	if (!changes(&s->takes) || s->undoes)
		return LINE_GRANTED;
	if ((others & word_modes.conflict[to]) != 0)
		return LINE_BUSY;
	return (others & word_modes.guard[to]) != 0 && !is_only_moved(s) ? LINE_LIMIT
									 : LINE_GRANTED;
}

/* The word says so: out of the slots.  (TR3) */
static void
leave_seats(const struct resplit *s, struct plan *plan)
{
	const struct resplit_part *g = &s->gives;
	const struct resplit_part *t = &s->takes;

	if (g->seat != NULL && changes(g))
		shim_sub(g->seat, word_modes.add[g->from] - word_add(g->to), SHIM_SEQ_CST);
	if (t->seat != NULL && changes(t))
		shim_sub(t->seat, word_modes.add[t->from], SHIM_SEQ_CST);
	plan->more |= (g->seat != NULL && changes(g)) || (t->seat != NULL && changes(t));
}

/* Under the latch: the word becomes `next`, and its line is planned with it.  (TR2) */
static bool
change_word(struct lot *l, struct lot_bucket *b, struct lk_resource *r, uint64_t w, uint64_t next,
	    struct plan *plan)
{
	if (next == w)
		return true;
	if ((w & WORD_WAITERS) != 0)
		return plan_try(plan, l, b, r, w, next);
	return shim_cas(&r->word, &w, next, SHIM_ACQ_REL);
}

enum line_outcome
line_resplit(struct lot *l, const struct resplit *s, const struct line_tally *t)
{
	struct lot_bucket *b = lot_bucket_of(l, s->r);
	struct plan plan = PLAN_INIT;
	enum line_outcome outcome;
	bool done = false;

	if (!changes(&s->gives) && !changes(&s->takes))
		return LINE_GRANTED;
	latch_lock(&b->latch);
	do {
		const uint64_t w = shim_load(&s->r->word, SHIM_ACQUIRE);
		const uint64_t others = without_taken(s, w);

		outcome = judge(s, others);
		if (outcome != LINE_GRANTED)
			break;
		done = change_word(l, b, s->r, w,
				   changes(&s->takes) ? others + word_modes.add[s->takes.to]
						      : others,
				   &plan);
	} while (!done);
	if (outcome == LINE_GRANTED)
		leave_seats(s, &plan);
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, s->r, t);
	return outcome;
}
