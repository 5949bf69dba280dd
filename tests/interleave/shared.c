/* SPDX-License-Identifier: MIT */
/*
 * Owners that are shared (Z1-Z4), and what happens when nobody calls: steps that seize an owner and end a grant of
 * it, as a lease that runs out will, and timers.  What an owner holds must change under its latch alone, and
 * never while one of its calls is away.
 */
#include "core/call.h"
#include "core/pool.h"
#include "core/release.h"
#include "play.h"
#include "wait/composite.h"

enum { NUMBERS_MAX = 64, ALL_NUMBERS = NUMBERS_MAX * PROCESSES_MAX, NOBODY = -1 };

/* Who has which latch. */
static struct {
	int owner[ALL_NUMBERS]; /* by number: the fiber that has its latch */
	const struct lk_owner *at[ALL_NUMBERS];
	unsigned others[FIBERS_MAX];
} latched;

void
shared_begin(void)
{
	memset(&latched, 0, sizeof(latched));
	for (unsigned i = 0; i < ALL_NUMBERS; i++)
		latched.owner[i] = NOBODY;
}

static int
me(void)
{
	return (int)(world.current - world.fiber);
}

/* ------------------------------------------------------------------ at steps */

/* The owner that this word is part of, or NULL. */
static struct lk_owner *
owner_at(uintptr_t at)
{
	return check_object(&play.m->owners, at);
}

static int *
holder_of(const struct lk_owner *w)
{
	const uint64_t number = w->id.v & (OWNER_OPENING - 1);

	if (number >= NUMBERS_MAX)
		fail("more owners than the tester can look at");
	return &latched.owner[number + abroad_number(play.m) * NUMBERS_MAX];
}

static bool
is_shared(const struct lk_owner *w)
{
	return w->gate == &w->turnstile;
}

/* Does its call stand in a line, and nobody has ended that yet? */
static bool
waits(const struct lk_owner *w)
{
	if (w->waits_as != NULL)
		return w->waits_as->state.v == WAITER_WAITING;
	return w->waits_for_all != NULL && w->waits_for_all->state.v == WAITER_WAITING;
}

/* Owners first, and one at a time, but for who hands something over: two, in the order of their addresses.  (Z4) */
static void
owner_latched(const struct lk_owner *w)
{
	bool may = play.hands[me()];

	for (unsigned i = 0; i < ALL_NUMBERS; i++) {
		if (latched.owner[i] != me())
			continue;
		if (!may || (uintptr_t)latched.at[i] > (uintptr_t)w)
			fail("%s takes the latch of an owner, and has another's (Z4)",
			     world.current->name);
		may = false;
	}
	if (latched.others[me()] != 0)
		fail("%s takes the latch of an owner, and has that of a line (Z4)",
		     world.current->name);
	*holder_of(w) = me();
	latched.at[holder_of(w) - latched.owner] = w;
}

/* What is due was done, or a call that is away will do it, and does not sleep until then.  (Z2, Z3) */
static void
owner_opened(const struct lk_owner *w)
{
	*holder_of(w) = NOBODY;
	if (is_shared(w) && !w->is_away && (w->waits_as != NULL || w->waits_for_all != NULL))
		fail("a call has ended, or is in a hook, and says as what it waits (Z2)");
	if (!is_shared(w) || !w->is_due)
		return;
	if (!w->is_away)
		fail("a call has ended, and what was due was not done (Z3)");
	if (waits(w))
		fail("something is due, and the call that is to do it waits in a line (Z2)");
}

static void
latch_of_owner_written(const struct lk_owner *w, uint64_t is)
{
	if (is == LATCH_FREE)
		owner_opened(w);
	else
		owner_latched(w);
}

/* One of those that come after an owner's: of a line, or the detector's. */
static bool
is_later_latch(uintptr_t at)
{
	const struct lot *l = &play.m->lot;
	const uintptr_t first = (uintptr_t)l->bucket;

	if (at == (uintptr_t)&play.m->detector.latch.word)
		return true;
	if (play.pooled.pool != NULL && at == (uintptr_t)&play.pooled.pool->latch.word)
		return true;
	return at >= first && at < first + (l->mask + (uintptr_t)1) * sizeof(*l->bucket) &&
	       (at - first) % sizeof(*l->bucket) == offsetof(struct lot_bucket, latch.word);
}

/* (T1, T2) */
static void
holds_written(const struct lk_owner *w, const char *by)
{
	if (!is_shared(w))
		return;
	if (*holder_of(w) != me())
		fail("%s() changes what a shared owner holds, without its latch (Z1)", by);
	if (w->is_away)
		fail("%s() changes what an owner holds, and a call of it is away (Z2)", by);
	if ((w->moves.v & 1) == 0 && play.m->member.gate.v == 0) /* later nobody waits, or looks */
		fail("%s() changes what a shared owner holds, and does not say so (Y3)", by);
}

void
shared_written(const char *by, uintptr_t at, uint64_t is)
{
	const struct lk_owner *w;

	if (play.m == NULL || !sched_in_fiber())
		return;
	w = owner_at(at);
	if (w == NULL) {
		if (is_later_latch(at))
			latched.others[me()] += is == LATCH_FREE ? -1u : 1u;
		pooled_written(at, is);
		barred_written(at, is);
	} else if (at == (uintptr_t)&w->latch.word) {
		latch_of_owner_written(w, is);
	} else if (at - (uintptr_t)&w->holds < sizeof(w->holds)) {
		holds_written(w, by);
	} else if (at == (uintptr_t)&w->moves) {
		graph_moved(w);
	}
}

void
shared_check(const struct lk_owner *w)
{
	if (w->is_due)
		fail("something is due, and everybody sleeps (Z2, Z3)");
}

/* Who serves sleeps no longer than until the first timer is due.  (J3) */
void
shared_check_timers(void)
{
	const struct timer *first = play.m->service.timers.first;
	uint64_t served_at = NEVER;
	bool served = false;

	for (unsigned i = 0; i < world.n_fibers; i++) {
		const struct fiber *f = &world.fiber[i];

		if (!f->serves || f->is_endless || f->futex == (uintptr_t)play.async.bell)
			continue;
		served = true;
		if (f->deadline < served_at)
			served_at = f->deadline;
	}
	if (served && first != NULL && first->due_ns < served_at)
		fail("who serves sleeps longer than until the first timer is due (J3)");
}

/* ---------------------------------------------------------------- from outside */

/* The grant of a note is no more. */
static void
end_noted(struct lk_owner *w, const struct note *n)
{
	uint32_t slot;

	if (n->grant == 0 || grant_find(w, n->grant, &slot) == NULL)
		return;
	book_remove(n->fiber, n->label);
	release_undone(w, n->grant);
}

/* For the owner's thread, should a call be under way: it is there before the owner is seized. */
static struct note *
leave_note(unsigned fiber, unsigned label)
{
	for (unsigned i = 0; i < NOTES_MAX; i++) {
		struct note *n = &play.note[i];

		if (n->id != 0)
			continue;
		*n = (struct note){ play.shared_id[fiber], ++play.serials, play.grant[fiber][label],
				    fiber, label };
		return n;
	}
	fail("more notes than the tester has room for");
}

/* End a grant of another fiber's, or leave that to its thread. */
static void
seize_and_end(unsigned fiber, unsigned label)
{
	struct lk_owner *w = play.shared[fiber];
	struct note *left;
	struct note n;

	if (w == NULL)
		return;
	left = leave_note(fiber, label);
	n = *left;
	if (!owner_seize(w, n.id))
		return;
	if (!is_shared(w) || w->id.v != n.id || w->state.v == OWNER_FREE)
		fail("another opening of the owner was seized");
	if (left->serial == n.serial)
		left->id = 0;
	end_noted(w, &n);
	owner_moves(w);
	latch_unlock(&w->latch);
}

int
shared_seize(const struct step *t)
{
	seize_and_end(t->name[0], t->label);
	return 0;
}

int
shared_share(const struct step *t)
{
	struct lk_owner *w = play.owner[t->fiber];
	int rc = release_enter(w);

	if (rc != 0)
		return rc;
	owner_share(w);
	play.shared[t->fiber] = w;
	play.shared_id[t->fiber] = w->id.v;
	call_end(w);
	return 0;
}

/* owner_catch_up() has begun: what the notes say is done where leases and the like will have their say. */
void
shared_plain_written(const char *by, uintptr_t at)
{
	struct lk_owner *w;

	if (play.m == NULL || strcmp(by, "owner_catch_up") != 0)
		return;
	w = owner_at(at);
	for (unsigned i = 0; i < NOTES_MAX; i++) {
		const struct note n = play.note[i];

		if (n.id == 0 || n.id != w->id.v)
			continue;
		play.note[i].id = 0;
		end_noted(w, &n);
	}
}

/* ---------------------------------------------------------------------- timers */

static void
run_out(struct timer *t, uint64_t now)
{
	struct ending *e = container_of(t, struct ending, timer);

	if (t->due_ns > now || !e->is_set)
		fail("a timer is fired %s", e->is_set ? "before it is due" : "twice (J2)");
	e->is_set = false;
	seize_and_end(e->fiber, e->label);
}

/* A grant of the caller's own ends so long from now. */
int
shared_ends(const struct step *t)
{
	struct service *s = &play.m->service;
	struct ending *e = &play.ending[t->fiber];
	int rc = service_start(s);

	if (rc != 0)
		return rc;
	e->is_set = true;
	e->fiber = t->fiber;
	e->label = t->label;
	e->timer.fire = run_out;
	timer_set(&s->timers, &e->timer, world.now + (uint64_t)t->within_ns);
	return 0;
}

/* As the service's own thread does; until all others have ended, and no timer is set. */
int
shared_serve(const struct step *t)
{
	const a32 *news = &play.m->service.timers.news;
	uint64_t next;
	bool more;
	int rc;

	do {
		const uint32_t seen = shim_load(news, SHIM_ACQUIRE); /* (J3) */

		rc = lk_serve(play.m, &next);
		more = rc == 0 && t->verb == VERB_SERVING &&
		       sched_serve((uintptr_t)news, seen,
				   next == LK_OFF ? NEVER : world.now + next);
	} while (more);
	return rc;
}
