/* SPDX-License-Identifier: MIT */
/*
 * One step from one owner's part of a word to another's: for all modes, beside all that others may hold, in the
 * word and in slots.
 */
#include "harness.h"

#include "mode/mode.h"
#include "wait/resplit.h"

static struct test_world world;
static struct env env;
static struct lot lot;
static struct spread spread;
static a32 gate;
static a64 handovers;
static a64 wakes;
static a64 closings;
static const struct line_tally tally_of = { &handovers, &wakes, &closings };

static void
set_up(void)
{
	test_world_init(&world);
	env_init(&env, NULL, &world.environment);
	cr_assert(lot_init(&lot, &env, 1, false, &gate));
	spread_init(&spread, &env, 1);
	lot.spread = &spread;
}

static void
tear_down(void)
{
	spread_fini(&spread);
	lot_fini(&lot);
	cr_expect_eq(shim_load(&env.bytes, SHIM_RELAXED), 0);
}

#define ResplitTest(name) Test(resplit, name, .init = set_up, .fini = tear_down)

static bool
agree(lk_mode a, lk_mode b)
{
	return (mode_conflicts(a) & MODE_BIT(b)) == 0;
}

/* A grant in `moves` goes from one that has `left` besides to one that has `has`; a third owner holds `other`. */
struct combination {
	lk_mode moves;
	lk_mode left;
	lk_mode has;
	lk_mode other;
};

static struct resplit
resplit_of(struct lk_resource *r, const struct combination *c)
{
	return (struct resplit){
		.r = r,
		.gives = { mode_supremum(c->left, c->moves), c->left, NULL },
		.takes = { c->has, mode_supremum(c->has, c->moves), NULL },
	};
}

/* The same the other way round. */
static struct resplit
undo_of(const struct resplit *s)
{
	return (struct resplit){
		.r = s->r,
		.gives = { s->takes.to, s->takes.from, NULL },
		.takes = { s->gives.to, s->gives.from, NULL },
		.undoes = true,
	};
}

static uint64_t
admitted(uint64_t w)
{
	uint64_t modes = 0;

	for (lk_mode mode = LK_IS; mode <= LK_X; mode++)
		modes |= word_admits(w, LK_NL, mode) ? (uint64_t)MODE_BIT(mode) : 0;
	return modes;
}

static void
run(const struct combination *c, uint64_t flags)
{
	struct lk_resource r = { .spread = { 0 } };
	const struct resplit s = resplit_of(&r, c);
	const uint64_t before =
		flags + word_add(s.gives.from) + word_add(c->has) + word_add(c->other);
	const uint64_t after =
		flags + word_add(c->left) + word_add(s.takes.to) + word_add(c->other);
	const bool together = agree(c->left, s.takes.to);
	const struct resplit undo = undo_of(&s);

	shim_init(&r.word, before);
	if (!together && s.takes.to != c->has) {
		cr_assert_eq(line_resplit(&lot, &s, &tally_of), LINE_BUSY);
		cr_assert_eq(shim_load(&r.word, SHIM_RELAXED), before);
		return;
	}
	cr_assert_eq(line_resplit(&lot, &s, &tally_of), LINE_GRANTED);
	cr_assert_eq(shim_load(&r.word, SHIM_RELAXED), after);
	cr_assert_eq(admitted(after), admitted(before)); /* (TR1) */
	cr_assert_eq(line_resplit(&lot, &undo, &tally_of), LINE_GRANTED);
	cr_assert_eq(shim_load(&r.word, SHIM_RELAXED), before);
}

/* Only what can be held side by side to begin with. */
static bool
is_possible(const struct combination *c)
{
	const lk_mode gives = mode_supremum(c->left, c->moves);

	return agree(gives, c->has) && agree(gives, c->other) && agree(c->has, c->other);
}

static void
each(void (*fn)(const struct combination *c, uint64_t flags), uint64_t flags)
{
	struct combination c;

	for (c.moves = LK_IS; c.moves <= LK_X; c.moves++)
		for (c.left = LK_NL; c.left <= LK_X; c.left++)
			for (c.has = LK_NL; c.has <= LK_X; c.has++)
				for (c.other = LK_NL; c.other <= LK_X; c.other++)
					if (is_possible(&c))
						fn(&c, flags);
}

ResplitTest(in_all_modes_changes_nothing_for_others)
{
	each(run, 0);
	each(run, WORD_GEN_ONE * 5);
}

/* Both in slots of their own: what changes comes to be in the word, what only gets weaker stays in its slot. */
static void
run_seated(const struct combination *c, uint64_t flags)
{
	struct lk_resource r = { .spread = { 0 } };
	struct resplit s = resplit_of(&r, c);
	a64 seat[2];

	if (!seat_in_family(flags, s.gives.from) ||
	    (c->has != LK_NL && !seat_in_family(flags, c->has)))
		return;
	shim_init(&seat[0], word_add(s.gives.from));
	shim_init(&seat[1], word_add(c->has));
	s.gives.seat = &seat[0];
	s.takes.seat = c->has != LK_NL ? &seat[1] : NULL;
	shim_init(&r.word, flags + word_add(c->other));
	cr_assert_eq(line_resplit(&lot, &s, &tally_of), LINE_GRANTED);
	cr_assert_eq(shim_load(&seat[0], SHIM_RELAXED), word_add(c->left));
	if (s.takes.to == c->has) {
		cr_assert_eq(shim_load(&seat[1], SHIM_RELAXED), word_add(c->has));
		cr_assert_eq(shim_load(&r.word, SHIM_RELAXED), flags + word_add(c->other));
	} else {
		cr_assert_eq(shim_load(&seat[1], SHIM_RELAXED), 0);
		cr_assert_eq(shim_load(&r.word, SHIM_RELAXED),
			     flags + word_add(c->other) + word_add(s.takes.to));
	}
}

ResplitTest(out_of_slots_into_the_word)
{
	each(run_seated, WORD_SPREAD);
	each(run_seated, WORD_SPREAD | WORD_FAMILY);
}

/* A count that is full refuses one more; but not what only moves, nor what undoes. */
ResplitTest(minds_full_counts)
{
	struct lk_resource r = { .spread = { 0 } };
	const uint64_t full = WORD_S_ONE << WORD_S_BITS;
	const struct combination stays = { LK_S, LK_S, LK_NL, LK_NL };
	const struct combination goes = { LK_S, LK_NL, LK_NL, LK_NL };
	struct resplit s = resplit_of(&r, &stays);
	a64 seat;

	shim_init(&r.word, full);
	cr_expect_eq(line_resplit(&lot, &s, &tally_of), LINE_LIMIT);
	cr_expect_eq(shim_load(&r.word, SHIM_RELAXED), full);
	s.undoes = true;
	cr_expect_eq(line_resplit(&lot, &s, &tally_of), LINE_GRANTED);
	cr_expect_eq(shim_load(&r.word, SHIM_RELAXED), full + WORD_S_ONE);
	s = resplit_of(&r, &goes);
	cr_expect_eq(line_resplit(&lot, &s, &tally_of), LINE_GRANTED);
	cr_expect_eq(shim_load(&r.word, SHIM_RELAXED), full + WORD_S_ONE);
	/* out of a slot it is one more in the word */
	shim_init(&seat, WORD_S_ONE);
	s.gives.seat = &seat;
	cr_expect_eq(line_resplit(&lot, &s, &tally_of), LINE_LIMIT);
	cr_expect_eq(shim_load(&seat, SHIM_RELAXED), WORD_S_ONE);
}
