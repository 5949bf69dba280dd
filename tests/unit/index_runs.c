/* SPDX-License-Identifier: MIT */
/* The index: whose entries are side by side in memory.  (S4) */
#include "index_stage.h"

/* The entry of a name that is new, held in X. */
static const struct lk_resource *
make(struct index_cache *c, uint64_t number)
{
	struct name n = number_name(&number);
	struct lk_resource *r = NULL;

	cr_assert_eq(index_enter(&idx, c, &n, LK_X, true, &r), INDEX_HELD);
	return r;
}

static uintptr_t
page_of(const struct lk_resource *r)
{
	return (uintptr_t)r / SLAB_PAGE;
}

/* Two users who make names in turns have their entries on pages of their own, but for the first few. */
Test(runs, users_have_pages_of_their_own)
{
	enum { EACH = 512, SHORT = RUN_FIRST * (1 + RUN_GROWTH) };
	struct index_cache other = { .uses = &uses };
	const struct lk_resource *entry[2][EACH];
	unsigned mixed = 0;

	start(64, LK_OFF);
	for (uint64_t i = 0; i < (uint64_t)2 * EACH; i++)
		entry[i & 1][i / 2] = make((i & 1) == 0 ? &cache : &other, i);
	for (unsigned i = 0; i < EACH; i++) {
		unsigned j = 0;

		while (j < EACH && page_of(entry[0][i]) != page_of(entry[1][j]))
			j++;
		mixed += j < EACH;
	}
	cr_expect_lt(mixed, SHORT + RUN_MAX, "%u of %u", mixed, (unsigned)EACH);
	finish();
}

/* Who makes a few names is not given a page. */
Test(runs, a_user_of_few_names_has_few_entries)
{
	uint32_t fresh;

	start(64, LK_OFF);
	(void)make(&cache, 0);
	fresh = idx.entries.fresh;
	cr_expect_eq(fresh, idx.entries.per_chunk - RUN_FIRST);
	for (uint64_t i = 1; i <= RUN_FIRST; i++)
		(void)make(&cache, i);
	cr_expect_eq(idx.entries.fresh, fresh - RUN_FIRST * RUN_GROWTH);
	finish();
}
