/* SPDX-License-Identifier: MIT */
/* Streaks: who has them, what they replace, what they leave alone, and what is reckoned afterwards.  (I8) */
#include "index_stage.h"

#include "index/streak.h"
#include "wait/line.h"

static struct lk_resource *
enter(const struct name *n)
{
	struct lk_resource *r = NULL;

	cr_assert_eq(index_enter(&idx, &cache, n, LK_X, true, &r), INDEX_HELD);
	tally(&uses);
	return r;
}

static struct lk_resource *
enter_number(uint64_t number)
{
	struct name n = number_name(&number);

	return enter(&n);
}

/* NULL: the streak did nothing. */
static struct lk_resource *
replace_mode(uint64_t number, lk_mode m)
{
	struct lk_resource *r;
	struct key k;

	key_set(&k, &number, 8 | NAME_ID, SEED);
	if (!streak_is_on(&cache) || !streak_replace(&idx, &cache, &k, m, &r))
		return NULL;
	tally(&uses);
	return r;
}

static struct lk_resource *
replace(uint64_t number)
{
	return replace_mode(number, LK_X);
}

static void
drop(struct lk_resource *r, lk_mode m)
{
	cr_assert(line_exit(r, m, &(uint64_t){ 0 }));
}

static void
begin(void)
{
	cache.tour_skip = TOUR_SKIP_MAX;
	streak_begin(&idx, &cache);
}

static uint64_t
inside(void)
{
	return cache_created(&cache) - cache_evicted(&cache);
}

static struct lk_resource *
entry_of(uint64_t number)
{
	struct name n = number_name(&number);
	struct lk_resource *r = index_pin(&idx, &n);

	if (r != NULL)
		resource_unpin(r);
	return r;
}

enum { FIRST = 100 };

/* One bucket, with four entries that idle, or are held. */
static void
full_bucket(bool held)
{
	start(1, CROWDED);
	latch_lock(&idx.grow); /* it does not */
	for (uint64_t i = 0; i < CROWDED; i++) {
		struct lk_resource *r = enter_number(FIRST + i);

		if (!held)
			drop(r, LK_X);
	}
}

static void
end(void)
{
	latch_unlock(&idx.grow);
	finish();
}

/* As many names as before, each found under its name and no other, its fence above those of all that were there. */
Test(streak, replaces_one_by_one)
{
	uint64_t fence;

	full_bucket(false);
	begin();
	fence = shim_load(&index_bucket(&idx, 0)->floor, SHIM_RELAXED);
	for (uint64_t i = 0; i < TOUR_SKIP_MAX; i++) {
		struct lk_resource *r = replace_mode(i, i % 2 == 0 ? LK_X : LK_S);
		const uint64_t now = r != NULL ? shim_load(&r->fence, SHIM_RELAXED) : 0;

		cr_assert_not_null(r);
		cr_assert_eq(now, fence + (i % 2 == 0));
		fence = now;
		cr_assert_eq(entry_of(i), r);
		if (i > 0)
			cr_assert_null(entry_of(i - 1));
		cr_assert_eq(inside(), CROWDED);
		drop(r, i % 2 == 0 ? LK_X : LK_S);
	}
	cr_expect_null(replace(TOUR_SKIP_MAX), "the tour goes on");
	end();
}

/* After some streaks it is another slot, so that nothing stays for ever. */
Test(streak, goes_through_all_slots)
{
	full_bucket(false);
	cache.n_streaks = 0;
	for (uint64_t i = 0; i < CROWDED * STREAKS_A_SLOT; i++) {
		begin();
		drop(replace(i), LK_X);
		if (i < STREAKS_A_SLOT)
			cr_expect_not_null(entry_of(FIRST + CROWDED - 1), "not yet");
	}
	for (uint64_t i = 0; i < CROWDED; i++) {
		cr_expect_null(entry_of(FIRST + i));
		cr_expect_not_null(entry_of((i + 1) * STREAKS_A_SLOT - 1));
	}
	end();
}

/* What is there, it does not make again; and a shape that is another one, or a latch that somebody has, is not its business. */
Test(streak, leaves_what_is_not_simple)
{
	struct bucket *b;

	full_bucket(false);
	b = index_bucket(&idx, 0);
	begin();
	for (uint64_t i = 0; i < CROWDED; i++)
		cr_expect_null(replace(FIRST + i));
	latch_lock(&b->latch);
	cr_expect_null(replace(1));
	latch_unlock(&b->latch);
	place_clear((struct place){ b, 2 });
	cr_expect_null(replace(1), "there is room");
	cr_expect(streak_is_on(&cache));
	cr_expect(latch_try(&b->latch));
	end();
}

/* An entry that is held, or has a handle, changes places with one that idles; without one there is no streak any more. */
Test(streak, passes_what_is_held)
{
	struct lk_resource *held[CROWDED];

	full_bucket(false);
	begin();
	for (unsigned i = 0; i < CROWDED; i++) {
		held[i] = replace(i);
		cr_assert_not_null(held[i], "%u", i);
		if (i % 2 != 0) {
			resource_pin(held[i]);
			drop(held[i], LK_X);
		}
	}
	cr_expect_null(replace(CROWDED));
	cr_expect_not(streak_is_on(&cache));
	for (unsigned i = 0; i < CROWDED; i++)
		cr_expect_eq(entry_of(i), held[i]);
	cr_expect_eq(inside(), CROWDED);
	end();
}

/* A long name has a block, and a name below another its parent: their ends are for those who reckon. */
Test(streak, leaves_long_names_and_paths)
{
	static const char longer[] = "a name that is longer than an entry has room for";
	struct lk_resource *kept[2];
	struct name n;

	full_bucket(true);
	begin();
	cr_assert(name_set(&n, longer, sizeof(longer), 0, SEED));
	kept[0] = enter(&n);
	drop(kept[0], LK_X);
	cr_expect_null(replace(1));
	cr_assert(name_set(&n, "above/below", 11, 0, SEED));
	n.parent = kept[0];
	kept[1] = enter(&n);
	drop(kept[1], LK_X);
	begin();
	cr_expect_null(replace(1));
	cr_expect_eq(resource_parent(kept[1]), kept[0]);
	end();
}

/* Who comes back to names, who is beside others that do, who looks for what idles in vain, and whom nothing limits, has none. */
Test(streak, is_not_for_all)
{
	full_bucket(false);
	begin();
	cr_expect(streak_is_on(&cache));
	cache.reuse = REUSE_ENOUGH;
	begin();
	cr_expect_not(streak_is_on(&cache));
	cache.reuse = 0;
	cache.look_skip = 1;
	begin();
	cr_expect_not(streak_is_on(&cache));
	cache.look_skip = 0;
	idx.needs_look = true;
	begin();
	cr_expect_not(streak_is_on(&cache));
	idx.needs_look = false;
	shim_store(&idx.returning, 1u, SHIM_RELAXED); /* somebody else */
	begin();
	cr_expect(streak_is_on(&cache), "the index has grown for them");
	shim_store(&idx.idle_next, (uint32_t)CROWDED, SHIM_RELAXED);
	begin();
	cr_expect_not(streak_is_on(&cache), "it will grow");
	shim_store(&idx.returning, 0u, SHIM_RELAXED);
	latch_unlock(&idx.grow);
	index_set_max_idle(&idx, LK_OFF);
	latch_lock(&idx.grow);
	begin();
	cr_expect_not(streak_is_on(&cache));
	end();
}

/* The averages after a streak are those of as many insertions of the other kind, and it comes to the tour no later. */
Test(streak, is_reckoned_afterwards)
{
	enum { LENGTH = 20 };

	full_bucket(false);
	cache_reckon_uses(&cache, 0);
	cache.reuse = REUSE_SPAN + 10;
	cache.load = 0;
	begin();
	for (uint64_t i = 0; i < LENGTH; i++)
		drop(replace(i), LK_X);
	cr_expect_eq(streak_reckon(&cache), LENGTH);
	cr_expect_eq(cache.tour_skip, TOUR_SKIP_MAX - LENGTH);
	cr_expect_eq(cache.reuse, REUSE_SPAN + 10 - LENGTH);
	cr_expect_eq(cache.load, LENGTH * CROWDED * LOAD_SPAN);
	cache.reuse = 0;
	tally(&uses);
	cache_reckon_uses(&cache, 0);
	cr_expect_eq(cache.reuse, 0, "each was one use");
	end();
}

enum { NAMES = 300 };

/* It notes nothing, and says so: a split reads the names then, and finds all where they belong.  (B4) */
Test(streak, an_index_grows_after_it)
{
	start(1, LK_OFF);
	cache.uses = NULL;
	for (uint64_t i = 0; i < CROWDED; i++)
		drop(enter_number(FIRST + i), LK_X);
	index_set_max_idle(&idx, CROWDED);
	begin();
	for (uint64_t i = 0; i < CROWDED; i++)
		cr_assert_not_null(replace(NAMES + i));
	for (uint64_t i = 0; i < NAMES; i++)
		(void)enter_number(i);
	cr_expect_gt((uint32_t)shim_load(&idx.shape, SHIM_RELAXED), NAMES / BUCKET_SLOTS);
	for (uint64_t i = 0; i < NAMES + CROWDED; i++)
		cr_expect_not_null(entry_of(i), "%u", (unsigned)i);
	finish();
}
