/* SPDX-License-Identifier: MIT */
/*
 * Grants that end by themselves (LE1-LE9): until when they are promised, what calls may say of them, who is told,
 * and what must hold of leases when nobody can go on by himself.
 */
#include "core/leases.h"
#include "play.h"

/* The end of a grant's lease as the library has it, without a step; NEVER: it has none; now: it is lost. */
static uint64_t
end_of(struct lk_owner *w, lk_grant g)
{
	uint64_t ends_at = NEVER;
	const struct hold *s;
	uint32_t slot;

	world.quiet = true;
	w = family_holder(w);
	s = grant_find(w, g, &slot);
	if (s == NULL)
		ends_at = world.now;
	else if (hold_is(s, HEAD_EXTRA) && (hold_extra(s)->flags & EXTRA_LEASED) != 0)
		ends_at = hold_extra(s)->lease->term.ends_at;
	world.quiet = false;
	return ends_at;
}

/* Does another grant give it?  Then it is lost with that one. */
static bool
is_implied(struct lk_owner *w, lk_grant g)
{
	bool implied = false;
	struct hold *s;
	uint32_t slot;

	world.quiet = true;
	w = family_holder(w);
	s = grant_find(w, g, &slot);
	if (s != NULL)
		implied = hold_is(grant_hold(w, s), HEAD_IMPLIED);
	world.quiet = false;
	return implied;
}

void
leased_granted(const struct step *t, struct entry_of_book *e, uint64_t began_at)
{
	struct lk_owner *w = family_holder(play.owner[t->fiber]);
	const lk_grant g = play.grant[t->fiber][e->label];

	e->ends_at = end_of(w, g);
	if (t->lease_ns != 0 && w->latch.word.v != LATCH_FREE) {
		/* Somebody is at it, and what there is may be half of it: at least so long, and perhaps longer. */
		e->ends_at = t->max_hold_ns == 0 ? began_at + t->lease_ns : world.now;
		e->flags |= LK_RENEW;
	}
	e->is_implied = is_implied(w, g);
	for (unsigned i = 0; i < BOOK_MAX; i++) {
		struct entry_of_book *a = &play.book[i];

		if (a->held && family_is_one(a->fiber, e->fiber) && a->name == e->name &&
		    leased_is_over(a))
			a->is_taken_over = true;
	}
	if (t->lease_ns != 0 && e->ends_at > world.now + (uint64_t)t->lease_ns)
		fail("a lease is longer than what was asked for");
	if (t->lease_ns != 0 && e->ends_at != world.now && t->max_hold_ns == 0 &&
	    e->ends_at < began_at + (uint64_t)t->lease_ns)
		fail("a lease is shorter than what was asked for");
}

/* What the caller may rely on: a grant is as long as its lease, and an implied one not longer than what implies it. */
bool
leased_is_over(const struct entry_of_book *e)
{
	if (e->is_forfeit || e->ends_at <= world.now || abroad_is_over(e))
		return true;
	for (unsigned i = 0; e->is_implied && i < BOOK_MAX; i++) {
		const struct entry_of_book *a = &play.book[i];

		if (a->held && family_is_one(a->fiber, e->fiber) && a->ends_at <= world.now)
			return true;
	}
	return false;
}

bool
leased_is_free(const struct entry_of_book *e)
{
	const uint64_t delay = play.m->lock_delay_ns;

	if (e->is_forfeit || abroad_is_over(e))
		return true;
	return leased_is_over(e) && (e->is_taken_over || e->is_implied || delay == LK_OFF ||
				     world.now >= e->ends_at + delay);
}

bool
leased_was_over(const struct entry_of_book *e)
{
	if (e != NULL && (e->is_forfeit || abroad_is_over(e)))
		return !world_weak && abroad_is_known_lost(e); /* else it need not be seen yet */
	return e != NULL && !e->is_implied && e->held && (e->flags & LK_RENEW) == 0 &&
	       leased_is_over(e);
}

void
leased_said(const struct step *t, const struct entry_of_book *e, bool was_over, int rc)
{
	/* a manager goes by its own clock and the guard for what clocks differ by: it may be early (CO8) */
	if (rc == LK_E_LOST && e != NULL && !e->is_implied && !e->is_doubtful &&
	    play_script->mortal == 0 && !leased_is_over(e))
		fail("line %u: it is not over, and %s says that it is lost", t->line,
		     verb_name[t->verb]);
	if (was_over && (rc == 0 || rc == LK_E_SUSPECT))
		fail("line %u: it was over, and %s does not say so (LE2, LE3)", t->line,
		     verb_name[t->verb]);
}

int
leased_check_grant(const struct step *t)
{
	struct entry_of_book *e = book_find(t->fiber, t->label);
	const bool was_over = leased_was_over(e);
	int rc = lk_check(play.owner[t->fiber], play.grant[t->fiber][t->label]);

	leased_said(t, e, was_over, rc);
	if (e != NULL && e->is_told_lost && (rc == 0 || rc == LK_E_SUSPECT))
		fail("line %u: it was said to be lost, and now to be held (AB4)", t->line);
	if (e != NULL && rc == LK_E_LOST)
		e->is_told_lost = true;
	return rc;
}

int
leased_renew(const struct step *t)
{
	struct entry_of_book *e = book_find(t->fiber, t->label);
	const bool was_over = leased_was_over(e);
	const lk_grant g = play.grant[t->fiber][t->label];
	int rc = lk_renew(play.owner[t->fiber], g, (uint64_t)t->lease_ns);

	leased_said(t, e, was_over, rc);
	if (rc == 0)
		e->ends_at = end_of(play.owner[t->fiber], g);
	return rc;
}

/* --------------------------------------------------------------------- notices */

/* Once for each grant that is lost, and not after the owner was closed. */
void
leased_notice(void *arg, const struct lk_notice *n)
{
	const unsigned fiber = (unsigned)(uintptr_t)arg;

	if (n->owner_id <= play.closed_id[fiber])
		fail("%s is told of something after it was closed (A1)", play_script->fiber[fiber]);
	if (sched_in_fiber()) { /* on a word that the owner's thread uses, or it is no decision */
		sched_point((uintptr_t)&n->owner->latch.word, true);
		sched_done((uintptr_t)&n->owner->latch.word, true);
	}
	if (n->owner_id <= play.closed_id[fiber])
		fail("%s was closed while it is being told of something (A1)",
		     play_script->fiber[fiber]);
	if (n->kind != LK_NOTICE_LOST)
		return;
	for (unsigned i = 0; i < play.n_told; i++) {
		if (play.told[i].id == n->owner_id && play.told[i].grant == n->grant)
			fail("%s is told twice that it lost a grant", play_script->fiber[fiber]);
	}
	if (n->fence == 0 && (n->held == LK_X || n->held == LK_U || n->held == LK_SIX))
		fail("%s is told of a loss without its fence", play_script->fiber[fiber]);
	if (play.n_told == TOLD_MAX)
		fail("more losses than the tester has room for");
	play.told[play.n_told].id = n->owner_id;
	play.told[play.n_told++].grant = n->grant;
}

/* ------------------------------------------------ when nobody can go on by himself */

static bool
somebody_serves(void)
{
	bool serves = false;

	for (unsigned i = 0; i < world.n_fibers; i++)
		serves |= world.fiber[i].serves;
	return serves;
}

static void
check_lease(struct lk_owner *w, const struct lease *l)
{
	uint32_t slot;

	if (l->owner.v != w || (l->state != LK_LEASE_HELD && l->state != LK_LEASE_SUSPECT))
		fail("a lease of state %u is among those that an owner has (LE6)", l->state);
	if (grant_find(w, l->grant, &slot) == NULL)
		fail("a lease is of a grant that is not held (LE6)");
	if (!l->timer.is_set)
		fail("a lease has no timer (LE6)");
	if (somebody_serves() && l->term.ends_at <= world.now)
		fail("a lease is over, everybody sleeps, and nobody ends it (LE3)");
}

void
leased_check(struct lk_owner *w)
{
	if (w->leases != NULL && w->gate != &w->turnstile)
		fail("an owner has leases, and is not shared (LE5)");
	for (const struct lease *l = w->leases; l != NULL; l = l->next)
		check_lease(w, l);
	for (const struct lease *l = w->keeps; l != NULL; l = l->next) {
		if (l->owner.v != w || l->state != LK_LEASE_LOST)
			fail("what is kept from others was not lost (LE7)");
		if (!l->timer.is_set)
			fail("what is kept from others has no timer (LE9)");
	}
}

static bool
need_free(void *object, void *arg)
{
	const struct lease *l = object;

	(void)arg;
	if (l->owner.v != NULL || l->timer.is_set || l->state != LK_LEASE_NONE)
		fail("all owners are closed, and there is a lease of state %u (LE7)", l->state);
	return true;
}

void
leased_check_closed(void)
{
	slab_each(&play.m->leases, need_free, NULL);
	if (!async_timers_only(play.m->service.timers.first))
		fail("all owners are closed, and a timer is set");
}
