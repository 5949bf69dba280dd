/* SPDX-License-Identifier: MIT */
/* What happens to requests and grants, made into events. */
#ifndef LK_CORE_EVENTS_H
#define LK_CORE_EVENTS_H

#include "base/probe.h"
#include "core/request.h"

#define EVENTS_OF_WAITS           (LK_EVENT_WAIT | LK_EVENT_GRANT | EVENTS_OF_REFUSALS)
#define EVENTS_OF_REFUSALS        (LK_EVENT_REFUSED | LK_EVENT_BUSY | LK_EVENT_DEADLOCK)
#define EVENTS_BEFORE_REQUESTS    (LK_EVENT_BEFORE_ACQUIRE | LK_EVENT_ORDER)
#define EVENTS_OF_REQUESTS        (EVENTS_BEFORE_REQUESTS | LK_EVENT_ACQUIRED | EVENTS_OF_WAITS)
#define EVENTS_BEFORE_CONVERSIONS (LK_EVENT_BEFORE_CONVERT | LK_EVENT_ORDER)

/* Does anybody want one of these kinds?  (N2) */
LK_HOT bool
events_want(const struct lk_owner *w, uint32_t kinds)
{
	return (shim_load(&w->manager->tracer.wanted, SHIM_RELAXED) & kinds) != 0;
}

/* A request for the name `n`, or if that is NULL for `r`: what will be told is about that, until it ends. */
LK_HOT void
event_request_is(struct request *q, const struct name *n, struct lk_resource *r)
{
	q->name = n;
	q->leaf = r;
	q->told = false;
	q->waited_ns = 0;
}

/* 0; LK_E_PERM: it is not to be made. */
int event_request_begins(struct lk_owner *w, struct request *q);

/* It came to `rc`, 0: the grant `g`. */
void event_request_ends(struct lk_owner *w, struct request *q, lk_grant g, int rc);

/* The same of the conversion of a grant that is in `was`; one that only weakens does not begin. */
int event_conversion_begins(struct lk_owner *w, struct request *q, lk_mode was);
void event_conversion_ends(struct lk_owner *w, struct request *q, lk_mode was, lk_grant g, int rc);

/* It stands in a line; it does no longer, with `rc`; it could not join. */
void event_wait_begins(struct lk_owner *w, const struct waiter *waiter, struct request *q);
void event_wait_ends(struct lk_owner *w, const struct waiter *waiter, struct request *q, int rc,
		     uint64_t now);
void event_barred(struct lk_owner *w, const struct waiter *waiter, struct request *q, int rc);

/* What there will be to tell of the grant in a slot, once it is released. */
void event_release(struct lk_owner *w, struct hold *s, uint32_t slot, struct lk_event *e);

/* What it holds on `r`, `from`, was to cover what is below, as `to`: it came to `rc`. */
void event_escalated(struct lk_owner *w, const struct lk_resource *r, lk_mode from, lk_mode to,
		     int rc);

/* `w` is about to make `q`, which may wait: learn what it wants while it holds what. */
void events_learn_order(struct lk_owner *w, const struct request *q);

/* It is about the name of an entry that cannot go away. */
void event_name_is(struct lk_event *e, const struct lk_resource *r);

/* An event of `w`, as far as every event has it. */
void event_begin(struct lk_event *e, const struct lk_owner *w, uint32_t kind);

#endif /* LK_CORE_EVENTS_H */
