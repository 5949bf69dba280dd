/* SPDX-License-Identifier: MIT */
/* Writing a grant down, once the word says that it is ours. */
#ifndef LK_CORE_GRANT_H
#define LK_CORE_GRANT_H

#include "core/request.h"
#include "core/sample.h"
#include "core/seat.h"

void grant_stamps_refill(struct lk_owner *w);

/* There is one left (owner_is_plain). */
LK_HOT uint64_t
grant_stamp_plain(struct lk_owner *w)
{
	uint64_t drawn = shim_own(&w->drawn);

	shim_store(&w->drawn, drawn + 1, SHIM_RELAXED);
	return w->stamp_base + drawn;
}

LK_HOT uint64_t
grant_stamp(struct lk_owner *w)
{
	if (unlikely(shim_load(&w->drawn, SHIM_RELAXED) == shim_load(&w->drawn_end, SHIM_RELAXED)))
		grant_stamps_refill(w);
	return grant_stamp_plain(w);
}

/* A new fence: only the holder in U, SIX or X gets here, and there is one (R5). */
LK_HOT uint64_t
grant_mint(struct lk_resource *r)
{
	uint64_t fence = shim_load(&r->fence, SHIM_RELAXED) + 1;

	shim_store(&r->fence, fence, SHIM_RELEASE);
	shim_order_stores(); /* before what its holder writes (OR4) */
	return fence;
}

/* Did the last writer's thread end while it held? */
LK_HOT bool
has_died(const struct lk_resource *r)
{
	return (shim_load(&r->pins, SHIM_RELAXED) & PINS_DIED) != 0;
}

/* If so: tell this holder, and nobody after. */
void grant_tell_died(struct lk_owner *w, struct lk_resource *r, struct request *q);

/* This holder was told, but will not get to see it: tell the next one. */
void grant_untell_died(struct lk_owner *w, lk_grant g);

/*
 * The same for a plain owner and a grant without notes, in one of the first slots: as few stores as can
 * be.  The fence stays in the resource (H11).  `few`: what is free once it is written.
 */
LK_HOT lk_grant
grant_write_slot(struct lk_owner *w, struct lk_resource *r, lk_mode mode, uint64_t flags,
		 uint32_t slot, uint32_t few, bool mints)
{
	struct holds *h = &w->holds;
	struct hold *s = &h->first[slot];
	uint64_t head = head_make(grant_stamp_plain(w), mode, mode, flags);

	shim_store(&h->few, few, SHIM_RELAXED);
	shim_store(&s->resource, r, SHIM_RELEASE);
	if (mints)
		(void)grant_mint(r);
	shim_store(&s->head, head, SHIM_RELEASE);
	return grant_of(head, slot);
}

LK_HOT lk_grant
grant_write_few(struct lk_owner *w, struct lk_resource *r, lk_mode mode, uint64_t flags,
		uint32_t slot, uint32_t few)
{
	const bool mints = (flags & HEAD_SEAT) == 0 && mode_writes(mode);

	return grant_write_slot(w, r, mode, flags, slot, few, mints); /* what writes has no slot */
}

/* The only hold of its owner has a path of its own, on which nothing waits for the number of a slot. */
LK_HOT lk_grant
grant_write_plain(struct lk_owner *w, struct lk_resource *r, lk_mode mode, uint64_t flags,
		  uint32_t few)
{
	if (likely(few == FEW_ALL))
		return grant_write_few(w, r, mode, flags, 0, FEW_ALL - 1);
	return grant_write_few(w, r, mode, flags, few_first(few), few & (few - 1));
}

/* The same of an entry that was made for it, with its fence. */
LK_HOT lk_grant
grant_write_made(struct lk_owner *w, struct lk_resource *r, lk_mode mode, uint32_t few)
{
	if (likely(few == FEW_ALL))
		return grant_write_slot(w, r, mode, 0, 0, FEW_ALL - 1, false);
	return grant_write_slot(w, r, mode, 0, few_first(few), few & (few - 1), false);
}

/* What the head of a new hold on `r`, which will be in its word, says of the hold above.  (H12) */
uint64_t grant_above(const struct lk_owner *w, const struct lk_resource *r);

/* What a grant's head says of where it is counted, and of its place in a path. */
LK_HOT uint64_t
grant_flags(const struct lk_owner *w, const struct lk_resource *r, const struct request *q)
{
	const uint64_t seat = q->seated ? HEAD_SEAT : 0;

	if (likely(resource_parent(r) == NULL))
		return seat;
	return seat | HEAD_PATH | ((q->flags & LK_PARENTS) != 0 ? HEAD_PARENTS : 0) |
	       grant_above(w, r);
}

/*
 * Write down a new hold in `mode` on `r`.  Room was reserved; cannot fail.  The word counts it
 * already.
 */
LK_HOT lk_grant
grant_write(struct lk_owner *w, struct lk_resource *r, lk_mode mode, struct request *q)
{
	uint64_t fence = mode_writes(mode) ? grant_mint(r) : 0;
	uint64_t head = head_make(grant_stamp(w), mode, mode, grant_flags(w, r, q));

	if (unlikely((shim_load(&r->pins, SHIM_RELAXED) & PINS_DIED) != 0))
		grant_tell_died(w, r, q);
	if (unlikely(q->extra != NULL)) {
		head |= HEAD_EXTRA;
		sample_granted(w, q->extra, mode);
	}
	return grant_of(head, hold_add(&w->holds, r, fence, head, q->extra));
}

/* Is `g` the one grant of a hold without notes?  `head` is that of its slot. */
LK_HOT bool
grant_is_plain(lk_grant g, uint64_t head)
{
	const uint64_t odd = HEAD_REENTRY | HEAD_GONE | HEAD_EXTRA | HEAD_PATH;

	return ((head ^ g) >> SLOT_BITS | (head & odd)) == 0 && head != 0;
}

/* A hold that is one grant, and that has nothing written down elsewhere. */
LK_HOT bool
head_is_lone(uint64_t head)
{
	return (head & (HEAD_REENTRY | HEAD_GONE | HEAD_EXTRA | HEAD_PATH)) == 0 && head != 0;
}

/* The same of one in slot 0: a single look, as a grant has none of a head's flags there. */
LK_HOT bool
grant_is_plain_first(lk_grant g, uint64_t head)
{
	const uint64_t odd = HEAD_REENTRY | HEAD_GONE | HEAD_EXTRA | HEAD_PATH;
	const uint64_t stamp = ~(uint64_t)(SLOT_MAX - 1);

	return likely(((head ^ g) & (stamp | odd)) == 0) && likely(g != 0);
}

/* The slot of a grant that `w` holds, or NULL: stale or foreign.  (H1) */
LK_HOT struct hold *
grant_find(struct lk_owner *w, lk_grant g, uint32_t *slot)
{
	struct hold *s;
	uint64_t head;

	*slot = (uint32_t)(g & (SLOT_MAX - 1));
	if (unlikely(*slot >= shim_load(&w->holds.n_slots, SHIM_RELAXED)) || g >> SLOT_BITS == 0)
		return NULL;
	s = hold_at(&w->holds, *slot);
	head = shim_load(&s->head, SHIM_RELAXED);
	if (unlikely((head ^ g) >> SLOT_BITS != 0 || (head & HEAD_GONE) != 0))
		return NULL;
	return s;
}

LK_HOT struct extra *
hold_extra(const struct hold *s)
{
	return shim_load(&s->extra, SHIM_RELAXED);
}

/* `n` counts more of what is below, on a hold that counts already.  `mode` fits it, and an INTENT in IS or IX. */
LK_HOT void
hold_count_more(struct hold *s, lk_mode mode, uint32_t n)
{
	struct extra *e = hold_extra(s);

	if (likely((shim_load(&s->head, SHIM_RELAXED) & HEAD_INTENT) != 0)) {
		shim_store(&s->fence, shim_load(&s->fence, SHIM_RELAXED) + n * intent_one(mode),
			   SHIM_RELEASE);
		return;
	}
	e->grants[mode] += n;
	e->n_below += n;
}

/* The opposite; the hold is not settled. */
LK_HOT void
hold_count_less(struct hold *s, lk_mode mode, uint32_t n)
{
	struct extra *e = hold_extra(s);

	if (likely((shim_load(&s->head, SHIM_RELAXED) & HEAD_INTENT) != 0)) {
		shim_store(&s->fence, shim_load(&s->fence, SHIM_RELAXED) - n * intent_one(mode),
			   SHIM_RELEASE);
		return;
	}
	e->grants[mode] -= n;
	e->n_below -= n;
}

/* Its process has lost the name, or one above it, to others, and its holders here do not know it yet (W9). */
bool grant_is_lost_abroad(struct lk_owner *w, lk_grant g);

/* The hold that a grant is part of. */
LK_HOT struct hold *
grant_hold(struct lk_owner *w, struct hold *s)
{
	if ((shim_load(&s->head, SHIM_RELAXED) & HEAD_REENTRY) == 0)
		return s;
	return hold_at(&w->holds, reentry_hold(s));
}

LK_HOT lk_mode
hold_effective(const struct hold *s)
{
	return head_effective(shim_load(&s->head, SHIM_RELAXED));
}

/* Any of the HEAD_ flags. */
LK_HOT bool
hold_is(const struct hold *s, uint64_t flags)
{
	return (shim_load(&s->head, SHIM_RELAXED) & flags) != 0;
}

LK_HOT struct lk_resource *
hold_resource(const struct hold *s)
{
	return shim_load(&s->resource, SHIM_RELAXED);
}

int grant_no_room(struct lk_owner *w, enum hold_room why);

/* Make sure that there is room for one more slot: 0, LK_E_NOMEM, LK_E_LIMIT. */
LK_HOT int
grant_reserve(struct lk_owner *w)
{
	enum hold_room room = holds_reserve(&w->holds);

	return likely(room == ROOM_OK) ? 0 : grant_no_room(w, room);
}

/* The supremum of what a COUNTED hold counts. */
lk_mode counts_effective(const struct extra *e);

/* What a hold is without one of its grants, or counts, in `mode`; LK_NL: nothing is left. */
lk_mode hold_without(const struct hold *s, lk_mode mode);

/* The counts of a hold, which is COUNTED from now on; NULL: no memory. */
struct extra *hold_count(struct lk_owner *w, struct hold *s);

/*
 * What is counted from `from` (LK_NL: nothing) to `to`, in the line if need be.  `*seated`: in the
 * owner's slot instead of the word, before and after.  0 or the code to return.
 */
int hold_take(struct lk_owner *w, struct lk_resource *r, lk_mode from, lk_mode to, bool *seated,
	      struct request *q);

/* Note where a hold is counted now. */
LK_HOT void
hold_set_seated(struct hold *s, bool seated)
{
	const uint64_t head = shim_load(&s->head, SHIM_RELAXED);

	if (unlikely(seated != ((head & HEAD_SEAT) != 0)))
		shim_store(&s->head, head ^ HEAD_SEAT, SHIM_RELEASE);
}

/* The hold has become `to`, in the word or by its cover: write it down, and mint. */
void hold_note(struct hold *s, lk_mode to);

/* Change a hold to `to`, which it does not cover: may wait.  0 or the code to return. */
int hold_strengthen(struct lk_owner *w, struct hold *s, lk_mode to, struct request *q);

/* The slot of the hold on a name, or SLOT_NONE.  What is held cannot move away (R1). */
uint32_t hold_find_named(struct lk_owner *w, const struct name *n);

#endif /* LK_CORE_GRANT_H */
