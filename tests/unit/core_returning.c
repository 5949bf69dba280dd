/* SPDX-License-Identifier: MIT */
/* Which owners count as those who come back to names, and until when.  (I7) */
#include "../api/support.h"

#include "core/manager.h"

enum { NAMES = 300 };

static void
use(struct lk_owner *w, uint64_t first, unsigned times)
{
	for (uint64_t i = 0; i < NAMES; i++)
		for (unsigned k = 0; k < times; k++) {
			lk_grant g;

			ok(lk_acquire_id(w, first + i, LK_X, NULL, &g));
			ok(lk_release(w, g));
		}
}

static unsigned
returning(struct lk_manager *m)
{
	return shim_load(&m->index.returning, SHIM_RELAXED);
}

/* The memory of the owner that a thread closed last is its next one's: until then it is what it was. */
Test(core_returning, until_its_memory_goes_back)
{
	struct lk_manager *m = open_manager("memory:?index_buckets=64&sample_every=off");
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (unsigned i = 0; i < 2; i++) {
		use(w[i], i * NAMES, 3);
		cr_expect_eq(returning(m), i + 1);
	}
	ok(lk_owner_close(w[0]));
	cr_expect_eq(returning(m), 2);
	ok(lk_owner_close(w[1]));
	cr_expect_eq(returning(m), 1);
	ok(lk_owner_open(m, NULL, &w[0]));
	use(w[0], 2 * NAMES, 1);
	cr_expect_eq(returning(m), 0);
	close_all(m, w, 1);
}

static void
use_as_oneself(void *m, unsigned index)
{
	(void)index;
	use(lk_self(m), 0, 3);
	cr_expect_eq(returning(m), 1);
}

Test(core_returning, until_its_thread_ends)
{
	struct lk_manager *m = open_manager("memory:?index_buckets=64&sample_every=off");

	test_threads(1, use_as_oneself, m);
	cr_expect_eq(returning(m), 0);
	close_all(m, NULL, 0);
}

/* Who opens handles comes back to no names by that. */
Test(core_returning, handles_do_not_count)
{
	struct lk_manager *m = open_manager("memory:");
	struct lk_resource *r[NAMES];

	for (uint64_t i = 0; i < NAMES; i++)
		ok(lk_resource_open_id(m, i, &r[i]));
	cr_expect_eq(returning(m), 0);
	for (unsigned i = 0; i < NAMES; i++)
		lk_resource_close(r[i]);
	close_all(m, NULL, 0);
}
