/* SPDX-License-Identifier: MIT */
/* Histograms of times: reading them. */
#include "hist.h"

uint64_t
hist_low(unsigned i)
{
	unsigned shift;

	if (i < HIST_PART)
		return i;
	shift = i / HIST_PART - 1;
	return (uint64_t)(HIST_PART + i % HIST_PART) << shift;
}

uint64_t
hist_high(unsigned i)
{
	return i + 1 < HIST_BUCKETS ? hist_low(i + 1) - 1 : UINT64_MAX;
}

void
hist_merge(struct hist *into, const struct hist *from)
{
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
	into->total += from->total;
	into->sum += from->sum;
	if (from->max > into->max)
		into->max = from->max;
}

uint64_t
hist_quantile(const struct hist *h, double q)
{
	uint64_t wanted = (uint64_t)(q * (double)h->total + 0.5);
	uint64_t seen = 0;

	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= wanted && seen > 0)
			return hist_high(i) < h->max ? hist_high(i) : h->max;
	}
	return h->max;
}
