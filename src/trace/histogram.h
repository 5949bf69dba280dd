/* SPDX-License-Identifier: MIT */
/*
 * Histogram: how often which time was measured, in buckets that grow with the time.
 *
 * Four buckets for each power of two: bucket 4 * (e - 1) + k counts the times from (4 + k) << (e - 2) on.  Any number of
 * threads add; who reads sees each bucket as it was at some moment of the reading.
 *
 * V1  the count of a histogram is the sum of its buckets, and is kept nowhere else: so they agree in every reading.
 * V2  buckets, samples, sum and maximum only grow.
 */
#ifndef LK_TRACE_HISTOGRAM_H
#define LK_TRACE_HISTOGRAM_H

#include <latchkey.h>
#include <latchkey/metrics.h>

#include "base/atomic.h"

struct histogram {
	a64 samples;
	a64 sum_ns;
	a64 max_ns;
	a64 bucket[LK_HISTOGRAM_BUCKETS];
};

/* Sums that have come to their end stay there, as they must not go back. */
LK_HOT uint64_t
times_sum(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

LK_HOT uint64_t
times_product(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* Times below 4 are their own number. */
LK_HOT unsigned
histogram_bucket(uint64_t ns)
{
	unsigned e;

	if (ns < 4)
		return (unsigned)ns;
	e = 63u - (unsigned)__builtin_clzll(ns);
	return (e - 1) * 4 + ((unsigned)(ns >> (e - 2)) & 3);
}

/* One more time that was measured, and counts as `weight`. */
void histogram_add(struct histogram *h, uint64_t ns, uint64_t weight);

/* Add what is in `h` to `out`.  (V1) */
void histogram_read(const struct histogram *h, struct lk_histogram *out);

#endif /* LK_TRACE_HISTOGRAM_H */
