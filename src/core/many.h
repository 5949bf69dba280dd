/* SPDX-License-Identifier: MIT */
/*
 * The plain way of owners whose first slots are taken, or that have holds beyond them: as acquire_glimpsed() and
 * acquire_new(), but that room is reserved first and that the table is looked into.  (H5, H13)  It is not inlined into
 * the way of owners with few holds, which pays nothing for it.
 */
#ifndef LK_CORE_MANY_H
#define LK_CORE_MANY_H

#include "core/acquire.h"
#include "index/guess.h"
#include "index/path.h"
#include "index/streak.h"

/* A short name or a number, for an owner that is not plain; what is not as simple as that goes the general way. */
int many_acquire(struct lk_owner *w, const void *bytes, uint32_t tail, lk_mode mode, uint32_t flags,
		 lk_grant *out);

/* The hash, if it was not asked for yet: it is 0 then. */
LK_HOT void
key_hash_once(struct key *k, uint64_t seed)
{
	if (k->hash == 0)
		key_hash(k, seed);
}

/*
 * An owner that is plain of many and was entered takes what was glimpsed; room was reserved: PLAIN_DONE, or PLAIN_NOT.  It may hold few
 * names as well: who takes several at once comes here for each.
 */
enum plain many_take_glimpsed(struct lk_owner *w, const struct glimpse *g, lk_mode mode,
			      lk_grant *out);

/* The same of a name without ancestors that seems to have no entry. */
enum plain many_make(struct lk_owner *w, const struct name *n, lk_mode mode, uint32_t flags,
		     lk_grant *out);

/* … of a short name that was not guessed, and whose hash is known. */
enum plain many_take_hashed(struct lk_owner *w, const void *bytes, const struct key *k,
			    lk_mode mode, uint32_t flags, lk_grant *out);

/* A grant on `r`, which the word counts already and which has its fence, in whatever slot is free. */
LK_HOT lk_grant
write_any(struct lk_owner *w, struct lk_resource *r, lk_mode mode)
{
	const uint64_t head = head_make(grant_stamp_plain(w), mode, mode, 0);

	return grant_of(head, hold_add_bare(&w->holds, r, 0, head, NULL));
}

/*
 * In a streak, if one is on, with room for the hold.  The name has no entry then, so nobody holds it, and the table is not
 * looked into.  False: nothing was done.  (I8)
 */
LK_HOT bool
many_take_in_streak(struct lk_owner *w, const struct key *k, lk_mode mode, lk_grant *out)
{
	const struct index *x = &w->manager->index;
	struct lk_resource *r;
	lk_grant g;

	if (!streak_is_on(&w->cache) ||
	    unlikely((k->tail & NAME_ID) == 0 && !path_words_are_flat(x, k->word)) ||
	    unlikely(!streak_replace(x, &w->cache, k, mode, &r)))
		return false;
	g = write_any(w, r, mode);
	if (out != NULL)
		*out = g;
	return true;
}

/* … of a short name whose words were read, and its hash, if its bucket is on its way; else that is 0. */
LK_HOT enum plain
many_take(struct lk_owner *w, const void *bytes, struct key *k, lk_mode mode, uint32_t flags,
	  lk_grant *out)
{
	struct glimpse g;

	if (unlikely(holds_reserve(&w->holds) != ROOM_OK))
		return PLAIN_NOT;
	if (k->hash == 0 && !cache_expects_miss(&w->cache) &&
	    likely(guess_glimpse(&w->cache, k, guess_place(k), &g))) {
		guess_was_right(&w->cache);
		return many_take_glimpsed(w, &g, mode, out);
	}
	key_hash_once(k, w->manager->index.seed);
	if (cache_expects_miss(&w->cache) && likely(many_take_in_streak(w, k, mode, out)))
		return PLAIN_DONE;
	return many_take_hashed(w, bytes, k, mode, flags, out);
}

#endif /* LK_CORE_MANY_H */
