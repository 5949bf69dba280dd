/* SPDX-License-Identifier: MIT */
/* Acquire by name, for owners with many holds.  (R3, H5, H11, H13) */
#include "core/many.h"
#include "core/release.h"
#include "index/path.h"
#include "index/replace.h"

/* A grant on `r`, which the word counts already, in whatever slot is free. */
LK_HOT void
write_any(struct lk_owner *w, struct lk_resource *r, lk_mode mode, lk_grant *out)
{
	const uint64_t head = head_make(grant_stamp_plain(w), mode, mode, 0);
	uint32_t slot;

	if (mode_writes(mode))
		(void)grant_mint(r); /* it stays there (H11) */
	slot = hold_add_bare(&w->holds, r, 0, head, NULL);
	if (out != NULL)
		*out = grant_of(head, slot);
}

/*
 * Did nobody hold what was glimpsed, so that the owner did not either?  What it holds otherwise than in the word is spread,
 * or pinned.  (H2)  So a name that idles is not looked for among its holds.
 */
static bool
idled(const struct glimpse *g)
{
	return (g->word & ~WORD_GEN_MASK) == 0 && shim_load(&g->r->pins, SHIM_RELAXED) == 0;
}

/* What was glimpsed, if it is not held yet and nobody is in the way. */
static enum plain
acquire_there(struct lk_owner *w, const struct glimpse *g, lk_mode mode, lk_grant *out)
{
	uint32_t lost = 0;

	if (unlikely(resource_parent(g->r) != NULL) ||
	    (!idled(g) && unlikely(hold_find(&w->holds, g->r) != SLOT_NONE)) ||
	    unlikely((shim_load(&g->r->pins, SHIM_RELAXED) & PINS_DIED) != 0) ||
	    unlikely(!take_glimpsed(g, mode, &lost)))
		return PLAIN_NOT;
	if (unlikely(!glimpse_confirmed(g)) || /* (R3) */
	    unlikely((shim_load(&g->r->pins, SHIM_RELAXED) & PINS_DIED) != 0)) {
		release_word(w, g->r, mode, LK_NL, false);
		return PLAIN_NOT;
	}
	if (unlikely(lost != 0))
		seat_note_lost(w, g->r, mode, lost);
	write_any(w, g->r, mode, out);
	return PLAIN_DONE;
}

/* The entry of a name without ancestors is made, with the hold in its word. */
static enum plain
acquire_made(struct lk_owner *w, const struct name *n, lk_mode mode, uint32_t flags, lk_grant *out)
{
	const bool patient = (flags & LK_NOWAIT) == 0;
	struct lk_resource *r = NULL;

	switch (index_enter(&w->manager->index, &w->cache, n, mode, patient, &r)) {
	case INDEX_HELD:
		cache_missed(&w->cache);
		write_any(w, r, mode, out);
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

static bool
glimpse(const struct bucket *b, const struct key *k, const struct name *n, struct glimpse *g)
{
	return index_glimpse_near(b, k, g) ||
	       (bucket_next(b) != NULL && index_glimpse_far(b, n, g));
}

enum plain
many_take(struct lk_owner *w, const void *bytes, const struct key *k, lk_mode mode, uint32_t flags,
	  lk_grant *out)
{
	const bool is_new = cache_expects_miss(&w->cache); /* or so it seems */
	const struct index *x = &w->manager->index;
	const struct bucket *b = index_locate(x, k->hash);
	struct glimpse g;
	struct name n;

	prefetch(b);
	if (unlikely(holds_reserve(&w->holds) != ROOM_OK))
		return PLAIN_NOT;
	name_of_key(&n, k, bytes);
	if (!is_new && glimpse(b, k, &n, &g))
		return acquire_there(w, &g, mode, out);
	if (unlikely(x->is_frozen) || unlikely(!path_key_is_flat(x, k))) {
		w->cache.misses = 0; /* what that counts are names that can be had this way */
		return PLAIN_NOT;
	}
	if (likely(acquire_made(w, &n, mode, flags, out) == PLAIN_DONE))
		return PLAIN_DONE;
	return is_new && glimpse(b, k, &n, &g) ? acquire_there(w, &g, mode, out) : PLAIN_NOT;
}

int
many_acquire(struct lk_owner *w, const void *bytes, uint32_t tail, lk_mode mode, uint32_t flags,
	     lk_grant *out)
{
	struct key k;

	if (unlikely(!mode_valid(mode)) || unlikely(!owner_is_plain_of_many(w, owner_few(w))) ||
	    unlikely(owner_enter(w) != 0))
		return acquire_slowly(w, bytes, tail, mode, flags, out);
	key_set(&k, bytes, tail, w->manager->index.seed);
	if (unlikely(many_take(w, bytes, &k, mode, flags, out) != PLAIN_DONE))
		return acquire_slowly(w, bytes, tail, mode, flags, out);
	owner_leave(w);
	return 0;
}
