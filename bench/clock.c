/* SPDX-License-Identifier: MIT */
/* How long things take that later measure how long things take. */
#include <time.h>

#include "settings.h"

#define TICK_SPAN_NS 20000000u /* the longer, the more exact */
#define N_STEPS      100000u
#define N_TRIES      20
#define N_PACE_STEPS 20000u /* some 15 us */

uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double
clock_tick_ns(void)
{
	uint64_t begin_ns = clock_ns();
	uint64_t begin = bench_ticks();
	uint64_t end_ns;

	do
		end_ns = clock_ns();
	while (end_ns - begin_ns < TICK_SPAN_NS);
	return (double)(end_ns - begin_ns) / (double)(bench_ticks() - begin);
}

/* The least of several: anything longer was interrupted. */
double
clock_step_ns(void)
{
	double least = 0;

	for (int i = 0; i < N_TRIES; i++) {
		uint64_t begin = clock_ns();
		double took;

		bench_work(N_STEPS);
		took = (double)(clock_ns() - begin);
		if (i == 0 || took < least)
			least = took;
	}
	return least / N_STEPS;
}

/* Sums that wait for nothing: as many at a time as the processor can add. */
uint64_t
clock_pace(void)
{
	const uint64_t begin = bench_ticks();
	uint64_t a = 0, b = 0, c = 0, d = 0, e = 0, f = 0;

	for (unsigned n = N_PACE_STEPS; n > 0; n--) {
		a += n;
		b += n;
		c += n;
		d += n;
		e += n;
		f += n;
		__asm__ __volatile__("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
	}
	return bench_ticks() - begin;
}
