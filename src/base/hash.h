/* SPDX-License-Identifier: MIT */
/* Seeded hashing: XXH3, so that nobody outside can aim at one bucket. */
#ifndef LK_BASE_HASH_H
#define LK_BASE_HASH_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/compiler.h"

/* Never 0: that says "not known" in lk_options. */
LK_HOT uint64_t
hash_bytes(const void *p, size_t len, uint64_t seed)
{
	uint64_t h = XXH3_64bits_withSeed(p, len, seed);

	return h + (h == 0);
}

#endif /* LK_BASE_HASH_H */
