/* SPDX-License-Identifier: MIT */
/*
 * A name on its way into the index: the caller's bytes, their hash, and, for short names, the
 * words in which an entry keeps them (little-endian, padded with zeros).
 */
#ifndef LK_INDEX_NAME_H
#define LK_INDEX_NAME_H

#include <string.h>

#include <latchkey.h>

#include "base/hash.h"

enum { NAME_WORDS = 3, NAME_INLINE = NAME_WORDS * 8 };

/* Low bits of an entry's identity: length, and whether the 8 bytes are a number. */
#define NAME_LEN_MASK UINT32_C(0x1fff)
#define NAME_ID       UINT32_C(0x2000)
#define NAME_BITS     14

struct lk_resource;

struct name {
	const void *bytes;
	uint32_t len;
	uint32_t tail; /* len, and NAME_ID for a number: what an entry's identity ends in */
	uint64_t hash;
	uint64_t word[NAME_WORDS];
	bool hash_given;            /* by the caller: to be checked before an entry is made of it */
	struct lk_resource *parent; /* pinned: what an entry that is made of it will lie below */
};

/* Up to 8 bytes as a number, the missing ones zero. */
LK_HOT uint64_t
name_load(const unsigned char *p, size_t n)
{
	uint64_t x = 0;
	uint32_t a;
	uint32_t b;

	if (n >= 8) {
		memcpy(&x, p, 8);
	} else if (n >= 4) {
		memcpy(&a, p, 4);
		memcpy(&b, p + n - 4, 4);
		x = a | (uint64_t)b << (8 * (n - 4));
	} else if (n > 0) {
		x = p[0] | (uint64_t)p[n / 2] << (8 * (n / 2)) |
		    (uint64_t)p[n - 1] << (8 * (n - 1));
	}
	return x;
}

LK_HOT uint64_t
name_load8(const unsigned char *p)
{
	uint64_t x;

	memcpy(&x, p, 8);
	return x;
}

/* The last word of more than eight bytes: read back from the end, so as not to read past it. */
LK_HOT uint64_t
name_load_last(const unsigned char *p, size_t len)
{
	return name_load8(p + len - 8) >> (8 * (-len & 7));
}

LK_HOT void
name_set_words(struct name *n)
{
	const unsigned char *p = n->bytes;
	uint32_t last = (n->len - 1) / 8;

	if (n->len < 8) {
		n->word[0] = name_load(p, n->len);
		return;
	}
	for (uint32_t i = 0; i < last; i++)
		n->word[i] = name_load8(p + i * 8);
	n->word[last] = name_load_last(p, n->len);
}

/* False: not a name.  `hash` 0: not known. */
LK_HOT bool
name_set(struct name *n, const void *bytes, size_t len, uint64_t hash, uint64_t seed)
{
	if (unlikely(len == 0 || len > LK_NAME_MAX))
		return false;
	n->bytes = bytes;
	n->len = n->tail = (uint32_t)len;
	n->hash_given = hash != 0;
	n->hash = hash != 0 ? hash : hash_bytes(bytes, len, seed);
	n->parent = NULL;
	if (len <= NAME_INLINE)
		name_set_words(n);
	return true;
}

LK_HOT void
name_set_id(struct name *n, const uint64_t *id, uint64_t seed)
{
	n->bytes = id;
	n->len = 8;
	n->tail = 8 | NAME_ID;
	n->hash = hash_bytes(id, 8, ~seed);
	n->hash_given = false;
	n->parent = NULL;
	n->word[0] = *id;
}

#endif /* LK_INDEX_NAME_H */
