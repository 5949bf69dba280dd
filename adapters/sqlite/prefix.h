/* SPDX-License-Identifier: MIT */
/* The prefix of the tables: part of SQL, and of the name of a file. */
#ifndef LK_ADAPTERS_SQLITE_PREFIX_H
#define LK_ADAPTERS_SQLITE_PREFIX_H

#include "sqlite/store.h"

/*
 * The prefix in lower case, as SQLite does not tell them apart; NULL: the standard one.  False: not a letter or _, then
 * letters, digits, _; or "sqlite_", whose tables are SQLite's own.
 */
static inline bool
prefix_set(char prefix[SQLITE_STORE_PREFIX], const char *text)
{
	size_t n = 0;

	if (text == NULL)
		text = "latchkey_";
	for (; text[n] != '\0'; n++) {
		const char c =
			text[n] >= 'A' && text[n] <= 'Z' ? (char)(text[n] - 'A' + 'a') : text[n];
		const bool is_digit = c >= '0' && c <= '9';

		if ((!(c >= 'a' && c <= 'z') && c != '_' && !(is_digit && n > 0)) ||
		    n + 1 == SQLITE_STORE_PREFIX)
			return false;
		prefix[n] = c;
	}
	prefix[n] = '\0';
	return n > 0 && strncmp(prefix, "sqlite_", 7) != 0;
}

#endif /* LK_ADAPTERS_SQLITE_PREFIX_H */
