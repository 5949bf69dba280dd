/* SPDX-License-Identifier: MIT */
/* The fence of a grant. */
#ifndef LK_CORE_FENCE_H
#define LK_CORE_FENCE_H

#include "owner/owner.h"

/* As lk_fence(), in a call of the owner. */
uint64_t fence_of(struct lk_owner *w, lk_grant g);

#endif /* LK_CORE_FENCE_H */
