/* SPDX-License-Identifier: MIT */
/* Patterns of KEYS. */
#ifndef RESPD_GLOB_H
#define RESPD_GLOB_H

#include <stdbool.h>

#include "bytes.h"

/*
 * Does all of `text` match?  '*' is any bytes, '?' any one, "[abc]", "[a-z]" and "[^abc]" one of
 * or outside a set, and '\' takes the next byte as it is, in a set too.
 */
bool glob_matches(struct bytes pattern, struct bytes text);

#endif /* RESPD_GLOB_H */
