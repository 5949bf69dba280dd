/* SPDX-License-Identifier: MIT */
/* A holder is told whom it blocks. */
#include "async.h"

struct told {
	int n;
	struct lk_notice last;
};

static void
note(void *arg, const struct lk_notice *n)
{
	struct told *t = arg;

	t->n++;
	t->last = *n;
}

static struct lk_owner *
open_told(struct loop *l, struct lk_queue *q, struct told *t)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lk_owner *w;

	o.flags = LK_NOTIFY_BLOCKING;
	o.queue = q;
	o.on_notice = t != NULL ? note : NULL;
	o.notice_arg = t;
	ok(lk_owner_open(l->m, &o, &w));
	return w;
}

Test(notice, a_holder_is_told_once_for_each_rise)
{
	struct told t = { 0 };
	struct lk_owner *w;
	struct loop l;
	lk_grant g;

	loop_open(&l, NULL, 4);
	w = open_told(&l, NULL, &t);
	g = take(w, "a", LK_X);
	ok(submit(&l, 0, "a", LK_S));
	cr_assert_eq(t.n, 1);
	cr_assert_eq(t.last.kind, LK_NOTICE_BLOCKING);
	cr_assert_eq(t.last.owner, w);
	cr_assert_eq(t.last.grant, g);
	cr_assert_eq(t.last.held, LK_X);
	cr_assert_eq(t.last.wanted, LK_S);
	cr_assert_eq(t.last.n_waiters, 1);
	cr_assert_eq(t.last.name_len, 1);
	cr_assert_eq(t.last.name[0], 'a');
	ok(submit(&l, 1, "a", LK_S));
	cr_assert_eq(t.n, 1); /* no rise */
	ok(submit(&l, 2, "a", LK_X));
	cr_assert_eq(t.n, 2);
	cr_assert_eq(t.last.wanted, LK_X);
	cr_assert_eq(t.last.n_waiters, 3);
	ok(submit(&l, 3, "a", LK_U));
	cr_assert_eq(t.n, 2);
	ok(lk_release(w, g));
	ok(lk_owner_close(w));
	for (int i = 0; i < 4; i++)
		ok(lk_owner_close(l.w[i]));
	l.n_owners = 0;
	while (lk_queue_dispatch(l.q, 1) > 0)
		;
	loop_close(&l);
}

Test(notice, what_does_not_block_or_does_not_wait_tells_nobody)
{
	struct told t = { 0 };
	struct lk_owner *w;
	struct loop l;

	loop_open(&l, NULL, 2);
	w = open_told(&l, NULL, &t);
	(void)take(w, "a", LK_S);
	is(lk_try_acquire(l.w[0], "a", LK_X, NULL), LK_E_BUSY);
	(void)take(l.w[0], "b", LK_X);
	ok(submit(&l, 1, "b", LK_X)); /* is not in its way */
	cr_assert_eq(t.n, 0);
	ok(lk_owner_close(w));
	ok(lk_release_all(l.w[0]));
	(void)next_done(&l, 0);
	loop_close(&l);
}

Test(notice, comes_through_the_queue_after_the_completion)
{
	struct lk_completion c = { .size = sizeof(c) };
	struct lk_owner *w;
	struct loop l;

	loop_open(&l, NULL, 1);
	w = open_told(&l, l.q, NULL);
	ok(lk_submit(l.q, w, "a", LK_X, NULL, NULL, NULL, NULL));
	ok(submit(&l, 0, "a", LK_S));
	cr_assert(is_readable(&l));
	(void)next_done(&l, 0);
	is(lk_queue_reap(l.q, &c, 1), 1);
	cr_assert_eq(c.kind, LK_NOTICE_BLOCKING);
	cr_assert_eq(c.owner, w);
	cr_assert_eq(c.notice.wanted, LK_S);
	cr_assert_eq(c.grant, c.notice.grant);
	ok(lk_release(w, c.grant));
	(void)next_done(&l, 0);
	is(lk_queue_close(l.q), LK_E_BUSY); /* the owner's notices come there */
	ok(lk_owner_close(w));
	loop_close(&l);
}

Test(notice, one_that_nobody_reaped_is_brought_up_to_date_and_dropped_with_its_owner)
{
	struct told t = { 0 };
	struct lk_owner *w;
	struct loop l;

	loop_open(&l, NULL, 3);
	w = open_told(&l, l.q, &t);
	(void)take(w, "a", LK_X);
	ok(submit(&l, 0, "a", LK_S));
	ok(submit(&l, 1, "a", LK_X));
	is(lk_queue_dispatch(l.q, 9), 1);
	cr_assert_eq(t.n, 1);
	cr_assert_eq(t.last.wanted, LK_X);
	cr_assert_eq(t.last.n_waiters, 2);
	ok(submit(&l, 2, "a", LK_S)); /* nothing rises */
	is(lk_queue_dispatch(l.q, 9), 0);
	(void)take(w, "b", LK_X);
	ok(submit(&l, 2, "b", LK_S));
	ok(lk_owner_close(w));
	cr_assert_eq(t.n, 1);
	for (int i = 0; i < 3; i++)
		ok(lk_owner_close(l.w[i]));
	l.n_owners = 0;
	while (lk_queue_dispatch(l.q, 1) > 0)
		;
	cr_assert_eq(t.n, 1);
	loop_close(&l);
}

Test(notice, a_thread_that_waits_tells_too)
{
	struct told t = { 0 };
	struct lk_owner *w;
	struct loop l;
	struct asker a;

	loop_open(&l, NULL, 1);
	w = open_told(&l, l.q, &t);
	(void)take(w, "db/x", LK_X);
	ask(l.m, &a, l.w[0], "db", LK_S);
	wait_until(is_readable(&l));
	is(lk_queue_dispatch(l.q, 9), 1);
	cr_assert_eq(t.last.held, LK_IX);
	cr_assert_eq(t.last.wanted, LK_S);
	cr_assert_eq(t.last.grant, 0); /* it is only what a grant needs above */
	ok(lk_release_all(w));
	ok(answer(&a));
	ok(lk_owner_close(w));
	loop_close(&l);
}

/* Who is told that he blocks a more important one may end his own wait: nothing is taken from him. */
struct humble {
	struct lk_owner *w;
	int32_t priority;
};

static void
give_way(void *arg, const struct lk_notice *n)
{
	const struct humble *h = arg;

	if (n->priority > h->priority)
		ok(lk_owner_cancel(h->w));
}

Test(notice, a_holder_of_low_priority_may_give_way)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct humble h = { NULL, -5 };
	struct loop l;
	struct asker a;

	loop_open(&l, "memory:?deadlock_delay_ns=off", 3);
	o.flags = LK_NOTIFY_BLOCKING;
	o.on_notice = give_way;
	o.notice_arg = &h;
	o.priority = h.priority;
	ok(lk_owner_open(l.m, &o, &h.w));
	(void)take(h.w, "a", LK_X);
	(void)take(l.w[0], "b", LK_X);
	ask(l.m, &a, h.w, "b", LK_X);
	ok(submit(&l, 1, "a", LK_X));
	is(answer(&a), LK_E_CANCELED);
	cr_expect_eq(holds(h.w, "a"), LK_X);
	ok(lk_owner_close(h.w));
	(void)next_done(&l, 0);
	ok(lk_release_all(l.w[1]));
	loop_close(&l);
}

Test(notice, a_hold_that_changed_its_mode_is_told_anew)
{
	struct told t = { 0 };
	struct lk_owner *w;
	struct loop l;
	lk_grant g;

	loop_open(&l, NULL, 2);
	w = open_told(&l, NULL, &t);
	g = take(w, "a", LK_X);
	ok(submit(&l, 0, "a", LK_X));
	cr_assert_eq(t.n, 1);
	ok(lk_downgrade(w, g));
	ok(submit(&l, 1, "a", LK_X));
	cr_assert_eq(t.n, 2);
	cr_assert_eq(t.last.held, LK_S);
	ok(lk_owner_close(w));
	(void)next_done(&l, 0);
	ok(lk_release_all(l.w[0]));
	(void)next_done(&l, 0);
	loop_close(&l);
}

Test(notice, options_that_cannot_be_met_are_refused)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lk_owner *w = NULL;
	struct loop l;
	struct loop other;

	loop_open(&l, NULL, 0);
	loop_open(&other, NULL, 0);
	o.flags = LK_NOTIFY_BLOCKING;
	is(lk_owner_open(l.m, &o, &w), LK_E_INVAL);
	o.queue = other.q;
	is(lk_owner_open(l.m, &o, &w), LK_E_INVAL);
	o.flags = 0x80;
	o.queue = NULL;
	is(lk_owner_open(l.m, &o, &w), LK_E_INVAL);
	cr_assert_null(w);
	loop_close(&l);
	loop_close(&other);
}
