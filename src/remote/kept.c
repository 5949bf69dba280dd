/* SPDX-License-Identifier: MIT */
/* What a composite keeps back stays covered, and others who want more of it are asked for later.  (CO12) */
#include "remote/inside.h"

/* Of those who are not in the line, as they only try: may one enter beside what is kept, once it is covered? */
static bool
may_enter(const struct cover *c, const struct need *needs, lk_mode kept)
{
	for (const struct need *n = needs; n != NULL; n = n->next) {
		if (!n->is_patient && !abroad_admits(c->has, n->want) &&
		    (mode_conflicts(kept) & MODE_BIT(n->want)) == 0)
			return true;
	}
	return false;
}

/*
 * The composite may wait for somebody who waits with it for this name, whom nobody asks for: through what he holds, and other processes.
 * So he is asked for all the same now and then; and in between there is more time each time.
 */
static bool
is_time_to_give(struct cover *c, uint64_t since_ns)
{
	const uint64_t now = env_now(c->of->p.env);
	const uint64_t gave = c->gave_ns > since_ns ? c->gave_ns - since_ns : 0;

	if (now - since_ns < c->of->p.patience_ns || now - since_ns < 2 * gave)
		return false;
	c->gave_ns = now;
	return true;
}

/* `defers` is there before the line is looked at: so whoever goes from it after that finds it. */
bool
cover_keeps(struct cover *c, const struct need *needs)
{
	struct abroad_kept kept;

	if (c->has == LK_NL || c->dozes || (c->state != COVER_HELD && c->state != COVER_YIELDS))
		return false;
	shim_store(&c->defers, 1u, SHIM_RELAXED);
	kept = abroad_kept(c->of->p.lot, c->r, c->has);
	if (kept.mode == LK_NL || kept.enters || may_enter(c, needs, kept.mode) ||
	    !(kept.bars || kept.joins) || (kept.joins && is_time_to_give(c, kept.since_ns))) {
		shim_store(&c->defers, 0u, SHIM_RELAXED);
		return false;
	}
	if (c->state != COVER_YIELDS || waiter_state(&c->waiter) != WAITER_WAITING)
		cover_look_in(c, c->of->p.patience_ns); /* else the phantom looks anyway */
	return true;
}

void
remote_passed(struct remote *m, const struct lk_resource *r)
{
	struct cover *c;

	latch_lock(&m->latch);
	c = cover_find(m, r);
	if (c != NULL && shim_xchg(&c->defers, 0u, SHIM_RELAXED) != 0) {
		c->look |= c->is_busy; /* who works on it looks for word (CO1) */
		timer_set(m->p.timers, &c->timer, 0);
	}
	latch_unlock(&m->latch);
}
