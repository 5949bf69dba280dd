/* SPDX-License-Identifier: MIT */
/* What was measured. */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "entrant.h"

/* One contestant in one case.  Nanoseconds for each operation, of all threads together. */
struct result {
	const struct contestant *contestant;
	const struct bench_case *bench_case;
	double *sample;
	unsigned n_samples;
	double median;
	double min;
	double max;
	double quartile[2]; /* a quarter of the samples is below, a quarter is above */
	double slowest;     /* medians of what the samples had */
	double jain;
	double share[N_LANES_MAX]; /* of each thread, in all samples */
	size_t n_names;            /* of each thread */
	struct hist *hist;         /* waits, in ticks; NULL: not noted */
	double tick_ns;
	double offered;    /* open loop: arrivals a second */
	double held_bytes; /* 0: not measured */
};

struct results {
	struct result *result;
	size_t n;
	size_t n_max;
};

/* Keep what was measured of `e`. */
void results_add(struct results *rs, const struct entrant *e);

void results_fini(struct results *rs);

const struct result *results_find(const struct results *rs, const struct bench_case *b,
				  const char *contestant);

/* Of its waits, the one that the part `q` does not exceed; and the longest (q = 1).  ns. */
double result_wait(const struct result *r, double q);

double result_throughput(const struct result *r);

/* A figure, as a goal wants it. */
double result_figure(const struct result *r, enum bench_figure figure);

/* A goal, in the light of what was measured. */
struct verdict {
	bool is_measured;
	bool is_reached;
	double measured;
	double own_lines; /* of two threads against one: of those that share nothing; 0: it is not that, or not known */
};

struct verdict goal_judge(const struct bench_goal *g, const struct results *rs);

#endif /* BENCH_RESULTS_H */
