/* SPDX-License-Identifier: MIT */
/*
 * The plain way of owners whose first slots are taken, or that have holds beyond them: as acquire_glimpsed() and
 * acquire_new(), but that room is reserved first and that the table is looked into.  (H5, H13)  It is not inlined into
 * the way of owners with few holds, which pays nothing for it.
 */
#ifndef LK_CORE_MANY_H
#define LK_CORE_MANY_H

#include "core/acquire.h"
#include "index/path.h"
#include "index/streak.h"

/* A short name or a number, for an owner that is not plain; what is not as simple as that goes the general way. */
int many_acquire(struct lk_owner *w, const void *bytes, uint32_t tail, lk_mode mode, uint32_t flags,
		 lk_grant *out);

/* The same, of an owner that is plain of many and was entered: PLAIN_DONE, or PLAIN_NOT. */
enum plain many_take(struct lk_owner *w, const void *bytes, const struct key *k, lk_mode mode,
		     uint32_t flags, lk_grant *out);

/* A grant on `r`, which the word counts already and which has its fence, in whatever slot is free. */
LK_HOT lk_grant
write_any(struct lk_owner *w, struct lk_resource *r, lk_mode mode)
{
	const uint64_t head = head_make(grant_stamp_plain(w), mode, mode, 0);

	return grant_of(head, hold_add_bare(&w->holds, r, 0, head, NULL));
}

/*
 * many_take() in a streak, if one is on.  The name has no entry then, so nobody holds it, and the table is not looked into.  False:
 * nothing was done.  (I8)
 */
LK_HOT bool
many_take_in_streak(struct lk_owner *w, const struct key *k, lk_mode mode, lk_grant *out)
{
	const struct index *x = &w->manager->index;
	struct lk_resource *r;
	lk_grant g;

	if (!streak_is_on(&w->cache) || unlikely(holds_reserve(&w->holds) != ROOM_OK) ||
	    unlikely((k->tail & NAME_ID) == 0 && !path_words_are_flat(x, k->word)) ||
	    unlikely(!streak_replace(x, &w->cache, k, mode, &r)))
		return false;
	g = write_any(w, r, mode);
	if (out != NULL)
		*out = g;
	return true;
}

#endif /* LK_CORE_MANY_H */
