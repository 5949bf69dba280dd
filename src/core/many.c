/* SPDX-License-Identifier: MIT */
/* Acquire by name, for owners with many holds.  (R3, H5, H11, H13) */
#include "core/many.h"
#include "core/plain.h"
#include "core/release.h"
#include "index/guess.h"

/* A grant on `r`, which the word counts already. */
static void
write_there(struct lk_owner *w, struct lk_resource *r, lk_mode mode, lk_grant *out)
{
	lk_grant g;

	if (mode_writes(mode))
		(void)grant_mint(r); /* it stays there (H11) */
	g = write_any(w, r, mode);
	if (out != NULL)
		*out = g;
}

/* The word does not admit it: perhaps as the name is spread. */
static LK_NOINLINE enum plain
take_seated(struct lk_owner *w, const struct glimpse *g, lk_mode mode, lk_grant *out)
{
	const uint32_t few = owner_few(w);

	return (g->word & WORD_SPREAD) != 0 && owner_is_plain(w, few)
		       ? plain_seated(w, g, mode, few, out)
		       : PLAIN_NOT;
}

enum plain
many_take_glimpsed(struct lk_owner *w, const struct glimpse *g, lk_mode mode, lk_grant *out)
{
	uint32_t lost = 0;

	if (unlikely(resource_parent(g->r) != NULL) ||
	    (!glimpse_idles(g) && unlikely(hold_find(&w->holds, g->r) != SLOT_NONE)) ||
	    unlikely(has_died(g->r)))
		return PLAIN_NOT;
	if (unlikely(!take_glimpsed(g, mode, &lost)))
		return take_seated(w, g, mode, out);
	if (unlikely(!glimpse_confirmed(g)) || /* (R3) */
	    unlikely(has_died(g->r))) {        /* who takes it next is told */
		release_word(w, g->r, mode, LK_NL, false);
		return PLAIN_NOT;
	}
	if (unlikely(lost != 0))
		seat_note_lost(w, g->r, mode, lost);
	write_there(w, g->r, mode, out);
	return PLAIN_DONE;
}

enum plain
many_make(struct lk_owner *w, const struct name *n, lk_mode mode, uint32_t flags, lk_grant *out)
{
	const bool patient = (flags & LK_NOWAIT) == 0;
	struct lk_resource *r = NULL;

	switch (index_enter(&w->manager->index, &w->cache, n, mode, patient, &r)) {
	case INDEX_HELD:
		cache_missed(&w->cache);
		write_there(w, r, mode, out);
		return PLAIN_DONE;
	case INDEX_PINNED:
		w->cache.misses = 0;
		resource_unpin(r);
		break;
	case INDEX_NOMEM:
	case INDEX_BUSY:
	case INDEX_BAD_HASH:
		break;
	}
	return PLAIN_NOT;
}

/* The entry of a short name without ancestors is made, with the hold in its word. */
static LK_NOINLINE enum plain
make_short(struct lk_owner *w, const void *bytes, const struct key *k, lk_mode mode, uint32_t flags,
	   lk_grant *out)
{
	const struct index *x = &w->manager->index;
	struct name n;

	if (unlikely(x->is_frozen) || unlikely(!path_key_is_flat(x, k))) {
		w->cache.misses = 0; /* what that counts are names that can be had this way */
		return PLAIN_NOT;
	}
	if (owner_is_plain(w, owner_few(w)) && acquire_new(w, k, mode, out))
		return PLAIN_DONE;
	name_of_key(&n, k, bytes);
	return many_make(w, &n, mode, flags, out);
}

/* In its bucket; where that is, is noted. */
static bool
glimpse_hashed(struct lk_owner *w, const void *bytes, const struct key *k, struct glimpse *g)
{
	const struct bucket *b = index_locate(&w->manager->index, k->hash);
	struct name n;

	if (!index_glimpse_near(b, k, g)) {
		if (bucket_next(b) == NULL)
			return false;
		name_of_key(&n, k, bytes);
		if (!index_glimpse_far(b, &n, g))
			return false;
	}
	if (unlikely(!guess_note(&w->cache, guess_place(k), g->r)))
		guess_begin(&w->cache, &w->manager->env);
	return true;
}

enum plain
many_take_hashed(struct lk_owner *w, const void *bytes, const struct key *k, lk_mode mode,
		 uint32_t flags, lk_grant *out)
{
	const bool is_new = cache_expects_miss(&w->cache); /* or so it seems */
	struct glimpse g;

	if (!is_new && glimpse_hashed(w, bytes, k, &g))
		return many_take_glimpsed(w, &g, mode, out);
	if (likely(make_short(w, bytes, k, mode, flags, out) == PLAIN_DONE))
		return PLAIN_DONE;
	return is_new && glimpse_hashed(w, bytes, k, &g) ? many_take_glimpsed(w, &g, mode, out)
							 : PLAIN_NOT;
}

int
many_acquire(struct lk_owner *w, const void *bytes, uint32_t tail, lk_mode mode, uint32_t flags,
	     lk_grant *out)
{
	struct key k;

	if (unlikely(!mode_valid(mode)) || unlikely(!owner_is_plain_of_many(w, owner_few(w))) ||
	    unlikely(owner_enter(w) != 0))
		return acquire_slowly(w, bytes, tail, mode, flags, out);
	key_read(&k, bytes, tail);
	k.hash = 0;
	if (unlikely(many_take(w, bytes, &k, mode, flags, out) != PLAIN_DONE))
		return acquire_slowly(w, bytes, tail, mode, flags, out);
	owner_leave(w);
	return 0;
}
