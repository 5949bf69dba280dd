/* SPDX-License-Identifier: MIT */
/* Requests that nobody waits for: from the caller's words to one that is under way. */
#include "core/convert.h"
#include "core/escalate.h"
#include "core/events.h"
#include "core/leases.h"
#include "core/pending.h"

/* What the caller gives beside the request itself. */
struct order {
	struct lk_queue *queue;
	struct lk_owner *w;
	lk_done_fn *done;
	void *arg;
	lk_request_id *id;
	struct notify_calls *calls; /* to be made when nothing is latched */
	bool is_batch;
};

static int
check(const struct order *o)
{
	if (o->queue == NULL || o->w == NULL || o->queue->manager != o->w->manager)
		return LK_E_INVAL;
	return 0;
}

/* The caller's options, which must not need the caller later. */
static int
read_options(struct request *q, lk_mode mode, const struct lk_options *o)
{
	int rc = request_read(q, mode, o);

	if (rc == 0 &&
	    (q->report != NULL || q->condition != NULL || q->max_retries != 0 || q->retry != NULL))
		rc = LK_E_UNSUPPORTED; /* whose thread would ask, or pause? */
	q->name_hash = 0;              /* it saves nothing here */
	return rc;
}

/* A request for these names.  0 or the code to return. */
static int
make(const struct order *o, const struct lk_request *r, size_t n, const struct request *q,
     struct pending **out)
{
	int rc = pending_read(call_holder(o->w), o->w, r, n, q, out);

	if (rc != 0)
		return rc;
	(*out)->done = o->done;
	(*out)->arg = o->arg;
	request_comes_from(&(*out)->q, o->w);
	return 0;
}

/* In a call of its owner: under way, or refused and gone. */
static int
begin(const struct order *o, struct pending *s)
{
	const lk_request_id id = s->id;
	int rc;

	if (o->id != NULL)
		*o->id = id; /* before anybody can see its completion */
	rc = pending_begin(s, call_holder(o->w), o->queue, o->calls);
	if (rc != 0)
		pending_free(s);
	return rc;
}

static int
submit(struct order *o, const struct lk_request *r, size_t n, const struct lk_options *given,
       lk_grant *grants)
{
	struct notify_calls calls = { .n = 0 };
	struct request q;
	struct pending *s;
	int rc = check(o);

	if (rc == 0)
		rc = read_options(&q, o->is_batch ? LK_IX : r->mode, given);
	if (rc == 0 && q.units.n != 0 && o->is_batch)
		rc = LK_E_UNSUPPORTED; /* of which name? */
	if (rc == 0)
		rc = make(o, r, n, &q, &s);
	if (rc != 0)
		return rc;
	s->grants = grants;
	o->calls = &calls;
	rc = call_begin(o->w);
	if (rc != 0) {
		pending_free(s);
		return rc;
	}
	owner_share(call_holder(o->w));
	if (unlikely(events_want(o->w, EVENTS_BEFORE_REQUESTS)))
		rc = batch_ask(&s->b);
	if (rc == 0)
		rc = begin(o, s);
	else
		pending_free(s);
	if (rc == 0)
		escalate(o->w);
	call_end(o->w);
	notify_run(&calls);
	return rc;
}

int
lk_submit_many(struct lk_queue *queue, struct lk_owner *w, const struct lk_request *r, size_t n,
	       const struct lk_options *o, lk_grant *grants, lk_done_fn *done, void *arg,
	       lk_request_id *id)
{
	if (r == NULL && n > 0)
		return LK_E_INVAL;
	if (n > SLOT_MAX)
		return LK_E_LIMIT;
	return submit(&(struct order){ queue, w, done, arg, id, NULL, true }, r, n, o, grants);
}

static int
submit_one(struct order *order, const void *name, size_t len, uint32_t flags, lk_mode mode,
	   const struct lk_options *o)
{
	const struct lk_request r = { .name = name, .len = len, .mode = mode, .flags = flags };

	if (name == NULL)
		return LK_E_INVAL;
	if (len == 0)
		return LK_E_NAME; /* in a batch that says: a C string */
	return submit(order, &r, 1, o, NULL);
}

int
lk_submit(struct lk_queue *queue, struct lk_owner *w, const char *name, lk_mode mode,
	  const struct lk_options *o, lk_done_fn *done, void *arg, lk_request_id *id)
{
	return submit_one(&(struct order){ queue, w, done, arg, id, NULL, false }, name,
			  name != NULL ? strlen(name) : 0, 0, mode, o);
}

int
lk_submit_bytes(struct lk_queue *queue, struct lk_owner *w, const void *name, size_t len,
		lk_mode mode, const struct lk_options *o, lk_done_fn *done, void *arg,
		lk_request_id *id)
{
	return submit_one(&(struct order){ queue, w, done, arg, id, NULL, false }, name, len, 0,
			  mode, o);
}

int
lk_submit_id(struct lk_queue *queue, struct lk_owner *w, uint64_t number, lk_mode mode,
	     const struct lk_options *o, lk_done_fn *done, void *arg, lk_request_id *id)
{
	return submit_one(&(struct order){ queue, w, done, arg, id, NULL, false }, &number,
			  sizeof(number), LK_NAME_IS_ID, mode, o);
}

int
lk_submit_on(struct lk_queue *queue, struct lk_owner *w, struct lk_resource *r, lk_mode mode,
	     const struct lk_options *o, lk_done_fn *done, void *arg, lk_request_id *id)
{
	const void *name;
	size_t len;
	bool is_id;

	if (w == NULL || r == NULL || slab_home(r) != w->manager)
		return LK_E_INVAL;
	name = resource_name(r, &len, &is_id); /* the handle keeps it (R1) */
	return submit_one(&(struct order){ queue, w, done, arg, id, NULL, false }, name, len,
			  is_id ? LK_NAME_IS_ID : 0, mode, o);
}

/* A conversion waits like a batch of the one name, in what it is to become there. */
static int
submit_conversion(const struct order *o, struct request *q, lk_grant g)
{
	struct lk_request r = { .mode = q->mode };
	struct pending *s;
	bool is_id;
	uint32_t flags;
	const struct lk_resource *on;
	struct lk_owner *h = call_holder(o->w);
	int rc = leases_look(h, g);

	if (rc != 0)
		return rc;
	on = convert_needs(h, g, &flags);
	if (on == NULL)
		return LK_E_STALE;
	r.name = resource_name(on, &r.len, &is_id);
	r.flags = is_id ? LK_NAME_IS_ID : 0;
	rc = make(o, &r, 1, q, &s);
	if (rc != 0)
		return rc;
	s->q.flags |= flags;
	s->converts = g;
	rc = convert_ask(h, g, &s->q);
	if (rc == 0)
		return begin(o, s);
	pending_free(s);
	return rc;
}

int
lk_submit_convert(struct lk_queue *queue, struct lk_owner *w, lk_grant g, lk_mode to,
		  const struct lk_options *given, lk_done_fn *done, void *arg, lk_request_id *id)
{
	struct notify_calls calls = { .n = 0 };
	const struct order o = { queue, w, done, arg, id, &calls, false };
	struct request q;
	int rc = check(&o);

	if (rc == 0)
		rc = read_options(&q, to, given);
	if (rc == 0 && (q.flags & (LK_PARENTS | REQUEST_LEASED | REQUEST_UNITS)) != 0)
		rc = LK_E_INVAL; /* the grant has it or not */
	if (rc != 0)
		return rc;
	rc = call_begin(w);
	if (rc != 0)
		return rc;
	owner_share(call_holder(w));
	rc = submit_conversion(&o, &q, g);
	if (rc == 0)
		escalate(w);
	call_end(w);
	notify_run(&calls);
	return rc;
}
