/* SPDX-License-Identifier: MIT */
/*
 * Latest: the row that the writer wrote last, so that it need not be looked for.  Who gives a name back has most often just been
 * given it.  (SQ12)
 */
#ifndef LK_ADAPTERS_SQLITE_LATEST_H
#define LK_ADAPTERS_SQLITE_LATEST_H

#include <stdbool.h>
#include <stddef.h>

enum { LATEST_NAME = 256, LATEST_BYTES = 1024 };

struct latest {
	bool is_known; /* there is such a row, for whoever is in a transaction of the writer's */
	bool is_committed; /* … and when that has ended */
	size_t name_len;
	size_t len;
	unsigned char name[LATEST_NAME];
	_Alignas(8) unsigned char bytes[LATEST_BYTES];
};

/* A transaction begins.  `is_ours`: since the last that was committed here, nobody has written. */
void latest_begin(struct latest *l, bool is_ours);

/* The bytes of that row; NULL: it is not the latest, or is not known. */
const void *latest_find(const struct latest *l, const void *name, size_t name_len, size_t *len);

/* It is being written now.  `bytes` NULL: removed. */
void latest_write(struct latest *l, const void *name, size_t name_len, const void *bytes,
		  size_t len);

/* What was written is committed. */
void latest_commit(struct latest *l);

#endif /* LK_ADAPTERS_SQLITE_LATEST_H */
