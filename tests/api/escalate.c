/* SPDX-License-Identifier: MIT */
/* Escalation: when, to what, where, who is kept out by it, and what asks or is told. */
#include "escalate.h"

#define URL "memory:?escalate_after=16"

/* ---------------------------------------------------------------------------- when */

Test(escalate, one_lock_more_than_the_threshold_is_too_many)
{
	struct lk_manager *m = open_manager(URL);
	struct lk_owner *w;
	lk_grant g[MANY];

	open_owners(m, &w, 1);
	take_range(w, "d/t", 0, AFTER, LK_X, g);
	expect_range(m, w, "d/t", 0, AFTER, LK_X, g, false);
	cr_expect(is_held_in(m, "d/t", LK_IX));
	cr_expect_eq(stats_of(m).holds, AFTER + 2);
	take_range(w, "d/t", AFTER, AFTER + 1, LK_X, g);
	expect_range(m, w, "d/t", 0, AFTER + 1, LK_X, g, true);
	cr_expect(is_held_in(m, "d/t", LK_X));
	cr_expect(is_held_in(m, "d", LK_IX));
	cr_expect_eq(escalations(m), 1);
	take_range(w, "d/t", AFTER + 1, MANY, LK_X, g); /* implied at once */
	expect_range(m, w, "d/t", AFTER + 1, MANY, LK_X, g, true);
	cr_expect_eq(escalations(m), 1);
	cr_expect_eq(refused(m), 0);
	close_all(m, &w, 1);
}

Test(escalate, it_is_off_unless_asked_for)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g[MANY];

	open_owners(m, &w, 1);
	take_range(w, "t", 0, MANY, LK_X, g);
	cr_expect(is_held_in(m, "t", LK_IX));
	cr_expect_eq(escalations(m), 0);
	close_all(m, &w, 1);
}

Test(escalate, an_owner_may_have_a_threshold_of_its_own)
{
	static const struct {
		const char *url;
		uint64_t own;
		int at; /* so many locks are too many; MANY: none are */
	} rows[] = {
		{ NULL, 16, 17 }, { NULL, 20, 21 },  { URL, LK_OFF, MANY },  { URL, 0, 17 },
		{ URL, 40, 41 },  { NULL, 0, MANY }, { NULL, LK_OFF, MANY },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
		struct lk_manager *m = open_manager(rows[i].url);
		struct lk_owner *w;
		lk_grant g[MANY];

		o.escalate_after = rows[i].own;
		ok(lk_owner_open(m, &o, &w));
		take_range(w, "t", 0, rows[i].at - 1, LK_S, g);
		cr_expect_eq(escalations(m), 0, "row %zu", i);
		take_range(w, "t", rows[i].at - 1, rows[i].at, LK_S, g);
		cr_expect_eq(escalations(m), (uint64_t)(rows[i].at < MANY), "row %zu", i);
		ok(lk_owner_close(w));
		ok(lk_owner_open(m, NULL, &w)); /* the same memory, without it */
		take_range(w, "t", 0, 17, LK_S, g);
		cr_expect_eq(stats_of(m).escalations,
			     (uint64_t)(rows[i].at < MANY) + (rows[i].url != NULL), "row %zu", i);
		close_all(m, &w, 1);
	}
}

Test(escalate, thresholds_out_of_range_are_refused)
{
	static const uint64_t bad[] = { 1, 15, (1u << 24) + 1, LK_OFF - 1 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_manager *none = NULL;
	struct lk_owner *w = NULL;

	for (size_t i = 0; i < countof(bad); i++) {
		struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
		struct lk_config cfg = LK_CONFIG_INIT;

		o.escalate_after = cfg.escalate_after = bad[i];
		is(lk_owner_open(m, &o, &w), LK_E_INVAL);
		is(lk_open(NULL, &cfg, &none), LK_E_INVAL);
	}
	cr_expect_null(w);
	ok(lk_close(m));
}

Test(escalate, the_threshold_may_change_while_others_lock)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g[MANY];

	open_owners(m, &w, 1);
	take_range(w, "t", 0, 20, LK_X, g);
	ok(lk_config_set(m, "escalate_after", "18", NULL, 0));
	cr_expect_eq(escalations(m), 0);
	take_range(w, "t", 20, 21, LK_X, g);
	cr_expect_eq(escalations(m), 1);
	ok(lk_release_all(w));
	ok(lk_config_set(m, "escalate_after", "off", NULL, 0));
	take_range(w, "t", 0, MANY, LK_X, g);
	cr_expect_eq(escalations(m), 1);
	close_all(m, &w, 1);
}

/* Names count, not grants. */
Test(escalate, grants_on_one_name_are_one_lock)
{
	struct lk_manager *m = open_manager(URL);
	struct lk_owner *w;
	lk_grant g[MANY];

	open_owners(m, &w, 1);
	for (int i = 0; i < MANY; i++)
		take(w, "t/n", LK_S);
	cr_expect_eq(escalations(m), 0);
	take_range(w, "t", 0, 16, LK_S, g);
	cr_expect_eq(escalations(m), 1);
	cr_expect(is_held_in(m, "t/n", LK_NL));
	close_all(m, &w, 1);
}

/* What is taken and given back is not there. */
Test(escalate, only_what_is_held_counts)
{
	struct lk_manager *m = open_manager(URL);
	struct lk_owner *w;
	lk_grant g[MANY];

	open_owners(m, &w, 1);
	for (int round = 0; round < 20; round++) {
		take_range(w, "t", 0, AFTER, LK_X, g);
		for (int i = round % 2; i < AFTER; i++)
			ok(lk_release(w, g[i]));
		if (round % 2 != 0)
			ok(lk_release(w, g[0]));
	}
	cr_expect_eq(escalations(m) + refused(m), 0);
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

Test(escalate, a_batch_is_looked_at_once_when_it_is_there)
{
	struct lk_manager *m = open_manager(URL);
	struct lk_request r[MANY];
	char name[MANY][16];
	lk_grant g[MANY];
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (int i = 0; i < MANY; i++) {
		snprintf(name[i], sizeof(name[i]), "t/%d", i);
		r[i] = (struct lk_request){ .name = name[i], .mode = LK_X };
	}
	take(w[1], "t/63", LK_X);
	is(lk_acquire_many(w[0], r, MANY, &nowait, g), LK_E_BUSY);
	cr_expect_eq(escalations(m) + refused(m), 0); /* it was never all there */
	ok(lk_release_all(w[1]));
	ok(lk_acquire_many(w[0], r, MANY, &nowait, g));
	cr_expect_eq(escalations(m), 1);
	expect_range(m, w[0], "t", 0, MANY, LK_X, g, true);
	close_all(m, w, 2);
}

/* -------------------------------------------------------------------------- to what */

Test(escalate, the_mode_is_the_weakest_that_helps)
{
	static const struct {
		lk_mode first, rest; /* of one lock, and of all others */
		lk_mode above;       /* then on the name above */
		lk_mode word;        /* … in the word of the first */
	} rows[] = {
		{ LK_S, LK_S, LK_S, LK_NL },   { LK_IS, LK_IS, LK_S, LK_NL },
		{ LK_IS, LK_S, LK_S, LK_NL },  { LK_X, LK_X, LK_X, LK_NL },
		{ LK_U, LK_S, LK_X, LK_NL },   { LK_X, LK_S, LK_X, LK_NL },
		{ LK_IX, LK_IX, LK_X, LK_NL }, { LK_SIX, LK_IS, LK_X, LK_NL },
		{ LK_S, LK_X, LK_X, LK_NL },
	};
	struct lk_manager *m = open_manager(URL);
	struct lk_owner *w;
	lk_grant g[MANY];

	open_owners(m, &w, 1);
	for (size_t i = 0; i < countof(rows); i++) {
		take_range(w, "t", 0, 1, rows[i].first, g);
		take_range(w, "t", 1, AFTER + 1, rows[i].rest, g);
		cr_expect_eq(escalations(m), i + 1, "row %zu", i);
		cr_expect(is_held_in(m, "t", rows[i].above), "row %zu", i);
		cr_expect(is_held_in(m, "t/0", rows[i].word), "row %zu", i);
		ok(lk_release_all(w));
		cr_expect_eq(stats_of(m).holds, 0);
	}
	close_all(m, &w, 1);
}

/* Others read here and there, so all cannot be had; but the reads alone are too many. */
Test(escalate, reads_beside_writes_that_cannot_be_covered_become_six)
{
	struct lk_manager *m = open_manager(URL);
	struct lk_owner *w[2];
	lk_grant g[MANY];

	open_owners(m, w, 2);
	take(w[1], "t/other", LK_S);
	take_range(w[0], "t", 0, 2, LK_X, g);
	take_range(w[0], "t", 2, 17, LK_S, g); /* 15 reads, 2 writes: X or nothing */
	cr_expect_eq(escalations(m), 0);
	cr_expect_eq(refused(m), 1);
	take_range(w[0], "t", 17, 21, LK_S, g); /* 19 reads */
	cr_expect_eq(escalations(m), 1);
	cr_expect_eq(holders(m, "t", LK_SIX), 1);
	expect_range(m, w[0], "t", 0, 2, LK_X, g, false);
	expect_range(m, w[0], "t", 2, 21, LK_S, g, true);
	cr_expect(is_open_to(w[1], "t/5", LK_S));
	cr_expect(!is_open_to(w[1], "t/1", LK_S));
	cr_expect(!is_open_to(w[1], "t/5", LK_X));
	for (int i = 0; i < 2; i++)
		ok(lk_release(w[0], g[i]));
	cr_expect_eq(holders(m, "t", LK_S), 1);
	close_all(m, w, 2);
}

/* … and when the writes have become too many as well, it is X. */
Test(escalate, six_becomes_x_when_the_writes_are_too_many)
{
	struct lk_manager *m = open_manager(URL);
	struct lk_owner *w;
	lk_grant g[MANY];

	open_owners(m, &w, 1);
	take_range(w, "t", 0, 17, LK_S, g);
	cr_expect(is_held_in(m, "t", LK_S));
	take_range(w, "t", 17, 33, LK_X, g);
	cr_expect(is_held_in(m, "t", LK_SIX));
	expect_range(m, w, "t", 17, 33, LK_X, g, false);
	take_range(w, "t", 33, 34, LK_X, g);
	cr_expect(is_held_in(m, "t", LK_X));
	cr_expect_eq(escalations(m), 2);
	expect_range(m, w, "t", 17, 34, LK_X, g, true);
	close_all(m, &w, 1);
}

/* ---------------------------------------------------------------------- who is kept out */

Test(escalate, others_are_kept_out_exactly_by_the_mode_above)
{
	static const lk_mode modes[] = { LK_S, LK_X };
	struct lk_manager *m = open_manager(URL);
	struct lk_owner *w[2];
	lk_grant g[MANY];

	open_owners(m, w, 2);
	for (size_t k = 0; k < countof(modes); k++) {
		take_range(w[0], "t", 0, AFTER, modes[k], g);
		for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++)
			cr_expect(is_open_to(w[1], "t/elsewhere", wanted));
		take_range(w[0], "t", AFTER, AFTER + 1, modes[k], g);
		for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++) {
			const bool reads = wanted == LK_IS || wanted == LK_S;

			cr_expect_eq(is_open_to(w[1], "t/elsewhere", wanted),
				     modes[k] == LK_S && reads);
			cr_expect_eq(is_open_to(w[1], "t/3", wanted), modes[k] == LK_S && reads);
			cr_expect_eq(is_open_to(w[1], "t", wanted), compatible[wanted][modes[k]]);
		}
		ok(lk_release_all(w[0]));
		cr_expect(is_open_to(w[1], "t", LK_X));
	}
	close_all(m, w, 2);
}

Test(escalate, it_ends_with_the_grants_in_whatever_order_they_are_released)
{
	struct lk_manager *m = open_manager(URL);
	uint64_t seed = 7;
	struct lk_owner *w[2];
	lk_grant g[MANY];

	open_owners(m, w, 2);
	for (int round = 0; round < 20; round++) {
		int left = MANY;

		take_range(w[0], "d/t", 0, 1, LK_X, g);
		take_range(w[0], "d/t", 1, MANY, LK_S, g);
		cr_expect(is_held_in(m, "d/t", LK_X));
		for (bool writes = true; left > 0;) {
			int i = (int)(test_random(&seed) % (uint64_t)left);

			writes &= grant_info(w[0], g[i]).mode != LK_X;
			ok(lk_release(w[0], g[i]));
			is(lk_release(w[0], g[i]), LK_E_STALE);
			g[i] = g[--left];
			cr_expect(is_held_in(m, "d/t", left == 0 ? LK_NL : writes ? LK_X : LK_S));
			cr_expect(is_held_in(m, "d", left == 0 ? LK_NL : writes ? LK_IX : LK_IS));
		}
		cr_expect_eq(stats_of(m).holds, 0);
	}
	cr_expect_eq(escalations(m), 20);
	close_all(m, w, 2);
}

/* What was waited for the name above is granted when the owner's last grant below is released. */
Test(escalate, whoever_waits_above_waits_no_longer_than_for_the_grants)
{
	struct lk_manager *m = open_manager(URL);
	struct asker a;
	struct lk_owner *w[2];
	lk_grant g[MANY];

	open_owners(m, w, 2);
	take_range(w[0], "t", 0, AFTER, LK_X, g);
	ask(m, &a, w[1], "t", LK_X);
	take_range(w[0], "t", AFTER, AFTER + 1, LK_X, g); /* it goes ahead, as a conversion */
	cr_expect_eq(escalations(m), 1);
	cr_expect_eq(line(m, "t"), 1);
	for (int i = 0; i < AFTER + 1; i++) {
		cr_expect(!is_answered(&a));
		ok(lk_release(w[0], g[i]));
	}
	ok(answer(&a));
	close_all(m, w, 2);
}

Test(escalate, the_owners_own_grant_on_the_name_stays_what_it_is)
{
	struct lk_manager *m = open_manager(URL);
	struct lk_owner *w;
	lk_grant g[MANY], own;

	open_owners(m, &w, 1);
	own = take(w, "t", LK_IS);
	take_range(w, "t", 0, AFTER + 1, LK_S, g);
	cr_expect(is_held_in(m, "t", LK_S));
	cr_expect_eq(grant_info(w, own).mode, LK_IS);
	ok(lk_release(w, own));
	cr_expect(is_held_in(m, "t", LK_S));
	own = take(w, "t", LK_IX);
	cr_expect(is_held_in(m, "t", LK_SIX));
	for (int i = 0; i < AFTER + 1; i++)
		ok(lk_release(w, g[i]));
	cr_expect(is_held_in(m, "t", LK_IX));
	ok(lk_release(w, own));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

/* ----------------------------------------------------------------------- in vain */

Test(escalate, what_cannot_be_had_at_once_leaves_all_as_it_was)
{
	struct lk_manager *m = open_manager(URL);
	struct lk_owner *w[2];
	lk_grant g[MANY], other;

	open_owners(m, w, 2);
	other = take(w[1], "t/other", LK_X);
	take_range(w[0], "t", 0, AFTER + 1, LK_X, g);
	cr_expect_eq(refused(m), 1);
	cr_expect_eq(stats_of(m).busy, 0);
	cr_expect_eq(stats_of(m).contended, 0);
	expect_range(m, w[0], "t", 0, AFTER + 1, LK_X, g, false);
	cr_expect_eq(holders(m, "t", LK_IX), 2);
	/* the next comes a quarter later, whoever may be there by then */
	take_range(w[0], "t", AFTER + 1, AFTER + 4, LK_X, g);
	cr_expect_eq(refused(m), 1);
	take_range(w[0], "t", AFTER + 4, AFTER + 5, LK_X, g);
	cr_expect_eq(refused(m), 2);
	ok(lk_release(w[1], other));
	take_range(w[0], "t", AFTER + 5, AFTER + 8, LK_X, g);
	cr_expect_eq(escalations(m), 0);
	take_range(w[0], "t", AFTER + 8, AFTER + 9, LK_X, g);
	cr_expect_eq(escalations(m), 1);
	expect_range(m, w[0], "t", 0, AFTER + 9, LK_X, g, true);
	cr_expect(is_held_in(m, "t", LK_X));
	close_all(m, w, 2);
}

/* A conversion in the line of the name above that waits for this owner is not a ring. */
Test(escalate, an_attempt_is_no_deadlock)
{
	struct lk_manager *m = open_manager("memory:?escalate_after=16&deadlock_delay_ns=off");
	struct lk_owner *w[2];
	lk_grant g[MANY], other;
	struct asker a;

	open_owners(m, w, 2);
	other = take(w[1], "t", LK_IS);
	take_range(w[0], "t", 0, AFTER, LK_X, g);
	ask_convert(m, &a, w[1], other, LK_X);
	take_range(w[0], "t", AFTER, AFTER + 1, LK_X, g);
	cr_expect_eq(refused(m), 1);
	cr_expect_eq(stats_of(m).conversion_deadlocks, 0);
	ok(lk_release_all(w[0]));
	ok(answer(&a));
	close_all(m, w, 2);
}

/* ------------------------------------------------------------------------ where */

static void
take_batch(struct lk_owner *w, const char *above, int n, lk_mode mode, lk_grant *g)
{
	struct lk_request r[MANY];
	char name[MANY][32];

	for (int i = 0; i < n; i++) {
		snprintf(name[i], sizeof(name[i]), "%s/%d", above, i);
		r[i] = (struct lk_request){ .name = name[i], .mode = mode };
	}
	ok(lk_acquire_many(w, r, (size_t)n, &nowait, g));
}

Test(escalate, each_name_above_by_its_own_count)
{
	struct lk_manager *m = open_manager(URL);
	struct lk_owner *w;
	lk_grant g[32][32];

	open_owners(m, &w, 1);
	for (int t = 0; t < 16; t++) {
		char table[16];

		snprintf(table, sizeof(table), "d/%d", t);
		take_batch(w, table, 17, LK_S, g[t]);
		cr_expect(is_held_in(m, table, LK_S));
		cr_expect(is_held_in(m, "d", LK_IS)); /* to it each of them is one lock */
		cr_expect_eq(escalations(m), (uint64_t)t + 1);
	}
	take(w, "d/one", LK_S); /* the 17th */
	cr_expect_eq(escalations(m), 17);
	cr_expect(is_held_in(m, "d", LK_S));
	for (int t = 0; t < 16; t++) {
		char table[16];

		snprintf(table, sizeof(table), "d/%d", t);
		cr_expect(is_held_in(m, table, LK_NL));
		expect_range(m, w, table, 0, 17, LK_S, g[t], true);
	}
	for (int i = 0; i < 17; i++)
		for (int t = 0; t < 16; t++)
			ok(lk_release(w, g[t][i]));
	cr_expect_eq(stats_of(m).holds, 3 - 1); /* "d/one", and "d" for it */
	close_all(m, &w, 1);
}

/* What a name between covers moves up before the writes do: the name above covers them meanwhile. */
Test(escalate, what_is_implied_between_moves_up_beside_writes)
{
	struct lk_manager *m = open_manager(URL);
	struct lk_owner *w;
	lk_grant reads[MANY], writes[MANY];

	open_owners(m, &w, 1);
	take_range(w, "d/r", 0, 17, LK_S, reads);
	cr_expect(is_held_in(m, "d/r", LK_S));
	take_range(w, "d/w", 0, 16, LK_X, writes);
	cr_expect_eq(escalations(m), 2);
	cr_expect(is_held_in(m, "d", LK_X));
	cr_expect(is_held_in(m, "d/r", LK_NL));
	cr_expect(is_held_in(m, "d/w", LK_NL));
	expect_range(m, w, "d/r", 0, 17, LK_S, reads, true);
	expect_range(m, w, "d/w", 0, 16, LK_X, writes, true);
	for (int i = 0; i < 16; i++)
		ok(lk_release(w, writes[i]));
	cr_expect(is_held_in(m, "d", LK_S));
	for (int i = 0; i < 17; i++)
		ok(lk_release(w, reads[i]));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

/* A grant with others below it goes with them. */
Test(escalate, what_is_between_goes_too)
{
	struct lk_manager *m = open_manager(URL);
	struct lk_owner *w;
	lk_grant g[MANY], between[4];

	open_owners(m, &w, 1);
	for (int i = 0; i < 4; i++) {
		char name[16];

		snprintf(name, sizeof(name), "d/%d", i);
		between[i] = take(w, name, LK_IX);
		take_range(w, name, 4 * i, 4 * i + (i == 3 ? 1 : 4), LK_X, g);
	}
	cr_expect_eq(escalations(m), 1); /* 13 and 4 */
	cr_expect(is_held_in(m, "d", LK_X));
	for (int i = 0; i < 4; i++) {
		cr_expect(is_implied(w, between[i]));
		cr_expect(is_held_in(m, child("d", i), LK_NL));
	}
	cr_expect_eq(stats_of(m).holds, 18);
	ok(lk_release(w, between[0]));
	ok(lk_release(w, g[13 - 1]));
	ok(lk_release_all(w));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

/* LK_PARENTS says how the names above are to be held; so it stays. */
Test(escalate, grants_with_parents_stay)
{
	static const struct lk_options parents = { .size = sizeof(parents),
						   .flags = LK_PARENTS | LK_NOWAIT };
	struct lk_manager *m = open_manager(URL);
	struct lk_owner *w;
	lk_grant g[MANY], p;

	open_owners(m, &w, 1);
	ok(lk_acquire(w, "t/p", LK_IS, &parents, &p));
	ok(lk_acquire(w, "t/3", LK_IS, &parents, NULL));
	take_range(w, "t", 0, AFTER + 3, LK_S, g); /* but "t/p" and "t/3", 18 of 19 */
	cr_expect_eq(escalations(m), 1);
	cr_expect(!is_implied(w, p));
	cr_expect(is_held_in(m, "t/p", LK_IS));
	cr_expect(!is_implied(w, g[3]));
	cr_expect(is_held_in(m, "t/3", LK_S));
	expect_range(m, w, "t", 4, AFTER + 3, LK_S, g, true);
	ok(lk_release_all(w));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

/* ---------------------------------------------------------------------- afterwards */

Test(escalate, a_grant_that_is_made_more_than_is_covered_is_a_lock_of_its_own_again)
{
	struct lk_manager *m = open_manager(URL);
	struct lk_owner *w;
	lk_grant g[MANY];

	open_owners(m, &w, 1);
	take_range(w, "d/t", 0, AFTER + 1, LK_S, g);
	ok(lk_upgrade(w, g[5], &nowait));
	cr_expect(!is_implied(w, g[5]));
	cr_expect(is_held_in(m, "d/t/5", LK_X));
	cr_expect(is_held_in(m, "d/t", LK_SIX));
	cr_expect(is_held_in(m, "d", LK_IX));
	ok(lk_release(w, g[5]));
	cr_expect(is_held_in(m, "d/t", LK_S));
	ok(lk_convert(w, g[6], LK_IS, &nowait));
	cr_expect(is_implied(w, g[6]));
	close_all(m, &w, 1);
}

Test(escalate, fences_go_on)
{
	struct lk_manager *m = open_manager(URL);
	uint64_t fence[MANY];
	struct lk_owner *w[2];
	lk_grant g[MANY];

	open_owners(m, w, 2);
	for (int i = 0; i < AFTER; i++) {
		g[i] = take(w[0], child("t", i), LK_X);
		fence[i] = lk_fence(w[0], g[i]);
	}
	take_range(w[0], "t", AFTER, AFTER + 1, LK_X, g);
	for (int i = 0; i < AFTER; i++)
		cr_expect_eq(lk_fence(w[0], g[i]), fence[i], "%d", i);
	ok(lk_release_all(w[0]));
	for (int i = 0; i < AFTER; i++)
		cr_expect_gt(lk_fence(w[1], take(w[1], child("t", i), LK_X)), fence[i], "%d", i);
	close_all(m, w, 2);
}

/* Tags, times, re-entries: what a grant has it keeps. */
Test(escalate, what_is_kept_with_a_grant_stays_with_it)
{
	struct lk_options o = { .size = sizeof(o), .flags = LK_TIMED, .tag = "why", .tag_len = 3 };
	struct lk_manager *m = open_manager(URL);
	struct lk_grant_info before, after;
	struct lk_owner *w;
	lk_grant g[MANY], tagged, again;

	open_owners(m, &w, 1);
	ok(lk_acquire(w, "t/a", LK_S, &o, &tagged));
	again = take(w, "t/a", LK_IS);
	before = grant_info(w, tagged);
	take_range(w, "t", 0, AFTER, LK_S, g);
	cr_expect_eq(escalations(m), 1);
	after = grant_info(w, tagged);
	cr_expect_eq(after.flags, LK_IMPLIED);
	cr_expect_eq(after.since_ns, before.since_ns);
	cr_expect_eq(after.tag_len, 3);
	cr_expect_eq(memcmp(after.tag, "why", 3), 0);
	cr_expect_eq(after.effective, LK_S);
	ok(lk_release(w, tagged));
	cr_expect(is_implied(w, again));
	cr_expect_eq(holds(w, "t/a"), LK_S); /* by what is above */
	ok(lk_release(w, again));
	close_all(m, &w, 1);
}

/* With more than a slot's worth of levels, tables and gone slots. */
Test(escalate, an_owner_that_comes_and_goes_a_hundred_times_leaves_nothing)
{
	struct lk_manager *m = open_manager(URL);

	for (int round = 0; round < 100; round++) {
		struct lk_owner *w;
		lk_grant g[200];

		open_owners(m, &w, 1);
		take_range(w, "a/b/c", 0, 200, round % 2 != 0 ? LK_X : LK_S, g);
		take(w, "a/b", LK_IS);
		ok(lk_owner_close(w));
		cr_expect_eq(stats_of(m).holds, 0);
	}
	ok(lk_sweep(m, NULL));
	cr_expect_eq(stats_of(m).names, 0);
	ok(lk_close(m));
}

/* -------------------------------------------------------------------- barrier, events */

struct barrier {
	const char *at; /* NULL: nowhere */
	int asked;
	struct lk_escalation last;
	char name[64];
	char label[LK_LABEL_MAX + 1];
	struct lk_manager *m;
	bool intrudes;
};

static int
bar(void *arg, const struct lk_escalation *e)
{
	struct barrier *b = arg;

	must(e->size == sizeof(*e) && e->name_len < sizeof(b->name));
	b->asked++;
	b->last = *e;
	memcpy(b->name, e->name, e->name_len);
	b->name[e->name_len] = '\0';
	strcpy(b->label, e->owner_label);
	if (b->intrudes) { /* with an owner of its own, it may do as it likes */
		struct lk_owner *w;

		must(lk_owner_open(b->m, NULL, &w) == 0);
		must(lk_try_acquire(w, "t/0", LK_S, NULL) == 0);
		must(lk_owner_close(w) == 0);
	}
	return b->at != NULL && strcmp(b->at, b->name) == 0;
}

static struct lk_manager *
open_barred(struct barrier *b, const char *at)
{
	struct lk_config cfg = { .size = sizeof(cfg),
				 .escalate_after = AFTER,
				 .on_escalate = bar,
				 .on_escalate_arg = b };

	*b = (struct barrier){ .at = at };
	ok(lk_open(NULL, &cfg, &b->m));
	return b->m;
}

Test(escalate, the_barrier_is_asked_before_an_attempt)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct barrier b;
	struct lk_manager *m = open_barred(&b, NULL);
	struct lk_owner *w;
	lk_grant g[MANY];

	o.label = "transaction";
	ok(lk_owner_open(m, &o, &w));
	take(w, "t/0", LK_S);
	take(w, "t/0", LK_S);
	b.intrudes = true;
	take_range(w, "t", 1, AFTER + 1, LK_S, g);
	cr_expect_eq(b.asked, 1);
	cr_expect_str_eq(b.name, "t");
	cr_expect_str_eq(b.label, "transaction");
	cr_expect_eq(b.last.held, LK_IS);
	cr_expect_eq(b.last.mode, LK_S);
	cr_expect_eq(b.last.locks, AFTER + 1);
	cr_expect_eq(b.last.grants, AFTER + 2);
	cr_expect_eq(escalations(m), 1);
	close_all(m, &w, 1);
}

Test(escalate, what_the_barrier_refuses_stays_as_it_is)
{
	struct barrier b;
	struct lk_manager *m = open_barred(&b, "d/t");
	struct lk_owner *w;
	lk_grant g[MANY], other[MANY];

	open_owners(m, &w, 1);
	take_range(w, "d/t", 0, 20, LK_X, g);
	cr_expect_eq(b.asked, 1); /* not for "d" either: all of it lies below the barrier */
	cr_expect_eq(refused(m), 1);
	expect_range(m, w, "d/t", 0, 20, LK_X, g, false);
	take_range(w, "d/t", 20, 21, LK_X, g);
	cr_expect_eq(b.asked, 2);
	/* What lies elsewhere may go all the same. */
	for (int i = 0; i < 17; i++)
		other[i] = take(w, child("d", 100 + i), LK_X);
	cr_expect_eq(escalations(m), 1);
	cr_expect_str_eq(b.name, "d");
	cr_expect(is_held_in(m, "d", LK_X));
	cr_expect(is_implied(w, other[0]));
	expect_range(m, w, "d/t", 0, 21, LK_X, g, false);
	b.at = NULL; /* and it may change its mind */
	take_range(w, "d/t", 21, MANY, LK_X, g);
	ok(lk_release_all(w));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

static int
keep_event(void *arg, const struct lk_event *e)
{
	struct lk_event *kept = arg;

	for (; kept->kind != 0; kept++)
		;
	*kept = *e;
	return 0;
}

Test(escalate, it_is_an_event)
{
	struct lk_event_filter f = LK_EVENT_FILTER_INIT;
	struct lk_event e[8] = { { 0 } };
	struct lk_manager *m = open_manager(URL);
	struct lk_owner *w[2];
	lk_grant g[MANY], other;

	open_owners(m, w, 2);
	other = take(w[1], "d/t/x", LK_S);
	take_range(w[0], "d/t", 0, AFTER + 1, LK_X, g);
	ok(lk_release(w[1], other));
	take_range(w[0], "d/t", AFTER + 1, AFTER + 5, LK_X, g);
	f.kinds = LK_EVENT_ESCALATE;
	ok(lk_event_each(m, &f, keep_event, e));
	cr_assert_eq(e[0].kind, LK_EVENT_ESCALATE);
	cr_assert_eq(e[1].kind,
		     LK_EVENT_ESCALATE); /* "d" was looked at, but not tried to no purpose */
	cr_expect_eq(e[0].code, LK_E_BUSY);
	cr_expect_eq(e[0].blockers, 1);
	for (int i = 0; e[i].kind != 0; i++) {
		cr_expect_eq(e[i].from, LK_IX);
		cr_expect_eq(e[i].to, LK_X);
		cr_expect_eq(e[i].name_len, i == 1 ? 1 : 3, "%d", i);
	}
	cr_expect_eq(e[1].code, LK_E_BUSY);
	cr_expect_eq(e[2].code, 0);
	cr_expect_eq(e[2].kind, LK_EVENT_ESCALATE);
	cr_expect_eq(e[3].kind, 0);
	close_all(m, w, 2);
}
