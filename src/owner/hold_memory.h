/* SPDX-License-Identifier: MIT */
/*
 * Where the slots and the tables of owners with many holds come from: what a manager has ready for them, else its allocator.
 *
 * HM1 what is ready is one piece for each segment of slots, and one table of each length, that an owner goes through on its way
 *     to so many holds.  A piece is one owner's from hold_memory_… until it is given back, and nobody else's: who finds
 *     it gone gets memory of the same size from the allocator.
 * HM2 a table is all empty when it is handed out.  So is one that comes back, or it is cleared then.
 * HM3 slots that come back were waited for by their owner (H4): nobody reads them any more.
 */
#ifndef LK_OWNER_HOLD_MEMORY_H
#define LK_OWNER_HOLD_MEMORY_H

#include "base/env.h"

struct hold;

enum {
	TABLE_MIN = 64
}; /* places of the shortest table; each other one is twice as long as one before it */

struct hold_memory {
	struct env *env;
	struct hold *slots; /* of segments 1 and up; NULL: none are ready */
	size_t slot_bytes;
	uint32_t *places; /* of all tables; NULL: none are ready */
	size_t place_bytes;
	a32 segments_here; /* bit k: nobody has segment k (HM1) */
	a32 tables_here;   /* bit i: … the table of TABLE_MIN << i */
};

/* Nothing is ready. */
void hold_memory_init(struct hold_memory *y, struct env *env);

/*
 * Memory for one owner with so many holds, or for several that come to less, before anybody else knows of `y`; slots are touched.  False: out of memory;
 * what it took, hold_memory_fini() gives back.
 */
bool hold_memory_reserve(struct hold_memory *y, uint64_t held);

/* No owner has anything of it any more. */
void hold_memory_fini(struct hold_memory *y);

/* A segment of slots, not cleared; NULL: no memory. */
void *hold_memory_slots(struct hold_memory *y, uint32_t k);
void hold_memory_give_slots(struct hold_memory *y, uint32_t k, void *slots);

/* An empty table of `n` places; NULL: no memory. */
uint32_t *hold_memory_table(struct hold_memory *y, uint32_t n);

/* … which is empty again, or not.  (HM2) */
void hold_memory_give_table(struct hold_memory *y, uint32_t *table, uint32_t n, bool is_empty);

#endif /* LK_OWNER_HOLD_MEMORY_H */
