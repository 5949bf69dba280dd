/* SPDX-License-Identifier: MIT */
/* How long covers stay that nobody here uses.  (LG1-LG5) */
#include "base/hash.h"
#include "remote/inside.h"
#include "remote/linger.h"

/* ------------------------------------------------------------------------- habits */

static struct habit *
habit_of(struct cover *c)
{
	size_t len;
	bool is_id;
	const void *name = resource_name(c->r, &len, &is_id);

	return &c->of->habit[hash_bytes(name, len, is_id) % HABITS];
}

void
linger_rose(struct cover *c, const struct answer *a, lk_mode from)
{
	struct habit *h;

	if (mode_writes(a->has) && !mode_writes(from))
		c->fence_begin = a->fence_from;
	if (from != LK_NL || a->has == LK_NL)
		return;
	h = habit_of(c);
	if (!habit_keeps(h->score)) /* it was given back before anybody asked: did anybody? */
		h->score = h->fence == (uint32_t)a->last_fence ? habit_stays(h->score, 1)
							       : habit_leaves(h->score);
	h->fence = (uint32_t)a->last_fence;
}

void
linger_falls(struct cover *c)
{
	const uint64_t fence = shim_load(&c->r->fence, SHIM_RELAXED);
	struct habit *h;

	latch_lock(&c->of->latch);
	h = habit_of(c);
	if (mode_writes(c->has)) {
		const uint64_t n = fence - c->fence_begin; /* each who writes takes one (R5) */

		if (n > 1)
			h->score = habit_stays(h->score, n - 1);
		if (shim_load(&c->is_early, SHIM_RELAXED) == 0)
			h->score = habit_leaves(h->score);
		h->fence = (uint32_t)fence;
	}
	latch_unlock(&c->of->latch);
}

/* --------------------------------------------------------------------------- time */

/* 0: not by time. */
static uint64_t
time_of(const struct remote *m)
{
	const uint64_t ns = shim_load(m->p.linger_ns, SHIM_RELAXED);

	return ns != LK_OFF ? ns : 0;
}

static void
set_timer(struct cover *c, uint64_t ns)
{
	if (ns != 0)
		timer_set(c->of->p.timers, &c->linger, env_boottime(c->of->p.env) + ns);
}

/*
 * It is not to be kept: as if somebody asked, it goes back as soon as nobody here has it.  Who waits for others as well
 * would only ask for it again.
 */
void
linger_see(struct cover *c)
{
	const bool early = remote_keeps_nothing(c->of) || !habit_keeps(habit_of(c)->score);

	shim_store(&c->is_early, 0u, SHIM_RELAXED);
	if (c->has == LK_NL)
		return;
	if (early && !abroad_waits_together(c->of->p.lot, c->r)) {
		shim_store(&c->is_early, c->demand == LK_NL, SHIM_RELAXED);
		c->demand = LK_X;
	}
}

void
linger_leaves(struct cover *c)
{
	const struct remote *m = c->of;
	const bool is_early = shim_load(&c->is_early, SHIM_RELAXED) != 0;

	if (m->p.is_manual || (is_early && !combine_may(m)))
		timer_set(m->p.timers, &c->timer, 0);
	else if (is_early)
		timer_set_lazily(m->p.timers, &c->timer, env_boottime(m->p.env) + ALONG_NS);
	else
		timer_set(m->p.timers, &c->timer, env_boottime(m->p.env) + BOTH_NS);
}

uint64_t
linger_ages(const struct cover *c)
{
	const struct remote_parts *p = &c->of->p;

	return shim_load(&c->is_early, SHIM_RELAXED) != 0
		       ? p->patience_ns
		       : shim_load(p->fair_after_ns, SHIM_RELAXED);
}

void
linger_begins(struct cover *c)
{
	if (c->has != LK_NL)
		set_timer(c, time_of(c->of));
}

/* Is there nothing but time that could make it go? */
static bool
is_at_rest(const struct cover *c)
{
	return c->state == COVER_HELD && c->has != LK_NL && !c->owes && c->units == 0;
}

bool
linger_ends(struct cover *c)
{
	struct remote *m = c->of;
	const uint64_t ns = time_of(m);
	const uint64_t now = env_boottime(m->p.env);

	if (ns == 0 || !is_at_rest(c)) {
		set_timer(c, ns);
		return false;
	}
	if (c->dozes && now - c->dozes_since >= ns) { /* (LG2) */
		c->dozes = false;
		c->has = LK_NL;
		c->owes = true;
		return true;
	}
	if (!c->dozes && abroad_freezes_idle(m->p.lot, c->r, c->has)) { /* (LG1) */
		c->dozes = true;
		c->dozes_since = now;
	}
	timer_set(m->p.timers, &c->linger, c->dozes ? c->dozes_since + ns : now + ns);
	return false;
}

bool
linger_wakes(struct cover *c)
{
	struct remote *m = c->of;

	if (!c->dozes)
		return true;
	latch_lock(&m->latch);
	if (!c->is_lost) {
		c->dozes = false;
		abroad_rises(m->p.lot, c->r, LK_NL, c->has, NULL);
	}
	latch_unlock(&m->latch);
	if (c->dozes)
		return false;
	set_timer(c, time_of(m));
	return true;
}

void
remote_lingers(struct remote *m)
{
	const uint64_t ns = time_of(m);

	latch_lock(&m->latch);
	for (uint32_t i = 0; ns != 0 && i < CHAINS; i++) {
		struct cds_list_head *node;

		cds_list_for_each(node, &m->chain[i])
			set_timer(container_of(node, struct cover, node), ns);
	}
	latch_unlock(&m->latch);
	timer_set(m->p.timers, &m->poll, 0); /* or all of them look for themselves */
}
