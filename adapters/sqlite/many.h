/* SPDX-License-Identifier: MIT */
/* Several updates in one transaction, as struct lk_store_ops has it. */
#ifndef LK_ADAPTERS_SQLITE_MANY_H
#define LK_ADAPTERS_SQLITE_MANY_H

#include "sqlite/store.h"

void many_update(struct lk_store *base, struct lk_store_update *u, size_t n, uint64_t deadline_ns);

#endif /* LK_ADAPTERS_SQLITE_MANY_H */
