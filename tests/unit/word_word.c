/* SPDX-License-Identifier: MIT */
/* The lock word: every row against a matrix written by hand, the limits, and the word as text. */
#include "harness.h"

#include "word/word.h"

/* Gray's matrix: [wanted][held]. */
/* clang-format off */
static const bool compatible[MODE_N][MODE_N] = {
	/*           NL IS IX  S SIX U  X */
	[LK_NL] =  { 1, 1, 1, 1, 1, 1, 1 },
	[LK_IS] =  { 1, 1, 1, 1, 1, 1, 0 },
	[LK_IX] =  { 1, 1, 1, 0, 0, 0, 0 },
	[LK_S] =   { 1, 1, 0, 1, 0, 1, 0 },
	[LK_SIX] = { 1, 1, 0, 0, 0, 0, 0 },
	[LK_U] =   { 1, 1, 0, 1, 0, 0, 0 },
	[LK_X] =   { 1, 0, 0, 0, 0, 0, 0 },
};
/* clang-format on */

enum { IS_LIMIT = 32768, IX_LIMIT = 8192, S_LIMIT = 8192 };

static const char *
name(lk_mode m)
{
	return lk_modename(m);
}

static bool
admits(uint64_t w, lk_mode want)
{
	return word_admits(w, LK_NL, want);
}

/* `n` more holds in `m`, each of which the word must admit. */
static uint64_t
add_holds(uint64_t w, lk_mode m, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		cr_assert(admits(w, m), "%s no. %u", name(m), i);
		w = word_change(w, LK_NL, m);
	}
	return w;
}

Test(word, layout)
{
	cr_expect_eq(word_modes.add[LK_NL], 0);
	cr_expect_eq(word_modes.add[LK_IS], UINT64_C(1));
	cr_expect_eq(word_modes.add[LK_IX], UINT64_C(1) << 16);
	cr_expect_eq(word_modes.add[LK_S], UINT64_C(1) << 30);
	cr_expect_eq(word_modes.add[LK_U], UINT64_C(1) << 44);
	cr_expect_eq(word_modes.add[LK_SIX], UINT64_C(1) << 45);
	cr_expect_eq(word_modes.add[LK_X], UINT64_C(1) << 46);
	cr_expect_eq(WORD_IS_MASK, UINT64_C(0xffff));
	cr_expect_eq(WORD_IX_MASK, UINT64_C(0x3fff) << 16);
	cr_expect_eq(WORD_S_MASK, UINT64_C(0x3fff) << 30);
	cr_expect_eq(WORD_GEN_MASK, UINT64_C(0x3ff) << 54);
}

Test(word, one_holder_admits_what_the_matrix_says)
{
	for (lk_mode held = LK_NL; held <= LK_X; held++) {
		for (lk_mode want = LK_NL; want <= LK_X; want++)
			cr_expect_eq(admits(word_modes.add[held], want), compatible[want][held],
				     "%s wanted, %s held", name(want), name(held));
	}
}

/* An owner's own hold is never in its way; that of another is, as if the own were not there. */
Test(word, own_hold_does_not_count)
{
	for (lk_mode own = LK_NL; own <= LK_X; own++) {
		for (lk_mode other = LK_NL; other <= LK_X; other++) {
			uint64_t w = word_modes.add[own] + word_modes.add[other];

			if (!compatible[own][other])
				continue;
			for (lk_mode want = LK_NL; want <= LK_X; want++)
				cr_expect_eq(word_admits(w, own, want), compatible[want][other],
					     "%s held, %s by another, %s wanted", name(own),
					     name(other), name(want));
		}
	}
}

Test(word, columns_are_made_of_their_parts)
{
	for (lk_mode m = LK_NL; m <= LK_X; m++) {
		cr_expect_eq(word_modes.zero[m], word_modes.conflict[m] | word_modes.guard[m], "%s",
			     name(m));
		cr_expect_eq(word_modes.open[m], word_modes.zero[m] | WORD_STOP, "%s", name(m));
		cr_expect_eq(word_modes.add[m] + word_modes.sub[m], 0, "%s", name(m));
		for (lk_mode other = LK_NL; other <= LK_X; other++)
			cr_expect_eq((word_modes.conflict[m] & word_modes.add[other]) == 0,
				     compatible[m][other], "%s, %s", name(m), name(other));
	}
}

/* Without the latch nobody comes past these; WAITERS and AWAKE alone stop nobody. */
Test(word, flags_that_stop)
{
	static const struct {
		uint64_t flag;
		bool stops;
	} flags[] = { { WORD_WAITERS, false }, { WORD_AWAKE, false },   { WORD_CLOSED, true },
		      { WORD_SPREAD, true },   { WORD_FREEZE, true },   { WORD_DEAD, true },
		      { WORD_GEN_ONE, false }, { WORD_GEN_MASK, false } };

	for (size_t i = 0; i < countof(flags); i++) {
		for (lk_mode m = LK_IS; m <= LK_X; m++) {
			cr_expect_eq((flags[i].flag & word_modes.open[m]) != 0, flags[i].stops,
				     "flag %zu, %s", i, name(m));
			cr_expect(admits(flags[i].flag, m), "flag %zu, %s", i, name(m));
		}
	}
}

Test(word, change_leaves_the_rest)
{
	const uint64_t rest = 5 * WORD_GEN_ONE | WORD_WAITERS | WORD_AWAKE | 3 * WORD_IS_ONE;
	uint64_t w = word_change(rest, LK_NL, LK_SIX);

	cr_expect_eq(w, rest | WORD_SIX);
	cr_expect_eq(word_without(w, LK_SIX), rest);
	w = word_change(w, LK_SIX, LK_S);
	cr_expect_eq(w, rest + WORD_S_ONE);
	cr_expect_eq(word_change(w, LK_S, LK_NL), rest);
}

/* --------------------------------------------------------------------- limits */

static void
at_limit(uint64_t w, lk_mode m, unsigned n)
{
	cr_expect_eq(word_holders(w, m), n);
	cr_expect_not(admits(w, m), "%s", name(m));
	cr_expect(word_at_limit(w, LK_NL, m), "%s", name(m));
}

Test(word, limit_of_is)
{
	uint64_t w = add_holds(0, LK_IS, IS_LIMIT - 1);

	cr_expect_not(word_at_limit(w, LK_NL, LK_IS));
	cr_expect(admits(w, LK_S) && admits(w, LK_IX) && admits(w, LK_U) && admits(w, LK_SIX));
	w = add_holds(w, LK_IS, 1);
	/* (W7): whoever could be weakened to IS minds this limit, and X has a conflict, no limit. */
	for (lk_mode m = LK_IS; m < LK_X; m++) {
		cr_expect_not(admits(w, m), "%s", name(m));
		cr_expect(word_at_limit(w, LK_NL, m), "%s", name(m));
	}
	cr_expect_not(word_at_limit(w, LK_NL, LK_X));
	at_limit(w, LK_IS, IS_LIMIT);
	/* Who is in already is not one too many. */
	cr_expect(word_admits(w, LK_IS, LK_S));
	cr_expect_not(word_at_limit(w, LK_IS, LK_S));
	w = word_change(w, LK_IS, LK_NL);
	cr_expect(admits(w, LK_IS));
}

Test(word, limit_of_ix)
{
	uint64_t w = add_holds(0, LK_IX, IX_LIMIT);

	at_limit(w, LK_IX, IX_LIMIT);
	cr_expect(admits(w, LK_IS));
	cr_expect_not(word_at_limit(w, LK_NL, LK_IS));
	for (lk_mode m = LK_S; m <= LK_X; m++) {
		cr_expect_not(admits(w, m), "%s", name(m));
		cr_expect_not(word_at_limit(w, LK_NL, m), "%s has a conflict", name(m));
	}
}

Test(word, limit_of_s)
{
	uint64_t w = add_holds(0, LK_S, S_LIMIT);

	at_limit(w, LK_S, S_LIMIT);
	cr_expect(admits(w, LK_IS));
	cr_expect_not(admits(w, LK_U), "U may become S");
	cr_expect(word_at_limit(w, LK_NL, LK_U));
	cr_expect_not(word_at_limit(w, LK_NL, LK_IX), "IX has a conflict");
}

/* Every S becomes IS on top of all the IS there may be: the count has room for it. */
Test(word, weakening_at_the_limit)
{
	uint64_t w = add_holds(WORD_WAITERS, LK_S, S_LIMIT);

	w = add_holds(w, LK_IS, IS_LIMIT);
	for (unsigned i = 0; i < S_LIMIT; i++)
		w = word_change(w, LK_S, LK_IS);
	cr_expect_eq(word_holders(w, LK_IS), S_LIMIT + IS_LIMIT);
	cr_expect_eq(word_holders(w, LK_IX), 0);
	cr_expect_eq(word_holders(w, LK_S), 0);
	cr_expect_not(admits(w, LK_IS));
	for (unsigned i = 0; i < S_LIMIT + IS_LIMIT; i++)
		w = word_change(w, LK_IS, LK_NL);
	cr_expect_eq(w, WORD_WAITERS);
}

Test(word, weakening_of_u_at_the_limit)
{
	uint64_t w = add_holds(add_holds(0, LK_U, 1), LK_S, S_LIMIT);

	w = word_change(w, LK_U, LK_S);
	cr_expect_eq(word_holders(w, LK_S), S_LIMIT + 1);
	cr_expect_eq(word_holders(w, LK_U), 0);
	cr_expect_not(admits(w, LK_S));
	w = word_change(w, LK_S, LK_NL);
	cr_expect_not(admits(w, LK_S));
	w = word_change(w, LK_S, LK_NL);
	cr_expect(admits(w, LK_S));
}

/* ---------------------------------------------------------------- a random walk */

struct walk {
	uint64_t seed;
	uint64_t w;
	uint32_t held[MODE_N];
	unsigned refused; /* for the limit */
};

static uint32_t
draw(struct walk *k, uint32_t below)
{
	return (uint32_t)(test_random(&k->seed) % below);
}

static void
step(struct walk *k, lk_mode from, lk_mode to)
{
	if (from != LK_NL && k->held[from] == 0)
		return;
	if (!mode_covers(from, to) && !word_admits(k->w, from, to)) {
		k->refused += word_at_limit(k->w, from, to);
		return;
	}
	k->w = word_change(k->w, from, to);
	if (from != LK_NL)
		k->held[from]--;
	if (to != LK_NL)
		k->held[to]++;
}

static bool
word_matches(const struct walk *k)
{
	uint64_t w = k->w;
	bool ok = (w & ~(WORD_S_MASK | WORD_IX_MASK | WORD_IS_MASK | WORD_U | WORD_SIX | WORD_X)) ==
		  0;

	for (lk_mode m = LK_IS; m <= LK_X; m++)
		ok = ok && word_holders(w, m) == k->held[m];
	/* (W1, W2, W3) */
	if ((w & WORD_X) != 0)
		ok = ok && w == WORD_X;
	if ((w & WORD_SIX) != 0)
		ok = ok && (w & (WORD_IX_MASK | WORD_S_MASK | WORD_U)) == 0;
	if ((w & WORD_U) != 0)
		ok = ok && (w & (WORD_IX_MASK | WORD_SIX)) == 0;
	return ok && ((w & WORD_IX_MASK) == 0 || (w & WORD_S_MASK) == 0);
}

/* Bursts of one change, long enough to reach every limit and to come back. */
Test(word, random_walk_keeps_all_counts)
{
	struct walk k = { .seed = 42 };

	for (unsigned burst = 0; burst < 2000; burst++) {
		lk_mode from = (lk_mode)draw(&k, MODE_N);
		lk_mode to = (lk_mode)draw(&k, MODE_N);
		uint32_t n = 1u << draw(&k, 16);

		for (uint32_t i = 0; i < n; i++)
			step(&k, from, to);
		cr_assert(word_matches(&k), "%s to %s, %u times", name(from), name(to), n);
	}
	cr_expect_gt(k.refused, 1000);
}

/* ------------------------------------------------------------------------ text */

Test(word, idle_is_nothing_but_a_generation)
{
	cr_expect(word_idle(0));
	cr_expect(word_idle(WORD_GEN_MASK));
	for (unsigned bit = 0; bit < 54; bit++) {
		const uint64_t w = WORD_GEN_ONE | UINT64_C(1) << bit;

		cr_expect_eq(word_idle(w), (w & (WORD_SPREAD | WORD_FAMILY | WORD_FREEZE)) != 0,
			     "bit %u", bit);
	}
}

Test(word, holders_of_each_mode)
{
	uint64_t w = 3 * WORD_IS_ONE + 5 * WORD_IX_ONE + 7 * WORD_S_ONE + WORD_GEN_MASK;

	cr_expect_eq(word_holders(w, LK_NL), 0);
	cr_expect_eq(word_holders(w, LK_IS), 3);
	cr_expect_eq(word_holders(w, LK_IX), 5);
	cr_expect_eq(word_holders(w, LK_S), 7);
	cr_expect_eq(word_holders(w, LK_U), 0);
	cr_expect_eq(word_holders(w | WORD_U, LK_U), 1);
	cr_expect_eq(word_holders(w | WORD_SIX, LK_SIX), 1);
	cr_expect_eq(word_holders(w | WORD_X, LK_X), 1);
}

Test(word, format)
{
	static const struct {
		uint64_t w;
		const char *text;
	} rows[] = {
		{ 0, "idle gen=0" },
		{ WORD_GEN_MASK, "idle gen=1023" },
		{ WORD_X | WORD_WAITERS | WORD_AWAKE | 7 * WORD_GEN_ONE,
		  "X=1 WAITERS AWAKE gen=7" },
		{ 2 * WORD_IS_ONE + 3 * WORD_S_ONE + WORD_U, "IS=2 S=3 U=1 gen=0" },
		{ 9 * WORD_IX_ONE | WORD_CLOSED | WORD_WAITERS, "IX=9 WAITERS CLOSED gen=0" },
		{ WORD_SIX, "SIX=1 gen=0" },
		{ WORD_DEAD | WORD_GEN_ONE, "DEAD gen=1" },
		{ UINT64_MAX, "IS=65535 IX=16383 S=16383 SIX=1 U=1 X=1 WAITERS AWAKE CLOSED SPREAD "
			      "FAMILY FREEZE DEAD gen=1023" },
	};
	char buf[256];

	for (size_t i = 0; i < countof(rows); i++) {
		int n = word_format(rows[i].w, buf, sizeof(buf));

		cr_expect_str_eq(buf, rows[i].text);
		cr_expect_eq(n, (int)strlen(rows[i].text));
	}
}

Test(word, format_into_little_room)
{
	char buf[8] = "#######";

	cr_expect_eq(word_format(WORD_X, buf, 4), 9);
	cr_expect_str_eq(buf, "X=1");
	cr_expect_eq(buf[4], '#');
	cr_expect_eq(word_format(WORD_X, NULL, 0), 9);
}
