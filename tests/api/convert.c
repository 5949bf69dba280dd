/* SPDX-License-Identifier: MIT */
/* Changing the mode of a grant, alone and in company. */
#include "support.h"

static const struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };

static bool
is_weaker_or_same(lk_mode to, lk_mode from)
{
	return supremum[to][from] == from;
}

Test(convert, every_mode_becomes_every_other_for_an_owner_alone)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (lk_mode from = LK_IS; from <= LK_X; from++) {
		for (lk_mode to = LK_IS; to <= LK_X; to++) {
			lk_grant g = take(w[0], "n", from);

			ok(lk_can_convert(w[0], g, to));
			cr_expect_eq(holds(w[0], "n"), from);
			ok(lk_convert(w[0], g, to, NULL));
			cr_expect_eq(holds(w[0], "n"), to);
			cr_expect_eq(grant_info(w[0], g).mode, to);
			for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++)
				cr_expect_eq(is_open_to(w[1], "n", wanted), compatible[wanted][to]);
			ok(lk_release(w[0], g));
		}
	}
	close_all(m, w, 2);
}

/* `held` by another; the conversion from → to is made, or refused and nothing has changed. */
static void
convert_against(struct lk_owner **w, lk_mode held, lk_mode from, lk_mode to)
{
	int expected = compatible[to][held] ? 0 : LK_E_BUSY;
	lk_grant g = take(w[0], "n", from);
	lk_grant other = take(w[1], "n", held);

	is(lk_can_convert(w[0], g, to), expected);
	is(lk_convert(w[0], g, to, &nowait), expected);
	cr_expect_eq(holds(w[0], "n"), expected == 0 ? to : from);
	cr_expect_eq(grant_info(w[0], g).mode, expected == 0 ? to : from);
	cr_expect_eq(holds(w[1], "n"), held);
	ok(lk_release(w[0], g));
	ok(lk_release(w[1], other));
}

Test(convert, needs_the_new_mode_to_agree_with_the_other_holder)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (lk_mode held = LK_IS; held <= LK_X; held++)
		for (lk_mode from = LK_IS; from <= LK_X; from++)
			for (lk_mode to = LK_IS; to <= LK_X; to++)
				if (compatible[from][held])
					convert_against(w, held, from, to);
	close_all(m, w, 2);
}

Test(convert, changes_one_grant_of_several)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (lk_mode kept = LK_IS; kept <= LK_X; kept++) {
		for (lk_mode from = LK_IS; from <= LK_X; from++) {
			for (lk_mode to = LK_IS; to <= LK_X; to++) {
				lk_grant other = take(w, "n", kept);
				lk_grant g = take(w, "n", from);

				ok(lk_convert(w, g, to, NULL));
				cr_expect_eq(holds(w, "n"), supremum[kept][to]);
				cr_expect_eq(grant_info(w, other).mode, kept);
				ok(lk_release(w, other));
				cr_expect_eq(holds(w, "n"), to);
				ok(lk_release(w, g));
			}
		}
	}
	close_all(m, &w, 1);
}

Test(convert, goes_ahead_of_those_who_wait_for_its_owner)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[3];
	struct asker newcomer, converter;
	lk_grant g[2];

	open_owners(m, w, 3);
	g[0] = take(w[0], "n", LK_S);
	g[1] = take(w[1], "n", LK_S);
	ask(m, &newcomer, w[2], "n", LK_X);
	ask_convert(m, &converter, w[0], g[0], LK_X);
	ok(lk_release(w[1], g[1]));
	granted(&converter);
	cr_expect_eq(holds(w[0], "n"), LK_X);
	cr_expect(!is_answered(&newcomer));
	ok(lk_release(w[0], g[0]));
	granted(&newcomer);
	close_all(m, w, 3);
}

Test(convert, a_waiting_conversion_keeps_what_it_had_when_it_is_cancelled)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];
	struct asker a, reader;
	lk_grant g;

	open_owners(m, w, 3);
	g = take(w[0], "n", LK_U);
	take(w[1], "n", LK_S);
	ask_convert(m, &a, w[0], g, LK_X);
	ask(m, &reader, w[2], "n", LK_S); /* closed by the conversion */
	ok(lk_owner_cancel(w[0]));
	is(answer(&a), LK_E_CANCELED);
	cr_expect_eq(holds(w[0], "n"), LK_U);
	cr_expect_eq(grant_info(w[0], g).mode, LK_U);
	granted(&reader);
	close_all(m, w, 3);
}

Test(convert, a_waiting_conversion_keeps_what_it_had_when_its_time_is_up)
{
	struct lk_options brief = { .size = sizeof(brief), .timeout_ns = 1000000 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	g = take(w[0], "n", LK_S);
	take(w[1], "n", LK_IS);
	is(lk_convert(w[0], g, LK_X, &brief), LK_E_TIMEDOUT);
	is(lk_acquire(w[0], "n", LK_X, &brief, NULL), LK_E_TIMEDOUT);
	is(lk_upgrade(w[0], g, &nowait), LK_E_BUSY);
	cr_expect_eq(grant_info(w[0], g).mode, LK_S);
	cr_expect_eq(holds(w[0], "n"), LK_S);
	cr_expect_eq(line(m, "n"), 0);
	close_all(m, w, 2);
}

/*
 * `a` waits to go from a1 to a2 because `b` holds b1; now `b` wants b2.  As `a` already waits
 * for what `b` holds, `b` must not wait for what `a` holds.
 */
static void
cross(struct lk_manager *m, struct lk_owner **w, lk_mode a1, lk_mode a2, lk_mode b1, lk_mode b2)
{
	int expected = compatible[b2][a1] ? 0 : LK_E_CONVERSION_DEADLOCK;
	lk_grant a = take(w[0], "n", a1);
	lk_grant b = take(w[1], "n", b1);
	struct asker asker;

	ask_convert(m, &asker, w[0], a, a2);
	is(lk_can_convert(w[1], b, b2), expected);
	is(lk_convert(w[1], b, b2, NULL), expected);
	cr_expect_eq(holds(w[1], "n"), expected == 0 ? b2 : b1);
	ok(lk_release(w[1], b));
	granted(&asker);
	cr_expect_eq(holds(w[0], "n"), a2);
	ok(lk_release(w[0], a));
}

Test(convert, two_that_wait_for_each_other_are_found_at_once, .timeout = 120)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (lk_mode a1 = LK_IS; a1 <= LK_X; a1++)
		for (lk_mode a2 = LK_IS; a2 <= LK_X; a2++)
			for (lk_mode b1 = LK_IS; b1 <= LK_X; b1++)
				for (lk_mode b2 = LK_IS; b2 <= LK_X; b2++)
					if (compatible[a1][b1] && !compatible[a2][b1])
						cross(m, w, a1, a2, b1, b2);
	close_all(m, w, 2);
}

Test(convert, a_stronger_request_finds_the_deadlock_too)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct asker a;

	open_owners(m, w, 2);
	take(w[0], "n", LK_S);
	take(w[1], "n", LK_S);
	ask(m, &a, w[0], "n", LK_X);
	is(lk_acquire(w[1], "n", LK_X, NULL, NULL), LK_E_CONVERSION_DEADLOCK);
	is(lk_acquire(w[1], "n", LK_IX, NULL, NULL), LK_E_CONVERSION_DEADLOCK);
	cr_expect_eq(holds(w[1], "n"), LK_S);
	cr_expect(!is_answered(&a));
	ok(lk_release_all(w[1]));
	granted(&a);
	close_all(m, w, 2);
}

Test(convert, update_admits_readers_until_it_asks_to_write)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];
	struct asker writer, reader;
	lk_grant g;

	open_owners(m, w, 3);
	g = take(w[0], "n", LK_U);
	take(w[1], "n", LK_S);
	cr_expect(is_open_to(w[2], "n", LK_S));
	ask_convert(m, &writer, w[0], g, LK_X);
	cr_expect(!is_open_to(w[2], "n", LK_S));
	ask(m, &reader, w[2], "n", LK_S);
	ok(lk_release_all(w[1]));
	granted(&writer);
	cr_expect(!is_answered(&reader));
	ok(lk_downgrade(w[0], g));
	granted(&reader);
	close_all(m, w, 3);
}

Test(convert, a_reader_inside_may_read_again_while_update_waits_to_write)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[2];
	struct asker writer;
	lk_grant g;

	open_owners(m, w, 2);
	g = take(w[0], "n", LK_U);
	take(w[1], "n", LK_S);
	ask_convert(m, &writer, w[0], g, LK_X);
	take(w[1], "n", LK_S);
	take(w[1], "n", LK_IS);
	ok(lk_release_all(w[1]));
	granted(&writer);
	close_all(m, w, 2);
}

Test(convert, weakening_never_waits_and_lets_readers_in)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[4];
	struct asker reader[2], writer;
	lk_grant g;

	open_owners(m, w, 4);
	g = take(w[0], "n", LK_X);
	ask(m, &reader[0], w[1], "n", LK_S);
	ask(m, &reader[1], w[2], "n", LK_S);
	ask(m, &writer, w[3], "n", LK_X);
	ok(lk_downgrade(w[0], g));
	granted(&reader[0]);
	granted(&reader[1]);
	cr_expect(!is_answered(&writer));
	cr_expect_eq(line(m, "n"), 1);
	for (int i = 0; i < 3; i++)
		ok(lk_release_all(w[i]));
	granted(&writer);
	close_all(m, w, 4);
}

/* Whatever waits, each weakening is made at once, and admits exactly what it should. */
Test(convert, every_weakening_admits_those_it_agrees_with)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[2];
	struct asker a;

	open_owners(m, w, 2);
	for (lk_mode from = LK_IS; from <= LK_X; from++)
		for (lk_mode to = LK_IS; to <= LK_X; to++)
			for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++) {
				lk_grant g;

				if (!is_weaker_or_same(to, from) || compatible[wanted][from])
					continue;
				g = take(w[0], "n", from);
				ask(m, &a, w[1], "n", wanted);
				ok(lk_can_convert(w[0], g, to));
				ok(lk_convert(w[0], g, to, &nowait));
				cr_expect_eq(line(m, "n"), !compatible[wanted][to]);
				ok(lk_release(w[0], g));
				ok(lk_release(w[1], granted(&a)));
			}
	close_all(m, w, 2);
}

Test(convert, a_downgrade_is_for_what_reading_weakens)
{
	static const int expected[MODES] = { [LK_IS] = LK_E_INVAL, [LK_IX] = LK_E_INVAL };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (lk_mode from = LK_IS; from <= LK_X; from++) {
		lk_grant g = take(w, "n", from);

		is(lk_downgrade(w, g), expected[from]);
		cr_expect_eq(holds(w, "n"), expected[from] == 0 ? LK_S : from);
		ok(lk_upgrade(w, g, NULL));
		cr_expect_eq(holds(w, "n"), LK_X);
		ok(lk_release(w, g));
	}
	close_all(m, &w, 1);
}

/*
 * A conversion may come before waiters that were there first, but not before those for whose holds it
 * then waits: they would wait for its turn, and it for them.
 */
Test(convert, does_not_come_before_those_whose_holds_are_in_its_way, .timeout = 60)
{
	static const struct {
		lk_mode held;   /* by the one who will convert to X */
		lk_mode wanted; /* by the one who holds IS */
		lk_mode other;  /* wanted by somebody who waits first */
	} rings[] = { { LK_S, LK_S, LK_IX },
		      { LK_S, LK_U, LK_IX },
		      { LK_U, LK_S, LK_IX },
		      { LK_IX, LK_IX, LK_S } };

	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		struct lk_manager *m = open_manager("memory:?strict=1");
		struct asker other, early, late;
		struct lk_owner *w[3];
		lk_grant g[2];

		open_owners(m, w, 3);
		g[0] = take(w[0], "n", LK_IS);
		g[1] = take(w[1], "n", rings[i].held);
		ask(m, &other, w[2], "n", rings[i].other);
		ask_convert(m, &early, w[0], g[0], rings[i].wanted);
		late = (struct asker){
			.owner = w[1], .name = "n", .mode = LK_X, .grant = g[1], .converts = true
		};
		asker_start(&late);
		ok(answer(&early)); /* let in by the one who comes late */
		ok(lk_release(w[0], g[0]));
		ok(answer(&late));
		ok(lk_release(w[1], g[1]));
		ok(answer(&other));
		close_all(m, w, 3);
	}
}
