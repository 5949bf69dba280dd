/* SPDX-License-Identifier: MIT */
/* What is known of the past of a name: how it changes, and what it says. */
#include "remote/linger.h"

#include "harness.h"

Test(remote_linger, what_is_not_known_is_kept)
{
	const struct habit h = { .score = 0 };

	cr_expect(habit_keeps(h.score));
}

Test(remote_linger, stays_between_its_ends)
{
	for (int score = HABIT_WORST; score <= HABIT_BEST; score++) {
		const int8_t less = habit_leaves((int8_t)score);

		cr_expect_ge(less, HABIT_WORST, "%d", score);
		cr_expect(less < score || score == HABIT_WORST, "%d", score);
		for (uint64_t n = 0; n < 40; n++) {
			const int8_t more = habit_stays((int8_t)score, n);

			cr_expect_le(more, HABIT_BEST, "%d + %d", score, (int)n);
			cr_expect(more == score + (int)n || more == HABIT_BEST, "%d + %d", score,
				  (int)n);
		}
		cr_expect_eq(habit_stays((int8_t)score, UINT64_MAX), HABIT_BEST, "%d", score);
	}
}

Test(remote_linger, two_in_a_row_that_leave_are_enough_for_a_name_that_is_new)
{
	int8_t score = 0;

	score = habit_leaves(score);
	cr_expect(habit_keeps(score));
	score = habit_leaves(score);
	cr_expect(!habit_keeps(score));
}

/* So many of `of` uses are ours, as evenly spread as can be.  How many of the last `of` would have found it kept? */
static int
kept_with(int ours, int of)
{
	int8_t score = 0;
	int sum = 0;
	int n = 0;

	for (int i = 0; i < 40 * of; i++) {
		sum += ours;
		n += i >= 39 * of && habit_keeps(score);
		score = sum >= of ? habit_stays(score, 1) : habit_leaves(score);
		sum -= sum >= of ? of : 0;
	}
	return n;
}

Test(remote_linger, is_kept_when_more_than_two_in_three_stay)
{
	for (int ours = 0; ours <= 100; ours++)
		cr_expect_eq(kept_with(ours, 100), ours > 66 ? 100 : 0, "%d in a hundred", ours);
}

Test(remote_linger, whoever_has_left_for_good_is_forgotten)
{
	int8_t score = HABIT_WORST;
	int n = 0;

	for (; !habit_keeps(score); n++)
		score = habit_stays(score, 1);
	cr_expect_eq(n, HABIT_AWAY - HABIT_WORST + 1);
}
