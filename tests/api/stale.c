/* SPDX-License-Identifier: MIT */
/* A grant that is none any more, or never was: always told, never somebody else's lock. */
#include "support.h"

/* Whatever is tried with it, `g` is no grant of `w`, and owner `other` keeps its X on "n". */
static void
expect_stale(struct lk_owner *w, lk_grant g, struct lk_owner *other)
{
	struct lk_grant_info info = { .size = sizeof(info) };

	is(lk_release(w, g), LK_E_STALE);
	is(lk_convert(w, g, LK_X, NULL), LK_E_STALE);
	is(lk_convert(w, g, LK_IS, NULL), LK_E_STALE);
	is(lk_can_convert(w, g, LK_S), LK_E_STALE);
	is(lk_upgrade(w, g, NULL), LK_E_STALE);
	is(lk_downgrade(w, g), LK_E_STALE);
	is(lk_grant_info(w, g, &info), LK_E_STALE);
	cr_expect_eq(lk_fence(w, g), 0);
	cr_expect_eq(holds(other, "n"), LK_X);
}

Test(stale, what_was_never_given)
{
	static const lk_grant bad[] = { 0,          1,
					1u << 24,   UINT64_C(1) << 40,
					UINT64_MAX, UINT64_C(0xdeadbeefdeadbeef) };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	take(w[1], "n", LK_X);
	for (size_t i = 0; i < countof(bad); i++) {
		expect_stale(w[0], bad[i], w[1]);
		expect_stale(w[1], bad[i], w[1]);
	}
	close_all(m, w, 2);
}

Test(stale, a_second_release)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	g = take(w[0], "n", LK_X);
	ok(lk_release(w[0], g));
	take(w[1], "n", LK_X);
	expect_stale(w[0], g, w[1]);
	expect_stale(w[1], g, w[1]);
	close_all(m, w, 2);
}

Test(stale, a_grant_of_another_owner)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	take(w[0], "mine", LK_S); /* the same slot as the other's */
	g = take(w[1], "n", LK_X);
	expect_stale(w[0], g, w[1]);
	cr_expect_eq(holds(w[0], "mine"), LK_S);
	ok(lk_release(w[1], g));
	close_all(m, w, 2);
}

Test(stale, a_grant_of_another_manager)
{
	struct lk_manager *m[2] = { open_manager(NULL), open_manager(NULL) };
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m[0], &w[0], 1);
	open_owners(m[1], &w[1], 1);
	g = take(w[0], "other", LK_X);
	take(w[1], "n", LK_X);
	is(lk_release(w[1], g + (UINT64_C(1) << 24)), LK_E_STALE);
	cr_expect_eq(holds(w[1], "n"), LK_X);
	close_all(m[0], &w[0], 1);
	close_all(m[1], &w[1], 1);
}

Test(stale, after_every_other_way_to_release)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g[3];

	open_owners(m, w, 2);
	take(w[1], "n", LK_X);
	g[0] = take(w[0], "a", LK_X);
	ok(lk_release_name(w[0], "a", 1));
	ok(lk_acquire_id(w[0], 7, LK_X, NULL, &g[1]));
	ok(lk_release_id(w[0], 7));
	is(lk_release_id(w[0], 7), LK_E_STALE);
	g[2] = take(w[0], "b", LK_X);
	ok(lk_release_all(w[0]));
	for (int i = 0; i < 3; i++)
		expect_stale(w[0], g[i], w[1]);
	close_all(m, w, 2);
}

/* Owners are pooled: the next one may be the same memory, but not the same owner. */
Test(stale, grants_of_an_owner_that_was_closed)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant old[64];

	for (int i = 0; i < 64; i++) {
		open_owners(m, &w, 1);
		old[i] = take(w, "n", LK_X);
		for (int k = 0; k < i; k++)
			is(lk_release(w, old[k]), LK_E_STALE);
		cr_expect_eq(holds(w, "n"), LK_X);
		ok(lk_owner_close(w));
	}
	ok(lk_close(m));
}

Test(stale, a_closed_owner)
{
	struct lk_grant_info info = { .size = sizeof(info) };
	struct lk_stats stats = { .size = sizeof(stats) };
	struct lk_manager *m = open_manager(NULL);
	struct lk_resource *r;
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	ok(lk_resource_open(m, "n", &r));
	g = take(w, "n", LK_X);
	ok(lk_owner_close(w));
	is(lk_owner_close(w), LK_E_STALE);
	is(lk_acquire(w, "n", LK_X, NULL, NULL), LK_E_STALE);
	is(lk_try_acquire(w, "n", LK_X, NULL), LK_E_STALE);
	is(lk_acquire_bytes(w, "n", 1, LK_X, NULL, NULL), LK_E_STALE);
	is(lk_acquire_id(w, 1, LK_X, NULL, NULL), LK_E_STALE);
	is(lk_acquire_on(w, r, LK_X, NULL, NULL), LK_E_STALE);
	is(lk_release(w, g), LK_E_STALE);
	is(lk_release_name(w, "n", 1), LK_E_STALE);
	is(lk_release_id(w, 1), LK_E_STALE);
	is(lk_release_all(w), LK_E_STALE);
	is(lk_convert(w, g, LK_S, NULL), LK_E_STALE);
	is(lk_can_convert(w, g, LK_S), LK_E_STALE);
	is(lk_upgrade(w, g, NULL), LK_E_STALE);
	is(lk_downgrade(w, g), LK_E_STALE);
	is(lk_grant_info(w, g, &info), LK_E_STALE);
	is(lk_holds(w, "n", 1), LK_E_STALE);
	is(lk_holds_id(w, 1), LK_E_STALE);
	is(lk_owner_stats(w, &stats), LK_E_STALE);
	cr_expect_eq(stats_of(m).holds, 0);
	lk_resource_close(r);
	ok(lk_close(m));
}

/* The newest grant, in a slot that all the old ones had, survives all of them. */
Test(stale, a_hundred_thousand_old_grants_harm_no_new_one)
{
	enum { OLD = 100000 };
	static lk_grant old[OLD];
	struct lk_manager *m = open_manager(NULL);
	uint64_t seed = 1;
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	for (int i = 0; i < OLD; i++) {
		old[i] = take(w, "n", LK_X);
		ok(lk_release(w, old[i]));
	}
	g = take(w, "n", LK_X);
	for (int i = 0; i < OLD; i++) {
		cr_assert_neq(old[i], g);
		is(lk_release(w, old[test_random(&seed) % OLD]), LK_E_STALE);
		is(lk_release(w, old[i]), LK_E_STALE);
	}
	cr_expect_eq(holds(w, "n"), LK_X);
	ok(lk_release(w, g));
	close_all(m, &w, 1);
}

/* One bit away from a grant is no grant; nor are random numbers. */
Test(stale, neighbours_of_a_grant_are_not_grants)
{
	struct lk_manager *m = open_manager(NULL);
	uint64_t seed = 2;
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	g = take(w, "n", LK_X);
	for (int bit = 0; bit < 64; bit++)
		is(lk_release(w, g ^ (UINT64_C(1) << bit)), LK_E_STALE);
	for (int i = 0; i < 10000; i++)
		is(lk_release(w, test_random(&seed)), LK_E_STALE);
	ok(lk_release(w, g));
	close_all(m, &w, 1);
}
