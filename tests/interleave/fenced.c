/* SPDX-License-Identifier: MIT */
/*
 * Fences: each is above all that were given out before for that name, in whatever process.  What is implied has one once
 * somebody asks for it; by then its process may have lost the name, and then it is below those of who has it next.  (FE1-FE5)
 */
#include "core/grant.h"
#include "play.h"

/* The fence of a grant as it is written down, without a step. */
static uint64_t
fence_of(struct lk_owner *w, lk_grant g, bool *is_implied)
{
	uint64_t fence = 0;
	struct hold *s;
	uint32_t slot;

	world.quiet = true;
	*is_implied = false;
	w = family_holder(w);
	s = grant_find(w, g, &slot);
	if (s != NULL) {
		s = grant_hold(w, s);
		fence = hold_fence(s, hold_resource(s), shim_load(&s->head, SHIM_RELAXED));
		*is_implied = hold_is(s, HEAD_IMPLIED);
	}
	world.quiet = false;
	return fence;
}

void
fenced_granted(const struct entry_of_book *e, lk_mode before, lk_grant g)
{
	bool is_implied;
	const uint64_t fence = fence_of(play.owner[e->fiber], g, &is_implied);

	play.fence_before[e->fiber][e->label] = play.fence[e->name];
	play.fence_is_older[e->fiber][e->label] = before != LK_NL;
	if (leased_is_over(e))
		return;
	if (fence != 0 || !is_implied || play_script->n_processes == 0) /* (FE1) */
		book_check_fence(e->fiber, e->name, before, e->mode, fence);
}

/* It is asked for, and may be fetched. */
static int
ask(const struct step *t)
{
	const struct entry_of_book *e = book_find(t->fiber, t->label);
	const uint64_t before = play.fence_before[t->fiber][t->label];
	uint64_t fence;
	uint64_t last;
	unsigned name;

	if (e == NULL)
		fail("line %u: nothing is held that could have a fence", t->line);
	name = e->name;
	fence = lk_fence(play.owner[t->fiber], play.grant[t->fiber][t->label]);
	last = play.fence[name];
	if (fence == 0)
		return LK_E_LOST;
	if (fence == last && play.fence_of[name] == t->fiber &&
	    (last != before || play.fence_is_older[t->fiber][t->label]))
		return 0; /* it was asked for since */
	if (!leased_is_over(e) && fence <= last)
		fail("%s asks for the fence of %s, which is %llx, and %llx was given out (FE2)",
		     play_script->fiber[t->fiber], play_script->name[name],
		     (unsigned long long)fence, (unsigned long long)last);
	if (leased_is_over(e) && last != before && fence >= last)
		fail("%s lost %s, and has fence %llx now, and who had it next %llx (FE4)",
		     play_script->fiber[t->fiber], play_script->name[name],
		     (unsigned long long)fence, (unsigned long long)last);
	if (fence > last) {
		play.fence[name] = fence;
		play.fence_of[name] = t->fiber;
	}
	return 0;
}

bool
fenced_step(const struct step *t, int *rc)
{
	if (t->verb != VERB_FENCE)
		return false;
	*rc = ask(t);
	return true;
}
