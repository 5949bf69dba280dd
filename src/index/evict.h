/* SPDX-License-Identifier: MIT */
/* Retiring idle entries, so that memory is bounded by what is held plus max_idle.  (I4, I5) */
#ifndef LK_INDEX_EVICT_H
#define LK_INDEX_EVICT_H

#include "index/index.h"

/*
 * Before an insertion into a latched bucket: if it has as many entries as it should, an idle one makes
 * way: it is returned without a name, its place, emptied, in `*place`.  NULL: none did; `*crowded`:
 * because the entries are wanted, so the index should grow.
 */
struct lk_resource *evict_for_insert(struct index *x, struct index_cache *c, struct bucket *b,
				     struct place *place, bool *crowded);

/* An entry without a name, for later. */
void evict_keep_spare(struct index *x, struct index_cache *c, struct lk_resource *r);

/* Look into two further buckets, without waiting for them.  No latch held. */
void evict_nearby(struct index *x, struct index_cache *c);

/* Retire all idle entries of one bucket. */
void evict_bucket(struct index *x, struct index_cache *c, uint32_t number);

#endif /* LK_INDEX_EVICT_H */
