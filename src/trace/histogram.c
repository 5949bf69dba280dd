/* SPDX-License-Identifier: MIT */
/* Adding to histograms, reading them, and what their buckets mean. */
#include "trace/histogram.h"

/* (V2) */
static void
add_to_sum(a64 *sum, uint64_t x)
{
	uint64_t old = shim_load(sum, SHIM_RELAXED);

	while (!shim_cas(sum, &old, times_sum(old, x),
			 SHIM_RELAXED)) /* order: a number, nothing hangs on it */
		shim_pause();
}

static void
raise(a64 *max, uint64_t x)
{
	uint64_t old = shim_load(max, SHIM_RELAXED);

	while (old < x && !shim_cas(max, &old, x, SHIM_RELAXED)) /* as above */
		shim_pause();
}

void
histogram_add(struct histogram *h, uint64_t ns, uint64_t weight)
{
	shim_add(&h->bucket[histogram_bucket(ns)], weight, SHIM_RELAXED);
	shim_add(&h->samples, (uint64_t)1, SHIM_RELAXED);
	add_to_sum(&h->sum_ns, times_product(ns, weight));
	raise(&h->max_ns, ns);
}

void
histogram_read(const struct histogram *h, struct lk_histogram *out)
{
	uint64_t max = shim_load(&h->max_ns, SHIM_RELAXED);

	for (unsigned i = 0; i < LK_HISTOGRAM_BUCKETS; i++) {
		uint64_t n = shim_load(&h->bucket[i], SHIM_RELAXED);

		out->bucket[i] += n;
		out->count += n;
	}
	out->samples += shim_load(&h->samples, SHIM_RELAXED);
	out->sum_ns = times_sum(out->sum_ns, shim_load(&h->sum_ns, SHIM_RELAXED));
	if (max > out->max_ns)
		out->max_ns = max;
}

uint64_t
lk_histogram_bound(unsigned bucket)
{
	unsigned e = bucket / 4 + 1;

	if (bucket < 4)
		return bucket;
	if (bucket >= LK_HISTOGRAM_BUCKETS - 1)
		return UINT64_MAX;
	return ((UINT64_C(5) + bucket % 4) << (e - 2)) - 1;
}

/* The place, from 1, of the one that is at least as long as the share `q` of `count`. */
static uint64_t
rank_of(double q, uint64_t count)
{
	double exact = q * (double)count;
	uint64_t rank;

	if (!(exact > 1)) /* also if it is no number */
		return 1;
	if (exact >= (double)count)
		return count;
	rank = (uint64_t)exact;
	return rank + ((double)rank < exact);
}

uint64_t
lk_histogram_quantile(const struct lk_histogram *h, double q)
{
	uint64_t count = 0;
	uint64_t rank;

	if (h == NULL)
		return 0;
	for (unsigned i = 0; i < LK_HISTOGRAM_BUCKETS; i++)
		count += h->bucket[i];
	rank = rank_of(q, count);
	for (unsigned i = 0; i < LK_HISTOGRAM_BUCKETS; i++) {
		uint64_t bound = lk_histogram_bound(i);

		if (h->bucket[i] >= rank && count != 0)
			return bound < h->max_ns ? bound : h->max_ns;
		rank -= h->bucket[i];
	}
	return 0;
}
