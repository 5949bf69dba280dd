/* SPDX-License-Identifier: MIT */
/*
 * What the checks share.  A check is a round of clients, each a thread with a connection, that try to
 * see something impossible.  The first violation is kept and ends the check; so is trouble that keeps
 * it from being made at all, which is another thing.
 */
#ifndef RESPD_CHECK_H
#define RESPD_CHECK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check_client.h"

#define N_CLIENTS_MAX 64

struct settings {
	uint16_t port;
	size_t n_clients; /* at least 2 */
	size_t n_rounds;
};

struct check {
	const char *name;
	const char *database; /* for SELECT: each check has its own */
	const struct settings *settings;
	pthread_mutex_t mutex;
	char text[256]; /* guarded by `mutex` while clients run: what was seen, or the sum */
	atomic_bool is_violated;   /* something impossible was seen */
	atomic_bool is_broken;     /* the check could not be made */
	pthread_barrier_t barrier; /* of all clients */
	atomic_size_t n_working; /* clients that are not done: readers go on as long as there are */
	atomic_size_t n_seen;    /* what the check counts */
	void *state;             /* the check's own */
};

/* One client of a check. */
struct party {
	pthread_t thread;
	struct check *check;
	size_t number;
	struct client client;
	void (*run)(struct party *p);
};

/* The clients: all together run `run`; it may look at p->number. */
void check_run(struct check *ch, void (*run)(struct party *p));

/* Something impossible was seen. */
void check_violated(struct check *ch, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The check could not be made, because of this client. */
void check_broken(struct check *ch, const struct client *c);

/* What to say when all went well. */
void check_sum(struct check *ch, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Is there a reason to go on? */
bool check_goes_on(const struct check *ch);

/* A connection to the check's database, for what comes before or after the clients. */
bool check_connect(struct check *ch, struct client *c);

/* The checks: in check_counters.c, … */
void check_incr(struct check *ch);
void check_append(struct check *ch);
void check_mutex(struct check *ch);

/* … check_groups.c, … */
void check_mset(struct check *ch);
void check_flushall(struct check *ch);

/* … check_tokens.c, … */
void check_rename(struct check *ch);
void check_msetnx(struct check *ch);

/* … and check_transactions.c. */
void check_exec(struct check *ch);

#endif /* RESPD_CHECK_H */
