/* SPDX-License-Identifier: MIT */
/*
 * A worker: one thread with its connections, in a loop of its own.
 *
 * Commands of one worker are carried out one after the other; a command that waits for a lock keeps
 * the other connections of its worker waiting too.  The holder is always another worker's command,
 * which waits for nothing that we hold: see locks.h.
 */
#ifndef RESPD_WORKER_H
#define RESPD_WORKER_H

#include <pthread.h>
#include <stdbool.h>

#include "loop.h"

struct server;

struct worker {
	pthread_t thread;
	struct loop loop;
	struct source arrivals;
	int inbox
		[2]; /* a pipe: a number in it is a connection to serve, its end the order to stop */
};

/* Start a worker.  False: what failed was printed, nothing is left. */
bool worker_start(struct worker *w, struct server *s);

/* From the accepting thread: give it a connection, whose descriptor is its from now on. */
bool worker_hand(struct worker *w, int fd);

/* Let it finish what it does, and end. */
void worker_stop(struct worker *w);

#endif /* RESPD_WORKER_H */
