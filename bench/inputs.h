/* SPDX-License-Identifier: MIT */
/*
 * What the loops are fed with, all of it made beforehand and read in order: the processor fetches it ahead,
 * the same for every contestant, and only a contestant's own tables cost misses.  By fixed seeds.  For free().
 */
#ifndef BENCH_INPUTS_H
#define BENCH_INPUTS_H

#include "cases.h"

/*
 * `n` names beginning with number `first`, each equally often, in random order; any `batch` of them
 * beginning at a multiple of it are distinct (`batch` divides `n`).
 */
struct bench_name *inputs_uniform(size_t first, size_t n, unsigned batch, uint64_t seed,
				  size_t *n_uses);

/* … of `n` names, by Zipf's law with exponent 0.99: few of them very often. */
struct bench_name *inputs_zipf(size_t first, size_t n, uint64_t seed, size_t *n_uses);

/* `n_uses` times the name of the root of all paths. */
struct bench_name *inputs_root(size_t *n_uses);

/* `n` paths in `n_tables` tables of one database, in random order; rows from number `first` on. */
struct bench_path *inputs_paths(size_t first, size_t n, unsigned n_tables, uint64_t seed);

/* `n` modes: `n_x` times LK_X, else LK_S, in random order. */
uint8_t *inputs_modes(size_t n, size_t n_x, uint64_t seed);

/* `n` times between arrivals that know nothing of each other (exponential), `mean` on average. */
uint32_t *inputs_gaps(size_t n, double mean, uint64_t seed);

/* All that the threads of a case are fed with; one for all contestants. */
struct feed {
	struct bench_name *names[N_LANES_MAX]; /* of each thread, or NULL */
	struct bench_path *paths[N_LANES_MAX];
	uint8_t *modes[N_LANES_MAX];
	size_t n_uses;  /* names or paths of each */
	size_t n_names; /* different ones of each */
};

/* At most `n_most` names for each thread. */
void feed_init(struct feed *f, const struct bench_case *b, size_t n_most);
void feed_fini(struct feed *f);

#endif /* BENCH_INPUTS_H */
