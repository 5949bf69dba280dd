/* SPDX-License-Identifier: MIT */
/* Units of grants that go to other owners, other names, or back; and where there are none. */
#include <latchkey/test_store.h>

#include "semaphore_stage.h"

/* With the grant; the sum of units in use is what it was. */
Test(semaphoremoved, goes_with_a_grant_to_another_owner)
{
	static struct stage s;
	struct lk_options o = want(2, 4);
	struct asker a;
	lk_grant g;
	lk_grant rest;

	stage_open(&s, NULL);
	rest = take_units(s.w[0], "a/n", 1, 4);
	g = take_units(s.w[0], "a/n", 2, 4);
	take_units(s.w[1], "a/n", 1, 4);
	ok(lk_transfer(s.w[0], g, s.w[1], &g));
	cr_expect_eq(grant_info(s.w[1], g).units, 2);
	cr_expect_eq(grant_info(s.w[0], rest).units, 1);
	expect_units(s.m, "a/n", 4, 4, 0, 0);
	ask_with(s.m, &a, s.w[2], "a/n", LK_IX, &o);
	ok(lk_release(s.w[1], g));
	granted(&a);
	expect_units(s.m, "a/n", 4, 4, 0, 0);
	ok(lk_transfer(s.w[0], rest, s.w[3], &rest)); /* which has nothing there */
	expect_units(s.m, "a/n", 4, 4, 0, 0);
	ok(lk_release(s.w[3], rest));
	is(try_units(s.w[1], "a/n", 3, 4, NULL), LK_E_BUSY);
	take_units(s.w[1], "a/n", 1, 4);
	is(try_units(s.w[1], "a/n", 3, 4, NULL), LK_E_LIMIT);
	stage_close(&s);
}

Test(semaphoremoved, may_be_where_a_lock_is_moved_to)
{
	static struct stage s;
	struct lk_options o = want(2, 3);
	lk_grant g;

	stage_open(&s, NULL);
	g = take_units(s.w[0], "n", 1, 1);
	ok(lk_move(s.w[0], g, "m", 1, &o, &g));
	expect_units(s.m, "n", 0, 0, 0, 0);
	expect_units(s.m, "m", 3, 2, 0, 0);
	ok(lk_release(s.w[0], g));
	g = take(s.w[0], "n", LK_X);
	is(lk_move(s.w[0], g, "m", 1, &o, NULL), LK_E_INVAL);
	cr_expect_eq(holds(s.w[0], "n"), LK_X);
	expect_units(s.m, "m", 0, 0, 0, 0);
	stage_close(&s);
}

/* Many locks below a name become one on it; those with units stay what they are. */
Test(semaphoremoved, is_counted_when_locks_are_escalated)
{
	static struct stage s;
	char name[] = "t/a";
	lk_grant g;

	stage_open(&s, "memory:?escalate_after=16");
	g = take_units(s.w[0], "t/n", 1, 2);
	for (int i = 0; i < 20; i++) {
		name[2] = (char)('A' + i);
		take(s.w[0], name, LK_X);
	}
	cr_assert_eq(holds(s.w[0], "t"), LK_X);
	cr_expect_eq(grant_info(s.w[0], g).flags & LK_IMPLIED, 0);
	expect_units(s.m, "t/n", 2, 1, 0, 0);
	ok(lk_release(s.w[0], g));
	expect_units(s.m, "t/n", 0, 0, 0, 0);
	stage_close(&s);
}

Test(semaphoremoved, gives_back_what_was_taken_since_a_mark)
{
	static struct stage s;
	lk_mark mark;

	stage_open(&s, NULL);
	take_units(s.w[0], "n", 1, 3);
	mark = lk_savepoint(s.w[0]);
	take_units(s.w[0], "n", 2, 3);
	expect_units(s.m, "n", 3, 3, 0, 0);
	ok(lk_rollback(s.w[0], mark, NULL));
	expect_units(s.m, "n", 3, 1, 0, 0);
	stage_close(&s);
}
