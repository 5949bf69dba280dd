/* SPDX-License-Identifier: MIT */
/*
 * Seeded hashing, so that nobody outside can aim at one bucket: XXH3 of bytes, and of what is in registers
 * already a folded product, as XXH3 and wyhash do with short inputs.
 */
#ifndef LK_BASE_HASH_H
#define LK_BASE_HASH_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/compiler.h"

LK_HOT uint64_t
hash_bytes(const void *p, size_t len, uint64_t seed)
{
	return XXH3_64bits_withSeed(p, len, seed);
}

/* Both halves of the product: each bit of it depends on all of either factor. */
LK_HOT uint64_t
hash_fold(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 u128;
	u128 product = (u128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/*
 * Of two words, or three, and of what else tells names apart.  The seed enters the two factors in ways
 * that no choice of words cancels out.  The second product makes the buckets of numbers in a row as even as
 * chance would; after the first, some seeds fill one bucket twice as far as others.
 */
LK_HOT uint64_t
hash_two(uint64_t a, uint64_t b, uint32_t tail, uint64_t seed)
{
	uint64_t first = hash_fold(a ^ (seed + tail), b ^ (UINT64_C(0xa0761d6478bd642f) - seed));

	return hash_fold(first, UINT64_C(0xe7037ed1a0b428db));
}

LK_HOT uint64_t
hash_three(uint64_t a, uint64_t b, uint64_t c, uint32_t tail, uint64_t seed)
{
	return hash_two(hash_fold(a ^ ~seed, b ^ (UINT64_C(0x8ebc6af09c88c6e3) + seed)), c, tail,
			seed);
}

#endif /* LK_BASE_HASH_H */
