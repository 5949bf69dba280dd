/* SPDX-License-Identifier: MIT */
/*
 * Locks that move to another store (MV1-MV4, MI1-MI5): what a step of either store may change while somebody moves them.  And
 * the steps of a script that move them, that kill who does, or that come late, and go where the locks are.
 */
#include <latchkey/migrate.h>

#include "remote/frozen.h"
#include "stored.h"

/* A step of one of the two. */
struct change {
	unsigned place;
	unsigned mover;      /* its number; 0: it is no mover's */
	bool has_floor;      /* the record "f" is in it as well: */
	struct floor before; /* what that said … */
	struct floor after;  /* … and will say */
};

static bool
is_alive(const struct record_id *who)
{
	return stored_is_alive((const struct lk_session_id *)who);
}

static bool
is_id(const struct record_id *a, const struct record_id *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool
is_of_lock(const void *name, size_t len)
{
	return len > 1 && *(const char *)name == 'n';
}

/* Decoded; NULL: there is none. */
static const struct record *
read(struct record *out, const struct lk_store_record *r, const void *bytes, size_t len)
{
	const char *name = r->name;

	return len != 0 && frozen_decode(out, bytes, len, name + 1, r->len - 1) == RECORD_FINE
		       ? out
		       : NULL;
}

/* Of which mover is that session?  0: of none. */
static unsigned
number_of(const struct record_id *who)
{
	for (unsigned i = 0; i < play.abroad.n_sessions; i++) {
		if (memcmp(&play.abroad.session[i].id, who, sizeof(*who)) == 0)
			return play.abroad.session[i].mover;
	}
	return 0;
}

static bool
is_users(const struct record_id *who)
{
	return is_alive(who) && number_of(who) == 0;
}

/* How many users have something in it, or, if those count, wait? */
static unsigned
users_of(const struct record *r, bool counts_waiters)
{
	unsigned n = 0;

	for (unsigned i = 0; r != NULL && i < r->n_holders; i++)
		n += is_users(&r->holder[i].who);
	for (unsigned i = 0; r != NULL && counts_waiters && i < r->n_waiters; i++)
		n += is_users(&r->waiter[i].who);
	return n;
}

/* Whoever is no mover changes a name, or makes one. */
static void
check_use(const struct change *c, const struct lk_store_record *r)
{
	const struct thawed was = frozen_look(r->old, r->old_len);
	const bool is_kept =
		c->before.state == FLOOR_LEAVES &&
		(r->old_len == 0 || (was.is_frozen && is_id(&was.move, &c->before.move)));

	if (c->before.state == FLOOR_GONE)
		fail("%.*s changes in a store whose locks are gone (MV3)", (int)r->len,
		     (const char *)r->name);
	if (c->before.state == FLOOR_COMES)
		fail("%.*s changes in a store to which locks come (MV4)", (int)r->len,
		     (const char *)r->name);
	if (is_kept && is_alive(&c->before.mover))
		fail("%.*s changes while it is being moved (MV1)", (int)r->len,
		     (const char *)r->name);
	if (is_kept && c->after.state != FLOOR_HERE)
		fail("%.*s changes, its mover is dead, and that is not said (MV2)", (int)r->len,
		     (const char *)r->name);
}

/* A mover freezes it, or changes what is in it of its own. */
static void
check_freezing(const struct change *c, const struct lk_store_record *r)
{
	static struct record old;
	static struct record fresh;
	const struct thawed is = frozen_look(r->fresh, r->fresh_len);
	const struct record *was = read(&old, r, r->old, r->old_len);

	if (!is.is_frozen && !c->has_floor &&
	    users_of(was, true) != users_of(read(&fresh, r, r->fresh, r->fresh_len), true))
		fail("a mover changes %.*s, and does not look whether it may (MI5)", (int)r->len,
		     (const char *)r->name);
	if (is.is_frozen && (c->after.state != FLOOR_LEAVES || !is_id(&is.move, &c->after.move)))
		fail("%.*s is frozen for a move that is none (MV2)", (int)r->len,
		     (const char *)r->name);
	if (is.is_frozen && users_of(was, false) != 0)
		fail("%.*s is frozen, and somebody has it (MI1)", (int)r->len,
		     (const char *)r->name);
}

/* Are all names of the old store frozen for that move? */
static bool
is_all_frozen(const struct record_id *move)
{
	for (unsigned i = 0; i < STORED_MAX; i++) {
		const struct stored *s = &play.abroad.record[i];
		struct thawed t;

		if (s->place != PLACE_OLD || s->n == 0 || !is_of_lock(s->name, s->len))
			continue;
		t = frozen_look(s->bytes, s->n);
		if (!t.is_frozen || !is_id(&t.move, move))
			return false;
	}
	return true;
}

/* A mover writes to the new store, or clears one of them. */
static void
check_copying(const struct change *c, const struct lk_store_record *r)
{
	const struct floor from = stored_floor(PLACE_OLD);

	if (!c->has_floor)
		fail("a mover changes %.*s, and does not look whether it may (MI5)", (int)r->len,
		     (const char *)r->name);
	if (c->place == PLACE_OLD) {
		if (c->before.state != FLOOR_GONE)
			fail("%.*s is cleared, and its locks are here (MI5)", (int)r->len,
			     (const char *)r->name);
		return;
	}
	if (c->before.state != FLOOR_COMES || number_of(&c->before.mover) != c->mover)
		fail("a mover changes %.*s in a store that is not his (MI5)", (int)r->len,
		     (const char *)r->name);
	if (from.state == FLOOR_GONE)
		fail("%.*s has moved, and a mover is at it still (MI4, MI6)", (int)r->len,
		     (const char *)r->name);
	if (r->fresh_len != 0 && from.state == FLOOR_LEAVES && is_id(&from.move, &c->before.move) &&
	    is_alive(&from.mover) && !is_all_frozen(&from.move))
		fail("%.*s is copied, and not all is frozen (MI2)", (int)r->len,
		     (const char *)r->name);
}

/* What of it has to be in the new store is there.  (MI2, MI6) */
static void
check_arrived(const struct stored *of, const struct record *was)
{
	static struct record there;

	for (unsigned i = 0; i < STORED_MAX; i++) {
		const struct stored *s = &play.abroad.record[i];
		const struct lk_store_record r = { .name = s->name, .len = s->len };

		if (s->place == PLACE_NEW && s->len == of->len && s->n != 0 &&
		    memcmp(s->name, of->name, s->len) == 0 &&
		    read(&there, &r, s->bytes, s->n) != NULL && there.n_holders == was->n_holders &&
		    there.value.version == was->value.version)
			return;
	}
	if (was->n_holders != 0 || was->value.version != 0)
		fail("the locks are gone, and what was in %.*s is nowhere (MI2, MI6)", (int)of->len,
		     of->name);
}

/* The one step.  (MV3, MI2, MI3) */
static void
check_end_of_move(const struct change *c)
{
	static struct record old;
	const struct floor to = stored_floor(PLACE_NEW);

	if (c->before.state != FLOOR_LEAVES || !is_id(&c->before.move, &c->after.move))
		fail("the locks are gone, and had not begun to leave (MV3)");
	if (to.state != FLOOR_COMES)
		fail("the locks are gone, and do not come anywhere (MV3)");
	if (!is_all_frozen(&c->after.move))
		fail("the locks are gone, and some are in use (MV3)");
	for (unsigned i = 0; i < STORED_MAX; i++) {
		const struct stored *s = &play.abroad.record[i];
		const struct lk_store_record r = { .name = s->name, .len = s->len };

		if (s->place != PLACE_OLD || s->n == 0 || !is_of_lock(s->name, s->len) ||
		    read(&old, &r, s->bytes, s->n) == NULL)
			continue;
		if (to.is < old.fence || to.is < old.generation || to.is < c->before.is)
			fail("the locks are gone, and the floor of the new store is below their "
			     "numbers (MI3)");
		check_arrived(s, &old);
	}
}

static bool
has_names(unsigned place)
{
	for (unsigned i = 0; i < STORED_MAX; i++) {
		const struct stored *s = &play.abroad.record[i];

		if (s->place == place && s->n != 0 && is_of_lock(s->name, s->len))
			return true;
	}
	return false;
}

static void
check_floor(const struct change *c)
{
	const struct floor from = stored_floor(PLACE_OLD);

	if (c->after.is < c->before.is)
		fail("the floor of a store sinks (DE8)");
	if (c->before.state == c->after.state && is_id(&c->before.move, &c->after.move))
		return;
	if (c->before.state == FLOOR_GONE && c->place == PLACE_OLD)
		fail("locks that are gone come back (MV3)");
	if (c->after.state == FLOOR_GONE)
		check_end_of_move(c);
	if (c->mover == 0 && (c->before.state != FLOOR_LEAVES || is_alive(&c->before.mover)))
		fail("%s ends a move, and its mover lives (MV2)", world.current->name);
	if (c->before.state == FLOOR_COMES && c->after.state == FLOOR_HERE &&
	    from.state != FLOOR_GONE && has_names(PLACE_NEW))
		fail("a store is opened with half of the locks of another one (MV4)");
}

static void
check_name(const struct change *c, const struct lk_store_record *r)
{
	if (c->mover == 0)
		check_use(c, r);
	else if (c->place == PLACE_OLD && r->fresh_len != 0)
		check_freezing(c, r);
	else
		check_copying(c, r);
}

void
moved_check(unsigned place, unsigned mover, const struct lk_store_record *r, size_t n)
{
	struct change c = { .place = place, .mover = mover };

	if (play.moving.n_movers == 0)
		return;
	c.before = c.after = stored_floor(place);
	for (size_t i = 0; i < n; i++) {
		const struct lk_store_record is = { .old = r[i].fresh, .old_len = r[i].fresh_len };

		if (r[i].len != 1 || *(const char *)r[i].name != 'f')
			continue;
		c.has_floor = true;
		if (r[i].changed && !floor_read(&is, &c.after))
			fail("the record of the floor is written, and damaged");
	}
	for (size_t i = 0; i < n; i++) {
		if (r[i].changed && is_of_lock(r[i].name, r[i].len))
			check_name(&c, &r[i]);
	}
	check_floor(&c);
}

/* ---------------------------------------------------------------------- who moves them */

static bool
is_ours_still(unsigned mover)
{
	const struct floor to = stored_floor(PLACE_NEW);

	return to.state == FLOOR_COMES && number_of(&to.mover) == mover;
}

static int
migrate(const struct step *t)
{
	char report[256];
	struct lk_migration how = {
		.size = sizeof(how),
		.allocator = &play_memory,
		.report = report,
		.report_cap = sizeof(report),
		.timeout_ns = t->within_ns != 0 ? (uint64_t)t->within_ns : UINT64_C(20000000000),
	};
	int rc;

	play.moving.mover[t->fiber] = ++play.moving.n_movers;
	rc = lk_migrate("play:all", "play:new", &how);
	if (world_verbose)
		printf("%s\n", report);
	/* somebody else may look just then whether he can move locks there: so it need not be open */
	if (rc == 0 && (stored_floor(PLACE_OLD).state != FLOOR_GONE ||
			is_ours_still(play.moving.mover[t->fiber])))
		fail("the locks have moved, and the stores say otherwise (MV3)");
	play.moving.mover[t->fiber] = 0;
	return rc;
}

/* Others may go on meanwhile. */
static void
moment(void)
{
	if (!sched_in_fiber())
		return;
	sched_point((uintptr_t)play.abroad.word, true);
	sched_done((uintptr_t)play.abroad.word, true);
}

/* Those who move locks are killed; or (`is_slow`) they are taken for dead, and go on. */
static int
bury(bool is_slow)
{
	moment();
	for (unsigned i = 0; i < play.abroad.n_sessions; i++) {
		if (play.abroad.session[i].mover != 0)
			play.abroad.session[i].is_alive = false;
	}
	for (unsigned i = 0; i < play_script->n_names; i++) {
		if (play.abroad.mark[i] == MARK_NONE)
			play.abroad.mark[i] = MARK_MAY; /* it may have had the name for a moment */
	}
	if (!is_slow)
		play.moving.n_killed = play.moving.n_movers;
	return 0;
}

/* They hear nothing of the stores for a while. */
static int
cut(const struct step *t)
{
	moment();
	play.moving.cut_until = world.now + (uint64_t)t->within_ns;
	play.moving.n_cut = play.moving.n_movers;
	play.moving.is_last_made = true;
	return 0;
}

/* As the locks are gone, they are killed, or hear nothing for so long. */
static int
doom(const struct step *t)
{
	play.moving.is_doomed = true;
	play.moving.doomed_ns = (uint64_t)t->within_ns;
	return 0;
}

bool
moved_doomed(void)
{
	if (!play.moving.is_doomed || stored_floor(PLACE_OLD).state != FLOOR_GONE)
		return false;
	play.moving.is_doomed = false;
	play.moving.cut_until = world.now + play.moving.doomed_ns;
	play.moving.n_cut = play.moving.n_movers;
	if (play.moving.doomed_ns == 0)
		(void)bury(false);
	return true;
}

enum fault
moved_fault(unsigned mover)
{
	const bool is_made = play.moving.is_last_made;

	if (mover > play.moving.n_cut || world.now >= play.moving.cut_until)
		return FAULT_NONE;
	play.moving.is_last_made = false;
	return is_made ? FAULT_UNANSWERED : FAULT_UNMADE;
}

/* ------------------------------------------------------------------------- who comes late */

/* A manager of one thread, which serves its timers whenever that waits. */
struct visitor {
	struct lk_manager *m;
	bool serves;
};

static uint64_t
now(void *state)
{
	(void)state;
	return world.now;
}

static void
wait_and_serve(void *state, const uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	struct visitor *v = state;
	uint64_t due_ns = NEVER;

	if (v->m != NULL && !v->serves) {
		v->serves = true;
		due_ns = timers_run(&v->m->errands.timers);
		v->serves = false;
	}
	(void)sched_sleep((uintptr_t)word, value, due_ns < deadline_ns ? due_ns : deadline_ns,
			  true);
}

static void
wake(void *state, const uint32_t *word)
{
	(void)state;
	sched_wake((uintptr_t)word);
}

static uint64_t
draw(void *state)
{
	(void)state;
	return shim_random();
}

/* By the book it has it as any owner of any manager.  */
static int
stay(const struct step *t, struct lk_owner *w, lk_grant g)
{
	struct entry_of_book *e = book_add(t->fiber, t->label, t->name[0], t->mode[0], t->flags);

	e->is_visitors = true;
	book_check(e);
	book_check_fence(t->fiber, t->name[0], LK_NL, t->mode[0], lk_fence(w, g));
	moment();
	book_remove(t->fiber, t->label);
	return lk_release(w, g);
}

static int
use(const struct step *t, struct lk_manager *m)
{
	const struct lk_options o = play_options(t);
	const char *name = play_script->name[t->name[0]];
	struct lk_owner *w;
	lk_grant g;
	int rc = lk_owner_open(m, NULL, &w);

	if (rc != 0)
		return rc;
	rc = lk_acquire(w, name, t->mode[0], &o, &g);
	if (rc == 0)
		rc = stay(t, w, g);
	if (lk_owner_close(w) != 0)
		fail("the owner of %s was not closed", world.current->name);
	return rc;
}

static int
visit_store(const struct step *t, const char *store)
{
	struct visitor v = { .m = NULL };
	const struct lk_environment around = { now, wait_and_serve, wake, draw, &v };
	struct lk_config config = LK_CONFIG_INIT;
	struct lk_manager *m;
	char url[sizeof(play_script->url) + 32];
	int rc;

	(void)snprintf(url, sizeof(url), "%s%s&breaker_threshold=off", store,
		       strchr(play_script->url, '?'));
	config.allocator = &play_memory;
	config.environment = &around;
	rc = lk_open(url, &config, &m);
	if (rc != 0)
		return rc;
	v.m = m;
	rc = use(t, m);
	v.m = NULL;
	if (lk_close(m) != 0)
		fail("the manager of %s was not closed", world.current->name);
	return rc;
}

/* As a program does that was given the old URL, and is told that the locks have moved. */
static int
visit(const struct step *t)
{
	int rc = visit_store(t, "play:all");

	return rc == LK_E_MOVED ? visit_store(t, "play:new") : rc;
}

bool
moved_step(const struct step *t, int *rc)
{
	switch (t->verb) {
	case VERB_MIGRATES:
		*rc = migrate(t);
		return true;
	case VERB_KILLS:
	case VERB_BURIES:
		*rc = bury(t->verb == VERB_BURIES);
		return true;
	case VERB_CUTS:
		*rc = cut(t);
		return true;
	case VERB_DOOMS:
		*rc = doom(t);
		return true;
	case VERB_VISITS:
		*rc = visit(t);
		return true;
	default:
		return false;
	}
}
