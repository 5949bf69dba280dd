/* SPDX-License-Identifier: MIT */
/* Counting semaphores: how many units, who gets them in which order, and what else is on the name. */
#include "semaphore_stage.h"

Test(semaphore, has_as_many_units_as_it_says)
{
	static struct stage s;
	lk_grant g[3];

	stage_open(&s, NULL);
	expect_units(s.m, "n", 0, 0, 0, 0);
	g[0] = take_units(s.w[0], "n", 2, 5);
	g[1] = take_units(s.w[1], "n", 1, 5);
	expect_units(s.m, "n", 5, 3, 0, 0);
	is(try_units(s.w[2], "n", 3, 5, NULL), LK_E_BUSY);
	g[2] = take_units(s.w[2], "n", 2, 5);
	expect_units(s.m, "n", 5, 5, 0, 0);
	is(try_units(s.w[3], "n", 1, 5, NULL), LK_E_BUSY);
	ok(lk_release(s.w[1], g[1]));
	is(lk_release(s.w[1], g[1]), LK_E_STALE);
	expect_units(s.m, "n", 5, 4, 0, 0);
	take_units(s.w[3], "n", 1, 5);
	ok(lk_release(s.w[0], g[0]));
	ok(lk_release(s.w[2], g[2]));
	ok(lk_release_all(s.w[3]));
	expect_units(s.m, "n", 0, 0, 0, 0);
	take(s.w[0], "n", LK_X);
	stage_close(&s);
}

Test(semaphore, tells_of_its_units_in_the_grant)
{
	static struct stage s;
	lk_grant g;
	lk_grant plain;

	stage_open(&s, NULL);
	plain = take(s.w[0], "n", LK_IX);
	g = take_units(s.w[0], "n", 3, 4);
	cr_expect_eq(grant_info(s.w[0], g).units, 3);
	cr_expect_eq(grant_info(s.w[0], g).mode, LK_IX);
	cr_expect_eq(grant_info(s.w[0], plain).units, 0);
	stage_close(&s);
}

Test(semaphore, takes_nonsense_from_nobody)
{
	static struct stage s;
	struct lk_options o = want(1, 2);
	struct lk_semaphore_info info = { 0 };
	lk_grant g = 77;

	stage_open(&s, NULL);
	is(lk_acquire_units(NULL, "n", 1, 1, 1, NULL, NULL), LK_E_INVAL);
	is(lk_acquire_units(s.w[0], NULL, 1, 1, 1, NULL, NULL), LK_E_INVAL);
	is(lk_acquire_units(s.w[0], "n", 0, 1, 1, NULL, NULL), LK_E_NAME);
	is(lk_acquire_units(s.w[0], "n", 1, 0, 1, NULL, &g), LK_E_INVAL);
	is(lk_acquire_units(s.w[0], "n", 1, 0, 0, NULL, &g), LK_E_INVAL);
	is(lk_acquire_units(s.w[0], "n", 1, 3, 2, NULL, &g), LK_E_INVAL);
	is(lk_acquire_units(s.w[0], "n", 1, 1, 2, &o, &g), LK_E_INVAL);
	is(lk_acquire(s.w[0], "n", LK_X, &o, &g), LK_E_INVAL);
	is(lk_acquire(s.w[0], "n", LK_IS, &o, &g), LK_E_INVAL);
	o = want(0, 2);
	is(lk_acquire(s.w[0], "n", LK_IX, &o, &g), LK_E_INVAL);
	o = want(3, 2);
	is(lk_acquire(s.w[0], "n", LK_IX, &o, &g), LK_E_INVAL);
	is(lk_shutdown(s.m, &o), LK_E_INVAL);
	cr_expect_eq(g, 77);
	is(lk_semaphore_info(NULL, "n", 1, &info), LK_E_INVAL);
	is(lk_semaphore_info(s.m, "n", 1, NULL), LK_E_INVAL);
	is(lk_semaphore_info(s.m, "n", 1, &info), LK_E_INVAL);
	info.size = sizeof(info);
	is(lk_semaphore_info(s.m, "", 0, &info), LK_E_NAME);
	is(lk_semaphore_info(s.m, NULL, 1, &info), LK_E_INVAL);
	expect_units(s.m, "n", 0, 0, 0, 0);
	cr_expect_eq(holds(s.w[0], "n"), LK_NL);
	stage_close(&s);
}

Test(semaphore, is_not_there_for_batches_and_conversions)
{
	static struct stage s;
	const struct lk_request r = { .name = "n", .mode = LK_IX };
	struct lk_options o = want(1, 2);
	lk_grant plain;
	lk_grant g;

	stage_open(&s, NULL);
	is(lk_acquire_many(s.w[0], &r, 1, &o, NULL), LK_E_UNSUPPORTED);
	g = take_units(s.w[0], "n", 1, 2);
	plain = take(s.w[0], "n", LK_IX);
	is(lk_convert(s.w[0], g, LK_X, NULL), LK_E_UNSUPPORTED);
	is(lk_upgrade(s.w[0], g, NULL), LK_E_UNSUPPORTED);
	is(lk_convert(s.w[0], g, LK_IS, NULL), LK_E_UNSUPPORTED);
	is(lk_can_convert(s.w[0], g, LK_X), LK_E_UNSUPPORTED);
	is(lk_convert(s.w[0], plain, LK_IX, &o), LK_E_INVAL);
	cr_expect_eq(holds(s.w[0], "n"), LK_IX);
	ok(lk_convert(s.w[0], plain, LK_X, NULL));
	is(try_units(s.w[1], "n", 1, 2, NULL), LK_E_BUSY);
	ok(lk_convert(s.w[0], plain, LK_IS, NULL));
	take_units(s.w[1], "n", 1, 2);
	expect_units(s.m, "n", 2, 2, 0, 0);
	stage_close(&s);
}

Test(semaphore, has_the_permits_that_those_say_who_have_some)
{
	static struct stage s;
	lk_grant g;

	stage_open(&s, NULL);
	g = take_units(s.w[0], "n", 1, 2);
	is(try_units(s.w[1], "n", 1, 3, NULL), LK_E_INVAL);
	is(lk_acquire_units(s.w[1], "n", 1, 1, 1, NULL, NULL), LK_E_INVAL);
	is(try_units(s.w[0], "n", 1, 3, NULL), LK_E_INVAL);
	expect_units(s.m, "n", 2, 1, 0, 0);
	cr_expect_eq(holds(s.w[1], "n"), LK_NL);
	ok(lk_release(s.w[0], g));
	take_units(s.w[1], "n", 1, 3);
	expect_units(s.m, "n", 3, 1, 0, 0);
	stage_close(&s);
}

/* Also those who only wait; and a request that is refused says nothing. */
Test(semaphore, has_the_permits_that_those_say_who_wait)
{
	static struct stage s;

	stage_open(&s, NULL);
	take(s.w[0], "n", LK_X);
	is(try_units(s.w[1], "n", 1, 3, NULL), LK_E_BUSY);
	expect_units(s.m, "n", 0, 0, 0, 0);
	ask_units(&s, 1, "n", 2, 2);
	expect_units(s.m, "n", 2, 0, 1, 2);
	is(lk_acquire_units(s.w[2], "n", 1, 1, 3, NULL, NULL), LK_E_INVAL);
	ok(lk_owner_cancel(s.w[1]));
	is(answer(&s.a[1]), LK_E_CANCELED);
	expect_units(s.m, "n", 0, 0, 0, 0);
	ask_units(&s, 2, "n", 1, 3);
	ok(lk_release_all(s.w[0]));
	granted(&s.a[2]);
	expect_units(s.m, "n", 3, 1, 0, 0);
	stage_close(&s);
}

Test(semaphore, gives_to_who_waits_when_there_are_enough)
{
	static struct stage s;
	lk_grant g[3];

	stage_open(&s, NULL);
	for (int i = 0; i < 3; i++)
		g[i] = take_units(s.w[i], "n", 1, 3);
	ask_units(&s, 3, "n", 2, 3);
	expect_units(s.m, "n", 3, 3, 1, 2);
	ok(lk_release(s.w[0], g[0]));
	expect_units(s.m, "n", 3, 2, 1, 2);
	cr_expect_not(is_answered(&s.a[3]));
	ok(lk_release(s.w[2], g[2]));
	granted(&s.a[3]);
	expect_units(s.m, "n", 3, 3, 0, 0);
	stage_close(&s);
}

static void
large_first(const char *url)
{
	static struct stage s;
	lk_grant g;

	stage_open(&s, url);
	g = take_units(s.w[0], "n", 1, 4);
	take_units(s.w[1], "n", 1, 4);
	ask_units(&s, 2, "n", 4, 4);
	is(try_units(s.w[3], "n", 1, 4, NULL), LK_E_BUSY);
	ask_units(&s, 3, "n", 1, 4);
	expect_units(s.m, "n", 4, 2, 2, 5);
	ok(lk_release(s.w[0], g));
	is(try_units(s.w[4], "n", 1, 4, NULL), LK_E_BUSY);
	cr_expect_eq(line(s.m, "n"), 2);
	cr_expect_eq(holds(s.w[3], "n"), LK_NL);
	ok(lk_release_all(s.w[1]));
	g = granted(&s.a[2]);
	cr_expect_eq(line(s.m, "n"), 1);
	ok(lk_release(s.w[2], g));
	granted(&s.a[3]);
	stage_close(&s);
}

Test(semaphore, does_not_let_few_pass_many)
{
	large_first(NULL);
	large_first("memory:?strict=1");
}

/* An intent without units is none of its business. */
Test(semaphore, counts_no_intents)
{
	static struct stage s;

	stage_open(&s, NULL);
	take(s.w[0], "n", LK_IX);
	take(s.w[1], "n/below", LK_X);
	take_units(s.w[2], "n", 2, 2);
	ask_units(&s, 3, "n", 1, 2);
	take(s.w[4], "n", LK_IX);
	take(s.w[5], "n", LK_IS);
	cr_expect_eq(info_of(s.m, "n").holders[LK_IX], 4);
	ok(lk_release_all(s.w[2]));
	granted(&s.a[3]);
	stage_close(&s);
}

Test(semaphore, is_kept_out_by_other_modes_and_keeps_them_out)
{
	static const lk_mode others[] = { LK_S, LK_U, LK_SIX, LK_X };
	static struct stage s;

	for (size_t i = 0; i < countof(others); i++) {
		stage_open(&s, NULL);
		take_units(s.w[0], "n", 1, 3);
		take_units(s.w[1], "n", 1, 3);
		is(lk_try_acquire(s.w[2], "n", others[i], NULL), LK_E_BUSY);
		ask(s.m, &s.a[2], s.w[2], "n", others[i]);
		ok(lk_release_all(s.w[0]));
		ok(lk_release_all(s.w[1]));
		granted(&s.a[2]);
		is(try_units(s.w[3], "n", 1, 3, NULL), LK_E_BUSY);
		ask_units(&s, 3, "n", 3, 3);
		ask_units(&s, 4, "n", 3, 3);
		ok(lk_release_all(s.w[2]));
		granted(&s.a[3]);
		ok(lk_release_all(s.w[3]));
		granted(&s.a[4]);
		stage_close(&s);
	}
}

/* S stands behind one who waits for units, and before one who came later. */
Test(semaphore, stands_in_one_line_with_all_others)
{
	static struct stage s;

	stage_open(&s, "memory:?strict=1");
	take_units(s.w[0], "n", 2, 2);
	ask_units(&s, 1, "n", 1, 2);
	ask(s.m, &s.a[2], s.w[2], "n", LK_S);
	ask_units(&s, 3, "n", 1, 2);
	ok(lk_release_all(s.w[0]));
	granted(&s.a[1]);
	cr_expect_eq(line(s.m, "n"), 2);
	ok(lk_release_all(s.w[1]));
	granted(&s.a[2]);
	cr_expect_eq(line(s.m, "n"), 1);
	ok(lk_release_all(s.w[2]));
	granted(&s.a[3]);
	stage_close(&s);
}

Test(semaphore, lets_the_next_ones_through_when_the_first_gives_up)
{
	static struct stage s;

	stage_open(&s, NULL);
	take_units(s.w[0], "n", 2, 4);
	s.o[1] = want(4, 4);
	ask_with(s.m, &s.a[1], s.w[1], "n", LK_IX, &s.o[1]);
	ask_units(&s, 2, "n", 1, 4);
	ask_units(&s, 3, "n", 2, 4);
	ok(lk_owner_cancel(s.w[1]));
	is(answer(&s.a[1]), LK_E_CANCELED);
	granted(&s.a[2]);
	cr_expect_eq(line(s.m, "n"), 1);
	expect_units(s.m, "n", 4, 3, 1, 2);
	ok(lk_release_all(s.w[2]));
	granted(&s.a[3]);
	stage_close(&s);
}

Test(semaphore, gives_to_the_more_important_first)
{
	static struct stage s;

	stage_open(&s, NULL);
	take_units(s.w[0], "n", 2, 2);
	ask_units(&s, 1, "n", 1, 2);
	s.o[2] = want(2, 2);
	s.o[2].priority = 5;
	ask_with(s.m, &s.a[2], s.w[2], "n", LK_IX, &s.o[2]);
	ok(lk_release_all(s.w[0]));
	granted(&s.a[2]);
	cr_expect_eq(line(s.m, "n"), 1);
	ok(lk_release_all(s.w[2]));
	granted(&s.a[1]);
	stage_close(&s);
}

Test(semaphore, adds_up_what_one_owner_takes)
{
	static struct stage s;
	lk_grant g[3];

	stage_open(&s, NULL);
	g[0] = take_units(s.w[0], "n", 2, 6);
	g[1] = take_units(s.w[0], "n", 1, 6);
	g[2] = take_units(s.w[0], "n", 2, 6);
	cr_expect_eq(info_of(s.m, "n").holders[LK_IX], 1);
	expect_units(s.m, "n", 6, 5, 0, 0);
	is(try_units(s.w[0], "n", 2, 6, NULL), LK_E_LIMIT);
	is(lk_acquire_units(s.w[0], "n", 1, 2, 6, NULL, NULL), LK_E_LIMIT);
	take_units(s.w[1], "n", 1, 6);
	is(try_units(s.w[0], "n", 1, 6, NULL), LK_E_BUSY);
	ok(lk_release(s.w[0], g[0])); /* the first of its hold */
	expect_units(s.m, "n", 6, 4, 0, 0);
	ok(lk_release(s.w[0], g[2]));
	expect_units(s.m, "n", 6, 2, 0, 0);
	ok(lk_release_name(s.w[0], "n", 1));
	expect_units(s.m, "n", 6, 1, 0, 0);
	is(lk_release(s.w[0], g[1]), LK_E_STALE);
	stage_close(&s);
}

Test(semaphore, knows_a_limit_of_re_entries)
{
	static struct stage s;

	stage_open(&s, "memory:?max_reentry=2");
	take_units(s.w[0], "n", 1, 6);
	take_units(s.w[0], "n", 1, 6);
	is(try_units(s.w[0], "n", 1, 6, NULL), LK_E_LIMIT);
	expect_units(s.m, "n", 6, 2, 0, 0);
	stage_close(&s);
}

/* Whoever has some goes before those who could not be granted before it gives back, and not before others. */
Test(semaphore, lets_holders_go_before_those_whom_they_block)
{
	static struct stage s;
	lk_grant g;

	stage_open(&s, NULL);
	take_units(s.w[0], "n", 2, 4);
	g = take_units(s.w[1], "n", 2, 4);
	ask_units(&s, 2, "n", 3, 4); /* not before either of them gives back */
	ask_units(&s, 0, "n", 1, 4);
	ok(lk_release(s.w[1], g));
	granted(&s.a[0]);
	cr_expect_eq(line(s.m, "n"), 1);
	ok(lk_release_all(s.w[0]));
	granted(&s.a[2]);
	ok(lk_release_all(s.w[2]));

	take_units(s.w[0], "n", 1, 4);
	g = take_units(s.w[1], "n", 3, 4);
	ask_units(&s, 2, "n", 3, 4); /* as soon as the other gives back */
	ask_units(&s, 0, "n", 1, 4);
	ok(lk_release(s.w[1], g));
	granted(&s.a[2]);
	cr_expect_eq(line(s.m, "n"), 1);
	ok(lk_release_all(s.w[2]));
	granted(&s.a[0]);
	stage_close(&s);
}

/* Two who have some, and want more than there would ever be without the other's. */
Test(semaphore, refuses_the_second_of_two_who_stand_in_each_others_way)
{
	static struct stage s;

	stage_open(&s, NULL);
	take_units(s.w[0], "n", 2, 4);
	take_units(s.w[1], "n", 2, 4);
	ask_units(&s, 0, "n", 1, 4);
	s.o[1] = want(1, 4);
	is(lk_acquire(s.w[1], "n", LK_IX, &s.o[1], NULL), LK_E_CONVERSION_DEADLOCK);
	expect_units(s.m, "n", 4, 4, 1, 1);
	ok(lk_release_all(s.w[1]));
	granted(&s.a[0]);
	stage_close(&s);
}

/* S with units is SIX, X keeps all others out; what is left is what the other grants need. */
Test(semaphore, is_held_beside_other_grants_of_its_owner)
{
	static struct stage s;
	lk_grant strong;
	lk_grant g;

	stage_open(&s, NULL);
	strong = take(s.w[0], "n", LK_S);
	g = take_units(s.w[0], "n", 2, 2);
	cr_expect_eq(holds(s.w[0], "n"), LK_SIX);
	is(try_units(s.w[1], "n", 1, 2, NULL), LK_E_BUSY);
	ok(lk_release(s.w[0], g));
	cr_expect_eq(holds(s.w[0], "n"), LK_S);
	expect_units(s.m, "n", 0, 0, 0, 0);
	ok(lk_release(s.w[0], strong));

	g = take_units(s.w[0], "n", 1, 2);
	strong = take(s.w[0], "n", LK_X);
	is(try_units(s.w[1], "n", 1, 2, NULL), LK_E_BUSY);
	take_units(s.w[0], "n", 1, 2);
	ok(lk_release(s.w[0], strong));
	cr_expect_eq(holds(s.w[0], "n"), LK_IX);
	is(try_units(s.w[1], "n", 1, 2, NULL), LK_E_BUSY);
	ok(lk_release(s.w[0], g));
	take_units(s.w[1], "n", 1, 2);
	stage_close(&s);
}

Test(semaphore, is_there_for_all_kinds_of_names)
{
	static struct stage s;
	struct lk_options o = want(2, 2);
	struct lk_semaphore_info info = { .size = sizeof(info) };
	struct lk_resource *r;
	char name[300];
	lk_grant g;

	stage_open(&s, NULL);
	memset(name, 'x', sizeof(name));
	ok(lk_acquire_units(s.w[0], name, sizeof(name), 1, 2, NULL, NULL));
	ok(lk_semaphore_info(s.m, name, sizeof(name), &info));
	cr_expect_eq(info.used, 1);
	ok(lk_acquire_id(s.w[0], 7, LK_IX, &o, &g));
	o.flags = LK_NOWAIT;
	is(lk_acquire_id(s.w[1], 7, LK_IX, &o, NULL), LK_E_BUSY);
	ok(lk_semaphore_info_id(s.m, 7, &info));
	cr_expect(info.used == 2 && info.permits == 2);
	ok(lk_release(s.w[0], g));
	ok(lk_resource_open(s.m, "handle", &r));
	ok(lk_acquire_on(s.w[0], r, LK_IX, &o, NULL));
	is(lk_acquire_on(s.w[1], r, LK_IX, &o, NULL), LK_E_BUSY);
	expect_units(s.m, "handle", 2, 2, 0, 0);
	o.name_hash = lk_name_hash(s.m, "other", 5);
	ok(lk_acquire(s.w[0], "other", LK_IX, &o, NULL));
	is(lk_acquire(s.w[1], "other", LK_IX, &o, NULL), LK_E_BUSY);
	is(lk_acquire(s.w[1], "another", LK_IX, &o, NULL), LK_E_INVAL);
	lk_resource_close(r);
	stage_close(&s);
}

static int
take_more(void *arg)
{
	struct stage *s = arg;

	expect_units(s->m, "n", 2, 2, 0, 0);
	return 5;
}

Test(semaphore, is_there_for_scopes_and_conditions)
{
	static struct stage s;
	struct lk_options o = want(2, 2);
	struct lk_guard guard = { NULL, 0 };
	int body_rc = 0;

	stage_open(&s, NULL);
	ok(lk_with(s.w[0], "n", LK_IX, &o, take_more, &s, &body_rc));
	cr_expect_eq(body_rc, 5);
	ok(lk_guard_acquire(&guard, s.w[0], "n", LK_IX, &o));
	expect_units(s.m, "n", 2, 2, 0, 0);
	lk_guard_release(&guard);
	expect_units(s.m, "n", 0, 0, 0, 0);
	stage_close(&s);
}

static int
ask_it(void *arg)
{
	return *(int *)arg;
}

Test(semaphore, goes_back_when_its_condition_is_not_true)
{
	static struct stage s;
	struct lk_options o = want(1, 2);
	int is_true = 0;

	stage_open(&s, NULL);
	o.condition = ask_it;
	o.condition_arg = &is_true;
	o.flags = LK_NOWAIT;
	is(lk_acquire(s.w[0], "a/n", LK_IX, &o, NULL), LK_E_CONDITION);
	expect_units(s.m, "a/n", 0, 0, 0, 0);
	cr_expect_eq(holds(s.w[0], "a"), LK_NL);
	is_true = 1;
	ok(lk_acquire(s.w[0], "a/n", LK_IX, &o, NULL));
	expect_units(s.m, "a/n", 2, 1, 0, 0);
	stage_close(&s);
}

Test(semaphore, on_a_path_holds_what_is_above_in_intents)
{
	static struct stage s;
	lk_grant g;

	stage_open(&s, NULL);
	g = take_units(s.w[0], "db/pool/n", 2, 3);
	cr_expect_eq(holds(s.w[0], "db/pool"), LK_IX);
	cr_expect_eq(holds(s.w[0], "db"), LK_IX);
	is(lk_try_acquire(s.w[1], "db", LK_S, NULL), LK_E_BUSY);
	take_units(s.w[1], "db/pool/n", 1, 3);
	is(try_units(s.w[2], "db/pool/n", 1, 3, NULL), LK_E_BUSY);
	cr_expect_eq(holds(s.w[2], "db"), LK_NL);
	ask_units(&s, 2, "db/pool/n", 1, 3);
	ok(lk_release(s.w[0], g));
	granted(&s.a[2]);
	cr_expect_eq(holds(s.w[0], "db"), LK_NL);
	ask(s.m, &s.a[0], s.w[0], "db", LK_X);
	ok(lk_release_all(s.w[1]));
	ok(lk_release_all(s.w[2]));
	granted(&s.a[0]);
	stage_close(&s);
}

/* An X above gives all below, but for units: they are counted. */
Test(semaphore, is_counted_below_what_its_owner_holds)
{
	static struct stage s;
	lk_grant implied;
	lk_grant g;

	stage_open(&s, NULL);
	take(s.w[0], "db", LK_X);
	g = take_units(s.w[0], "db/n", 2, 3);
	cr_expect_eq(grant_info(s.w[0], g).flags & LK_IMPLIED, 0);
	is(try_units(s.w[0], "db/n", 2, 3, NULL), LK_E_LIMIT);
	ok(lk_release(s.w[0], g));
	implied = take(s.w[0], "db/n", LK_S);
	cr_expect_neq(grant_info(s.w[0], implied).flags & LK_IMPLIED, 0);
	g = take_units(s.w[0], "db/n", 2, 3);
	cr_expect_eq(grant_info(s.w[0], g).flags & LK_IMPLIED, 0);
	ok(lk_release_name(s.w[0], "db", 2));
	is(lk_try_acquire(s.w[1], "db", LK_S, NULL), LK_E_BUSY);
	is(try_units(s.w[1], "db/n", 1, 3, NULL), LK_E_BUSY);
	ok(lk_release(s.w[0], implied));
	take_units(s.w[1], "db/n", 1, 3);
	expect_units(s.m, "db/n", 3, 3, 0, 0);
	stage_close(&s);
}

Test(semaphore, says_who_has_units_and_who_wants_some)
{
	static struct stage s;
	static struct lk_report report;

	stage_open(&s, NULL);
	take_units(s.w[0], "n", 1, 3);
	take_units(s.w[1], "n", 2, 3);
	take(s.w[2], "n", LK_IX); /* has none */
	s.o[3] = want(1, 3);
	s.o[3].flags = LK_NOWAIT;
	report.size = sizeof(report);
	s.o[3].report = &report;
	is(lk_acquire(s.w[3], "n", LK_IX, &s.o[3], NULL), LK_E_BUSY);
	cr_assert_eq(report.n, 2);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(report.blocker[i].why, LK_WHY_HELD);
		cr_expect_eq(report.blocker[i].held, LK_IX);
	}
	ok(lk_release_all(s.w[0]));
	ask_units(&s, 4, "n", 2, 3);
	is(lk_acquire(s.w[3], "n", LK_IX, &s.o[3], NULL), LK_E_BUSY);
	cr_assert_eq(report.n, 1, "there are enough, but for the one ahead");
	cr_expect_eq(report.blocker[0].why, LK_WHY_CLOSED);
	cr_expect_eq(report.blocker[0].position, 1);
	ok(lk_release_all(s.w[1]));
	granted(&s.a[4]);
	stage_close(&s);
}

static int
count_blocker(void *arg, const struct lk_blocker *b)
{
	uint32_t *n = arg;

	n[b->why]++;
	return 0;
}

static void
expect_why(struct stage *s, uint32_t units, uint32_t held, uint32_t closed)
{
	uint32_t n[4] = { 0 };

	ok(lk_why_units(s->m, "n", 1, units, count_blocker, n));
	cr_expect(n[LK_WHY_HELD] == held && n[LK_WHY_CLOSED] == closed && n[LK_WHY_AHEAD] == 0,
		  "%u units: %u hold, %u wait", units, n[LK_WHY_HELD], n[LK_WHY_CLOSED]);
}

Test(semaphore, says_who_would_be_in_the_way)
{
	static struct stage s;

	stage_open(&s, NULL);
	expect_why(&s, 1, 0, 0);
	is(lk_why_units(s.m, "n", 1, 0, count_blocker, NULL), LK_E_INVAL);
	take_units(s.w[0], "n", 1, 4);
	take_units(s.w[1], "n", 1, 4);
	take(s.w[2], "n", LK_IX);
	expect_why(&s, 2, 0, 0);
	expect_why(&s, 3, 2, 0);
	ask_units(&s, 3, "n", 4, 4);
	expect_why(&s, 1, 0, 1);
	expect_why(&s, 3, 2, 1);
	ok(lk_release_all(s.w[0]));
	ok(lk_release_all(s.w[1]));
	granted(&s.a[3]);
	stage_close(&s);
}

struct rows {
	uint32_t held;
	uint32_t wanted;
};

static int
add_row(void *arg, const struct lk_snapshot_row *row)
{
	struct rows *r = arg;

	if (row->wanted != LK_NL)
		r->wanted += row->units;
	else
		r->held += row->units;
	return 0;
}

Test(semaphore, is_part_of_a_snapshot)
{
	static struct stage s;
	struct rows r = { 0, 0 };

	stage_open(&s, NULL);
	take_units(s.w[0], "n", 1, 4);
	take_units(s.w[0], "n", 2, 4);
	ask_units(&s, 1, "n", 3, 4);
	ok(lk_snapshot(s.m, add_row, &r));
	cr_expect_eq(r.held, 3);
	cr_expect_eq(r.wanted, 3);
	ok(lk_release_all(s.w[0]));
	granted(&s.a[1]);
	stage_close(&s);
}

/* A name that is spread: what is in slots stays there, units are in the word. */
Test(semaphore, is_there_for_spread_names)
{
	static struct stage s;

	stage_open(&s, "memory:?spread_after=1");
	for (int i = 0; i < 3; i++)
		take(s.w[i], "n", LK_IX);
	take_units(s.w[0], "n", 1, 2);
	take_units(s.w[3], "n", 1, 2);
	ask_units(&s, 1, "n", 2, 2);
	ok(lk_release_all(s.w[0]));
	ok(lk_release_all(s.w[3]));
	granted(&s.a[1]);
	expect_units(s.m, "n", 2, 2, 0, 0);
	stage_close(&s);
}

Test(semaphore, ends_its_waiters_when_the_manager_shuts_down)
{
	static struct stage s;
	struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	int rc;

	stage_open(&s, NULL);
	take_units(s.w[0], "n", 2, 2);
	ask_units(&s, 1, "n", 1, 2);
	ask_units(&s, 2, "n", 2, 2);
	rc = lk_shutdown(s.m, &now);
	cr_expect(rc == 0 || rc == LK_E_TIMEDOUT, "they may still be on their way out");
	is(answer(&s.a[1]), LK_E_CLOSED);
	is(answer(&s.a[2]), LK_E_CLOSED);
	ok(lk_shutdown(s.m, &now));
	is(try_units(s.w[3], "n", 1, 2, NULL), LK_E_CLOSED);
	expect_units(s.m, "n", 0, 0, 0, 0);
	stage_close(&s);
}

static void
take_and_end(void *arg, unsigned index)
{
	struct stage *s = arg;
	struct lk_owner *w = lk_self(s->m);

	(void)index;
	must(w != NULL && lk_acquire_units(w, "n", 1, 2, 2, NULL, NULL) == 0);
}

Test(semaphore, gets_back_what_a_thread_had_that_ends)
{
	static struct stage s;

	stage_open(&s, NULL);
	test_threads(1, take_and_end, &s);
	take_units(s.w[0], "n", 2, 2);
	stage_close(&s);
}

/* Nothing is left behind whichever allocation fails, and what is released needs none. */
Test(semaphore, leaves_nothing_behind_without_memory)
{
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w;
	bool failed = true;

	for (uint64_t nth = 1; failed; nth++) {
		lk_grant g = 0;
		int rc;

		test_heap_init(&heap);
		m = open_with(NULL, &heap, NULL);
		ok(lk_owner_open(m, NULL, &w));
		test_heap_fail(&heap, nth, false);
		rc = lk_acquire_units(w, "a/n", 3, 1, 2, NULL, &g);
		failed = atomic_load(&heap.failures) != 0;
		test_heap_fail(&heap, 0, false);
		if (rc != 0) {
			is(rc, LK_E_NOMEM);
			expect_units(m, "a/n", 0, 0, 0, 0);
			cr_expect_eq(holds(w, "a"), LK_NL);
			g = take_units(w, "a/n", 1, 2);
		}
		test_heap_fail(&heap, 1, true);
		ok(lk_release(w, g));
		expect_units(m, "a/n", 0, 0, 0, 0);
		test_heap_fail(&heap, 0, false);
		ok(lk_owner_close(w));
		ok(lk_close(m));
		cr_expect_eq(atomic_load(&heap.blocks), 0);
	}
}
