/* SPDX-License-Identifier: MIT */
/* Records, as rows of a table. */
#ifndef LK_ADAPTERS_SQLITE_ROWS_H
#define LK_ADAPTERS_SQLITE_ROWS_H

#include "common/arena.h"
#include "sqlite/transaction.h"

/* A hash of bytes; of a record it is kept with it, so that one that somebody changed is known by it. */
uint64_t rows_hash(const void *bytes, size_t len, uint64_t seed);

int rows_update(struct lk_store *base, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
		void *arg, uint64_t deadline_ns);
int rows_read(struct lk_store *base, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
	      void *arg, uint64_t deadline_ns);
int rows_scan(struct lk_store *base, const void *prefix, size_t len, lk_store_each_fn *fn,
	      void *arg, uint64_t deadline_ns);

#endif /* LK_ADAPTERS_SQLITE_ROWS_H */
