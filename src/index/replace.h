/* SPDX-License-Identifier: MIT */
/*
 * Making an entry of a name; and the quick way to do so, in an index that is as full as it may be:
 * the oldest idle entry of the bucket becomes the new name's.
 */
#ifndef LK_INDEX_REPLACE_H
#define LK_INDEX_REPLACE_H

#include "index/evict.h"

/*
 * Eight insertions in a row say that the next name will be new too.  From then on each that was there all the same takes away an eighth of
 * what one insertion adds, of those that are reckoned.
 */
enum { MISS_WEIGHS = 8, MISSES_ENOUGH = 8 * MISS_WEIGHS, MISSES_MOST = 2 * MISSES_ENOUGH };

/* False: no memory. */
bool index_store_long(struct index *x, struct lk_resource *r, const struct name *n);

LK_HOT void
store_words(struct lk_resource *r, const uint64_t word[NAME_WORDS])
{
	shim_store(&r->name[0], word[0], SHIM_RELEASE); /* not in a loop: they stay in registers */
	shim_store(&r->name[1], word[1], SHIM_RELEASE);
	shim_store(&r->name[2], word[2], SHIM_RELEASE);
}

/* `r`, whose name was just stored and whose ident was `bare`, has that name from now on, with `first` in its word.  (R2) */
LK_HOT void
entry_begin(struct lk_resource *r, uint64_t bare, uint32_t tail, uint64_t first)
{
	const uint64_t ident = bare + IDENT_STEP + tail; /* what is bare ends in 0 */

	shim_store(&r->ident, ident, SHIM_RELEASE);
	shim_store(&r->word, (ident >> NAME_BITS) * WORD_GEN_ONE + first, SHIM_RELEASE);
}

/*
 * Make `r`, whose name was just stored, an entry in `place`, of which the line has its note, with the bucket's latch; `first` is in its word.  That is
 * written when nothing can fail any more: until then the entry is DEAD, so that no late reader can
 * make a hold on an entry that is then taken back.  It comes before the slot: new memory is zeros,
 * which a reader that found it would take for an idle word.
 */
LK_HOT void
entry_publish(const struct bucket *b, struct place place, struct lk_resource *r, uint32_t tail,
	      uint64_t hash, struct lk_resource *parent, uint64_t first)
{
	shim_store(&r->fence, shim_load(&b->floor, SHIM_RELAXED), SHIM_RELAXED); /* (B3) */
	if (unlikely(parent != NULL)) { /* it has none, as it has no name */
		shim_store(&r->parent, parent, SHIM_RELEASE);
		resource_pin(parent); /* (R6) */
	}
	entry_begin(r, shim_load(&r->ident, SHIM_RELAXED), tail, first);
	place_set(place, r, tag_of(hash));
}

/* `r`, which has no name, as the entry of `n`.  False: no memory. */
LK_HOT bool
make_entry(struct index *x, const struct bucket *b, struct place place, struct lk_resource *r,
	   const struct name *n, lk_mode first)
{
	if (likely(n->len <= NAME_INLINE))
		store_words(r, n->word);
	else if (!index_store_long(x, r, n))
		return false;
	if (first == LK_NL)
		resource_pin(r);
	place_set_note(place, note_of(n->hash, bucket_window(b)));
	entry_publish(b, place, r, n->tail, n->hash, n->parent,
		      unlikely(x->is_frozen) ? WORD_FREEZE : word_modes.add[first]);
	return true;
}

/* To look for the next name without a latch would be in vain. */
LK_HOT bool
cache_expects_miss(const struct index_cache *c)
{
	return c->misses >= MISSES_ENOUGH;
}

/* An insertion that was reckoned.  Who comes back to names looks for each. */
LK_HOT void
cache_missed(struct index_cache *c)
{
	const uint32_t misses = c->misses + MISS_WEIGHS;

	c->misses = unlikely(cache_reuses(c)) ? 0 : misses < MISSES_MOST ? misses : MISSES_MOST;
}

/* A name was there, and was not found at once. */
LK_HOT void
cache_met(struct index_cache *c)
{
	c->misses -= c->misses != 0;
}

/*
 * After a glimpse in vain, or without one: the entry of a short name without ancestors, its hold in `first`
 * made, in the place of an idle one.  `shape`: as it was seen.  NULL: not as simple as that; nothing was done.
 */
LK_HOT struct lk_resource *
index_replace(struct index *x, struct index_cache *c, const struct key *k, lk_mode first,
	      uint64_t shape)
{
	struct bucket *b = index_bucket(x, shape_bucket(shape, k->hash));
	struct lk_resource *r = NULL;
	struct place place = { NULL, 0 };
	uint64_t tags;
	bool crowded;

	if (unlikely(!latch_try(&b->latch)))
		return NULL;
	tags = shim_load(&b->tags, SHIM_RELAXED);
	if (likely(shim_load(&x->shape, SHIM_ACQUIRE) == shape) && /* (I1) */
	    likely(!bucket_has(b, tags, k)))                       /* (I2) */
		r = evict_for_insert(x, c, b, tags, false, &place, &crowded);
	if (likely(r != NULL)) {
		store_words(r, k->word);
		bucket_note_replaced(b, place.slot, note_of(k->hash, bucket_window(b)));
		entry_publish(b, place, r, k->tail, k->hash, NULL, word_modes.add[first]);
		tally(&c->created);
	}
	latch_unlock(&b->latch);
	if (likely(r != NULL))
		cache_missed(c);
	else
		c->misses = 0;
	return r;
}

#endif /* LK_INDEX_REPLACE_H */
