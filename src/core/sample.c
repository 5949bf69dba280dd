/* SPDX-License-Identifier: MIT */
/* The grants that are timed: drawn by lot, begun and ended.  (V6, V7, V8) */
#include "core/grant.h"
#include "core/sample.h"
#include "core/spell.h"

/* Grants that this memory has made. */
static uint64_t
grants_made(const struct lk_owner *w)
{
	return shim_load(&w->drawn, SHIM_RELAXED) - shim_load(&w->count.intents, SHIM_RELAXED);
}

/* By lot, one of those from `window` * sample_every on.  (V6) */
static uint64_t
draw(const struct lk_owner *w, uint64_t window)
{
	const struct lk_manager *m = w->manager;
	const uint64_t number = shim_load(&w->id, SHIM_RELAXED) & (OWNER_OPENING - 1);

	if (m->sample_every == LK_OFF)
		return SHIM_NEVER;
	return window * m->sample_every +
	       hash_two(number, window, 0, m->index.seed) % m->sample_every;
}

void
sample_begin(struct lk_owner *w)
{
	w->sample_at = draw(w, 0);
}

/* Would a grant that is made now be the one? */
static bool
is_due(const struct lk_owner *w)
{
	return grants_made(w) >= w->sample_at;
}

void
sample_aim(struct lk_owner *w)
{
	const uint64_t drawn = shim_load(&w->drawn, SHIM_RELAXED);
	const uint64_t left = is_due(w) ? 0 : w->sample_at - grants_made(w);
	const uint64_t end = left < w->block_end - drawn ? drawn + left : w->block_end;

	shim_store(&w->drawn_end, spell_bound(w, end), SHIM_RELAXED); /* (V8) */
}

void
sample_time(struct lk_owner *w, struct request *q)
{
	if (((q->flags | w->flags) & LK_TIMED) != 0)
		q->extra->flags |= EXTRA_TIMED;
	else if (is_due(w))
		q->extra->flags |= EXTRA_SAMPLED;
	else
		return;
	shim_store(&q->extra->since_ns, env_now(&w->manager->env), SHIM_RELEASE);
}

void
sample_prepare(struct lk_owner *w, struct request *q)
{
	if (!is_due(w))
		return;
	q->extra = owner_extra(w, &w->manager->extras);
	if (q->extra != NULL) /* else the next one will be it (V7) */
		sample_time(w, q);
}

static uint64_t
weight_of(const struct lk_owner *w, const struct extra *e)
{
	return (e->flags & EXTRA_SAMPLED) != 0 ? w->manager->sample_every : 1;
}

void
sample_granted(struct lk_owner *w, const struct extra *e, lk_mode mode)
{
	const uint64_t this = grants_made(w) - 1;

	if ((e->flags & (EXTRA_SAMPLED | EXTRA_TIMED)) == 0)
		return;
	times_granted(&w->manager->times, mode, weight_of(w, e));
	if (this < w->sample_at || w->sample_at == SHIM_NEVER)
		return;
	w->sample_at = draw(w, this / w->manager->sample_every + 1);
	sample_aim(w);
}

bool
sample_ends(struct lk_owner *w, const struct hold *s, struct sample_end *end)
{
	const struct lk_manager *m = w->manager;
	struct extra *e = shim_load(&s->extra, SHIM_RELAXED);
	const struct hold *hold = s;
	uint64_t since;
	uint64_t now;

	if ((e->flags & (EXTRA_SAMPLED | EXTRA_TIMED)) == 0)
		return false;
	if ((shim_load(&s->head, SHIM_RELAXED) & HEAD_REENTRY) != 0)
		hold = hold_at(&w->holds, reentry_hold(s));
	since = shim_load(&e->since_ns, SHIM_RELAXED);
	now = env_now(&m->env);
	end->mode = head_mode(shim_load(&s->head, SHIM_RELAXED));
	end->held_ns = now > since ? now - since : 0;
	end->weight = weight_of(w, e);
	sketch_name(&end->name, shim_load(&hold->resource, SHIM_RELAXED), m->index.seed);
	e->flags &= ~(EXTRA_SAMPLED | EXTRA_TIMED); /* it may stay, for grants that came later */
	return true;
}

void
sample_record(struct lk_owner *w, const struct sample_end *end)
{
	times_held(&w->manager->times, &end->name, end->mode, end->held_ns, end->weight);
}

void
sample_forget(const struct hold *s)
{
	struct extra *e = hold_extra(s);

	if (hold_is(s, HEAD_EXTRA))
		e->flags &= ~(EXTRA_SAMPLED | EXTRA_TIMED);
}
