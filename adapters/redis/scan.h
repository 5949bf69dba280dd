/* SPDX-License-Identifier: MIT */
/* All records whose names begin so, as struct lk_store_ops has it. */
#ifndef LK_ADAPTERS_REDIS_SCAN_H
#define LK_ADAPTERS_REDIS_SCAN_H

#include "redis/store.h"

int scan_rows(struct lk_store *base, const void *prefix, size_t len, lk_store_each_fn *fn,
	      void *arg, uint64_t deadline_ns);

#endif /* LK_ADAPTERS_REDIS_SCAN_H */
