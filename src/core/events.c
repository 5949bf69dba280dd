/* SPDX-License-Identifier: MIT */
/* What happens to requests and grants, made into events.  (N1, N2) */
#include "core/call.h"
#include "core/events.h"
#include "core/family.h"
#include "core/grant.h"

void
event_begin(struct lk_event *e, const struct lk_owner *w, uint32_t kind)
{
	memset(e, 0, sizeof(*e));
	e->size = sizeof(*e);
	e->kind = kind;
	e->owner_id = shim_load(&w->id, SHIM_RELAXED);
	owner_label(w, e->owner_label);
}

/* Of a family the id is the head's, as of all that it holds, and the label is that of the member who acts. */
static void
label_is(struct lk_event *e, const struct lk_owner *who)
{
	if (unlikely(who != NULL) && owner_has_label(who))
		owner_label(who, e->owner_label);
}

static int
tell(struct lk_owner *w, struct lk_event *e)
{
	struct lk_owner *who;
	bool quiet;
	int rc;

	tracer_record(&w->manager->tracer, e);
	quiet = w->is_quiet;
	who = call_away(w);
	rc = tracer_call(&w->manager->tracer, e, quiet);
	call_back(w, who);
	return rc;
}

static void
set_bytes(unsigned char *to, uint32_t *to_len, const void *bytes, size_t len)
{
	memcpy(to, bytes, len < LK_EVENT_NAME_MAX ? len : LK_EVENT_NAME_MAX);
	*to_len = (uint32_t)len;
}

/* The name of an entry that cannot go away. */
void
event_name_is(struct lk_event *e, const struct lk_resource *r)
{
	size_t len;
	bool is_id;
	const void *name = resource_name(r, &len, &is_id);

	set_bytes(e->name, &e->name_len, name, len);
	e->flags |= is_id ? LK_NAME_IS_ID : 0;
}

/* What was asked for; `r`: where it is on its way there, if it is in a line or was. */
static void
set_subject(struct lk_event *e, const struct request *q, const struct lk_resource *r)
{
	size_t len;
	bool is_id;
	const void *name;

	if (q->name != NULL) {
		set_bytes(e->name, &e->name_len, q->name->bytes, q->name->len);
		e->flags |= (q->name->tail & NAME_ID) != 0 ? LK_NAME_IS_ID : 0;
	} else {
		event_name_is(e, q->leaf != NULL ? q->leaf : r);
	}
	if (r == NULL)
		return;
	name = resource_name(r, &len, &is_id);
	if (len != e->name_len) /* an ancestor, as those are shorter */
		set_bytes(e->other, &e->other_len, name, len);
}

/* Owners that hold `r` in modes that do not agree with `want`, but for one that is `held`. */
static uint32_t
blockers(const struct lk_manager *m, const struct lk_resource *r, lk_mode held, lk_mode want)
{
	const uint64_t word = shim_load(&r->word, SHIM_ACQUIRE);
	const uint32_t number = shim_load(&r->spread, SHIM_ACQUIRE);
	uint32_t n = 0;

	for (lk_mode mode = LK_IS; mode < (lk_mode)MODE_N; mode++) {
		uint32_t holders;

		if ((mode_conflicts(want) & MODE_BIT(mode)) == 0)
			continue;
		holders = word_holders(word, mode);
		if (number != 0 && mode <= LK_S)
			holders += spread_holders(&m->spread, number, mode);
		n += holders - (mode == held && holders > 0);
	}
	return n;
}

static uint32_t
kind_of_refusal(int rc)
{
	switch (rc) {
	case LK_E_BUSY:
		return LK_EVENT_BUSY;
	case LK_E_DEADLOCK:
	case LK_E_CONVERSION_DEADLOCK:
		return LK_EVENT_DEADLOCK;
	default:
		return LK_EVENT_REFUSED;
	}
}

/* `r`: where; `from`, `to`: what is held and wanted there. */
static void
tell_refused(struct lk_owner *w, struct request *q, const struct lk_resource *r, lk_mode from,
	     lk_mode to, int rc, uint64_t now)
{
	const uint32_t kind = kind_of_refusal(rc);
	struct lk_event e;

	q->told = true;
	if (!events_want(w, kind))
		return;
	event_begin(&e, w, kind);
	label_is(&e, q->who);
	set_subject(&e, q, r);
	e.at_ns = now;
	e.code = rc;
	e.from = from;
	e.to = to;
	e.waited_ns = q->waited_ns;
	if (r != NULL)
		e.blockers = blockers(w->manager, r, from, to);
	(void)tell(w, &e);
}

void
event_wait_begins(struct lk_owner *w, const struct waiter *waiter, struct request *q)
{
	struct lk_event e;

	if (!events_want(w, LK_EVENT_WAIT))
		return;
	event_begin(&e, w, LK_EVENT_WAIT);
	label_is(&e, q->who);
	set_subject(&e, q, waiter->r);
	e.at_ns = waiter->since_ns;
	e.from = waiter->held;
	e.to = waiter->want;
	e.waited_ns = q->waited_ns;
	e.blockers = blockers(w->manager, waiter->r, waiter->held, waiter->want);
	(void)tell(w, &e);
}

/* The latest ring that ended with a request of this owner, if it is still kept. */
static LK_NOINLINE void
say_ring(struct lk_owner *w)
{
	const uint64_t id = shim_load(&w->id, SHIM_RELAXED);
	struct lk_deadlock mine = { 0 };
	struct lk_owner *who;
	struct lk_deadlock d;

	if (w->is_quiet)
		return; /* (N1) */
	for (uint64_t after = 0; detector_copy(&w->manager->detector, after, &d);
	     after = d.number) {
		if (d.member[d.victim].owner_id == id)
			mine = d;
	}
	if (mine.number == 0)
		return;
	who = call_away(w);
	tracer_say_ring(&w->manager->tracer, &mine);
	call_back(w, who);
}

/* Nobody said so when its wait ended.  (FA3) */
static void
say_ring_of_member(struct lk_owner *w, const struct request *q, int rc)
{
	if (rc == LK_E_DEADLOCK && q->who != NULL &&
	    tracer_level(&w->manager->tracer) >= LK_LOG_ERROR)
		say_ring(w);
}

void
event_wait_ends(struct lk_owner *w, const struct waiter *waiter, struct request *q, int rc,
		uint64_t now)
{
	struct lk_event e;

	q->waited_ns += now > waiter->since_ns ? now - waiter->since_ns : 0;
	if (rc != 0) {
		tell_refused(w, q, waiter->r, waiter->held, waiter->want, rc, now);
		if (rc == LK_E_DEADLOCK && tracer_level(&w->manager->tracer) >= LK_LOG_ERROR)
			say_ring(w);
		return;
	}
	if (!events_want(w, LK_EVENT_GRANT))
		return;
	event_begin(&e, w, LK_EVENT_GRANT);
	label_is(&e, q->who);
	set_subject(&e, q, waiter->r);
	e.at_ns = now;
	e.from = waiter->held;
	e.to = waiter->want;
	e.waited_ns = q->waited_ns;
	(void)tell(w, &e);
}

void
event_barred(struct lk_owner *w, const struct waiter *waiter, struct request *q, int rc)
{
	if (events_want(w, kind_of_refusal(rc)))
		tell_refused(w, q, waiter->r, waiter->held, waiter->want, rc, 0);
}

/* Shall it be?  The hook says. */
static int
ask(struct lk_owner *w, const struct request *q, uint32_t kind, lk_mode from)
{
	struct lk_event e;

	if (!events_want(w, kind))
		return 0;
	event_begin(&e, w, kind);
	label_is(&e, q->who);
	set_subject(&e, q, NULL);
	e.from = from;
	e.to = q->mode;
	return tell(w, &e) == 0 ? 0 : LK_E_PERM;
}

int
event_request_begins(struct lk_owner *w, struct request *q)
{
	int rc = ask(w, q, LK_EVENT_BEFORE_ACQUIRE, LK_NL);

	if (rc == 0)
		events_learn_order(w, q);
	return rc;
}

/* What the owner holds there, without the newest of its grants. */
static lk_mode
mode_before(const struct hold *hold, const struct hold *s)
{
	struct extra others;

	if (!hold_is(hold, HEAD_COUNTED))
		return LK_NL;
	memcpy(others.grants, hold_extra(hold)->grants, sizeof(others.grants));
	others.grants[head_mode(shim_load(&s->head, SHIM_RELAXED))]--;
	return counts_effective(&others);
}

/* The fence that the grant works with. */
static uint64_t
fence_of(const struct hold *hold)
{
	return hold_fence(hold, hold_resource(hold), shim_load(&hold->head, SHIM_RELAXED));
}

static void
tell_converted(struct lk_owner *w, const struct request *q, lk_mode was, lk_grant g)
{
	struct lk_event e;
	uint32_t slot;
	struct hold *s = grant_find(w, g, &slot);
	const struct hold *hold;

	if (unlikely(s == NULL)) /* lost with its lease, before its thread woke (FA3) */
		return;
	hold = grant_hold(w, s);
	event_begin(&e, w, LK_EVENT_CONVERT);
	label_is(&e, q->who);
	event_name_is(&e, hold_resource(hold));
	e.flags |= hold_is(hold, HEAD_IMPLIED) ? LK_IMPLIED : 0;
	e.grant = g;
	e.fence = fence_of(hold);
	e.from = was;
	e.to = q->mode;
	e.waited_ns = q->waited_ns;
	(void)tell(w, &e);
}

static void
tell_acquired(struct lk_owner *w, const struct request *q, lk_grant g)
{
	struct lk_event e;
	uint32_t slot;
	struct hold *s = grant_find(w, g, &slot);
	const struct hold *hold;

	if (unlikely(s == NULL)) /* as above */
		return;
	hold = grant_hold(w, s);
	event_begin(&e, w, LK_EVENT_ACQUIRED);
	label_is(&e, q->who);
	event_name_is(&e, hold_resource(hold));
	e.flags |= hold_is(hold, HEAD_IMPLIED) ? LK_IMPLIED : 0;
	e.grant = g;
	e.fence = fence_of(hold);
	e.from = mode_before(hold, s);
	e.to = q->mode;
	e.waited_ns = q->waited_ns;
	(void)tell(w, &e);
}

void
event_request_ends(struct lk_owner *w, struct request *q, lk_grant g, int rc)
{
	if (unlikely(rc != 0)) {
		if (!q->told && rc != LK_E_INVAL)
			tell_refused(w, q, NULL, LK_NL, q->mode, rc, 0);
		say_ring_of_member(w, q, rc);
	} else {
		tell_acquired(w, q, g);
	}
	event_request_is(q, NULL, NULL);
}

int
event_conversion_begins(struct lk_owner *w, struct request *q, lk_mode was)
{
	int rc = ask(w, q, LK_EVENT_BEFORE_CONVERT, was);

	if (rc == 0)
		events_learn_order(w, q);
	return rc;
}

void
event_conversion_ends(struct lk_owner *w, struct request *q, lk_mode was, lk_grant g, int rc)
{
	if (rc == 0)
		tell_converted(w, q, was, g);
	else if (!q->told)
		tell_refused(w, q, NULL, was, q->mode, rc, 0);
	say_ring_of_member(w, q, rc);
}

void
event_release(struct lk_owner *w, struct hold *s, uint32_t slot, struct lk_event *e)
{
	const uint64_t head = shim_load(&s->head, SHIM_RELAXED);
	const struct hold *hold = grant_hold(w, s);
	const struct extra *extra = (head & HEAD_EXTRA) != 0 ? hold_extra(s) : NULL;
	uint64_t since = extra != NULL ? shim_load(&extra->since_ns, SHIM_RELAXED) : 0;

	event_begin(e, w, LK_EVENT_RELEASE);
	if (unlikely(call_is_family(w)))
		label_is(e, family_member(w, s));
	event_name_is(e, hold_resource(hold));
	e->flags |= hold_is(hold, HEAD_IMPLIED) ? LK_IMPLIED : 0;
	e->at_ns = env_now(&w->manager->env);
	e->grant = grant_of(head, slot);
	e->fence = fence_of(hold);
	e->from = head_mode(head);
	e->held_ns = since != 0 && e->at_ns > since ? e->at_ns - since : 0;
}

void
event_escalated(struct lk_owner *w, const struct lk_resource *r, lk_mode from, lk_mode to, int rc)
{
	struct lk_event e;

	event_begin(&e, w, LK_EVENT_ESCALATE);
	event_name_is(&e, r);
	e.code = rc;
	e.from = from;
	e.to = to;
	if (rc == LK_E_BUSY)
		e.blockers = blockers(w->manager, r, from, to);
	(void)tell(w, &e);
}
