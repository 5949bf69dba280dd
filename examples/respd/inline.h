/* SPDX-License-Identifier: MIT */
/* Requests as lines of words. */
#ifndef RESPD_INLINE_H
#define RESPD_INLINE_H

#include "request.h"

/*
 * Split `len` bytes at `line`, which is `offset` bytes into the input, into arguments.  Words in
 * double quotes may have blanks and the escapes \n \r \t \b \a \xHH, those in single quotes \'.
 * False: the quotes are not balanced, or there is no memory; `error` says which.
 */
bool inline_split(struct request *r, char *line, size_t len, size_t offset);

#endif /* RESPD_INLINE_H */
