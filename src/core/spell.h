/* SPDX-License-Identifier: MIT */
/*
 * Spells: of those who want a name all the time each has it a few times in a row.
 *
 * Who gives a name up has its line in the nearest cache, and takes it again before anybody else can see that it was free.
 * Without a rule one thread has it for long stretches, by chance.  With a hand-over for every grant all of them wait for lines
 * that come from another processor.  So what was had against others begins a *spell* of a few grants.  The plain way learns of
 * its end by what it looks at anyway (`drawn_end`), as of a grant to be timed: there the owner is not plain, and if it comes for
 * the same name again it looks for a moment whether somebody takes it, before it tries itself.
 *
 * SP1 a spell is of as many grants as take SPELL_NS, by a clock that some of them look at, and of SPELL_MOST at most.
 * SP2 `drawn_end` is not beyond its end (V8).  So whoever is past that end goes the long way once.
 * SP3 who lets others in waits for POLITE_MOST looks at most, holds nothing for it, and has no latch.  A request that may not wait
 *     lets nobody in.
 * SP4 if nobody comes the next spell is twice as long, and after VAIN_MOST of them there is none, until the name is contended again.
 *     If somebody came by himself, as the fence tells, nobody is waited for.
 * SP5 `of` is compared, never followed: the entry may be another name's by now.
 */
#ifndef LK_CORE_SPELL_H
#define LK_CORE_SPELL_H

#include "core/request.h"

enum { SPELL_NS = 800, SPELL_MOST = 6, VAIN_MOST = 4 };

/* `r` was had by spinning, or in its line, by an owner that had nothing there; the grant is not drawn yet. */
void spell_begin(struct lk_owner *w, const struct lk_resource *r);

/* The owner comes for the name of its spell: if that is over, others are let in. */
void spell_look(struct lk_owner *w, const struct lk_resource *r, lk_mode want);

/* Before the first attempt at a new hold. */
LK_HOT void
spell_mind(struct lk_owner *w, const struct lk_resource *r, lk_mode want, const struct request *q)
{
	if (unlikely(w->spell.of == r) && (q->flags & LK_NOWAIT) == 0 && !w->is_latched)
		spell_look(w, r, want);
}

/* `end`, or the end of the spell that is under way if that comes first.  (SP2) */
LK_HOT uint64_t
spell_bound(const struct lk_owner *w, uint64_t end)
{
	const struct spell *s = &w->spell;

	if (likely(s->of == NULL) || s->end >= end || s->end <= shim_load(&w->drawn, SHIM_RELAXED))
		return end;
	return s->end;
}

#endif /* LK_CORE_SPELL_H */
