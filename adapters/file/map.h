/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a stripe: in memory if its file system is, else by the system's calls.  A call costs as much as a hundred such
 * reads; and of a file in memory nothing else can go wrong but that somebody cuts it.
 *
 * SF10  memory is touched only below the size that the file had when its stripe was locked.  Who cuts it while it is
 *       locked, and only he, lets the process end by SIGBUS; later he is found out.
 * SF11  the durable stripe is not in memory: what is written to it can fail, and that is to be heard.
 */
#ifndef LK_ADAPTERS_FILE_MAP_H
#define LK_ADAPTERS_FILE_MAP_H

#include "file/store.h"

/* The stripe is locked, and its file is open.  0 or an errno. */
int file_map_use(struct file_store *s, uint32_t stripe);

/* Before its file is closed. */
void file_map_drop(struct file_stripe *t);

/* As io_read_some() and io_write(). */
int file_get(struct file_store *s, uint32_t stripe, void *buf, size_t n, uint64_t at, size_t *got);
int file_put(struct file_store *s, uint32_t stripe, const void *bytes, size_t n, uint64_t at);

#endif /* LK_ADAPTERS_FILE_MAP_H */
