/* SPDX-License-Identifier: MIT */
/* What else can be done with locks, over the store: savepoints, transfers, moves, time-outs, requests without a thread, ends. */
#include <sched.h>
#include <unistd.h>

#include <latchkey/queue.h>
#include <latchkey/savepoint.h>

#include "stage.h"

static void
savepoints(void)
{
	const char *a = stage_name("kept");
	const char *b = stage_name("rolled-back");
	struct stage s;
	lk_mark mark;

	stage_open(&s);
	(void)take(s.w[0][0], a, LK_X);
	mark = lk_savepoint(s.w[0][0]);
	(void)take(s.w[0][0], b, LK_X);
	CHECK(is_barred(s.w[1][0], b, LK_S), "held after a savepoint");
	OK(lk_rollback(s.w[0][0], mark, NULL));
	give(s.w[1][0], take(s.w[1][0], b, LK_X));
	CHECK(is_barred(s.w[1][0], a, LK_S), "what is before the savepoint stays");
	stage_close(&s);
}

static void
transfer_and_move(void)
{
	const char *a = stage_name("from");
	const char *b = stage_name("to");
	struct stage s;
	lk_grant g;

	stage_open(&s);
	g = take(s.w[0][0], a, LK_X);
	OK(lk_transfer(s.w[0][0], g, s.w[0][1], &g));
	CHECK(is_barred(s.w[1][0], a, LK_S), "it is the other owner's now");
	OK(lk_move(s.w[0][1], g, b, strlen(b), NULL, &g));
	give(s.w[1][0], take(s.w[1][0], a, LK_X));
	CHECK(is_barred(s.w[1][0], b, LK_S), "it moved there");
	give(s.w[0][1], g);
	give(s.w[1][0], take(s.w[1][0], b, LK_X));
	stage_close(&s);
}

static void
who_gives_up_leaves_nothing(void)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = 30000000 };
	const char *n = stage_name("given-up");
	struct asker a;
	struct stage s;
	lk_grant g;

	stage_open(&s);
	g = take(s.w[0][0], n, LK_S);
	IS(lk_acquire(s.w[1][0], n, LK_X, &o, NULL), LK_E_TIMEDOUT);
	WAIT_UNTIL(n_waiting(&s, n) == 0);
	ask(&a, s.w[1][1], n, LK_X);
	WAIT_UNTIL(n_waiting(&s, n) == 1);
	CHECK(is_barred(s.w[2][0], n, LK_S), "a reader goes past a writer who waits");
	OK(lk_owner_cancel(s.w[1][1]));
	IS(answer(&a), LK_E_CANCELED);
	give(s.w[2][0], take(s.w[2][0], n, LK_S)); /* beside the reader that is left */
	give(s.w[0][0], g);
	stage_close(&s);
}

static void
requests_without_a_thread(void)
{
	const char *n = stage_name("submitted");
	struct lk_completion c = { .size = sizeof(c) };
	struct lk_queue *q;
	lk_request_id id;
	struct stage s;
	lk_grant g;

	stage_open(&s);
	OK(lk_queue_open(s.m[1], &q));
	g = take(s.w[0][0], n, LK_X);
	OK(lk_submit(q, s.w[1][0], n, LK_X, NULL, NULL, NULL, &id));
	OK(lk_cancel(s.w[1][0], id));
	WAIT_UNTIL(lk_queue_reap(q, &c, 1) == 1);
	IS(c.code, LK_E_CANCELED);
	OK(lk_submit(q, s.w[1][0], n, LK_S, NULL, NULL, NULL, &id));
	CHECK(lk_queue_reap(q, &c, 1) == 0, "granted beside X");
	give(s.w[0][0], g);
	WAIT_UNTIL(lk_queue_reap(q, &c, 1) == 1);
	OK(c.code);
	CHECK(is_barred(s.w[0][0], n, LK_X), "it is held now");
	give(s.w[1][0], c.grant);
	OK(lk_queue_close(q));
	stage_close(&s);
}

/* What a condition is about is changed under a lock of another manager. */
struct waiter {
	pthread_t thread;
	struct lk_owner *w;
	const char *name;
	_Atomic int value;
	_Atomic unsigned n_asked;
};

static int
is_seven(void *arg)
{
	struct waiter *a = arg;

	atomic_fetch_add(&a->n_asked, 1);
	return atomic_load(&a->value) == 7;
}

static void *
wait_for_seven(void *arg)
{
	struct waiter *a = arg;
	const struct lk_options o = { .size = sizeof(o),
				      .timeout_ns = (int64_t)PATIENCE_NS,
				      .condition = is_seven,
				      .condition_arg = a };
	lk_grant g;

	MUST(lk_acquire(a->w, a->name, LK_S, &o, &g) == 0, "the condition is true, but unheard of");
	give(a->w, g);
	return NULL;
}

static void
conditions(void)
{
	struct waiter a = { .name = stage_name("condition") };
	struct stage s;
	lk_grant g;

	stage_open(&s);
	a.w = s.w[0][0];
	MUST(pthread_create(&a.thread, NULL, wait_for_seven, &a) == 0, "no thread");
	for (int i = 5; i <= 7; i++) {
		WAIT_UNTIL(atomic_load(&a.n_asked) != 0);
		g = take(s.w[1][0], a.name, LK_X);
		atomic_store(&a.value, i);
		give(s.w[1][0], g);
	}
	MUST(pthread_join(a.thread, NULL) == 0, "no thread");
	stage_close(&s);
}

/* -------------------------------------------------------------------- another process */

/* Holds a name in X, and units of another, until it is killed. */
static int
play_holder(const char *name)
{
	char units[128];
	struct stage s;

	(void)snprintf(units, sizeof(units), "%s-units", name);
	stage_open_with(&s, "ttl_ns=5s"); /* where nobody sees its end */
	(void)take(s.w[0][0], name, LK_X);
	(void)take_units(s.w[0][1], units, 2, 2);
	say('h');
	wait_for_word();
	stage_close(&s);
	return 0;
}

static void
the_dead_hold_nothing(void)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = INT64_C(100000000000) };
	struct lk_grant_info info = { .size = sizeof(info) };
	const char *n = stage_name("of-the-dead");
	const char *units = stage_name("of-the-dead-units");
	struct other other;
	struct stage s;
	lk_grant g;

	stage_open(&s);
	other_start(&other, "holder", n);
	MUST(other_next(&other) == 'h', "it does not hold it");
	CHECK(is_barred(s.w[0][0], n, LK_IS), "another process has it in X");
	(void)other_kill(&other);
	OK(lk_acquire(s.w[0][0], n, LK_X, &o, &g));
	OK(lk_grant_info(s.w[0][0], g, &info));
	CHECK((info.flags & LK_OWNER_DIED) != 0, "nobody said that its writer had died");
	OK(lk_acquire_units(s.w[1][0], units, strlen(units), 2, 2, &o, &g));
	stage_close(&s);
}

static void
who_ends_well_leaves_no_mark(void)
{
	struct lk_grant_info info = { .size = sizeof(info) };
	const char *n = stage_name("of-the-gone");
	struct other other;
	struct stage s;
	lk_grant g;

	stage_open(&s);
	other_start(&other, "holder", n);
	MUST(other_next(&other) == 'h', "it does not hold it");
	CHECK(other_wait(&other) == 0, "it did not end well");
	g = take(s.w[0][0], n, LK_X);
	OK(lk_grant_info(s.w[0][0], g, &info));
	CHECK((info.flags & LK_OWNER_DIED) == 0, "nobody died");
	stage_close(&s);
}

const struct check_case cases_calls[] = {
	{ "savepoints", savepoints, 0, false },
	{ "transfer and move", transfer_and_move, 0, false },
	{ "who gives up leaves nothing", who_gives_up_leaves_nothing, 0, false },
	{ "requests without a thread", requests_without_a_thread, 0, false },
	{ "conditions", conditions, 0, false },
	{ "the dead hold nothing", the_dead_hold_nothing, 0, true },
	{ "who ends well leaves no mark", who_ends_well_leaves_no_mark, 0, true },
	{ NULL, NULL, 0, false },
};

const struct role roles_calls[] = { { "holder", play_holder }, { NULL, NULL } };
