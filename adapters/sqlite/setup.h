/* SPDX-License-Identifier: MIT */
/* The database: found or made, checked, with its tables and its sidecar. */
#ifndef LK_ADAPTERS_SQLITE_SETUP_H
#define LK_ADAPTERS_SQLITE_SETUP_H

#include "sqlite/store.h"

/* What the URL and the program say. */
struct wishes {
	const char *path; /* or "", with `handle` */
	sqlite3 *handle;
	bool any_fs;
};

/* s->writer and the sidecar are open then.  Any code of `open`; s->words says why. */
int setup_open(struct sqlite_store *s, const struct wishes *w);

#endif /* LK_ADAPTERS_SQLITE_SETUP_H */
