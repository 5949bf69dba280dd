/* SPDX-License-Identifier: MIT */
/* Notices of what becomes of a session, and of locks that were broken.  (AL1-AL4) */
#include "core/alarm.h"
#include "core/leases.h"
#include "core/notify.h"

enum { RING_AGAIN_NS = 10000000 };

bool
alarm_is_due(const struct lk_manager *m)
{
	return m->remote != NULL && remote_is_suspect(m->remote, m->suspect_pct);
}

/* Why, and when.  One that is implied is lost with what implies it. */
static struct remote_loss
loss_of(struct lk_owner *w, struct hold *s)
{
	if (hold_is(s, HEAD_IMPLIED))
		s = hold_at(&w->holds, hold_extra(s)->cover);
	return remote_loss(w->manager->remote, hold_resource(s));
}

static void
fill(struct lk_notice *n, struct lk_owner *w, enum lk_kind kind, lk_grant g, struct hold *s)
{
	notify_fill(n, w, kind, g, hold_resource(s));
	n->held = hold_effective(s);
	n->fence = hold_fence(s, hold_resource(s), shim_load(&s->head, SHIM_RELAXED));
}

/* The extra of a grant; NULL: it has none, and cannot get one now. */
static struct extra *
extra_of(struct lk_owner *w, struct hold *grant)
{
	if (!hold_is(grant, HEAD_EXTRA) && w->is_away)
		return NULL; /* what it keeps for itself is its thread's */
	return renew_extra(w, grant);
}

/* That it was lost.  False: another time. */
static bool
tell_lost(struct lk_owner *w, struct hold *grant, lk_grant g)
{
	struct extra *e = extra_of(w, grant);
	struct remote_loss loss;
	struct lk_notice n;

	if (e == NULL)
		return false;
	if ((e->flags & EXTRA_TOLD) != 0)
		return true;
	loss = loss_of(w, grant_hold(w, grant));
	fill(&n, w, LK_NOTICE_LOST, g, grant_hold(w, grant));
	n.loss = loss.why;
	n.at_ns = loss.at_ns;
	e->flags |= EXTRA_TOLD; /* (AL2) */
	if (notify_tell(w, &n))
		return true;
	e->flags &= ~EXTRA_TOLD; /* no memory, so the latch was not open */
	return false;
}

static void
tell_suspect(struct lk_owner *w, struct hold *grant, lk_grant g, uint64_t deadline_ns)
{
	struct lk_notice n;

	fill(&n, w, LK_NOTICE_SUSPECT, g, grant_hold(w, grant));
	n.at_ns = deadline_ns;
	(void)notify_tell(w, &n); /* without memory lk_check() says so, and no more */
}

/* The grant in that slot; 0: there is none. */
static lk_grant
grant_in(struct lk_owner *w, uint32_t slot)
{
	const uint64_t head = shim_load(&hold_at(&w->holds, slot)->head, SHIM_RELAXED);

	return head != 0 && (head & HEAD_GONE) == 0 ? grant_of(head, slot) : 0;
}

/*
 * One of those who listen, with its latch, which is open while it is told, so that it may close meanwhile.  Slots stay where
 * they are (H4).  False: something is to be told another time.
 */
static bool
tell_owner(struct lk_owner *w, uint64_t id, uint64_t doubt_ns)
{
	const bool is_news = doubt_ns != 0 && w->doubt_ns != doubt_ns;
	bool all = true;

	if (is_news)
		w->doubt_ns = doubt_ns; /* (AL3) */
	for (uint32_t i = 0; w->listens && shim_load(&w->id, SHIM_RELAXED) == id &&
			     i < shim_load(&w->holds.n_slots, SHIM_RELAXED);
	     i++) {
		const lk_grant g = grant_in(w, i);

		if (g != 0 && grant_is_lost_abroad(w, g))
			all &= tell_lost(w, hold_at(&w->holds, i), g);
		else if (g != 0 && is_news)
			tell_suspect(w, hold_at(&w->holds, i), g, doubt_ns);
	}
	return all;
}

/* The next one who was not told in this round. */
static struct lk_owner *
next_listener(struct lk_manager *m, uint32_t round, uint64_t *id)
{
	struct lk_owner *w = NULL;

	latch_lock(&m->told_latch);
	if (!cds_list_empty(&m->listeners))
		w = container_of(m->listeners.next, struct lk_owner, listening);
	if (w != NULL && (int32_t)(w->heard_in - round) >= 0)
		w = NULL; /* all were, or others tell them in a later round */
	if (w != NULL) {
		w->heard_in = round;
		*id = shim_load(&w->id, SHIM_RELAXED);
		cds_list_del(&w->listening);
		cds_list_add_tail(&w->listening, &m->listeners);
	}
	latch_unlock(&m->told_latch);
	return w;
}

/* False: something is to be told another time. */
static bool
tell_all(struct lk_manager *m, uint64_t doubt_ns)
{
	struct lk_owner *w;
	uint32_t round;
	uint64_t id;
	bool all = true;

	latch_lock(&m->told_latch);
	round = ++m->alarm_round;
	latch_unlock(&m->told_latch);
	while ((w = next_listener(m, round, &id)) != NULL) {
		latch_lock(&w->latch);
		if (shim_load(&w->id, SHIM_RELAXED) == id && w->listens)
			all &= tell_owner(w, id, doubt_ns);
		latch_unlock(&w->latch);
	}
	return all;
}

/* When to look at the session again: when it will be suspect; or if it is, when it will be over, or in doubt once more. */
static uint64_t
next_look(const struct lk_manager *m, uint64_t now)
{
	const uint64_t suspect_at = remote_suspect_at(m->remote, m->suspect_pct);
	const uint64_t again = remote_suspect_again(m->remote, m->suspect_pct, now);

	return now < suspect_at ? suspect_at : again;
}

/* (AL4) */
static void
ring(struct timer *t, uint64_t now)
{
	struct lk_manager *m = container_of(t, struct lk_manager, alarm);
	uint64_t due;
	bool all;

	if (shim_load(&m->n_listeners, SHIM_ACQUIRE) == 0)
		return;
	(void)remote_is_over(m->remote); /* then it is lost, and not in doubt */
	all = tell_all(m, alarm_is_due(m) ? remote_deadline(m->remote) : 0);
	due = next_look(m, now);
	if (!all && now + RING_AGAIN_NS < due)
		due = now + RING_AGAIN_NS;
	if (due != SHIM_NEVER)
		timer_set(&m->service.timers, t, due);
}

void
alarm_init(struct lk_manager *m)
{
	CDS_INIT_LIST_HEAD(&m->listeners);
	m->alarm.fire = ring;
}

int
alarm_prepare(struct lk_manager *m)
{
	return m->remote != NULL ? service_start(&m->service) : 0;
}

void
alarm_listen(struct lk_owner *w)
{
	struct lk_manager *m = w->manager;

	if (m->remote == NULL)
		return;
	w->flags |= LK_TIMED; /* each grant has an extra (AL2) */
	shim_store(&w->holds.few, owner_few(w) | HOLDS_NOTED, SHIM_RELAXED);
	w->doubt_ns = 0;
	latch_lock(&m->told_latch);
	w->heard_in = m->alarm_round;
	w->listens = true;
	cds_list_add_tail(&w->listening, &m->listeners);
	latch_unlock(&m->told_latch);
	shim_add(&m->n_listeners, 1u, SHIM_ACQ_REL);
	timer_set(&m->service.timers, &m->alarm, 0);
}

void
alarm_leave(struct lk_owner *w)
{
	struct lk_manager *m = w->manager;

	if (!w->listens)
		return;
	latch_lock(&m->told_latch);
	cds_list_del(&w->listening);
	w->listens = false;
	latch_unlock(&m->told_latch);
	if (shim_sub(&m->n_listeners, 1u, SHIM_ACQ_REL) == 1)
		(void)timer_unset(&m->service.timers, &m->alarm);
}
