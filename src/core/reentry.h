/* SPDX-License-Identifier: MIT */
/* A further grant on a name that the owner holds already. */
#ifndef LK_CORE_REENTRY_H
#define LK_CORE_REENTRY_H

#include "core/grant.h"

/*
 * One more grant on the hold in `slot`, which may have to become stronger for it.  0 or the code to
 * return; then nothing changed.
 */
int grant_again(struct lk_owner *w, uint32_t slot, struct request *q, lk_grant *out);

/*
 * A slot for a grant on the hold in `slot`, which is COUNTED, in front of those before it; what the hold counts is the
 * caller's.  Room was reserved.
 */
lk_grant reentry_chain(struct lk_owner *w, uint32_t slot, uint64_t stamp, const struct request *q);

#endif /* LK_CORE_REENTRY_H */
