/* SPDX-License-Identifier: MIT */
/*
 * Requests of a family's members.  (FA3, FA4)
 *
 *   ask the hook -> try without waiting -> granted, or refused -> tell
 *                            `-> in the way: pending, for the head; the member's thread sleeps -> done
 *
 * All are made in a call of `w`, and do not end it.
 */
#ifndef LK_CORE_MEMBER_H
#define LK_CORE_MEMBER_H

#include "core/batch.h"

/* acquire_inside(), for a member. */
int member_acquire(struct lk_owner *w, const struct name *n, struct lk_resource *r,
		   struct request *q, lk_grant *out);

/* A batch, which was read from `r`. */
int member_acquire_many(struct lk_owner *w, struct batch *b, const struct lk_request *r);

/* A conversion. */
int member_convert(struct lk_owner *w, lk_grant g, struct request *q);

#endif /* LK_CORE_MEMBER_H */
