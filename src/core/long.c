/* SPDX-License-Identifier: MIT */
/* Acquire by a long name.  (R2, R3, GS1, GS2) */
#include "core/long.h"
#include "core/below.h"
#include "core/many.h"
#include "core/plain.h"
#include "index/guess.h"

/* By its hash, in its bucket; where that was is noted. */
static LK_NOINLINE bool
glimpse_hashed(struct lk_owner *w, const void *bytes, uint32_t len, uint32_t place,
	       struct glimpse *g)
{
	const struct index *x = &w->manager->index;
	struct name n;

	if (!name_set(&n, bytes, len, 0, x->seed) || !index_glimpse(x, &n, g))
		return false;
	if (len <= GUESS_LEN_MAX && unlikely(!guess_note(&w->cache, place, g->r)))
		guess_begin(&w->cache, &w->manager->env);
	return true;
}

LK_HOT bool
glimpse_long(struct lk_owner *w, const void *bytes, uint32_t len, struct glimpse *g)
{
	uint32_t place = 0;

	if (likely(len <= GUESS_LEN_MAX)) {
		place = guess_place_long(bytes, len);
		if (likely(guess_glimpse_long(&w->cache, bytes, len, place, g)))
			return true;
	}
	return glimpse_hashed(w, bytes, len, place, g);
}

LK_NOINLINE int
acquire_long(struct lk_owner *w, const void *bytes, size_t len, lk_mode mode, uint32_t flags,
	     lk_grant *out)
{
	const uint32_t few = owner_few(w);
	const uint32_t tail = (uint32_t)len;
	struct glimpse g;
	int rc;

	if (unlikely(len - 1 >= LK_NAME_MAX))
		return LK_E_NAME;
	if (unlikely(!mode_valid(mode)) || unlikely(!owner_is_plain(w, few)) ||
	    unlikely(owner_enter(w) != 0) || !glimpse_long(w, bytes, tail, &g))
		return acquire_slowly(w, bytes, tail, mode, flags, out);
	if (resource_parent(g.r) != NULL)
		return below_acquire(w, g.r, g.ident, bytes, asked_make(tail, mode, flags), out);
	if (likely(acquire_flat(w, &g, mode, few, out, &rc)))
		return rc;
	return acquire_slowly(w, bytes, tail, mode, flags, out);
}
