/* SPDX-License-Identifier: MIT */
/*
 * Retiring idle entries, so that memory is bounded by what is held plus max_idle.  All of it under the
 * latch of the entry's bucket.  (I4, I5)
 */
#ifndef LK_INDEX_EVICT_H
#define LK_INDEX_EVICT_H

#include "index/index.h"

enum {
	CROWDED = 4,
	TOUR_SKIP_MAX = 63,
	LOOKS_IN_VAIN = 64,
	LOOK_SKIP = 15,
	LOOK_DOUBLINGS = 4,
	LOOK_SKIP_MAX = ((LOOK_SKIP + 1) << LOOK_DOUBLINGS) - 1,
	REUSE_SPAN = 256,
	REUSE_ENOUGH = REUSE_SPAN * REUSE_SPAN / 12,
	REUSE_MOST = REUSE_SPAN / 16,
	STREAKS_A_SLOT = 8,
	HAND_STAYS = 8, /* insertions, where no streak is possible */
	LOAD_SPAN = 64,
	HELD_EACH = 2,                                 /* names that a bucket is meant for, … */
	LOAD_FULL = HELD_EACH * LOAD_SPAN * LOAD_SPAN, /* … as an average has it; */
	LOAD_FULL_READY =
		LOAD_FULL + LOAD_SPAN * LOAD_SPAN, /* … of buckets that are ready for that (I9) */
};

/* What a user is for the others has changed.  (I7) */
void evict_note_returning(struct index *x, struct index_cache *c, bool returns);

/* What is reckoned with each insertion, of those that a streak has made since: so many.  (I8) */
uint32_t streak_reckon(struct index_cache *c);

/* Until the tour goes on, if this user comes back to no names, and finds what idles where it looks. */
void streak_begin(const struct index *x, struct index_cache *c);

/* Look into two further buckets, without waiting for them.  No latch held. */
void evict_nearby_slow(struct index *x, struct index_cache *c);

/* An idle entry of the further lines of a latched bucket makes way, as retire() has it; NULL: there is none. */
struct lk_resource *evict_further(struct index *x, struct index_cache *c, struct bucket *b,
				  struct place *place);

/*
 * Memory was not to be had: on the tour, as far as it takes, whatever idles makes way.  False: nothing does, or only where somebody
 * else is just then.  No latch held.  (I9)
 */
bool evict_anywhere(struct index *x, struct index_cache *c);

/* Retire all idle entries of one bucket. */
void evict_bucket(struct index *x, struct index_cache *c, uint32_t number);

/* An entry without a name, for later. */
void evict_keep_spare(struct index *x, struct index_cache *c, struct lk_resource *r);

/* Give the block of a long name back. */
void evict_drop_block(struct index *x, struct lk_resource *r, uint32_t len);

/* An entry that has lost its name lies below nobody any more. */
void evict_leave_parent(struct index_cache *c, struct lk_resource *r);

/* Is anybody counted in the slots of an entry that is spread?  (C6) */
bool has_seated(const struct index *x, const struct lk_resource *r);

/*
 * An entry whose word is `w`, which is idle, becomes nobody's.  `x` NULL: it is not spread.  False: it is pinned, or has come back to
 * life.  (I4)
 */
LK_HOT bool
entry_kill(const struct index *x, struct lk_resource *r, uint64_t w)
{
	const uint64_t dead = w | WORD_DEAD;
	uint64_t now = w;

	if (unlikely(shim_load(&r->pins, SHIM_RELAXED) != 0) ||
	    unlikely(!shim_cas(&r->word, &now, dead, SHIM_SEQ_CST)))
		return false;
	/* (R4): the pins first, the word last.  A pin that came and went left what was done under it in the
	 * word, or in a slot, from which it may have come to the word (C5); and if that is over too, the
	 * fence that we read next. */
	if (unlikely(shim_load(&r->pins, SHIM_SEQ_CST) != 0) ||
	    unlikely(x != NULL && (w & WORD_SPREAD) != 0 && has_seated(x, r)) ||
	    unlikely(shim_load(&r->word, SHIM_ACQUIRE) != dead)) {
		(void)shim_and(&r->word, ~WORD_DEAD, SHIM_ACQ_REL);
		return false;
	}
	return true;
}

/* (B3), of one that is nobody's: the floor is stored in any case, as a branch could not be foreseen. */
LK_HOT uint64_t
floor_raise(struct bucket *b, const struct lk_resource *r)
{
	const uint64_t fence = shim_load(&r->fence, SHIM_RELAXED);
	uint64_t floor = shim_load(&b->floor, SHIM_RELAXED);

	floor = fence > floor ? fence : floor;
	shim_store(&b->floor, floor, SHIM_RELAXED);
	return floor;
}

/* It loses its name, and what it had by that.  (R2) */
LK_HOT void
entry_strip(struct index *x, struct index_cache *c, struct lk_resource *r)
{
	const uint64_t ident = shim_load(&r->ident, SHIM_RELAXED);

	shim_store(&r->ident, (ident & ~IDENT_TAIL_MASK) + IDENT_STEP, SHIM_RELEASE);
	if (unlikely(ident_len(ident) > NAME_INLINE))
		evict_drop_block(x, r, ident_len(ident));
	if (unlikely(resource_parent(r) != NULL))
		evict_leave_parent(c, r);
}

/*
 * Retire the entry in `place`: it is nobody's then, and without a name; but it stands there until the caller puts another there, or
 * clears the place.  NULL: it is not idle, or has come back to life.  (I4)
 */
LK_HOT struct lk_resource *
retire(struct index *x, struct index_cache *c, struct bucket *b, struct place place)
{
	struct lk_resource *r = place_entry(place);
	const uint64_t w = shim_load(&r->word, SHIM_RELAXED);

	if (!word_idle(w) || !entry_kill(x, r, w))
		return NULL;
	(void)floor_raise(b, r);
	entry_strip(x, c, r);
	tally(&c->evicted);
	return r;
}

/* The first entry of a line at or after the hand: by arithmetic, as a branch could not be foreseen. */
LK_HOT unsigned
next_at_hand(uint64_t entries, uint32_t hand)
{
	uint64_t ahead = entries & ~UINT64_C(0) << (8 * hand);

	return tops_first(ahead != 0 ? ahead : entries);
}

/*
 * Whether to look for an idle entry.  To find none costs a line of memory for each entry that is there: where so
 * much is held that some looks in a row found none, the next insertions do without.  (I5)
 */
LK_HOT bool
cache_looks(struct index_cache *c)
{
	if (likely(c->look_skip == 0))
		return true;
	c->look_skip--;
	return false;
}

/* After a look that found one, or none. */
LK_HOT void
cache_looked(struct index_cache *c, bool found)
{
	if (likely(found))
		c->vain_looks = 0;
	else if (c->vain_looks < LOOKS_IN_VAIN + LOOK_DOUBLINGS)
		c->vain_looks++;
	if (unlikely(c->vain_looks >= LOOKS_IN_VAIN))
		c->look_skip = ((LOOK_SKIP + 1u) << (c->vain_looks - LOOKS_IN_VAIN)) - 1;
}

/* The oldest idle entry of the first line makes way. */
LK_HOT struct lk_resource *
retire_oldest(struct index *x, struct index_cache *c, struct bucket *b, uint64_t tags,
	      struct place *place)
{
	uint64_t entries = tags_entries(tags);

	while (likely(entries != 0)) {
		unsigned slot = next_at_hand(entries, bucket_hand(b));
		struct lk_resource *r;

		*place = (struct place){ b, slot };
		r = retire(x, c, b, *place);
		if (likely(r != NULL))
			return r;
		entries &= ~(UINT64_C(0x80) << (8 * slot));
	}
	return NULL;
}

/*
 * How many names this user finds for each that was not there.  Between two insertions it had so many grants; each beyond the
 * first was of a name that was there.  A moving average over some REUSE_SPAN insertions: of a shorter one chance alone makes
 * twice what it should be, now and then.  However often one name was had between two insertions says little; after `in_streak`
 * insertions that were not reckoned as many more may have been found.
 */
LK_HOT void
cache_reckon_uses(struct index_cache *c, uint32_t in_streak)
{
	uint64_t uses = c->uses != NULL ? shim_load(c->uses, SHIM_RELAXED) : c->last_uses + 2;
	uint64_t found = uses - c->last_uses;

	c->last_uses = uses;
	if (likely(found <= 1) && likely(c->reuse < REUSE_SPAN))
		return; /* there is nothing to forget */
	found -= found != 0;
	if (found > REUSE_MOST + in_streak)
		found = REUSE_MOST + in_streak;
	c->reuse += (uint32_t)found * REUSE_SPAN - c->reuse / REUSE_SPAN;
}

/* Does it come back to names?  To one for each twelve that are new. */
LK_HOT bool
cache_reuses(const struct index_cache *c)
{
	return c->reuse >= REUSE_ENOUGH;
}

/*
 * Would the names that it comes back to have room?  Who finds p for each that is not there, in buckets that are crowded by idle
 * ones, uses some CROWDED / p for each bucket.  If that is at most two thirds of what a bucket is allowed, an index
 * that grows will keep nearly all of them.  Of more it would lose many, as buckets are not equally full; and to lose
 * one of many costs more than to find none of few.  (I7)
 */
LK_HOT bool
cache_would_fit(const struct index_cache *c, uint32_t allowed)
{
	return (uint64_t)c->reuse * allowed * 2 >= (uint64_t)3 * CROWDED * REUSE_SPAN * REUSE_SPAN;
}

/*
 * Is the index to grow for this user's sake?  Or for somebody else's, who is counted as one that comes back, or no more, when that is
 * beyond doubt: nobody is to write there with every insertion.  Handles count nothing: their names are held.  (I7)
 */
LK_HOT bool
cache_returns(struct index *x, struct index_cache *c, uint32_t allowed)
{
	const bool reuses = cache_reuses(c);

	if (unlikely(c->is_returning != 0 ? c->reuse < REUSE_ENOUGH / 2 : reuses))
		evict_note_returning(x, c, reuses);
	return (reuses && cache_would_fit(c, allowed)) ||
	       shim_load(&x->returning, SHIM_RELAXED) > c->is_returning;
}

/*
 * Are buckets well filled, as far as this user's insertions have met them?  One crowded bucket among
 * many empty ones is no reason to grow, however often it is met.
 */
LK_HOT bool
cache_finds_load(const struct index *x, const struct index_cache *c)
{
	return c->load >= shim_load(&x->full, SHIM_RELAXED);
}

/* … or nearly empty? */
LK_HOT bool
cache_finds_void(const struct index_cache *c)
{
	return c->load < LOAD_SPAN * LOAD_SPAN * 3 / 4;
}

/*
 * Before an insertion into a latched bucket, its first line's tags being `tags`: if it has as many entries as it should, an idle one
 * of that line makes way, or if there is none, and `further`, of another: it is returned without a name.  In `*place`, where it stands, the
 * caller puts it again, and has the hand go on; or clears it.  NULL: none made way; `*crowded`: because the entries are
 * wanted, so the index should grow.
 */
LK_HOT struct lk_resource *
evict_for_insert(struct index *x, struct index_cache *c, struct bucket *b, uint64_t tags,
		 bool further, struct place *place, bool *crowded)
{
	uint32_t allowed = shim_load(&x->idle_allowed, SHIM_RELAXED);
	unsigned used = bucket_used(b, tags);
	uint32_t in_streak = 0;
	struct lk_resource *r;
	bool returns;

	if (unlikely(shim_load(&c->replaced, SHIM_RELAXED) != c->reckoned))
		in_streak = streak_reckon(c);
	cache_reckon_uses(c, in_streak);
	returns = cache_returns(x, c, allowed);
	c->load += used * LOAD_SPAN - c->load / LOAD_SPAN;
	if (used < CROWDED && used < allowed)
		return NULL;
	if ((used < CROWDED || !(allowed == UINT32_MAX ||
				 (shim_load(&x->idle_next, SHIM_RELAXED) >= CROWDED && returns))) &&
	    used != 0 && likely(cache_looks(c))) {
		r = retire_oldest(x, c, b, tags, place);
		if (further && unlikely(r == NULL) && tags_linked(tags))
			r = evict_further(x, c, b, place);
		cache_looked(c, r != NULL);
		if (likely(r != NULL))
			return r;
	} /* else there is room for idle ones: grow rather than lose them */
	*crowded = used >= CROWDED && cache_finds_load(x, c);
	return NULL;
}

LK_HOT void
evict_nearby(struct index *x, struct index_cache *c)
{
	if (likely(c->tour_skip > 0))
		c->tour_skip--;
	else
		evict_nearby_slow(x, c);
}

#endif /* LK_INDEX_EVICT_H */
