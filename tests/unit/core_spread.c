/* SPDX-License-Identifier: MIT */
/*
 * All that the library promises of a name, of one that is spread: the public calls, and between them
 * line_spread(), which no public call makes happen at a given moment.
 */
#include "../api/support.h"

#include "core/manager.h"

static const char *const family[] = { "intents", "readers" };
static const lk_mode family_mode[] = { LK_IX, LK_S };

/* By hand: which modes have slots. */
static const bool has_slot[2][MODES] = {
	{ [LK_IS] = true, [LK_IX] = true },
	{ [LK_IS] = true, [LK_S] = true },
};

static uint64_t
word_of(struct lk_manager *m, const char *name)
{
	struct lk_resource *r;
	uint64_t w;

	ok(lk_resource_open(m, name, &r));
	w = shim_load(&r->word, SHIM_RELAXED);
	lk_resource_close(r);
	return w;
}

static bool
is_spread(struct lk_manager *m, const char *name)
{
	return (word_of(m, name) & WORD_SPREAD) != 0;
}

/* As if attempts in `mode` had been lost; is it spread then? */
static bool
try_spread(struct lk_manager *m, const char *name, lk_mode mode)
{
	struct lk_resource *r;

	ok(lk_resource_open(m, name, &r));
	line_spread(&m->lot, r, mode);
	lk_resource_close(r);
	return is_spread(m, name);
}

static void
spread(struct lk_manager *m, const char *name, lk_mode mode)
{
	cr_assert(try_spread(m, name, mode), "%s for %s", name, mode_name(mode));
}

/* What all slots count, zero or not. */
static uint64_t
slots_of(struct lk_manager *m, const char *name)
{
	struct lk_resource *r;
	uint32_t number;

	ok(lk_resource_open(m, name, &r));
	number = shim_load(&r->spread, SHIM_RELAXED);
	lk_resource_close(r);
	return number != 0 ? spread_sum(&m->spread, number) : 0;
}

/* Nobody holds the name, in any way, and nobody seems to wait. */
static void
is_free(struct lk_manager *m, const char *name)
{
	struct lk_info info = info_of(m, name);

	for (lk_mode mode = LK_IS; mode <= LK_X; mode++)
		cr_assert_eq(info.holders[mode], 0, "%s", mode_name(mode));
	cr_assert_eq(info.waiters, 0);
	cr_assert_eq(slots_of(m, name), 0);
	cr_assert(word_idle(word_of(m, name)));
}

/* `n` owners of a manager whose name "n" is spread for a family. */
struct stage {
	struct lk_manager *m;
	struct lk_owner *w[4];
};

static struct stage
open_stage(int f)
{
	struct stage s = { .m = open_manager("memory:?spread_after=1&sample_every=off") };

	open_owners(s.m, s.w, 4);
	spread(s.m, "n", family_mode[f]);
	return s;
}

static void
close_stage(struct stage *s)
{
	is_free(s->m, "n");
	close_all(s->m, s->w, 4);
}

#define for_each_family(f) for (int f = 0; f < 2; f++)

/* ------------------------------------------------------------------------ modes */

Test(core_spread, holds_of_the_family_are_in_slots)
{
	for_each_family(f)
	{
		for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
			struct stage s = open_stage(f);
			lk_grant g = take(s.w[0], "n", mode);

			cr_expect_eq(slots_of(s.m, "n") != 0, has_slot[f][mode], "%s, %s",
				     family[f], mode_name(mode));
			cr_expect_eq(word_holders(word_of(s.m, "n"), mode), !has_slot[f][mode]);
			cr_expect_eq(info_of(s.m, "n").holders[mode], 1);
			cr_expect_eq(holds(s.w[0], "n"), mode);
			ok(lk_release(s.w[0], g));
			close_stage(&s);
		}
	}
}

/* One holds, then two: who else may, exactly. */
static void
expect_matrix(struct stage *s, int f, lk_mode first, lk_mode second)
{
	for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++)
		cr_assert_eq(is_open_to(s->w[2], "n", wanted),
			     compatible[wanted][first] && compatible[wanted][second],
			     "%s: %s wanted, %s and %s held", family[f], mode_name(wanted),
			     mode_name(first), mode_name(second));
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++)
		cr_assert_eq(info_of(s->m, "n").holders[mode],
			     (uint32_t)(first == mode) + (second == mode));
}

Test(core_spread, owners_hold_together_exactly_what_the_table_allows, .timeout = 30)
{
	for_each_family(f)
	{
		for (lk_mode first = LK_IS; first <= LK_X; first++) {
			for (lk_mode second = LK_NL; second <= LK_X; second++) {
				struct stage s = open_stage(f);

				if (!compatible[second][first]) {
					close_stage(&s);
					continue;
				}
				take(s.w[0], "n", first);
				if (second != LK_NL)
					take(s.w[1], "n", second);
				expect_matrix(&s, f, first, second);
				ok(lk_release_all(s.w[0]));
				ok(lk_release_all(s.w[1]));
				close_stage(&s);
			}
		}
	}
}

/* Spread over holds in the word; only over those that the family can live with.  (C4) */
Test(core_spread, it_is_spread_only_over_what_the_family_admits)
{
	for_each_family(f)
	{
		for (lk_mode held = LK_IS; held <= LK_X; held++) {
			struct lk_manager *m = open_manager("memory:?spread_after=1");
			struct lk_owner *w[3];
			const bool admitted = compatible[family_mode[f]][held];

			open_owners(m, w, 3);
			take(w[0], "n", held);
			cr_assert_eq(try_spread(m, "n", family_mode[f]), admitted, "%s over %s",
				     family[f], mode_name(held));
			cr_expect_eq(slots_of(m, "n"), 0, "it stays in the word");
			for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++)
				cr_expect_eq(is_open_to(w[1], "n", wanted),
					     compatible[wanted][held]);
			ok(lk_release_all(w[0]));
			is_free(m, "n");
			close_all(m, w, 3);
		}
	}
}

Test(core_spread, only_shared_modes_spread_it)
{
	static const lk_mode not [] = { LK_SIX, LK_U, LK_X };
	struct lk_manager *m = open_manager("memory:?spread_after=1");

	for (size_t i = 0; i < countof(not ); i++)
		cr_expect_not(try_spread(m, "n", not [i]), "%s", mode_name(not [i]));
	cr_expect(try_spread(m, "n", LK_IS), "IS alone is an intent");
	cr_expect_eq(word_of(m, "n") & WORD_FAMILY, 0);
	cr_expect(try_spread(m, "n", LK_S), "it stays as it is");
	cr_expect_eq(word_of(m, "n") & WORD_FAMILY, 0);
	ok(lk_close(m));
}

/* IS among readers is a reader's. */
Test(core_spread, is_beside_readers_is_of_their_family)
{
	struct lk_manager *m = open_manager("memory:?spread_after=1");
	struct lk_owner *w[1];

	open_owners(m, w, 1);
	take(w[0], "n", LK_S);
	spread(m, "n", LK_IS);
	cr_expect_neq(word_of(m, "n") & WORD_FAMILY, 0);
	close_all(m, w, 1);
}

/* ----------------------------------------------------------- conversions, re-entry */

/* w[0] converts from `from` to `to` beside w[1] in `other`. */
static void
expect_conversion(int f, lk_mode from, lk_mode to, lk_mode other)
{
	const struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	struct stage s = open_stage(f);
	lk_grant g = take(s.w[0], "n", from);
	const bool fits = compatible[to][other] || supremum[from][to] == from;

	if (other != LK_NL)
		take(s.w[1], "n", other);
	is(lk_can_convert(s.w[0], g, to), fits ? 0 : LK_E_BUSY);
	is(lk_convert(s.w[0], g, to, &now), fits ? 0 : LK_E_BUSY);
	cr_assert_eq(holds(s.w[0], "n"), fits ? to : from, "%s: %s to %s beside %s", family[f],
		     mode_name(from), mode_name(to), mode_name(other));
	expect_matrix(&s, f, fits ? to : from, other);
	ok(lk_release(s.w[0], g));
	ok(lk_release_all(s.w[1]));
	close_stage(&s);
}

Test(core_spread, conversions_beside_every_mode, .timeout = 60)
{
	for_each_family(f)
	{
		for (lk_mode from = LK_IS; from <= LK_X; from++) {
			for (lk_mode other = LK_NL; other <= LK_X; other++) {
				if (!compatible[other][from])
					continue;
				for (lk_mode to = LK_IS; to <= LK_X; to++)
					expect_conversion(f, from, to, other);
			}
		}
	}
}

Test(core_spread, two_grants_of_one_owner_amount_to_both, .timeout = 30)
{
	for_each_family(f)
	{
		for (lk_mode first = LK_IS; first <= LK_X; first++) {
			for (lk_mode second = LK_IS; second <= LK_X; second++) {
				struct stage s = open_stage(f);
				const lk_mode both = supremum[first][second];
				lk_grant a = take(s.w[0], "n", first);
				lk_grant b = take(s.w[0], "n", second);

				cr_assert_eq(holds(s.w[0], "n"), both);
				expect_matrix(&s, f, both, LK_NL);
				ok(lk_release(s.w[0], a));
				cr_assert_eq(holds(s.w[0], "n"), second);
				expect_matrix(&s, f, second, LK_NL);
				ok(lk_release(s.w[0], b));
				close_stage(&s);
			}
		}
	}
}

Test(core_spread, a_conversion_waits_for_readers_and_they_for_it)
{
	struct stage s = open_stage(1);
	lk_grant mine = take(s.w[0], "n", LK_S);
	lk_grant other = take(s.w[1], "n", LK_S);
	struct asker a;

	ask_convert(s.m, &a, s.w[0], mine, LK_X);
	is(lk_try_acquire(s.w[2], "n", LK_S, NULL), LK_E_BUSY);
	is(lk_convert(s.w[1], other, LK_X, NULL), LK_E_CONVERSION_DEADLOCK);
	cr_expect_not(is_answered(&a));
	ok(lk_release(s.w[1], other));
	ok(answer(&a));
	cr_expect_eq(holds(s.w[0], "n"), LK_X);
	cr_expect_eq(slots_of(s.m, "n"), 0);
	ok(lk_downgrade(s.w[0], mine));
	take(s.w[2], "n", LK_S);
	ok(lk_release(s.w[0], mine));
	ok(lk_release_all(s.w[2]));
	close_stage(&s);
}

/* --------------------------------------------------------------------------- waiting */

Test(core_spread, who_leaves_a_slot_lets_in_who_waits_for_it)
{
	for_each_family(f)
	{
		struct stage s = open_stage(f);
		lk_grant g = take(s.w[0], "n", family_mode[f]);
		struct asker a;
		struct asker b;

		ask(s.m, &a, s.w[1], "n", LK_X);
		ask(s.m, &b, s.w[2], "n", family_mode[f]); /* the line is closed to it */
		is(lk_try_acquire(s.w[3], "n", LK_IS, NULL), LK_E_BUSY);
		ok(lk_release(s.w[0], g));
		ok(lk_release(s.w[1], granted(&a)));
		ok(lk_release(s.w[2], granted(&b)));
		close_stage(&s);
	}
}

Test(core_spread, a_refusal_leaves_nothing)
{
	struct lk_options soon = { .size = sizeof(soon), .timeout_ns = 1 };
	struct stage s = open_stage(1);
	lk_grant g = take(s.w[0], "n", LK_S);
	const uint64_t before = word_of(s.m, "n");

	is(lk_try_acquire(s.w[1], "n", LK_X, NULL), LK_E_BUSY);
	cr_expect_eq(word_of(s.m, "n"), before);
	is(lk_acquire(s.w[1], "n", LK_X, &soon, NULL), LK_E_TIMEDOUT);
	cr_expect_eq(word_of(s.m, "n"), before);
	ok(lk_owner_cancel(s.w[1]));
	is(lk_acquire(s.w[1], "n", LK_IX, NULL, NULL), LK_E_CANCELED);
	cr_expect_eq(word_of(s.m, "n"), before);
	take(s.w[2], "n", LK_S);
	ok(lk_release_all(s.w[2]));
	ok(lk_release(s.w[0], g));
	close_stage(&s);
}

Test(core_spread, an_owner_that_closes_gives_its_slots_back)
{
	struct stage s = open_stage(1);
	struct lk_owner *leaver;
	struct asker a;

	spread(s.m, "m", LK_IX);
	ok(lk_owner_open(s.m, NULL, &leaver));
	take(leaver, "n", LK_S);
	take(leaver, "m", LK_IX);
	ask(s.m, &a, s.w[1], "n", LK_X);
	ok(lk_owner_close(leaver));
	ok(lk_release(s.w[1], granted(&a)));
	is_free(s.m, "m");
	close_stage(&s);
}

Test(core_spread, a_shutdown_takes_slots_back)
{
	const struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	struct stage s = open_stage(1);
	lk_grant g = take(s.w[0], "n", LK_S);
	struct asker a;
	int rc;

	ask(s.m, &a, s.w[1], "n", LK_X);
	rc = lk_shutdown(s.m, &now);
	is(answer(&a), LK_E_CLOSED);
	if (rc == LK_E_TIMEDOUT) /* the other was in its call until it heard of it */
		rc = lk_shutdown(s.m, &now);
	ok(rc);
	cr_expect_eq(stats_of(s.m).holds, 0);
	is(lk_release(s.w[0], g), LK_E_STALE);
	cr_expect_eq(info_of(s.m, "n").holders[LK_S], 0);
	close_all(s.m, s.w, 4);
}

/* --------------------------------------------------------------------- folding, sweeping */

/* Strong requests, and nobody in a slot. */
static void
ask_often_for_all(struct stage *s, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		ok(lk_release(s->w[0], take(s->w[0], "n", LK_X)));
}

Test(core_spread, it_is_folded_when_writers_are_frequent)
{
	for_each_family(f)
	{
		struct stage s = open_stage(f);

		ask_often_for_all(&s, STRONG_MAX - 1);
		cr_expect(is_spread(s.m, "n"));
		ask_often_for_all(&s, 1);
		cr_expect_not(is_spread(s.m, "n"));
		cr_expect_eq(word_of(s.m, "n") & WORD_FAMILY, 0);
		spread(s.m, "n", family_mode[1 - f]); /* for the others, this time */
		take(s.w[0], "n", family_mode[1 - f]);
		cr_expect_neq(slots_of(s.m, "n"), 0);
		ok(lk_release_all(s.w[0]));
		close_stage(&s);
	}
}

Test(core_spread, it_is_not_folded_over_a_slot)
{
	struct stage s = open_stage(1);
	lk_grant g = take(s.w[1], "n", LK_S);

	for (unsigned i = 0; i < 3 * STRONG_MAX; i++)
		is(lk_try_acquire(s.w[0], "n", LK_X, NULL), LK_E_BUSY);
	cr_expect(is_spread(s.m, "n"));
	ok(lk_release(s.w[1], g));
	ask_often_for_all(&s, 1);
	cr_expect_not(is_spread(s.m, "n"));
	close_stage(&s);
}

/* Of a name that idles, also when it is spread, nothing remains but memory for the next.  (C6, C7) */
Test(core_spread, an_idle_spread_name_is_swept)
{
	struct stage s = open_stage(1);
	lk_grant g = take(s.w[0], "n", LK_S);
	uint64_t bytes;
	size_t removed;

	ok(lk_sweep(s.m, &removed));
	cr_expect_eq(removed, 0, "it is held in a slot");
	ok(lk_release(s.w[0], g));
	bytes = stats_of(s.m).bytes;
	ok(lk_sweep(s.m, &removed));
	cr_expect_eq(removed, 1);
	cr_expect_eq(stats_of(s.m).names, 0);
	for (int i = 0; i < 50; i++) {
		char other[24];

		(void)snprintf(other, sizeof(other), "other/%d", i);
		take(s.w[0], other, LK_S);
		ok(lk_release_all(s.w[0]));
		ok(lk_sweep(s.m, NULL));
	}
	cr_expect_not(is_spread(s.m, "n"), "a name is spread anew or not at all");
	take(s.w[0], "n", LK_S);
	cr_expect_not(is_open_to(s.w[1], "n", LK_X));
	spread(s.m, "n", LK_S);
	cr_expect_not(is_open_to(s.w[1], "n", LK_X));
	ok(lk_release_all(s.w[0]));
	cr_expect_le(stats_of(s.m).bytes, bytes + (64 << 10), "arrays are used again");
	close_stage(&s);
}

/* ------------------------------------------------------------------------ looking inside */

struct rows {
	unsigned holders;
	unsigned timed;
	unsigned tagged;
	lk_mode held;
};

static int
see_row(void *arg, const struct lk_snapshot_row *row)
{
	struct rows *rows = arg;

	rows->holders += row->held != LK_NL;
	rows->timed += row->age_ns != 0;
	rows->tagged += row->tag_len == 3 && memcmp(row->tag, "why", 3) == 0;
	rows->held = row->held;
	return 0;
}

Test(core_spread, grants_in_slots_have_tags_and_times)
{
	const struct lk_options noted = {
		.size = sizeof(noted), .flags = LK_TIMED, .tag = "why", .tag_len = 3
	};
	struct stage s = open_stage(1);
	struct rows rows = { 0 };
	struct lk_grant_info info;
	lk_grant g;

	ok(lk_acquire(s.w[0], "n", LK_S, &noted, &g));
	cr_expect_neq(slots_of(s.m, "n"), 0);
	info = grant_info(s.w[0], g);
	cr_expect_eq(info.mode, LK_S);
	cr_expect_eq(info.effective, LK_S);
	cr_expect_neq(info.since_ns, 0);
	cr_expect_eq(info.tag_len, 3);
	ok(lk_snapshot(s.m, see_row, &rows));
	cr_expect_eq(rows.holders, 1);
	cr_expect_eq(rows.timed, 1);
	cr_expect_eq(rows.tagged, 1);
	cr_expect_eq(rows.held, LK_S);
	ok(lk_release(s.w[0], g));
	close_stage(&s);
}

Test(core_spread, holders_are_counted_wherever_they_are)
{
	struct lk_manager *m = open_manager("memory:?spread_after=1");
	struct lk_owner *w[40];
	struct rows rows = { 0 };

	open_owners(m, w, 40);
	for (int i = 0; i < 40; i++) {
		if (i == 10)
			spread(m, "n", LK_S);
		take(w[i], "n", i % 2 != 0 ? LK_S : LK_IS);
	}
	cr_expect_eq(info_of(m, "n").holders[LK_S], 20);
	cr_expect_eq(info_of(m, "n").holders[LK_IS], 20);
	cr_expect_eq(stats_of(m).holds, 40);
	ok(lk_snapshot(m, see_row, &rows));
	cr_expect_eq(rows.holders, 40);
	for (int i = 0; i < 40; i++)
		ok(lk_release_all(w[i]));
	is_free(m, "n");
	close_all(m, w, 40);
}

/* -------------------------------------------------------------------- batches and paths */

Test(core_spread, batches)
{
	const struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	const struct lk_request want[] = { { .name = "n", .mode = LK_S },
					   { .name = "m", .mode = LK_IX },
					   { .name = "o", .mode = LK_X } };
	struct stage s = open_stage(1);
	lk_grant g[3];

	spread(s.m, "m", LK_IX);
	ok(lk_acquire_many(s.w[0], want, 3, &now, g));
	cr_expect_neq(slots_of(s.m, "n"), 0);
	cr_expect_neq(slots_of(s.m, "m"), 0);
	is(lk_acquire_many(s.w[1], want, 3, &now, g), LK_E_BUSY);
	cr_expect_eq(info_of(s.m, "n").holders[LK_S], 1, "nothing was kept");
	cr_expect_eq(info_of(s.m, "m").holders[LK_IX], 1);
	ok(lk_release_all(s.w[0]));
	is_free(s.m, "m");
	close_stage(&s);
}

Test(core_spread, the_root_of_a_hierarchy)
{
	struct stage s = open_stage(0);
	lk_grant row[2];
	lk_grant all;

	spread(s.m, "db", LK_IX);
	row[0] = take(s.w[0], "db/t/1", LK_X);
	row[1] = take(s.w[1], "db/t/2", LK_X);
	cr_expect_eq(info_of(s.m, "db").holders[LK_IX], 2);
	cr_expect_neq(slots_of(s.m, "db"), 0);
	is(lk_try_acquire(s.w[2], "db", LK_S, NULL), LK_E_BUSY);
	is(lk_try_acquire(s.w[2], "db", LK_X, NULL), LK_E_BUSY);
	ok(lk_release(s.w[0], row[0]));
	is(lk_try_acquire(s.w[2], "db", LK_S, NULL), LK_E_BUSY);
	ok(lk_release(s.w[1], row[1]));
	is_free(s.m, "db");
	all = take(s.w[2], "db", LK_S);
	is(lk_try_acquire(s.w[0], "db/t/1", LK_X, NULL), LK_E_BUSY);
	row[0] = take(s.w[0], "db/t/1", LK_S);
	row[1] = take(s.w[2], "db/t/3", LK_S); /* implied */
	cr_expect_eq(grant_info(s.w[2], row[1]).flags & LK_IMPLIED, LK_IMPLIED);
	ok(lk_release(s.w[2], all));
	is(lk_try_acquire(s.w[1], "db", LK_X, NULL), LK_E_BUSY);
	ok(lk_release(s.w[2], row[1]));
	ok(lk_release(s.w[0], row[0]));
	is_free(s.m, "db");
	close_stage(&s);
}

/* An intent in a slot becomes the cover of what is below. */
Test(core_spread, an_intent_in_a_slot_becomes_a_cover)
{
	struct stage s = open_stage(0);
	lk_grant row;
	lk_grant all;
	lk_grant more;

	spread(s.m, "db", LK_IX);
	row = take(s.w[0], "db/1", LK_X);
	all = take(s.w[0], "db", LK_X);
	cr_expect_eq(slots_of(s.m, "db"), 0, "it moved to the word");
	more = take(s.w[0], "db/2", LK_X);
	is(lk_try_acquire(s.w[1], "db/3", LK_S, NULL), LK_E_BUSY);
	ok(lk_release(s.w[0], all));
	is(lk_try_acquire(s.w[1], "db", LK_S, NULL), LK_E_BUSY);
	ok(lk_release(s.w[0], row));
	ok(lk_release(s.w[0], more));
	is_free(s.m, "db");
	close_stage(&s);
}

Test(core_spread, a_leaf_that_is_spread)
{
	const struct lk_options parents = { .size = sizeof(parents), .flags = LK_PARENTS };
	struct stage s = open_stage(0);
	lk_grant g[3];

	spread(s.m, "db/t", LK_S);
	g[0] = take(s.w[0], "db/t", LK_S);
	g[1] = take(s.w[1], "db/t", LK_S);
	cr_expect_neq(slots_of(s.m, "db/t"), 0);
	ok(lk_acquire(s.w[2], "db/t", LK_S, &parents, &g[2]));
	is(lk_try_acquire(s.w[3], "db/t", LK_X, NULL), LK_E_BUSY);
	for (int i = 0; i < 3; i++)
		ok(lk_release(s.w[i], g[i]));
	is_free(s.m, "db/t");
	is_free(s.m, "db");
	close_stage(&s);
}

/* ----------------------------------------------------------------------------- edges */

static void
write_and_end(void *arg, unsigned index)
{
	struct lk_owner *w = lk_self(arg);

	(void)index;
	must(w != NULL && lk_acquire(w, "db/n", LK_X, NULL, NULL) == 0 &&
	     lk_acquire(w, "n", LK_X, NULL, NULL) == 0);
}

static bool
is_told(struct lk_owner *w, const char *name, lk_grant *g)
{
	*g = take(w, name, LK_S);
	return (grant_info(w, *g).flags & LK_OWNER_DIED) != 0;
}

/* … also when that is a reader in a slot, on the plain ways of owners that have had grants before. */
static void
expect_told(const char *name)
{
	struct stage s = open_stage(1);
	lk_grant g[2];

	spread(s.m, "db/n", LK_S);
	ok(lk_release(s.w[0], take(s.w[0], "db/before", LK_S)));
	test_threads(1, write_and_end, s.m);
	wait_until(stats_of(s.m).holds == 0);
	cr_assert(is_spread(s.m, name));
	cr_expect(is_told(s.w[0], name, &g[0]), "%s", name);
	cr_expect_not(is_told(s.w[1], name, &g[1]), "%s", name);
	ok(lk_release(s.w[0], g[0]));
	ok(lk_release(s.w[1], g[1]));
	close_stage(&s);
}

Test(core_spread, the_next_holder_is_told_of_a_death)
{
	expect_told("n");
}

Test(core_spread, the_next_holder_is_told_of_a_death_on_a_path)
{
	expect_told("db/n");
}

/* Then it is simply not spread.  (promise A8) */
Test(core_spread, without_memory_it_stays_as_it_is)
{
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w[2];

	test_heap_init(&heap);
	m = open_with("memory:?spread_after=1", &heap, NULL);
	open_owners(m, w, 2);
	take(w[0], "n", LK_S);
	test_heap_fail(&heap, 1, true);
	cr_expect_not(try_spread(m, "n", LK_S));
	take(w[1], "n", LK_S);
	test_heap_fail(&heap, 0, false);
	spread(m, "n", LK_S);
	ok(lk_release_all(w[0]));
	ok(lk_release_all(w[1]));
	is_free(m, "n");
	close_all(m, w, 2);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

Test(core_spread, of_a_strict_manager)
{
	struct lk_manager *m = open_manager("memory:?spread_after=1&strict=1");
	struct lk_owner *w[3];
	lk_grant g;
	struct asker a;

	open_owners(m, w, 3);
	spread(m, "n", LK_S);
	g = take(w[0], "n", LK_S);
	cr_expect_neq(slots_of(m, "n"), 0);
	ask(m, &a, w[1], "n", LK_X);
	is(lk_try_acquire(w[2], "n", LK_S, NULL), LK_E_BUSY);
	ok(lk_release(w[0], g));
	ok(lk_release(w[1], granted(&a)));
	is_free(m, "n");
	close_all(m, w, 3);
}
