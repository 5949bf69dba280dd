/* SPDX-License-Identifier: MIT */
/* What is said in words: the forms, and where they go. */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_TEXT_H
#define LATCHKEY_TEXT_H

#ifdef __cplusplus
extern "C" {
#endif

enum lk_format {
	LK_TEXT = 1, /* lines for people, without colours */
	LK_JSON,     /* one value; numbers that need more than 53 bits are strings */
	LK_DOT       /* a graph for Graphviz, where there is one to draw */
};

/*
 * Takes `len` bytes of text, which need not end where a line does and have no NUL.  Called in the
 * caller's thread with nothing locked; may call Latchkey.  What it returns, if not 0, ends the text and is
 * returned.
 */
typedef int lk_write_fn(void *arg, const char *text, size_t len);

/* lk_write_file - an lk_write_fn: `file` is a FILE *.  Returns 0, or LK_E_IO: errno says why. */
LK_API int lk_write_file(void *file, const char *text, size_t len);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_TEXT_H */
