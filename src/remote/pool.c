/* SPDX-License-Identifier: MIT */
/* The units of a process: what is asked for, what comes of it, what goes back.  (SU9, SU10, CO9) */
#include "remote/inside.h"

enum { SHED_RETRY_NS = 100000000 };

bool
cover_lacks_units(const struct cover *c)
{
	struct units_state u;

	units_state(c->of->p.lot, c->r, &u);
	return u.n != 0;
}

bool
cover_serves(const struct cover *c, const struct need *n)
{
	if (!abroad_admits(c->has, n->want))
		return false;
	if (n->units.n == 0)
		return true;
	return n->is_patient ? !cover_lacks_units(c) : !units_lack(c->of->p.lot, c->r, n->units.n);
}

/* Whoever is the first for units now lacks some: they are asked for as soon as all else is done. */
void
pool_see_who_lacks(struct cover *c)
{
	struct units_state u;

	units_state(c->of->p.lot, c->r, &u);
	if (u.n != 0)
		c->wish = mode_supremum(c->wish, LK_IX);
}

/* With the latch: what the record says of units.  (SU10) */
void
pool_take(struct cover *c, const struct answer *a)
{
	c->units = a->units;
	c->demand_units = a->demand_units;
	if (c->units != 0)
		units_shed(c->of->p.lot, c->r, c->demand_units != 0 || remote_keeps_nothing(c->of));
}

/* One who is not in the line wants units too. */
static void
add_try(struct pool *p, const struct need *n)
{
	if (n->is_patient || n->units.n == 0 || n->units.n <= p->units - p->firm)
		return;
	if (p->permits == 0)
		p->permits = n->units.permits;
	if (p->permits != n->units.permits)
		return; /* who is in the line comes first */
	p->units = n->units.n;
	p->firm = 0;
}

/* The units of this process: what is not in use falls, and who wants some?  (CO9) */
struct pool
pool_of(struct cover *c, const struct need *needs)
{
	struct units_state u;
	struct pool p;

	units_fall(c->of->p.lot, c->r, &u);
	p = (struct pool){ .permits = u.permits, .keeps = u.used };
	if (u.n != 0) {
		p.firm = u.has < u.permits - u.n ? u.has : u.permits - u.n;
		p.units = p.firm + u.n;
	}
	for (const struct need *n = needs; n != NULL; n = n->next)
		add_try(&p, n);
	for (const struct need *n = c->tries; n != NULL; n = n->next)
		add_try(&p, n);
	if (p.keeps == 0 && p.units == 0)
		p.permits = 0;
	return p;
}

bool
pool_is(const struct pool *a, const struct pool *b)
{
	return a->permits == b->permits && a->keeps == b->keeps && a->units == b->units &&
	       a->firm == b->firm;
}

/*
 * Units that nobody here uses: are they to go back now?  What was given back, as others wait, is not ours any more; all
 * else can wait for who was told that he may have it.  With the latch.
 */
bool
pool_is_due(struct cover *c)
{
	struct units_state u;
	bool wanted;

	if ((c->state != COVER_HELD && c->state != COVER_YIELDS) || c->units == 0 || c->owes)
		return false;
	units_state(c->of->p.lot, c->r, &u);
	wanted = c->demand_units != 0 || (remote_keeps_nothing(c->of) && u.waiting == 0);
	if (c->units > u.reserve)
		return true;
	if (!wanted || c->units <= u.used)
		return false;
	if (env_boottime(c->of->p.env) >= c->keep_ns)
		return true;
	timer_set(c->of->p.timers, &c->timer, c->keep_ns);
	return false;
}

/* Are there units to be asked for, that it does not wait for already? */
bool
pool_lacks(const struct cover *c, const struct need *needs)
{
	const struct pool *p = &c->asked_pool;
	const bool queues = c->state == COVER_QUEUES;
	struct units_state u;

	units_state(c->of->p.lot, c->r, &u);
	if (u.n != 0 && !(queues && p->permits == u.permits && p->units - p->firm >= u.n))
		return true;
	for (const struct need *n = needs; n != NULL; n = n->next) {
		if (!n->is_patient && units_lack(c->of->p.lot, c->r, n->units.n))
			return true;
	}
	return false;
}

/* Units that are not in use go back; all else stays as it is, the phantom in the line too. */
void
pool_shed(struct cover *c)
{
	struct remote *m = c->of;
	struct ask q = {
		.has = c->has,
		.want = c->has,
		.id = ++c->question,
		.has_died = cover_take_mark(c),
		.is_unheard = c->is_unheard,
	};
	struct units_state u;
	struct answer a;

	units_fall(m->p.lot, c->r, &u);
	q.pool = (struct pool){ .permits = u.permits, .keeps = u.used };
	a = ask_shed(m, c->r, &q);
	latch_lock(&m->latch);
	if (!c->is_lost) { /* (CO6) */
		cover_put_mark(c, a.kind == ANSWER_FAILED ? q.has_died : a.has_died);
		c->owes = a.kind == ANSWER_FAILED;
		if (!c->owes)
			pool_take(c, &a);
	}
	if (u.n != 0 && u.is_next) /* else they would come and go for as long as it is barred */
		c->wish = mode_supremum(c->wish, LK_IX);
	latch_unlock(&m->latch);
	if (c->owes)
		cover_look_in(c, SHED_RETRY_NS);
	else if (!mode_covers(a.has, c->has))
		remote_loses(m, c); /* somebody broke the lock */
}
