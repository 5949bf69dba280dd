/* SPDX-License-Identifier: MIT */
/* Who may hold a name together, and what two grants of one owner amount to. */
#include "support.h"

Test(modes, two_owners_hold_together_exactly_what_the_table_allows)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (lk_mode held = LK_IS; held <= LK_X; held++) {
		for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++) {
			take(w[0], "n", held);
			cr_expect_eq(is_open_to(w[1], "n", wanted), compatible[wanted][held],
				     "%s wanted, %s held", mode_name(wanted), mode_name(held));
			cr_expect_eq(holds(w[0], "n"), held);
			cr_expect_eq(holds(w[1], "n"), LK_NL);
			ok(lk_release_all(w[0]));
		}
	}
	close_all(m, w, 2);
}

Test(modes, a_third_owner_must_agree_with_both)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[3];

	open_owners(m, w, 3);
	for (lk_mode first = LK_IS; first <= LK_X; first++) {
		for (lk_mode second = LK_IS; second <= LK_X; second++) {
			if (!compatible[second][first])
				continue;
			take(w[0], "n", first);
			take(w[1], "n", second);
			for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++)
				cr_expect_eq(is_open_to(w[2], "n", wanted),
					     compatible[wanted][first] &&
						     compatible[wanted][second],
					     "%s wanted, %s and %s held", mode_name(wanted),
					     mode_name(first), mode_name(second));
			ok(lk_release_all(w[0]));
			ok(lk_release_all(w[1]));
		}
	}
	close_all(m, w, 3);
}

Test(modes, the_table_holds_when_the_weaker_of_two_grants_came_last)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (lk_mode first = LK_IS; first <= LK_X; first++) {
		for (lk_mode second = LK_IS; second <= LK_X; second++) {
			lk_mode both = supremum[first][second];

			take(w[0], "n", first);
			take(w[0], "n", second);
			cr_expect_eq(holds(w[0], "n"), both, "%s with %s is %s", mode_name(first),
				     mode_name(second), lk_modename(lk_holds(w[0], "n", 1)));
			cr_expect_eq(info_of(m, "n").holders[both], 1);
			for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++)
				cr_expect_eq(is_open_to(w[1], "n", wanted),
					     compatible[wanted][both]);
			ok(lk_release_all(w[0]));
		}
	}
	close_all(m, w, 2);
}

Test(modes, read_and_write_are_names_for_shared_and_exclusive)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	cr_expect_eq(LK_READ, LK_S);
	cr_expect_eq(LK_SHARED, LK_S);
	cr_expect_eq(LK_UPDATE, LK_U);
	cr_expect_eq(LK_WRITE, LK_X);
	cr_expect_eq(LK_EXCLUSIVE, LK_X);
	open_owners(m, w, 2);
	take(w[0], "n", LK_READ);
	cr_expect(is_open_to(w[1], "n", LK_SHARED));
	cr_expect(!is_open_to(w[1], "n", LK_EXCLUSIVE));
	close_all(m, w, 2);
}

Test(modes, every_mode_has_its_name)
{
	static const char *const names[MODES] = { "NL", "IS", "IX", "S", "SIX", "U", "X" };

	for (int mode = 0; mode < MODES; mode++)
		cr_expect_str_eq(lk_modename(mode), names[mode]);
	cr_expect_str_eq(lk_modename(MODES), "?");
	cr_expect_str_eq(lk_modename(-1), "?");
}
