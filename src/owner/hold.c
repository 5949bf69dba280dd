/* SPDX-License-Identifier: MIT */
/* Growth of an owner's slots, and the table that finds holds when there are many.  (H4, H5, H13, H14) */
#include <string.h>

#include "owner/hold.h"

enum { SLOTS_AT_ONCE = 128 };

void
holds_init(struct holds *h, struct hold_memory *memory)
{
	shim_init(&h->few, FEW_ALL);
	shim_init(&h->n_more, 0u);
	shim_init(&h->reentries, 0u);
	holds_begin_anew(h);
	h->released = 0;
	h->rung = 1;
	h->n_table = 0;
	h->n_far = 0;
	h->table = NULL;
	h->memory = memory;
	for (uint32_t k = 0; k < SLOT_SEGMENTS; k++)
		shim_init(&h->segment[k], NULL);
	shim_init(&h->segment[0], (void *)h->first);
	shim_init(&h->n_slots, (uint32_t)SLOTS_INLINE);
}

/* Between two stores of its thread an owner may seem to have less than nothing. */
uint32_t
holds_n(const struct holds *h)
{
	uint32_t used = ~shim_load(&h->few, SHIM_ACQUIRE) & FEW_ALL;
	uint32_t slots = (uint32_t)__builtin_popcount(used) + shim_load(&h->n_more, SHIM_ACQUIRE);
	uint32_t reentries = shim_load(&h->reentries, SHIM_ACQUIRE);

	return slots > reentries ? slots - reentries : 0;
}

static void
drop_table(struct holds *h, bool is_empty)
{
	hold_memory_give_table(h->memory, h->table, h->n_table, is_empty);
	h->table = NULL;
	h->n_table = 0;
}

/* Forget segments from `keep` up.  No hold is left. */
static void
drop_segments(struct holds *h, uint32_t keep)
{
	void *gone[SLOT_SEGMENTS];
	uint32_t slots = segment_first(keep);

	shim_store(&h->n_slots, slots, SHIM_RELEASE);
	for (uint32_t k = keep; k < SLOT_SEGMENTS; k++)
		gone[k] = shim_xchg(&h->segment[k], NULL, SHIM_ACQ_REL);
	shim_rcu_synchronize(); /* (H4, RC1) */
	for (uint32_t k = keep; k < SLOT_SEGMENTS; k++)
		hold_memory_give_slots(h->memory, k, gone[k]);
}

void
holds_shrink(struct holds *h)
{
	if (h->n_table > 4u * segment_first(SLOT_KEEP))
		drop_table(h, true); /* (H13) */
	if (shim_load(&h->n_slots, SHIM_RELAXED) > segment_first(SLOT_KEEP))
		drop_segments(h, SLOT_KEEP);
	holds_begin_anew(h);
}

void
holds_fini(struct holds *h)
{
	drop_table(h, false);
	for (uint32_t k = 1; k < SLOT_SEGMENTS; k++)
		hold_memory_give_slots(h->memory, k, shim_load(&h->segment[k], SHIM_RELAXED));
}

/* ---------------------------------------------------------------------------- the table */

enum {
	HOLD_RUN = 16, /* neighbouring entries, … */
	HOLD_RUN_PLACES =
		32, /* … each with an empty place behind it, so that gaps are closed at once */
	DISTANCE_FAR = 255,
};

/* By Fibonacci's hashing runs that follow each other are as far apart as can be.  (Knuth 6.4) */
static uint32_t
home_of(const struct holds *h, const struct lk_resource *r)
{
	const uint64_t line = (uint64_t)(uintptr_t)r / LK_LINE;
	const unsigned n_bits = 31u - (unsigned)__builtin_clz(h->n_table / HOLD_RUN_PLACES);
	const uint64_t run = line / HOLD_RUN * UINT64_C(0x9e3779b97f4a7c15) >> (64 - n_bits);

	return (uint32_t)(run * HOLD_RUN_PLACES + line % HOLD_RUN * (HOLD_RUN_PLACES / HOLD_RUN));
}

static uint32_t
place_make(uint32_t distance, uint32_t slot)
{
	return (distance < DISTANCE_FAR ? distance : DISTANCE_FAR) << SLOT_BITS | slot;
}

static uint32_t
place_slot(uint32_t place)
{
	return place & (SLOT_MAX - 1);
}

static const struct lk_resource *
resource_in(const struct holds *h, uint32_t slot)
{
	const struct hold *s = hold_at((struct holds *)(uintptr_t)h, slot);

	return shim_load(&s->resource, SHIM_RELAXED);
}

/* How far from its home stands what stands at `i`? */
static uint32_t
distance_at(const struct holds *h, uint32_t i)
{
	uint32_t distance = h->table[i] >> SLOT_BITS;

	if (likely(distance < DISTANCE_FAR))
		return distance;
	return (i - home_of(h, resource_in(h, place_slot(h->table[i])))) & (h->n_table - 1);
}

void
holds_table_add(struct holds *h, const struct lk_resource *r, uint32_t slot)
{
	const uint32_t home = home_of(h, r);
	uint32_t d = 0;

	while (h->table[(home + d) & (h->n_table - 1)] != 0)
		d++;
	h->table[(home + d) & (h->n_table - 1)] = place_make(d, slot);
}

/* Enter the holds in some slots; there is room for them. */
static void
enter_slots(struct holds *h, uint32_t from, uint32_t to)
{
	for (uint32_t slot = from; slot < to; slot++) {
		const struct hold *s = hold_at(h, slot);
		uint64_t head = shim_load(&s->head, SHIM_RELAXED);

		if (head != 0 && (head & HEAD_REENTRY) == 0)
			holds_table_add(h, shim_load(&s->resource, SHIM_RELAXED), slot);
	}
}

/* (H14)  To its owner it is all the same. */
static LK_NOINLINE void
enter_all(const struct holds *looked_into)
{
	struct holds *h = (struct holds *)(uintptr_t)looked_into;

	enter_slots(h, h->tabled, h->fresh);
	h->tabled = h->fresh;
}

uint32_t
hold_find_tabled(const struct holds *h, const struct lk_resource *r)
{
	uint32_t home;
	uint32_t place;

	if (unlikely(h->tabled < h->fresh))
		enter_all(h);
	home = home_of(h, r);
	for (uint32_t d = 0; (place = h->table[(home + d) & (h->n_table - 1)]) != 0; d++) {
		const uint32_t slot = place_slot(place);

		if (place == place_make(d, slot) && resource_in(h, slot) == r)
			return slot;
	}
	return SLOT_NONE;
}

/* Close the gap by moving back what was pushed past it.  (Knuth 6.4, algorithm R) */
void
holds_table_remove(struct holds *h, uint32_t slot)
{
	const uint32_t mask = h->n_table - 1;
	uint32_t gap = home_of(h, resource_in(h, slot));

	while (place_slot(h->table[gap]) != slot)
		gap = (gap + 1) & mask;
	for (uint32_t i = (gap + 1) & mask; h->table[i] != 0; i = (i + 1) & mask) {
		const uint32_t back = (i - gap) & mask;
		const uint32_t distance = distance_at(h, i);

		if (distance >= back) {
			h->table[gap] = place_make(distance - back, place_slot(h->table[i]));
			gap = i;
		}
	}
	h->table[gap] = 0;
}

/* Room for one more. */
static bool
reserve_table(struct holds *h)
{
	uint32_t n = h->n_table < TABLE_MIN ? TABLE_MIN : h->n_table * 2;
	uint32_t *table;

	if (2 * (h->n_far + 1) <= h->n_table)
		return true;
	table = hold_memory_table(h->memory, n);
	if (table == NULL)
		return false;
	drop_table(h, h->tabled == SLOTS_INLINE);
	h->table = table;
	h->n_table = n;
	enter_slots(h, SLOTS_INLINE, h->tabled);
	return true;
}

/*
 * Further slots: of a large segment a page of them at a time, so that those of a new one are not all written now and then,
 * when they have left the caches, once more.
 */
static enum hold_room
add_slots(struct holds *h)
{
	const uint32_t first = shim_load(&h->n_slots, SHIM_RELAXED);
	const uint32_t k = slot_segment(first);
	uint32_t n = segment_first(k + 1) - first;
	struct hold *p;

	if (first >= SLOT_MAX)
		return ROOM_LIMIT;
	p = shim_load(&h->segment[k], SHIM_RELAXED);
	if (p == NULL)
		p = hold_memory_slots(h->memory, k);
	if (p == NULL)
		return ROOM_NOMEM;
	if (n > SLOTS_AT_ONCE)
		n = SLOTS_AT_ONCE;
	memset(p + (first - segment_first(k)), 0, n * sizeof(*p));
	shim_store(&h->segment[k], (void *)p, SHIM_RELEASE);
	shim_store(&h->n_slots, first + n, SHIM_RELEASE);
	return ROOM_OK;
}

/* None of the first is free. */
enum hold_room
holds_reserve_slow(struct holds *h)
{
	if (h->free == SLOT_NONE && h->fresh == shim_load(&h->n_slots, SHIM_RELAXED)) {
		enum hold_room room = add_slots(h);

		if (room != ROOM_OK)
			return room;
	}
	return reserve_table(h) ? ROOM_OK : ROOM_NOMEM;
}
