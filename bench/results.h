/* SPDX-License-Identifier: MIT */
/* What was measured. */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "entrant.h"

/* One contestant in one case.  Nanoseconds for each operation, of all threads together. */
struct result {
	const struct contestant *contestant;
	const struct bench_case *bench_case;
	double *sample; /* sample `i` was taken in round `i` of its heat */
	unsigned n_samples;
	unsigned n_retaken; /* … not counted, in which the machine was not whole */
	double median;
	double min;
	double max;
	double quartile[2]; /* a quarter of the samples is below, a quarter is above */
	double slowest;     /* medians of what the samples had */
	double jain;
	double *slowest_each;
	double *pace;               /* of the processors around each sample, ns; 0: not known */
	double *wait_pace;          /* … around those in which waits were noted */
	double *wait_each[N_WAITS]; /* of the waits of a sample, ns; 0: it had none */
	unsigned n_waits;           /* … samples of which that is known */
	double share[N_LANES_MAX];  /* of each thread, in all samples */
	size_t n_names;             /* of each thread */
	struct hist *hist;          /* waits, in ticks; NULL: not noted */
	double tick_ns;
	double offered;    /* open loop: arrivals a second */
	double held_bytes; /* 0: not measured */
};

struct results {
	struct result *result;
	size_t n;
	size_t n_max;
	double best_pace; /* the least of all that were measured, ns; 0: none was */
};

/* Keep what was measured of `e`. */
void results_add(struct results *rs, const struct entrant *e);

/* In the order of the cases, when all are there. */
void results_sort(struct results *rs);

void results_fini(struct results *rs);

const struct result *results_find(const struct results *rs, const struct bench_case *b,
				  const char *contestant);

/* Of its waits, the one that the part `q` does not exceed; and the longest (q = 1).  ns. */
double result_wait(const struct result *r, double q);

double result_throughput(const struct result *r);

/* Had the processors, around sample `i`, about the best pace that they had in the run?  True if that is not known. */
bool result_is_calm(const struct results *rs, const struct result *r, unsigned i);

/* What came out of the rounds. */
struct spread {
	unsigned n;        /* rounds that are counted; 0: it is not known */
	unsigned n_calm;   /* … if that is more than a few: these are */
	unsigned n_rounds; /* of so many that have the figure */
	double median;
	double quartile[2];
};

/* A goal, in the light of what was measured. */
struct verdict {
	bool is_measured;
	bool is_reached;
	struct spread measured;
	struct spread own_lines; /* of two threads against one: what those do that share nothing */
	struct spread
		floor; /* what the least that such a lock can be has against the same peer … */
	const char *floor_name; /* … which is this contestant */
};

/*
 * By the median, over the rounds of a heat, of the figure in that round, or of its ratio to theirs.
 *
 * J1  A ratio is of two samples of one round.  On a calm machine the median of these is the ratio of medians; on one that is slower for a
 *     while both are, and the ratio of neighbours stays.
 * J2  Only calm rounds count, if there are a few: those in which the processors had, around both samples, the pace that is the best of the
 *     run.  Who shares a core with a stranger is slowed down by what he uses of the core, not by what he takes in time, so two
 *     contestants are not slowed down alike, and J1 does not help.
 */

struct verdict goal_judge(const struct bench_goal *g, const struct results *rs);

#endif /* BENCH_RESULTS_H */
