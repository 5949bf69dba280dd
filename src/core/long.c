/* SPDX-License-Identifier: MIT */
/* Acquire by a long name.  (R2, R3, GS1, GS2) */
#include "core/long.h"
#include "core/below.h"
#include "core/many.h"
#include "core/plain.h"

LK_HOT bool
guess_long(const struct index_cache *c, const void *bytes, uint32_t len, struct glimpse *g)
{
	return likely(len <= GUESS_LEN_MAX) &&
	       likely(guess_glimpse_long(c, bytes, len, guess_place_long(bytes, len), g));
}

/* By its hash, in its bucket; where that is, is noted. */
static bool
glimpse_hashed(struct lk_owner *w, const struct name *n, struct glimpse *g)
{
	if (!index_glimpse(&w->manager->index, n, g))
		return false;
	if (n->len <= GUESS_LEN_MAX &&
	    unlikely(!guess_note(&w->cache, guess_place_long(n->bytes, n->len), g->r)))
		guess_begin(&w->cache, &w->manager->env);
	return true;
}

static enum plain
make_long(struct lk_owner *w, const struct name *n, lk_mode mode, uint32_t flags, lk_grant *out)
{
	const struct index *x = &w->manager->index;

	if (unlikely(x->is_frozen) || unlikely(!path_is_flat(x, n)) ||
	    unlikely(holds_reserve(&w->holds) != ROOM_OK))
		return PLAIN_NOT;
	return many_make(w, n, mode, flags, out);
}

enum plain
long_take(struct lk_owner *w, const void *bytes, uint32_t len, lk_mode mode, uint32_t flags,
	  lk_grant *out)
{
	struct glimpse g;
	struct name n;

	if (unlikely(holds_reserve(&w->holds) != ROOM_OK))
		return PLAIN_NOT;
	if (likely(guess_long(&w->cache, bytes, len, &g)))
		return many_take_glimpsed(w, &g, mode, out);
	name_set_tail(&n, bytes, len, w->manager->index.seed);
	if (glimpse_hashed(w, &n, &g))
		return many_take_glimpsed(w, &g, mode, out);
	return make_long(w, &n, mode, flags, out);
}

/* The owner is not plain, but perhaps plain of many. */
static LK_NOINLINE int
acquire_long_of_many(struct lk_owner *w, const void *bytes, uint32_t len, lk_mode mode,
		     uint32_t flags, lk_grant *out)
{
	if (unlikely(!mode_valid(mode)) || unlikely(!owner_is_plain_of_many(w, owner_few(w))) ||
	    unlikely(owner_enter(w) != 0) ||
	    unlikely(long_take(w, bytes, len, mode, flags, out) != PLAIN_DONE))
		return acquire_slowly(w, bytes, len, mode, flags, out);
	owner_leave(w);
	return 0;
}

/* The name was not guessed; the owner is plain and was entered. */
static LK_NOINLINE int
acquire_long_hashed(struct lk_owner *w, const void *bytes, uint32_t len, lk_mode mode,
		    uint32_t flags, lk_grant *out)
{
	enum plain plain;
	struct glimpse g;
	struct name n;

	name_set_tail(&n, bytes, len, w->manager->index.seed);
	if (!glimpse_hashed(w, &n, &g))
		plain = make_long(w, &n, mode, flags, out);
	else if (resource_parent(g.r) != NULL)
		return below_acquire(w, g.r, g.ident, bytes, asked_make(len, mode, flags), out);
	else
		plain = many_take_glimpsed(w, &g, mode, out);
	if (unlikely(plain != PLAIN_DONE))
		return acquire_slowly(w, bytes, len, mode, flags, out);
	owner_leave(w);
	return 0;
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
	    unlikely(owner_enter(w) != 0))
		return acquire_long_of_many(w, bytes, tail, mode, flags, out);
	if (unlikely(!guess_long(&w->cache, bytes, tail, &g)))
		return acquire_long_hashed(w, bytes, tail, mode, flags, out);
	if (resource_parent(g.r) != NULL)
		return below_acquire(w, g.r, g.ident, bytes, asked_make(tail, mode, flags), out);
	if (likely(acquire_flat(w, &g, mode, few, out, &rc)))
		return rc;
	return acquire_slowly(w, bytes, tail, mode, flags, out);
}
