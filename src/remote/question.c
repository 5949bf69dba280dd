/* SPDX-License-Identifier: MIT */
/* What a cover asks of the store: all that this process has of the name, and wants.  (CO3) */
#include "remote/fences.h"
#include "remote/inside.h"
#include "remote/knots.h"
#include "remote/values.h"

/*
 * As long as nothing that we have writes, the next to be told may be elsewhere: so the mark goes with the question, and who comes
 * here meanwhile is told nothing; it comes back with the answer, or not.  (CO7)
 */
bool
cover_take_mark(const struct cover *c)
{
	return !mode_writes(c->has) &&
	       (shim_and(&c->r->pins, ~PINS_DIED, SHIM_ACQ_REL) & PINS_DIED) != 0;
}

void
cover_put_mark(const struct cover *c, bool has)
{
	if (has)
		shim_or(&c->r->pins, PINS_DIED, SHIM_RELEASE);
}

/* With the latch: the last that was used, and nothing that goes back to the record can be taken any more.  (FE2) */
static void
return_fences(struct cover *c, struct ask *q)
{
	if (c->fence_end != 0)
		q->fence = shim_load(&c->r->fence, SHIM_ACQUIRE);
	if (!mode_writes(c->has))
		c->fence_end = 0;
}

/* (CO11) */
bool
cover_takes_hint(struct cover *c)
{
	const bool hears = c->hears;

	c->hears = false;
	return hears;
}

void
cover_question(struct cover *c, lk_mode want, const struct need *needs, struct question *x)
{
	struct remote *m = c->of;
	struct ask *q = &x->q;

	*q = (struct ask){
		.has = c->has,
		.want = mode_supremum(c->has, want),
		.has_died = cover_take_mark(c),
		.is_unheard = c->is_unheard,
		.is_hinted = cover_takes_hint(c),
		.pool = pool_of(c, needs),
		.had_units = c->units != 0 || c->owes,
		.earlier = c->state == COVER_QUEUES ? c->question : 0,
	};
	x->is_barred = remote_is_barred(m);
	if (!x->is_barred)
		remote_begin_anew(m);
	latch_lock(&m->latch);
	x->has_session = m->has_session;
	if (value_leaves(c, &x->value))
		q->value = &x->value;
	return_fences(c, q); /* `said` has fallen */
	latch_unlock(&m->latch);
	if (q->pool.units != q->pool.firm)
		q->want = mode_supremum(q->want, LK_IX);
	if ((c->state != COVER_QUEUES && !c->owes) || q->want != c->asked ||
	    q->has != c->asked_with || !pool_is(&q->pool, &c->asked_pool))
		c->question++;
	q->id = c->question;
	knots_ask(m->knots, c);
	c->asked_with = q->has;
	cover_becomes(c, COVER_ASKS);
	c->asked = q->want;
	c->asked_pool = q->pool;
}
