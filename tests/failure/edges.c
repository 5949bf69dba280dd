/* SPDX-License-Identifier: MIT */
/* Corners that nothing else comes to: older programs, closed owners, one processor, no memory just then. */
#define _GNU_SOURCE
#include <stddef.h>

#include "../api/support.h"

/* --------------------------------------------------------------------- older programs */

/* A structure that ends earlier is read to its end, not further: what stands behind it is not ours. */
Test(edges, what_stands_behind_a_smaller_structure_is_not_read)
{
	struct lk_options o = { .size = offsetof(struct lk_options, lease_ns), .lease_ns = 77 };
	struct lk_owner_options oo = { .size = offsetof(struct lk_owner_options, deadline_ns),
				       .label = "old",
				       .deadline_ns = 1 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	uint64_t start = test_now();

	ok(lk_owner_open(m, NULL, &w[0]));
	ok(lk_owner_open(m, &oo, &w[1]));
	ok(lk_acquire(w[0], "n", LK_X, &o, NULL));
	o.timeout_ns = 1000000;
	is(lk_acquire(w[1], "n", LK_X, &o, NULL), LK_E_TIMEDOUT);
	cr_expect_ge(test_now() - start, 1000000, "a deadline that it did not have");
	close_all(m, w, 2);
}

Test(edges, what_stands_behind_a_smaller_structure_is_not_written)
{
	struct lk_stats stats = { .size = offsetof(struct lk_stats, owners), .owners = 4711 };
	struct lk_info info = { .size = offsetof(struct lk_info, fence), .fence = 4712 };
	struct lk_grant_info grant = { .size = offsetof(struct lk_grant_info, tag),
				       .tag_len = 4713 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	g = take(w, "n", LK_X);
	ok(lk_stats(m, &stats));
	ok(lk_info(m, "n", 1, &info));
	ok(lk_grant_info(w, g, &grant));
	cr_expect_eq(stats.owners, 4711);
	cr_expect_eq(stats.grants, 1);
	cr_expect_eq(info.fence, 4712);
	cr_expect_eq(info.holders[LK_X], 1);
	cr_expect_eq(grant.tag_len, 4713);
	cr_expect_eq(grant.mode, LK_X);
	close_all(m, &w, 1);
}

/* ------------------------------------------------------------------- wrong and too much */

Test(edges, of_a_closed_owner_nothing_can_be_asked)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	size_t released = 7;
	lk_grant g;

	open_owners(m, &w, 1);
	g = take(w, "n", LK_X);
	ok(lk_owner_close(w));
	is(lk_owner_cancel(w), LK_E_STALE);
	is(lk_release_many(w, &g, 1, &released), LK_E_STALE);
	cr_expect_eq(released, 0);
	cr_expect_eq(lk_fence(w, g), 0);
	is(lk_owner_close(w), LK_E_STALE);
	ok(lk_close(m));
}

Test(edges, what_cannot_be_is_refused_before_anything_is_taken)
{
	struct lk_options hashed = { .size = sizeof(hashed), .name_hash = 5 };
	struct lk_options parents = { .size = sizeof(parents), .flags = LK_PARENTS };
	struct lk_request r = { .name = "n", .mode = LK_X };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	is(lk_acquire_bytes(w, "", 0, LK_X, &hashed, NULL), LK_E_NAME);
	is(lk_acquire_many(w, &r, (size_t)1 << 40, NULL, NULL), LK_E_LIMIT);
	is(lk_acquire_many(w, &r, 1, &hashed, NULL), LK_E_INVAL);
	is(lk_acquire_many(w, NULL, 1, NULL, NULL), LK_E_INVAL);
	is(lk_release_many(w, NULL, 1, NULL), LK_E_INVAL);
	is(lk_release_many(NULL, NULL, 0, NULL), LK_E_INVAL);
	cr_expect_eq(stats_of(m).holds, 0);
	g = take(w, "n", LK_S);
	is(lk_convert(w, g, LK_X, &parents), LK_E_INVAL);
	cr_expect_eq(holds(w, "n"), LK_S);
	close_all(m, &w, 1);
}

/* ---------------------------------------------------------------------- time and end */

Test(edges, a_shutdown_ends_at_its_deadline)
{
	struct lk_options past = { .size = sizeof(past), .deadline_ns = 1 };
	struct lk_options both = { .size = sizeof(both),
				   .timeout_ns = LK_FOREVER - 1,
				   .deadline_ns = 1 };
	const struct lk_options *each[] = { &past, &both };

	for (size_t i = 0; i < countof(each); i++) {
		struct lk_manager *m = open_manager(NULL);
		struct lk_stats stats = { .size = sizeof(stats) };
		struct lk_owner *w;
		lk_grant g;

		open_owners(m, &w, 1);
		g = take(w, "n", LK_S);
		ok(lk_shutdown(m, each[i]));
		cr_expect_eq(stats_of(m).holds, 0);
		is(lk_release(w, g), LK_E_STALE); /* it was released for us */
		ok(lk_owner_stats(w, &stats));
		cr_expect_eq(stats.grants, 1);
		close_all(m, &w, 1);
	}
}

static void *
shut_down(void *arg)
{
	const struct lk_options forever = { .size = sizeof(forever), .timeout_ns = LK_FOREVER };

	must(lk_shutdown(arg, &forever) == 0);
	return NULL;
}

/* While a shutdown waits for us: nothing more is to be had, what we have is ours until we give it back. */
Test(edges, during_a_shutdown_nothing_grows_stronger)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	pthread_t thread;
	lk_grant g;

	open_owners(m, w, 2);
	g = take(w[0], "n", LK_U);
	cr_assert_eq(pthread_create(&thread, NULL, shut_down, m), 0);
	wait_until(lk_try_acquire(w[1], "probe", LK_IS, NULL) == LK_E_CLOSED ||
		   lk_release_all(w[1]) != 0);
	is(lk_upgrade(w[0], g, NULL), LK_E_CLOSED);
	is(lk_can_convert(w[0], g, LK_X), LK_E_CLOSED);
	cr_expect_eq(holds(w[0], "n"), LK_U);
	ok(lk_downgrade(w[0], g));
	ok(lk_release(w[0], g));
	cr_assert_eq(pthread_join(thread, NULL), 0);
	close_all(m, w, 2);
}

Test(edges, of_two_deadlines_the_owner_s_may_be_the_earlier)
{
	struct lk_options late = { .size = sizeof(late), .deadline_ns = UINT64_MAX / 4 };
	struct lk_owner_options early = { .size = sizeof(early), .deadline_ns = 1 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	ok(lk_owner_open(m, NULL, &w[0]));
	ok(lk_owner_open(m, &early, &w[1]));
	take(w[0], "n", LK_X);
	is(lk_acquire(w[1], "n", LK_S, &late, NULL), LK_E_TIMEDOUT);
	close_all(m, w, 2);
}

/* ---------------------------------------------------------------------- one processor */

enum { THREADS = 4, ROUNDS = 2000 };

struct relay {
	struct lk_manager *m;
	uint64_t counter; /* plain: under X */
};

static void
run_relay(void *arg, unsigned index)
{
	struct relay *r = arg;

	(void)index;
	for (int i = 0; i < ROUNDS; i++) {
		struct lk_owner *w = lk_self(r->m);

		must(w != NULL && lk_acquire(w, "n", LK_X, NULL, NULL) == 0);
		r->counter++;
		if (i % 8 == 0)
			sched_yield(); /* so that others come to wait */
		must(lk_release_all(w) == 0);
	}
}

/* Where nobody can make room while we spin, nobody spins. */
Test(edges, on_one_processor_locks_go_round)
{
	struct relay r = { .m = NULL };
	cpu_set_t all, one;
	size_t cpu = 0;

	cr_assert_eq(sched_getaffinity(0, sizeof(all), &all), 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	r.m = open_manager(NULL);
	test_threads(THREADS, run_relay, &r);
	cr_expect_eq(r.counter, THREADS * ROUNDS);
	cr_expect_eq(stats_of(r.m).spun, 0);
	ok(lk_close(r.m));
}

/* ------------------------------------------------------------------- those who died */

static void *
write_and_die(void *arg)
{
	must(lk_acquire(lk_self(arg), "db", LK_X, NULL, NULL) == 0);
	return NULL;
}

static void
let_a_writer_die(struct lk_manager *m)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, write_and_die, m), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert(info_of(m, "db").flags & LK_OWNER_DIED);
}

Test(edges, who_comes_by_handle_is_told_too)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_resource *r;
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	ok(lk_resource_open(m, "db", &r));
	let_a_writer_die(m);
	ok(lk_acquire_on(w, r, LK_X, NULL, &g));
	cr_expect(grant_info(w, g).flags & LK_OWNER_DIED);
	lk_resource_close(r);
	close_all(m, &w, 1);
}

Test(edges, who_held_only_an_intent_is_told_with_the_first_grant)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	let_a_writer_die(m);
	take(w, "db/row", LK_S);
	cr_expect(grant_info(w, take(w, "db", LK_S)).flags & LK_OWNER_DIED);
	cr_expect(!(info_of(m, "db").flags & LK_OWNER_DIED));
	close_all(m, &w, 1);
}

/* The telling needs memory; without it the grant is a grant, and the news waits for the next. */
Test(edges, news_that_cannot_be_told_is_kept_for_the_next)
{
	struct test_heap heap;
	struct lk_resource *r;
	struct lk_manager *m;
	struct lk_owner *w;
	lk_grant g;

	test_heap_init(&heap);
	m = open_with(NULL, &heap, NULL);
	open_owners(m, &w, 1);
	ok(lk_resource_open(m, "db", &r));
	let_a_writer_die(m);
	test_heap_fail(&heap, 1, true);
	ok(lk_acquire_on(w, r, LK_S, NULL, &g));
	if (atomic_load(&heap.failures) > 0)
		cr_expect(info_of(m, "db").flags & LK_OWNER_DIED);
	test_heap_fail(&heap, 0, false);
	ok(lk_release(w, g));
	if (atomic_load(&heap.failures) > 0) {
		ok(lk_acquire_on(w, r, LK_S, NULL, &g));
		cr_expect(grant_info(w, g).flags & LK_OWNER_DIED);
	}
	lk_resource_close(r);
	close_all(m, &w, 1);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

/* ---------------------------------------------------------------- no memory just then */

Test(edges, a_handle_on_a_path_needs_all_of_its_names)
{
	struct test_heap heap;
	uint64_t n = 1;
	int rc;

	do {
		struct lk_resource *r = NULL;
		struct lk_manager *m;
		char name[600];

		memset(name, 'n', sizeof(name));
		name[200] = name[400] = '/';
		test_heap_init(&heap);
		m = open_with("memory:?index_buckets=1", &heap, NULL);
		test_heap_fail(&heap, n++, false);
		rc = lk_resource_open_bytes(m, name, sizeof(name), &r);
		cr_assert(rc == 0 || rc == LK_E_NOMEM);
		cr_assert_eq(r == NULL, rc != 0);
		test_heap_fail(&heap, 0, false);
		lk_resource_close(r);
		ok(lk_sweep(m, NULL));
		cr_expect_eq(stats_of(m).names, 0);
		ok(lk_close(m));
		cr_assert_eq(atomic_load(&heap.blocks), 0);
	} while (rc != 0);
	cr_expect_gt(n, 3);
}

static void *
ask_number(void *arg)
{
	must(lk_acquire_id(arg, 7, LK_X, NULL, NULL) == 0);
	must(lk_release_all(arg) == 0);
	return NULL;
}

struct rows {
	int waiters;
	int numbers;
};

static int
count_row(void *arg, const struct lk_snapshot_row *row)
{
	struct rows *rows = arg;

	rows->waiters += row->wanted != LK_NL;
	rows->numbers += (row->flags & LK_NAME_IS_ID) != 0;
	return 0;
}

/* A view of those who wait for a number: all of it, or a clear no. */
Test(edges, a_view_of_those_who_wait_needs_memory)
{
	enum { WAITERS = 12 };
	struct lk_owner *w[WAITERS + 1];
	pthread_t threads[WAITERS];
	struct test_heap heap;
	struct lk_manager *m;
	struct rows rows;
	uint64_t n = 1;
	int rc;

	test_heap_init(&heap);
	m = open_with("memory:?lot_buckets=1", &heap, NULL);
	open_owners(m, w, WAITERS + 1);
	ok(lk_acquire_id(w[WAITERS], 7, LK_X, NULL, NULL));
	for (int i = 0; i < WAITERS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, ask_number, w[i]), 0);
	wait_until(stats_of(m).waiting == WAITERS);
	do {
		rows = (struct rows){ 0, 0 };
		test_heap_fail(&heap, n++, false);
		rc = lk_snapshot(m, count_row, &rows);
		test_heap_fail(&heap, 0, false);
		cr_assert(rc == 0 || (rc == LK_E_NOMEM && rows.waiters == 0));
	} while (rc != 0);
	cr_expect_gt(n, 2);
	cr_expect_eq(rows.waiters, WAITERS);
	cr_expect_eq(rows.numbers, WAITERS + 1);
	ok(lk_release_all(w[WAITERS]));
	for (int i = 0; i < WAITERS; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	close_all(m, w, WAITERS + 1);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}
