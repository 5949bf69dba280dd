/* SPDX-License-Identifier: MIT */
/* How to measure, for the whole program. */
#ifndef BENCH_SETTINGS_H
#define BENCH_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench.h"

struct settings {
	unsigned n_samples;
	unsigned n_latency_samples; /* and so many more, at most, in which each wait is noted */
	double sample_ns;           /* how long a sample takes */
	size_t n_names_most;        /* cases with more names are cut down to this */
	bool want_fifo;             /* ask for a real-time priority */
	bool is_quick;
	bool shows_progress;
	int cpu[N_LANES_MAX]; /* where the threads run */
	unsigned n_cpus;      /* how many of them there are */
	const char *filter;   /* part of the name of the cases to run; NULL: all */
	const char *
		contestant; /* part of the name of those that take part, Latchkey aside; NULL: all */
	const char *json;   /* where to write all figures; NULL: nowhere */
	const char *note;   /* copied to the JSON; NULL: none */
	const char *commit; /* what was measured; NULL: not known */
	double tick_ns;     /* of bench_ticks() */
	double step_ns;     /* of bench_work() */
};

/* What was found out about the machine by trying. */
struct privileges {
	bool pinned;
	bool fifo;
};

/* clock.c: nanoseconds since some moment. */
uint64_t clock_ns(void);

/* clock.c: how long a tick takes, and a step of work, in ns. */
double clock_tick_ns(void);
double clock_step_ns(void);

/*
 * clock.c: how long a piece of work takes that is always the same and leaves no unit of the processor idle, in ticks: longer while another
 * thread, of whatever machine, has a part of the core, or while its clock is slower.
 */
uint64_t clock_pace(void);

/* How many steps of work take so long. */
static inline unsigned
settings_steps(const struct settings *s, double ns)
{
	return (unsigned)(ns / s->step_ns + 0.5);
}

#endif /* BENCH_SETTINGS_H */
