/* SPDX-License-Identifier: MIT */
/*
 * Lines of words, as the shell reads them.
 *
 * Words are separated by blanks.  One in double quotes may have blanks in it, be empty, and have \n, \t, \\, \" and
 * \xHH for any byte.  What begins with # is a comment.
 */
#ifndef TXNKV_WORDS_H
#define TXNKV_WORDS_H

#include <stdio.h>

#include "bytes.h"

#define WORDS_MAX 8

struct words {
	struct bytes word[WORDS_MAX]; /* in the line, which is written over */
	size_t n;
	const char *why; /* … it cannot be cut; else NULL */
};

void words_cut(struct words *w, char *line, size_t len);

/* Print it so that it could be read again. */
void words_print(struct bytes word, FILE *out);

#endif /* TXNKV_WORDS_H */
