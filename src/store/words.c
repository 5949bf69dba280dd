/* SPDX-License-Identifier: MIT */
#include "store/words.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A path is all that there is: an '@' in it is a letter. */
static bool
is_of_paths(const char *url, size_t scheme)
{
	static const char *const plain[] = { "file", "sqlite", "test" };
	size_t i = 0;

	while (i < sizeof(plain) / sizeof(plain[0]) &&
	       (strlen(plain[i]) != scheme || memcmp(plain[i], url, scheme) != 0))
		i++;
	return i < sizeof(plain) / sizeof(plain[0]);
}

void
store_in_words(const char *url, char *out, size_t cap)
{
	const size_t scheme = strcspn(url, ":?");
	const char *rest = url + scheme;
	size_t len = strcspn(rest, "?");
	size_t at = is_of_paths(url, scheme) ? 0 : len;

	while (at > 0 && rest[at - 1] != '@')
		at--;
	rest += at;
	len -= at;
	(void)snprintf(out, cap, "%.*s%s%.*s", (int)scheme, url, at != 0 ? ":" : "", (int)len,
		       rest);
}
