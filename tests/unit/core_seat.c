/* SPDX-License-Identifier: MIT */
/* Which slot an owner uses, when it has used others; and what is spread early.  (C8) */
#include "../api/support.h"

#include "core/manager.h"

static struct lk_resource *
open_handle(struct lk_manager *m, const char *name)
{
	struct lk_resource *r;

	ok(lk_resource_open(m, name, &r));
	return r;
}

static bool
is_spread(const struct lk_resource *r)
{
	return (shim_load(&r->word, SHIM_RELAXED) & WORD_SPREAD) != 0;
}

/* A handle of a name that is spread for readers, or for intents. */
static struct lk_resource *
open_spread(struct lk_manager *m, const char *name, lk_mode mode)
{
	struct lk_resource *r = open_handle(m, name);

	line_spread(&m->lot, r, mode);
	cr_assert(is_spread(r), "%s", name);
	return r;
}

static uint64_t
slots_of(struct lk_manager *m, const struct lk_resource *r)
{
	return spread_sum(&m->spread, shim_load(&r->spread, SHIM_RELAXED));
}

static lk_grant
on(struct lk_owner *w, struct lk_resource *r, lk_mode mode)
{
	lk_grant g;

	ok(lk_acquire_on(w, r, mode, NULL, &g));
	return g;
}

/* ------------------------------------------------------------- the slot used last */

enum { NAMES = 3 };

struct stage {
	struct lk_manager *m;
	struct lk_owner *w[2];
	struct lk_resource *r[NAMES];
};

static struct stage
open_stage(void)
{
	static const char *const name[NAMES] = { "a", "b", "c" };
	struct stage s = { .m = open_manager("memory:") };

	open_owners(s.m, s.w, 2);
	for (int i = 0; i < NAMES; i++)
		s.r[i] = open_spread(s.m, name[i], LK_S);
	return s;
}

/* Just those names of which a bit is set have a hold in S in a slot, and none has one in its word. */
static void
expect_seated(const struct stage *s, unsigned which)
{
	for (unsigned i = 0; i < NAMES; i++) {
		cr_assert_eq(slots_of(s->m, s->r[i]), (which >> i & 1) != 0 ? WORD_S_ONE : 0,
			     "name %u of %x", i, which);
		cr_assert_eq(shim_load(&s->r[i]->word, SHIM_RELAXED) & WORD_HOLDS, 0);
	}
}

static void
close_stage(struct stage *s)
{
	expect_seated(s, 0);
	for (int i = 0; i < NAMES; i++)
		lk_resource_close(s->r[i]);
	close_all(s->m, s->w, 2);
}

Test(core_seat, each_name_has_its_own)
{
	struct stage s = open_stage();

	for (unsigned round = 0; round < 3 * NAMES; round++) {
		const unsigned i = round % NAMES;

		for (int again = 0; again < 2; again++) {
			lk_grant g = on(s.w[0], s.r[i], LK_S);

			expect_seated(&s, 1u << i);
			ok(lk_release(s.w[0], g));
			expect_seated(&s, 0);
		}
	}
	close_stage(&s);
}

/* The first is given back when others were used since, and so is the last when it is the only one. */
Test(core_seat, holds_end_where_they_are)
{
	struct stage s = open_stage();

	for (unsigned first = 0; first < NAMES; first++) {
		lk_grant g[NAMES];

		for (unsigned i = 0; i < NAMES; i++)
			g[i] = on(s.w[0], s.r[i], LK_S);
		expect_seated(&s, 7);
		for (unsigned i = 0; i < NAMES; i++) {
			ok(lk_release(s.w[0], g[(first + i) % NAMES]));
			cr_expect_eq(slots_of(s.m, s.r[(first + i) % NAMES]), 0);
		}
		expect_seated(&s, 0);
	}
	close_stage(&s);
}

/* The same memory is another owner's later, in the same seat. */
Test(core_seat, an_owner_that_was_closed_left_nothing_wrong)
{
	struct stage s = open_stage();

	for (unsigned i = 0; i < NAMES; i++) {
		lk_grant g = on(s.w[0], s.r[i], LK_S);

		ok(lk_release(s.w[0], g));
		ok(lk_owner_close(s.w[0]));
		ok(lk_owner_open(s.m, NULL, &s.w[0]));
		g = on(s.w[0], s.r[i], LK_S);
		expect_seated(&s, 1u << i);
		ok(lk_release(s.w[0], g));
	}
	close_stage(&s);
}

Test(core_seat, a_writer_keeps_out_who_was_there_last)
{
	struct stage s = open_stage();
	lk_grant g;

	ok(lk_release(s.w[0], on(s.w[0], s.r[0], LK_S)));
	g = on(s.w[1], s.r[0], LK_X);
	cr_expect_eq(lk_acquire_on(s.w[0], s.r[0], LK_S,
				   &(struct lk_options){ .size = sizeof(struct lk_options),
							 .flags = LK_NOWAIT },
				   NULL),
		     LK_E_BUSY);
	ok(lk_release(s.w[1], g));
	g = on(s.w[0], s.r[0], LK_S);
	expect_seated(&s, 1);
	ok(lk_release(s.w[0], g));
	close_stage(&s);
}

/* ------------------------------------------------------------------ spread early */

static const char *const rows[2] = { "db/orders/1", "db/orders/2" };

struct tree {
	struct lk_manager *m;
	struct lk_owner *w[2];
	struct lk_resource *root, *table, *row[2];
};

/* As on a machine with several processors, whatever this one has. */
static struct tree
open_tree(void)
{
	struct tree t = { .m = open_manager("memory:?sample_every=off") };

	shim_store(&t.m->spread.after, (uint64_t)16, SHIM_RELAXED);
	open_owners(t.m, t.w, 2);
	for (int i = 0; i < 2; i++) {
		t.row[i] = open_handle(t.m, rows[i]);
		ok(lk_release(t.w[i],
			      take(t.w[i], rows[i],
				   LK_S))); /* the first grant of an owner is no plain one */
	}
	t.root = open_handle(t.m, "db");
	t.table = open_handle(t.m, "db/orders");
	return t;
}

static void
close_tree(struct tree *t)
{
	for (int i = 0; i < 2; i++)
		lk_resource_close(t->row[i]);
	lk_resource_close(t->root);
	lk_resource_close(t->table);
	close_all(t->m, t->w, 2);
}

/* One has a row of the table, another comes for the next one, in that mode. */
static void
meet(struct tree *t, lk_mode mode)
{
	lk_grant g = take(t->w[0], rows[0], mode);

	ok(lk_release(t->w[1], take(t->w[1], rows[1], mode)));
	ok(lk_release(t->w[0], g));
}

Test(core_seat, a_table_where_somebody_is_met_below_a_root_that_is_spread)
{
	for (lk_mode mode = LK_S; mode <= LK_X; mode++) {
		struct tree t = open_tree();

		line_spread(&t.m->lot, t.root, LK_IX);
		meet(&t, mode);
		cr_expect(is_spread(t.table), "%s", mode_name(mode));
		cr_expect_not(is_spread(t.row[1]));
		meet(&t, mode); /* in slots */
		cr_expect_eq(slots_of(t.m, t.root) | slots_of(t.m, t.table), 0);
		cr_expect_eq(shim_load(&t.table->word, SHIM_RELAXED) & WORD_HOLDS, 0);
		close_tree(&t);
	}
}

Test(core_seat, nobody_is_met)
{
	struct tree t = open_tree();

	line_spread(&t.m->lot, t.root, LK_IX);
	for (int i = 0; i < 100; i++)
		for (int who = 0; who < 2; who++)
			ok(lk_release(t.w[who], take(t.w[who], rows[who], LK_X)));
	cr_expect_not(is_spread(t.table));
	close_tree(&t);
}

Test(core_seat, a_root_that_is_not_spread_says_nothing_of_tables)
{
	struct tree t = open_tree();

	for (int i = 0; i < 100; i++)
		meet(&t, LK_X);
	cr_expect_not(is_spread(t.root));
	cr_expect_not(is_spread(t.table));
	close_tree(&t);
}

Test(core_seat, where_nothing_is_to_be_spread)
{
	struct tree t = open_tree();

	line_spread(&t.m->lot, t.root, LK_IX);
	shim_store(&t.m->spread.after, LK_OFF, SHIM_RELAXED);
	meet(&t, LK_X);
	cr_expect_not(is_spread(t.table));
	close_tree(&t);
}

/* What was folded takes more, as it does of attempts. */
Test(core_seat, a_table_that_was_folded_is_not_spread_at_once)
{
	struct tree t = open_tree();
	struct spread_array *a;

	line_spread(&t.m->lot, t.root, LK_IX);
	shim_store(&t.table->spread, spread_make(&t.m->spread), SHIM_RELEASE);
	a = spread_array(&t.m->spread, shim_load(&t.table->spread, SHIM_RELAXED));
	shim_store(&a->folds, 2u, SHIM_RELAXED);
	for (int i = 0; i < 3; i++) {
		meet(&t, LK_X);
		cr_expect_not(is_spread(t.table), "after %d", i + 1);
	}
	meet(&t, LK_X);
	cr_expect(is_spread(t.table));
	close_tree(&t);
}

/* Half of the arrays are for names that collide. */
Test(core_seat, when_there_are_many)
{
	struct tree t = open_tree();

	line_spread(&t.m->lot, t.root, LK_IX);
	while (shim_load(&t.m->spread.n, SHIM_RELAXED) < SPREAD_EARLY)
		cr_assert_neq(spread_make(&t.m->spread), 0);
	meet(&t, LK_X);
	cr_expect_not(is_spread(t.table));
	line_spread(&t.m->lot, t.table, LK_IX);
	cr_expect(is_spread(t.table));
	close_tree(&t);
}
