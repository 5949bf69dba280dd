/* SPDX-License-Identifier: MIT */
/* The times and states of a lease, at every moment that matters. */
#include "harness.h"

#include "lease/lease.h"

enum { PCT = 67 };

static const enum lk_lease_state states[] = { LK_LEASE_NONE, LK_LEASE_HELD, LK_LEASE_SUSPECT,
					      LK_LEASE_LOST };

Test(lease, goes_only_where_it_may)
{
	/* From the drawing in lease.h. */
	static const char *const legal[] = { "01", "10", "11", "12", "13", "20", "21", "23", "30" };
	size_t n = 0;

	for (size_t from = 0; from < countof(states); from++) {
		for (size_t to = 0; to < countof(states); to++) {
			bool may = false;

			for (size_t i = 0; i < countof(legal); i++)
				may |= legal[i][0] == (char)('0' + from) &&
				       legal[i][1] == (char)('0' + to);
			cr_expect_eq(lease_may_go(states[from], states[to]), may, "%zu to %zu",
				     from, to);
			n += may;
		}
	}
	cr_expect_eq(n, countof(legal));
}

/* What is to be done, and when, as a row. */
struct moment {
	enum lk_lease_state state;
	uint64_t now;
	enum term_step step;
	uint64_t due; /* if that is to wait */
	enum lk_lease_state is;
};

static void
expect(const struct term *t, const struct moment *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct moment *r = &row[i];
		struct term_next next = term_next(t, r->state, r->now, PCT);

		cr_expect_eq(next.step, r->step, "row %zu: step %d", i, (int)next.step);
		if (r->step == TERM_WAIT)
			cr_expect_eq(next.due, r->due, "row %zu: due %llu", i,
				     (unsigned long long)next.due);
		cr_expect_eq(term_state(t, r->state, r->now, PCT), r->is, "row %zu", i);
	}
}

Test(lease, is_suspect_at_its_time_and_lost_at_its_end)
{
	const struct moment row[] = {
		{ LK_LEASE_HELD, 1000, TERM_WAIT, 1670, LK_LEASE_HELD },
		{ LK_LEASE_HELD, 1669, TERM_WAIT, 1670, LK_LEASE_HELD },
		{ LK_LEASE_HELD, 1670, TERM_SUSPECT, 0, LK_LEASE_SUSPECT },
		{ LK_LEASE_SUSPECT, 1670, TERM_WAIT, 2000, LK_LEASE_SUSPECT },
		{ LK_LEASE_SUSPECT, 1999, TERM_WAIT, 2000, LK_LEASE_SUSPECT },
		{ LK_LEASE_HELD, 1999, TERM_SUSPECT, 0, LK_LEASE_SUSPECT },
		{ LK_LEASE_HELD, 2000, TERM_LOSE, 0, LK_LEASE_LOST },
		{ LK_LEASE_SUSPECT, 2000, TERM_LOSE, 0, LK_LEASE_LOST },
		{ LK_LEASE_SUSPECT, SHIM_NEVER, TERM_LOSE, 0, LK_LEASE_LOST },
		{ LK_LEASE_LOST, 1000, TERM_WAIT, SHIM_NEVER, LK_LEASE_LOST },
		{ LK_LEASE_NONE, 3000, TERM_WAIT, SHIM_NEVER, LK_LEASE_NONE },
	};
	struct term t;

	term_begin(&t, 1000, 1000, LK_OFF);
	expect(&t, row, countof(row));
	cr_expect_eq(term_loss(&t), LK_LOSS_EXPIRED);
}

Test(lease, that_is_renewed_begins_anew)
{
	struct term t;

	term_begin(&t, 1000, 1000, LK_OFF);
	cr_expect(term_renew(&t, LK_LEASE_HELD, 1500, 0));
	cr_expect_eq(t.ends_at, 2500);
	cr_expect(term_renew(&t, LK_LEASE_SUSPECT, 2499, 5000));
	cr_expect_eq(t.ends_at, 7499);
	cr_expect(term_renew(&t, LK_LEASE_HELD, 2500, 0), "as long as the last");
	cr_expect_eq(t.ends_at, 7500);
	cr_expect(term_renew(&t, LK_LEASE_HELD, 2600, 100), "shorter, if that is wanted");
	cr_expect_eq(t.ends_at, 2700);
}

Test(lease, that_is_lost_is_never_renewed)
{
	const struct term before = { 1000, 1000, 2000, SHIM_NEVER, SHIM_NEVER };
	struct term t = before;

	cr_expect_not(term_renew(&t, LK_LEASE_HELD, 2000, 0), "at its end");
	cr_expect_not(term_renew(&t, LK_LEASE_SUSPECT, 9000, 1000000));
	cr_expect_not(term_renew(&t, LK_LEASE_LOST, 1500, 1000), "whatever the clock says");
	cr_expect_eq(memcmp(&t, &before, sizeof(t)), 0, "nothing changed");
}

Test(lease, never_ends_after_the_longest_hold)
{
	struct term t;

	term_begin(&t, 1000, 1000, 2500);
	cr_expect(term_renew(&t, LK_LEASE_HELD, 2400, 0) == false, "that was too late");
	cr_expect(term_renew(&t, LK_LEASE_HELD, 1900, 0));
	cr_expect_eq(t.ends_at, 2900);
	cr_expect(term_can_grow(&t));
	cr_expect(term_renew(&t, LK_LEASE_HELD, 2600, 0));
	cr_expect_eq(t.ends_at, 3500);
	cr_expect_not(term_can_grow(&t));
	cr_expect_eq(term_loss(&t), LK_LOSS_MAX_HOLD);
	cr_expect(term_renew(&t, LK_LEASE_HELD, 3499, LK_OFF - 1));
	cr_expect_eq(t.ends_at, 3500);
	cr_expect_not(term_renew(&t, LK_LEASE_HELD, 3500, 0));
}

Test(lease, may_have_nothing_but_a_longest_hold)
{
	struct term t;

	term_begin(&t, 1000, LK_OFF, 100);
	cr_expect_eq(t.ends_at, 1100);
	cr_expect_not(term_can_grow(&t));
	cr_expect_eq(term_next(&t, LK_LEASE_HELD, 1000, PCT).due, 1067);
	cr_expect_eq(term_loss(&t), LK_LOSS_MAX_HOLD);
}

Test(lease, that_renews_itself_does_so_at_a_third_give_or_take)
{
	uint64_t least = SHIM_NEVER;
	uint64_t most = 0;
	uint64_t state = 1;
	struct term t;

	term_begin(&t, 1000000, 300000, LK_OFF);
	for (int i = 0; i < 10000; i++) {
		term_aim(&t, test_random(&state));
		least = t.renew_at < least ? t.renew_at : least;
		most = t.renew_at > most ? t.renew_at : most;
	}
	cr_expect_ge(least, 1090000);
	cr_expect_lt(least, 1090100);
	cr_expect_lt(most, 1110000);
	cr_expect_gt(most, 1109900);
	cr_expect_eq(term_next(&t, LK_LEASE_HELD, 1000000, PCT).due, t.renew_at);
	cr_expect_eq(term_next(&t, LK_LEASE_HELD, t.renew_at, PCT).step, TERM_RENEW);
	cr_expect_eq(term_next(&t, LK_LEASE_HELD, 1250000, PCT).step, TERM_RENEW, "late, not lost");
	cr_expect_eq(term_next(&t, LK_LEASE_HELD, 1300000, PCT).step, TERM_LOSE, "too late");
}

Test(lease, that_renews_itself_stops_at_the_longest_hold)
{
	struct term t;

	term_begin(&t, 0, 300, 700);
	term_aim(&t, 7);
	cr_expect_neq(t.renew_at, SHIM_NEVER);
	cr_expect(term_renew(&t, LK_LEASE_HELD, 100, 0));
	term_aim(&t, 7);
	cr_expect_neq(t.renew_at, SHIM_NEVER, "it ends at 400");
	cr_expect(term_renew(&t, LK_LEASE_HELD, 399, 400));
	term_aim(&t, 7);
	cr_expect_eq(t.renew_at, SHIM_NEVER, "it ends at 700 and can no later");
	cr_expect_eq(term_next(&t, LK_LEASE_HELD, 400, PCT).due, 399 + 301 * 67 / 100);
}

Test(lease, may_be_as_long_as_time)
{
	struct term t;

	term_begin(&t, SHIM_NEVER - 10, LK_OFF - 1, LK_OFF);
	cr_expect_eq(t.ends_at, SHIM_NEVER);
	cr_expect_eq(term_next(&t, LK_LEASE_HELD, SHIM_NEVER - 1, PCT).step, TERM_WAIT);
	cr_expect_eq(term_state(&t, LK_LEASE_HELD, SHIM_NEVER - 1, PCT), LK_LEASE_HELD);
}

/* Walk through random renewals: the state that is noted never goes where it may not. */
Test(lease, keeps_its_laws_on_any_walk)
{
	uint64_t seed = 5;

	for (int walk = 0; walk < 2000; walk++) {
		const uint64_t longest =
			test_random(&seed) % 2 ? 50 + test_random(&seed) % 200 : LK_OFF;
		enum lk_lease_state state = LK_LEASE_HELD;
		uint64_t now = 1000;
		struct term t;

		term_begin(&t, now, 10 + test_random(&seed) % 50, longest);
		for (int i = 0; i < 30; i++) {
			struct term_next next;

			now += test_random(&seed) % 20;
			next = term_next(&t, state, now, PCT);
			cr_assert_le(t.ends_at, t.max_hold_at, "LE1");
			cr_assert((next.step == TERM_LOSE) ==
					  (state != LK_LEASE_LOST && now >= t.ends_at),
				  "LE3");
			if (next.step == TERM_WAIT)
				cr_assert_gt(next.due, now);
			if (next.step == TERM_LOSE || next.step == TERM_SUSPECT) {
				enum lk_lease_state to =
					next.step == TERM_LOSE ? LK_LEASE_LOST : LK_LEASE_SUSPECT;

				cr_assert(lease_may_go(state, to));
				state = to;
			}
			if (test_random(&seed) % 3 == 0) {
				bool lost = state == LK_LEASE_LOST || now >= t.ends_at;

				cr_assert_eq(term_renew(&t, state, now, 0), !lost, "LE2");
				if (!lost)
					state = LK_LEASE_HELD;
			}
		}
	}
}
