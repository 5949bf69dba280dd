/* SPDX-License-Identifier: MIT */
/* What a manager takes from outside: that bytes are counted and calls arrive as they were made. */
#include "harness.h"

#include "base/env.h"

static uint64_t
bytes(struct env *e)
{
	return shim_load(&e->bytes, SHIM_RELAXED);
}

Test(env, counts_bytes)
{
	struct test_heap heap;
	struct env e;
	void *a;
	void *b;

	test_heap_init(&heap);
	env_init(&e, &heap.allocator, NULL);
	cr_expect_eq(bytes(&e), 0);
	a = env_alloc(&e, 100, 8);
	b = env_alloc(&e, 4096, 64);
	cr_assert(a != NULL && b != NULL);
	cr_expect_eq((uintptr_t)b % 64, 0);
	cr_expect_eq(bytes(&e), 4196);
	cr_expect_eq(atomic_load(&heap.bytes), 4196);
	env_free(&e, a, 100);
	cr_expect_eq(bytes(&e), 4096);
	env_free(&e, b, 4096);
	cr_expect_eq(bytes(&e), 0);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

Test(env, what_was_not_given_is_not_counted)
{
	struct test_heap heap;
	struct env e;

	test_heap_init(&heap);
	env_init(&e, &heap.allocator, NULL);
	test_heap_fail(&heap, 1, true);
	cr_expect_null(env_alloc(&e, 64, 64));
	cr_expect_null(env_zalloc(&e, 64, 64));
	cr_expect_eq(bytes(&e), 0);
	env_free(&e, NULL, 64);
	cr_expect_eq(bytes(&e), 0);
	cr_expect_eq(atomic_load(&heap.calls), 2);
}

/* The test's heap hands out memory that is not zero. */
Test(env, zalloc_clears)
{
	static const char zeros[500];
	struct test_heap heap;
	struct env e;
	void *p;

	test_heap_init(&heap);
	env_init(&e, &heap.allocator, NULL);
	p = env_zalloc(&e, sizeof(zeros), 64);
	cr_assert_not_null(p);
	cr_expect_eq(memcmp(p, zeros, sizeof(zeros)), 0);
	env_free(&e, p, sizeof(zeros));
}

Test(env, standard_allocator)
{
	struct env e;

	env_init(&e, NULL, NULL);
	for (size_t align = 1; align <= 65536; align *= 2) {
		void *p = env_alloc(&e, 1000, align);

		cr_assert_not_null(p);
		cr_expect_eq((uintptr_t)p % align, 0, "align %zu", align);
		memset(p, 1, 1000);
		env_free(&e, p, 1000);
	}
	cr_expect_eq(bytes(&e), 0);
}

#ifndef LK_SANITIZE /* the sanitizers' malloc ends the process instead */
Test(env, standard_allocator_leaves_errno)
{
	struct env e;
	void *p;
	int seen;

	env_init(&e, NULL, NULL);
	errno = 77;
	p = env_alloc(&e, SIZE_MAX / 2, 64);
	seen = errno;
	cr_expect_null(p);
	cr_expect_eq(seen, 77);
	cr_expect_eq(bytes(&e), 0);
}
#endif

/* --------------------------------------------------------------- surroundings */

struct calls {
	const void *word;
	uint32_t value;
	uint64_t deadline;
	const void *woken;
};

static uint64_t
fixed_now(void *state)
{
	(void)state;
	return 12345;
}

static uint64_t
fixed_random(void *state)
{
	(void)state;
	return 54321;
}

static void
note_wait(void *state, const uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	struct calls *c = state;

	c->word = word;
	c->value = value;
	c->deadline = deadline_ns;
}

static void
note_wake(void *state, const uint32_t *word)
{
	struct calls *c = state;

	c->woken = word;
}

Test(env, calls_arrive_as_they_were_made)
{
	struct calls c = { 0 };
	const struct lk_environment world = { fixed_now, note_wait, note_wake, fixed_random, &c };
	struct env e;
	a32 word;

	shim_init(&word, 0u);
	env_init(&e, NULL, &world);
	cr_expect_eq(env_now(&e), 12345);
	cr_expect_eq(env_random(&e), 54321);
	env_wait(&e, &word, 7, 99);
	cr_expect_eq(c.word, (const void *)&word);
	cr_expect_eq(c.value, 7);
	cr_expect_eq(c.deadline, 99);
	env_wake(&e, &word);
	cr_expect_eq(c.woken, (const void *)&word);
}

Test(env, standard_clock_is_the_monotonic_one)
{
	struct env e;
	uint64_t before = test_now();
	uint64_t now;

	env_init(&e, NULL, NULL);
	now = env_now(&e);
	cr_expect_ge(now, before);
	cr_expect_le(now, test_now());
}

Test(env, standard_random_does_not_repeat)
{
	struct env e;
	uint64_t x[16];

	env_init(&e, NULL, NULL);
	for (size_t i = 0; i < countof(x); i++) {
		x[i] = env_random(&e);
		for (size_t j = 0; j < i; j++)
			cr_expect_neq(x[i], x[j]);
	}
}

/* Both come back without anybody's wake. */
Test(env, standard_wait_ends_by_itself)
{
	struct env e;
	a32 word;
	uint64_t end = test_now() + 1000000;

	env_init(&e, NULL, NULL);
	shim_init(&word, 1u);
	env_wait(&e, &word, 2, SHIM_NEVER); /* the word is not what it should be */
	while (test_now() < end)
		env_wait(&e, &word, 1, end);
	env_wait(&e, &word, 1, 1); /* long past */
}

struct sleeper {
	struct env e;
	a32 word;
	atomic_bool done;
};

static void
sleep_on(void *arg, unsigned index)
{
	struct sleeper *s = arg;

	(void)index;
	while (shim_load(&s->word, SHIM_ACQUIRE) == 0)
		env_wait(&s->e, &s->word, 0, SHIM_NEVER);
	atomic_store(&s->done, true);
}

Test(env, standard_wake_ends_a_wait)
{
	struct sleeper s = { .done = false };
	struct test_thread t;

	env_init(&s.e, NULL, NULL);
	shim_init(&s.word, 0u);
	test_spawn(&t, 1, sleep_on, &s);
	shim_store(&s.word, 1u, SHIM_RELEASE);
	env_wake(&s.e, &s.word);
	test_join(&t, 1);
	cr_expect(atomic_load(&s.done));
}
