/* SPDX-License-Identifier: MIT */
/* How long something may take: the clock of the environment, which in tests is not the system's. */
#ifndef LK_ADAPTERS_REDIS_PATIENCE_H
#define LK_ADAPTERS_REDIS_PATIENCE_H

#include <stdbool.h>

#include "common/place.h"

struct patience {
	const struct place *place;
	uint64_t until_ns;
};

/* From now on so long, but no longer than `deadline_ns`. */
static inline struct patience
patience_of(const struct place *p, uint64_t most_ns, uint64_t deadline_ns)
{
	const uint64_t now = place_now(p);
	const uint64_t end = most_ns > UINT64_MAX - now ? UINT64_MAX : now + most_ns;

	return (struct patience){ p, end < deadline_ns ? end : deadline_ns };
}

/* Milliseconds for poll(): never long, as time that is given may pass otherwise than the system's.  0: it is over. */
static inline int
patience_ms(const struct patience *p)
{
	const uint64_t now = place_now(p->place);
	const uint64_t left = p->until_ns > now ? p->until_ns - now : 0;

	return left == 0 ? 0 : left > 50000000 ? 50 : (int)(left / 1000000) + 1;
}

#endif /* LK_ADAPTERS_REDIS_PATIENCE_H */
