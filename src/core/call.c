/* SPDX-License-Identifier: MIT */
/* Calls of shared owners.  (Z1-Z4) */
#include "core/leases.h"
#include "core/pending.h"
#include "wait/watch.h"

/* What the gate of a shared owner says: it is a code that no caller sees. */
enum { GATE_SHARED = 1 };

void
owner_moves(struct lk_owner *w)
{
	shim_store(&w->moves, shim_load(&w->moves, SHIM_RELAXED) + 1, SHIM_RELEASE);
}

static void
take_latch(struct lk_owner *w)
{
	latch_lock(&w->latch);
	w->is_latched = true;
	owner_moves(w);
}

static void
open_latch(struct lk_owner *w)
{
	w->is_latched = false;
	owner_moves(w);
	latch_unlock(&w->latch);
}

/* In a child of fork() the latch may be held for ever by a thread that is not there. */
static int
gate_of_shared(const struct lk_owner *w)
{
	return manager_gate(w->manager);
}

int
call_begin_slow(struct lk_owner *w, int gate)
{
	if (gate != GATE_SHARED)
		return gate;
	gate = gate_of_shared(w);
	if (gate != 0)
		return gate;
	take_latch(w);
	gate = gate_of_shared(w);
	if (gate != 0)
		open_latch(w);
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
	take_latch(w);
	if (!is_shared)
		open_latch(w);
	return 0;
}

void
call_end_shared(struct lk_owner *w)
{
	if (unlikely(RD(w->is_due) || w->has_withdrawn)) /* (Z3, U6) */
		owner_catch_up(w);
	open_latch(w);
}

void
call_away_shared(struct lk_owner *w)
{
	WR(w->is_away, true);
	shim_store(&w->away, 1u, SHIM_SEQ_CST);
	open_latch(w);
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
	take_latch(w);
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
	take_latch(w);
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
		leases_catch_up(w);
		pending_catch_up(w);
	} while (RD(w->is_due)); /* one may make another begin anew */
	owner_ends_moving(w, began);
}
