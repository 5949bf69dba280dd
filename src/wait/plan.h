/* SPDX-License-Identifier: MIT */
/*
 * Plan: what becomes of one line, decided and carried out under its latch.  (Q2, Q6, Q8, Q9)
 *
 * The word and the line go in, a new word and a choice of waiters come out; if the word is still
 * what it was, the new one takes its place and the chosen are granted, all in one step for everybody
 * else.  Whom to wake is remembered until the latch is open.
 */
#ifndef LK_WAIT_PLAN_H
#define LK_WAIT_PLAN_H

#include "wait/line.h"

enum { PLAN_MAX = 32 };

struct plan {
	struct parker *wake[PLAN_MAX];
	unsigned n_wake;
	unsigned n_granted;
	bool more; /* there may be more to grant than fitted */
	bool ripe; /* a part of a composite fits in this line (K2) */
};

#define PLAN_INIT                                                         \
	{                                                                 \
		.n_wake = 0, .n_granted = 0, .more = false, .ripe = false \
	}

LK_HOT bool
plan_full(const struct plan *p)
{
	return p->n_wake == PLAN_MAX;
}

LK_HOT void
plan_add_wake(struct plan *p, struct parker *parker)
{
	p->wake[p->n_wake++] = parker;
}

/* What others than `q` hold, the word being `w`.  (C3) */
struct others {
	uint64_t word;
	uint64_t slots;
};

struct others plan_others(const struct lot *l, const struct waiter *q, uint64_t w);

LK_HOT bool
others_admit(struct others o, lk_mode want)
{
	return ((o.word | o.slots) & word_modes.conflict[want]) == 0 &&
	       (o.word & (word_modes.guard[want] | WORD_FREEZE)) == 0;
}

/* Is it only the limit that stands in the way? */
LK_HOT bool
others_at_limit(struct others o, lk_mode want)
{
	return ((o.word | o.slots) & word_modes.conflict[want]) == 0 &&
	       (o.word & word_modes.guard[want]) != 0;
}

/* What of `q` is counted in the word. */
LK_HOT lk_mode
waiter_in_word(const struct waiter *q)
{
	return q->seat == NULL ? q->held : LK_NL;
}

/* What `q` has in a slot goes: it was granted what it wants in the word.  (C5) */
void plan_unseat(struct plan *p, const struct waiter *q);

/*
 * Plan the line of `r` for the word `base`, which is `w` after the caller's own change, and carry it
 * out if the word is still `w`.  False: it is not; nothing changed.
 */
bool plan_try(struct plan *p, struct lot *l, struct lot_bucket *b, struct lk_resource *r,
	      uint64_t w, uint64_t base);

/* Wake those it granted or told, without the latch.  `t` may be NULL.  (Q9) */
void plan_wake(struct plan *p, const struct env *e, const struct line_tally *t);

/*
 * Once the latch is open: wake, and as long as there was more than fitted, take the latch and go on; then
 * try the composites of which a part fits (K2).
 * `r` may be another name's by then: no waiter of ours is left in its line, and nothing changes.
 */
void plan_finish(struct plan *p, struct lot *l, struct lot_bucket *b, struct lk_resource *r,
		 const struct line_tally *t);

#endif /* LK_WAIT_PLAN_H */
