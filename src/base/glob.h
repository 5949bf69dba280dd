/* SPDX-License-Identifier: MIT */
/* Patterns of names: see lk_name_match() in latchkey/names.h for what they say. */
#ifndef LK_BASE_GLOB_H
#define LK_BASE_GLOB_H

#include "base/compiler.h"

/* `separator` below 0: there is none. */
bool glob_match(const unsigned char *pattern, size_t pattern_len, const unsigned char *name,
		size_t len, int separator);

#endif /* LK_BASE_GLOB_H */
