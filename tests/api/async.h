/* SPDX-License-Identifier: MIT */
/* A queue, its owners, and what comes out of it. */
#ifndef LATCHKEY_TESTS_API_ASYNC_H
#define LATCHKEY_TESTS_API_ASYNC_H

#include <poll.h>

#include "support.h"

enum { LOOP_OWNERS = 8 };

struct loop {
	struct lk_manager *m;
	struct lk_queue *q;
	struct lk_owner *w[LOOP_OWNERS];
	int n_owners;
	lk_request_id id; /* of the latest */
	struct lk_completion c;
	int again;
};

static inline void
loop_begin(struct loop *l, int n)
{
	ok(lk_queue_open(l->m, &l->q));
	open_owners(l->m, l->w, n);
	l->n_owners = n;
}

static inline void
loop_open_in(struct loop *l, const char *url, struct test_world *world, int n)
{
	memset(l, 0, sizeof(*l));
	l->m = open_with(url, NULL, world);
	loop_begin(l, n);
}

static inline void
loop_open(struct loop *l, const char *url, int n)
{
	loop_open_in(l, url, NULL, n);
}

/* Nobody holds anything afterwards, and nothing is left in the queue. */
static inline void
loop_close(struct loop *l)
{
	for (int i = 0; i < l->n_owners; i++)
		ok(lk_owner_close(l->w[i]));
	ok(lk_queue_close(l->q));
	ok(lk_close(l->m));
}

static inline bool
is_readable(struct loop *l)
{
	struct pollfd p = { .fd = lk_queue_fd(l->q), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static inline int
submit(struct loop *l, int owner, const char *name, lk_mode mode)
{
	return lk_submit(l->q, l->w[owner], name, mode, NULL, NULL, NULL, &l->id);
}

/* The next completion is there, and says that. */
static inline struct lk_completion *
next_done(struct loop *l, int code)
{
	l->c = (struct lk_completion){ .size = sizeof(l->c) };
	is(lk_queue_reap(l->q, &l->c, 1), 1);
	cr_assert_eq(l->c.kind, LK_DONE);
	is(l->c.code, code);
	return &l->c;
}

/* … or comes, as the manager's thread has something to do for it. */
static inline struct lk_completion *
next_done_soon(struct loop *l, int code)
{
	int n = 0;

	l->c = (struct lk_completion){ .size = sizeof(l->c) };
	wait_until((n = lk_queue_reap(l->q, &l->c, 1)) != 0);
	is(n, 1);
	cr_assert_eq(l->c.kind, LK_DONE);
	is(l->c.code, code);
	return &l->c;
}

static inline void
nothing_more(struct loop *l)
{
	struct lk_completion c = { .size = sizeof(c) };

	is(lk_queue_reap(l->q, &c, 1), 0);
}

/* A callback. */
static inline void
release_and_resubmit(void *arg, const struct lk_completion *c)
{
	struct loop *l = arg;

	ok(c->code);
	ok(lk_release(c->owner, c->grant));
	if (l->again-- > 0)
		ok(lk_submit(l->q, c->owner, "a", LK_X, NULL, release_and_resubmit, l, &l->id));
	else
		l->again = 0;
}

#endif /* LATCHKEY_TESTS_API_ASYNC_H */
