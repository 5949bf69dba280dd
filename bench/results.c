/* SPDX-License-Identifier: MIT */
/* From samples to a median and what is around it; from results to verdicts. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "results.h"

#define OURS       "latchkey"
#define OWN_LINE   "own_line"

#define N_CALM_MIN 3u /* with fewer of them all rounds are counted */

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
	void *mine = malloc(size + 1); /* of nothing, too */

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

static struct spread
spread_of(double *values, unsigned n)
{
	struct spread sp = { .n = n };

	if (n == 0)
		return sp;
	qsort(values, n, sizeof(*values), by_value);
	sp.median = quantile(values, n, 0.5);
	sp.quartile[0] = quantile(values, n, 0.25);
	sp.quartile[1] = quantile(values, n, 0.75);
	return sp;
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
	r->pace = copy(e->pace, e->n_samples * sizeof(*e->pace));
	r->slowest_each = copy(e->slowest, e->n_samples * sizeof(*e->slowest));
}

static void
result_add_waits(struct result *r, const struct entrant *e)
{
	if (e->hist == NULL)
		return;
	r->hist = copy(e->hist, sizeof(*e->hist));
	r->n_waits = e->n_waits;
	r->wait_pace = copy(e->wait_pace, e->n_waits * sizeof(*e->wait_pace));
	for (unsigned i = 0; i < N_WAITS; i++)
		r->wait_each[i] = copy(e->wait[i], e->n_waits * sizeof(*e->wait[i]));
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
		.n_retaken = e->n_retaken,
		.median = quantile(sorted, n, 0.5),
		.min = sorted[0],
		.max = sorted[n - 1],
		.quartile = { quantile(sorted, n, 0.25), quantile(sorted, n, 0.75) },
		.n_names = e->feed->n_names,
		.tick_ns = e->settings->tick_ns,
		.offered = e->offered,
		.held_bytes = e->held_bytes,
	};

	free(sorted);
	result_add_shares(&r, e);
	result_add_waits(&r, e);
	return r;
}

static void
note_pace(struct results *rs, const double *pace, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (pace[i] > 0 && (rs->best_pace == 0 || pace[i] < rs->best_pace))
			rs->best_pace = pace[i];
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
	rs->result[rs->n] = result_make(e);
	note_pace(rs, rs->result[rs->n].pace, e->n_samples);
	if (e->hist != NULL)
		note_pace(rs, rs->result[rs->n].wait_pace, e->n_waits);
	rs->n++;
}

/* By insertion: those of one case stay in their order. */
void
results_sort(struct results *rs)
{
	for (size_t i = 1; i < rs->n; i++) {
		struct result r = rs->result[i];
		size_t at = i;

		for (; at > 0 && rs->result[at - 1].bench_case > r.bench_case; at--)
			rs->result[at] = rs->result[at - 1];
		rs->result[at] = r;
	}
}

void
results_fini(struct results *rs)
{
	for (size_t i = 0; i < rs->n; i++) {
		free(rs->result[i].sample);
		free(rs->result[i].slowest_each);
		free(rs->result[i].pace);
		free(rs->result[i].wait_pace);
		for (unsigned k = 0; k < N_WAITS; k++)
			free(rs->result[i].wait_each[k]);
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

bool
result_is_calm(const struct results *rs, const struct result *r, unsigned i)
{
	return r->pace[i] <= CALM_PACE * rs->best_pace;
}

/* -------------------------------------------------------------- goals, round by round */

/* Of so many rounds a figure is known; what is one figure of all of them counts as one. */
static unsigned
n_rounds_of(const struct result *r, enum bench_figure figure)
{
	switch (figure) {
	case FIGURE_NS:
	case FIGURE_THREAD_NS:
	case FIGURE_THROUGHPUT:
	case FIGURE_SLOWEST:
		return r->n_samples;
	case FIGURE_P50:
	case FIGURE_P99:
	case FIGURE_P999:
		return r->n_waits;
	case FIGURE_MAX:
	case FIGURE_BYTES:
		return 1;
	}
	return 0;
}

/* A figure in round `i`; 0: there was none, as a short sample may not have waited once. */
static double
round_figure(const struct result *r, enum bench_figure figure, unsigned i)
{
	switch (figure) {
	case FIGURE_NS:
		return r->sample[i];
	case FIGURE_THREAD_NS:
		return r->sample[i] * r->bench_case->n_lanes;
	case FIGURE_THROUGHPUT:
		return 1e9 / r->sample[i];
	case FIGURE_SLOWEST:
		return r->slowest_each[i];
	case FIGURE_P50:
		return r->wait_each[WAIT_P50][i];
	case FIGURE_P99:
		return r->wait_each[WAIT_P99][i];
	case FIGURE_P999:
		return r->wait_each[WAIT_P999][i];
	case FIGURE_MAX:
		return r->hist != NULL ? result_wait(r, 1) : 0;
	case FIGURE_BYTES:
		return r->held_bytes;
	}
	return 0;
}

/* Around the sample of round `i` in which the figure was taken; 0: not known. */
static double
round_pace(const struct result *r, enum bench_figure figure, unsigned i)
{
	switch (figure) {
	case FIGURE_P50:
	case FIGURE_P99:
	case FIGURE_P999:
		return r->wait_pace[i];
	default:
		return r->pace[i];
	}
}

/*
 * Our figure, or its ratio to theirs, which may be NULL, in each round in which the pace was no slower than `slowest`.  How many there are.
 */
static unsigned
collect(const struct result *ours, const struct result *theirs, enum bench_figure figure,
	double slowest, double *value)
{
	unsigned n = n_rounds_of(ours, figure);
	unsigned n_known = 0;

	if (theirs != NULL && n_rounds_of(theirs, figure) < n)
		n = n_rounds_of(theirs, figure);
	for (unsigned i = 0; i < n; i++) {
		const double mine = round_figure(ours, figure, i);
		const double other = theirs != NULL ? round_figure(theirs, figure, i) : 1;

		if (round_pace(ours, figure, i) > slowest ||
		    (theirs != NULL && round_pace(theirs, figure, i) > slowest))
			continue;
		/* that the slowest thread got nothing at all is a figure */
		if (other > 0 && (mine > 0 || figure == FIGURE_SLOWEST))
			value[n_known++] = mine / other;
	}
	return n_known;
}

/* (J1, J2). */
static struct spread
over_rounds(const struct results *rs, const struct result *ours, const struct result *theirs,
	    enum bench_figure figure)
{
	double *value = malloc((n_rounds_of(ours, figure) + 1) * sizeof(*value));
	struct spread sp;
	unsigned n_rounds, n_calm, n;

	if (value == NULL)
		bench_die("results", "out of memory");
	n_rounds = collect(ours, theirs, figure, INFINITY, value);
	n = collect(ours, theirs, figure, CALM_PACE * rs->best_pace, value);
	n_calm = n;
	if (n < N_CALM_MIN)
		n = collect(ours, theirs, figure, INFINITY, value);
	sp = spread_of(value, n);
	sp.n_calm = n_calm;
	sp.n_rounds = n_rounds;
	free(value);
	return sp;
}

/* What the machine lets two threads do, if that is what a goal is about. */
static struct spread
scaling_here(const struct bench_goal *g, const struct results *rs)
{
	const struct bench_case *ours = case_find(g->ours);
	const struct bench_case *theirs = g->theirs != NULL ? case_find(g->theirs) : NULL;
	const struct result *two, *one;

	if (theirs == NULL || strcmp(g->contestant, goal_mine(g)) != 0 ||
	    ours->n_lanes != 2 * theirs->n_lanes)
		return (struct spread){ 0 };
	two = results_find(rs, case_find("shared-hot/S/2-threads"), OWN_LINE);
	one = results_find(rs, case_find("shared-hot/S/1-thread"), OWN_LINE);
	if (two == NULL || one == NULL)
		return (struct spread){ 0 };
	return over_rounds(rs, two, one, FIGURE_THROUGHPUT);
}

/* The floor of the case, if somebody else's lock is what a goal compares with. */
static void
add_floor(struct verdict *v, const struct bench_goal *g, const struct result *theirs,
	  const struct results *rs)
{
	static const char *const floors[] = { "handle_floor", "name_floor", "held_floor" };

	if (theirs == NULL || strncmp(g->contestant, OURS, strlen(OURS)) == 0)
		return;
	for (size_t i = 0; i < sizeof(floors) / sizeof(*floors); i++) {
		const struct result *floor = results_find(rs, case_find(g->ours), floors[i]);

		if (floor == NULL)
			continue;
		v->floor = over_rounds(rs, floor, theirs, g->figure);
		v->floor_name = floors[i];
	}
}

struct verdict
goal_judge(const struct bench_goal *g, const struct results *rs)
{
	const struct result *ours = results_find(rs, case_find(g->ours), goal_mine(g));
	const struct result *theirs = NULL;
	struct verdict v = { 0 };

	if (g->theirs != NULL)
		theirs = results_find(rs, case_find(g->theirs), g->contestant);
	if (ours == NULL || (g->theirs != NULL && theirs == NULL))
		return v;
	v.measured = over_rounds(rs, ours, theirs, g->figure);
	if (v.measured.n == 0)
		return v;
	v.is_measured = true;
	v.own_lines = scaling_here(g, rs);
	add_floor(&v, g, theirs, rs);
	v.is_reached = g->at_least ? v.measured.median >= g->limit : v.measured.median <= g->limit;
	return v;
}
