/* SPDX-License-Identifier: MIT */
/* Names of keys: the prefix, a letter, and bytes. */
#ifndef LK_ADAPTERS_REDIS_KEYS_H
#define LK_ADAPTERS_REDIS_KEYS_H

#include "redis/store.h"

enum { KEY_SHORT = STORE_PREFIX + 2, KEY_SESSION = STORE_PREFIX + 1 + 16 };

/* Without bytes: a text. */
static inline void
key_short(const struct redis_store *s, char letter, char out[KEY_SHORT])
{
	memcpy(out, s->prefix, s->prefix_len);
	out[s->prefix_len] = letter;
	out[s->prefix_len + 1] = '\0';
}

/* The length of it. */
static inline size_t
key_of(const struct redis_store *s, char letter, const void *bytes, size_t n, void *out)
{
	char *at = out;

	memcpy(at, s->prefix, s->prefix_len);
	at[s->prefix_len] = letter;
	memcpy(at + s->prefix_len + 1, bytes, n);
	return s->prefix_len + 1 + n;
}

/* The bytes behind a record's key; NULL: it is none. */
static inline const char *
key_name(const struct redis_store *s, const char *key, size_t len, size_t *n)
{
	if (len <= s->prefix_len + 1 || memcmp(key, s->prefix, s->prefix_len) != 0 ||
	    key[s->prefix_len] != 'r')
		return NULL;
	*n = len - s->prefix_len - 1;
	return key + s->prefix_len + 1;
}

#endif /* LK_ADAPTERS_REDIS_KEYS_H */
