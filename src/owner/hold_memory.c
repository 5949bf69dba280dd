/* SPDX-License-Identifier: MIT */
/* Pieces that are ready, each one owner's at a time.  (HM1-HM3) */
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

/* Segments lie one after the other, without the first one, which is the owner's own. */
static struct hold *
ready_segment(const struct hold_memory *y, uint32_t k)
{
	return y->slots + (segment_first(k) - SLOTS_INLINE);
}

static uint32_t
table_number(uint32_t n)
{
	return (uint32_t)__builtin_ctz(n / TABLE_MIN);
}

/* All shorter ones are as long together, but for one of TABLE_MIN. */
static uint32_t *
ready_table(const struct hold_memory *y, uint32_t n)
{
	return y->places + (n - TABLE_MIN);
}

void
hold_memory_init(struct hold_memory *y, struct env *env)
{
	y->env = env;
	y->slots = NULL;
	y->slot_bytes = 0;
	y->places = NULL;
	y->place_bytes = 0;
	shim_init(&y->segments_here, 0u);
	shim_init(&y->tables_here, 0u);
}

static bool
reserve_slots(struct hold_memory *y, uint32_t n)
{
	const uint32_t last = slot_segment(n - 1);
	const size_t touched = (size_t)(n - SLOTS_INLINE) * sizeof(struct hold);

	y->slot_bytes = (segment_first(last + 1) - SLOTS_INLINE) * sizeof(struct hold);
	y->slots = env_alloc_large(y->env, y->slot_bytes, LK_LINE);
	if (y->slots == NULL)
		return false;
	memset(y->slots, 0, touched);
	shim_init(&y->segments_here, (UINT32_C(2) << last) - 2);
	return true;
}

/* Untouched, if they come from the system: most who hold many ask for none of them.  (H14) */
static bool
reserve_tables(struct hold_memory *y, uint32_t n)
{
	uint32_t longest = TABLE_MIN;

	while (longest < 2 * n)
		longest *= 2;
	y->place_bytes = table_bytes(2 * longest - TABLE_MIN);
	y->places = env_zalloc(y->env, y->place_bytes, sizeof(uint32_t));
	if (y->places == NULL)
		return false;
	shim_init(&y->tables_here, (UINT32_C(2) << table_number(longest)) - 1);
	return true;
}

bool
hold_memory_reserve(struct hold_memory *y, uint64_t held)
{
	const uint32_t n = held < SLOT_MAX ? (uint32_t)held : SLOT_MAX;

	return n <= SLOTS_INLINE || (reserve_slots(y, n) && reserve_tables(y, n));
}

void
hold_memory_fini(struct hold_memory *y)
{
	env_free(y->env, y->slots, y->slot_bytes);
	env_free(y->env, y->places, y->place_bytes);
	y->slots = NULL;
	y->places = NULL;
}

/* Is a piece here?  Then it is the caller's.  (HM1) */
static bool
take_bit(a32 *here, uint32_t bit)
{
	const uint32_t mask = UINT32_C(1) << bit;

	return (shim_load(here, SHIM_RELAXED) & mask) != 0 &&
	       (shim_and(here, ~mask, SHIM_ACQUIRE) & mask) != 0;
}

void *
hold_memory_slots(struct hold_memory *y, uint32_t k)
{
	if (take_bit(&y->segments_here, k))
		return ready_segment(y, k);
	return env_alloc(y->env, segment_bytes(k), LK_LINE);
}

void
hold_memory_give_slots(struct hold_memory *y, uint32_t k, void *slots)
{
	if (slots != NULL && y->slots != NULL && slots == (void *)ready_segment(y, k))
		(void)shim_or(&y->segments_here, UINT32_C(1) << k, SHIM_RELEASE);
	else
		env_free(y->env, slots, segment_bytes(k));
}

uint32_t *
hold_memory_table(struct hold_memory *y, uint32_t n)
{
	if (take_bit(&y->tables_here, table_number(n)))
		return ready_table(y, n);
	return env_zalloc(y->env, table_bytes(n), sizeof(uint32_t));
}

void
hold_memory_give_table(struct hold_memory *y, uint32_t *table, uint32_t n, bool is_empty)
{
	if (table == NULL || y->places == NULL || table != ready_table(y, n)) {
		env_free(y->env, table, table_bytes(n));
		return;
	}
	if (!is_empty)
		memset(table, 0, table_bytes(n));
	(void)shim_or(&y->tables_here, UINT32_C(1) << table_number(n), SHIM_RELEASE);
}
