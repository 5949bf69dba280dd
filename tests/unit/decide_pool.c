/* SPDX-License-Identifier: MIT */
/* Units that a session shares out among its owners: what they keep others from, and their place in the line.  (DE11) */
#include "decide.h"

/* "Of the permits, `keeps` are in use, and whoever is first wants `units` in all, of which he has `firm`." */
static struct decide_request
pool(char who, uint64_t request, uint32_t keeps, uint32_t units, uint32_t firm, uint32_t permits)
{
	struct decide_request q = ask(DECIDE_GIVE_AND_WAIT, who, request);

	q.flags = DECIDE_POOL;
	q.mode = keeps != 0 ? LK_IX : LK_NL;
	q.want = LK_IX;
	q.keeps = keeps;
	q.units = units;
	q.firm = firm;
	q.permits = permits;
	return q;
}

static uint32_t
has(char who)
{
	return holder(who) != NULL ? holder(who)->units : 0;
}

Test(decide, a_pool_gets_what_it_wants_besides_what_it_keeps, .init = begin)
{
	cr_expect_eq(put(pool('a', 1, 0, 2, 0, 5)), DECIDE_GRANTED);
	cr_expect_eq(has('a'), 2u);
	cr_expect_eq(put(pool('a', 2, 2, 3, 0, 5)), DECIDE_GRANTED, "three more, not three in all");
	cr_expect_eq(has('a'), 5u);
	cr_expect_eq(put(pool('a', 3, 4, 2, 0, 5)), DECIDE_WAITS, "for its own");
	cr_expect_eq(has('a'), 4u);
	cr_expect_eq(put(pool('a', 4, 3, 2, 0, 5)), DECIDE_GRANTED);
	cr_expect_eq(has('a'), 5u);
}

/* Others in a session give back what they have: so what it has earns no place, and is in nobody's way for ever. */
Test(decide, a_pool_does_not_go_before_those_who_came_first, .init = begin)
{
	cr_assert_eq(put(pool('a', 1, 0, 3, 0, 4)), DECIDE_GRANTED);
	cr_expect_eq(put(pool('c', 1, 0, 2, 0, 4)), DECIDE_WAITS);
	cr_expect_eq(put(pool('a', 2, 3, 1, 0, 4)), DECIDE_WAITS, "there is one, but not for it");
	cr_expect_eq(out.ahead, 1u);
	cr_expect_eq(put(pool('a', 3, 2, 1, 0, 4)), DECIDE_WAITS, "and one went to c");
	cr_expect_eq(has('c'), 2u);
	cr_expect_eq(has('a'), 2u);
	cr_expect_eq(simply(DECIDE_RELEASE, 'c'), DECIDE_RELEASED);
	cr_expect_eq(has('a'), 3u);
}

Test(decide, a_pool_that_gives_back_keeps_its_place, .init = begin)
{
	cr_assert_eq(put(pool('a', 1, 0, 2, 0, 4)), DECIDE_GRANTED);
	cr_assert_eq(put(pool('b', 1, 0, 2, 0, 4)), DECIDE_GRANTED);
	cr_expect_eq(put(pool('a', 2, 2, 3, 0, 4)), DECIDE_WAITS);
	cr_expect_eq(put(pool('c', 1, 0, 1, 0, 4)), DECIDE_WAITS);
	cr_expect_eq(put(pool('a', 3, 1, 3, 0, 4)), DECIDE_WAITS);
	cr_expect_eq(out.ahead, 0u);
	cr_expect_eq(put(pool('a', 4, 0, 3, 0, 4)), DECIDE_WAITS, "it holds nothing any more");
	cr_expect_eq(held('a'), LK_NL);
	cr_expect_eq(out.ahead, 0u);
	cr_expect_eq(put(pool('b', 2, 1, 0, 0, 4)), DECIDE_GRANTED);
	cr_expect_eq(has('a'), 3u);
	cr_expect(waits('c'));
}

/* A place before a writer is by the hold, and goes with it. */
Test(decide, a_pool_does_not_keep_a_place_that_was_by_its_mode, .init = begin)
{
	cr_assert_eq(put(pool('a', 1, 0, 1, 0, 2)), DECIDE_GRANTED);
	cr_assert_eq(put(pool('b', 1, 0, 1, 0, 2)), DECIDE_GRANTED);
	cr_expect_eq(acquire('x', 1, LK_X), DECIDE_WAITS);
	cr_expect_eq(put(pool('a', 2, 1, 1, 0, 2)), DECIDE_WAITS);
	cr_expect_eq(out.ahead, 0u);
	cr_expect_eq(put(pool('a', 3, 0, 1, 0, 2)), DECIDE_WAITS);
	cr_expect_eq(out.ahead, 1u);
	simply(DECIDE_RELEASE, 'b');
	cr_expect_eq(held('x'), LK_X);
}

Test(decide, a_pool_hears_of_a_grant_that_it_does_not_know, .init = begin)
{
	struct decide_request q;

	cr_assert_eq(put(pool('a', 1, 0, 1, 0, 2)), DECIDE_GRANTED);
	cr_assert_eq(put(pool('b', 1, 0, 1, 0, 2)), DECIDE_GRANTED);
	cr_assert_eq(put(pool('a', 2, 1, 1, 0, 2)), DECIDE_WAITS);
	simply(DECIDE_RELEASE, 'b');
	cr_assert_eq(has('a'), 2u);
	cr_assert_eq(put(pool('c', 1, 0, 1, 0, 2)), DECIDE_WAITS);
	q = pool('a', 3, 0, 1, 0, 2);
	q.earlier = 2;
	cr_expect_eq(put(q), DECIDE_GRANTED);
	cr_expect_eq(has('a'), 2u, "its turn is not lost");
	cr_expect_eq(put(pool('a', 4, 1, 0, 0, 2)), DECIDE_GRANTED);
	cr_expect_eq(has('c'), 1u);
}

/* The numbers that it has given out are never among those that it is given again.  (DE5) */
Test(decide, a_session_that_writes_no_more_gives_back_a_grant_that_it_does_not_know, .init = begin)
{
	for (uint32_t permits = 0; permits <= 2; permits += 2) {
		struct decide_request q = ask(DECIDE_GIVE_AND_WAIT, 'a', 2);
		uint64_t first, last;

		cr_assert_eq(acquire('a', 1, LK_U), DECIDE_GRANTED);
		first = out.fence;
		cr_assert_eq(acquire('b', 1, LK_IS), DECIDE_GRANTED);
		q.mode = LK_U;
		q.want = LK_X;
		cr_expect_eq(put(q), DECIDE_WAITS);
		simply(DECIDE_RELEASE, 'b');
		cr_expect_eq(held('a'), LK_X, "and it does not know");

		q = ask(DECIDE_GIVE_AND_WAIT, 'a', 3);
		q.flags = DECIDE_POOL;
		q.earlier = 2;
		q.mode = LK_NL;
		q.want = LK_SIX;
		q.permits = q.units = permits;
		q.fence = last = first;
		q.n_fences = 9;
		cr_expect_eq(put(q), DECIDE_GRANTED);
		cr_expect_eq(held('a'), LK_SIX);
		cr_expect_gt(out.fence, last);
		simply(DECIDE_RELEASE, 'a');
	}
}

/* Of two owners who each wait for what the other has, whoever comes second is refused, and nothing is given back. */
Test(decide, what_an_owner_has_who_waits_is_firm, .init = begin)
{
	cr_assert_eq(put(pool('a', 1, 0, 2, 0, 4)), DECIDE_GRANTED);
	cr_assert_eq(put(pool('b', 1, 0, 2, 0, 4)), DECIDE_GRANTED);
	cr_expect_eq(put(pool('a', 2, 2, 4, 2, 4)), DECIDE_WAITS);
	cr_expect_eq(put(pool('b', 2, 1, 3, 1, 4)), DECIDE_DEADLOCK, "it keeps one, a wants it");
	cr_expect_eq(has('b'), 2u, "nor did it give back the other");
	cr_expect_eq(put(pool('b', 3, 1, 3, 0, 4)), DECIDE_WAITS, "its others give back");
	cr_expect_eq(has('b'), 1u);
	cr_expect_eq(put(pool('b', 4, 0, 3, 0, 4)), DECIDE_WAITS);
	cr_expect_eq(has('a'), 4u);
	simply(DECIDE_RELEASE, 'a');
	cr_expect_eq(has('b'), 3u);
}

Test(decide, a_pool_that_is_not_in_use_says_another_number, .init = begin)
{
	cr_assert_eq(put(pool('a', 1, 0, 2, 0, 4)), DECIDE_GRANTED);
	cr_expect_eq(put(pool('b', 1, 0, 2, 0, 5)), DECIDE_NOTHING);
	cr_expect_eq(out.trouble, DECIDE_BAD_PERMITS);
	cr_expect_eq(put(pool('a', 2, 1, 2, 0, 5)), DECIDE_NOTHING);
	cr_expect_eq(put(pool('a', 2, 0, 5, 0, 5)), DECIDE_GRANTED);
	cr_expect_eq(has('a'), 5u);
	cr_expect_eq(put(pool('b', 1, 0, 1, 0, 5)), DECIDE_WAITS);
	cr_expect_eq(put(pool('a', 3, 0, 1, 0, 6)), DECIDE_NOTHING, "b waits for one of five");
}

Test(decide, a_pool_without_a_number_gives_all_back, .init = begin)
{
	struct decide_request q = pool('a', 2, 0, 0, 0, 0);

	cr_assert_eq(put(pool('a', 1, 0, 2, 0, 4)), DECIDE_GRANTED);
	q.mode = LK_IX;
	q.want = LK_X;
	cr_expect_eq(put(q), DECIDE_GRANTED);
	cr_expect_eq(held('a'), LK_X);
	cr_expect_eq(has('a'), 0u);
	cr_expect_eq(now.permits, 0u);
}

Test(decide, pools_that_contradict_themselves_are_refused, .init = begin)
{
	struct decide_request q = ask(DECIDE_ACQUIRE, 'a', 1);

	cr_expect_eq(put(pool('a', 1, 1, 2, 2, 4)), DECIDE_NOTHING, "firm, but not in use");
	cr_expect_eq(out.trouble, DECIDE_BAD_REQUEST);
	cr_expect_eq(put(pool('a', 1, 3, 1, 2, 4)), DECIDE_NOTHING, "it has more than it wants");
	cr_expect_eq(put(pool('a', 1, 5, 1, 0, 4)), DECIDE_NOTHING);
	cr_expect_eq(out.trouble, DECIDE_BAD_PERMITS);
	cr_expect_eq(put(pool('a', 1, 0, 0, 0, 4)), DECIDE_NOTHING);
	q.mode = LK_IX;
	q.units = q.permits = 1;
	q.flags = DECIDE_POOL;
	cr_expect_eq(put(q), DECIDE_NOTHING, "nothing is given");
	q.flags = 0;
	q.keeps = 1;
	cr_expect_eq(put(q), DECIDE_NOTHING);
}
