/* SPDX-License-Identifier: MIT */
/* What lines note of their entries' hashes, as the index grows and shrinks.  (B4) */
#include "harness.h"

#include "index/evict.h"
#include "wait/line.h"

enum { SEED = 13, LOTS = 200000 };

static struct test_heap heap;
static struct env env;
static struct index idx;
static struct index_cache cache;
static struct lk_resource *held[LOTS];
static int home;

static void
set_up(void)
{
	test_heap_init(&heap);
	env_init(&env, &heap.allocator, NULL);
	memset(&idx, 0, sizeof(idx));
	memset(&cache, 0, sizeof(cache));
	cr_assert(index_init(&idx, &env, &home, SEED, 64, 1, 0));
}

static void
tear_down(void)
{
	index_fini(&idx);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

#define NotesTest(name) Test(notes, name, .init = set_up, .fini = tear_down, .timeout = 60)

/* One bit of each of five notes, where the tags have their tops. */
Test(notes, a_bit_of_each)
{
	for (uint32_t all = 0; all < UINT32_C(1) << (NOTE_BITS * BUCKET_SLOTS); all += 977) {
		for (uint32_t bit = 0; bit < NOTE_BITS; bit++) {
			const uint32_t other = 5u << HAND_SHIFT | 3u << WINDOW_SHIFT;
			const uint64_t tops = notes_tops(all | other, bit);

			cr_assert_eq(tops & ~TAG_TOPS, 0);
			for (unsigned i = 0; i < BUCKET_SLOTS; i++)
				cr_assert_eq(tops >> (8 * i + 7) & 1,
					     all >> (NOTE_BITS * i + bit) & 1);
		}
	}
}

static struct lk_resource *
take(uint64_t number)
{
	struct lk_resource *r;
	struct name n;

	name_set_id(&n, &number, SEED);
	cr_assert_eq(index_enter(&idx, &cache, &n, LK_X, true, &r), INDEX_HELD);
	return r;
}

static void
drop(struct lk_resource *r)
{
	cr_assert(line_exit(r, LK_X, &(uint64_t){ 0 }));
}

static uint64_t
hash_of(const struct lk_resource *r)
{
	const uint64_t number = shim_load(&r->name[0], SHIM_RELAXED);
	struct name n;

	name_set_id(&n, &number, SEED);
	return n.hash;
}

static uint32_t
n_buckets(void)
{
	return (uint32_t)shim_load(&idx.shape, SHIM_RELAXED);
}

/* How many entries a chain has; their notes are those of its window. */
static unsigned
check_chain(const struct bucket *first)
{
	const uint32_t window = bucket_window(first);
	unsigned n = 0;

	for (const struct bucket *b = first; b != NULL; b = bucket_next(b)) {
		const uint64_t tags = shim_load(&b->tags, SHIM_RELAXED);

		cr_assert_eq(bucket_window(b), window);
		for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
			const struct place place = { (struct bucket *)(uintptr_t)b, i };

			if (!tags_entry(tags, i))
				continue;
			cr_assert_eq(place_note(place),
				     note_of(hash_of(place_entry(place)), window));
			n++;
		}
	}
	return n;
}

static unsigned
check_all(void)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < n_buckets(); i++)
		n += check_chain(index_bucket(&idx, i));
	return n;
}

NotesTest(stay_true_as_it_grows_and_shrinks)
{
	uint32_t most;

	for (uint32_t i = 0; i < LOTS; i++) {
		held[i] = take(i);
		if ((i & (i - 1)) == 0)
			cr_assert_eq(check_all(), i + 1);
	}
	cr_assert_eq(check_all(), LOTS);
	most = n_buckets();
	cr_expect_gt(most, 1u << (3 * NOTE_BITS), "three windows were full");
	for (uint32_t i = 0; i < LOTS; i++)
		drop(held[i]);
	for (uint32_t i = 0; i < LOTS; i++) {
		drop(take(LOTS + i));
		if (i % 20000 == 0)
			(void)check_all();
	}
	cr_expect_lt(n_buckets(), most / 2);
	(void)check_all();
}

/* A split whose bit is in the window reads no entry: these could not be read. */
NotesTest(tell_a_split_without_the_names)
{
	uint32_t before;

	for (uint32_t i = 0; i < LOTS; i++)
		held[i] = take(i);
	before = n_buckets();
	cr_assert_lt(before & (before - 1), before, "between two powers of 2");
	/* Another name than it came with: whoever computed a hash anew would put it elsewhere. */
	for (uint32_t i = 0; i < LOTS; i++)
		shim_store(&held[i]->name[0], UINT64_C(0), SHIM_RELAXED);
	for (uint32_t i = 0; i < LOTS / 20; i++)
		(void)take(LOTS + i);
	cr_assert_gt(n_buckets(), before);
	for (uint32_t i = 0; i < LOTS; i++)
		shim_store(&held[i]->name[0], (uint64_t)i, SHIM_RELAXED);
	for (uint32_t i = 0; i < LOTS; i++) {
		const uint64_t number = i;
		struct glimpse g;
		struct name n;

		name_set_id(&n, &number, SEED);
		cr_assert(index_glimpse(&idx, &n, &g) && g.r == held[i], "%u", i);
	}
}
