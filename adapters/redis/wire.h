/* SPDX-License-Identifier: MIT */
/*
 * Wire: bytes to and from a server, with an end to all waiting.  What goes below it (a bare socket, or TLS on one) is a
 * table.
 */
#ifndef LK_ADAPTERS_REDIS_WIRE_H
#define LK_ADAPTERS_REDIS_WIRE_H

#include <sys/types.h>

#include "redis/patience.h"
#include "redis/where.h"

struct wire;

/*
 * None waits: they return bytes, 0 if the other end has closed, or -errno; -EAGAIN: when poll() says `wants`.  What has a better
 * reason than an errno leaves it in `why`.
 */
struct wire_kind {
	/* The socket is connected: 0, -EAGAIN, or another -errno. */
	int (*begin)(struct wire *w, const struct where *to);
	ssize_t (*send)(struct wire *w, const void *bytes, size_t n);
	ssize_t (*receive)(struct wire *w, void *bytes, size_t n);
	/* The socket can be read: is it bytes, or an end? */
	bool (*has_news)(struct wire *w);
	void (*end)(struct wire *w);
};

/* What all wires of a store have below them. */
struct transport {
	const struct wire_kind *kind;
	void *shared;
};

struct wire {
	int fd; /* -1: closed */
	short wants;
	bool has_asked;  /* something was sent since something came */
	bool is_drained; /* what came last was all that there was */
	const struct transport *on;
	void *inside;
	char why[160]; /* "": it is the errno */
};

extern const struct transport wire_plain;

void wire_init(struct wire *w, const struct transport *on);

/* 0 or an errno; ETIMEDOUT: patience is over.  A name that is not known is ENOENT. */
int wire_open(struct wire *w, const struct where *to, struct patience p);
void wire_close(struct wire *w);

/* All of it: 0 or an errno.  Only with 0 has the last byte left. */
int wire_send(struct wire *w, const void *bytes, size_t n, struct patience p);

/* Some of it: bytes, 0 at the end, or -errno. */
ssize_t wire_receive(struct wire *w, void *bytes, size_t n, struct patience p);

/* Is there anything to read, or an end?  On one of which nobody waits for an answer there should be neither. */
bool wire_has_news(struct wire *w);

/* poll(): 0 or an errno. */
int wire_wait(int fd, short events, const struct patience *p);

#endif /* LK_ADAPTERS_REDIS_WIRE_H */
