/* SPDX-License-Identifier: MIT */
/*
 * Escalation (ES1-ES7): owners for whom two locks are too many, and the way back.  What each was granted is in the
 * book whatever it is counted as, so that nobody may be granted beside it what the contract does not allow.
 */
#include "core/escalate.h"
#include "play.h"

/* Of the caller's own owner: so many locks below a name are not too many.  The settings have no such small numbers. */
int
escalated_after(const struct step *t)
{
	struct lk_owner *w = play.owner[t->fiber];

	w->escalate_after = t->named;
	w->flags |= OWNER_ESCALATES;
	return 0;
}

/* What the names below are held in is said by their words at the end of each call; here, that it comes at all. */
int
escalated_back(const struct step *t)
{
	const char *name = play_script->name[t->name[0]];
	const uint64_t waits = play.owner[t->fiber]->count.waits.v;
	int rc = lk_deescalate(play.owner[t->fiber], name, strlen(name));

	if (play.owner[t->fiber]->count.waits.v != waits)
		fail("line %u: it has waited (ES7)", t->line);
	return rc > 0 ? 0 : rc;
}
