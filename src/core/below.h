/* SPDX-License-Identifier: MIT */
/*
 * The plain way of a lock below others: of a plain owner, in a mode as such (no LK_PARENTS), when nothing
 * above covers it and nobody is in the way.  What is not that simple goes the way of acquire_below() and
 * release_counted(), to the same end.
 *
 *   db/orders/42 in S     db: IS     db/orders: IS     42: S     is 42 still that name?     four slots
 *   db/orders/43 in S     a count more on both         43: S     is 43 still that name?     one slot
 *
 * R7  Whoever makes holds on the ancestors of an entry, none of them pinned, reads `parent` from the lowest
 *     entry up, after its ident, and compares that ident again when all holds are made.  If it did not
 *     change, the lowest was not retired meanwhile, so each had the one above it pinned (R6), and all holds
 *     are on what was meant.  If it did, all go back like any other (R3).
 */
#ifndef LK_CORE_BELOW_H
#define LK_CORE_BELOW_H

#include "core/acquire.h"

/*
 * What a grant needs on the holds above it, by its mode: bits that the head of an intent has then, and one count of it.  An
 * intent is in IS or in IX, and IX is enough for all.  (mode_intent)
 */
struct needs {
	uint64_t head;
	uint64_t one;
	uint64_t
		ends; /* of HEAD_ENDS, the bits of an intent that needs no more than that count, … */
	lk_mode intent; /* … and its mode */
};

#define HEAD_ENDS (HEAD_INTENT | HEAD_MODES_MASK)

extern LK_HIDDEN const struct needs below_needs[8];

_Static_assert((LK_IS & LK_IX) == 0, "a bit tells them apart");

/* Of `above`, the bit that is set if it is unknown, and not in a hold above which all are in the first slots. */
#define HEAD_FAR (UINT64_C(1) << (ABOVE_SHIFT + ABOVE_BITS - 1))

_Static_assert(SLOTS_INLINE < 1 << (ABOVE_BITS - 1), "none of the first slots is far");

/* For who goes up a chain of holds: `above` in bytes, which are in a head but for a shift, so that its address is near. */
LK_HOT size_t
step_of(uint32_t above)
{
	return above * sizeof(struct hold);
}

LK_HOT size_t
step_up(uint64_t head)
{
	return (size_t)head_above(head) * sizeof(struct hold);
}

LK_HOT struct hold *
step_at(struct holds *h, size_t step)
{
	return (struct hold *)((char *)h->first + step - sizeof(struct hold));
}

/* Is it an intent that is enough, with all above it in the first slots? */
LK_HOT bool
is_step(uint64_t head, const struct needs *need)
{
	const uint64_t bits = need->head | HEAD_FAR;

	return ((head ^ HEAD_FAR) & bits) == bits;
}

/*
 * One count more on the hold at `step`, of which `head` is a step, and on all above it, if each is.  None of their entries is
 * looked at, as others write there all the time.  False: those up to the first that is none were counted.
 */
LK_HOT bool
count_chain(struct holds *h, size_t step, uint64_t head, const struct needs *need)
{
	const uint64_t one = need->one;

	for (;;) {
		struct hold *s = step_at(h, step);

		shim_store(&s->fence, shim_load(&s->fence, SHIM_RELAXED) + one, SHIM_RELEASE);
		step = step_up(head);
		if (step == 0)
			return true;
		head = shim_load(&step_at(h, step)->head, SHIM_RELAXED);
		if (unlikely(!is_step(head, need)))
			return false;
	}
}

/* What it counted from the rung up before it returned false, goes back: it ended where this ends. */
void uncount_chain(struct holds *h, lk_mode mode);

/* The counts from the rung up go back, and what was taken of the leaf (LK_NL: nothing), which may be another name's by now.  (R3) */
void below_give_up(struct lk_owner *w, struct lk_resource *r, lk_mode mode, lk_mode taken);

/* The leaf's slot, below the hold in slot `above` - 1. */
LK_HOT enum plain
write_leaf(struct lk_owner *w, struct lk_resource *r, lk_mode mode, uint64_t seat, uint32_t above,
	   uint32_t few, lk_grant *out)
{
	lk_grant g;

	if (unlikely(has_died(r)) && seat == 0)
		return PLAIN_DIED;
	g = grant_write_few(w, r, mode, HEAD_PATH | seat | (uint64_t)above << ABOVE_SHIFT,
			    few_first(few), few & (few - 1));
	if (out != NULL)
		*out = g;
	return PLAIN_DONE;
}

/* Does this owner hold it, or somebody in a mode that is in the way? */
bool below_is_held(const struct lk_owner *w, const struct lk_resource *r, uint64_t word,
		   lk_mode mode);

/*
 * Is the leaf free for a mode, and not this owner's yet?  So it is if nobody holds it, nor has it pinned, as for an implied
 * hold: then no slot is looked at.
 */
LK_HOT bool
leaf_is_free(const struct lk_owner *w, const struct glimpse *g, lk_mode mode)
{
	return (likely(word_blank(g->word)) && likely(shim_load(&g->r->pins, SHIM_RELAXED) == 0)) ||
	       !below_is_held(w, g->r, g->word, mode);
}

/*
 * What was glimpsed, an entry with ancestors, if all of them are held for what is below them, the nearest in the slot
 * that the last leaf was below.  PLAIN_NOT: so they are not, or the leaf is not to be had.
 */
LK_HOT enum plain
below_take(struct lk_owner *w, const struct glimpse *g, lk_mode mode, uint32_t few, lk_grant *out)
{
	const struct needs *need = &below_needs[mode];
	const size_t step = step_of(w->holds.rung);
	const struct hold *rung = step_at(&w->holds, step);
	const uint64_t head = shim_load(&rung->head, SHIM_RELAXED);
	uint32_t lost = 0;

	if (!is_step(head, need) ||
	    unlikely(shim_load(&rung->resource, SHIM_RELAXED) != resource_parent(g->r)) ||
	    unlikely(!leaf_is_free(w, g, mode)))
		return PLAIN_NOT;
	if (unlikely(!count_chain(&w->holds, step, head, need))) {
		uncount_chain(&w->holds, mode);
		return PLAIN_NOT;
	}
	if (unlikely(!take_glimpsed(g, mode, &lost))) {
		below_give_up(w, g->r, mode, LK_NL);
		return PLAIN_NOT;
	}
	if (unlikely(!glimpse_confirmed(g))) { /* (R3) */
		below_give_up(w, g->r, mode, mode);
		return PLAIN_NOT;
	}
	if (unlikely(lost != 0))
		seat_note_lost(w, g->r, mode, lost);
	return write_leaf(w, g->r, mode, 0, w->holds.rung, few, out);
}

/*
 * The whole of a quick acquire of an entry with ancestors, which had the name under `ident`, by an owner that is plain and was
 * entered.  What was asked for stays in registers, for the case that it has to be begun again: from the `bytes` of the
 * name, or, if they are NULL, as by the caller's handle.
 */
int below_acquire(struct lk_owner *w, struct lk_resource *r, uint64_t ident, const void *bytes,
		  uint64_t asked, lk_grant *out);

/* The same of an owner that holds nothing: the compiler leaves out what looks for holds. */
int below_begin(struct lk_owner *w, struct lk_resource *r, uint64_t ident, const void *bytes,
		uint64_t asked, lk_grant *out);

/* The same if below_take() did not take it: any number of ancestors is held, from none to all. */
int below_climb(struct lk_owner *w, struct lk_resource *r, uint64_t ident, const void *bytes,
		uint64_t asked, lk_grant *out);

/* lk_release() of `g`, which is said to be in slot `s`, one of the first, on a path, with this head. */
int below_release(struct lk_owner *w, lk_grant g, struct hold *s, uint64_t head, uint32_t few);

#endif /* LK_CORE_BELOW_H */
