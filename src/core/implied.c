/* SPDX-License-Identifier: MIT */
/* Implied grants: made, counted on their cover, made real.  (H6, H8, H9) */
#include "core/implied.h"
#include "core/ancestors.h"
#include "core/release.h"

static const struct hold *
slot_hold(const struct lk_owner *w, uint32_t slot)
{
	return hold_at((struct holds *)(uintptr_t)&w->holds, slot);
}

static bool
gives_below(const struct hold *s, lk_mode mode)
{
	return mode_covers(mode_below(hold_effective(s)), mode);
}

uint32_t
implied_cover_but(const struct lk_owner *w, const struct lk_resource *nearest, lk_mode mode,
		  uint32_t but)
{
	for (const struct lk_resource *r = nearest; r != NULL; r = resource_parent(r)) {
		uint32_t slot = hold_find(&w->holds, r);
		const struct hold *s;

		if (slot == SLOT_NONE || slot == but)
			continue;
		s = slot_hold(w, slot);
		if (!hold_is(s, HEAD_IMPLIED) && gives_below(s, mode))
			return slot;
	}
	return SLOT_NONE;
}

uint32_t
implied_cover(const struct lk_owner *w, const struct lk_resource *nearest, lk_mode mode)
{
	return implied_cover_but(w, nearest, mode, SLOT_NONE);
}

bool
implied_covers(const struct lk_owner *w, const struct hold *s, lk_mode mode)
{
	return gives_below(slot_hold(w, hold_extra(s)->cover), mode);
}

lk_mode
hold_own_mode(struct lk_owner *w, const struct hold *s, uint32_t but)
{
	uint32_t slot = hold_is(s, HEAD_COUNTED) ? hold_extra(s)->newest : SLOT_NONE;
	lk_mode mode = LK_NL;

	if (!hold_is(s, HEAD_GONE) && (but == SLOT_NONE || s != hold_at(&w->holds, but)))
		mode = head_mode(shim_load(&s->head, SHIM_RELAXED));
	while (slot != SLOT_NONE) {
		const struct hold *more = hold_at(&w->holds, slot);

		if (slot != but)
			mode = mode_supremum(mode, head_mode(shim_load(&more->head, SHIM_RELAXED)));
		slot = (uint32_t)((uintptr_t)shim_load(&more->resource, SHIM_RELAXED) >> 1);
	}
	return mode;
}

bool
implied_is_given(struct lk_owner *w, const struct hold *cover, lk_mode mode)
{
	const uint64_t head = shim_load(&cover->head, SHIM_RELAXED);

	if (likely((head & HEAD_GONE) == 0) &&
	    likely(mode_covers(mode_below(head_mode(head)), mode)))
		return true;
	return mode_covers(mode_below(hold_own_mode(w, cover, SLOT_NONE)), mode);
}

uint64_t
implied_mint(const struct lk_owner *w, struct lk_resource *r)
{
	return w->manager->remote == NULL ? grant_mint(r) : 0; /* (FE1) */
}

void
implied_note(const struct lk_owner *w, struct hold *s, lk_mode to)
{
	const uint64_t head =
		shim_load(&s->head, SHIM_RELAXED); /* with FENCE, from the beginning */

	if (mode_writes(to) && !mode_writes(head_effective(head)))
		shim_store(&s->fence, implied_mint(w, hold_resource(s)), SHIM_RELEASE);
	shim_store(&s->head, head_with_modes(head, head_mode(head), to), SHIM_RELEASE);
}

int
implied_acquire(struct lk_owner *w, struct lk_resource *r, uint32_t cover, struct request *q,
		lk_grant *out)
{
	const uint64_t flags =
		HEAD_IMPLIED | HEAD_PATH | HEAD_EXTRA | HEAD_COUNTED | HEAD_ABOVE_UNKNOWN;
	uint64_t head;
	uint32_t slot;

	if (q->extra == NULL)
		q->extra = owner_extra(w, &w->manager->extras);
	if (q->extra == NULL || hold_count(w, hold_at(&w->holds, cover)) == NULL)
		return LK_E_NOMEM;
	implied_count(w, cover, LK_NL, q->mode);
	resource_pin(r);
	q->extra->cover = cover;
	if (unlikely(!implied_is_given(w, hold_at(&w->holds, cover), q->mode)))
		q->extra->flags |= EXTRA_ESCALATED;
	q->extra->grants[q->mode] = 1;
	shim_store(&q->extra->n_grants, 1u, SHIM_RELAXED);
	if ((shim_load(&r->pins, SHIM_RELAXED) & PINS_DIED) != 0)
		grant_tell_died(w, r, q);
	head = head_make(grant_stamp(w), q->mode, q->mode, flags);
	sample_granted(w, q->extra, q->mode);
	slot = hold_add(&w->holds, r, mode_writes(q->mode) ? implied_mint(w, r) : 0, head,
			q->extra);
	q->extra = NULL; /* the slot's now */
	owner_tally(w, &w->count.implied);
	if (out != NULL)
		*out = grant_of(head, slot);
	return 0;
}

/* One count more in `mode` above `r`, a cover: all that is there already, and strong enough, for its sake. */
static void
count_above(struct lk_owner *w, const struct lk_resource *r, lk_mode mode)
{
	for (r = resource_parent(r); r != NULL; r = resource_parent(r))
		hold_count_more(hold_at(&w->holds, hold_find(&w->holds, r)), mode, 1);
}

void
implied_count(struct lk_owner *w, uint32_t cover, lk_mode from, lk_mode to)
{
	struct hold *s = hold_at(&w->holds, cover);
	struct lk_resource *r = hold_resource(s);
	struct lk_resource *above = resource_parent(r);
	struct extra *e = hold_extra(s);

	if (to != LK_NL) {
		e->grants[mode_at_cover(to)]++;
		e->n_below++;
		count_above(w, r, mode_intent(to));
	}
	if (from != LK_NL) {
		count_give(w, cover, mode_at_cover(from));
		ancestors_give(w, above, mode_intent(from));
	}
}

/* `n` counts more on a hold that counts already. */
static void
count_more(struct lk_owner *w, const struct lk_resource *r, lk_mode mode, uint32_t n)
{
	if (n == 0)
		return;
	hold_count_more(hold_at(&w->holds, hold_find(&w->holds, r)), mode, n);
}

/* The opposite; the hold is not settled. */
static void
count_less(struct lk_owner *w, const struct lk_resource *r, lk_mode mode, uint32_t n)
{
	if (n == 0)
		return;
	hold_count_less(hold_at(&w->holds, hold_find(&w->holds, r)), mode, n);
}

static struct lk_resource *
cover_of(struct lk_owner *w, const struct extra *e)
{
	return hold_resource(hold_at(&w->holds, e->cover));
}

/* All grants of the hold, from counts on the cover to counts up to the cover.  Nothing weakens yet. */
static void
counts_off_cover(struct lk_owner *w, const struct lk_resource *r, const struct extra *e)
{
	const struct lk_resource *cover = cover_of(w, e);

	for (lk_mode m = LK_IS; m <= LK_X; m++)
		count_less(w, cover, mode_at_cover(m), e->grants[m]);
	do {
		r = resource_parent(r);
		for (lk_mode m = LK_IS; m <= LK_X; m++)
			count_more(w, r, mode_intent(m), e->grants[m]);
	} while (r != cover);
}

/* The opposite. */
static void
counts_onto_cover(struct lk_owner *w, const struct lk_resource *r, const struct extra *e)
{
	const struct lk_resource *cover = cover_of(w, e);

	for (lk_mode m = LK_IS; m <= LK_X; m++)
		count_more(w, cover, mode_at_cover(m), e->grants[m]);
	do {
		r = resource_parent(r);
		for (lk_mode m = LK_IS; m <= LK_X; m++)
			count_less(w, r, mode_intent(m), e->grants[m]);
	} while (r != cover);
}

/* Note what was made of it, for implied_put_back(), should the call fail.  (H10) */
static void
mark(struct lk_owner *w, const struct hold *s, uint64_t old_fence)
{
	struct extra *e = hold_extra(s);

	if (w->made_real == 0) {
		w->last_mark += w->last_mark != UINT32_MAX ? 1 : 2; /* never 0 */
		w->made_real = w->last_mark;
	}
	e->grants[LK_NL] = w->made_real;
	e->fence_before = old_fence;
}

int
implied_make_real(struct lk_owner *w, struct hold *s, lk_mode to, struct request *q)
{
	struct lk_resource *r = hold_resource(s);
	const lk_mode above = mode_intent(hold_effective(s));
	const uint64_t fence = shim_load(&s->fence, SHIM_RELAXED);
	bool seated = false;
	int rc = ancestors_take(w, resource_parent(r), above, q);

	if (rc == 0) {
		rc = hold_take(w, r, LK_NL, to, &seated, q);
		if (rc != 0)
			ancestors_give(w, resource_parent(r), above);
	}
	if (rc != 0)
		return rc;
	counts_off_cover(w, r, hold_extra(s));
	if (unlikely(fence == 0) && mode_writes(hold_effective(s)))
		shim_store(&s->fence, grant_mint(r), SHIM_RELEASE); /* (FE1) */
	hold_note(s, to);
	hold_set_seated(s, seated);
	mark(w, s, fence);
	shim_store(&s->head, shim_load(&s->head, SHIM_RELAXED) & ~HEAD_IMPLIED, SHIM_RELEASE);
	resource_unpin(r);                            /* the hold keeps it now */
	ancestors_give(w, resource_parent(r), above); /* the cover settles here too */
	return 0;
}

/* What is between the hold and its cover falls to what is left of its counts. */
static void
settle_between(struct lk_owner *w, struct lk_resource *nearest, const struct lk_resource *cover)
{
	struct lk_resource *above;

	for (struct lk_resource *r = nearest; r != cover; r = above) {
		uint32_t slot = hold_find(&w->holds, r);

		above = resource_parent(r); /* as long as we hold `r` */
		hold_settle(w, hold_at(&w->holds, slot), slot);
	}
}

void
implied_become(struct lk_owner *w, struct hold *s, uint32_t cover)
{
	struct lk_resource *r = hold_resource(s);
	struct extra *e = hold_extra(s);
	const lk_mode mode = hold_effective(s);
	const bool seated = hold_is(s, HEAD_SEAT);
	const uint64_t head = shim_load(&s->head, SHIM_RELAXED) & ~HEAD_SEAT;

	e->cover = cover;
	counts_onto_cover(w, r, e);
	resource_pin(r);
	shim_store(&s->head, head | HEAD_IMPLIED | HEAD_ABOVE_UNKNOWN, SHIM_RELEASE); /* (H12) */
	release_word(w, r, mode, LK_NL, seated);
	settle_between(w, resource_parent(r), cover_of(w, e));
}

void
implied_move(struct lk_owner *w, struct hold *s, uint32_t to)
{
	struct extra *e = hold_extra(s);
	const uint32_t from = e->cover;

	e->cover = to;
	for (lk_mode m = LK_IS; m <= LK_X; m++) {
		for (uint32_t i = 0; i < e->grants[m]; i++) {
			implied_count(w, to, LK_NL, m);
			implied_count(w, from, m, LK_NL);
		}
	}
}

void
implied_put_back(struct lk_owner *w, struct hold *s)
{
	const struct extra *e = hold_extra(s);

	if (e->grants[LK_NL] != w->made_real || e->n_below != 0 || hold_is(s, HEAD_IMPLIED) ||
	    !implied_covers(w, s, hold_effective(s)))
		return;
	shim_store(&s->fence, e->fence_before, SHIM_RELEASE);
	implied_become(w, s, e->cover);
}
