/* SPDX-License-Identifier: MIT */
/* Whose request ends. */
#ifndef LK_DEADLOCK_VICTIM_H
#define LK_DEADLOCK_VICTIM_H

#include "deadlock/search.h"

/* Of the ring that was found; NULL: all its members wait outside. */
struct party *victim_of_ring(const struct ring_search *s, enum lk_victim policy);

#endif /* LK_DEADLOCK_VICTIM_H */
