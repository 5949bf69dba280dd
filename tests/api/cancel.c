/* SPDX-License-Identifier: MIT */
/* lk_owner_cancel: the present wait or the next one, from anywhere, once. */
#include <signal.h>

#include "support.h"

static const struct lk_options brief = { .size = sizeof(brief), .timeout_ns = 100000 };

Test(cancel, ends_the_present_wait)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct asker a;

	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	ask(m, &a, w[1], "n", LK_X);
	ok(lk_owner_cancel(w[1]));
	is(answer(&a), LK_E_CANCELED);
	cr_expect_eq(a.grant, 0);
	cr_expect_eq(holds(w[1], "n"), LK_NL);
	cr_expect_eq(line(m, "n"), 0);
	is(lk_acquire(w[1], "n", LK_X, &brief, NULL), LK_E_TIMEDOUT);
	ok(lk_release_all(w[0]));
	take(w[1], "n", LK_X);
	close_all(m, w, 2);
}

Test(cancel, ends_the_next_wait_once)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	ok(lk_owner_cancel(w[1]));
	take(w[1], "free", LK_X); /* what need not wait is not affected, and uses nothing up */
	is(lk_try_acquire(w[1], "n", LK_X, NULL), LK_E_BUSY);
	is(lk_acquire(w[1], "n", LK_X, NULL, NULL), LK_E_CANCELED);
	is(lk_acquire(w[1], "n", LK_X, &brief, NULL), LK_E_TIMEDOUT);
	cr_expect_eq(stats_of(m).cancels, 1);
	close_all(m, w, 2);
}

Test(cancel, ends_a_waiting_conversion)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	take(w[0], "n", LK_S);
	g = take(w[1], "n", LK_S);
	ok(lk_owner_cancel(w[1]));
	is(lk_upgrade(w[1], g, NULL), LK_E_CANCELED);
	cr_expect_eq(grant_info(w[1], g).mode, LK_S);
	ok(lk_owner_cancel(w[1]));
	is(lk_acquire(w[1], "n", LK_X, NULL, NULL), LK_E_CANCELED);
	cr_expect_eq(holds(w[1], "n"), LK_S);
	close_all(m, w, 2);
}

Test(cancel, after_the_grant_is_for_the_next_wait)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[2];
	struct asker a;

	open_owners(m, w, 2);
	for (int i = 0; i < 100; i++) {
		take(w[0], "n", LK_X);
		take(w[0], "other", LK_X);
		ask(m, &a, w[1], "n", LK_X);
		ok(lk_release_name(w[0], "n", 1)); /* strict: it is granted now */
		ok(lk_owner_cancel(w[1]));
		granted(&a);
		cr_expect_eq(holds(w[1], "n"), LK_X);
		is(lk_acquire(w[1], "other", LK_S, NULL, NULL), LK_E_CANCELED);
		ok(lk_release_all(w[0]));
		ok(lk_release_all(w[1]));
	}
	close_all(m, w, 2);
}

/* Whoever wins, the two sides agree on it, and the cancel is used up exactly once. */
Test(cancel, races_with_a_release_and_one_wins)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct asker a;

	open_owners(m, w, 2);
	for (int i = 0; i < 300; i++) {
		int rc;

		take(w[0], "n", LK_X);
		take(w[0], "other", LK_X);
		ask(m, &a, w[1], "n", LK_X);
		ok(lk_owner_cancel(w[1]));
		ok(lk_release_name(w[0], "n", 1));
		rc = answer(&a);
		cr_assert(rc == 0 || rc == LK_E_CANCELED);
		cr_assert_eq(holds(w[1], "n"), rc == 0 ? LK_X : LK_NL);
		is(lk_acquire(w[1], "other", LK_S, &brief, NULL),
		   rc == 0 ? LK_E_CANCELED : LK_E_TIMEDOUT);
		ok(lk_release_all(w[0]));
		ok(lk_release_all(w[1]));
	}
	close_all(m, w, 2);
}

static struct lk_owner *interrupted; /* what the handler cancels */

static void
cancel_it(int signal)
{
	(void)signal;
	lk_owner_cancel(interrupted);
}

Test(cancel, works_from_a_signal_handler)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct asker a;

	open_owners(m, w, 2);
	interrupted = w[1];
	cr_assert(signal(SIGUSR1, cancel_it) != SIG_ERR);
	take(w[0], "n", LK_X);
	ask(m, &a, w[1], "n", LK_X);
	/* Again and again: the thread sanitizer puts a handler off until the thread moves. */
	wait_until(pthread_kill(a.thread, SIGUSR1) != 0 || is_answered(&a));
	is(answer(&a), LK_E_CANCELED);
	cr_assert_eq(raise(SIGUSR1), 0);
	is(lk_acquire(w[1], "n", LK_X, NULL, NULL), LK_E_CANCELED);
	close_all(m, w, 2);
}

Test(cancel, of_one_owner_leaves_the_others_in_the_line)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[4];
	struct asker a[3];

	open_owners(m, w, 4);
	take(w[3], "n", LK_X);
	for (int i = 0; i < 3; i++)
		ask(m, &a[i], w[i], "n", LK_X);
	ok(lk_owner_cancel(w[1]));
	is(answer(&a[1]), LK_E_CANCELED);
	cr_expect_eq(line(m, "n"), 2);
	ok(lk_release_all(w[3]));
	granted(&a[0]);
	cr_expect(!is_answered(&a[2]));
	ok(lk_release_all(w[0]));
	granted(&a[2]);
	close_all(m, w, 4);
}

/* An owner that is closed and opened again does not inherit a cancel. */
Test(cancel, ends_with_its_owner)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	ok(lk_owner_cancel(w[1]));
	ok(lk_owner_close(w[1]));
	ok(lk_owner_open(m, NULL, &w[1]));
	is(lk_acquire(w[1], "n", LK_X, &brief, NULL), LK_E_TIMEDOUT);
	close_all(m, w, 2);
}
