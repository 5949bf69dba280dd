/* SPDX-License-Identifier: MIT */
/* From results of SQLite to codes. */
#include "sqlite/trouble.h"

#include <stdio.h>

bool
trouble_passes(int result)
{
	switch (result & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:   /* a shared cache */
	case SQLITE_PROTOCOL: /* it lost a race for the WAL too often */
		return true;
	default:
		return false;
	}
}

static int
code_of_io(int result)
{
	switch (result) {
	case SQLITE_IOERR_NOMEM:
		return LK_E_NOMEM;
	case SQLITE_IOERR_DATA: /* a checksum of its own */
		return LK_E_CORRUPT;
	default:
		return LK_E_STORE;
	}
}

int
trouble_code(int result)
{
	if (trouble_passes(result))
		return LK_E_TIMEDOUT;
	switch (result & 0xff) {
	case SQLITE_NOMEM:
		return LK_E_NOMEM;
	case SQLITE_FULL:
		return LK_E_LIMIT;
	case SQLITE_IOERR:
		return code_of_io(result);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* the statements are right: so a table is not what it was */
	case SQLITE_FORMAT:
		return LK_E_CORRUPT;
	case SQLITE_READONLY:
		return result == SQLITE_READONLY_DBMOVED ? LK_E_CORRUPT : LK_E_PERM;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return LK_E_PERM;
	default:
		return LK_E_STORE;
	}
}

int
trouble_say(struct sqlite_store *s, sqlite3 *db, const char *what, int result)
{
	char text[200];

	if (db != NULL && sqlite3_errcode(db) == (result & 0xff))
		(void)snprintf(text, sizeof(text), "%.120s (%d)", sqlite3_errmsg(db), result);
	else
		(void)snprintf(text, sizeof(text), "%.120s (%d)", sqlite3_errstr(result), result);
	return store_complain(s, trouble_code(result), what, text);
}
