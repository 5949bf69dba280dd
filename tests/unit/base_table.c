/* SPDX-License-Identifier: MIT */
/* The table of marks: a mark only grows, whoever raises it, and the table grows with the names. */
#include "harness.h"

#include "base/hash.h"
#include "base/table.h"

static struct test_heap heap;
static struct env env;
static struct table *table;

static void
set_up(void)
{
	test_heap_init(&heap);
	env_init(&env, &heap.allocator, NULL);
	table = table_create(&env);
	cr_assert_not_null(table);
}

static void
tear_down(void)
{
	table_destroy(table);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
	cr_expect_eq(shim_load(&env.bytes, SHIM_RELAXED), 0);
}

#define TableTest(name) Test(table, name, .init = set_up, .fini = tear_down)

static enum table_outcome
raise_bytes(const void *name, size_t len, uint64_t mark)
{
	return table_raise(table, name, len, hash_bytes(name, len, 1), mark);
}

static enum table_outcome
raise_to(const char *name, uint64_t mark)
{
	return raise_bytes(name, strlen(name), mark);
}

static enum table_outcome
raise_number(uint64_t number, uint64_t mark)
{
	return raise_bytes(&number, sizeof(number), mark);
}

/* (T1) */
TableTest(a_mark_only_grows)
{
	static const struct {
		uint64_t mark;
		enum table_outcome outcome;
	} steps[] = {
		{ 5, TABLE_RAISED },          { 5, TABLE_RAISED },          { 4, TABLE_BELOW },
		{ 0, TABLE_BELOW },           { 6, TABLE_RAISED },          { 5, TABLE_BELOW },
		{ UINT64_MAX, TABLE_RAISED }, { UINT64_MAX, TABLE_RAISED }, { 7, TABLE_BELOW },
	};

	for (size_t i = 0; i < countof(steps); i++)
		cr_expect_eq(raise_to("name", steps[i].mark), steps[i].outcome, "step %zu", i);
}

TableTest(the_first_mark_may_be_zero)
{
	cr_expect_eq(raise_to("name", 0), TABLE_RAISED);
	cr_expect_eq(raise_to("name", 0), TABLE_RAISED);
	cr_expect_eq(raise_to("name", 1), TABLE_RAISED);
	cr_expect_eq(raise_to("name", 0), TABLE_BELOW);
}

/* Bytes and length, not the hash, say which name it is. */
TableTest(names_with_one_hash_are_different)
{
	static const char name[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

	for (size_t len = 1; len < sizeof(name); len++)
		cr_expect_eq(table_raise(table, name, len, 99, 100 + len), TABLE_RAISED);
	for (size_t len = 1; len < sizeof(name); len++) {
		cr_expect_eq(table_raise(table, name, len, 99, 99 + len), TABLE_BELOW);
		cr_expect_eq(table_raise(table, name, len, 99, 100 + len), TABLE_RAISED);
	}
	cr_expect_eq(table_raise(table, "b", 1, 99, 1), TABLE_RAISED);
}

TableTest(names_may_have_any_bytes)
{
	static const char zeros[4096];

	cr_expect_eq(raise_bytes(zeros, 1, 9), TABLE_RAISED);
	cr_expect_eq(raise_bytes(zeros, sizeof(zeros), 3), TABLE_RAISED);
	cr_expect_eq(raise_bytes("\0a", 2, 5), TABLE_RAISED);
	cr_expect_eq(raise_bytes("\0b", 2, 4), TABLE_RAISED);
	cr_expect_eq(raise_bytes(zeros, sizeof(zeros), 2), TABLE_BELOW);
	cr_expect_eq(raise_bytes("\0a", 2, 4), TABLE_BELOW);
}

/* Far past where it begins; it grows, and loses nothing. */
TableTest(grows)
{
	enum { NAMES = 100000 };

	for (uint64_t i = 0; i < NAMES; i++) {
		cr_assert_eq(raise_number(i, i + 10), TABLE_RAISED);
		cr_assert_eq(raise_number(i / 2, i / 2 + 9), TABLE_BELOW);
	}
	for (uint64_t i = 0; i < NAMES; i++) {
		cr_assert_eq(raise_number(i, i + 9), TABLE_BELOW);
		cr_assert_eq(raise_number(i, i + 10), TABLE_RAISED);
	}
	cr_expect_eq(shim_load(&env.bytes, SHIM_RELAXED), atomic_load(&heap.bytes));
	cr_expect_gt(atomic_load(&heap.blocks), NAMES + 1, "it never grew");
	cr_expect_lt(atomic_load(&heap.bytes), NAMES * 64u, "what it grew out of is still there");
}

/* ------------------------------------------------------------------- no memory */

Test(table, create_without_memory)
{
	test_heap_init(&heap);
	env_init(&env, &heap.allocator, NULL);
	test_heap_fail(&heap, 1, true);
	cr_expect_null(table_create(&env));
	table_destroy(NULL);
	cr_expect_eq(atomic_load(&heap.failures), 1);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

/* (T2) */
TableTest(raise_without_memory)
{
	cr_expect_eq(raise_to("old", 3), TABLE_RAISED);
	test_heap_fail(&heap, 1, true);
	cr_expect_eq(raise_to("new", 9), TABLE_NOMEM);
	/* What is there already needs none. */
	cr_expect_eq(raise_to("old", 5), TABLE_RAISED);
	cr_expect_eq(raise_to("old", 4), TABLE_BELOW);
	test_heap_fail(&heap, 0, false);
	cr_expect_eq(raise_to("new", 1), TABLE_RAISED, "the failure left nothing behind");
}

/* Names enough for every part of the table to grow several times. */
enum { SOME = 400 };

/* Raised, or else refused for want of memory, with nothing taken. */
static bool
raise_or_refuse(uint64_t number)
{
	uint64_t blocks = atomic_load(&heap.blocks);
	uint64_t bytes = atomic_load(&heap.bytes);
	uint64_t failures = atomic_load(&heap.failures);

	switch (raise_number(number, number + 10)) {
	case TABLE_RAISED:
		return true;
	case TABLE_NOMEM:
		cr_assert_eq(atomic_load(&heap.failures), failures + 1, "refused with memory");
		cr_assert_eq(atomic_load(&heap.blocks), blocks);
		cr_assert_eq(atomic_load(&heap.bytes), bytes);
		return false;
	case TABLE_BELOW:
		break;
	}
	cr_assert(false, "below a mark that nobody raised");
	return false;
}

static void
check_some(void)
{
	for (uint64_t i = 0; i < SOME; i++) {
		cr_assert_eq(raise_number(i, i + 9), TABLE_BELOW);
		cr_assert_eq(raise_number(i, i + 10), TABLE_RAISED);
	}
}

/* The n-th call of the allocator fails, for every n until it is not called so often.  (T1, T2) */
Test(table, any_call_of_the_allocator_may_fail, .timeout = 60)
{
	uint64_t refusals = 0; /* of new names */
	uint64_t passed = 0;   /* failures that a new name survived: the table did not grow then */
	bool hit = true;

	for (uint64_t nth = 1; hit; nth++) {
		set_up();
		test_heap_fail(&heap, nth, false);
		for (uint64_t i = 0; i < SOME; i++) {
			bool raised = raise_or_refuse(i);

			refusals += !raised;
			cr_assert(raised || raise_or_refuse(i), "refused twice");
		}
		hit = atomic_load(&heap.failures) > 0;
		passed += hit;
		check_some();
		tear_down();
	}
	cr_expect_eq(refusals, SOME, "once for each name");
	cr_expect_gt(passed, refusals, "it never failed while growing");
}

/* From the n-th call on there is no more: what has passed stays, nothing else gets in.  (T2) */
Test(table, memory_may_end_anywhere, .timeout = 60)
{
	for (uint64_t nth = 1; nth < SOME; nth += 7) {
		uint64_t n = 0;

		set_up();
		test_heap_fail(&heap, nth, true);
		while (n < SOME && raise_or_refuse(n))
			n++;
		cr_assert_lt(n, nth);
		for (uint64_t i = 0; i < SOME; i++) {
			cr_assert_eq(raise_or_refuse(i), i < n);
			cr_assert_eq(raise_number(i, 0), i < n ? TABLE_BELOW : TABLE_NOMEM);
		}
		test_heap_fail(&heap, 0, false);
		for (uint64_t i = n; i < SOME; i++)
			cr_assert_eq(raise_number(i, i + 10), TABLE_RAISED);
		check_some();
		tear_down();
	}
}

/* --------------------------------------------------------------------- threads */

enum { THREADS = 4, NAMES = 150, ROUNDS = 8000 };

/* It has taken what it takes when one thread alone raises so many. */
static void
check_memory_of(uint64_t n)
{
	struct test_heap alone;
	struct env other;
	struct table *t;

	test_heap_init(&alone);
	env_init(&other, &alone.allocator, NULL);
	t = table_create(&other);
	cr_assert_not_null(t);
	for (uint64_t i = 0; i < n; i++)
		cr_assert_eq(table_raise(t, &i, sizeof(i), hash_bytes(&i, sizeof(i), 1), 1),
			     TABLE_RAISED);
	cr_expect_eq(atomic_load(&heap.blocks), atomic_load(&alone.blocks));
	cr_expect_eq(atomic_load(&heap.bytes), atomic_load(&alone.bytes));
	table_destroy(t);
	cr_expect_eq(atomic_load(&alone.blocks), 0);
}

struct race {
	_Atomic uint64_t asked[NAMES];  /* the highest mark that anybody asked for */
	_Atomic uint64_t raised[NAMES]; /* the highest one whose raising has come back */
};

static void
keep_highest(_Atomic uint64_t *x, uint64_t mark)
{
	uint64_t seen = atomic_load(x);

	while (seen < mark && !atomic_compare_exchange_weak(x, &seen, mark))
		;
}

static void
raise_one(struct race *r, unsigned name, uint64_t mark)
{
	uint64_t raised = atomic_load(&r->raised[name]);

	keep_highest(&r->asked[name], mark);
	if (raise_number(name, mark) == TABLE_RAISED) {
		cr_expect_ge(mark, raised, "a larger one had passed before");
		keep_highest(&r->raised[name], mark);
	} else {
		cr_expect_lt(mark, atomic_load(&r->asked[name]), "refused for nothing");
	}
}

static void
raise_many(void *arg, unsigned index)
{
	uint64_t seed = index;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t x = test_random(&seed);

		raise_one(arg, (unsigned)(x % NAMES), (x >> 32) % 1000000);
	}
}

/* (T1); all threads meet the names in another order, when the table is small and while it grows. */
TableTest(threads_raise_the_same_names)
{
	static struct race race;

	test_threads(THREADS, raise_many, &race);
	for (unsigned name = 0; name < NAMES; name++) {
		uint64_t highest = atomic_load(&race.asked[name]);

		cr_expect_eq(atomic_load(&race.raised[name]), highest);
		cr_expect_eq(raise_number(name, highest - 1), TABLE_BELOW);
		cr_expect_eq(raise_number(name, highest), TABLE_RAISED);
	}
	check_memory_of(NAMES);
}

/* Each has names of its own, and meets the table while others make it grow. */
enum { EACH = 30000 };

static void
raise_own(void *arg, unsigned index)
{
	(void)arg;
	for (uint64_t i = 0; i < EACH; i++) {
		uint64_t number = i * THREADS + index;

		cr_expect(raise_number(number, i + 1) == TABLE_RAISED);
		cr_expect(raise_number(number, i) == TABLE_BELOW);
	}
}

TableTest(threads_make_it_grow)
{
	test_threads(THREADS, raise_own, NULL);
	for (uint64_t number = 0; number < EACH * THREADS; number++) {
		cr_assert_eq(raise_number(number, number / THREADS), TABLE_BELOW);
		cr_assert_eq(raise_number(number, number / THREADS + 1), TABLE_RAISED);
	}
	check_memory_of(EACH * THREADS);
}

/* Memory fails for whoever comes just then; refused names are raised again later.  (T2) */
static void
raise_short_of_memory(void *arg, unsigned index)
{
	_Atomic uint64_t *raised = arg;

	for (uint64_t i = 0; i < EACH; i++) {
		uint64_t number = (i + index * 7) % EACH;
		enum table_outcome outcome;

		if (i % 64 == 0)
			test_heap_fail(&heap, 1 + i % 5, false);
		outcome = raise_number(number, i + 1);
		cr_expect(outcome != TABLE_NOMEM || atomic_load(&heap.failures) > 0);
		if (outcome == TABLE_RAISED)
			keep_highest(&raised[number], i + 1);
	}
}

TableTest(threads_short_of_memory_lose_nothing)
{
	static _Atomic uint64_t raised[EACH]; /* the highest that was not refused; 0: none */

	test_threads(THREADS, raise_short_of_memory, raised);
	test_heap_fail(&heap, 0, false);
	cr_expect_gt(atomic_load(&heap.failures), 0);
	for (uint64_t number = 0; number < EACH; number++) {
		uint64_t highest = atomic_load(&raised[number]);

		if (highest > 0)
			cr_assert_eq(raise_number(number, highest - 1), TABLE_BELOW);
		cr_assert_eq(raise_number(number, highest), TABLE_RAISED);
	}
	check_memory_of(EACH);
}
