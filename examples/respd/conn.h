/* SPDX-License-Identifier: MIT */
/*
 * One connection: what came from the client, what goes to it, and what is being done.
 *
 * One command of a client is carried out at a time, in the order in which they came.  While it is not
 * done, nothing is read: its arguments lie where they were received.
 */
#ifndef RESPD_CONN_H
#define RESPD_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "loop.h"
#include "request.h"
#include "task.h"

struct conn {
	struct source source;
	struct loop *loop;
	struct conn *next; /* of its loop's connections */
	struct conn *prev;
	struct conn *next_later; /* of those that are to go on: see loop.h */
	bool is_later;           /* it is one */
	int fd;                  /* -1: the client is gone */
	uint32_t waits_for;      /* the epoll events that were asked for last */
	unsigned db;             /* SELECT */
	bool is_at_end;          /* the client sends no more; what it sent is still answered */
	bool has_request;        /* one has been read and is not done */
	bool is_closing; /* nothing more is read or carried out; what was said is still sent */
	struct buffer in;
	struct buffer out;
	struct request request; /* the one that is coming in, or being carried out */
	struct task task;
};

/* Serve `fd`, which is ours from now on, in this loop. */
void conn_open(struct loop *l, int fd);

/* It was put aside: go on. */
void conn_go_on(struct conn *c);

/*
 * End the connection.  What it waits for is cancelled; what it has begun is carried out to the end,
 * as half of a command is worse than a whole one that nobody waits for.  Then it is freed.
 */
void conn_close(struct conn *c);

#endif /* RESPD_CONN_H */
