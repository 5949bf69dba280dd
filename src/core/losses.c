/* SPDX-License-Identifier: MIT */
/*
 * What is lost: the grant goes back like any other, and its lease is the memory of it.  (LE7, LE8)
 *
 * The losses of an owner are a digital search tree by the bits of their grants, mixed: it needs no memory, and it
 * takes no longer than the logarithm of their number to find one.
 */
#include "core/call.h"
#include "core/events.h"
#include "core/family.h"
#include "core/implied.h"
#include "core/leases.h"
#include "core/notify.h"
#include "core/pending.h"
#include "core/release.h"
#include "core/semaphore.h"
#include "core/value.h"

/* Different grants have different bits, so no way down is longer than there are bits. */
static uint64_t
bits_of(lk_grant g)
{
	return g * UINT64_C(0x9e3779b97f4a7c15);
}

/* Where the loss of `g` is, or would be. */
static struct lease **
place_of(struct lk_owner *w, lk_grant g)
{
	struct lease **at = &w->losses;

	for (uint64_t bits = bits_of(g); *at != NULL && (*at)->grant != g; bits <<= 1)
		at = &(*at)->loss.child[bits >> 63];
	return at;
}

static void
put(struct lk_owner *w, struct lease *l)
{
	l->loss.child[0] = l->loss.child[1] = NULL;
	*place_of(w, l->grant) = l;
	l->flags |= LEASE_KNOWN;
}

/* Any leaf below it comes in its place. */
static void
take_out(struct lk_owner *w, struct lease *l)
{
	struct lease **at = place_of(w, l->grant);
	struct lease **leaf = at;
	struct lease *other;

	while ((*leaf)->loss.child[0] != NULL || (*leaf)->loss.child[1] != NULL)
		leaf = &(*leaf)->loss.child[(*leaf)->loss.child[0] == NULL];
	other = *leaf;
	*leaf = NULL;
	if (other != l) {
		other->loss.child[0] = l->loss.child[0];
		other->loss.child[1] = l->loss.child[1];
		*at = other;
	}
	l->flags &= (uint8_t)~LEASE_KNOWN;
}

struct lease *
losses_find(struct lk_owner *w, lk_grant g)
{
	return *place_of(w, g);
}

uint64_t
losses_fence(struct lk_owner *w, lk_grant g)
{
	const struct lease *l = losses_find(w, g);

	return l != NULL ? l->loss.fence : 0;
}

void
loss_settle(struct lk_owner *w, struct lease *l)
{
	if ((l->flags & (LEASE_KNOWN | LEASE_KEEPS | TELL_ANY)) != 0)
		return;
	resource_unpin(l->loss.r);
	lease_free(w, l);
}

/* Nobody asks for it any more, nor wants to be told. */
static void
forget(struct lk_owner *w, struct lease *l)
{
	take_out(w, l);
	l->flags &= (uint8_t)~TELL_ANY;
	loss_settle(w, l);
}

int
losses_report(struct lk_owner *w, lk_grant g)
{
	const int rc = leases_look_slow(w, g);
	struct lease *l;

	if (rc != LK_E_LOST)
		return rc;
	l = losses_find(w, g);
	if (l == NULL) /* what was lost abroad is held here, and is given back */
		return 0;
	forget(w, l);
	return rc;
}

void
losses_forget(struct lk_owner *w)
{
	while (w->losses != NULL)
		forget(w, w->losses);
}

/* From the leaves up: what comes in the place of one that is forgotten was asked already. */
static void
forget_below(struct lk_owner *w, struct lease **at, const struct lk_owner *member)
{
	if (*at == NULL)
		return;
	forget_below(w, &(*at)->loss.child[0], member);
	forget_below(w, &(*at)->loss.child[1], member);
	if ((*at)->member == member)
		forget(w, *at);
}

void
losses_forget_of(struct lk_owner *w, const struct lk_owner *member)
{
	forget_below(w, &w->losses, member);
}

static void
pass_below(struct lease *l, const struct lk_owner *from, struct lk_owner *to)
{
	if (l == NULL)
		return;
	if (l->member == from)
		l->member = to;
	pass_below(l->loss.child[0], from, to);
	pass_below(l->loss.child[1], from, to);
}

void
losses_pass(struct lk_owner *w, const struct lk_owner *from, struct lk_owner *to)
{
	pass_below(w->losses, from, to);
}

/* Below `at`, and there: what is below first, as what comes in the place of another comes from there, and has been seen. */
static bool
forget_since(struct lk_owner *w, struct lease *l, uint64_t stamp)
{
	const uint64_t half = UINT64_C(1) << (63 - SLOT_BITS);
	bool found = false;

	if (l == NULL)
		return false;
	found |= forget_since(w, l->loss.child[0], stamp);
	found |= forget_since(w, l->loss.child[1], stamp);
	if ((((l->grant >> SLOT_BITS) - stamp) & (2 * half - 1)) >= half ||
	    (w->acts_for != NULL && l->member != w->acts_for))
		return found;
	forget(w, l);
	return true;
}

bool
losses_forget_since(struct lk_owner *w, uint64_t stamp)
{
	return forget_since(w, w->losses, stamp);
}

/* What of it the holder, the hook and the log are to be told; by the service, as a call is under way here. */
static void
want_told(struct lk_owner *w, struct lease *l)
{
	const struct tracer *t = &w->manager->tracer;

	l->flags &= (uint8_t)~TELL_ANY; /* not that it was suspect */
	if ((shim_load(&t->kinds, SHIM_RELAXED) & LK_EVENT_EXPIRE) != 0 && t->hook != NULL)
		l->flags |= TELL_EVENT;
	if ((shim_load(&t->logged, SHIM_RELAXED) & LK_EVENT_EXPIRE) != 0)
		l->flags |= TELL_EVENT;
	if (notify_wanted(w))
		l->flags |= TELL_LOST;
	if ((l->flags & TELL_ANY) != 0)
		timer_set(&w->manager->service.timers, &l->timer, 0);
	else
		(void)timer_unset(&w->manager->service.timers, &l->timer);
}

/* The fence that the grant works with. */
static uint64_t
fence_of(const struct hold *hold)
{
	return hold_fence(hold, hold_resource(hold), shim_load(&hold->head, SHIM_RELAXED));
}

/* From the lease of what is held in that slot to the memory of its loss. */
static void
remember(struct lk_owner *w, struct lease *l, struct hold *s, enum lk_loss why, uint64_t sequence)
{
	const struct hold *hold = grant_hold(w, s);
	const uint64_t ended_at = l->term.ends_at;

	lease_go(l, LK_LEASE_LOST);
	l->member = family_member(w, s);
	l->why = (uint8_t)why;
	l->mode = (uint8_t)head_mode(shim_load(&s->head, SHIM_RELAXED));
	l->loss.r = hold_resource(hold);
	resource_pin(l->loss.r);
	l->loss.fence = fence_of(hold);
	l->loss.ended_at = ended_at;
	l->loss.sequence = sequence;
	put(w, l);
	want_told(w, l);
}

/* Into the ring at once, or the grant of whoever comes next could be there before. */
static uint64_t
record(struct lk_owner *w, struct hold *s, uint32_t slot)
{
	struct lk_event e;

	if (!events_want(w, LK_EVENT_EXPIRE))
		return 0;
	event_release(w, s, slot, &e);
	e.kind = LK_EVENT_EXPIRE;
	e.code = LK_E_LOST;
	tracer_record(&w->manager->tracer, &e);
	return e.sequence;
}

/* The grant in a slot ends; `l`: its lease, or what is to remember it; NULL: nothing does. */
static void
lose_grant(struct lk_owner *w, struct lease *l, struct hold *s, uint32_t slot, enum lk_loss why)
{
	uint64_t sequence = record(w, s, slot);

	if (w->n_pending != 0) /* what waits to strengthen the hold would keep it (U3) */
		pending_withdraw(w, hold_resource(grant_hold(w, s)));
	if (mode_writes(head_mode(
		    shim_load(&s->head, SHIM_RELAXED)))) /* what it wrote may be half done */
		value_invalidate(w->manager, hold_resource(grant_hold(w, s)));
	owner_tally(w, &w->count.leases_expired);
	if (hold_is(s, HEAD_EXTRA))
		hold_extra(s)->flags &= ~EXTRA_LEASED;
	if (l != NULL)
		remember(w, l, s, why, sequence);
	if (grant_has_units(s))
		semaphore_end(w, s); /* nothing keeps these from others */
	if (l == NULL || why == LK_LOSS_COVER || !keep_begin(w, l, s, slot))
		release_untold(w, s, slot);
}

/* What remembers the loss of an implied grant: its own lease, or a new one; NULL: no memory. */
static struct lease *
memory_of(struct lk_owner *w, struct hold *s, uint32_t slot, uint64_t ended_at)
{
	struct lease *l;

	if (hold_is(s, HEAD_EXTRA) && (hold_extra(s)->flags & EXTRA_LEASED) != 0) {
		l = hold_extra(s)->lease;
	} else {
		l = slab_get(&w->manager->leases);
		if (l == NULL)
			return NULL;
		lease_start(w, l, grant_of(shim_load(&s->head, SHIM_RELAXED), slot), ended_at,
			    LK_OFF, LK_OFF, false);
	}
	lease_unlink(&w->leases, l);
	l->term.ends_at = ended_at;
	return l;
}

static void
lose_implied_grant(struct lk_owner *w, uint32_t slot, lk_mode left, uint64_t ended_at)
{
	struct hold *s = hold_at(&w->holds, slot);

	if (mode_covers(mode_below(left), head_mode(shim_load(&s->head, SHIM_RELAXED))))
		return;
	lose_grant(w, memory_of(w, s, slot, ended_at), s, slot, LK_LOSS_COVER);
}

/* The grants of one implied hold, as far as `left`, all that its cover has left of its own, does not cover them. */
static void
lose_implied_hold(struct lk_owner *w, uint32_t slot, lk_mode left, uint64_t ended_at)
{
	struct hold *s = hold_at(&w->holds, slot);
	const bool has_first = !hold_is(s, HEAD_GONE);
	uint32_t reentry = hold_extra(s)->newest;

	while (reentry != SLOT_NONE) {
		const struct hold *r = hold_at(&w->holds, reentry);
		uint32_t older = reentry_older(r);

		lose_implied_grant(w, reentry, left, ended_at);
		reentry = older;
	}
	if (has_first) /* so the hold is still there */
		lose_implied_grant(w, slot, left, ended_at);
}

/*
 * Another grant covers all that the hold has: count it there.  Not what is only counted, which is for others.  False:
 * none does, or memory is short.
 */
static bool
move_implied(struct lk_owner *w, struct hold *s)
{
	const uint32_t from = hold_extra(s)->cover;
	const struct lk_resource *above = hold_resource(s);
	uint32_t to;

	do {
		above = resource_parent(above);
		to = implied_cover_but(w, above, hold_effective(s), from);
		if (to == SLOT_NONE)
			return false;
		above = hold_resource(hold_at(&w->holds, to));
	} while (!implied_is_given(w, hold_at(&w->holds, to), hold_effective(s)));
	if (hold_count(w, hold_at(&w->holds, to)) == NULL)
		return false;
	implied_move(w, s, to);
	return true;
}

/* Does the hold in `cover` imply what is in this slot, by a grant of its own?  (ES6) */
static bool
is_given_by(const struct hold *s, uint32_t cover)
{
	const uint64_t head = shim_load(&s->head, SHIM_RELAXED);

	return head != 0 && (head & HEAD_REENTRY) == 0 && (head & HEAD_IMPLIED) != 0 &&
	       hold_extra(s)->cover == cover && (hold_extra(s)->flags & EXTRA_ESCALATED) == 0;
}

/* Before a grant of the hold in `cover` goes: what it implied below, and nothing else covers.  True: something did. */
static bool
lose_implied(struct lk_owner *w, uint32_t cover, uint32_t grant_slot, uint64_t ended_at)
{
	const lk_mode left = hold_own_mode(w, hold_at(&w->holds, cover), grant_slot);
	const uint32_t n = shim_load(&w->holds.n_slots, SHIM_RELAXED);
	const uint64_t before = shim_load(&w->count.leases_expired, SHIM_RELAXED);

	for (uint32_t i = 0; i < n; i++) {
		struct hold *s = hold_at(&w->holds, i);

		if (is_given_by(s, cover) && !mode_covers(mode_below(left), hold_effective(s)) &&
		    !move_implied(w, s))
			lose_implied_hold(w, i, left, ended_at);
	}
	return shim_load(&w->count.leases_expired, SHIM_RELAXED) != before;
}

bool
lease_lose(struct lk_owner *w, struct lease *l, enum lk_loss why)
{
	uint32_t slot;
	struct hold *s = grant_find(w, l->grant, &slot);
	const uint32_t hold_slot = hold_is(s, HEAD_REENTRY) ? reentry_hold(s) : slot;
	const struct hold *hold = hold_at(&w->holds, hold_slot);
	bool others = false;

	lease_unlink(&w->leases, l);
	if (hold_is(hold, HEAD_COUNTED) && !hold_is(hold, HEAD_IMPLIED) &&
	    hold_extra(hold)->n_below > 0)
		others = lose_implied(w, hold_slot, slot, l->term.ends_at); /* (LE8) */
	lose_grant(w, l, s, slot, why);
	return others;
}
