/* SPDX-License-Identifier: MIT */
/* Rings with requests that nobody waits for: found if they persist, not if the running side gives up. */
#include "async.h"

static uint64_t
deadlocks(struct loop *l)
{
	return stats_of(l->m).deadlocks;
}

Test(asyncdeadlock, two_requests_in_a_ring_lose_one)
{
	struct lk_completion c = { .size = sizeof(c) };
	struct loop l;
	int n = 0;

	loop_open(&l, NULL, 2);
	(void)take(l.w[0], "a", LK_X);
	(void)take(l.w[1], "b", LK_X);
	ok(submit(&l, 0, "b", LK_X));
	ok(submit(&l, 1, "a", LK_X));
	wait_until((n = lk_queue_reap(l.q, &c, 1)) != 0);
	is(n, 1);
	is(c.code, LK_E_DEADLOCK);
	ok(lk_release_all(c.owner));
	(void)next_done_soon(&l, 0);
	cr_assert_eq(deadlocks(&l), 1);
	loop_close(&l);
}

Test(asyncdeadlock, a_thread_and_a_request_in_a_ring_lose_one)
{
	struct lk_owner_options low = LK_OWNER_OPTIONS_INIT;
	struct loop l;
	struct asker a;

	loop_open(&l, NULL, 1);
	low.priority = -1;
	ok(lk_owner_open(l.m, &low, &l.w[1]));
	l.n_owners = 2;
	(void)take(l.w[0], "a", LK_X);
	(void)take(l.w[1], "b", LK_X);
	ok(submit(&l, 1, "a", LK_X));
	ask(l.m, &a, l.w[0], "b", LK_X);
	(void)next_done_soon(&l, LK_E_DEADLOCK); /* of the lowest priority */
	ok(lk_release_all(l.w[1]));
	ok(answer(&a));
	loop_close(&l);
}

Test(asyncdeadlock, a_batch_and_a_path_in_a_ring_lose_one)
{
	const struct lk_request r[] = { { "b", LK_X, 0, 0 }, { "c", LK_X, 0, 0 } };
	struct lk_completion c = { .size = sizeof(c) };
	struct loop l;
	int n = 0;

	loop_open(&l, NULL, 2);
	(void)take(l.w[0], "db/a", LK_X);
	(void)take(l.w[1], "b", LK_X);
	ok(lk_submit_many(l.q, l.w[0], r, 2, NULL, NULL, NULL, NULL, NULL));
	ok(submit(&l, 1, "db", LK_S));
	wait_until((n = lk_queue_reap(l.q, &c, 1)) != 0);
	is(c.code, LK_E_DEADLOCK);
	ok(lk_release_all(c.owner));
	(void)next_done_soon(&l, 0);
	loop_close(&l);
}

/* Time is the test's: the ring is seen once, then the running side gives up, then it would have been ended. */
Test(asyncdeadlock, the_running_side_may_still_give_up)
{
	struct test_world world;
	struct loop l;
	lk_grant g;

	test_world_init(&world);
	world.manual = true;
	loop_open_in(&l, "memory:?manual=1&deadlock_delay_ns=1000000", &world, 2);
	(void)take(l.w[0], "a", LK_X);
	g = take(l.w[1], "b", LK_X);
	ok(submit(&l, 0, "b", LK_X));
	ok(submit(&l, 1, "a", LK_X));
	test_world_advance(&world, 1000000);
	ok(lk_serve(l.m, NULL));
	nothing_more(&l); /* seen, and not believed yet */
	cr_assert_eq(deadlocks(&l), 0);
	ok(lk_release(l.w[1], g));
	cr_assert_eq(next_done(&l, 0)->owner, l.w[0]);
	for (int i = 0; i < 10; i++) {
		test_world_advance(&world, 1000000);
		ok(lk_serve(l.m, NULL));
	}
	cr_assert_eq(deadlocks(&l), 0);
	ok(lk_release_all(l.w[0]));
	(void)next_done(&l, 0);
	loop_close(&l);
}

Test(asyncdeadlock, an_owner_that_goes_on_is_not_believed_to_be_stuck)
{
	struct test_world world;
	struct loop l;

	test_world_init(&world);
	world.manual = true;
	loop_open_in(&l, "memory:?manual=1&deadlock_delay_ns=1000000", &world, 2);
	(void)take(l.w[0], "a", LK_X);
	(void)take(l.w[1], "b", LK_X);
	ok(submit(&l, 0, "b", LK_X));
	ok(submit(&l, 1, "a", LK_X));
	for (int i = 0; i < 20; i++) {
		test_world_advance(&world, 1000000);
		ok(lk_serve(l.m, NULL));
		is(lk_holds(l.w[i % 2], "a", 1), i % 2 == 0 ? LK_X : LK_NL); /* a call */
	}
	nothing_more(&l);
	for (int i = 0; i < 8 && deadlocks(&l) == 0; i++) { /* now nobody does anything */
		test_world_advance(&world, 1000000);
		ok(lk_serve(l.m, NULL));
	}
	ok(lk_release_all(next_done(&l, LK_E_DEADLOCK)->owner));
	(void)next_done(&l, 0);
	loop_close(&l);
}

Test(asyncdeadlock, a_grant_that_nobody_reaped_is_part_of_a_ring)
{
	struct loop l;
	struct asker a;
	struct asker b;

	loop_open(&l, NULL, 3);
	(void)take(l.w[2], "a", LK_X);
	(void)take(l.w[1], "b", LK_X);
	ok(submit(&l, 0, "a", LK_X));
	ask(l.m, &a, l.w[0], "b", LK_X); /* its thread, which would reap */
	ok(lk_release_all(l.w[2]));      /* w0 has "a" now, and sleeps */
	ask(l.m, &b, l.w[1], "a", LK_X);
	wait_until(atomic_load(&a.answered) || atomic_load(&b.answered));
	if (atomic_load(&a.answered)) {
		is(answer(&a), LK_E_DEADLOCK);
		(void)next_done_soon(&l, 0);
		ok(lk_release_all(l.w[0]));
		ok(answer(&b));
	} else {
		is(answer(&b), LK_E_DEADLOCK);
		ok(lk_release_all(l.w[1]));
		ok(answer(&a));
		(void)next_done_soon(&l, 0);
	}
	loop_close(&l);
}

struct chooser {
	struct lk_owner *w;
	lk_request_id id;
	int rc;
};

/* A function that chooses may do what any thread may. */
static uint32_t
cancel_and_choose(void *arg, const struct lk_deadlock *d)
{
	struct chooser *c = arg;

	c->rc = lk_cancel(c->w, c->id);
	return d->victim;
}

Test(asyncdeadlock, who_chooses_a_victim_may_cancel_a_request_of_who_begins_to_wait_outside)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct chooser c = { .rc = 1 };
	struct asker a;
	struct loop l = { .n_owners = 0 };

	cfg.on_victim = cancel_and_choose;
	cfg.on_victim_arg = &c;
	ok(lk_open(NULL, &cfg, &l.m));
	loop_begin(&l, 3);
	c.w = l.w[0];
	(void)take(l.w[2], "other", LK_X);
	ok(lk_submit(l.q, l.w[0], "other", LK_X, NULL, NULL, NULL, &c.id));
	(void)take(l.w[0], "n", LK_X);
	ask(l.m, &a, l.w[1], "n", LK_X);
	ok(lk_external_wait_begin(l.w[0], l.w[1])); /* w[1] waits for it: that request ends */
	is(answer(&a), LK_E_DEADLOCK);
	ok(lk_external_wait_end(l.w[0]));
	ok(c.rc);
	(void)next_done(&l, LK_E_CANCELED);
	loop_close(&l);
}
