/* SPDX-License-Identifier: MIT */
/*
 * Node's redlock, over the same server: SET NX PX by a script, and DEL if it is still ours by another, on one connection
 * of ioredis.  It has one mode, polls for what is taken, and knows no line, no sessions and no fences.
 *
 * It runs in a node of its own (redlock.js) on the lane's processor, which is told by a pipe how many pairs to make, and says
 * when they are made: so often that the pipe is no part of the figure worth speaking of.
 *
 * Needs: libhiredis-dev <hiredis/hiredis.h> pkg-config:hiredis
 * Needs node: redlock@4.2.0 ioredis@5
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "redis.h"

enum { N_AT_ONCE = 64 }; /* pairs for each word through the pipe, at least */

struct node {
	pid_t pid;
	FILE *to;
	FILE *from;
};

static void
hear(struct node *n, const char *word)
{
	char line[16];

	if (fgets(line, sizeof(line), n->from) == NULL || strcmp(line, word) != 0)
		bench_die("redlock.js", "it ended");
}

static void
become_node(const char *socket, int in, int out)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(in, 0) == 0 && dup2(out, 1) == 1)
		execlp("node", "node", BENCH_FOLDER "/bench/peers/redlock.js", socket,
		       BENCH_FOLDER "/build/bench-node", (char *)NULL);
	_exit(127);
}

static void *
node_open(void *world, void *target, unsigned lane)
{
	struct node *n = calloc(1, sizeof(*n));
	int to[2], from[2];

	(void)target;
	(void)lane;
	if (n == NULL || pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
		bench_die("redlock.js", strerror(errno));
	n->pid = fork();
	if (n->pid < 0)
		bench_die("redlock.js", strerror(errno));
	if (n->pid == 0)
		become_node(((const struct redis_served *)world)->socket, to[0], from[1]);
	(void)close(to[0]);
	(void)close(from[1]);
	n->to = fdopen(to[1], "w");
	n->from = fdopen(from[0], "r");
	if (n->to == NULL || n->from == NULL)
		bench_die("redlock.js", strerror(errno));
	hear(n, "ready\n");
	return n;
}

static void
node_close(void *session)
{
	struct node *n = session;

	(void)fclose(n->to);
	(void)fclose(n->from);
	(void)waitpid(n->pid, NULL, 0);
	free(n);
}

/* It may make more than it is asked for, if it says so. */
static void
node_pairs(struct run *r)
{
	struct node *n = r->session;

	if (r->n < N_AT_ONCE)
		r->n = N_AT_ONCE;
	(void)fprintf(n->to, "%zu\n", r->n);
	(void)fflush(n->to);
	hear(n, "done\n");
}

extern const struct contestant peer_node_redlock;
const struct contestant peer_node_redlock = {
	.name = "node_redlock",
	.what = "redlock 4 of npm, lock() and unlock() awaited, on one connection of ioredis",
	.by = BY_NAME,
	.modes = MODES_ALL,
	.traits = PEER_VARIANT,
	.ticket_size = 1,
	.open = redis_served_open,
	.close = redis_served_close,
	.session_open = node_open,
	.session_close = node_close,
	.loop[LOOP_PAIRS].pairs = node_pairs,
	.realm = REALM_REDIS,
};
