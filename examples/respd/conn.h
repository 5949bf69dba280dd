/* SPDX-License-Identifier: MIT */
/* One connection: what came from the client, what goes to it. */
#ifndef RESPD_CONN_H
#define RESPD_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "request.h"

struct worker;

struct conn {
	struct conn *next; /* of its worker's connections */
	struct conn *prev;
	int fd;
	uint32_t waits_for; /* the epoll events that were asked for last */
	unsigned db;        /* SELECT */
	bool is_at_end;     /* the client sends no more; what it sent is still answered */
	bool is_closing;    /* nothing more is read or carried out; what was said is still sent */
	struct buffer in;
	struct buffer out;
	struct request request; /* the one that is coming in */
};

/* Serve `fd` in this worker's loop.  NULL: no memory, and `fd` is closed. */
struct conn *conn_open(struct worker *w, int fd);

/* `events` of epoll happened: read, carry out, write.  False: the connection is to be closed. */
bool conn_serve(struct worker *w, struct conn *c, uint32_t events);

void conn_close(struct worker *w, struct conn *c);

#endif /* RESPD_CONN_H */
