/* SPDX-License-Identifier: MIT */
/* What a manager has ready for owners with many holds: each piece is one owner's at a time.  (HM1, HM2) */
#include "harness.h"

#include "owner/hold.h"

enum { HELD = 5000, LAST = 10, LONGEST = 16384 }; /* their last segment, and their longest table */

static struct test_heap heap;
static struct env env;
static struct hold_memory memory;

static void
set_up(void)
{
	test_heap_init(&heap);
	env_init(&env, &heap.allocator, NULL);
	hold_memory_init(&memory, &env);
}

static void
tear_down(void)
{
	hold_memory_fini(&memory);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
	cr_expect_eq(shim_load(&env.bytes, SHIM_RELAXED), 0);
}

#define MemoryTest(name) Test(hold_memory, name, .init = set_up, .fini = tear_down)

static size_t
bytes_of(uint32_t k)
{
	return (segment_first(k + 1) - segment_first(k)) * sizeof(struct hold);
}

static bool
is_all(const void *p, size_t n, unsigned char c)
{
	const unsigned char *byte = p;

	for (size_t i = 0; i < n; i++) {
		if (byte[i] != c)
			return false;
	}
	return true;
}

/* All pieces at once, each full of its own number: none is part of another, and none is asked of the heap. */
MemoryTest(all_that_one_owner_needs_is_ready)
{
	uint32_t *table[9];
	void *slots[LAST + 1];
	uint64_t calls;

	cr_assert(hold_memory_reserve(&memory, HELD));
	cr_expect_eq(slot_segment(HELD - 1), LAST);
	calls = atomic_load(&heap.calls);
	for (unsigned i = 0; i < countof(table); i++) {
		table[i] = hold_memory_table(&memory, TABLE_MIN << i);
		cr_expect(is_all(table[i], (TABLE_MIN << i) * sizeof(uint32_t), 0));
		memset(table[i], 0x80 + (int)i, (TABLE_MIN << i) * sizeof(uint32_t));
	}
	for (uint32_t k = 1; k <= LAST; k++) {
		slots[k] = hold_memory_slots(&memory, k);
		cr_expect_eq((uintptr_t)slots[k] % LK_LINE, 0);
		memset(slots[k], (int)k, bytes_of(k));
	}
	cr_expect_eq(TABLE_MIN << (countof(table) - 1), LONGEST);
	cr_expect_eq(atomic_load(&heap.calls), calls, "memory was asked for");
	for (unsigned i = 0; i < countof(table); i++) {
		const size_t bytes = (TABLE_MIN << i) * sizeof(uint32_t);

		cr_expect(is_all(table[i], bytes, (unsigned char)(0x80 + i)));
		hold_memory_give_table(&memory, table[i], TABLE_MIN << i, false);
	}
	for (uint32_t k = 1; k <= LAST; k++) {
		cr_expect(is_all(slots[k], bytes_of(k), (unsigned char)k));
		hold_memory_give_slots(&memory, k, slots[k]);
	}
}

MemoryTest(who_finds_it_gone_gets_other_memory)
{
	uint32_t *table[2];
	void *slots[2];
	uint64_t bytes;

	cr_assert(hold_memory_reserve(&memory, HELD));
	bytes = atomic_load(&heap.bytes);
	slots[0] = hold_memory_slots(&memory, LAST);
	table[0] = hold_memory_table(&memory, LONGEST);
	cr_expect_eq(atomic_load(&heap.bytes), bytes);
	slots[1] = hold_memory_slots(&memory, LAST);
	table[1] = hold_memory_table(&memory, LONGEST);
	cr_expect_eq(atomic_load(&heap.bytes), bytes + bytes_of(LAST) + LONGEST * sizeof(uint32_t));
	cr_expect(is_all(table[1], LONGEST * sizeof(uint32_t), 0));
	table[0][LONGEST - 1] = 7;
	for (int i = 0; i < 2; i++) {
		hold_memory_give_slots(&memory, LAST, slots[i]);
		hold_memory_give_table(&memory, table[i], LONGEST, false);
	}
	cr_expect_eq(atomic_load(&heap.bytes), bytes);
	cr_expect_eq(hold_memory_slots(&memory, LAST), slots[0]);
	cr_expect_eq(hold_memory_table(&memory, LONGEST), table[0]);
	cr_expect_eq(table[0][LONGEST - 1], 0, "it is not empty"); /* (HM2) */
}

/* What is larger than all that is ready, and a manager that has nothing ready. */
MemoryTest(what_is_not_ready_is_asked_of_the_heap)
{
	for (int round = 0; round < 2; round++) {
		const uint64_t bytes = atomic_load(&heap.bytes);
		void *slots = hold_memory_slots(&memory, LAST + 1);
		uint32_t *table = hold_memory_table(&memory, 2 * LONGEST);

		cr_expect_eq(atomic_load(&heap.bytes),
			     bytes + bytes_of(LAST + 1) + 2 * LONGEST * sizeof(uint32_t));
		hold_memory_give_slots(&memory, LAST + 1, slots);
		hold_memory_give_table(&memory, table, 2 * LONGEST, true);
		cr_expect_eq(atomic_load(&heap.bytes), bytes);
		if (round == 0)
			cr_assert(hold_memory_reserve(&memory, HELD));
	}
}

MemoryTest(what_stands_in_the_owner_needs_none)
{
	cr_expect(hold_memory_reserve(&memory, SLOTS_INLINE));
	cr_expect_eq(atomic_load(&heap.calls), 0);
	cr_expect(hold_memory_reserve(&memory, SLOTS_INLINE + 1));
	cr_expect_gt(atomic_load(&heap.calls), 0);
}

MemoryTest(no_memory)
{
	for (uint64_t n = 1; n <= 2; n++) {
		test_heap_fail(&heap, n, false);
		cr_expect_not(hold_memory_reserve(&memory, HELD));
		hold_memory_fini(&memory);
		cr_expect_eq(atomic_load(&heap.blocks), 0);
		hold_memory_init(&memory, &env);
	}
}

/* ------------------------------------------------------------------------ owners */

enum { NAMES = 2000 };

static struct lk_resource names[NAMES];

static void
hold_and_let_go(struct holds *h)
{
	uint32_t slot[NAMES];

	for (unsigned i = 0; i < NAMES; i++) {
		cr_assert_eq(holds_reserve(h), ROOM_OK);
		slot[i] = hold_add(h, &names[i], i, head_make(i + 1, LK_S, LK_S, 0), NULL);
	}
	for (unsigned i = 0; i < NAMES; i++) {
		struct hold *s = hold_at(h, slot[i]);

		cr_assert_eq(hold_find(h, &names[i]), slot[i]);
		cr_assert_eq(shim_load(&s->fence, SHIM_RELAXED), i);
		shim_store(&s->head, (uint64_t)0, SHIM_RELEASE);
		hold_remove(h, slot[i]);
	}
	holds_shrink(h);
}

/* A table that comes back with another owner's places in it would say that this one holds what it does not. */
static void
work(void *arg, unsigned index)
{
	struct holds h;

	(void)arg;
	(void)index;
	holds_init(&h, &memory);
	for (unsigned round = 0; round < 20; round++)
		hold_and_let_go(&h);
	holds_fini(&h);
}

MemoryTest(threads_never_share_a_piece)
{
	cr_assert(hold_memory_reserve(&memory, NAMES));
	test_threads(4, work, NULL);
	cr_expect_eq(shim_load(&memory.segments_here, SHIM_RELAXED),
		     (UINT32_C(2) << slot_segment(NAMES - 1)) - 2);
}
