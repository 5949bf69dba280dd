/* SPDX-License-Identifier: MIT */
/* Decisions on records: times, deaths, what is kept from others.  (DE7, DE9) */
#include "decide.h"

/* ---------------------------------------------------------------------------- times */

Test(decide, a_detached_grant_ends_with_its_lease, .init = begin)
{
	struct decide_request q = ask(DECIDE_RENEW, 'a', 0);

	cr_assert_eq(detached('a', 1, LK_X, 500, 0), DECIDE_GRANTED);
	cr_expect(out.expires_at == 1500 && out.due_at == 1500);
	view.now = 1499;
	cr_expect_eq(acquire('b', 1, LK_S), DECIDE_WAITS);
	cr_assert_eq(put(q), DECIDE_DONE);
	cr_expect_eq(out.expires_at, 1999u);
	q.lease_ns = 100;
	cr_assert_eq(put(q), DECIDE_DONE);
	cr_expect_eq(out.expires_at, 1599u);
	cr_expect_eq(out.demand.mode, LK_S);
	view.now = 1599;
	cr_expect_eq(put(q), DECIDE_LOST);
	cr_expect_eq(out.why, RECORD_WHY_EXPIRED);
	cr_expect_eq(held('b'), LK_S);
	cr_expect((holder('b')->flags & HOLDER_TOLD) != 0);
	cr_expect_eq(simply(DECIDE_RENEW, 'b'), DECIDE_DENIED, "its session lives, or not");
}

/* It waited as a holder; as it is none any more, it has no place. */
Test(decide, a_lease_that_ends_ends_the_conversion_too, .init = begin)
{
	acquire('b', 1, LK_S);
	detached('a', 1, LK_S, 500, 0);
	cr_assert_eq(detached('a', 2, LK_X, 500, 9000), DECIDE_WAITS);
	view.now = 1500;
	cr_expect_eq(simply(DECIDE_POLL, 'a'), DECIDE_LOST);
	cr_expect(!waits('a') && held('a') == LK_NL);
}

Test(decide, a_lease_begins_when_the_grant_does, .init = begin)
{
	acquire('a', 1, LK_X);
	cr_assert_eq(detached('b', 1, LK_X, 500, 10000), DECIDE_WAITS);
	view.now = 5000;
	simply(DECIDE_RELEASE, 'a');
	cr_assert_eq(simply(DECIDE_POLL, 'b'), DECIDE_GRANTED);
	cr_expect_eq(out.expires_at, 5500u);
}

Test(decide, a_place_in_the_line_is_renewed_by_asking, .init = begin)
{
	struct decide_request q = ask(DECIDE_ACQUIRE, 'b', 1);

	acquire('a', 1, LK_X);
	q.mode = LK_S;
	q.flags = DECIDE_WAIT;
	q.ttl_ns = 300;
	cr_assert_eq(put(q), DECIDE_WAITS);
	cr_expect_eq(out.due_at, 1300u);
	view.now = 1099;
	cr_expect_eq(simply(DECIDE_POLL, 'b'), DECIDE_WAITS);
	cr_expect(!out.changed, "not each look is a write");
	view.now = 1100;
	cr_expect_eq(simply(DECIDE_POLL, 'b'), DECIDE_WAITS);
	cr_expect(out.changed);
	cr_expect_eq(out.due_at, 1400u);
	view.now = 1400;
	cr_expect_eq(simply(DECIDE_POLL, 'b'), DECIDE_ABSENT);
	cr_expect(!waits('b'));
}

Test(decide, by_another_clock_nothing_is_over, .init = begin)
{
	detached('a', 1, LK_X, 500, 0);
	detached('b', 1, LK_X, 500, 300);
	view.clock = 2;
	view.now = 70;
	cr_expect_eq(simply(DECIDE_POLL, 'b'), DECIDE_WAITS);
	cr_expect(out.changed);
	cr_expect_eq(out.due_at, 370u, "all its time again");
	view.now = 369;
	cr_expect_eq(simply(DECIDE_POLL, 'b'), DECIDE_WAITS);
	view.now = 570;
	cr_expect_eq(simply(DECIDE_POLL, 'b'), DECIDE_GRANTED);
}

Test(decide, a_clock_that_is_far_ahead_ends_nothing_early, .init = begin)
{
	detached('a', 1, LK_X, 500, 0);
	detached('b', 1, LK_X, 500, 300);
	view.clock = 2;
	view.now = 100000;
	cr_expect_eq(simply(DECIDE_POLL, 'b'), DECIDE_WAITS);
	cr_expect_eq(held('a'), LK_X);
	cr_expect_eq(out.due_at, 100300u);
}

Test(decide, a_clock_that_goes_back_ends_nothing_early_and_nothing_much_later, .init = begin)
{
	view.now = 1001 + DECIDE_SLOW_NS;
	detached('a', 1, LK_X, 500, 0);
	view.now = 1000;
	cr_expect_eq(acquire('b', 1, LK_X), DECIDE_WAITS);
	cr_expect_eq(holder('a')->renewed, 1000u);
	view.now = 1499;
	cr_expect_eq(simply(DECIDE_POLL, 'b'), DECIDE_WAITS);
	view.now = 1500;
	cr_expect_eq(simply(DECIDE_POLL, 'b'), DECIDE_GRANTED);
}

/* Its clock was read, and then others were quicker. */
Test(decide, who_is_slow_ends_nothing_early, .init = begin)
{
	view.now = 5000;
	detached('a', 1, LK_X, 500, 0);
	view.now = 1000;
	cr_expect_eq(acquire('b', 1, LK_X), DECIDE_WAITS);
	cr_expect_eq(holder('a')->renewed, 5000u);
	view.now = 5499;
	cr_expect_eq(simply(DECIDE_POLL, 'b'), DECIDE_WAITS);
	view.now = 5500;
	cr_expect_eq(simply(DECIDE_POLL, 'b'), DECIDE_GRANTED);
}

Test(decide, a_lease_for_ever_does_not_overflow, .init = begin)
{
	cr_assert_eq(detached('a', 1, LK_X, UINT64_MAX, 0), DECIDE_GRANTED);
	cr_expect_eq(out.expires_at, UINT64_MAX);
	view.now = UINT64_MAX - 1;
	cr_expect_eq(simply(DECIDE_POLL, 'a'), DECIDE_GRANTED);
}

/* ------------------------------------------------------------------------ bad endings */

Test(decide, the_dead_leave_nothing_behind, .init = begin)
{
	acquire('a', 1, LK_S);
	acquire('b', 1, LK_S);
	acquire('b', 2, LK_X);
	acquire('c', 1, LK_X);
	acquire('d', 1, LK_IS);
	cr_assert_eq(now.n_waiters, 3u);
	kill_session('b');
	kill_session('c');
	cr_assert_eq(simply(DECIDE_SWEEP, 0), DECIDE_DONE);
	cr_expect_eq(now.n_waiters, 0u);
	cr_expect(held('a') == LK_S && held('b') == LK_NL && held('d') == LK_IS);
	cr_expect_eq(now.is_orphaned, 0, "they did not write");
}

Test(decide, who_is_said_to_be_dead_is_told, .init = begin)
{
	acquire('a', 1, LK_X);
	kill_session('a');
	cr_expect_eq(acquire('a', 2, LK_X), DECIDE_LOST);
	cr_expect_eq(out.why, RECORD_WHY_DIED);
	cr_expect_eq(held('a'), LK_NL);
	view.n_dead = 0;
	cr_expect_eq(simply(DECIDE_RELEASE, 'a'), DECIDE_LOST, "a session that was thought dead");
	cr_expect_eq(acquire('a', 3, LK_X), DECIDE_GRANTED);
	cr_expect(out.is_orphaned, "it was a writer itself");
}

Test(decide, a_dead_writer_leaves_a_mark_for_one, .init = begin)
{
	acquire('a', 1, LK_U);
	kill_session('a');
	cr_assert_eq(acquire('b', 1, LK_S), DECIDE_GRANTED);
	cr_expect(out.is_orphaned);
	cr_assert_eq(acquire('c', 1, LK_S), DECIDE_GRANTED);
	cr_expect(!out.is_orphaned, "once");
	cr_assert_eq(simply(DECIDE_POLL, 'b'), DECIDE_GRANTED);
	cr_expect(out.is_orphaned, "as long as it has it");
}

/* GIVE_AND_WAIT by a session that says what it told, and heard. */
static enum decide_result
fall(char who, uint64_t request, lk_mode to, lk_mode want, uint32_t flags)
{
	struct decide_request q = ask(DECIDE_GIVE_AND_WAIT, who, request);

	q.mode = to;
	q.want = want;
	q.flags = flags;
	return put(q);
}

static enum decide_result
leave(char who, uint32_t flags)
{
	struct decide_request q = ask(DECIDE_RELEASE, who, 0);

	q.flags = flags;
	return put(q);
}

/* (DE7) */
Test(decide, a_mark_that_was_told_is_over, .init = begin)
{
	acquire('a', 1, LK_X);
	kill_session('a');
	acquire('b', 1, LK_X);
	cr_assert(out.is_orphaned);
	cr_assert_eq(fall('b', 2, LK_S, LK_SIX, 0), DECIDE_GRANTED);
	cr_expect(!out.is_orphaned);
	cr_assert_eq(acquire('c', 1, LK_IS), DECIDE_GRANTED);
	cr_expect(!out.is_orphaned);
	leave('b', 0);
	cr_expect_eq(now.is_orphaned, 0);
}

/* (DE7) */
Test(decide, a_mark_that_was_not_told_goes_to_the_next, .init = begin)
{
	acquire('a', 1, LK_X);
	kill_session('a');
	acquire('b', 1, LK_X);
	acquire('c', 1, LK_S);
	acquire('d', 1, LK_S);
	cr_assert_eq(fall('b', 2, LK_S, LK_U, DECIDE_UNTOLD), DECIDE_GRANTED);
	cr_expect(!out.is_orphaned);
	cr_expect((holder('c')->flags & HOLDER_TOLD) != 0 &&
		  (holder('d')->flags & HOLDER_TOLD) == 0);
	cr_assert_eq(fall('b', 3, LK_S, LK_U, DECIDE_UNTOLD), DECIDE_GRANTED);
	cr_expect((holder('b')->flags & HOLDER_TOLD) != 0,
		  "its own, as it wrote again: nobody else came");
	leave('c', DECIDE_UNHEARD);
	cr_expect_eq(now.is_orphaned, 1, "it did not know");
	leave('d', 0);
	leave('b', DECIDE_UNTOLD);
	acquire('d', 2, LK_S);
	cr_expect(out.is_orphaned);
	acquire('c', 2, LK_S);
	cr_expect(!out.is_orphaned, "two marks are one");
}

/* (DE6, DE7) */
Test(decide, a_mark_that_went_is_not_made_anew, .init = begin)
{
	acquire('a', 1, LK_X);
	acquire('b', 1, LK_X);
	cr_assert_eq(leave('a', DECIDE_UNTOLD), DECIDE_RELEASED);
	cr_expect((holder('b')->flags & HOLDER_TOLD) != 0, "a thread of theirs had ended");
	cr_assert_eq(leave('a', DECIDE_UNTOLD), DECIDE_ABSENT, "once more, as no answer came");
	cr_expect(!out.changed);
	leave('b', 0);
	acquire('b', 2, LK_X);
	acquire('c', 1, LK_S);
	cr_assert_eq(fall('b', 3, LK_S, LK_U, DECIDE_UNTOLD), DECIDE_GRANTED);
	cr_expect((holder('c')->flags & HOLDER_TOLD) != 0);
	cr_assert_eq(fall('b', 3, LK_S, LK_U, DECIDE_UNTOLD), DECIDE_GRANTED);
	cr_expect(!out.changed);
	cr_expect_eq(now.is_orphaned, 0);
}

/* (DE7) */
Test(decide, a_mark_stays_with_who_stays, .init = begin)
{
	acquire('a', 1, LK_X);
	cr_assert_eq(fall('a', 2, LK_S, LK_S, DECIDE_UNTOLD), DECIDE_GRANTED);
	cr_expect(out.is_orphaned, "nobody else came, and it may let in others");
	cr_expect_eq(now.is_orphaned, 0);
	kill_session('a');
	acquire('b', 1, LK_IS);
	cr_expect(out.is_orphaned, "it ended before it had told");
}

/* (DE7) */
Test(decide, a_mark_of_one_who_died_with_it_is_for_who_asks, .init = begin)
{
	acquire('a', 1, LK_X);
	kill_session('a');
	acquire('b', 1, LK_S);
	cr_assert(out.is_orphaned);
	kill_session('b');
	view.n_dead = 0;
	acquire('c', 1, LK_S);
	cr_expect(!out.is_orphaned, "nobody knows yet that it is dead");
	kill_session('b');
	cr_assert_eq(acquire('c', 1, LK_S), DECIDE_GRANTED);
	cr_expect(out.is_orphaned, "the same request, once that was seen");
	cr_expect_eq(now.is_orphaned, 0);
	cr_assert_eq(acquire('c', 1, LK_S), DECIDE_GRANTED);
	cr_expect(out.is_orphaned && !out.changed);
}

/* (DE7) */
Test(decide, who_gets_more_of_a_name_may_get_the_mark_too, .init = begin)
{
	acquire('a', 1, LK_U);
	acquire('b', 1, LK_S);
	kill_session('a');
	cr_assert_eq(simply(DECIDE_SWEEP, 0), DECIDE_DONE);
	cr_expect_eq(now.is_orphaned, 1);
	cr_assert_eq(acquire('b', 2, LK_X), DECIDE_GRANTED);
	cr_expect(out.is_orphaned);
	cr_expect_eq(now.is_orphaned, 0);
}

Test(decide, an_operator_breaks_a_hold_and_shuts_out_its_numbers, .init = begin)
{
	struct decide_request q = ask(DECIDE_BREAK, 0, 0);

	acquire('a', 1, LK_X);
	q.target = id_of('a');
	q.grant = 2;
	cr_expect_eq(put(q), DECIDE_ABSENT, "another grant");
	q.grant = 1;
	cr_assert_eq(put(q), DECIDE_DONE);
	cr_expect_eq(out.fence, 102u);
	cr_expect_eq(now.fence, 102u);
	cr_expect_eq(put(q), DECIDE_ABSENT);
	cr_expect(!out.changed);
	cr_expect_eq(simply(DECIDE_GUARD, 'a'), DECIDE_LOST);
	cr_expect_eq(out.why, RECORD_WHY_BROKEN);
	view.now += UINT64_C(60000000000);
	cr_expect_eq(simply(DECIDE_GUARD, 'a'), DECIDE_ABSENT, "it is forgotten after a minute");
}

Test(decide, to_break_a_reader_leaves_the_writer_his_numbers, .init = begin)
{
	struct decide_request q = ask(DECIDE_BREAK, 0, 0);

	acquire('a', 1, LK_U);
	acquire('b', 1, LK_S);
	q.target = id_of('b');
	cr_assert_eq(put(q), DECIDE_DONE);
	cr_expect_eq(out.fence, 0u);
	cr_expect_eq(now.fence, 101u);
	cr_expect_eq(now.is_orphaned, 0);
}

Test(decide, to_break_what_waits_takes_it_out_of_the_line, .init = begin)
{
	struct decide_request q = ask(DECIDE_BREAK, 0, 0);

	acquire('a', 1, LK_S);
	acquire('b', 1, LK_X);
	acquire('c', 1, LK_S);
	q.target = id_of('b');
	cr_assert_eq(put(q), DECIDE_DONE);
	cr_expect_eq(held('c'), LK_S);
}

Test(decide, only_the_latest_endings_are_remembered, .init = begin)
{
	for (char who = 'a'; who < 'a' + RECORD_ENDINGS + 1; who++)
		acquire(who, 1, LK_IX);
	for (char who = 'a'; who < 'a' + RECORD_ENDINGS + 1; who++) {
		struct decide_request q = ask(DECIDE_BREAK, 0, 0);

		q.target = id_of(who);
		cr_assert_eq(put(q), DECIDE_DONE);
	}
	cr_expect_eq(simply(DECIDE_POLL, 'a'), DECIDE_ABSENT);
	for (char who = 'b'; who < 'b' + RECORD_ENDINGS; who++)
		cr_expect_eq(simply(DECIDE_POLL, who), DECIDE_LOST);
}

/* ------------------------------------------------------------------------- lock delay */

Test(decide, a_name_is_kept_from_others_after_a_bad_ending, .init = begin)
{
	view.lock_delay_ns = 100;
	acquire('a', 1, LK_S);
	kill_session('a');
	cr_expect_eq(acquire('b', 1, LK_IX), DECIDE_WAITS);
	cr_expect_eq(out.due_at, 1100u);
	cr_expect_eq(acquire('c', 1, LK_IS), DECIDE_GRANTED, "what gets along with it may come");
	view.now = 1099;
	cr_expect_eq(simply(DECIDE_POLL, 'b'), DECIDE_WAITS);
	view.now = 1100;
	cr_expect_eq(simply(DECIDE_POLL, 'b'), DECIDE_GRANTED);
	cr_expect_eq(now.n_holders, 2u);
}

Test(decide, a_release_keeps_nothing_from_anybody, .init = begin)
{
	view.lock_delay_ns = 100;
	acquire('a', 1, LK_X);
	simply(DECIDE_RELEASE, 'a');
	cr_expect_eq(acquire('b', 1, LK_X), DECIDE_GRANTED);
}

Test(decide, who_lost_it_may_have_it_again_with_a_new_number, .init = begin)
{
	const struct record_id a = id_of('a');

	view.lock_delay_ns = 1000;
	detached('a', 1, LK_X, 100, 0);
	view.now = 1100;
	cr_expect_eq(detached('a', 2, LK_S, 100, 0), DECIDE_GRANTED);
	cr_expect_not_null(record_kept_of(&now, &a), "as what it has is less");
	view.now = 1150;
	cr_expect_eq(detached('a', 3, LK_X, 100, 0), DECIDE_GRANTED);
	cr_expect_eq(out.fence, 102u);
	cr_expect_null(record_kept_of(&now, &a));
	view.now = 1250;
	cr_expect_eq(acquire('b', 1, LK_S), DECIDE_WAITS, "lost again, kept again");
	cr_expect_eq(out.due_at, 2250u);
}

Test(decide, who_lost_it_goes_before_those_whom_that_keeps_out, .init = begin)
{
	view.lock_delay_ns = 1000;
	detached('a', 1, LK_X, 100, 0);
	acquire('b', 1, LK_X);
	view.now = 1100;
	cr_expect_eq(detached('a', 2, LK_S, 100, 0), DECIDE_GRANTED);
	cr_expect(waits('b'));
}

Test(decide, what_is_kept_twice_is_kept_as_one, .init = begin)
{
	const struct record_id a = id_of('a');

	view.lock_delay_ns = 1000;
	detached('a', 1, LK_IX, 100, 0);
	view.now = 1100;
	detached('a', 2, LK_S, 100, 0);
	view.now = 1200;
	simply(DECIDE_SWEEP, 0);
	cr_assert_eq(now.n_holders, 1u);
	cr_expect_eq(record_kept_of(&now, &a)->mode, (unsigned)LK_SIX);
	cr_expect_eq(out.due_at, 2200u);
}

/* Units that are kept are its own, once, when it comes back for them. */
Test(decide, kept_units_are_taken_over, .init = begin)
{
	const struct record_id a = id_of('a');

	view.lock_delay_ns = 1000;
	units('a', 1, 3, 4);
	kill_session('a');
	simply(DECIDE_SWEEP, 0);
	view.n_dead = 0;
	cr_expect_eq(units('b', 1, 2, 4), DECIDE_WAITS);
	cr_expect_eq(units('a', 2, 2, 4), DECIDE_GRANTED, "what is kept keeps b out, not a");
	cr_expect_eq(holder('a')->units, 2u);
	cr_expect_eq(record_kept_of(&now, &a)->units, 1u);
	cr_expect_eq(units('a', 3, 4, 4), DECIDE_GRANTED);
	cr_expect_null(record_kept_of(&now, &a));
	kill_session('a');
	simply(DECIDE_SWEEP, 0);
	cr_expect_eq(record_kept_of(&now, &a)->units, 4u);
}

Test(decide, an_operator_ends_the_delay, .init = begin)
{
	struct decide_request q = ask(DECIDE_BREAK, 0, 0);

	view.lock_delay_ns = 1000;
	acquire('a', 1, LK_X);
	acquire('b', 1, LK_X);
	q.target = id_of('a');
	cr_assert_eq(put(q), DECIDE_DONE);
	cr_expect(waits('b'));
	cr_assert_eq(put(q), DECIDE_DONE);
	cr_expect_eq(held('b'), LK_X);
	cr_expect_eq(put(q), DECIDE_ABSENT);
}
