/* SPDX-License-Identifier: MIT */
/* Decisions on records, one by one: numbers, units, values, limits.  (DE1-DE6, DE8) */
#include "decide.h"

/* --------------------------------------------------------------------------- numbers */

Test(decide, a_new_record_begins_at_the_floor, .init = begin)
{
	cr_assert_eq(acquire('a', 1, LK_X), DECIDE_GRANTED);
	cr_expect_eq(out.fence, 101u);
	cr_expect_eq(out.n_fences, 1u);
	cr_expect_eq(now.generation, 101u);
	cr_expect(out.changed && !out.is_idle);
	cr_assert_eq(simply(DECIDE_RELEASE, 'a'), DECIDE_RELEASED);
	cr_expect(out.is_idle);
	cr_expect_eq(now.generation, 102u);
	/* It is removed, and made again: numbers go on. */
	view.floor = now.generation > now.fence ? now.generation : now.fence;
	is_there = false;
	cr_assert_eq(acquire('b', 1, LK_U), DECIDE_GRANTED);
	cr_expect_gt(out.fence, 101u);
	cr_expect_gt(now.generation, 102u);
}

Test(decide, a_request_that_changes_nothing_makes_no_record, .init = begin)
{
	cr_expect_eq(simply(DECIDE_POLL, 'a'), DECIDE_ABSENT);
	cr_expect(!out.changed && out.is_idle);
	cr_expect_eq(simply(DECIDE_RELEASE, 'a'), DECIDE_ABSENT);
	cr_expect_eq(simply(DECIDE_SWEEP, 0), DECIDE_DONE);
	cr_expect(!out.changed);
}

Test(decide, numbers_come_in_blocks, .init = begin)
{
	struct decide_request q = ask(DECIDE_ACQUIRE, 'a', 1);

	q.mode = LK_SIX;
	q.n_fences = 50;
	cr_assert_eq(put(q), DECIDE_GRANTED);
	cr_expect(out.fence == 101 && out.n_fences == 50);
	q = ask(DECIDE_RESERVE, 'a', 0);
	q.n_fences = 7;
	cr_assert_eq(put(q), DECIDE_DONE);
	cr_expect(out.fence == 151 && out.n_fences == 7);
	cr_assert_eq(simply(DECIDE_POLL, 'a'), DECIDE_GRANTED);
	cr_expect(out.fence == 101 && out.n_fences == 50, "its first block, as it was granted");
	cr_expect_eq(out.last_fence, 157u);
	cr_assert_eq(simply(DECIDE_RELEASE, 'a'), DECIDE_RELEASED);
	cr_assert_eq(acquire('b', 1, LK_X), DECIDE_GRANTED);
	cr_expect_eq(out.fence, 158u);
}

Test(decide, a_mode_that_does_not_write_has_no_numbers, .init = begin)
{
	const lk_mode readers[] = { LK_IS, LK_IX, LK_S };

	for (size_t i = 0; i < countof(readers); i++) {
		begin();
		cr_assert_eq(acquire('a', 1, readers[i]), DECIDE_GRANTED);
		cr_expect(out.fence == 0 && out.n_fences == 0 && out.last_fence == 100);
		cr_expect_eq(simply(DECIDE_RESERVE, 'a'), DECIDE_DENIED);
	}
	cr_expect_eq(simply(DECIDE_RESERVE, 'b'), DECIDE_ABSENT);
}

Test(decide, a_conversion_mints_when_it_begins_to_write, .init = begin)
{
	struct decide_request q = ask(DECIDE_CONVERT, 'a', 4);

	acquire('a', 1, LK_S);
	acquire('a', 2, LK_U);
	cr_expect_eq(out.fence, 101u);
	acquire('a', 3, LK_X);
	cr_expect_eq(out.fence, 101u, "it could write already");
	q.mode = LK_S;
	cr_assert_eq(put(q), DECIDE_GRANTED);
	cr_expect_eq(out.fence, 101u, "a weaker hold keeps its number");
	acquire('a', 5, LK_X);
	cr_expect_eq(out.fence, 102u);
	cr_expect_eq(out.born, 1u);
}

Test(decide, an_epoch_lifts_the_numbers, .init = begin)
{
	acquire('a', 1, LK_X);
	view.epoch = 3;
	view.floor = 5000;
	cr_assert_eq(simply(DECIDE_POLL, 'a'), DECIDE_GRANTED);
	cr_expect(out.changed);
	cr_expect_eq(now.fence, 5000u);
	view.epoch = 2;
	cr_expect_eq(simply(DECIDE_POLL, 'a'), DECIDE_NOTHING);
	cr_expect_eq(out.trouble, DECIDE_OLD_EPOCH);
}

Test(decide, what_is_left_of_the_latest_block_can_be_given_back, .init = begin)
{
	struct decide_request q = ask(DECIDE_ACQUIRE, 'a', 1);

	q.mode = LK_U;
	q.n_fences = 50;
	put(q);
	cr_assert_eq(acquire('r', 1, LK_S), DECIDE_GRANTED);
	cr_expect_eq(out.last_fence, 101u, "no later writer has less");
	q = ask(DECIDE_RELEASE, 'a', 0);
	q.fence = 110;
	cr_assert_eq(put(q), DECIDE_RELEASED);
	cr_expect_eq(now.fence, 110u);
	acquire('b', 1, LK_U);
	cr_expect_eq(out.fence, 111u);
	simply(DECIDE_RESERVE, 'b');
	q.who = id_of('b');
	q.fence = 111;
	cr_assert_eq(put(q), DECIDE_RELEASED);
	cr_expect_eq(now.fence, 112u, "what was reserved since is not known to be unused");
	cr_assert_eq(simply(DECIDE_POLL, 'r'), DECIDE_GRANTED);
	cr_expect_eq(out.last_fence, 112u);
}

Test(decide, a_floor_that_rises_is_minded, .init = begin)
{
	acquire('a', 1, LK_U);
	view.floor = 500;
	simply(DECIDE_RESERVE, 'a');
	cr_expect_eq(out.fence, 501u);
}

Test(decide, numbers_end, .init = begin)
{
	struct decide_request q = ask(DECIDE_RESERVE, 'a', 0);

	view.floor = RECORD_FENCE_MAX - 1;
	cr_expect_eq(acquire('a', 1, LK_X), DECIDE_NOTHING, "no generation is left");
	begin();
	acquire('a', 1, LK_X);
	now.fence = RECORD_FENCE_MAX - 3;
	q.n_fences = 3;
	cr_expect_eq(put(q), DECIDE_NOTHING);
	cr_expect_eq(out.trouble, DECIDE_OUT_OF_FENCES);
	q.n_fences = 2;
	cr_expect_eq(put(q), DECIDE_DONE);
	cr_expect_eq(now.fence, RECORD_FENCE_MAX - 1);
	simply(DECIDE_RELEASE, 'a');
	cr_expect_eq(acquire('a', 2, LK_X), DECIDE_NOTHING);
	cr_expect_eq(decide_trouble_code(out.trouble), LK_E_LIMIT);
	cr_expect_eq(acquire('a', 2, LK_S), DECIDE_GRANTED);
}

/* ------------------------------------------------------------------------------ units */

Test(decide, units_are_never_more_than_permits, .init = begin)
{
	cr_expect_eq(units('a', 1, 3, 5), DECIDE_GRANTED);
	cr_expect_eq(units('b', 1, 3, 5), DECIDE_WAITS);
	cr_expect_eq(units('c', 1, 1, 5), DECIDE_WAITS, "the large request is not starved");
	cr_expect_eq(acquire('d', 1, LK_IX), DECIDE_GRANTED, "who wants no units");
	cr_assert_eq(simply(DECIDE_POLL, 'a'), DECIDE_GRANTED);
	cr_expect(out.demand.units == 3 && out.demand.n == 1);
	cr_assert_eq(simply(DECIDE_RELEASE, 'a'), DECIDE_RELEASED);
	cr_expect(holder('b')->units == 3 && holder('c')->units == 1);
}

Test(decide, permits_are_the_same_for_all_who_have_or_want_units, .init = begin)
{
	cr_assert_eq(units('a', 1, 1, 5), DECIDE_GRANTED);
	cr_expect_eq(units('b', 1, 1, 6), DECIDE_NOTHING);
	cr_expect_eq(out.trouble, DECIDE_BAD_PERMITS);
	simply(DECIDE_RELEASE, 'a');
	cr_expect_eq(now.permits, 0u);
	cr_expect_eq(units('b', 1, 1, 6), DECIDE_GRANTED);
	cr_expect_eq(units('c', 1, 7, 6), DECIDE_NOTHING);
	cr_expect_eq(units('c', 1, 0, 6), DECIDE_NOTHING);
}

Test(decide, a_cover_grows_to_so_many_units_and_shrinks, .init = begin)
{
	struct decide_request q = ask(DECIDE_CONVERT, 'a', 3);

	units('a', 1, 2, 5);
	cr_expect_eq(units('a', 2, 4, 5), DECIDE_GRANTED);
	cr_expect_eq(holder('a')->units, 4u);
	cr_expect_eq(units('b', 1, 2, 5), DECIDE_WAITS);
	q.mode = LK_IX;
	q.units = 3;
	q.permits = 5;
	cr_assert_eq(put(q), DECIDE_GRANTED);
	cr_expect_eq(holder('a')->units, 3u);
	cr_expect_eq(holder('b')->units, 2u);
}

/* Three, each with one, each wants two of three: the first two may wait, for the third. */
Test(decide, a_ring_of_units_is_found_at_once, .init = begin)
{
	units('a', 1, 1, 3);
	units('b', 1, 1, 3);
	units('c', 1, 1, 3);
	cr_expect_eq(units('a', 2, 2, 3), DECIDE_WAITS);
	cr_expect_eq(units('b', 2, 2, 3), DECIDE_WAITS);
	cr_expect_eq(units('c', 2, 2, 3), DECIDE_DEADLOCK);
	cr_expect_eq(holder('c')->units, 1u);
	simply(DECIDE_RELEASE, 'c');
	cr_expect(holder('a')->units == 2 && waits('b'));
}

/* Each of two who wait lets it pass, but together they hold what it wants: it would wait for them, and they for it. */
Test(decide, priority_makes_no_ring, .init = begin)
{
	struct decide_request q = ask(DECIDE_ACQUIRE, 'd', 1);

	units('a', 1, 1, 4);
	units('b', 1, 1, 4);
	units('c', 1, 2, 4);
	units('a', 2, 2, 4);
	units('b', 2, 2, 4);
	q.mode = LK_IX;
	q.units = 3;
	q.permits = 4;
	q.priority = 1;
	q.flags = DECIDE_WAIT;
	cr_assert_eq(put(q), DECIDE_WAITS);
	cr_expect_eq(out.ahead, 2u);
	simply(DECIDE_RELEASE, 'c');
	cr_expect(holder('a')->units == 2 && holder('b')->units == 2);
}

/* Its place is one that it has by what it held; but at its new one it would wait for itself. */
Test(decide, a_weaker_hold_makes_no_ring, .init = begin)
{
	struct decide_request q = ask(DECIDE_CONVERT, 'a', 3);

	units('a', 1, 2, 4);
	units('b', 1, 1, 4);
	units('c', 1, 1, 4);
	units('d', 1, 3, 4);
	units('a', 2, 3, 4);
	cr_expect_eq(out.ahead, 0u);
	cr_assert_eq(units('b', 2, 2, 4), DECIDE_WAITS);
	cr_expect_eq(out.ahead, 2u);
	q.mode = LK_IX;
	q.units = 1;
	q.permits = 4;
	cr_assert_eq(put(q), DECIDE_GRANTED);
	cr_expect_eq(out.ahead, 0u);
	simply(DECIDE_RELEASE, 'c');
	cr_expect_eq(holder('a')->units, 3u);
}

/* ------------------------------------------------------------------------------ values */

Test(decide, a_value_is_written_by_writers_only, .init = begin)
{
	cr_expect_eq(write_value('a', 9, "v"), DECIDE_ABSENT);
	acquire('a', 1, LK_S);
	cr_expect_eq(write_value('a', 9, "v"), DECIDE_DENIED);
	acquire('a', 2, LK_U);
	cr_assert_eq(write_value('a', 9, "value"), DECIDE_DONE);
	cr_expect_eq(out.value.version, 102u);
	cr_assert_eq(write_value('a', 9, "value"), DECIDE_DONE);
	cr_expect(!out.changed, "the same request once more");
	cr_assert_eq(write_value('a', 10, "v"), DECIDE_DONE);
	cr_expect_eq(out.value.version, 103u);
	simply(DECIDE_RELEASE, 'a');
	cr_expect(!out.is_idle);
	cr_assert_eq(simply(DECIDE_VALUE_READ, 0), DECIDE_DONE);
	cr_expect(out.value.len == 1 && out.value.bytes[0] == 'v' && out.value.bytes[1] == 0);
	cr_expect_eq(out.value.flags, 0u);
}

Test(decide, a_lost_writer_makes_the_value_invalid_until_the_next_write, .init = begin)
{
	acquire('a', 1, LK_X);
	write_value('a', 2, "v");
	kill_session('a');
	cr_assert_eq(acquire('b', 1, LK_X), DECIDE_GRANTED);
	cr_expect(out.is_invalid && out.value.flags == LK_VALUE_INVALID);
	view.n_dead = 0;
	cr_assert_eq(write_value('b', 2, "w"), DECIDE_DONE);
	cr_expect(!out.is_invalid && out.value.version == 103);
}

Test(decide, a_lost_reader_does_not, .init = begin)
{
	acquire('a', 1, LK_X);
	write_value('a', 2, "v");
	simply(DECIDE_RELEASE, 'a');
	acquire('a', 3, LK_S);
	kill_session('a');
	cr_assert_eq(acquire('b', 1, LK_X), DECIDE_GRANTED);
	cr_expect(!out.is_invalid && !out.is_orphaned);
}

/* What comes along with a request. */
static enum decide_result
bring(struct decide_request q, const char *text, uint64_t version, bool is_invalid)
{
	q.value = text;
	q.value_len = strlen(text);
	q.version = version;
	q.is_invalid = is_invalid;
	return put(q);
}

Test(decide, a_value_comes_along_with_what_lets_others_read_it, .init = begin)
{
	struct decide_request q = ask(DECIDE_CONVERT, 'a', 2);

	acquire('a', 1, LK_X);
	cr_assert_eq(acquire('b', 1, LK_S), DECIDE_WAITS);
	q.mode = LK_S;
	cr_assert_eq(bring(q, "v", 200, false), DECIDE_GRANTED);
	cr_expect(now.value.version == 200 && now.value.bytes[0] == 'v' && held('b') == LK_S);
	cr_assert_eq(bring(q, "w", 201, false), DECIDE_GRANTED);
	cr_expect_eq(now.value.version, 200u, "who only reads brings nothing");
	simply(DECIDE_RELEASE, 'b');
	acquire('a', 3, LK_X);
	cr_assert_eq(bring(ask(DECIDE_RELEASE, 'a', 4), "w", 203, false), DECIDE_RELEASED);
	cr_expect_eq(now.value.version, 203u);
	cr_assert_eq(bring(ask(DECIDE_RELEASE, 'a', 4), "x", 204, false), DECIDE_ABSENT);
	cr_expect_eq(now.value.version, 203u);
}

Test(decide, a_value_that_comes_twice_comes_once, .init = begin)
{
	const struct decide_request q = ask(DECIDE_VALUE_WRITE, 'a', 2);

	acquire('a', 1, LK_X);
	cr_assert_eq(bring(q, "v", 200, false), DECIDE_DONE);
	cr_assert_eq(bring(q, "v", 200, false), DECIDE_DONE);
	cr_expect(!out.changed);
	cr_assert_eq(bring(q, "old", 199, true), DECIDE_DONE);
	cr_expect(!out.changed);
	cr_assert_eq(bring(q, "v", 200, true), DECIDE_DONE);
	cr_expect(out.changed && now.value.is_invalid && now.value.len == 1);
	cr_assert_eq(bring(q, "w", 201, false), DECIDE_DONE);
	cr_expect(!now.value.is_invalid && now.value.bytes[0] == 'w');
}

/* Both want more: nothing is given back, but the value is there. */
Test(decide, a_value_comes_along_with_what_is_refused, .init = begin)
{
	struct decide_request q = ask(DECIDE_GIVE_AND_WAIT, 'a', 3);

	acquire('a', 1, LK_U);
	acquire('b', 1, LK_S);
	q.mode = LK_S;
	q.want = LK_X;
	cr_assert_eq(bring(q, "v", 200, false), DECIDE_WAITS);
	cr_expect_eq(now.value.version, 200u);
	q = ask(DECIDE_GIVE_AND_WAIT, 'b', 2);
	q.mode = LK_S;
	q.want = LK_X;
	cr_assert_eq(bring(q, "w", 300, false), DECIDE_DEADLOCK);
	cr_expect_eq(now.value.version, 200u, "b only reads");
}

/* What a lost process wrote at home had versions of its block: those of the next are above. */
Test(decide, versions_begin_above_the_numbers_of_who_was_lost, .init = begin)
{
	struct decide_request q = ask(DECIDE_ACQUIRE, 'a', 1);

	q.mode = LK_X;
	q.n_fences = 50;
	cr_assert_eq(put(q), DECIDE_GRANTED);
	kill_session('a');
	cr_assert_eq(acquire('b', 1, LK_X), DECIDE_GRANTED);
	view.n_dead = 0;
	cr_assert_eq(write_value('b', 2, "v"), DECIDE_DONE);
	cr_expect_gt(out.value.version, 150u);
}

Test(decide, a_guard_knows_whose_numbers_they_are, .init = begin)
{
	struct decide_request q = ask(DECIDE_GUARD, 'a', 0);

	acquire('a', 1, LK_X);
	q.grant = 1;
	q.fence = 101;
	cr_expect_eq(put(q), DECIDE_DONE);
	q.fence = 102;
	cr_expect_eq(put(q), DECIDE_DENIED, "nobody has that yet");
	simply(DECIDE_RESERVE, 'a');
	cr_expect_eq(put(q), DECIDE_DONE);
	simply(DECIDE_RELEASE, 'a');
	cr_expect_eq(put(q), DECIDE_ABSENT);
	acquire('a', 2, LK_X);
	cr_expect_eq(put(q), DECIDE_ABSENT, "another grant");
	q.grant = 0;
	cr_expect_eq(put(q), DECIDE_DENIED, "a number of an earlier one");
	q.fence = 0;
	cr_expect_eq(put(q), DECIDE_DONE);
	acquire('b', 1, LK_IS);
	q.who = id_of('b');
	cr_expect_eq(put(q), DECIDE_ABSENT);
}

/* -------------------------------------------------------------- refusals, and limits */

Test(decide, requests_that_make_no_sense, .init = begin)
{
	struct decide_request good = ask(DECIDE_ACQUIRE, 'a', 1), q;

	good.mode = LK_S;
#define REFUSED(trouble_, ...)                                       \
	do {                                                         \
		q = good;                                            \
		__VA_ARGS__;                                         \
		cr_expect_eq(put(q), DECIDE_NOTHING, #__VA_ARGS__);  \
		cr_expect_eq(out.trouble, (trouble_), #__VA_ARGS__); \
	} while (0)
	REFUSED(DECIDE_BAD_REQUEST, q.op = DECIDE_OPS);
	REFUSED(DECIDE_BAD_REQUEST, q.who = (struct record_id){ { 0 } });
	REFUSED(DECIDE_BAD_REQUEST, q.request = 0);
	REFUSED(DECIDE_BAD_REQUEST, q.mode = LK_NL);
	REFUSED(DECIDE_BAD_REQUEST, q.mode = (lk_mode)7);
	REFUSED(DECIDE_BAD_REQUEST, q.flags = 4);
	REFUSED(DECIDE_BAD_REQUEST, q.flags = DECIDE_DETACHED);
	REFUSED(DECIDE_BAD_REQUEST, q.flags = DECIDE_DETACHED | DECIDE_WAIT, q.lease_ns = 1);
	REFUSED(DECIDE_BAD_REQUEST, q.tag_len = RECORD_TAG + 1, q.tag = "");
	REFUSED(DECIDE_BAD_REQUEST, q.tag_len = 1);
	REFUSED(DECIDE_BAD_REQUEST, q.value_len = LK_VALUE_MAX + 1, q.value = "");
	REFUSED(DECIDE_BAD_REQUEST, q.value_len = 1);
	REFUSED(DECIDE_BAD_REQUEST, q.version = RECORD_FENCE_MAX);
	REFUSED(DECIDE_BAD_REQUEST, q.version = 1, q.op = DECIDE_POLL, q.request = 0);
	REFUSED(DECIDE_BAD_REQUEST, q.op = DECIDE_RELEASE, q.flags = DECIDE_WAIT);
	REFUSED(DECIDE_BAD_REQUEST, q.op = DECIDE_BREAK);
	REFUSED(DECIDE_BAD_REQUEST, q.op = DECIDE_GIVE_AND_WAIT);
	REFUSED(DECIDE_BAD_NAME, q.name = NULL);
	REFUSED(DECIDE_BAD_NAME, q.name_len = 0);
	REFUSED(DECIDE_BAD_NAME, q.name_len = LK_NAME_MAX + 1);
	REFUSED(DECIDE_BAD_PERMITS, q.permits = 1);
	REFUSED(DECIDE_BAD_PERMITS, q.units = 1);
	REFUSED(DECIDE_BAD_PERMITS, q.units = 1, q.permits = RECORD_PERMITS_MAX + 1);
	cr_assert_eq(put(good), DECIDE_GRANTED);
	REFUSED(DECIDE_BAD_NAME, q.name = "Name", q.request = 2);
	REFUSED(DECIDE_BAD_REQUEST, q.flags = DECIDE_DETACHED, q.lease_ns = 1, q.request = 2,
		q.mode = LK_X);
#undef REFUSED
	for (int i = 0; i < DECIDE_TROUBLES; i++) {
		cr_expect_eq(decide_trouble_code((enum decide_trouble)i) == 0, i == DECIDE_FINE);
		cr_expect_str_neq(decide_trouble_text((enum decide_trouble)i), "?");
	}
}

Test(decide, other_settings_are_refused_while_the_name_is_in_use, .init = begin)
{
	acquire('a', 1, LK_X);
	view.settings = 5;
	cr_expect_eq(acquire('b', 1, LK_X), DECIDE_NOTHING);
	cr_expect_eq(out.trouble, DECIDE_BAD_SETTINGS);
	view.settings = 0;
	write_value('a', 2, "v");
	simply(DECIDE_RELEASE, 'a');
	view.settings = 5;
	cr_expect_eq(acquire('b', 1, LK_X), DECIDE_GRANTED);
	cr_expect_eq(now.settings, 5u);
}

Test(decide, there_is_room_for_so_many, .init = begin)
{
	view.max_holders = 2;
	view.max_waiters = 1;
	acquire('a', 1, LK_IS);
	acquire('b', 1, LK_IS);
	cr_expect_eq(acquire('c', 1, LK_IS), DECIDE_NOTHING);
	cr_expect_eq(out.trouble, DECIDE_FULL_HOLDERS);
	cr_expect_eq(acquire('a', 2, LK_S), DECIDE_GRANTED, "a conversion needs no room");
	cr_expect_eq(acquire('c', 1, LK_X), DECIDE_WAITS);
	cr_expect_eq(acquire('d', 1, LK_X), DECIDE_NOTHING);
	cr_expect_eq(out.trouble, DECIDE_FULL_LINE);
	simply(DECIDE_RELEASE, 'a');
	cr_expect(waits('c'));
	simply(DECIDE_RELEASE, 'b');
	cr_expect_eq(held('c'), LK_X);
}

Test(decide, there_is_room_for_200, .init = begin)
{
	for (int i = 1; i <= RECORD_HOLDERS; i++)
		cr_assert_eq(acquire((char)i, 1, LK_IS), DECIDE_GRANTED);
	cr_expect_eq(acquire((char)(RECORD_HOLDERS + 1), 1, LK_IS), DECIDE_NOTHING);
	for (int i = 1; i <= RECORD_WAITERS; i++)
		cr_assert_eq(acquire((char)i, 2, LK_X), i == 1 ? DECIDE_WAITS : DECIDE_DEADLOCK);
	for (int i = 2; i <= RECORD_HOLDERS; i++)
		simply(DECIDE_RELEASE, (char)i);
	cr_expect_eq(held(1), LK_X);
}

/* The best of 16 newcomers goes first; then it is enough. */
Test(decide, nobody_is_passed_for_ever, .init = begin)
{
	struct decide_request q;

	acquire('a', 1, LK_X);
	acquire('b', 1, LK_X);
	for (int i = 0; i < PASSED_MOST_RECORD + 3; i++) {
		q = ask(DECIDE_ACQUIRE, (char)(i + 1), 1);
		q.mode = LK_X;
		q.flags = DECIDE_WAIT;
		q.priority = 1;
		cr_assert_eq(put(q), DECIDE_WAITS);
		cr_expect_eq(out.ahead, (uint32_t)(i < PASSED_MOST_RECORD ? i : i + 1));
	}
}

Test(decide, a_place_that_is_strengthened_stays_where_it_is, .init = begin)
{
	struct decide_request q;

	acquire('a', 1, LK_X);
	acquire('b', 1, LK_IS);
	acquire('c', 1, LK_X);
	cr_assert_eq(acquire('b', 2, LK_IX), DECIDE_WAITS);
	cr_expect(out.ahead == 0 && out.want == LK_IX && out.waits_id == 2);
	q = ask(DECIDE_ACQUIRE, 'b', 3);
	q.mode = LK_X;
	cr_assert_eq(put(q), DECIDE_BUSY, "a try leaves it");
	cr_expect(out.want == LK_IX && out.waits_id == 2);
	simply(DECIDE_RELEASE, 'a');
	cr_expect(held('b') == LK_IX && holder('b')->born == 2);
}

Test(decide, a_request_that_waits_is_found_waiting, .init = begin)
{
	struct decide_request q = ask(DECIDE_ACQUIRE, 'b', 2);

	acquire('a', 1, LK_X);
	acquire('b', 2, LK_X);
	q.mode = LK_X;
	q.priority = 5;
	cr_expect_eq(put(q), DECIDE_WAITS, "it does, though it is only tried now");
	cr_expect(!out.changed);
}

Test(decide, a_cancel_that_comes_too_late_says_so, .init = begin)
{
	acquire('a', 1, LK_X);
	acquire('b', 7, LK_X);
	simply(DECIDE_RELEASE, 'a');
	cr_expect_eq(put(ask(DECIDE_CANCEL, 'b', 7)), DECIDE_GRANTED);
	cr_expect_eq(put(ask(DECIDE_CANCEL, 'b', 8)), DECIDE_ABSENT);
	cr_expect_eq(held('b'), LK_X);
}

Test(decide, a_release_names_its_grant, .init = begin)
{
	struct decide_request q = ask(DECIDE_RELEASE, 'a', 0);

	acquire('a', 1, LK_S);
	acquire('a', 2, LK_X);
	q.grant = 2;
	cr_expect_eq(put(q), DECIDE_ABSENT, "the hold was made by the first");
	q.grant = 1;
	cr_expect_eq(put(q), DECIDE_RELEASED);
	acquire('a', 3, LK_X);
	cr_expect_eq(put(q), DECIDE_ABSENT, "late, it hurts nobody");
	cr_expect_eq(held('a'), LK_X);
}

Test(decide, giving_back_and_waiting_is_one_step, .init = begin)
{
	struct decide_request q = ask(DECIDE_GIVE_AND_WAIT, 'a', 2);

	acquire('a', 1, LK_X);
	acquire('b', 1, LK_X);
	q.want = LK_S;
	cr_assert_eq(put(q), DECIDE_WAITS);
	cr_expect(held('b') == LK_X && held('a') == LK_NL && out.waits_id == 2);
	cr_assert_eq(put(q), DECIDE_WAITS);
	cr_expect(!out.changed);
	simply(DECIDE_RELEASE, 'b');
	cr_assert_eq(put(q), DECIDE_GRANTED);
	cr_expect_eq(out.held, LK_S);
}

Test(decide, results_have_codes, .init = begin)
{
	cr_expect_eq(decide_code(DECIDE_GRANTED), 0);
	cr_expect_eq(decide_code(DECIDE_WAITS), 0);
	cr_expect_eq(decide_code(DECIDE_BUSY), LK_E_BUSY);
	cr_expect_eq(decide_code(DECIDE_DEADLOCK), LK_E_CONVERSION_DEADLOCK);
	cr_expect_eq(decide_code(DECIDE_ABSENT), LK_E_STALE);
	cr_expect_eq(decide_code(DECIDE_LOST), LK_E_LOST);
	cr_expect_eq(decide_code(DECIDE_DENIED), LK_E_PERM);
}

Test(decide, hints_of_what_rises_and_what_ended, .init = begin)
{
	static struct record before;
	struct decide_hint hint[4];
	const struct record_id b = id_of('b');
	struct decide_request q = ask(DECIDE_BREAK, 0, 0);

	acquire('a', 1, LK_S);
	record_copy(&before, &now);
	acquire('b', 1, LK_IX);
	cr_assert_eq(decide_hints(&before, &now, &b, hint, 4), 1u);
	cr_expect(hint[0].what == NEWS_BLOCKS && hint[0].mode == LK_IX &&
		  hint[0].who.byte[0] == 'a');
	record_copy(&before, &now);
	acquire('c', 1, LK_IX);
	cr_expect_eq(decide_hints(&before, &now, &b, hint, 4), 0u, "no more than before");
	acquire('d', 1, LK_X);
	cr_expect_eq(decide_hints(&before, &now, &b, hint, 4), 1u);
	record_copy(&before, &now);
	q.target = id_of('a');
	put(q);
	cr_assert_eq(decide_hints(&before, &now, NULL, hint, 4), 5u, "more than there is room for");
	cr_assert_eq(decide_hints(&before, &now, NULL, NULL, 0), 5u);
}
