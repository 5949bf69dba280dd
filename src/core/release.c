/* SPDX-License-Identifier: MIT */
/* Release.  Never allocates, never fails for a grant that is held.  (H2, H3, H5, H6) */
#include "core/release.h"
#include "core/ancestors.h"
#include "core/below.h"
#include "core/events.h"
#include "core/family.h"
#include "core/implied.h"
#include "core/leases.h"
#include "core/semaphore.h"
#include "core/token.h"
#include "core/value.h"

enum { RELEASE_AHEAD = 8 }; /* holds */

static void
drop_extra(struct lk_owner *w, struct hold *s)
{
	struct extra *e = hold_extra(s);

	if (e == NULL)
		return;
	shim_store(&s->extra, NULL, SHIM_RELEASE);
	owner_extra_done(w, &w->manager->extras, &w->manager->tags, e);
}

/* The slot of a hold that ends is free; what its head was. */
LK_HOT uint64_t
clear_hold(struct lk_owner *w, struct hold *s, uint32_t slot)
{
	uint64_t head = shim_load(&s->head, SHIM_RELAXED);

	shim_store(&s->head, (uint64_t)0, SHIM_RELAXED); /* before the word (H3) */
	if (unlikely((head & HEAD_EXTRA) != 0))
		drop_extra(w, s);
	hold_remove(&w->holds, slot);
	return head;
}

/* The end of a hold, whatever grants it has left. */
static void
end_hold(struct lk_owner *w, struct hold *s, uint32_t slot)
{
	struct lk_resource *r = shim_load(&s->resource, SHIM_RELAXED);
	uint64_t head = clear_hold(w, s, slot);

	if (unlikely((head & HEAD_IMPLIED) != 0))
		resource_unpin(r);
	else
		release_word(w, r, head_effective(head), LK_NL, (head & HEAD_SEAT) != 0);
}

/* Take a re-entry out of its hold's chain, and free its slot. */
static void
unchain(struct lk_owner *w, struct hold *s, uint32_t slot, struct extra *of_hold)
{
	struct holds *h = &w->holds;
	uint32_t newer = (uint32_t)(shim_load(&s->fence, SHIM_RELAXED) >> 32);
	uint32_t older = reentry_older(s);
	uint32_t hold = reentry_hold(s);

	if (newer == SLOT_NONE)
		of_hold->newest = older;
	else
		shim_store(&hold_at(h, newer)->resource, (void *)(((uintptr_t)older << 1) | 1),
			   SHIM_RELEASE);
	if (older != SLOT_NONE)
		shim_store(&hold_at(h, older)->fence, (uint64_t)newer << 32 | hold, SHIM_RELEASE);
	shim_store(&s->head, (uint64_t)0, SHIM_RELAXED);
	drop_extra(w, s);
	slot_give(h, slot);
	shim_store(&h->reentries, shim_load(&h->reentries, SHIM_RELAXED) - 1, SHIM_RELAXED);
}

/* The effective mode falls to what is left of the counts. */
static void
weaken(struct lk_owner *w, struct hold *s)
{
	struct lk_resource *r = hold_resource(s);
	uint64_t head = shim_load(&s->head, SHIM_RELAXED);
	lk_mode from = head_effective(head);
	lk_mode to = counts_effective(hold_extra(s));

	if (to == from)
		return;
	shim_store(&s->head, head_with_modes(head, head_mode(head), to), SHIM_RELEASE);
	if ((head & HEAD_IMPLIED) == 0)
		release_word(w, r, from, to, (head & HEAD_SEAT) != 0);
}

/* hold_settle() of an INTENT, which no call makes real. */
static void
settle_intent(struct lk_owner *w, struct hold *s, uint32_t slot)
{
	uint64_t counts = shim_load(&s->fence, SHIM_RELAXED);
	uint64_t head = shim_load(&s->head, SHIM_RELAXED);
	lk_mode from = head_effective(head);
	lk_mode to = intent_effective(counts);

	if (counts == 0) {
		end_hold(w, s, slot);
	} else if (to != from) {
		shim_store(&s->head, head_with_modes(head, LK_NL, to), SHIM_RELEASE);
		release_word(w, hold_resource(s), from, to, (head & HEAD_SEAT) != 0);
	}
}

void
hold_settle(struct lk_owner *w, struct hold *s, uint32_t slot)
{
	const struct extra *e = hold_extra(s);

	if (likely(hold_is(s, HEAD_INTENT))) {
		settle_intent(w, s, slot);
		return;
	}
	if (shim_load(&e->n_grants, SHIM_RELAXED) == 0 && e->n_below == 0) {
		end_hold(w, s, slot);
		return;
	}
	weaken(w, s);
	if (unlikely(w->made_real != 0))
		implied_put_back(w, s);
}

bool
release_keep(struct lk_owner *w, struct hold *s, uint32_t slot)
{
	const uint64_t head = shim_load(&s->head, SHIM_RELAXED);
	const bool reentry = (head & HEAD_REENTRY) != 0;
	struct extra *e = hold_count(w, reentry ? hold_at(&w->holds, reentry_hold(s)) : s);
	struct sample_end end;

	if (e == NULL)
		return false;
	if (hold_is(s, HEAD_EXTRA) && sample_ends(w, s, &end))
		sample_record(w, &end);
	if (hold_is(s, HEAD_EXTRA) && (hold_extra(s)->flags & EXTRA_MEMBER) != 0)
		family_forget(hold_extra(s));
	shim_store(&e->n_grants, shim_load(&e->n_grants, SHIM_RELAXED) - 1, SHIM_RELAXED);
	e->n_below++;
	e->flags |= EXTRA_KEPT;
	if (reentry)
		unchain(w, s, slot, e);
	else
		shim_store(&s->head, shim_load(&s->head, SHIM_RELAXED) | HEAD_GONE, SHIM_RELEASE);
	return true;
}

/* One grant of a COUNTED hold. */
static void
end_counted(struct lk_owner *w, struct hold *s, uint32_t slot)
{
	uint64_t head = shim_load(&s->head, SHIM_RELAXED);
	bool reentry = (head & HEAD_REENTRY) != 0;
	uint32_t hold_slot = reentry ? reentry_hold(s) : slot;
	struct hold *hold = hold_at(&w->holds, hold_slot);
	struct extra *e = hold_extra(hold);

	e->grants[head_mode(head)]--;
	shim_store(&e->n_grants, shim_load(&e->n_grants, SHIM_RELAXED) - 1, SHIM_RELAXED);
	if (reentry)
		unchain(w, s, slot, e);
	else
		shim_store(&s->head, head | HEAD_GONE, SHIM_RELEASE);
	hold_settle(w, hold, hold_slot);
}

/* Of a hold whose word says so already, `left` is left. */
static void
fall_to(struct lk_owner *w, struct hold *s, uint32_t slot, lk_mode left)
{
	const uint64_t head = shim_load(&s->head, SHIM_RELAXED);

	if (left == LK_NL)
		(void)clear_hold(w, s, slot);
	else
		shim_store(&s->head, head_with_modes(head, head_mode(head), left), SHIM_RELEASE);
}

void
count_forget(struct lk_owner *w, uint32_t slot, lk_mode mode)
{
	struct hold *s = hold_at(&w->holds, slot);
	const lk_mode left = hold_without(s, mode);

	hold_count_less(s, mode, 1);
	fall_to(w, s, slot, left);
}

void
release_forget(struct lk_owner *w, struct hold *s, uint32_t slot)
{
	const uint64_t head = shim_load(&s->head, SHIM_RELAXED);
	const bool reentry = (head & HEAD_REENTRY) != 0;
	const uint32_t hold_slot = reentry ? reentry_hold(s) : slot;
	struct hold *hold = hold_at(&w->holds, hold_slot);
	const lk_mode left = hold_without(hold, head_mode(head));

	if (hold_is(hold, HEAD_COUNTED)) {
		struct extra *e = hold_extra(hold);

		e->grants[head_mode(head)]--;
		shim_store(&e->n_grants, shim_load(&e->n_grants, SHIM_RELAXED) - 1, SHIM_RELAXED);
		if (reentry)
			unchain(w, s, slot, e);
		else
			shim_store(&s->head, head | HEAD_GONE, SHIM_RELEASE);
	}
	fall_to(w, hold, hold_slot, left);
}

/* A grant that is one of several, or on a path: it goes from the leaf, then from what is above.  (H6) */
LK_HOT void
give_counted(struct lk_owner *w, struct hold *s, uint32_t slot, uint64_t head)
{
	const struct hold *hold = grant_hold(w, s);
	const uint32_t cover = hold_is(hold, HEAD_IMPLIED) ? hold_extra(hold)->cover : SLOT_NONE;
	struct lk_resource *above = resource_parent(hold_resource(hold)); /* while we hold it */

	if (hold_is(hold, HEAD_COUNTED))
		end_counted(w, s, slot);
	else
		end_hold(w, s, slot);
	if (cover != SLOT_NONE)
		implied_count(w, cover, head_mode(head), LK_NL);
	else
		ancestors_give(w, above,
			       ancestors_mode(head_mode(head), (head & HEAD_PARENTS) != 0));
}

/* What a grant's extra says of others ends with the grant. */
static LK_COLD void
end_extra(struct lk_owner *w, struct hold *s)
{
	struct extra *e = hold_extra(s);

	if ((e->flags & EXTRA_LEASED) != 0)
		leases_end(w, e);
	if ((e->flags & EXTRA_UNITS) != 0)
		semaphore_end(w, s); /* (SU2) */
	if ((e->flags & EXTRA_MEMBER) != 0)
		family_forget(e);
}

/* A grant that keeps more than its slot, perhaps since when.  Nobody waits for what is recorded. */
static LK_COLD void
release_noted(struct lk_owner *w, struct hold *s, uint32_t slot, uint64_t head)
{
	struct sample_end end;
	bool is_timed = sample_ends(w, s, &end);

	if (unlikely((hold_extra(s)->flags & (EXTRA_LEASED | EXTRA_UNITS | EXTRA_MEMBER)) != 0))
		end_extra(w, s);
	if ((head & (HEAD_REENTRY | HEAD_COUNTED | HEAD_PATH)) != 0)
		give_counted(w, s, slot, head);
	else
		end_hold(w, s, slot);
	if (is_timed)
		sample_record(w, &end);
}

/* A grant that is more than a slot and a count in a word. */
static LK_NOINLINE void
release_odd(struct lk_owner *w, struct hold *s, uint32_t slot)
{
	const uint64_t head = shim_load(&s->head, SHIM_RELAXED);

	if (unlikely((head & HEAD_EXTRA) != 0))
		release_noted(w, s, slot, head);
	else
		give_counted(w, s, slot, head);
}

void
release_untold(struct lk_owner *w, struct hold *s, uint32_t slot)
{
	if (unlikely(hold_is(s, HEAD_REENTRY | HEAD_COUNTED | HEAD_PATH | HEAD_EXTRA)))
		release_odd(w, s, slot);
	else
		end_hold(w, s, slot);
}

static void
release_grant(struct lk_owner *w, struct hold *s, uint32_t slot)
{
	struct lk_owner *who;
	struct lk_event e;
	bool quiet;

	if (likely(!events_want(w, LK_EVENT_RELEASE))) {
		release_untold(w, s, slot);
		return;
	}
	event_release(w, s, slot, &e);
	if (unlikely(w->has_left) && token_left(w, e.grant)) { /* that is told already (TK3) */
		release_untold(w, s, slot);
		return;
	}
	tracer_record(&w->manager->tracer, &e); /* or the next one's grant could come before it */
	release_untold(w, s, slot);
	quiet = w->is_quiet;
	who = call_away(w);
	(void)tracer_call(&w->manager->tracer, &e, quiet);
	call_back(w, who);
}

/* The rest of a release that found somebody waiting; the word `was` so, if the hold was in it. */
static LK_NOINLINE int
release_plain_to_waiters(struct lk_owner *w, struct lk_resource *r, uint64_t was)
{
	pass_to_waiters(w, r, word_writer(was));
	owner_leave(w);
	return unlikely((was & WORD_FREEZE) != 0) ? LK_E_LOST : 0; /* (W9) */
}

/* The same, if it was in a slot. */
static LK_NOINLINE int
release_seat_to_waiters(struct lk_owner *w, struct lk_resource *r)
{
	pass_to_waiters(w, r, LK_NL);
	owner_leave(w);
	return 0;
}

/* What a plain hold counts in its word, of which nothing is written down any more; and the end of the call. */
LK_HOT int
end_plain_word(struct lk_owner *w, struct lk_resource *r, lk_mode held)
{
	uint64_t was;

	if (unlikely(!line_exit(r, held, &was)))
		return release_plain_to_waiters(w, r, was);
	owner_leave(w);
	return 0;
}

/* … in the owner's slot. */
LK_HOT int
end_plain_seat(struct lk_owner *w, struct lk_resource *r, lk_mode held)
{
	if (unlikely(!seat_leave(seat_of(w, r), &r->word, held, LK_NL)))
		return release_seat_to_waiters(w, r);
	owner_leave(w);
	return 0;
}

static LK_NOINLINE int
end_plain_seat_elsewhere(struct lk_owner *w, struct lk_resource *r, lk_mode held)
{
	return end_plain_seat(w, r, held);
}

/* … mostly the one that it used last, where nothing has to be looked up between two locked instructions. */
LK_HOT int
end_plain_near(struct lk_owner *w, struct lk_resource *r, lk_mode held)
{
	if (unlikely(w->near.r != r))
		return end_plain_seat_elsewhere(w, r, held);
	if (unlikely(!seat_leave(w->near.seat, &r->word, held, LK_NL)))
		return release_seat_to_waiters(w, r);
	owner_leave(w);
	return 0;
}

/* … in the one or the other. */
LK_HOT int
end_plain_count(struct lk_owner *w, struct lk_resource *r, uint64_t head)
{
	const lk_mode held = head_effective(head);

	if (likely((head & HEAD_SEAT) == 0))
		return end_plain_word(w, r, held);
	return end_plain_seat(w, r, held);
}

/*
 * The release of a hold of one grant, in one of the first slots: as end_hold(), without what it need not look at.  The
 * owner was entered.
 */
LK_HOT int
end_plain_hold(struct lk_owner *w, struct hold *s, uint32_t slot, uint32_t few,
	       struct lk_resource *r, uint64_t head)
{
	shim_store(&s->head, (uint64_t)0, SHIM_RELAXED); /* before what is counted (H3) */
	shim_store(&w->holds.few, few | UINT32_C(1) << slot, SHIM_RELAXED);
	return end_plain_count(w, r, head);
}

/*
 * What is held in a slot some way on, in the direction in which the last release went: who has many grants gives them
 * back in the order in which they came, or the other way round, and the entry that a release writes is what it
 * waits for.  Only a guess: the slot may be free.
 */
static void
expect_further(struct lk_owner *w, uint32_t slot)
{
	struct holds *h = &w->holds;
	const uint32_t on = slot >= h->released ? slot + RELEASE_AHEAD : slot - RELEASE_AHEAD;

	h->released = slot;
	if (on < h->fresh && on >= SLOTS_INLINE)
		prefetch(hold_resource(hold_at(h, on)));
}

/* The same in a slot beyond the first. */
static LK_NOINLINE int
release_far(struct lk_owner *w, lk_grant g)
{
	struct lk_resource *r;
	struct hold *s;
	uint64_t head;
	uint32_t slot;

	if (unlikely(owner_enter(w) !=
		     0)) /* what others may change is looked at with the latch (Z1) */
		return release_any(w, g);
	s = grant_find(w, g, &slot);
	if (unlikely(s == NULL))
		return release_any(w, g);
	head = shim_load(&s->head, SHIM_RELAXED);
	if (unlikely(!grant_is_plain(g, head)))
		return release_any(w, g);
	expect_further(w, slot);
	r = hold_resource(s);
	shim_store(&s->head, (uint64_t)0, SHIM_RELAXED); /* before what is counted (H3) */
	hold_remove(&w->holds, slot);
	return end_plain_count(w, r, head);
}

void
release_undone(struct lk_owner *w, lk_grant g)
{
	uint32_t slot;
	struct hold *s = grant_find(w, g, &slot);

	sample_forget(s);
	w->wrote_nothing = true; /* (CW4) */
	release_untold(w, s, slot);
	w->wrote_nothing = false;
}

int
release_inside(struct lk_owner *w, lk_grant g)
{
	bool is_lost = false;
	struct hold *s;
	uint32_t slot;

	if (unlikely(w->is_latched)) {
		int rc;

		if (w->has_left && token_left(w, g)) /* (TK2) */
			return LK_E_STALE;
		rc = losses_report(w, g);
		if (rc != 0)
			return rc;
	}
	s = grant_find(w, g, &slot);
	if (unlikely(s == NULL))
		return LK_E_STALE;
	if (unlikely(w->manager->remote != NULL))
		is_lost = grant_is_lost_abroad(w, g);
	release_grant(w, s, slot);
	return unlikely(is_lost) ? LK_E_LOST : 0;
}

LK_NOINLINE int
release_any(struct lk_owner *w, lk_grant g)
{
	int rc = release_enter(w);

	if (unlikely(rc != 0))
		return rc;
	rc = release_inside(call_holder(w), g);
	call_end(w);
	return rc;
}

/* One of many, in a call of an owner whose gate is open.  False: it is not as simple as that. */
static bool
release_plain(struct lk_owner *w, lk_grant g)
{
	uint32_t slot;
	struct hold *s = grant_find(w, g, &slot);

	if (unlikely(s == NULL) || unlikely(!grant_is_plain(g, shim_load(&s->head, SHIM_RELAXED))))
		return false;
	end_hold(w, s, slot);
	return true;
}

int
lk_release_many(struct lk_owner *w, const lk_grant *g, size_t n, size_t *released)
{
	size_t done = 0;
	bool is_plain;
	int rc;

	if (released != NULL)
		*released = 0;
	if (w == NULL || (g == NULL && n > 0))
		return LK_E_INVAL;
	rc = release_enter(w);
	if (rc != 0)
		return rc;
	is_plain = shim_load(w->gate, SHIM_RELAXED) == 0 && w->manager->remote == NULL;
	for (size_t i = n; i > 0; i--) {
		int one = is_plain && release_plain(w, g[i - 1])
				  ? 0
				  : release_inside(call_holder(w), g[i - 1]);

		done += one == 0;
		if (one != 0 && rc != LK_E_STALE)
			rc = one;
	}
	call_end(w);
	if (released != NULL)
		*released = done;
	return rc;
}

/* A grant that is none in slot 0, or is not plain. */
static LK_NOINLINE int
release_other(struct lk_owner *w, lk_grant g)
{
	const uint32_t slot = (uint32_t)(g & (SLOT_MAX - 1));

	if (likely(slot < SLOTS_INLINE)) {
		struct hold *s = &w->holds.first[slot];
		uint64_t head = shim_load(&s->head, SHIM_RELAXED);
		uint32_t few = owner_few(w);

		if ((head & HEAD_PATH) != 0)
			return below_release(w, g, s, head, few);
		if (likely(grant_is_plain(g, head)) && likely(owner_enter(w) == 0)) {
			struct lk_resource *r = shim_load(&s->resource, SHIM_RELAXED);

			return end_plain_hold(w, s, slot, few, r, head);
		}
		return release_any(w, g);
	}
	return release_far(w, g);
}

/* The only hold of an owner is in slot 0: no address waits for the number of a slot. */
int
lk_release(struct lk_owner *w, lk_grant g)
{
	struct lk_resource *r;
	struct hold *s;
	uint64_t head;

	if (unlikely(w == NULL))
		return LK_E_INVAL;
	if (unlikely((g & (SLOT_MAX - 1)) != 0) || unlikely(owner_enter(w) != 0))
		return release_other(w, g);
	s = &w->holds.first[0];
	head = shim_own(&s->head);
	if (unlikely(!grant_is_plain_first(g, head)))
		return release_other(w, g);
	r = shim_own(&s->resource);
	shim_store(&s->head, (uint64_t)0, SHIM_RELAXED); /* before what is counted (H3) */
	shim_store(&w->holds.few, shim_own(&w->holds.few) | 1, SHIM_RELAXED);
	if (unlikely((head & HEAD_SEAT) != 0))
		return end_plain_near(w, r, head_effective(head));
	return end_plain_word(w, r, head_effective(head));
}

/*
 * The newest grant of the hold in `slot`, of a family that of who calls; or SLOT_NONE: it is there for what is below it
 * only, or for others.
 */
static uint32_t
newest_grant(struct lk_owner *w, uint32_t slot)
{
	const struct hold *s = hold_at(&w->holds, slot);
	uint32_t reentry = hold_is(s, HEAD_COUNTED) ? hold_extra(s)->newest : SLOT_NONE;

	while (unlikely(reentry != SLOT_NONE)) {
		const struct hold *r = hold_at(&w->holds, reentry);

		if (family_has_made(w, r))
			return reentry;
		reentry = reentry_older(r);
	}
	return hold_is(s, HEAD_GONE) || !family_has_made(w, s) ? SLOT_NONE : slot;
}

static int
release_named(struct lk_owner *w, const struct name *n)
{
	struct lk_owner *h;
	uint32_t slot;
	int rc = release_enter(w);

	if (rc != 0)
		return rc;
	h = call_holder(w);
	slot = hold_find_named(h, n);
	if (slot != SLOT_NONE)
		slot = newest_grant(h, slot);
	if (slot != SLOT_NONE)
		rc = release_inside(h, grant_of(shim_load(&hold_at(&h->holds, slot)->head,
							  SHIM_RELAXED),
						slot));
	else
		rc = LK_E_STALE;
	call_end(w);
	return rc;
}

int
lk_release_name(struct lk_owner *w, const void *name, size_t len)
{
	struct name n;

	if (w == NULL || name == NULL)
		return LK_E_INVAL;
	if (!name_set(&n, name, len, 0, w->manager->index.seed))
		return LK_E_NAME;
	return release_named(w, &n);
}

int
lk_release_id(struct lk_owner *w, uint64_t id)
{
	struct name n;

	if (w == NULL)
		return LK_E_INVAL;
	name_set_id(&n, &id, w->manager->index.seed);
	return release_named(w, &n);
}

/* For the next holder of each name: what this one wrote may be half done. */
static LK_COLD void
note_death(struct lk_owner *w)
{
	for (uint32_t i = 0; i < shim_load(&w->holds.n_slots, SHIM_RELAXED); i++) {
		const struct hold *s = hold_at(&w->holds, i);
		uint64_t head = shim_load(&s->head, SHIM_RELAXED);

		if (head != 0 && (head & HEAD_REENTRY) == 0 && mode_writes(head_effective(head))) {
			shim_or(&hold_resource(s)->pins, PINS_DIED, SHIM_RELEASE);
			value_invalidate(w->manager, hold_resource(s));
		}
	}
}

/* The grant in a slot, if there is one. */
static void
release_slot(struct lk_owner *w, uint32_t slot)
{
	struct hold *s = hold_at(&w->holds, slot);
	uint64_t head = shim_load(&s->head, SHIM_RELAXED);

	if (head != 0 && (head & HEAD_GONE) == 0)
		release_grant(w, s, slot);
}

/* The slots beyond the first. */
static LK_NOINLINE void
release_more(struct lk_owner *w)
{
	struct holds *h = &w->holds;
	uint32_t slot = h->fresh;

	while (slot > SLOTS_INLINE && shim_load(&h->n_more, SHIM_RELAXED) != 0) {
		expect_further(w, --slot);
		release_slot(w, slot);
	}
}

/*
 * As release_slot(), of one of the first slots, in which there is a hold of one grant, and of whose release nobody is told.
 * False: it is not so, and nothing was done.
 */
LK_HOT bool
release_lone(struct lk_owner *w, uint32_t slot, uint32_t few)
{
	struct hold *s = &w->holds.first[slot];
	const uint64_t head = shim_own(&s->head);
	struct lk_resource *r;

	if (unlikely(!head_is_lone(head)) || unlikely(events_want(w, LK_EVENT_RELEASE)))
		return false;
	r = shim_own(&s->resource);
	shim_store(&s->head, (uint64_t)0, SHIM_RELAXED); /* before what is counted (H3) */
	shim_store(&w->holds.few, few | UINT32_C(1) << slot, SHIM_RELAXED);
	release_word(w, r, head_effective(head), LK_NL, (head & HEAD_SEAT) != 0);
	return true;
}

/* Grant by grant, the last slot first, as counts see to it that nothing above goes before what is below.  (H6) */
static LK_NOINLINE void
release_all(struct lk_owner *w)
{
	uint32_t left = FEW_ALL; /* of the first slots: not looked at yet */
	uint32_t used;
	uint32_t few;

	if (shim_load(&w->holds.n_more, SHIM_RELAXED) != 0)
		release_more(w);
	while ((few = owner_few(w), used = ~few & left) != 0) {
		uint32_t slot = 31u - (uint32_t)__builtin_clz(used);

		left = (UINT32_C(1) << slot) - 1;
		if (!release_lone(w, slot, few))
			release_slot(w, slot);
	}
}

/* Who was opened for one lock has it in the first slot; if that is a hold of one grant, there is nothing further on. */
void
release_everything(struct lk_owner *w, bool died)
{
	const uint32_t few = owner_few(w);

	if (unlikely(died))
		note_death(w);
	if (few == FEW_ALL)
		return;
	if (unlikely(few != (FEW_ALL & ~UINT32_C(1))) || unlikely(!release_lone(w, 0, few)))
		release_all(w);
}

void
release_quietly(struct lk_owner *w, bool died)
{
	w->is_quiet = true;
	release_everything(w, died);
	w->is_quiet = false;
}

int
lk_release_all(struct lk_owner *w)
{
	int rc;

	if (w == NULL)
		return LK_E_INVAL;
	rc = release_enter(w);
	if (rc != 0)
		return rc;
	if (unlikely(call_is_family(w))) {
		family_release_all(w);
	} else {
		release_everything(w, false);
		if (unlikely(w->is_latched))
			losses_forget(w);
	}
	call_end(w);
	return 0;
}
