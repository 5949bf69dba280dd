/* SPDX-License-Identifier: MIT */
/* What was measured, and how it is shown. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "entrant.h"

/* One contestant in one case.  Nanoseconds for each pair, of all threads together. */
struct result {
	const struct contestant *contestant;
	const struct bench_case *bench_case;
	double median;
	double min;
	double max;
	double quartile[2]; /* a quarter of the samples is below, a quarter is above */
	double share;       /* median of the poorest thread's part of what would be fair */
	double *sample;
	unsigned n_samples;
};

struct results {
	struct result *result;
	size_t n;
	size_t n_max;
};

/* Keep the samples of `e`. */
void results_add(struct results *rs, const struct entrant *e);

void results_fini(struct results *rs);

/* Where and how the samples are taken: the lines above the table. */
void report_head(const struct settings *s);
void report_privileges(const struct settings *s, struct privileges p);

void report_columns(void);

/* The lines of the results from `first` on, which are of one case. */
void report_case(const struct results *rs, size_t first);

/* Latchkey against the baseline of each case. */
void report_ratios(const struct results *rs);

/* Everything, with all samples, to s->json. */
void report_json(const struct results *rs, const struct settings *s, struct privileges p);

#endif /* BENCH_REPORT_H */
