/* SPDX-License-Identifier: MIT */
/* Who waits for the latch of a bucket, and who does not. */
#include <time.h>

#include "harness.h"

#include "index/index.h"

enum { SEED = 11 };

static struct env env;
static struct index idx;
static struct index_cache cache;
static a64 uses;
static struct name name;
static atomic_bool has_begun;
static enum index_outcome outcome;

static void
try_to_enter(void *arg, unsigned index)
{
	struct lk_resource *r;

	(void)arg;
	(void)index;
	atomic_store(&has_begun, true);
	outcome = index_enter(&idx, &cache, &name, LK_S, false, &r);
}

/* Where names begin frozen a store is asked, so who is not patient waits for a latch as well: it is nobody who has the name. */
Test(index_latch, who_is_not_patient_waits_for_it_beside_a_store)
{
	struct test_thread thread;
	int home;

	env_init(&env, NULL, NULL);
	cache.uses = &uses;
	cr_assert(index_init(&idx, &env, &home, SEED, 8, 1, 1000));
	cr_assert(name_set(&name, "name", 4, 0, SEED));
	idx.is_frozen = idx.needs_look = true;
	latch_lock(&index_bucket(&idx, 0)->latch);
	test_spawn(&thread, 1, try_to_enter, NULL);
	wait_until(atomic_load(&has_begun));
	(void)nanosleep(&(struct timespec){ 0, 20000000 }, NULL); /* it would give up, if it did */
	latch_unlock(&index_bucket(&idx, 0)->latch);
	test_join(&thread, 1);
	cr_expect_eq(outcome, INDEX_PINNED, "outcome %d", (int)outcome);
	index_fini(&idx);
	cr_expect_eq(shim_load(&env.bytes, SHIM_RELAXED), 0);
}
