/* SPDX-License-Identifier: MIT */
/* The other ends of requests that nobody waits for: cancel, close, shutdown, and no memory. */
#include "async.h"

Test(asynccancel, a_request_that_waits_is_cancelled)
{
	struct loop l;

	loop_open(&l, NULL, 3);
	(void)take(l.w[1], "a", LK_S);
	ok(submit(&l, 0, "a", LK_X));
	ok(lk_cancel(l.w[0], l.id));
	cr_assert_eq(next_done(&l, LK_E_CANCELED)->id, l.id);
	cr_assert_eq(line(l.m, "a"), 0);
	is(lk_cancel(l.w[0], l.id), LK_E_STALE);
	(void)take(l.w[2], "a", LK_S);
	loop_close(&l);
}

Test(asynccancel, a_grant_that_came_first_stands)
{
	struct loop l;

	loop_open(&l, NULL, 2);
	(void)take(l.w[1], "a", LK_X);
	ok(submit(&l, 0, "a", LK_X));
	ok(lk_release_all(l.w[1]));
	ok(lk_cancel(l.w[0], l.id));
	(void)next_done(&l, 0);
	ok(submit(&l, 0, "b", LK_X));
	ok(lk_cancel(l.w[0], l.id)); /* it was granted at once, and not reaped */
	(void)next_done(&l, 0);
	is(lk_cancel(l.w[0], l.id), LK_E_STALE);
	is(lk_cancel(l.w[0], 0), LK_E_STALE);
	is(lk_cancel(NULL, l.id), LK_E_INVAL);
	loop_close(&l);
}

Test(asynccancel, the_request_of_another_owner_is_not_known)
{
	struct loop l;

	loop_open(&l, NULL, 2);
	(void)take(l.w[1], "a", LK_X);
	ok(submit(&l, 0, "a", LK_X));
	is(lk_cancel(l.w[1], l.id), LK_E_STALE);
	ok(lk_release_all(l.w[1]));
	(void)next_done(&l, 0);
	loop_close(&l);
}

Test(asynccancel, cancelling_the_owner_is_for_its_waiting_threads)
{
	struct loop l;

	loop_open(&l, NULL, 2);
	(void)take(l.w[1], "a", LK_X);
	ok(submit(&l, 0, "a", LK_X));
	ok(lk_owner_cancel(l.w[0]));
	nothing_more(&l);
	is(lk_acquire(l.w[0], "a", LK_S, NULL, NULL), LK_E_CANCELED);
	ok(lk_release_all(l.w[1]));
	(void)next_done_soon(&l, 0);
	loop_close(&l);
}

Test(asynccancel, a_conversion_that_is_cancelled_leaves_the_mode)
{
	struct loop l;
	lk_grant g;

	loop_open(&l, NULL, 2);
	g = take(l.w[0], "a", LK_S);
	(void)take(l.w[1], "a", LK_S);
	ok(lk_submit_convert(l.q, l.w[0], g, LK_X, NULL, NULL, NULL, &l.id));
	ok(lk_cancel(l.w[0], l.id));
	(void)next_done(&l, LK_E_CANCELED);
	is(lk_holds(l.w[0], "a", 1), LK_S);
	ok(lk_release(l.w[0], g));
	is(lk_holds(l.w[0], "a", 1), LK_NL);
	loop_close(&l);
}

Test(asynccancel, the_grant_of_a_conversion_may_be_released_meanwhile)
{
	struct loop l;
	lk_grant g;

	loop_open(&l, NULL, 3);
	g = take(l.w[0], "a", LK_S);
	(void)take(l.w[1], "a", LK_S);
	ok(lk_submit_convert(l.q, l.w[0], g, LK_X, NULL, NULL, NULL, NULL));
	ok(lk_release(l.w[0], g));
	ok(lk_release_all(l.w[1]));
	(void)next_done(&l, LK_E_STALE);
	is(lk_holds(l.w[0], "a", 1), LK_NL);
	(void)take(l.w[2], "a", LK_X);
	loop_close(&l);
}

Test(asynccancel, an_owner_that_closes_ends_its_requests)
{
	struct loop l;
	lk_request_id id[3];

	loop_open(&l, NULL, 3);
	(void)take(l.w[1], "a", LK_X);
	(void)take(l.w[1], "b", LK_X);
	ok(submit(&l, 0, "a", LK_X)); /* waits */
	id[0] = l.id;
	ok(submit(&l, 0, "b", LK_X)); /* will be granted, and not reaped */
	id[1] = l.id;
	ok(submit(&l, 0, "c", LK_X)); /* granted at once, and not reaped */
	id[2] = l.id;
	ok(lk_release_name(l.w[1], "b", 1));
	ok(lk_owner_close(l.w[0]));
	for (int i = 0; i < 3; i++) {
		const struct lk_completion *c = next_done(&l, LK_E_CANCELED);

		cr_assert(c->id == id[0] || c->id == id[1] || c->id == id[2]);
		cr_assert_eq(c->grant, 0);
	}
	nothing_more(&l);
	(void)take(l.w[2], "b", LK_X);
	(void)take(l.w[2], "c", LK_X);
	cr_assert_eq(line(l.m, "a"), 0);
	ok(lk_owner_open(l.m, NULL, &l.w[0]));
	loop_close(&l);
}

Test(asynccancel, a_queue_in_use_does_not_close_nor_does_its_manager)
{
	struct loop l;

	loop_open(&l, NULL, 2);
	(void)take(l.w[1], "a", LK_X);
	ok(submit(&l, 0, "a", LK_X));
	is(lk_queue_close(l.q), LK_E_BUSY);
	ok(lk_release_all(l.w[1]));
	is(lk_queue_close(l.q), LK_E_BUSY); /* it can be reaped */
	(void)next_done(&l, 0);
	ok(lk_owner_close(l.w[0]));
	ok(lk_owner_close(l.w[1]));
	is(lk_close(l.m), LK_E_BUSY);
	l.n_owners = 0;
	loop_close(&l);
}

Test(asynccancel, shutdown_ends_what_waits_and_takes_back_what_was_not_told_of)
{
	struct lk_options now = LK_OPTIONS_INIT;
	struct loop l;

	loop_open(&l, "memory:?manual=1", 3); /* so that nobody writes down what is granted */
	(void)take(l.w[1], "a", LK_X);
	(void)take(l.w[1], "b", LK_X);
	(void)take(l.w[0], "c", LK_S);
	ok(submit(&l, 0, "a", LK_X));
	ok(submit(&l, 2, "b", LK_X));
	ok(lk_release_name(l.w[1], "b", 1));
	now.flags = LK_NOWAIT;
	ok(lk_shutdown(l.m, &now));
	cr_assert_eq(stats_of(l.m).holds, 0);
	(void)next_done(&l, LK_E_CLOSED);
	(void)next_done(&l, LK_E_CLOSED);
	is(lk_submit(l.q, l.w[0], "a", LK_X, NULL, NULL, NULL, NULL), LK_E_CLOSED);
	loop_close(&l);
}

/* Every allocation on the way of a request fails once: it is refused, or completes with LK_E_NOMEM. */
static void
starve(const struct lk_request *r, size_t n, lk_mode held)
{
	struct test_heap heap;
	int done = -1;

	for (uint64_t nth = 1; done != 0; nth++) {
		struct loop l;
		lk_grant grant[8];

		memset(&l, 0, sizeof(l));
		test_heap_init(&heap);
		l.m = open_with("memory:?deadlock_delay_ns=off", &heap, NULL);
		loop_begin(&l, 2);
		for (size_t i = 0; i < n; i++)
			ok(lk_acquire(l.w[1], r[i].name, LK_S, NULL, NULL));
		if (held != LK_NL)
			ok(lk_acquire(l.w[0], r[0].name, held, NULL, NULL));
		test_heap_fail(&heap, nth, false);
		done = lk_submit_many(l.q, l.w[0], r, n, NULL, grant, NULL, NULL, NULL);
		if (done == 0) {
			struct lk_completion c = { .size = sizeof(c) };
			int got = 0;

			ok(lk_release_all(l.w[1]));
			wait_until((got = lk_queue_reap(l.q, &c, 1)) != 0);
			is(got, 1);
			done = c.code;
		} else {
			ok(lk_release_all(l.w[1]));
		}
		cr_assert(done == 0 || done == LK_E_NOMEM, "%s", lk_errname(done));
		if (done == 0 && atomic_load(&heap.failures) != 0)
			done = -1; /* what failed was not needed */
		test_heap_fail(&heap, 0, false);
		ok(lk_release_all(l.w[0]));
		cr_assert_eq(stats_of(l.m).holds, 0);
		for (size_t i = 0; i < n; i++)
			(void)take(l.w[1], r[i].name, LK_X);
		loop_close(&l);
		cr_assert_eq(atomic_load(&heap.blocks), 0);
		cr_assert_lt(nth, 200);
	}
}

Test(asynccancel, without_memory_nothing_is_left_behind)
{
	const struct lk_request one[] = { { "a", LK_X, 0, 0 } };
	const struct lk_request path[] = { { "db/t/1", LK_X, 0, 0 } };
	const struct lk_request many[] = { { "a", LK_X, 0, 0 },
					   { "db/a-rather-long-name-that-has-a-block", LK_S, 0, 0 },
					   { "db/b", LK_X, 0, 0 },
					   { "a", LK_S, 0, 0 } };

	starve(one, 1, LK_NL);
	starve(one, 1, LK_S);
	starve(path, 1, LK_NL);
	starve(path, 1, LK_IS);
	starve(many, 4, LK_NL);
}
