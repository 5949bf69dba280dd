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
	const struct mode_row *row = &word_row[mode];
	uint64_t w = g->word;

	if (unlikely((w & row->open) != 0))
		return false;
	while (unlikely(!shim_cas(&g->r->word, &w, w + row->add, SHIM_ACQ_REL))) {
		if ((((w ^ g->word) & WORD_GEN_MASK) | (w & row->open)) != 0)
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

/* What a quick acquire leaves to do when it did not get, or must not take, what it found: from the bytes again. */
int acquire_slowly(struct lk_owner *w, const void *bytes, uint32_t tail, lk_mode mode,
		   uint32_t flags, lk_grant *out);

#endif /* LK_CORE_ACQUIRE_H */
