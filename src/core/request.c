/* SPDX-License-Identifier: MIT */
/* Options, and the conductor of a request that cannot be granted at once. */
#include "core/call.h"
#include "core/events.h"
#include "core/family.h"
#include "core/leases.h"
#include "core/notify.h"
#include "core/report.h"
#include "core/request.h"
#include "core/retry.h"
#include "core/sample.h"
#include "core/semaphore.h"

enum { FLAGS_KNOWN = LK_NOWAIT | LK_PARENTS | LK_TIMED | LK_RENEW };

/* 0 and LK_OFF have a meaning of their own. */
static bool
is_too_short(uint64_t ns)
{
	return ns != 0 && ns < LK_LEASE_MIN_NS;
}

static int
read_lease(struct request *q, const struct lk_options *o)
{
	if (is_too_short(o->lease_ns) || is_too_short(o->max_hold_ns))
		return LK_E_INVAL;
	q->lease_ns = o->lease_ns;
	q->max_hold_ns = o->max_hold_ns;
	if (o->lease_ns != 0 || o->max_hold_ns != 0 || (o->flags & LK_RENEW) != 0)
		q->flags |= REQUEST_LEASED;
	return 0;
}

/* Units are asked for with the intent of those who have some.  (SU1) */
static int
read_units(struct request *q, const struct lk_options *o)
{
	if (o->units == 0 && o->permits == 0)
		return 0;
	if (o->units == 0 || o->units > o->permits || q->mode != LK_IX)
		return LK_E_INVAL;
	q->units.n = o->units;
	q->units.permits = o->permits;
	q->flags |= REQUEST_UNITS;
	return 0;
}

int
request_read_options(struct request *q, const struct lk_options *given)
{
	struct lk_options o = { 0 };
	int rc = check_struct(given, given->size, sizeof(o));

	if (rc != 0)
		return rc;
	memcpy(&o, given, given->size < sizeof(o) ? given->size : sizeof(o));
	if ((o.flags & ~(uint32_t)FLAGS_KNOWN) != 0 || o.timeout_ns < 0 || o.tag_len > LK_TAG_MAX ||
	    (o.tag == NULL && o.tag_len != 0) || (o.condition == NULL && o.condition_arg != NULL))
		return LK_E_INVAL;
	q->max_retries = o.max_retries;
	q->retry = o.retry;
	rc = retry_check(o.retry);
	if (rc != 0)
		return rc;
	q->flags = o.flags;
	q->timeout_ns = o.timeout_ns;
	q->deadline_ns = o.deadline_ns;
	q->name_hash = o.name_hash;
	q->priority = o.priority;
	q->condition = o.condition;
	q->condition_arg = o.condition_arg;
	q->tag = o.tag_len != 0 ? o.tag : NULL;
	q->tag_len = o.tag_len;
	rc = read_lease(q, &o);
	if (rc == 0)
		rc = read_units(q, &o);
	if (rc == 0)
		rc = report_begin(o.report);
	if (rc == 0)
		q->report = o.report;
	return rc;
}

static struct tag *
make_tag(struct lk_manager *m, const struct request *q)
{
	struct tag *tag = slab_get(&m->tags);

	if (tag == NULL)
		return NULL;
	for (size_t i = 0; i * 8 < q->tag_len; i++)
		shim_store(&tag->word[i],
			   name_load((const unsigned char *)q->tag + i * 8, q->tag_len - i * 8),
			   SHIM_RELEASE);
	shim_store(&tag->len, (uint64_t)q->tag_len, SHIM_RELEASE);
	return tag;
}

int
request_prepare_slow(struct lk_owner *w, struct request *q)
{
	struct lk_manager *m = w->manager;
	struct tag *tag;

	int rc;

	if (((q->flags | w->flags) &
	     (LK_TIMED | REQUEST_LEASED | REQUEST_UNITS | REQUEST_MEMBER)) == 0 &&
	    q->tag == NULL) {
		sample_prepare(w, q);
		return 0;
	}
	q->extra = owner_extra(w, &m->extras);
	if (q->extra == NULL)
		return LK_E_NOMEM;
	if (q->tag != NULL) {
		tag = make_tag(m, q);
		if (tag == NULL) {
			request_drop(w, q);
			return LK_E_NOMEM;
		}
		shim_store(&q->extra->tag, (void *)tag, SHIM_RELEASE);
	}
	sample_time(w, q);
	q->keeps_more = ((q->flags | w->flags) & (REQUEST_LEASED | REQUEST_MEMBER)) != 0;
	rc = ((q->flags | w->flags) & REQUEST_LEASED) != 0 ? leases_prepare(w, q) : 0;
	if (rc != 0)
		request_drop(w, q);
	if (rc == 0 && q->units.n != 0)
		rc = PREPARED_UNITS;
	return rc;
}

LK_COLD void
request_granted(struct lk_owner *w, struct request *q, lk_grant g)
{
	if ((q->flags & REQUEST_MEMBER) != 0)
		family_note(w, q->who, g);
	if (q->lease != NULL)
		leases_begin(w, q, g);
}

void
request_drop(struct lk_owner *w, struct request *q)
{
	if (q->extra != NULL)
		owner_extra_done(w, &w->manager->extras, &w->manager->tags, q->extra);
	q->extra = NULL;
	if (q->lease != NULL)
		leases_drop(w, q);
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t
request_deadline(const struct lk_owner *w, const struct request *q, uint64_t now)
{
	uint64_t deadline = w->deadline_ns;
	uint64_t timeout = q->timeout_ns != 0 ? (uint64_t)q->timeout_ns
					      : shim_load(&w->manager->timeout_ns, SHIM_RELAXED);

	if (q->timeout_ns == 0 && q->deadline_ns != 0)
		timeout = LK_OFF; /* the caller said when, if not how long */
	if (q->deadline_ns != 0)
		deadline = earlier(deadline, q->deadline_ns);
	if (timeout < (uint64_t)LK_FOREVER)
		deadline = earlier(deadline, now + timeout);
	return deadline;
}

void
request_fix_deadline(struct lk_owner *w, struct request *q)
{
	q->deadline_ns = request_deadline(w, q, env_now(&w->manager->env));
	q->timeout_ns = LK_FOREVER;
}

static bool
is_patient(const struct request *q)
{
	return (q->flags & LK_NOWAIT) == 0;
}

static bool
may_spin(const struct lk_manager *m, const struct wait_limits *limits)
{
	return m->many_cpus && limits->spin_ns != LK_OFF && (m->flags & LK_STRICT) == 0;
}

bool
request_spin(struct lk_owner *w, struct lk_resource *r, lk_mode held, lk_mode want,
	     struct request *q)
{
	const struct lk_manager *m = w->manager;
	const struct wait_limits limits = { .spin_ns = shim_load(&m->spin_ns, SHIM_RELAXED) };

	if (!is_patient(q) || w->is_latched || !may_spin(m, &limits))
		return false;
	if (!wait_spin(&m->env, &w->spinner, &limits, r, &w->party.parker, held, want))
		return false;
	owner_tally(w, &w->count.spun);
	if (q->extra != NULL) /* it was not held so far */
		sample_time(w, q);
	return true;
}

void
request_face(struct waiter_face *face, const struct lk_owner *w, const struct request *q,
	     char label[LK_LABEL_MAX + 1])
{
	owner_label(w, label);
	if (unlikely(q->who != NULL) && owner_has_label(q->who))
		owner_label(q->who, label);
	face->owner_id = shim_load(&w->id, SHIM_RELAXED);
	face->owner_label = label;
	face->tag = q->tag;
	face->tag_len = q->tag_len;
}

int
request_state_result(struct lk_owner *w, enum waiter_state state)
{
	switch (state) {
	case WAITER_GRANTED:
		return 0;
	case WAITER_TIMEDOUT:
		owner_tally(w, &w->count.timeouts);
		return LK_E_TIMEDOUT;
	case WAITER_CANCELED:
		owner_tally(w, &w->count.cancels);
		return LK_E_CANCELED;
	case WAITER_DEADLOCK:
		owner_tally(w, &w->count.deadlocks);
		PROBE1(deadlock, shim_load(&w->id, SHIM_RELAXED));
		return LK_E_DEADLOCK;
	case WAITER_REFUSED:
		return request_result(w, LINE_DEADLOCK);
	case WAITER_LOST:
		return LK_E_LOST;
	case WAITER_MOVED:
		return LK_E_MOVED;
	case WAITER_MISFIT:
		return request_result(w, LINE_PERMITS);
	case WAITER_INTERRUPTED:
		return CALL_AGAIN;
	case WAITER_CLOSED:
	case WAITER_WAITING:
		break;
	}
	return LK_E_CLOSED;
}

/* Is the owner, which waits as `q`, in a ring? */
static bool
look_for_ring(void *owner, struct waiter *q)
{
	struct lk_owner *w = owner;

	return detector_look(&w->manager->detector, w, q);
}

/* What bounds a wait that begins now. */
static struct wait_limits
limits_of(struct lk_owner *w, struct request *q, uint64_t since_ns)
{
	const struct lk_manager *m = w->manager;
	const uint64_t delay_ns = shim_load(&m->deadlock_delay_ns, SHIM_RELAXED);
	struct wait_limits limits = {
		.deadline_ns = request_deadline(w, q, since_ns),
		.fair_after_ns = shim_load(&m->fair_after_ns, SHIM_RELAXED),
		.spin_ns = shim_load(&m->spin_ns, SHIM_RELAXED),
		.many_cpus = m->many_cpus,
	};

	if (delay_ns != LK_OFF)
		limits.watch = (struct wait_watch){ delay_ns, look_for_ring, w };
	q->deadline_ns = limits.deadline_ns; /* of all waits of this request, however many */
	q->timeout_ns = LK_FOREVER;
	return limits;
}

static void
probe_wait_begins(const struct lk_owner *w, const struct waiter *waiter)
{
	size_t len;
	bool is_id;
	const void *name = resource_name(waiter->r, &len, &is_id);

	PROBE4(wait_begin, shim_load(&w->id, SHIM_RELAXED), name, len, waiter->want);
}

/* Who is in the way of it: as long as `waiter` is in the line (`joined`), by its place there. */
static LK_COLD void
fill_report(struct lk_owner *w, const struct waiter *waiter, const struct request *q, bool joined,
	    bool has_place)
{
	const struct blocked what = {
		.m = w->manager,
		.who = w,
		.r = waiter->r,
		.held = waiter->held,
		.want = waiter->want,
		.priority = waiter->priority,
		.in_line = joined ? waiter : NULL,
		.takes_units = waiter->units.n != 0,
		.lacks_units = semaphore_lacks(w->manager, waiter->r, waiter->units.n),
		.above = q->above,
		.now = env_now(&w->manager->env),
	};

	report_fill(q->report, &what, has_place);
	if (unlikely(w->manager->remote != NULL))
		remote_who(w->manager->remote, waiter->r, waiter->want, waiter->units.n,
			   q->report->store, sizeof(q->report->store));
}

LK_COLD void
request_report(struct lk_owner *w, const struct waiter *waiter, uint32_t n, const struct request *q,
	       int rc)
{
	report_clear(q->report);
	for (uint32_t i = 0; i < n; i++)
		fill_report(w, &waiter[i], q, false, rc != LK_E_DEADLOCK);
}

void
request_comes_from(struct request *q, struct lk_owner *w)
{
	if (!call_is_family(w))
		return;
	q->who = w;
	q->told_later = true;
	if (w->parent != NULL)
		q->flags |= REQUEST_MEMBER;
}

/* Who waits, for the moment before it leaves the line. */
struct leaver {
	struct lk_owner *w;
	const struct request *q;
};

static void
look_back(void *arg, const struct waiter *waiter)
{
	const struct leaver *l = arg;

	report_clear(l->q->report);
	fill_report(l->w, waiter, l->q, true, true);
}

/* Those in its way, if they want to know.  The waiter is in its line, the call away. */
static LK_COLD void
notify_of(struct lk_owner *w, const struct waiter *q, uint32_t n)
{
	struct notify_calls calls = { .n = 0 };

	for (uint32_t i = 0; i < n; i++) {
		notify_blocked(w, &q[i], &calls);
		notify_run(&calls);
	}
}

/* In the line, and perhaps behind other processes: the store is asked.  0: go on waiting, or it is granted. */
static LK_COLD int
ask_abroad(struct lk_owner *w, struct waiter *waiter, const struct request *q,
	   const struct wait_limits *limits, const struct line_tally *t)
{
	struct lk_manager *m = w->manager;
	int rc;

	if (waiter_state(waiter) != WAITER_WAITING)
		return 0;
	rc = remote_need(m->remote, waiter->r, waiter->held, waiter->want, &waiter->units, true);
	if (rc == 0 && limits->spin_ns != LK_OFF)
		remote_stay_awake(m->remote, waiter, limits->deadline_ns);
	if (rc == 0 || !line_leave(&m->lot, waiter, WAITER_CANCELED, t))
		return 0; /* what was granted is a grant, whatever the store said (Q1) */
	if (q->report != NULL)
		(void)remote_error(m->remote, q->report->store, sizeof(q->report->store));
	return rc;
}

/* In the line: until granted or not. */
static int
sleep_in_line(struct lk_owner *w, struct waiter *waiter, struct request *q, bool head)
{
	const bool told = events_want(w, EVENTS_OF_WAITS);
	struct lk_manager *m = w->manager;
	const struct line_tally t = owner_line_tally(w);
	struct wait_limits limits = limits_of(w, q, waiter->since_ns);
	struct leaver leaver = { w, q };
	uint64_t now;
	int rc;

	owner_tally(w, &w->count.waits);
	if (q->report != NULL)
		limits.leaving = (struct wait_leaving){ look_back, &leaver };
	if (told)
		event_wait_begins(w, waiter, q);
	w->waits_as = waiter;
	call_sleeps(w);
	if (notify_is_wanted(m))
		notify_of(w, waiter, 1);
	rc = unlikely(m->remote != NULL) ? ask_abroad(w, waiter, q, &limits, &t) : 0;
	if (likely(rc == 0))
		rc = request_state_result(w, wait_in_line(&m->lot, waiter, &limits, head, &t,
							  owner_parks(w)));
	call_back(w, NULL);
	w->waits_as = NULL;
	PROBE2(wait_end, shim_load(&w->id, SHIM_RELAXED), rc);
	now = env_now(&m->env);
	if (rc == LK_E_DEADLOCK && q->report != NULL) {
		report_clear(q->report);
		fill_report(w, waiter, q, false,
			    false); /* of its place nothing is known any more */
		q->report->deadlock = RD(w->party.verdict);
	}
	if (rc == 0 && q->extra != NULL)
		shim_store(&q->extra->since_ns, now, SHIM_RELEASE);
	if (rc == 0 && q->lease != NULL)
		q->lease_from = env_boottime(&m->env);
	if (unlikely(rc == CALL_AGAIN))
		return rc;
	times_waited(&m->times, rc, now - waiter->since_ns);
	times_waited_for(&m->times, waiter->r, now - waiter->since_ns);
	if (told)
		event_wait_ends(w, waiter, q, rc, now);
	return rc;
}

int
request_result(struct lk_owner *w, enum line_outcome outcome)
{
	switch (outcome) {
	case LINE_GRANTED:
	case LINE_JOINED:
		return 0;
	case LINE_BUSY:
		owner_tally(w, &w->count.busy);
		return LK_E_BUSY;
	case LINE_LIMIT:
		owner_tally(w, &w->count.limits);
		return LK_E_LIMIT;
	case LINE_PERMITS:
		return LK_E_INVAL;
	case LINE_DEADLOCK:
		owner_tally(w, &w->count.conversion_deadlocks);
		PROBE1(deadlock, shim_load(&w->id, SHIM_RELAXED));
		return LK_E_CONVERSION_DEADLOCK;
	case LINE_SHUT:
		break;
	}
	return LK_E_CLOSED;
}

/* A request that may not wait, but for the answer of the store. */
static LK_COLD int
try_abroad(struct lk_owner *w, const struct waiter *waiter)
{
	int rc;

	(void)call_away(w); /* it is in no family */
	rc = remote_need(w->manager->remote, waiter->r, waiter->held, waiter->want, &waiter->units,
			 false);
	call_back(w, NULL);
	return rc;
}

int
request_wait(struct lk_owner *w, struct lk_resource *r, lk_mode held, a64 *seat, lk_mode want,
	     struct request *q)
{
	struct lk_manager *m = w->manager;
	const struct line_tally t = owner_line_tally(w);
	char label[LK_LABEL_MAX + 1];
	struct waiter waiter = {
		.r = r,
		.party = &w->party,
		.held = held,
		.want = want,
		.seat = seat,
		.priority = q->priority != 0 ? q->priority : party_priority(&w->party),
	};
	enum line_outcome outcome;
	bool head = false;
	int rc;

	if (request_takes_units(q))
		waiter.units = q->units;
	else if (unlikely(held != LK_NL))
		waiter.units.has = semaphore_has(w, r);
	if (is_patient(q)) {
		waiter.since_ns = env_now(&m->env);
		request_face(&waiter.face, w, q, label);
		if (q->extra == NULL)
			q->extra = owner_extra(w, &m->extras); /* for the time; we can do without */
	}
	outcome = line_join(&m->lot, &waiter, is_patient(q), &head, &t);
	if (unlikely(outcome == LINE_BUSY && m->remote != NULL) && !q->tentative &&
	    q->who == NULL) {
		rc = try_abroad(w, &waiter);
		if (rc == 0 && request_takes_units(q) && !semaphore_bring(w, r, &waiter.units))
			return LK_E_NOMEM;
		if (rc == 0)
			outcome = line_join(&m->lot, &waiter, is_patient(q), &head, &t);
		else if (rc != LK_E_BUSY)
			return rc;
	}
	if (request_takes_units(q))
		q->units.of = waiter.units.of;
	if (outcome == LINE_JOINED) {
		probe_wait_begins(w, &waiter);
		return sleep_in_line(w, &waiter, q, head);
	}
	rc = request_result(w, outcome);
	if (likely(rc == 0) || (q->tentative && rc == LK_E_BUSY))
		return rc;
	if (q->report != NULL) {
		report_clear(q->report);
		fill_report(w, &waiter, q, false, true);
	}
	if (!q->told_later)
		event_barred(w, &waiter, q, rc);
	return rc;
}

/* The same as ask_abroad(), of all names of a composite. */
static LK_COLD int
ask_abroad_for_all(struct lk_owner *w, struct composite *c)
{
	struct lk_manager *m = w->manager;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < c->n_parts; i++) {
		if (composite_state(c) != WAITER_WAITING)
			return 0;
		rc = remote_need(m->remote, c->part[i].r, c->part[i].held, c->part[i].want, NULL,
				 true);
	}
	return rc != 0 && composite_leave(&m->lot, c, WAITER_CANCELED) ? rc : 0;
}

int
request_at_once(struct lk_owner *w, struct lk_resource *r, lk_mode held, a64 *seat, lk_mode want,
		const struct request *q)
{
	struct lot *l = &w->manager->lot;
	const struct line_tally t = owner_line_tally(w);
	struct waiter waiter = {
		.r = r,
		.party = &w->party,
		.held = held,
		.want = want,
		.seat = seat,
		.priority = party_priority(&w->party),
	};
	enum line_outcome outcome;
	bool head;

	if (q->claims)
		outcome = line_claim(l, &waiter, &t);
	else
		outcome = line_join(l, &waiter, false, &head, &t);
	if (outcome == LINE_GRANTED)
		return 0;
	return outcome == LINE_LIMIT ? LK_E_LIMIT : LK_E_BUSY;
}

/* In all its lines: until granted or not.  What is told of it is told of its first name. */
static int
sleep_in_lines(struct lk_owner *w, struct composite *c, struct request *q)
{
	const bool told = events_want(w, EVENTS_OF_WAITS);
	struct lk_manager *m = w->manager;
	const struct line_tally t = owner_line_tally(w);
	const struct wait_limits limits = limits_of(w, q, c->since_ns);
	const struct waiter *part = &c->part[0];
	uint64_t ns;
	int rc;

	owner_tally(w, &w->count.waits);
	probe_wait_begins(w, part);
	if (told)
		event_wait_begins(w, part, q);
	w->waits_for_all = c;
	call_sleeps(w);
	if (notify_is_wanted(m))
		notify_of(w, c->part, c->n_parts);
	rc = unlikely(m->remote != NULL) ? ask_abroad_for_all(w, c) : 0;
	if (likely(rc == 0))
		rc = request_state_result(w,
					  wait_in_lines(&m->lot, c, &limits, &t, owner_parks(w)));
	call_back(w, NULL);
	w->waits_for_all = NULL;
	PROBE2(wait_end, shim_load(&w->id, SHIM_RELAXED), rc);
	if (unlikely(rc == CALL_AGAIN))
		return rc;
	ns = env_now(&m->env) - c->since_ns;
	times_waited(&m->times, rc, ns);
	for (uint32_t i = 0; i < c->n_parts; i++) /* it stood in all these lines */
		times_waited_for(&m->times, c->part[i].r, ns);
	if (told)
		event_wait_ends(w, part, q, rc, c->since_ns + ns);
	return rc;
}

/* All parts show the same, and stand by the same priority. */
static void
set_faces(struct lk_owner *w, struct composite *c, const struct request *q,
	  char label[LK_LABEL_MAX + 1])
{
	for (uint32_t i = 0; i < c->n_parts; i++) {
		request_face(&c->part[i].face, w, q, label);
		c->part[i].priority = q->priority != 0 ? q->priority : party_priority(&w->party);
	}
}

/* Who is in the way of any part.  They have left their lines: who would be ahead of them if they came now. */
static LK_COLD void
fill_report_of_all(struct lk_owner *w, const struct composite *c, const struct request *q, int rc)
{
	request_report(w, c->part, c->n_parts, q, rc);
	if (rc == LK_E_DEADLOCK)
		q->report->deadlock = RD(w->party.verdict);
}

void
request_passed(struct lk_manager *m, struct composite *c, const struct line_tally *t)
{
	composite_look_after(&m->lot, c, t);
	for (uint32_t i = 0; m->remote != NULL && i < c->n_parts; i++)
		remote_passed(m->remote, c->part[i].r);
}

int
request_wait_for_all(struct lk_owner *w, struct composite *c, struct request *q)
{
	struct lk_manager *m = w->manager;
	const struct line_tally t = owner_line_tally(w);
	char label[LK_LABEL_MAX + 1];
	const struct wait_limits limits = { .spin_ns = shim_load(&m->spin_ns, SHIM_RELAXED) };
	enum line_outcome outcome;
	bool spun;
	int rc;

	spun = !w->is_latched && may_spin(m, &limits) &&
	       wait_spin_for_all(&m->env, &w->spinner, &limits, c);
	set_faces(w, c, q, label);
	c->since_ns = env_now(&m->env);
	outcome = composite_join(&m->lot, c);
	if (spun && outcome == LINE_GRANTED)
		owner_tally(w, &w->count.spun);
	rc = outcome == LINE_JOINED ? sleep_in_lines(w, c, q) : request_result(w, outcome);
	if (rc < 0 && q->report != NULL)
		fill_report_of_all(w, c, q, rc);
	if (unlikely(rc != 0) && outcome != LINE_JOINED)
		event_barred(w, &c->part[0], q, rc);
	request_passed(m, c, &t); /* whatever became of it */
	return rc;
}

LK_NOINLINE void
pass_to_waiters(struct lk_owner *w, struct lk_resource *r, lk_mode left)
{
	const struct line_tally t = owner_line_tally(w);

	if (mode_writes(left) && !w->wrote_nothing) /* (CW4) */
		line_pass_on_from_writer(&w->manager->lot, r, &t);
	else
		line_pass_on(&w->manager->lot, r, &t);
}
