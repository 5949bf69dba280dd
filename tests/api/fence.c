/* SPDX-License-Identifier: MIT */
/* Fencing tokens: who gets one, that they only grow, and the guard that checks them. */
#include "support.h"

static bool
is_write(lk_mode mode)
{
	return mode == LK_U || mode == LK_SIX || mode == LK_X;
}

Test(fence, grows_with_every_owner_that_may_write)
{
	static const lk_mode writes[] = { LK_U, LK_SIX, LK_X };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];
	uint64_t last = 0;

	open_owners(m, w, 3);
	for (int i = 0; i < 1000; i++) {
		struct lk_owner *owner = w[i % 2];
		lk_grant g = take(owner, "n", writes[i % 3]);
		uint64_t fence = lk_fence(owner, g);

		cr_assert_gt(fence, last);
		cr_assert_eq(grant_info(owner, g).fence, fence);
		cr_assert_eq(info_of(m, "n").fence, fence);
		ok(lk_release(owner, g));
		cr_assert_eq(lk_fence(owner, g), 0);
		last = fence;
	}
	close_all(m, w, 3);
}

Test(fence, is_not_for_plain_intents)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	take(w, "n", LK_X);
	ok(lk_release_all(w));
	cr_expect_eq(lk_fence(w, take(w, "n", LK_IS)), 0);
	cr_expect_eq(lk_fence(w, take(w, "n", LK_IX)), 0);
	close_all(m, &w, 1);
}

Test(fence, of_a_reader_is_the_last_writer_s)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	uint64_t written, read;
	lk_grant g;

	open_owners(m, w, 2);
	for (int i = 0; i < 10; i++) {
		g = take(w[0], "n", LK_X);
		written = lk_fence(w[0], g);
		ok(lk_release(w[0], g));
		g = take(w[1], "n", LK_S);
		read = lk_fence(w[1], g);
		cr_expect_eq(read, written);
		ok(lk_release(w[1], g));
	}
	read = lk_fence(w[1], take(w[1], "fresh", LK_S));
	ok(lk_release_all(w[1]));
	cr_expect_gt(lk_fence(w[0], take(w[0], "fresh", LK_X)), read);
	close_all(m, w, 2);
}

/* A conversion mints one iff the owner could not write before and can now. */
Test(fence, begins_when_an_owner_comes_to_write)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (lk_mode from = LK_IS; from <= LK_X; from++)
		for (lk_mode to = LK_IS; to <= LK_X; to++) {
			lk_grant g = take(w, "n", from);
			uint64_t before = info_of(m, "n").fence, mine = lk_fence(w, g);

			ok(lk_convert(w, g, to, NULL));
			if (is_write(to) && !is_write(from)) {
				cr_expect_gt(lk_fence(w, g), before);
				cr_expect_eq(info_of(m, "n").fence, lk_fence(w, g));
			} else {
				cr_expect_eq(info_of(m, "n").fence, before);
				if (is_write(from))
					cr_expect_eq(lk_fence(w, g), mine);
			}
			ok(lk_release(w, g));
		}
	close_all(m, &w, 1);
}

Test(fence, stays_over_a_downgrade_and_is_new_after_it)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	uint64_t first;
	lk_grant g;

	open_owners(m, w, 2);
	g = take(w[0], "n", LK_X);
	first = lk_fence(w[0], g);
	ok(lk_downgrade(w[0], g));
	cr_expect_eq(lk_fence(w[0], g), first);
	cr_expect_eq(lk_fence(w[1], take(w[1], "n", LK_S)), first);
	ok(lk_release_all(w[1]));
	ok(lk_upgrade(w[0], g, NULL));
	cr_expect_gt(lk_fence(w[0], g), first);
	close_all(m, w, 2);
}

Test(fence, is_the_same_for_all_grants_of_one_writer)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	uint64_t first;
	lk_grant g;

	open_owners(m, &w, 1);
	first = lk_fence(w, take(w, "n", LK_U));
	cr_expect_eq(lk_fence(w, take(w, "n", LK_X)), first);
	cr_expect_eq(lk_fence(w, take(w, "n", LK_SIX)), first);
	cr_expect_eq(info_of(m, "n").fence, first);
	ok(lk_release_all(w));
	take(w, "n", LK_S); /* by re-entry it comes to write */
	g = take(w, "n", LK_X);
	cr_expect_gt(lk_fence(w, g), first);
	close_all(m, &w, 1);
}

Test(fence, is_minted_for_a_waiter_that_is_granted)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[2];
	uint64_t last = 0;

	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	for (int i = 0; i < 50; i++) {
		struct asker a;
		uint64_t fence;

		ask(m, &a, w[(i + 1) % 2], "n", is_write((lk_mode)(i % MODES)) ? LK_U : LK_X);
		ok(lk_release_all(w[i % 2]));
		fence = lk_fence(a.owner, granted(&a));
		cr_assert_gt(fence, last);
		last = fence;
	}
	close_all(m, w, 2);
}

Test(fence, grows_though_its_name_was_evicted)
{
	struct lk_manager *m = open_manager("memory:?max_idle=1&index_buckets=1");
	struct lk_owner *w;
	uint64_t last = 0;

	open_owners(m, &w, 1);
	for (int i = 0; i < 50; i++) {
		uint64_t fence = lk_fence(w, take(w, "n", LK_X));

		cr_assert_gt(fence, last);
		last = fence;
		ok(lk_release_all(w));
		for (uint64_t id = 0; id < 100; id++)
			ok(lk_acquire_id(w, id, LK_X, NULL, NULL));
		ok(lk_release_all(w));
		if (i % 2)
			ok(lk_sweep(m, NULL));
	}
	cr_expect_gt(stats_of(m).evicted, 0);
	close_all(m, &w, 1);
}

/* Also when the clock has had no time to move on. */
Test(fence, grows_though_the_manager_was_opened_anew)
{
	uint64_t last = 0;

	for (int i = 0; i < 200; i++) {
		struct lk_manager *m = open_manager(NULL);
		struct lk_owner *w;
		uint64_t fence;

		open_owners(m, &w, 1);
		for (int k = 0; k < 10; k++) {
			fence = lk_fence(w, take(w, "n", LK_X));
			cr_assert_gt(fence, last, "opened %d times", i);
			last = fence;
			ok(lk_release_all(w));
		}
		close_all(m, &w, 1);
	}
}

/* Under the lock of a name its last fence is a plain number. */
struct names {
	struct lk_manager *m;
	uint64_t last[8];
};

static void
check_growth(void *arg, unsigned index)
{
	struct names *names = arg;
	struct lk_owner *w = lk_self(names->m);
	uint64_t seed = index;

	for (int i = 0; i < 3000; i++) {
		uint64_t id = test_random(&seed) % countof(names->last);
		uint64_t fence;
		lk_grant g;

		must(lk_acquire_id(w, id, i % 2 ? LK_X : LK_U, NULL, &g) == 0);
		if (i % 2 == 0)
			must(lk_upgrade(w, g, NULL) == 0);
		fence = lk_fence(w, g);
		must(fence > names->last[id]);
		names->last[id] = fence;
		must(lk_release(w, g) == 0);
	}
}

Test(fence, grows_under_many_threads_and_eviction)
{
	struct names names = { .m = open_manager("memory:?max_idle=1&index_buckets=1") };

	test_threads(4, check_growth, &names);
	ok(lk_close(names.m));
}

/* ------------------------------------------------------------------------- the guard */

Test(fence, guard_passes_none_below_the_highest)
{
	struct lk_manager *m = open_manager(NULL);

	ok(lk_fence_pass(m, "n", 1, 10));
	ok(lk_fence_pass(m, "n", 1, 10));
	is(lk_fence_pass(m, "n", 1, 9), LK_E_STALE);
	ok(lk_fence_pass(m, "n", 1, 12));
	is(lk_fence_pass(m, "n", 1, 11), LK_E_STALE);
	is(lk_fence_pass(m, "n", 1, 0), LK_E_STALE);
	ok(lk_fence_pass(m, "n", 1, UINT64_MAX));
	is(lk_fence_pass(m, "n", 1, UINT64_MAX - 1), LK_E_STALE);
	ok(lk_fence_pass(m, "N", 1, 1));
	ok(lk_fence_pass(m, "n\0", 2, 1));
	ok(lk_fence_pass(m, "\0", 1, 1));
	is(lk_fence_pass(m, "n\0", 2, 0), LK_E_STALE);
	ok(lk_close(m));
}

Test(fence, guard_refuses_the_writer_that_was_overtaken)
{
	struct lk_manager *m = open_manager(NULL);
	uint64_t fence[2];
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (int i = 0; i < 2; i++) {
		fence[i] = lk_fence(w[i], take(w[i], "n", LK_X));
		ok(lk_release_all(w[i]));
	}
	ok(lk_fence_pass(m, "n", 1, fence[0]));
	ok(lk_fence_pass(m, "n", 1, fence[1]));
	is(lk_fence_pass(m, "n", 1, fence[0]), LK_E_STALE);
	close_all(m, w, 2);
}

Test(fence, guard_forgets_no_name)
{
	enum { NAMES = 5000 };
	struct lk_manager *m = open_manager("memory:?max_idle=1");
	char name[32];

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < NAMES; i++) {
			size_t len = (size_t)snprintf(name, sizeof(name), "a name of length %d", i);

			if (round == 0)
				ok(lk_fence_pass(m, name, len, 100));
			else
				is(lk_fence_pass(m, name, len, 99), LK_E_STALE);
		}
		ok(lk_sweep(m, NULL));
	}
	ok(lk_close(m));
}

struct guard {
	struct lk_manager *m;
	_Atomic uint64_t highest; /* that has passed for certain */
};

/* What has passed before the call began bounds what may pass. */
static void
pass_random(void *arg, unsigned index)
{
	struct guard *guard = arg;
	uint64_t seed = index;

	for (uint64_t i = 1; i < 20000; i++) {
		uint64_t fence = i * 4 + test_random(&seed) % 64;
		uint64_t before = atomic_load(&guard->highest);
		int rc = lk_fence_pass(guard->m, "n", 1, fence);

		must(rc == 0 || rc == LK_E_STALE);
		must(rc != 0 || fence >= before);
		while (rc == 0 && before < fence &&
		       !atomic_compare_exchange_weak(&guard->highest, &before, fence))
			;
	}
}

Test(fence, guard_keeps_its_word_among_threads)
{
	struct guard guard = { .m = open_manager(NULL) };
	uint64_t highest;

	test_threads(4, pass_random, &guard);
	highest = atomic_load(&guard.highest);
	ok(lk_fence_pass(guard.m, "n", 1, highest));
	is(lk_fence_pass(guard.m, "n", 1, highest - 1), LK_E_STALE);
	ok(lk_close(guard.m));
}
