/* SPDX-License-Identifier: MIT */
/*
 * Upkeep of the store (HR1-HR5): locks that an operator breaks, records that are damaged and made anew, in the midst of
 * all else.  Who had what was ended is told, and nobody gets it while somebody may still believe to have it.
 */
#include <latchkey/health.h>

#include "stored.h"

/* Longer than a process goes without a look: until then who had the name is not to be disturbed.  (HR4) */
#define KEPT_NS UINT64_C(10000000000)

static const char *
name_of(const struct step *t)
{
	return play_script->name[t->name[0]];
}

static int
break_name(const struct step *t)
{
	struct lk_break out = { .size = sizeof(out) };
	int rc;

	play.upkept.breaks[t->fiber] = true;
	rc = lk_break(play.m, name_of(t), strlen(name_of(t)), NULL, &out);
	play.upkept.breaks[t->fiber] = false;
	if (rc == 0 && out.fence != 0) {
		if (out.fence <= play.upkept.broken_fence[t->name[0]])
			fail("two breaks of %s have the same fence (DE5)", name_of(t));
		play.upkept.broken_fence[t->name[0]] = out.fence;
	}
	return rc;
}

static int
damage(const struct step *t)
{
	if (!stored_damage(name_of(t)))
		return LK_E_NOENT;
	play.abroad.spoilt[t->name[0]] = true;
	return 0;
}

static int
repair(const struct step *t)
{
	struct lk_repaired out = { .size = sizeof(out) };
	const uint32_t flags = LK_REPAIR_WRITE | (t->named != 0 ? LK_REPAIR_FORCE : 0);
	int rc = lk_repair(play.m, name_of(t), strlen(name_of(t)), flags, NULL, NULL, &out);

	return rc == 0 && out.live != 0 ? LK_E_BUSY : rc == 0 && out.failed != 0 ? LK_E_STORE : rc;
}

/* The record of that name can be read again.  By force, who had it is told, and has a while to look. */
void
upkept_mended(unsigned name)
{
	for (unsigned i = 0; i < BOOK_MAX; i++) {
		struct entry_of_book *e = &play.book[i];

		if (!e->held || book_seen(e, name) == LK_NL || leased_is_over(e))
			continue;
		if (e->ends_at > world.now + KEPT_NS)
			e->ends_at = world.now + KEPT_NS;
		e->is_doubtful = true;
	}
}

bool
upkept_step(const struct step *t, int *rc)
{
	switch (t->verb) {
	case VERB_BREAKS:
		*rc = break_name(t);
		return true;
	case VERB_DAMAGED:
		*rc = damage(t);
		return true;
	case VERB_REPAIRS:
		*rc = repair(t);
		return true;
	default:
		return false;
	}
}
