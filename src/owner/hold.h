/* SPDX-License-Identifier: MIT */
/*
 * Holds and grants.  A *hold* is what an owner has on one resource, and is what the word counts; a
 * *grant* is one acquire.  Nearly always a hold has one grant, so both are one slot of 32 bytes; a
 * further grant on the same name (a re-entry) takes a slot of its own that points to the hold's.
 *
 *   slot of a hold      resource | head: stamp of its first grant | fence          | extra
 *   slot of a re-entry  NULL-ish | head: stamp, REENTRY           | hold, newer    | extra
 *   free slot           stale    | head: 0                        | next free slot | NULL
 *
 *   head   63..24 stamp   23..17 above   15 SEAT   14 INTENT   13 FENCE   12 PARENTS   11 PATH
 *          10 IMPLIED   9 COUNTED   8 EXTRA   7 GONE   6 REENTRY   5..3 effective mode   2..0 mode
 *
 * A hold on an ancestor may have no grant of its own, only counts of what is held below: it is GONE from
 * the start.  As long as that is all in IS and IX, as it nearly always is, it is an INTENT: the two counts
 * stand in its `fence`, and it needs no extra.
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
 * H11 without FENCE a hold's fence is that of its resource as long as it is in a mode that writes (R5:
 *     nobody else moves it meanwhile), and none else.  FENCE is set, and the fence written down, before
 *     the hold changes its mode or is counted; so a grant that is taken and released costs one store less.
 * H12 `above` in the head of a hold is 0 if its name has no ancestors; or one more than the slot of the
 *     owner's hold on the nearest, of whose `above` the same is true, all the way up; or ABOVE_UNKNOWN.  It
 *     is written with a new hold that is in its word, as all above it are, and never changes: each has a count
 *     for what is below, so it is still there, and in its slot (H4, H6).  What becomes implied no longer knows it.
 *
 * A hold in one of the first eight slots is found by looking at them, one beyond those through a table of slot
 * numbers, keyed by the resource: open addressing, at most half full.
 *
 *   place   31..24 distance from home, or DISTANCE_FAR   23..0 slot; 0: empty, as slot 0 is one of the first
 *
 * H13 a hold in a slot from the ninth up to `tabled` stands once in the table, and nothing else does.  Between its home
 *     and its place no place is empty.  Its distance is that from home, so that whoever looks for it, or closes a gap,
 *     reads the hold itself of nearly nothing but what is looked for.
 * H14 a hold in a slot from `tabled` up is not in the table yet: whoever looks for one enters them all first, for which
 *     there is room (H5).  HOLDS_TABLED says that there is a hold beyond the first eight, whether entered or not.  So who
 *     takes many names, and is never asked for one that it has, pays neither for the table nor for its growth.
 *
 * Entries of names that came one after the other are neighbours in memory (a slab), and so are their homes, a run of
 * HOLD_RUN in two lines: who takes a million new names writes the table from line to line, not all over it.
 */
#ifndef LK_OWNER_HOLD_H
#define LK_OWNER_HOLD_H

#include "base/env.h"
#include "base/list.h"
#include "base/rcu.h"
#include "index/resource.h"
#include "owner/hold_memory.h"

enum {
	SLOT_BITS = 24,
	SLOTS_INLINE = 8,
	SLOT_SEGMENTS = 22,
	SLOT_KEEP = 4, /* segments that a closed owner keeps: 64 slots */
};

#define SLOT_NONE    UINT32_MAX
#define SLOT_MAX     (UINT32_C(1) << SLOT_BITS)

#define HEAD_REENTRY (UINT64_C(1) << 6)
#define HEAD_GONE    (UINT64_C(1) << 7) /* the first grant is released, re-entries live on */
#define HEAD_EXTRA   (UINT64_C(1) << 8)
#define HEAD_COUNTED (UINT64_C(1) << 9)  /* the extra counts grants by mode, and what is below */
#define HEAD_IMPLIED (UINT64_C(1) << 10) /* a hold that is counted on an ancestor's (H6) */
#define HEAD_PATH    (UINT64_C(1) << 11) /* a hold on a name with ancestors */
#define HEAD_PARENTS (UINT64_C(1) << 12) /* a grant whose ancestors are held in its mode */
#define HEAD_FENCE   (UINT64_C(1) << 13) /* the slot has the fence (H11) */
#define HEAD_INTENT \
	(UINT64_C(1) << 14) /* GONE, and its `fence` counts what is below: intent_one() */
#define HEAD_SEAT       (UINT64_C(1) << 15) /* a hold that is counted in its owner's slot (C5) */
#define HEAD_MODE_MASK  UINT64_C(7)
#define HEAD_MODES_MASK UINT64_C(0x3f)

/* `above`: unknown is that of an IMPLIED hold, and of what has one, or a slot that does not fit, above it.  (H12) */
enum { ABOVE_SHIFT = 17, ABOVE_BITS = 7, ABOVE_UNKNOWN = (1 << ABOVE_BITS) - 1 };
#define HEAD_ABOVE_UNKNOWN ((uint64_t)ABOVE_UNKNOWN << ABOVE_SHIFT)

/* In the flags of an extra: the grant is a child's, of the family that its owner heads (core/family.h). */
#define EXTRA_MEMBER (UINT32_C(1) << 22)

/* … the time of the grant will be recorded, as one, or for many.  (V6) */
#define EXTRA_TIMED   (UINT32_C(1) << 28)
#define EXTRA_SAMPLED (UINT32_C(1) << 29)

/* Of a hold that others are implied by, or could be: see core/escalate.h. */
#define EXTRA_PACED     (UINT32_C(1) << 24) /* `escalate_in` says when it is looked at again */
#define EXTRA_BARRED    (UINT32_C(1) << 25) /* on_escalate said no */
#define EXTRA_ESCALATED (UINT32_C(1) << 26) /* of one that is implied: not by a grant (ES6) */
/* … that the grant was lost was told.  (core/alarm.h) */
#define EXTRA_TOLD (UINT32_C(1) << 21)

/* … the grant has units of a semaphore.  (core/semaphore.h) */
#define EXTRA_UNITS (UINT32_C(1) << 23)

/* … the grant has a lease; of a hold: some of what it counts is kept for what was lost (core/leases.h). */
#define EXTRA_LEASED (UINT32_C(1) << 30)
#define EXTRA_KEPT   (UINT32_C(1) << 31)

/* … it was given back by its token, and is released when the call of its owner comes back (core/token.h). */
#define EXTRA_LEFT (UINT32_C(1) << 27)

struct lease;
struct semaphore;
struct lk_owner;

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
	/* The second line is for what is rarer still. */
	uint64_t fence_before; /* the hold's, when a call made it real (H10) */
	struct lease *lease;   /* if it is EXTRA_LEASED */
	uint32_t
		escalate_in; /* if it is EXTRA_PACED: after so many further counts of what is below */
	a32 units;           /* of the grant; 0: not EXTRA_UNITS */
	a32 all_units;       /* of a hold: of all its grants */
	uint32_t slot;       /* of the grant, if it is EXTRA_MEMBER */
	struct semaphore *semaphore; /* of which the units are */
	struct lk_owner *member;     /* if it is EXTRA_MEMBER, whose it is, … */
	struct cds_list_head node;   /* … in the list of that child */
} LK_ALIGNED;

_Static_assert(offsetof(struct extra, fence_before) == LK_LINE, "what is common is one line");

/* The caller's words about a grant. */
struct tag {
	a64 len;
	a64 word[LK_TAG_MAX / 8];
};

struct hold {
	aptr resource; /* of a re-entry: older << 1 | 1, which is nobody's address */
	a64 head;
	a64 fence; /* of a re-entry: newer << 32 | hold; of a free slot: the next; of an INTENT: counts */
	aptr extra;
};

struct holds {
	a32 few;       /* bit i: slot i, of the first eight, is free; and HOLDS_ */
	uint32_t free; /* the slot beyond those that was freed last, or SLOT_NONE */
	a32 reentries; /* slots of further grants */
	uint32_t
		rung; /* `above` of a leaf of late, in one of the first slots, to be found at once */
	struct hold first[SLOTS_INLINE];
	a32 n_more;        /* slots in use beyond the first eight */
	a32 n_slots;       /* slots that exist */
	uint32_t n_table;  /* places in the table; 0: none */
	uint32_t n_far;    /* holds beyond the first eight slots, */
	uint32_t tabled;   /* … of which those below this slot are in the table (H13, H14) */
	uint32_t fresh;    /* slots from here on were not used since holds_begin_anew() */
	uint32_t released; /* the slot beyond the first of the last release */
	uint32_t *table;   /* (H13) */
	struct hold_memory *memory;
	aptr segment[SLOT_SEGMENTS]; /* segment 0 is `first` */
};

/* In `few`, so that one look says that an owner holds nothing, or few and nothing odd. */
#define FEW_ALL      ((UINT32_C(1) << SLOTS_INLINE) - 1)
#define HOLDS_TABLED (UINT32_C(1) << SLOTS_INLINE) /* a hold is in the table, or will be (H14) */
#define HOLDS_NOTED  (UINT32_C(2) << SLOTS_INLINE) /* each grant keeps more than its slot */

enum hold_room { ROOM_OK, ROOM_NOMEM, ROOM_LIMIT };

void holds_init(struct holds *h, struct hold_memory *memory);
void holds_fini(struct holds *h);

/* Give back what a busy owner grew to.  No hold is left.  May wait for a grace period. */
void holds_shrink(struct holds *h);

/* Make sure that the next hold_add() or slot_take() finds room. */
enum hold_room holds_reserve_slow(struct holds *h);

uint32_t hold_find_tabled(const struct holds *h, const struct lk_resource *r);
void holds_table_add(struct holds *h, const struct lk_resource *r, uint32_t slot);
void holds_table_remove(struct holds *h, uint32_t slot);

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

/* How many holds there are; of another thread's owner that is in a call, about how many. */
uint32_t holds_n(const struct holds *h);

/* The first of some of the first slots. */
LK_HOT uint32_t
few_first(uint32_t few)
{
	return (uint32_t)__builtin_ctz(few);
}

/* The slot of what this owner has on `r` in the first slots, or SLOT_NONE. */
LK_HOT uint32_t
hold_find_few(const struct holds *h, uint32_t few, const struct lk_resource *r)
{
	for (uint32_t used = ~few & FEW_ALL; unlikely(used != 0); used &= used - 1) {
		if (shim_load(&h->first[few_first(used)].resource, SHIM_RELAXED) == r)
			return few_first(used);
	}
	return SLOT_NONE;
}

/* The slot of what this owner has on `r`, or SLOT_NONE. */
LK_HOT uint32_t
hold_find(const struct holds *h, const struct lk_resource *r)
{
	const uint32_t few = shim_load(&h->few, SHIM_RELAXED);
	const uint32_t slot = hold_find_few(h, few, r);

	if (likely((few & HOLDS_TABLED) == 0) || slot != SLOT_NONE)
		return slot;
	return hold_find_tabled(h, r);
}

/* Is there a slot beyond the first, and a place in the table for what comes there? */
LK_HOT bool
holds_have_room(const struct holds *h)
{
	return (h->free != SLOT_NONE || h->fresh < shim_load(&h->n_slots, SHIM_RELAXED)) &&
	       2 * (h->n_far + 1) <= h->n_table;
}

LK_HOT enum hold_room
holds_reserve(struct holds *h)
{
	if (likely((shim_load(&h->few, SHIM_RELAXED) & FEW_ALL) != 0) || holds_have_room(h))
		return ROOM_OK;
	return holds_reserve_slow(h);
}

/* Room was reserved.  Returns the slot; its head is the caller's to write, last. */
LK_HOT uint32_t
slot_take(struct holds *h)
{
	uint32_t few = shim_load(&h->few, SHIM_RELAXED);
	uint32_t slot = h->free;

	if (likely((few & FEW_ALL) != 0)) {
		shim_store(&h->few, few & (few - 1), SHIM_RELAXED);
		return few_first(few);
	}
	if (slot == SLOT_NONE)
		slot = h->fresh++;
	else
		h->free = (uint32_t)shim_load(&hold_at(h, slot)->fence, SHIM_RELAXED);
	shim_store(&h->n_more, shim_load(&h->n_more, SHIM_RELAXED) + 1, SHIM_RELAXED);
	return slot;
}

/* No slot beyond the first is in use, so the table is empty: the lowest come first again. */
LK_HOT void
holds_begin_anew(struct holds *h)
{
	h->free = SLOT_NONE;
	h->fresh = SLOTS_INLINE;
	h->tabled = SLOTS_INLINE;
}

/* The head was cleared already (H3). */
LK_HOT void
slot_give(struct holds *h, uint32_t slot)
{
	uint32_t n_more;

	if (likely(slot < SLOTS_INLINE)) {
		shim_store(&h->few, shim_load(&h->few, SHIM_RELAXED) | UINT32_C(1) << slot,
			   SHIM_RELAXED);
		return;
	}
	shim_store(&hold_at(h, slot)->fence, (uint64_t)h->free, SHIM_RELEASE); /* release: (H3) */
	h->free = slot;
	n_more = shim_load(&h->n_more, SHIM_RELAXED) - 1;
	shim_store(&h->n_more, n_more, SHIM_RELAXED);
	if (unlikely(n_more == 0))
		holds_begin_anew(h);
}

/* Is there a hold beyond the first? */
LK_HOT void
holds_set_far(struct holds *h, bool far)
{
	const uint32_t few = shim_load(&h->few, SHIM_RELAXED) & ~HOLDS_TABLED;

	shim_store(&h->few, few | (far ? HOLDS_TABLED : 0), SHIM_RELAXED);
}

/* The hold in a slot beyond the first is there.  (H14) */
LK_HOT void
hold_far_begins(struct holds *h, const struct lk_resource *r, uint32_t slot)
{
	if (unlikely(slot < h->tabled))
		holds_table_add(h, r, slot);
	if (unlikely(h->n_far++ == 0))
		holds_set_far(h, true);
}

/* … and is over. */
LK_HOT void
hold_far_ends(struct holds *h, uint32_t slot)
{
	if (unlikely(slot < h->tabled))
		holds_table_remove(h, slot);
	if (unlikely(--h->n_far == 0))
		holds_set_far(h, false);
}

/* A new hold; room was reserved.  `extra`: iff the head says EXTRA. */
LK_HOT uint32_t
hold_add_bare(struct holds *h, struct lk_resource *r, uint64_t fence, uint64_t head,
	      struct extra *extra)
{
	uint32_t slot = slot_take(h);
	struct hold *s = hold_at(h, slot);

	if (extra != NULL)
		shim_store(&s->extra, (void *)extra, SHIM_RELEASE);
	shim_store(&s->resource, r, SHIM_RELEASE);
	shim_store(&s->fence, fence, SHIM_RELEASE);
	shim_store(&s->head, head, SHIM_RELEASE);
	if (unlikely(slot >= SLOTS_INLINE))
		hold_far_begins(h, r, slot);
	return slot;
}

/* … with its fence. */
LK_HOT uint32_t
hold_add(struct holds *h, struct lk_resource *r, uint64_t fence, uint64_t head, struct extra *extra)
{
	return hold_add_bare(h, r, fence, head | HEAD_FENCE, extra);
}

/* The end of a hold.  Its extra is the caller's to give back. */
LK_HOT void
hold_remove(struct holds *h, uint32_t slot)
{
	if (unlikely(slot >= SLOTS_INLINE))
		hold_far_ends(h, slot);
	slot_give(h, slot);
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

/* One more than the slot of the hold above; 0: nothing is; or ABOVE_UNKNOWN.  (H12) */
LK_HOT uint32_t
head_above(uint64_t head)
{
	return (uint32_t)(head >> ABOVE_SHIFT) & ABOVE_UNKNOWN;
}

/* One count of an intent, IS or IX, in the `fence` of a hold that is an INTENT. */
LK_HOT uint64_t
intent_one(lk_mode intent)
{
	return UINT64_C(1) << 32 * (intent == LK_IX);
}

LK_HOT uint32_t
intent_count(uint64_t counts, lk_mode intent)
{
	return (uint32_t)(counts >> 32 * (intent == LK_IX));
}

/* What the counts need, if there are any. */
LK_HOT lk_mode
intent_effective(uint64_t counts)
{
	return counts >> 32 != 0 ? LK_IX : LK_IS;
}

/* The fence of a hold that is, or was a moment ago, as its head says.  (H11) */
LK_HOT uint64_t
hold_fence(const struct hold *s, const struct lk_resource *r, uint64_t head)
{
	if ((head & HEAD_FENCE) != 0)
		return shim_load(&s->fence, SHIM_ACQUIRE);
	return mode_writes(head_effective(head)) ? shim_load(&r->fence, SHIM_ACQUIRE) : 0;
}

/* Write it down.  (H11) */
LK_HOT void
hold_keep_fence(struct hold *s)
{
	const struct lk_resource *r = shim_load(&s->resource, SHIM_RELAXED);
	uint64_t head = shim_load(&s->head, SHIM_RELAXED);

	if ((head & HEAD_FENCE) != 0)
		return;
	shim_store(&s->fence, hold_fence(s, r, head), SHIM_RELEASE);
	shim_store(&s->head, head | HEAD_FENCE, SHIM_RELEASE);
}

/* Slot and stamp together: the lk_grant. */
LK_HOT lk_grant
grant_of(uint64_t head, uint32_t slot)
{
	return head >> SLOT_BITS << SLOT_BITS | slot;
}

/* Units of a semaphore that a hold has, that is, or was a moment ago, as its head says.  (H3) */
LK_HOT uint32_t
hold_units(const struct hold *s, uint64_t head)
{
	const struct extra *e =
		(head & HEAD_EXTRA) != 0 ? shim_load(&s->extra, SHIM_ACQUIRE) : NULL;

	return e != NULL ? shim_load(&e->all_units, SHIM_ACQUIRE) : 0;
}

LK_HOT uint32_t
reentry_hold(const struct hold *s)
{
	return (uint32_t)shim_load(&s->fence, SHIM_RELAXED);
}

/* The re-entry before it, or SLOT_NONE. */
LK_HOT uint32_t
reentry_older(const struct hold *s)
{
	return (uint32_t)((uintptr_t)shim_load(&s->resource, SHIM_RELAXED) >> 1);
}

#endif /* LK_OWNER_HOLD_H */
