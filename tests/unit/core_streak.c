/* SPDX-License-Identifier: MIT */
/* Who goes on in streaks beside owners with few holds: owners with many, and batches.  (I8) */
#include "../api/support.h"

#include "core/manager.h"

enum { WARM = 8192, NEW = 4096, BATCH = 64 };

static uint64_t next_id;

/* A full index, of buckets enough that what one owner holds is in few of them, and an owner that finds names new. */
static struct lk_manager *
begin(struct lk_owner **w, const char *url)
{
	struct lk_manager *m = open_manager(url);

	open_owners(m, w, 1);
	for (unsigned i = 0; i < WARM; i++) {
		ok(lk_acquire_id(*w, next_id++, LK_X, NULL, NULL));
		ok(lk_release_all(*w));
	}
	return m;
}

static uint64_t
replaced(const struct lk_owner *w)
{
	return shim_load(&w->cache.replaced, SHIM_RELAXED);
}

static void
hold(struct lk_owner *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		ok(lk_acquire_id(w, next_id++, LK_X, NULL, NULL));
}

static void
take_batch(struct lk_owner *w, unsigned n, lk_grant *g)
{
	struct lk_request r[BATCH];
	uint64_t id[BATCH];

	for (unsigned i = 0; i < n; i++) {
		id[i] = next_id++;
		r[i] = (struct lk_request){ (const char *)&id[i], i % 2 == 0 ? LK_X : LK_S,
					    LK_NAME_IS_ID, 0 };
	}
	ok(lk_acquire_many(w, r, n, NULL, g));
}

#define ROOMY "memory:?index_buckets=1024&max_idle=4096"

Test(core_streak, owners_with_many_holds)
{
	struct lk_owner *w;
	struct lk_manager *m = begin(&w, ROOMY "&sample_every=off");
	uint64_t before;

	hold(w, 2 * SLOTS_INLINE);
	before = replaced(w);
	for (unsigned i = 0; i < NEW; i++) {
		lk_grant g;

		ok(lk_acquire_id(w, next_id++, LK_X, NULL, &g));
		ok(lk_release(w, g));
	}
	cr_expect_gt(replaced(w) - before, NEW * 3 / 4);
	close_all(m, &w, 1);
}

static void
expect_batches(unsigned n, unsigned held, const char *url, unsigned percent)
{
	struct lk_owner *w;
	struct lk_manager *m = begin(&w, url);
	const uint64_t before = replaced(w);
	lk_grant g[BATCH];

	hold(w, held);
	for (unsigned i = 0; i < NEW / n; i++) {
		take_batch(w, n, g);
		cr_assert_eq(stats_of(m).holds, held + n);
		ok(lk_release_many(w, g, n, NULL));
	}
	cr_expect_gt((replaced(w) - before) * 100, (uint64_t)NEW / n * n * percent,
		     "%u of %u, beside %u", n, NEW, held);
	close_all(m, &w, 1);
}

Test(core_streak, batches)
{
	expect_batches(1, 0, ROOMY "&sample_every=off", 75);
	expect_batches(8, 0, ROOMY "&sample_every=off", 75);
	expect_batches(64, 0, ROOMY "&sample_every=off", 75);
	expect_batches(64, 5, ROOMY "&sample_every=off", 75);
	expect_batches(8, 30, ROOMY "&sample_every=off", 75);
}

/* Of two batches one has a grant that will be timed: only that one is not made in a streak. */
Test(core_streak, batches_of_which_a_grant_is_timed)
{
	expect_batches(64, 0, ROOMY "&sample_every=128", 70);
}
