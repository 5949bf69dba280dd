/* SPDX-License-Identifier: MIT */
/* An index, its one user, and the heap that counts for them: what tests of the index begin with. */
#ifndef LK_TESTS_INDEX_STAGE_H
#define LK_TESTS_INDEX_STAGE_H

#include "harness.h"

#include "index/replace.h"

enum { SEED = 11 };

static struct test_heap heap;
static struct env env;
static struct index idx;
static struct index_cache cache;
static a64 uses; /* grants of the user of `cache` */
static int home;

/* An index of `buckets`, which allows `max_idle`. */
static inline bool
try_start(uint64_t buckets, uint64_t max_idle)
{
	memset(&idx, 0, sizeof(idx));
	memset(&cache, 0, sizeof(cache));
	cache.uses = &uses;
	return index_init(&idx, &env, &home, SEED, max_idle, buckets, 1000);
}

static inline void
start(uint64_t buckets, uint64_t max_idle)
{
	test_heap_init(&heap);
	env_init(&env, &heap.allocator, NULL);
	cr_assert(try_start(buckets, max_idle));
}

static inline void
finish(void)
{
	index_fini(&idx);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
	cr_expect_eq(shim_load(&env.bytes, SHIM_RELAXED), 0);
}

/* A number is a name that needs no bytes of its own. */
static inline struct name
number_name(const uint64_t *number)
{
	struct name n;

	name_set_id(&n, number, SEED);
	return n;
}

#endif /* LK_TESTS_INDEX_STAGE_H */
