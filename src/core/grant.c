/* SPDX-License-Identifier: MIT */
/* Stamps, notes of death, and re-entry: further grants on a hold that is there. */
#include "core/grant.h"
#include "core/pending.h"
#include "core/semaphore.h"
#include "core/spell.h"

enum { STAMP_BITS = 64 - SLOT_BITS };

/* Whole blocks, so that the shared counter is touched once in thousands of grants.  (H1) */
void
grant_stamps_refill(struct lk_owner *w)
{
	uint64_t drawn = shim_load(&w->drawn, SHIM_RELAXED);
	uint64_t first;

	if (drawn == w->block_end) {
		do {
			first = shim_add(&w->manager->stamps, (uint64_t)STAMP_BLOCK, SHIM_RELAXED) &
				((UINT64_C(1) << STAMP_BITS) - 1);
		} while (first == 0); /* after 2^40 grants stamps recur, but 0 is never one */
		w->stamp_base = first - drawn;
		w->block_end = drawn + STAMP_BLOCK;
	}
	sample_aim(w);
	if (shim_load(&w->drawn_end, SHIM_RELAXED) == drawn)
		shim_store(&w->drawn_end, drawn + 1,
			   SHIM_RELAXED); /* this one is drawn in any case */
}

LK_COLD void
grant_tell_died(struct lk_owner *w, struct lk_resource *r, struct request *q)
{
	if (q->extra == NULL)
		q->extra = owner_extra(w, &w->manager->extras);
	if (q->extra == NULL)
		return; /* no memory to tell it with: the next holder will be told */
	if ((shim_and(&r->pins, ~PINS_DIED, SHIM_ACQ_REL) & PINS_DIED) != 0)
		q->extra->flags |= LK_OWNER_DIED;
}

void
grant_untell_died(struct lk_owner *w, lk_grant g)
{
	uint32_t slot;
	struct hold *s = grant_find(w, g, &slot);
	const struct extra *e = s != NULL ? hold_extra(s) : NULL;
	struct lk_resource *r;

	if (e == NULL || (e->flags & LK_OWNER_DIED) == 0)
		return;
	r = shim_load(&grant_hold(w, s)->resource, SHIM_RELAXED);
	shim_or(&r->pins, PINS_DIED, SHIM_RELEASE);
}

LK_COLD int
grant_no_room(struct lk_owner *w, enum hold_room why)
{
	if (why == ROOM_NOMEM)
		return LK_E_NOMEM;
	owner_tally(w, &w->count.limits);
	return LK_E_LIMIT;
}

lk_mode
counts_effective(const struct extra *e)
{
	lk_mode effective = LK_NL;

	for (int m = LK_IS; m < MODE_N; m++) {
		if (e->grants[m] > 0)
			effective = mode_supremum(effective, (lk_mode)m);
	}
	return effective;
}

lk_mode
hold_without(const struct hold *s, lk_mode mode)
{
	struct extra others;
	uint64_t counts;

	if (hold_is(s, HEAD_INTENT)) {
		counts = shim_load(&s->fence, SHIM_RELAXED) - intent_one(mode);
		return counts != 0 ? intent_effective(counts) : LK_NL;
	}
	if (!hold_is(s, HEAD_COUNTED))
		return LK_NL;
	memcpy(others.grants, hold_extra(s)->grants, sizeof(others.grants));
	others.grants[mode]--;
	return counts_effective(&others);
}

uint64_t
grant_above(const struct lk_owner *w, const struct lk_resource *r)
{
	const struct lk_resource *parent = resource_parent(r);
	const struct hold *s;
	uint32_t slot;

	if (parent == NULL)
		return 0;
	slot = hold_find(&w->holds, parent);
	if (slot >= ABOVE_UNKNOWN - 1)
		return HEAD_ABOVE_UNKNOWN;
	s = hold_at((struct holds *)(uintptr_t)&w->holds, slot);
	if (head_above(shim_load(&s->head, SHIM_RELAXED)) == ABOVE_UNKNOWN)
		return HEAD_ABOVE_UNKNOWN;
	return (uint64_t)(slot + 1) << ABOVE_SHIFT;
}

/* From the two counts of an INTENT to counts by mode. */
static struct extra *
count_intent(struct lk_owner *w, struct hold *s)
{
	uint64_t counts = shim_load(&s->fence, SHIM_RELAXED);
	uint64_t head = shim_load(&s->head, SHIM_RELAXED) & ~HEAD_INTENT;
	struct extra *e = owner_extra(w, &w->manager->extras);

	if (e == NULL)
		return NULL;
	e->grants[LK_IS] = intent_count(counts, LK_IS);
	e->grants[LK_IX] = intent_count(counts, LK_IX);
	e->n_below = e->grants[LK_IS] + e->grants[LK_IX];
	shim_store(&s->extra, (void *)e, SHIM_RELEASE);
	shim_store(&s->fence, (uint64_t)0, SHIM_RELEASE);
	shim_store(&s->head, head | HEAD_EXTRA | HEAD_COUNTED | HEAD_FENCE, SHIM_RELEASE);
	return e;
}

/* From the one grant that the slot is to counts by mode. */
struct extra *
hold_count(struct lk_owner *w, struct hold *s)
{
	uint64_t head = shim_load(&s->head, SHIM_RELAXED);
	struct extra *e = hold_extra(s);

	if ((head & HEAD_COUNTED) != 0)
		return e;
	if ((head & HEAD_INTENT) != 0)
		return count_intent(w, s);
	hold_keep_fence(s);
	head = shim_load(&s->head, SHIM_RELAXED);
	if ((head & HEAD_EXTRA) == 0) {
		e = owner_extra(w, &w->manager->extras);
		if (e == NULL)
			return NULL;
		shim_store(&s->extra, (void *)e, SHIM_RELEASE);
	}
	e->grants[head_mode(head)] = 1;
	shim_store(&e->n_grants, 1u, SHIM_RELAXED);
	shim_store(&s->head, head | HEAD_EXTRA | HEAD_COUNTED, SHIM_RELEASE);
	return e;
}

static int
take(struct lk_owner *w, struct lk_resource *r, lk_mode from, lk_mode to, bool *seated,
     struct request *q)
{
	uint32_t lost = 0;
	bool taken;
	int rc;

	if (unlikely(q->adopts == r))
		return 0; /* (K7) */
	if (request_takes_units(q))
		return semaphore_take(w, r, from, to, seated, q);
	if (from == LK_NL)
		spell_mind(w, r, to, q);
	taken = line_try_take(r, from, to, &lost); /* not what is in a slot: that is SPREAD */
	if (unlikely(lost != 0))
		seat_note_lost(w, r, to, lost);
	if (likely(taken))
		return 0;
	if ((from == LK_NL || *seated) && seat_try(w, r, from, to)) {
		*seated = true;
		return 0;
	}
	if (unlikely(q->casual || q->claims)) {
		rc = request_at_once(w, r, from, *seated ? seat_of(w, r) : NULL, to, q);
	} else {
		owner_tally(w, &w->count.contended);
		if (request_spin(w, r, from, to, q)) {
			if (from == LK_NL)
				spell_begin(w, r);
			return 0;
		}
		rc = request_wait(w, r, from, *seated ? seat_of(w, r) : NULL, to, q);
		if (rc == 0 && from == LK_NL)
			spell_begin(w, r);
	}
	if (rc == 0)
		*seated = false;
	return rc;
}

bool
grant_is_lost_abroad(struct lk_owner *w, lk_grant g)
{
	uint32_t slot;
	struct hold *s = grant_find(w, g, &slot);

	(void)remote_is_over(w->manager->remote); /* then it is lost (CO8) */
	if (s == NULL)
		return false;
	s = grant_hold(w, s);
	if (hold_is(s, HEAD_IMPLIED)) /* nothing is held between it and what it is implied by */
		s = hold_at(&w->holds, hold_extra(s)->cover);
	return abroad_lost(hold_resource(s));
}

int
hold_take(struct lk_owner *w, struct lk_resource *r, lk_mode from, lk_mode to, bool *seated,
	  struct request *q)
{
	int rc;

	if (likely((w->pending_names & pending_bit(r)) == 0))
		return take(w, r, from, to, seated, q);
	rc = pending_mind(w, r, from, seated, q); /* (U3) */
	if (rc == 0)
		rc = take(w, r, from, to, seated, q);
	if (rc == 0)
		pending_note(w, r, to);
	return rc;
}

void
hold_note(struct hold *s, lk_mode to)
{
	uint64_t head;

	hold_keep_fence(s);
	head = shim_load(&s->head, SHIM_RELAXED);
	if (mode_writes(to) && !mode_writes(head_effective(head)))
		shim_store(&s->fence, grant_mint(hold_resource(s)), SHIM_RELEASE);
	shim_store(&s->head, head_with_modes(head, head_mode(head), to), SHIM_RELEASE);
}

int
hold_strengthen(struct lk_owner *w, struct hold *s, lk_mode to, struct request *q)
{
	const lk_mode from = hold_effective(s);
	bool seated = hold_is(s, HEAD_SEAT);
	int rc = hold_take(w, hold_resource(s), from, to, &seated, q);

	if (rc != 0)
		return rc;
	hold_note(s, to);
	hold_set_seated(s, seated);
	if (unlikely(mode_writes(from) && !mode_covers(to, from)))
		pass_to_waiters(w, hold_resource(s), from); /* U to IX: it left as well (CW3) */
	return 0;
}

uint32_t
hold_find_named(struct lk_owner *w, const struct name *n)
{
	struct index *x = &w->manager->index;
	struct lk_resource *r;
	struct glimpse g;
	uint32_t slot;

	if (index_glimpse(x, n, &g)) {
		slot = hold_find(&w->holds, g.r);
		if (slot != SLOT_NONE)
			return slot;
	}
	r = index_pin(x, n); /* the entry may have been on its way to another bucket (B2) */
	if (r == NULL)
		return SLOT_NONE;
	slot = hold_find(&w->holds, r);
	resource_unpin(r);
	return slot;
}
