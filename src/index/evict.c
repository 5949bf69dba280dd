/* SPDX-License-Identifier: MIT */
/* Retiring idle entries.  All of it under the latch of the entry's bucket.  (I4, I5) */
#include "index/evict.h"

enum { CROWDED = 4, BACKOFF_MAX = 63, SLOTS_SEEN = 64 };

static bool
is_idle(const struct lk_resource *r)
{
	return word_idle(shim_load(&r->word, SHIM_RELAXED)) &&
	       shim_load(&r->pins, SHIM_RELAXED) == 0;
}

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

/* Retire the entry in `slot`; false: it has come back to life. */
static bool
retire(struct index *x, struct index_cache *c, struct bucket *b, a64 *slot)
{
	struct lk_resource *r = slot_resource(shim_load(slot, SHIM_RELAXED));
	uint64_t w = shim_load(&r->word, SHIM_RELAXED);
	uint64_t fence;

	if (!word_idle(w) || !shim_cas(&r->word, &w, w | WORD_DEAD, SHIM_SEQ_CST))
		return false;
	if (shim_load(&r->pins, SHIM_SEQ_CST) != 0) { /* (R4) */
		shim_store(&r->word, w, SHIM_RELEASE);
		return false;
	}
	fence = shim_load(&r->fence, SHIM_RELAXED);
	if (fence > shim_load(&b->floor, SHIM_RELAXED))
		shim_store(&b->floor, fence, SHIM_RELAXED); /* (B3) */
	forget_name(x, r);
	shim_store(slot, (uint64_t)0, SHIM_RELAXED);
	if (c->n_spare < CACHE_SIZE)
		c->spare[c->n_spare++] = r;
	else
		slab_put(&x->entries, r);
	tally(&c->evicted);
	return true;
}

struct census {
	a64 *idle[SLOTS_SEEN]; /* slots of idle entries, the oldest first */
	uint32_t position[SLOTS_SEEN];
	unsigned n_idle;
	unsigned n_busy;
};

static void
census_add(struct census *s, a64 *slot, uint32_t position)
{
	uint64_t x = shim_load(slot, SHIM_RELAXED);

	if (x == 0 || (x & SLOT_LINK) != 0)
		return;
	if (!is_idle(slot_resource(x)) || s->n_idle == SLOTS_SEEN) {
		s->n_busy++;
		return;
	}
	s->position[s->n_idle] = position;
	s->idle[s->n_idle++] = slot;
}

static void
take_census(struct bucket *b, struct census *s)
{
	uint32_t position = 0;

	s->n_idle = s->n_busy = 0;
	for (; b != NULL; b = bucket_next(b)) {
		for (unsigned i = 0; i < BUCKET_SLOTS; i++)
			census_add(s, &b->slot[i], position++);
	}
}

/*
 * Retire idle entries of a latched bucket until `allowed` are left.  New entries take the place
 * of the oldest, so slots at and after the hand are older than those before it.
 */
static unsigned
retire_beyond(struct index *x, struct index_cache *c, struct bucket *b, struct census *s,
	      unsigned allowed)
{
	unsigned surplus = s->n_idle > allowed ? s->n_idle - allowed : 0;
	unsigned first = 0;
	unsigned done = 0;

	while (first < s->n_idle && s->position[first] < b->hand)
		first++;
	for (unsigned i = 0; i < surplus; i++) {
		unsigned k = (first + i) % s->n_idle;

		b->hand = s->position[k] + 1;
		done += retire(x, c, b, s->idle[k]);
	}
	if (done > 0)
		bucket_trim(b, &x->lines);
	return done;
}

bool
evict_for_insert(struct index *x, struct index_cache *c, struct bucket *b)
{
	uint32_t allowed = shim_load(&x->idle_allowed, SHIM_RELAXED);
	unsigned used = bucket_used(b);
	struct census s;
	unsigned kept;

	if (used < CROWDED) {
		if (used <= allowed)
			return false;
		if (c->skip > 0) {
			c->skip--;
			return false;
		}
	}
	take_census(b, &s);
	/* Keen while idle entries turn up; after looks in vain ever less so. */
	if (retire_beyond(x, c, b, &s, allowed) > 0)
		c->backoff = 0;
	else
		c->backoff = c->backoff < BACKOFF_MAX ? c->backoff * 2 + 1 : BACKOFF_MAX;
	c->skip = c->backoff;
	kept = s.n_busy + (s.n_idle < allowed ? s.n_idle : allowed);
	return kept >= CROWDED;
}

static void
evict_beyond(struct index *x, struct index_cache *c, struct bucket *b, uint32_t allowed)
{
	struct census s;

	if (bucket_used(b) <= allowed)
		return;
	take_census(b, &s);
	if (retire_beyond(x, c, b, &s, allowed) > 0)
		c->backoff = c->skip = 0;
}

void
evict_nearby(struct index *x, struct index_cache *c)
{
	uint32_t n = (uint32_t)shim_load(&x->shape, SHIM_ACQUIRE);

	if (c->skip > 0)
		return; /* idle entries are rare just now */
	for (int i = 0; i < 2; i++) {
		struct bucket *b;

		c->cursor = c->cursor + 1 < n ? c->cursor + 1 : 0;
		b = index_bucket(x, c->cursor);
		if (!latch_try(&b->latch))
			continue;
		evict_beyond(x, c, b, shim_load(&x->idle_allowed, SHIM_RELAXED));
		latch_unlock(&b->latch);
	}
}

void
evict_bucket(struct index *x, struct index_cache *c, uint32_t number)
{
	struct bucket *b = index_bucket(x, number);

	latch_lock(&b->latch);
	evict_beyond(x, c, b, 0);
	latch_unlock(&b->latch);
}
