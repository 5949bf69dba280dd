/* SPDX-License-Identifier: MIT */
/* Between a store and its server: a thread that passes bytes on, late, in part, or not at all. */
#ifndef TESTS_REDIS_PROXY_H
#define TESTS_REDIS_PROXY_H

#include "harness.h"

enum { PROXY_PAIRS = 64 };

/* What becomes of bytes that go in one way. */
enum proxy_mode {
	PROXY_PASS,
	PROXY_HOLD,    /* they wait until the mode is another one */
	PROXY_SWALLOW, /* they are gone */
	PROXY_CUT, /* `after` more bytes, and the connection ends in the middle of what comes then */
	PROXY_DRIP, /* one byte at a time */
	PROXY_RESET /* the connection ends at once, with an error, as what came is never read */
};

enum proxy_way { PROXY_REQUESTS, PROXY_ANSWERS };

struct proxy_pair {
	int fd[2]; /* the store's, the server's; -1: none */
};

struct proxy {
	char path[64]; /* of the socket on which it listens */
	_Atomic(const char *) to;
	int listener;
	int stop; /* eventfd */
	pthread_t thread;
	_Atomic int mode[2];
	_Atomic long after[2];   /* bytes until the cut; it goes back to PASS then */
	_Atomic unsigned rounds; /* of the thread */
	_Atomic unsigned accepted;
	_Atomic unsigned cuts;
	_Atomic unsigned long seen[2];        /* bytes that came, whatever became of them */
	_Atomic bool ends_all;                /* cut all connections, now */
	_Atomic bool refuses;                 /* what is new is cut at once */
	struct proxy_pair pairs[PROXY_PAIRS]; /* the thread's */
};

/* At `path`, to the server's socket, or to 127.0.0.1 if `to` is the number of a port. */
void proxy_start(struct proxy *p, const char *path, const char *to);
void proxy_stop(struct proxy *p);

/* What comes from now on goes so. */
void proxy_set(struct proxy *p, enum proxy_way way, enum proxy_mode mode, long after);

/* What is new goes there from now on, and what there is ends. */
void proxy_lead(struct proxy *p, const char *to);

/* All connections have ended when this returns. */
void proxy_cut_all(struct proxy *p);

#endif /* TESTS_REDIS_PROXY_H */
