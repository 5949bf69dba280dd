/* SPDX-License-Identifier: MIT */
/* The log of an update: written, made, cleared; or found, and made again.  (SF2, SF3) */
#ifndef LK_ADAPTERS_FILE_LOG_H
#define LK_ADAPTERS_FILE_LOG_H

#include "file/store.h"

/*
 * Make an update of the stripes in `stripes`, whose heads are as they will be.  0; LK_E_STORE: nothing is written and nothing
 * will be; LK_E_UNKNOWN: who comes next finds out, and finishes it if so.
 */
int file_log_write(struct file_store *s, uint64_t stripes, const unsigned char *patches,
		   size_t len);

/* With all stripes locked exclusively: finish or forget what is logged anywhere.  0; LK_E_STORE, LK_E_CORRUPT, LK_E_NOMEM. */
int file_log_recover(struct file_store *s);

#endif /* LK_ADAPTERS_FILE_LOG_H */
