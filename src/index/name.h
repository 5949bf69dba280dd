/* SPDX-License-Identifier: MIT */
/*
 * A name on its way into the index: the caller's bytes, their hash, and, for short names, the
 * words in which an entry keeps them (little-endian, padded with zeros, and zero beyond the end).  The
 * hash of a short name is that of its words.
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

/*
 * All that finding a short name takes, to be kept in registers: its address is given to no function that is
 * not inlined.
 */
struct key {
	uint64_t word[NAME_WORDS];
	uint64_t hash;
	uint32_t tail;
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

/* The words of 1 to NAME_INLINE bytes. */
LK_HOT void
name_read(uint64_t word[NAME_WORDS], const unsigned char *p, size_t len)
{
	word[0] = likely(len >= 8) ? name_load8(p) : name_load(p, len);
	word[1] = word[2] = 0;
	if (unlikely(len > 16)) {
		word[1] = name_load8(p + 8);
		word[2] = name_load_last(p, len);
	} else if (likely(len > 8)) {
		word[1] = name_load_last(p, len);
	}
}

LK_HOT uint64_t
name_hash(const uint64_t word[NAME_WORDS], uint32_t tail, uint64_t seed)
{
	if (likely((tail & NAME_LEN_MASK) <= 16))
		return hash_two(word[0], word[1], tail, seed);
	return hash_three(word[0], word[1], word[2], tail, seed);
}

/* Whatever the caller said. */
LK_HOT uint64_t
name_true_hash(const struct name *n, uint64_t seed)
{
	return likely(n->len <= NAME_INLINE) ? name_hash(n->word, n->tail, seed)
					     : hash_bytes(n->bytes, n->len, seed);
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
	n->hash = hash;
	n->parent = NULL;
	if (likely(len <= NAME_INLINE))
		name_read(n->word, bytes, len);
	if (hash == 0)
		n->hash = name_true_hash(n, seed);
	return true;
}

LK_HOT void
name_set_id(struct name *n, const uint64_t *id, uint64_t seed)
{
	n->bytes = id;
	n->len = 8;
	n->tail = 8 | NAME_ID;
	n->word[0] = *id;
	n->word[1] = n->word[2] = 0;
	n->hash = name_true_hash(n, seed);
	n->hash_given = false;
	n->parent = NULL;
}

/* From the bytes again, for who kept no name in memory: what `tail` says is in them is a name. */
static inline void
name_set_tail(struct name *n, const void *bytes, uint32_t tail, uint64_t seed)
{
	if ((tail & NAME_ID) != 0)
		name_set_id(n, bytes, seed);
	else
		(void)name_set(n, bytes, tail, 0, seed);
}

/* Of 1 to NAME_INLINE bytes, or of the 8 of a number: all but the hash. */
LK_HOT void
key_read(struct key *k, const void *bytes, uint32_t tail)
{
	name_read(k->word, bytes, tail & NAME_LEN_MASK);
	k->tail = tail;
}

LK_HOT void
key_hash(struct key *k, uint64_t seed)
{
	k->hash = name_hash(k->word, k->tail, seed);
}

LK_HOT void
key_set(struct key *k, const void *bytes, uint32_t tail, uint64_t seed)
{
	key_read(k, bytes, tail);
	key_hash(k, seed);
}

/* The same name for those who want to keep it in memory. */
LK_HOT void
name_of_key(struct name *n, const struct key *k, const void *bytes)
{
	n->bytes = bytes;
	n->hash = k->hash;
	n->len = k->tail & NAME_LEN_MASK;
	n->tail = k->tail;
	memcpy(n->word, k->word, sizeof(n->word));
	n->hash_given = false;
	n->parent = NULL;
}

#endif /* LK_INDEX_NAME_H */
