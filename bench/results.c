/* SPDX-License-Identifier: MIT */
/* From samples to a median and what is around it. */
#include <stdlib.h>
#include <string.h>

#include "report.h"

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value below which the part `q` of the sorted samples lies, between two of them if need be. */
static double
quantile(const double *sorted, unsigned n, double q)
{
	double at = q * (double)(n - 1);
	unsigned below = (unsigned)at;
	unsigned above = below + 1 < n ? below + 1 : below;

	return sorted[below] + (at - (double)below) * (sorted[above] - sorted[below]);
}

static double *
copy(const double *values, unsigned n)
{
	double *mine = malloc(n * sizeof(*mine));

	if (mine == NULL)
		bench_die("results", "out of memory");
	memcpy(mine, values, n * sizeof(*mine));
	return mine;
}

static double
median_of(const double *values, unsigned n)
{
	double *sorted = copy(values, n);
	double median;

	qsort(sorted, n, sizeof(*sorted), by_value);
	median = quantile(sorted, n, 0.5);
	free(sorted);
	return median;
}

static struct result
result_make(const struct entrant *e)
{
	unsigned n = e->n_samples;
	double *sorted = copy(e->sample, n);
	struct result r = {
		.contestant = e->contestant,
		.bench_case = e->bench_case,
		.sample = copy(e->sample, n),
		.n_samples = n,
		.share = median_of(e->share, n),
	};

	qsort(sorted, n, sizeof(*sorted), by_value);
	r.median = quantile(sorted, n, 0.5);
	r.min = sorted[0];
	r.max = sorted[n - 1];
	r.quartile[0] = quantile(sorted, n, 0.25);
	r.quartile[1] = quantile(sorted, n, 0.75);
	free(sorted);
	return r;
}

void
results_add(struct results *rs, const struct entrant *e)
{
	if (rs->n == rs->n_max) {
		rs->n_max = rs->n_max == 0 ? 32 : rs->n_max * 2;
		rs->result = realloc(rs->result, rs->n_max * sizeof(*rs->result));
		if (rs->result == NULL)
			bench_die("results", "out of memory");
	}
	rs->result[rs->n++] = result_make(e);
}

void
results_fini(struct results *rs)
{
	for (size_t i = 0; i < rs->n; i++)
		free(rs->result[i].sample);
	free(rs->result);
}
