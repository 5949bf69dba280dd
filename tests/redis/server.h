/* SPDX-License-Identifier: MIT */
/* A real server for a test: in a folder of its own, on a port and a socket of its own, stopped by its number. */
#ifndef TESTS_REDIS_SERVER_H
#define TESTS_REDIS_SERVER_H

#include <hiredis/hiredis.h>
#include <sys/types.h>

#include "harness.h"

struct shift;

#define SERVER_PORT \
	"@port" /* among options: its port; "--port", "0" makes it free for another use */

struct server {
	char top[40]; /* a folder, made and removed by us */
	char socket[64];
	int port;
	pid_t pid;
	const char *const *options; /* more of its arguments, NULL at the end; may be NULL */
	int watched;                /* a sentinel: of the master on this port.  0: it is none */
	redisContext *c;            /* as its master */
	struct shift *clocks;       /* by how much they are wrong; NULL: they are right */
};

/* It answers when this returns. */
void server_start(struct server *s, const char *const *options);

/* One whose wall clock is wrong by what is set with server_shift(). */
void server_start_shifted(struct server *s);
void server_shift(struct server *s, long long seconds);

/* A sentinel that knows the server on that port as "mymaster", and needs nobody else's opinion. */
void server_start_sentinel(struct server *s, int port);

/* Killed, and started again with what it had on its disk. */
void server_restart(struct server *s);

/* Killed, and nothing started. */
void server_kill(struct server *s);
void server_stop(struct server *s);

/*
 * As its master: it must not be an error.  The format is hiredis's.  The
 * integer of the answer, else 0.
 */
long long server_do(struct server *s, const char *format, ...);

/* The number behind that in what it says of itself, or 0. */
long long server_info(struct server *s, const char *name);

/* Is that in what it says of itself? */
bool server_says(struct server *s, const char *text);

/* Are all slots somebody's? */
bool server_cluster_is_fine(struct server *s);

/* Does it know that many nodes? */
bool server_knows(struct server *s, int nodes);

/* The user and the password of its least user, who has no more rights than the store needs.  In a format. */
#define APP "app:se%%3Fcret@1@"

#endif /* TESTS_REDIS_SERVER_H */
