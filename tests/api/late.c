/* SPDX-License-Identifier: MIT */
/*
 * A process that was stopped for longer than its session lives, and wakes up: what it had covered is not its any more, from
 * the first call on.  Time stands still in these tests, and mostly nobody serves the timers: nothing happens by the way.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include <latchkey/store.h>
#include <latchkey/test_store.h>

#include "support.h"

#define SECOND UINT64_C(1000000000)

struct stage {
	struct test_world world;
	struct lk_manager *m[2];
	struct lk_owner *w[2];
	struct lk_resource *r; /* a handle of the first one's */
	uint64_t fence;        /* that the second one had */
};

static void
stage_open(struct stage *s)
{
	memset(s, 0, sizeof(*s));
	test_world_init(&s->world);
	s->world.manual = true;
	for (int i = 0; i < 2; i++) {
		char url[128];

		snprintf(url, sizeof(url), "test:late?as=%c&manual=1&ttl_ns=1s&linger_ns=%s",
			 'a' + i, i == 0 ? "0" : "off");
		s->m[i] = open_with(url, NULL, &s->world);
		open_owners(s->m[i], &s->w[i], 1);
	}
	ok(lk_resource_open(s->m[0], "n", &s->r));
}

static void
stage_close(struct stage *s)
{
	lk_resource_close(s->r);
	for (int i = 0; i < 2; i++)
		close_all(s->m[i], &s->w[i], 1);
}

/* The first one is stopped; another one had the name meanwhile, and wrote. */
static void
sleep_too_long(struct stage *s)
{
	lk_grant g;

	test_world_advance(&s->world, 2 * SECOND);
	ok(lk_acquire(s->w[1], "n", LK_X, NULL, &g));
	s->fence = lk_fence(s->w[1], g);
	ok(lk_release(s->w[1], g));
	ok(lk_serve(s->m[1], NULL)); /* it does not keep it */
}

/* The name is covered, and nobody has it. */
static void
have_had(struct stage *s)
{
	lk_grant g;

	ok(lk_acquire(s->w[0], "n", LK_X, NULL, &g));
	ok(lk_release(s->w[0], g));
	ok(lk_acquire(s->w[0], "m", LK_S, NULL, &g));
	ok(lk_release(s->w[0], g));
}

static void
is_new(struct stage *s, lk_grant g)
{
	cr_expect_gt(lk_fence(s->w[0], g), s->fence, "it is an old one");
	ok(lk_check(s->w[0], g));
	ok(lk_release(s->w[0], g));
}

Test(late, who_wakes_up_asks_the_store)
{
	const struct lk_request two[2] = { { "m", LK_S, 0, 0 }, { "n", LK_X, 0, 0 } };

	for (int way = 0; way < 6; way++) {
		struct stage s;
		lk_grant g[2];

		stage_open(&s);
		have_had(&s);
		sleep_too_long(&s);
		switch (way) {
		case 0:
			ok(lk_acquire(s.w[0], "n", LK_X, NULL, &g[1]));
			break;
		case 1:
			ok(lk_try_acquire(s.w[0], "n", LK_U, &g[1]));
			break;
		case 2:
			ok(lk_acquire_on(s.w[0], s.r, LK_X, NULL, &g[1]));
			break;
		case 3:
			ok(lk_acquire_many(s.w[0], two, 2, NULL, g));
			break;
		case 4: /* what it never had was not granted in vain, but asked for */
			ok(lk_acquire(s.w[0], "new", LK_X, NULL, &g[0]));
			ok(lk_acquire(s.w[0], "n", LK_SIX, NULL, &g[1]));
			ok(lk_release(s.w[0], g[0]));
			break;
		default:
			ok(lk_acquire(s.w[0], "n", LK_X, NULL,
				      NULL)); /* there is no number to say */
			ok(lk_release_all(s.w[0]));
			ok(lk_acquire(s.w[0], "n", LK_X, NULL, &g[1]));
			break;
		}
		is_new(&s, g[1]);
		ok(lk_release_all(s.w[0]));
		stage_close(&s);
	}
}

/* Somebody serves, as long as a thread waits for a request that is not its own. */
struct server {
	struct lk_manager *m;
	pthread_t thread;
	_Atomic bool stops;
};

static void *
serve(void *arg)
{
	struct server *v = arg;

	while (!atomic_load(&v->stops)) {
		ok(lk_serve(v->m, NULL));
		(void)sched_yield();
	}
	return NULL;
}

Test(late, who_is_in_a_family_asks_too)
{
	struct lk_owner_options child = { .size = sizeof(child) };
	const struct lk_request one[1] = { { "n", LK_X, 0, 0 } };

	for (int way = 0; way < 2; way++) {
		struct server v = { 0 };
		struct lk_owner *c;
		struct stage s;
		lk_grant g;

		stage_open(&s);
		have_had(&s);
		child.parent = s.w[0];
		ok(lk_owner_open(s.m[0], &child, &c));
		sleep_too_long(&s);
		v.m = s.m[0];
		cr_assert_eq(pthread_create(&v.thread, NULL, serve, &v), 0);
		if (way == 0)
			ok(lk_acquire(c, "n", LK_X, NULL, &g));
		else
			ok(lk_acquire_many(c, one, 1, NULL, &g));
		cr_expect_gt(lk_fence(c, g), s.fence);
		ok(lk_check(c, g));
		atomic_store(&v.stops, true);
		(void)pthread_join(v.thread, NULL);
		ok(lk_owner_close(c));
		ok(lk_release_all(s.w[0]));
		stage_close(&s);
	}
}

Test(late, what_is_held_is_lost_at_once)
{
	struct stage s;
	lk_grant g;
	lk_grant p;

	stage_open(&s);
	ok(lk_acquire(s.w[0], "n", LK_X, NULL, &g));
	ok(lk_downgrade(s.w[0], g)); /* the process has it in X */
	ok(lk_acquire(s.w[0], "p/q", LK_X, NULL, &p));
	sleep_too_long(&s);
	is(lk_convert(s.w[0], g, LK_X, NULL), LK_E_LOST);
	is(lk_check(s.w[0], p), LK_E_LOST);
	is(lk_release(s.w[0], p), LK_E_LOST);
	is(lk_check(s.w[0], g), LK_E_LOST);
	is(lk_release(s.w[0], g), LK_E_LOST);
	ok(lk_acquire(s.w[0], "n", LK_X, NULL, &g));
	is_new(&s, g);
	stage_close(&s);
}

/* The first that is done after waking up. */
Test(late, a_look_or_a_release_says_so_first)
{
	for (int way = 0; way < 3; way++) {
		struct stage s;
		lk_grant g;

		stage_open(&s);
		ok(lk_acquire(s.w[0], "n", LK_X, NULL, &g));
		sleep_too_long(&s);
		if (way == 0)
			is(lk_check(s.w[0], g), LK_E_LOST);
		else if (way == 1)
			is(lk_downgrade(s.w[0], g), LK_E_LOST);
		is(lk_release(s.w[0], g), LK_E_LOST);
		stage_close(&s);
	}
}

Test(late, a_request_without_a_thread_is_lost_or_asks)
{
	struct lk_completion c = { .size = sizeof(c) };
	struct lk_queue *q;
	struct stage s;

	stage_open(&s);
	ok(lk_queue_open(s.m[0], &q));
	have_had(&s);
	sleep_too_long(&s);
	ok(lk_submit(q, s.w[0], "n", LK_X, NULL, NULL, NULL, NULL));
	cr_assert_eq(lk_queue_reap(q, &c, 1), 1);
	is(c.code, LK_E_LOST);
	cr_expect_eq(lk_holds(s.w[0], "n", 1), LK_NL);
	ok(lk_submit(q, s.w[0], "n", LK_X, NULL, NULL, NULL, NULL));
	while (lk_queue_reap(q, &c, 1) == 0)
		ok(lk_serve(s.m[0], NULL));
	is(c.code, 0);
	is_new(&s, c.grant);
	ok(lk_queue_close(q));
	stage_close(&s);
}

/* As long as the store does not answer, nobody is let in by what it said long ago. */
Test(late, without_an_answer_nothing_is_granted)
{
	struct lk_test_faults cut = { .size = sizeof(cut), .flags = LK_TEST_PARTITIONED };
	struct stage s;
	lk_grant g;

	stage_open(&s);
	have_had(&s);
	ok(lk_test_store_faults("late", "a", &cut));
	ok(lk_acquire(s.w[0], "n", LK_X, NULL, &g)); /* in time */
	ok(lk_release(s.w[0], g));
	sleep_too_long(&s);
	is(lk_acquire(s.w[0], "n", LK_X, NULL, NULL), LK_E_STORE);
	is(lk_try_acquire(s.w[0], "m", LK_S, NULL), LK_E_STORE);
	cut.flags = 0;
	ok(lk_test_store_faults("late", "a", &cut));
	ok(lk_acquire(s.w[0], "n", LK_X, NULL, &g));
	is_new(&s, g);
	stage_close(&s);
}

/* Renewed in time, all stays as it is. */
Test(late, who_is_served_in_time_keeps_what_it_has)
{
	struct stage s;
	lk_grant g;

	stage_open(&s);
	ok(lk_acquire(s.w[0], "n", LK_X, NULL, &g));
	for (int i = 0; i < 10; i++) {
		test_world_advance(&s.world, SECOND / 2);
		ok(lk_serve(s.m[0], NULL));
		ok(lk_serve(s.m[1], NULL));
	}
	ok(lk_check(s.w[0], g));
	ok(lk_release(s.w[0], g));
	stage_close(&s);
}

/* Nothing is held between a grant and what it is implied by: there the word says nothing of it. */
Test(late, what_is_implied_is_lost_with_what_implies_it)
{
	const struct lk_request r[] = {
		{ .name = "a", .mode = LK_X },
		{ .name = "a/b", .mode = LK_X },
		{ .name = "a/b/c/d", .mode = LK_X },
	};
	struct stage s;
	lk_grant g[3];

	stage_open(&s);
	ok(lk_acquire(s.w[0], "a", LK_X, NULL, &g[0]));
	ok(lk_acquire(s.w[0], "a/b/c/d", LK_S, NULL, &g[1]));
	ok(lk_check(s.w[0], g[1]));
	ok(lk_release(s.w[0], g[1]));
	ok(lk_release(s.w[0], g[0]));
	ok(lk_acquire_many(s.w[0], r, 3, NULL, g));
	ok(lk_check(s.w[0], g[2]));
	test_world_advance(&s.world, 2 * SECOND);
	is(lk_check(s.w[0], g[2]), LK_E_LOST);
	is(lk_release(s.w[0], g[2]), LK_E_LOST);
	ok(lk_release_all(s.w[0]));
	stage_close(&s);
}
