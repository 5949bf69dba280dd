/* SPDX-License-Identifier: MIT */
/* Whose request ends. */
#ifndef LK_DEADLOCK_VICTIM_H
#define LK_DEADLOCK_VICTIM_H

#include "deadlock/search.h"

/* Of the ring that was found; NULL: all its members wait outside. */
struct party *victim_of_ring(const struct ring_search *s, enum lk_victim policy);

/* Of equal priority the one with more is the victim; of equal merit, whoever comes first. */
uint64_t victim_merit(struct party *p, enum lk_victim policy);

#endif /* LK_DEADLOCK_VICTIM_H */
