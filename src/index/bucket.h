/* SPDX-License-Identifier: MIT */
/*
 * A bucket of the index: one cache line with a latch and six slots, and further lines when six
 * are not enough.
 *
 * A slot is 0, or 16 bits of the hash and 48 of an entry's address.  The last slot may instead
 * be a link (lowest bit set) to a further line.  Slots are changed under the bucket's latch and
 * read without it.
 *
 * B1  an entry stands in one slot of the one bucket that its hash selects, or is free.
 * B2  a reader without the latch may miss an entry that is there (it is being moved); it never
 *     follows a pointer to anything but an entry or a line (S1).  A miss without the latch
 *     proves nothing.
 * B3  `floor` >= the last fence of every name of this bucket that has no entry.  It is raised
 *     before the latch is let go.
 */
#ifndef LK_INDEX_BUCKET_H
#define LK_INDEX_BUCKET_H

#include "base/slab.h"
#include "index/resource.h"

enum { BUCKET_SLOTS = 6, BUCKET_LAST = BUCKET_SLOTS - 1, BUCKET_HOPS = 16 };

struct bucket {
	struct latch latch;
	uint32_t hand; /* under the latch: where the next eviction begins to look */
	a64 floor;     /* under the latch; in a free line the slab's link */
	a64 slot[BUCKET_SLOTS];
} LK_ALIGNED;

_Static_assert(sizeof(struct bucket) == LK_LINE, "a bucket is one line");

#define SLOT_TAG(hash) ((hash) >> 48 << 48)
#define SLOT_LINK      UINT64_C(1)

LK_HOT uint64_t
slot_make(const struct lk_resource *r, uint64_t hash)
{
	return SLOT_TAG(hash) | (uint64_t)(uintptr_t)r;
}

LK_HOT struct lk_resource *
slot_resource(uint64_t slot)
{
	return (struct lk_resource *)(uintptr_t)(slot << 16 >> 16);
}

LK_HOT struct bucket *
slot_next(uint64_t slot)
{
	return (slot & SLOT_LINK) != 0 ? (struct bucket *)(uintptr_t)(slot & ~SLOT_LINK) : NULL;
}

/* The next line of a chain, or NULL. */
LK_HOT struct bucket *
bucket_next(const struct bucket *b)
{
	return slot_next(shim_load(&b->slot[BUCKET_LAST], SHIM_ACQUIRE));
}

/* All below with the bucket's latch. */

struct lk_resource *bucket_find(struct bucket *b, const struct name *n);

/* Slots in use; reads no entry. */
unsigned bucket_used(const struct bucket *b);

/* False: no memory for another line, and nothing changed. */
bool bucket_insert(struct bucket *b, uint64_t slot, struct slab *lines);

/* Lines enough that `entries` more can be inserted without memory; false if there is none. */
bool bucket_reserve(struct bucket *b, unsigned entries, struct slab *lines);

/* Give back empty lines at the end of the chain. */
void bucket_trim(struct bucket *b, struct slab *lines);

#endif /* LK_INDEX_BUCKET_H */
