/* SPDX-License-Identifier: MIT */
/* Requests that nobody waits for: granted at once, later, or not. */
#include <poll.h>

#include "async.h"

Test(async, a_free_name_is_granted_at_once_and_completes_once)
{
	struct loop l;
	struct lk_completion *c;

	loop_open(&l, NULL, 1);
	ok(submit(&l, 0, "a", LK_X));
	c = next_done(&l, 0);
	cr_assert_eq(c->id, l.id);
	cr_assert_eq(c->owner, l.w[0]);
	cr_assert_eq(c->n_grants, 1);
	is(lk_holds(l.w[0], "a", 1), LK_X);
	ok(lk_release(l.w[0], c->grant));
	nothing_more(&l);
	loop_close(&l);
}

Test(async, one_that_must_wait_is_granted_by_the_release)
{
	struct loop l;
	lk_grant g;

	loop_open(&l, NULL, 2);
	g = take(l.w[1], "a", LK_X);
	ok(submit(&l, 0, "a", LK_X));
	nothing_more(&l);
	is(lk_holds(l.w[0], "a", 1), LK_NL);
	ok(lk_release(l.w[1], g));
	cr_assert(is_readable(&l));
	g = next_done(&l, 0)->grant;
	cr_assert(!is_readable(&l));
	is(lk_holds(l.w[0], "a", 1), LK_X);
	is(lk_try_acquire(l.w[1], "a", LK_S, NULL), LK_E_BUSY);
	ok(lk_release(l.w[0], g));
	ok(lk_try_acquire(l.w[1], "a", LK_S, NULL));
	loop_close(&l);
}

Test(async, callbacks_run_in_the_dispatching_thread_and_may_call_anything)
{
	struct loop l;

	loop_open(&l, NULL, 2);
	(void)take(l.w[1], "a", LK_X);
	l.again = 3; /* each callback releases and submits anew */
	ok(lk_submit(l.q, l.w[0], "a", LK_X, NULL, release_and_resubmit, &l, &l.id));
	is(lk_queue_dispatch(l.q, 10), 0);
	ok(lk_release_all(l.w[1]));
	is(lk_queue_dispatch(l.q, 10), 4);
	cr_assert_eq(l.again, 0);
	is(lk_holds(l.w[0], "a", 1), LK_NL);
	loop_close(&l);
}

Test(async, requests_are_granted_in_the_order_of_the_line)
{
	struct loop l;
	lk_request_id id[4];

	loop_open(&l, "memory:?strict=1", 5);
	(void)take(l.w[4], "a", LK_X);
	for (int i = 0; i < 4; i++) {
		ok(submit(&l, i, "a", LK_X));
		id[i] = l.id;
	}
	ok(lk_release_all(l.w[4]));
	for (int i = 0; i < 4; i++) {
		struct lk_completion *c = next_done(&l, 0);

		cr_assert_eq(c->id, id[i]);
		nothing_more(&l);
		ok(lk_release(c->owner, c->grant));
	}
	loop_close(&l);
}

Test(async, nowait_completes_as_busy)
{
	struct lk_options o = LK_OPTIONS_INIT;
	struct loop l;

	loop_open(&l, NULL, 2);
	(void)take(l.w[1], "a", LK_X);
	o.flags = LK_NOWAIT;
	ok(lk_submit(l.q, l.w[0], "a", LK_X, &o, NULL, NULL, NULL));
	(void)next_done(&l, LK_E_BUSY);
	loop_close(&l);
}

Test(async, what_is_wrong_is_refused_and_never_completes)
{
	struct lk_options o = LK_OPTIONS_INIT;
	struct lk_report report = LK_REPORT_INIT;
	struct loop l;
	struct loop other;

	loop_open(&l, NULL, 1);
	loop_open(&other, NULL, 1);
	is(lk_submit(NULL, l.w[0], "a", LK_X, NULL, NULL, NULL, NULL), LK_E_INVAL);
	is(lk_submit(l.q, NULL, "a", LK_X, NULL, NULL, NULL, NULL), LK_E_INVAL);
	is(lk_submit(l.q, l.w[0], NULL, LK_X, NULL, NULL, NULL, NULL), LK_E_INVAL);
	is(lk_submit(l.q, l.w[0], "", LK_X, NULL, NULL, NULL, NULL), LK_E_NAME);
	is(lk_submit(l.q, l.w[0], "a", LK_NL, NULL, NULL, NULL, NULL), LK_E_INVAL);
	is(lk_submit(l.q, other.w[0], "a", LK_X, NULL, NULL, NULL, NULL), LK_E_INVAL);
	o.report = &report;
	is(lk_submit(l.q, l.w[0], "a", LK_X, &o, NULL, NULL, NULL), LK_E_UNSUPPORTED);
	is(lk_submit_convert(l.q, l.w[0], 12345678, LK_X, NULL, NULL, NULL, NULL), LK_E_STALE);
	is(lk_submit_many(l.q, l.w[0], NULL, 1, NULL, NULL, NULL, NULL, NULL), LK_E_INVAL);
	nothing_more(&l);
	loop_close(&l);
	loop_close(&other);
}

Test(async, numbers_bytes_and_handles_are_names_as_ever)
{
	struct lk_resource *r;
	struct loop l;

	loop_open(&l, NULL, 1);
	ok(lk_resource_open(l.m, "handle", &r));
	ok(lk_submit_id(l.q, l.w[0], 7, LK_X, NULL, NULL, NULL, NULL));
	ok(lk_submit_bytes(l.q, l.w[0], "b\0c", 3, LK_S, NULL, NULL, NULL, NULL));
	ok(lk_submit_on(l.q, l.w[0], r, LK_U, NULL, NULL, NULL, NULL));
	for (int i = 0; i < 3; i++)
		(void)next_done(&l, 0);
	is(lk_holds_id(l.w[0], 7), LK_X);
	is(lk_holds(l.w[0], "b\0c", 3), LK_S);
	is(lk_holds(l.w[0], "handle", 6), LK_U);
	lk_resource_close(r);
	loop_close(&l);
}

Test(async, a_path_takes_its_ancestors_in_intents)
{
	struct loop l;

	loop_open(&l, NULL, 2);
	(void)take(l.w[1], "db", LK_X);
	ok(submit(&l, 0, "db/orders/42", LK_X));
	nothing_more(&l);
	ok(lk_release_all(l.w[1]));
	(void)next_done_soon(&l, 0);
	is(lk_holds(l.w[0], "db", 2), LK_IX);
	is(lk_holds(l.w[0], "db/orders", 9), LK_IX);
	is(lk_try_acquire(l.w[1], "db", LK_S, NULL), LK_E_BUSY);
	ok(lk_release_all(l.w[0]));
	ok(lk_try_acquire(l.w[1], "db", LK_X, NULL));
	loop_close(&l);
}

Test(async, a_conversion_waits_and_goes_ahead_of_new_requests)
{
	struct loop l;
	lk_grant g;
	struct lk_completion *c;

	loop_open(&l, NULL, 3);
	g = take(l.w[0], "a", LK_S);
	(void)take(l.w[1], "a", LK_S);
	ok(submit(&l, 2, "a", LK_X));
	ok(lk_submit_convert(l.q, l.w[0], g, LK_X, NULL, NULL, NULL, &l.id));
	nothing_more(&l);
	ok(lk_release_all(l.w[1]));
	c = next_done(&l, 0);
	cr_assert_eq(c->id, l.id);
	cr_assert_eq(c->grant, g);
	is(lk_holds(l.w[0], "a", 1), LK_X);
	ok(lk_downgrade(l.w[0], g));
	ok(lk_release(l.w[0], g));
	(void)next_done(&l, 0);
	is(lk_holds(l.w[2], "a", 1), LK_X);
	loop_close(&l);
}

/* The request is withdrawn for the call, and comes again after it. */
Test(async, a_call_may_convert_what_a_request_waits_to_convert)
{
	struct asker a;
	struct loop l;
	lk_grant g;

	loop_open(&l, NULL, 2);
	g = take(l.w[0], "a", LK_S);
	(void)take(l.w[1], "a", LK_S);
	ok(lk_submit_convert(l.q, l.w[0], g, LK_X, NULL, NULL, &l, &l.id));
	ask_convert(l.m, &a, l.w[0], g, LK_X);
	ok(lk_release_all(l.w[1]));
	ok(answer(&a));
	(void)next_done(&l, 0);
	is(lk_holds(l.w[0], "a", 1), LK_X);
	loop_close(&l);
}

/* With a lease, whoever writes the grant down. */
Test(async, a_grant_may_have_a_lease)
{
	const struct lk_options o = { .size = sizeof(o), .lease_ns = LK_LEASE_MIN_NS };
	struct test_world world;
	struct loop l;
	lk_grant g[2];

	test_world_init(&world);
	world.manual = true;
	loop_open_in(&l, "memory:?manual=1", &world, 2);
	(void)take(l.w[1], "b", LK_X);
	ok(lk_submit(l.q, l.w[0], "a", LK_X, &o, NULL, &l, &l.id));
	g[0] = next_done(&l, 0)->grant;
	ok(lk_submit(l.q, l.w[0], "b", LK_X, &o, NULL, &l, &l.id));
	ok(lk_release_all(l.w[1]));
	g[1] = next_done(&l, 0)->grant;
	ok(lk_check(l.w[0], g[0]));
	test_world_advance(&world, LK_LEASE_MIN_NS);
	ok(lk_serve(l.m, NULL));
	for (int i = 0; i < 2; i++)
		is(lk_release(l.w[0], g[i]), LK_E_LOST);
	loop_close(&l);
}

/* What waits to strengthen it does not keep it: neither the name nor the request. */
Test(async, a_lease_ends_under_a_conversion_that_waits)
{
	const struct lk_options o = { .size = sizeof(o), .lease_ns = LK_LEASE_MIN_NS };
	struct test_world world;
	struct loop l;
	lk_grant g[2];

	test_world_init(&world);
	world.manual = true;
	loop_open_in(&l, "memory:?manual=1", &world, 2);
	ok(lk_acquire(l.w[0], "n", LK_S, &o, &g[0]));
	g[1] = take(l.w[1], "n", LK_S);
	is(lk_submit_convert(l.q, l.w[0], g[0], LK_X, &o, NULL, NULL, &l.id), LK_E_INVAL);
	ok(lk_submit_convert(l.q, l.w[0], g[0], LK_X, NULL, NULL, NULL, &l.id));
	nothing_more(&l);
	test_world_advance(&world, LK_LEASE_MIN_NS);
	ok(lk_serve(l.m, NULL));
	(void)next_done(&l, LK_E_LOST);
	is(lk_submit_convert(l.q, l.w[0], g[0], LK_X, NULL, NULL, NULL, &l.id), LK_E_LOST);
	ok(lk_convert(l.w[1], g[1], LK_X, NULL));
	is(lk_release(l.w[0], g[0]), LK_E_LOST);
	is(lk_submit_convert(l.q, l.w[0], g[0], LK_X, NULL, NULL, NULL, &l.id), LK_E_STALE);
	loop_close(&l);
}

Test(async, a_batch_is_granted_as_a_whole)
{
	const struct lk_request r[] = { { "x", LK_X, 0, 0 },
					{ "db/a", LK_S, 0, 0 },
					{ "db/b", LK_X, 0, 0 } };
	lk_grant g[3] = { 0 };
	struct loop l;
	struct lk_completion *c;

	loop_open(&l, "memory:?fair_after_ns=3600s", 3);
	(void)take(l.w[1], "x", LK_S);
	(void)take(l.w[2], "db/b", LK_S);
	ok(lk_submit_many(l.q, l.w[0], r, 3, NULL, g, NULL, NULL, &l.id));
	ok(lk_release_all(l.w[1]));
	nothing_more(&l);
	ok(lk_try_acquire(l.w[1], "x", LK_X, NULL)); /* it holds nothing meanwhile */
	ok(lk_release_all(l.w[2]));
	nothing_more(&l);
	ok(lk_release_all(l.w[1]));
	c = next_done_soon(&l, 0);
	cr_assert_eq(c->n_grants, 3);
	cr_assert_eq(c->grants, g);
	for (int i = 0; i < 3; i++)
		ok(lk_release(l.w[0], g[i]));
	is(lk_holds(l.w[0], "db", 2), LK_NL);
	ok(lk_submit_many(l.q, l.w[0], NULL, 0, NULL, NULL, NULL, NULL, NULL));
	cr_assert_eq(next_done(&l, 0)->n_grants, 0);
	loop_close(&l);
}

Test(async, a_deadline_ends_it_by_itself)
{
	struct lk_options o = LK_OPTIONS_INIT;
	struct loop l;

	loop_open(&l, NULL, 2);
	(void)take(l.w[1], "a", LK_X);
	o.timeout_ns = 1000000;
	ok(lk_submit(l.q, l.w[0], "a", LK_X, &o, NULL, NULL, NULL));
	wait_until(is_readable(&l));
	(void)next_done(&l, LK_E_TIMEDOUT);
	loop_close(&l);
}

Test(async, with_a_clock_of_the_callers_the_caller_serves)
{
	struct lk_options o = LK_OPTIONS_INIT;
	struct test_world world;
	uint64_t next_ns;
	struct loop l;

	test_world_init(&world);
	world.manual = true;
	loop_open_in(&l, "memory:?manual=1&deadlock_delay_ns=off", &world, 2);
	(void)take(l.w[1], "a", LK_X);
	o.timeout_ns = 5000000;
	ok(lk_submit(l.q, l.w[0], "a", LK_X, &o, NULL, NULL, NULL));
	test_world_advance(&world, 4999999);
	ok(lk_serve(l.m, &next_ns));
	cr_assert_eq(next_ns, 1);
	nothing_more(&l);
	test_world_advance(&world, 1);
	ok(lk_serve(l.m, &next_ns));
	cr_assert_eq(next_ns, LK_OFF);
	(void)next_done(&l, LK_E_TIMEDOUT);
	loop_close(&l);
}

Test(async, an_owner_may_have_several_requests_for_one_name)
{
	struct loop l;

	loop_open(&l, NULL, 2);
	(void)take(l.w[1], "a", LK_X);
	ok(submit(&l, 0, "a", LK_X));
	ok(submit(&l, 0, "a", LK_S));
	ok(submit(&l, 0, "a", LK_X));
	ok(lk_release_all(l.w[1]));
	for (int i = 0; i < 3; i++)
		(void)next_done_soon(&l, 0);
	is(lk_holds(l.w[0], "a", 1), LK_X);
	ok(lk_release_all(l.w[0]));
	ok(lk_try_acquire(l.w[1], "a", LK_X, NULL));
	loop_close(&l);
}

Test(async, an_owner_that_takes_the_name_itself_does_not_stand_in_its_own_way)
{
	struct loop l;

	loop_open(&l, "memory:?fair_after_ns=3600s", 2); /* or it stands behind it in the line */
	(void)take(l.w[1], "a", LK_S);
	ok(submit(&l, 0, "a", LK_X));
	ok(lk_acquire(l.w[0], "a", LK_S, NULL, NULL));
	ok(lk_release_all(l.w[1]));
	(void)next_done_soon(&l, 0);
	is(lk_holds(l.w[0], "a", 1), LK_X);
	ok(lk_release_all(l.w[0]));
	ok(lk_try_acquire(l.w[1], "a", LK_X, NULL));
	loop_close(&l);
}

/* The first waits beside what the owner takes; when it has made that stronger, the second cannot do so any more. */
Test(async, a_request_beside_a_hold_makes_one_that_would_strengthen_it_begin_anew)
{
	const struct lk_request both[] = { { "a", LK_IX, 0, 0 }, { "b", LK_X, 0, 0 } };
	struct loop l;
	lk_grant shared;

	loop_open(&l, NULL, 3);
	shared = take(l.w[1], "a", LK_S);
	(void)take(l.w[1], "b", LK_X);
	ok(submit(&l, 0, "a", LK_IX));
	(void)take(l.w[0], "a", LK_IS);
	ok(lk_submit_many(l.q, l.w[0], both, 2, NULL, NULL, NULL, NULL, NULL));
	ok(lk_release(l.w[1], shared));
	(void)next_done_soon(&l, 0);
	(void)take(l.w[2], "a", LK_IS);
	/* What the second one waits for is there: it takes nobody else's part for its owner's. */
	ok(lk_release_all(l.w[1]));
	ok(lk_release_all(l.w[2]));
	(void)take(l.w[2], "a", LK_IX);
	(void)next_done_soon(&l, 0);
	is(lk_holds(l.w[0], "a", 1), LK_IX);
	is(lk_holds(l.w[0], "b", 1), LK_X);
	ok(lk_release_all(l.w[0]));
	is(lk_try_acquire(l.w[1], "a", LK_X, NULL), LK_E_BUSY);
	ok(lk_release_all(l.w[2]));
	ok(lk_try_acquire(l.w[1], "a", LK_X, NULL));
	loop_close(&l);
}

Test(async, what_the_owner_releases_meanwhile_is_kept_as_far_as_the_request_needs_it)
{
	struct loop l;
	lk_grant g;

	loop_open(&l, NULL, 2);
	g = take(l.w[0], "db/a", LK_X);
	(void)take(l.w[1], "db/b", LK_X);
	ok(submit(&l, 0, "db/b", LK_X));
	ok(lk_release(l.w[0], g));
	is(lk_try_acquire(l.w[1], "db", LK_X, NULL), LK_E_BUSY);
	ok(lk_release_all(l.w[1]));
	g = next_done_soon(&l, 0)->grant;
	is(lk_holds(l.w[0], "db", 2), LK_IX);
	ok(lk_release(l.w[0], g));
	ok(lk_try_acquire(l.w[1], "db", LK_X, NULL));
	loop_close(&l);
}
