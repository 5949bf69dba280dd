/* SPDX-License-Identifier: MIT */
/* Names below names: what a grant holds above it, for how long, and whom that keeps out. */
#include "support.h"

static const struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };
static const struct lk_options parents = { .size = sizeof(parents),
					   .flags = LK_PARENTS | LK_NOWAIT };

/* What each mode holds its ancestors in, by hand. */
static const lk_mode intent[MODES] = {
	[LK_IS] = LK_IS, [LK_S] = LK_IS,   [LK_IX] = LK_IX,
	[LK_U] = LK_IX,  [LK_SIX] = LK_IX, [LK_X] = LK_IX,
};

/* Does a newcomer get exactly the modes in `modes`?  i: IS, x: IX, s: S, 6: SIX, u: U, X: X. */
static void
expect_open(struct lk_owner *w, const char *name, const char *modes)
{
	static const char letters[MODES + 1] = "-ixs6uX";

	for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++)
		cr_expect_eq(is_open_to(w, name, wanted), strchr(modes, letters[wanted]) != NULL,
			     "%s on %s, where \"%s\" are open", mode_name(wanted), name, modes);
}

/* ------------------------------------------------------------------------- intents */

Test(hierarchy, a_grant_holds_its_ancestors_in_an_intent)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		lk_grant g = take(w[0], "r/m/l", mode);

		cr_expect_eq(grant_info(w[0], g).flags, 0);
		cr_expect_eq(grant_info(w[0], g).effective, mode);
		cr_expect_eq(holds(w[0], "r/m/l"), mode);
		cr_expect_eq(holds(w[0], "r/m"), intent[mode], "%s", mode_name(mode));
		cr_expect_eq(holds(w[0], "r"), intent[mode], "%s", mode_name(mode));
		cr_expect_eq(info_of(m, "r/m/l").holders[mode], 1);
		cr_expect_eq(info_of(m, "r/m").holders[intent[mode]], 1);
		cr_expect_eq(info_of(m, "r").holders[intent[mode]], 1);
		cr_expect_eq(holds(w[0], "r/m/s"), LK_NL);
		cr_expect_eq(stats_of(m).holds, 3);
		ok(lk_release(w[0], g));
		cr_expect_eq(stats_of(m).holds, 0);
		expect_open(w[1], "r", "ixs6uX");
	}
	close_all(m, w, 2);
}

Test(hierarchy, a_grant_keeps_others_out_of_what_is_above_and_below)
{
	static const struct {
		lk_mode mode;                               /* held on r/m */
		const char *root, *middle, *below, *beside; /* open to another */
	} rows[] = {
		{ LK_IS, "ixs6u", "ixs6u", "ixs6uX", "ixs6uX" },
		{ LK_IX, "ix", "ix", "ixs6uX", "ixs6uX" },
		{ LK_S, "ixs6u", "isu", "is", "ixs6uX" },
		{ LK_SIX, "ix", "i", "is", "ixs6uX" },
		{ LK_U, "ix", "is", "is", "ixs6uX" },
		{ LK_X, "ix", "", "", "ixs6uX" },
	};
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (size_t i = 0; i < countof(rows); i++) {
		take(w[0], "r/m", rows[i].mode);
		expect_open(w[1], "r", rows[i].root);
		expect_open(w[1], "r/m", rows[i].middle);
		expect_open(w[1], "r/m/l", rows[i].below);
		expect_open(w[1], "r/m/l/e/a/f", rows[i].below);
		expect_open(w[1], "r/s", rows[i].beside);
		expect_open(w[1], "s", "ixs6uX");
		ok(lk_release_all(w[0]));
	}
	close_all(m, w, 2);
}

/* What another owner gets below a name that is held in `held`, at whatever level that is. */
Test(hierarchy, a_request_below_needs_its_intent_above)
{
	static const struct {
		lk_mode held;
		const char *below;
	} rows[] = {
		{ LK_IS, "ixs6uX" }, { LK_IX, "ixs6uX" }, { LK_S, "is" },
		{ LK_SIX, "is" },    { LK_U, "is" },      { LK_X, "" },
	};
	static const char *const ancestors[] = { "r", "r/m", "r/m/n" };
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (size_t i = 0; i < countof(rows); i++) {
		for (size_t k = 0; k < countof(ancestors); k++) {
			take(w[0], ancestors[k], rows[i].held);
			expect_open(w[1], "r/m/n/l", rows[i].below);
			cr_expect_eq(stats_of(m).holds, k + 1); /* and nothing is left of it */
			ok(lk_release_all(w[0]));
		}
	}
	close_all(m, w, 2);
}

struct seen {
	unsigned grants;
	unsigned rows;
	unsigned without_grants;
};

static int
count_grant(void *arg, const struct lk_grant_info *grant)
{
	struct seen *seen = arg;

	seen->grants++;
	cr_expect_eq(grant->name_len, 5);
	return 0;
}

static int
count_row(void *arg, const struct lk_snapshot_row *row)
{
	struct seen *seen = arg;

	seen->rows++;
	seen->without_grants += row->grants == 0;
	cr_expect_eq(row->flags, 0);
	cr_expect_eq(row->grants, row->name_len == 5 ? 2 : 0);
	cr_expect_eq(row->held, row->name_len == 5 ? LK_X : LK_IX);
	cr_expect_eq(row->wanted, LK_NL);
	return 0;
}

Test(hierarchy, an_intent_is_nobody_s_grant)
{
	struct lk_manager *m = open_manager(NULL);
	struct seen seen = { 0 };
	struct lk_owner *w;

	open_owners(m, &w, 1);
	take(w, "r/m/l", LK_X);
	take(w, "r/m/l", LK_S);
	is(lk_release_name(w, "r", 1), LK_E_STALE);
	is(lk_release_name(w, "r/m", 3), LK_E_STALE);
	ok(lk_owner_each(w, count_grant, &seen));
	ok(lk_snapshot(m, count_row, &seen));
	cr_expect_eq(seen.grants, 2);
	cr_expect_eq(seen.rows, 3);
	cr_expect_eq(seen.without_grants, 2);
	cr_expect_eq(stats_of(m).grants, 2);
	cr_expect_eq(stats_of(m).intents, 2);
	ok(lk_release_name(w, "r/m/l", 5));
	ok(lk_release_name(w, "r/m/l", 5));
	is(lk_release_name(w, "r/m/l", 5), LK_E_STALE);
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

/* Intents are counted: what is above falls to what the grants that are left need. */
Test(hierarchy, intents_last_as_long_as_the_last_grant_below)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant read, write, again, beside;

	open_owners(m, &w, 1);
	read = take(w, "r/m/a", LK_S);
	write = take(w, "r/m/b", LK_X);
	beside = take(w, "r/n", LK_IS);
	cr_expect_eq(holds(w, "r"), LK_IX);
	cr_expect_eq(holds(w, "r/m"), LK_IX);
	again = take(w, "r/m/b", LK_U);
	ok(lk_release(w, write));
	cr_expect_eq(holds(w, "r"), LK_IX); /* for the U */
	cr_expect_eq(holds(w, "r/m/b"), LK_U);
	ok(lk_release(w, again));
	cr_expect_eq(holds(w, "r"), LK_IS);
	cr_expect_eq(holds(w, "r/m"), LK_IS);
	ok(lk_release(w, read));
	cr_expect_eq(holds(w, "r/m"), LK_NL);
	cr_expect_eq(holds(w, "r"), LK_IS);
	ok(lk_release(w, beside));
	cr_expect_eq(holds(w, "r"), LK_NL);
	close_all(m, &w, 1);
}

/* One owner on both, the leaf first, so that nothing is implied: what the ancestor comes to. */
Test(hierarchy, a_grant_and_an_intent_on_one_name_add_up)
{
	static const lk_mode rows[][3] = {
		/* ancestor, leaf, the ancestor with both */
		{ LK_IS, LK_S, LK_IS }, { LK_IS, LK_X, LK_IX },    { LK_IX, LK_S, LK_IX },
		{ LK_IX, LK_X, LK_IX }, { LK_S, LK_S, LK_S },      { LK_S, LK_X, LK_SIX },
		{ LK_S, LK_U, LK_SIX }, { LK_U, LK_S, LK_U },      { LK_U, LK_IX, LK_SIX },
		{ LK_U, LK_X, LK_SIX }, { LK_SIX, LK_IS, LK_SIX }, { LK_SIX, LK_X, LK_SIX },
		{ LK_X, LK_IS, LK_X },  { LK_X, LK_X, LK_X },
	};
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (size_t i = 0; i < countof(rows); i++) {
		for (int leaf_first = 0; leaf_first < 2; leaf_first++) {
			lk_grant leaf = take(w, "r/m/l", rows[i][1]);
			lk_grant above = take(w, "r/m", rows[i][0]);

			cr_expect_eq(holds(w, "r/m"), rows[i][2], "row %zu", i);
			cr_expect_eq(info_of(m, "r/m").holders[rows[i][2]], 1, "row %zu", i);
			cr_expect_eq(grant_info(w, above).mode, rows[i][0]);
			cr_expect_eq(grant_info(w, leaf).flags, 0);
			ok(lk_release(w, leaf_first ? leaf : above));
			cr_expect_eq(info_of(m, "r/m")
					     .holders[leaf_first ? rows[i][0] : intent[rows[i][1]]],
				     1, "row %zu", i);
			ok(lk_release(w, leaf_first ? above : leaf));
			cr_expect_eq(stats_of(m).holds, 0);
		}
	}
	close_all(m, &w, 1);
}

/* --------------------------------------------------------------------- conversions */

Test(hierarchy, a_conversion_takes_its_intents_along)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (lk_mode from = LK_IS; from <= LK_X; from++) {
		for (lk_mode to = LK_IS; to <= LK_X; to++) {
			lk_grant g = take(w, "r/m/l", from);

			ok(lk_can_convert(w, g, to));
			cr_expect_eq(holds(w, "r"), intent[from]);
			ok(lk_convert(w, g, to, &nowait));
			cr_expect_eq(holds(w, "r/m/l"), to);
			cr_expect_eq(holds(w, "r/m"), intent[to], "%s to %s", mode_name(from),
				     mode_name(to));
			cr_expect_eq(holds(w, "r"), intent[to], "%s to %s", mode_name(from),
				     mode_name(to));
			ok(lk_release(w, g));
			cr_expect_eq(stats_of(m).holds, 0);
		}
	}
	close_all(m, &w, 1);
}

Test(hierarchy, upgrade_and_downgrade_move_the_intents)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	g = take(w[0], "r/m/l", LK_S);
	ok(lk_upgrade(w[0], g, &nowait));
	expect_open(w[1], "r", "ix");
	ok(lk_downgrade(w[0], g));
	expect_open(w[1], "r", "ixs6u");
	cr_expect_eq(info_of(m, "r/m").holders[LK_IS], 1);
	close_all(m, w, 2);
}

Test(hierarchy, can_convert_looks_at_the_ancestors_too)
{
	static const char *const levels[] = { "r", "r/m", "r/m/l" };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (size_t i = 0; i < countof(levels); i++) {
		lk_grant g = take(w[0], "r/m/l", LK_S);
		lk_grant other = take(w[1], levels[i], LK_S);

		is(lk_can_convert(w[0], g, LK_X), LK_E_BUSY);
		is(lk_can_convert(w[0], g, LK_IS), 0);
		is(lk_can_convert(w[0], g, LK_U), i < 2 ? LK_E_BUSY : 0);
		ok(lk_release(w[1], other));
		is(lk_can_convert(w[0], g, LK_X), 0);
		cr_expect_eq(holds(w[0], "r"), LK_IS);
		ok(lk_release(w[0], g));
	}
	close_all(m, w, 2);
}

/* ---------------------------------------------------------------------- waiting */

Test(hierarchy, a_writer_waits_at_the_level_that_is_in_its_way)
{
	static const char *const levels[] = { "r", "r/m", "r/m/l" };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (size_t i = 0; i < countof(levels); i++) {
		lk_grant g = take(w[0], levels[i], LK_S);
		struct asker a = { .owner = w[1], .name = "r/m/l", .mode = LK_X };

		asker_start(&a);
		wait_until(line(m, levels[i]) == 1);
		for (size_t k = 0; k < i; k++) /* from the root down */
			cr_expect_eq(info_of(m, levels[k]).holders[LK_IX], 1);
		cr_expect_eq(stats_of(m).waiting, 1);
		ok(lk_release(w[0], g));
		granted(&a);
		cr_expect_eq(holds(w[1], "r/m/l"), LK_X);
		cr_expect_eq(holds(w[1], "r"), LK_IX);
		ok(lk_release_all(w[1]));
		cr_expect_eq(stats_of(m).holds, 0);
	}
	close_all(m, w, 2);
}

Test(hierarchy, whoever_wants_the_root_waits_for_all_that_is_below)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];
	struct asker a;
	lk_grant g[2];

	open_owners(m, w, 3);
	g[0] = take(w[0], "r/m/a", LK_S);
	g[1] = take(w[1], "r/n", LK_X);
	ask(m, &a, w[2], "r", LK_X);
	ok(lk_release(w[1], g[1]));
	cr_expect_eq(line(m, "r"), 1);
	cr_expect(!is_answered(&a));
	ok(lk_release(w[0], g[0]));
	granted(&a);
	expect_open(w[0], "r/m/a", "");
	close_all(m, w, 3);
}

/* Who holds something below already goes ahead of those who wait for him above. */
Test(hierarchy, an_owner_does_not_wait_behind_those_who_wait_for_it)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[3];
	struct asker a;

	open_owners(m, w, 3);
	take(w[0], "r/a", LK_S);
	take(w[1], "r/c", LK_S);
	ask(m, &a, w[2], "r", LK_X);
	ok(lk_acquire(w[0], "r/b", LK_S, &nowait, NULL)); /* IS again */
	ok(lk_acquire(w[0], "r/b", LK_X, &nowait, NULL)); /* from IS to IX */
	cr_expect(!is_answered(&a));
	ok(lk_release_all(w[0]));
	ok(lk_release_all(w[1]));
	granted(&a);
	close_all(m, w, 3);
}

Test(hierarchy, a_newcomer_below_waits_behind_those_who_wait_above)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[3];
	struct asker first, second;

	open_owners(m, w, 3);
	take(w[0], "r/a", LK_S);
	ask(m, &first, w[1], "r", LK_X);
	second = (struct asker){ .owner = w[2], .name = "r/a", .mode = LK_S };
	asker_start(&second);
	wait_until(line(m, "r") == 2);
	ok(lk_release_all(w[0]));
	granted(&first);
	cr_expect(!is_answered(&second));
	ok(lk_release_all(w[1]));
	granted(&second);
	close_all(m, w, 3);
}

static int
keep_waiter(void *arg, const struct lk_snapshot_row *row)
{
	if (row->wanted == LK_NL)
		return 0;
	*(struct lk_snapshot_row *)arg = *row;
	cr_expect_eq(row->name_len, 3);
	cr_expect_eq(memcmp(row->name, "r/m", 3), 0);
	return 1;
}

/* In the line of the name that is in its way, with the intent that it wants there. */
Test(hierarchy, a_waiter_is_seen_where_it_waits)
{
	struct lk_manager *m = open_manager(NULL);
	struct asker a = { .name = "r/m/l", .mode = LK_X };
	struct lk_snapshot_row row = { 0 };
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	a.owner = w[0];
	take(w[0], "r/m/k", LK_S);
	take(w[1], "r/m", LK_S);
	asker_start(&a);
	wait_until(line(m, "r/m") == 1);
	is(lk_snapshot(m, keep_waiter, &row), 1);
	cr_expect_eq(row.wanted, LK_IX);
	cr_expect_eq(row.held, LK_IS);
	cr_expect_eq(row.position, 1);
	ok(lk_release_all(w[1]));
	granted(&a);
	close_all(m, w, 2);
}

/* ------------------------------------------------------------------------- parents */

Test(hierarchy, with_parents_the_ancestors_are_held_in_the_same_mode)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		lk_grant g;

		ok(lk_acquire(w, "r/m/l", mode, &parents, &g));
		cr_expect_eq(info_of(m, "r").holders[mode], 1, "%s", mode_name(mode));
		cr_expect_eq(info_of(m, "r/m").holders[mode], 1, "%s", mode_name(mode));
		cr_expect_eq(info_of(m, "r/m/l").holders[mode], 1, "%s", mode_name(mode));
		cr_expect_eq(grant_info(w, g).flags, 0);
		is(lk_release_name(w, "r/m", 3), LK_E_STALE);
		ok(lk_release(w, g));
		cr_expect_eq(stats_of(m).holds, 0, "%s", mode_name(mode));
	}
	close_all(m, &w, 1);
}

Test(hierarchy, with_parents_a_conversion_changes_them_all)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (lk_mode from = LK_IS; from <= LK_X; from++) {
		for (lk_mode to = LK_IS; to <= LK_X; to++) {
			lk_grant g;

			ok(lk_acquire(w, "r/m/l", from, &parents, &g));
			ok(lk_convert(w, g, to, &nowait));
			cr_expect_eq(info_of(m, "r").holders[to], 1, "%s to %s", mode_name(from),
				     mode_name(to));
			cr_expect_eq(info_of(m, "r/m").holders[to], 1);
			cr_expect_eq(info_of(m, "r/m/l").holders[to], 1);
			ok(lk_release(w, g));
			cr_expect_eq(stats_of(m).holds, 0);
		}
	}
	close_all(m, &w, 1);
}

Test(hierarchy, with_parents_nothing_is_implied)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant above, g;

	open_owners(m, &w, 1);
	above = take(w, "r", LK_X);
	ok(lk_acquire(w, "r/m/l", LK_S, &parents, &g));
	cr_expect_eq(grant_info(w, g).flags, 0);
	cr_expect_eq(info_of(m, "r/m/l").holders[LK_S], 1);
	cr_expect_eq(info_of(m, "r/m").holders[LK_S], 1);
	cr_expect_eq(info_of(m, "r").holders[LK_X], 1);
	ok(lk_release(w, above));
	cr_expect_eq(info_of(m, "r").holders[LK_S], 1);
	ok(lk_release(w, g));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

Test(hierarchy, with_parents_readers_share_and_a_writer_is_alone_in_the_tree)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	ok(lk_acquire(w[0], "r/m/a", LK_S, &parents, NULL));
	ok(lk_acquire(w[1], "r/m/b", LK_S, &parents, NULL));
	ok(lk_release_all(w[1]));
	expect_open(w[1], "r", "isu");
	expect_open(w[1], "r/n", "is");
	is(lk_acquire(w[1], "r/n", LK_X, &parents, NULL), LK_E_BUSY);
	ok(lk_release_all(w[0]));
	ok(lk_acquire(w[0], "r/m/a", LK_X, &parents, NULL));
	expect_open(w[1], "r", "");
	expect_open(w[1], "r/n", "");
	expect_open(w[1], "s", "ixs6uX");
	close_all(m, w, 2);
}

/* Plain intents and parents of one owner on the same ancestors. */
Test(hierarchy, parents_and_intents_add_up)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant read, write;

	open_owners(m, &w, 1);
	write = take(w, "r/m/a", LK_X);
	ok(lk_acquire(w, "r/m/b", LK_S, &parents, &read));
	cr_expect_eq(holds(w, "r"), LK_SIX);
	cr_expect_eq(holds(w, "r/m"), LK_SIX);
	ok(lk_release(w, write));
	cr_expect_eq(holds(w, "r"), LK_S);
	write = take(w, "r/m/a", LK_X);
	ok(lk_release(w, read));
	cr_expect_eq(holds(w, "r"), LK_IX);
	ok(lk_release(w, write));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

Test(hierarchy, parents_of_a_name_without_ancestors_are_none)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	ok(lk_acquire(w, "plain", LK_X, &parents, NULL));
	ok(lk_acquire_id(w, 17, LK_X, &parents, NULL));
	cr_expect_eq(stats_of(m).holds, 2);
	close_all(m, &w, 1);
}

/* -------------------------------------------------------------------------- limits */

Test(hierarchy, a_limit_of_grants_does_not_count_intents)
{
	struct lk_manager *m = open_manager("memory:?max_reentry=1");
	struct lk_owner *w;
	lk_grant above;

	open_owners(m, &w, 1);
	take(w, "r/m/a", LK_X);
	take(w, "r/m/b", LK_X);
	ok(lk_acquire(w, "r/m/c", LK_X, &parents, NULL));
	ok(lk_acquire(w, "r/m/d", LK_X, &parents, NULL));
	is(lk_try_acquire(w, "r/m/a", LK_X, NULL), LK_E_LIMIT);
	above = take(w, "r", LK_X);
	is(lk_try_acquire(w, "r", LK_X, NULL), LK_E_LIMIT);
	take(w, "r/m/e", LK_S);
	is(lk_try_acquire(w, "r/m/e", LK_S, NULL), LK_E_LIMIT);
	take(w, "r/m/f", LK_S);
	ok(lk_release(w, above));
	take(w, "r", LK_IS);
	close_all(m, &w, 1);
}

/* ------------------------------------------------------------------ the end of owners */

Test(hierarchy, closing_an_owner_or_shutting_down_leaves_no_intent)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];

	open_owners(m, w, 3);
	for (int i = 0; i < 3; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "r/%d", i);
		take(w[i], name, LK_X);
		(void)snprintf(name, sizeof(name), "r/%d/b", i);
		take(w[i], name, LK_S); /* implied */
		(void)snprintf(name, sizeof(name), "r/m/%d", i);
		take(w[i], name, LK_U);
	}
	ok(lk_release_all(w[0]));
	cr_expect_eq(info_of(m, "r").holders[LK_IX], 2);
	ok(lk_owner_close(w[1]));
	cr_expect_eq(info_of(m, "r").holders[LK_IX], 1);
	cr_expect_eq(stats_of(m).holds, 5); /* of w[2]: r, r/2, r/2/b, r/m, r/m/2 */
	ok(lk_shutdown(m, &nowait));
	cr_expect_eq(stats_of(m).holds, 0);
	cr_expect_eq(info_of(m, "r").holders[LK_IX], 0);
	cr_expect_eq(holds(w[2], "r/2/b"), LK_NL);
	ok(lk_owner_close(w[0]));
	ok(lk_owner_close(w[2]));
	ok(lk_close(m));
}

static void *
die_below(void *arg)
{
	ok(lk_acquire(lk_self(arg), "r/m/l", LK_X, NULL, NULL));
	return NULL;
}

Test(hierarchy, that_a_writer_died_is_told_where_it_wrote)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	pthread_t t;

	open_owners(m, &w, 1);
	cr_assert_eq(pthread_create(&t, NULL, die_below, m), 0);
	cr_assert_eq(pthread_join(t, NULL), 0);
	cr_expect_eq(stats_of(m).holds, 0);
	cr_expect_eq(info_of(m, "r/m/l").flags, LK_OWNER_DIED);
	cr_expect_eq(info_of(m, "r/m").flags, 0); /* an intent writes nothing */
	cr_expect_eq(info_of(m, "r").flags, 0);
	cr_expect_eq(grant_info(w, take(w, "r/m", LK_S)).flags, 0);
	ok(lk_release_all(w));
	cr_expect_eq(grant_info(w, take(w, "r/m/l", LK_S)).flags, LK_OWNER_DIED);
	close_all(m, &w, 1);
}

/* From the leaf up: whoever gets the root finds nobody below, and sees what was done there. */
struct top_down {
	struct lk_manager *m;
	atomic_bool is_over;
	long below; /* plain: under an X of "r/m/l", or of "r" */
	long rounds;
};

static void
hold_below(void *arg)
{
	struct top_down *t = arg;

	for (int i = 0; i < 3000; i++) {
		struct lk_owner *w;

		must(lk_owner_open(t->m, NULL, &w) == 0);
		must(lk_acquire(w, "r/m/l", LK_X, NULL, NULL) == 0);
		must(lk_acquire(w, "r/m/k", LK_X, NULL, NULL) == 0);
		t->below++;
		if (i % 2 == 0)
			must(lk_release_all(w) == 0);
		must(lk_owner_close(w) == 0);
	}
	atomic_store(&t->is_over, true);
}

static void
take_the_root(void *arg)
{
	struct top_down *t = arg;
	struct lk_owner *w;

	must(lk_owner_open(t->m, NULL, &w) == 0);
	while (!atomic_load(&t->is_over)) {
		struct lk_info info = { .size = sizeof(info) };

		if (lk_try_acquire(w, "r", LK_X, NULL) != 0)
			continue;
		must(lk_info(t->m, "r/m/l", 5, &info) == 0 && info.holders[LK_X] == 0);
		must(lk_info(t->m, "r/m/k", 5, &info) == 0 && info.holders[LK_X] == 0);
		must(lk_info(t->m, "r/m", 3, &info) == 0 && info.holders[LK_IX] == 0);
		t->below++;
		t->rounds++;
		must(lk_release_all(w) == 0);
	}
	must(lk_owner_close(w) == 0);
}

static void
below_or_root(void *arg, unsigned index)
{
	if (index == 0)
		hold_below(arg);
	else
		take_the_root(arg);
}

Test(hierarchy, what_is_below_is_given_back_first, .timeout = 60)
{
	struct top_down t = { .m = open_manager(NULL) };

	test_threads(2, below_or_root, &t);
	cr_expect_eq(t.below, 3000 + t.rounds);
	ok(lk_close(t.m));
}

/* ---------------------------------------------------- transactions of several rows */

/* Of four rows, in each order of release, the ancestors have what those that are left need. */
Test(hierarchy, the_ancestors_of_several_rows_follow_those_that_are_left)
{
	static const char *const row[] = { "r/m/1", "r/m/2", "r/n/3", "r/n/4" };
	static const lk_mode mode[] = { LK_S, LK_X, LK_X, LK_IS };
	static const int order[][4] = {
		{ 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 1, 2, 0, 3 }, { 2, 0, 3, 1 }, { 3, 0, 2, 1 },
	};
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (size_t k = 0; k < 3 * sizeof(order) / sizeof(order[0]); k++) {
		lk_mode left[] = { LK_IS, LK_IX, LK_IX, LK_IS };
		lk_grant g[4];

		for (int i = 0; i < 4; i++)
			g[i] = take(w, row[i], mode[i]);
		for (int i = 0; i < 4; i++) {
			int gone = order[k % 5][i];

			cr_expect_eq(holds(w, "r/m"), left[0] > left[1] ? left[0] : left[1]);
			cr_expect_eq(holds(w, "r/n"), left[2] > left[3] ? left[2] : left[3]);
			ok(lk_release(w, g[gone]));
			left[gone] = LK_NL;
		}
		cr_expect_eq(stats_of(m).holds, 0);
	}
	close_all(m, &w, 1);
}

/* Its own grant on the table, and rows below: whichever is released first. */
Test(hierarchy, rows_below_an_explicit_intent_keep_the_table)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (int round = 0; round < 4; round++) {
		lk_grant table = take(w[0], "r/m", LK_IX);
		lk_grant first = take(w[0], "r/m/1", LK_X);
		lk_grant second = take(w[0], "r/m/2", LK_S);

		ok(lk_release(w[0], round % 2 == 0 ? table : first));
		expect_open(w[1], "r/m", "ix");
		ok(lk_release(w[0], round % 2 == 0 ? first : table));
		expect_open(w[1], "r/m", "ixs6u");
		cr_expect_eq(lk_release(w[0], first), LK_E_STALE);
		ok(lk_release(w[0], second));
		cr_expect_eq(lk_release(w[0], second), LK_E_STALE);
		expect_open(w[1], "r", "ixs6uX");
	}
	close_all(m, w, 2);
}

/* However many levels are missing, and however many slots there are for them. */
Test(hierarchy, deep_names_are_taken_and_released_again_and_again)
{
	static const char deep[] = "1/2/3/4/5/6/7/8/9/10";
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (size_t len = 1; len <= sizeof(deep) - 1; len += 2) {
		char name[sizeof(deep)];

		snprintf(name, sizeof(name), "%.*s", (int)len, deep);
		for (int round = 0; round < 3; round++) {
			lk_grant g = take(w[0], name, LK_X);

			cr_expect_eq(stats_of(m).holds, len / 2 + 1, "%s", name);
			expect_open(w[1], "1", len == 1 ? "" : "ix");
			ok(lk_release(w[0], g));
			cr_expect_eq(stats_of(m).holds, 0, "%s", name);
		}
	}
	close_all(m, w, 2);
}
