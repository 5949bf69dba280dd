/* SPDX-License-Identifier: MIT */
/* Signals and thread cancellation do not show while a request waits. */
#include <signal.h>

#include "support.h"

static atomic_int caught;

static void
catch_it(int signal)
{
	(void)signal;
	atomic_fetch_add(&caught, 1);
}

/* No SA_RESTART: every system call that can be interrupted is. */
static void
catch_signals(void)
{
	struct sigaction action = { .sa_handler = catch_it };

	cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
	cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
}

/*
 * Interrupt the waiting thread until its handler has run `times` more times.  Again and again, as
 * the thread sanitizer puts a handler off until it sees the thread move.
 */
static void
storm(pthread_t thread, int times)
{
	for (int i = 0; i < times; i++) {
		int before = atomic_load(&caught);

		wait_until(pthread_kill(thread, SIGUSR1) != 0 || atomic_load(&caught) > before);
		cr_assert_gt(atomic_load(&caught), before);
	}
}

Test(signals, do_not_end_a_wait)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct asker a;

	catch_signals();
	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	ask(m, &a, w[1], "n", LK_X);
	storm(a.thread, 1000);
	cr_expect(!is_answered(&a));
	cr_expect_eq(line(m, "n"), 1);
	ok(lk_release_all(w[0]));
	granted(&a);
	close_all(m, w, 2);
}

Test(signals, do_not_end_a_waiting_conversion)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct asker a;

	catch_signals();
	open_owners(m, w, 2);
	take(w[0], "n", LK_S);
	ask_convert(m, &a, w[1], take(w[1], "n", LK_U), LK_X);
	storm(a.thread, 200);
	cr_expect(!is_answered(&a));
	ok(lk_release_all(w[0]));
	granted(&a);
	close_all(m, w, 2);
}

/* The time that is left is not begun anew by each signal, nor cut short. */
Test(signals, do_not_change_a_timeout)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 30000000 };
	struct lk_manager *m = open_manager(NULL);
	uint64_t start = test_now();
	struct lk_owner *w[2];
	struct asker a;

	catch_signals();
	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	a = (struct asker){ .owner = w[1], .name = "n", .mode = LK_X, .options = &o };
	asker_start(&a);
	while (!is_answered(&a)) {
		cr_assert_eq(pthread_kill(a.thread, SIGUSR1), 0);
		cr_assert_lt(test_now() - start, TEST_PATIENCE_NS);
		sched_yield();
	}
	is(answer(&a), LK_E_TIMEDOUT);
	cr_expect_ge(test_now() - start, 30000000);
	close_all(m, w, 2);
}

/* A thread that is cancelled while it waits, and comes to a cancellation point later. */
struct victim {
	struct lk_manager *m;
	atomic_int rc;
};

static void *
wait_and_be_cancelled(void *arg)
{
	struct victim *victim = arg;

	atomic_store(&victim->rc, lk_acquire(lk_self(victim->m), "n", LK_X, NULL, NULL));
	pthread_testcancel();
	return NULL;
}

Test(signals, a_thread_is_cancelled_only_after_its_call)
{
	struct victim victim = { .m = open_manager(NULL), .rc = -1 };
	pthread_t thread;
	struct lk_owner *w;
	void *result;

	open_owners(victim.m, &w, 1);
	take(w, "n", LK_X);
	cr_assert_eq(pthread_create(&thread, NULL, wait_and_be_cancelled, &victim), 0);
	wait_until(line(victim.m, "n") == 1);
	cr_assert_eq(pthread_cancel(thread), 0);
	cr_expect_eq(line(victim.m, "n"), 1);
	ok(lk_release_all(w));
	cr_assert_eq(pthread_join(thread, &result), 0);
	cr_expect_eq(result, PTHREAD_CANCELED);
	cr_expect_eq(atomic_load(&victim.rc), 0);
	cr_expect(grant_info(w, take(w, "n", LK_X)).flags & LK_OWNER_DIED);
	close_all(victim.m, &w, 1);
}
