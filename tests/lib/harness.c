/* SPDX-License-Identifier: MIT */
/* The helpers of harness.h: time, threads, a failing allocator, a counted environment. */
#define _GNU_SOURCE
#include "harness.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

uint64_t
test_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

double
test_seconds(double standard)
{
	const char *text = getenv("LK_TEST_SECONDS");
	double wanted = text ? strtod(text, NULL) : 0;

	return wanted > 0 ? wanted : standard;
}

uint64_t
test_seed(const char *variable)
{
	const char *text = getenv(variable);

	if (text == NULL)
		text = getenv("LK_TEST_SEED");
	if (text == NULL || text[0] == '\0')
		return 1;
	return strcmp(text, "clock") == 0 ? test_now() : strtoull(text, NULL, 0);
}

uint64_t
test_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* ------------------------------------------------------------------ threads */

static void *
thread_main(void *arg)
{
	struct test_thread *t = arg;

	t->body(t->arg, t->index);
	return NULL;
}

void
test_spawn(struct test_thread *threads, unsigned n, test_body *body, void *arg)
{
	for (unsigned i = 0; i < n; i++) {
		threads[i] = (struct test_thread){ .body = body, .arg = arg, .index = i };
		cr_assert_eq(pthread_create(&threads[i].id, NULL, thread_main, &threads[i]), 0);
	}
}

void
test_join(struct test_thread *threads, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		cr_assert_eq(pthread_join(threads[i].id, NULL), 0);
}

void
test_threads(unsigned n, test_body *body, void *arg)
{
	struct test_thread threads[64];

	cr_assert_le(n, countof(threads));
	test_spawn(threads, n, body, arg);
	test_join(threads, n);
}

/* --------------------------------------------------------------- allocation */

/* Stands just before the memory handed out, so that free() can check what it is told. */
struct heap_tag {
	size_t size;
	size_t lead; /* from the start of the block to the memory */
};

static bool
heap_must_fail(struct test_heap *h, uint64_t call)
{
	uint64_t fail_at = atomic_load(&h->fail_at);

	if (fail_at == 0 || call < fail_at)
		return false;
	return call == fail_at || atomic_load(&h->keep_failing);
}

static void *
heap_alloc(void *state, size_t size, size_t align)
{
	struct test_heap *h = state;
	size_t lead = align > sizeof(struct heap_tag) ? align : sizeof(struct heap_tag);
	void *block;
	char *memory;

	if (heap_must_fail(h, atomic_fetch_add(&h->calls, 1) + 1)) {
		atomic_fetch_add(&h->failures, 1);
		return NULL;
	}
	if (posix_memalign(&block, lead, lead + size) != 0)
		return NULL;
	memory = (char *)block + lead;
	((struct heap_tag *)(void *)memory)[-1] = (struct heap_tag){ size, lead };
	memset(memory, 0xa5, size); /* fresh memory is not zero */
	atomic_fetch_add(&h->blocks, 1);
	atomic_fetch_add(&h->bytes, size);
	return memory;
}

static void
heap_free(void *state, void *memory, size_t size)
{
	struct test_heap *h = state;
	struct heap_tag *tag = (struct heap_tag *)memory - 1;

	if (tag->size != size) {
		fprintf(stderr, "free of %zu bytes, but %zu were asked for\n", size, tag->size);
		abort();
	}
	atomic_fetch_sub(&h->blocks, 1);
	atomic_fetch_sub(&h->bytes, size);
	memset(memory, 0x5a, size); /* a later look at it is a clear nonsense */
	free((char *)memory - tag->lead);
}

void
test_heap_init(struct test_heap *h)
{
	*h = (struct test_heap){ .allocator = { heap_alloc, heap_free, h } };
}

void
test_heap_fail(struct test_heap *h, uint64_t nth, bool keep)
{
	atomic_store(&h->keep_failing, keep);
	atomic_store(&h->fail_at, nth ? atomic_load(&h->calls) + nth : 0);
}

/* -------------------------------------------------------------- environment */

/* Sleep while *word == value, until `deadline` on CLOCK_MONOTONIC (UINT64_MAX: none). */
static void
futex_wait(const uint32_t *word, uint32_t value, uint64_t deadline)
{
	struct timespec t = { (time_t)(deadline / NS_PER_S), (long)(deadline % NS_PER_S) };

	syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value,
		deadline == UINT64_MAX ? NULL : &t, NULL, FUTEX_BITSET_MATCH_ANY);
}

static uint64_t
world_time(struct test_world *w)
{
	return w->manual ? atomic_load(&w->time_ns) : test_now();
}

static uint64_t
world_now(void *state)
{
	struct test_world *w = state;

	atomic_fetch_add(&w->nows, 1);
	return world_time(w);
}

static void
world_wait(void *state, const uint32_t *word, uint32_t value, uint64_t deadline)
{
	struct test_world *w = state;

	atomic_fetch_add(&w->waits, 1);
	atomic_fetch_add(&w->sleeping, 1);
	if (!w->manual)
		futex_wait(word, value, deadline);
	else /* look at the manual clock every millisecond of the real one */
		while (world_time(w) < deadline && __atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
			futex_wait(word, value, test_now() + NS_PER_S / 1000);
	atomic_fetch_sub(&w->sleeping, 1);
}

static void
world_wake(void *state, const uint32_t *word)
{
	struct test_world *w = state;

	atomic_fetch_add(&w->wakes, 1);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static uint64_t
world_random(void *state)
{
	struct test_world *w = state;
	uint64_t seed = atomic_fetch_add(&w->seed, 1);

	atomic_fetch_add(&w->randoms, 1);
	return test_random(&seed);
}

void
test_world_init(struct test_world *w)
{
	*w = (struct test_world){
		.environment = { world_now, world_wait, world_wake, world_random, w },
		.time_ns = NS_PER_S, /* not 0, which means "not noted" in places */
	};
}

void
test_world_advance(struct test_world *w, uint64_t ns)
{
	atomic_fetch_add(&w->time_ns, ns);
}

uint64_t
test_world_calls(struct test_world *w)
{
	return atomic_load(&w->nows) + atomic_load(&w->waits) + atomic_load(&w->wakes) +
	       atomic_load(&w->randoms);
}
