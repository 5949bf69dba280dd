/* SPDX-License-Identifier: MIT */
/* Many threads on one hot lock: all make progress, and nobody is overtaken for long. */
#include "../api/support.h"

enum { THREADS = 16, ENOUGH = 50 };

struct hot {
	struct lk_manager *m;
	atomic_bool stop;
	atomic_uint rounds[THREADS];
	_Atomic uint64_t longest; /* wait, in nanoseconds */
	uint64_t counter;         /* plain: under X */
};

static void
note_wait(struct hot *hot, uint64_t waited)
{
	uint64_t longest = atomic_load(&hot->longest);

	while (waited > longest && !atomic_compare_exchange_weak(&hot->longest, &longest, waited))
		;
}

static void
write_often(void *arg, unsigned index)
{
	struct hot *hot = arg;
	struct lk_owner *w = lk_self(hot->m);

	while (!atomic_load(&hot->stop)) {
		uint64_t start = test_now();
		lk_grant g;

		must(lk_acquire(w, "hot", LK_X, NULL, &g) == 0);
		note_wait(hot, test_now() - start);
		hot->counter++;
		must(lk_release(w, g) == 0);
		atomic_fetch_add(&hot->rounds[index], 1);
	}
}

/*
 * Readers that follow each other without a gap, as long as they are let in: the next comes before
 * the last one leaves.
 */
static void
read_often(void *arg, unsigned index)
{
	struct hot *hot = arg;
	struct lk_owner *w[2];

	for (int i = 0; i < 2; i++)
		must(lk_owner_open(hot->m, NULL, &w[i]) == 0);
	for (unsigned i = 0; !atomic_load(&hot->stop); i++) {
		struct lk_owner *next = w[i % 2], *last = w[(i + 1) % 2];
		int rc = lk_try_acquire(next, "hot", LK_S, NULL);

		must(rc == 0 || rc == LK_E_BUSY);
		must(lk_release_all(last) == 0);
		if (rc == LK_E_BUSY)
			must(lk_acquire(next, "hot", LK_S, NULL, NULL) == 0);
		atomic_fetch_add(&hot->rounds[index], 1);
	}
	for (int i = 0; i < 2; i++)
		must(lk_owner_close(w[i]) == 0);
}

static bool
all_have(struct hot *hot, unsigned n, unsigned rounds)
{
	for (unsigned i = 0; i < n; i++)
		if (atomic_load(&hot->rounds[i]) < rounds)
			return false;
	return true;
}

static uint64_t
total(struct hot *hot)
{
	uint64_t sum = 0;

	for (int i = 0; i < THREADS; i++)
		sum += atomic_load(&hot->rounds[i]);
	return sum;
}

/* Nobody stops before everybody has had enough. */
static void
run_writers(const char *url)
{
	struct hot hot = { .m = open_manager(url) };
	struct test_thread threads[THREADS];

	test_spawn(threads, THREADS, write_often, &hot);
	wait_until(all_have(&hot, THREADS, ENOUGH));
	atomic_store(&hot.stop, true);
	test_join(threads, THREADS);
	cr_expect_eq(hot.counter, total(&hot));
	ok(lk_close(hot.m));
}

Test(fairness, every_writer_makes_progress, .timeout = 100)
{
	run_writers("memory:");
}

Test(fairness, every_writer_makes_progress_strictly, .timeout = 100)
{
	run_writers("memory:?strict=1");
}

static void
run_writer_among_readers(const char *url)
{
	struct hot hot = { .m = open_manager(url) };
	struct test_thread readers[4];
	struct lk_owner *w;

	open_owners(hot.m, &w, 1);
	test_spawn(readers, 4, read_often, &hot);
	wait_until(all_have(&hot, 4, ENOUGH));
	for (int i = 0; i < 20; i++) {
		ok(lk_acquire(w, "hot", LK_X, NULL, NULL));
		ok(lk_release_all(w));
	}
	atomic_store(&hot.stop, true);
	test_join(readers, 4);
	close_all(hot.m, &w, 1);
}

Test(fairness, a_stream_of_readers_does_not_starve_a_writer, .timeout = 100)
{
	run_writer_among_readers("memory:");
}

Test(fairness, a_stream_of_readers_does_not_starve_a_writer_strictly, .timeout = 100)
{
	run_writer_among_readers("memory:?strict=1");
}

/*
 * The bound on overtaking: ten times position × fair_after_ns, and two slices of the scheduler
 * for each thread that must run before.  Only where there is time to measure.
 */
Test(fairness, the_longest_wait_is_bounded, .timeout = 10000)
{
	const uint64_t fair_after_ns = 1000000, slice_ns = 10000000;
	struct hot hot = { .m = open_manager("memory:?fair_after_ns=1000000") };
	struct test_thread threads[THREADS];
	uint64_t end = test_now() + (uint64_t)(test_seconds(0.0) * 1e9);
	uint64_t bound = THREADS * (10 * fair_after_ns + 2 * slice_ns);

	test_spawn(threads, THREADS, write_often, &hot);
	while (test_now() < end)
		sched_yield();
	wait_until(all_have(&hot, THREADS, 1));
	atomic_store(&hot.stop, true);
	test_join(threads, THREADS);
	cr_expect_eq(hot.counter, total(&hot));
	if (test_seconds(0.0) > 0)
		cr_expect_lt(atomic_load(&hot.longest), bound, "%llu ns",
			     (unsigned long long)atomic_load(&hot.longest));
	ok(lk_close(hot.m));
}
