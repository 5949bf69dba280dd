/* SPDX-License-Identifier: MIT */
/* The server: its settings, what all its threads share, and its life. */
#ifndef RESPD_SERVER_H
#define RESPD_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <latchkey.h>

#include "store.h"

#define SERVER_THREADS_MAX 256
#define SERVER_STRIPES_MAX 65536

/* How long a command waits for its locks before it is refused: rather an error than a stuck client. */
#define SERVER_TIMEOUT_MS     10000
#define SERVER_TIMEOUT_MAX_MS 86400000

/* Names of keys that nobody locks now, but that cost less the next time: some 10 MB at most. */
#define SERVER_IDLE_NAMES 65536

/* Steps of a command after which others have their turn, with --async. */
#define SERVER_STEPS     64
#define SERVER_STEPS_MAX 1000000

struct worker;

struct settings {
	const char *address; /* IPv4, in digits */
	uint16_t port;       /* 0: any that is free */
	size_t n_threads;
	size_t n_stripes;
	bool has_locks;
	size_t timeout_ms; /* of a command that waits for its locks */
	bool is_async;     /* one thread, which never waits for a lock … */
	size_t n_steps;    /* … and puts a command aside after so many */
};

struct server {
	struct settings settings;
	struct lk_manager *locks; /* NULL: without locks */
	struct store *store;
	struct worker *worker; /* n_threads of them; with --async none */
	size_t n_workers;      /* that run */
	int listener;
	uint16_t port; /* what it became */
	size_t max_clients;
	atomic_size_t n_clients;
	size_t n_waiting; /* with --async: commands that wait for their locks */
	uint64_t started_ns;
};

/* Open everything and start the workers.  False: what failed was printed, nothing is left. */
bool server_start(struct server *s, const struct settings *settings);

/*
 * Accept connections and hand them to the workers in turn, or serve them here, until `stop_fd` can be
 * read.  False: what failed was printed.
 */
bool server_run(struct server *s, int stop_fd);

/*
 * Accept a connection, if there is one.  -1: none, or one too many, which was told so.  -2: the system
 * is short of something; it is no use to try again at once.
 */
int server_accept(struct server *s);

/* Stop the workers, end all connections, print the lock statistics, and give everything back. */
void server_stop(struct server *s);

#endif /* RESPD_SERVER_H */
