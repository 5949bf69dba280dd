/* SPDX-License-Identifier: MIT */
/*
 * Composite: one request for several names, which waits in all of their lines and is granted in all of
 * them at one moment.  Meanwhile it holds nothing.
 *
 *   line of a:  [X of W1]  [part: X]  [S of W2]        each part is a waiter like others, in its place (Q7);
 *   line of b:  [part: S]  [X of W3]                   whoever plans a line passes it by, and remembers
 *                  `-- one state, one party            that it would fit
 *
 * K1  a composite's state changes once, from WAITING, and with it its party's sequence, under the latches of
 *     all its lines, which are taken in the order of their addresses.  Its parts are in their lines exactly
 *     while it is WAITING.
 * K2  whoever makes a plan in which a part would fit, and did not get it, tries the composite once the latch
 *     is open; or sets `duty`, for the party's own thread, which is awake then, to plan the lines once more (or,
 *     if it has none, for whoever attends to it).  So of those whose giving up makes all parts fit, the last to take all latches finds them so.
 * K3  parts are not woken to look at their line, as a head is, nor is one without a thread: a line in which
 *     nobody can look is planned by whoever gives up.
 * K4  a composite keeps back others (newcomers, and those behind it) only with `holds_back`, which is set only
 *     in the oldest of the manager's: when it has waited for long enough, and then its lines are closed; in a
 *     strict manager, whose lines are always closed, at once.  It is taken away only by the end of the
 *     composite, or under the latches of all its lines, which are then planned.
 * K5  a composite is granted with its lines CLOSED and latched: so nobody else comes in (W5), and what fits
 *     in one line still does when it was found to fit in the last.
 * K6  its memory goes with the last pin.  A pin is taken under the latch of a line that a part is in (K1),
 *     under `age` if it is in that order, or by who has one.
 *
 * Latches: all buckets of a composite, then `age` of the lot, which is held for a moment and alone.
 */
#ifndef LK_WAIT_COMPOSITE_H
#define LK_WAIT_COMPOSITE_H

#include "wait/line.h"

struct composite {
	struct cds_list_head node; /* under `age`: in its order */
	uint64_t number;           /* … in the manager, from 1 up */
	a32 pins;                  /* (K6) */
	a32 state;                 /* enum waiter_state (K1) */
	a32 holds_back;            /* (K4) */
	a32 duty;                  /* (K2) */
	struct party *party;
	uint64_t since_ns;
	bool is_shared; /* other processes have names too (AB6) */
	uint32_t room;
	uint32_t n_parts;
	uint32_t n_buckets;
	struct lot_bucket **bucket; /* of its lines, each once, in the order of addresses */
	struct waiter part[];
};

/* With one pin and room for so many parts; NULL: no memory. */
struct composite *composite_create(struct lot *l, struct party *party, uint32_t room);

/* A pin less.  Neither frees memory with a latch held: composite_unpin() leaves that to others (K6). */
void composite_destroy(struct lot *l, struct composite *c);
void composite_unpin(struct lot *l, struct composite *c);

/* Memory that was left: who makes one frees it, and lot_fini(). */
void composite_free_unused(struct lot *l);

/* One more part, of a name that has none yet. */
void composite_add(struct composite *c, struct lk_resource *r, lk_mode held, a64 *seat,
		   lk_mode want);

/* Grant all at once if that is possible, else join all lines.  `since_ns` is set. */
enum line_outcome composite_join(struct lot *l, struct composite *c);

/* Its party's thread: leave all lines with `state`; false: granted (or ended) before that. */
bool composite_leave(struct lot *l, struct composite *c, enum waiter_state state);

/*
 * Another thread, which has a pin: end it with WAITER_DEADLOCK, if its party waits as it was seen to.  The
 * party is woken.
 */
bool composite_expel(struct lot *l, struct composite *c, struct sighting who, uint64_t verdict);

/* The same with WAITER_CLOSED, if it waits at all. */
void composite_close(struct lot *l, struct composite *c);

/* … and with WAITER_REFUSED (AB5), or WAITER_LOST (AB4). */
void composite_refuse(struct lot *l, struct composite *c, enum waiter_state state);

/*
 * Its party's thread, once it has waited for long enough: hold back others if it is the oldest (K4).  False:
 * it is not.
 */
bool composite_look(struct lot *l, struct composite *c, const struct line_tally *t);

/* Its party's thread, when it was woken and when it is done: what others left to it to do.  (K2) */
void composite_look_after(struct lot *l, struct composite *c, const struct line_tally *t);

/* After a plan of the line of `r` in which parts fitted: try their composites, the oldest first.  (K2) */
void composite_ripen(struct lot *l, struct lk_resource *r, const struct line_tally *t);

LK_HOT enum waiter_state
composite_state(const struct composite *c)
{
	return (enum waiter_state)shim_load(&c->state, SHIM_ACQUIRE);
}

LK_HOT void
composite_pin(struct composite *c)
{
	shim_add(&c->pins, 1u, SHIM_RELAXED); /* there is one already (K6) */
}

/* Under the latch of the line that `q` is in: that of which it is a part, pinned; or NULL. */
LK_HOT struct composite *
composite_pin_of(const struct waiter *q)
{
	if (q->together != NULL)
		composite_pin(q->together);
	return q->together;
}

/*
 * Under the latch: does something else that the composite of `q` needs, and whose name comes earlier, not fit at this
 * moment?  (AB6)
 */
bool composite_lacks_earlier(const struct waiter *q);

/* Under the latch: does `q` keep back those behind it, and newcomers?  (K4) */
LK_HOT bool
waiter_holds_back(const struct waiter *q)
{
	return likely(q->together == NULL) ||
	       (shim_load(&q->together->holds_back, SHIM_RELAXED) != 0 &&
		(!q->together->is_shared || !composite_lacks_earlier(q)));
}

/* Is it a conversion for whose sake its line is closed? */
LK_HOT bool
waiter_converts(const struct waiter *q)
{
	return q->held != LK_NL && q->together == NULL;
}

/* What says that a request was moved in a line. */
LK_HOT a32 *
waiter_disturbed(struct waiter *q)
{
	return q->together == NULL ? &q->disturbed : &q->together->part[0].disturbed;
}

#endif /* LK_WAIT_COMPOSITE_H */
