/* SPDX-License-Identifier: MIT */
/* The index: names in and out, growth, eviction, fences that outlive entries, and want of memory. */
#include "index_stage.h"

#include <stdlib.h>

#include "wait/line.h"

enum { LOTS = 100000 };

static struct name
bytes_name(const void *bytes, size_t len)
{
	struct name n = { .bytes = NULL };

	cr_assert(name_set(&n, bytes, len, 0, SEED));
	return n;
}

static struct name
text_name(const char *text)
{
	return bytes_name(text, strlen(text));
}

static enum index_outcome
enter(const struct name *n, lk_mode first, struct lk_resource **out)
{
	return index_enter(&idx, &cache, n, first, true, out);
}

/* Of a short name, by one who saw the index in the shape `seen`, or (NULL) sees it now. */
static struct lk_resource *
replace(const struct name *n, lk_mode m, const uint64_t *seen)
{
	uint64_t shape = seen != NULL ? *seen : shim_load(&idx.shape, SHIM_RELAXED);
	struct key k;

	key_set(&k, n->bytes, n->tail, SEED);
	return index_replace(&idx, &cache, &k, m, shape);
}

/* Take `m` on a name, as an acquire would; the entry. */
static struct lk_resource *
take(const struct name *n, lk_mode m)
{
	struct lk_resource *r = NULL;
	struct glimpse g;

	/* With some names as one who has looked without the latch before. */
	if ((n->hash >> 8 & 1) != 0 && n->len <= NAME_INLINE && !index_glimpse(&idx, n, &g))
		r = replace(n, m, NULL);
	if (r == NULL) {
		enum index_outcome outcome = enter(n, m, &r);

		cr_assert(outcome == INDEX_HELD || outcome == INDEX_PINNED, "%d", (int)outcome);
		if (outcome == INDEX_PINNED) {
			cr_assert(line_try_enter(r, m));
			resource_unpin(r);
		}
	}
	tally(&uses);
	return r;
}

static void
drop(struct lk_resource *r, lk_mode m)
{
	cr_assert(line_exit(r, m, &(uint64_t){ 0 }));
}

static uint64_t
created(void)
{
	return cache_created(&cache);
}

static uint64_t
evicted(void)
{
	return cache_evicted(&cache);
}

static uint64_t
inside(void)
{
	return created() - evicted();
}

static uint64_t
fence(const struct lk_resource *r)
{
	return shim_load(&r->fence, SHIM_RELAXED);
}

static uint32_t
n_buckets(void)
{
	return (uint32_t)shim_load(&idx.shape, SHIM_RELAXED);
}

/* -------------------------------------------------------------------- one name */

Test(index, enter_makes_and_then_finds)
{
	struct name n = text_name("name");
	struct lk_resource *r = NULL;
	struct lk_resource *again = NULL;

	start(1, 8);
	cr_expect_eq(enter(&n, LK_X, &r), INDEX_HELD);
	cr_expect_eq(shim_load(&r->word, SHIM_RELAXED) & ~WORD_GEN_MASK, WORD_X);
	cr_expect_eq(shim_load(&r->pins, SHIM_RELAXED), 0);
	cr_expect_eq(fence(r), 1000, "where the index begins");
	cr_expect_eq(slab_home(r), (void *)&home);
	cr_expect_eq(enter(&n, LK_X, &again), INDEX_PINNED);
	cr_expect_eq(again, r);
	cr_expect_eq(shim_load(&r->word, SHIM_RELAXED) & ~WORD_GEN_MASK, WORD_X);
	cr_expect_eq(shim_load(&r->pins, SHIM_RELAXED), 1);
	cr_expect_eq(created(), 1);
	finish();
}

Test(index, enter_without_a_mode_pins)
{
	struct name n = text_name("name");
	struct lk_resource *r = NULL;

	start(4, 8);
	cr_expect_eq(enter(&n, LK_NL, &r), INDEX_PINNED);
	cr_expect(word_idle(shim_load(&r->word, SHIM_RELAXED)));
	cr_expect_eq(shim_load(&r->pins, SHIM_RELAXED), 1);
	finish();
}

Test(index, pin_finds_but_does_not_make)
{
	struct name n = text_name("name");
	struct lk_resource *r;

	start(1, 8);
	cr_expect_null(index_pin(&idx, &n));
	cr_expect_eq(created(), 0);
	r = take(&n, LK_S);
	cr_expect_eq(index_pin(&idx, &n), r);
	cr_expect_eq(shim_load(&r->pins, SHIM_RELAXED), 1);
	finish();
}

/* (R2, R3) what was seen without the latch tells when it is not that name any more. */
Test(index, glimpse)
{
	struct name n = text_name("name");
	struct name other = text_name("other");
	struct glimpse g;
	struct lk_resource *r;

	start(1, 1);
	cr_expect_not(index_glimpse(&idx, &n, &g));
	r = take(&n, LK_S);
	cr_assert(index_glimpse(&idx, &n, &g));
	cr_expect_eq(g.r, r);
	cr_expect_eq(g.word, shim_load(&r->word, SHIM_RELAXED));
	cr_expect_eq(g.ident, shim_load(&r->ident, SHIM_RELAXED));
	cr_expect(glimpse_confirmed(&g));
	cr_expect_not(index_glimpse(&idx, &other, &(struct glimpse){ .r = NULL }));
	drop(r, LK_S);
	cr_expect(glimpse_confirmed(&g));
	index_sweep(&idx, &cache);
	cr_expect_not(glimpse_confirmed(&g));
	cr_expect_neq(shim_load(&r->word, SHIM_RELAXED) & WORD_DEAD, 0);
	cr_expect_not(index_glimpse(&idx, &n, &(struct glimpse){ .r = NULL }));
	/* The same memory for the same name: still not what was seen. */
	cr_expect_eq(take(&n, LK_S), r);
	cr_expect_not(glimpse_confirmed(&g));
	cr_expect_neq(shim_load(&r->word, SHIM_RELAXED) & WORD_GEN_MASK, g.word & WORD_GEN_MASK);
	finish();
}

Test(index, not_patient)
{
	struct name n = text_name("name");
	struct lk_resource *r = NULL;

	start(1, 8);
	latch_lock(&index_bucket(&idx, 0)->latch);
	cr_expect_eq(index_enter(&idx, &cache, &n, LK_S, false, &r), INDEX_BUSY);
	latch_unlock(&index_bucket(&idx, 0)->latch);
	cr_expect_eq(index_enter(&idx, &cache, &n, LK_S, false, &r), INDEX_HELD);
	finish();
}

/* The quick way to make an entry: of another that idles, or not at all. */
Test(index, replace)
{
	struct name first = text_name("first");
	struct name second = text_name("second");
	struct lk_resource *r;
	uint64_t last;

	start(1, 1);
	cr_expect_null(replace(&first, LK_X, NULL), "nobody idles");
	r = take(&first, LK_X);
	shim_store(&r->fence, UINT64_C(5000), SHIM_RELAXED);
	cr_expect_null(replace(&second, LK_X, NULL), "it is held");
	drop(r, LK_X);
	latch_lock(&index_bucket(&idx, 0)->latch);
	cr_expect_null(replace(&second, LK_X, NULL), "the latch is taken");
	latch_unlock(&index_bucket(&idx, 0)->latch);
	cr_expect_null(replace(&first, LK_X, NULL), "it is there");
	cr_expect_eq(inside(), 1);

	last = shim_load(&r->ident, SHIM_RELAXED);
	cr_expect_eq(replace(&second, LK_X, NULL), r);
	cr_expect_eq(inside(), 1);
	cr_expect_eq(created(), 2);
	cr_expect_eq(shim_load(&r->word, SHIM_RELAXED) & ~WORD_GEN_MASK, WORD_X);
	cr_expect_eq(fence(r), 5000);
	cr_expect_neq(shim_load(&r->ident, SHIM_RELAXED), last);
	cr_expect_null(index_pin(&idx, &first));
	cr_expect_eq(index_pin(&idx, &second), r);
	finish();
}

/* What was seen is of another shape by now: the bucket may be the wrong one.  (I1) */
Test(index, replace_after_growth)
{
	struct name n = text_name("name");
	uint64_t seen;

	start(1, LK_OFF);
	seen = shim_load(&idx.shape, SHIM_RELAXED);
	for (uint64_t i = 0; i < 100; i++) {
		struct name other = number_name(&i);

		(void)enter(&other, LK_NL, &(struct lk_resource *){ NULL });
	}
	cr_assert_gt(n_buckets(), 1);
	cr_expect_null(replace(&n, LK_X, &seen));
	finish();
}

/* Names that differ in a byte, in their length, or in being a number. */
Test(index, names_are_told_apart)
{
	const uint64_t id = UINT64_C(0x6161616161616161);
	struct name names[] = { text_name("a"),
				text_name("b"),
				text_name("aa"),
				bytes_name("a\0", 2),
				bytes_name("\0a", 2),
				bytes_name("\0", 1),
				bytes_name("\0\0", 2),
				bytes_name("aaaaaaaa", 8),
				bytes_name("aaaaaaaaa", 9),
				number_name(&id) };
	struct lk_resource *r[countof(names)];

	start(1, LK_OFF);
	for (size_t i = 0; i < countof(names); i++) {
		r[i] = take(&names[i], LK_X);
		for (size_t j = 0; j < i; j++)
			cr_expect_neq(r[i], r[j], "%zu, %zu", i, j);
	}
	for (size_t i = 0; i < countof(names); i++) {
		struct lk_resource *pinned = index_pin(&idx, &names[i]);

		cr_expect_eq(pinned, r[i], "name %zu", i);
	}
	finish();
}

/* ------------------------------------------------------------------ long names */

static unsigned char text[LK_NAME_MAX];

static void
check_name(const struct lk_resource *r, size_t len)
{
	size_t told = 0;
	bool is_id = true;

	cr_assert_eq(memcmp(resource_name(r, &told, &is_id), text, len), 0, "%zu bytes", len);
	cr_assert_eq(told, len);
	cr_assert_not(is_id);
}

Test(index, names_of_all_lengths)
{
	static struct lk_resource *r[LK_NAME_MAX + 1];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)(i * 7 + 200);
	start(1, 1);
	for (size_t len = 1; len <= LK_NAME_MAX; len++) {
		struct name n = bytes_name(text, len);

		r[len] = take(&n, LK_X);
		check_name(r[len], len);
	}
	for (size_t len = 1; len <= LK_NAME_MAX; len++) {
		struct name n = bytes_name(text, len);

		cr_assert_eq(index_pin(&idx, &n), r[len]);
		check_name(r[len], len);
	}
	finish();
}

/* Blocks of long names serve again. */
Test(index, long_names_give_their_memory_back)
{
	uint64_t bytes = 0;

	memset(text, 'x', sizeof(text));
	start(1, 1);
	for (unsigned i = 0; i < 5000; i++) {
		struct name n;

		snprintf((char *)text, sizeof(text), "%u", i);
		n = bytes_name(text, 33 + i * 131 % 4000);
		drop(take(&n, LK_X), LK_X);
		if (i == 1000)
			bytes = atomic_load(&heap.bytes);
	}
	cr_expect_eq(atomic_load(&heap.bytes), bytes);
	finish();
}

Test(index, name_classes)
{
	for (uint32_t len = NAME_INLINE + 1; len <= LK_NAME_MAX; len++) {
		unsigned class = name_class(len);

		cr_assert_lt(class, NAME_CLASSES);
		cr_assert_ge(name_class_size(class), len);
		cr_assert(class == 0 || name_class_size(class - 1) < len, "%u bytes", len);
	}
}

/* ------------------------------------------------------------------------- growth */

static uint64_t numbers[LOTS];
static struct lk_resource *held[LOTS];

static void
take_lots(uint32_t n, lk_mode m)
{
	for (uint64_t i = 0; i < n; i++) {
		struct name name;

		numbers[i] = i * 3;
		name = number_name(&numbers[i]);
		held[i] = take(&name, m);
	}
}

static void
drop_lots(uint32_t n, lk_mode m)
{
	for (uint32_t i = 0; i < n; i++)
		drop(held[i], m);
}

/* Each name has its entry, and it is the one that it was given. */
static void
find_lots(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct name name = number_name(&numbers[i]);
		bool is_id = false;
		size_t len;

		cr_assert_eq(index_pin(&idx, &name), held[i], "%u", i);
		resource_unpin(held[i]);
		cr_assert_eq(memcmp(resource_name(held[i], &len, &is_id), &numbers[i], 8), 0);
		cr_assert(is_id);
	}
}

/* Without the latch too: there is nobody to lead us astray, and the lines are short. */
static void
glimpse_lots(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct name name = number_name(&numbers[i]);
		struct glimpse g;

		cr_assert(index_glimpse(&idx, &name, &g) && g.r == held[i], "%u", i);
	}
}

Test(index, grows_and_keeps_all, .timeout = 60)
{
	for (uint64_t buckets = 1; buckets <= 64; buckets *= 64) {
		start(buckets, LK_OFF);
		cr_expect_eq(n_buckets(), buckets);
		take_lots(LOTS, LK_IS);
		cr_expect_gt(n_buckets(), LOTS / 10);
		cr_expect_eq(created(), LOTS);
		cr_expect_eq(evicted(), 0);
		find_lots(LOTS);
		glimpse_lots(LOTS);
		index_sweep(&idx, &cache);
		cr_expect_eq(evicted(), 0, "all are held");
		drop_lots(LOTS, LK_IS);
		find_lots(LOTS);
		index_sweep(&idx, &cache);
		cr_expect_eq(evicted(), LOTS);
		for (uint32_t i = 0; i < LOTS; i++) {
			struct name name = number_name(&numbers[i]);

			cr_assert_null(index_pin(&idx, &name));
		}
		finish();
	}
}

/* Bucket numbers and memory, as the index grows from a number that is no power of 2. */
Test(index, buckets_are_lines_apart)
{
	start(5, LK_OFF);
	cr_expect_eq(n_buckets(), 8);
	take_lots(1000, LK_IS);
	cr_assert_gt(n_buckets(), 64);
	for (uint32_t i = 0; i < n_buckets(); i++) {
		cr_assert_eq((uintptr_t)index_bucket(&idx, i) % LK_LINE, 0);
		for (uint32_t j = 0; j < i; j++)
			cr_assert_neq(index_bucket(&idx, i), index_bucket(&idx, j));
	}
	finish();
}

/* Linear hashing by the book: the last bits, one fewer where the new half is not there yet. */
Test(index, shape)
{
	for (uint32_t n = 1; n <= 70; n++) {
		uint32_t mask = 1;

		while (mask < n)
			mask *= 2;
		for (uint64_t hash = 0; hash < 300; hash++) {
			uint64_t b = hash % mask < n ? hash % mask : hash % (mask / 2);

			cr_assert_eq(shape_bucket((uint64_t)(mask - 1) << 32 | n, hash), b,
				     "%u buckets, hash %u", n, (unsigned)hash);
		}
	}
}

/* ----------------------------------------------------------------------- eviction */

static void
pass(uint64_t number)
{
	struct name n = number_name(&number);

	drop(take(&n, LK_X), LK_X);
}

Test(index, one_idle_name_makes_way_for_the_next)
{
	start(1, 1);
	for (uint64_t i = 0; i < 1000; i++) {
		pass(i);
		cr_assert_eq(inside(), 1);
	}
	cr_expect_eq(n_buckets(), 1);
	finish();
}

/* The bound that max_idle sets, when each bucket has one. */
Test(index, no_more_idle_names_than_allowed)
{
	start(64, 64);
	for (uint64_t i = 0; i < 20000; i++) {
		pass(i);
		cr_assert_le(inside(), 64);
	}
	finish();
}

/* More buckets than idle names: some may be left for the tour, but soon it finds them. */
Test(index, few_idle_names_in_many_buckets)
{
	uint64_t most = 0;

	start(1024, 1);
	for (uint64_t i = 0; i < 50000; i++) {
		pass(i);
		most = inside() > most ? inside() : most;
	}
	cr_expect_lt(most, 1024, "%u", (unsigned)most);
	finish();
}

/* Held by the thousand, then all let go: insertions sweep them out. */
Test(index, many_names_let_go_at_once)
{
	start(1, 64);
	take_lots(20000, LK_X);
	cr_expect_eq(inside(), 20000);
	drop_lots(20000, LK_X);
	for (uint64_t i = 0; i < 20000; i++)
		pass(UINT64_C(1) << 40 | i);
	cr_expect_le(inside(), 64 + n_buckets(), "%u", (unsigned)inside());
	cr_expect_lt(n_buckets(), 1000, "%u", (unsigned)n_buckets());
	finish();
}

/* LK_OFF: never, whether its user comes back to names or not. */
Test(index, without_limit_nothing_is_evicted)
{
	start(1, LK_OFF);
	for (uint64_t i = 0; i < 5000; i++)
		pass(i);
	cr_expect_eq(evicted(), 0);
	for (uint64_t i = 0; i < 5000; i++) {
		pass(i);
		pass(i);
		pass(i + 5000);
	}
	cr_expect_eq(evicted(), 0);
	cr_expect_eq(inside(), 10000);
	index_sweep(&idx, &cache);
	cr_expect_eq(inside(), 0);
	finish();
}

/* (R1) what is held, waited for or pinned stays. */
Test(index, what_is_in_use_stays)
{
	static const struct {
		uint64_t word;
		uint32_t pins;
	} rows[] = { { WORD_IS_ONE, 0 }, { WORD_X, 0 },    { WORD_WAITERS, 0 }, { 0, 1 },
		     { 0, 5 },           { 0, PINS_DIED }, { WORD_S_ONE, 7 } };
	struct name n = text_name("name");
	struct lk_resource *r;
	uint64_t gen;

	start(1, 1);
	r = take(&n, LK_S);
	drop(r, LK_S);
	gen = shim_load(&r->word, SHIM_RELAXED);
	for (size_t i = 0; i < countof(rows); i++) {
		shim_store(&r->word, gen | rows[i].word, SHIM_RELAXED);
		shim_store(&r->pins, rows[i].pins, SHIM_RELAXED);
		index_sweep(&idx, &cache);
		cr_expect_eq(evicted(), 0, "row %zu", i);
		cr_expect_eq(shim_load(&r->word, SHIM_RELAXED), gen | rows[i].word, "row %zu", i);
		cr_expect_eq(shim_load(&r->pins, SHIM_RELAXED), rows[i].pins);
	}
	shim_store(&r->word, gen, SHIM_RELAXED);
	shim_store(&r->pins, 0u, SHIM_RELAXED);
	index_sweep(&idx, &cache);
	cr_expect_eq(evicted(), 1);
	finish();
}

/* A retired entry, from the cache or from the slab, is the next name's. */
Test(index, entries_serve_again)
{
	uint64_t calls = 0;

	start(16, LK_OFF);
	for (unsigned i = 0; i < 100; i++) {
		if (i == 50) /* it has grown as much as these names make it grow */
			calls = atomic_load(&heap.calls);
		take_lots(100, LK_X);
		drop_lots(100, LK_X);
		index_sweep(&idx, &cache);
		cr_expect_eq(inside(), 0);
		cr_expect_le(cache.n_spare, CACHE_SIZE);
		cr_expect_gt(cache.n_spare, 0);
	}
	cr_expect_eq(atomic_load(&heap.calls), calls, "it is the same memory all the time");
	finish();
}

/* ------------------------------------------------------------------------- fences */

enum { FENCED = 300 };

/* (B3) whatever becomes of its entry, a name never sees a smaller fence. */
static void
check_fences(uint64_t buckets, uint64_t max_idle)
{
	static uint64_t last[FENCED];
	uint64_t seed = max_idle;
	uint64_t highest = 0;

	memset(last, 0, sizeof(last));
	start(buckets, max_idle);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t x = test_random(&seed);
		unsigned number = (unsigned)(x % FENCED);
		struct name n;
		struct lk_resource *r;

		numbers[number] = number;
		n = number_name(&numbers[number]);
		r = take(&n, LK_X);
		cr_assert_ge(fence(r), last[number], "name %u", number);
		last[number] = fence(r) + 1 + (x >> 32) % 1000;
		shim_store(&r->fence, last[number], SHIM_RELAXED);
		highest = last[number] > highest ? last[number] : highest;
		drop(r, LK_X);
		if (i % 1000 == 0)
			index_sweep(&idx, &cache);
	}
	cr_expect_gt(evicted(), FENCED);
	cr_expect_eq(index_last_fence(&idx), highest);
	index_sweep(&idx, &cache);
	cr_expect_eq(index_last_fence(&idx), highest);
	finish();
}

Test(index, fences_outlive_entries)
{
	check_fences(1, 1);
	check_fences(64, 1);
	check_fences(64, 64);
	check_fences(1, 2000);
	check_fences(1, LK_OFF);
}

/* (B3), when the bucket is split after the entry went. */
Test(index, fences_outlive_splits)
{
	struct name n = text_name("name");
	struct lk_resource *r;

	start(1, LK_OFF);
	r = take(&n, LK_X);
	shim_store(&r->fence, UINT64_C(123456789), SHIM_RELAXED);
	drop(r, LK_X);
	index_sweep(&idx, &cache);
	take_lots(2000, LK_IS);
	cr_expect_gt(n_buckets(), 200);
	cr_expect_ge(fence(take(&n, LK_X)), 123456789);
	finish();
}

/* ------------------------------------------------------------------------- refused */

Test(index, a_hash_that_is_not_the_names)
{
	struct lk_resource *r = NULL;
	struct name right = text_name("name");
	struct name wrong;
	struct glimpse g;

	start(8, 8);
	cr_assert(name_set(&wrong, "name", 4, right.hash + 1, SEED));
	cr_expect_eq(enter(&wrong, LK_X, &r), INDEX_BAD_HASH);
	cr_expect_eq(created(), 0);
	cr_expect_not(index_glimpse(&idx, &wrong, &g));
	cr_assert(name_set(&wrong, "name", 4, right.hash, SEED));
	cr_expect_eq(enter(&wrong, LK_X, &r), INDEX_HELD);
	cr_expect_eq(index_pin(&idx, &right), r);
	finish();
}

static const char *
name_of(unsigned i)
{
	static char s[LK_NAME_MAX];

	/* Short ones and long ones, of several classes. */
	snprintf(s, sizeof(s), "%u%0*u", i, 1 + (int)(i % 7) * 40, i);
	return s;
}

/* Some use of an index, in which every want of memory is a NOMEM and nothing else. */
static void
use_without_memory(void)
{
	struct lk_resource *r[240] = { NULL };
	unsigned refused = 0;

	for (unsigned i = 0; i < countof(r); i++) {
		struct name n = text_name(name_of(i));
		enum index_outcome outcome = enter(&n, LK_X, &r[i]);

		cr_assert(outcome == INDEX_HELD || outcome == INDEX_NOMEM, "%d", (int)outcome);
		if (outcome != INDEX_NOMEM)
			continue;
		refused++;
		r[i] = NULL;
		cr_assert_null(index_pin(&idx, &n), "half of it is there");
	}
	cr_assert_eq(created(), countof(r) - refused);
	for (unsigned i = 0; i < countof(r); i++) {
		struct name n = text_name(name_of(i));

		cr_assert_eq(index_pin(&idx, &n), r[i]);
		if (r[i] == NULL)
			continue;
		resource_unpin(r[i]);
		drop(r[i], LK_X);
	}
	index_sweep(&idx, &cache);
	cr_assert_eq(inside(), 0);
}

static bool
use_with_failures(uint64_t nth, bool keep)
{
	bool failed;

	test_heap_init(&heap);
	env_init(&env, &heap.allocator, NULL);
	test_heap_fail(&heap, nth, keep);
	if (try_start(1, 8)) {
		use_without_memory();
		finish();
	}
	failed = atomic_load(&heap.failures) > 0;
	cr_assert_eq(atomic_load(&heap.blocks), 0);
	return failed;
}

Test(index, every_allocation_may_fail)
{
	uint64_t nth = 1;

	while (use_with_failures(nth, false) && use_with_failures(nth, true))
		nth++;
	cr_expect_gt(nth, 8, "there were so many allocations");
}

/* Growth is a wish: without memory for it the lines get longer, and all goes on. */
Test(index, no_memory_to_grow)
{
	start(1, LK_OFF);
	take_lots(3, LK_IS);
	slab_put(&idx.lines, slab_get(&idx.lines)); /* now there are lines to be had */
	test_heap_fail(&heap, 1, true);
	take_lots(1000, LK_IS);
	cr_expect_gt(atomic_load(&heap.failures), 100);
	cr_expect_eq(n_buckets(), 1u << LK_INDEX_ROOM_BITS, "as many as there is room for");
	find_lots(1000);
	test_heap_fail(&heap, 0, false);
	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t number = UINT64_C(1) << 40 | i;
		struct name n = number_name(&number);

		(void)take(&n, LK_IS);
	}
	cr_expect_gt(n_buckets(), 100);
	find_lots(1000);
	finish();
}
