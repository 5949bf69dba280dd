/* SPDX-License-Identifier: MIT */
/* One owner and several grants on one name; many grants of one owner. */
#include "support.h"

enum { MANY = 5000 };

/* What the grants that are left amount to. */
static lk_mode
together(const lk_mode *modes, const bool *live, int n)
{
	lk_mode all = LK_NL;

	for (int i = 0; i < n; i++)
		if (live[i])
			all = supremum[all][modes[i]];
	return all;
}

static void
expect_mode(struct lk_owner *w, struct lk_owner *other, lk_mode mode)
{
	cr_expect_eq(holds(w, "n"), mode);
	for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++)
		cr_expect_eq(is_open_to(other, "n", wanted), compatible[wanted][mode],
			     "%s against %s", mode_name(wanted), mode_name(mode));
}

/* Take three grants, and give them back in the order of `order`. */
static void
run_order(struct lk_owner **w, const lk_mode *modes, const int *order)
{
	bool live[3] = { true, true, true };
	lk_grant g[3];

	for (int i = 0; i < 3; i++)
		g[i] = take(w[0], "n", modes[i]);
	for (int i = 0; i < 3; i++) {
		expect_mode(w[0], w[1], together(modes, live, 3));
		ok(lk_release(w[0], g[order[i]]));
		live[order[i]] = false;
	}
	expect_mode(w[0], w[1], LK_NL);
}

Test(reentry, the_effective_mode_falls_with_each_release_in_any_order)
{
	static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					  { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (lk_mode a = LK_IS; a <= LK_X; a++)
		for (lk_mode b = LK_IS; b <= LK_X; b++)
			for (lk_mode c = LK_IS; c <= LK_X; c++)
				for (int i = 0; i < 6; i++)
					run_order(w, (lk_mode[]){ a, b, c }, orders[i]);
	close_all(m, w, 2);
}

Test(reentry, each_grant_keeps_its_own_mode)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g[MODES];

	open_owners(m, &w, 1);
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++)
		g[mode] = take(w, "n", mode);
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		struct lk_grant_info info = grant_info(w, g[mode]);

		cr_expect_eq(info.mode, mode);
		cr_expect_eq(info.effective, LK_X);
		cr_expect_eq(info.grant, g[mode]);
		for (lk_mode other = LK_IS; other < mode; other++)
			cr_expect_neq(g[other], g[mode]);
	}
	close_all(m, &w, 1);
}

Test(reentry, a_covered_request_never_waits_for_the_line)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[2];
	struct asker a;

	open_owners(m, w, 2);
	for (lk_mode held = LK_IS; held <= LK_X; held++) {
		take(w[0], "n", held);
		ask(m, &a, w[1], "n", LK_X);
		for (lk_mode again = LK_IS; again <= LK_X; again++)
			if (supremum[held][again] == held)
				take(w[0], "n", again);
		cr_expect(!is_answered(&a));
		ok(lk_release_all(w[0]));
		ok(lk_release(w[1], granted(&a)));
	}
	close_all(m, w, 2);
}

Test(reentry, a_stronger_request_that_fails_leaves_what_is_held)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	g = take(w[0], "n", LK_S);
	take(w[1], "n", LK_S);
	is(lk_try_acquire(w[0], "n", LK_X, NULL), LK_E_BUSY);
	is(lk_try_acquire(w[0], "n", LK_IX, NULL), LK_E_BUSY);
	expect_mode(w[0], w[1], LK_S);
	cr_expect_eq(grant_info(w[0], g).effective, LK_S);
	ok(lk_release(w[0], g));
	cr_expect_eq(holds(w[0], "n"), LK_NL);
	close_all(m, w, 2);
}

Test(reentry, a_cap_of_one_makes_locks_strict)
{
	struct lk_manager *m = open_manager("memory:?max_reentry=1");
	struct lk_owner *w;
	lk_grant g, untouched = 7;

	open_owners(m, &w, 1);
	g = take(w, "n", LK_S);
	is(lk_acquire(w, "n", LK_S, NULL, &untouched), LK_E_LIMIT);
	is(lk_acquire(w, "n", LK_X, NULL, &untouched), LK_E_LIMIT);
	cr_expect_eq(untouched, 7);
	cr_expect_eq(holds(w, "n"), LK_S);
	take(w, "other", LK_S);
	ok(lk_upgrade(w, g, NULL));
	ok(lk_release(w, g));
	take(w, "n", LK_X);
	close_all(m, &w, 1);
}

Test(reentry, the_cap_counts_what_is_held_now)
{
	struct lk_manager *m = open_manager("memory:?max_reentry=3");
	struct lk_owner *w;
	lk_grant g = 0;

	open_owners(m, &w, 1);
	for (int i = 0; i < 3; i++)
		g = take(w, "n", LK_S);
	is(lk_try_acquire(w, "n", LK_S, NULL), LK_E_LIMIT);
	ok(lk_release(w, g));
	take(w, "n", LK_S);
	is(lk_try_acquire(w, "n", LK_S, NULL), LK_E_LIMIT);
	close_all(m, &w, 1);
}

Test(reentry, releasing_a_name_gives_back_the_newest_grant)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g[3];

	open_owners(m, &w, 1);
	g[0] = take(w, "n", LK_S);
	g[1] = take(w, "n", LK_X);
	g[2] = take(w, "n", LK_IS);
	ok(lk_release_name(w, "n", 1));
	is(lk_release(w, g[2]), LK_E_STALE);
	ok(lk_release_name(w, "n", 1));
	is(lk_release(w, g[1]), LK_E_STALE);
	cr_expect_eq(holds(w, "n"), LK_S);
	ok(lk_release_name(w, "n", 1));
	is(lk_release_name(w, "n", 1), LK_E_STALE);
	is(lk_release(w, g[0]), LK_E_STALE);
	close_all(m, &w, 1);
}

Test(reentry, release_all_frees_everything_for_others)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	char name[16];

	open_owners(m, w, 2);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "n%d", i % 40);
		take(w[0], name, i % 2 ? LK_X : LK_S);
	}
	ok(lk_release_all(w[0]));
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		cr_expect_eq(holds(w[0], name), LK_NL);
		take(w[1], name, LK_X);
	}
	ok(lk_release_all(w[0]));
	cr_expect_eq(stats_of(m).holds, 40);
	close_all(m, w, 2);
}

/* Of ten grants on one name only the first and the last are left, in slots far from each other. */
Test(reentry, who_closes_gives_back_grants_wherever_they_are)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g[10];

	open_owners(m, w, 2);
	for (size_t i = 0; i < countof(g); i++)
		g[i] = take(w[0], "n", LK_S);
	for (size_t i = 1; i + 1 < countof(g); i++)
		ok(lk_release(w[0], g[i]));
	ok(lk_owner_close(w[0]));
	cr_expect_eq(stats_of(m).holds, 0);
	take(w[1], "n", LK_X);
	close_all(m, &w[1], 1);
}

/* Which of MANY grants lk_owner_each() has shown. */
struct seen {
	const lk_grant *grants;
	uint8_t times[MANY];
};

static int
see(void *arg, const struct lk_grant_info *info)
{
	struct seen *seen = arg;
	uint64_t id;

	must(info->size == sizeof(*info) && info->flags == LK_NAME_IS_ID);
	must(info->name_len == sizeof(id) && info->mode == LK_X && info->effective == LK_X);
	memcpy(&id, info->name, sizeof(id));
	must(id < MANY && seen->grants[id] == info->grant);
	seen->times[id]++;
	return 0;
}

Test(reentry, an_owner_holds_thousands_of_names)
{
	static struct seen seen;
	static lk_grant g[MANY];
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (uint64_t i = 0; i < MANY; i++)
		ok(lk_acquire_id(w[0], i, LK_X, NULL, &g[i]));
	seen.grants = g;
	ok(lk_owner_each(w[0], see, &seen));
	for (uint64_t i = 0; i < MANY; i++) {
		uint64_t pick = (i * 2087 + 3) % MANY; /* in no order: 2087 is prime */

		cr_assert_eq(seen.times[i], 1);
		cr_assert_eq(lk_holds_id(w[0], pick), LK_X);
		ok(lk_release(w[0], g[pick]));
		cr_assert_eq(lk_holds_id(w[0], pick), LK_NL);
		ok(lk_acquire_id(w[1], pick, LK_X, NULL, NULL));
	}
	cr_expect_eq(stats_of(m).holds, MANY);
	close_all(m, w, 2);
}

Test(reentry, an_owner_holds_thousands_of_grants_on_one_name)
{
	static lk_grant g[MANY];
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (int i = 0; i < MANY; i++)
		g[i] = take(w, "n", i == MANY / 2 ? LK_X : LK_S);
	cr_expect_eq(stats_of(m).holds, 1);
	for (int i = 0; i < MANY; i++) {
		cr_assert_eq(holds(w, "n"), i <= MANY / 2 ? LK_X : LK_S);
		ok(lk_release(w, g[i]));
	}
	cr_expect_eq(holds(w, "n"), LK_NL);
	close_all(m, &w, 1);
}

static int
stop_at_third(void *arg, const struct lk_grant_info *info)
{
	int *calls = arg;

	(void)info;
	return ++*calls == 3 ? 42 : 0;
}

Test(reentry, owner_each_ends_with_what_the_function_says)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	int calls = 0;

	open_owners(m, &w, 1);
	ok(lk_owner_each(w, stop_at_third, &calls));
	cr_expect_eq(calls, 0);
	for (int i = 0; i < 5; i++)
		take(w, "n", LK_S);
	is(lk_owner_each(w, stop_at_third, &calls), 42);
	cr_expect_eq(calls, 3);
	close_all(m, &w, 1);
}

Test(reentry, every_way_to_ask_reaches_the_same_lock)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_resource *r;
	struct lk_owner *w[2];
	lk_grant g[4];

	open_owners(m, w, 2);
	ok(lk_resource_open(m, "n", &r));
	ok(lk_acquire(w[0], "n", LK_IS, NULL, &g[0]));
	ok(lk_acquire_bytes(w[0], "n", 1, LK_S, NULL, &g[1]));
	ok(lk_acquire_on(w[0], r, LK_U, NULL, &g[2]));
	ok(lk_try_acquire(w[0], "n", LK_X, &g[3]));
	for (int i = 0; i < 4; i++)
		cr_expect_eq(grant_info(w[0], g[i]).effective, LK_X);
	is(lk_acquire_bytes(w[1], "n", 1, LK_IS,
			    &(struct lk_options){ .size = sizeof(struct lk_options),
						  .flags = LK_NOWAIT },
			    NULL),
	   LK_E_BUSY);
	cr_expect_eq(stats_of(m).holds, 1);
	ok(lk_release_all(w[0]));
	lk_resource_close(r);
	close_all(m, w, 2);
}
