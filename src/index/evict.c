/* SPDX-License-Identifier: MIT */
/* The tour of all buckets that insertions make, and what a retired entry leaves behind. */
#include "base/probe.h"
#include "index/evict.h"

bool
has_seated(const struct index *x, const struct lk_resource *r)
{
	return spread_sum(x->spread, shim_load(&r->spread, SHIM_RELAXED)) != 0;
}

LK_COLD void
evict_note_returning(struct index *x, struct index_cache *c, bool returns)
{
	if (c->uses == NULL || (c->is_returning != 0) == returns)
		return;
	c->is_returning = returns;
	if (returns)
		shim_add(&x->returning, 1u, SHIM_RELAXED);
	else
		shim_sub(&x->returning, 1u, SHIM_RELAXED);
}

void
index_user_rests(struct index *x, struct index_cache *c)
{
	evict_note_returning(x, c, false);
}

void
evict_drop_block(struct index *x, struct lk_resource *r, uint32_t len)
{
	slab_put(&x->blocks[name_class(len)],
		 (void *)(uintptr_t)shim_load(&r->name[0], SHIM_RELAXED));
}

void
evict_leave_parent(struct index_cache *c, struct lk_resource *r)
{
	resource_unpin(
		resource_parent(r)); /* (R6): its own bucket's latch is for its own end only */
	shim_store(&r->parent, (struct lk_resource *)NULL, SHIM_RELEASE);
	c->orphaned++;
}

void
evict_keep_spare(struct index *x, struct index_cache *c, struct lk_resource *r)
{
	if (c->n_spare < CACHE_SIZE)
		c->spare[c->n_spare++] = r;
	else
		slab_put(&x->entries, r);
}

struct lk_resource *
evict_further(struct index *x, struct index_cache *c, struct bucket *b, struct place *place)
{
	for (struct bucket *line = bucket_next(b); line != NULL; line = bucket_next(line)) {
		uint64_t entries = tags_entries(shim_load(&line->tags, SHIM_RELAXED));

		for (; entries != 0; entries &= entries - 1) {
			struct lk_resource *r;

			*place = (struct place){ line, tops_first(entries) };
			r = retire(x, c, b, *place);
			if (r != NULL)
				return r;
		}
	}
	return NULL;
}

/* Retire all idle entries of a latched bucket but `allowed`, the oldest of the first line first. */
static unsigned
evict_beyond(struct index *x, struct index_cache *c, struct bucket *b, uint32_t allowed)
{
	unsigned used = bucket_used(b, shim_load(&b->tags, SHIM_RELAXED));
	unsigned surplus = used > allowed ? used - allowed : 0;
	unsigned done = 0;

	for (struct bucket *line = b; line != NULL && done < surplus; line = bucket_next(line)) {
		uint64_t entries = tags_entries(shim_load(&line->tags, SHIM_RELAXED));

		while (entries != 0 && done < surplus) {
			const unsigned slot = next_at_hand(entries, bucket_hand(b));
			const struct place place = { line, slot };
			struct lk_resource *r = retire(x, c, b, place);

			entries &= ~(UINT64_C(0x80) << (8 * slot));
			if (r != NULL) {
				place_clear(place);
				PROBE1(evict, r);
				evict_keep_spare(x, c, r);
				done++;
			}
		}
	}
	if (done > 0)
		bucket_trim(b, &x->lines);
	return done;
}

/* One bucket on the tour that every user of the index makes, `allowed` may stay; how many entries were retired. */
static unsigned
visit_next(struct index *x, struct index_cache *c, uint32_t allowed)
{
	uint32_t n = (uint32_t)shim_load(&x->shape, SHIM_ACQUIRE);
	struct bucket *b;
	unsigned done;

	c->cursor = c->cursor + 1 < n ? c->cursor + 1 : 0;
	b = index_bucket(x, c->cursor);
	if (!latch_try(&b->latch))
		return 0;
	done = evict_beyond(x, c, b, allowed);
	latch_unlock(&b->latch);
	return done;
}

bool
evict_anywhere(struct index *x, struct index_cache *c)
{
	for (uint32_t n = (uint32_t)shim_load(&x->shape, SHIM_ACQUIRE); n > 0; n--) {
		if (visit_next(x, c, 0) > 0)
			return true;
	}
	return false;
}

/* The two buckets that the tour comes to next. */
static void
expect_next(const struct index *x, const struct index_cache *c)
{
	uint32_t n = (uint32_t)shim_load(&x->shape, SHIM_ACQUIRE);

	for (uint32_t i = c->cursor + 1; i <= c->cursor + 2 && i < n; i++)
		line_expect(index_bucket(x, i));
}

/* Something idles again: no look is left out until the next one in vain.  (I5) */
static void
cache_resumes(struct index_cache *c)
{
	c->look_skip = 0;
	if (c->vain_looks >= LOOKS_IN_VAIN)
		c->vain_looks = LOOKS_IN_VAIN - 1;
}

void
evict_nearby_slow(struct index *x, struct index_cache *c)
{
	const uint32_t allowed = shim_load(&x->idle_allowed, SHIM_RELAXED);
	const bool is_void = cache_finds_void(c);
	unsigned found;

	if (is_void)
		index_try_shrink(x); /* (I6) */
	found = visit_next(x, c, allowed) + visit_next(x, c, allowed);
	if (found > 0)
		cache_resumes(c);
	if (found > 0 || (is_void && index_can_shrink(x))) {
		c->tour_backoff = 0; /* there is more where that came from */
	} else {
		c->tour_backoff =
			c->tour_backoff < TOUR_SKIP_MAX ? c->tour_backoff * 2 + 1 : TOUR_SKIP_MAX;
		expect_next(x, c); /* until then they have the time to come */
	}
	c->tour_skip = c->tour_backoff;
	streak_begin(x, c);
}

void
evict_bucket(struct index *x, struct index_cache *c, uint32_t number)
{
	struct bucket *b = index_bucket(x, number);

	latch_lock(&b->latch);
	(void)evict_beyond(x, c, b, 0);
	latch_unlock(&b->latch);
}
