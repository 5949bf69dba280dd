/* SPDX-License-Identifier: MIT */
/*
 * Holds and grants.  A *hold* is what an owner has on one resource, and is what the word counts; a
 * *grant* is one acquire.  Nearly always a hold has one grant, so both are one slot of 32 bytes; a
 * further grant on the same name (a re-entry) takes a slot of its own that points to the hold's.
 *
 *   slot of a hold      resource | head: stamp of its first grant | fence          | extra
 *   slot of a re-entry  NULL-ish | head: stamp, REENTRY           | hold, newer    | extra
 *   free slot           NULL     | head: 0                        | next free slot | NULL
 *
 *   head   63..24 stamp   12 PARENTS   11 PATH   10 IMPLIED   9 COUNTED
 *          8 EXTRA   7 GONE   6 REENTRY   5..3 effective mode   2..0 mode
 *
 * A hold on an ancestor may have no grant of its own, only counts of what is held below: it is GONE from
 * the start.
 *
 * H1  a grant is slot and stamp.  It is held iff the slot's head has that stamp and not GONE.
 *     Stamps come from the manager in blocks, so no two grants of a manager ever have the same
 *     one (2^40 of them), and a foreign or old grant is found out by one comparison.
 * H2  the word counts each hold once, in its effective mode: the supremum of its live grants and of the
 *     counts of what is below it.  An IMPLIED hold is not in the word: see H6.
 * H3  slots are changed by the owner's own thread only; others read them (snapshots), knowing
 *     that a head that is the same before and after belongs to what was read between.  So the
 *     head is cleared before the word is given up, and all else is stored with release.  (Of a
 *     conversion under way they may see the new fence with the old mode.)
 * H4  slots do not move, and their memory stays while the owner is open; the large part of it is
 *     freed at close, after a grace period (RC1).
 * H5  what a release needs is there since the acquire: it never allocates.
 * H6  every grant on a path is one count on the hold of each of its ancestors, in its intent (PARENTS: in
 *     its own mode).  If its hold is IMPLIED, it is one count on the hold that covers it, in what keeps that
 *     covering, one in its intent on each above that, none on those between, and the resource is pinned.
 *     So whatever order grants are released in, what is below is never held without what it needs above.
 *
 * More than eight holds are found through a table of slot numbers, keyed by the resource.
 */
#ifndef LK_OWNER_HOLD_H
#define LK_OWNER_HOLD_H

#include "base/env.h"
#include "base/rcu.h"
#include "index/resource.h"

enum {
	SLOT_BITS = 24,
	SLOTS_INLINE = 8,
	SLOT_SEGMENTS = 22,
	SLOT_KEEP = 4, /* segments that a closed owner keeps: 64 slots */
};

#define SLOT_NONE       UINT32_MAX
#define SLOT_MAX        (UINT32_C(1) << SLOT_BITS)

#define HEAD_REENTRY    (UINT64_C(1) << 6)
#define HEAD_GONE       (UINT64_C(1) << 7) /* the first grant is released, re-entries live on */
#define HEAD_EXTRA      (UINT64_C(1) << 8)
#define HEAD_COUNTED    (UINT64_C(1) << 9)  /* the extra counts grants by mode, and what is below */
#define HEAD_IMPLIED    (UINT64_C(1) << 10) /* a hold that is counted on an ancestor's (H6) */
#define HEAD_PATH       (UINT64_C(1) << 11) /* a hold on a name with ancestors */
#define HEAD_PARENTS    (UINT64_C(1) << 12) /* a grant whose ancestors are held in its mode */
#define HEAD_MODE_MASK  UINT64_C(7)
#define HEAD_MODES_MASK UINT64_C(0x3f)

/* In the flags of an extra, for whoever undoes what gave the hold a new fence (H10). */
#define EXTRA_MINTED (UINT32_C(1) << 30)
#define EXTRA_FENCED (UINT32_C(1) << 31) /* it had one before */

/* What few grants have.  From a slab, so that a snapshot may be late (S1). */
struct extra {
	a64 since_ns;   /* 0: not noted */
	aptr tag;       /* struct tag, or NULL */
	uint32_t flags; /* LK_OWNER_DIED; and EXTRA_ */
	/* Of a hold that is COUNTED; else unused. */
	uint32_t newest; /* the latest re-entry, or SLOT_NONE */
	uint32_t grants
		[MODE_N]; /* by mode: live grants, and counts of what is below; [LK_NL]: see H10 */
	a32 n_grants;     /* the former */
	uint32_t n_below; /* the latter */
	uint32_t cover;   /* of an IMPLIED hold: the slot of the hold that it is counted on */
} LK_ALIGNED;

_Static_assert(sizeof(struct extra) == LK_LINE, "an extra is one line");

/* The caller's words about a grant. */
struct tag {
	a64 len;
	a64 word[LK_TAG_MAX / 8];
};

struct hold {
	aptr resource; /* of a re-entry: older << 1 | 1, which is nobody's address */
	a64 head;
	a64 fence; /* of a re-entry: newer << 32 | hold; of a free slot: the next */
	aptr extra;
};

struct holds {
	a32 n;              /* holds */
	uint32_t reentries; /* slots of further grants */
	uint32_t free;      /* first free slot, or SLOT_NONE */
	a32 n_slots;        /* slots that exist */
	uint32_t n_table;   /* places in the table; 0: none */
	uint32_t *table;    /* slot + 1; 0: empty.  Open addressing, at most half full */
	bool tabled;        /* all holds are in the table */
	struct env *env;
	aptr segment[SLOT_SEGMENTS]; /* segment 0 is `first` */
	struct hold first[SLOTS_INLINE];
};

enum hold_room { ROOM_OK, ROOM_NOMEM, ROOM_LIMIT };

void holds_init(struct holds *h, struct env *env);
void holds_fini(struct holds *h);

/* Give back what a busy owner grew to.  No hold is left.  May wait for a grace period. */
void holds_shrink(struct holds *h);

/* Make sure that the next hold_add() or slot_take() finds room. */
enum hold_room holds_reserve_slow(struct holds *h);

uint32_t hold_find_tabled(const struct holds *h, const struct lk_resource *r);
void holds_table_add(struct holds *h, const struct lk_resource *r, uint32_t slot);
void holds_table_remove(struct holds *h, const struct lk_resource *r);

/* Segment 0 has 8 slots, segment k > 0 those from 8 << (k-1) up. */
LK_HOT uint32_t
slot_segment(uint32_t slot)
{
	return slot < SLOTS_INLINE ? 0 : 29u - (uint32_t)__builtin_clz(slot);
}

LK_HOT uint32_t
segment_first(uint32_t k)
{
	return k == 0 ? 0 : UINT32_C(4) << k;
}

LK_HOT struct hold *
hold_at(struct holds *h, uint32_t slot)
{
	uint32_t k;

	if (likely(slot < SLOTS_INLINE))
		return &h->first[slot];
	k = slot_segment(slot);
	return (struct hold *)shim_load(&h->segment[k], SHIM_RELAXED) + (slot - segment_first(k));
}

/* The slot of what this owner has on `r`, or SLOT_NONE, when all its holds are in the first slots. */
LK_HOT uint32_t
hold_find_few(const struct holds *h, const struct lk_resource *r)
{
	uint32_t left = shim_load(&h->n, SHIM_RELAXED);

	for (uint32_t i = 0; left > 0; i++) {
		const void *x = shim_load(&h->first[i].resource, SHIM_RELAXED);

		if (x == r)
			return i;
		left -= x != NULL && ((uintptr_t)x & 1) == 0;
	}
	return SLOT_NONE;
}

/* The slot of what this owner has on `r`, or SLOT_NONE. */
LK_HOT uint32_t
hold_find(const struct holds *h, const struct lk_resource *r)
{
	return unlikely(h->tabled) ? hold_find_tabled(h, r) : hold_find_few(h, r);
}

LK_HOT enum hold_room
holds_reserve(struct holds *h)
{
	if (likely(h->free < SLOTS_INLINE && !h->tabled))
		return ROOM_OK;
	return holds_reserve_slow(h);
}

/* Room was reserved.  Returns the slot; its head is the caller's to write, last. */
LK_HOT uint32_t
slot_take(struct holds *h)
{
	uint32_t slot = h->free;

	h->free = (uint32_t)shim_load(&hold_at(h, slot)->fence, SHIM_RELAXED);
	return slot;
}

/* The head was cleared already (H3). */
LK_HOT void
slot_give(struct holds *h, uint32_t slot)
{
	struct hold *s = hold_at(h, slot);

	shim_store(&s->resource, NULL, SHIM_RELEASE); /* release: (H3) */
	shim_store(&s->fence, (uint64_t)h->free, SHIM_RELEASE);
	h->free = slot;
}

/* A new hold; room was reserved. */
LK_HOT uint32_t
hold_add(struct holds *h, struct lk_resource *r, uint64_t fence, uint64_t head)
{
	uint32_t slot = slot_take(h);
	struct hold *s = hold_at(h, slot);

	shim_store(&s->resource, r, SHIM_RELEASE);
	shim_store(&s->fence, fence, SHIM_RELEASE);
	shim_store(&s->head, head, SHIM_RELEASE);
	if (unlikely(h->tabled))
		holds_table_add(h, r, slot);
	shim_store(&h->n, shim_load(&h->n, SHIM_RELAXED) + 1, SHIM_RELAXED);
	return slot;
}

/* The end of a hold.  Its extra is the caller's to give back. */
LK_HOT void
hold_remove(struct holds *h, uint32_t slot)
{
	if (unlikely(h->tabled))
		holds_table_remove(h, shim_load(&hold_at(h, slot)->resource, SHIM_RELAXED));
	slot_give(h, slot);
	shim_store(&h->n, shim_load(&h->n, SHIM_RELAXED) - 1, SHIM_RELAXED);
}

LK_HOT lk_mode
head_mode(uint64_t head)
{
	return (lk_mode)(head & HEAD_MODE_MASK);
}

LK_HOT lk_mode
head_effective(uint64_t head)
{
	return (lk_mode)(head >> 3 & HEAD_MODE_MASK);
}

LK_HOT uint64_t
head_make(uint64_t stamp, lk_mode mode, lk_mode effective, uint64_t flags)
{
	return stamp << SLOT_BITS | flags | (uint64_t)effective << 3 | (uint64_t)mode;
}

LK_HOT uint64_t
head_with_modes(uint64_t head, lk_mode mode, lk_mode effective)
{
	return (head & ~HEAD_MODES_MASK) | (uint64_t)effective << 3 | (uint64_t)mode;
}

/* Slot and stamp together: the lk_grant. */
LK_HOT lk_grant
grant_of(uint64_t head, uint32_t slot)
{
	return head >> SLOT_BITS << SLOT_BITS | slot;
}

LK_HOT uint32_t
reentry_hold(const struct hold *s)
{
	return (uint32_t)shim_load(&s->fence, SHIM_RELAXED);
}

#endif /* LK_OWNER_HOLD_H */
