/* SPDX-License-Identifier: MIT */
/*
 * A histogram of times: linear below 32, above that 32 buckets for each doubling, so that a time is known
 * to 3 %.  (The layout of HdrHistogram, by Gil Tene.)
 */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stddef.h>
#include <stdint.h>

#define HIST_BITS    5 /* significant bits of a value that are kept, below the first */
#define HIST_PART    (1u << HIST_BITS)
#define HIST_BUCKETS ((64 - HIST_BITS + 1) * HIST_PART)

struct hist {
	uint64_t total;
	uint64_t sum;
	uint64_t max;
	uint64_t bucket[HIST_BUCKETS];
};

static inline unsigned
hist_bucket(uint64_t value)
{
	unsigned shift;

	if (value < HIST_PART)
		return (unsigned)value;
	shift = 63u - (unsigned)__builtin_clzll(value) - HIST_BITS;
	return (shift + 1) * HIST_PART + ((unsigned)(value >> shift) & (HIST_PART - 1));
}

static inline void
hist_add(struct hist *h, uint64_t value)
{
	h->total++;
	h->sum += value;
	h->bucket[hist_bucket(value)]++;
	if (value > h->max)
		h->max = value;
}

#ifdef __cplusplus
extern "C" {
#endif

/* The least value that falls into bucket `i`, and the greatest. */
uint64_t hist_low(unsigned i);
uint64_t hist_high(unsigned i);

void hist_merge(struct hist *into, const struct hist *from);

/* The value that the part `q` of all values does not exceed (to 3 %, upwards); 0 if there are none. */
uint64_t hist_quantile(const struct hist *h, double q);

#ifdef __cplusplus
}
#endif

#endif /* BENCH_HIST_H */
