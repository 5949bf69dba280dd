/* SPDX-License-Identifier: MIT */
/* Growth of an owner's slots, and the table that finds holds when there are many.  (H4, H5) */
#include <string.h>

#include "owner/hold.h"

static size_t
segment_bytes(uint32_t k)
{
	return (size_t)(UINT32_C(4) << k) * sizeof(struct hold);
}

static size_t
table_bytes(uint32_t n)
{
	return (size_t)n * sizeof(uint32_t);
}

static void
chain_free(struct holds *h, uint32_t from, uint32_t to)
{
	while (to > from) { /* the lowest comes out on top */
		shim_store(&hold_at(h, --to)->fence, (uint64_t)h->free, SHIM_RELEASE);
		h->free = to;
	}
}

void
holds_init(struct holds *h, struct env *env)
{
	shim_init(&h->few, FEW_ALL);
	shim_init(&h->n_more, 0u);
	shim_init(&h->reentries, 0u);
	h->free = SLOT_NONE;
	h->rung = 0;
	h->n_table = 0;
	h->table = NULL;
	h->env = env;
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
set_tabled(struct holds *h, bool tabled)
{
	uint32_t few = shim_load(&h->few, SHIM_RELAXED) & ~HOLDS_TABLED;

	shim_store(&h->few, few | (tabled ? HOLDS_TABLED : 0), SHIM_RELAXED);
}

static void
drop_table(struct holds *h)
{
	env_free(h->env, h->table, table_bytes(h->n_table));
	h->table = NULL;
	h->n_table = 0;
	set_tabled(h, false);
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
		env_free(h->env, gone[k], segment_bytes(k));
}

void
holds_shrink(struct holds *h)
{
	set_tabled(h, false);
	if (h->n_table > 4u * segment_first(SLOT_KEEP))
		drop_table(h);
	if (shim_load(&h->n_slots, SHIM_RELAXED) > segment_first(SLOT_KEEP))
		drop_segments(h, SLOT_KEEP);
	h->free = SLOT_NONE;
	chain_free(h, SLOTS_INLINE, shim_load(&h->n_slots, SHIM_RELAXED));
}

void
holds_fini(struct holds *h)
{
	drop_table(h);
	for (uint32_t k = 1; k < SLOT_SEGMENTS; k++)
		env_free(h->env, shim_load(&h->segment[k], SHIM_RELAXED), segment_bytes(k));
}

static uint32_t
place_of(const struct holds *h, const struct lk_resource *r)
{
	uint64_t x = (uint64_t)(uintptr_t)r / LK_LINE * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(x >> 32) & (h->n_table - 1);
}

static const struct lk_resource *
resource_at(const struct holds *h, uint32_t place)
{
	const struct hold *s = hold_at((struct holds *)(uintptr_t)h, h->table[place] - 1);

	return shim_load(&s->resource, SHIM_RELAXED);
}

uint32_t
hold_find_tabled(const struct holds *h, const struct lk_resource *r)
{
	uint32_t i = place_of(h, r);

	while (h->table[i] != 0) {
		if (resource_at(h, i) == r)
			return h->table[i] - 1;
		i = (i + 1) & (h->n_table - 1);
	}
	return SLOT_NONE;
}

void
holds_table_add(struct holds *h, const struct lk_resource *r, uint32_t slot)
{
	uint32_t i = place_of(h, r);

	while (h->table[i] != 0)
		i = (i + 1) & (h->n_table - 1);
	h->table[i] = slot + 1;
}

/* Close the gap by moving back what was pushed past it.  (Knuth 6.4, algorithm R) */
void
holds_table_remove(struct holds *h, const struct lk_resource *r)
{
	uint32_t mask = h->n_table - 1;
	uint32_t gap = place_of(h, r);

	while (resource_at(h, gap) != r)
		gap = (gap + 1) & mask;
	for (uint32_t i = (gap + 1) & mask; h->table[i] != 0; i = (i + 1) & mask) {
		uint32_t home = place_of(h, resource_at(h, i));

		if (((i - home) & mask) >= ((i - gap) & mask)) {
			h->table[gap] = h->table[i];
			gap = i;
		}
	}
	h->table[gap] = 0;
	if (holds_n(h) == 1)
		set_tabled(h, false); /* it was the last: the table is all empty */
}

/* Enter all holds; the table is empty and large enough. */
static void
fill_table(struct holds *h)
{
	uint32_t n = shim_load(&h->n_slots, SHIM_RELAXED);

	for (uint32_t slot = 0; slot < n; slot++) {
		const struct hold *s = hold_at(h, slot);
		uint64_t head = shim_load(&s->head, SHIM_RELAXED);

		if (head != 0 && (head & HEAD_REENTRY) == 0)
			holds_table_add(h, shim_load(&s->resource, SHIM_RELAXED), slot);
	}
	set_tabled(h, true);
}

static bool
grow_table(struct holds *h, uint32_t n)
{
	uint32_t *table = env_zalloc(h->env, table_bytes(n), sizeof(uint32_t));

	if (table == NULL)
		return false;
	drop_table(h);
	h->table = table;
	h->n_table = n;
	return true;
}

/* The table: from the ninth hold on, and never more than half full. */
static bool
reserve_table(struct holds *h)
{
	uint32_t n = holds_n(h);
	uint32_t want = h->n_table < 64 ? 64 : h->n_table;

	if (!holds_tabled(h) && (shim_load(&h->few, SHIM_RELAXED) & FEW_ALL) != 0)
		return true; /* eight can be looked through */
	while ((n + 1) * 2 > want)
		want *= 2;
	if (want != h->n_table) {
		if (!grow_table(h, want))
			return false;
		fill_table(h);
	} else if (!holds_tabled(h)) {
		fill_table(h);
	}
	return true;
}

static enum hold_room
add_segment(struct holds *h)
{
	uint32_t first = shim_load(&h->n_slots, SHIM_RELAXED);
	uint32_t k = slot_segment(first);
	void *p;

	if (first >= SLOT_MAX)
		return ROOM_LIMIT;
	p = env_zalloc(h->env, segment_bytes(k), LK_LINE);
	if (p == NULL)
		return ROOM_NOMEM;
	shim_store(&h->segment[k], p, SHIM_RELEASE);
	shim_store(&h->n_slots, segment_first(k + 1), SHIM_RELEASE);
	chain_free(h, first, segment_first(k + 1));
	return ROOM_OK;
}

enum hold_room
holds_reserve_slow(struct holds *h)
{
	if ((shim_load(&h->few, SHIM_RELAXED) & FEW_ALL) == 0 && h->free == SLOT_NONE) {
		enum hold_room room = add_segment(h);

		if (room != ROOM_OK)
			return room;
	}
	return reserve_table(h) ? ROOM_OK : ROOM_NOMEM;
}
