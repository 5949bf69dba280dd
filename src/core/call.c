/* SPDX-License-Identifier: MIT */
/* Calls of shared owners.  (Z1-Z4) */
#include "core/leases.h"
#include "core/pending.h"
#include "core/token.h"
#include "wait/watch.h"

/* What the gate of a shared owner says: it is a code that no caller sees. */
enum { GATE_SHARED = 1 };

void
owner_moves(struct lk_owner *w)
{
	shim_store(&w->moves, shim_load(&w->moves, SHIM_RELAXED) + 1, SHIM_RELEASE);
}

/* For a call of `who`, whose holds are those of `w`. */
static void
take_latch(struct lk_owner *w, struct lk_owner *who)
{
	latch_lock(&w->latch);
	w->is_latched = true;
	if (unlikely(call_is_family(w)))
		w->acts_for = who;
	owner_moves(w);
}

static void
open_latch(struct lk_owner *w)
{
	w->is_latched = false;
	w->acts_for = NULL;
	owner_moves(w);
	latch_unlock(&w->latch);
}

/* In a child of fork() the latch may be held for ever by a thread that is not there. */
static int
gate_of_shared(const struct lk_owner *w)
{
	return manager_gate(w->manager);
}

/* It has a latch: its own, or if it is in a family that of the head. */
static void
begin_shared(struct lk_owner *w)
{
	take_latch(call_holder(w), w);
	w->is_latched = true;
}

static void
end_shared(struct lk_owner *w)
{
	struct lk_owner *h = call_holder(w);

	if (unlikely(h != w))
		w->is_latched = false;
	open_latch(h);
}

static int
begin_unless_shut(struct lk_owner *w)
{
	int gate = gate_of_shared(w);

	if (gate != 0)
		return gate;
	begin_shared(w);
	gate = gate_of_shared(w);
	if (gate != 0)
		end_shared(w);
	return gate;
}

int
call_begin_slow(struct lk_owner *w, int gate)
{
	if (gate == GATE_SHARED)
		gate = begin_unless_shut(w);
	if (gate != 0)
		owner_leave(w);
	return gate;
}

int
release_enter_slow(struct lk_owner *w, int gate)
{
	const bool is_shared = gate == GATE_SHARED;

	if (is_shared)
		gate = gate_of_shared(w);
	if (gate != 0 && gate != LK_E_CLOSED) {
		owner_leave(w);
		return gate;
	}
	/* Let a shutdown that is releasing for us finish; a later one sees us inside. (O3) */
	begin_shared(w);
	if (!is_shared)
		end_shared(w);
	return 0;
}

/* Who has the latch. */
void
call_catch_up(struct lk_owner *w)
{
	if (unlikely(RD(w->is_due) || w->has_withdrawn)) /* (Z3, U6) */
		owner_catch_up(w);
}

/* With its latch: may a call of another owner change what it holds?  0 or the code to return. */
static int
takes_from_others(const struct lk_owner *to)
{
	if (shim_load(&to->state, SHIM_ACQUIRE) <= OWNER_KEEPING)
		return LK_E_STALE;
	if (unlikely(call_is_family(to)))
		return LK_E_UNSUPPORTED;
	return RD(to->is_away) ? LK_E_BUSY : 0; /* (Z2) */
}

int
call_begin_both(struct lk_owner *w, struct lk_owner *to)
{
	const bool w_first = (uintptr_t)w < (uintptr_t)to;
	int rc = owner_enter(w);

	if (rc == GATE_SHARED)
		rc = gate_of_shared(w);
	if (rc == 0) {
		latch_lock(w_first ? &w->latch : &to->latch); /* (Z4) */
		latch_lock(w_first ? &to->latch : &w->latch);
		rc = gate_of_shared(w); /* a shutdown may have looked at `to`, but not yet at `w` */
		if (rc == 0)
			rc = takes_from_others(to);
		if (rc == 0) {
			w->is_latched = true;
			owner_moves(w);
			owner_moves(to);
			return 0;
		}
		latch_unlock(&to->latch);
		latch_unlock(&w->latch);
	}
	owner_leave(w);
	return rc;
}

void
call_end_both(struct lk_owner *w, struct lk_owner *to)
{
	call_end_shared(w);
	if (RD(to->is_due)) /* (Z3) */
		owner_catch_up(to);
	owner_moves(to);
	latch_unlock(&to->latch);
	owner_leave(w);
}

void
call_end_shared(struct lk_owner *w)
{
	call_catch_up(call_holder(w));
	end_shared(w);
}

struct lk_owner *
call_away_shared(struct lk_owner *w)
{
	struct lk_owner *const who = w->acts_for;

	if (unlikely(who != NULL)) { /* (FA3) */
		call_catch_up(w);
		open_latch(w);
		return who;
	}
	WR(w->is_away, true);
	shim_store(&w->away, 1u, SHIM_SEQ_CST);
	open_latch(w);
	return NULL;
}

void
call_rests(struct lk_owner *w)
{
	w->is_latched = false;
	w->acts_for = NULL;
	latch_unlock(&w->latch);
}

void
call_looks(struct lk_owner *w, struct lk_owner *who)
{
	latch_lock(&w->latch);
	w->is_latched = true;
	w->acts_for = who;
}

void
call_back_for(struct lk_owner *w, struct lk_owner *who)
{
	take_latch(w, who);
}

/* The wait of a call that is away, if it waits.  (Z2) */
static void
interrupt(struct lk_owner *w)
{
	struct lot *l = &w->manager->lot;
	bool ended = false;

	if (w->waits_as != NULL)
		ended = line_leave(l, w->waits_as, WAITER_INTERRUPTED, NULL);
	else if (w->waits_for_all != NULL)
		ended = composite_leave(l, w->waits_for_all, WAITER_INTERRUPTED);
	else if (w->watches != NULL)
		ended = watch_interrupt(w->watches);
	if (ended)
		park_wake(l->env, &w->party.parker);
}

void
call_sleeps_shared(struct lk_owner *w)
{
	WR(w->is_away, true);
	shim_store(&w->away, 1u, SHIM_SEQ_CST); /* before the look (U4) */
	if (w->n_pending != 0 && shim_load(&w->news, SHIM_SEQ_CST) != 0)
		WR(w->is_due, true);
	if (unlikely(RD(w->is_due))) /* or it became so when the call was away before */
		interrupt(w);
	open_latch(w);
}

void
call_back_shared(struct lk_owner *w)
{
	take_latch(w, w);
	WR(w->is_away, false);
	shim_store(&w->away, 0u, SHIM_RELAXED);
}

void
owner_share_now(struct lk_owner *w)
{
	shim_store(&w->turnstile, (uint32_t)GATE_SHARED, SHIM_RELAXED);
	w->gate = &w->turnstile;
}

void
owner_share(struct lk_owner *w)
{
	if (w->gate == &w->turnstile) /* the latch is held (Z1), whether this call says so or not */
		return;
	owner_share_now(w);
	take_latch(w, w);
}

void
owner_leave_due(struct lk_owner *w)
{
	WR(w->is_due, true);
	interrupt(w);
}

bool
owner_seize(struct lk_owner *w, uint64_t id)
{
	latch_lock(&w->latch);
	/* In this order: what opens it anew has no latch, and writes the state last. */
	if (shim_load(&w->state, SHIM_ACQUIRE) == OWNER_FREE ||
	    shim_load(&w->id, SHIM_ACQUIRE) != id) {
		latch_unlock(&w->latch);
		return false;
	}
	if (!RD(w->is_away)) {
		owner_moves(w);
		return true;
	}
	owner_leave_due(w);
	latch_unlock(&w->latch);
	return false;
}

bool
owner_begins_moving(struct lk_owner *w)
{
	const bool begins = (shim_load(&w->moves, SHIM_RELAXED) & 1) == 0;

	if (begins)
		owner_moves(w);
	return begins;
}

void
owner_ends_moving(struct lk_owner *w, bool began)
{
	if (began)
		owner_moves(w);
}

void
owner_catch_up(struct lk_owner *w)
{
	const bool began = owner_begins_moving(w);

	do {
		WR(w->is_due, false);
		token_catch_up(w);
		leases_catch_up(w);
		pending_catch_up(w);
	} while (RD(w->is_due)); /* one may make another begin anew */
	owner_ends_moving(w, began);
}
