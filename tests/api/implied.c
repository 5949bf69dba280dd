/* SPDX-License-Identifier: MIT */
/* Implied grants in use: conversions, fences, what is seen of them, and what keeps them in memory. */
#include "state.h"

static const struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };

static bool
is_implied(struct lk_owner *w, lk_grant g)
{
	return (grant_info(w, g).flags & LK_IMPLIED) != 0;
}

static uint32_t
holders(struct lk_manager *m, const char *name, lk_mode mode)
{
	return info_of(m, name).holders[mode];
}

/* --------------------------------------------------------------------- conversions */

/* From a mode that is covered to any other: still implied or not, and the real locks then; by hand. */
Test(implied, a_conversion_stays_within_the_cover_or_becomes_real)
{
	static const struct {
		lk_mode above, from, to;
		bool implied;
		lk_mode ancestor, between, leaf;
	} rows[] = {
		{ LK_X, LK_S, LK_X, 1, LK_X, LK_NL, LK_NL },
		{ LK_X, LK_X, LK_S, 1, LK_X, LK_NL, LK_NL },
		{ LK_X, LK_IS, LK_U, 1, LK_X, LK_NL, LK_NL },
		{ LK_X, LK_U, LK_IX, 1, LK_X, LK_NL, LK_NL },
		{ LK_X, LK_SIX, LK_IS, 1, LK_X, LK_NL, LK_NL },
		{ LK_S, LK_S, LK_IS, 1, LK_S, LK_NL, LK_NL },
		{ LK_S, LK_IS, LK_S, 1, LK_S, LK_NL, LK_NL },
		{ LK_U, LK_IS, LK_S, 1, LK_U, LK_NL, LK_NL },
		{ LK_SIX, LK_S, LK_IS, 1, LK_SIX, LK_NL, LK_NL },
		{ LK_S, LK_S, LK_U, 0, LK_SIX, LK_IX, LK_U },
		{ LK_S, LK_S, LK_X, 0, LK_SIX, LK_IX, LK_X },
		{ LK_S, LK_S, LK_IX, 0, LK_SIX, LK_IX, LK_IX },
		{ LK_S, LK_IS, LK_SIX, 0, LK_SIX, LK_IX, LK_SIX },
		{ LK_U, LK_S, LK_X, 0, LK_SIX, LK_IX, LK_X },
		{ LK_U, LK_IS, LK_U, 0, LK_SIX, LK_IX, LK_U },
		{ LK_SIX, LK_S, LK_X, 0, LK_SIX, LK_IX, LK_X },
		{ LK_SIX, LK_IS, LK_IX, 0, LK_SIX, LK_IX, LK_IX },
	};
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (size_t i = 0; i < countof(rows); i++) {
		lk_grant above = take(w, "r", rows[i].above);
		lk_grant leaf = take(w, "r/m/l", rows[i].from);

		cr_assert(is_implied(w, leaf));
		ok(lk_can_convert(w, leaf, rows[i].to));
		ok(lk_convert(w, leaf, rows[i].to, &nowait));
		cr_expect_eq(is_implied(w, leaf), rows[i].implied, "row %zu", i);
		cr_expect_eq(grant_info(w, leaf).mode, rows[i].to, "row %zu", i);
		cr_expect_eq(holders(m, "r", rows[i].ancestor), 1, "row %zu", i);
		for (lk_mode k = LK_IS; k <= LK_X; k++) {
			cr_expect_eq(holders(m, "r/m", k), k == rows[i].between, "row %zu", i);
			cr_expect_eq(holders(m, "r/m/l", k), k == rows[i].leaf, "row %zu", i);
		}
		ok(lk_release(w, i % 2 ? leaf : above));
		ok(lk_release(w, i % 2 ? above : leaf));
		cr_expect_eq(stats_of(m).holds, 0, "row %zu", i);
	}
	close_all(m, &w, 1);
}

/* What is left above when the ancestor's own grant goes is what the new mode needs. */
Test(implied, a_conversion_within_the_cover_moves_its_count)
{
	static const lk_mode rows[][3] = {
		/* from, to, then left on the ancestor; below an X */
		{ LK_S, LK_X, LK_X },  { LK_X, LK_S, LK_S },    { LK_IS, LK_U, LK_X },
		{ LK_U, LK_IS, LK_S }, { LK_IX, LK_SIX, LK_X }, { LK_IS, LK_S, LK_S },
		{ LK_S, LK_IX, LK_X }, { LK_SIX, LK_S, LK_S },
	};
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (size_t i = 0; i < countof(rows); i++) {
		for (int ancestor_first = 0; ancestor_first < 2; ancestor_first++) {
			lk_grant above = take(w, "r", LK_X);
			lk_grant leaf = take(w, "r/m/l", rows[i][0]);
			lk_mode still = rows[i][0] == LK_S || rows[i][0] == LK_IS ? LK_S : LK_X;

			if (ancestor_first) {
				ok(lk_release(w, above));
				cr_expect_eq(holders(m, "r", still), 1);
				ok(lk_convert(w, leaf, rows[i][1], &nowait));
			} else {
				ok(lk_convert(w, leaf, rows[i][1], &nowait));
				ok(lk_release(w, above));
			}
			/* what no cover was left for has become real, with what it needs above */
			if (is_implied(w, leaf))
				cr_expect_eq(holders(m, "r", rows[i][2]), 1, "row %zu, %d", i,
					     ancestor_first);
			else
				cr_expect_eq(holders(m, "r/m/l", rows[i][1]), 1, "row %zu", i);
			cr_expect(ancestor_first || is_implied(w, leaf));
			ok(lk_release(w, leaf));
			cr_expect_eq(stats_of(m).holds, 0);
		}
	}
	close_all(m, &w, 1);
}

Test(implied, once_real_it_stays_real)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant above, leaf;

	open_owners(m, &w, 1);
	above = take(w, "r", LK_S);
	leaf = take(w, "r/m/l", LK_S);
	ok(lk_upgrade(w, leaf, &nowait));
	ok(lk_downgrade(w, leaf));
	cr_expect(!is_implied(w, leaf));
	cr_expect_eq(holders(m, "r/m/l", LK_S), 1);
	cr_expect_eq(holders(m, "r/m", LK_IS), 1);
	cr_expect_eq(holders(m, "r", LK_S), 1);
	ok(lk_release(w, above));
	cr_expect_eq(holders(m, "r", LK_IS), 1);
	ok(lk_release(w, leaf));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

/* Another reader at some level stands in the way of the writer that this grant would become. */
Test(implied, a_conversion_that_is_refused_leaves_it_as_it_was)
{
	static const char *const levels[] = { "r", "r/m", "r/m/l" };
	static struct state before, after;
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (size_t i = 0; i < countof(levels); i++) {
		lk_grant leaf, other;

		take(w[0], "r", LK_S);
		leaf = take(w[0], "r/m/l", LK_S);
		other = take(w[1], levels[i], LK_S);
		state_read(&before, m, w, 2);
		is(lk_can_convert(w[0], leaf, LK_X), LK_E_BUSY);
		is(lk_convert(w[0], leaf, LK_X, &nowait), LK_E_BUSY);
		is(lk_upgrade(w[0], leaf, &nowait), LK_E_BUSY);
		state_read(&after, m, w, 2);
		state_same(&before, &after, levels[i]);
		cr_expect(is_implied(w[0], leaf));
		ok(lk_release(w[1], other));
		ok(lk_upgrade(w[0], leaf, &nowait));
		ok(lk_release_all(w[0]));
	}
	close_all(m, w, 2);
}

Test(implied, a_conversion_waits_where_it_must)
{
	static const char *const levels[] = { "r", "r/m", "r/m/l" };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (size_t i = 0; i < countof(levels); i++) {
		struct asker a;
		lk_grant leaf, other;

		take(w[0], "r", LK_S);
		leaf = take(w[0], "r/m/l", LK_S);
		other = take(w[1], levels[i], LK_S);
		a = (struct asker){ .owner = w[0], .grant = leaf, .mode = LK_X, .converts = true };
		asker_start(&a);
		wait_until(line(m, levels[i]) == 1);
		ok(lk_release(w[1], other));
		granted(&a);
		cr_expect(!is_implied(w[0], leaf));
		cr_expect_eq(holders(m, "r/m/l", LK_X), 1);
		cr_expect_eq(holders(m, "r", LK_SIX), 1);
		ok(lk_release_all(w[0]));
		cr_expect_eq(stats_of(m).holds, 0);
	}
	close_all(m, w, 2);
}

/* One of two grants on an implied name leaves the cover; the other may, or may not, go with it. */
Test(implied, a_conversion_of_one_grant_of_two_keeps_the_other)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant above, first, second;

	open_owners(m, w, 2);
	above = take(w[0], "r", LK_S);
	first = take(w[0], "r/l", LK_S);
	second = take(w[0], "r/l", LK_S);
	ok(lk_convert(w[0], first, LK_X, &nowait));
	cr_expect_eq(grant_info(w[0], first).mode, LK_X);
	cr_expect_eq(grant_info(w[0], second).mode, LK_S);
	cr_expect_eq(holds(w[0], "r/l"), LK_X);
	ok(lk_release(w[0], above));
	ok(lk_release(w[0], first));
	cr_expect(!is_open_to(w[1], "r/l", LK_X));
	cr_expect(is_open_to(w[1], "r/l", LK_S));
	ok(lk_release(w[0], second));
	cr_expect_eq(stats_of(m).holds, 0);
	cr_expect(is_open_to(w[1], "r", LK_X));
	close_all(m, w, 2);
}

Test(implied, conversions_are_counted)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	take(w, "r", LK_X);
	g = take(w, "r/l", LK_S);
	ok(lk_upgrade(w, g, &nowait));
	ok(lk_downgrade(w, g));
	cr_expect_eq(stats_of(m).conversions, 2);
	cr_expect_eq(stats_of(m).grants, 2);
	cr_expect_eq(stats_of(m).implied, 1);
	cr_expect_eq(stats_of(m).intents, 0);
	close_all(m, &w, 1);
}

/* --------------------------------------------------------------------------- fences */

Test(implied, a_write_mode_mints_from_the_name_s_own_fence)
{
	static const lk_mode writes[] = { LK_U, LK_SIX, LK_X };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	uint64_t last;

	open_owners(m, w, 2);
	last = lk_fence(w[1], take(w[1], "r/l", LK_X));
	cr_assert_neq(last, 0);
	ok(lk_release_all(w[1]));
	for (size_t i = 0; i < countof(writes); i++) {
		lk_grant g;

		take(w[0], "r", LK_X);
		g = take(w[0], "r/l", writes[i]);
		cr_expect_gt(lk_fence(w[0], g), last, "%s", mode_name(writes[i]));
		last = lk_fence(w[0], g);
		cr_expect_eq(grant_info(w[0], g).fence, last);
		cr_expect_eq(info_of(m, "r/l").fence, last);
		ok(lk_release_all(w[0]));
		g = take(w[1], "r/l", LK_X);
		cr_expect_gt(lk_fence(w[1], g), last, "%s", mode_name(writes[i]));
		last = lk_fence(w[1], g);
		ok(lk_release_all(w[1]));
	}
	close_all(m, w, 2);
}

Test(implied, a_reader_sees_the_latest_fence_and_an_intent_none)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	uint64_t last;

	open_owners(m, w, 2);
	last = lk_fence(w[1], take(w[1], "r/l", LK_X));
	ok(lk_release_all(w[1]));
	take(w[0], "r", LK_S);
	cr_expect_eq(lk_fence(w[0], take(w[0], "r/l", LK_S)), last);
	ok(lk_release_all(w[0]));
	cr_expect_gt(lk_fence(w[1], take(w[1], "r/l", LK_X)), last);
	close_all(m, w, 2);
}

Test(implied, re_entry_and_weakening_keep_the_fence_and_an_upgrade_mints)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant read, write, again;
	uint64_t fence, before;

	open_owners(m, &w, 1);
	take(w, "r", LK_X);
	read = take(w, "r/l", LK_S);
	before = lk_fence(w, read);
	write = take(w, "r/l", LK_X);
	fence = lk_fence(w, write);
	cr_expect_gt(fence, before);
	again = take(w, "r/l", LK_U);
	cr_expect_eq(lk_fence(w, again), fence);
	ok(lk_downgrade(w, write));
	cr_expect_eq(lk_fence(w, again), fence);
	ok(lk_release(w, again));
	ok(lk_release(w, write));
	ok(lk_upgrade(w, read, &nowait));
	cr_expect_gt(lk_fence(w, read), fence);
	close_all(m, &w, 1);
}

/* The fence goes on when the name becomes really held, and when nobody uses it for a while. */
Test(implied, fences_only_grow_whatever_becomes_of_the_name)
{
	struct lk_manager *m = open_manager("memory:?max_idle=1&index_buckets=1");
	struct lk_owner *w;
	uint64_t last = 0;

	open_owners(m, &w, 1);
	for (int i = 0; i < 40; i++) {
		lk_grant g;

		if (i % 2 == 0)
			take(w, "r", i % 4 == 0 ? LK_X : LK_S);
		g = take(w, "r/m/l", LK_S);
		ok(lk_upgrade(w, g, &nowait));
		cr_expect_gt(lk_fence(w, g), last, "turn %d", i);
		last = lk_fence(w, g);
		ok(lk_release_all(w));
		for (uint64_t id = 0; id < 20; id++)
			ok(lk_acquire_id(w, id, LK_X, &nowait, NULL));
		ok(lk_release_all(w));
		ok(lk_sweep(m, NULL));
	}
	close_all(m, &w, 1);
}

/* -------------------------------------------------------------------- what is seen */

struct rows {
	unsigned n;
	struct lk_snapshot_row of_root, of_leaf;
};

static int
keep_row(void *arg, const struct lk_snapshot_row *row)
{
	struct rows *rows = arg;

	rows->n++;
	if (row->name_len == 1)
		rows->of_root = *row;
	else
		rows->of_leaf = *row;
	return 0;
}

Test(implied, is_seen_in_a_snapshot_but_not_among_the_holders)
{
	struct lk_manager *m = open_manager(NULL);
	struct rows rows = { 0 };
	struct lk_owner *w;
	lk_grant above, leaf;

	open_owners(m, &w, 1);
	above = take(w, "r", LK_X);
	leaf = take(w, "r/m/l", LK_U);
	take(w, "r/m/l", LK_S);
	ok(lk_snapshot(m, keep_row, &rows));
	cr_expect_eq(rows.n, 2);
	cr_expect_eq(rows.of_leaf.flags, LK_IMPLIED);
	cr_expect_eq(rows.of_leaf.grants, 2);
	cr_expect_eq(rows.of_leaf.wanted, LK_NL);
	cr_expect_eq(rows.of_leaf.fence, lk_fence(w, leaf));
	cr_expect_neq(rows.of_leaf.held, LK_NL);
	cr_expect_eq(rows.of_root.flags, 0);
	cr_expect_eq(rows.of_root.grants, 1);
	cr_expect_eq(rows.of_root.held, LK_X);
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++)
		cr_expect_eq(holders(m, "r/m/l", mode), 0);
	ok(lk_release(w, above));
	rows.n = 0;
	ok(lk_snapshot(m, keep_row, &rows));
	cr_expect_eq(rows.n, 2);
	cr_expect_eq(rows.of_root.grants, 0);
	cr_expect_eq(rows.of_root.held, LK_X);
	close_all(m, &w, 1);
}

static int
count_implied(void *arg, const struct lk_grant_info *grant)
{
	unsigned *n = arg;

	if ((grant->flags & LK_IMPLIED) != 0)
		++*n;
	return 0;
}

Test(implied, is_a_grant_like_any_other_to_its_owner)
{
	static const char tag[] = "because";
	struct lk_options o = { .size = sizeof(o), .tag = tag, .tag_len = sizeof(tag) };
	struct lk_manager *m = open_manager("memory:?timed=1");
	struct lk_grant_info info;
	struct lk_resource *r;
	struct lk_owner *w;
	unsigned n = 0;
	lk_grant g;

	open_owners(m, &w, 1);
	ok(lk_resource_open(m, "r/by/handle", &r));
	take(w, "r", LK_S);
	ok(lk_acquire(w, "r/m/l", LK_S, &o, &g));
	info = grant_info(w, g);
	cr_expect_eq(info.flags, LK_IMPLIED);
	cr_expect_eq(info.grant, g);
	cr_expect_eq(info.mode, LK_S);
	cr_expect_eq(info.name_len, 5);
	cr_expect_eq(memcmp(info.name, "r/m/l", 5), 0);
	cr_expect_eq(info.tag_len, sizeof(tag));
	cr_assert_not_null(info.tag);
	cr_expect_eq(memcmp(info.tag, tag, sizeof(tag)), 0);
	cr_expect_neq(info.since_ns, 0);
	ok(lk_acquire_on(w, r, LK_S, &nowait, &g));
	cr_expect_eq(grant_info(w, g).flags, LK_IMPLIED);
	cr_expect_eq(grant_info(w, g).name_len, 11);
	ok(lk_owner_each(w, count_implied, &n));
	cr_expect_eq(n, 2);
	lk_resource_close(r);
	close_all(m, &w, 1);
}

/* Many of them, so that the owner finds its holds by a table; all with their own ends. */
Test(implied, there_may_be_thousands_of)
{
	enum { N = 3000 };
	static lk_grant g[N];
	struct lk_manager *m = open_manager("memory:?max_idle=1&index_buckets=1");
	struct lk_owner *w[2];
	char name[32];

	open_owners(m, w, 2);
	take(w[0], "r", LK_X);
	for (int i = 0; i < N; i++) {
		(void)snprintf(name, sizeof(name), "r/%d/%d", i % 50, i);
		g[i] = take(w[0], name, i % 3 == 0 ? LK_X : LK_S);
		cr_assert(is_implied(w[0], g[i]));
	}
	cr_expect_eq(stats_of(m).implied, N);
	ok(lk_release_name(w[0], "r", 1));
	for (int i = 0; i < N; i += 3)
		ok(lk_release(w[0], g[i]));
	cr_expect_eq(holders(m, "r", LK_S), 1);
	cr_expect(is_open_to(w[1], "r/1/1", LK_S));
	for (int i = N - 1; i >= 0; i--)
		if (i % 3 != 0)
			ok(lk_release(w[0], g[i]));
	cr_expect_eq(stats_of(m).holds, 0);
	ok(lk_sweep(m, NULL));
	cr_expect_eq(stats_of(m).names, 0);
	close_all(m, w, 2);
}

/* Three names in the index as long as anything is held of them, however it is held and changed. */
Test(implied, keeps_its_name_and_all_above_in_the_index)
{
	struct lk_manager *m = open_manager("memory:?max_idle=1&index_buckets=1");
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (int order = 0; order < 4; order++) {
		lk_grant above = take(w, "r", LK_S), leaf = take(w, "r/m/l", LK_S), again;

		ok(lk_sweep(m, NULL));
		cr_expect_eq(stats_of(m).names, 3);
		again = take(w, "r/m/l", LK_IS);
		ok(lk_release(w, order % 2 ? leaf : again));
		ok(lk_sweep(m, NULL));
		cr_expect_eq(stats_of(m).names, 3);
		leaf = order % 2 ? again : leaf;
		if (order / 2) {
			ok(lk_convert(w, leaf, LK_X, &nowait)); /* real */
			ok(lk_convert(w, leaf, LK_IS, &nowait));
		} else {
			ok(lk_convert(w, leaf, LK_S, &nowait)); /* still implied */
		}
		ok(lk_release(w, above));
		ok(lk_sweep(m, NULL));
		cr_expect_eq(stats_of(m).names, 3, "order %d", order);
		cr_expect_eq(holders(m, "r", order / 2 ? LK_IS : LK_S), 1, "order %d", order);
		ok(lk_release(w, leaf));
		cr_expect_eq(stats_of(m).holds, 0);
		ok(lk_sweep(m, NULL));
		cr_expect_eq(stats_of(m).names, 0, "order %d", order);
	}
	close_all(m, &w, 1);
}

/* ------------------------------------------------------------------ owners that died */

static void *
die_with_a_child(void *arg)
{
	struct lk_owner *w = lk_self(arg);

	ok(lk_acquire(w, "r", LK_X, NULL, NULL));
	ok(lk_acquire(w, "r/w", LK_X, NULL, NULL));
	ok(lk_acquire(w, "r/s", LK_S, NULL, NULL));
	return NULL;
}

static void *
die_alone(void *arg)
{
	ok(lk_acquire(lk_self(arg), "r/w", LK_X, NULL, NULL));
	return NULL;
}

static void
run_thread(void *(*body)(void *), struct lk_manager *m)
{
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, body, m), 0);
	cr_assert_eq(pthread_join(t, NULL), 0);
}

Test(implied, writers_that_died_are_told_of)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	run_thread(die_with_a_child, m);
	cr_expect_eq(stats_of(m).holds, 0);
	cr_expect_eq(grant_info(w, take(w, "r/s", LK_S)).flags, 0);
	cr_expect_eq(grant_info(w, take(w, "r/w", LK_S)).flags, LK_OWNER_DIED);
	ok(lk_release_all(w));
	cr_expect_eq(grant_info(w, take(w, "r", LK_S)).flags, LK_OWNER_DIED);
	close_all(m, &w, 1);
}

Test(implied, is_told_that_a_writer_died)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	run_thread(die_alone, m);
	cr_expect_eq(grant_info(w, take(w, "r", LK_X)).flags, 0);
	g = take(w, "r/w", LK_X);
	cr_expect_eq(grant_info(w, g).flags, LK_IMPLIED | LK_OWNER_DIED);
	ok(lk_release(w, g));
	g = take(w, "r/w", LK_X);
	cr_expect_eq(grant_info(w, g).flags, LK_IMPLIED);
	close_all(m, &w, 1);
}
