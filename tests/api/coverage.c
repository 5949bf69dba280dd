/* SPDX-License-Identifier: MIT */
/* Grants that an ancestor covers: when they are implied, where they count, and what becomes of them. */
#include "support.h"

static const struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };
static const struct lk_options parents = { .size = sizeof(parents),
					   .flags = LK_PARENTS | LK_NOWAIT };

/* Does a newcomer get exactly the modes in `modes`?  i: IS, x: IX, s: S, 6: SIX, u: U, X: X. */
static void
expect_open(struct lk_owner *w, const char *name, const char *modes, const char *when)
{
	static const char letters[MODES + 1] = "-ixs6uX";

	for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++)
		cr_expect_eq(is_open_to(w, name, wanted), strchr(modes, letters[wanted]) != NULL,
			     "%s on %s, where \"%s\" are open, %s", mode_name(wanted), name, modes,
			     when);
}

static bool
is_implied(struct lk_owner *w, lk_grant g)
{
	return (grant_info(w, g).flags & LK_IMPLIED) != 0;
}

/* The mode in which its one holder really holds a name, from the name's own lock; LK_NL: nobody. */
static lk_mode
locked(struct lk_manager *m, const char *name)
{
	struct lk_info info = info_of(m, name);
	lk_mode mode = LK_NL;
	uint32_t holders = 0;

	for (lk_mode k = LK_IS; k <= LK_X; k++) {
		holders += info.holders[k];
		if (info.holders[k] != 0)
			mode = k;
	}
	cr_assert_le(holders, 1, "%s", name);
	return mode;
}

/* ----------------------------------------------------------------------- the table */

/*
 * An owner holds an ancestor and asks for a leaf.  All by hand: is the grant implied; what its
 * locks are afterwards on the ancestor, on a name between the two, and on the leaf; which modes
 * another gets there, and on a sister of the leaf; what is left on the ancestor when its own grant
 * is released.
 */
static const struct pair {
	lk_mode above, asked;
	bool implied;
	lk_mode ancestor, between, leaf;
	const char *open_ancestor, *open_between, *open_leaf, *open_sister;
	lk_mode left;
} pairs[] = {
	{ LK_IS, LK_IS, 0, LK_IS, LK_IS, LK_IS, "ixs6u", "ixs6u", "ixs6u", "ixs6uX", LK_IS },
	{ LK_IS, LK_IX, 0, LK_IX, LK_IX, LK_IX, "ix", "ix", "ix", "ixs6uX", LK_IX },
	{ LK_IS, LK_S, 0, LK_IS, LK_IS, LK_S, "ixs6u", "ixs6u", "isu", "ixs6uX", LK_IS },
	{ LK_IS, LK_SIX, 0, LK_IX, LK_IX, LK_SIX, "ix", "ix", "i", "ixs6uX", LK_IX },
	{ LK_IS, LK_U, 0, LK_IX, LK_IX, LK_U, "ix", "ix", "is", "ixs6uX", LK_IX },
	{ LK_IS, LK_X, 0, LK_IX, LK_IX, LK_X, "ix", "ix", "", "ixs6uX", LK_IX },

	{ LK_IX, LK_IS, 0, LK_IX, LK_IS, LK_IS, "ix", "ixs6u", "ixs6u", "ixs6uX", LK_IS },
	{ LK_IX, LK_IX, 0, LK_IX, LK_IX, LK_IX, "ix", "ix", "ix", "ixs6uX", LK_IX },
	{ LK_IX, LK_S, 0, LK_IX, LK_IS, LK_S, "ix", "ixs6u", "isu", "ixs6uX", LK_IS },
	{ LK_IX, LK_SIX, 0, LK_IX, LK_IX, LK_SIX, "ix", "ix", "i", "ixs6uX", LK_IX },
	{ LK_IX, LK_U, 0, LK_IX, LK_IX, LK_U, "ix", "ix", "is", "ixs6uX", LK_IX },
	{ LK_IX, LK_X, 0, LK_IX, LK_IX, LK_X, "ix", "ix", "", "ixs6uX", LK_IX },

	{ LK_S, LK_IS, 1, LK_S, LK_NL, LK_NL, "isu", "is", "is", "is", LK_S },
	{ LK_S, LK_IX, 0, LK_SIX, LK_IX, LK_IX, "i", "i", "i", "is", LK_IX },
	{ LK_S, LK_S, 1, LK_S, LK_NL, LK_NL, "isu", "is", "is", "is", LK_S },
	{ LK_S, LK_SIX, 0, LK_SIX, LK_IX, LK_SIX, "i", "i", "i", "is", LK_IX },
	{ LK_S, LK_U, 0, LK_SIX, LK_IX, LK_U, "i", "i", "is", "is", LK_IX },
	{ LK_S, LK_X, 0, LK_SIX, LK_IX, LK_X, "i", "i", "", "is", LK_IX },

	{ LK_SIX, LK_IS, 1, LK_SIX, LK_NL, LK_NL, "i", "is", "is", "is", LK_S },
	{ LK_SIX, LK_IX, 0, LK_SIX, LK_IX, LK_IX, "i", "i", "i", "is", LK_IX },
	{ LK_SIX, LK_S, 1, LK_SIX, LK_NL, LK_NL, "i", "is", "is", "is", LK_S },
	{ LK_SIX, LK_SIX, 0, LK_SIX, LK_IX, LK_SIX, "i", "i", "i", "is", LK_IX },
	{ LK_SIX, LK_U, 0, LK_SIX, LK_IX, LK_U, "i", "i", "is", "is", LK_IX },
	{ LK_SIX, LK_X, 0, LK_SIX, LK_IX, LK_X, "i", "i", "", "is", LK_IX },

	{ LK_U, LK_IS, 1, LK_U, LK_NL, LK_NL, "is", "is", "is", "is", LK_S },
	{ LK_U, LK_IX, 0, LK_SIX, LK_IX, LK_IX, "i", "i", "i", "is", LK_IX },
	{ LK_U, LK_S, 1, LK_U, LK_NL, LK_NL, "is", "is", "is", "is", LK_S },
	{ LK_U, LK_SIX, 0, LK_SIX, LK_IX, LK_SIX, "i", "i", "i", "is", LK_IX },
	{ LK_U, LK_U, 0, LK_SIX, LK_IX, LK_U, "i", "i", "is", "is", LK_IX },
	{ LK_U, LK_X, 0, LK_SIX, LK_IX, LK_X, "i", "i", "", "is", LK_IX },

	{ LK_X, LK_IS, 1, LK_X, LK_NL, LK_NL, "", "", "", "", LK_S },
	{ LK_X, LK_IX, 1, LK_X, LK_NL, LK_NL, "", "", "", "", LK_X },
	{ LK_X, LK_S, 1, LK_X, LK_NL, LK_NL, "", "", "", "", LK_S },
	{ LK_X, LK_SIX, 1, LK_X, LK_NL, LK_NL, "", "", "", "", LK_X },
	{ LK_X, LK_U, 1, LK_X, LK_NL, LK_NL, "", "", "", "", LK_X },
	{ LK_X, LK_X, 1, LK_X, LK_NL, LK_NL, "", "", "", "", LK_X },
};

/* Where the ancestor and the leaf may be; `between` may be missing, and so may `top`. */
static const struct place {
	const char *top, *ancestor, *between, *leaf, *sister;
} places[] = {
	{ NULL, "r", "r/m", "r/m/l", "r/m/s" },
	{ "r", "r/m", NULL, "r/m/l", "r/m/s" },
	{ NULL, "r", NULL, "r/l", "r/s" },
	{ "r", "r/m", "r/m/n", "r/m/n/l", "r/m/n/s" },
};

static void
check_pair(struct lk_manager *m, struct lk_owner **w, const struct pair *row,
	   const struct place *at)
{
	lk_grant above = take(w[0], at->ancestor, row->above);
	lk_grant leaf = take(w[0], at->leaf, row->asked);
	char when[100];

	(void)snprintf(when, sizeof(when), "%s on %s, then %s on %s", mode_name(row->above),
		       at->ancestor, mode_name(row->asked), at->leaf);
	cr_expect_eq(is_implied(w[0], leaf), row->implied, "%s", when);
	cr_expect_eq(grant_info(w[0], leaf).mode, row->asked, "%s", when);
	cr_expect_eq(locked(m, at->ancestor), row->ancestor, "%s: %s", when,
		     mode_name(locked(m, at->ancestor)));
	cr_expect_eq(locked(m, at->leaf), row->leaf, "%s", when);
	expect_open(w[1], at->ancestor, row->open_ancestor, when);
	expect_open(w[1], at->leaf, row->open_leaf, when);
	expect_open(w[1], at->sister, row->open_sister, when);
	if (at->between != NULL) {
		cr_expect_eq(locked(m, at->between), row->between, "%s", when);
		expect_open(w[1], at->between, row->open_between, when);
	}
	ok(lk_release(w[0], above));
	cr_expect_eq(locked(m, at->ancestor), row->left, "%s: %s is left", when,
		     mode_name(locked(m, at->ancestor)));
	cr_expect_eq(is_implied(w[0], leaf), row->implied, "%s", when);
	ok(lk_release(w[0], leaf));
	cr_expect_eq(stats_of(m).holds, 0, "%s", when);
	if (at->top != NULL)
		expect_open(w[1], at->top, "ixs6uX", when);
}

Test(coverage, of_every_leaf_by_every_ancestor_is_what_the_table_says, .timeout = 60)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (size_t i = 0; i < countof(places); i++)
		for (size_t k = 0; k < countof(pairs); k++)
			check_pair(m, w, &pairs[k], &places[i]);
	cr_expect_eq(countof(pairs), LK_X * LK_X);
	close_all(m, w, 2);
}

/* What lies above a covering ancestor: an intent for it, and for what it does not cover. */
Test(coverage, what_is_above_the_ancestor_is_held_in_an_intent)
{
	static const struct {
		lk_mode above, asked, top;
	} rows[] = {
		{ LK_S, LK_S, LK_IS },   { LK_S, LK_IS, LK_IS }, { LK_S, LK_X, LK_IX },
		{ LK_S, LK_U, LK_IX },   { LK_U, LK_S, LK_IX },  { LK_SIX, LK_S, LK_IX },
		{ LK_X, LK_S, LK_IX },   { LK_X, LK_X, LK_IX },  { LK_IS, LK_S, LK_IS },
		{ LK_IS, LK_IX, LK_IX }, { LK_IX, LK_S, LK_IX }, { LK_IS, LK_IS, LK_IS },
	};
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (size_t i = 0; i < countof(rows); i++) {
		take(w[0], "t/r", rows[i].above);
		take(w[0], "t/r/l", rows[i].asked);
		cr_expect_eq(locked(m, "t"), rows[i].top, "row %zu", i);
		expect_open(w[1], "t", rows[i].top == LK_IS ? "ixs6u" : "ix", "above");
		expect_open(w[1], "t/s", "ixs6uX", "beside");
		ok(lk_release_all(w[0]));
		cr_expect_eq(stats_of(m).holds, 0);
	}
	close_all(m, w, 2);
}

/* What lk_holds() says of the leaf, of a name between, and of one that nobody asked for. */
Test(coverage, is_told_by_lk_holds)
{
	static const struct {
		lk_mode above, below; /* held on "r", and so on everything below */
	} rows[] = { { LK_IS, LK_NL }, { LK_IX, LK_NL }, { LK_S, LK_S },
		     { LK_SIX, LK_S }, { LK_U, LK_S },   { LK_X, LK_X } };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (size_t i = 0; i < countof(rows); i++) {
		take(w, "r", rows[i].above);
		cr_expect_eq(holds(w, "r"), rows[i].above);
		cr_expect_eq(holds(w, "r/m"), rows[i].below, "%s", mode_name(rows[i].above));
		cr_expect_eq(holds(w, "r/m/l"), rows[i].below, "%s", mode_name(rows[i].above));
		cr_expect_eq(holds(w, "rm"), LK_NL);
		cr_expect_eq(holds(w, "r/"), LK_NL);
		for (lk_mode asked = LK_IS; asked <= LK_X; asked++) {
			lk_grant g = take(w, "r/m/l", asked);

			cr_expect_eq(holds(w, "r/m/l"), supremum[rows[i].below][asked],
				     "%s on r, %s on r/m/l: %s", mode_name(rows[i].above),
				     mode_name(asked), mode_name(holds(w, "r/m/l")));
			ok(lk_release(w, g));
		}
		cr_expect_eq(holds(w, "r"), rows[i].above);
		ok(lk_release_all(w));
	}
	close_all(m, &w, 1);
}

/* ---------------------------------------------------- releasing and weakening the ancestor */

Test(coverage, weakening_the_ancestor_never_fails_and_leaves_what_is_needed)
{
	static const struct {
		lk_mode above, asked, to, left;
	} rows[] = {
		{ LK_X, LK_X, LK_S, LK_X },      { LK_X, LK_IX, LK_IS, LK_X },
		{ LK_X, LK_U, LK_U, LK_X },      { LK_X, LK_SIX, LK_SIX, LK_X },
		{ LK_X, LK_S, LK_SIX, LK_SIX },  { LK_X, LK_S, LK_IX, LK_SIX },
		{ LK_X, LK_S, LK_U, LK_U },      { LK_X, LK_S, LK_IS, LK_S },
		{ LK_X, LK_IS, LK_S, LK_S },     { LK_X, LK_IS, LK_IS, LK_S },
		{ LK_SIX, LK_S, LK_IX, LK_SIX }, { LK_SIX, LK_S, LK_IS, LK_S },
		{ LK_SIX, LK_S, LK_S, LK_S },    { LK_U, LK_S, LK_IS, LK_S },
		{ LK_U, LK_IS, LK_S, LK_S },     { LK_S, LK_S, LK_IS, LK_S },
	};
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (size_t i = 0; i < countof(rows); i++) {
		lk_grant above = take(w[0], "r/m", rows[i].above);
		lk_grant leaf = take(w[0], "r/m/l", rows[i].asked);

		cr_assert(is_implied(w[0], leaf));
		ok(lk_can_convert(w[0], above, rows[i].to));
		ok(lk_convert(w[0], above, rows[i].to, &nowait));
		cr_expect_eq(grant_info(w[0], above).mode, rows[i].to);
		cr_expect_eq(locked(m, "r/m"), rows[i].left, "row %zu: %s", i,
			     mode_name(locked(m, "r/m")));
		cr_expect(!is_open_to(w[1], "r/m/l", LK_X));
		ok(lk_release(w[0], leaf));
		cr_expect_eq(locked(m, "r/m"), rows[i].to, "row %zu", i);
		ok(lk_release(w[0], above));
		cr_expect_eq(stats_of(m).holds, 0);
	}
	close_all(m, w, 2);
}

Test(coverage, lasts_when_the_ancestor_was_released_first)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant above, read, write;

	open_owners(m, w, 2);
	above = take(w[0], "t/r", LK_X);
	read = take(w[0], "t/r/a", LK_S);
	write = take(w[0], "t/r/b/c", LK_U);
	ok(lk_release(w[0], above));
	is(lk_release(w[0], above), LK_E_STALE);
	is(lk_release_name(w[0], "t/r", 3), LK_E_STALE);
	cr_expect_eq(locked(m, "t/r"), LK_X);
	cr_expect_eq(locked(m, "t"), LK_IX);
	ok(lk_release(w[0], write));
	cr_expect_eq(locked(m, "t/r"), LK_S);
	cr_expect_eq(locked(m, "t"), LK_IS);
	expect_open(w[1], "t/r", "isu", "with a reader left");
	expect_open(w[1], "t/r/a", "is", "with a reader left");
	ok(lk_release(w[0], read));
	expect_open(w[1], "t", "ixs6uX", "at the end");
	close_all(m, w, 2);
}

Test(coverage, whoever_waits_for_the_ancestor_gets_it_after_the_last_that_it_covered)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];
	struct asker reader, writer;
	lk_grant above, read, write;

	open_owners(m, w, 3);
	above = take(w[0], "r", LK_X);
	read = take(w[0], "r/a", LK_S);
	write = take(w[0], "r/b", LK_X);
	ask(m, &reader, w[1], "r", LK_S);
	ask(m, &writer, w[2], "r", LK_X);
	ok(lk_release(w[0], above));
	cr_expect_eq(line(m, "r"), 2);
	ok(lk_release(w[0], write)); /* an S on "r" is left */
	granted(&reader);
	ok(lk_release_all(w[1]));
	cr_expect_eq(line(m, "r"), 1);
	ok(lk_release(w[0], read));
	granted(&writer);
	close_all(m, w, 3);
}

/* ------------------------------------------------------------- which ancestor it is */

Test(coverage, is_by_the_nearest_ancestor_that_says_as_much)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant top, middle, read, write;

	open_owners(m, &w, 1);
	middle = take(w, "r/m", LK_S); /* before "r", else it would be implied itself */
	top = take(w, "r", LK_X);
	read = take(w, "r/m/a", LK_S);
	write = take(w, "r/m/b", LK_X);
	cr_expect(is_implied(w, read));
	cr_expect(is_implied(w, write));
	ok(lk_release(w, middle));
	cr_expect_eq(locked(m, "r/m"), LK_S); /* for `read` */
	ok(lk_release(w, top));
	cr_expect_eq(locked(m, "r"), LK_X); /* for `write` */
	ok(lk_release(w, write));
	cr_expect_eq(locked(m, "r"), LK_IS); /* for what is held on "r/m" */
	ok(lk_release(w, read));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

Test(coverage, is_never_by_a_name_that_is_itself_implied)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant top, middle, leaf;

	open_owners(m, &w, 1);
	top = take(w, "r", LK_X);
	middle = take(w, "r/m", LK_S);
	leaf = take(w, "r/m/l", LK_X);
	cr_expect(is_implied(w, middle));
	cr_expect(is_implied(w, leaf));
	ok(lk_release(w, top));
	cr_expect_eq(locked(m, "r"), LK_X);
	cr_expect_eq(locked(m, "r/m"), LK_NL);
	ok(lk_release(w, leaf));
	cr_expect_eq(locked(m, "r"), LK_S);
	ok(lk_release(w, middle));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

Test(coverage, is_by_what_the_ancestor_comes_to_with_its_intents)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant above, write, read;

	open_owners(m, &w, 1);
	above = take(w, "r", LK_S);
	write = take(w, "r/a", LK_X);
	cr_expect_eq(locked(m, "r"), LK_SIX);
	read = take(w, "r/b", LK_S);
	cr_expect(is_implied(w, read));
	ok(lk_release(w, above));
	cr_expect_eq(locked(m, "r"), LK_SIX); /* S for "r/b", IX for "r/a" */
	ok(lk_release(w, write));
	cr_expect_eq(locked(m, "r"), LK_S);
	ok(lk_release(w, read));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

Test(coverage, is_not_by_intents_alone)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	take(w, "r/m/a", LK_X);
	cr_expect(!is_implied(w, take(w, "r/m/b", LK_IS)));
	cr_expect(!is_implied(w, take(w, "r/m", LK_IS)));
	take(w, "r/m", LK_IX);
	cr_expect(!is_implied(w, take(w, "r/m/c", LK_IS)));
	close_all(m, &w, 1);
}

Test(coverage, is_by_ancestors_that_are_held_with_parents_too)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant whole, g;

	open_owners(m, &w, 1);
	ok(lk_acquire(w, "r/m/l", LK_X, &parents, &whole));
	g = take(w, "r/m/s", LK_X);
	cr_expect(is_implied(w, g));
	ok(lk_release(w, whole));
	cr_expect_eq(locked(m, "r/m"), LK_X);
	cr_expect_eq(locked(m, "r"), LK_IX);
	ok(lk_release(w, g));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

Test(coverage, is_not_of_a_name_that_is_really_held_already)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant leaf, above, again;

	open_owners(m, &w, 1);
	leaf = take(w, "r/l", LK_S);
	above = take(w, "r", LK_X);
	again = take(w, "r/l", LK_X);
	cr_expect(!is_implied(w, leaf));
	cr_expect(!is_implied(w, again));
	cr_expect_eq(locked(m, "r/l"), LK_X);
	ok(lk_release(w, above));
	cr_expect_eq(locked(m, "r"), LK_IX);
	ok(lk_release(w, again));
	cr_expect_eq(locked(m, "r"), LK_IS);
	cr_expect_eq(locked(m, "r/l"), LK_S);
	ok(lk_release(w, leaf));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

/* What one owner holds covers nothing of another's. */
Test(coverage, is_by_the_owner_s_own_locks_only)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	take(w[0], "r", LK_S);
	g = take(w[1], "r/l", LK_S);
	cr_expect(!is_implied(w[1], g));
	cr_expect_eq(locked(m, "r/l"), LK_S);
	cr_expect_eq(holds(w[1], "r/k"), LK_NL);
	close_all(m, w, 2);
}

/* ------------------------------------------------------------------------- waiting */

Test(coverage, does_not_wait_for_those_who_wait_for_the_ancestor)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[3];
	struct asker top, leaf;
	lk_grant g;

	open_owners(m, w, 3);
	take(w[0], "r", LK_S);
	take(w[1], "r/l", LK_S);
	ask(m, &top, w[2], "r", LK_X);
	g = take(w[0], "r/l", LK_S);
	cr_expect(is_implied(w[0], g));
	leaf = (struct asker){ .owner = w[1], .name = "r/l", .mode = LK_X };
	asker_start(&leaf); /* IS to IX on "r", ahead of the one who waits */
	wait_until(line(m, "r") == 2);
	take(w[0], "r/m", LK_IS);
	ok(lk_release_all(w[0]));
	granted(&leaf);
	ok(lk_release_all(w[1]));
	granted(&top);
	close_all(m, w, 3);
}

/* ------------------------------------------------------------- re-entry and release */

Test(coverage, of_a_name_twice_gives_two_grants)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant above, read, write;

	open_owners(m, &w, 1);
	above = take(w, "r", LK_X);
	read = take(w, "r/l", LK_S);
	write = take(w, "r/l", LK_X);
	cr_assert_neq(read, write);
	cr_expect(is_implied(w, read));
	cr_expect(is_implied(w, write));
	cr_expect_eq(stats_of(m).implied, 2);
	cr_expect_eq(stats_of(m).reentries, 1);
	ok(lk_release(w, above));
	cr_expect_eq(locked(m, "r"), LK_X);
	ok(lk_release(w, write));
	is(lk_release(w, write), LK_E_STALE);
	cr_expect_eq(locked(m, "r"), LK_S);
	cr_expect_eq(grant_info(w, read).mode, LK_S);
	ok(lk_release(w, read));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

/* By grant, by name, all at once, with the owner, at the end of all: in whatever order. */
Test(coverage, ends_with_its_release_however_that_is_done)
{
	for (int way = 0; way < 6; way++) {
		struct lk_manager *m = open_manager(NULL);
		struct lk_owner *w[2];
		lk_grant above, leaf;

		open_owners(m, w, 2);
		above = take(w[0], "r", LK_X);
		leaf = take(w[0], "r/m/l", LK_U);
		if (way == 0) {
			ok(lk_release(w[0], leaf));
			ok(lk_release(w[0], above));
		} else if (way == 1) {
			ok(lk_release_name(w[0], "r", 1));
			ok(lk_release_name(w[0], "r/m/l", 5));
			is(lk_release_name(w[0], "r/m/l", 5), LK_E_STALE);
		} else if (way == 2) {
			ok(lk_release_all(w[0]));
		} else if (way == 3) {
			ok(lk_owner_close(w[0]));
			open_owners(m, w, 1);
		} else if (way == 4) {
			const lk_grant both[] = { leaf, above };

			ok(lk_release_many(w[0], both, 2, NULL));
		} else {
			ok(lk_shutdown(m, &nowait));
			is(lk_release(w[0], leaf), LK_E_STALE);
		}
		cr_expect_eq(stats_of(m).holds, 0, "way %d", way);
		if (way != 5)
			expect_open(w[1], "r", "ixs6uX", "at the end");
		close_all(m, w, 2);
	}
}

Test(coverage, of_an_old_grant_is_stale)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	take(w[0], "r", LK_X);
	g = take(w[0], "r/l", LK_X);
	is(lk_release(w[1], g), LK_E_STALE);
	is(lk_convert(w[1], g, LK_S, NULL), LK_E_STALE);
	ok(lk_release(w[0], g));
	is(lk_convert(w[0], g, LK_S, NULL), LK_E_STALE);
	is(lk_can_convert(w[0], g, LK_S), LK_E_STALE);
	cr_expect_eq(lk_fence(w[0], g), 0);
	cr_expect_eq(locked(m, "r"), LK_X);
	close_all(m, w, 2);
}
