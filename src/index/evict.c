/* SPDX-License-Identifier: MIT */
/* Retiring idle entries.  All of it under the latch of the entry's bucket.  (I4, I5) */
#include "index/evict.h"

enum { CROWDED = 4, BACKOFF_MAX = 63 };

/* Take the name of a DEAD entry; a long one gives its block back.  (R2) */
static void
forget_name(struct index *x, struct lk_resource *r)
{
	uint64_t ident = shim_load(&r->ident, SHIM_RELAXED);

	shim_store(&r->ident, (ident & ~IDENT_TAIL_MASK) + IDENT_STEP, SHIM_RELEASE);
	if (ident_len(ident) > NAME_INLINE)
		slab_put(&x->blocks[name_class(ident_len(ident))],
			 (void *)(uintptr_t)shim_load(&r->name[0], SHIM_RELAXED));
}

void
evict_keep_spare(struct index *x, struct index_cache *c, struct lk_resource *r)
{
	if (c->n_spare < CACHE_SIZE)
		c->spare[c->n_spare++] = r;
	else
		slab_put(&x->entries, r);
}

/*
 * Retire the entry in `place`: it is nobody's then, without a name, and the place is empty.  NULL: it
 * is not idle, or has come back to life.  (I4)
 */
LK_HOT struct lk_resource *
retire(struct index *x, struct index_cache *c, struct bucket *b, struct place place)
{
	struct lk_resource *r = place_entry(place);
	uint64_t w = shim_load(&r->word, SHIM_RELAXED);
	uint64_t fence;

	if (!word_idle(w) || shim_load(&r->pins, SHIM_RELAXED) != 0 ||
	    !shim_cas(&r->word, &w, w | WORD_DEAD, SHIM_SEQ_CST))
		return NULL;
	if (unlikely(shim_load(&r->pins, SHIM_SEQ_CST) != 0)) { /* (R4) */
		shim_store(&r->word, w, SHIM_RELEASE);
		return NULL;
	}
	fence = shim_load(&r->fence, SHIM_RELAXED);
	if (fence > shim_load(&b->floor, SHIM_RELAXED))
		shim_store(&b->floor, fence, SHIM_RELAXED); /* (B3) */
	forget_name(x, r);
	place_clear(place);
	tally(&c->evicted);
	return r;
}

/* The oldest idle entry of the first line makes way; the hand goes round. */
LK_HOT struct lk_resource *
retire_oldest(struct index *x, struct index_cache *c, struct bucket *b, struct place *place)
{
	for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
		struct lk_resource *r;

		*place = (struct place){ b, b->hand };
		b->hand = b->hand < BUCKET_LAST ? b->hand + 1 : 0;
		if (!tags_entry(shim_load(&b->tags, SHIM_RELAXED), place->slot))
			continue;
		r = retire(x, c, b, *place);
		if (likely(r != NULL))
			return r;
	}
	return NULL;
}

struct lk_resource *
evict_for_insert(struct index *x, struct index_cache *c, struct bucket *b, struct place *place,
		 bool *crowded)
{
	uint32_t allowed = shim_load(&x->idle_allowed, SHIM_RELAXED);
	unsigned used = bucket_used(b);
	struct lk_resource *r;

	if (used < allowed && used < CROWDED)
		return NULL;
	if (allowed == 0 && used < CROWDED && c->skip > 0) { /* a large index, little of it idle */
		c->skip--;
		return NULL;
	}
	*crowded = used >= CROWDED;
	if (allowed >= CROWDED)
		return NULL; /* room for idle ones, so grow rather than lose them */
	r = retire_oldest(x, c, b, place);
	if (likely(r != NULL)) {
		*crowded = false;
		c->backoff = 0;
	} else {
		/* A look in vain, at cold memory perhaps: look ever less often. */
		c->backoff = c->backoff < BACKOFF_MAX ? c->backoff * 2 + 1 : BACKOFF_MAX;
	}
	c->skip = c->backoff;
	return r;
}

/* Retire all idle entries of a latched bucket but `allowed`, the oldest of the first line first. */
static unsigned
evict_beyond(struct index *x, struct index_cache *c, struct bucket *b, uint32_t allowed)
{
	unsigned surplus = bucket_used(b) > allowed ? bucket_used(b) - allowed : 0;
	unsigned done = 0;

	for (struct bucket *line = b; line != NULL && done < surplus; line = bucket_next(line)) {
		for (unsigned i = 0; i < BUCKET_SLOTS && done < surplus; i++) {
			const struct place place = { line, (b->hand + i) % BUCKET_SLOTS };
			struct lk_resource *r;

			if (!tags_entry(shim_load(&line->tags, SHIM_RELAXED), place.slot))
				continue;
			r = retire(x, c, b, place);
			if (r != NULL) {
				evict_keep_spare(x, c, r);
				done++;
			}
		}
	}
	if (done > 0)
		bucket_trim(b, &x->lines);
	return done;
}

/* One bucket on the tour that every user of the index makes; how many entries were retired. */
static unsigned
visit_next(struct index *x, struct index_cache *c)
{
	uint32_t n = (uint32_t)shim_load(&x->shape, SHIM_ACQUIRE);
	struct bucket *b;
	unsigned done;

	c->cursor = c->cursor + 1 < n ? c->cursor + 1 : 0;
	b = index_bucket(x, c->cursor);
	if (!latch_try(&b->latch))
		return 0;
	done = evict_beyond(x, c, b, shim_load(&x->idle_allowed, SHIM_RELAXED));
	latch_unlock(&b->latch);
	return done;
}

void
evict_nearby(struct index *x, struct index_cache *c)
{
	if (c->tour_skip > 0) {
		c->tour_skip--;
		return;
	}
	if (visit_next(x, c) + visit_next(x, c) > 0)
		c->tour_backoff = c->backoff = c->skip = 0; /* there is more where that came from */
	else
		c->tour_backoff =
			c->tour_backoff < BACKOFF_MAX ? c->tour_backoff * 2 + 1 : BACKOFF_MAX;
	c->tour_skip = c->tour_backoff;
}

void
evict_bucket(struct index *x, struct index_cache *c, uint32_t number)
{
	struct bucket *b = index_bucket(x, number);

	latch_lock(&b->latch);
	(void)evict_beyond(x, c, b, 0);
	latch_unlock(&b->latch);
}
