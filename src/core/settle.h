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

/* It is in no line any more; and, before that, the end of the wait in counters and events. */
void pending_drop_wait(struct pending *s);
void pending_note_end(struct pending *s, int rc);

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

#endif /* LK_CORE_SETTLE_H */
