/* SPDX-License-Identifier: MIT */
/* The general way of one acquire, for those who make several. */
#ifndef LK_CORE_ACQUIRE_H
#define LK_CORE_ACQUIRE_H

#include "core/grant.h"

/*
 * A grant on `r`, which cannot be retired, or if that is NULL on the name `n`: room for it, what it
 * keeps, the grant.  The owner was entered and its gate is open.  0, or the code to return: then nothing
 * is left behind.
 */
int acquire_inside(struct lk_owner *w, const struct name *n, struct lk_resource *r,
		   struct request *q, lk_grant *out);

#endif /* LK_CORE_ACQUIRE_H */
