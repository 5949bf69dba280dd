/* SPDX-License-Identifier: MIT */
/* A thread's own owner, and what becomes of its locks when the thread ends. */
#include "support.h"

/* A thread that does something with its own owner, and ends. */
struct life {
	struct lk_manager *m;
	lk_mode mode;
	struct lk_owner *seen;
	atomic_bool took;
	atomic_bool may_end;
};

static void
take_and_end(void *arg, unsigned index)
{
	struct life *life = arg;

	(void)index;
	life->seen = lk_self(life->m);
	must(life->seen != NULL && life->seen == lk_self(life->m));
	if (life->mode != LK_NL)
		must(lk_acquire(life->seen, "n", life->mode, NULL, NULL) == 0);
	atomic_store(&life->took, true);
	while (!atomic_load(&life->may_end))
		sched_yield();
}

Test(self, is_one_owner_for_each_thread_and_manager)
{
	struct lk_manager *m[2] = { open_manager(NULL), open_manager(NULL) };
	struct life life = { .m = m[0] };
	struct test_thread thread;
	struct lk_owner *mine = lk_self(m[0]);

	cr_assert_not_null(mine);
	cr_expect_eq(lk_self(m[0]), mine);
	cr_expect_neq(lk_self(m[1]), mine);
	test_spawn(&thread, 1, take_and_end, &life);
	wait_until(atomic_load(&life.took));
	cr_expect_neq(life.seen, mine);
	atomic_store(&life.may_end, true);
	test_join(&thread, 1);
	cr_expect_eq(lk_self(m[0]), mine);
	ok(lk_close(m[0]));
	ok(lk_close(m[1]));
}

static bool
is_told(struct lk_owner *w, lk_mode mode)
{
	lk_grant g = take(w, "n", mode);
	bool told = grant_info(w, g).flags & LK_OWNER_DIED;

	ok(lk_release(w, g));
	return told;
}

/* A thread holds "n" in `mode` and ends without a release. */
static void
die_holding(struct lk_manager *m, lk_mode mode)
{
	struct life life = { .m = m, .mode = mode, .may_end = true };

	test_threads(1, take_and_end, &life);
}

Test(self, a_thread_s_end_releases_and_the_next_writer_is_told_once)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		bool wrote = mode == LK_U || mode == LK_SIX || mode == LK_X;

		die_holding(m, mode);
		cr_expect_eq(stats_of(m).holds, 0);
		cr_expect_eq(!!(info_of(m, "n").flags & LK_OWNER_DIED), wrote);
		cr_expect_eq(is_told(w, LK_X), wrote, "%s", mode_name(mode));
		cr_expect(!(info_of(m, "n").flags & LK_OWNER_DIED));
		cr_expect(!is_told(w, LK_X));
	}
	close_all(m, &w, 1);
}

Test(self, the_news_survives_a_sweep)
{
	struct lk_manager *m = open_manager("memory:?max_idle=1&index_buckets=1");
	struct lk_owner *w;

	open_owners(m, &w, 1);
	die_holding(m, LK_X);
	for (uint64_t id = 0; id < 100; id++)
		ok(lk_acquire_id(w, id, LK_X, NULL, NULL));
	ok(lk_release_all(w));
	ok(lk_sweep(m, NULL));
	cr_expect(is_told(w, LK_X));
	cr_expect(!is_told(w, LK_X));
	close_all(m, &w, 1);
}

Test(self, a_waiter_is_granted_when_the_holder_s_thread_ends)
{
	struct lk_manager *m = open_manager(NULL);
	struct life life = { .m = m, .mode = LK_X };
	struct test_thread thread;
	struct lk_owner *w;
	struct asker a;
	lk_grant g;

	open_owners(m, &w, 1);
	test_spawn(&thread, 1, take_and_end, &life);
	wait_until(atomic_load(&life.took));
	ask(m, &a, w, "n", LK_X);
	atomic_store(&life.may_end, true);
	g = granted(&a);
	cr_expect(grant_info(w, g).flags & LK_OWNER_DIED);
	test_join(&thread, 1);
	ok(lk_release(w, g));
	cr_expect(!is_told(w, LK_X));
	close_all(m, &w, 1);
}

Test(self, a_proper_release_is_no_death)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	take(lk_self(m), "n", LK_X);
	ok(lk_owner_close(lk_self(m)));
	cr_expect(!is_told(w, LK_X));
	take(w, "n", LK_X);
	ok(lk_owner_close(w));
	cr_expect(!is_told(lk_self(m), LK_X));
	ok(lk_close(m));
}

Test(self, may_be_closed_by_its_thread_and_opens_again)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	for (int i = 0; i < 100; i++) {
		w = lk_self(m);
		cr_assert_not_null(w);
		cr_assert_eq(holds(w, "n"), LK_NL);
		take(w, "n", LK_X);
		ok(lk_owner_close(w));
	}
	cr_expect_eq(stats_of(m).holds, 0);
	ok(lk_close(m));
}

Test(self, idle_owners_do_not_keep_a_manager_from_closing)
{
	struct lk_manager *m = open_manager(NULL);
	struct life life = { .m = m, .mode = LK_NL };
	struct test_thread thread;

	test_spawn(&thread, 1, take_and_end, &life);
	wait_until(atomic_load(&life.took));
	cr_assert_not_null(lk_self(m));
	ok(lk_close(m));
	atomic_store(&life.may_end, true); /* it ends after its manager */
	test_join(&thread, 1);
}

Test(self, of_a_closed_manager_is_not_the_next_one_s)
{
	for (int i = 0; i < 50; i++) {
		struct lk_manager *m = open_manager(NULL);
		struct lk_owner *w = lk_self(m);

		cr_assert_not_null(w);
		cr_assert_eq(holds(w, "n"), LK_NL);
		take(w, "n", LK_X);
		ok(lk_release_all(w));
		ok(lk_close(m));
	}
}

Test(self, explicit_owners_outlive_the_thread_that_used_them)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	struct asker a = { .name = "n", .mode = LK_X };

	open_owners(m, &w, 1);
	a.owner = w;
	asker_start(&a);
	granted(&a);
	cr_expect_eq(holds(w, "n"), LK_X);
	cr_expect(!is_open_to(lk_self(m), "n", LK_S));
	is(lk_close(m), LK_E_BUSY);
	close_all(m, &w, 1);
}

static void
come_and_go(void *arg, unsigned index)
{
	struct lk_manager **m = arg;

	for (unsigned i = 0; i < 8; i++)
		must(lk_acquire_id(lk_self(m[i]), index, LK_X, NULL, NULL) == 0);
}

Test(self, many_threads_come_and_go_in_many_managers)
{
	struct lk_manager *m[8];

	for (int i = 0; i < 8; i++)
		m[i] = open_manager(NULL);
	for (int i = 0; i < 20; i++)
		test_threads(8, come_and_go, m);
	for (int i = 0; i < 8; i++) {
		cr_expect_eq(stats_of(m[i]).holds, 0);
		cr_expect_eq(stats_of(m[i]).owners, 0);
		ok(lk_close(m[i]));
	}
}
