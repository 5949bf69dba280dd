/* SPDX-License-Identifier: MIT */
/* All cases, one after another. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "results.h"

/* Is the case to be run?  Is the contestant to take part in it? */
bool run_wants(const struct bench_case *b, const struct settings *s);
bool run_takes_part(const struct contestant *c, const struct bench_case *b,
		    const struct settings *s);

/* Run what is wanted, and show it.  What the threads were allowed is added to `p`. */
void run_all(const struct settings *s, struct results *rs, struct privileges *p);

#endif /* BENCH_RUN_H */
