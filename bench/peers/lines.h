/* SPDX-License-Identifier: MIT */
/* Memory for the peers' locks: whole cache lines, as Latchkey's resources have. */
#ifndef BENCH_PEERS_LINES_H
#define BENCH_PEERS_LINES_H

#include <stdlib.h>

#include "bench.h"

#define CACHE_LINE ((size_t)64)
#define POOL_LINES ((size_t)32) /* taken from malloc() at a time */

/* For free(). */
static inline void *
lines(size_t size)
{
	void *memory = aligned_alloc(CACHE_LINE, (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);

	if (memory == NULL)
		bench_die("peer", "out of memory");
	return memory;
}

/*
 * Lines that are given out one by one and freed together: aligned_alloc() would take two for each.  One
 * thread at a time.  A pool begins as zeros; its lines may hold anything.
 */
struct pool {
	void *chunk; /* the first line of one points to the one before */
	size_t n_left;
};

static inline void *
pool_line(struct pool *p)
{
	if (p->n_left == 0) {
		void *chunk = lines((POOL_LINES + 1) * CACHE_LINE);

		*(void **)chunk = p->chunk;
		p->chunk = chunk;
		p->n_left = POOL_LINES;
	}
	return (char *)p->chunk + CACHE_LINE * p->n_left--;
}

static inline void
pool_free(struct pool *p)
{
	while (p->chunk != NULL) {
		void *chunk = p->chunk;

		p->chunk = *(void **)chunk;
		free(chunk);
	}
}

#endif /* BENCH_PEERS_LINES_H */
