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
 * OR5  with a store the stamp has besides how often covers fell (AB7), and is taken before the cover of a name and its word are seen.  A
 *     read begins only if the covers, from the root down, keep everybody elsewhere from X: each is one, as X goes with none, and one of
 *     them admits S.  So who comes to write elsewhere has one of them fall first, which is counted before the store
 *     hears of it, and so before he is granted anything, and writes.
 * OR6  in a store whose sessions end by time, the deadline and then the clock are looked at after all that was read, and before the count: so
 *     what was read was read in time, or by a later session, and then all was lost, and counted, in between (CO8).
 * OR7  who has no cover that will do asks for it as one who does not wait, in IS on the way and in S at last, and looks again.  Nothing is
 *     held by that: it stays as long as any that nobody uses.
 *
 * A composite's words say X before anybody minted: its owner does, when it adopts them (K7), before its call
 * returns.  What a batch takes in advance is minted like any other hold.
 */
#include "core/manager.h"
#include "remote/remote.h"
#include "wait/abroad.h"

enum { LEVELS = 16, TRIES = 3 };

enum sight { SIGHT_CLEAR, SIGHT_WRITER, SIGHT_BARE };

static uint64_t
stamp_of(const struct lk_manager *m, const struct lk_resource *r)
{
	uint64_t sum = 0;

	for (; r != NULL; r = resource_parent(r)) {
		sum += shim_load(&r->fence, SHIM_ACQUIRE);
		if (m->remote != NULL)
			sum += abroad_fallen(&m->lot, r); /* (OR5) */
	}
	return sum;
}

/* What is known of the levels above: without a store, that nothing has to be. */
struct view {
	bool has_store;
	bool admits; /* a cover, of those that were seen, admits S */
};

/* Of one level, once all above it were looked at.  The cover before the word (AB7). */
static enum sight
look_at(const struct lk_resource *r, struct view *v)
{
	const lk_mode cover = v->has_store ? abroad_cover(r) : LK_NL;
	const uint64_t w = shim_load(&r->word, SHIM_ACQUIRE);

	if (abroad_has_writer_here(cover, w))
		return SIGHT_WRITER;
	if (v->admits)
		return SIGHT_CLEAR;
	if (cover == LK_NL || (w & WORD_FREEZE) != 0)
		return SIGHT_BARE;
	v->admits = abroad_admits(cover, LK_S);
	return SIGHT_CLEAR;
}

/* From the root down (OR2); the links go up, so some levels at a time are turned round. */
static enum sight
look_along_path(const struct lk_resource *leaf, struct view *v)
{
	const struct lk_resource *level[LEVELS];
	uint32_t left = resource_levels(leaf);
	enum sight sight = SIGHT_CLEAR;

	while (left > 0 && sight == SIGHT_CLEAR) {
		uint32_t n = left < LEVELS ? left : LEVELS;

		left -= n;
		level[0] = resource_climb((struct lk_resource *)(uintptr_t)leaf, left);
		for (uint32_t i = 1; i < n; i++)
			level[i] = resource_parent(level[i - 1]);
		while (n-- > 0 && sight == SIGHT_CLEAR)
			sight = look_at(level[n], v);
	}
	return sight;
}

/* (OR3, OR5) */
static enum sight
look(const struct lk_manager *m, const struct lk_resource *r, uint64_t *stamp)
{
	struct view v = { .has_store = m->remote != NULL, .admits = m->remote == NULL };
	enum sight sight;

	*stamp = stamp_of(m, r);
	sight = resource_parent(r) == NULL ? look_at(r, &v) : look_along_path(r, &v);
	return sight == SIGHT_CLEAR && !v.admits ? SIGHT_BARE : sight;
}

/* Covers for the name and those above it, as far as they are not there.  0, or why not.  (OR7) */
static int
borrow(struct lk_manager *m, struct lk_resource *r)
{
	struct view v = { .has_store = true };
	uint32_t left = resource_levels(r);
	int rc = 0;

	while (left-- > 0 && rc == 0 && !v.admits) {
		struct lk_resource *level = resource_climb(r, left);

		if (look_at(level, &v) == SIGHT_BARE || (left == 0 && !v.admits))
			rc = remote_need(m->remote, level, LK_NL, left == 0 ? LK_S : LK_IS, NULL,
					 false);
	}
	return rc;
}

/* What was borrowed may be taken back before it is of any use. */
static int
begin_abroad(struct lk_manager *m, struct lk_resource *r, uint64_t *stamp)
{
	enum sight sight = SIGHT_BARE;
	int rc = manager_gate(m);

	for (int i = 0; i < TRIES && rc == 0 && sight == SIGHT_BARE; i++) {
		rc = borrow(m, r);
		sight = look(m, r, stamp);
	}
	return sight == SIGHT_CLEAR ? 0 : rc != 0 ? rc : LK_E_BUSY;
}

int
lk_read_begin(struct lk_resource *r, uint64_t *stamp)
{
	struct lk_manager *m;
	enum sight sight;
	uint64_t seen;
	int rc;

	if (r == NULL || stamp == NULL)
		return LK_E_INVAL;
	m = slab_home(r);
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	sight = look(m, r, &seen);
	rc = sight == SIGHT_CLEAR ? 0 : sight == SIGHT_BARE ? begin_abroad(m, r, &seen) : LK_E_BUSY;
	if (rc == 0)
		*stamp = seen;
	return rc;
}

int
lk_read_validate(struct lk_resource *r, uint64_t stamp)
{
	struct lk_manager *m;

	if (r == NULL)
		return LK_E_INVAL;
	m = slab_home(r);
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	shim_order_loads();                                 /* after all that was read (OR4) */
	if (m->remote != NULL && remote_is_over(m->remote)) /* (OR6) */
		return LK_E_STALE;
	return stamp_of(m, r) == stamp ? 0 : LK_E_STALE;
}
