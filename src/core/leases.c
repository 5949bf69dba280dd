/* SPDX-License-Identifier: MIT */
/* Leases: begun, renewed, ended; and what the service does with them.  (LE4-LE7) */
#include "core/leases.h"
#include "core/call.h"
#include "core/events.h"
#include "core/family.h"
#include "core/notify.h"
#include "core/owners.h"

enum { TELL_AGAIN_NS = 10000000 };

void
lease_link(struct lease **list, struct lease *l)
{
	l->prev = NULL;
	l->next = *list;
	if (l->next != NULL)
		l->next->prev = l;
	*list = l;
}

void
lease_unlink(struct lease **list, struct lease *l)
{
	if (l->prev != NULL)
		l->prev->next = l->next;
	else
		*list = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
}

void
lease_go(struct lease *l, enum lk_lease_state to)
{
	lk_assert(lease_may_go((enum lk_lease_state)l->state, to));
	l->state = (uint8_t)to;
}

void
lease_free(struct lk_owner *w, struct lease *l)
{
	lease_go(l, LK_LEASE_NONE);
	(void)timer_unset(&w->manager->service.timers, &l->timer);
	shim_store(&l->owner, NULL, SHIM_RELEASE); /* (LE4) */
	slab_put(&w->manager->leases, l);
}

/* What it asks for, or else the manager says. */
static uint64_t
wanted(uint64_t of_request, uint64_t of_manager)
{
	return of_request != 0 ? of_request : of_manager;
}

static uint64_t
lease_of(const struct lk_owner *w, const struct request *q)
{
	return wanted(q->lease_ns, w->manager->lease_ns);
}

static uint64_t
max_hold_of(const struct lk_owner *w, const struct request *q)
{
	return wanted(q->max_hold_ns, w->manager->max_hold_ns);
}

int
lease_make(struct lk_owner *w, struct lease **out)
{
	int rc = service_start(&w->manager->service);

	if (rc != 0)
		return rc;
	*out = slab_get(&w->manager->leases);
	if (*out == NULL)
		return LK_E_NOMEM;
	owner_share(w); /* (LE5) */
	return 0;
}

int
leases_prepare(struct lk_owner *w, struct request *q)
{
	const uint64_t lease_ns = lease_of(w, q);
	int rc;

	if ((q->flags & LK_RENEW) != 0 && lease_ns == LK_OFF)
		return LK_E_INVAL; /* renew what? */
	if (lease_ns == LK_OFF && max_hold_of(w, q) == LK_OFF)
		return 0;
	rc = lease_make(w, &q->lease);
	if (rc == 0)
		q->lease_from = env_boottime(&w->manager->env);
	return rc;
}

void
leases_drop(struct lk_owner *w, struct request *q)
{
	slab_put(&w->manager->leases, q->lease);
	q->lease = NULL;
}

/* By chance, but without a system call. */
static uint64_t
lot_of(const struct lk_owner *w, const struct lease *l)
{
	return hash_two(l->grant, l->term.began_at, 0, w->manager->index.seed);
}

static struct term_next
next_of(const struct lk_owner *w, const struct lease *l, uint64_t now)
{
	return term_next(&l->term, (enum lk_lease_state)l->state, now, w->manager->suspect_pct);
}

void
lease_arm(struct lk_owner *w, struct lease *l)
{
	const uint64_t due = next_of(w, l, l->term.began_at).due;

	/* One that is set for earlier finds out when it fires; one that is not set is being fired. */
	if (due < l->timer.due_ns)
		timer_set(&w->manager->service.timers, &l->timer, due);
}

static void lease_fires(struct timer *t, uint64_t now);

void
lease_start(struct lk_owner *w, struct lease *l, lk_grant g, uint64_t now, uint64_t lease_ns,
	    uint64_t max_hold_ns, bool renews)
{
	if (l->timer.fire == NULL) /* new memory: it is never anything else (S1) */
		l->timer.fire = lease_fires;
	l->timer.due_ns = SHIM_NEVER;
	l->grant = g;
	l->flags = renews ? LEASE_RENEWS : 0;
	l->why = LK_LOSS_NONE;
	lease_go(l, LK_LEASE_HELD);
	term_begin(&l->term, now, lease_ns, max_hold_ns);
	if (renews)
		term_aim(&l->term, lot_of(w, l));
	lease_link(&w->leases, l);
	shim_store(&l->owner, w, SHIM_RELEASE); /* (LE4) */
	lease_arm(w, l);
}

void
leases_begin(struct lk_owner *w, struct request *q, lk_grant g)
{
	uint32_t slot;
	const struct hold *s = grant_find(w, g, &slot);
	struct lease *l = q->lease;

	q->lease = NULL;
	lease_attach(hold_extra(s), l);
	lease_start(w, l, g, q->lease_from, lease_of(w, q), max_hold_of(w, q),
		    (q->flags & LK_RENEW) != 0);
}

void
leases_end(struct lk_owner *w, struct extra *e)
{
	e->flags &= ~EXTRA_LEASED;
	lease_unlink(&w->leases, e->lease);
	lease_free(w, e->lease);
}

/*
 * Its timer may be being fired at this moment, by somebody who waits for the latch of `w`, and will find that it is another
 * owner's (LE4): so it is set anew in any case (LE6).  That it is suspect is news to `to`.
 */
void
leases_pass(struct lk_owner *w, struct extra *from, struct lk_owner *to, struct extra *e,
	    lk_grant g)
{
	struct lease *l = from->lease;
	uint64_t due = next_of(to, l, l->term.began_at).due;

	from->flags &= ~EXTRA_LEASED;
	lease_unlink(&w->leases, l);
	l->flags &= (uint8_t)~TELL_ANY;
	if (l->state == LK_LEASE_SUSPECT && notify_wanted(to)) {
		l->flags |= TELL_SUSPECT;
		due = 0;
	}
	l->grant = g;
	lease_attach(e, l);
	lease_link(&to->leases, l);
	shim_store(&l->owner, to, SHIM_RELEASE);
	timer_set(&w->manager->service.timers, &l->timer, due);
}

void
lease_renew(struct lk_owner *w, struct lease *l, uint64_t now, uint64_t lease_ns)
{
	(void)term_renew(&l->term, (enum lk_lease_state)l->state, now, lease_ns);
	lease_go(l, LK_LEASE_HELD);
	l->flags &= (uint8_t)~TELL_SUSPECT; /* it is not, any more */
	if ((l->flags & LEASE_RENEWS) != 0)
		term_aim(&l->term, lot_of(w, l));
	owner_tally(w, &w->count.renewals);
}

/* Its lease, if a grant that is held has one. */
static struct lease *
lease_of_grant(struct lk_owner *w, lk_grant g)
{
	uint32_t slot;
	const struct hold *s = grant_find(w, g, &slot);

	if (s == NULL || !hold_is(s, HEAD_EXTRA) || (hold_extra(s)->flags & EXTRA_LEASED) == 0)
		return NULL;
	return hold_extra(s)->lease;
}

int
leases_look_slow(struct lk_owner *w, lk_grant g)
{
	struct lease *l;

	if (family_is_others(w, g))
		return LK_E_STALE;
	if (w->manager->remote != NULL && grant_is_lost_abroad(w, g))
		return LK_E_LOST;
	l = lease_of_grant(w, g);
	if (l == NULL)
		return losses_find(w, g) != NULL ? LK_E_LOST : 0;
	if (env_boottime(&w->manager->env) < l->term.ends_at)
		return 0;
	(void)lease_lose(w, l, term_loss(&l->term)); /* (LE3) */
	return LK_E_LOST;
}

static bool
is_over(const struct lk_owner *w, const struct lease *l, uint64_t now)
{
	if (l->state == LK_LEASE_LOST)
		return (l->flags & LEASE_KEEPS) != 0 && now >= l->loss.kept_until;
	return next_of(w, l, now).step == TERM_LOSE;
}

static void
end_keeps_over(struct lk_owner *w, uint64_t now)
{
	struct lease *next;

	for (struct lease *l = w->keeps; l != NULL; l = next) {
		next = l->next;
		if (is_over(w, l, now)) {
			keep_end(w, l);
			loss_settle(w, l);
		}
	}
}

void
leases_catch_up(struct lk_owner *w)
{
	const uint64_t now = env_boottime(&w->manager->env);
	struct lease *l = w->leases;

	while (l != NULL) {
		struct lease *next = l->next;

		if (is_over(w, l, now) && lease_lose(w, l, term_loss(&l->term)))
			next = w->leases; /* which may be gone: from the beginning */
		l = next;
	}
	end_keeps_over(w, now);
}

/* What has to be done at `now`; if something is over, no call is away. */
static void
do_what_is_due(struct lk_owner *w, struct lease *l, uint64_t now)
{
	if (l->state == LK_LEASE_LOST) {
		if (is_over(w, l, now))
			keep_end(w, l);
		return;
	}
	switch (next_of(w, l, now).step) {
	case TERM_WAIT:
		break;
	case TERM_RENEW:
		lease_renew(w, l, now, 0);
		break;
	case TERM_SUSPECT:
		lease_go(l, LK_LEASE_SUSPECT);
		if (notify_wanted(w))
			l->flags |= TELL_SUSPECT;
		break;
	case TERM_LOSE:
		(void)lease_lose(w, l, term_loss(&l->term));
		break;
	}
}

/* Set the timer for what comes next, if anything does. */
static void
wait_for_next(struct lk_owner *w, struct lease *l, uint64_t now)
{
	uint64_t due = SHIM_NEVER;

	if (l->state != LK_LEASE_LOST)
		due = next_of(w, l, now).due;
	else if ((l->flags & LEASE_KEEPS) != 0)
		due = l->loss.kept_until;
	if (due != SHIM_NEVER)
		timer_set(&w->manager->service.timers, &l->timer, due);
	else
		(void)timer_unset(&w->manager->service.timers, &l->timer);
}

/* The hook and the log get what the ring has. */
static bool
tell_event(struct lk_owner *w, const struct lease *l)
{
	struct lk_event e;

	event_begin(&e, w, LK_EVENT_EXPIRE);
	event_name_is(&e, l->loss.r);
	e.sequence = l->loss.sequence;
	e.at_ns = env_now(&w->manager->env);
	e.grant = l->grant;
	e.fence = l->loss.fence;
	e.from = (lk_mode)l->mode;
	e.code = LK_E_LOST;
	latch_unlock(&w->latch);
	(void)tracer_call(&w->manager->tracer, &e, false);
	latch_lock(&w->latch);
	return true;
}

static bool
tell_suspect(struct lk_owner *w, struct lease *l)
{
	uint32_t slot;
	struct hold *s = grant_find(w, l->grant, &slot);
	const struct hold *hold = grant_hold(w, s);
	struct lk_notice n;

	notify_fill(&n, w, LK_NOTICE_SUSPECT, l->grant, hold_resource(hold));
	n.held = hold_effective(hold);
	n.fence = hold_fence(hold, hold_resource(hold), shim_load(&hold->head, SHIM_RELAXED));
	n.at_ns = l->term.ends_at;
	return notify_tell(w, &n);
}

static bool
tell_lost(struct lk_owner *w, const struct lease *l)
{
	struct lk_notice n;

	notify_fill(&n, w, LK_NOTICE_LOST, l->grant, l->loss.r);
	n.held = (lk_mode)l->mode;
	n.fence = l->loss.fence;
	n.at_ns = l->loss.ended_at;
	n.loss = (enum lk_loss)l->why;
	return notify_tell(w, &n);
}

/* Is this one still about a lease of that owner?  (LE4) */
static bool
is_of(const struct lease *l, const struct lk_owner *w)
{
	return shim_load(&l->owner, SHIM_ACQUIRE) == w;
}

/* The next thing to be told; 0: nothing is. */
static uint8_t
next_to_tell(struct lease *l)
{
	uint8_t what = 0;

	if ((l->flags & TELL_EVENT) != 0)
		what = TELL_EVENT;
	else if ((l->flags & TELL_SUSPECT) != 0)
		what = TELL_SUSPECT;
	else if ((l->flags & TELL_LOST) != 0)
		what = TELL_LOST;
	l->flags &= (uint8_t)~what;
	return what;
}

/* False: no memory. */
static bool
tell(struct lk_owner *w, struct lease *l, uint8_t what)
{
	if (what == TELL_EVENT)
		return tell_event(w, l);
	return what == TELL_SUSPECT ? tell_suspect(w, l) : tell_lost(w, l);
}

/* One after the other.  The latch is open meanwhile, and the lease may become anybody's. */
static void
tell_all(struct lk_owner *w, struct lease *l)
{
	uint8_t what;

	while (is_of(l, w) && (what = next_to_tell(l)) != 0) {
		if (likely(tell(w, l, what)))
			continue;
		l->flags |= what; /* another time: once it must be */
		timer_set(&w->manager->service.timers, &l->timer,
			  env_boottime(&w->manager->env) + TELL_AGAIN_NS);
		return;
	}
	if (is_of(l, w) && l->state == LK_LEASE_LOST)
		loss_settle(w, l);
}

/* With the latch, that of the owner that it had.  False: a call is away, and its thread will do it. */
static bool
seize(struct lk_owner *w, struct lease *l, uint64_t now)
{
	const uint64_t id = shim_load(&w->id, SHIM_RELAXED);

	if (!RD(w->is_away) || !is_of(l, w) || !is_over(w, l, now)) {
		owner_moves(w);
		return true; /* what is renewed, or suspect, changes nothing that is held */
	}
	latch_unlock(&w->latch);
	return owner_seize(w, id);
}

static void
lease_fires(struct timer *t, uint64_t now)
{
	struct lease *l = container_of(t, struct lease, timer);
	struct lk_owner *w = shim_load(&l->owner, SHIM_ACQUIRE);
	bool over;

	if (w == NULL)
		return;
	latch_lock(&w->latch);
	if (!seize(w, l, now))
		return;
	if (is_of(l, w)) {
		do_what_is_due(w, l, now);
		wait_for_next(w, l, now);
	}
	if (RD(w->is_due) && !RD(w->is_away)) /* requests that wait by what is lost */
		owner_catch_up(w);
	owner_moves(w);
	if (is_of(l, w))
		tell_all(w, l);
	over = keeps_linger_ends(w);
	latch_unlock(&w->latch);
	if (over)
		owner_memory_put(w->manager, w);
}

void
lease_fill_info(const struct lk_owner *w, const struct lease *l, struct lk_grant_info *out)
{
	const struct lk_manager *m = w->manager;

	out->lease_ns = l->term.lease_ns != SHIM_NEVER ? l->term.lease_ns : 0;
	out->lease_ends_ns = l->term.ends_at != SHIM_NEVER ? l->term.ends_at : 0;
	out->state = term_state(&l->term, (enum lk_lease_state)l->state, env_boottime(&m->env),
				m->suspect_pct);
}
