/* SPDX-License-Identifier: MIT */
/*
 * Grants that go from owner to owner (TR1-TR9), and locks that go from name to name.  In the book a grant on its way is
 * held by both: who of the two has it cannot be told from outside.
 */
#include "core/grant.h"
#include "play.h"

/* The fence of a grant as it is written down, without a step. */
static uint64_t
fence_of(struct lk_owner *w, lk_grant g)
{
	uint64_t fence = 0;
	struct hold *s;
	uint32_t slot;

	world.quiet = true;
	s = grant_find(w, g, &slot);
	if (s != NULL) {
		s = grant_hold(w, s);
		fence = hold_fence(s, hold_resource(s), shim_load(&s->head, SHIM_RELAXED));
	}
	world.quiet = false;
	return fence;
}

bool
handed_together(const struct entry_of_book *a, const struct entry_of_book *b)
{
	return a->fiber == b->fiber || a->also == b->fiber + 1 || b->also == a->fiber + 1 ||
	       (a->also != 0 && a->also == b->also);
}

/* It has arrived; if it is not gone again already. */
static void
arrive(const struct step *t, struct entry_of_book *e, lk_grant g, uint64_t fence)
{
	const unsigned to = t->name[0];
	const uint64_t now = fence_of(play.owner[to], g);

	play.grant[to][t->label] = g;
	e->fiber = to;
	e->label = t->label;
	e->serial = ++play.serials;
	book_check(e);
	if (now != 0 && now < fence)
		fail("line %u: the fence was %llx, and is %llx", t->line, (unsigned long long)fence,
		     (unsigned long long)now);
}

static int
hand_over(const struct step *t)
{
	struct entry_of_book *e = book_find(t->fiber, t->named);
	struct lk_owner *w = play.owner[t->fiber];
	const lk_grant g = play.grant[t->fiber][t->named];
	const bool was_over = leased_was_over(e);
	const uint64_t fence = fence_of(w, g);
	unsigned serial = 0;
	lk_grant out = 0;
	int rc;

	if (e != NULL) {
		serial = e->serial;
		e->also = t->name[0] + 1;
		if (play.async.gives_all[t->name[0]] != 0)
			e->held = false; /* that call may give it back, too */
	}
	play.hands[t->fiber] = true;
	rc = lk_transfer(w, g, play.owner[t->name[0]], &out);
	play.hands[t->fiber] = false;
	if (e == NULL || e->serial != serial)
		return rc;
	leased_said(t, e, was_over, rc);
	e->also = 0;
	if (rc == 0 && e->held)
		arrive(t, e, out, fence);
	else if (rc != 0 && rc != LK_E_LOST)
		e->held = true;
	return rc;
}

/* The old name may be somebody else's before the call has returned. */
static int
move(const struct step *t)
{
	struct entry_of_book *e = book_find(t->fiber, t->named);
	const char *name = play_script->name[t->name[0]];
	struct lk_options o = play_options(t);
	const uint64_t began_at = world.now;
	lk_grant g = 0;
	int rc;

	if (e != NULL)
		e->held = false;
	rc = lk_move(play.owner[t->fiber], play.grant[t->fiber][t->named], name, strlen(name),
		     play_has_options(t) ? &o : NULL, &g);
	if (e == NULL)
		return rc;
	if (rc == 0) {
		play_granted(t, t->name[0], e->mode, t->label, g, began_at);
	} else if (rc != LK_E_LOST && rc != LK_E_STALE) {
		e->held = true;
		book_check(e);
	}
	return rc;
}

bool
handed_step(const struct step *t, int *rc)
{
	if (t->verb == VERB_TRANSFER)
		*rc = hand_over(t);
	else if (t->verb == VERB_MOVE)
		*rc = move(t);
	else
		return false;
	play.refused[t->fiber] = *rc != 0;
	return true;
}
