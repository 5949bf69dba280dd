/* SPDX-License-Identifier: MIT */
/*
 * What a grant on a path has on the ancestors of its name: a count on the owner's hold of each, from the
 * root down on the way in, from the leaf up on the way out.  (H6)
 *
 *   db/orders/42 in X        42: X        db/orders: one IX more        db: one IX more
 *
 * A count is not a grant: it cannot be released by name, and is no re-entry.
 *
 * H7  whoever takes has all counts or none; whoever gives back takes no memory and cannot fail.
 */
#ifndef LK_CORE_ANCESTORS_H
#define LK_CORE_ANCESTORS_H

#include "core/grant.h"

/*
 * One count of `mode` on the hold of `r`, which is made if there is none, and made stronger if need be.
 * `r` cannot be retired.  0 or the code to return: then nothing changed.
 */
int count_take(struct lk_owner *w, struct lk_resource *r, lk_mode mode, struct request *q);

/* A count less on the hold in `slot`; its end if that was the last thing there. */
void count_give(struct lk_owner *w, uint32_t slot, lk_mode mode);

/* count_take() for `nearest` and all above it, from the root down, with the one deadline of `q`. */
int ancestors_take(struct lk_owner *w, struct lk_resource *nearest, lk_mode mode,
		   struct request *q);

/* count_give() for `nearest` and all above it. */
void ancestors_give(struct lk_owner *w, struct lk_resource *nearest, lk_mode mode);

/* What a grant needs there.  `parents`: it was asked for with LK_PARENTS. */
LK_HOT lk_mode
ancestors_mode(lk_mode mode, bool parents)
{
	return parents ? mode : mode_intent(mode);
}

#endif /* LK_CORE_ANCESTORS_H */
