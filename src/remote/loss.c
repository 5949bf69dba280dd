/* SPDX-License-Identifier: MIT */
/* What a process has, what of it is in doubt, and what was lost, for those who tell of it. */
#include "remote/inside.h"

void
remote_ring(struct remote *m)
{
	if (m->p.n_listeners != NULL && shim_load(m->p.n_listeners, SHIM_ACQUIRE) != 0)
		timer_set(m->p.alarm_timers, m->p.alarm, 0);
}

uint64_t
remote_deadline(struct remote *m)
{
	uint64_t deadline_ns;

	latch_lock(&m->latch);
	deadline_ns = m->has_session ? shim_load(&m->deadline_ns, SHIM_RELAXED) : SHIM_NEVER;
	latch_unlock(&m->latch);
	return deadline_ns;
}

/* A session is renewed after a third of its time: before half of it is over nobody has reason to doubt. */
enum { DOUBT_PCT = 50 };

static uint64_t
doubt_after(const struct remote *m, uint32_t suspect_pct)
{
	return m->p.ttl_ns / 100 * (suspect_pct > DOUBT_PCT ? suspect_pct : DOUBT_PCT);
}

/* Of what was renewed so that it is over then. */
static uint64_t
doubt_at(const struct remote *m, uint64_t deadline_ns, uint32_t suspect_pct)
{
	return deadline_ns - remote_lifetime(m) + doubt_after(m, suspect_pct);
}

uint64_t
remote_suspect_at(struct remote *m, uint32_t suspect_pct)
{
	const uint64_t deadline_ns = remote_deadline(m);

	return deadline_ns != SHIM_NEVER ? doubt_at(m, deadline_ns, suspect_pct) : SHIM_NEVER;
}

/* Without the latch, unless it is: by what the deadline was at some moment of the call. */
bool
remote_is_suspect(struct remote *m, uint32_t suspect_pct)
{
	const uint64_t deadline_ns = shim_load(&m->deadline_ns, SHIM_ACQUIRE);
	uint64_t now;

	if (deadline_ns == SHIM_NEVER)
		return false;
	now = env_boottime(m->p.env);
	return now >= doubt_at(m, deadline_ns, suspect_pct) &&
	       now >= remote_suspect_at(m, suspect_pct);
}

/* It cannot be renewed, and in doubt once more, before that. */
uint64_t
remote_suspect_again(struct remote *m, uint32_t suspect_pct, uint64_t now)
{
	const uint64_t deadline_ns = remote_deadline(m);
	const uint64_t soon = now + doubt_after(m, suspect_pct);

	return deadline_ns < soon ? deadline_ns : deadline_ns != SHIM_NEVER ? soon : SHIM_NEVER;
}

struct remote_loss
remote_loss(struct remote *m, const struct lk_resource *r)
{
	struct remote_loss loss = { LK_LOSS_NONE, 0 };
	const struct cover *c;

	while (r != NULL && (shim_load(&r->word, SHIM_ACQUIRE) & WORD_FREEZE) == 0)
		r = resource_parent(r);
	if (r == NULL)
		return loss;
	latch_lock(&m->latch);
	c = cover_find(m, r);
	if (c != NULL)
		loss = c->loss;
	latch_unlock(&m->latch);
	return loss;
}

lk_mode
remote_cover(struct remote *m, const struct lk_resource *r)
{
	const struct cover *c;
	lk_mode has = LK_NL;

	latch_lock(&m->latch);
	c = cover_find(m, r);
	if (c != NULL && !c->is_busy && !c->is_lost)
		has = c->has;
	latch_unlock(&m->latch);
	return has;
}
