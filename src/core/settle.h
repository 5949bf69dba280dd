/* SPDX-License-Identifier: MIT */
/* The steps of a request without a thread: for the other half of it, attend.c.  All with its owner's latch. */
#ifndef LK_CORE_SETTLE_H
#define LK_CORE_SETTLE_H

#include "core/pending.h"

/* How the owner's call stood before somebody acted for it. */
struct posture {
	bool is_latched;
	bool is_quiet;
	bool moves; /* nobody has said before that it does (Y3) */
};

/* In a call of `w` or not: what is between opens no latch, and calls nobody.  (N1, Y3) */
struct posture pending_act(struct lk_owner *w);
void pending_act_no_more(struct lk_owner *w, struct posture p);

/* From here on it is not its owner's.  (U1) */
void pending_unlist(struct pending *s);

/* Out of its lines with that state.  False: it had ended already. */
bool pending_leave(struct pending *s, enum waiter_state state);

/* The one of its waiters that takes units. */
struct waiter *pending_for_units(struct pending *s);

/* It was granted: its units are counted from now on.  Before pending_drop_wait(). */
void pending_has_units(struct pending *s);

/* It is in no line any more; and, before that, the end of the wait in counters and events. */
void pending_drop_wait(struct pending *s);
void pending_note_end(struct pending *s, int rc);

/* What it was granted goes back: it is not written down. */
void pending_give_back(struct pending *s);

/* When there is something to do about it. */
void pending_arm(struct pending *s, uint64_t now);

/* Without waiting, then into the lines.  Joined, or withdrawn; or the code with which it ends. */
int pending_start(struct pending *s);

/* It is done: its completion is ready. */
void pending_finish(struct pending *s, int code);

/* The wait has ended: write down what became of it.  Or leave that to its owner's thread (Z2). */
void pending_settle(struct pending *s);
void pending_settle_or_leave(struct pending *s);

/* One of the owner's that waits to strengthen `r`; NULL: there is none. */
struct pending *pending_rival(struct lk_owner *w, const struct lk_resource *r);

/* With the owner's latch: time has passed, or it was moved, or has ended.  True: it is to look for rings. */
bool pending_look(struct pending *s, uint64_t now);

/* … with nothing latched: that of the owner's which waits on `r` and has the number `id`. */
void pending_look_for_ring(struct pending *s, struct lk_owner *w, lk_request_id id,
			   struct lk_resource *r);

/* With the owner's latch: it is to end with LK_E_CANCELED. */
void pending_cancel(struct pending *s);

/* Its timer. */
void attend_fire(struct timer *t, uint64_t now);

LK_HOT struct pending *
pending_of(struct cds_list_head *node)
{
	return container_of(node, struct pending, node);
}

LK_HOT struct lk_owner *
pending_owner(const struct pending *s)
{
	return s->b.w;
}

LK_HOT enum waiter_state
pending_state(const struct pending *s)
{
	return s->c != NULL ? composite_state(s->c) : waiter_state(&s->alone);
}

LK_HOT bool
pending_has_ended(const struct pending *s)
{
	return s->is_joined && pending_state(s) != WAITER_WAITING;
}

/* The waiter that stands for it where one is told of. */
LK_HOT struct waiter *
pending_face(struct pending *s)
{
	return s->c != NULL ? &s->c->part[0] : &s->alone;
}

/* ---------------------------------------------------------------------------- wish.c */

/* It stands in its lines, and perhaps behind other processes: the store is to be asked.  0 or LK_E_NOMEM. */
int wish_abroad(const struct pending *s);

/* May another process be in its way, and give way, as nobody there uses it? */
bool wish_may_help(const struct pending *s);

/*
 * One that may not wait has waited for long enough: but is the store still being asked?  True: it waits on.  False: what
 * came of it is s->trouble.
 */
bool wish_is_open(struct pending *s, uint64_t now);

/* What it was granted, it was in time; or all of it is back, and this is LK_E_LOST.  (CO8) */
int wish_in_time(struct pending *s);

#endif /* LK_CORE_SETTLE_H */
