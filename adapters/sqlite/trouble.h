/* SPDX-License-Identifier: MIT */
/* What SQLite says, in the words of a store. */
#ifndef LK_ADAPTERS_SQLITE_TROUBLE_H
#define LK_ADAPTERS_SQLITE_TROUBLE_H

#include "sqlite/store.h"

/* Somebody else is at it: to be tried again. */
bool trouble_passes(int result);

/* The code of what failed, before anything was committed. */
int trouble_code(int result);

/* The same, with SQLite's own words kept as the store's. */
int trouble_say(struct sqlite_store *s, sqlite3 *db, const char *what, int result);

#endif /* LK_ADAPTERS_SQLITE_TROUBLE_H */
