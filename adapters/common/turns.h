/* SPDX-License-Identifier: MIT */
/*
 * Turns: so many threads at a time, the others in the order in which they came.
 *
 * TU1  a place that becomes free goes to the first in the line, by whoever leaves: nobody who comes later can take it.
 */
#ifndef LK_ADAPTERS_TURNS_H
#define LK_ADAPTERS_TURNS_H

#include <pthread.h>
#include <stdbool.h>

#include "common/place.h"

struct turn;

struct turns {
	pthread_mutex_t lock;
	unsigned n_free;
	struct turn *first;
	struct turn **last;
};

void turns_init(struct turns *t, unsigned places);
void turns_fini(struct turns *t);

/* False: the deadline, on the clock of `place`, passed. */
bool turns_enter(struct turns *t, const struct place *place, uint64_t deadline_ns);
void turns_leave(struct turns *t);

#endif /* LK_ADAPTERS_TURNS_H */
