/* SPDX-License-Identifier: MIT */
/* The index: how many names stay while they idle, and which makes way for a new one.  (I5, I7) */
#include "index_stage.h"

#include "wait/line.h"

/* In X, of a name that is new. */
static enum index_outcome
enter(const struct name *n, struct lk_resource **r)
{
	return index_enter(&idx, &cache, n, LK_X, true, r);
}

static uint64_t
inside(void)
{
	return cache_created(&cache) - cache_evicted(&cache);
}

static void
drop(struct lk_resource *r, lk_mode m)
{
	cr_assert(line_exit(r, m, &(uint64_t){ 0 }));
}

/* Who comes back to names has as many kept as may be: the index grows no further than that each bucket may be crowded.  (I7) */
Test(idle, who_comes_back_has_all_of_max_idle)
{
	enum { MAX_IDLE = 256, NAMES = 600, ROUNDS = 200 };

	start(8, MAX_IDLE);
	for (uint64_t i = 0; i < (uint64_t)NAMES * ROUNDS; i++) {
		const uint64_t number = (i * UINT64_C(0x9e3779b97f4a7c15) >> 32) % NAMES;
		struct name n = number_name(&number);
		struct glimpse g;

		if (!index_glimpse(&idx, &n, &g)) {
			struct lk_resource *r = NULL;

			cr_assert_eq(enter(&n, &r), INDEX_HELD);
			drop(r, LK_X);
		}
		tally(&uses);
	}
	cr_expect_eq((uint32_t)shim_load(&idx.shape, SHIM_RELAXED), MAX_IDLE / CROWDED);
	cr_expect_le(inside(), MAX_IDLE, "%u", (unsigned)inside());
	cr_expect_ge(inside(), MAX_IDLE * 9 / 10, "%u", (unsigned)inside());
	finish();
}

/* What idles in the further lines of a bucket makes way, if nothing does in the first. */
Test(idle, further_lines_make_way)
{
	enum { FULL = 2 * (BUCKET_SLOTS - 1) };
	struct bucket *b;
	uint64_t i;

	start(1, 1);
	latch_lock(&idx.grow); /* it does not */
	b = index_bucket(&idx, 0);
	for (i = 0; i < FULL; i++) {
		struct name n = number_name(&i);

		cr_assert_eq(enter(&n, &(struct lk_resource *){ NULL }), INDEX_HELD);
	}
	cr_assert_not_null(bucket_next(b));
	for (unsigned slot = 0; slot < BUCKET_SLOTS - 1; slot++)
		drop(place_entry((struct place){ bucket_next(b), slot }), LK_X);
	for (; i < FULL + BUCKET_SLOTS - 1; i++) {
		struct name n = number_name(&i);

		cache.tour_skip = 100; /* and nobody else looks there */
		cr_assert_eq(enter(&n, &(struct lk_resource *){ NULL }), INDEX_HELD);
		cr_expect_eq(inside(), FULL);
		cr_expect_not_null(index_pin(&idx, &n));
	}
	latch_unlock(&idx.grow);
	finish();
}

/* ------------------------------------------------------------ somebody else comes back */

enum { THEIRS = 400 };

/* A name as often as is asked for, by a user who looks first. */
static void
use(struct index_cache *c, a64 *n_uses, uint64_t number, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		struct name n = number_name(&number);
		struct lk_resource *r = NULL;
		struct glimpse g;

		if (!index_glimpse(&idx, &n, &g)) {
			cr_assert_eq(index_enter(&idx, c, &n, LK_X, true, &r), INDEX_HELD);
			drop(r, LK_X);
		}
		tally(n_uses);
	}
}

/* One who comes back to its names; then another comes, once for each name. */
static unsigned
left_by_newcomer(bool rests)
{
	struct index_cache newcomer = { 0 };
	a64 newcomer_uses;
	unsigned left = 0;

	shim_init(&newcomer_uses, (uint64_t)0);
	newcomer.uses = &newcomer_uses;
	start(8, 4096);
	for (uint64_t i = 0; i < THEIRS; i++)
		use(&cache, &uses, i, 3);
	if (rests)
		index_user_rests(&idx, &cache);
	for (uint64_t i = 0; i < THEIRS; i++)
		use(&newcomer, &newcomer_uses, THEIRS + i, 1);
	for (uint64_t i = 0; i < THEIRS; i++) {
		struct name n = number_name(&i);
		struct glimpse g;

		left += index_glimpse(&idx, &n, &g);
	}
	cr_expect_eq(shim_load(&idx.returning, SHIM_RELAXED), !rests);
	finish();
	return left;
}

/* The names of who comes back stay, and with them its entries, while there is room.  (I7) */
Test(idle, a_newcomer_leaves_who_comes_back_what_it_has)
{
	cr_expect_eq(left_by_newcomer(false), THEIRS);
}

Test(idle, a_newcomer_has_what_nobody_comes_back_to)
{
	const unsigned left = left_by_newcomer(true);

	cr_expect_lt(left, THEIRS * 3 / 4, "%u", left);
}

/* Who once came back, and now has new names alone, counts no more.  (I7) */
Test(idle, who_comes_back_no_more)
{
	start(8, 256);
	for (uint64_t i = 0; i < THEIRS; i++)
		use(&cache, &uses, i, 3);
	cr_expect_eq(shim_load(&idx.returning, SHIM_RELAXED), 1);
	for (uint64_t i = 0; i < THEIRS; i++)
		use(&cache, &uses, THEIRS + i, 1);
	cr_expect_eq(shim_load(&idx.returning, SHIM_RELAXED), 0);
	index_user_rests(&idx, &cache); /* nothing is left to be taken back */
	cr_expect_eq(shim_load(&idx.returning, SHIM_RELAXED), 0);
	finish();
}
