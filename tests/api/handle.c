/* SPDX-License-Identifier: MIT */
/* A name resolved once. */
#include "support.h"

Test(handle, is_the_same_lock_as_its_name)
{
	struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };
	struct lk_manager *m = open_manager(NULL);
	struct lk_resource *r[3];
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	ok(lk_resource_open(m, "n", &r[0]));
	ok(lk_resource_open_bytes(m, "n", 1, &r[1]));
	ok(lk_resource_open_id(m, 7, &r[2]));
	ok(lk_acquire_on(w[0], r[0], LK_X, NULL, NULL));
	is(lk_acquire_on(w[1], r[1], LK_S, &nowait, NULL), LK_E_BUSY);
	is(lk_try_acquire(w[1], "n", LK_S, NULL), LK_E_BUSY);
	ok(lk_acquire_on(w[1], r[2], LK_X, NULL, NULL));
	is(lk_acquire_id(w[0], 7, LK_S, &nowait, NULL), LK_E_BUSY);
	cr_expect_eq(lk_holds_id(w[1], 7), LK_X);
	cr_expect_eq(stats_of(m).handles, 3);
	for (int i = 0; i < 3; i++)
		lk_resource_close(r[i]);
	cr_expect_eq(stats_of(m).handles, 0);
	close_all(m, w, 2);
}

Test(handle, grants_outlive_it)
{
	struct lk_manager *m = open_manager("memory:?max_idle=1");
	struct lk_resource *r;
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	ok(lk_resource_open(m, "n", &r));
	ok(lk_acquire_on(w[0], r, LK_X, NULL, &g));
	lk_resource_close(r);
	ok(lk_sweep(m, NULL));
	cr_expect(!is_open_to(w[1], "n", LK_S));
	ok(lk_downgrade(w[0], g));
	cr_expect(is_open_to(w[1], "n", LK_S));
	ok(lk_release(w[0], g));
	cr_expect(is_open_to(w[1], "n", LK_X));
	close_all(m, w, 2);
}

Test(handle, keeps_its_name_in_the_index)
{
	struct lk_manager *m = open_manager("memory:?max_idle=1&index_buckets=1");
	struct lk_resource *r[2];
	struct lk_owner *w;

	open_owners(m, &w, 1);
	ok(lk_resource_open(m, "kept", &r[0]));
	ok(lk_resource_open(m, "kept", &r[1]));
	for (uint64_t id = 0; id < 1000; id++) {
		ok(lk_acquire_id(w, id, LK_X, NULL, NULL));
		ok(lk_release_id(w, id));
	}
	ok(lk_sweep(m, NULL));
	cr_expect_eq(stats_of(m).names, 1);
	lk_resource_close(r[0]);
	ok(lk_sweep(m, NULL));
	cr_expect_eq(stats_of(m).names, 1);
	ok(lk_acquire_on(w, r[1], LK_X, NULL, NULL));
	cr_expect_eq(holds(w, "kept"), LK_X);
	lk_resource_close(r[1]);
	ok(lk_release_all(w));
	ok(lk_sweep(m, NULL));
	cr_expect_eq(stats_of(m).names, 0);
	close_all(m, &w, 1);
}

Test(handle, of_another_manager_is_refused)
{
	struct lk_manager *m[2] = { open_manager(NULL), open_manager(NULL) };
	struct lk_resource *r;
	struct lk_owner *w;

	open_owners(m[0], &w, 1);
	ok(lk_resource_open(m[1], "n", &r));
	is(lk_acquire_on(w, r, LK_X, NULL, NULL), LK_E_INVAL);
	cr_expect_eq(holds(w, "n"), LK_NL);
	lk_resource_close(r);
	close_all(m[0], &w, 1);
	ok(lk_close(m[1]));
}

Test(handle, of_nothing_may_be_closed)
{
	lk_resource_close(NULL);
}

/* A plain counter: a second thread inside would lose counts, and the thread sanitizer tells. */
struct shared {
	struct lk_manager *m;
	struct lk_resource *r;
	unsigned counter;
};

enum { THREADS = 4, ROUNDS = 2000 };

static void
count_under_lock(void *arg, unsigned index)
{
	struct shared *shared = arg;
	struct lk_owner *w = lk_self(shared->m);

	must(w != NULL);
	for (unsigned i = 0; i < ROUNDS; i++) {
		lk_grant g;

		if ((i + index) % 2)
			must(lk_acquire_on(w, shared->r, LK_X, NULL, &g) == 0);
		else
			must(lk_acquire(w, "n", LK_X, NULL, &g) == 0);
		shared->counter++;
		must(lk_release(w, g) == 0);
	}
}

Test(handle, may_be_shared_by_all_threads)
{
	struct shared shared = { .m = open_manager(NULL) };

	ok(lk_resource_open(shared.m, "n", &shared.r));
	test_threads(THREADS, count_under_lock, &shared);
	cr_expect_eq(shared.counter, THREADS * ROUNDS);
	lk_resource_close(shared.r);
	ok(lk_close(shared.m));
}
