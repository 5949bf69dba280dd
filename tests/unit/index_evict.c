/* SPDX-License-Identifier: MIT */
/* How keenly an index user looks for entries that idle.  (I5) */
#include "index_stage.h"

#include "wait/line.h"

enum { LOTS = 20000 };

/* The entry of a number that has none yet, held. */
static struct lk_resource *
take(uint64_t number)
{
	struct lk_resource *r;
	struct name n;

	name_set_id(&n, &number, SEED);
	cr_assert_eq(index_enter(&idx, &cache, &n, LK_X, true, &r), INDEX_HELD);
	return r;
}

static void
drop(struct lk_resource *r)
{
	cr_assert(line_exit(r, LK_X, &(uint64_t){ 0 }));
}

/* Where all is held, few insertions look for what idles; from the first that finds some on, or soon after the tour did, all do. */
Test(evict, looks_in_vain_are_few)
{
	static struct lk_resource *held[LOTS];
	uint64_t until = 0;

	start(64, 1);
	for (uint64_t i = 0; i < LOTS; i++)
		held[i] = take(i);
	cr_expect_eq(cache.vain_looks, LOOKS_IN_VAIN + LOOK_DOUBLINGS);
	cache.look_skip = LOOK_SKIP_MAX;
	for (uint64_t i = 0; i < LOTS; i++)
		drop(held[i]);
	while (cache.vain_looks != 0)
		drop(take(LOTS + until++));
	cr_expect_le(until, TOUR_SKIP_MAX + 2, "%u", (unsigned)until);
	for (uint64_t i = 0; i < 1000; i++) {
		drop(take(LOTS + until + i));
		cr_assert_eq(cache.look_skip, 0);
	}
	finish();
}

/* An empty bucket was not looked at: who passes from one to the next misses nothing that idles elsewhere. */
Test(evict, empty_buckets_are_no_looks_in_vain)
{
	start(1024, 1);
	for (uint64_t i = 0; i < LOOKS_IN_VAIN; i++) {
		struct lk_resource *r = take(i);

		cr_expect_eq(cache.vain_looks, 0, "%u", (unsigned)i);
		drop(r);
	}
	finish();
}
