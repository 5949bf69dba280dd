/* SPDX-License-Identifier: MIT */
/* Loops: see loop.h. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "conn.h"
#include "loop.h"
#include "server.h"

#define N_EVENTS 64

/* --------------------------------------------------------------- descriptors */

bool
loop_add(struct loop *l, int fd, struct source *s, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = s };

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool
loop_change(struct loop *l, int fd, struct source *s, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = s };

	return epoll_ctl(l->epoll, EPOLL_CTL_MOD, fd, &event) == 0;
}

void
loop_remove(struct loop *l, int fd)
{
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* ------------------------------------------------------------- the queue of answers */

/* What is left over makes the descriptor ready again. */
static void
take_answers(struct source *s, uint32_t events)
{
	struct loop *l = container_of(s, struct loop, answers);

	(void)events;
	if (lk_queue_dispatch(l->queue, N_EVENTS) < 0)
		abort();
}

static bool
open_queue(struct loop *l)
{
	int rc;

	if (l->server->locks == NULL)
		return true;
	rc = lk_queue_open(l->server->locks, &l->queue);
	if (rc != 0) {
		errno = rc == LK_E_NOMEM ? ENOMEM : EMFILE;
		return false;
	}
	l->answers.ready = take_answers;
	return loop_add(l, lk_queue_fd(l->queue), &l->answers, EPOLLIN);
}

/* Nothing is outstanding: every connection has had its answer. */
static void
close_queue(struct loop *l)
{
	if (l->queue != NULL && lk_queue_close(l->queue) != 0)
		abort();
	l->queue = NULL;
}

/* ---------------------------------------------------------------------- the loop */

bool
loop_init(struct loop *l, struct server *s, bool is_async)
{
	*l = (struct loop){ .server = s, .n_steps = SIZE_MAX };
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0)
		return false;
	if (!is_async)
		return true;
	l->n_steps = s->settings.n_steps;
	if (open_queue(l))
		return true;
	loop_fini(l);
	return false;
}

void
loop_fini(struct loop *l)
{
	int error = errno;

	close_queue(l);
	close(l->epoll);
	errno = error;
}

void
loop_later(struct loop *l, struct conn *c)
{
	if (c->is_later)
		return;
	c->is_later = true;
	c->next_later = NULL;
	if (l->first_later == NULL)
		l->first_later = c;
	else
		l->last_later->next_later = c;
	l->last_later = c;
}

/* Once each; those that come to the list meanwhile have their turn after the next events. */
static void
run_later(struct loop *l)
{
	struct conn *c = l->first_later;

	l->first_later = NULL;
	while (c != NULL) {
		struct conn *next = c->next_later;

		c->is_later = false;
		conn_go_on(c); /* which may free it */
		c = next;
	}
}

/*
 * How long epoll may wait, in milliseconds: not at all if a connection is to go on, and else until
 * Latchkey has something to do for requests that wait, their deadlines for example.  Our manager has
 * no thread for that (LK_MANUAL): this one does it.
 */
static int
patience(struct loop *l)
{
	uint64_t next_ns = LK_OFF;

	if (l->queue != NULL && lk_serve(l->server->locks, &next_ns) != 0)
		abort();
	if (l->first_later != NULL)
		return 0;
	if (next_ns == LK_OFF)
		return -1;
	next_ns = next_ns / (uint64_t)MILLISECOND_NS + 1; /* not before it is due */
	return next_ns < INT_MAX ? (int)next_ns : INT_MAX;
}

/* False: epoll is no more, which cannot be. */
static bool
loop_turn(struct loop *l)
{
	struct epoll_event event[N_EVENTS];
	int n = epoll_wait(l->epoll, event, N_EVENTS, patience(l));

	if (n < 0 && errno != EINTR)
		return false;
	for (int i = 0; i < n; i++) {
		struct source *s = event[i].data.ptr;

		s->ready(s, event[i].events);
	}
	run_later(l);
	return true;
}

void
loop_run(struct loop *l)
{
	struct conn *next;

	while (!l->is_over && loop_turn(l))
		continue;
	for (struct conn *c = l->conns; c != NULL; c = next) {
		next = c->next;
		conn_close(c);
	}
	while (l->conns != NULL && loop_turn(l))
		continue;
}
