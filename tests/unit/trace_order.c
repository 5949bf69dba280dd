/* SPDX-License-Identifier: MIT */
/* Classes of names, and the orders in which they are taken. */
#include "harness.h"

#include "trace/order.h"

static void
expect_class(const char *name, const char *expected)
{
	struct class c;

	class_of(&c, name, strlen(name), false);
	cr_expect_eq(c.len, strlen(expected), "%s", name);
	cr_expect_eq(memcmp(c.text, expected, strlen(expected)), 0, "%s: '%.*s'", name, (int)c.len,
		     (const char *)c.text);
}

Test(class, is_what_is_left_without_numbers)
{
	expect_class("db/orders/42", "db/orders/#");
	expect_class("42", "#");
	expect_class("db", "db");
	expect_class("user42", "user#");
	expect_class("a1b2", "#");
	expect_class("x1b2", "x#b#");
	expect_class("a1b", "a#b");
	expect_class("deadbeef", "deadbeef");
	expect_class("deadbee1", "#");
	expect_class("job-0x1f", "job-#");
	expect_class("0x", "#x");
	expect_class("user42/550e8400-e29b-41d4-a716-446655440000", "user#/#-#-#-#-#");
	expect_class("a//1\n2", "a//#\n#");
	expect_class("", "");
}

/* All that is cut off counts, but not what stands for numbers. */
Test(class, of_long_names_are_told_apart)
{
	char name[200];
	struct class a;
	struct class b;

	memset(name, 'k', sizeof(name));
	class_of(&a, name, sizeof(name), false);
	name[199] = 'l';
	class_of(&b, name, sizeof(name), false);
	cr_expect_eq(a.len, 200);
	cr_expect_eq(memcmp(a.text, b.text, sizeof(a.text)), 0);
	cr_expect_neq(a.hash, b.hash);
	class_of(&a, "row/1", 5, false);
	class_of(&b, "row/20000", 9, false);
	cr_expect_eq(a.hash, b.hash);
}

Test(class, of_numbers_is_one_and_no_name_s)
{
	const uint64_t x = 1;
	const uint64_t y = UINT64_MAX;
	struct class a;
	struct class b;

	class_of(&a, &x, 8, true);
	class_of(&b, &y, 8, true);
	cr_expect_eq(a.hash, b.hash);
	cr_expect_eq(a.len, 4);
	cr_expect_eq(memcmp(a.text, "id #", 4), 0);
	class_of(&b, "id 7", 4, false);
	cr_expect_eq(a.len, b.len);
	cr_expect_neq(a.hash, b.hash);
}

/* --------------------------------------------------------------------------- orders */

struct fixture {
	struct env env;
	struct test_heap heap;
	struct order *order;
	struct order_finding found;
};

static void
begin(struct fixture *f)
{
	test_heap_init(&f->heap);
	env_init(&f->env, &f->heap.allocator, NULL);
	f->order = order_create(&f->env);
	cr_assert_not_null(f->order);
}

static void
finish(struct fixture *f)
{
	order_destroy(f->order);
	cr_expect_eq(atomic_load(&f->heap.bytes), 0);
}

static enum order_outcome
learn(struct fixture *f, const char *held, lk_mode has, const char *wanted, lk_mode wants)
{
	struct class h;
	struct class c;

	class_of(&h, held, strlen(held), false);
	class_of(&c, wanted, strlen(wanted), false);
	return order_learn(f->order, &h, has, &c, wants, &f->found);
}

Test(order, two_that_are_taken_in_either_order)
{
	struct fixture f;

	begin(&f);
	cr_expect_eq(learn(&f, "a", LK_X, "b", LK_X), ORDER_FINE);
	cr_expect_eq(learn(&f, "b", LK_X, "c", LK_X), ORDER_FINE);
	cr_expect_eq(learn(&f, "b", LK_X, "a", LK_X), ORDER_INVERTED);
	cr_expect_eq(f.found.n_classes, 2);
	finish(&f);
}

Test(order, is_reported_once_for_each_pair)
{
	struct fixture f;

	begin(&f);
	cr_expect_eq(learn(&f, "a", LK_X, "b", LK_X), ORDER_FINE);
	cr_expect_eq(learn(&f, "b", LK_X, "a", LK_X), ORDER_INVERTED);
	cr_expect_eq(learn(&f, "b", LK_X, "a", LK_X), ORDER_FINE);
	cr_expect_eq(learn(&f, "b", LK_X, "a", LK_S), ORDER_FINE, "in another mode");
	cr_expect_eq(learn(&f, "a", LK_S, "b", LK_X), ORDER_FINE, "and the other way");
	cr_expect_eq(learn(&f, "c", LK_X, "b", LK_X), ORDER_FINE);
	cr_expect_eq(learn(&f, "b", LK_X, "c", LK_X), ORDER_INVERTED, "another pair");
	finish(&f);
}

Test(order, of_three)
{
	struct fixture f;

	begin(&f);
	cr_expect_eq(learn(&f, "a", LK_X, "b", LK_X), ORDER_FINE);
	cr_expect_eq(learn(&f, "b", LK_X, "c", LK_X), ORDER_FINE);
	cr_expect_eq(learn(&f, "a", LK_X, "c", LK_X), ORDER_FINE, "that is the same order");
	cr_expect_eq(learn(&f, "c", LK_X, "a", LK_X), ORDER_INVERTED);
	cr_expect_eq(f.found.n_classes, 2, "a and c alone are enough");
	cr_expect_eq(learn(&f, "c", LK_X, "d", LK_X), ORDER_FINE);
	cr_expect_eq(learn(&f, "d", LK_X, "b", LK_X), ORDER_INVERTED);
	cr_expect_eq(f.found.n_classes, 3, "b, c, d");
	finish(&f);
}

/* Every pair of modes by hand: a ring of two needs a conflict at both ends. */
Test(order, counts_modes_that_do_not_agree)
{
	static const struct {
		lk_mode holds_a, wants_b, holds_b, wants_a;
		bool inverted;
	} rows[] = {
		{ LK_S, LK_S, LK_S, LK_S, false },    { LK_X, LK_S, LK_S, LK_X, false },
		{ LK_S, LK_X, LK_X, LK_S, false },    { LK_S, LK_X, LK_S, LK_X, true },
		{ LK_X, LK_S, LK_X, LK_S, true },     { LK_IX, LK_X, LK_X, LK_IX, false },
		{ LK_IX, LK_X, LK_X, LK_S, true },    { LK_IX, LK_IX, LK_IX, LK_IX, false },
		{ LK_U, LK_S, LK_U, LK_S, false },    { LK_U, LK_U, LK_U, LK_U, true },
		{ LK_IS, LK_X, LK_S, LK_SIX, false }, { LK_IS, LK_X, LK_S, LK_X, true },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct fixture f;

		begin(&f);
		cr_expect_eq(learn(&f, "a", rows[i].holds_a, "b", rows[i].wants_b), ORDER_FINE);
		cr_expect_eq(learn(&f, "b", rows[i].holds_b, "a", rows[i].wants_a) ==
				     ORDER_INVERTED,
			     rows[i].inverted, "row %zu", i);
		finish(&f);
	}
}

/* A ring breaks at a class that all who are in it only read. */
Test(order, of_three_with_a_reader_between)
{
	struct fixture f;

	begin(&f);
	cr_expect_eq(learn(&f, "a", LK_X, "b", LK_S), ORDER_FINE);
	cr_expect_eq(learn(&f, "b", LK_S, "c", LK_X), ORDER_FINE);
	cr_expect_eq(learn(&f, "c", LK_X, "a", LK_X), ORDER_FINE, "b is read by both");
	cr_expect_eq(learn(&f, "b", LK_X, "c", LK_X), ORDER_INVERTED, "until one writes it");
	cr_expect_eq(f.found.n_classes, 3);
	finish(&f);
}

Test(order, within_one_class_is_not_known)
{
	struct fixture f;

	begin(&f);
	cr_expect_eq(learn(&f, "row/1", LK_X, "row/2", LK_X), ORDER_FINE);
	cr_expect_eq(learn(&f, "row/2", LK_X, "row/1", LK_X), ORDER_FINE);
	finish(&f);
}

static void
name_of(char *name, unsigned i)
{
	name[0] = 'p';
	name[1] = (char)('g' + i / 16); /* no hexadecimal digits */
	name[2] = (char)('g' + i % 16);
	name[3] = '\0';
}

Test(order, says_once_that_there_are_too_many_classes)
{
	char name[4];
	struct fixture f;

	begin(&f);
	cr_expect_eq(learn(&f, "first", LK_X, "second", LK_X), ORDER_FINE);
	for (unsigned i = 2; i < ORDER_CLASSES; i++) {
		name_of(name, i);
		cr_assert_eq(learn(&f, "first", LK_X, name, LK_X), ORDER_FINE, "%u", i);
	}
	cr_expect_eq(learn(&f, "first", LK_X, "one more", LK_X), ORDER_FULL);
	cr_expect_eq(memcmp(f.found.class.text, "one more", 8), 0);
	cr_expect_eq(learn(&f, "and yet another", LK_X, "first", LK_X), ORDER_FINE);
	cr_expect_eq(learn(&f, "second", LK_X, "first", LK_X), ORDER_INVERTED,
		     "those it has it goes on with");
	name_of(name, ORDER_CLASSES - 1);
	cr_expect_eq(learn(&f, name, LK_X, "first", LK_X), ORDER_INVERTED);
	finish(&f);
}

/* The longest ring that there is room for. */
Test(order, of_all_classes)
{
	char name[4];
	char next[4];
	struct fixture f;

	begin(&f);
	for (unsigned i = 0; i + 1 < ORDER_CLASSES; i++) {
		name_of(name, i);
		name_of(next, i + 1);
		cr_assert_eq(learn(&f, name, LK_X, next, LK_X), ORDER_FINE, "%u", i);
	}
	name_of(name, 0);
	cr_expect_eq(learn(&f, next, LK_X, name, LK_X), ORDER_INVERTED);
	cr_expect_eq(f.found.n_classes, ORDER_CLASSES);
	finish(&f);
}

Test(order, needs_memory_at_the_start_only)
{
	struct fixture f;

	begin(&f);
	test_heap_fail(&f.heap, 1, true);
	cr_expect_null(order_create(&f.env));
	cr_expect_eq(learn(&f, "a", LK_X, "b", LK_X), ORDER_FINE);
	cr_expect_eq(learn(&f, "b", LK_X, "a", LK_X), ORDER_INVERTED);
	finish(&f);
}

/* Two threads learn the two halves of an inversion: one of them, and only one, is told.  (G2) */
struct halves {
	struct fixture f;
	_Atomic unsigned told;
};

static void
learn_half(void *arg, unsigned index)
{
	struct halves *h = arg;

	for (unsigned i = 0; i < 64; i++) {
		struct order_finding found;
		struct class a;
		struct class b;
		char name[4];
		char other[5];

		name_of(name, i);
		snprintf(other, sizeof(other), "q%s", name);
		class_of(&a, index ? name : other, index ? 3 : 4, false);
		class_of(&b, index ? other : name, index ? 4 : 3, false);
		if (order_learn(h->f.order, &a, LK_X, &b, LK_X, &found) == ORDER_INVERTED)
			atomic_fetch_add(&h->told, 1);
	}
}

Test(order, tells_one_of_two_threads)
{
	static struct halves h;

	begin(&h.f);
	test_threads(2, learn_half, &h);
	cr_expect_eq(atomic_load(&h.told), 64);
	finish(&h.f);
}
