/* SPDX-License-Identifier: MIT */
/* From samples to a median and what is around it; from results to verdicts. */
#include <stdlib.h>
#include <string.h>

#include "results.h"

#define OURS     "latchkey"
#define OWN_LINE "own_line"

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

static void *
copy(const void *values, size_t size)
{
	void *mine = malloc(size);

	if (mine == NULL)
		bench_die("results", "out of memory");
	memcpy(mine, values, size);
	return mine;
}

static double *
copy_sorted(const double *values, unsigned n)
{
	double *sorted = copy(values, n * sizeof(*sorted));

	qsort(sorted, n, sizeof(*sorted), by_value);
	return sorted;
}

static double
median_of(const double *values, unsigned n)
{
	double *sorted = copy_sorted(values, n);
	double median = quantile(sorted, n, 0.5);

	free(sorted);
	return median;
}

static void
result_add_shares(struct result *r, const struct entrant *e)
{
	double sum = 0;

	for (unsigned i = 0; i < e->bench_case->n_lanes; i++)
		sum += (double)e->n_pairs[i];
	for (unsigned i = 0; i < e->bench_case->n_lanes; i++)
		r->share[i] = (double)e->n_pairs[i] / sum;
	r->slowest = median_of(e->slowest, e->n_samples);
	r->jain = median_of(e->jain, e->n_samples);
}

static struct result
result_make(const struct entrant *e)
{
	unsigned n = e->n_samples;
	double *sorted = copy_sorted(e->sample, n);
	struct result r = {
		.contestant = e->contestant,
		.bench_case = e->bench_case,
		.sample = copy(e->sample, n * sizeof(*e->sample)),
		.n_samples = n,
		.median = quantile(sorted, n, 0.5),
		.min = sorted[0],
		.max = sorted[n - 1],
		.quartile = { quantile(sorted, n, 0.25), quantile(sorted, n, 0.75) },
		.n_names = e->feed->n_names,
		.hist = e->hist != NULL ? copy(e->hist, sizeof(*e->hist)) : NULL,
		.tick_ns = e->settings->tick_ns,
		.offered = e->offered,
		.held_bytes = e->held_bytes,
	};

	free(sorted);
	result_add_shares(&r, e);
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
	for (size_t i = 0; i < rs->n; i++) {
		free(rs->result[i].sample);
		free(rs->result[i].hist);
	}
	free(rs->result);
}

const struct result *
results_find(const struct results *rs, const struct bench_case *b, const char *contestant)
{
	for (size_t i = 0; i < rs->n; i++) {
		const struct result *r = &rs->result[i];

		if (r->bench_case == b && strcmp(r->contestant->name, contestant) == 0)
			return r;
	}
	return NULL;
}

double
result_wait(const struct result *r, double q)
{
	uint64_t ticks = q < 1 ? hist_quantile(r->hist, q) : r->hist->max;

	return (double)ticks * r->tick_ns;
}

double
result_throughput(const struct result *r)
{
	return 1e9 / r->median;
}

double
result_figure(const struct result *r, enum bench_figure figure)
{
	switch (figure) {
	case FIGURE_NS:
		return r->median;
	case FIGURE_THREAD_NS:
		return r->median * r->bench_case->n_lanes;
	case FIGURE_THROUGHPUT:
		return result_throughput(r);
	case FIGURE_SLOWEST:
		return r->slowest;
	case FIGURE_P50:
		return r->hist != NULL ? result_wait(r, 0.5) : 0;
	case FIGURE_P99:
		return r->hist != NULL ? result_wait(r, 0.99) : 0;
	case FIGURE_P999:
		return r->hist != NULL ? result_wait(r, 0.999) : 0;
	case FIGURE_MAX:
		return r->hist != NULL ? result_wait(r, 1) : 0;
	case FIGURE_BYTES:
		return r->held_bytes;
	}
	return 0;
}

/* A short run may not have waited once. */
static bool
has_figure(const struct result *r, enum bench_figure figure)
{
	if (figure != FIGURE_P50 && figure != FIGURE_P99 && figure != FIGURE_P999 &&
	    figure != FIGURE_MAX)
		return true;
	return r->hist != NULL && r->hist->total > 0;
}

/* What the machine lets two threads do, if that is what a goal is about. */
static double
scaling_here(const struct bench_goal *g, const struct results *rs)
{
	const struct bench_case *ours = case_find(g->ours);
	const struct bench_case *theirs = g->theirs != NULL ? case_find(g->theirs) : NULL;
	const struct result *two, *one;

	if (theirs == NULL || strcmp(g->contestant, OURS) != 0 ||
	    ours->n_lanes != 2 * theirs->n_lanes)
		return 0;
	two = results_find(rs, case_find("shared-hot/S/2-threads"), OWN_LINE);
	one = results_find(rs, case_find("handle/S"), OWN_LINE);
	if (two == NULL || one == NULL)
		return 0;
	return result_throughput(two) / result_throughput(one);
}

struct verdict
goal_judge(const struct bench_goal *g, const struct results *rs)
{
	const struct result *ours = results_find(rs, case_find(g->ours), OURS);
	const struct result *theirs = NULL;
	struct verdict v = { 0 };

	if (g->theirs != NULL)
		theirs = results_find(rs, case_find(g->theirs), g->contestant);
	if (ours == NULL || (g->theirs != NULL && theirs == NULL) || !has_figure(ours, g->figure) ||
	    (theirs != NULL && !has_figure(theirs, g->figure)))
		return v;
	v.is_measured = true;
	v.measured = result_figure(ours, g->figure);
	if (theirs != NULL)
		v.measured /= result_figure(theirs, g->figure);
	v.own_lines = scaling_here(g, rs);
	v.is_reached = g->at_least ? v.measured >= g->limit : v.measured <= g->limit;
	return v;
}
