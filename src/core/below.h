/* SPDX-License-Identifier: MIT */
/*
 * The plain way of a lock below others: of a plain owner, in a mode as such (no LK_PARENTS), when nothing
 * above covers it and nobody is in the way.  What is not that simple goes the way of acquire_below() and
 * release_counted(), to the same end.
 *
 *   db/orders/42 in S     db: IS     db/orders: IS     42: S     is 42 still that name?     four slots
 *   db/orders/43 in S     a count more on both         43: S     is 43 still that name?     one slot
 *
 * R7  Whoever makes holds on the ancestors of an entry, none of them pinned, reads `parent` from the lowest
 *     entry up, after its ident, and compares that ident again when all holds are made.  If it did not
 *     change, the lowest was not retired meanwhile, so each had the one above it pinned (R6), and all holds
 *     are on what was meant.  If it did, all go back like any other (R3).
 */
#ifndef LK_CORE_BELOW_H
#define LK_CORE_BELOW_H

#include "core/acquire.h"

/*
 * What was glimpsed, an entry with ancestors.  PLAIN_DIED: the ancestors are written down, the entry is only
 * in its word.
 */
enum plain below_acquire(struct lk_owner *w, const struct glimpse *g, lk_mode mode, uint32_t few,
			 lk_grant *out);

/*
 * The whole of a quick acquire of an entry with ancestors, which had the name's bytes under `ident`, by an owner that is
 * plain and was entered.  What was asked for stays in registers, for the case that it has to be begun again.
 */
int below_acquire_named(struct lk_owner *w, struct lk_resource *r, uint64_t ident,
			const void *bytes, uint64_t asked, lk_grant *out);

/* lk_release() of `g`, which is said to be in slot `s`, one of the first, on a path, with this head. */
int below_release(struct lk_owner *w, lk_grant g, struct hold *s, uint64_t head, uint32_t few);

#endif /* LK_CORE_BELOW_H */
