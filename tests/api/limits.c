/* SPDX-License-Identifier: MIT */
/* The limits of the lock word: one holder too many is told, and nothing overflows. */
#include "support.h"

/* `most` owners hold "n" in `mode`; one more is refused until one of them leaves. */
static void
fill(lk_mode mode, uint32_t most)
{
	struct lk_owner **w = calloc(most + 1, sizeof(struct lk_owner *));
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *extra;

	cr_assert_not_null(w);
	open_owners(m, w, (int)most + 1);
	extra = w[most];
	for (uint32_t i = 0; i < most; i++)
		take(w[i], "n", mode);
	is(lk_try_acquire(extra, "n", mode, NULL), LK_E_LIMIT);
	is(lk_acquire(extra, "n", mode, NULL, NULL), LK_E_LIMIT);
	cr_expect_eq(info_of(m, "n").holders[mode], most);
	cr_expect_eq(holds(extra, "n"), LK_NL);
	take(w[0], "n", mode); /* a grant more is no holder more */
	ok(lk_release_all(w[most / 2]));
	take(extra, "n", mode);
	is(lk_try_acquire(w[most / 2], "n", mode, NULL), LK_E_LIMIT);
	close_owners(w, (int)most + 1);
	cr_expect_eq(info_of(m, "n").holders[mode], 0);
	ok(lk_close(m));
	free(w);
}

Test(limits, as_many_readers_as_the_word_can_count)
{
	fill(LK_S, 1 << 13);
}

Test(limits, as_many_intents_to_write_as_the_word_can_count)
{
	fill(LK_IX, 1 << 13);
}

Test(limits, as_many_intents_to_read_as_the_word_can_count)
{
	fill(LK_IS, 1 << 15);
}

/* At the limit of S a holder of IS may not become a reader, and is told so. */
Test(limits, hold_for_conversions)
{
	enum { MOST = 1 << 13 };
	struct lk_manager *m = open_manager(NULL);
	static struct lk_owner *w[MOST + 1];
	lk_grant g;

	open_owners(m, w, MOST + 1);
	g = take(w[MOST], "n", LK_IS);
	for (int i = 0; i < MOST; i++)
		take(w[i], "n", LK_S);
	is(lk_can_convert(w[MOST], g, LK_S), LK_E_LIMIT);
	is(lk_convert(w[MOST], g, LK_S, NULL), LK_E_LIMIT);
	is(lk_acquire(w[MOST], "n", LK_S, NULL, NULL), LK_E_LIMIT);
	cr_expect_eq(holds(w[MOST], "n"), LK_IS);
	ok(lk_release_all(w[0]));
	ok(lk_can_convert(w[MOST], g, LK_S));
	ok(lk_convert(w[MOST], g, LK_S, NULL));
	close_all(m, w, MOST + 1);
}

/* With the word nearly full a downgrade still cannot fail. */
Test(limits, never_stop_a_downgrade)
{
	enum { MOST = 1 << 13 };
	struct lk_manager *m = open_manager(NULL);
	static struct lk_owner *w[MOST];
	lk_grant g;

	open_owners(m, w, MOST);
	g = take(w[0], "n", LK_U);
	for (int i = 1; i < MOST; i++)
		take(w[i], "n", LK_S);
	ok(lk_downgrade(w[0], g));
	cr_expect_eq((int)info_of(m, "n").holders[LK_S], MOST);
	ok(lk_convert(w[0], g, LK_IS, NULL));
	close_all(m, w, MOST);
}

Test(limits, are_counted)
{
	struct lk_manager *m = open_manager("memory:?max_reentry=1");
	struct lk_owner *w;

	open_owners(m, &w, 1);
	take(w, "n", LK_S);
	for (int i = 0; i < 5; i++)
		is(lk_try_acquire(w, "n", LK_S, NULL), LK_E_LIMIT);
	cr_expect_eq(stats_of(m).limits, 5);
	close_all(m, &w, 1);
}
