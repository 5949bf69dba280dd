/* SPDX-License-Identifier: MIT */
/* Records: update and read, as struct lk_store_ops has them. */
#ifndef LK_ADAPTERS_REDIS_ROWS_H
#define LK_ADAPTERS_REDIS_ROWS_H

#include "redis/store.h"

int rows_update(struct lk_store *base, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
		void *arg, uint64_t deadline_ns);
int rows_read(struct lk_store *base, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
	      void *arg, uint64_t deadline_ns);

#endif /* LK_ADAPTERS_REDIS_ROWS_H */
