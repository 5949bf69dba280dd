/* SPDX-License-Identifier: MIT */
/* Several names at once: all or none, in whatever order, without a ring of waiting batches. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "support.h"

static const struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };

static int
mode_of(struct lk_owner *w, const char *name)
{
	return lk_holds(w, name, strlen(name));
}

Test(batch, of_nothing_succeeds)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	size_t released = 7;

	open_owners(m, &w, 1);
	ok(lk_acquire_many(w, NULL, 0, NULL, NULL));
	ok(lk_release_many(w, NULL, 0, &released));
	cr_expect_eq(released, 0);
	close_all(m, &w, 1);
}

Test(batch, answers_in_the_order_asked)
{
	static const struct lk_request r[] = { { "zebra", LK_X, 0, 0 },
					       { "ant", LK_S, 0, 0 },
					       { "m\0x", LK_U, 0, 3 } };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g[3];

	open_owners(m, &w, 1);
	ok(lk_acquire_many(w, r, 3, NULL, g));
	for (size_t i = 0; i < 3; i++) {
		struct lk_grant_info info = { .size = sizeof(info) };

		ok(lk_grant_info(w, g[i], &info));
		cr_expect_eq(info.mode, r[i].mode);
		cr_expect_eq(info.name_len, r[i].len != 0 ? r[i].len : strlen(r[i].name));
		cr_expect_eq(memcmp(info.name, r[i].name, info.name_len), 0);
	}
	ok(lk_release_many(w, g, 3, NULL));
	close_all(m, &w, 1);
}

Test(batch, takes_numbers_as_well)
{
	const uint64_t id = UINT64_C(0x6162636465666768);
	const struct lk_request r[] = { { (const char *)&id, LK_X, LK_NAME_IS_ID, 0 },
					{ "hgfedcba", LK_S, 0, 0 },
					{ (const char *)&id, LK_S, LK_NAME_IS_ID, 8 } };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g[3];

	open_owners(m, &w, 1);
	ok(lk_acquire_many(w, r, 3, NULL, g));
	cr_expect_eq(lk_holds_id(w, id), LK_X);
	cr_expect_eq(mode_of(w, "hgfedcba"), LK_S);
	ok(lk_release_many(w, g, 3, NULL));
	cr_expect_eq(lk_holds_id(w, id), LK_NL);
	close_all(m, &w, 1);
}

/* A name asked for twice is waited for once, in the supremum, and has two grants. */
Test(batch, merges_duplicates_by_supremum)
{
	for (int a = LK_IS; a < MODES; a++) {
		for (int b = LK_IS; b < MODES; b++) {
			const struct lk_request r[] = { { "n", (lk_mode)a, 0, 0 },
							{ "o", LK_S, 0, 0 },
							{ "n", (lk_mode)b, 0, 1 } };
			struct lk_manager *m = open_manager(NULL);
			struct lk_owner *w;
			lk_grant g[3];

			open_owners(m, &w, 1);
			ok(lk_acquire_many(w, r, 3, NULL, g));
			cr_expect_eq(mode_of(w, "n"), (int)supremum[a][b]);
			ok(lk_release(w, g[0]));
			cr_expect_eq(mode_of(w, "n"), b);
			ok(lk_release(w, g[2]));
			cr_expect_eq(mode_of(w, "n"), LK_NL);
			close_all(m, &w, 1);
		}
	}
}

Test(batch, refused_leaves_nothing_taken)
{
	static const struct lk_request r[] = { { "a", LK_X, 0, 0 },
					       { "b", LK_S, 0, 0 },
					       { "c", LK_X, 0, 0 } };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant out[3] = { 1, 2, 3 };
	lk_grant before;

	open_owners(m, w, 2);
	take(w[1], "c", LK_S);
	before = take(w[0], "b", LK_IS);
	is(lk_acquire_many(w[0], r, 3, &nowait, out), LK_E_BUSY);
	cr_expect_eq(out[0], 1);
	cr_expect_eq(mode_of(w[0], "a"), LK_NL);
	cr_expect_eq(mode_of(w[0], "b"), LK_IS);
	cr_expect_eq(mode_of(w[0], "c"), LK_NL);
	cr_expect_eq(stats_of(m).holds, 2);
	ok(lk_release(w[0], before));
	close_all(m, w, 2);
}

Test(batch, has_one_deadline_and_returns_what_it_took)
{
	static const struct lk_request r[] = { { "b", LK_X, 0, 0 }, { "a", LK_X, 0, 0 } };
	struct lk_options soon = { .size = sizeof(soon), .timeout_ns = 2000000 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	take(w[1], "b", LK_X);
	is(lk_acquire_many(w[0], r, 2, &soon, NULL), LK_E_TIMEDOUT);
	cr_expect_eq(mode_of(w[0], "a"), LK_NL);
	cr_expect_eq(stats_of(m).holds, 1);
	close_all(m, w, 2);
}

Test(batch, refuses_what_is_wrong_before_it_takes_anything)
{
	char longest[LK_NAME_MAX + 2];
	struct lk_options hash = { .size = sizeof(hash), .name_hash = 1 };
	struct lk_request bad[][2] = {
		{ { "a", LK_X, 0, 0 }, { NULL, LK_X, 0, 0 } },
		{ { "a", LK_X, 0, 0 }, { "b", LK_NL, 0, 0 } },
		{ { "a", LK_X, 0, 0 }, { "b", LK_X, 0x40, 0 } },
		{ { "a", LK_X, 0, 0 }, { "b", LK_X, LK_NAME_IS_ID, 7 } },
	};
	struct lk_request names[2] = { { "a", LK_X, 0, 0 }, { "", LK_X, 0, 0 } };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is(lk_acquire_many(w, bad[i], 2, NULL, NULL), LK_E_INVAL);
	is(lk_acquire_many(w, NULL, 1, NULL, NULL), LK_E_INVAL);
	is(lk_acquire_many(NULL, names, 1, NULL, NULL), LK_E_INVAL);
	is(lk_acquire_many(w, names, 1, &hash, NULL), LK_E_INVAL);
	is(lk_acquire_many(w, names, 2, NULL, NULL), LK_E_NAME);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	names[1].name = longest;
	is(lk_acquire_many(w, names, 2, NULL, NULL), LK_E_NAME);
	is(lk_release_many(w, NULL, 1, NULL), LK_E_INVAL);
	cr_expect_eq(stats_of(m).grants, 0);
	close_all(m, &w, 1);
}

Test(batch, release_counts_what_was_held)
{
	static const struct lk_request r[] = { { "a", LK_X, 0, 0 }, { "b", LK_X, 0, 0 } };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g[3];
	size_t released;

	open_owners(m, &w, 1);
	ok(lk_acquire_many(w, r, 2, NULL, g));
	g[2] = g[1];
	is(lk_release_many(w, g, 3, &released), LK_E_STALE);
	cr_expect_eq(released, 2);
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

static void *
die_with_a(void *arg)
{
	ok(lk_acquire(lk_self(arg), "a", LK_X, NULL, NULL));
	return NULL;
}

/* Who gets nothing cannot be told that an owner died: the next one is. */
Test(batch, refused_passes_on_that_an_owner_died)
{
	static const struct lk_request r[] = { { "a", LK_X, 0, 0 }, { "b", LK_X, 0, 0 } };
	struct lk_grant_info info = { .size = sizeof(info) };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g[2];
	pthread_t t;

	open_owners(m, w, 2);
	cr_assert_eq(pthread_create(&t, NULL, die_with_a, m), 0);
	cr_assert_eq(pthread_join(t, NULL), 0);
	g[0] = take(w[1], "b", LK_S);
	is(lk_acquire_many(w[0], r, 2, &nowait, NULL), LK_E_BUSY);
	ok(lk_release(w[1], g[0]));
	ok(lk_acquire_many(w[0], r, 2, NULL, g));
	ok(lk_grant_info(w[0], g[0], &info));
	cr_expect_eq(info.flags, LK_OWNER_DIED);
	close_all(m, w, 2);
}

/* The same of a batch all of whose grants are timed, and that is begun anew as a name comes twice; which counts no grant more. */
Test(batch, begun_anew_passes_on_that_an_owner_died)
{
	static const struct lk_request r[] = { { "a", LK_X, 0, 0 },
					       { "b", LK_X, 0, 0 },
					       { "b", LK_S, 0, 0 } };
	struct lk_grant_info info = { .size = sizeof(info) };
	struct lk_manager *m = open_manager("memory:?sample_every=1");
	struct lk_owner *w;
	lk_grant g[3];
	pthread_t t;

	open_owners(m, &w, 1);
	cr_assert_eq(pthread_create(&t, NULL, die_with_a, m), 0);
	cr_assert_eq(pthread_join(t, NULL), 0);
	ok(lk_release(w, take(w, "b", LK_X)));
	ok(lk_acquire_many(w, r, 3, NULL, g));
	ok(lk_grant_info(w, g[0], &info));
	cr_expect_eq(info.flags & LK_OWNER_DIED, LK_OWNER_DIED);
	cr_expect_eq(stats_of(m).holds, 2);
	close_all(m, &w, 1);
}

/* Many names, some twice, in no order; and again with the n-th allocation failing. */
enum { MANY = 1000 };

static void
ask_for_many(struct lk_request *r, char (*name)[16])
{
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name[i], 16, "key/%d", i * 7919 % 900);
		r[i] = (struct lk_request){ name[i], i % 2 == 0 ? LK_S : LK_U, 0, 0 };
	}
}

Test(batch, of_a_thousand)
{
	static struct lk_request r[MANY];
	static char name[MANY][16];
	static lk_grant g[MANY];
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	ask_for_many(r, name);
	ok(lk_acquire_many(w, r, MANY, NULL, g));
	cr_expect_eq(stats_of(m).holds, 901); /* "key" above them all */
	cr_expect_eq(stats_of(m).grants, MANY);
	ok(lk_release_many(w, g, MANY, NULL));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

Test(batch, without_memory_takes_nothing, .timeout = 60)
{
	static struct lk_request r[MANY];
	static char name[MANY][16];
	int rc = LK_E_NOMEM;

	ask_for_many(r, name);
	for (uint64_t n = 1; rc != 0; n++) {
		struct test_heap heap;
		struct lk_config cfg = LK_CONFIG_INIT;
		struct lk_manager *m;
		struct lk_owner *w;

		test_heap_init(&heap);
		cfg.allocator = &heap.allocator;
		ok(lk_open(NULL, &cfg, &m));
		ok(lk_owner_open(m, NULL, &w));
		test_heap_fail(&heap, n, false);
		rc = lk_acquire_many(w, r, MANY, NULL, NULL);
		test_heap_fail(&heap, 0, false);
		if (rc != 0) {
			is(rc, LK_E_NOMEM);
			cr_expect_eq(stats_of(m).holds, 0);
		}
		ok(lk_owner_close(w));
		ok(lk_close(m));
		cr_expect_eq(atomic_load(&heap.bytes), 0);
	}
}

/* Batches that name the same things in opposite orders: no deadlock, and nobody is let in twice. */
enum { THREADS = 4, NAMES = 6, ROUNDS = 2000 };

struct party {
	struct lk_manager *m;
	unsigned seed;
	long *count; /* of each name; guarded by its lock */
};

static void *
take_batches(void *arg)
{
	static const char *const names[NAMES] = { "a", "b", "c", "d", "e", "f" };
	struct party *p = arg;
	struct lk_owner *w;

	ok(lk_owner_open(p->m, NULL, &w));
	for (int i = 0; i < ROUNDS; i++) {
		struct lk_request r[NAMES];
		lk_grant g[NAMES];
		size_t n = 0;

		for (unsigned k = 0; k < NAMES; k++) {
			unsigned at = (p->seed >> 4) % 2 != 0 ? k : NAMES - 1 - k;

			p->seed = p->seed * 1103515245u + 12345u;
			if ((p->seed >> 16) % 2 != 0)
				r[n++] = (struct lk_request){ names[at], LK_X, 0, 0 };
		}
		ok(lk_acquire_many(w, r, n, NULL, g));
		for (size_t k = 0; k < n; k++)
			p->count[r[k].name[0] - 'a']++;
		ok(lk_release_many(w, g, n, NULL));
	}
	ok(lk_owner_close(w));
	return NULL;
}

Test(batch, opposite_batches_do_not_deadlock, .timeout = 60)
{
	struct lk_manager *m = open_manager(NULL);
	struct party party[THREADS];
	pthread_t thread[THREADS];
	long count[NAMES] = { 0 };
	uint64_t grants;
	long sum = 0;

	for (int i = 0; i < THREADS; i++) {
		party[i] = (struct party){ m, (unsigned)i + 1, count };
		cr_assert_eq(pthread_create(&thread[i], NULL, take_batches, &party[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_join(thread[i], NULL), 0);
	for (int i = 0; i < NAMES; i++)
		sum += count[i];
	grants = stats_of(m).grants;
	cr_expect_eq((uint64_t)sum, grants);
	cr_expect_eq(stats_of(m).holds, 0);
	ok(lk_close(m));
}
