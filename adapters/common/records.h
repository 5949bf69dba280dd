/* SPDX-License-Identifier: MIT */
/* The records of a call: what every store checks, in the same way. */
#ifndef LK_ADAPTERS_RECORDS_H
#define LK_ADAPTERS_RECORDS_H

#include <latchkey/store.h>

/* Before anything else: names, and that each is there once.  0, LK_E_INVAL, LK_E_NAME, LK_E_LIMIT. */
int records_check(const struct lk_store_record *r, size_t n);

/* Call `fn`, with nothing fresh; check what it wants.  0, what `fn` said, LK_E_INVAL. */
int records_change(struct lk_store_record *r, size_t n, lk_store_change_fn *fn, void *arg);

/* Does any want to be written? */
int records_are_changed(const struct lk_store_record *r, size_t n);

/* What is told of old records ends with the call. */
void records_end(struct lk_store_record *r, size_t n);

#endif /* LK_ADAPTERS_RECORDS_H */
