/* SPDX-License-Identifier: MIT */
/*
 * A loop: one thread that serves whatever is ready, and never waits for anything else.
 *
 * Each worker has one, and with --async the whole server has only one.  Then its commands do not wait
 * for locks either.  The queue of Latchkey has a descriptor, which is a source of events like any
 * other: a command whose locks are not to be had at once is put aside, and taken up again when they are
 * granted.  And a long command is put aside after some steps, with its locks, so that others have their
 * turn.  That is why a server with one thread needs locks.
 */
#ifndef RESPD_LOOP_H
#define RESPD_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <latchkey.h>

/* The `type` whose `member` is at `p`. */
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

struct conn;
struct server;

/* A descriptor that epoll watches, and what to do with what it says. */
struct source {
	void (*ready)(struct source *s, uint32_t events);
};

struct loop {
	struct server *server;
	int epoll;
	bool is_over;   /* set by whoever wants it to end */
	size_t n_steps; /* of a command, before others have their turn; SIZE_MAX: to the end */
	struct lk_queue *queue; /* answers to requests for locks; NULL: the thread waits */
	struct source answers;  /* … its descriptor */
	struct conn *conns;
	struct conn *first_later; /* those that are to go on, in this order */
	struct conn *last_later;
};

/* A loop in which threads wait for locks; with `is_async` none does.  False: errno, nothing is left. */
bool loop_init(struct loop *l, struct server *s, bool is_async);
void loop_fini(struct loop *l);

/* Watch a descriptor for `events` of epoll; watch it for others; watch it no more. */
bool loop_add(struct loop *l, int fd, struct source *s, uint32_t events);
bool loop_change(struct loop *l, int fd, struct source *s, uint32_t events);
void loop_remove(struct loop *l, int fd);

/* Let the connection go on, when others had their turn. */
void loop_later(struct loop *l, struct conn *c);

/* Until `is_over`; then end all connections. */
void loop_run(struct loop *l);

#endif /* RESPD_LOOP_H */
