/* SPDX-License-Identifier: MIT */
/* Which soft edge of a ring is turned round. */
#ifndef LK_DEADLOCK_ORDER_H
#define LK_DEADLOCK_ORDER_H

#include "deadlock/search.h"

/* `behind` is to go past `ahead` in the line of `r`. */
struct order_change {
	struct sighting behind;
	struct sighting ahead;
	struct lk_resource *r;
};

/*
 * Of the ring that was found, which has no ring of hard edges with the root in it; `runs` numbers searches,
 * which end what the edges of `s` say.  False: not now, as another member is in a ring of hard edges, whose
 * end may be the end of this one.
 */
bool order_choose(const struct ring_search *s, uint64_t *runs, struct order_change *out);

#endif /* LK_DEADLOCK_ORDER_H */
