/* SPDX-License-Identifier: MIT */
/* Leases that go on: renewed by their holder, or by the manager; and for how long at most. */
#include "lease_stage.h"

Test(renew, gives_another_term_from_now)
{
	static struct lease_stage s;
	lk_grant g;

	lease_stage_open(&s, NULL);
	g = take_leased(s.w[0], "n", LK_X, 100000);
	for (int i = 0; i < 10; i++) {
		pass(&s, 60000);
		ok(lk_renew(s.w[0], g, 0));
		cr_expect_eq(grant_info(s.w[0], g).lease_ends_ns, stage_now(&s) + 100000);
	}
	cr_expect_eq(s.told[0].n, 0, "it was never suspect");
	ok(lk_renew(s.w[0], g, 500000));
	cr_expect_eq(grant_info(s.w[0], g).lease_ns, 500000);
	pass(&s, 334999);
	ok(lk_check(s.w[0], g));
	ok(lk_renew(s.w[0], g, 2000)); /* shorter */
	pass(&s, 2000);
	is(lk_check(s.w[0], g), LK_E_LOST);
	cr_expect_eq(stats_of(s.m).renewals, 12);
	lease_stage_close(&s);
}

Test(renew, of_a_suspect_lease_makes_it_held_and_it_is_told_again)
{
	static struct lease_stage s;
	lk_grant g;

	lease_stage_open(&s, NULL);
	g = take_leased(s.w[0], "n", LK_X, 100000);
	for (unsigned i = 0; i < 3; i++) {
		pass(&s, 70000);
		is(lk_check(s.w[0], g), LK_E_SUSPECT);
		cr_expect_eq(s.told[0].n, i + 1);
		expect_told(&s.told[0], i, LK_NOTICE_SUSPECT, g);
		cr_expect_eq(s.told[0].notice[i].at_ns, stage_now(&s) + 30000);
		ok(lk_renew(s.w[0], g, 0));
		ok(lk_check(s.w[0], g));
	}
	lease_stage_close(&s);
}

Test(renew, never_brings_back_what_is_lost)
{
	static struct lease_stage s;
	lk_grant g;

	lease_stage_open(&s, NULL);
	g = take_leased(s.w[0], "n", LK_X, 100000);
	test_world_advance(&s.world, 100000); /* and nobody noticed */
	is(lk_renew(s.w[0], g, 0), LK_E_LOST);
	is(lk_renew(s.w[0], g, 1000000), LK_E_LOST);
	cr_expect(is_open_to(s.w[1], "n", LK_X));
	is(lk_release(s.w[0], g), LK_E_LOST);
	is(lk_renew(s.w[0], g, 0), LK_E_STALE);
	lease_stage_close(&s);
}

Test(renew, refuses_what_is_no_lease)
{
	static struct lease_stage s;
	struct lk_options longest = { .size = sizeof(longest), .max_hold_ns = 100000 };
	lk_grant g;

	lease_stage_open(&s, NULL);
	g = take_leased(s.w[0], "n", LK_X, 100000);
	is(lk_renew(NULL, g, 0), LK_E_INVAL);
	is(lk_renew(s.w[0], g, 1), LK_E_INVAL);
	is(lk_renew(s.w[0], g, LK_LEASE_MIN_NS - 1), LK_E_INVAL);
	is(lk_renew(s.w[0], g, LK_OFF), LK_E_INVAL);
	is(lk_renew(s.w[0], 0, 0), LK_E_STALE);
	is(lk_renew(s.w[1], g, 0), LK_E_STALE);
	is(lk_check(s.w[1], g), LK_E_STALE);
	is(lk_check(NULL, g), LK_E_INVAL);
	g = take(s.w[0], "plain", LK_X);
	is(lk_renew(s.w[0], g, 0), LK_E_INVAL);
	ok(lk_acquire(s.w[0], "longest", LK_X, &longest, &g));
	is(lk_renew(s.w[0], g, 0), LK_E_INVAL);
	lease_stage_close(&s);
}

Test(renew, gives_a_lease_to_a_grant_without_one)
{
	static struct lease_stage s;
	lk_grant g[4];

	lease_stage_open(&s, NULL);
	g[0] = take(s.w[0], "n", LK_X);
	g[1] = take(s.w[0], "n", LK_S);
	g[2] = take(s.w[0], "db/row", LK_S);
	take(s.w[0], "all", LK_X);
	g[3] = take(s.w[0], "all/one", LK_S); /* implied */
	for (int i = 0; i < 4; i++) {
		ok(lk_renew(s.w[0], g[i], 100000));
		cr_expect_eq(grant_info(s.w[0], g[i]).state, LK_LEASE_HELD);
	}
	pass(&s, 100000);
	for (int i = 0; i < 4; i++)
		is(lk_check(s.w[0], g[i]), LK_E_LOST);
	cr_expect_eq(stats_of(s.m).holds, 1);
	cr_expect_eq(s.told[0].n, 4);
	lease_stage_close(&s);
}

Test(renew, stops_at_the_longest_hold)
{
	static struct lease_stage s;
	struct lk_options o = { .size = sizeof(o), .lease_ns = 100000, .max_hold_ns = 250000 };
	lk_grant g;

	lease_stage_open(&s, NULL);
	ok(lk_acquire(s.w[0], "n", LK_X, &o, &g));
	for (int i = 0; i < 4; i++) {
		pass(&s, 60000);
		ok(lk_renew(s.w[0], g, 0));
	}
	cr_expect_eq(grant_info(s.w[0], g).lease_ends_ns, stage_now(&s) + 10000);
	pass(&s, 10000);
	is(lk_check(s.w[0], g), LK_E_LOST);
	cr_expect_eq(s.told[0].notice[s.told[0].n - 1].loss, LK_LOSS_MAX_HOLD);
	lease_stage_close(&s);
}

/* By the manager: in steps, so that it is always in time. */
Test(renew, by_itself_goes_on_until_it_is_released)
{
	static struct lease_stage s;
	struct lk_options o = { .size = sizeof(o), .lease_ns = 300000, .flags = LK_RENEW };
	lk_grant g;

	lease_stage_open(&s, NULL);
	ok(lk_acquire(s.w[0], "n", LK_X, &o, &g));
	for (int i = 0; i < 1000; i++) {
		pass(&s, 10000);
		ok(lk_check(s.w[0], g));
	}
	cr_expect_eq(s.told[0].n, 0);
	cr_expect_gt(stats_of(s.m).renewals, 80);
	cr_expect_lt(stats_of(s.m).renewals, 120);
	ok(lk_release(s.w[0], g));
	cr_expect_eq(next_due(&s), LK_OFF);
	lease_stage_close(&s);
}

Test(renew, by_itself_ends_with_the_longest_hold)
{
	static struct lease_stage s;
	struct lk_options o = {
		.size = sizeof(o), .lease_ns = 300000, .max_hold_ns = 1000000, .flags = LK_RENEW
	};
	lk_grant g;

	lease_stage_open(&s, NULL);
	ok(lk_acquire(s.w[0], "n", LK_X, &o, &g));
	for (int i = 0; i < 99; i++) {
		pass(&s, 10000);
		cr_expect_neq(lk_check(s.w[0], g), LK_E_LOST);
	}
	expect_told(&s.told[0], 0, LK_NOTICE_SUSPECT, g);
	pass(&s, 10000);
	is(lk_check(s.w[0], g), LK_E_LOST);
	expect_told(&s.told[0], 1, LK_NOTICE_LOST, g);
	cr_expect_eq(s.told[0].notice[1].loss, LK_LOSS_MAX_HOLD);
	cr_expect_eq(s.told[0].n, 2);
	lease_stage_close(&s);
}

Test(renew, by_itself_that_comes_too_late_does_not_come)
{
	static struct lease_stage s;
	struct lk_options o = { .size = sizeof(o), .lease_ns = 300000, .flags = LK_RENEW };
	lk_grant g;

	lease_stage_open(&s, NULL);
	ok(lk_acquire(s.w[0], "n", LK_X, &o, &g));
	pass(&s, 300000); /* the manager slept */
	is(lk_check(s.w[0], g), LK_E_LOST);
	cr_expect_eq(s.told[0].notice[0].loss, LK_LOSS_EXPIRED);
	lease_stage_close(&s);
}

Test(renew, mints_no_fence)
{
	static struct lease_stage s;
	uint64_t fence;
	lk_grant g;

	lease_stage_open(&s, NULL);
	g = take_leased(s.w[0], "n", LK_X, 100000);
	fence = lk_fence(s.w[0], g);
	ok(lk_renew(s.w[0], g, 0));
	cr_expect_eq(lk_fence(s.w[0], g), fence);
	lease_stage_close(&s);
}

/* A wait elsewhere does not keep a lease from being renewed, or from being told as suspect. */
Test(renew, by_itself_goes_on_while_its_owner_waits)
{
	static struct lease_stage s;
	struct lk_options o = { .size = sizeof(o), .lease_ns = 300000, .flags = LK_RENEW };
	struct asker a;
	lk_grant g;
	lk_grant h;

	lease_stage_open(&s, "memory:?deadlock_delay_ns=off");
	ok(lk_acquire(s.w[0], "n", LK_X, &o, &g));
	h = take_leased(s.w[0], "m", LK_X, 2000000);
	take(s.w[1], "other", LK_X);
	ask(s.m, &a, s.w[0], "other", LK_X);
	for (int i = 0; i < 150; i++)
		pass(&s, 10000);
	cr_expect_eq(stats_of(s.m).waits, 1, "it was not disturbed");
	expect_told(&s.told[0], 0, LK_NOTICE_SUSPECT, h);
	cr_expect_not(is_answered(&a));
	ok(lk_release_all(s.w[1]));
	granted(&a);
	ok(lk_check(s.w[0], g));
	lease_stage_close(&s);
}

Test(renew, out_of_memory_leaves_a_grant_without_a_lease)
{
	static struct lease_stage s;
	bool failed = true;

	for (uint64_t nth = 1; failed; nth++) {
		lk_grant g;
		int rc;

		lease_stage_open(&s, NULL);
		g = take(s.w[0], "n", LK_X);
		test_heap_fail(&s.heap, nth, true);
		rc = lk_renew(s.w[0], g, 100000);
		failed = atomic_load(&s.heap.failures) > 0;
		test_heap_fail(&s.heap, 0, false);
		cr_assert(rc == 0 || (failed && rc == LK_E_NOMEM), "%s", lk_errname(rc));
		pass(&s, 100000);
		is(lk_check(s.w[0], g), rc == 0 ? LK_E_LOST : 0);
		is(lk_release(s.w[0], g), rc == 0 ? LK_E_LOST : 0);
		lease_stage_close(&s);
	}
}
