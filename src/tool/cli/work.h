/* SPDX-License-Identifier: MIT */
/*
 * Work of `latchkey stdio`: requests under way, each in a thread, those of one owner one after the other.
 *
 * A *strand* is what has to be done in order: the requests with one owner, or those of the key and value form.
 *
 * WK1  of a strand one job is under way at a time; so an owner is used by one thread at a time.
 * WK2  a strand lives as long as it is used: by jobs, by grants that its owner has, by its name.  Who lets go last closes
 *      the owner.
 * WK3  what is ready finds a thread, though others wait: there are as many as there is work, and some are kept for what does
 *      not wait, as that may be the release that all others wait for.
 */
#ifndef LATCHKEY_CLI_WORK_H
#define LATCHKEY_CLI_WORK_H

#include <pthread.h>

#include <jansson.h>

#include <latchkey.h>

enum { WORKERS_MAX = 512, WORKERS_KEPT = 16 };

struct stdio;
struct strand;

struct job {
	struct job *next;          /* of its strand */
	struct job *older, *newer; /* of all that are under way */
	struct strand *strand;
	json_t *id;      /* as it was said */
	json_t *request; /* all of it */
	void (*run)(struct stdio *s, struct job *j);
	bool is_canceled; /* with the latch */
	bool is_running;
	bool may_wait; /* for other owners */
};

struct strand {
	struct strand *next; /* that can go on */
	struct job *first, *last;
	struct lk_owner *owner; /* NULL: it has none */
	unsigned uses;          /* (WK2) */
	bool is_busy;           /* (WK1) */
};

struct work {
	struct stdio *of;
	pthread_mutex_t latch;
	pthread_cond_t news;
	struct strand *ready, **ready_end;
	struct job *all;
	unsigned n_jobs, n_waiting, n_ready, n_workers, n_idle;
	bool is_over;
	pthread_t workers[WORKERS_MAX];
};

void work_init(struct work *k, struct stdio *of);

/* Nobody submits any more: all jobs end, and the threads. */
void work_fini(struct work *k);

/* One use of it is the caller's; NULL: no memory. */
struct strand *strand_make(void);

/* Its job has opened an owner for it. */
void strand_own(struct work *k, struct strand *s, struct lk_owner *owner);
void strand_use(struct work *k, struct strand *s);
void strand_leave(struct work *k, struct strand *s);

/* It will be run, with a use of its strand, and freed.  False: there is no thread to run it, or too many wait. */
bool work_submit(struct work *k, struct strand *s, struct job *j);

/* End the waits of those with this id, NULL: of all.  How many there were. */
unsigned work_cancel(struct work *k, const json_t *id, const struct job *but);

bool work_is_canceled(struct work *k, struct job *j);
unsigned work_jobs(struct work *k);

#endif /* LATCHKEY_CLI_WORK_H */
