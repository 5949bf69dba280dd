/* SPDX-License-Identifier: MIT */
/* Some bytes of somebody else's: an argument, a key, a value.  Any byte may be in it, NUL too. */
#ifndef RESPD_BYTES_H
#define RESPD_BYTES_H

#include <stddef.h>
#include <string.h>
#include <strings.h>

struct bytes {
	const char *data;
	size_t len;
};

/* Is it this word, capital or small? */
static inline int
bytes_is(struct bytes b, const char *word)
{
	return b.len == strlen(word) && strncasecmp(b.data, word, b.len) == 0;
}

#endif /* RESPD_BYTES_H */
