/* SPDX-License-Identifier: MIT */
/* The server of a case, for others who measure against it. */
#ifndef BENCH_PEERS_REDIS_H
#define BENCH_PEERS_REDIS_H

#include <hiredis/hiredis.h>

#include "place.h"

/* A server that stays: somebody is always connected. */
struct redis_served {
	char socket[PLACE_MAX]; /* first, so that a world is its socket too */
	redisContext *stays;
};

/* See that there is one.  For bench cases: the two functions of a world. */
void *redis_served_open(size_t n_names, size_t n_held);
void redis_served_close(void *world);

#endif /* BENCH_PEERS_REDIS_H */
