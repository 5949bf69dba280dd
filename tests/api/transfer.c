/* SPDX-License-Identifier: MIT */
/* Grants that go from owner to owner: what goes with them, who may have them, and that nobody gets in between. */
#include "support.h"

static lk_grant
hand(struct lk_owner *w, lk_grant g, struct lk_owner *to)
{
	lk_grant out = 0;

	ok(lk_transfer(w, g, to, &out));
	cr_assert_neq(out, 0);
	return out;
}

/* Nobody has it, and the word says so: a stranger can have it in X. */
static void
expect_free(struct lk_manager *m, struct lk_owner *stranger, const char *name)
{
	const struct lk_info info = info_of(m, name);

	for (lk_mode mode = LK_IS; mode <= LK_X; mode++)
		cr_expect_eq(info.holders[mode], 0, "%s is held in %s", name, mode_name(mode));
	cr_expect(is_open_to(stranger, name, LK_X));
}

static void
expect_held(struct lk_manager *m, const char *name, lk_mode mode, uint32_t n)
{
	const struct lk_info info = info_of(m, name);

	for (lk_mode other = LK_IS; other <= LK_X; other++)
		cr_expect_eq(info.holders[other], other == mode ? n : 0, "%s in %s: %u", name,
			     mode_name(other), info.holders[other]);
}

Test(transfer, in_every_mode_keeps_the_name_the_fence_and_the_mode)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];

	open_owners(m, w, 3);
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		lk_grant g = take(w[0], "n", mode);
		const uint64_t fence = lk_fence(w[0], g);
		lk_grant h = hand(w[0], g, w[1]);

		is(lk_release(w[0], g), LK_E_STALE);
		is(lk_release(w[1], g), LK_E_STALE);
		cr_expect_eq(lk_fence(w[1], h), fence);
		cr_expect_eq(grant_info(w[1], h).mode, mode);
		cr_expect_eq(holds(w[0], "n"), LK_NL);
		cr_expect_eq(holds(w[1], "n"), mode);
		expect_held(m, "n", mode, 1);
		for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++)
			cr_expect_eq(is_open_to(w[2], "n", wanted), compatible[wanted][mode]);
		ok(lk_release(w[1], h));
		expect_free(m, w[2], "n");
	}
	close_all(m, w, 3);
}

Test(transfer, of_a_downgraded_grant_keeps_its_fence)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g;
	uint64_t fence;

	open_owners(m, w, 2);
	g = take(w[0], "n", LK_X);
	fence = lk_fence(w[0], g);
	ok(lk_downgrade(w[0], g));
	g = hand(w[0], g, w[1]);
	cr_expect_eq(lk_fence(w[1], g), fence);
	g = hand(w[1], g, w[0]);
	ok(lk_upgrade(w[0], g, NULL));
	cr_expect_gt(lk_fence(w[0], g), fence);
	close_all(m, w, 2);
}

Test(transfer, there_and_back_makes_no_old_value_good_again)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g[3];

	open_owners(m, w, 2);
	g[0] = take(w[0], "n", LK_X);
	g[1] = hand(w[0], g[0], w[1]);
	g[2] = hand(w[1], g[1], w[0]);
	for (int i = 0; i < 2; i++) {
		is(lk_release(w[0], g[i]), LK_E_STALE);
		is(lk_transfer(w[0], g[i], w[1], NULL), LK_E_STALE);
		is(lk_release(w[1], g[i]), LK_E_STALE);
	}
	ok(lk_release(w[0], g[2]));
	close_all(m, w, 2);
}

Test(transfer, to_itself_changes_nothing)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[1];
	lk_grant out = 0;
	lk_grant g;

	open_owners(m, w, 1);
	g = take(w[0], "n", LK_U);
	ok(lk_transfer(w[0], g, w[0], &out));
	cr_expect_eq(out, g);
	cr_expect_eq(stats_of(m).transfers, 0);
	ok(lk_release(w[0], g));
	is(lk_transfer(w[0], g, w[0], &out), LK_E_STALE);
	close_all(m, w, 1);
}

Test(transfer, is_refused_for_what_is_no_grant_or_no_owner)
{
	struct lk_manager *m[2] = { open_manager(NULL), open_manager(NULL) };
	struct lk_owner *w[2];
	struct lk_owner *other;
	lk_grant out = 77;
	lk_grant g;

	open_owners(m[0], w, 2);
	ok(lk_owner_open(m[1], NULL, &other));
	g = take(w[0], "n", LK_X);
	is(lk_transfer(NULL, g, w[1], &out), LK_E_INVAL);
	is(lk_transfer(w[0], g, NULL, &out), LK_E_INVAL);
	is(lk_transfer(w[0], g, other, &out), LK_E_INVAL);
	is(lk_transfer(w[0], 0, w[1], &out), LK_E_STALE);
	is(lk_transfer(w[1], g, w[0], &out), LK_E_STALE);
	ok(lk_owner_close(w[1]));
	is(lk_transfer(w[0], g, w[1], &out), LK_E_STALE);
	cr_expect_eq(out, 77);
	cr_expect_eq(holds(w[0], "n"), LK_X);
	ok(lk_release(w[0], g));
	ok(lk_owner_close(w[0]));
	is(lk_transfer(w[0], g, w[0], &out), LK_E_STALE);
	ok(lk_owner_close(other));
	ok(lk_close(m[0]));
	ok(lk_close(m[1]));
}

/* Two grants of the one, and one of the other: what goes, and what may. */
static void
hand_one_of_two(struct lk_manager *m, struct lk_owner **w, lk_mode goes, lk_mode stays, lk_mode has)
{
	lk_grant g[2] = { take(w[0], "n", goes), take(w[0], "n", stays) };
	lk_grant own = 0;
	lk_grant out = 0;
	const lk_mode both = supremum[goes][stays];
	const lk_mode becomes = supremum[has][goes];
	int rc;

	if (has != LK_NL && !compatible[both][has]) {
		ok(lk_release_all(w[0]));
		return;
	}
	if (has != LK_NL)
		own = take(w[1], "n", has);
	rc = lk_transfer(w[0], g[0], w[1], &out);
	cr_assert_eq(rc, compatible[becomes][stays] ? 0 : LK_E_BUSY, "%s of %s and %s to %s: %d",
		     mode_name(goes), mode_name(goes), mode_name(stays), mode_name(has), rc);
	cr_expect_eq(holds(w[0], "n"), rc == 0 ? stays : both);
	cr_expect_eq(holds(w[1], "n"), rc == 0 ? becomes : has);
	for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++)
		cr_expect_eq(is_open_to(w[2], "n", wanted),
			     compatible[wanted][both] && compatible[wanted][has]);
	if (rc == 0)
		ok(lk_release(w[1], out));
	cr_expect_eq(holds(w[1], "n"), has);
	if (own != 0)
		ok(lk_release(w[1], own));
	ok(lk_release_all(w[0]));
	expect_free(m, w[2], "n");
}

Test(transfer, of_one_of_two_grants_in_all_modes)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];

	open_owners(m, w, 3);
	for (lk_mode goes = LK_IS; goes <= LK_X; goes++)
		for (lk_mode stays = LK_IS; stays <= LK_X; stays++)
			for (lk_mode has = LK_NL; has <= LK_X; has++)
				hand_one_of_two(m, w, goes, stays, has);
	close_all(m, w, 3);
}

/* Three grants on one name; each of them goes, in any order, and comes back. */
Test(transfer, of_re_entries_in_any_order)
{
	static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					  { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];

	open_owners(m, w, 3);
	for (int k = 0; k < 6; k++) {
		const int *order = orders[k];
		lk_grant g[3];

		for (int i = 0; i < 3; i++)
			g[i] = take(w[0], "n", LK_S);
		for (int i = 0; i < 3; i++) {
			g[order[i]] = hand(w[0], g[order[i]], w[1]);
			expect_held(m, "n", LK_S, i < 2 ? 2 : 1);
		}
		for (int i = 0; i < 3; i++)
			ok(lk_release(w[1], g[order[i]]));
		expect_free(m, w[2], "n");
	}
	close_all(m, w, 3);
}

Test(transfer, minds_how_often_a_name_may_be_taken)
{
	struct lk_manager *m = open_manager("memory:?max_reentry=2");
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	g = take(w[0], "n", LK_S);
	(void)take(w[1], "n", LK_S);
	(void)take(w[1], "n", LK_S);
	is(lk_transfer(w[0], g, w[1], NULL), LK_E_LIMIT);
	cr_expect_eq(holds(w[0], "n"), LK_S);
	ok(lk_release(w[0], g));
	close_all(m, w, 2);
}

static lk_grant
take_with(struct lk_owner *w, const char *name, lk_mode mode, struct lk_options o)
{
	lk_grant g = 0;

	o.size = sizeof(o);
	ok(lk_acquire(w, name, mode, &o, &g));
	return g;
}

Test(transfer, takes_tag_and_time_along)
{
	const struct lk_options o = { .tag = "why", .tag_len = 3, .flags = LK_TIMED };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	/* as the only grant, as a re-entry, and as the first of two */
	for (int i = 0; i < 3; i++) {
		lk_grant before = i == 1 ? take(w[0], "n", LK_S) : 0;
		lk_grant g = take_with(w[0], "n", LK_S, o);
		lk_grant after = i == 2 ? take(w[0], "n", LK_S) : 0;
		const struct lk_grant_info was = grant_info(w[0], g);
		struct lk_grant_info info;
		uint64_t since = was.since_ns;

		cr_expect_neq(since, 0);
		g = hand(w[0], g, w[1]);
		info = grant_info(w[1], g);
		cr_expect_eq(info.since_ns, since);
		cr_expect(info.tag_len == 3 && memcmp(info.tag, "why", 3) == 0);
		if (before + after != 0)
			cr_expect_eq(grant_info(w[0], before + after).tag_len, 0);
		ok(lk_release_all(w[0]));
		info = grant_info(w[1], g);
		cr_expect(info.tag_len == 3 && memcmp(info.tag, "why", 3) == 0);
		ok(lk_release(w[1], g));
	}
	close_all(m, w, 2);
}

static void *
die_holding(void *arg)
{
	struct lk_owner *me = lk_self(arg);

	must(me != NULL && lk_acquire(me, "n", LK_X, NULL, NULL) == 0);
	return NULL;
}

Test(transfer, takes_the_note_of_a_death_along)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	pthread_t t;
	lk_grant g;

	open_owners(m, w, 2);
	cr_assert_eq(pthread_create(&t, NULL, die_holding, m), 0);
	cr_assert_eq(pthread_join(t, NULL), 0);
	g = take(w[0], "n", LK_X);
	g = hand(w[0], g, w[1]);
	cr_expect_eq(grant_info(w[1], g).flags & LK_OWNER_DIED, LK_OWNER_DIED);
	ok(lk_release(w[1], g));
	g = take(w[0], "n", LK_X);
	cr_expect_eq(grant_info(w[0], g).flags & LK_OWNER_DIED, 0);
	close_all(m, w, 2);
}

/* ----------------------------------------------------------------------- paths */

Test(transfer, takes_the_intents_above_along)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];

	open_owners(m, w, 3);
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		const lk_mode above = mode == LK_IS || mode == LK_S ? LK_IS : LK_IX;
		lk_grant g = take(w[0], "a/b/c", mode);

		g = hand(w[0], g, w[1]);
		cr_expect_eq(holds(w[0], "a"), LK_NL);
		cr_expect_eq(holds(w[0], "a/b"), LK_NL);
		expect_held(m, "a", above, 1);
		expect_held(m, "a/b", above, 1);
		expect_held(m, "a/b/c", mode, 1);
		cr_expect_eq(holds(w[1], "a"), above);
		ok(lk_release(w[1], g));
		expect_free(m, w[2], "a");
		expect_free(m, w[2], "a/b");
		expect_free(m, w[2], "a/b/c");
	}
	close_all(m, w, 3);
}

Test(transfer, leaves_what_others_of_both_need_above)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];
	lk_grant g[3];

	open_owners(m, w, 3);
	g[0] = take(w[0], "a/b/1", LK_X);
	g[1] = take(w[0], "a/b/2", LK_S);
	g[2] = take(w[1], "a/3", LK_S);
	g[0] = hand(w[0], g[0], w[1]);
	cr_expect_eq(holds(w[0], "a/b"), LK_IS);
	cr_expect_eq(holds(w[0], "a"), LK_IS);
	cr_expect_eq(holds(w[1], "a/b"), LK_IX);
	cr_expect_eq(holds(w[1], "a"), LK_IX);
	g[1] = hand(w[0], g[1], w[1]);
	expect_held(m, "a", LK_IX, 1);
	expect_held(m, "a/b", LK_IX, 1);
	ok(lk_release(w[1], g[0]));
	expect_held(m, "a", LK_IS, 1);
	expect_held(m, "a/b", LK_IS, 1);
	ok(lk_release(w[1], g[1]));
	ok(lk_release(w[1], g[2]));
	expect_free(m, w[2], "a");
	close_all(m, w, 3);
}

/* One that holds the ancestor of what comes, and one that keeps it. */
Test(transfer, is_refused_where_an_ancestor_would_be_in_the_way)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g[2];

	open_owners(m, w, 2);
	g[0] = take(w[0], "a/b", LK_X);
	g[1] = take(w[0], "a", LK_S); /* SIX on a, and what comes needs IX */
	is(lk_transfer(w[0], g[0], w[1], NULL), LK_E_BUSY);
	is(lk_transfer(w[0], g[1], w[1], NULL), LK_E_BUSY);
	expect_held(m, "a", LK_SIX, 1);
	ok(lk_release(w[0], g[1]));
	g[0] = hand(w[0], g[0], w[1]);
	expect_held(m, "a", LK_IX, 1);
	close_all(m, w, 2);
}

Test(transfer, of_an_ancestor_leaves_what_is_below)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];
	lk_grant below;
	lk_grant above;

	open_owners(m, w, 3);
	below = take(w[0], "a/b", LK_S);
	above = take(w[0], "a", LK_S);
	above = hand(w[0], above, w[1]);
	expect_held(m, "a/b", LK_S, 1);
	cr_expect_eq(holds(w[0], "a"), LK_IS);
	cr_expect_eq(holds(w[1], "a"), LK_S);
	/* … and the one below comes after it, to who holds what covers it: as one of its own */
	below = hand(w[0], below, w[1]);
	expect_held(m, "a/b", LK_S, 1);
	expect_held(m, "a", LK_S, 1);
	ok(lk_release(w[1], above));
	expect_held(m, "a", LK_IS, 1);
	ok(lk_release(w[1], below));
	expect_free(m, w[2], "a");
	expect_free(m, w[2], "a/b");
	close_all(m, w, 3);
}

Test(transfer, of_an_implied_grant_is_not_possible)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant above;
	lk_grant below;
	lk_grant out;

	open_owners(m, w, 2);
	above = take(w[0], "a", LK_X);
	below = take(w[0], "a/b", LK_X);
	is(lk_transfer(w[0], below, w[1], NULL), LK_E_UNSUPPORTED);
	is(lk_transfer(w[0], above, w[1], NULL), LK_E_BUSY); /* it covers the other */
	ok(lk_transfer(w[0], below, w[0], &out));
	ok(lk_release(w[0], below));
	above = hand(w[0], above, w[1]);
	close_all(m, w, 2);
}

/* What `to` has on the way is covered by what it has above. */
Test(transfer, makes_real_what_was_implied_on_the_way)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];
	lk_grant above;
	lk_grant implied[2];
	lk_grant g;

	open_owners(m, w, 3);
	for (int leaf = 0; leaf < 2; leaf++) {
		const char *name = leaf != 0 ? "a/b/c" : "a/b";

		above = take(w[1], "a", LK_S);
		implied[0] = take(w[1], name, LK_S);
		implied[1] = take(w[1], name, LK_IS);
		cr_expect_eq(grant_info(w[1], implied[0]).flags & LK_IMPLIED, LK_IMPLIED);
		g = take(w[0], "a/b/c", LK_S);
		g = hand(w[0], g, w[1]);
		cr_expect_eq(grant_info(w[1], implied[0]).flags & LK_IMPLIED, 0);
		expect_held(m, "a/b/c", LK_S, 1);
		ok(lk_release(w[1], above));
		expect_held(m, "a", LK_IS, 1);
		ok(lk_release(w[1], g));
		ok(lk_release(w[1], implied[0]));
		ok(lk_release(w[1], implied[1]));
		expect_free(m, w[2], "a");
		expect_free(m, w[2], "a/b");
		expect_free(m, w[2], "a/b/c");
	}
	close_all(m, w, 3);
}

/* … and puts it back if it cannot be: nothing is left of the attempt. */
Test(transfer, that_is_refused_puts_back_what_it_made_real)
{
	struct lk_manager *m = open_manager("memory:?max_reentry=1");
	struct lk_owner *w[3];
	lk_grant implied;
	lk_grant above;
	lk_grant g;

	open_owners(m, w, 3);
	above = take(w[1], "a", LK_S);
	implied = take(w[1], "a/b", LK_S);
	g = take(w[0], "a/b", LK_S);
	is(lk_transfer(w[0], g, w[1], NULL), LK_E_LIMIT);
	cr_expect_eq(grant_info(w[1], implied).flags & LK_IMPLIED, LK_IMPLIED);
	expect_held(m, "a/b", LK_S, 1);
	ok(lk_release(w[0], g));
	expect_held(m, "a", LK_S, 1);
	ok(lk_release(w[1], implied));
	ok(lk_release(w[1], above));
	expect_free(m, w[2], "a/b");
	close_all(m, w, 3);
}

Test(transfer, with_parents_takes_them_along_in_its_mode)
{
	const struct lk_options o = { .flags = LK_PARENTS };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];

	open_owners(m, w, 3);
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		lk_grant g = take_with(w[0], "a/b", mode, o);
		const uint64_t fence = lk_fence(w[0], g);

		g = hand(w[0], g, w[1]);
		cr_expect_eq(lk_fence(w[1], g), fence);
		expect_held(m, "a", mode, 1);
		expect_held(m, "a/b", mode, 1);
		cr_expect_eq(holds(w[0], "a"), LK_NL);
		g = hand(w[1], g, w[0]);
		ok(lk_release(w[0], g));
		expect_free(m, w[2], "a");
	}
	close_all(m, w, 3);
}

Test(transfer, of_a_very_deep_name)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	char name[801];
	lk_grant g;

	open_owners(m, w, 2);
	for (size_t i = 0; i < 800; i++)
		name[i] = i % 2 != 0 ? '/' : 'a';
	name[799] = '\0';
	g = take(w[0], name, LK_X);
	for (int i = 0; i < 10; i++)
		g = hand(w[i % 2], g, w[(i + 1) % 2]);
	cr_expect_eq(stats_of(m).holds, 400);
	ok(lk_release(w[0], g));
	cr_expect_eq(stats_of(m).holds, 0);
	expect_free(m, w[1], "a");
	close_all(m, w, 2);
}

/* More than the first slots, tables and all. */
Test(transfer, of_many_grants)
{
	enum { MANY = 500 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g[MANY];

	open_owners(m, w, 2);
	for (uint64_t i = 0; i < MANY; i++)
		ok(lk_acquire_id(w[0], i, LK_X, NULL, &g[i]));
	for (uint64_t i = 0; i < MANY; i++)
		g[i] = hand(w[0], g[i], w[1]);
	cr_expect_eq(stats_of(m).holds, MANY);
	for (uint64_t i = 0; i < MANY; i++) {
		cr_expect_eq(lk_holds_id(w[1], i), LK_X);
		cr_expect_eq(lk_holds_id(w[0], i), LK_NL);
	}
	for (uint64_t i = 0; i < MANY; i++)
		ok(lk_release(w[1], g[i]));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, w, 2);
}

/* ---------------------------------------------------------------------- counts */

Test(transfer, is_counted_and_is_no_grant)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_stats of_owner = { .size = sizeof(of_owner) };
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	g = take(w[0], "a/b", LK_X);
	for (int i = 0; i < 6; i++)
		g = hand(w[i % 2], g, w[(i + 1) % 2]);
	cr_expect_eq(stats_of(m).transfers, 6);
	cr_expect_eq(stats_of(m).grants, 1);
	ok(lk_owner_stats(w[1], &of_owner));
	cr_expect_eq(of_owner.grants, 0);
	cr_expect_eq(of_owner.transfers, 3);
	close_all(m, w, 2);
}

static int
keep_event(void *arg, const struct lk_event *e)
{
	*(struct lk_event *)arg = *e;
	return 0;
}

struct line_kept {
	char text[4096];
	size_t n;
};

static int
keep_text(void *arg, const char *text, size_t len)
{
	struct line_kept *l = arg;

	must(l->n + len < sizeof(l->text));
	memcpy(l->text + l->n, text, len);
	l->n += len;
	return 0;
}

static int
hook(void *arg, const struct lk_event *e)
{
	if (e->kind == LK_EVENT_TRANSFER)
		*(struct lk_event *)arg = *e;
	return 0;
}

Test(transfer, is_told_with_both_owners)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_event_filter f = LK_EVENT_FILTER_INIT;
	struct lk_event seen = { 0 };
	struct lk_event hooked = { 0 };
	struct line_kept text = { .n = 0 };
	struct lk_manager *m;
	struct lk_owner *w[2];
	char expected[64];
	lk_grant g;

	cfg.on_event = hook;
	cfg.on_event_arg = &hooked;
	ok(lk_open(NULL, &cfg, &m));
	open_owners(m, w, 2);
	g = take(w[0], "a/b", LK_X);
	g = hand(w[0], g, w[1]);
	f.kinds = LK_EVENT_TRANSFER;
	ok(lk_event_each(m, &f, keep_event, &seen));
	cr_expect_eq(seen.kind, LK_EVENT_TRANSFER);
	cr_expect_eq(seen.grant, g);
	cr_expect_eq(seen.fence, lk_fence(w[1], g));
	cr_expect_eq(seen.from, LK_X);
	cr_expect(seen.name_len == 3 && memcmp(seen.name, "a/b", 3) == 0);
	cr_expect_neq(seen.owner_id, 0);
	cr_expect_neq(seen.other_owner, 0);
	cr_expect_neq(seen.owner_id, seen.other_owner);
	cr_expect_eq(memcmp(&seen, &hooked, sizeof(seen)), 0);
	cr_expect_str_eq(lk_eventname(LK_EVENT_TRANSFER), "transfer");
	ok(lk_history(m, &f, LK_TEXT, keep_text, &text));
	(void)snprintf(expected, sizeof(expected), ", to owner %llu\n",
		       (unsigned long long)seen.other_owner);
	cr_expect_not_null(strstr(text.text, expected), "%s", text.text);
	text = (struct line_kept){ .n = 0 };
	ok(lk_history(m, &f, LK_JSON, keep_text, &text));
	cr_expect_not_null(strstr(text.text, "\"kind\":\"transfer\""));
	cr_expect_not_null(strstr(text.text, "\"other_owner\":"));
	close_all(m, w, 2);
}

/* ---------------------------------------------------------------------- memory */

/* Everything that can fail in it fails once: then nothing has changed, and it can be done again. */
static bool
hand_without_memory(uint64_t nth, uint64_t others, uint32_t flags, bool leased)
{
	const struct lk_options o = {
		.tag = "why",
		.tag_len = 3,
		.flags = flags,
		.lease_ns = leased ? UINT64_C(3600000000000) : 0,
	};
	struct lk_owner *w[3];
	struct test_heap heap;
	struct lk_manager *m;
	bool failed;
	lk_grant g;
	int rc;

	test_heap_init(&heap);
	m = open_with("memory:?events=off", &heap, NULL); /* those are dropped without memory */
	open_owners(m, w, 3);
	for (uint64_t id = 0; id < others; id++) /* nearly all slots that `to` has */
		ok(lk_acquire_id(w[1], id, LK_S, NULL, NULL));
	g = take_with(w[0], "a/b/c", LK_X, o);
	if ((flags & LK_PARENTS) == 0)
		(void)take(w[1], "a/b", LK_IX);
	test_heap_fail(&heap, nth, true);
	rc = lk_transfer(w[0], g, w[1], NULL);
	failed = atomic_load(&heap.failures) != 0;
	test_heap_fail(&heap, 0, false);
	cr_assert(rc == (failed ? LK_E_NOMEM : 0), "%d", rc);
	if (failed) {
		cr_expect_eq(holds(w[0], "a/b/c"), LK_X);
		cr_expect_eq(grant_info(w[0], g).tag_len, 3);
		cr_expect_eq(holds(w[1], "a"), (flags & LK_PARENTS) == 0 ? LK_IX : LK_NL);
		cr_expect_eq(holds(w[1], "a/b/c"), LK_NL);
		ok(lk_transfer(w[0], g, w[1], NULL));
	}
	cr_expect_eq(stats_of(m).transfers, 1);
	cr_expect_eq(holds(w[1], "a/b/c"), LK_X);
	ok(lk_release_all(w[1]));
	expect_free(m, w[2], "a");
	close_all(m, w, 3);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
	return failed;
}

Test(transfer, without_memory_changes_nothing)
{
	for (uint64_t others = 13; others <= 16; others++) {
		uint64_t failures = 0;

		for (int kind = 0; kind < 4; kind++) {
			uint64_t n = 1;

			while (hand_without_memory(n, others, (kind & 1) != 0 ? LK_PARENTS : 0,
						   kind >= 2))
				n++;
			failures += n - 1;
		}
		cr_expect(failures > 0 || others == 13, "nothing could fail");
	}
}
