/* SPDX-License-Identifier: MIT */
/* A contestant in a case: what it needs there, and what was measured of it. */
#ifndef BENCH_ENTRANT_H
#define BENCH_ENTRANT_H

#include <pthread.h>
#include <stdatomic.h>

#include "inputs.h"
#include "settings.h"

struct entrant;

/* A thread of an entrant, during a sample. */
struct lane {
	_Alignas(64) struct run run;
	struct entrant *entrant;
	pthread_t thread;
	unsigned number;
	uint64_t n_pairs; /* timed ones */
	uint64_t begin;   /* ticks */
	uint64_t end;
	bool is_pinned;
	bool is_fifo;
};

struct entrant {
	const struct contestant *contestant;
	const struct bench_case *bench_case;
	const struct settings *settings;
	const struct feed *feed;
	const struct bench_loop *loop; /* of the sample that is being taken */
	void *world;
	void *target;
	void *crowd;
	uint64_t sample_ticks;
	size_t chunk;  /* pairs between two looks at the clock */
	size_t n_warm; /* pairs of each thread before the clock starts, at least */
	struct lane lane[N_LANES_MAX];
	_Alignas(64) atomic_uint n_ready;
	_Alignas(64)
		atomic_uint_least64_t deadline; /* of the sample, in ticks; 0: not all are ready */
	_Alignas(64) struct bench_data data;
	_Alignas(64) double offered; /* open loop: arrivals a second */
	double *sample;              /* ns for each operation, all threads together */
	double *slowest;             /* the slowest thread's part of the mean */
	double *jain;                /* Jain's index of fairness */
	unsigned n_samples;
	uint64_t n_pairs[N_LANES_MAX]; /* of each thread, in all samples */
	struct hist *hist;             /* waits, in ticks; NULL: not noted */
	double held_bytes;             /* of a lock held; 0: not measured */
};

/* Make a world, a target, and what the threads need.  `f` must outlive it. */
void entrant_init(struct entrant *e, const struct contestant *c, const struct bench_case *b,
		  const struct feed *f, const struct settings *s);

void entrant_fini(struct entrant *e);

/* Measure once more. */
void entrant_measure(struct entrant *e);

/* Measure the waits once more. */
void entrant_measure_waits(struct entrant *e);

/* What the threads of the last sample were allowed. */
struct privileges entrant_privileges(const struct entrant *e);

/*
 * held.c: measure what it costs to hold many locks, in a process of its own; `acquire` and `release` are the
 * two halves.  `n` names.
 */
void held_measure(struct entrant *acquire, struct entrant *release, size_t n);

/* held.c: what that process does. */
void held_child(const struct contestant *c, const struct bench_case *b, size_t n,
		const struct settings *s);

/* processes.c: run all lanes once, as processes; and what each of them does. */
void processes_run(struct entrant *e);
void process_child(const struct contestant *c, const struct bench_case *b, unsigned number, int fd,
		   const struct settings *s);

/* entrant.c: run the calling thread at real-time priority; granted?  Before all who are not, if that is permitted. */
bool lane_hurry(void);
void lane_favor(void);

#endif /* BENCH_ENTRANT_H */
