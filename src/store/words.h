/* SPDX-License-Identifier: MIT */
#ifndef LK_STORE_WORDS_H
#define LK_STORE_WORDS_H

#include <stddef.h>

/*
 * Which store a URL is of, for people: "redis:cache.internal:6380/2".  No parameters, and nothing of who we are there.  As much
 * as there is room for, and a NUL.
 */
void store_in_words(const char *url, char *out, size_t cap);

#endif /* LK_STORE_WORDS_H */
