/* SPDX-License-Identifier: MIT */
/* When a streak begins, what it leaves to be reckoned, and what is not at hand in it.  (I8) */
#include "index/streak.h"

_Static_assert(TOUR_SKIP_MAX < LOAD_SPAN && TOUR_SKIP_MAX < REUSE_SPAN,
	       "a streak is shorter than what an average remembers");

/* For others, who come back to names?  A streak would throw these out instead.  (I7) */
static bool
is_to_grow(const struct index *x, const struct index_cache *c)
{
	return shim_load(&x->returning, SHIM_RELAXED) > c->is_returning &&
	       shim_load(&x->idle_next, SHIM_RELAXED) >= CROWDED;
}

void
streak_begin(const struct index *x, struct index_cache *c)
{
	const uint32_t allowed = shim_load(&x->idle_allowed, SHIM_RELAXED);
	const uint32_t n = allowed < CROWDED ? allowed : CROWDED;

	c->streak_end = shim_load(&c->replaced, SHIM_RELAXED);
	if (x->needs_look || allowed == UINT32_MAX || n == 0 || cache_reuses(c) ||
	    c->look_skip != 0 || is_to_grow(x, c))
		return;
	c->streak_tops = TAG_TOPS >> (8 * (BUCKET_SLOTS - n));
	c->streak_asked = tags_ask(c->streak_tops);
	c->streak_slot = c->n_streaks++ / STREAKS_A_SLOT % n;
	c->streak_end += c->tour_skip;
}

uint32_t
streak_reckon(struct index_cache *c)
{
	const uint32_t n = (uint32_t)(shim_load(&c->replaced, SHIM_RELAXED) - c->reckoned);
	const uint32_t used = tops_count(c->streak_tops); /* at least */

	c->reckoned += n;
	c->last_uses += n;
	c->reuse -= n * (c->reuse / REUSE_SPAN);
	c->load += n * (used * LOAD_SPAN - c->load / LOAD_SPAN);
	c->vain_looks = 0;
	c->tour_skip -= n < c->tour_skip ? n : c->tour_skip;
	return n;
}

uint64_t
streak_retire_other(struct index_cache *c, struct bucket *b, struct lk_resource **r)
{
	const struct place here = { b, c->streak_slot };
	const uint64_t tags = shim_load(&b->tags, SHIM_RELAXED);

	for (uint64_t left = tags_entries(tags); left != 0; left &= left - 1) {
		const struct place there = { b, tops_first(left) };
		struct lk_resource *other = place_entry(there);
		const uint64_t bare = streak_retire(other);

		if (bare != 0) {
			place_set(there, *r, tags >> (8 * here.slot) & 0xff);
			place_set(here, other, tags >> (8 * there.slot) & 0xff);
			*r = other;
			return bare;
		}
	}
	c->streak_end = shim_load(&c->replaced, SHIM_RELAXED);
	return 0;
}
