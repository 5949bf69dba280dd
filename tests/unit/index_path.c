/* SPDX-License-Identifier: MIT */
/* Where paths are split, their order, their entries from the root down, and pins without a latch. */
#include "harness.h"

#include <stdlib.h>

#include "index/evict.h"
#include "index/path.h"

enum { SEED = 5, WORDS = 300 };

static struct test_heap heap;
static struct env env;
static struct index idx;
static struct index_cache cache;
static int home;

static void
start(uint32_t separator)
{
	memset(&idx, 0, sizeof(idx));
	memset(&cache, 0, sizeof(cache));
	test_heap_init(&heap);
	env_init(&env, &heap.allocator, NULL);
	cr_assert(index_init(&idx, &env, &home, SEED, 64, 4, 1));
	idx.separator = separator;
}

static void
finish(void)
{
	index_fini(&idx);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

static struct name
of(const char *text)
{
	struct name n = { .bytes = NULL };

	cr_assert(name_set(&n, text, strlen(text), 0, SEED));
	return n;
}

/* All lengths at which it is split, as text: "2 9". */
static const char *
splits(const char *text)
{
	static char list[64];
	struct name n = of(text);
	size_t used = 0;

	list[0] = '\0';
	if (path_is_flat(&idx, &n))
		return list;
	for (uint32_t len = path_child(&idx, &n, 0); len < n.len; len = path_child(&idx, &n, len))
		used += (size_t)snprintf(list + used, sizeof(list) - used, used != 0 ? " %u" : "%u",
					 len);
	return list;
}

Test(path, is_split_between_other_bytes)
{
	static const struct {
		const char *name;
		const char *at;
		uint32_t parent;
	} rows[] = {
		{ "a", "", 0 },
		{ "a/b", "1", 1 },
		{ "db/orders/42", "2 9", 9 },
		{ "/", "", 0 },
		{ "//", "", 0 },
		{ "/a", "", 0 },
		{ "a/", "", 0 },
		{ "a//b", "", 0 },
		{ "a///b", "", 0 },
		{ "/var/x", "4", 4 },
		{ "a/b/", "1", 1 },
		{ "http://host/page", "11", 11 },
		{ "a/b//c/d", "1 6", 6 },
		{ "0123456789012345678901234567/x", "28", 28 },
		{ "01234567890123456789012/4/x", "23 25", 25 },
	};

	start('/');
	for (size_t i = 0; i < countof(rows); i++) {
		struct name n = of(rows[i].name);

		cr_expect_str_eq(splits(rows[i].name), rows[i].at, "%s", rows[i].name);
		cr_expect_eq(path_parent(&idx, &n), rows[i].parent, "%s", rows[i].name);
	}
	finish();
}

Test(path, numbers_and_an_index_without_separator_are_flat)
{
	uint64_t id;
	struct name n;

	start('/');
	memcpy(&id, "a/b/c/d/", 8);
	name_set_id(&n, &id, SEED);
	cr_expect(path_is_flat(&idx, &n));
	cr_expect_eq(path_parent(&idx, &n), 0);
	finish();
	start(0);
	cr_expect(name_set(&n, "a\0b/c", 5, 0, SEED));
	cr_expect(path_is_flat(&idx, &n));
	cr_expect_eq(path_parent(&idx, &n), 0);
	finish();
}

/* A separator above 127 in each byte of each word. */
Test(path, any_byte_separates_wherever_it_stands)
{
	unsigned char text[40];
	struct name n;

	for (size_t len = 3; len <= sizeof(text); len++) {
		for (size_t at = 1; at + 1 < len; at++) {
			start(200);
			memset(text, 201, sizeof(text));
			text[at] = 200;
			cr_assert(name_set(&n, text, len, 0, SEED));
			cr_expect_eq(path_parent(&idx, &n), at);
			text[at] = 199;
			cr_assert(name_set(&n, text, len, 0, SEED));
			cr_expect(path_is_flat(&idx, &n));
			finish();
		}
	}
}

/* The order by hand: segment by segment. */
static int
order_by_hand(const char *a, const char *b)
{
	char left[16];
	char right[16];

	for (;;) {
		struct name na = of(a);
		struct name nb = of(b);
		uint32_t la = path_is_flat(&idx, &na) ? na.len : path_child(&idx, &na, 0);
		uint32_t lb = path_is_flat(&idx, &nb) ? nb.len : path_child(&idx, &nb, 0);
		int order;

		(void)snprintf(left, sizeof(left), "%.*s", (int)la, a);
		(void)snprintf(right, sizeof(right), "%.*s", (int)lb, b);
		order = strcmp(left, right);
		if (order != 0)
			return order;
		if (a[la] == '\0' || b[lb] == '\0')
			return (a[la] != '\0') - (b[lb] != '\0');
		a += la + 1;
		b += lb + 1;
	}
}

static void
random_word(char *text, uint64_t *random)
{
	static const char alphabet[] = "!a/b/";
	size_t len = 1 + test_random(random) % 7;

	for (size_t i = 0; i < len; i++)
		text[i] = alphabet[test_random(random) % (sizeof(alphabet) - 1)];
	text[len] = '\0';
}

static int
sign(int x)
{
	return (x > 0) - (x < 0);
}

Test(path, order_is_segment_by_segment)
{
	static char word[WORDS][16];
	uint64_t random = 1;

	start('/');
	for (size_t i = 0; i < WORDS; i++)
		random_word(word[i], &random);
	for (size_t i = 0; i < WORDS; i++) {
		for (size_t k = 0; k < WORDS; k++) {
			struct name a = of(word[i]);
			struct name b = of(word[k]);

			cr_expect_eq(sign(path_compare(&idx, &a, &b)),
				     sign(order_by_hand(word[i], word[k])), "%s %s", word[i],
				     word[k]);
		}
	}
	finish();
}

Test(path, shares_whole_segments)
{
	static const struct {
		const char *name;
		uint32_t len;
		const char *other;
		bool shared;
	} rows[] = {
		{ "a/b", 1, "a", true },     { "a/b", 1, "a/c", true },   { "a/b", 1, "ab", false },
		{ "a/b", 1, "a/", false },   { "a/b", 1, "a//c", false }, { "a/b", 3, "a/b", true },
		{ "a/b", 3, "a/b/c", true }, { "a/b", 3, "a/bc", false }, { "a/b", 3, "a", false },
	};

	start('/');
	for (size_t i = 0; i < countof(rows); i++) {
		struct name n = of(rows[i].name);
		struct name other = of(rows[i].other);

		cr_expect_eq(path_shares(&idx, &n, rows[i].len, &other), rows[i].shared, "%s %s",
			     rows[i].name, rows[i].other);
	}
	finish();
}

static struct lk_resource *
enter(const char *text)
{
	struct lk_resource *r = NULL;
	struct name n = of(text);

	cr_assert_eq(path_enter(&idx, &cache, &n, true, &r), INDEX_PINNED);
	return r;
}

static uint32_t
pins(const struct lk_resource *r)
{
	return shim_load(&r->pins, SHIM_RELAXED);
}

/* (R6) */
Test(path, entries_pin_their_parents)
{
	struct lk_resource *leaf;
	struct lk_resource *table;
	struct lk_resource *other;

	start('/');
	leaf = enter("db/orders/42");
	table = resource_parent(leaf);
	other = enter("db/orders/a name of more than twenty-four bytes");
	cr_expect_eq(resource_parent(other), table);
	cr_expect_eq(resource_parent(table), enter("db"));
	cr_expect_eq(resource_parent(resource_parent(table)), NULL);
	cr_expect_eq(pins(resource_parent(table)), 2); /* ours and the table's */
	cr_expect_eq(pins(table), 2);                  /* its children */
	cr_expect_eq(pins(leaf), 1);
	index_sweep(&idx, &cache);
	cr_expect_eq(shim_load(&cache.evicted, SHIM_RELAXED), 0);
	resource_unpin(leaf);
	index_sweep(&idx, &cache);
	cr_expect_eq(shim_load(&cache.evicted, SHIM_RELAXED), 1);
	cr_expect_eq(pins(table), 1);
	resource_unpin(other);
	resource_unpin(resource_parent(table));
	index_sweep(&idx, &cache); /* the leaf, then the table, then the root */
	cr_expect_eq(shim_load(&cache.evicted, SHIM_RELAXED), 4);
	finish();
}

/* (R4) */
Test(path, a_pin_without_a_latch_is_of_that_name_or_none)
{
	struct lk_resource *r;
	struct name n;
	struct glimpse g;

	start('/');
	r = enter("a/b");
	n = of("a/b");
	cr_assert(index_glimpse(&idx, &n, &g));
	cr_expect(glimpse_pin(&g));
	cr_expect_eq(pins(r), 2);
	resource_unpin(r);
	resource_unpin(r);
	index_sweep(&idx, &cache);
	cr_expect(!glimpse_pin(&g)); /* retired */
	cr_expect_eq(pins(r), 0);
	for (int i = 0; i < 100; i++) { /* … and another name's */
		char text[16];

		(void)snprintf(text, sizeof(text), "%d", i);
		resource_unpin(enter(text));
	}
	cr_expect(!glimpse_pin(&g));
	cr_expect_eq(pins(r), 0);
	finish();
}

Test(path, without_memory_pins_nothing)
{
	struct lk_resource *r = NULL;
	struct name n = of("a name of more than twenty-four bytes/b/c/d");

	for (uint64_t nth = 1; r == NULL; nth++) {
		enum index_outcome outcome;

		start('/');
		test_heap_fail(&heap, nth, false);
		outcome = path_enter(&idx, &cache, &n, true, &r);
		test_heap_fail(&heap, 0, false);
		cr_assert(outcome == INDEX_PINNED || outcome == INDEX_NOMEM);
		if (outcome == INDEX_PINNED)
			resource_unpin(r);
		else
			r = NULL;
		index_sweep(&idx, &cache);
		cr_expect_eq(shim_load(&cache.evicted, SHIM_RELAXED),
			     shim_load(&cache.created, SHIM_RELAXED));
		finish();
	}
}
