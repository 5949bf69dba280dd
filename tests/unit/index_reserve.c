/* SPDX-License-Identifier: MIT */
/* An index that was told how many names will be held, and what happens in any when memory is short.  (I9) */
#include "index_stage.h"

#include "wait/line.h"

enum { HELD = 16384, IDLE_ALL = 0xffffffff }; /* as many as their buckets are meant for */

static enum index_outcome
enter(uint64_t number, struct lk_resource **r)
{
	struct name n = number_name(&number);

	return index_enter(&idx, &cache, &n, LK_X, true, r);
}

static void
drop(struct lk_resource *r)
{
	cr_assert(line_exit(r, LK_X, &(uint64_t){ 0 }));
}

static uint32_t
buckets(void)
{
	return (uint32_t)shim_load(&idx.shape, SHIM_RELAXED);
}

static void
start_ready(void)
{
	start(index_buckets_for(HELD), IDLE_ALL);
	cr_assert(index_reserve(&idx, HELD));
	test_heap_fail(&heap, 1, true);
}

Test(index_reserve, entries_and_lines_are_there)
{
	static struct lk_resource *held[HELD];

	start_ready();
	for (uint64_t i = 0; i < HELD; i++)
		cr_assert_eq(enter(i, &held[i]), INDEX_HELD);
	cr_expect_eq(atomic_load(&heap.failures), 0, "memory was asked for");
	cr_expect_eq(buckets(), HELD / HELD_EACH);
	for (uint64_t i = 0; i < HELD; i++) {
		struct name n = number_name(&i);

		cr_assert_eq(index_pin(&idx, &n), held[i]);
	}
	test_heap_fail(&heap, 0, false);
	finish();
}

/* Entries that others have spare are theirs: all that idles goes first, and then there are no more. */
Test(index_reserve, whatever_idles_makes_way)
{
	struct lk_resource *r, *idle[100];
	uint64_t n = 0;

	start_ready();
	for (uint64_t i = 0; i < countof(idle); i++)
		cr_assert_eq(enter(i, &idle[i]), INDEX_HELD);
	for (uint64_t i = 0; i < countof(idle); i++)
		drop(idle[i]);
	while (enter(countof(idle) + n, &r) == INDEX_HELD)
		n++;
	cr_expect_ge(n, HELD);
	cr_expect_eq(cache_evicted(&cache), countof(idle));
	cr_expect_eq(cache_created(&cache), n + countof(idle));
	cr_expect_null(r);
	test_heap_fail(&heap, 0, false);
	cr_expect_eq(enter(countof(idle) + n, &r), INDEX_HELD, "it does not recover");
	finish();
}

/* Whoever has latched the bucket of what idles may be about to use it: nobody waits for that with a request under way. */
Test(index_reserve, a_latched_bucket_is_not_waited_for)
{
	struct lk_resource *idle, *r;
	struct name first;
	uint64_t n = 0;

	start_ready();
	cr_assert_eq(enter(n, &idle), INDEX_HELD);
	first = number_name(&n);
	while (enter(++n, &r) == INDEX_HELD)
		cr_assert_lt(n, 2 * HELD);
	drop(idle);
	latch_lock(&index_locate(&idx, first.hash)->latch);
	if (index_locate(&idx, number_name(&n).hash) != index_locate(&idx, first.hash))
		cr_expect_eq(enter(n, &r), INDEX_NOMEM);
	latch_unlock(&index_locate(&idx, first.hash)->latch);
	cr_expect_eq(enter(n, &r), INDEX_HELD);
	test_heap_fail(&heap, 0, false);
	finish();
}

/* … and comes back to that, and no further.  (I6) */
Test(index_reserve, grows_beyond_what_was_said)
{
	uint32_t ready;

	start(index_buckets_for(HELD), 1);
	cr_assert(index_reserve(&idx, HELD));
	ready = buckets();
	for (uint64_t i = 0; i < 6 * HELD; i++)
		cr_assert_eq(enter(i, &(struct lk_resource *){ NULL }), INDEX_HELD);
	cr_expect_gt(buckets(), ready * 3 / 2);
	while (index_can_shrink(&idx)) {
		const uint32_t before = buckets();

		index_try_shrink(&idx);
		cr_assert_eq(buckets(), before - 1);
	}
	cr_expect_eq(buckets(), ready);
	finish();
}
