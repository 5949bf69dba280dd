/* SPDX-License-Identifier: MIT */
/* Grants that end by themselves: when, what the holder hears of it, and who comes next. */
#include "lease_stage.h"

Test(lease, ends_at_its_time_and_lets_the_next_one_in)
{
	static struct lease_stage s;
	lk_grant g;

	lease_stage_open(&s, NULL);
	g = take_leased(s.w[0], "n", LK_X, 100000);
	ok(lk_check(s.w[0], g));
	pass(&s, 66999);
	ok(lk_check(s.w[0], g));
	cr_expect_eq(s.told[0].n, 0);
	pass(&s, 1);
	is(lk_check(s.w[0], g), LK_E_SUSPECT);
	expect_told(&s.told[0], 0, LK_NOTICE_SUSPECT, g);
	pass(&s, 32999);
	is(lk_check(s.w[0], g), LK_E_SUSPECT);
	cr_expect_not(is_open_to(s.w[1], "n", LK_IS));
	pass(&s, 1);
	is(lk_check(s.w[0], g), LK_E_LOST);
	expect_told(&s.told[0], 1, LK_NOTICE_LOST, g);
	cr_expect(is_open_to(s.w[1], "n", LK_X));
	pass(&s, 1000000);
	cr_expect_eq(s.told[0].n, 2, "each of them once");
	cr_expect_eq(stats_of(s.m).leases_expired, 1);
	is(lk_release(s.w[0], g), LK_E_LOST);
	is(lk_release(s.w[0], g), LK_E_STALE);
	is(lk_check(s.w[0], g), LK_E_STALE);
	lease_stage_close(&s);
}

Test(lease, is_over_by_the_clock_even_if_the_service_is_late)
{
	static struct lease_stage s;
	lk_grant g[5];

	lease_stage_open(&s, NULL);
	for (int i = 0; i < 5; i++) {
		char name[2] = { (char)('a' + i), '\0' };

		g[i] = take_leased(s.w[0], name, LK_X, 100000);
	}
	test_world_advance(&s.world, 67000);
	is(lk_check(s.w[0], g[0]), LK_E_SUSPECT);
	test_world_advance(&s.world, 33000);
	is(lk_check(s.w[0], g[0]), LK_E_LOST);
	is(lk_renew(s.w[0], g[1], 0), LK_E_LOST);
	is(lk_convert(s.w[0], g[2], LK_S, NULL), LK_E_LOST);
	is(lk_release(s.w[0], g[3]), LK_E_LOST);
	is(lk_release_name(s.w[0], "e", 1), LK_E_LOST);
	for (int i = 0; i < 5; i++) {
		char name[2] = { (char)('a' + i), '\0' };

		cr_expect(is_open_to(s.w[1], name, LK_X), "%s", name);
		is(lk_check(s.w[0], g[i]), i < 3 ? LK_E_LOST : LK_E_STALE);
	}
	cr_expect_eq(s.told[0].n, 0, "only the service tells");
	serve(&s);
	cr_expect_eq(s.told[0].n, 3, "not of those that a release told of");
	lease_stage_close(&s);
}

Test(lease, gives_the_name_to_who_waits)
{
	static struct lease_stage s;
	struct asker a;
	lk_grant g;
	lk_grant h;

	lease_stage_open(&s, NULL);
	g = take_leased(s.w[0], "db/n", LK_X, 100000);
	ask(s.m, &a, s.w[1], "db/n", LK_X);
	pass(&s, 99999);
	cr_expect_not(is_answered(&a));
	pass(&s, 1);
	h = granted(&a);
	cr_expect_gt(lk_fence(s.w[1], h), lk_fence(s.w[0], g), "the old one is stale");
	cr_expect_neq(lk_fence(s.w[0], g), 0);
	ok(lk_fence_pass(s.m, "db/n", 4, lk_fence(s.w[1], h)));
	is(lk_fence_pass(s.m, "db/n", 4, lk_fence(s.w[0], g)), LK_E_STALE);
	lease_stage_close(&s);
}

Test(lease, of_one_that_waited_counts_from_the_end_of_the_wait)
{
	static struct lease_stage s;
	struct lk_options o = { .size = sizeof(o), .lease_ns = 100000 };
	struct asker a;
	lk_grant g;
	uint64_t at;

	lease_stage_open(&s, NULL);
	take(s.w[0], "n", LK_X);
	ask_with(s.m, &a, s.w[1], "n", LK_X, &o);
	pass(&s, 5000000);
	ok(lk_release_all(s.w[0]));
	g = granted(&a);
	at = stage_now(&s);
	cr_expect_eq(grant_info(s.w[1], g).lease_ends_ns, at + 100000);
	ok(lk_check(s.w[1], g));
	lease_stage_close(&s);
}

Test(lease, is_part_of_what_is_told_of_a_grant)
{
	static struct lease_stage s;
	struct lk_options longest = { .size = sizeof(longest), .max_hold_ns = 5000 };
	struct lk_grant_info info = { .size = sizeof(info) };
	lk_grant g;

	lease_stage_open(&s, NULL);
	g = take(s.w[0], "none", LK_X);
	cr_expect_eq(grant_info(s.w[0], g).state, LK_LEASE_NONE);
	cr_expect_eq(grant_info(s.w[0], g).lease_ns, 0);
	cr_expect_eq(grant_info(s.w[0], g).lease_ends_ns, 0);
	g = take_leased(s.w[0], "n", LK_X, 100000);
	cr_expect_eq(grant_info(s.w[0], g).state, LK_LEASE_HELD);
	cr_expect_eq(grant_info(s.w[0], g).lease_ns, 100000);
	cr_expect_eq(grant_info(s.w[0], g).lease_ends_ns, stage_now(&s) + 100000);
	test_world_advance(&s.world, 70000);
	cr_expect_eq(grant_info(s.w[0], g).state, LK_LEASE_SUSPECT);
	test_world_advance(&s.world, 70000);
	is(lk_grant_info(s.w[0], g, &info), LK_E_LOST);
	ok(lk_acquire(s.w[0], "m", LK_X, &longest, &g));
	cr_expect_eq(grant_info(s.w[0], g).lease_ns, 0);
	cr_expect_eq(grant_info(s.w[0], g).lease_ends_ns, stage_now(&s) + 5000);
	lease_stage_close(&s);
}

Test(lease, may_be_less_than_a_millisecond_but_not_less_than_a_microsecond)
{
	static struct lease_stage s;
	struct lk_options o = { .size = sizeof(o), .lease_ns = LK_LEASE_MIN_NS - 1 };
	lk_grant g;

	lease_stage_open(&s, NULL);
	is(lk_acquire(s.w[0], "n", LK_X, &o, NULL), LK_E_INVAL);
	o = (struct lk_options){ .size = sizeof(o), .max_hold_ns = 1 };
	is(lk_acquire(s.w[0], "n", LK_X, &o, NULL), LK_E_INVAL);
	o = (struct lk_options){ .size = sizeof(o), .flags = LK_RENEW };
	is(lk_acquire(s.w[0], "n", LK_X, &o, NULL), LK_E_INVAL);
	o = (struct lk_options){ .size = sizeof(o), .flags = LK_RENEW, .max_hold_ns = 5000 };
	is(lk_acquire(s.w[0], "n", LK_X, &o, NULL), LK_E_INVAL);
	cr_expect_eq(holds(s.w[0], "n"), LK_NL);
	g = take_leased(s.w[0], "n", LK_X, LK_LEASE_MIN_NS);
	pass(&s, LK_LEASE_MIN_NS - 1);
	is(lk_check(s.w[0], g), LK_E_SUSPECT);
	pass(&s, 1);
	is(lk_check(s.w[0], g), LK_E_LOST);
	lease_stage_close(&s);
}

/* Every way to ask. */
Test(lease, comes_with_every_kind_of_request)
{
	static struct lease_stage s;
	const struct lk_options o = { .size = sizeof(o), .lease_ns = 100000 };
	const struct lk_request r[] = { { .name = "b/1", .mode = LK_X },
					{ .name = "b/2", .mode = LK_S },
					{ .name = "c", .mode = LK_S } };
	struct lk_resource *h;
	lk_grant g[8];

	lease_stage_open(&s, NULL);
	ok(lk_resource_open(s.m, "handle", &h));
	ok(lk_acquire(s.w[0], "path/leaf", LK_X, &o, &g[0]));
	ok(lk_acquire_bytes(s.w[0], "bytes\0", 6, LK_S, &o, &g[1]));
	ok(lk_acquire_id(s.w[0], 7, LK_U, &o, &g[2]));
	ok(lk_acquire_on(s.w[0], h, LK_SIX, &o, &g[3]));
	ok(lk_acquire(s.w[0], "path/leaf", LK_S, &o, &g[4]));
	ok(lk_acquire_many(s.w[0], r, countof(r), &o, &g[5]));
	cr_expect_eq(stats_of(s.m).holds, 9);
	pass(&s, 99999);
	for (int i = 0; i < 8; i++)
		is(lk_check(s.w[0], g[i]), LK_E_SUSPECT);
	cr_expect_eq(stats_of(s.m).holds, 9);
	pass(&s, 1);
	for (int i = 0; i < 8; i++)
		is(lk_check(s.w[0], g[i]), LK_E_LOST);
	cr_expect_eq(stats_of(s.m).holds, 0, "nothing is held, at any level");
	cr_expect_eq(s.told[0].n, 16);
	for (int i = 0; i < 8; i++)
		is(lk_release(s.w[0], g[i]), LK_E_LOST);
	lk_resource_close(h);
	lease_stage_close(&s);
}

Test(lease, of_the_manager_is_that_of_grants_that_say_nothing)
{
	static struct lease_stage s;
	struct lk_options none = { .size = sizeof(none), .lease_ns = LK_OFF };
	struct lk_options own = { .size = sizeof(own), .lease_ns = 5000 };
	struct lk_options free = { .size = sizeof(free),
				   .lease_ns = LK_OFF,
				   .max_hold_ns = LK_OFF };
	lk_grant g[5];

	lease_stage_open(&s, "memory:?lease_ns=100000&max_hold_ns=150000");
	g[0] = take(s.w[0], "a", LK_X);
	ok(lk_acquire(s.w[0], "b", LK_X, &none, &g[1]));
	ok(lk_acquire(s.w[0], "c", LK_X, &own, &g[2]));
	ok(lk_acquire(s.w[0], "d", LK_X, &free, &g[3]));
	ok(lk_acquire_id(s.w[0], 4, LK_X, NULL, &g[4]));
	pass(&s, 5000);
	is(lk_check(s.w[0], g[2]), LK_E_LOST);
	ok(lk_check(s.w[0], g[0]));
	pass(&s, 50000);
	ok(lk_renew(s.w[0], g[4], 0));
	pass(&s, 45000);
	is(lk_check(s.w[0], g[0]), LK_E_LOST);
	ok(lk_check(s.w[0], g[4]));
	is(lk_check(s.w[0], g[1]), 0);
	pass(&s, 50000);
	is(lk_check(s.w[0], g[1]), LK_E_LOST);
	is(lk_check(s.w[0], g[4]), LK_E_LOST);
	pass(&s, UINT64_C(1) << 60);
	ok(lk_check(s.w[0], g[3]));
	lease_stage_close(&s);
}

Test(lease, settings_have_their_ranges)
{
	static const char *const bad[] = { "memory:?lease_ns=999", "memory:?max_hold_ns=1",
					   "memory:?suspect_pct=100", "memory:?suspect_pct=off",
					   "memory:?lock_delay_ns=x" };
	static const char *const good[] = { "memory:?lease_ns=1000",     "memory:?lease_ns=off",
					    "memory:?max_hold_ns=off",   "memory:?lock_delay_ns=1",
					    "memory:?lock_delay_ns=off", "memory:?suspect_pct=99" };

	for (size_t i = 0; i < countof(bad); i++) {
		struct lk_manager *m;

		is(lk_open(bad[i], NULL, &m), LK_E_INVAL);
	}
	for (size_t i = 0; i < countof(good); i++)
		ok(lk_close(open_manager(good[i])));
}

Test(lease, is_suspect_when_the_setting_says)
{
	static struct lease_stage s;
	lk_grant g;

	lease_stage_open(&s, "memory:?suspect_pct=10");
	g = take_leased(s.w[0], "n", LK_X, 100000);
	cr_expect_eq(next_due(&s), 10000);
	pass(&s, 9999);
	ok(lk_check(s.w[0], g));
	pass(&s, 1);
	is(lk_check(s.w[0], g), LK_E_SUSPECT);
	cr_expect_eq(next_due(&s), 90000);
	lease_stage_close(&s);
}

Test(lease, that_is_released_in_time_is_not_heard_of_again)
{
	static struct lease_stage s;
	lk_grant g;

	lease_stage_open(&s, NULL);
	g = take_leased(s.w[0], "n", LK_X, 100000);
	ok(lk_release(s.w[0], g));
	cr_expect_eq(next_due(&s), LK_OFF, "nothing is left to do");
	take_leased(s.w[0], "a/b/c", LK_X, 100000);
	ok(lk_release_all(s.w[0]));
	cr_expect_eq(next_due(&s), LK_OFF);
	pass(&s, 200000);
	cr_expect_eq(s.told[0].n, 0);
	is(lk_check(s.w[0], g), LK_E_STALE);
	lease_stage_close(&s);
}

Test(lease, goes_with_a_conversion)
{
	static struct lease_stage s;
	struct lk_options o = { .size = sizeof(o), .lease_ns = 100000 };
	lk_grant g;

	lease_stage_open(&s, NULL);
	g = take_leased(s.w[0], "n", LK_U, 100000);
	is(lk_convert(s.w[0], g, LK_X, &o), LK_E_INVAL);
	ok(lk_upgrade(s.w[0], g, NULL));
	ok(lk_downgrade(s.w[0], g));
	pass(&s, 100000);
	is(lk_upgrade(s.w[0], g, NULL), LK_E_LOST);
	is(lk_downgrade(s.w[0], g), LK_E_LOST);
	is(lk_can_convert(s.w[0], g, LK_X), LK_E_LOST);
	is(lk_check(s.w[0], g), LK_E_LOST);
	lease_stage_close(&s);
}

static int
sleep_in_body(void *arg)
{
	struct lease_stage *s = arg;

	pass(s, 200000);
	return 42;
}

Test(lease, that_ends_inside_the_body_is_told_by_lk_with)
{
	static struct lease_stage s;
	struct lk_options o = { .size = sizeof(o), .lease_ns = 100000 };
	struct lk_guard guard = { NULL, 0 };
	int body_rc = 0;

	lease_stage_open(&s, NULL);
	is(lk_with(s.w[0], "n", LK_X, &o, sleep_in_body, &s, &body_rc), LK_E_LOST);
	cr_expect_eq(body_rc, 42);
	ok(lk_guard_acquire(&guard, s.w[0], "n", LK_X, &o));
	pass(&s, 100000);
	lk_guard_release(&guard);
	cr_expect_eq(guard.grant, 0);
	lease_stage_close(&s);
}

Test(lease, ends_with_those_of_many_others_in_their_order)
{
	enum { N = 1000 };
	static struct lease_stage s;
	static lk_grant g[N];
	uint64_t seed = 3;
	static uint64_t ends[N];

	lease_stage_open(&s, NULL);
	for (uint64_t i = 0; i < N; i++) {
		struct lk_options o = { .size = sizeof(o) };

		o.lease_ns = 1000 + test_random(&seed) % 100000;
		ends[i] = stage_now(&s) + o.lease_ns;
		ok(lk_acquire_id(s.w[1], i, LK_X, &o, &g[i]));
	}
	ok(lk_owner_close(s.w[0]));
	ok(lk_owner_open(s.m, NULL, &s.w[0]));
	s.told[1].n = 0;
	for (int step = 0; step < 110; step++) {
		test_world_advance(&s.world, 1000);
		s.told[1].n = 0;
		for (uint64_t i = 0; i < N; i++) {
			int rc = lk_check(s.w[1], g[i]);

			cr_assert_eq(rc == LK_E_LOST, stage_now(&s) >= ends[i], "%d", (int)i);
		}
	}
	for (int i = 0; i < N; i++)
		is(lk_release(s.w[1], g[i]), LK_E_LOST);
	cr_expect_eq(stats_of(s.m).leases_expired, N);
	lease_stage_close(&s);
}

/* A lease is two lines and a bit, an extra two, a slot half a one, and the entry of its name. */
Test(lease, of_a_hundred_thousand_names_takes_what_it_says, .timeout = 60)
{
	enum { N = 100000 };
	struct lk_options o = { .size = sizeof(o), .lease_ns = 1000000000 };
	static struct lease_stage s;
	uint64_t plain;
	uint64_t leased;

	lease_stage_open(&s, NULL);
	plain = stats_of(s.m).bytes;
	for (uint64_t i = 0; i < N; i++)
		ok(lk_acquire_id(s.w[0], i, LK_X, NULL, NULL));
	plain = stats_of(s.m).bytes - plain;
	ok(lk_release_all(s.w[0]));
	leased = stats_of(s.m).bytes;
	for (uint64_t i = 0; i < N; i++)
		ok(lk_acquire_id(s.w[0], i, LK_X, &o, NULL));
	leased = stats_of(s.m).bytes - leased;
	cr_expect_lt(leased / N, 320, "%llu bytes a lease", (unsigned long long)leased / N);
	cr_expect_gt(plain, 0);
	for (uint64_t i = 0; i < N; i += 2)
		ok(lk_release_id(s.w[0], i));
	ok(lk_owner_close(s.w[0]));
	ok(lk_owner_open(s.m, NULL, &s.w[0]));
	cr_expect_eq(next_due(&s), LK_OFF);
	lease_stage_close(&s);
}

/* With the manager's own thread, and the system's clock. */
Test(lease, ends_without_anybody_calling)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	g = take_leased(w[0], "n", LK_X, 2000000);
	ok(lk_acquire(w[1], "n", LK_X, NULL, NULL)); /* waits for it */
	is(lk_check(w[0], g), LK_E_LOST);
	close_all(m, w, 2);
}

Test(lease, out_of_memory_leaves_all_as_it_was)
{
	struct lk_options o = { .size = sizeof(o), .lease_ns = 100000 };
	static struct lease_stage s;
	bool failed = true;

	for (uint64_t nth = 1; failed; nth++) {
		lk_grant g = 0;
		int rc;

		lease_stage_open(&s, NULL);
		test_heap_fail(&s.heap, nth, true);
		rc = lk_acquire(s.w[0], "db/n", LK_X, &o, &g);
		failed = atomic_load(&s.heap.failures) > 0;
		test_heap_fail(&s.heap, 0, false);
		cr_assert(rc == 0 || (failed && rc == LK_E_NOMEM), "%s", lk_errname(rc));
		cr_expect_eq(stats_of(s.m).holds, rc == 0 ? 2 : 0);
		pass(&s, 100000);
		cr_expect_eq(s.told[0].n, rc == 0 ? 1 : 0);
		cr_expect(is_open_to(s.w[1], "db", LK_X));
		lease_stage_close(&s);
	}
}
