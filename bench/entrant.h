/* SPDX-License-Identifier: MIT */
/* A contestant in a case: what it needs there, and what was measured of it. */
#ifndef BENCH_ENTRANT_H
#define BENCH_ENTRANT_H

#include <pthread.h>
#include <stdatomic.h>

#include "inputs.h"
#include "settings.h"

#define CALM_PACE    1.1 /* times the best one; a busy neighbour in the core makes it 1.6 and more */
#define N_TIMES_MOST 2u  /* so many times the samples that were planned are taken at most */

struct entrant;

/* Of the waits of one sample: what half of them did not exceed, and so on. */
enum entrant_waits { WAIT_P50, WAIT_P99, WAIT_P999, N_WAITS };

/* A thread of an entrant, during a sample. */
struct lane {
	_Alignas(64) struct run run;
	struct entrant *entrant;
	pthread_t thread;
	unsigned number;
	uint64_t n_pairs; /* timed ones */
	uint64_t begin;   /* ticks */
	uint64_t end;
	uint64_t pace; /* ticks that clock_pace() took around the sample, the longer of two */
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
	uint64_t warm_ticks;
	size_t chunk;  /* pairs between two looks at the clock */
	size_t n_warm; /* pairs of each thread before the clock starts, at least */
	struct lane lane[N_LANES_MAX];
	_Alignas(64) atomic_uint n_ready;
	_Alignas(64)
		atomic_uint_least64_t deadline; /* of the sample, in ticks; 0: not all are ready */
	_Alignas(64) struct bench_data data;
	_Alignas(64) double offered; /* open loop: arrivals a second */
	unsigned n_rounds; /* samples that are to be taken; sample `i` is that of round `i` */
	bool is_done;      /* … and no more */
	double *sample;    /* ns for each operation, all threads together */
	double *slowest;   /* the slowest thread's part of the mean */
	double *jain;      /* Jain's index of fairness */
	double *pace; /* of the slower thread's processor around the sample, ns; 0: not known */
	unsigned n_samples;
	unsigned n_retaken;     /* … taken again: the host had lent a processor to others */
	unsigned n_wait_rounds; /* the same for samples in which waits are noted */
	double *wait
		[N_WAITS]; /* what a part of the waits of a sample did not exceed, ns; 0: none */
	double *wait_pace;
	unsigned n_waits;
	uint64_t n_pairs[N_LANES_MAX]; /* of each thread, in all samples */
	struct hist *hist;             /* all waits, in ticks; NULL: not noted */
	double held_bytes;             /* of a lock held; 0: not measured */
	struct entrant *drop; /* LOOP_HOLD: the other half of what is measured, LOOP_DROP */
};

/* Make a world, a target, and what the threads need.  `f` must outlive it. */
void entrant_init(struct entrant *e, const struct contestant *c, const struct bench_case *b,
		  const struct feed *f, const struct settings *s);

void entrant_fini(struct entrant *e);

/* Take the sample of one more round; or the one in which waits are noted. */
void entrant_measure(struct entrant *e);
void entrant_measure_waits(struct entrant *e);

/* Are its waits noted in samples of their own? */
bool entrant_times_waits(const struct entrant *e);

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
