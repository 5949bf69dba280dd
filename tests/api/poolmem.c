/* SPDX-License-Identifier: MIT */
/* Pools of owners without memory, and with owners that linger. */
#include "pool.h"

/* ---------------------------------------------------------------------------- memory */

Test(pool, is_not_opened_without_memory_for_all_that_it_is_to_have)
{
	struct lk_pool_options o = { .size = sizeof(o), .min = 100 };
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_pool *p = NULL;
	uint64_t n = 0;
	int rc;

	test_heap_init(&heap);
	m = open_with(NULL, &heap, NULL);
	do {
		test_heap_fail(&heap, ++n, false);
		rc = lk_pool_open(m, &o, &p);
		test_heap_fail(&heap, 0, false);
		if (rc != 0) {
			is(rc, LK_E_NOMEM);
			cr_expect_null(p);
			ok(lk_close(m)); /* nothing is left of it */
			cr_expect_eq(atomic_load(&heap.blocks), 0);
			m = open_with(NULL, &heap, NULL);
		}
	} while (rc != 0);
	cr_expect_gt(n, 2, "its own memory, and that of owners");
	cr_expect_eq(pool_stats(p).idle, 100);
	close_pool(m, p);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

Test(pool, says_that_there_is_no_memory_for_one_more_owner)
{
	struct lk_owner *w[64];
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_pool *p;
	unsigned n = 0;
	int rc;

	test_heap_init(&heap);
	m = open_with(NULL, &heap, NULL);
	p = open_pool(m, 1, 64);
	test_heap_fail(&heap, 1, true);
	do {
		struct lk_options o = { .size = sizeof(o), .flags = LK_NOWAIT };

		rc = lk_pool_take(p, &o, &w[n]);
		n += rc == 0;
	} while (rc == 0 && n < 64);
	is(rc, LK_E_NOMEM);
	cr_expect_gt(n, 0);
	cr_expect_eq(pool_stats(p).open, n);
	cr_expect_eq(pool_stats(p).taken, n);
	test_heap_fail(&heap, 0, false);
	w[n++] = take_owner(p);
	for (unsigned i = 0; i < n; i++)
		ok(lk_pool_give(p, w[i]));
	close_pool(m, p);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

Test(pool, says_that_there_is_no_memory_to_wait)
{
	struct lk_owner *none = NULL;
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_pool *p;
	struct lk_owner *w;

	test_heap_init(&heap);
	m = open_with(NULL, &heap, NULL);
	p = open_pool(m, 1, 1);
	w = take_owner(p);
	test_heap_fail(&heap, 1, false);
	is(lk_pool_take(p, NULL, &none), LK_E_NOMEM);
	cr_expect_null(none);
	cr_expect_eq(pool_stats(p).waiting, 0);
	cr_expect_eq(pool_stats(p).waits, 0);
	ok(lk_pool_give(p, w));
	close_pool(m, p);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

/* ------------------------------------------------- owners that linger, as something is kept from others */

struct lingering {
	struct test_heap heap;
	struct test_world world;
	struct lk_manager *m;
	struct lk_pool *p;
	struct lk_owner *w;
	struct lk_owner *more[256]; /* whose memory is used up */
	unsigned n;
};

/* A pool of one, whose owner has just lost a grant that is kept from others. */
static void
lingering_open(struct lingering *l)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_options leased = { .size = sizeof(leased), .lease_ns = 100000 };

	memset(l, 0, sizeof(*l));
	test_heap_init(&l->heap);
	test_world_init(&l->world);
	l->world.manual = true;
	cfg.allocator = &l->heap.allocator;
	cfg.environment = &l->world.environment;
	cfg.flags = LK_MANUAL;
	ok(lk_open("memory:?lock_delay_ns=1000000", &cfg, &l->m));
	test_world_advance(&l->world, 1000000);
	l->p = open_pool(l->m, 1, 1);
	l->w = take_owner(l->p);
	ok(lk_acquire(l->w, "n", LK_X, &leased, NULL));
	test_world_advance(&l->world, 100000);
	ok(lk_serve(l->m, NULL));
}

static void
lingering_close(struct lingering *l)
{
	for (unsigned i = 0; i < l->n; i++)
		ok(lk_owner_close(l->more[i]));
	test_world_advance(&l->world, 2000000);
	ok(lk_serve(l->m, NULL));
	close_pool(l->m, l->p);
	cr_expect_eq(atomic_load(&l->heap.blocks), 0);
}

Test(pool, makes_another_owner_for_one_that_lingers)
{
	static struct lingering l;
	struct lk_owner *w;

	lingering_open(&l);
	ok(lk_pool_give(l.p, l.w));
	cr_expect_eq(pool_stats(l.p).open, 0);
	cr_expect_eq(pool_stats(l.p).given_holding, 0, "it was lost, not held");
	w = take_owner(l.p);
	cr_expect_neq(w, l.w);
	cr_expect_eq(pool_stats(l.p).created, 2);
	is(lk_try_acquire(w, "n", LK_S, NULL), LK_E_BUSY);
	is(lk_pool_give(l.p, l.w), LK_E_STALE);
	ok(lk_pool_give(l.p, w));
	lingering_close(&l);
}

Test(pool, makes_one_for_who_waits_when_one_lingers)
{
	static struct lingering l;
	struct taker t;

	lingering_open(&l);
	taker_start(&t, l.p, NULL);
	ok(lk_pool_give(l.p, l.w));
	ok(taker_end(&t));
	cr_expect_neq(t.w, l.w);
	cr_expect_eq(pool_stats(l.p).open, 1);
	ok(lk_pool_give(l.p, t.w));
	lingering_close(&l);
}

Test(pool, says_to_all_who_wait_that_there_is_no_memory_for_another)
{
	static struct lingering l;
	struct taker t[2];

	lingering_open(&l);
	for (int i = 0; i < 2; i++)
		taker_start(&t[i], l.p, NULL);
	test_heap_fail(&l.heap, 1, true);
	while (lk_owner_open(l.m, NULL, &l.more[l.n]) == 0)
		cr_assert_lt(++l.n, countof(l.more));
	ok(lk_pool_give(l.p, l.w));
	for (int i = 0; i < 2; i++)
		is(taker_end(&t[i]), LK_E_NOMEM);
	cr_expect_eq(pool_stats(l.p).waiting, 0);
	cr_expect_eq(pool_stats(l.p).open, 0);
	test_heap_fail(&l.heap, 0, false);
	ok(lk_pool_give(l.p, take_owner(l.p)));
	lingering_close(&l);
}
