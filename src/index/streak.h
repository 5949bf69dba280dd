/* SPDX-License-Identifier: MIT */
/*
 * Streaks: the insertions of those who use each name once, in an index that is as full as it may be.  (I8)
 */
#ifndef LK_INDEX_STREAK_H
#define LK_INDEX_STREAK_H

#include "index/replace.h"

LK_HOT bool
streak_is_on(const struct index_cache *c)
{
	return shim_own(&c->replaced) != c->streak_end;
}

/* Has the short name no entry in a bucket of one line?  As bucket_find(). */
LK_HOT bool
streak_is_new(const struct bucket *b, uint64_t tags, const struct key *k)
{
	return likely(tags_like(tags, tag_of(k->hash)) == 0) || likely(!bucket_has_somewhere(b, k));
}

/*
 * An entry with a short name and no ancestors, which idles and is not spread, is nobody's from now on and has no name; the ident
 * that says so.  0: it is none of these, or has come back to life; nothing was done.
 */
LK_HOT uint64_t
streak_retire(struct lk_resource *r)
{
	const uint64_t w = shim_load(&r->word, SHIM_RELAXED);
	const uint64_t ident = shim_load(&r->ident, SHIM_RELAXED);
	const uint64_t bare = (ident & ~IDENT_TAIL_MASK) + IDENT_STEP;

	if (unlikely(!word_blank(w)) || unlikely(ident_len(ident) > NAME_INLINE) ||
	    unlikely(resource_parent(r) != NULL) || unlikely(!entry_kill(NULL, r, w)))
		return 0;
	shim_store(&r->ident, bare, SHIM_RELEASE); /* (R2) */
	return bare;
}

/* When the slot's entry is not to be had: the same of another's, which comes there.  0: there is none, and the streak is over. */
uint64_t streak_retire_other(struct index_cache *c, struct bucket *b, struct lk_resource **r);

/*
 * In a streak that is on, the entry of a short name without ancestors, its hold in `first` made and its fence drawn, in the
 * place of another.  As index_replace(), step by step.  False: it is not as simple as that; no entry was touched.
 */
LK_HOT bool
streak_replace(const struct index *x, struct index_cache *c, const struct key *k, lk_mode first,
	       struct lk_resource **out)
{
	const uint64_t shape = shim_load(&x->shape, SHIM_ACQUIRE);
	struct bucket *b = index_bucket(x, shape_bucket(shape, k->hash));
	const uint32_t slot = c->streak_slot;
	struct lk_resource *r;
	uint64_t bare = 0;
	uint64_t tags;

	if (unlikely(!latch_try(&b->latch)))
		return false;
	tags = shim_load(&b->tags, SHIM_RELAXED);
	r = shim_load(&b->slot[slot], SHIM_RELAXED);
	if (likely(shim_load(&x->shape, SHIM_ACQUIRE) == shape) && /* (I1) */
	    likely(tags_taken(tags, c->streak_tops, c->streak_asked)) &&
	    likely(streak_is_new(b, tags, k))) { /* (I2) */
		bare = streak_retire(r);
		if (unlikely(bare == 0))
			bare = streak_retire_other(c, b, &r);
	}
	if (unlikely(bare == 0)) {
		latch_unlock(&b->latch);
		return false;
	}
	shim_store(&r->fence, floor_raise(b, r) + mode_writes(first), SHIM_RELEASE); /* (B3, R5) */
	store_words(r, k->word);
	entry_begin(r, bare, k->tail, word_modes.add[first]);
	WR(b->notes, RD(b->notes) | NOTES_UNKNOWN); /* (B4) */
	tags = shim_load(&b->tags, SHIM_RELAXED);
	shim_store(&b->tags, tags_with(tags, slot, tag_of(k->hash)), SHIM_RELEASE);
	latch_unlock(&b->latch);
	tally(&c->replaced);
	shim_order_stores(); /* before what its holder writes (OR4) */
	*out = r;
	return true;
}

#endif /* LK_INDEX_STREAK_H */
