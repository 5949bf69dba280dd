/* SPDX-License-Identifier: MIT */
/* Members that wait, while the rest of their family goes on. */
#include "family.h"

static const struct lk_options hour = { .size = sizeof(hour), .timeout_ns = 3600000000000 };

Test(family_wait, is_granted_what_an_outsider_releases, .timeout = 60)
{
	struct asker a[2];
	struct family f;
	lk_grant g;

	family_open(&f, NULL, 1);
	g = take(f.other, "n", LK_X);
	ask(f.m, &a[0], f.child[0], "n", LK_X);
	ask(f.m, &a[1], f.head, "n", LK_X);
	cr_assert_eq(line(f.m, "n"), 2);
	ok(lk_release(f.other, g));
	(void)granted(&a[0]);
	(void)granted(&a[1]);
	cr_assert_eq(holds(f.head, "n"), LK_X);
	ok(lk_release(f.head, a[1].grant));
	is(lk_release(f.head, a[0].grant), LK_E_STALE);
	ok(lk_release(f.child[0], a[0].grant));
	cr_assert_eq(stats_of(f.m).waiting, 0);
	family_close(&f);
}

Test(family_wait, does_not_keep_the_others_from_working, .timeout = 60)
{
	struct asker a;
	struct family f;
	lk_grant g;

	family_open(&f, "memory:?fair_after_ns=3600s",
		    2); /* else the line is closed to newcomers */
	g = take(f.other, "n", LK_S);
	ask(f.m, &a, f.child[0], "n", LK_X);
	ok(lk_release(f.child[1], take(f.child[1], "m", LK_X)));
	ok(lk_release(f.head, take(f.head, "n", LK_S)));
	(void)take(f.child[1], "n", LK_S);
	ok(lk_owner_pass(f.child[1]));
	ok(lk_owner_close(f.child[1]));
	f.n = 1;
	cr_assert(!is_answered(&a));
	ok(lk_release(f.other, g));
	(void)granted(&a);
	cr_assert(!is_open_to(f.other, "n", LK_IS));
	family_close(&f);
}

Test(family_wait, ends_at_its_deadline, .timeout = 60)
{
	struct lk_report report = LK_REPORT_INIT;
	struct lk_options o = LK_OPTIONS_INIT;
	struct lk_owner_options hurried = LK_OWNER_OPTIONS_INIT;
	struct lk_request two[2] = { { .name = "n", .mode = LK_X },
				     { .name = "a/b", .mode = LK_X } };
	struct lk_owner *child;
	struct family f;

	family_open(&f, NULL, 1);
	(void)take(f.other, "n", LK_S);
	(void)take(f.other, "a", LK_S);
	o.timeout_ns = 1000000;
	o.report = &report;
	is(lk_acquire(f.child[0], "n", LK_X, &o, NULL), LK_E_TIMEDOUT);
	cr_assert_eq(report.code, LK_E_TIMEDOUT);
	cr_assert_eq(report.n, 1);
	cr_assert_eq(report.blocker[0].held, LK_S);
	is(lk_acquire(f.head, "a/b", LK_X, &o, NULL), LK_E_TIMEDOUT);
	cr_assert_eq(report.n, 1);
	cr_assert_eq(report.blocker[0].flags, LK_ON_ANCESTOR);
	is(lk_acquire_many(f.head, two, 2, &o, NULL), LK_E_TIMEDOUT);
	cr_assert_eq(report.n, 2);
	o.flags = LK_NOWAIT;
	is(lk_acquire(f.child[0], "n", LK_X, &o, NULL), LK_E_BUSY);
	cr_assert_eq(report.code, LK_E_BUSY);
	cr_assert_eq(report.n, 1);
	is(lk_acquire_many(f.child[0], two, 2, &o, NULL), LK_E_BUSY);
	cr_assert_eq(report.n, 1);
	ok(lk_acquire(f.child[0], "n", LK_S, &o, NULL));
	cr_assert_eq(report.n, 0);
	hurried.parent = f.head;
	hurried.deadline_ns = 1;
	ok(lk_owner_open(f.m, &hurried, &child));
	is(lk_acquire(child, "n", LK_X, NULL, NULL), LK_E_TIMEDOUT);
	ok(lk_owner_close(child));
	cr_assert_eq(stats_of(f.m).waiting, 0);
	family_close(&f);
}

Test(family_wait, is_ended_by_a_cancel_of_that_member, .timeout = 60)
{
	struct asker a[2];
	struct family f;
	lk_grant g;

	family_open(&f, NULL, 2);
	g = take(f.other, "n", LK_S);
	ask_with(f.m, &a[0], f.child[0], "n", LK_X, &hour);
	ask_with(f.m, &a[1], f.child[1], "n", LK_X, &hour);
	ok(lk_owner_cancel(f.head));
	ok(lk_owner_cancel(f.child[0]));
	is(answer(&a[0]), LK_E_CANCELED);
	cr_assert(!is_answered(&a[1]));
	ok(lk_release(f.other, g));
	(void)granted(&a[1]);
	ok(lk_release_all(f.child[1]));
	/* One that comes before the wait ends the next one; what needs no wait is not affected. */
	(void)take(f.other, "n", LK_S);
	ok(lk_release(f.head, take(f.head, "n", LK_S)));
	is(lk_acquire(f.head, "n", LK_X, &hour, NULL), LK_E_CANCELED);
	family_close(&f);
}

Test(family_wait, converts_what_a_member_has, .timeout = 60)
{
	struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	struct asker a[2];
	struct family f;
	lk_grant g[3];

	family_open(&f, NULL, 2);
	g[0] = take(f.child[0], "n", LK_S);
	g[1] = take(f.child[1], "n", LK_S);
	g[2] = take(f.other, "n", LK_S);
	is(lk_convert(f.child[0], g[0], LK_X, &now), LK_E_BUSY);
	ask_convert(f.m, &a[0], f.child[0], g[0], LK_X);
	a[1] = (struct asker){ .owner = f.child[1], .mode = LK_X, .grant = g[1], .converts = true };
	asker_start(&a[1]);
	is(lk_convert(f.other, g[2], LK_X, NULL), LK_E_CONVERSION_DEADLOCK);
	cr_assert_eq(grant_info(f.head, take(f.head, "n", LK_IS)).effective, LK_S);
	ok(lk_release(f.other, g[2]));
	ok(answer(&a[0]));
	ok(answer(&a[1]));
	ok(lk_downgrade(f.child[0], g[0]));
	cr_assert(!is_open_to(f.other, "n", LK_IS));
	ok(lk_convert(f.child[1], g[1], LK_IS, NULL));
	cr_assert(is_open_to(f.other, "n", LK_S));
	cr_assert(!is_open_to(f.other, "n", LK_IX));
	family_close(&f);
}

Test(family_wait, says_at_once_that_two_conversions_cannot_be, .timeout = 60)
{
	struct lk_report report = LK_REPORT_INIT;
	struct lk_options o = { .size = sizeof(o), .report = &report };
	struct asker a;
	struct family f;
	lk_grant g[2];

	family_open(&f, NULL, 1);
	g[0] = take(f.child[0], "n", LK_S);
	g[1] = take(f.other, "n", LK_S);
	ask_convert(f.m, &a, f.other, g[1], LK_X);
	is(lk_convert(f.child[0], g[0], LK_X, &o), LK_E_CONVERSION_DEADLOCK);
	cr_assert_eq(report.code, LK_E_CONVERSION_DEADLOCK);
	cr_assert_ge(report.n, 1);
	is(lk_acquire(f.head, "n", LK_X, NULL, NULL), LK_E_CONVERSION_DEADLOCK);
	ok(lk_release(f.child[0], g[0]));
	ok(answer(&a));
	family_close(&f);
}

Test(family_wait, takes_several_names_together, .timeout = 60)
{
	struct lk_request r[3] = { { .name = "b", .mode = LK_X },
				   { .name = "a/x", .mode = LK_S },
				   { .name = "a", .mode = LK_IX } };
	struct family f;
	lk_grant g[3];
	lk_grant held;
	struct lk_grant_info info = { .size = sizeof(info) };

	family_open(&f, NULL, 2);
	held = take(f.other, "a", LK_S);
	(void)take(f.child[1], "b", LK_S);
	{
		struct lk_options soon = { .size = sizeof(soon), .timeout_ns = 1000000 };

		is(lk_acquire_many(f.child[0], r, 3, &soon, g), LK_E_TIMEDOUT);
	}
	ok(lk_release(f.other, held));
	ok(lk_acquire_many(f.child[0], r, 3, NULL, g));
	for (int i = 0; i < 3; i++) {
		ok(lk_grant_info(f.child[0], g[i], &info));
		cr_assert_eq(info.mode, r[i].mode);
		is(lk_release(f.child[1], g[i]), LK_E_STALE);
	}
	ok(lk_release_many(f.child[0], g, 3, NULL));
	ok(lk_acquire_many(f.child[0], r, 0, NULL, g));
	family_close(&f);
}

struct many {
	struct lk_owner *w;
	struct lk_request *r;
	lk_grant g[3];
	int rc;
};

static void
acquire_many(void *arg, unsigned index)
{
	struct many *a = arg;

	(void)index;
	a->rc = lk_acquire_many(a->w, a->r, 3, NULL, a->g);
}

Test(family_wait, waits_for_several_names_together, .timeout = 60)
{
	struct lk_request r[3] = { { .name = "b", .mode = LK_X },
				   { .name = "a/x", .mode = LK_S },
				   { .name = "a", .mode = LK_IX } };
	struct test_thread t;
	struct family f;
	struct many a;
	lk_grant held;
	uint64_t before;

	family_open(&f, NULL, 2);
	held = take(f.other, "a", LK_S);
	(void)take(f.child[1], "b", LK_S);
	a = (struct many){ .w = f.child[0], .r = r };
	before = stats_of(f.m).waits;
	test_spawn(&t, 1, acquire_many, &a);
	wait_until(stats_of(f.m).waits > before);
	cr_assert_eq(holds(f.child[1], "b"), LK_S);
	ok(lk_release_all(f.child[1]));
	ok(lk_release(f.other, held));
	test_join(&t, 1);
	ok(a.rc);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(grant_info(f.child[0], a.g[i]).mode, r[i].mode);
	cr_assert_eq(holds(f.child[1], "b"), LK_X);
	ok(lk_release_many(f.child[0], a.g, 3, NULL));
	family_close(&f);
}

static void
shut_down(void *arg, unsigned index)
{
	(void)index;
	must(lk_shutdown(arg, &hour) == 0);
}

Test(family_wait, is_ended_by_a_shutdown, .timeout = 60)
{
	struct test_thread closer;
	struct asker a[3];
	struct family f;
	lk_grant g[2];

	family_open(&f, NULL, 3);
	g[0] = take(f.child[0], "n", LK_S);
	g[1] = take(f.child[1], "n", LK_S);
	(void)take(f.other, "n", LK_S);
	(void)take(f.other, "m", LK_S);
	ask(f.m, &a[0], f.child[2], "m", LK_X);
	ask_convert(f.m, &a[1], f.child[0], g[0], LK_X);
	/* The third is held off by the second: it comes into no line. */
	a[2] = (struct asker){ .owner = f.child[1], .mode = LK_X, .grant = g[1], .converts = true };
	asker_start(&a[2]);
	test_spawn(&closer, 1, shut_down, f.m); /* until nothing is held */
	for (int i = 0; i < 3; i++)
		is(answer(&a[i]), LK_E_CLOSED);
	is(lk_acquire(f.child[0], "o", LK_X, NULL, NULL), LK_E_CLOSED);
	is(lk_convert(f.child[0], g[0], LK_X, NULL), LK_E_CLOSED);
	ok(lk_convert(f.child[0], g[0], LK_IS, NULL));
	ok(lk_owner_pass(f.child[0]));
	ok(lk_release(f.head, g[0]));
	ok(lk_release(f.child[1], g[1]));
	ok(lk_release_all(f.other));
	test_join(&closer, 1);
	family_close(&f);
}

Test(family_wait, is_released_by_a_shutdown, .timeout = 60)
{
	const struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	struct family f;
	lk_grant g[2];

	family_open(&f, NULL, 1);
	g[0] = take(f.child[0], "n", LK_S);
	g[1] = take(f.head, "n", LK_S);
	ok(lk_shutdown(f.m, &now));
	is(lk_release(f.child[0], g[0]), LK_E_STALE);
	is(lk_release(f.head, g[1]), LK_E_STALE);
	cr_assert_eq(stats_of(f.m).holds, 0);
	family_close(&f);
}

Test(family_wait, goes_by_the_priority_of_the_member, .timeout = 60)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct asker a[2];
	struct family f;
	struct lk_owner *urgent;
	lk_grant g;

	family_open(&f, NULL, 0);
	o.parent = f.head;
	o.priority = 7;
	o.label = "urgent";
	ok(lk_owner_open(f.m, &o, &urgent));
	g = take(f.other, "n", LK_X);
	{
		struct lk_owner *third;

		ok(lk_owner_open(f.m, NULL, &third));
		ask(f.m, &a[0], third, "n", LK_X);
		ask(f.m, &a[1], urgent, "n", LK_X);
		ok(lk_release(f.other, g));
		(void)granted(&a[1]);
		cr_assert(!is_answered(&a[0]));
		ok(lk_release(urgent, a[1].grant));
		(void)granted(&a[0]);
		ok(lk_owner_close(third));
	}
	ok(lk_owner_close(urgent));
	family_close(&f);
}

static int
find_waiter(void *arg, const struct lk_snapshot_row *row)
{
	struct lk_snapshot_row *out = arg;

	if (row->wanted == LK_NL)
		return 0;
	*out = *row;
	cr_assert_str_eq(row->owner_label, "urgent");
	return 1;
}

static int
find_holder(void *arg, const struct lk_snapshot_row *row)
{
	uint64_t *id = arg;

	*id = row->owner_id;
	return 1;
}

Test(family_wait, is_shown_by_the_heads_id_and_its_own_label, .timeout = 60)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lk_snapshot_row row = { 0 };
	struct asker a;
	struct family f;
	struct lk_owner *urgent;
	uint64_t id = 0;
	lk_grant g;

	family_open(&f, NULL, 0);
	o.parent = f.head;
	o.label = "urgent";
	ok(lk_owner_open(f.m, &o, &urgent));
	g = take(urgent, "mine", LK_X);
	is(lk_snapshot(f.m, find_holder, &id), 1);
	ok(lk_release(urgent, g));
	g = take(f.other, "n", LK_X);
	ask(f.m, &a, urgent, "n", LK_X);
	is(lk_snapshot(f.m, find_waiter, &row), 1);
	cr_assert_eq(row.owner_id, id);
	ok(lk_release(f.other, g));
	(void)granted(&a);
	ok(lk_owner_close(urgent));
	family_close(&f);
}

static void
acquire_units(void *arg, unsigned index)
{
	struct many *a = arg;

	(void)index;
	a->rc = lk_acquire_units(a->w, "s", 1, 2, 3, NULL, &a->g[0]);
}

Test(family_wait, waits_for_units_too, .timeout = 60)
{
	struct test_thread t;
	struct family f;
	struct many a;
	uint64_t before;
	lk_grant g[2];

	family_open(&f, NULL, 2);
	ok(lk_acquire_units(f.other, "s", 1, 2, 3, NULL, &g[0]));
	ok(lk_acquire_units(f.child[1], "s", 1, 1, 3, NULL, &g[1]));
	a = (struct many){ .w = f.child[0] };
	before = stats_of(f.m).waits;
	test_spawn(&t, 1, acquire_units, &a);
	wait_until(stats_of(f.m).waits > before);
	ok(lk_release(f.other, g[0]));
	test_join(&t, 1);
	ok(a.rc);
	is(lk_release(f.child[1], a.g[0]), LK_E_STALE);
	ok(lk_release(f.child[1], g[1]));
	ok(lk_release(f.child[0], a.g[0]));
	family_close(&f);
}
