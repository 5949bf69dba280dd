/* SPDX-License-Identifier: MIT */
/* Moving the locks of a store: who may, when, and what becomes of it.  (MI1-MI4, MV1-MV4) */
#include "remote/migrate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "remote/accord.h"

#define TTL_NS  UINT64_C(5000000000)
#define SOON_NS UINT64_C(2000000000)

enum {
	FIRST_PAUSE_NS = 2000000, /* between looks at who has what */
	LAST_PAUSE_NS = 250000000,
	OTHERWISE = 9005 /* what no store returns: the record "f" is not as it was */
};

int
migrate_say(struct migrate *g, int rc, const char *format, ...)
{
	va_list args;

	if (g->out->report == NULL || g->out->report_cap == 0 || g->out->report[0] != '\0')
		return rc;
	va_start(args, format);
	(void)vsnprintf(g->out->report, g->out->report_cap, format, args);
	va_end(args);
	return rc;
}

/* A store has failed, and says so itself. */
static int
say_store(struct migrate *g, const struct migrate_side *s, int rc, const char *what)
{
	char words[256] = "";

	(void)s->store->ops->error(s->store, words, sizeof(words));
	return migrate_say(g, rc, "%s: %s: %s%s%s", s->name, what, lk_strerror(rc),
			   words[0] != '\0' ? ": " : "", words);
}

uint64_t
migrate_soon(const struct migrate *g)
{
	return env_now(g->env) + SOON_NS;
}

static void
nap(const struct migrate *g, uint64_t ns)
{
	const uint64_t until = env_now(g->env) + ns;
	a32 nobody;

	shim_init(&nobody, 0u);
	env_wait(g->env, &nobody, 0, until < g->deadline_ns ? until : g->deadline_ns);
}

bool
migrate_again(const struct migrate *g, int rc)
{
	if (rc != LK_E_UNKNOWN || env_now(g->env) >= g->deadline_ns)
		return false;
	nap(g, LAST_PAUSE_NS);
	return true;
}

/* ------------------------------------------------------------------------- sessions */

static void
draw(const struct env *e, void *id)
{
	for (size_t i = 0; i < sizeof(struct lk_session_id); i += sizeof(uint64_t)) {
		const uint64_t bits = env_random(e) | 1; /* all zeros is nobody */

		memcpy((char *)id + i, &bits, sizeof(bits));
	}
}

static int
begin_session(struct migrate *g, struct migrate_side *s)
{
	struct upkeep_parts parts = { .env = g->env, .store = s->store };
	int rc;

	draw(g->env, &s->id);
	s->renewed_ns = env_boottime(g->env);
	rc = s->store->ops->session_open(s->store, &s->id, TTL_NS, "latchkey migrate",
					 migrate_soon(g));
	if (rc != 0)
		return say_store(g, s, rc, "no session");
	s->has_session = true;
	parts.me = s->id;
	s->u = upkeep_open(&parts);
	return s->u != NULL ? 0 : LK_E_NOMEM;
}

static void
end_session(struct migrate *g, struct migrate_side *s)
{
	if (s->has_session)
		(void)s->store->ops->session_close(s->store, &s->id, migrate_soon(g));
	upkeep_close(s->u);
}

static int
stay(struct migrate *g, struct migrate_side *s)
{
	const uint64_t now = env_boottime(g->env);
	int rc;

	if (now - s->renewed_ns < TTL_NS / 3)
		return 0;
	rc = s->store->ops->session_renew(s->store, &s->id, migrate_soon(g));
	if (rc == 0)
		s->renewed_ns = now;
	if (rc == LK_E_LOST)
		return migrate_say(g, rc, "%s: the session that moves the locks is over", s->name);
	return 0; /* it may do the next time */
}

int
migrate_stay(struct migrate *g)
{
	int rc = stay(g, &g->from);

	return rc == 0 ? stay(g, &g->to) : rc;
}

/* Two URLs, one store? */
static int
check_that_there_are_two(struct migrate *g)
{
	unsigned char alive = 0;
	int rc = g->from.store->ops->session_alive(g->from.store, &g->to.id, 1, &alive,
						   migrate_soon(g));

	if (rc != 0)
		return say_store(g, &g->from, rc, "it does not say who lives");
	return alive == 0 ? 0 : migrate_say(g, LK_E_INVAL, "both are one store");
}

/* --------------------------------------------------------------------- the record "f" */

static int
take_floor(void *arg, struct lk_store_record *r, size_t n)
{
	(void)n;
	return floor_read(r, arg) ? 0 : LK_E_CORRUPT;
}

static int
read_floor(struct migrate *g, struct migrate_side *s)
{
	struct lk_store_record r = { .name = "f", .len = 1, .flags = LK_STORE_DURABLE };
	int rc = s->store->ops->read(s->store, &r, 1, take_floor, &s->floor, migrate_soon(g));

	return rc == 0 ? 0 : say_store(g, s, rc, "it cannot be read");
}

struct exchange {
	struct migrate *g;
	const struct floor *old; /* but for the number, which may rise */
	struct floor fresh;
	struct floor found;
};

static int
exchange(void *arg, struct lk_store_record *r, size_t n)
{
	struct exchange *x = arg;
	struct floor fresh = x->fresh;

	(void)n;
	if (!floor_read(r, &x->found))
		return LK_E_CORRUPT;
	if (!floor_is(&x->found, x->old))
		return OTHERWISE;
	fresh.is = x->found.is > fresh.is ? x->found.is : fresh.is;
	floor_write(r, &fresh, x->g->floor_bytes);
	return 0;
}

/*
 * Let it say what is in `fresh`, if it says what we know.  LK_E_BUSY: somebody else has changed it, and `s->floor` is what it is now;
 * LK_E_UNKNOWN: nobody knows.
 */
static int
set_floor(struct migrate *g, struct migrate_side *s, const struct floor *fresh)
{
	struct lk_store_record r = { .name = "f", .len = 1, .flags = LK_STORE_DURABLE };
	struct exchange x = { .g = g, .old = &s->floor, .fresh = *fresh };
	const uint64_t give_up_ns = env_now(g->env) + 5 * SOON_NS;
	bool was_unknown = false;
	int rc;

	do {
		rc = s->store->ops->update(s->store, &r, 1, exchange, &x, migrate_soon(g));
		was_unknown |= rc == LK_E_UNKNOWN;
		if (rc == LK_E_UNKNOWN || (was_unknown && rc != 0 && rc != OTHERWISE))
			nap(g, LAST_PAUSE_NS);
	} while (was_unknown && rc != 0 && rc != OTHERWISE && env_now(g->env) < give_up_ns);
	if (rc == OTHERWISE && was_unknown && floor_is(&x.found, fresh))
		rc = 0; /* it was done when no answer came */
	if (rc == 0)
		s->floor = *fresh;
	else if (rc == OTHERWISE)
		s->floor = x.found;
	if (was_unknown && rc != 0 && rc != OTHERWISE)
		rc = LK_E_UNKNOWN;
	return rc == OTHERWISE ? LK_E_BUSY : rc;
}

/* Does it say that we are at work there? */
static bool
is_ours(const struct migrate_side *s, enum floor_state state)
{
	return s->floor.state == state &&
	       memcmp(&s->floor.mover, &s->id, sizeof(s->floor.mover)) == 0;
}

/* Is there somebody else at work, who lives? */
static int
check_mover(struct migrate *g, struct migrate_side *s)
{
	struct lk_session_id id;
	unsigned char alive = 0;
	int rc;

	if (s->floor.state != FLOOR_LEAVES && s->floor.state != FLOOR_COMES)
		return 0;
	memcpy(&id, &s->floor.mover, sizeof(id));
	rc = s->store->ops->session_alive(s->store, &id, 1, &alive, migrate_soon(g));
	if (rc != 0)
		return say_store(g, s, rc, "it does not say who lives");
	return alive == 0 ? 0
			  : migrate_say(g, LK_E_BUSY, "%s: somebody else moves locks %s", s->name,
					s->floor.state == FLOOR_COMES ? "to it" : "away from it");
}

static struct floor
floor_of(const struct migrate *g, const struct migrate_side *s, enum floor_state state,
	 const struct migrate_side *other)
{
	struct floor f = { .is = s->floor.is, .state = state, .move = g->move };

	memcpy(&f.mover, &s->id, sizeof(f.mover));
	(void)snprintf(f.other, sizeof(f.other), "%s", other->name);
	return f;
}

static int
say_floor(struct migrate *g, struct migrate_side *s, enum floor_state state,
	  const struct migrate_side *other)
{
	const struct floor fresh = floor_of(g, s, state, other);
	int rc = set_floor(g, s, &fresh);

	if (rc == LK_E_BUSY)
		return migrate_say(g, rc, "%s: somebody else has begun to move locks", s->name);
	return rc == 0 ? 0 : say_store(g, s, rc, "it cannot be written");
}

static int
open_floor(struct migrate *g, struct migrate_side *s)
{
	const struct floor here = { .is = s->floor.is };

	return set_floor(g, s, &here);
}

/* -------------------------------------------------------------------- the new store */

/* Whoever has it open was there before it was claimed. */
static int
check_that_nobody_uses_it(struct migrate *g)
{
	size_t n;
	int rc = accord_others(g->env, g->to.store, &g->to.id, &n);

	if (rc != 0)
		return say_store(g, &g->to, rc, "it does not say who uses it");
	return n == 0 ? 0 : migrate_say(g, LK_E_BUSY, "%s: it is in use", g->to.name);
}

static int
check_that_it_is_empty(struct migrate *g)
{
	uint64_t names, needed, in_use;
	int rc = migrate_count(g, &g->to, &names, &needed, &in_use);

	if (rc != 0)
		return say_store(g, &g->to, rc, "it cannot be read");
	return needed == 0 ? 0
			   : migrate_say(g, LK_E_BUSY, "%s: there are locks or values in it",
					 g->to.name);
}

/* Numbers of names that nobody uses go with their records: so the floor is above them, whatever becomes of the move.  (DE8) */
static int
lift_floor(struct migrate *g)
{
	struct floor f = g->to.floor;
	int rc;

	if (g->highest <= f.is)
		return 0;
	f.is = g->highest;
	rc = set_floor(g, &g->to, &f);
	return rc == 0 ? 0 : say_store(g, &g->to, rc, "its floor cannot be written");
}

/* It is ours alone, and has nothing in it that counts.  `*was`: what it said before. */
static int
claim(struct migrate *g, struct floor *was)
{
	int rc = read_floor(g, &g->to);

	if (rc == 0)
		rc = check_mover(g, &g->to);
	if (rc != 0)
		return rc;
	*was = g->to.floor;
	rc = say_floor(g, &g->to, FLOOR_COMES, &g->from);
	if (rc == 0)
		rc = check_that_nobody_uses_it(g);
	if (rc == 0 && (was->state == FLOOR_HERE || was->state == FLOOR_LEAVES))
		rc = check_that_it_is_empty(g);
	return rc == 0 ? lift_floor(g) : rc;
}

/* What somebody left in it who is dead goes.  (MI6) */
static int
begin_anew(struct migrate *g)
{
	int rc;

	if (g->has_begun)
		return 0;
	g->has_begun = true;
	rc = migrate_clear(g, &g->to);
	return rc == 0 ? 0 : say_store(g, &g->to, rc, "it cannot be cleared");
}

/* Of one that was half filled nothing is left; else it is as it was found. */
static void
disclaim(struct migrate *g, const struct floor *was)
{
	struct floor before = *was;

	if (!is_ours(&g->to, FLOOR_COMES))
		return;
	if (g->has_begun && migrate_clear(g, &g->to) != 0)
		return; /* it stays closed, until somebody moves locks there */
	if (g->has_begun && (before.state == FLOOR_LEAVES || before.state == FLOOR_COMES))
		before = (struct floor){ .is = was->is }; /* whoever that was is dead */
	before.is = g->to.floor.is > before.is ? g->to.floor.is : before.is;
	(void)set_floor(g, &g->to, &before);
}

/* -------------------------------------------------------------------------- freezing */

/* Until all is frozen, or there has been enough of it.  LK_E_TIMEDOUT. */
static int
freeze(struct migrate *g, uint64_t until_ns)
{
	uint64_t pause_ns = FIRST_PAUSE_NS;
	int rc;

	for (;;) {
		rc = migrate_freeze_all(g, &g->out->in_use);
		if (rc != 0)
			return say_store(g, &g->from, rc, "its names cannot be frozen");
		if (g->out->in_use == 0)
			return 0;
		if (env_now(g->env) >= until_ns || env_now(g->env) >= g->deadline_ns)
			return LK_E_TIMEDOUT;
		nap(g, pause_ns);
		pause_ns = pause_ns * 2 < LAST_PAUSE_NS ? pause_ns * 2 : LAST_PAUSE_NS;
	}
}

/* All is let go again: it is as if nothing had been.  (MV2) */
static void
thaw(struct migrate *g)
{
	if (is_ours(&g->from, FLOOR_LEAVES))
		(void)open_floor(g, &g->from);
	(void)migrate_withdraw(g);
}

/* Once.  0: all is frozen; LK_E_TIMEDOUT: not within the time, and all is let go. */
static int
attempt(struct migrate *g, uint64_t freeze_ns)
{
	int rc;

	draw(g->env, &g->move);
	rc = say_floor(g, &g->from, FLOOR_LEAVES, &g->to);
	g->out->attempts++;
	if (rc == 0)
		rc = begin_anew(g);
	if (rc == 0)
		rc = freeze(g, env_now(g->env) + freeze_ns);
	if (rc != 0)
		thaw(g);
	return rc;
}

/* Again and again, each time for longer, as whoever holds a name may need another that is frozen. */
static int
freeze_in_the_end(struct migrate *g)
{
	uint64_t freeze_ns = g->freeze_ns;
	int rc;

	for (;;) {
		rc = attempt(g, freeze_ns);
		if (rc != LK_E_TIMEDOUT)
			return rc;
		if (env_now(g->env) >= g->deadline_ns)
			return migrate_say(g, rc,
					   "%s: %llu of %llu names were in use at the last look",
					   g->from.name, (unsigned long long)g->out->in_use,
					   (unsigned long long)g->out->names);
		nap(g, freeze_ns / 2 + env_random(g->env) % (freeze_ns / 2 + 1));
		freeze_ns += freeze_ns / 2;
	}
}

/* ---------------------------------------------------------------------------- moving */

/* The new store is complete, and its floor above all that ever was.  (MI3) */
static int
fill(struct migrate *g)
{
	struct floor f;
	int rc;

	/* `move` is another with each attempt. */
	rc = say_floor(g, &g->to, FLOOR_COMES, &g->from);
	if (rc == 0)
		rc = migrate_copy_all(g);
	if (rc != 0)
		return migrate_say(g, rc, "%s to %s: %s", g->from.name, g->to.name,
				   lk_strerror(rc));
	f = g->to.floor;
	f.is = f.is > g->highest ? f.is : g->highest;
	f.is = f.is > g->from.floor.is ? f.is : g->from.floor.is;
	rc = set_floor(g, &g->to, &f);
	g->out->floor = f.is;
	return rc == 0 ? 0 : say_store(g, &g->to, rc, "it cannot be written");
}

/* The one step.  (MV3) */
static int
commit(struct migrate *g)
{
	const struct floor gone = floor_of(g, &g->from, FLOOR_GONE, &g->to);
	int rc = set_floor(g, &g->from, &gone);

	if (rc == LK_E_BUSY)
		return migrate_say(g, LK_E_LOST,
				   "%s: it was held up for too long, and others went on",
				   g->from.name);
	if (rc == LK_E_UNKNOWN)
		return migrate_say(g, rc, "%s does not say whether it is done: run it again",
				   g->from.name);
	return rc == 0 ? 0 : say_store(g, &g->from, rc, "the last step failed");
}

/* It has moved; now it is opened.  Run again, it comes here at once. */
static int
finish(struct migrate *g)
{
	int rc = open_floor(g, &g->to);

	if (rc == LK_E_BUSY && g->to.floor.state != FLOOR_COMES)
		rc = 0; /* another run has done it */
	if (rc != 0)
		return migrate_say(g, LK_E_UNKNOWN,
				   "the locks have moved, but %s could not be opened: run it again",
				   g->to.name);
	(void)migrate_clear(g, &g->from); /* what is left counts for nobody */
	return 0;
}

static int
move(struct migrate *g)
{
	struct floor was = { .is = 0 };
	int rc;

	draw(g->env, &g->move);
	rc = claim(g, &was);
	if (rc == 0)
		rc = freeze_in_the_end(g);
	if (rc == 0) {
		rc = fill(g);
		if (rc == 0)
			rc = commit(g);
		if (rc == 0)
			return finish(g);
		if (rc != LK_E_UNKNOWN) /* (MI4) */
			thaw(g);
	}
	if (rc != LK_E_UNKNOWN)
		disclaim(g, &was);
	return rc;
}

/* Do both say that it is the other one? */
static bool
is_between_them(const struct migrate *g)
{
	return record_id_is(&g->from.floor.move, &g->to.floor.move) ||
	       (strcmp(g->from.floor.other, g->to.name) == 0 &&
		strcmp(g->to.floor.other, g->from.name) == 0);
}

/* What an earlier run, or somebody else, has done.  `*is_done`: there is nothing left to do but that. */
static int
look_at_both(struct migrate *g, bool *is_done)
{
	int rc = read_floor(g, &g->from);

	*is_done = true;
	if (rc == 0)
		rc = read_floor(g, &g->to);
	if (rc != 0)
		return rc;
	if (g->from.floor.state == FLOOR_GONE) {
		if (g->to.floor.state == FLOOR_COMES && is_between_them(g)) /* (MI6) */
			return (g->out->flags & LK_MIGRATE_DRY_RUN) != 0 ? 0 : finish(g);
		if (strcmp(g->from.floor.other, g->to.name) == 0)
			return 0;
		return migrate_say(g, LK_E_MOVED, "%s: its locks are in %s already", g->from.name,
				   g->from.floor.other);
	}
	if (g->from.floor.state == FLOOR_COMES)
		return migrate_say(g, LK_E_BUSY,
				   "%s: the locks of %s were to come here, and that is not done",
				   g->from.name, g->from.floor.other);
	*is_done = false;
	return check_mover(g, &g->from);
}

static int
run_in_sessions(struct migrate *g)
{
	bool is_done;
	int rc = check_that_there_are_two(g);

	if (rc == 0)
		rc = look_at_both(g, &is_done);
	return rc != 0 || is_done ? rc : move(g);
}

int
migrate_run(struct migrate *g)
{
	int rc = begin_session(g, &g->from);

	if (rc == 0)
		rc = begin_session(g, &g->to);
	if (rc == 0)
		rc = run_in_sessions(g);
	end_session(g, &g->to);
	end_session(g, &g->from);
	return rc;
}

/* Without a session. */
static int
look(struct migrate *g)
{
	uint64_t needed, names, in_use;
	bool is_done;
	int rc = look_at_both(g, &is_done);

	if (rc != 0 || is_done)
		return rc;
	rc = migrate_count(g, &g->from, &g->out->names, &g->out->copied, &g->out->in_use);
	if (rc != 0)
		return say_store(g, &g->from, rc, "it cannot be read");
	rc = check_mover(g, &g->to);
	if (rc == 0)
		rc = check_that_nobody_uses_it(g);
	if (rc == 0)
		rc = migrate_count(g, &g->to, &names, &needed, &in_use);
	if (rc == 0 && needed != 0 && g->to.floor.state != FLOOR_COMES)
		rc = migrate_say(g, LK_E_BUSY, "%s: there are locks or values in it", g->to.name);
	g->out->floor = g->highest > g->from.floor.is ? g->highest : g->from.floor.is;
	return rc;
}

int
migrate_look(struct migrate *g)
{
	const struct upkeep_parts from = { .env = g->env, .store = g->from.store };
	const struct upkeep_parts to = { .env = g->env, .store = g->to.store };
	int rc = LK_E_NOMEM;

	g->from.u = upkeep_open(&from);
	g->to.u = upkeep_open(&to);
	if (g->from.u != NULL && g->to.u != NULL)
		rc = look(g);
	upkeep_close(g->from.u);
	upkeep_close(g->to.u);
	return rc;
}
