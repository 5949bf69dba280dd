/* SPDX-License-Identifier: MIT */
/*
 * The same scripts, and between any two operations some names are spread, for one family or the other, or
 * ripe for folding.  Nobody may notice: all results are still those of the reference.
 */
#include "core/manager.h"
#include "harness.h"
#include "run.h"

/* What came of it, so that it cannot be nothing. */
static uint64_t n_spread[2]; /* for intents, for readers */
static uint64_t n_seated;    /* a name had holds in slots */
static uint64_t n_folded;

/* Anything, but for one step of one script always the same. */
static uint64_t
luck_of(size_t step, unsigned name)
{
	uint64_t state = step * SCRIPT_NAMES + name;

	return test_random(&state);
}

static bool
is_spread(struct lk_resource *r)
{
	return (shim_load(&r->word, SHIM_RELAXED) & WORD_SPREAD) != 0;
}

static void
treat(struct lk_manager *m, struct lk_resource *r, uint64_t luck)
{
	const uint32_t number = shim_load(&r->spread, SHIM_RELAXED);
	const bool was = is_spread(r);
	const bool reads = luck % 2 != 0;

	if (number != 0) {
		struct spread_array *a = spread_array(&m->spread, number);

		n_folded += !was && a->strong == 0 && shim_load(&a->folds, SHIM_RELAXED) > 0;
		n_seated += spread_sum(&m->spread, number) != 0;
		if (luck / 2 % 3 == 0)
			a->strong = STRONG_MAX;
	}
	line_spread(&m->lot, r, luck / 8 % 3 == 0 ? LK_IS : reads ? LK_S : LK_IX);
	if (!was && is_spread(r))
		n_spread[(shim_load(&r->word, SHIM_RELAXED) & WORD_FAMILY) != 0]++;
}

static void
spread_some(struct lk_manager *m, size_t step)
{
	for (unsigned i = 0; i < SCRIPT_NAMES; i++) {
		const uint64_t luck = luck_of(step, i);
		struct lk_resource *r;
		struct name n;

		if (luck % 3 == 0 ||
		    !name_set(&n, script_names[i], strlen(script_names[i]), 0, m->index.seed))
			continue;
		r = index_pin(&m->index,
			      &n); /* names that are there; making one would be noticed */
		if (r == NULL)
			continue;
		treat(m, r, luck / 3);
		resource_unpin(r);
	}
}

__attribute__((constructor)) static void
begin(void)
{
	run_between = spread_some;
}

Test(model, names_are_spread_meanwhile, .timeout = 1000)
{
	static uint8_t bytes[SCRIPT_MAX];
	uint64_t seed = 1;

	for (int script = 0; script < 500; script++) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)test_random(&seed);
		cr_assert(model_run(bytes, sizeof(bytes), NULL), "script %d", script);
	}
	cr_expect_gt(n_spread[0], 1000);
	cr_expect_gt(n_spread[1], 1000);
	cr_expect_gt(n_seated, 1000);
	cr_expect_gt(n_folded, 100);
}
