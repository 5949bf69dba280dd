/* SPDX-License-Identifier: MIT */
/* A contestant in a case: what it needs there, and what was measured of it. */
#ifndef BENCH_ENTRANT_H
#define BENCH_ENTRANT_H

#include <pthread.h>
#include <stdatomic.h>

#include "bench.h"

/* How to measure, for the whole program. */
struct settings {
	unsigned n_samples;
	double sample_ns;     /* how long a sample should take */
	bool want_fifo;       /* ask for a real-time priority */
	int cpu[N_LANES_MAX]; /* where the threads run */
	unsigned n_cpus;      /* how many of them there are */
	const char *filter;   /* part of the name of the cases to run; NULL: all */
	const char *json;     /* where to write the samples; NULL: nowhere */
	const char *note;     /* copied to the JSON; NULL: none */
};

/* What was found out about the machine by trying. */
struct privileges {
	bool pinned;
	bool fifo;
};

struct entrant;

/* A thread of an entrant, during a sample. */
struct lane {
	_Alignas(64) struct run run;
	struct entrant *entrant;
	pthread_t thread;
	int cpu;
	bool pinned;
	bool fifo;
	uint64_t n_pairs; /* timed ones */
	uint64_t n_warm;  /* those before */
	uint64_t begin_ns;
	uint64_t end_ns;
};

struct entrant {
	const struct contestant *contestant;
	const struct bench_case *bench_case;
	const struct settings *settings;
	void *world;
	void *target;
	char (*names[N_LANES_MAX])[NAME_SIZE];
	struct lane lane[N_LANES_MAX];
	uint64_t quota; /* pairs of a thread in a sample */
	_Alignas(64) atomic_uint n_ready;
	_Alignas(64) atomic_bool stop; /* one thread is done: the others have nobody beside them */
	_Alignas(64) uint64_t counter;
	double *sample; /* ns for each pair, all threads together */
	double *share;  /* of the pairs that would be fair, how many the poorest thread got */
	unsigned n_samples;
};

/* Make a world, targets and names, and find out how many pairs make a sample. */
void entrant_init(struct entrant *e, const struct contestant *c, const struct bench_case *b,
		  const struct settings *s);

void entrant_fini(struct entrant *e);

/* Measure once more. */
void entrant_measure(struct entrant *e);

/* What the threads of the last sample were allowed. */
struct privileges entrant_privileges(const struct entrant *e);

#endif /* BENCH_ENTRANT_H */
