/* SPDX-License-Identifier: MIT */
/* SipHash-1-3 of a key: without the seed nobody can aim keys at one bucket. */
#ifndef RESPD_HASH_H
#define RESPD_HASH_H

#include <stdint.h>

#include "bytes.h"

struct hash_seed {
	uint64_t k[2];
};

void hash_seed_draw(struct hash_seed *seed);
uint64_t hash_bytes(const struct hash_seed *seed, struct bytes b);

#endif /* RESPD_HASH_H */
