/* SPDX-License-Identifier: MIT */
/* What an attempt counted, of which nobody is told, as it was undone in the same call. */
#ifndef LK_CORE_UNDONE_H
#define LK_CORE_UNDONE_H

#include "owner/owner.h"

struct counted {
	uint64_t drawn;
	uint64_t undone;
	uint64_t busy;
	uint64_t implied;
	uint64_t intents;
	uint64_t reentries;
};

struct counted counted_now(const struct lk_owner *w);

/* All since then was undone. */
void uncount(struct lk_owner *w, const struct counted *before);

/* The stamp that is drawn next is not of a grant that is made: it was somebody else's.  (O5) */
void uncount_next(struct lk_owner *w);

#endif /* LK_CORE_UNDONE_H */
