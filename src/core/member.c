/* SPDX-License-Identifier: MIT */
/* What a family's members ask for: at once, or when a request without a thread is done.  (FA3, FA4) */
#include "core/member.h"
#include "core/convert.h"
#include "core/events.h"
#include "core/family.h"
#include "core/leases.h"
#include "core/settle.h"
#include "core/undone.h"

static bool
is_patient(const struct request *q)
{
	return (q->flags & LK_NOWAIT) == 0;
}

/* ------------------------------------------------------------------- waiting */

/* What there is to do about it, by the only thread that does not come by chance.  True: look for a ring. */
static bool
attend(struct pending *s, const struct parker *p)
{
	if (s->phase != PENDING_DONE && park_canceled(p))
		pending_cancel(s);
	return s->phase != PENDING_DONE && pending_look(s, env_now(&s->manager->env));
}

/*
 * Until it is done, whoever settles it.  Who has news sets WOKEN before he opens the latch, or rings; WOKEN is cleared
 * before the look, so none is slept over.  (P3)
 */
static void
sleep_until_done(struct lk_owner *w, struct pending *s, struct notify_calls *calls)
{
	struct lk_owner *head = call_holder(w);
	struct parker *p = &w->party.parker;
	const struct env *e = &w->manager->env;

	owner_moves(head); /* it does not, by this call (Y3) */
	for (;;) {
		struct lk_resource *r;
		uint64_t due;

		(void)park_take(p);
		r = attend(s, p) ? pending_face(s)->r : NULL;
		call_catch_up(head);
		if (s->phase == PENDING_DONE)
			break;
		due = s->due_ns;
		if (r == NULL)
			owner_tally(head, &head->count.parks);
		call_rests(head); /* (FA3) */
		if (calls->n != 0)
			notify_run(calls);
		else if (r != NULL)
			pending_look_for_ring(s, head, s->id, r);
		else
			park_sleep(e, p, due);
		call_looks(head, w);
	}
	owner_moves(head);
}

/* The request is the head's, the wait its.  `grants`: if they are made, of each name.  0 or the code to return. */
static int
wait_for(struct lk_owner *w, const struct lk_request *r, size_t n, struct request *q,
	 lk_grant converts, struct item *items)
{
	struct lk_owner *head = call_holder(w);
	struct notify_calls calls = { .n = 0 };
	struct pending *s;
	int rc = pending_read(head, w, r, n, q, &s);

	if (rc != 0)
		return rc;
	s->q.name_hash = 0;
	s->q.name = NULL; /* what is told of it meanwhile is told of the lines where it stands */
	s->q.leaf = NULL;
	s->converts = converts;
	shim_store(&s->sleeper, (void *)w, SHIM_RELEASE); /* (U7) */
	rc = pending_begin(s, head, NULL, &calls);
	if (rc == 0) {
		sleep_until_done(w, s, &calls);
		rc = s->code;
		if (rc == LK_E_CANCELED)
			park_clear_cancel(&w->party.parker);
		q->waited_ns += s->q.waited_ns;
		for (size_t i = 0; rc == 0 && items != NULL && i < n; i++)
			items[i].grant = s->b.item[i].grant;
		if (s->is_listed)
			pending_unlist(s);
	}
	shim_store(&s->sleeper, NULL, SHIM_RELEASE);
	pending_free(s);
	return rc;
}

/* ------------------------------------------------------------------ one name */

/* First without waiting: LK_E_BUSY leaves nothing behind, not even a count. */
static int
attempt(struct lk_owner *head, const struct name *n, struct lk_resource *r, struct request *q,
	lk_grant *out)
{
	const struct counted before = counted_now(head);
	int rc;

	q->flags |= LK_NOWAIT;
	q->tentative = true;
	rc = acquire_untold(head, n, r, q, out);
	q->flags &= ~(uint32_t)LK_NOWAIT;
	q->tentative = false;
	head->made_real = 0; /* (H10) */
	if (unlikely(rc == LK_E_BUSY))
		uncount(head, &before);
	return rc;
}

static int
wait_for_one(struct lk_owner *w, const struct name *n, const struct lk_resource *r,
	     struct request *q, lk_grant *out)
{
	struct lk_request one = { .mode = q->mode };
	struct item item;
	bool is_id;
	int rc;

	if (n != NULL) {
		one.name = (const char *)n->bytes;
		one.len = n->len;
		is_id = (n->tail & NAME_ID) != 0;
	} else {
		one.name = resource_name(r, &one.len, &is_id);
	}
	one.flags = is_id ? LK_NAME_IS_ID : 0;
	rc = wait_for(w, &one, 1, q, 0, &item);
	if (rc == 0)
		*out = item.grant;
	return rc;
}

static int
take(struct lk_owner *w, const struct name *n, struct lk_resource *r, struct request *q,
     lk_grant *out)
{
	struct lk_owner *head = call_holder(w);
	int rc;

	if (is_patient(q)) {
		rc = attempt(head, n, r, q, out);
		return rc != LK_E_BUSY ? rc : wait_for_one(w, n, r, q, out);
	}
	if (unlikely(w->manager->remote != NULL)) {
		rc = wait_for_one(w, n, r, q, out); /* for the store's answer (U8) */
		if (rc != LK_E_BUSY)
			return rc;
	}
	rc = acquire_untold(head, n, r, q, out);
	head->made_real = 0; /* before the latch is open (FA3) */
	return rc;
}

int
member_acquire(struct lk_owner *w, const struct name *n, struct lk_resource *r, struct request *q,
	       lk_grant *out)
{
	struct lk_owner *head = call_holder(w);
	lk_grant g = 0;
	int rc = 0;

	if (q->condition != NULL)
		return LK_E_UNSUPPORTED; /* it would be asked while others change what is held */
	request_comes_from(q, w);
	event_request_is(q, n, r);
	if (unlikely(events_want(head, EVENTS_BEFORE_REQUESTS)))
		rc = event_request_begins(head, q);
	if (likely(rc == 0))
		rc = take(w, n, r, q, &g);
	if (unlikely(events_want(head, rc != 0 ? EVENTS_OF_REFUSALS : LK_EVENT_ACQUIRED)))
		event_request_ends(head, q, g, rc);
	if (unlikely(rc != 0))
		PROBE2(refuse, shim_load(&head->id, SHIM_RELAXED), rc);
	if (rc == 0 && out != NULL)
		*out = g;
	event_request_is(q, NULL, NULL);
	return rc;
}

/* ------------------------------------------------------------------- several */

static int
take_many(struct lk_owner *w, struct batch *b, const struct lk_request *r)
{
	int rc;

	if (!is_patient(b->q)) {
		rc = unlikely(w->manager->remote != NULL) ? wait_for(w, r, b->n, b->q, 0, b->item)
							  : LK_E_BUSY;
		return rc != LK_E_BUSY ? rc : batch_take(b);
	}
	rc = batch_attempt(b);
	return rc != LK_E_BUSY ? rc : wait_for(w, r, b->n, b->q, 0, b->item);
}

int
member_acquire_many(struct lk_owner *w, struct batch *b, const struct lk_request *r)
{
	struct lk_owner *head = call_holder(w);
	int rc = 0;

	if (b->q->condition != NULL)
		return LK_E_UNSUPPORTED;
	b->w = head;
	request_comes_from(b->q, w);
	if (unlikely(events_want(head, EVENTS_BEFORE_REQUESTS)))
		rc = batch_ask(b);
	if (rc != 0 || b->n == 0)
		return rc;
	rc = take_many(w, b, r);
	if (unlikely(events_want(head, rc != 0 ? EVENTS_OF_REFUSALS : LK_EVENT_ACQUIRED)))
		batch_tell(b, rc);
	return rc;
}

/* --------------------------------------------------------------- conversions */

static int
convert_attempt(struct lk_owner *head, lk_grant g, struct request *q)
{
	const struct counted before = counted_now(head);
	int rc;

	q->flags |= LK_NOWAIT;
	q->tentative = true;
	rc = convert_inside(head, g, q);
	q->flags &= ~(uint32_t)LK_NOWAIT;
	q->tentative = false;
	if (unlikely(rc == LK_E_BUSY))
		uncount(head, &before);
	return rc;
}

static int
wait_for_conversion(struct lk_owner *w, lk_grant g, struct request *q)
{
	struct lk_request one = { .mode = q->mode };
	uint32_t flags;
	const struct lk_resource *on = convert_needs(call_holder(w), g, &flags);
	bool is_id;
	int rc;

	one.name = resource_name(on, &one.len, &is_id);
	one.flags = is_id ? LK_NAME_IS_ID : 0;
	q->flags |= flags;
	rc = wait_for(w, &one, 1, q, g, NULL);
	q->flags &= ~flags;
	return rc;
}

static int
take_conversion(struct lk_owner *w, lk_grant g, struct request *q)
{
	struct lk_owner *head = call_holder(w);
	int rc;

	if (!is_patient(q)) {
		rc = unlikely(w->manager->remote != NULL) ? wait_for_conversion(w, g, q)
							  : LK_E_BUSY;
		return rc != LK_E_BUSY ? rc : convert_inside(head, g, q);
	}
	rc = convert_attempt(head, g, q);
	return rc != LK_E_BUSY ? rc : wait_for_conversion(w, g, q);
}

int
member_convert(struct lk_owner *w, lk_grant g, struct request *q)
{
	struct lk_owner *head = call_holder(w);
	uint32_t flags;
	lk_mode was;
	int rc = leases_look(head, g);

	if (rc == 0 && convert_needs(head, g, &flags) == NULL)
		rc = LK_E_STALE;
	if (rc != 0)
		return rc;
	was = convert_mode(head, g);
	request_comes_from(q, w);
	event_request_is(q, NULL, convert_needs(head, g, &flags));
	rc = convert_ask(head, g, q);
	if (rc == 0)
		rc = take_conversion(w, g, q);
	convert_tell(head, g, q, was, rc);
	return rc;
}
