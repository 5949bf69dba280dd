/* SPDX-License-Identifier: MIT */
/*
 * A storm of signals over threads that wait and are granted, one after another: it ends no wait, loses
 * no lock, and brings no deadline forward.  The handlers do what a handler may do.
 */
#include <errno.h>
#include <signal.h>

#include "../api/support.h"

enum { THREADS = 4, SIGNALS = 20000, LEAST = 500 };

struct storm {
	struct lk_manager *m;
	struct lk_owner *w[THREADS];
	const struct lk_options *options;
	int may_say; /* beside 0 */
	atomic_bool stop;
	uint64_t counter; /* plain: under X */
	_Atomic uint64_t done;
	_Atomic uint64_t refused;
};

static struct storm storm;
static atomic_uint caught;

static void
count_it(int signal)
{
	(void)signal;
	atomic_fetch_add(&caught, 1);
}

/* Of anybody, the thread that is interrupted included. */
static void
cancel_somebody(int signal)
{
	int saved = errno;

	count_it(signal);
	lk_owner_cancel(storm.w[atomic_load(&caught) % THREADS]);
	errno = saved;
}

static void catch (void (*handler)(int signal))
{
	struct sigaction action = { .sa_handler = handler }; /* no SA_RESTART */

	cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
}

static int
take_x(struct lk_owner *w, uint64_t i)
{
	lk_grant g;
	int rc;

	switch (i % 3) {
	case 0:
		return lk_acquire(w, "n", LK_X, storm.options, NULL);
	case 1:
		return lk_acquire(w, i % 2 ? "n" : "n/below", LK_X, storm.options, NULL);
	default:
		rc = lk_acquire(w, "n", LK_U, storm.options, &g);
		return rc != 0 ? rc : lk_upgrade(w, g, storm.options);
	}
}

static void
work(void *arg, unsigned index)
{
	struct lk_owner *w = storm.w[index];

	(void)arg;
	for (uint64_t i = index; !atomic_load(&storm.stop); i++) {
		uint64_t start = test_now();
		int rc = take_x(w, i);

		must(rc == 0 || rc == storm.may_say);
		if (rc == LK_E_TIMEDOUT)
			must(test_now() - start >= (uint64_t)storm.options->timeout_ns);
		if (rc == 0) {
			storm.counter++;
			atomic_fetch_add(&storm.done, 1);
			sched_yield();
		} else {
			atomic_fetch_add(&storm.refused, 1);
		}
		must(lk_release_all(w) == 0);
	}
}

/* Signals for everybody, until enough were caught and enough was done. */
static void
rage(const char *url, const struct lk_options *options, int may_say, void (*handler)(int))
{
	struct test_thread threads[THREADS];
	unsigned wanted = atomic_load(&caught) + SIGNALS;

	catch (handler);
	storm.m = open_manager(url);
	storm.options = options;
	storm.may_say = may_say;
	storm.counter = 0;
	atomic_store(&storm.done, 0);
	atomic_store(&storm.refused, 0);
	atomic_store(&storm.stop, false);
	open_owners(storm.m, storm.w, THREADS);
	test_spawn(threads, THREADS, work, NULL);
	for (unsigned i = 0; atomic_load(&caught) < wanted || atomic_load(&storm.done) < LEAST; i++)
		cr_assert_eq(pthread_kill(threads[i % THREADS].id, SIGUSR1), 0);
	atomic_store(&storm.stop, true);
	test_join(threads, THREADS);
	cr_expect_eq(storm.counter, atomic_load(&storm.done));
	cr_expect_eq(stats_of(storm.m).holds, 0);
	cr_expect_eq(stats_of(storm.m).waiting, 0);
	if (may_say == 0)
		cr_expect_eq(atomic_load(&storm.refused), 0);
	close_all(storm.m, storm.w, THREADS);
}

Test(storm, ends_no_wait, .timeout = 120)
{
	rage(NULL, NULL, 0, count_it);
	rage("memory:?strict=1", NULL, 0, count_it);
}

Test(storm, brings_no_deadline_forward, .timeout = 120)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 200000 };

	rage(NULL, &o, LK_E_TIMEDOUT, count_it);
}

Test(storm, of_cancels_leaves_every_lock_whole, .timeout = 120)
{
	rage(NULL, NULL, LK_E_CANCELED, cancel_somebody);
	rage("memory:?strict=1", NULL, LK_E_CANCELED, cancel_somebody);
}
