/* SPDX-License-Identifier: MIT */
/*
 * Optimistic reads.  A stamp is the sum of the fences of an entry and its ancestors: each only grows, so
 * the sum is the same if and only if all are.
 *
 * OR1  whoever comes to hold a name in U, SIX or X where before he held none of them mints a fence there: after
 *     the word says so, and before his call returns.  U, SIX and X become each other without one; so
 *     one that is there at the beginning is BUSY.
 * OR2  an implied grant in such a mode takes no word, and has its protection from a hold in X above; it moves from
 *     there to its own word without a fence (implied_make_real), but is in the lower word before it is gone
 *     from the upper one.  So words are looked at from the root down: what was not met above can only be
 *     further down.  The other way (implied_put_back) it only moves to a cover that had X all the time.
 * OR3  fences are read before words: whose fence is in the stamp is seen in the word, or has given it up.
 * OR4  a fence is stored (release) before all that its holder writes (shim_order_stores), and read after all
 *     that was read (shim_order_loads): who read something of a writer's sees his fence.
 * OR5  with a store there is none of it: a writer of another process leaves no fence here, and his name may come back
 *     here before anybody asks.
 *
 * A composite's words say X before anybody minted: its owner does, when it adopts them (K7), before its call
 * returns.  What a batch takes in advance is minted like any other hold.
 */
#include "core/manager.h"

enum { LEVELS = 16 };

static uint64_t
stamp_of(const struct lk_resource *r)
{
	uint64_t sum = 0;

	for (; r != NULL; r = resource_parent(r))
		sum += shim_load(&r->fence, SHIM_ACQUIRE);
	return sum;
}

static bool
has_writer(const struct lk_resource *r)
{
	return (shim_load(&r->word, SHIM_ACQUIRE) & (WORD_U | WORD_SIX | WORD_X | WORD_FREEZE)) !=
	       0;
}

/* From the root down (OR2); the links go up, so some levels at a time are turned round. */
static bool
path_has_writer(const struct lk_resource *leaf)
{
	const struct lk_resource *level[LEVELS];
	uint32_t left = resource_levels(leaf);

	while (left > 0) {
		uint32_t n = left < LEVELS ? left : LEVELS;

		left -= n;
		level[0] = resource_climb((struct lk_resource *)(uintptr_t)leaf, left);
		for (uint32_t i = 1; i < n; i++)
			level[i] = resource_parent(level[i - 1]);
		while (n-- > 0) {
			if (has_writer(level[n]))
				return true;
		}
	}
	return false;
}

int
lk_read_begin(struct lk_resource *r, uint64_t *stamp)
{
	const struct lk_manager *m;
	uint64_t sum;

	if (r == NULL || stamp == NULL)
		return LK_E_INVAL;
	m = slab_home(r);
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	if (m->remote != NULL)
		return LK_E_UNSUPPORTED; /* (OR5) */
	sum = stamp_of(r);               /* before the words (OR3) */
	if (resource_parent(r) == NULL ? has_writer(r) : path_has_writer(r))
		return LK_E_BUSY;
	*stamp = sum;
	return 0;
}

int
lk_read_validate(struct lk_resource *r, uint64_t stamp)
{
	if (r == NULL)
		return LK_E_INVAL;
	if (manager_gate(slab_home(r)) == LK_E_FORKED)
		return LK_E_FORKED;
	shim_order_loads(); /* after all that was read (OR4) */
	return stamp_of(r) == stamp ? 0 : LK_E_STALE;
}
