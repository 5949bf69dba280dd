/* SPDX-License-Identifier: MIT */
/* Latchkey's crowd: many owners that all wait, for as long as it is there. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include "bench.h"

/* Open it, in a manager of its own; it waits until all wait. */
void *crowd_open(const struct bench_crowd *shape);

/* Whose owners wait for the root, directly or not?  The root is not among them. */
void crowd_search(void *crowd);

/* Is a ring through the last of them found?  If not the program ends; else only the crowd does. */
void crowd_close(void *crowd);

#endif /* BENCH_CROWD_H */
