/* SPDX-License-Identifier: MIT */
/*
 * The text of a token: `lk1-`, of a detached grant in a store `lk2-`, and four numbers of 16 digits.  It has one form only: what can be read, is what was
 * written, byte by byte.
 */
#ifndef LK_BASE_TOKEN_TEXT_H
#define LK_BASE_TOKEN_TEXT_H

#include "base/compiler.h"

enum { TOKEN_TEXT_BYTES = 72 }; /* the NUL included */

struct token_text {
	uint64_t fence; /* first, so that texts sort by it */
	uint64_t owner;
	uint64_t grant;
	uint64_t check;
	uint64_t is_detached; /* then owner and grant are the two halves of its id; else 0 */
};

/* TOKEN_TEXT_BYTES at `out`. */
void token_text_write(char *out, const struct token_text *t);

/* False: it is none, and nothing was written. */
bool token_text_read(const char *text, struct token_text *t);

#endif /* LK_BASE_TOKEN_TEXT_H */
