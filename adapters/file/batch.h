/* SPDX-License-Identifier: MIT */
/*
 * An update on its way into the files: what is to be written where, first gathered, then logged, then made.  (SF2, SF3)
 *
 *   gather    places for all that is new; nothing is written
 *   log       SEE in all stripes but the first, then the log in the first: the one write that makes the update
 *   make      all patches, in their places
 *   clear     the log, then SEE
 */
#ifndef LK_ADAPTERS_FILE_BATCH_H
#define LK_ADAPTERS_FILE_BATCH_H

#include "file/stripe.h"

/* One record of the update. */
struct file_item {
	uint32_t stripe;
	uint64_t hash;
	uint64_t hint; /* its number, if somebody is to hear of it; else 0 */
	struct file_find find;
};

struct file_patches {
	const struct place *place;
	unsigned char *bytes; /* `first`, or more that was allocated */
	size_t len;
	size_t room;
	_Alignas(8) unsigned char first[FILE_LOG_INLINE]; /* most are short */
};

/* Large: the first five are set by the caller, and the rest is not cleared. */
struct file_batch {
	struct file_store *s;
	struct lk_store_record *r;
	struct file_item *items;
	size_t n;
	uint64_t stripes; /* bits of those that are locked */
	uint64_t changed; /* … of those that are written */
	struct file_patches patches;
	uint64_t reserved_from[FILE_STRIPES_ALL]; /* the ends of files as they were */
};

/*
 * Write what the function has made of the records; stripes are locked and loaded, records found.  0; LK_E_STORE, LK_E_NOMEM,
 * LK_E_LIMIT, LK_E_CORRUPT: nothing is written; LK_E_UNKNOWN: perhaps.
 */
int file_batch_write(struct file_batch *b);

#endif /* LK_ADAPTERS_FILE_BATCH_H */
