/* SPDX-License-Identifier: MIT */
/*
 * The plain way of a lock below others, and of its release.  (R7, H6, H12)
 *
 * below_take() and below_release() are what a transaction does all the time.  They call nothing that they come
 * back from, but for what is out of the ordinary.
 */
#include "core/below.h"
#include "core/ancestors.h"
#include "core/release.h"

enum {
	RUNGS = SLOTS_INLINE - 1
}; /* so many ancestors are made at once: the slots beside that of the leaf */

#define TAKEN_NONE UINT32_MAX

#define ONE_IX     (UINT64_C(1) << 32)
#define IN_IX      (HEAD_INTENT | (uint64_t)LK_IX << 3)

#define NEEDS_IS                                                                           \
	{                                                                                  \
		.head = HEAD_INTENT, .one = 1, .ends = HEAD_INTENT | (uint64_t)LK_IS << 3, \
		.intent = LK_IS                                                            \
	}
#define NEEDS_IX                                                             \
	{                                                                    \
		.head = IN_IX, .one = ONE_IX, .ends = IN_IX, .intent = LK_IX \
	}

const struct needs below_needs[8] = {
	[LK_IS] = NEEDS_IS,  [LK_IX] = NEEDS_IX, [LK_S] = NEEDS_IS,
	[LK_SIX] = NEEDS_IX, [LK_U] = NEEDS_IX,  [LK_X] = NEEDS_IX,
};

/* The hold in slot `above` - 1, one of the first. */
LK_HOT struct hold *
rung_at(struct holds *h, uint32_t above)
{
	return &h->first[above - 1];
}

/* Take back what was counted on the holds from slot `above` - 1 up, as far as `end`. */
static LK_NOINLINE void
uncount_rungs(struct holds *h, uint32_t above, uint32_t end, lk_mode need)
{
	while (above != end) {
		struct hold *s = rung_at(h, above);

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
		struct hold *s = rung_at(h, at);
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
 * The ancestors from `r` up to one that is held, of which all that is above it is held too.  Its slot and one; 0: the
 * owner holds none of them; SLOT_NONE: not as simple as that.  `missing`: the `*n` below that, from the leaf up.
 */
LK_HOT uint32_t
climb(const struct holds *h, uint32_t few, struct lk_resource *r,
      struct lk_resource *missing[RUNGS], uint32_t *n)
{
	uint32_t room = few & FEW_ALL & (few - 1); /* the lowest is for the leaf */

	for (*n = 0; r != NULL; r = resource_parent(r), room &= room - 1) {
		uint32_t slot = hold_find_few(h, few, r);

		if (slot != SLOT_NONE)
			return slot + 1;
		if (unlikely(room == 0))
			return SLOT_NONE;
		missing[(*n)++] = r;
	}
	return 0;
}

LK_HOT bool
is_seated(uint32_t seated, uint32_t i)
{
	return (seated >> i & 1) != 0;
}

/* Holds in words that are written down nowhere go back: those of the ancestors from `from` up. */
static LK_NOINLINE void
put_back(struct lk_owner *w, struct lk_resource *const missing[], uint32_t from, uint32_t n,
	 uint32_t seated, lk_mode need)
{
	for (uint32_t i = from; i < n; i++)
		release_word(w, missing[i], need, LK_NL, is_seated(seated, i));
}

/* Is somebody else counted in the word, where we are in `mode`? */
LK_HOT bool
has_others(const struct lk_resource *r, lk_mode mode)
{
	return (word_without(shim_load(&r->word, SHIM_RELAXED), mode) & WORD_HOLDS) != 0;
}

/* How an ancestor was had. */
enum taken { TAKEN_NOT, TAKEN_IN_WORD, TAKEN_IN_SEAT };

/*
 * What was not to be had at once: by its word all the same, or in the owner's slot if it is spread.  An attempt that others
 * spoilt was lost.
 */
static LK_NOINLINE enum taken
take_among_others(struct lk_owner *w, struct lk_resource *r, lk_mode need)
{
	uint32_t lost = (shim_load(&r->word, SHIM_RELAXED) & word_modes.open[need]) == 0;

	if (likely(line_try_take(r, LK_NL, need, &lost))) {
		if (unlikely(lost != 0))
			seat_note_lost(w, r, need, lost);
		return TAKEN_IN_WORD;
	}
	return seat_try(w, r, LK_NL, need) ? TAKEN_IN_SEAT : TAKEN_NOT;
}

/* What is not spread, as far as was seen; the name above is counted in the owner's slot if `below_spread`. */
static LK_NOINLINE enum taken
take_unspread(struct lk_owner *w, struct lk_resource *r, lk_mode need, bool below_spread)
{
	if (!line_try_enter(r, need))
		return take_among_others(w, r, need);
	if (below_spread && unlikely(has_others(r, need)))
		seat_note_met(w, r, need);
	return TAKEN_IN_WORD;
}

/* In the owner's slot of a word that was seen open for it. */
LK_HOT enum taken
take_spread(struct lk_owner *w, struct lk_resource *r, a64 *seat, uint64_t seen, lk_mode need)
{
	if (likely(seat_enter_unchanged(seat, &r->word, seen, need)) ||
	    likely(seat_entered(seat, &r->word, need)))
		return TAKEN_IN_SEAT;
	seat_weaken(w, r, need, LK_NL);
	return TAKEN_NOT;
}

/* One of them.  `tried`: it was not to be had at once in its word. */
LK_HOT enum taken
take_rung(struct lk_owner *w, struct lk_resource *r, lk_mode need, bool tried, bool below_spread)
{
	const uint64_t seen = shim_load(&r->word, SHIM_ACQUIRE);

	if (likely(seat_open(seen, need)))
		return take_spread(w, r, seat_of(w, r), seen, need);
	return tried ? take_among_others(w, r, need) : take_unspread(w, r, need, below_spread);
}

/* take_missing() from `from` - 1 down, which is spread, as what is below it mostly is; or was not to be had at once. */
static LK_NOINLINE uint32_t
take_missing_spread(struct lk_owner *w, struct lk_resource *const missing[], uint32_t n,
		    uint32_t from, lk_mode need)
{
	uint32_t seated = 0;

	for (uint32_t i = from; i-- > 0;) {
		const enum taken taken =
			take_rung(w, missing[i], need, i + 1 == from, is_seated(seated, i + 1));

		if (unlikely(taken == TAKEN_NOT)) {
			put_back(w, missing, i + 1, n, seated, need);
			return TAKEN_NONE;
		}
		seated |= (uint32_t)(taken == TAKEN_IN_SEAT) << i;
	}
	return seated;
}

/*
 * From the root down.  TAKEN_NONE: none of them was to be had.  Else a bit for each that is counted in the owner's slot (C5); as
 * long as each is had in its word at once, there is none.
 */
LK_HOT uint32_t
take_missing(struct lk_owner *w, struct lk_resource *const missing[], uint32_t n, lk_mode need)
{
	for (uint32_t i = n; i > 0; i--) {
		if (unlikely(!line_try_enter(missing[i - 1], need)))
			return take_missing_spread(w, missing, n, i, need);
	}
	return 0;
}

/* A new hold that is there for what is below it. */
LK_HOT void
write_rung(struct hold *s, struct lk_resource *r, uint64_t one, uint64_t head)
{
	shim_store(&s->resource, r, SHIM_RELEASE);
	shim_store(&s->fence, one, SHIM_RELEASE);
	shim_store(&s->head, head, SHIM_RELEASE);
}

/* All of them, from the root down, the first below the hold in slot `above` - 1; the last's slot and one. */
LK_HOT uint32_t
write_rungs(struct lk_owner *w, struct lk_resource *const missing[], uint32_t n, uint32_t seated,
	    lk_mode need, uint32_t above, uint32_t *few)
{
	const uint64_t flags = head_make(0, LK_NL, need, HEAD_GONE | HEAD_INTENT);
	const uint64_t one = intent_one(need);
	uint64_t drawn = shim_own(&w->drawn);
	uint64_t stamp = w->stamp_base + drawn;

	shim_store(&w->count.intents, shim_load(&w->count.intents, SHIM_RELAXED) + n, SHIM_RELAXED);
	shim_store(&w->drawn, drawn + n, SHIM_RELEASE); /* (O5) */
	for (uint32_t i = n; i > 0; i--, *few &= *few - 1, stamp++) {
		const uint64_t seat = is_seated(seated, i - 1) ? HEAD_SEAT : 0;
		const uint32_t slot = few_first(*few);

		write_rung(&w->holds.first[slot], missing[i - 1], one,
			   stamp << SLOT_BITS | flags | seat | (uint64_t)above << ABOVE_SHIFT);
		above = slot + 1;
	}
	shim_store(&w->holds.few, *few, SHIM_RELAXED);
	return above;
}

/* What is spread, in the owner's slot.  A death there is told on the long way. */
static LK_NOINLINE bool
take_leaf_spread(struct lk_owner *w, struct lk_resource *r, uint64_t ident, lk_mode mode)
{
	if (!seat_try(w, r, LK_NL, mode))
		return false;
	if (likely(shim_load(&r->ident, SHIM_RELAXED) == ident) && likely(!has_died(r))) /* (R7) */
		return true;
	release_word(w, r, mode, LK_NL, true);
	return false;
}

/* The leaf, if it is what it was.  `*seat`: HEAD_SEAT, if it is in the owner's slot. */
LK_HOT bool
take_leaf(struct lk_owner *w, const struct glimpse *g, lk_mode mode, uint64_t *seat)
{
	uint32_t lost = 0;

	*seat = 0;
	if (unlikely(!take_glimpsed(g, mode, &lost))) {
		*seat = HEAD_SEAT;
		return take_leaf_spread(w, g->r, g->ident, mode);
	}
	if (unlikely(!glimpse_confirmed(g))) { /* (R7) */
		release_word(w, g->r, mode, LK_NL, false);
		return false;
	}
	if (unlikely(lost != 0))
		seat_note_lost(w, g->r, mode, lost);
	return true;
}

/* Any number of ancestors is held, from none, as with the first lock of an owner, to all. */
LK_HOT enum plain
take_with_rungs(struct lk_owner *w, const struct glimpse *g, lk_mode mode, uint32_t few,
		lk_grant *out)
{
	struct lk_resource *missing[RUNGS];
	const lk_mode need = mode_intent(mode);
	struct holds *h = &w->holds;
	uint32_t seated;
	uint32_t above;
	uint32_t n;
	uint64_t seat;

	if (unlikely((g->word & word_modes.open[mode] & ~WORD_SPREAD) !=
		     0) || /* rather than to give all of it back */
	    unlikely(hold_find_few(h, few, g->r) != SLOT_NONE))
		return PLAIN_NOT;
	above = climb(h, few, resource_parent(g->r), missing, &n);
	if (unlikely(above == SLOT_NONE) || unlikely(!owner_has_stamps(w, n + 1)) ||
	    (above != 0 && unlikely(!count_rungs(h, above, need))))
		return PLAIN_NOT;
	seated = take_missing(w, missing, n, need);
	if (likely(seated != TAKEN_NONE)) {
		if (likely(take_leaf(w, g, mode, &seat))) {
			above = write_rungs(w, missing, n, seated, need, above, &few);
			h->rung = above;
			return write_leaf(w, g->r, mode, seat, above, few, out);
		}
		put_back(w, missing, 0, n, seated, need);
	}
	uncount_rungs(h, above, 0, need);
	return PLAIN_NOT;
}

/* … and the end of the call. */
LK_HOT int
climb_and_leave(struct lk_owner *w, struct lk_resource *r, uint64_t ident, const void *bytes,
		uint64_t asked, uint32_t few, lk_grant *out)
{
	const struct glimpse g = { r, ident, shim_load(&r->word, SHIM_ACQUIRE) };
	const lk_mode mode = asked_mode(asked);
	const enum plain plain = take_with_rungs(w, &g, mode, few, out);

	if (unlikely(plain == PLAIN_DIED))
		return acquire_died(w, r, mode, out);
	if (unlikely(plain != PLAIN_DONE))
		return acquire_path(w, r, ident, bytes, asked, out);
	owner_leave(w);
	return 0;
}

LK_NOINLINE int
below_begin(struct lk_owner *w, struct lk_resource *r, uint64_t ident, const void *bytes,
	    uint64_t asked, lk_grant *out)
{
	return climb_and_leave(w, r, ident, bytes, asked, FEW_ALL, out);
}

LK_NOINLINE int
below_climb(struct lk_owner *w, struct lk_resource *r, uint64_t ident, const void *bytes,
	    uint64_t asked, lk_grant *out)
{
	return climb_and_leave(w, r, ident, bytes, asked, owner_few(w), out);
}

LK_NOINLINE bool
below_is_held(const struct lk_owner *w, const struct lk_resource *r, uint64_t word, lk_mode mode)
{
	return (word & word_modes.open[mode]) != 0 ||
	       hold_find_few(&w->holds, owner_few(w), r) != SLOT_NONE;
}

LK_NOINLINE void
uncount_chain(struct holds *h, lk_mode mode)
{
	const struct needs *need = &below_needs[mode];
	struct hold *s = step_at(h, step_of(h->rung));
	uint64_t head;

	do {
		shim_store(&s->fence, shim_load(&s->fence, SHIM_RELAXED) - need->one, SHIM_RELEASE);
		s = step_at(h, step_up(shim_load(&s->head, SHIM_RELAXED)));
		head = shim_load(&s->head, SHIM_RELAXED);
	} while (is_step(head, need));
}

LK_NOINLINE void
below_give_up(struct lk_owner *w, struct lk_resource *r, lk_mode mode, lk_mode taken)
{
	uncount_rungs(&w->holds, w->holds.rung, 0, mode_intent(mode));
	if (taken != LK_NL)
		release_word(w, r, taken, LK_NL, false);
}

LK_NOINLINE int
below_acquire(struct lk_owner *w, struct lk_resource *r, uint64_t ident, const void *bytes,
	      uint64_t asked, lk_grant *out)
{
	const struct glimpse g = { r, ident, shim_load(&r->word, SHIM_ACQUIRE) };
	const uint32_t few = owner_few(w);
	const lk_mode mode = asked_mode(asked);

	if (few == FEW_ALL)
		return below_begin(w, r, ident, bytes, asked, out);
	switch (below_take(w, &g, mode, few, out)) {
	case PLAIN_DONE:
		owner_leave(w);
		return 0;
	case PLAIN_DIED:
		return acquire_died(w, r, mode, out);
	case PLAIN_NOT:
	case PLAIN_BARRED:
		break;
	}
	return below_climb(w, r, ident, bytes, asked, out);
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

/*
 * Is `g` the one grant of a hold on a path, counted in its word, without notes, in a slot within reach, as all above it?
 * `beside`: what may be otherwise.
 */
LK_HOT bool
grant_is_below(lk_grant g, uint64_t head, uint32_t few, uint64_t beside)
{
	const uint64_t odd =
		HEAD_REENTRY | HEAD_GONE | HEAD_EXTRA | HEAD_PARENTS | HEAD_SEAT | HEAD_FAR;
	const uint64_t stamp = ~(uint64_t)(SLOT_MAX - 1);

	return likely(((head ^ g) & (stamp | (odd & ~beside))) == 0) &&
	       likely((few & HOLDS_TABLED) == 0);
}

/* What end_rungs() leaves: what is there for more than what was released, or somebody waits for `r`. */
static LK_NOINLINE int
release_ended(struct lk_owner *w, struct lk_resource *r, size_t step, const struct needs *need,
	      uint32_t few)
{
	shim_store(&w->holds.few, few, SHIM_RELAXED);
	return release_rungs(w, r, 0, (uint32_t)(step / sizeof(struct hold)), need->intent);
}

static int end_rungs_spread(struct lk_owner *w, size_t step, lk_mode mode);

/*
 * The holds from `step` up that are there for what was just released, and end; the end of the call.  Twice, as mostly none is
 * spread, or all are: `spread` is a constant.
 */
LK_HOT int
end_rungs(struct lk_owner *w, size_t step, lk_mode mode, bool spread)
{
	const struct needs *need = &below_needs[mode];
	const uint64_t looks = HEAD_ENDS | (spread ? 0 : HEAD_SEAT);
	uint32_t few = owner_few(w);

	do {
		struct hold *s = step_at(&w->holds, step);
		const uint64_t head = shim_load(&s->head, SHIM_RELAXED);
		struct lk_resource *r = hold_resource(s);
		uint64_t was;
		bool quiet;

		if (unlikely((head & looks) != need->ends) ||
		    unlikely(shim_load(&s->fence, SHIM_RELAXED) != need->one)) {
			if (spread)
				return release_ended(w, NULL, step, need, few);
			shim_store(&w->holds.few, few, SHIM_RELAXED);
			return end_rungs_spread(w, step, mode);
		}
		few |= UINT32_C(1) << (step / sizeof(*s) - 1);
		step = step_up(head);
		shim_store(&s->head, (uint64_t)0, SHIM_RELAXED); /* before the word (H3) */
		if (spread && likely((head & HEAD_SEAT) != 0))
			quiet = seat_leave(seat_of(w, r), &r->word, need->intent, LK_NL);
		else
			quiet = line_exit(r, need->intent, &was);
		if (unlikely(!quiet))
			return release_ended(w, r, step, need, few);
	} while (step != 0);
	shim_store(&w->holds.few, few, SHIM_RELAXED);
	owner_leave(w);
	return 0;
}

static LK_NOINLINE int
end_rungs_in_words(struct lk_owner *w, size_t step, lk_mode mode)
{
	return end_rungs(w, step, mode, false);
}

/* … and in the owner's slots. */
static LK_NOINLINE int
end_rungs_spread(struct lk_owner *w, size_t step, lk_mode mode)
{
	return end_rungs(w, step, mode, true);
}

/* One count less on each hold from `step` up; the end of the call. */
LK_HOT int
leave_rungs(struct lk_owner *w, size_t step, lk_mode mode)
{
	const uint64_t one = below_needs[mode].one;
	const uint64_t rest = -one; /* of IS: any count; of IX: those in IX */

	do {
		struct hold *s = step_at(&w->holds, step);
		const uint64_t head = shim_load(&s->head, SHIM_RELAXED);
		const uint64_t counts = shim_load(&s->fence, SHIM_RELAXED) - one;

		if (unlikely((head & HEAD_INTENT) == 0) || (counts & rest) == 0)
			return (head & HEAD_SEAT) != 0 ? end_rungs_spread(w, step, mode)
						       : end_rungs_in_words(w, step, mode);
		shim_store(&s->fence, counts, SHIM_RELEASE); /* the mode stays */
		step = step_up(head);
	} while (step != 0);
	owner_leave(w);
	return 0;
}

/* … of a leaf that is counted in the owner's slot; or what is not as simple. */
static LK_NOINLINE int
release_otherwise(struct lk_owner *w, lk_grant g, struct hold *s, uint64_t head, uint32_t few)
{
	struct lk_resource *r = hold_resource(s);
	const lk_mode mode = head_effective(head);

	if (!grant_is_below(g, head, few, HEAD_SEAT) || (head & HEAD_SEAT) == 0 ||
	    unlikely(owner_enter(w) != 0))
		return release_any(w, g);
	shim_store(&w->holds.few, few | UINT32_C(1) << (g & (SLOTS_INLINE - 1)), SHIM_RELAXED);
	shim_store(&s->head, (uint64_t)0, SHIM_RELAXED); /* before the word (H3) */
	if (unlikely(!seat_leave(seat_of(w, r), &r->word, mode, LK_NL)))
		return release_rungs(w, r, 0, head_above(head), mode_intent(head_mode(head)));
	return leave_rungs(w, step_up(head), head_mode(head));
}

LK_NOINLINE int
below_release(struct lk_owner *w, lk_grant g, struct hold *s, uint64_t head, uint32_t few)
{
	struct lk_resource *r = hold_resource(s);
	uint64_t was;

	if (unlikely(!grant_is_below(g, head, few, 0)) || unlikely(owner_enter(w) != 0))
		return release_otherwise(w, g, s, head, few);
	shim_store(&w->holds.few, few | UINT32_C(1) << (g & (SLOTS_INLINE - 1)), SHIM_RELAXED);
	shim_store(&s->head, (uint64_t)0, SHIM_RELAXED); /* before the word (H3) */
	if (unlikely(!line_exit(r, head_effective(head), &was)))
		return release_rungs(w, r, was, head_above(head), mode_intent(head_mode(head)));
	return leave_rungs(w, step_up(head), head_mode(head));
}
