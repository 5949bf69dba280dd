/* SPDX-License-Identifier: MIT */
/* What happens to requests without a thread from outside: time, their owner's other calls, the end.  (U1-U5) */
#include "core/settle.h"
#include "core/semaphore.h"

/* ----------------------------------------------------------------- attending */

/* With the latch of `w`: is it there still?  (U1, U2) */
static bool
waits_for(const struct pending *s, const struct lk_owner *w)
{
	return shim_load(&s->owner, SHIM_RELAXED) == w && s->is_listed && s->phase == PENDING_WAITS;
}

/* Time has passed, or it was moved.  True: it is to look whether it is in a ring. */
static bool
look_at(struct pending *s, uint64_t now)
{
	const struct line_tally t = owner_line_tally(pending_owner(s));
	struct lot *l = &s->manager->lot;
	a32 *disturbed = &pending_face(s)->disturbed;
	bool watches;

	if (s->c != NULL)
		composite_look_after(l, s->c, &t); /* (K2) */
	if (s->c != NULL && now >= (l->strict ? s->since_ns : s->fair_at))
		(void)composite_look(l, s->c, &t); /* (K4) */
	else if (s->c == NULL && now >= s->fair_at)
		line_grow_old(l, &s->alone, &t);
	watches = s->watch_at != SHIM_NEVER &&
		  (now >= s->watch_at || shim_load(disturbed, SHIM_RELAXED) != 0);
	if (watches) {
		shim_store(disturbed, 0u, SHIM_RELAXED);
		s->watch_at = now + s->watch_ns;
	}
	return watches;
}

/* The next moment of those that have passed: not before something happens to it. */
static void
arm_again(struct pending *s, uint64_t now)
{
	const uint64_t fair_at = s->fair_at;

	if (now >= fair_at)
		s->fair_at = SHIM_NEVER;
	pending_arm(s, now);
	s->fair_at = fair_at;
}

/* It was withdrawn, or is held off: its deadline has passed, or it was cancelled. */
static void
begin_or_leave(struct pending *s)
{
	struct lk_owner *w = pending_owner(s);

	if (RD(w->is_away))
		owner_leave_due(w);
	else
		owner_catch_up(w);
}

bool
pending_look(struct pending *s, uint64_t now)
{
	bool watches = false;

	if (s->is_joined && now >= s->deadline_ns && !wish_is_open(s, now))
		(void)pending_leave(s,
				    WAITER_TIMEDOUT); /* or it was granted: then that counts (Q1) */
	if (s->is_joined && !pending_has_ended(s))
		watches = look_at(s, now);
	if (pending_has_ended(s))
		pending_settle_or_leave(s);
	else if (s->is_joined)
		arm_again(s, now);
	else if (now >= s->deadline_ns || s->is_canceled)
		begin_or_leave(s);
	else
		pending_arm(s, now); /* its owner sees to it */
	return watches;
}

/* It may be gone by now, and its party another one's, which does no harm. */
void
pending_look_for_ring(struct pending *s, struct lk_owner *w, lk_request_id id,
		      struct lk_resource *r)
{
	struct lk_manager *m = s->manager;
	const bool longer = detector_look_for(&m->detector, &s->party, r);

	latch_lock(&w->latch);
	if (waits_for(s, w) && s->id == id && s->is_joined && !pending_has_ended(s)) {
		const uint64_t delay_ns = shim_load(&m->deadlock_delay_ns, SHIM_RELAXED);
		const uint64_t now = env_now(&m->env);

		if (longer)
			s->watch_ns *= 2;
		else if (delay_ns != LK_OFF) /* soon (D7) */
			s->watch_ns = delay_ns;
		s->watch_at = now + s->watch_ns;
		arm_again(s, now);
	}
	latch_unlock(&w->latch);
}

static void
attend_now(struct pending *s)
{
	struct lk_owner *w = shim_load(&s->owner, SHIM_ACQUIRE);
	struct lk_resource *r = NULL;
	lk_request_id id = 0;

	if (w == NULL)
		return;
	latch_lock(&w->latch);
	if (waits_for(s, w)) {
		id = s->id;
		if (s->is_joined)
			r = pending_face(s)->r;
		if (!pending_look(s, env_now(&s->manager->env)))
			r = NULL;
	}
	latch_unlock(&w->latch);
	if (r != NULL)
		pending_look_for_ring(s, w, id, r);
}

void
attend_fire(struct timer *t, uint64_t now)
{
	(void)now;
	attend_now(container_of(t, struct pending, timer));
}

void
pending_attend(struct pending *s)
{
	struct lk_owner *w = shim_load(&s->owner, SHIM_ACQUIRE);

	if (w == NULL)
		return;
	latch_lock(&w->latch);
	if (waits_for(s, w) && pending_has_ended(s))
		pending_settle_or_leave(s);
	latch_unlock(&w->latch);
}

bool
pending_leave_owner(struct pending *s)
{
	struct lk_owner *w = pending_owner(s);
	bool was_listed;

	latch_lock(&w->latch);
	was_listed = s->is_listed;
	if (was_listed)
		pending_unlist(s);
	latch_unlock(&w->latch);
	return was_listed;
}

/* --------------------------------------------------- what its owner does else */

/* Out of its lines, or back with what it was granted there: its owner begins it anew later.  (U3, U6) */
static void
withdraw(struct pending *s)
{
	struct lk_owner *w = pending_owner(s);
	const bool was_granted =
		!pending_leave(s, WAITER_INTERRUPTED) && pending_state(s) == WAITER_GRANTED;

	if (!was_granted && pending_state(s) != WAITER_INTERRUPTED)
		return; /* it has ended, and holds nothing */
	if (was_granted)
		pending_has_units(s);
	pending_drop_wait(s);
	if (was_granted)
		pending_give_back(s);
	s->fair_at = s->watch_at = SHIM_NEVER;
	s->is_withdrawn = true;
	(void)timer_unset(&s->manager->service.timers, &s->timer);
	pending_arm(s, env_now(&s->manager->env));
	if (w->is_latched)
		w->has_withdrawn = true;
	else
		WR(w->is_due, true);
}

void
pending_withdraw(struct lk_owner *w, const struct lk_resource *r)
{
	struct pending *s = pending_rival(w, r);

	if (s != NULL)
		withdraw(s);
}

int
pending_mind(struct lk_owner *w, struct lk_resource *r, lk_mode from, bool *seated,
	     const struct request *q)
{
	struct pending *s = from != LK_NL && q->adopts != r ? pending_rival(w, r) : NULL;
	uint32_t slot;

	if (s == NULL)
		return 0;
	if (q->tentative)
		return LK_E_BUSY;
	withdraw(s);
	slot = hold_find(&w->holds, r); /* it may have been moved to the word */
	*seated = slot != SLOT_NONE && hold_is(hold_at(&w->holds, slot), HEAD_SEAT);
	return 0;
}

void
pending_disturb(struct lk_owner *w)
{
	struct cds_list_head *node;

	cds_list_for_each(node, &w->pending)
	{
		struct pending *s = pending_of(node);

		if (s->phase != PENDING_WAITS || !s->is_joined)
			continue;
		shim_store(&pending_face(s)->disturbed, 1u, SHIM_RELAXED);
		timer_set(&s->manager->service.timers, &s->timer, 0);
	}
}

bool
pending_converts(struct lk_owner *w, lk_grant g)
{
	struct cds_list_head *node;

	cds_list_for_each(node, &w->pending)
	{
		const struct pending *s = pending_of(node);

		if (s->phase == PENDING_WAITS && s->converts == g)
			return true;
	}
	return false;
}

/* Does it wait there beside a hold of its owner's that keeps it waiting? */
static bool
waits_for_itself(const struct pending *s, const struct lk_resource *r, lk_mode has)
{
	for (size_t i = 0; i < s->l.n; i++) {
		const struct level *v = &s->l.at[i];

		if (v->r == r)
			return v->is_part && v->counted == LK_NL &&
			       (mode_conflicts(v->want) & MODE_BIT(has)) != 0;
	}
	return false;
}

void
pending_note(struct lk_owner *w, const struct lk_resource *r, lk_mode to)
{
	struct cds_list_head *node;

	cds_list_for_each(node, &w->pending)
	{
		struct pending *s = pending_of(node);

		if (s->phase == PENDING_WAITS && s->is_joined && waits_for_itself(s, r, to))
			withdraw(s);
	}
}

void
pending_note_units(struct lk_owner *w, const struct lk_resource *r)
{
	const uint32_t has = semaphore_has(w, r);
	struct cds_list_head *node;

	cds_list_for_each(node, &w->pending)
	{
		struct pending *s = pending_of(node);
		struct waiter *q;

		if (s->phase != PENDING_WAITS || !s->is_joined || s->q.units.n == 0)
			continue;
		q = pending_for_units(s);
		if (q->r != r)
			continue;
		if ((uint64_t)s->q.units.n + has > s->q.units.permits)
			withdraw(s); /* it would wait for its own owner */
		else
			units_has(&w->manager->lot, q, has);
	}
}

/* It was withdrawn, or held off.  Once more; but not past its deadline. */
static void
begin_anew(struct pending *s)
{
	int rc;

	if (s->is_canceled) {
		s->is_withdrawn = false;
		pending_finish(s, LK_E_CANCELED);
		return;
	}
	rc = pending_start(s);
	if (s->is_joined || s->is_withdrawn) {
		const uint64_t now = env_now(&s->manager->env);

		if (now < s->deadline_ns) {
			pending_arm(s, now);
			return;
		}
		if (s->is_joined && !pending_leave(s, WAITER_TIMEDOUT)) {
			pending_settle(s);
			return;
		}
		if (s->is_joined)
			pending_drop_wait(s);
		s->is_withdrawn = false;
		if (!s->is_impatient)
			owner_tally(pending_owner(s), &pending_owner(s)->count.timeouts);
		rc = s->is_impatient ? s->trouble : LK_E_TIMEDOUT;
	}
	pending_finish(s, rc);
}

/* One that is due, or NULL. */
static struct pending *
next_due(struct lk_owner *w, struct cds_list_head **node)
{
	while ((*node = (*node)->next) != &w->pending) {
		struct pending *s = pending_of(*node);

		if (s->phase == PENDING_WAITS && (s->is_withdrawn || pending_has_ended(s)))
			return s;
	}
	return NULL;
}

void
pending_catch_up(struct lk_owner *w)
{
	struct cds_list_head *node = &w->pending;
	struct pending *s;
	struct posture p;

	if (w->n_pending == 0)
		return;
	w->has_withdrawn = false;
	shim_store(&w->news, 0u, SHIM_SEQ_CST); /* before the look (U4) */
	p = pending_act(w);
	while ((s = next_due(w, &node)) != NULL) {
		if (s->is_withdrawn)
			begin_anew(s);
		else
			pending_settle(s);
	}
	pending_act_no_more(w, p);
}

/* ---------------------------------------------------------------- being ended */

static void
end_with_owner(struct pending *s)
{
	int rc = LK_E_CANCELED;

	s->is_withdrawn = false;
	if (s->is_joined) {
		(void)pending_leave(s, WAITER_CANCELED);
		rc = request_state_result(pending_owner(s), pending_state(s));
		pending_note_end(s, rc);
		if (rc == 0)
			pending_has_units(s);
		pending_drop_wait(s);
		if (rc == 0)
			pending_give_back(s);
		if (rc == 0)
			rc = LK_E_CANCELED;
	}
	pending_finish(s, rc);
}

/* Its grants go with its owner. */
static void
take_back(struct post *p)
{
	struct pending *s = container_of(p, struct pending, post);

	if (s->code == 0)
		s->code = LK_E_CANCELED;
}

void
pending_end_all(struct lk_owner *w, const struct lk_owner *who)
{
	struct posture p = pending_act(w);
	struct cds_list_head *node;
	struct cds_list_head *next;

	cds_list_for_each_safe(node, next, &w->pending)
	{
		struct pending *s = pending_of(node);
		struct lk_queue *q = shim_load(&s->post.queue, SHIM_ACQUIRE);

		if (s->who != who)
			continue;
		pending_unlist(s);
		if (s->phase == PENDING_WAITS)
			end_with_owner(s);
		else if (q != NULL)
			(void)queue_change(q, &s->post, take_back);
	}
	pending_act_no_more(w, p);
}

/* Of the owner's requests, that of `who` with this number. */
static struct pending *
find(struct lk_owner *w, const struct lk_owner *who, lk_request_id id)
{
	struct cds_list_head *node;

	cds_list_for_each(node, &w->pending)
	{
		struct pending *s = pending_of(node);

		if (s->id == id && s->who == who)
			return s;
	}
	return NULL;
}

void
pending_cancel(struct pending *s)
{
	if (s->phase != PENDING_WAITS)
		return;
	if (s->is_joined)
		(void)pending_leave(s, WAITER_CANCELED);
	else
		s->is_canceled = true;
	if (pending_has_ended(s))
		pending_settle_or_leave(s);
	else
		begin_or_leave(s);
}

int
lk_cancel(struct lk_owner *w, lk_request_id id)
{
	struct lk_owner *h;
	struct pending *s;
	int rc;

	if (w == NULL)
		return LK_E_INVAL;
	rc = manager_gate(w->manager);
	if (rc == LK_E_FORKED)
		return rc;
	h = call_holder(w);
	latch_lock(&h->latch);
	s = shim_load(&w->state, SHIM_ACQUIRE) != OWNER_FREE ? find(h, w, id) : NULL;
	if (s != NULL)
		pending_cancel(s);
	latch_unlock(&h->latch);
	return s != NULL ? 0 : LK_E_STALE;
}
