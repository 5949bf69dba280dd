/* SPDX-License-Identifier: MIT */
/* The tables of modes against copies written by hand, and the laws that they keep. */
#include "harness.h"

#include "mode/mode.h"

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

static const char *const supremum[MODE_N][MODE_N] = {
	[LK_NL] = { "NL", "IS", "IX", "S", "SIX", "U", "X" },
	[LK_IS] = { "IS", "IS", "IX", "S", "SIX", "U", "X" },
	[LK_IX] = { "IX", "IX", "IX", "SIX", "SIX", "SIX", "X" },
	[LK_S] = { "S", "S", "SIX", "S", "SIX", "U", "X" },
	[LK_SIX] = { "SIX", "SIX", "SIX", "SIX", "SIX", "SIX", "X" },
	[LK_U] = { "U", "U", "SIX", "U", "SIX", "U", "X" },
	[LK_X] = { "X", "X", "X", "X", "X", "X", "X" },
};

static const char *
name(lk_mode m)
{
	return lk_modename(m);
}

static bool
conflict(lk_mode a, lk_mode b)
{
	return (mode_conflicts(a) & MODE_BIT(b)) != 0;
}

Test(mode, conflicts_are_those_of_the_matrix)
{
	for (lk_mode a = LK_NL; a <= LK_X; a++) {
		for (lk_mode b = LK_NL; b <= LK_X; b++)
			cr_expect_eq(conflict(a, b), !compatible[a][b], "%s, %s", name(a), name(b));
	}
}

/* (M1) */
Test(mode, conflicts_are_symmetric)
{
	for (lk_mode a = LK_NL; a <= LK_X; a++) {
		for (lk_mode b = LK_NL; b <= LK_X; b++)
			cr_expect_eq(conflict(a, b), conflict(b, a), "%s, %s", name(a), name(b));
	}
}

Test(mode, supremum_is_that_of_the_table)
{
	for (lk_mode a = LK_NL; a <= LK_X; a++) {
		for (lk_mode b = LK_NL; b <= LK_X; b++)
			cr_expect_str_eq(name(mode_supremum(a, b)), supremum[a][b], "%s, %s",
					 name(a), name(b));
	}
}

/* (M2), and no more than that: it keeps nobody out whom neither of the two keeps out. */
Test(mode, supremum_conflicts_with_what_either_conflicts_with)
{
	for (lk_mode a = LK_NL; a <= LK_X; a++) {
		for (lk_mode b = LK_NL; b <= LK_X; b++)
			cr_expect_eq(mode_conflicts(mode_supremum(a, b)),
				     mode_conflicts(a) | mode_conflicts(b), "%s, %s", name(a),
				     name(b));
	}
}

/* (M3): the intent of whatever conflicts with what a mode gives below cannot be had above. */
Test(mode, what_is_given_below_needs_no_lock_of_its_own)
{
	for (lk_mode above = LK_IS; above <= LK_X; above++) {
		for (lk_mode other = LK_IS; other <= LK_X; other++) {
			if ((mode_conflicts(mode_below(above)) & MODE_BIT(other)) != 0)
				cr_expect_neq(mode_conflicts(above) & MODE_BIT(mode_intent(other)),
					      0, "%s, %s", name(above), name(other));
		}
	}
}

/* What is counted on a cover keeps the cover at what it gave. */
Test(mode, a_count_on_a_cover_gives_what_was_covered)
{
	for (lk_mode m = LK_IS; m <= LK_X; m++) {
		cr_expect(mode_covers(mode_below(mode_at_cover(m)), m), "%s", name(m));
		for (lk_mode cover = LK_IS; cover <= LK_X; cover++) {
			if (mode_covers(mode_below(cover), m))
				cr_expect(mode_covers(cover, mode_at_cover(m)), "%s, %s", name(m),
					  name(cover));
		}
	}
}

Test(mode, supremum_does_not_depend_on_order)
{
	for (lk_mode a = LK_NL; a <= LK_X; a++) {
		for (lk_mode b = LK_NL; b <= LK_X; b++) {
			cr_expect_eq(mode_supremum(a, b), mode_supremum(b, a));
			for (lk_mode c = LK_NL; c <= LK_X; c++)
				cr_expect_eq(mode_supremum(mode_supremum(a, b), c),
					     mode_supremum(a, mode_supremum(b, c)), "%s, %s, %s",
					     name(a), name(b), name(c));
		}
	}
}

Test(mode, covers_what_adds_nothing)
{
	for (lk_mode held = LK_NL; held <= LK_X; held++) {
		for (lk_mode wanted = LK_NL; wanted <= LK_X; wanted++) {
			bool adds = (mode_conflicts(wanted) & ~mode_conflicts(held)) != 0;

			cr_expect_eq(mode_covers(held, wanted), !adds, "%s, %s", name(held),
				     name(wanted));
		}
	}
}

Test(mode, writers_are_u_six_and_x)
{
	static const bool writes[MODE_N] = { [LK_U] = 1, [LK_SIX] = 1, [LK_X] = 1 };

	for (lk_mode m = LK_NL; m <= LK_X; m++)
		cr_expect_eq(mode_writes(m), writes[m], "%s", name(m));
}

Test(mode, valid_is_everything_that_holds)
{
	for (int m = -2; m < MODE_N + 2; m++)
		cr_expect_eq(mode_valid((lk_mode)m), m >= 1 && m <= 6, "%d", m);
	cr_expect_eq(MODE_ALL, 0x7e);
}

Test(mode, names)
{
	static const char *const names[] = { "NL", "IS", "IX", "S", "SIX", "U", "X" };

	for (int m = 0; m < MODE_N; m++)
		cr_expect_str_eq(lk_modename((lk_mode)m), names[m]);
	cr_expect_str_eq(lk_modename((lk_mode)-1), "?");
	cr_expect_str_eq(lk_modename((lk_mode)MODE_N), "?");
}
