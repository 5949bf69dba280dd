/* SPDX-License-Identifier: MIT */
/* Spells: begun, timed, ended.  (SP1-SP5) */
#include "core/spell.h"

enum {
	SPELL_FIRST = 4,    /* grants, before any was timed */
	SPELLS_A_CLOCK = 8, /* one of so many is timed */
	POLITE_MOST = 8     /* looks, a pause after each: some 200 to 400 ns */
};

/* The next grants, `n` of them.  (SP2) */
static void
begin(struct lk_owner *w, const struct lk_resource *r, uint64_t n)
{
	struct spell *s = &w->spell;

	s->of = r;
	s->end = shim_load(&w->drawn, SHIM_RELAXED) + n;
	s->fence = shim_load(&r->fence, SHIM_RELAXED);
	shim_store(&w->drawn_end, spell_bound(w, shim_load(&w->drawn_end, SHIM_RELAXED)),
		   SHIM_RELAXED);
}

void
spell_begin(struct lk_owner *w, const struct lk_resource *r)
{
	struct spell *s = &w->spell;

	if (!w->manager->many_cpus)
		return;
	if (s->length == 0)
		s->length = SPELL_FIRST;
	s->n_vain = 0;
	s->since_ns = s->n_begun++ % SPELLS_A_CLOCK == 0 ? env_now(&w->manager->env) : 0;
	begin(w, r, s->length);
}

/* (SP1) */
static void
learn(struct lk_owner *w)
{
	struct spell *s = &w->spell;
	uint64_t now, took, n;

	if (s->since_ns == 0)
		return;
	now = env_now(&w->manager->env);
	took = now > s->since_ns ? now - s->since_ns : 1;
	n = s->length * (uint64_t)SPELL_NS / took;
	s->length = n < 1 ? 1 : n > SPELL_MOST ? SPELL_MOST : (uint32_t)n;
	s->since_ns = 0;
}

/* Is it taken, by now or in a moment?  (SP3) */
static bool
somebody_comes(const struct lk_resource *r, lk_mode want)
{
	for (int i = 0; i < POLITE_MOST; i++) {
		if (!word_admits(shim_load(&r->word, SHIM_RELAXED), LK_NL, want))
			return true;
		shim_pause();
	}
	return false;
}

void
spell_look(struct lk_owner *w, const struct lk_resource *r, lk_mode want)
{
	struct spell *s = &w->spell;
	const uint64_t ours = (uint64_t)s->length << s->n_vain;

	if (shim_load(&w->drawn, SHIM_RELAXED) < s->end)
		return;
	learn(w);
	s->of = NULL;
	if (shim_load(&r->fence, SHIM_RELAXED) - s->fence > ours || somebody_comes(r, want) ||
	    ++s->n_vain > VAIN_MOST)
		return;
	begin(w, r, (uint64_t)s->length << s->n_vain); /* (SP4) */
}
