/* SPDX-License-Identifier: MIT */
/* Times that were measured: by size, within 6 %. */
#include <time.h>

#include "times.h"

uint64_t
times_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Sixteen to each power of two; those below sixteen have their own. */
static unsigned
bucket_of(uint64_t ns)
{
	unsigned power;

	if (ns < TIMES_STEPS)
		return (unsigned)ns;
	power = 63 - (unsigned)__builtin_clzll(ns);
	return (power - 3) * TIMES_STEPS + (unsigned)(ns >> (power - 4)) % TIMES_STEPS;
}

/* The longest that is in it. */
static uint64_t
bound_of(unsigned bucket)
{
	const unsigned power = bucket / TIMES_STEPS + 3;

	if (bucket < TIMES_STEPS)
		return bucket;
	return ((uint64_t)(TIMES_STEPS + bucket % TIMES_STEPS + 1) << (power - 4)) - 1;
}

void
times_note(struct times *t, uint64_t ns)
{
	t->n++;
	t->sum_ns += ns;
	if (ns > t->max_ns)
		t->max_ns = ns;
	t->bucket[bucket_of(ns)]++;
}

void
times_add(struct times *to, const struct times *from)
{
	to->n += from->n;
	to->sum_ns += from->sum_ns;
	if (from->max_ns > to->max_ns)
		to->max_ns = from->max_ns;
	for (unsigned i = 0; i < TIMES_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
}

uint64_t
times_quantile(const struct times *t, double q)
{
	const double wanted = (double)t->n * q;
	uint64_t seen = 0;

	for (unsigned i = 0; t->n > 0 && i < TIMES_BUCKETS; i++) {
		seen += t->bucket[i];
		if (t->bucket[i] != 0 && (double)seen >= wanted)
			return bound_of(i) < t->max_ns ? bound_of(i) : t->max_ns;
	}
	return t->max_ns;
}
