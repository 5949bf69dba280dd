/* SPDX-License-Identifier: MIT */
/* The folder of a store: found or made, checked, and kept an eye on. */
#ifndef LK_ADAPTERS_FILE_DIR_H
#define LK_ADAPTERS_FILE_DIR_H

#include "file/store.h"

/* What the URL says. */
struct file_wishes {
	const char *path;
	uint32_t n_stripes; /* 0: does not matter */
	bool any_fs;
};

/* All files but stripes are open then, and the store is whole.  Any code of `open`; s->words says why. */
int file_dir_open(struct file_store *s, const struct file_wishes *w);

/* Is it all still there, where it was?  0; LK_E_LOST. */
int file_dir_check(struct file_store *s);

/* The same for `space` alone, which is quicker: 0; LK_E_CORRUPT.  `names` is of names_now(), or 0. */
int file_space_check(struct file_store *s, uint64_t names);

#endif /* LK_ADAPTERS_FILE_DIR_H */
