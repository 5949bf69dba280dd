/* SPDX-License-Identifier: MIT */
/*
 * Calls, and owners that are shared.
 *
 * An owner's thread changes what it holds without a latch.  But a lease may end it, and a request may be granted
 * while the thread does something else: such an owner is *shared*, from the moment one of its calls says so
 * until it is closed.
 *
 * Z1  the gate of a shared owner is its turnstile, which is never 0: so no plain way is gone, and every call has
 *     the owner's latch from call_begin() to call_end(), but while it is *away*.
 * Z2  a call is away while it sleeps in a line, and while it runs code of the caller's.  What the owner holds does not
 *     change meanwhile: whoever finds a call away leaves what there is to do to its thread, and ends its
 *     wait; and a call that is to catch up does not begin to sleep.  The request then undoes all, does what is due,
 *     and begins anew, with the same deadline.
 * Z3  what is due is done at the end of that call at the latest, before the latch is open.
 * Z4  order of latches: owner, then bucket.  Who has the latch of an owner takes no other owner's; but for a call
 *     that changes two owners (core/transfer.c), which takes the latches of both at its beginning, in the order of their
 *     addresses, and does not go away.
 */
#ifndef LK_CORE_CALL_H
#define LK_CORE_CALL_H

#include "core/manager.h"

/* What a request came to that was interrupted: it is begun anew (Z2), and no caller sees it. */
enum { CALL_AGAIN = 1 };

int call_begin_slow(struct lk_owner *w, int gate);
int release_enter_slow(struct lk_owner *w, int gate);
void call_end_shared(struct lk_owner *w);
struct lk_owner *call_away_shared(struct lk_owner *w);
void call_sleeps_shared(struct lk_owner *w);
void call_back_shared(struct lk_owner *w);
void call_back_for(struct lk_owner *w, struct lk_owner *who);

/* Whose holds a call of `w` is about: its own, or if it is in a family those of the head.  (FA1) */
LK_HOT struct lk_owner *
call_holder(struct lk_owner *w)
{
	struct lk_owner *head = shim_load(&w->head, SHIM_RELAXED);

	return likely(head == NULL) ? w : head;
}

LK_HOT bool
call_is_family(const struct lk_owner *w)
{
	return shim_load(&w->head, SHIM_RELAXED) != NULL;
}

/* A request: refused once the gate is shut.  0, and call_end() comes; or the code to return. */
LK_HOT int
call_begin(struct lk_owner *w)
{
	int gate = owner_enter(w);

	return likely(gate == 0) ? 0 : call_begin_slow(w, gate);
}

/* A call that only gives back, or looks: it works in a manager that shuts down too. */
LK_HOT int
release_enter(struct lk_owner *w)
{
	int gate = owner_enter(w);

	return likely(gate == 0) ? 0 : release_enter_slow(w, gate);
}

LK_HOT void
call_end(struct lk_owner *w)
{
	if (unlikely(w->is_latched))
		call_end_shared(w);
	owner_leave(w);
}

/* Before a sleep as `waits_as`, `waits_for_all` or `watches`: not if something is due already.  (Z2) */
LK_HOT void
call_sleeps(struct lk_owner *w)
{
	if (unlikely(w->is_latched))
		call_sleeps_shared(w);
}

/*
 * Around code of the caller's.  (Z2)  The call is of `w`, or the result of the one is what the other needs: of a family's
 * other calls may be made meanwhile, for the same holds.  (FA3)
 */
LK_HOT struct lk_owner *
call_away(struct lk_owner *w)
{
	return unlikely(w->is_latched) ? call_away_shared(w) : NULL;
}

LK_HOT void
call_back(struct lk_owner *w, struct lk_owner *who)
{
	if (unlikely(who != NULL))
		call_back_for(w, who);
	else if (unlikely(w->is_away))
		call_back_shared(w);
}

/*
 * A call of a family that sleeps between looks: the latch is open meanwhile, and taken to look, without saying that
 * anything moves.  (FA4, Y3)
 */
void call_rests(struct lk_owner *w);
void call_looks(struct lk_owner *w, struct lk_owner *who);

/*
 * A call of `w` that changes what `to` holds as well, of the same manager: with the latches of both (Z4).  0, and
 * call_end_both() is next; or the code to return: LK_E_STALE, `to` is closed; LK_E_BUSY, a call of it is away.
 */
int call_begin_both(struct lk_owner *w, struct lk_owner *to);
void call_end_both(struct lk_owner *w, struct lk_owner *to);

/* In a call of the owner: from now on it is shared.  The same of one that is just being opened. */
void owner_share(struct lk_owner *w);
void owner_share_now(struct lk_owner *w);

/*
 * From any thread: change what an owner holds.  True: it is the opening with that id, and no call is under way; the
 * caller has the latch, and has said that it moves: when it has changed what there is to change it says so with
 * owner_moves(), and opens the latch.  False: it is closed; or its thread will call owner_catch_up().
 */
bool owner_seize(struct lk_owner *w, uint64_t id);

/* With the latch, a call being away: what there is to do is left to its thread, and its wait ends. */
void owner_leave_due(struct lk_owner *w);

/* With the latch: before what it holds is changed, and after.  (Y3) */
void owner_moves(struct lk_owner *w);

/* The same, where somebody further up may have said so already.  True: nobody has. */
bool owner_begins_moving(struct lk_owner *w);
void owner_ends_moving(struct lk_owner *w, bool began);

/* In its thread, with the latch: do what others left to do. */
void owner_catch_up(struct lk_owner *w);

/* The same, if there is anything: before the latch is opened. */
void call_catch_up(struct lk_owner *w);

#endif /* LK_CORE_CALL_H */
