/* SPDX-License-Identifier: MIT */
/*
 * Hints of a store in a folder: who has changed a stripe writes the names into its cells in the file `hints`; who watches
 * is woken by inotify, and reads them all.  A hint is lost if the writer dies before it, or if the names have gone round
 * before they were read: then it is "anything".
 */
#ifndef LK_ADAPTERS_FILE_HINTS_H
#define LK_ADAPTERS_FILE_HINTS_H

#include "file/store.h"

/*
 * The `number`th change in a stripe.  It may be unlocked: who is woken does not find it locked then.  If others are faster with
 * the next ones, whoever reads finds that one is missing, and looks at everything.
 */
void file_hint_write(struct file_store *s, uint32_t stripe, uint64_t number, const void *name,
		     size_t len);

/* The file is open.  If it fails, hints are slower. */
void file_hints_set_up(const struct file_store *s);

int file_watch(struct lk_store *base, lk_store_hint_fn *fn, void *arg);
void file_unwatch(struct lk_store *base);

#endif /* LK_ADAPTERS_FILE_HINTS_H */
