/* SPDX-License-Identifier: MIT */
/*
 * The plain ways: of an owner that is plain and was entered, on a name that is free for it and was had before.  Nothing is
 * waited for, and what cannot be done so is left as it was, for the long way.
 */
#ifndef LK_CORE_PLAIN_H
#define LK_CORE_PLAIN_H

#include "core/acquire.h"
#include "index/path.h"
#include "index/streak.h"

/* A hold that turned out to be on another name goes back like any other (R3). */
void plain_undo(struct lk_owner *w, struct lk_resource *r, lk_mode mode, bool seated);

/* acquire_glimpsed() of a name that is spread: one addition in the owner's slot, and a look at the word. */
enum plain plain_seated(struct lk_owner *w, const struct glimpse *g, lk_mode mode, uint32_t few,
			lk_grant *out);

/*
 * The whole of an acquire that meets nothing out of the ordinary, on a resource without ancestors that
 * cannot be retired: about seventy instructions.
 */
LK_HOT enum plain
acquire_plain(struct lk_owner *w, struct lk_resource *r, lk_mode mode, uint32_t few, lk_grant *out)
{
	lk_grant g;

	if (unlikely(hold_find_few(&w->holds, few, r) != SLOT_NONE))
		return PLAIN_NOT;
	if (unlikely(!line_try_enter(r, mode)))
		return PLAIN_BARRED;
	if (unlikely((shim_load(&r->pins, SHIM_RELAXED) & PINS_DIED) != 0))
		return PLAIN_DIED;
	g = grant_write_plain(w, r, mode, 0, few);
	if (out != NULL)
		*out = g;
	return PLAIN_DONE;
}

/*
 * Did nobody hold what was glimpsed, so that the owner did not either?  What it holds otherwise than in the word is spread,
 * or pinned.  (H2)  So a name that idles is not looked for among its holds.
 */
LK_HOT bool
glimpse_idles(const struct glimpse *g)
{
	return (g->word & ~WORD_GEN_MASK) == 0 && shim_load(&g->r->pins, SHIM_RELAXED) == 0;
}

/* acquire_plain() on what was glimpsed: nothing keeps it from being retired until we hold it. */
LK_HOT enum plain
acquire_glimpsed(struct lk_owner *w, struct glimpse *g, lk_mode mode, uint32_t few, lk_grant *out)
{
	uint32_t lost = 0;
	lk_grant grant;

	if (few != FEW_ALL && unlikely(!glimpse_idles(g)) &&
	    unlikely(hold_find_few(&w->holds, few, g->r) != SLOT_NONE))
		return PLAIN_NOT;
	if (unlikely(!take_glimpsed(g, mode, &lost))) {
		const struct glimpse spread = *g; /* or it could not stay in registers */

		return (g->word & WORD_SPREAD) != 0 ? plain_seated(w, &spread, mode, few, out)
						    : PLAIN_NOT;
	}
	if (unlikely(!glimpse_confirmed(g))) {
		plain_undo(w, g->r, mode, false);
		return PLAIN_NOT;
	}
	if (unlikely(lost != 0))
		seat_note_lost(w, g->r, mode, lost);
	if (unlikely((shim_load(&g->r->pins, SHIM_RELAXED) & PINS_DIED) != 0))
		return PLAIN_DIED;
	grant = grant_write_plain(w, g->r, mode, 0, few);
	if (out != NULL)
		*out = grant;
	return PLAIN_DONE;
}

/* The rest of a quick acquire of a name without ancestors, by an owner that is plain and was entered.  False: the long way is to be gone. */
LK_HOT bool
acquire_flat(struct lk_owner *w, struct glimpse *g, lk_mode mode, uint32_t few, lk_grant *out,
	     int *rc)
{
	const enum plain plain = acquire_glimpsed(w, g, mode, few, out);

	*rc = 0;
	if (likely(plain == PLAIN_DONE))
		owner_leave(w);
	else if (plain == PLAIN_DIED)
		*rc = acquire_died(w, g->r, mode, out);
	return likely(plain == PLAIN_DONE) || plain == PLAIN_DIED;
}

/* The plain way of a name that is not in the index, by the entry of one that idles. */
LK_HOT bool
acquire_new(struct lk_owner *w, const struct key *k, lk_mode mode, lk_grant *out)
{
	struct index *x = &w->manager->index;
	struct lk_resource *r;
	lk_grant g;

	if (unlikely(!path_key_is_flat(x, k))) {
		w->cache.misses = 0; /* what that counts are names that can be had this way */
		return false;
	}
	r = index_replace(x, &w->cache, k, mode, shim_load(&x->shape, SHIM_ACQUIRE));
	if (unlikely(r == NULL))
		return false;
	evict_nearby(x, &w->cache);
	g = grant_write_plain(w, r, mode, 0, owner_few(w));
	if (out != NULL)
		*out = g;
	return true;
}

/* The same in a streak, of a name whose words were read.  (I8) */
LK_HOT bool
acquire_key_in_streak(struct lk_owner *w, struct key *k, lk_mode mode, uint32_t few, lk_grant *out)
{
	const struct index *x = &w->manager->index;
	struct lk_resource *r;
	lk_grant g;

	if (unlikely((k->tail & NAME_ID) == 0 && !path_words_are_flat(x, k->word)))
		return false;
	key_hash(k, x->seed);
	if (unlikely(!streak_replace(x, &w->cache, k, mode, &r)))
		return false;
	g = grant_write_made(w, r, mode, few);
	if (out != NULL)
		*out = g;
	return true;
}

/* … of more than sixteen bytes, which have a word more. */
bool acquire_wide_in_streak(struct lk_owner *w, const void *bytes, uint32_t len, lk_mode mode,
			    lk_grant *out);

/* In a streak that is on.  False: the name may be there, or the long way of a miss is to be gone. */
LK_HOT bool
acquire_in_streak(struct lk_owner *w, const void *bytes, uint32_t tail, lk_mode mode, uint32_t few,
		  lk_grant *out)
{
	struct key k;

	if (unlikely((tail & NAME_LEN_MASK) > 16))
		return acquire_wide_in_streak(w, bytes, tail, mode, out);
	key_read(&k, bytes, tail);
	return acquire_key_in_streak(w, &k, mode, few, out);
}

#endif /* LK_CORE_PLAIN_H */
