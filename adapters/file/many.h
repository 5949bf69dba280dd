/* SPDX-License-Identifier: MIT */
/*
 * Several updates, as struct lk_store_ops has it: those whose records are in the same stripes are made with these locked once.  Of many
 * names there are several in most stripes; and no more is locked at a time than for one, as others wait for it.
 *
 * SF12  each is an update by itself, with a log of its own, made and cleared before the next one begins; so that one sees what
 *       those before it have written, and who is killed in between leaves some of them whole, and of at most one a log.
 * SF13  if one fails as it is written, what is known of its stripes may not be so any more: they are unlocked, and those
 *       that are left go on from what is there when they are locked again.
 */
#ifndef LK_ADAPTERS_FILE_MANY_H
#define LK_ADAPTERS_FILE_MANY_H

#include <latchkey/store.h>

void file_update_many(struct lk_store *base, struct lk_store_update *u, size_t n,
		      uint64_t deadline_ns);

#endif /* LK_ADAPTERS_FILE_MANY_H */
