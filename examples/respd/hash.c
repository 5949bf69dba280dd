/* SPDX-License-Identifier: MIT */
/* Hashing: see hash.h.  Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012. */
#include <stdlib.h>
#include <sys/random.h>

#include "hash.h"

void
hash_seed_draw(struct hash_seed *seed)
{
	/* So few bytes come whole or, only on a system that is still starting up, not at all. */
	if (getrandom(seed, sizeof(*seed), 0) != (ssize_t)sizeof(*seed))
		abort();
}

static inline uint64_t
rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static inline void
sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

/* `n` bytes, at most eight, as a number with the first byte lowest. */
static inline uint64_t
little_endian(const char *data, size_t n)
{
	uint64_t word = 0;

	while (n-- > 0)
		word = word << 8 | (unsigned char)data[n];
	return word;
}

uint64_t
hash_bytes(const struct hash_seed *seed, struct bytes b)
{
	uint64_t v[4] = {
		seed->k[0] ^ 0x736f6d6570736575u,
		seed->k[1] ^ 0x646f72616e646f6du,
		seed->k[0] ^ 0x6c7967656e657261u,
		seed->k[1] ^ 0x7465646279746573u,
	};
	size_t whole = b.len & ~(size_t)7;

	for (size_t i = 0; i < whole; i += 8)
		sip_word(v, little_endian(b.data + i, 8));
	sip_word(v, (uint64_t)b.len << 56 | little_endian(b.data + whole, b.len - whole));
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
