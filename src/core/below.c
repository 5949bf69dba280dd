/* SPDX-License-Identifier: MIT */
/*
 * The plain way of a lock below others, and of its release.  (R7, H6, H12)
 *
 * below_acquire() and below_release() are what a transaction does all the time.  They call nothing that they come
 * back from, so they need no frame; what they meet that is out of the ordinary is gone on with elsewhere.
 */
#include "core/below.h"
#include "core/ancestors.h"
#include "core/release.h"

enum { RUNGS = 4 }; /* so many ancestors are made at once */

/* Ancestors that the owner does not hold, from the leaf up, and what it needs on them. */
struct ladder {
	lk_mode need;
	uint32_t n;
	uint32_t seated; /* bit i: missing[i] is counted in the owner's slot (C5) */
	struct lk_resource *missing[RUNGS];
};

/* Take back what was counted on the holds from slot `above` - 1 up, as far as `end`. */
LK_HOT void
uncount_rungs(struct holds *h, uint32_t above, uint32_t end, lk_mode need)
{
	while (above != end) {
		struct hold *s = &h->first[above - 1];

		above = head_above(shim_load(&s->head, SHIM_RELAXED));
		hold_count_less(s, need, 1);
	}
}

/*
 * One more count in `need`, if that is all that this hold lacks.  False: it is too weak, or not counted
 * yet, or is no intent at all and so may cover what is below.
 */
static bool
count_rung(struct hold *s, uint64_t head, lk_mode need)
{
	const lk_mode effective = head_effective(head);

	if ((head & (HEAD_INTENT | HEAD_COUNTED)) == 0 || (head & HEAD_IMPLIED) != 0 ||
	    head_above(head) == ABOVE_UNKNOWN || (effective != need && effective != LK_IX))
		return false;
	hold_count_more(s, need, 1);
	return true;
}

/* The same for the hold in slot `above` - 1, and for each above it. */
static bool
count_rungs(struct holds *h, uint32_t above, lk_mode need)
{
	for (uint32_t at = above; at != 0;) {
		struct hold *s = &h->first[at - 1];
		const uint64_t head = shim_load(&s->head, SHIM_RELAXED);

		if (unlikely(!count_rung(s, head, need))) {
			uncount_rungs(h, above, at, need);
			return false;
		}
		at = head_above(head);
	}
	return true;
}

/*
 * The ancestors from `above` up to one that is held, of which all that is above it is held too.  Its slot and one;
 * 0: the owner holds none of them; SLOT_NONE: not as simple as that.
 */
LK_HOT uint32_t
climb(const struct holds *h, uint32_t few, struct lk_resource *above, struct ladder *l)
{
	uint32_t room = few & FEW_ALL & (few - 1); /* the lowest is for the leaf */

	l->n = l->seated = 0;
	for (; above != NULL; above = resource_parent(above), room &= room - 1) {
		uint32_t slot = hold_find_few(h, few, above);

		if (slot != SLOT_NONE)
			return slot + 1;
		if (unlikely(room == 0) || unlikely(l->n == RUNGS))
			return SLOT_NONE;
		l->missing[l->n++] = above;
	}
	return 0;
}

LK_HOT bool
is_seated(const struct ladder *l, uint32_t i)
{
	return (l->seated >> i & 1) != 0;
}

/* Holds in words that are written down nowhere go back: those of the ancestors from `from` up. */
static LK_NOINLINE void
put_back(struct lk_owner *w, const struct ladder *l, uint32_t from)
{
	for (uint32_t i = from; i < l->n; i++)
		release_word(w, l->missing[i], l->need, LK_NL, is_seated(l, i));
}

LK_HOT bool
is_below_spread(const struct lk_resource *r)
{
	const struct lk_resource *above = resource_parent(r);

	return above != NULL && (shim_load(&above->word, SHIM_RELAXED) & WORD_SPREAD) != 0;
}

/* Is somebody else counted in the word, where we are in `mode`? */
LK_HOT bool
has_others(const struct lk_resource *r, lk_mode mode)
{
	return (word_without(shim_load(&r->word, SHIM_RELAXED), mode) & WORD_HOLDS) != 0;
}

/* In its word, or in the owner's slot if it is spread. */
LK_HOT bool
take_rung(struct lk_owner *w, struct ladder *l, uint32_t i)
{
	struct lk_resource *r = l->missing[i];
	uint32_t lost = 0;

	if (likely(line_try_take(r, LK_NL, l->need, &lost))) {
		if (unlikely(lost != 0))
			seat_note_lost(w, r, l->need, lost);
		else if (is_below_spread(r) && unlikely(has_others(r, l->need)))
			seat_note_met(w, r, l->need);
		return true;
	}
	if (!seat_try(w, r, LK_NL, l->need))
		return false;
	l->seated |= UINT32_C(1) << i;
	return true;
}

/* From the root down. */
LK_HOT bool
take_missing(struct lk_owner *w, struct ladder *l)
{
	for (uint32_t i = l->n; i > 0; i--) {
		if (unlikely(!take_rung(w, l, i - 1))) {
			put_back(w, l, i);
			return false;
		}
	}
	return true;
}

/* A new hold that is there for what is below it; its slot and one. */
LK_HOT uint32_t
write_rung(struct holds *h, struct lk_resource *r, lk_mode need, uint64_t stamp, uint64_t seat,
	   uint32_t above, uint32_t slot)
{
	const uint64_t flags = HEAD_GONE | HEAD_INTENT | seat | (uint64_t)above << ABOVE_SHIFT;
	struct hold *s = &h->first[slot];

	shim_store(&s->resource, r, SHIM_RELEASE);
	shim_store(&s->fence, intent_one(need), SHIM_RELEASE);
	shim_store(&s->head, head_make(stamp, LK_NL, need, flags), SHIM_RELEASE);
	return slot + 1;
}

/* All of them, from the root down, the first below the hold in slot `above` - 1; the last's slot and one. */
LK_HOT uint32_t
write_rungs(struct lk_owner *w, const struct ladder *l, uint32_t above, uint32_t *few)
{
	uint64_t drawn = shim_load(&w->drawn, SHIM_RELAXED);

	for (uint32_t i = l->n; i > 0; i--, *few &= *few - 1)
		above = write_rung(&w->holds, l->missing[i - 1], l->need, w->stamp_base + drawn++,
				   is_seated(l, i - 1) ? HEAD_SEAT : 0, above, few_first(*few));
	shim_store(&w->count.intents, shim_load(&w->count.intents, SHIM_RELAXED) + l->n,
		   SHIM_RELAXED);
	shim_store(&w->drawn, drawn, SHIM_RELEASE); /* (O5) */
	shim_store(&w->holds.few, *few, SHIM_RELAXED);
	return above;
}

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

/* The leaf, and is it what it was?  A death is told on the long way, if it is in a slot.  False: it is not taken.  `*seat`: HEAD_SEAT, if it is in the slot. */
static bool
take_leaf(struct lk_owner *w, const struct glimpse *g, lk_mode mode, uint64_t *seat)
{
	uint32_t lost = 0;

	*seat = 0;
	if (unlikely(!take_glimpsed(g, mode, &lost))) {
		if (!seat_try(w, g->r, LK_NL, mode))
			return false;
		*seat = HEAD_SEAT;
	}
	if (likely(glimpse_confirmed(g)) && likely(*seat == 0 || !has_died(g->r))) { /* (R7) */
		if (unlikely(lost != 0))
			seat_note_lost(w, g->r, mode, lost);
		return true;
	}
	release_word(w, g->r, mode, LK_NL, *seat != 0);
	return false;
}

/* Any number of ancestors is held, from none, as with the first lock of an owner, to all. */
static LK_NOINLINE enum plain
acquire_with_rungs(struct lk_owner *w, const struct glimpse *g, lk_mode mode, uint32_t few,
		   lk_grant *out)
{
	struct holds *h = &w->holds;
	struct ladder l;
	uint32_t above;
	uint64_t seat;

	l.need = mode_intent(mode);
	if (unlikely((g->word & word_modes.open[mode] & ~WORD_SPREAD) !=
		     0) || /* rather than to give all of it back */
	    unlikely(hold_find_few(h, few, g->r) != SLOT_NONE))
		return PLAIN_NOT;
	above = climb(h, few, resource_parent(g->r), &l);
	if (unlikely(above == SLOT_NONE) ||
	    unlikely(shim_load(&w->drawn_end, SHIM_RELAXED) - shim_load(&w->drawn, SHIM_RELAXED) <=
		     l.n) ||
	    unlikely(!count_rungs(h, above, l.need)))
		return PLAIN_NOT;
	if (likely(take_missing(w, &l))) {
		if (likely(take_leaf(w, g, mode, &seat))) {
			above = write_rungs(w, &l, above, &few);
			h->rung = above - 1;
			return write_leaf(w, g->r, mode, seat, above, few, out);
		}
		put_back(w, &l, 0);
	}
	uncount_rungs(h, above, 0, l.need);
	return PLAIN_NOT;
}

/* The leaf could not be had (`taken` LK_NL), or was another name's by then. */
static LK_NOINLINE enum plain
give_up(struct lk_owner *w, struct lk_resource *r, lk_mode taken, lk_mode need)
{
	uncount_rungs(&w->holds, w->holds.rung + 1, 0, need);
	if (taken != LK_NL)
		release_word(w, r, taken, LK_NL, false);
	return PLAIN_NOT;
}

/* Is `r` in the slot that the last leaf was below? */
LK_HOT bool
is_rung(const struct holds *h, uint32_t few, const struct lk_resource *r)
{
	return (few >> h->rung & 1) == 0 &&
	       shim_load(&h->first[h->rung].resource, SHIM_RELAXED) == r;
}

/* Does nobody hold the leaf, nor have it pinned, as for an implied hold?  So not this owner either. */
LK_HOT bool
is_untouched(const struct glimpse *g)
{
	return word_blank(g->word) && shim_load(&g->r->pins, SHIM_RELAXED) == 0;
}

/*
 * One count more on the holds from the rung up, if each is there for what is below it, in the mode `need`.  None of
 * their entries is looked at, as others write there all the time.  False: nothing was counted.
 */
LK_HOT bool
count_chain(struct holds *h, lk_mode need)
{
	const uint64_t like = HEAD_INTENT | (uint64_t)need << 3;
	const uint32_t above = h->rung + 1;
	uint32_t at = above;

	do {
		struct hold *s = &h->first[at - 1];
		const uint64_t head = shim_load(&s->head, SHIM_RELAXED);

		if (unlikely((head & (HEAD_INTENT | HEAD_MODE_MASK << 3)) != like) ||
		    unlikely(head_above(head) == ABOVE_UNKNOWN)) {
			uncount_rungs(h, above, at, need);
			return false;
		}
		shim_store(&s->fence, shim_load(&s->fence, SHIM_RELAXED) + intent_one(need),
			   SHIM_RELEASE);
		at = head_above(head);
	} while (at != 0);
	return true;
}

/* Is `g` a leaf that nobody holds, below the rung, and was that counted, with all above it? */
LK_HOT bool
count_above(struct lk_owner *w, const struct glimpse *g, lk_mode mode, uint32_t few)
{
	struct holds *h = &w->holds;

	return likely(is_rung(h, few, resource_parent(g->r))) && likely(is_untouched(g)) &&
	       likely(count_chain(h, mode_intent(mode)));
}

/* All ancestors are held for what is below them, in the mode that this one needs; or some are not. */
LK_NOINLINE enum plain
below_acquire(struct lk_owner *w, const struct glimpse *g, lk_mode mode, uint32_t few,
	      lk_grant *out)
{
	uint32_t lost = 0; /* nobody is there: it will not be many */

	if (!count_above(w, g, mode, few))
		return acquire_with_rungs(w, g, mode, few, out);
	if (unlikely(!take_glimpsed(g, mode, &lost)))
		return give_up(w, g->r, LK_NL, mode_intent(mode));
	if (unlikely(!glimpse_confirmed(g))) /* (R3) */
		return give_up(w, g->r, mode, mode_intent(mode));
	return write_leaf(w, g->r, mode, 0, w->holds.rung + 1, few, out);
}

/* As give_up(), and from the beginning. */
static LK_NOINLINE int
begin_again(struct lk_owner *w, struct lk_resource *r, uint64_t ident, const void *bytes,
	    uint64_t asked, lk_grant *out)
{
	(void)give_up(w, r, LK_NL, mode_intent(asked_mode(asked)));
	return acquire_path_named(w, r, ident, bytes, asked, out);
}

static LK_NOINLINE int
begin_again_elsewhere(struct lk_owner *w, struct lk_resource *r, uint64_t ident, const void *bytes,
		      uint64_t asked, lk_grant *out)
{
	const lk_mode mode = asked_mode(asked);

	(void)give_up(w, r, mode, mode_intent(mode));
	return acquire_path_named(w, r, ident, bytes, asked, out);
}

LK_NOINLINE int
below_acquire_named(struct lk_owner *w, struct lk_resource *r, uint64_t ident, const void *bytes,
		    uint64_t asked, lk_grant *out)
{
	const struct glimpse g = { r, ident, shim_load(&r->word, SHIM_ACQUIRE) };
	const uint32_t few = shim_own(&w->holds.few);
	const lk_mode mode = asked_mode(asked);
	uint32_t lost = 0;

	if (unlikely(!count_above(w, &g, mode, few)))
		return acquire_path_named(w, r, ident, bytes, asked, out);
	if (unlikely(!take_glimpsed(&g, mode, &lost)))
		return begin_again(w, r, ident, bytes, asked, out);
	if (unlikely(!glimpse_confirmed(&g))) /* (R3) */
		return begin_again_elsewhere(w, r, ident, bytes, asked, out);
	if (unlikely(write_leaf(w, r, mode, 0, w->holds.rung + 1, few, out) != PLAIN_DONE))
		return acquire_died(w, r, mode, out);
	owner_leave(w);
	return 0;
}

/* Whatever counts there are, one less on each from slot `above` - 1 up.  `r`: somebody waits for it, its word `was` so; or NULL. */
static LK_NOINLINE int
release_rungs(struct lk_owner *w, struct lk_resource *r, uint64_t was, uint32_t above, lk_mode need)
{
	if (r != NULL)
		pass_to_waiters(w, r, word_writer(was));
	while (above != 0) {
		uint32_t slot = above - 1;

		above = head_above(shim_load(&w->holds.first[slot].head, SHIM_RELAXED));
		count_give(w, slot, need);
	}
	owner_leave(w);
	return unlikely((was & WORD_FREEZE) != 0) ? LK_E_LOST : 0; /* (W9) */
}

/* Is `g` the one grant of a hold on a path, without notes, in a slot within reach? */
LK_HOT bool
grant_is_below(lk_grant g, uint64_t head, uint32_t few)
{
	const uint64_t odd = HEAD_REENTRY | HEAD_GONE | HEAD_EXTRA | HEAD_PARENTS;

	return ((head ^ g) >> SLOT_BITS | (head & odd) | (few & HOLDS_TABLED)) == 0 &&
	       head_above(head) != ABOVE_UNKNOWN;
}

/* The end of a hold without an extra, in one of the first slots; false: somebody waits, and is to be told. */
LK_HOT bool
end_few(struct lk_owner *w, struct hold *s, uint64_t head, uint64_t *was)
{
	struct lk_resource *r = hold_resource(s);

	shim_store(&s->head, (uint64_t)0, SHIM_RELAXED); /* before the word (H3) */
	*was = 0;
	if (unlikely((head & HEAD_SEAT) != 0))
		return seat_leave(seat_of(w, r), &r->word, head_effective(head), LK_NL);
	return likely(line_exit(r, head_effective(head), was));
}

/* The same, where most holds are there for what was just released, and end. */
static LK_NOINLINE int
end_rungs(struct lk_owner *w, uint32_t above, lk_mode need)
{
	const uint64_t one = intent_one(need);
	uint32_t few = owner_few(w);

	do {
		struct hold *s = &w->holds.first[above - 1];
		const uint64_t head = shim_load(&s->head, SHIM_RELAXED);
		uint64_t was;

		if ((head & HEAD_INTENT) == 0 || shim_load(&s->fence, SHIM_RELAXED) != one)
			return release_rungs(w, NULL, 0, above, need);
		few |= UINT32_C(1) << (above - 1);
		shim_store(&w->holds.few, few, SHIM_RELAXED);
		above = head_above(head);
		if (unlikely(!end_few(w, s, head, &was)))
			return release_rungs(w, hold_resource(s), 0, above, need);
	} while (above != 0);
	owner_leave(w);
	return 0;
}

LK_NOINLINE int
below_release(struct lk_owner *w, lk_grant g, struct hold *s, uint64_t head, uint32_t few)
{
	const lk_mode need = mode_intent(head_mode(head));
	const uint64_t one = intent_one(need);
	uint32_t above = head_above(head);
	uint64_t was;

	if (unlikely(!grant_is_below(g, head, few)) || unlikely(owner_enter(w) != 0))
		return release_any(w, g);
	shim_store(&w->holds.few, few | UINT32_C(1) << (g & (SLOTS_INLINE - 1)), SHIM_RELAXED);
	if (unlikely(!end_few(w, s, head, &was)))
		return release_rungs(w, hold_resource(s), was, above, need);
	do {
		uint64_t counts;

		s = &w->holds.first[above - 1];
		head = shim_load(&s->head, SHIM_RELAXED);
		counts = shim_load(&s->fence, SHIM_RELAXED) - one;
		if (unlikely((head & HEAD_INTENT) == 0) || (counts & one * UINT32_MAX) == 0)
			return end_rungs(w, above, need);
		shim_store(&s->fence, counts, SHIM_RELEASE); /* the mode stays */
		above = head_above(head);
	} while (above != 0);
	owner_leave(w);
	return 0;
}
