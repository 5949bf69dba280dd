/* SPDX-License-Identifier: MIT */
/* The setting `reserve`: memory for so many locks is there when the manager is open. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/resource.h>

#include "support.h"

enum { HELD = 20000 };

/* A grant that is timed has more to remember: it asks for memory, and goes without if there is none. */
#define UNSAMPLED "memory:?sample_every=off&"

struct scene {
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w;
};

/* From the first lock on there is no memory. */
static void
open_short(struct scene *s, const char *url)
{
	test_heap_init(&s->heap);
	s->m = open_with(url, &s->heap, NULL);
	open_owners(s->m, &s->w, 1);
	test_heap_fail(&s->heap, 1, true);
}

static void
close_short(struct scene *s)
{
	test_heap_fail(&s->heap, 0, false);
	close_all(s->m, &s->w, 1);
	cr_expect_eq(atomic_load(&s->heap.blocks), 0);
	cr_expect_eq(atomic_load(&s->heap.bytes), 0);
}

/* Names of as many bytes as stand in an entry. */
static const char *
name_of(uint64_t i)
{
	static char text[32];

	(void)snprintf(text, sizeof(text), "name number %llu", (unsigned long long)i);
	return text;
}

static void
take_all(struct scene *s, uint64_t from, uint64_t n)
{
	for (uint64_t i = from; i < from + n; i++)
		ok(lk_acquire(s->w, name_of(i), LK_X, NULL, NULL));
	cr_expect_eq(stats_of(s->m).holds, n);
}

Test(reserve, so_many_are_held_without_any_memory)
{
	struct scene s;
	uint64_t n;
	int rc;

	open_short(&s, UNSAMPLED "reserve=20000");
	take_all(&s, 0, HELD);
	cr_expect_eq(atomic_load(&s.heap.failures), 0, "memory was asked for");
	for (uint64_t i = 0; i < HELD; i += 7) {
		cr_assert_eq(holds(s.w, name_of(i)), LK_X); /* it is looked for */
		ok(lk_release_name(s.w, name_of(i), strlen(name_of(i))));
		ok(lk_acquire(s.w, name_of(i), LK_S, NULL, NULL));
	}
	for (n = HELD; (rc = lk_acquire(s.w, name_of(n), LK_X, NULL, NULL)) == 0; n++)
		cr_assert_lt(n, 2 * HELD, "the heap does not fail");
	is(rc, LK_E_NOMEM);
	cr_expect_eq(stats_of(s.m).holds, n);
	close_short(&s);
}

/* Other names take the place of those that idle, wherever these are.  (I9) */
Test(reserve, other_names_have_the_memory_of_those_that_idle)
{
	struct scene s;

	open_short(&s, "memory:?reserve=20000&max_idle=off");
	for (uint64_t round = 0; round < 5; round++) {
		take_all(&s, round * HELD, HELD);
		ok(lk_release_all(s.w));
	}
	cr_expect_gt(stats_of(s.m).evicted, 3 * HELD);
	close_short(&s);
}

/* … one after the other, as transactions have them, too. */
Test(reserve, a_name_at_a_time_needs_no_more)
{
	struct scene s;

	open_short(&s, "memory:?reserve=100");
	for (uint64_t i = 0; i < 5 * HELD; i++) {
		lk_grant g;

		ok(lk_acquire(s.w, name_of(i), LK_X, NULL, &g));
		ok(lk_release(s.w, g));
	}
	close_short(&s);
}

/* What is above a name is held with it, and counts. */
Test(reserve, is_for_paths_too)
{
	struct scene s;
	char path[64];

	open_short(&s, UNSAMPLED "reserve=20000");
	for (int i = 0; i < HELD - 101; i++) {
		(void)snprintf(path, sizeof(path), "t/%d/%d", i % 100, i);
		ok(lk_acquire(s.w, path, LK_X, NULL, NULL));
	}
	cr_expect_eq(stats_of(s.m).holds, HELD);
	cr_expect_eq(atomic_load(&s.heap.failures), 0, "memory was asked for");
	close_short(&s);
}

/* Entries are for all owners; but for the slots of holds there is one owner's, and a few. */
Test(reserve, is_for_owners_one_after_the_other)
{
	struct scene s;

	open_short(&s, UNSAMPLED "reserve=20000");
	for (uint64_t round = 0; round < 3; round++) {
		take_all(&s, round * HELD,
			 HELD); /* who comes back to names asks for a table of them */
		ok(lk_owner_close(s.w));
		ok(lk_owner_open(s.m, NULL, &s.w));
	}
	cr_expect_eq(atomic_load(&s.heap.failures), 0, "memory was asked for");
	close_short(&s);
}

Test(reserve, others_get_memory_of_their_own)
{
	struct lk_manager *m = open_manager("memory:?reserve=1000");
	struct lk_owner *w[4];

	open_owners(m, w, 4);
	for (int round = 0; round < 3; round++) {
		for (uint64_t i = 0; i < 4000; i++)
			ok(lk_acquire_id(w[i % 4], i, LK_X, NULL, NULL));
		for (uint64_t i = 0; i < 4000; i++)
			cr_assert_eq(lk_holds_id(w[i % 4], i), LK_X);
		for (int i = 0; i < 4; i++) { /* not in the order in which they were opened */
			const int k = (i + round) % 4;

			ok(lk_owner_close(w[k]));
			ok(lk_owner_open(m, NULL, &w[k]));
		}
	}
	close_all(m, w, 4);
}

/* The index begins with buckets for them, gets none before they are there, and keeps them. */
Test(reserve, the_index_does_not_grow_up_to_there, .timeout = 60)
{
	struct lk_manager *m = open_manager("memory:?reserve=20000&max_idle=1");
	const uint64_t buckets = stats_of(m).buckets;
	struct lk_owner *w;

	cr_expect_ge(buckets, HELD / 2);
	open_owners(m, &w, 1);
	for (uint64_t i = 0; i < HELD; i++)
		ok(lk_acquire_id(w, i, LK_X, NULL, NULL));
	cr_expect_eq(stats_of(m).buckets, buckets);
	for (uint64_t i = HELD; i < 8 * HELD; i++)
		ok(lk_acquire_id(w, i, LK_X, NULL, NULL));
	cr_expect_gt(stats_of(m).buckets, 2 * buckets);
	ok(lk_release_all(w));
	for (uint64_t i = 0; i < 20 * HELD; i++) {
		lk_grant g;

		ok(lk_acquire_id(w, ~i, LK_X, NULL, &g));
		ok(lk_release(w, g));
	}
	cr_expect_eq(stats_of(m).buckets, buckets);
	cr_expect_le(stats_of(m).names, 1 + buckets);
	close_all(m, &w, 1);
}

/* All or nothing, whichever piece is not to be had. */
Test(reserve, open_fails_clean_at_every_piece)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct test_heap heap;
	uint64_t pieces = 0;
	int rc = LK_E_NOMEM;

	cfg.allocator = &heap.allocator;
	cfg.reserve = 3000;
	for (uint64_t n = 1; rc == LK_E_NOMEM; n++) {
		struct lk_manager *m = NULL;

		test_heap_init(&heap);
		test_heap_fail(&heap, n, false);
		rc = lk_open("memory:", &cfg, &m);
		cr_assert_eq(m == NULL, rc != 0);
		if (rc == 0)
			ok(lk_close(m));
		else
			pieces++;
		cr_assert_eq(atomic_load(&heap.blocks), 0);
		cr_assert_eq(atomic_load(&heap.bytes), 0);
	}
	ok(rc);
	cr_expect_ge(pieces,
		     5); /* entries, lines, slots and tables beside what any manager takes */
}

#ifndef LK_SANITIZE /* they want more than any limit for themselves */
/* More than there is: an answer, not a process that is ended. */
Test(reserve, more_than_there_is_is_no_memory)
{
	struct rlimit all, few;
	struct lk_manager *m = NULL;
	int rc;

	cr_assert_eq(getrlimit(RLIMIT_AS, &all), 0);
	few = all;
	few.rlim_cur = UINT64_C(8) << 30;
	cr_assert_eq(setrlimit(RLIMIT_AS, &few), 0);
	rc = lk_open("memory:?reserve=268435456", NULL, &m);
	cr_assert_eq(setrlimit(RLIMIT_AS, &all), 0);
	is(rc, LK_E_NOMEM);
	cr_expect_null(m);
}
#endif

#ifndef LK_SANITIZE /* their own memory has page faults too */
static uint64_t
faults_of(const char *url)
{
	struct lk_manager *m = open_manager(url);
	struct rusage before, after;
	struct lk_owner *w;

	open_owners(m, &w, 1);
	ok(lk_acquire_id(w, UINT64_MAX, LK_X, NULL, NULL)); /* the code is there */
	cr_assert_eq(getrusage(RUSAGE_THREAD, &before), 0);
	for (uint64_t i = 0; i < 10 * HELD; i++)
		ok(lk_acquire_id(w, i, LK_X, NULL, NULL));
	cr_assert_eq(getrusage(RUSAGE_THREAD, &after), 0);
	close_all(m, &w, 1);
	return (uint64_t)(after.ru_minflt - before.ru_minflt);
}

/* What a page fault brings was brought when it was opened. */
Test(reserve, is_touched_already)
{
	const uint64_t with = faults_of("memory:?reserve=200010");
	const uint64_t without = faults_of("memory:");

	cr_expect_lt(with * 4, without, "%d and %d page faults", (int)with, (int)without);
}
#endif

/* What stands in the store is its own affair. */
Test(reserve, is_for_names_of_a_store_too)
{
	struct lk_manager *m = open_manager("test:reserve?reserve=500");
	struct lk_owner *w;

	cr_expect_ge(stats_of(m).buckets, 250);
	open_owners(m, &w, 1);
	for (uint64_t i = 0; i < 500; i++)
		ok(lk_acquire(w, name_of(i), LK_X, NULL, NULL));
	for (uint64_t i = 0; i < 500; i++)
		cr_assert_eq(holds(w, name_of(i)), LK_X);
	close_all(m, &w, 1);
}

Test(reserve, is_said_when_it_is_opened)
{
	struct lk_manager *m = open_manager("memory:?reserve=5");
	char text[64];

	is(lk_config_set(m, "reserve", "10", text, sizeof(text)), LK_E_UNSUPPORTED);
	ok(lk_config_get(m, "reserve", text, sizeof(text)));
	cr_expect_str_eq(text, "5");
	ok(lk_close(m));
	is(lk_open("memory:?reserve=268435457", NULL, &m), LK_E_INVAL);
	is(lk_open("memory:?reserve=off", NULL, &m), LK_E_INVAL);
	is(lk_open("memory:?reserve=-1", NULL, &m), LK_E_INVAL);
	is(lk_open("memory:?reserve=many", NULL, &m), LK_E_INVAL);
}
