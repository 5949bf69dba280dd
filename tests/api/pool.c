/* SPDX-License-Identifier: MIT */
/* Pools of owners: how many, who is next, what is left behind, and how they end. */
#include <sys/wait.h>
#include <unistd.h>

#include "pool.h"

Test(pool, has_as_many_owners_as_it_may_and_no_more)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_pool *p = open_pool(m, 1, 3);
	struct lk_pool_stats s = pool_stats(p);
	struct lk_owner *w[3];

	cr_expect(s.max == 3 && s.open == 1 && s.idle == 1 && s.taken == 0 && s.created == 1);
	for (int i = 0; i < 3; i++)
		w[i] = take_owner(p);
	cr_expect(w[0] != w[1] && w[1] != w[2] && w[0] != w[2]);
	is(try_take(p), LK_E_BUSY);
	s = pool_stats(p);
	cr_expect(s.open == 3 && s.idle == 0 && s.taken == 3 && s.created == 3);
	cr_expect(s.takes == 3 && s.waits == 0 && s.timeouts == 0 && s.waiting == 0);
	cr_expect_eq(stats_of(m).owners, 3);
	ok(lk_pool_give(p, w[1]));
	s = pool_stats(p);
	cr_expect(s.open == 3 && s.idle == 1 && s.taken == 2 && s.given_holding == 0);
	cr_expect_eq(stats_of(m).owners, 2, "one that is idle is not open");
	w[1] = take_owner(p);
	for (int i = 0; i < 3; i++)
		ok(lk_pool_give(p, w[i]));
	close_pool(m, p);
}

Test(pool, of_one_that_says_nothing)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_pool *p;
	struct lk_owner *w;

	ok(lk_pool_open(m, NULL, &p));
	cr_expect_eq(pool_stats(p).max, LK_POOL_MAX);
	cr_expect_eq(pool_stats(p).open, 0);
	ok(lk_pool_take(p, NULL, &w));
	(void)take(w, "n", LK_X);
	ok(lk_pool_give(p, w));
	close_pool(m, p);
}

Test(pool, gives_out_first_what_came_back_last)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_pool *p = open_pool(m, 3, 3);
	struct lk_owner *w[3];

	for (int i = 0; i < 3; i++)
		w[i] = take_owner(p);
	for (int i = 0; i < 3; i++)
		ok(lk_pool_give(p, w[i]));
	for (int i = 2; i >= 0; i--)
		cr_expect_eq(take_owner(p), w[i]);
	for (int i = 0; i < 3; i++)
		ok(lk_pool_give(p, w[i]));
	close_pool(m, p);
}

/* ------------------------------------------------------------------ one after another */

Test(pool, leaves_nothing_of_who_had_it_before)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_options shortly = { .size = sizeof(shortly), .timeout_ns = 1000 };
	struct lk_pool *p = open_pool(m, 0, 1);
	struct lk_owner *w = take_owner(p);
	struct lk_owner *other;
	lk_grant a = take(w, "a", LK_X);
	lk_grant b = take(w, "db/b", LK_S);

	ok(lk_owner_open(m, NULL, &other));
	(void)take(other, "n", LK_X);
	ok(lk_owner_cancel(w));
	ok(lk_pool_give(p, w));
	cr_expect_eq(pool_stats(p).given_holding, 1);
	cr_expect(is_open_to(other, "a", LK_X) && is_open_to(other, "db", LK_X));
	is(lk_try_acquire(w, "a", LK_X, NULL), LK_E_STALE);
	is(lk_owner_cancel(w), LK_E_STALE);

	cr_assert_eq(take_owner(p), w);
	is(lk_release(w, a), LK_E_STALE);
	is(lk_release(w, b), LK_E_STALE);
	is(lk_acquire(w, "n", LK_S, &shortly, NULL), LK_E_TIMEDOUT);
	a = take(w, "a", LK_X);
	ok(lk_release(w, a));
	ok(lk_pool_give(p, w));
	cr_expect_eq(pool_stats(p).given_holding, 1, "this time everything was released");
	ok(lk_owner_close(other));
	close_pool(m, p);
}

static int
note_id(void *arg, const struct lk_snapshot_row *row)
{
	*(uint64_t *)arg = row->owner_id;
	return 0;
}

Test(pool, opens_an_owner_each_time_that_it_is_taken)
{
	struct lk_owner_options what = LK_OWNER_OPTIONS_INIT;
	struct lk_pool_options o = LK_POOL_OPTIONS_INIT;
	struct lk_manager *m = open_manager(NULL);
	char label[] = "worker";
	struct lk_pool *p;
	uint64_t id[2] = { 0, 0 };

	what.label = label;
	what.priority = 7;
	o.owner = &what;
	ok(lk_pool_open(m, &o, &p));
	memset(label, 'x', sizeof(label)); /* it was copied */
	what.label = NULL;
	for (int i = 0; i < 2; i++) {
		struct lk_owner *w = take_owner(p);

		(void)take(w, "n", LK_X);
		ok(lk_snapshot(m, note_id, &id[i]));
		ok(lk_pool_give(p, w));
	}
	cr_expect(id[0] != 0 && id[1] != 0 && id[0] != id[1]);
	close_pool(m, p);
}

static int
find_label(void *arg, const struct lk_snapshot_row *row)
{
	return *(bool *)arg = strcmp(row->owner_label, "worker") == 0;
}

Test(pool, has_owners_of_one_kind)
{
	struct lk_owner_options what = { .size = sizeof(what), .label = "worker" };
	struct lk_pool_options o = { .size = sizeof(o), .max = 2, .owner = &what };
	struct lk_manager *m = open_manager(NULL);
	struct lk_pool *p;

	ok(lk_pool_open(m, &o, &p));
	for (int i = 0; i < 3; i++) {
		struct lk_owner *w = take_owner(p);
		bool found = false;

		(void)take(w, "n", LK_X);
		is(lk_snapshot(m, find_label, &found), 1);
		cr_expect(found);
		ok(lk_pool_give(p, w));
	}
	close_pool(m, p);
}

static void
count_notice(void *arg, const struct lk_notice *n)
{
	must(n->kind == LK_NOTICE_BLOCKING);
	atomic_fetch_add((_Atomic unsigned *)arg, 1);
}

Test(pool, has_owners_that_are_told_of_whom_they_block)
{
	static _Atomic unsigned told;
	struct lk_owner_options what = { .size = sizeof(what), .flags = LK_NOTIFY_BLOCKING };
	struct lk_pool_options o = { .size = sizeof(o), .max = 1, .owner = &what };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *other;
	struct lk_pool *p;

	what.on_notice = count_notice;
	what.notice_arg = &told;
	ok(lk_pool_open(m, &o, &p));
	ok(lk_owner_open(m, NULL, &other));
	for (unsigned i = 0; i < 2; i++) {
		struct lk_owner *w = take_owner(p);
		struct asker a;

		(void)take(w, "n", LK_X);
		ask(m, &a, other, "n", LK_S);
		wait_until(atomic_load(&told) == i + 1);
		ok(lk_pool_give(p, w));
		ok(lk_release(other, granted(&a)));
	}
	ok(lk_owner_close(other));
	close_pool(m, p);
}

Test(pool, keeps_the_queue_of_its_owners_open)
{
	struct lk_owner_options what = { .size = sizeof(what) };
	struct lk_pool_options o = { .size = sizeof(o), .max = 1, .owner = &what };
	struct lk_manager *m = open_manager(NULL);
	struct lk_pool *p;

	ok(lk_queue_open(m, &what.queue));
	ok(lk_pool_open(m, &o, &p));
	is(lk_queue_close(what.queue), LK_E_BUSY);
	ok(lk_pool_give(p, take_owner(p)));
	is(lk_queue_close(what.queue), LK_E_BUSY);
	ok(lk_pool_close(p));
	ok(lk_queue_close(what.queue));
	ok(lk_close(m));
}

/* A lease makes an owner one that others may change: the next taker's is none. */
Test(pool, ends_leases_and_requests_with_what_is_given_back)
{
	struct lk_options leased = { .size = sizeof(leased), .lease_ns = UINT64_C(60000000000) };
	struct lk_manager *m = open_manager(NULL);
	struct lk_pool *p = open_pool(m, 0, 1);
	struct lk_owner *w = take_owner(p);
	struct lk_completion done = { .size = sizeof(done) };
	struct lk_owner *other;
	struct lk_queue *q;
	lk_request_id id;

	ok(lk_owner_open(m, NULL, &other));
	ok(lk_queue_open(m, &q));
	(void)take(other, "n", LK_X);
	ok(lk_acquire(w, "a", LK_X, &leased, NULL));
	ok(lk_submit(q, w, "n", LK_X, NULL, NULL, NULL, &id));
	cr_expect_eq(line(m, "n"), 1);
	ok(lk_pool_give(p, w));
	cr_expect_eq(line(m, "n"), 0);
	cr_expect(is_open_to(other, "a", LK_X));
	cr_expect_eq(lk_queue_reap(q, &done, 1), 1);
	cr_expect_eq(done.code, LK_E_CANCELED);

	cr_assert_eq(take_owner(p), w);
	(void)take(w, "a", LK_X);
	cr_expect_eq(grant_info(w, take(w, "b", LK_X)).state, LK_LEASE_NONE);
	ok(lk_pool_give(p, w));
	ok(lk_queue_close(q));
	ok(lk_owner_close(other));
	close_pool(m, p);
}

/* ------------------------------------------------------------------------ who waits */

Test(pool, serves_takers_in_the_order_of_arrival)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_pool *p = open_pool(m, 1, 1);
	struct lk_owner *w = take_owner(p);
	struct taker t[3];

	for (int i = 0; i < 3; i++)
		taker_start(&t[i], p, NULL);
	for (int i = 0; i < 3; i++) {
		ok(lk_pool_give(p, w));
		is(try_take(p), LK_E_BUSY); /* it is the first one's already */
		cr_expect_eq(pool_stats(p).waiting, 2u - (unsigned)i);
		ok(taker_end(&t[i]));
		cr_assert_eq(t[i].w, w);
	}
	cr_expect_eq(pool_stats(p).waits, 3);
	cr_expect_eq(pool_stats(p).takes, 4);
	ok(lk_pool_give(p, w));
	close_pool(m, p);
}

Test(pool, does_not_let_takers_wait_longer_than_they_said)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_options for_ns = { .size = sizeof(for_ns), .timeout_ns = 700 };
	struct lk_options until = { .size = sizeof(until) };
	struct lk_options both = { .size = sizeof(both), .timeout_ns = 5 };
	const struct lk_options *said[] = { &for_ns, NULL, &until, &both };
	const uint64_t ns[] = { 700, 1000, 2000000, 5 };
	struct lk_pool_options o = { .size = sizeof(o), .max = 1, .timeout_ns = 1000 };
	struct test_world world;
	struct lk_manager *m;
	struct lk_pool *p;
	struct lk_owner *w;
	uint64_t sum = 0;

	test_world_init(&world);
	world.manual = true;
	cfg.environment = &world.environment;
	ok(lk_open(NULL, &cfg, &m));
	until.deadline_ns = atomic_load(&world.time_ns) + 700 + 1000 + 2000000;
	both.deadline_ns = until.deadline_ns + 1000000;
	ok(lk_pool_open(m, &o, &p));
	w = take_owner(p);
	for (unsigned i = 0; i < countof(said); i++) {
		struct taker t;

		taker_start(&t, p, said[i]);
		test_world_advance(&world, ns[i] - 1);
		cr_expect_eq(pool_stats(p).waiting, 1);
		test_world_advance(&world, 1);
		is(taker_end(&t), LK_E_TIMEDOUT);
		sum += ns[i];
		cr_expect_eq(pool_stats(p).waiting, 0);
		cr_expect_eq(pool_stats(p).timeouts, i + 1);
		cr_expect_eq(pool_stats(p).wait_ns, sum);
	}
	cr_expect_eq(pool_stats(p).longest_wait_ns, 2000000);
	cr_expect_eq(pool_stats(p).takes, 1);
	ok(lk_pool_give(p, w));
	close_pool(m, p);
}

Test(pool, lets_takers_wait_as_long_as_the_manager_says)
{
	struct lk_manager *m = open_manager("memory:?timeout_ns=1ms");
	struct lk_pool *p = open_pool(m, 0, 1);
	struct lk_owner *w = take_owner(p);
	struct lk_owner *none = NULL;

	is(lk_pool_take(p, NULL, &none), LK_E_TIMEDOUT);
	cr_expect_null(none);
	ok(lk_pool_give(p, w));
	close_pool(m, p);
}

Test(pool, goes_on_when_a_taker_has_given_up)
{
	struct lk_options shortly = { .size = sizeof(shortly), .timeout_ns = 1000000 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_pool *p = open_pool(m, 0, 1);
	struct lk_owner *w = take_owner(p);
	struct taker t[2];

	taker_start(&t[0], p, &shortly);
	is(taker_end(&t[0]), LK_E_TIMEDOUT);
	taker_start(&t[1], p, NULL);
	ok(lk_pool_give(p, w));
	ok(taker_end(&t[1]));
	ok(lk_pool_give(p, t[1].w));
	close_pool(m, p);
}

struct crowd {
	struct lk_manager *m;
	struct lk_pool *p;
	_Atomic int out;
	_Atomic uint64_t takes;
	uint64_t plain; /* under the lock "n" */
};

enum { CROWD_MAX = 3, CROWD_TURNS = 400 };

static void
take_and_give(void *arg, unsigned index)
{
	struct crowd *c = arg;
	struct lk_options o = { .size = sizeof(o), .timeout_ns = index == 0 ? 20000 : 0 };

	for (int i = 0; i < CROWD_TURNS; i++) {
		struct lk_owner *w;
		int rc = lk_pool_take(c->p, &o, &w);

		must(rc == 0 || (index == 0 && rc == LK_E_TIMEDOUT));
		if (rc != 0)
			continue;
		must(atomic_fetch_add(&c->out, 1) < CROWD_MAX);
		must(lk_acquire(w, "n", LK_X, NULL, NULL) == 0);
		c->plain++;
		atomic_fetch_add(&c->takes, 1);
		atomic_fetch_sub(&c->out, 1);
		must(lk_pool_give(c->p, w) == 0);
	}
}

Test(pool, is_for_many_threads)
{
	struct crowd c = { .m = open_manager(NULL) };

	c.p = open_pool(c.m, 1, CROWD_MAX);
	test_threads(8, take_and_give, &c);
	cr_expect_eq(c.plain, atomic_load(&c.takes));
	cr_expect_eq(pool_stats(c.p).takes, c.plain);
	cr_expect_eq(pool_stats(c.p).given_holding, c.plain);
	cr_expect_eq(pool_stats(c.p).taken, 0);
	cr_expect_le(pool_stats(c.p).created, CROWD_MAX);
	close_pool(c.m, c.p);
}

/* ----------------------------------------------------------------------- what is wrong */

Test(pool, takes_back_only_what_is_out)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_manager *m2 = open_manager(NULL);
	struct lk_pool *p = open_pool(m, 0, 2);
	struct lk_pool *q = open_pool(m, 0, 2);
	struct lk_owner *w = take_owner(p);
	struct lk_owner *w2;
	struct lk_owner *foreign;
	lk_grant g = take(w, "n", LK_X);

	ok(lk_owner_open(m, NULL, &w2));
	ok(lk_owner_open(m2, NULL, &foreign));
	is(lk_pool_give(p, NULL), LK_E_INVAL);
	is(lk_pool_give(NULL, w), LK_E_INVAL);
	is(lk_pool_give(q, w), LK_E_INVAL);
	is(lk_pool_give(p, w2), LK_E_INVAL);
	is(lk_pool_give(p, foreign), LK_E_INVAL);
	is(lk_pool_give(p, lk_self(m)), LK_E_INVAL);
	cr_expect_eq(grant_info(w, g).mode, LK_X, "nothing was touched");
	(void)take(w2, "a", LK_X);
	ok(lk_pool_give(p, w));
	is(lk_pool_give(p, w), LK_E_STALE);
	is(lk_pool_give(q, w), LK_E_STALE);
	ok(lk_owner_close(w2));
	is(lk_pool_give(p, w2), LK_E_STALE);
	cr_expect_eq(pool_stats(p).idle, 1);
	cr_expect_eq(pool_stats(p).takes, 1);
	ok(lk_pool_close(q));
	close_all(m2, &foreign, 1);
	close_pool(m, p);
}

Test(pool, has_owners_that_are_not_closed)
{
	struct lk_options leased = { .size = sizeof(leased), .lease_ns = UINT64_C(60000000000) };
	struct lk_manager *m = open_manager(NULL);
	struct lk_pool *p = open_pool(m, 0, 1);
	struct lk_owner *w = take_owner(p);
	lk_grant g = take(w, "n", LK_X);

	is(lk_owner_close(w), LK_E_INVAL);
	cr_expect_eq(grant_info(w, g).mode, LK_X, "nothing changed");
	ok(lk_acquire(w, "a", LK_X, &leased, NULL));
	is(lk_owner_close(w), LK_E_INVAL);
	cr_expect_eq(grant_info(w, g).mode, LK_X);
	ok(lk_pool_give(p, w));
	is(lk_owner_close(w), LK_E_STALE);
	close_pool(m, p);
}

Test(pool, refuses_options_that_make_no_sense)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner_options what = { .size = sizeof(what) };
	struct lk_pool_options o = { .size = sizeof(o) };
	struct lk_pool *p = NULL;
	NEWER(struct lk_pool_options) newer = { .known = { .size = sizeof(newer) } };

	is(lk_pool_open(NULL, NULL, &p), LK_E_INVAL);
	is(lk_pool_open(m, NULL, NULL), LK_E_INVAL);
	o.min = 3;
	o.max = 2;
	is(lk_pool_open(m, &o, &p), LK_E_INVAL);
	o = (struct lk_pool_options){ .size = sizeof(o), .min = LK_POOL_MAX + 1 };
	is(lk_pool_open(m, &o, &p), LK_E_INVAL);
	o = (struct lk_pool_options){ .size = sizeof(o), .timeout_ns = -1 };
	is(lk_pool_open(m, &o, &p), LK_E_INVAL);
	o = (struct lk_pool_options){ .size = sizeof(o), .reserved = 1 };
	is(lk_pool_open(m, &o, &p), LK_E_INVAL);
	o = (struct lk_pool_options){ .size = 0 };
	is(lk_pool_open(m, &o, &p), LK_E_INVAL);
	o = (struct lk_pool_options){ .size = sizeof(o), .owner = &what };
	what.flags = LK_NOTIFY_BLOCKING; /* told where? */
	is(lk_pool_open(m, &o, &p), LK_E_INVAL);
	newer.unknown[2] = 1;
	is(lk_pool_open(m, &newer.known, &p), LK_E_VERSION);
	cr_expect_null(p);
	newer.unknown[2] = 0;
	ok(lk_pool_open(m, &newer.known, &p));
	ok(lk_pool_close(p));
	ok(lk_close(m));
}

static int
always(void *arg)
{
	(void)arg;
	return 1;
}

Test(pool, is_told_by_a_taker_how_long_it_waits_and_nothing_else)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_pool *p = open_pool(m, 0, 2);
	struct lk_report report = { .size = sizeof(report) };
	struct lk_owner *w = NULL;
	const struct lk_options bad[] = {
		{ .size = sizeof(bad[0]), .flags = LK_PARENTS },
		{ .size = sizeof(bad[0]), .flags = LK_TIMED },
		{ .size = sizeof(bad[0]), .flags = LK_RENEW },
		{ .size = sizeof(bad[0]), .lease_ns = 1000000 },
		{ .size = sizeof(bad[0]), .max_hold_ns = 1000000 },
		{ .size = sizeof(bad[0]), .priority = 1 },
		{ .size = sizeof(bad[0]), .name_hash = 1 },
		{ .size = sizeof(bad[0]), .tag = "t", .tag_len = 1 },
		{ .size = sizeof(bad[0]), .condition = always },
		{ .size = sizeof(bad[0]), .report = &report },
		{ .size = sizeof(bad[0]), .timeout_ns = -1 },
		{ .size = 0 },
	};

	for (unsigned i = 0; i < countof(bad); i++)
		is(lk_pool_take(p, &bad[i], &w), LK_E_INVAL);
	is(lk_pool_take(p, NULL, NULL), LK_E_INVAL);
	is(lk_pool_take(NULL, NULL, &w), LK_E_INVAL);
	cr_expect_null(w);
	cr_expect_eq(pool_stats(p).open, 0);
	close_pool(m, p);
}

Test(pool, says_how_it_is_to_programs_of_any_age)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_pool *p = open_pool(m, 2, 5);
	struct lk_pool_stats s = { .size = offsetof(struct lk_pool_stats, idle) };
	NEWER(struct lk_pool_stats) newer = { .known = { .size = sizeof(newer) } };

	s.idle = 77;
	ok(lk_pool_stats(p, &s));
	cr_expect(s.max == 5 && s.open == 2 && s.idle == 77);
	ok(lk_pool_stats(p, &newer.known));
	cr_expect(newer.known.max == 5 && newer.known.size == sizeof(newer));
	newer.unknown[0] = 1;
	is(lk_pool_stats(p, &newer.known), LK_E_VERSION);
	is(lk_pool_stats(p, NULL), LK_E_INVAL);
	is(lk_pool_stats(NULL, &s), LK_E_INVAL);
	close_pool(m, p);
}

/* ------------------------------------------------------------------------------ the end */

Test(pool, is_closed_when_all_are_back)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_pool *p = open_pool(m, 0, 1);
	struct lk_owner *w = take_owner(p);
	struct lk_pool_stats s = { .size = sizeof(s) };
	struct taker t[2];

	for (int i = 0; i < 2; i++)
		taker_start(&t[i], p, NULL);
	is(lk_pool_close(p), LK_E_BUSY);
	for (int i = 0; i < 2; i++)
		is(taker_end(&t[i]), LK_E_CLOSED);
	cr_expect_null(t[0].w);
	is(try_take(p), LK_E_CLOSED);
	(void)take(w, "n", LK_X); /* it goes on */
	is(lk_pool_close(p), LK_E_BUSY);
	is(lk_close(m), LK_E_BUSY);
	ok(lk_pool_give(p, w));
	is(try_take(p), LK_E_CLOSED);
	ok(lk_pool_close(p));
	is(lk_pool_close(p), LK_E_STALE);
	is(try_take(p), LK_E_STALE);
	is(lk_pool_give(p, w), LK_E_STALE);
	is(lk_pool_stats(p, &s), LK_E_STALE);
	ok(lk_close(m));
}

Test(pool, keeps_its_manager_open)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_pool *p = open_pool(m, 0, 1);

	is(lk_close(m), LK_E_BUSY);
	ok(lk_pool_give(p, take_owner(p)));
	is(lk_close(m), LK_E_BUSY);
	ok(lk_pool_close(p));
	p = open_pool(m, 2, 2); /* the same memory, with nothing of the old one */
	cr_expect_eq(pool_stats(p).takes, 0);
	cr_expect_eq(pool_stats(p).created, 2);
	close_pool(m, p);
}

Test(pool, of_a_manager_that_shuts_down_wakes_its_takers)
{
	struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	struct lk_manager *m = open_manager(NULL);
	struct lk_pool *p = open_pool(m, 0, 1);
	struct lk_owner *w = take_owner(p);
	struct lk_pool *none = NULL;
	struct taker t[2];

	(void)take(w, "n", LK_X);
	for (int i = 0; i < 2; i++)
		taker_start(&t[i], p, NULL);
	ok(lk_shutdown(m, &now));
	for (int i = 0; i < 2; i++)
		is(taker_end(&t[i]), LK_E_CLOSED);
	is(try_take(p), LK_E_CLOSED);
	is(lk_pool_open(m, NULL, &none), LK_E_CLOSED);
	is(lk_try_acquire(w, "a", LK_X, NULL), LK_E_CLOSED);
	ok(lk_pool_give(p, w));
	cr_expect_eq(pool_stats(p).given_holding, 0, "the shutdown had released it");
	is(try_take(p), LK_E_CLOSED);
	close_pool(m, p);
}

/* Opens pools, and waits for an owner of each, until the manager says that it is over. */
static void
open_and_wait(void *arg, unsigned index)
{
	struct crowd *c = arg;
	struct lk_pool_options o = { .size = sizeof(o), .max = 1, .timeout_ns = 1000000 };
	int rc = 0;

	(void)index;
	while (rc != LK_E_CLOSED) {
		struct lk_pool *p = NULL;
		struct lk_owner *w[2] = { NULL, NULL };

		rc = lk_pool_open(c->m, &o, &p);
		if (rc != 0)
			continue;
		atomic_fetch_add(&c->takes, 1);
		rc = lk_pool_take(p, NULL, &w[0]);
		if (rc == 0)
			rc = lk_pool_take(p, NULL, &w[1]); /* in vain */
		must(rc == LK_E_TIMEDOUT || rc == LK_E_CLOSED);
		must(w[0] == NULL || lk_pool_give(p, w[0]) == 0);
		must(lk_pool_close(p) == 0);
	}
}

Test(pool, is_opened_or_refused_as_the_manager_shuts_down)
{
	struct crowd c = { .m = open_manager(NULL) };
	struct test_thread threads[3];

	test_spawn(threads, 3, open_and_wait, &c);
	wait_until(atomic_load(&c.takes) > 10);
	ok(lk_shutdown(c.m, NULL));
	test_join(threads, 3);
	ok(lk_close(c.m));
}

/* In the child: which call does not say what it should; 0: none. */
static int
calls_of_child(struct lk_manager *m, struct lk_pool *p, struct lk_owner *w)
{
	struct lk_pool_stats s = { .size = sizeof(s) };
	struct lk_pool *other;
	struct lk_owner *none;

	if (lk_pool_open(m, NULL, &other) != LK_E_FORKED)
		return 1;
	if (lk_pool_take(p, NULL, &none) != LK_E_FORKED)
		return 2;
	if (lk_pool_give(p, w) != LK_E_FORKED)
		return 3;
	if (lk_pool_stats(p, &s) != LK_E_FORKED)
		return 4;
	return lk_pool_close(p) == LK_E_FORKED ? 0 : 5;
}

Test(pool, is_not_the_child_s_after_a_fork)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_pool *p = open_pool(m, 0, 1);
	struct lk_owner *w = take_owner(p);
	struct taker t;
	int status = 0;
	pid_t child;

	taker_start(&t, p, NULL);
	child = fork();
	cr_assert_ge(child, 0);
	if (child == 0) {
		alarm(90);
		_exit(calls_of_child(m, p, w));
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "call %d", WEXITSTATUS(status));
	ok(lk_pool_give(p, w));
	ok(taker_end(&t));
	ok(lk_pool_give(p, t.w));
	close_pool(m, p);
}
