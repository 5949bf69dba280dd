/* SPDX-License-Identifier: MIT */
/* Sets of stripes, locked and loaded.  (SF1) */
#ifndef LK_ADAPTERS_FILE_LOCK_H
#define LK_ADAPTERS_FILE_LOCK_H

#include "file/store.h"

/*
 * Lock them, read their heads, and finish what somebody left in the middle.  0: they are locked.  LK_E_TIMEDOUT, LK_E_STORE,
 * LK_E_CORRUPT, LK_E_NOMEM.
 */
int file_lock(struct file_store *s, uint64_t stripes, enum io_lock how, uint64_t deadline_ns);
void file_unlock(struct file_store *s, uint64_t stripes);

/* All there are. */
uint64_t file_all(const struct file_store *s);

/* Without reading heads. */
int file_lock_plain(struct file_store *s, uint64_t stripes, enum io_lock how, uint64_t deadline_ns);

#endif /* LK_ADAPTERS_FILE_LOCK_H */
