/* SPDX-License-Identifier: MIT */
/* Savepoints: what came after a mark goes, what was there before stays. */
#include "lease_stage.h"

static size_t
roll_back(struct lk_owner *w, lk_mark mark)
{
	size_t released = 77;

	ok(lk_rollback(w, mark, &released));
	return released;
}

static lk_mark
mark(struct lk_owner *w)
{
	const lk_mark now = lk_savepoint(w);

	cr_assert_neq(now, 0);
	return now;
}

Test(savepoint, what_came_later_goes)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_mark at[3];

	open_owners(m, w, 2);
	at[0] = mark(w[0]);
	cr_expect_eq(roll_back(w[0], at[0]), 0);
	(void)take(w[0], "a", LK_X);
	at[1] = mark(w[0]);
	(void)take(w[0], "b/1", LK_X);
	(void)take(w[0], "b/2", LK_S);
	at[2] = mark(w[0]);
	(void)take(w[0], "c", LK_U);
	cr_expect_eq(roll_back(w[0], at[2]), 1);
	cr_expect_eq(roll_back(w[0], at[2]), 0); /* the mark stays good */
	cr_expect_eq(holds(w[0], "c"), LK_NL);
	cr_expect_eq(holds(w[0], "b"), LK_IX);
	(void)take(w[0], "c", LK_U);
	cr_expect_eq(roll_back(w[0], at[1]), 3);
	cr_expect_eq(holds(w[0], "b"), LK_NL);
	cr_expect(is_open_to(w[1], "b", LK_X));
	cr_expect_eq(holds(w[0], "a"), LK_X);
	cr_expect_eq(roll_back(w[0], at[0]), 1);
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, w, 2);
}

Test(savepoint, a_name_held_before_is_weakened_to_what_is_left)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g;
	lk_mark at;

	open_owners(m, w, 2);
	g = take(w[0], "n", LK_S);
	at = mark(w[0]);
	(void)take(w[0], "n", LK_X);
	(void)take(w[0], "n/below", LK_X); /* implied */
	cr_expect_eq(holds(w[0], "n"), LK_X);
	cr_expect_eq(roll_back(w[0], at), 2);
	cr_expect_eq(holds(w[0], "n"), LK_S);
	cr_expect(is_open_to(w[1], "n", LK_S));
	ok(lk_release(w[0], g));
	close_all(m, w, 2);
}

/* What was granted before goes on in the mode it was converted to. */
Test(savepoint, conversions_stay)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[1];
	lk_grant g;
	lk_mark at;

	open_owners(m, w, 1);
	g = take(w[0], "n", LK_S);
	at = mark(w[0]);
	ok(lk_upgrade(w[0], g, NULL));
	cr_expect_eq(roll_back(w[0], at), 0);
	cr_expect_eq(holds(w[0], "n"), LK_X);
	close_all(m, w, 1);
}

Test(savepoint, what_was_handed_over_counts_from_when_it_came)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_mark at[2];
	lk_grant g;

	open_owners(m, w, 2);
	at[0] = mark(w[0]);
	g = take(w[0], "n", LK_X);
	at[1] = mark(w[1]);
	ok(lk_transfer(w[0], g, w[1], &g));
	cr_expect_eq(roll_back(w[0], at[0]), 0);
	at[0] = mark(w[1]);
	cr_expect_eq(roll_back(w[1], at[0]), 0);
	cr_expect_eq(roll_back(w[1], at[1]), 1);
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, w, 2);
}

Test(savepoint, marks_of_others_are_stale)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct lk_owner *again;
	size_t released = 77;
	lk_mark at;

	open_owners(m, w, 2);
	at = mark(w[0]);
	(void)take(w[0], "n", LK_X);
	(void)take(w[1], "other", LK_X);
	is(lk_rollback(w[1], at, &released), LK_E_STALE);
	cr_expect_eq(released, 0);
	is(lk_rollback(w[0], 0, NULL), LK_E_STALE);
	is(lk_rollback(w[0], at ^ UINT64_C(1) << 63, NULL), LK_E_STALE);
	is(lk_rollback(w[0], at + (UINT64_C(1) << 50), NULL), LK_E_STALE); /* not yet */
	is(lk_rollback(NULL, at, NULL), LK_E_INVAL);
	cr_expect_eq(lk_savepoint(NULL), 0);
	ok(lk_owner_close(w[0]));
	is(lk_rollback(w[0], at, NULL), LK_E_STALE);
	cr_expect_eq(lk_savepoint(w[0]), 0);
	ok(lk_owner_open(m, NULL, &again));
	cr_expect_eq(again, w[0], "its memory is used again");
	(void)take(again, "n", LK_X);
	is(lk_rollback(again, at, NULL), LK_E_STALE);
	cr_expect_eq(holds(again, "n"), LK_X);
	close_all(m, (struct lk_owner *[]){ again, w[1] }, 2);
}

/* Stamps are drawn in blocks, from which others draw in between. */
Test(savepoint, over_the_ends_of_blocks)
{
	enum { ROUNDS = 3 * 4096, STEP = 511 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	for (int i = 0; i < ROUNDS; i += STEP) {
		lk_mark at;

		for (int k = 0; k < STEP - 2; k++) {
			g = take(w[0], "x", LK_S);
			ok(lk_release(w[0], g));
			g = take(w[1], "x", LK_S);
			ok(lk_release(w[1], g));
		}
		g = take(w[0], "before", LK_X);
		at = mark(w[0]);
		(void)take(w[0], "after", LK_X);
		cr_assert_eq(roll_back(w[0], at), 1);
		cr_assert_eq(holds(w[0], "before"), LK_X);
		ok(lk_release(w[0], g));
	}
	/* … at each place of one */
	for (int i = 0; i < 4096 + 2; i++) {
		lk_mark at = mark(w[0]);

		(void)take(w[0], "after", LK_X);
		cr_assert_eq(roll_back(w[0], at), 1);
	}
	close_all(m, w, 2);
}

struct order {
	uint64_t last;
	uint64_t n;
};

static int
note_order(void *arg, const struct lk_event *e)
{
	struct order *o = arg;

	if (e->kind != LK_EVENT_RELEASE)
		return 0;
	must(o->n == 0 || e->grant >> 24 < o->last);
	o->last = e->grant >> 24;
	o->n++;
	return 0;
}

/* Few and many, with memory and without: all of them, the newest first. */
static void
release_many(uint64_t n, bool memory)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct order order = { .n = 0 };
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w[1];
	lk_grant g[3];
	lk_mark at;

	test_heap_init(&heap);
	cfg.allocator = &heap.allocator;
	cfg.on_event = note_order;
	cfg.on_event_arg = &order;
	cfg.events = LK_EVENT_RELEASE;
	cfg.event_ring = LK_OFF;
	ok(lk_open(NULL, &cfg, &m));
	open_owners(m, w, 1);
	for (uint64_t i = 0; i < 3; i++)
		ok(lk_acquire_id(w[0], n + i, LK_X, NULL, &g[i]));
	at = mark(w[0]);
	for (uint64_t i = 0; i < n; i++)
		ok(lk_acquire_id(w[0], i * 7919 % n, LK_S, NULL, NULL));
	if (!memory)
		test_heap_fail(&heap, 1, true);
	cr_expect_eq(roll_back(w[0], at), n);
	test_heap_fail(&heap, 0, false);
	cr_expect_eq(order.n, n);
	for (int i = 3; i > 0; i--)
		ok(lk_release(w[0], g[i - 1]));
	close_all(m, w, 1);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

Test(savepoint, the_newest_first)
{
	static const uint64_t numbers[] = { 1, 7, 255, 256, 257, 1000, 5000 };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		release_many(numbers[i], true);
		release_many(numbers[i], false);
	}
}

Test(savepoint, what_was_lost_since_is_said)
{
	struct lease_stage s;
	size_t released;
	lk_grant g[3];
	lk_mark at;

	lease_stage_open(&s, "memory:");
	g[0] = take_leased(s.w[0], "before", LK_X, 1000000);
	at = mark(s.w[0]);
	g[1] = take_leased(s.w[0], "lost", LK_X, 1000000);
	g[2] = take_leased(s.w[0], "kept", LK_X, 5000000);
	(void)take(s.w[0], "plain", LK_X);
	pass(&s, 2000000);
	is(lk_rollback(s.w[0], at, &released), LK_E_LOST);
	cr_expect_eq(released, 2);
	is(lk_release(s.w[0], g[1]), LK_E_STALE); /* that was said */
	is(lk_release(s.w[0], g[0]), LK_E_LOST);  /* … and this was not asked for */
	is(lk_release(s.w[0], g[2]), LK_E_STALE);
	ok(lk_rollback(s.w[0], at, &released));
	cr_expect_eq(released, 0);
	/* by the clock, before anybody has served */
	g[0] = take_leased(s.w[0], "lost", LK_X, 1000000);
	(void)take(s.w[0], "plain", LK_X);
	test_world_advance(&s.world, 2000000);
	is(lk_rollback(s.w[0], at, &released), LK_E_LOST);
	cr_expect_eq(released, 1);
	is(lk_release(s.w[0], g[0]), LK_E_STALE);
	lease_stage_close(&s);
}

/* Of a thousand losses half are later. */
Test(savepoint, many_that_were_lost)
{
	enum { N = 1000 };
	struct lease_stage s;
	struct lk_owner *w;
	lk_grant g[N];
	lk_mark at = 0;

	lease_stage_open(&s, "memory:");
	ok(lk_owner_open(s.m, NULL, &w));
	for (uint64_t i = 0; i < N; i++) {
		const struct lk_options o = { .size = sizeof(o), .lease_ns = 1000000 };

		if (i == N / 2)
			at = mark(w);
		ok(lk_acquire_id(w, i, LK_X, &o, &g[i]));
	}
	pass(&s, 2000000);
	is(lk_rollback(w, at, NULL), LK_E_LOST);
	for (int i = 0; i < N; i++)
		is(lk_release(w, g[i]), i < N / 2 ? LK_E_LOST : LK_E_STALE);
	ok(lk_owner_close(w));
	lease_stage_close(&s);
}

Test(savepoint, in_a_manager_that_was_shut_down)
{
	const struct lk_options soon = { .size = sizeof(soon), .timeout_ns = 1 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[1];
	lk_mark at;
	int rc;

	open_owners(m, w, 1);
	at = mark(w[0]);
	(void)take(w[0], "n", LK_X);
	rc = lk_shutdown(m, &soon);
	cr_assert(rc == 0 || rc == LK_E_TIMEDOUT);
	ok(lk_rollback(w[0], at, NULL));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, w, 1);
}
