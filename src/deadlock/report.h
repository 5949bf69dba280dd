/* SPDX-License-Identifier: MIT */
/* A ring written down, while its members wait. */
#ifndef LK_DEADLOCK_REPORT_H
#define LK_DEADLOCK_REPORT_H

#include <latchkey/deadlock.h>

#include "deadlock/search.h"

/*
 * The ring that was found, with `victim` (NULL: none yet).  False: a member does not wait any more as it
 * did, so it is a ring no longer (D2).
 */
bool report_ring(const struct ring_search *s, const struct party *victim, uint64_t now,
		 struct lk_deadlock *out);

#endif /* LK_DEADLOCK_REPORT_H */
