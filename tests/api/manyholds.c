/* SPDX-License-Identifier: MIT */
/* Owners with more holds than are looked through: what their plain way meets that is not plain.  (core/many.h) */
#include <pthread.h>
#include <string.h>

#include "support.h"

enum { FEW = 8, HELD = 20, NAMES = 40 };

static const char *
name_of(unsigned i)
{
	static char text[NAMES + 1][16];

	snprintf(text[i], sizeof(text[i]), "name %u", i);
	return text[i];
}

/* The first `n` names. */
static void
take_first(struct lk_owner *w, unsigned n, lk_mode mode, lk_grant *g)
{
	for (unsigned i = 0; i < n; i++)
		g[i] = take(w, name_of(i), mode);
}

/* Whether its hold is in one of the first slots or not, and one of those is free or not. */
Test(manyholds, a_name_is_had_again)
{
	struct lk_manager *m = open_manager(NULL);
	lk_grant g[HELD], again[HELD];
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	take_first(w[0], HELD, LK_X, g);
	take_first(w[0], HELD, LK_X, again);
	cr_expect_eq(stats_of(m).holds, HELD);
	for (unsigned i = 0; i < HELD; i++) {
		ok(lk_release(w[0], i % 2 != 0 ? g[i] : again[i]));
		cr_expect_not(is_open_to(w[1], name_of(i), LK_S), "%s", name_of(i));
		ok(lk_release(w[0], i % 2 != 0 ? again[i] : g[i]));
		cr_expect(is_open_to(w[1], name_of(i), LK_X), "%s", name_of(i));
		is(lk_release(w[0], g[i]), LK_E_STALE);
	}
	close_all(m, w, 2);
}

/* What could be taken twice is not: an owner has one hold on a name, however many grants. */
Test(manyholds, a_shared_name_is_had_again)
{
	struct lk_manager *m = open_manager(NULL);
	lk_grant g[HELD], again[HELD];
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	take_first(w[1], HELD, LK_S, g); /* so that they are there, and idle */
	ok(lk_release_all(w[1]));
	take_first(w[0], HELD, LK_S, g);
	take_first(w[0], HELD, LK_S, again);
	cr_expect_eq(stats_of(m).holds, HELD);
	for (unsigned i = 0; i < HELD; i++) {
		ok(lk_release(w[0], g[i]));
		cr_expect_not(is_open_to(w[1], name_of(i), LK_X), "%s", name_of(i));
		ok(lk_release(w[0], again[i]));
		cr_expect(is_open_to(w[1], name_of(i), LK_X), "%s", name_of(i));
	}
	close_all(m, w, 2);
}

/* Names that are each used once, in batches of 64: the index stays as small as for those who use them one by one. */
Test(manyholds, batches_of_new_names_need_no_large_index)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_request r[64];
	uint64_t id[64], next = 0;
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (unsigned round = 0; round < 3000; round++) {
		for (unsigned i = 0; i < 64; i++) {
			id[i] = next++ * UINT64_C(0x9e3779b97f4a7c15);
			r[i] = (struct lk_request){ .name = (const char *)&id[i],
						    .mode = LK_X,
						    .flags = LK_NAME_IS_ID };
		}
		ok(lk_acquire_many(w, r, 64, NULL, NULL));
		ok(lk_release_all(w));
	}
	cr_expect_le(stats_of(m).buckets, 400); /* 64 to begin with */
	close_all(m, &w, 1);
}

Test(manyholds, others_are_kept_out_and_keep_out)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g[HELD];

	open_owners(m, w, 2);
	take_first(w[0], HELD, LK_X, g);
	ok(lk_acquire(w[1], "other", LK_S, NULL, NULL));
	is(lk_try_acquire(w[0], "other", LK_X, NULL), LK_E_BUSY);
	(void)take(w[0], "other", LK_S);
	for (unsigned i = 0; i < HELD; i++)
		is(lk_try_acquire(w[1], name_of(i), LK_IS, NULL), LK_E_BUSY);
	is(lk_acquire(w[0], "other", (lk_mode)99, NULL, NULL), LK_E_INVAL);
	ok(lk_release_all(w[0]));
	cr_expect_eq(stats_of(m).holds, 1);
	close_all(m, w, 2);
}

/* Fences of one name rise, whichever way its holders went. */
Test(manyholds, fences_rise)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g[HELD];
	uint64_t last = 0;

	open_owners(m, w, 2);
	take_first(w[0], HELD, LK_S, g);
	for (unsigned i = 0; i < 6; i++) {
		struct lk_owner *who = w[i % 2];
		const lk_grant one = take(who, "written", LK_X);
		const uint64_t fence = lk_fence(who, one);

		cr_expect_gt(fence, last, "%u", i);
		last = fence;
		ok(lk_release(who, one));
	}
	close_all(m, w, 2);
}

static void *
die_holding(void *m)
{
	ok(lk_acquire(lk_self(m), name_of(NAMES), LK_X, NULL, NULL));
	return NULL;
}

Test(manyholds, who_comes_after_the_dead_is_told)
{
	struct lk_manager *m = open_manager(NULL);
	lk_grant g[HELD], after;
	struct lk_owner *w;
	pthread_t t;

	open_owners(m, &w, 1);
	take_first(w, HELD, LK_X, g);
	cr_assert_eq(pthread_create(&t, NULL, die_holding, m), 0);
	cr_assert_eq(pthread_join(t, NULL), 0);
	after = take(w, name_of(NAMES), LK_X);
	cr_expect_eq(grant_info(w, after).flags, LK_OWNER_DIED);
	ok(lk_release(w, after));
	after = take(w, name_of(NAMES), LK_X);
	cr_expect_eq(grant_info(w, after).flags, 0, "once");
	close_all(m, &w, 1);
}

/* At random, so that first slots and those beyond are free and taken in all ways. */
Test(manyholds, any_order)
{
	struct lk_manager *m = open_manager("memory:?max_idle=4");
	lk_grant g[NAMES] = { 0 };
	struct lk_owner *w[2];
	uint64_t seed = 9;
	unsigned n = 0;

	open_owners(m, w, 2);
	for (unsigned step = 0; step < 20000; step++) {
		const unsigned i = (unsigned)(test_random(&seed) % NAMES);

		cr_assert_eq(is_open_to(w[1], name_of(i), LK_S), g[i] == 0, "%u", step);
		if (g[i] == 0) {
			g[i] = take(w[0], name_of(i), LK_X);
			n++;
		} else if (n > FEW / 2 || step % 50 < 25) {
			ok(lk_release(w[0], g[i]));
			g[i] = 0;
			n--;
		}
		cr_assert_eq(stats_of(m).holds, n);
	}
	close_all(m, w, 2);
}
