/* SPDX-License-Identifier: MIT */
/* Slots, without threads: whom the word lets in, what slots count and sum up to, and their memory. */
#include "harness.h"

#include "word/spread.h"

/* Gray's matrix: [wanted][held]. */
/* clang-format off */
static const bool compatible[MODE_N][MODE_N] = {
	/*           NL IS IX  S SIX U  X */
	[LK_NL] =  { 1, 1, 1, 1, 1, 1, 1 },
	[LK_IS] =  { 1, 1, 1, 1, 1, 1, 0 },
	[LK_IX] =  { 1, 1, 1, 0, 0, 0, 0 },
	[LK_S] =   { 1, 1, 0, 1, 0, 1, 0 },
	[LK_SIX] = { 1, 1, 0, 0, 0, 0, 0 },
	[LK_U] =   { 1, 1, 0, 1, 0, 0, 0 },
	[LK_X] =   { 1, 0, 0, 0, 0, 0, 0 },
};
/* clang-format on */

/* Which modes have slots: [family]. */
static const bool has_slot[2][MODE_N] = {
	{ [LK_IS] = true, [LK_IX] = true },
	{ [LK_IS] = true, [LK_S] = true },
};

static const uint64_t intents = WORD_SPREAD;
static const uint64_t readers = WORD_SPREAD | WORD_FAMILY;

static struct test_heap heap;
static struct test_world world;
static struct env env;
static struct spread spread;

static void
set_up(void)
{
	test_heap_init(&heap);
	test_world_init(&world);
	env_init(&env, &heap.allocator, &world.environment);
	spread_init(&spread, &env, 1);
}

static void
tear_down(void)
{
	spread_fini(&spread);
	cr_expect_eq(shim_load(&env.bytes, SHIM_RELAXED), 0);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

#define SpreadTest(name) Test(spread, name, .init = set_up, .fini = tear_down)

/* The slot of an owner in array `number`. */
static a64 *
slot(uint32_t number, uint32_t owner)
{
	return spread_seat(&spread, number, seat_offset(&spread, owner));
}

static uint64_t
count_in(const a64 *seat)
{
	return shim_load(seat, SHIM_RELAXED);
}

/* ---------------------------------------------------------------------- the word */

/* Set the flags whose bits are in `which`. */
static uint64_t
flags_of(unsigned which)
{
	static const uint64_t flag[] = { WORD_WAITERS, WORD_AWAKE, WORD_CLOSED,
					 WORD_FREEZE,  WORD_DEAD,  9 * WORD_GEN_ONE };
	uint64_t w = 0;

	for (unsigned i = 0; i < countof(flag); i++)
		w |= (which >> i & 1u) != 0 ? flag[i] : 0;
	return w;
}

static void
expect_open(uint64_t w, bool admitted, lk_mode held)
{
	for (lk_mode m = LK_NL; m <= LK_X; m++) {
		const bool mine = (w & WORD_SPREAD) != 0 && has_slot[(w & WORD_FAMILY) != 0][m];

		cr_expect_eq(seat_open(w, m), mine && admitted && compatible[m][held],
			     "%s, word %llx", lk_modename(m), (unsigned long long)w);
		cr_expect_eq(seat_in_family(w, m), mine, "%s, word %llx", lk_modename(m),
			     (unsigned long long)w);
	}
}

/* Every mode, family, hold in the word, and set of flags.  (C1, C3) */
Test(spread, a_slot_is_open_for_the_family_if_nothing_is_in_the_way)
{
	const uint64_t stop = WORD_WAITERS | WORD_CLOSED | WORD_FREEZE | WORD_DEAD;
	const uint64_t spreads[] = { 0, WORD_FAMILY, intents, readers };

	for (size_t s = 0; s < countof(spreads); s++) {
		for (unsigned which = 0; which < 1u << 6; which++) {
			const uint64_t flags = flags_of(which);

			for (lk_mode held = LK_NL; held <= LK_X; held++)
				expect_open(spreads[s] | flags | word_modes.add[held],
					    (flags & stop) == 0, held);
		}
	}
}

/* A limit of the word is no limit of a slot. */
Test(spread, a_slot_minds_no_guard_of_the_word)
{
	cr_expect(seat_open(readers | WORD_S_GUARD | WORD_IS_GUARD, LK_S));
	cr_expect(seat_open(readers | WORD_S_GUARD | WORD_IS_GUARD, LK_IS));
	cr_expect(seat_open(intents | WORD_IX_GUARD | WORD_IS_GUARD, LK_IX));
	cr_expect_not(seat_open(readers | WORD_IX_GUARD, LK_S));
	cr_expect_not(seat_open(intents | WORD_S_GUARD, LK_IX));
}

/* In two slots they do not see each other, so they must not conflict. */
Test(spread, modes_of_a_family_are_compatible)
{
	for (int family = 0; family < 2; family++) {
		for (lk_mode a = LK_IS; a <= LK_X; a++) {
			for (lk_mode b = LK_IS; b <= LK_X; b++)
				cr_expect(!has_slot[family][a] || !has_slot[family][b] ||
						  compatible[a][b],
					  "%s and %s", lk_modename(a), lk_modename(b));
		}
	}
}

/* ------------------------------------------------------------------ enter and leave */

Test(spread, who_enters_is_counted_in_the_slot_alone)
{
	a64 seat;
	a64 word;

	shim_init(&seat, (uint64_t)0);
	shim_init(&word, readers);
	cr_expect(seat_enter(&seat, &word, LK_NL, LK_S));
	cr_expect_eq(count_in(&seat), WORD_S_ONE);
	cr_expect(seat_enter(&seat, &word, LK_NL, LK_IS));
	cr_expect_eq(count_in(&seat), WORD_S_ONE + WORD_IS_ONE);
	cr_expect(seat_enter(&seat, &word, LK_IS, LK_S), "a conversion within the family");
	cr_expect_eq(count_in(&seat), 2 * WORD_S_ONE);
	cr_expect(seat_leave(&seat, &word, LK_S, LK_IS), "a weakening");
	cr_expect_eq(count_in(&seat), WORD_S_ONE + WORD_IS_ONE);
	cr_expect(seat_leave(&seat, &word, LK_S, LK_NL));
	cr_expect(seat_leave(&seat, &word, LK_IS, LK_NL));
	cr_expect_eq(count_in(&seat), 0);
	cr_expect_eq(count_in(&word), readers);
}

/* It was added all the same, and is to be taken back.  (C1) */
Test(spread, who_enters_in_vain_has_added)
{
	static const uint64_t no[] = { 0,
				       intents,
				       readers | WORD_WAITERS | WORD_CLOSED,
				       readers | WORD_DEAD,
				       readers | WORD_X,
				       readers | WORD_SIX };

	for (size_t i = 0; i < countof(no); i++) {
		a64 seat;
		a64 word;

		shim_init(&seat, (uint64_t)WORD_IS_ONE);
		shim_init(&word, no[i]);
		cr_expect_not(seat_enter(&seat, &word, LK_IS, LK_S), "word %zu", i);
		cr_expect_eq(count_in(&seat), WORD_S_ONE);
		cr_expect_eq(seat_leave(&seat, &word, LK_S, LK_IS), (no[i] & WORD_WAITERS) == 0,
			     "word %zu", i);
		cr_expect_eq(count_in(&seat), WORD_IS_ONE);
		cr_expect_eq(count_in(&word), no[i]);
	}
}

/* What has not changed is open; what has is looked at.  (C1) */
Test(spread, who_saw_the_word_before_enters_while_it_is_open)
{
	static const struct {
		uint64_t seen, is;
		bool at_once, after_all;
	} row[] = {
		{ readers, readers, true, true },
		{ readers | WORD_S_ONE, readers, false,
		  true }, /* who was let in by the line has left */
		{ readers, readers | WORD_IS_ONE, false, true },
		{ readers, intents, false, false },
		{ readers, 0, false, false },
		{ readers, readers | WORD_WAITERS | WORD_CLOSED, false, false },
		{ readers, readers | WORD_DEAD, false, false },
	};

	for (size_t i = 0; i < countof(row); i++) {
		a64 seat;
		a64 word;

		shim_init(&seat, (uint64_t)WORD_IS_ONE);
		shim_init(&word, row[i].is);
		cr_expect_eq(seat_enter_unchanged(&seat, &word, row[i].seen, LK_S), row[i].at_once,
			     "word %zu", i);
		cr_expect_eq(seat_entered(&seat, &word, LK_S), row[i].after_all, "word %zu", i);
		cr_expect_eq(count_in(&seat), WORD_IS_ONE + WORD_S_ONE, "it is added");
		cr_expect_eq(count_in(&word), row[i].is);
	}
}

/* Who leaves sees to those who wait, whatever else the word says.  (C2) */
Test(spread, who_leaves_hears_of_waiters)
{
	for (unsigned which = 0; which < 1u << 6; which++) {
		a64 seat;
		a64 word;

		shim_init(&seat, (uint64_t)WORD_IX_ONE);
		shim_init(&word, intents | flags_of(which));
		cr_expect_eq(seat_leave(&seat, &word, LK_IX, LK_NL),
			     (flags_of(which) & WORD_WAITERS) == 0, "flags %x", which);
		cr_expect_eq(count_in(&seat), 0);
	}
}

static void
expect_full(uint64_t family, lk_mode m, uint64_t counts, bool full)
{
	a64 seat;
	a64 word;

	shim_init(&seat, counts);
	shim_init(&word, family);
	cr_expect_eq(seat_enter(&seat, &word, LK_NL, m), !full, "%s in a slot with %llx",
		     lk_modename(m), (unsigned long long)counts);
	cr_expect(seat_leave(&seat, &word, m, LK_NL), "giving up minds no limit");
	cr_expect_eq(count_in(&seat), counts);
	cr_expect_eq(seat_enter_unchanged(&seat, &word, family, m), !full);
	cr_expect_eq(seat_entered(&seat, &word, m), !full);
	cr_expect(seat_leave(&seat, &word, m, LK_NL));
}

/* … and who is in may weaken, at any limit.  (W7) */
Test(spread, a_slot_has_the_limits_of_a_word)
{
	a64 seat;
	a64 word;

	expect_full(readers, LK_S, WORD_S_GUARD - WORD_S_ONE, false);
	expect_full(readers, LK_S, WORD_S_GUARD, true);
	expect_full(readers, LK_S, WORD_IS_GUARD, true);
	expect_full(readers, LK_IS, WORD_S_GUARD, false);
	expect_full(readers, LK_IS, WORD_IS_GUARD - WORD_IS_ONE, false);
	expect_full(readers, LK_IS, WORD_IS_GUARD, true);
	expect_full(intents, LK_IX, WORD_IX_GUARD, true);
	expect_full(intents, LK_IX, WORD_IX_GUARD - WORD_IX_ONE, false);
	shim_init(&seat, WORD_S_GUARD + WORD_IS_GUARD);
	shim_init(&word, readers);
	for (uint64_t n = WORD_S_GUARD / WORD_S_ONE; n > 0; n--)
		cr_assert(seat_leave(&seat, &word, LK_S, LK_IS));
	cr_expect_eq(count_in(&seat), WORD_IS_GUARD + WORD_S_GUARD / WORD_S_ONE,
		     "all of them fit below");
}

/* -------------------------------------------------------------------------- arrays */

SpreadTest(slots_are_lines_of_their_own)
{
	uint32_t number = spread_make(&spread);

	cr_assert_eq(number, 1);
	cr_expect_ge(spread.seats, 2);
	cr_expect_le(spread.seats, SEATS_MAX);
	cr_expect_eq(spread.seats & (spread.seats - 1), 0, "a power of 2");
	for (uint32_t owner = 0; owner < 2 * spread.seats; owner++) {
		cr_expect_eq((uintptr_t)slot(number, owner) % LK_LINE, 0);
		cr_expect_eq(slot(number, owner),
			     &spread_array(&spread, number)->seat[owner % spread.seats].count);
		cr_expect_eq(count_in(slot(number, owner)), 0);
	}
}

SpreadTest(holders_of_all_slots)
{
	uint32_t number = spread_make(&spread);

	cr_expect_eq(spread_sum(&spread, number), 0);
	for (uint32_t owner = 0; owner < spread.seats; owner++) {
		shim_add(slot(number, owner), WORD_S_ONE, SHIM_RELAXED);
		cr_expect_eq(spread_holders(&spread, number, LK_S), owner + 1);
	}
	shim_add(slot(number, 1), 2 * WORD_IS_ONE, SHIM_RELAXED);
	cr_expect_eq(spread_holders(&spread, number, LK_IS), 2);
	cr_expect_eq(spread_holders(&spread, number, LK_IX), 0);
	cr_expect_neq(spread_sum(&spread, number) & WORD_S_MASK, 0);
	cr_expect_neq(spread_sum(&spread, number) & WORD_IS_MASK, 0);
	cr_expect_eq(spread_sum(&spread, number) & ~(WORD_S_MASK | WORD_IS_MASK), 0);
}

/* Any slot, the last one too. */
SpreadTest(a_hold_in_any_slot_is_in_the_sum)
{
	uint32_t number = spread_make(&spread);

	for (uint32_t owner = 0; owner < spread.seats; owner++) {
		shim_add(slot(number, owner), WORD_IX_ONE, SHIM_RELAXED);
		cr_expect_eq(spread_sum(&spread, number), WORD_IX_ONE);
		shim_sub(slot(number, owner), WORD_IX_ONE, SHIM_RELAXED);
	}
	cr_expect_eq(spread_sum(&spread, number), 0);
}

SpreadTest(a_sum_without_what_one_owner_has)
{
	uint32_t number = spread_make(&spread);
	a64 *own = slot(number, 0);

	shim_add(own, WORD_S_ONE, SHIM_RELAXED);
	cr_expect_eq(spread_sum_without(&spread, number, own, LK_S), 0);
	cr_expect_eq(spread_sum_without(&spread, number, NULL, LK_S), WORD_S_ONE);
	cr_expect_eq(spread_sum_without(&spread, number, slot(number, 1), LK_NL), WORD_S_ONE);
	shim_add(own, WORD_S_ONE, SHIM_RELAXED); /* who shares the slot is another */
	cr_expect_eq(spread_sum_without(&spread, number, own, LK_S), WORD_S_ONE);
	shim_sub(own, WORD_S_ONE, SHIM_RELAXED);
	shim_add(slot(number, 1), WORD_IS_ONE, SHIM_RELAXED);
	cr_expect_eq(spread_sum_without(&spread, number, own, LK_S), WORD_IS_ONE);
}

/* A sum of full slots does not run over into the counts of another mode. */
SpreadTest(a_sum_of_full_slots)
{
	uint32_t number = spread_make(&spread);

	for (uint32_t owner = 0; owner < spread.seats; owner++)
		shim_add(slot(number, owner), WORD_S_GUARD, SHIM_RELAXED);
	cr_expect_neq(spread_sum(&spread, number) & WORD_S_MASK, 0);
	cr_expect_eq(spread_sum(&spread, number) & ~WORD_S_MASK, 0);
	cr_expect_eq(spread_holders(&spread, number, LK_S),
		     spread.seats * (uint32_t)(WORD_S_GUARD / WORD_S_ONE));
}

SpreadTest(arrays_do_not_share_slots)
{
	uint32_t a = spread_make(&spread);
	uint32_t b = spread_make(&spread);

	cr_assert_neq(a, b);
	shim_add(slot(a, 0), WORD_S_ONE, SHIM_RELAXED);
	cr_expect_eq(spread_sum(&spread, b), 0);
	cr_expect_eq(spread_sum(&spread, a), WORD_S_ONE);
}

SpreadTest(there_are_only_so_many)
{
	for (uint32_t n = 1; n <= SPREAD_MAX; n++)
		cr_assert_eq(spread_make(&spread), n);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(spread_make(&spread), 0);
	cr_expect_not_null(spread_array(&spread, SPREAD_MAX));
}

/* Without memory there is none; later there is, and nothing was lost on the way. */
SpreadTest(out_of_memory)
{
	uint32_t made = 0;

	for (uint64_t nth = 1; made == 0; nth++) {
		cr_assert_le(nth, 3, "one for the list, one for the array");
		test_heap_fail(&heap, nth, true);
		made = spread_make(&spread);
		test_heap_fail(&heap, 0, false);
		cr_expect((made != 0) == (atomic_load(&heap.failures) < nth));
	}
	cr_expect_eq(made, 1);
	cr_expect_eq(spread_make(&spread), 2);
}
