/* SPDX-License-Identifier: MIT */
/* Retiring idle entries, so that memory is bounded by what is held plus max_idle.  (I4, I5) */
#ifndef LK_INDEX_EVICT_H
#define LK_INDEX_EVICT_H

#include "index/index.h"

/*
 * Make room in a latched bucket before an insertion.  True: it is crowded with entries that may
 * stay, so the index should grow.
 */
bool evict_for_insert(struct index *x, struct index_cache *c, struct bucket *b);

/* Look into two further buckets, without waiting for them.  No latch held. */
void evict_nearby(struct index *x, struct index_cache *c);

/* Retire all idle entries of one bucket. */
void evict_bucket(struct index *x, struct index_cache *c, uint32_t number);

#endif /* LK_INDEX_EVICT_H */
