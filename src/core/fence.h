/* SPDX-License-Identifier: MIT */
/* The fence of a grant. */
#ifndef LK_CORE_FENCE_H
#define LK_CORE_FENCE_H

#include "owner/owner.h"

/* As lk_fence(), in a call of the owner, of what is known here. */
uint64_t fence_of(struct lk_owner *w, lk_grant g);

/*
 * In a call of the owner, which is away meanwhile: if the fence of a grant is to be fetched, the store is asked for it.  0: the
 * grant has one, needs none, or ended; or why there is none.  (FE1)
 */
int fence_fetch(struct lk_owner *w, lk_grant g);

#endif /* LK_CORE_FENCE_H */
