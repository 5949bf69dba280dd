/* SPDX-License-Identifier: MIT */
/* What an owner holds: slots and the table against a plain array, by the thousand. */
#include "harness.h"

#include "owner/hold.h"

enum { NAMES = 5000 };

static struct test_heap heap;
static struct env env;
static struct hold_memory memory;
static struct holds holds;
static struct lk_resource names[NAMES];
/* The reference: the slot of each name, or SLOT_NONE. */
static uint32_t slot_of[NAMES];
static uint32_t n_held;
static uint64_t next_stamp = 1;

static void
set_up(void)
{
	test_heap_init(&heap);
	env_init(&env, &heap.allocator, NULL);
	hold_memory_init(&memory, &env);
	holds_init(&holds, &memory);
	for (unsigned i = 0; i < NAMES; i++)
		slot_of[i] = SLOT_NONE;
}

static void
tear_down(void)
{
	holds_fini(&holds);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

#define HoldTest(name) Test(hold, name, .init = set_up, .fini = tear_down)

static void
add_reserved(unsigned i)
{
	slot_of[i] = hold_add(&holds, &names[i], i, head_make(next_stamp++, LK_S, LK_S, 0), NULL);
	n_held++;
}

static void
add(unsigned i)
{
	cr_assert_eq(holds_reserve(&holds), ROOM_OK);
	add_reserved(i);
}

static void
remove_hold(unsigned i)
{
	shim_store(&hold_at(&holds, slot_of[i])->head, (uint64_t)0, SHIM_RELEASE);
	hold_remove(&holds, slot_of[i]);
	slot_of[i] = SLOT_NONE;
	n_held--;
}

static void
check_one(unsigned i)
{
	cr_assert_eq(hold_find(&holds, &names[i]), slot_of[i], "name %u", i);
	if (slot_of[i] != SLOT_NONE) {
		const struct hold *s = hold_at(&holds, slot_of[i]);

		cr_assert_eq(shim_load(&s->resource, SHIM_RELAXED), (void *)&names[i]);
		cr_assert_eq(shim_load(&s->fence, SHIM_RELAXED), i);
		cr_assert_lt(slot_of[i], shim_load(&holds.n_slots, SHIM_RELAXED));
	}
}

static void
check_all(unsigned n)
{
	cr_assert_eq(holds_n(&holds), n_held);
	for (unsigned i = 0; i < n; i++)
		check_one(i);
}

/* ------------------------------------------------------------------------- bits */

Test(hold, slots_and_segments)
{
	uint32_t slot = 0;

	for (uint32_t k = 0; k < SLOT_SEGMENTS; k++) {
		uint32_t size = k == 0 ? 8 : UINT32_C(4) << k;

		cr_expect_eq(segment_first(k), slot, "segment %u", k);
		cr_expect_eq(slot_segment(slot), k);
		cr_expect_eq(slot_segment(slot + size - 1), k);
		slot += size;
	}
	cr_expect_eq(slot, SLOT_MAX);
}

Test(hold, heads)
{
	uint64_t stamp = (UINT64_C(1) << 40) - 2;
	uint64_t head = head_make(stamp, LK_S, LK_SIX, HEAD_EXTRA);

	cr_expect_eq(head_mode(head), LK_S);
	cr_expect_eq(head_effective(head), LK_SIX);
	cr_expect_eq(head & HEAD_EXTRA, HEAD_EXTRA);
	cr_expect_eq(head & (HEAD_REENTRY | HEAD_GONE), 0);
	cr_expect_eq(head >> SLOT_BITS, stamp);
	cr_expect_eq(grant_of(head, 0), stamp << 24);
	cr_expect_eq(grant_of(head, 0xfffffe), stamp << 24 | 0xfffffe);
	head = head_with_modes(head, LK_X, LK_X);
	cr_expect_eq(head, head_make(stamp, LK_X, LK_X, HEAD_EXTRA));
}

Test(hold, heads_say_what_is_above)
{
	uint64_t head =
		head_make(7, LK_NL, LK_IX, HEAD_GONE | HEAD_INTENT | UINT64_C(8) << ABOVE_SHIFT);

	cr_expect_eq(head_above(head), 8);
	cr_expect_eq(head_effective(head), LK_IX);
	cr_expect_eq(head >> SLOT_BITS, 7);
	cr_expect_eq(head_above(head_make(7, LK_X, LK_X, HEAD_INTENT)), 0);
	cr_expect_eq(head_above(HEAD_ABOVE_UNKNOWN), ABOVE_UNKNOWN);
	cr_expect_eq(HEAD_ABOVE_UNKNOWN & (HEAD_INTENT | UINT64_C(1) << SLOT_BITS), 0);
}

Test(hold, intents_are_two_counts)
{
	uint64_t counts = 3 * intent_one(LK_IS) + 5 * intent_one(LK_IX);

	cr_expect_eq(intent_count(counts, LK_IS), 3);
	cr_expect_eq(intent_count(counts, LK_IX), 5);
	cr_expect_eq(intent_effective(counts), LK_IX);
	cr_expect_eq(intent_effective(counts - 5 * intent_one(LK_IX)), LK_IS);
	cr_expect_eq(intent_effective(counts - 3 * intent_one(LK_IS)), LK_IX);
}

/* ------------------------------------------------------------------------ growth */

HoldTest(eight_need_no_memory)
{
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < SLOTS_INLINE; i++) {
			add(i);
			cr_expect_lt(slot_of[i], SLOTS_INLINE);
			check_all(SLOTS_INLINE);
		}
		for (unsigned i = 0; i < SLOTS_INLINE; i++) {
			remove_hold(i * 3 % SLOTS_INLINE);
			check_all(SLOTS_INLINE);
		}
	}
	cr_expect_eq(atomic_load(&heap.calls), 0);
}

/* A slot belongs to one hold, and does not move. */
HoldTest(thousands)
{
	static bool taken[2 * NAMES];

	for (unsigned i = 0; i < NAMES; i++) {
		add(i);
		cr_assert_lt(slot_of[i], countof(taken));
		cr_assert_not(taken[slot_of[i]], "slot %u", slot_of[i]);
		taken[slot_of[i]] = true;
		check_one(i);
		check_one(i / 2);
	}
	check_all(NAMES);
	for (unsigned i = NAMES; i-- > 0;)
		remove_hold(i);
	check_all(NAMES);
	for (unsigned i = 0; i < NAMES; i++)
		add(i);
	check_all(NAMES);
}

/* Across the border of eight, where the table begins and ends, and far beyond it. */
HoldTest(random_order)
{
	static const uint32_t spans[] = { 8, 9, 10, 16, 40, 100, 1000, NAMES };
	uint64_t seed = 5;

	for (unsigned round = 0; round < 60; round++) {
		uint32_t span = spans[test_random(&seed) % countof(spans)];

		for (unsigned step = 0; step < 4 * span; step++) {
			unsigned i = (unsigned)(test_random(&seed) % span);

			if (slot_of[i] == SLOT_NONE)
				add(i);
			else
				remove_hold(i);
			check_one(i);
			check_one((unsigned)(test_random(&seed) % span));
		}
		check_all(NAMES);
		while (n_held > 0 && round % 3 == 0) {
			unsigned i = (unsigned)(test_random(&seed) % NAMES);

			if (slot_of[i] != SLOT_NONE)
				remove_hold(i);
		}
		check_all(NAMES);
	}
}

/*
 * Resources that have the same home in any table of up to 8192 places, so that most stand farther from it than a place can
 * say.  (H13)  They are addresses only: nobody looks at what is there.
 */
enum { CROWD = 1000, ADDRESS_RUN = 1024, TOP_BITS = 8 };

static struct lk_resource *
next_of_crowd(uint64_t *run)
{
	do
		++*run;
	while (*run * UINT64_C(0x9e3779b97f4a7c15) >> (64 - TOP_BITS) != 0);
	return (struct lk_resource *)(uintptr_t)(*run * ADDRESS_RUN);
}

static void
check_crowd(struct lk_resource *const *r, const uint32_t *slot)
{
	for (unsigned i = 0; i < CROWD; i++)
		cr_assert_eq(hold_find(&holds, r[i]), slot[i], "name %u", i);
}

HoldTest(far_from_home)
{
	static struct lk_resource *r[CROWD];
	static uint32_t slot[CROWD];
	uint64_t run = 0;

	for (unsigned i = 0; i < CROWD; i++) {
		r[i] = next_of_crowd(&run);
		cr_assert_eq(holds_reserve(&holds), ROOM_OK);
		slot[i] = hold_add(&holds, r[i], 0, head_make(next_stamp++, LK_S, LK_S, 0), NULL);
	}
	check_crowd(r, slot);
	/* From the middle, so that those before and behind the gap are in the same cluster. */
	for (unsigned i = 0; i < CROWD; i++) {
		const unsigned gone = (CROWD / 2 + i * 7) % CROWD;

		shim_store(&hold_at(&holds, slot[gone])->head, (uint64_t)0, SHIM_RELEASE);
		hold_remove(&holds, slot[gone]);
		slot[gone] = SLOT_NONE;
		if (i % 10 == 0)
			check_crowd(r, slot);
	}
	check_crowd(r, slot);
	cr_expect_eq(holds.n_far, 0);
	cr_expect_eq(shim_load(&holds.few, SHIM_RELAXED), FEW_ALL);
}

/* A run of neighbours: each at home, with nothing behind it, as long as the table is at most half full.  (H13) */
HoldTest(neighbours_are_at_home)
{
	uint32_t far = 0;

	for (unsigned i = 0; i < NAMES; i++)
		add(i);
	check_one(0);
	check_one(NAMES - 1); /* a look beyond the first has all of them entered (H14) */
	for (uint32_t i = 0; i < holds.n_table; i++)
		far += holds.table[i] >> SLOT_BITS > 1;
	cr_expect_eq(holds.n_far, NAMES - SLOTS_INLINE);
	cr_expect_lt(far, NAMES / 20, "%u farther than one place", far);
	for (unsigned i = 0; i < NAMES; i++)
		remove_hold(i);
	for (uint32_t i = 0; i < holds.n_table; i++)
		cr_assert_eq(holds.table[i], 0, "place %u", i);
}

static uint32_t
n_entered(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < holds.n_table; i++)
		n += holds.table[i] != 0;
	return n;
}

/* Who is not asked for what it has enters nothing, and takes nothing out; the first question has it all entered.  (H14) */
HoldTest(entered_when_asked_for)
{
	for (unsigned i = 0; i < NAMES; i++)
		add(i);
	cr_expect_eq(n_entered(), 0);
	for (unsigned i = 0; i < NAMES; i += 3)
		remove_hold(i);
	cr_expect_eq(n_entered(), 0);
	check_all(NAMES);
	cr_expect_eq(n_entered(), holds.n_far);
	for (unsigned i = 0; i < NAMES; i += 3)
		add(i); /* in the slots of those that went: at once */
	cr_expect_eq(n_entered(), holds.n_far);
	check_all(NAMES);
}

/* Questions at all times, so that some are entered and some not when holds go, come and are asked for.  (H14) */
HoldTest(entered_in_part)
{
	uint64_t seed = 11;

	for (unsigned step = 0; step < 200000; step++) {
		unsigned i = (unsigned)(test_random(&seed) % NAMES);

		if (slot_of[i] == SLOT_NONE)
			add(i);
		else
			remove_hold(i);
		if (step % 997 == 0)
			check_one((unsigned)(test_random(&seed) % NAMES));
		if (step % 40000 == 39999)
			check_all(NAMES);
	}
}

/* When nothing beyond the first is held, the lowest slots come first again, and what was entered is not gone through again. */
HoldTest(begins_anew)
{
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 1000; i++)
			add(i);
		if (round > 0)
			check_all(1000);
		for (unsigned i = 0; i < 1000; i++)
			remove_hold(i * 7 % 1000);
		cr_expect_eq(n_entered(), 0);
		cr_expect_eq(holds.fresh, SLOTS_INLINE);
		cr_expect_eq(holds.tabled, SLOTS_INLINE);
		for (unsigned i = 0; i < 20; i++) {
			add(i);
			cr_expect_eq(slot_of[i], i);
		}
		check_all(1000);
		for (unsigned i = 0; i < 20; i++)
			remove_hold(i);
	}
}

/* Slots of re-entries stand between those of holds, and are not found as holds. */
HoldTest(reentries_take_slots_too)
{
	static uint32_t extra[NAMES];

	for (unsigned i = 0; i < 300; i++) {
		struct hold *s;

		add(i);
		cr_assert_eq(holds_reserve(&holds), ROOM_OK);
		extra[i] = slot_take(&holds);
		s = hold_at(&holds, extra[i]);
		shim_store(&s->resource, (void *)(uintptr_t)((uint64_t)SLOT_NONE << 1 | 1),
			   SHIM_RELEASE);
		shim_store(&s->fence, (uint64_t)SLOT_NONE << 32 | slot_of[i], SHIM_RELEASE);
		shim_store(&s->head, head_make(next_stamp++, LK_S, LK_S, HEAD_REENTRY),
			   SHIM_RELEASE);
		shim_store(&holds.reentries, i + 1, SHIM_RELAXED);
		cr_assert_eq(reentry_hold(s), slot_of[i]);
		check_all(300);
	}
	for (unsigned i = 0; i < 300; i += 2) {
		shim_store(&hold_at(&holds, extra[i])->head, (uint64_t)0, SHIM_RELEASE);
		slot_give(&holds, extra[i]);
		shim_sub(&holds.reentries, 1u, SHIM_RELAXED);
		remove_hold(i);
		check_all(300);
	}
}

/* ---------------------------------------------------------------- when there is none */

/* Every want of memory is told by the reservation; what is held stays as it was. */
HoldTest(no_memory)
{
	unsigned refused = 0;

	for (unsigned i = 0; i < NAMES; i++) {
		enum hold_room room;

		test_heap_fail(&heap, 1, true);
		room = holds_reserve(&holds);
		if (room == ROOM_NOMEM) {
			refused++;
			check_all(i);
			test_heap_fail(&heap, 2, true); /* the second of two may fail as well */
			if (holds_reserve(&holds) == ROOM_NOMEM)
				check_all(i);
			test_heap_fail(&heap, 0, false);
			room = holds_reserve(&holds);
		}
		cr_assert_eq(room, ROOM_OK);
		/* (H5): with the room reserved none is needed, now or at the release. */
		test_heap_fail(&heap, 1, true);
		add_reserved(i);
		remove_hold(i);
		test_heap_fail(&heap, 0, false);
		add(i);
		check_one(i);
	}
	cr_expect_ge(refused, 10, "once for each doubling");
	test_heap_fail(&heap, 1, true);
	for (unsigned i = 0; i < NAMES; i++)
		remove_hold((i * 7) % NAMES);
	check_all(NAMES);
}

/* After 2^24 slots there is no further one; here only their number says so. */
HoldTest(no_more_slots)
{
	shim_store(&holds.n_slots, SLOT_MAX, SHIM_RELAXED);
	shim_store(&holds.few, 0u, SHIM_RELAXED);
	holds.fresh = SLOT_MAX;
	cr_expect_eq(holds_reserve(&holds), ROOM_LIMIT);
	cr_expect_eq(atomic_load(&heap.calls), 0);
	holds.fresh = SLOTS_INLINE;
	shim_store(&holds.n_slots, (uint32_t)SLOTS_INLINE, SHIM_RELAXED);
	shim_store(&holds.few, FEW_ALL, SHIM_RELAXED);
}

/* ------------------------------------------------------------------------ shrinking */

HoldTest(shrink)
{
	uint64_t large;

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < NAMES; i++)
			add(i);
		large = atomic_load(&heap.bytes);
		for (unsigned i = 0; i < NAMES; i++)
			remove_hold(i);
		cr_expect_eq(atomic_load(&heap.bytes), large, "not by a release");
		holds_shrink(&holds);
		cr_expect_le(atomic_load(&heap.bytes), 4096);
		cr_expect_eq(shim_load(&holds.n_slots, SHIM_RELAXED), 64);
		check_all(NAMES);
	}
	/* What was kept serves the next 64 without asking, the table included. */
	for (unsigned i = 0; i < 64; i++)
		add(i);
	check_all(NAMES);
	large = atomic_load(&heap.calls);
	for (unsigned i = 0; i < 64; i++)
		remove_hold(i);
	holds_shrink(&holds);
	for (unsigned i = 0; i < 64; i++)
		add(i);
	cr_expect_eq(atomic_load(&heap.calls), large);
	check_all(NAMES);
}

/* The lowest slots come first again, so that a small owner stays small. */
HoldTest(shrink_of_the_small)
{
	for (unsigned i = 0; i < 10; i++)
		add(i);
	for (unsigned i = 0; i < 10; i++)
		remove_hold(9 - i);
	holds_shrink(&holds);
	for (unsigned i = 0; i < 10; i++) {
		add(i);
		cr_expect_eq(slot_of[i], i);
	}
	check_all(NAMES);
}
