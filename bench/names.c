/* SPDX-License-Identifier: MIT */
/*
 * The names to lock, laid out in the order of use: the reading of them is then a stream that the
 * processor fetches ahead, the same for every contestant, and only its own tables cost misses.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

#define N_USES_MIN 65536

/* SplitMix64. */
static uint64_t
random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Fisher and Yates. */
static void
shuffle(uint32_t *number, size_t n, uint64_t *state)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = (size_t)(random_next(state) % i);
		uint32_t other = number[j];

		number[j] = number[i - 1];
		number[i - 1] = other;
	}
}

/* Every name is used equally often, once if there are many; the order is uniformly random. */
char (*names_make(size_t first, size_t n, uint64_t seed, size_t *n_uses))[NAME_SIZE]
{
	size_t rounds = n < N_USES_MIN ? N_USES_MIN / n : 1;
	uint32_t *number = malloc(n * rounds * sizeof(*number));
	char(*names)[NAME_SIZE] = calloc(n * rounds, NAME_SIZE);

	if (number == NULL || names == NULL)
		bench_die("names", "out of memory");
	for (size_t i = 0; i < n * rounds; i++)
		number[i] = (uint32_t)(first + i % n);
	shuffle(number, n * rounds, &seed);
	for (size_t i = 0; i < n * rounds; i++)
		snprintf(names[i], NAME_SIZE, "user:%07u", number[i] % 10000000);
	free(number);
	*n_uses = n * rounds;
	return names;
}
