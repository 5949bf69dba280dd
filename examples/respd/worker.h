/* SPDX-License-Identifier: MIT */
/*
 * A worker: one thread with its connections, its epoll instance, and one owner of locks.
 *
 * Commands of one worker are carried out one after the other; a command that waits for a lock keeps
 * the other connections of its worker waiting too.  The holder is always another worker's command,
 * which waits for nothing that we hold: see locks.h.
 */
#ifndef RESPD_WORKER_H
#define RESPD_WORKER_H

#include <pthread.h>
#include <stdbool.h>

#include "buffer.h"
#include "locks.h"

struct conn;
struct server;

struct worker {
	pthread_t thread;
	struct server *server;
	int epoll;
	int inbox
		[2]; /* a pipe: a number in it is a connection to serve, its end the order to stop */
	struct conn *conns;
	struct locks locks;
	struct buffer value; /* for copies of values, by one command at a time */
};

/* Start worker number `number`.  False: what failed was printed, nothing is left. */
bool worker_start(struct worker *w, struct server *s, size_t number);

/* From the accepting thread: give it a connection, whose descriptor is its from now on. */
bool worker_hand(struct worker *w, int fd);

/* Let it finish what it does, and end. */
void worker_stop(struct worker *w);

#endif /* RESPD_WORKER_H */
