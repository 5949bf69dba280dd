/* SPDX-License-Identifier: MIT */
/*
 * Semaphores: units that grants have, in the extras of their slots.
 *
 *   q->units --> waiter.units --> struct semaphore of the line          granted, with the word (wait/units.h)
 *                                      `-> extra of the grant: units    written down
 *                                          extra of the hold: all_units
 *
 * SU7  a grant that has units says so in its extra (EXTRA_UNITS), which it has since before it was made: so it never goes
 *      the plain way.  `all_units` in the extra of a hold is the sum of its grants'.  An extra that is free says 0 of both.
 * SU8  what has units is in its word: it is never implied, whatever is held above.
 */
#ifndef LK_CORE_SEMAPHORE_H
#define LK_CORE_SEMAPHORE_H

#include "core/grant.h"
#include "wait/units.h"

/* Units that the owner has on `r`, by all its grants there. */
uint32_t semaphore_has(const struct lk_owner *w, const struct lk_resource *r);

/* A grant with units, of a request that is prepared: on `r`, or if that is NULL on the name `n`. */
int semaphore_acquire(struct lk_owner *w, const struct name *n, struct lk_resource *r,
		      struct request *q, lk_grant *out);

/*
 * hold_take() of the name that the units are of: into the line, where there are enough, and from `from` to `to`
 * in the word, in one step.
 */
int semaphore_take(struct lk_owner *w, struct lk_resource *r, lk_mode from, lk_mode to,
		   bool *seated, struct request *q);

/* What a request brings into the line; false: no memory. */
bool semaphore_bring(struct lk_owner *w, const struct lk_resource *r, struct units *u);

/* Units that were taken, and not written down, go back.  The name is pinned. */
void semaphore_return(struct lk_owner *w, struct request *q);

/* A grant has units; how many; and they go back, before its hold does.  (SU2) */
LK_HOT bool
grant_has_units(const struct hold *s)
{
	return hold_is(s, HEAD_EXTRA) && (hold_extra(s)->flags & EXTRA_UNITS) != 0;
}

LK_HOT uint32_t
grant_units(const struct hold *s)
{
	return grant_has_units(s) ? shim_load(&hold_extra(s)->units, SHIM_RELAXED) : 0;
}

void semaphore_end(struct lk_owner *w, struct hold *s);

/* Those of a grant go to another one, which has an extra: how many are used does not change. */
void units_pass(struct lk_owner *w, struct hold *s, struct lk_owner *to, struct hold *taken);

/* Are there too few units left on `r` for so many?  0: none are asked for. */
bool semaphore_lacks(struct lk_manager *m, const struct lk_resource *r, uint32_t units);

#endif /* LK_CORE_SEMAPHORE_H */
