/* SPDX-License-Identifier: MIT */
/* Counters, summed when somebody asks.  (O4) */
#include "core/call.h"

static void
add_counters(struct lk_stats *s, const struct owner_counters *c)
{
#define ADD(name, text) s->name += shim_load(&c->name, SHIM_RELAXED);
	LK_COUNTER_LIST(ADD)
#undef ADD
}

static void
add_cache(struct lk_stats *s, const struct index_cache *c)
{
	s->created += cache_created(c);
	s->evicted += cache_evicted(c);
}

/* Each grant drew a stamp, and each hold that has no grant of its own.  (O5) */
static uint64_t
grants_of(const struct lk_owner *w)
{
	const uint64_t drawn = shim_load(&w->drawn, SHIM_ACQUIRE);

	return drawn - shim_load(&w->count.intents, SHIM_RELAXED);
}

/* What is read while owners work may be some too low (O5), but not lower than it was said to be before. */
static uint64_t
never_less(a64 *told, uint64_t now)
{
	uint64_t before = shim_load(told, SHIM_ACQUIRE);

	while (before < now && !shim_cas(told, &before, now, SHIM_ACQ_REL))
		shim_pause();
	return before < now ? now : before;
}

static bool
add_owner(void *object, void *arg)
{
	const struct lk_owner *w = object;
	struct lk_stats *s = arg;

	add_counters(s, &w->count);
	add_cache(s, &w->cache);
	s->grants += grants_of(w) - shim_load(&w->undone.ever, SHIM_RELAXED);
	s->owners += shim_load(&w->state, SHIM_RELAXED) > OWNER_KEEPING;
	s->holds += holds_n(&w->holds);
	return true;
}

int
lk_stats(struct lk_manager *m, struct lk_stats *out)
{
	struct lk_stats s = { 0 };
	int rc = check_reading(m, out, sizeof(s));

	if (rc != 0)
		return rc;
	slab_each(&m->owners, add_owner, &s);
	add_cache(&s, &m->cache);
	s.grants = never_less(&m->grants_told, s.grants);
	s.waiting = lot_length(&m->lot);
	s.handles = shim_load(&m->handles, SHIM_RELAXED);
	s.names = s.created > s.evicted ? s.created - s.evicted : 0;
	s.buckets = (uint32_t)shim_load(&m->index.shape, SHIM_RELAXED);
	s.bytes = shim_load(&m->env.bytes, SHIM_RELAXED);
	copy_struct(out, &s, sizeof(s));
	return 0;
}

int
lk_owner_stats(struct lk_owner *w, struct lk_stats *out)
{
	struct lk_stats s = { 0 };
	struct lk_stats before = { 0 };
	struct lk_owner *h;
	int rc;

	if (w == NULL || out == NULL)
		return LK_E_INVAL;
	rc = check_struct(out, out->size, sizeof(s));
	if (rc != 0)
		return rc;
	rc = release_enter(w);
	if (rc == 0) {
		h = call_holder(w);
		add_counters(&s, &h->count);
		add_cache(&s, &h->cache);
		s.grants = grants_of(h);
		add_counters(&before, &h->at_open);
#define SUBTRACT(name, text) s.name -= before.name;
		LK_COUNTER_LIST(SUBTRACT)
#undef SUBTRACT
		if (h->undone.opening == shim_load(&h->id, SHIM_RELAXED))
			s.grants -= h->undone.since;
		s.owners = 1;
		s.holds = holds_n(&h->holds);
		copy_struct(out, &s, sizeof(s));
		call_end(w);
	}
	return rc;
}
