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

enum { MAX_IDLE = 256, FIRST_BUCKETS = 8 };

/* Uses of numbers below `n` in an order without any; how many of them were found. */
static unsigned
use_at_random(uint64_t n, uint64_t n_uses)
{
	unsigned found = 0;

	for (uint64_t i = 0; i < n_uses; i++) {
		const uint64_t number = (i * UINT64_C(0x9e3779b97f4a7c15) >> 32) % n;
		struct name name = number_name(&number);
		struct glimpse g;

		if (index_glimpse(&idx, &name, &g)) {
			found++;
		} else {
			struct lk_resource *r = NULL;

			cr_assert_eq(enter(&name, &r), INDEX_HELD);
			drop(r, LK_X);
		}
		tally(&uses);
	}
	return found;
}

static uint32_t
buckets(void)
{
	return (uint32_t)shim_load(&idx.shape, SHIM_RELAXED);
}

/* Who comes back to as many names as have room finds nearly all of them.  (I7) */
Test(idle, who_comes_back_finds_them)
{
	enum { NAMES = MAX_IDLE * 5 / 8, USES = NAMES * 200 };
	unsigned found;

	start(FIRST_BUCKETS, MAX_IDLE);
	(void)use_at_random(NAMES, USES);
	found = use_at_random(NAMES, USES);
	cr_expect_ge(found, USES / 10 * 9, "%u", found);
	cr_expect_le(buckets(), MAX_IDLE / CROWDED);
	cr_expect_le(inside(), MAX_IDLE, "%u", (unsigned)inside());
	finish();
}

/* Who comes back to more than that does better with a few: neither what it finds, nor chance, makes the index grow.  (I7) */
Test(idle, who_has_too_many_names_keeps_few)
{
	static const uint64_t names[] = { MAX_IDLE * 5 / 4, MAX_IDLE * 2, MAX_IDLE * 4 };

	for (unsigned i = 0; i < 3; i++) {
		start(FIRST_BUCKETS, MAX_IDLE);
		(void)use_at_random(names[i], names[i] * 400);
		cr_expect_le(buckets(), 2 * FIRST_BUCKETS, "%u: %u", (unsigned)names[i],
			     (unsigned)buckets());
		finish();
	}
}

/* As many are kept as may be, if all are wanted: the index grows no further than that each bucket may be crowded.  (I7) */
Test(idle, as_many_are_kept_as_may_be)
{
	start(FIRST_BUCKETS, MAX_IDLE);
	for (uint64_t i = 0; i < (uint64_t)MAX_IDLE * 100; i++) {
		struct name n = number_name(&i);
		struct lk_resource *r = NULL;

		cr_assert_eq(enter(&n, &r), INDEX_HELD);
		drop(r, LK_X);
		for (unsigned k = 0; k < 5; k++)
			tally(&uses);
	}
	cr_expect_eq(buckets(), MAX_IDLE / CROWDED);
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
	for (uint64_t i = 0; i < (uint64_t)4 * THEIRS; i++)
		use(&cache, &uses, THEIRS + i, 1);
	cr_expect_eq(shim_load(&idx.returning, SHIM_RELAXED), 0);
	index_user_rests(&idx, &cache); /* nothing is left to be taken back */
	cr_expect_eq(shim_load(&idx.returning, SHIM_RELAXED), 0);
	finish();
}
