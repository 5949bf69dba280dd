/* SPDX-License-Identifier: MIT */
/* The slab: what its memory is when it is new, free and used again. */
#include "harness.h"

#include <stdlib.h>

#include "base/slab.h"

enum { SIZE = 192, LINK = 64, MANY = 1000 }; /* of an object; MANY are some chunks */

static struct test_heap heap;
static struct env env;
static struct slab slab;
static int home;

static void
set_up(void)
{
	test_heap_init(&heap);
	env_init(&env, &heap.allocator, NULL);
	slab_init(&slab, &env, &home, SIZE, LINK);
}

static void
tear_down(void)
{
	slab_fini(&slab);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
	cr_expect_eq(shim_load(&env.bytes, SHIM_RELAXED), 0);
}

#define SlabTest(name) Test(slab, name, .init = set_up, .fini = tear_down)

static bool
is_all(const unsigned char *p, size_t n, unsigned char c)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != c)
			return false;
	}
	return true;
}

/* What was put into an object before it was freed, but for the link. */
static bool
kept(const unsigned char *p, unsigned char c)
{
	return is_all(p, LINK, c) && is_all(p + LINK + 8, SIZE - LINK - 8, c);
}

SlabTest(asks_for_nothing_before_it_is_used)
{
	cr_expect_eq(atomic_load(&heap.calls), 0);
}

/* (S3); the heap hands out memory that is not zero. */
SlabTest(new_objects_are_zero)
{
	for (int i = 0; i < MANY; i++) {
		unsigned char *p = slab_get(&slab);

		cr_assert_not_null(p);
		cr_assert(is_all(p, SIZE, 0), "object %d", i);
		memset(p, 0xee, SIZE); /* and remain so when their neighbours are used */
	}
	cr_expect_gt(atomic_load(&heap.blocks), 2);
}

/* (S1, S2) */
SlabTest(only_the_link_of_a_free_object_is_written)
{
	unsigned char *p[64];

	for (unsigned i = 0; i < countof(p); i++) {
		p[i] = slab_get(&slab);
		memset(p[i], (int)i + 1, SIZE);
	}
	for (unsigned i = 0; i < countof(p); i++)
		slab_put(&slab, p[i]);
	for (unsigned i = 0; i < countof(p); i++)
		cr_expect(kept(p[i], (unsigned char)(i + 1)), "free object %u", i);
	for (unsigned i = 0; i < countof(p); i++) {
		unsigned char *again = slab_get(&slab);
		unsigned j = 0;

		while (j < countof(p) && p[j] != again)
			j++;
		cr_assert_lt(j, countof(p), "a new object, though there were free ones");
		cr_expect(kept(again, (unsigned char)(j + 1)), "object %u used again", j);
		p[j] = NULL;
	}
	cr_expect_eq(atomic_load(&heap.calls), 1);
}

SlabTest(objects_know_their_home)
{
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(slab_home(slab_get(&slab)), (void *)&home);
}

/* Lines of memory begin at lines, whatever their size in lines. */
SlabTest(objects_are_aligned_and_apart)
{
	static char *p[MANY];

	cr_assert_eq(slab_get_many(&slab, (void **)p, MANY), MANY);
	for (int i = 0; i < MANY; i++) {
		cr_expect_eq((uintptr_t)p[i] % 64, 0);
		for (int j = 0; j < i; j++)
			cr_assert(p[i] + SIZE <= p[j] || p[j] + SIZE <= p[i], "%d, %d", i, j);
	}
}

/* (S6) What large objects leave over of a chunk lies before them: their first and that of small ones are at other places of a page. */
SlabTest(large_objects_begin_elsewhere)
{
	enum { LARGE = 35 * LK_LINE };
	struct slab large;
	const char *first;
	const char *last;

	slab_init(&large, &env, &home, LARGE, 0);
	first = last = slab_get(&large);
	for (unsigned i = 1; i < large.per_chunk; i++)
		last = slab_get(&large);
	cr_expect_eq((uintptr_t)(last + LARGE) % SLAB_ALIGN, SLAB_CHUNK % SLAB_ALIGN);
	cr_expect_eq(last - first, (ptrdiff_t)(large.per_chunk - 1) * LARGE);
	cr_expect_neq((uintptr_t)first % SLAB_PAGE, (uintptr_t)slab_get(&slab) % SLAB_PAGE);
	slab_fini(&large);
}

SlabTest(many_at_once)
{
	static void *p[MANY];
	static void *again[MANY];
	uint64_t calls;

	cr_expect_eq(slab_get_many(&slab, p, 0), 0);
	cr_assert_eq(slab_get_many(&slab, p, MANY), MANY);
	calls = atomic_load(&heap.calls);
	slab_put_many(&slab, p, MANY);
	cr_assert_eq(slab_get_many(&slab, again, MANY), MANY);
	cr_expect_eq(atomic_load(&heap.calls), calls, "the same memory serves again");
	cr_assert_not_null(slab_get(&slab));
}

static uintptr_t
page_of(const void *p)
{
	return (uintptr_t)p / SLAB_PAGE;
}

/* (S4) side by side, new, and none begins on another page; the next one is another's. */
SlabTest(runs_stay_on_a_page)
{
	enum { RUN = 9 };
	const char *end = NULL;
	unsigned cut = 0; /* runs that a page ended */

	for (unsigned i = 0; i < MANY; i++) {
		void *run = NULL;
		unsigned n = slab_get_run(&slab, &run, RUN);
		const char *last = (const char *)run + (n - 1) * (size_t)SIZE;

		cr_assert(n >= 1 && n <= RUN, "%u", n);
		cr_assert_eq(page_of(run), page_of(last));
		cr_assert(n == RUN || page_of(last + SIZE) != page_of(run) ||
			  slab.fresh == 0); /* else it could have been longer */
		cr_assert(is_all(run, n * (size_t)SIZE, 0));
		cr_assert(end == NULL || page_of(run) / 16 != page_of(end) / 16 ||
			  run == (const void *)end); /* nothing of a chunk is lost */
		memset(run, 0xee, n * (size_t)SIZE);
		end = last + SIZE;
		cut += n < RUN;
	}
	cr_expect_gt(cut, MANY / 8);
}

/* What was given back serves again before there is a run. */
SlabTest(no_run_while_there_are_free_objects)
{
	void *p[2];
	void *run = NULL;

	cr_assert_eq(slab_get_many(&slab, p, 2), 2);
	slab_put(&slab, p[0]);
	cr_expect_eq(slab_get_run(&slab, &run, 4), 0);
	cr_expect_eq(slab_get(&slab), p[0]);
	cr_expect_eq(slab_get_run(&slab, &run, 4), 4);
	cr_expect_eq(run, (void *)((char *)p[1] + SIZE));
}

/* -------------------------------------------------------------- when there is none */

SlabTest(no_memory_for_a_run)
{
	void *run;

	test_heap_fail(&heap, 1, false);
	cr_expect_eq(slab_get_run(&slab, &run, 4), 0);
	cr_expect_eq(slab_get_run(&slab, &run, 4), 4);
}

SlabTest(no_memory)
{
	test_heap_fail(&heap, 1, false);
	cr_expect_null(slab_get(&slab));
	cr_expect_not_null(slab_get(&slab));
}

SlabTest(as_many_as_there_are)
{
	static void *p[MANY];
	unsigned got;

	test_heap_fail(&heap, 3, true);
	got = slab_get_many(&slab, p, MANY);
	cr_expect_eq(got, 2 * slab.per_chunk);
	cr_expect_null(slab_get(&slab));
	for (unsigned i = 0; i < got; i++)
		memset(p[i], 1, SIZE);
	slab_put(&slab, p[0]);
	cr_expect_eq(slab_get(&slab), p[0]);
	test_heap_fail(&heap, 0, false);
	cr_expect_eq(slab_get_many(&slab, p, MANY), MANY);
}

static void *
misaligned(void *state, size_t size, size_t align)
{
	char **block = state;

	(void)align;
	if (posix_memalign((void **)block, SLAB_ALIGN, size + 64) != 0)
		return NULL;
	return *block + 64;
}

static void
free_misaligned(void *state, void *p, size_t size)
{
	char **block = state;

	(void)size;
	cr_expect_eq(p, (void *)(*block + 64));
	free(*block);
	*block = NULL;
}

/* An allocator that does not keep its promise gives no memory that could be used. */
Test(slab, chunks_must_be_aligned)
{
	char *block = NULL;
	const struct lk_allocator a = { misaligned, free_misaligned, &block };

	env_init(&env, &a, NULL);
	slab_init(&slab, &env, NULL, SIZE, 0);
	cr_expect_null(slab_get(&slab));
	cr_expect_null(block);
	cr_expect_eq(shim_load(&env.bytes, SHIM_RELAXED), 0);
	slab_fini(&slab);
}

/* -------------------------------------------------------------------- a reserve */

/* (S5), and all else that is true of any object. */
SlabTest(what_is_reserved_comes_first)
{
	static unsigned char *p[MANY + 1000];
	uint64_t calls;
	char *low, *high;

	cr_assert(slab_reserve(&slab, MANY));
	calls = atomic_load(&heap.calls);
	cr_expect_eq(calls, 1);
	for (int i = 0; i < MANY; i++) {
		p[i] = slab_get(&slab);
		cr_assert(is_all(p[i], SIZE, 0)); /* (S3) */
		memset(p[i], 0xcc, SIZE);
		cr_assert_eq(slab_home(p[i]), (void *)&home);
	}
	cr_expect_eq(atomic_load(&heap.calls), calls, "memory was asked for");
	low = slab.reserve;
	high = slab.reserve + slab.reserve_bytes;
	for (int i = 0; i < MANY; i++)
		cr_assert((char *)p[i] > low && (char *)p[i] + SIZE <= high);
	for (int i = MANY; i < MANY + 1000; i++)
		cr_assert_not_null(p[i] = slab_get(&slab));
	cr_expect_gt(atomic_load(&heap.calls), calls);
	cr_expect((char *)p[MANY + 999] < low || (char *)p[MANY + 999] >= high);
	for (int i = 0; i < MANY; i++)
		cr_assert(is_all(p[i], SIZE, 0xcc));
}

SlabTest(a_reserve_that_is_not_to_be_had)
{
	test_heap_fail(&heap, 1, false);
	cr_expect_not(slab_reserve(&slab, MANY));
	cr_expect_eq(shim_load(&env.bytes, SHIM_RELAXED), 0);
	cr_expect_not_null(slab_get(&slab));
}

Test(slab, a_reserve_must_be_aligned)
{
	char *block = NULL;
	const struct lk_allocator a = { misaligned, free_misaligned, &block };

	env_init(&env, &a, NULL);
	slab_init(&slab, &env, NULL, SIZE, 0);
	cr_expect_not(slab_reserve(&slab, 1));
	cr_expect_null(block);
	slab_fini(&slab);
}

/* From malloc, large enough for huge pages: all there, and all zeros. */
Test(slab, a_large_reserve)
{
	enum { LARGE = (5 << 20) / SIZE };

	env_init(&env, NULL, NULL);
	slab_init(&slab, &env, &home, SIZE, LINK);
	cr_assert(slab_reserve(&slab, LARGE));
	cr_expect_eq((uintptr_t)slab.reserve % (2 << 20), 0);
	for (int i = 0; i < LARGE; i++)
		cr_assert(is_all(slab_get(&slab), SIZE, 0));
	slab_fini(&slab);
	cr_expect_eq(shim_load(&env.bytes, SHIM_RELAXED), 0);
}

/* ----------------------------------------------------------------------- each */

struct seen {
	unsigned n;
	unsigned stop_at;
	unsigned marked; /* objects that bear a mark */
};

static bool
see(void *object, void *arg)
{
	struct seen *s = arg;

	s->marked += *(const unsigned char *)object == 0xcc;
	return ++s->n != s->stop_at;
}

static struct seen
see_each(unsigned stop_at)
{
	struct seen s = { .stop_at = stop_at };

	slab_each(&slab, see, &s);
	return s;
}

SlabTest(each_visits_all_that_was_ever_handed_out)
{
	static void *p[MANY];

	cr_expect_eq(see_each(0).n, 0);
	for (unsigned i = 0; i < MANY; i++) {
		p[i] = slab_get(&slab);
		*(unsigned char *)p[i] = 0xcc;
		cr_assert_eq(see_each(0).n, i + 1);
		cr_assert_eq(see_each(0).marked, i + 1);
	}
	slab_put_many(&slab, p, MANY / 2);
	cr_expect_eq(see_each(0).n, MANY);
	cr_expect_eq(see_each(0).marked, MANY);
	cr_expect_eq(see_each(7).n, 7);
}

/* -------------------------------------------------------------------- threads */

static void
get_and_put(void *arg, unsigned index)
{
	void *mine[50];

	(void)arg;
	for (unsigned round = 0; round < 200; round++) {
		unsigned n = 1 + (round + index) % countof(mine);

		cr_expect_eq(slab_get_many(&slab, mine, n), n);
		for (unsigned i = 0; i < n; i++)
			memset(mine[i], (int)index + 1, SIZE);
		for (unsigned i = 0; i < n; i++)
			cr_expect(is_all(mine[i], SIZE, (unsigned char)(index + 1)));
		slab_put_many(&slab, mine, n);
	}
}

SlabTest(threads_never_share_an_object)
{
	test_threads(4, get_and_put, NULL);
	cr_expect_le(see_each(0).n, 4 * 50);
}
