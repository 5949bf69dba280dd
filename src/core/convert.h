/* SPDX-License-Identifier: MIT */
/* Weakening a grant from within another call. */
#ifndef LK_CORE_CONVERT_H
#define LK_CORE_CONVERT_H

#include "core/grant.h"

/* The owner was entered; `to` needs no more than the owner's grants on the name give. */
void convert_weaker(struct lk_owner *w, lk_grant g, lk_mode to);

#endif /* LK_CORE_CONVERT_H */
