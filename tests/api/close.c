/* SPDX-License-Identifier: MIT */
/* The end of a manager: what keeps it from closing, and how to shut it down. */
#include "support.h"

static const struct lk_options at_once = { .size = sizeof(at_once), .flags = LK_NOWAIT };

Test(close, is_refused_while_an_owner_is_open)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	is(lk_close(m), LK_E_BUSY);
	take(w, "n", LK_X);
	is(lk_close(m), LK_E_BUSY);
	cr_expect_eq(holds(w, "n"), LK_X);
	take(w, "other", LK_X); /* nothing has changed */
	ok(lk_owner_close(w));
	ok(lk_close(m));
}

Test(close, is_refused_while_a_handle_is_open)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_resource *r;

	ok(lk_resource_open(m, "n", &r));
	is(lk_close(m), LK_E_BUSY);
	lk_resource_close(r);
	ok(lk_close(m));
}

Test(close, is_refused_while_a_thread_s_own_owner_holds)
{
	struct lk_manager *m = open_manager(NULL);

	take(lk_self(m), "n", LK_X);
	is(lk_close(m), LK_E_BUSY);
	ok(lk_release_all(lk_self(m)));
	ok(lk_close(m));
}

Test(shutdown, refuses_what_is_new)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_resource *r, *other;
	struct lk_owner *w, *late;

	open_owners(m, &w, 1);
	ok(lk_resource_open(m, "n", &r));
	take(w, "n", LK_X);
	ok(lk_release_all(w));
	ok(lk_shutdown(m, &at_once));
	is(lk_acquire(w, "n", LK_S, NULL, NULL), LK_E_CLOSED);
	is(lk_try_acquire(w, "new", LK_S, NULL), LK_E_CLOSED);
	is(lk_acquire_bytes(w, "n", 1, LK_S, NULL, NULL), LK_E_CLOSED);
	is(lk_acquire_id(w, 1, LK_S, NULL, NULL), LK_E_CLOSED);
	is(lk_acquire_on(w, r, LK_S, NULL, NULL), LK_E_CLOSED);
	is(lk_owner_open(m, NULL, &late), LK_E_CLOSED);
	is(lk_resource_open(m, "n", &other), LK_E_CLOSED);
	cr_expect_null(lk_self(m));
	lk_resource_close(r);
	close_all(m, &w, 1);
}

Test(shutdown, wakes_all_who_wait)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[4];
	struct asker a[3];
	lk_grant g;

	open_owners(m, w, 4);
	take(w[0], "n", LK_S);
	g = take(w[3], "n", LK_S);
	ask_convert(m, &a[0], w[3], g, LK_X);
	ask(m, &a[1], w[1], "n", LK_X);
	take(w[0], "other", LK_X);
	ask(m, &a[2], w[2], "other", LK_S);
	(void)!lk_shutdown(m, &at_once); /* they may still be inside */
	for (int i = 0; i < 3; i++)
		is(answer(&a[i]), LK_E_CLOSED);
	ok(lk_shutdown(m, &at_once));
	for (int i = 0; i < 4; i++)
		cr_expect_eq(holds(w[i], "n"), LK_NL);
	close_all(m, w, 4);
}

/* As many as are woken at a time, and one more or less: the line's flags go with the last of them. */
Test(shutdown, wakes_lines_of_every_length)
{
	enum { MOST = 65 };
	static const int lengths[] = { 1, 31, 32, 33, 64, MOST };
	struct lk_owner *w[MOST + 1];
	struct asker a[MOST];

	for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
		struct lk_manager *m = open_manager("memory:?fair_after_ns=3600000000000");
		int n = lengths[k];

		open_owners(m, w, n + 1);
		take(w[n], "n", LK_X);
		for (int i = 0; i < n; i++)
			ask(m, &a[i], w[i], "n", LK_X);
		(void)!lk_shutdown(m, &at_once); /* gives up w[n]'s hold too */
		for (int i = 0; i < n; i++)
			is(answer(&a[i]), LK_E_CLOSED);
		ok(lk_shutdown(m, &at_once));
		cr_expect_eq(stats_of(m).holds, 0);
		close_all(m, w, n + 1);
	}
}

/* What a shutdown that says 0 overlooked could still be released afterwards. */
static void *
lock_until_refused(void *arg)
{
	struct lk_owner *w = arg;
	lk_grant g;

	while (lk_acquire(w, "n", LK_X, NULL, &g) == 0) {
		if (lk_release(w, g) != 0)
			break; /* released for us */
	}
	return NULL;
}

Test(shutdown, that_says_so_leaves_nothing_held, .timeout = 60)
{
	for (int i = 0; i < 500; i++) {
		struct lk_manager *m = open_manager(NULL);
		struct lk_owner *w;
		pthread_t t;

		open_owners(m, &w, 1);
		cr_assert_eq(pthread_create(&t, NULL, lock_until_refused, w), 0);
		wait_until(stats_of(m).grants > 0);
		if (lk_shutdown(m, &at_once) == 0)
			cr_expect_eq(stats_of(m).holds, 0, "after %d shutdowns", i);
		cr_assert_eq(pthread_join(t, NULL), 0);
		close_all(m, &w, 1);
	}
}

Test(shutdown, releases_what_idle_owners_hold_when_its_time_is_up)
{
	struct lk_options brief = { .size = sizeof(brief), .timeout_ns = 1000000 };
	const struct lk_options *const ways[] = { &at_once, &brief };

	for (size_t i = 0; i < countof(ways); i++) {
		struct lk_manager *m = open_manager(NULL);
		struct lk_owner *w[2];
		lk_grant g;

		open_owners(m, w, 2);
		g = take(w[0], "n", LK_X);
		take(w[0], "n", LK_S);
		take(w[1], "other", LK_S);
		ok(lk_shutdown(m, ways[i]));
		is(lk_release(w[0], g), LK_E_STALE);
		cr_expect_eq(holds(w[0], "n"), LK_NL);
		cr_expect_eq(holds(w[1], "other"), LK_NL);
		cr_expect_eq(stats_of(m).holds, 0);
		is(lk_acquire(w[0], "n", LK_S, NULL, NULL), LK_E_CLOSED);
		is(lk_close(m), LK_E_BUSY);
		close_all(m, w, 2);
	}
}

/* Holds a lock until it learns, by a refusal, of the shutdown. */
struct worker {
	struct lk_manager *m;
	struct lk_owner *w;
	atomic_bool holds;
};

static void
work_until_closed(void *arg, unsigned index)
{
	struct worker *worker = arg;
	lk_grant g, weaker;

	(void)index;
	must(lk_acquire(worker->w, "n", LK_X, NULL, &g) == 0);
	must(lk_acquire(worker->w, "weaker", LK_X, NULL, &weaker) == 0);
	atomic_store(&worker->holds, true);
	while (lk_try_acquire(worker->w, "n", LK_S, NULL) != LK_E_CLOSED)
		sched_yield();
	must(lk_upgrade(worker->w, weaker, NULL) != LK_E_STALE);
	must(lk_downgrade(worker->w, weaker) == 0);
	must(lk_release_all(worker->w) == 0);
}

Test(shutdown, waits_for_those_who_release_in_time)
{
	struct lk_options forever = { .size = sizeof(forever), .timeout_ns = LK_FOREVER };
	struct worker worker = { .m = open_manager(NULL) };
	struct test_thread thread;

	open_owners(worker.m, &worker.w, 1);
	test_spawn(&thread, 1, work_until_closed, &worker);
	wait_until(atomic_load(&worker.holds));
	ok(lk_shutdown(worker.m, &forever));
	cr_expect_eq(stats_of(worker.m).holds, 0);
	test_join(&thread, 1);
	close_all(worker.m, &worker.w, 1);
}

/* An owner that stays inside a call for as long as the test likes. */
struct busy {
	struct lk_owner *w;
	atomic_bool inside;
	atomic_bool may_leave;
};

static int
stay_inside(void *arg, const struct lk_grant_info *info)
{
	struct busy *busy = arg;

	(void)info;
	atomic_store(&busy->inside, true);
	while (!atomic_load(&busy->may_leave))
		sched_yield();
	return 0;
}

static void
be_busy(void *arg, unsigned index)
{
	struct busy *busy = arg;

	(void)index;
	must(lk_owner_each(busy->w, stay_inside, busy) == 0);
}

Test(shutdown, does_not_touch_an_owner_inside_a_call)
{
	struct lk_manager *m = open_manager(NULL);
	struct test_thread thread;
	struct busy busy = { 0 };

	open_owners(m, &busy.w, 1);
	take(busy.w, "n", LK_X);
	test_spawn(&thread, 1, be_busy, &busy);
	wait_until(atomic_load(&busy.inside));
	is(lk_shutdown(m, &at_once), LK_E_TIMEDOUT);
	cr_expect_eq(stats_of(m).holds, 1);
	atomic_store(&busy.may_leave, true);
	test_join(&thread, 1);
	is(lk_acquire(busy.w, "new", LK_S, NULL, NULL), LK_E_CLOSED);
	ok(lk_shutdown(m, &at_once));
	cr_expect_eq(holds(busy.w, "n"), LK_NL);
	close_all(m, &busy.w, 1);
}

Test(shutdown, may_be_called_again)
{
	struct lk_manager *m = open_manager(NULL);

	for (int i = 0; i < 3; i++)
		ok(lk_shutdown(m, NULL));
	ok(lk_close(m));
}

Test(shutdown, with_options_of_a_request_changes_nothing)
{
	struct lk_options lease = { .size = sizeof(lease), .lease_ns = 1000 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	take(w, "n", LK_X);
	is(lk_shutdown(m, &lease), LK_E_INVAL);
	take(w, "other", LK_X);
	cr_expect_eq(holds(w, "n"), LK_X);
	close_all(m, &w, 1);
}

static void
open_and_take(void *arg, unsigned index)
{
	struct lk_manager *m = arg;

	for (uint64_t i = 0;; i++) {
		struct lk_owner *w;
		int rc = lk_owner_open(m, NULL, &w);

		must(rc == 0 || rc == LK_E_CLOSED);
		if (rc == LK_E_CLOSED)
			return;
		rc = lk_acquire_id(w, (i + index) % 4, i % 2 ? LK_X : LK_S, NULL, NULL);
		must(rc == 0 || rc == LK_E_CLOSED);
		must(lk_owner_close(w) == 0);
	}
}

Test(shutdown, among_threads_at_work_ends_with_nothing_held)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = LK_FOREVER };

	for (int i = 0; i < 20; i++) {
		struct lk_manager *m = open_manager(NULL);
		struct test_thread threads[4];

		test_spawn(threads, 4, open_and_take, m);
		wait_until(stats_of(m).grants > 100);
		ok(lk_shutdown(m, &o));
		cr_expect_eq(stats_of(m).holds, 0);
		cr_expect_eq(stats_of(m).waiting, 0);
		test_join(threads, 4);
		ok(lk_close(m));
	}
}

/* Closing an owner of many grants waits inside liburcu: a thread must not be cancelled there. */
struct quitter {
	struct lk_owner *w;
	atomic_bool closed;
};

static void *
close_with_a_cancel_pending(void *arg)
{
	struct quitter *q = arg;

	ok(pthread_cancel(pthread_self()));
	ok(lk_owner_close(q->w));
	atomic_store(&q->closed, true);
	pthread_testcancel();
	return NULL;
}

Test(close, of_an_owner_is_no_cancellation_point, .timeout = 60)
{
	struct lk_manager *m = open_manager(NULL);

	for (int i = 0; i < 50; i++) {
		struct quitter q;
		pthread_t t;
		void *result;

		atomic_init(&q.closed, false);
		open_owners(m, &q.w, 1);
		for (uint64_t id = 0; id < 200; id++)
			ok(lk_acquire_id(q.w, id, LK_S, NULL, NULL));
		cr_assert_eq(pthread_create(&t, NULL, close_with_a_cancel_pending, &q), 0);
		cr_assert_eq(pthread_join(t, &result), 0);
		cr_expect(atomic_load(&q.closed));
		cr_expect_eq(result, PTHREAD_CANCELED);
	}
	cr_expect_eq(stats_of(m).holds, 0);
	ok(lk_close(m));
}
