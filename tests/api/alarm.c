/* SPDX-License-Identifier: MIT */
/*
 * Who holds through a store hears that his locks are in doubt, and that they were lost, and why.  Time stands still in these
 * tests but where it passes, and nobody serves the timers by the way.
 */
#include <stdatomic.h>

#include <latchkey/test_store.h>

#include "lease_stage.h"
#include "stores.h"

enum { A, B, MANAGERS };

struct alarm_stage {
	struct test_world world;
	struct lk_manager *m[MANAGERS];
	struct lk_owner *w[MANAGERS];
	struct told told;
};

/* Two processes of one store; the owner of the first hears what there is to hear. */
static void
alarm_open_with(struct alarm_stage *s, const char *parameters)
{
	memset(s, 0, sizeof(*s));
	test_world_init(&s->world);
	s->world.manual = true;
	for (int i = 0; i < MANAGERS; i++) {
		char url[128];

		snprintf(url, sizeof(url),
			 "test:alarm?as=%c&manual=1&ttl_ns=10s&breaker_threshold=off&"
			 "poll_max_ns=10ms%s",
			 'a' + i, parameters);
		s->m[i] = open_with(url, NULL, &s->world);
	}
	open_listener(s->m[A], &s->told, &s->w[A]);
	open_owners(s->m[B], &s->w[B], 1);
}

static void
alarm_open(struct alarm_stage *s)
{
	alarm_open_with(s, "");
}

static void
alarm_close(struct alarm_stage *s)
{
	for (int i = 0; i < MANAGERS; i++)
		close_all(s->m[i], &s->w[i], 1);
}

static void
cut(bool is_cut)
{
	const struct lk_test_faults f = { .size = sizeof(f),
					  .flags = is_cut ? LK_TEST_PARTITIONED : 0 };

	ok(lk_test_store_faults("alarm", "a", &f));
}

/* A second after the other, as if somebody served all the time. */
static void
seconds(struct alarm_stage *s, int n)
{
	while (n-- > 0) {
		test_world_advance(&s->world, SECOND);
		for (int i = 0; i < MANAGERS; i++)
			ok(lk_serve(s->m[i], NULL));
	}
}

static lk_grant
hold(struct lk_owner *w, const char *name, lk_mode mode)
{
	lk_grant g = 0;

	ok(lk_acquire(w, name, mode, NULL, &g));
	return g;
}

Test(alarm, a_store_that_answers_is_no_news)
{
	static struct alarm_stage s;
	lk_grant g;

	alarm_open(&s);
	g = hold(s.w[A], "n", LK_X);
	seconds(&s, 60);
	ok(lk_check(s.w[A], g));
	cr_expect_eq(s.told.n, 0);
	ok(lk_release(s.w[A], g));
	alarm_close(&s);
}

/* Leases may be suspect early; a session is not before a heartbeat has failed. */
Test(alarm, is_not_given_between_two_heartbeats)
{
	static struct alarm_stage s;
	lk_grant g;

	alarm_open_with(&s, "&suspect_pct=5");
	g = hold(s.w[A], "n", LK_X);
	for (int i = 0; i < 30; i++) {
		seconds(&s, 1);
		ok(lk_check(s.w[A], g));
	}
	cr_expect_eq(s.told.n, 0);
	cut(true);
	seconds(&s, 6);
	is(lk_check(s.w[A], g), LK_E_SUSPECT);
	cr_expect_eq(s.told.n, 1);
	cut(false);
	alarm_close(&s);
}

Test(alarm, one_that_is_silent_is_a_doubt_and_then_a_loss)
{
	static struct alarm_stage s;
	lk_grant g, h;

	alarm_open(&s);
	g = hold(s.w[A], "n", LK_X);
	h = hold(s.w[A], "m", LK_S);
	cut(true);
	seconds(&s, 6);
	ok(lk_check(s.w[A], g));
	cr_expect_eq(s.told.n, 0);
	seconds(&s, 1);
	is(lk_check(s.w[A], g), LK_E_SUSPECT);
	is(lk_check(s.w[A], h), LK_E_SUSPECT);
	cr_assert_eq(s.told.n, 2);
	expect_told(&s.told, 0, LK_NOTICE_SUSPECT, g);
	expect_told(&s.told, 1, LK_NOTICE_SUSPECT, h);
	cr_expect_eq(s.told.notice[0].fence, lk_fence(s.w[A], g));
	cr_expect_eq(s.told.notice[0].held, LK_X);
	seconds(&s, 2);
	is(lk_check(s.w[A], g), LK_E_SUSPECT);
	cr_assert_eq(s.told.n, 2, "told more than once");
	seconds(&s, 10);
	is(lk_check(s.w[A], g), LK_E_LOST);
	cr_assert_eq(s.told.n, 4);
	expect_told(&s.told, 2, LK_NOTICE_LOST, g);
	expect_told(&s.told, 3, LK_NOTICE_LOST, h);
	cr_expect_eq(s.told.notice[2].loss, LK_LOSS_UNREACHABLE);
	cr_expect_eq(s.told.notice[2].name_len, 1);
	cr_expect_eq(s.told.notice[2].name[0], 'n');
	cr_expect_str_eq(lk_lossname(s.told.notice[2].loss), "unreachable");
	cr_expect(s.told.notice[2].at_ns >= s.told.notice[0].at_ns, "lost before its end");
	is(lk_release(s.w[A], g), LK_E_LOST);
	is(lk_release(s.w[A], h), LK_E_LOST);
	cut(false);
	seconds(&s, 10);
	g = hold(s.w[A], "n", LK_X); /* … anew */
	seconds(&s, 20);
	ok(lk_check(s.w[A], g));
	cr_expect_eq(s.told.n, 4);
	alarm_close(&s);
}

Test(alarm, a_doubt_that_passes_is_told_again_when_it_comes_again)
{
	static struct alarm_stage s;
	lk_grant g;

	alarm_open(&s);
	g = hold(s.w[A], "n", LK_X);
	for (unsigned round = 1; round <= 3; round++) {
		cut(true);
		for (int i = 0; i < 9 && s.told.n < round; i++)
			seconds(&s, 1);
		cr_assert_eq(s.told.n, round);
		expect_told(&s.told, round - 1, LK_NOTICE_SUSPECT, g);
		is(lk_check(s.w[A], g), LK_E_SUSPECT);
		cut(false);
		seconds(&s, 2);
		ok(lk_check(s.w[A], g));
	}
	cr_expect_eq(s.told.n, 3);
	alarm_close(&s);
}

/* Whoever begins to listen has it ring at once.  (AL3) */
Test(alarm, a_doubt_is_told_once_however_often_it_rings)
{
	static struct alarm_stage s;
	static struct told other;
	struct lk_owner *w;

	alarm_open(&s);
	(void)hold(s.w[A], "n", LK_X);
	cut(true);
	seconds(&s, 7);
	cr_assert_eq(s.told.n, 1);
	open_listener(s.m[A], &other, &w);
	ok(lk_serve(s.m[A], NULL));
	cr_expect_eq(s.told.n, 1);
	cr_expect_eq(other.n, 0, "it holds nothing");
	cut(false);
	ok(lk_owner_close(w));
	alarm_close(&s);
}

Test(alarm, a_lock_that_is_broken_is_lost_alone)
{
	static struct alarm_stage s;
	lk_grant top, below, other;

	alarm_open(&s);
	top = hold(s.w[A], "db", LK_X);
	below = hold(s.w[A], "db/row", LK_X);
	other = hold(s.w[A], "n", LK_X);
	ok(lk_break(s.m[B], "db", 2, NULL, NULL));
	seconds(&s, 2);
	cr_assert_eq(s.told.n, 2);
	expect_told(&s.told, 0, LK_NOTICE_LOST, top);
	expect_told(&s.told, 1, LK_NOTICE_LOST, below);
	for (int i = 0; i < 2; i++)
		cr_expect_eq(s.told.notice[i].loss, LK_LOSS_BROKEN);
	cr_expect_eq(s.told.notice[1].name_len, 6);
	ok(lk_check(s.w[A], other));
	is(lk_check(s.w[A], top), LK_E_LOST);
	seconds(&s, 5);
	cr_expect_eq(s.told.n, 2, "told more than once");
	is(lk_release(s.w[A], top), LK_E_LOST);
	is(lk_release(s.w[A], below), LK_E_LOST);
	ok(lk_release(s.w[A], other));
	alarm_close(&s);
}

Test(alarm, the_store_ends_the_session)
{
	static struct alarm_stage s;
	lk_grant g;

	alarm_open(&s);
	g = hold(s.w[A], "n", LK_S);
	ok(lk_test_store_step("alarm", 3600 * SECOND)); /* by its clock, not by ours */
	seconds(&s, 5);
	cr_assert_eq(s.told.n, 1);
	expect_told(&s.told, 0, LK_NOTICE_LOST, g);
	cr_expect_eq(s.told.notice[0].loss, LK_LOSS_SESSION);
	is(lk_release(s.w[A], g), LK_E_LOST);
	alarm_close(&s);
}

/* It may do what it likes in a notice: release what was lost, and lock anew; or close the owner. */
struct careless {
	struct lk_owner *w;
	unsigned n;
	bool closes;
};

static void
act(void *arg, const struct lk_notice *n)
{
	struct careless *c = arg;

	if (n->kind != LK_NOTICE_LOST)
		return;
	c->n++;
	if (c->closes)
		ok(lk_owner_close(c->w));
	else
		is(lk_release(c->w, n->grant), LK_E_LOST);
}

Test(alarm, what_is_told_may_be_released_or_the_owner_closed)
{
	for (int closes = 0; closes < 2; closes++) {
		static struct alarm_stage s;
		struct careless c = { .closes = closes };
		struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;

		alarm_open(&s);
		o.on_notice = act;
		o.notice_arg = &c;
		ok(lk_owner_open(s.m[A], &o, &c.w));
		(void)hold(c.w, "a", LK_X);
		(void)hold(c.w, "b", LK_X);
		(void)hold(c.w, "b", LK_S);
		cut(true);
		seconds(&s, 20);
		cr_expect_eq(c.n, closes ? 1 : 3);
		if (!closes)
			ok(lk_owner_close(c.w));
		cut(false);
		seconds(&s, 10);
		alarm_close(&s);
	}
}

Test(alarm, through_a_queue)
{
	static struct alarm_stage s;
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lk_completion c[4] = { { .size = sizeof(c[0]) } };
	struct lk_queue *q;
	struct lk_owner *w;
	lk_grant g;

	alarm_open(&s);
	ok(lk_queue_open(s.m[A], &q));
	o.queue = q;
	ok(lk_owner_open(s.m[A], &o, &w));
	g = hold(w, "n", LK_X);
	cut(true);
	seconds(&s, 20);
	cr_assert_eq(lk_queue_reap(q, c, 4), 2);
	cr_expect_eq(c[0].kind, LK_NOTICE_SUSPECT);
	cr_expect_eq(c[1].kind, LK_NOTICE_LOST);
	cr_expect_eq(c[1].owner, w);
	cr_expect_eq(c[1].notice.grant, g);
	cr_expect_eq(c[1].notice.loss, LK_LOSS_UNREACHABLE);
	cut(false);
	seconds(&s, 10);
	ok(lk_owner_close(w));
	ok(lk_queue_close(q));
	alarm_close(&s);
}

/* Who wants no notices is told by his calls. */
Test(alarm, who_does_not_listen_is_told_by_his_calls)
{
	static struct alarm_stage s;
	struct lk_owner *w;
	lk_grant g;

	alarm_open(&s);
	ok(lk_owner_open(s.m[A], NULL, &w));
	g = hold(w, "n", LK_X);
	cut(true);
	seconds(&s, 7);
	is(lk_check(w, g), LK_E_SUSPECT);
	seconds(&s, 13);
	is(lk_check(w, g), LK_E_LOST);
	cr_expect_eq(s.told.n, 0);
	ok(lk_owner_close(w));
	alarm_close(&s);
}

/* In threads: what is lost is told whatever its owner does at that moment, and in a store without a time to end. */
struct lonely {
	_Atomic unsigned lost;
	_Atomic lk_grant grant;
	_Atomic unsigned why;
};

static void
count_lost(void *arg, const struct lk_notice *n)
{
	struct lonely *l = arg;

	if (n->kind != LK_NOTICE_LOST)
		return;
	l->why = n->loss;
	l->grant = n->grant;
	l->lost++;
}

Test(alarm, in_a_folder_while_the_owner_waits)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lonely l = { 0 };
	struct lk_manager *m[2];
	struct lk_owner *w[2];
	struct asker a;
	struct place at;
	lk_grant g, in_the_way;

	place_make(&at);
	for (int i = 0; i < 2; i++)
		m[i] = open_manager(at.url);
	o.on_notice = count_lost;
	o.notice_arg = &l;
	ok(lk_owner_open(m[0], &o, &w[0]));
	open_owners(m[1], &w[1], 1);
	in_the_way = get(w[1], "other", LK_X);
	g = get(w[0], "n", LK_X);
	ask(m[0], &a, w[0], "other", LK_X);
	ok(lk_break(m[1], "n", 1, NULL, NULL));
	wait_until(l.lost == 1);
	cr_expect_eq(l.grant, g);
	cr_expect_eq(l.why, (unsigned)LK_LOSS_BROKEN);
	give(w[1], in_the_way);
	granted(&a);
	is(lk_check(w[0], g), LK_E_LOST);
	is(lk_release(w[0], g), LK_E_LOST);
	g = get(w[0], "n", LK_X);
	ok(lk_check(w[0], g));
	cr_expect_eq(l.lost, 1);
	for (int i = 0; i < 2; i++)
		close_all(m[i], &w[i], 1);
	place_remove(&at);
}

/* Locks are broken all the time, under owners that lock, and that come and go. */
enum { LOSSES = 20, LONELY_THREADS = 3 };

struct breakage {
	struct lk_manager *m;
	_Atomic bool is_over;
	_Atomic unsigned told;
	_Atomic unsigned found;
};

static void
count_told(void *arg, const struct lk_notice *n)
{
	struct breakage *b = arg;

	b->told += n->kind == LK_NOTICE_LOST;
}

static void *
lock_and_count(void *arg)
{
	struct breakage *b = arg;
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;

	o.on_notice = count_told;
	o.notice_arg = b;
	while (!b->is_over) {
		struct lk_owner *w;

		ok(lk_owner_open(b->m, &o, &w));
		for (int i = 0; i < 20; i++) {
			lk_grant g = get(w, i % 2 == 0 ? "n" : "n/below", LK_S);
			int rc;

			for (int k = 0; k < 100 && lk_check(w, g) == 0; k++)
				(void)sched_yield();
			rc = lk_release(w, g);
			must(rc == 0 || rc == LK_E_LOST);
			b->found += rc == LK_E_LOST;
		}
		ok(lk_owner_close(w));
	}
	return NULL;
}

Test(alarm, nobody_is_told_of_what_he_does_not_lose)
{
	pthread_t thread[LONELY_THREADS];
	struct breakage b = { 0 };
	struct pair p;

	pair_open(&p, "&poll_max_ns=1ms");
	b.m = p.m[0];
	for (int i = 0; i < LONELY_THREADS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, lock_and_count, &b), 0);
	while (b.told < LOSSES) {
		int rc = lk_break(p.m[1], "n", 1, NULL, NULL);

		must(rc == 0 || rc == LK_E_NOENT);
		(void)sched_yield();
	}
	b.is_over = true;
	for (int i = 0; i < LONELY_THREADS; i++)
		cr_assert_eq(pthread_join(thread[i], NULL), 0);
	cr_expect(b.told <= b.found, "told of %u, lost %u", b.told, b.found);
	pair_close(&p);
}
