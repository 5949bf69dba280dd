/* SPDX-License-Identifier: MIT */
/* The general way of one acquire, for those who make several. */
#ifndef LK_CORE_ACQUIRE_H
#define LK_CORE_ACQUIRE_H

#include "core/grant.h"

/*
 * How a plain way ended.  PLAIN_NOT, and PLAIN_BARRED by the word: nothing was done.  PLAIN_DIED: the word
 * counts our hold, and there is a death to tell of.
 */
enum plain { PLAIN_DONE, PLAIN_NOT, PLAIN_BARRED, PLAIN_DIED };

/*
 * Take what was glimpsed, if the word still is of the entry that we read the name of.  `*lost` counts
 * attempts that others spoilt.
 */
LK_HOT bool
take_glimpsed(const struct glimpse *g, lk_mode mode, uint32_t *lost)
{
	const uint64_t open = word_modes.open[mode];
	const uint64_t add = word_modes.add[mode];
	uint64_t w = g->word;

	if (unlikely((w & open) != 0))
		return false;
	while (unlikely(!shim_cas(&g->r->word, &w, w + add, SHIM_ACQ_REL))) {
		if ((((w ^ g->word) & WORD_GEN_MASK) | (w & open)) != 0)
			return false;
		++*lost;
	}
	return true;
}

/*
 * A grant on `r`, which cannot be retired, or if that is NULL on the name `n`: room for it, what it
 * keeps, the grant.  The owner was entered and its gate is open.  0, or the code to return: then nothing
 * is left behind.
 */
int acquire_inside(struct lk_owner *w, const struct name *n, struct lk_resource *r,
		   struct request *q, lk_grant *out);

/* On an entry that cannot go away, with all prepared: take it, or join its line. */
int acquire_pinned(struct lk_owner *w, struct lk_resource *r, struct request *q, lk_grant *out);

/* The same, without an event: the caller tells of it, or nobody.  `out` is not NULL. */
int acquire_untold(struct lk_owner *w, const struct name *n, struct lk_resource *r,
		   struct request *q, lk_grant *out);

/* What a quick acquire was asked for beside the bytes, in one register; by handle the tail is 0. */
LK_HOT uint64_t
asked_make(uint32_t tail, lk_mode mode, uint32_t flags)
{
	return (uint64_t)flags << 35 | (uint64_t)mode << 32 | tail;
}

LK_HOT lk_mode
asked_mode(uint64_t asked)
{
	return (lk_mode)(asked >> 32 & 7);
}

LK_HOT uint32_t
asked_tail(uint64_t asked)
{
	return (uint32_t)asked;
}

/* LK_NOWAIT, or nothing. */
LK_HOT uint32_t
asked_flags(uint64_t asked)
{
	return (uint32_t)(asked >> 35);
}

_Static_assert(LK_X <= 7 && LK_NOWAIT < 1u << 29, "they have room beside each other");

/* What below_acquire() leaves to do when the plain way is not to be gone: the same arguments. */
int acquire_path(struct lk_owner *w, struct lk_resource *r, uint64_t ident, const void *bytes,
		 uint64_t asked, lk_grant *out);

/* The word counts a hold on `r`, and there is a death to tell of: the end of that acquire. */
int acquire_died(struct lk_owner *w, struct lk_resource *r, lk_mode mode, lk_grant *out);

/* What a quick acquire leaves to do when it did not get, or must not take, what it found: from the bytes again. */
int acquire_slowly(struct lk_owner *w, const void *bytes, uint32_t tail, lk_mode mode,
		   uint32_t flags, lk_grant *out);

#endif /* LK_CORE_ACQUIRE_H */
