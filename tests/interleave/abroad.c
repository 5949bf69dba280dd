/* SPDX-License-Identifier: MIT */
/*
 * Several managers over one store, as processes are (AB1-AB6, CO1-CO6): what words let in is never more than the
 * records say, and what is held never either; what states covers go through, and who takes them there.  What becomes of
 * a process whose session ends: losses.c.
 */
#include <strings.h>

#include "core/grant.h"
#include "remote/inside.h"
#include "stored.h"

/* Whose the current fiber is, or that it is in for a moment. */
unsigned
abroad_here(void)
{
	return abroad_number(play.m);
}

unsigned
abroad_managers(void)
{
	return play_script->n_processes != 0 ? play_script->n_processes : 1;
}

void
abroad_look_at(unsigned process)
{
	if (play_script->n_processes != 0)
		play.m = play.abroad.manager[process];
}

unsigned
abroad_number(const struct lk_manager *m)
{
	for (unsigned i = 0; i < PROCESSES_MAX; i++) {
		if (play.abroad.manager[i] == m)
			return i;
	}
	return 0;
}

void
abroad_turn(unsigned fiber)
{
	const unsigned guest = play.abroad.guest[fiber];

	abroad_look_at(guest != 0 ? guest - 1 : play_script->process_of[fiber]);
}

/* -------------------------------------------------------------- beginning and end */

static void
open_one(const struct lk_config *config, unsigned process)
{
	struct lk_config plain = *config;

	plain.breaker_threshold = LK_OFF; /* it only counts, and latches for that */
	stored_opens = process;
	if (lk_open(play_script->url, &plain, &play.m) != 0)
		fail("the manager was not opened: %s", config->report);
	play.abroad.manager[process] = play.m;
	if (play_script->n_processes != 0 && play_script->polls == 0)
		(void)timer_unset(&play.m->errands.timers, &play.m->remote->poll);
	if (play_script->hints == 2) {
		play.m->remote->p.is_manual =
			false; /* whoever hears a hint does what it is about */
		play.abroad.heard[process].word = region_alloc(sizeof(a32), sizeof(a32));
		shim_init(play.abroad.heard[process].word, 0u);
	}
}

void
abroad_open_all(const struct lk_config *config)
{
	if (play_script->n_processes != 0) {
		if (play_script->mortal)
			stored_ops.capabilities &= ~(uint32_t)LK_STORE_SEES_DEATH;
		if (play_script->apart)
			stored_ops.capabilities |= LK_STORE_CONCURRENT;
		if (play_script->far)
			stored_ops.capabilities &=
				~(uint32_t)(LK_STORE_ONE_HOST | LK_STORE_ONE_PROCESS);
		if (lk_store_register(&stored_ops) != 0)
			fail("the store was not registered");
		play.abroad.word = region_alloc(sizeof(a32), sizeof(a32));
		shim_init(play.abroad.word, 0u);
		world.draws = 0x9e3779b97f4a7c15;
	}
	for (unsigned i = 0; i < abroad_managers(); i++)
		open_one(config, i);
}

void
abroad_close_all(void)
{
	for (unsigned i = 0; i < abroad_managers(); i++) {
		int rc;

		abroad_look_at(i);
		leased_check_closed();
		rc = lk_close(play.m);
		if (rc != 0)
			fail("lk_close() gave %s", lk_errname(rc));
	}
	for (unsigned i = 0; i < PROCESSES_MAX; i++) {
		if (play.abroad.heard[i].word != NULL)
			region_free(play.abroad.heard[i].word, sizeof(a32));
	}
	if (play.abroad.word != NULL)
		region_free(play.abroad.word, sizeof(a32));
}

/* ------------------------------------------------------------------ ways of covers */

static const char *const state_name[COVER_STATES] = {
#define STATE_NAME(name) #name,
	COVER_STATE_LIST(STATE_NAME)
#undef STATE_NAME
};

static unsigned driven[COVER_STATES]; /* in all schedules */

/* A change of state that is about to be made. */
static struct {
	const struct cover *of; /* NULL: there is none */
	enum cover_state from;
	unsigned fiber;
} turning;

int
abroad_state(const char *name)
{
	for (int i = 0; i < (int)COVER_STATES; i++) {
		if (strcasecmp(state_name[i], name) == 0)
			return i;
	}
	return -1;
}

void
abroad_begin(void)
{
	turning.of = NULL;
}

static unsigned *
worker_of(const struct cover *c)
{
	unsigned i = 0;

	while (play.abroad.worker[i].of != NULL && play.abroad.worker[i].of != c)
		i++;
	if (i + 1 == WORKERS_MAX)
		fail("more covers than the tester can look at");
	play.abroad.worker[i].of = c;
	return &play.abroad.worker[i].fiber;
}

/* What was about to be is made. */
static void
turned(void)
{
	const struct cover *c = turning.of;
	enum cover_state to;

	if (c == NULL)
		return;
	turning.of = NULL;
	to = c->state;
	if ((cover_edges[turning.from] & COVER_EDGE(to)) == 0)
		fail("a cover goes from %s to %s, which is no way", state_name[turning.from],
		     state_name[to]);
	if (turning.from != COVER_FREE && to != COVER_FREE && *worker_of(c) != turning.fiber + 1)
		fail("%s changes a cover on which it does not work (CO1)",
		     world.fiber[turning.fiber].name);
	driven[turning.from] |= 1u << to;
}

void
abroad_plain_written(const char *by, uintptr_t at)
{
	const unsigned me = (unsigned)(world.current - world.fiber);

	if (play_script->n_processes == 0)
		return;
	turned();
	if (strcmp(by, "cover_becomes") == 0) {
		turning.of = container_of((enum cover_state *)at, struct cover, state);
		turning.from = turning.of->state;
		turning.fiber = me;
	} else if (strcmp(by, "cover_begin_work") == 0) {
		const struct cover *c = container_of((bool *)at, struct cover, is_busy);

		if (!c->is_busy)
			*worker_of(c) = me + 1;
	} else if (strcmp(by, "cover_rest") == 0) {
		const struct cover *c = container_of((bool *)at, struct cover, is_busy);

		if (*worker_of(c) != me + 1)
			fail("%s rests a cover on which it does not work (CO1)",
			     world.current->name);
		*worker_of(c) = 0;
	}
}

bool
abroad_drove_all(void)
{
	bool all = true;

	for (unsigned from = 0; from < COVER_STATES; from++) {
		for (unsigned to = 0; to < COVER_STATES; to++) {
			if ((play_script->edges[from] & ~driven[from] & 1u << to) == 0)
				continue;
			printf("FAIL %s: no cover ever went from %s to %s\n", play_script->path,
			       state_name[from], state_name[to]);
			all = false;
		}
	}
	return all;
}

void
abroad_tell_ways(bool all)
{
	for (unsigned from = 0; from < COVER_STATES; from++) {
		for (unsigned to = 0; to < COVER_STATES; to++) {
			if (((all ? cover_edges[from] : driven[from]) & 1u << to) != 0)
				printf("  way: %s to %s\n", state_name[from], state_name[to]);
		}
	}
}

/* ------------------------------------------------------------- words and records */

/* Does the manager that is looked at know that its session is over?  Or is it so, and it does not? */
bool
abroad_is_over_unseen(void)
{
	const struct remote *m = play.m->remote;

	return m->has_session && !stored_is_alive(&m->session);
}

int
abroad_name_number(const void *name, size_t len)
{
	for (unsigned i = 0; i < play_script->n_names; i++) {
		if (strlen(play_script->name[i]) == len &&
		    memcmp(play_script->name[i], name, len) == 0)
			return (int)i;
	}
	return -1;
}

/* It was broken, and the manager does not know yet; or nobody can know. */
bool
abroad_is_broken_unseen(const void *name, size_t len)
{
	const int number = abroad_name_number(name, len);

	return number >= 0 &&
	       (play.abroad.broken[abroad_here()][number] || play.abroad.spoilt[number]);
}

static void
each_cover(void (*each)(struct cover *c, void *arg), void *arg)
{
	struct remote *m = play.m->remote;

	for (unsigned i = 0; m != NULL && i < CHAINS; i++) {
		struct cds_list_head *node;

		cds_list_for_each(node, &m->chain[i])
			each(container_of(node, struct cover, node), arg);
	}
}

struct search_of_cover {
	const struct lk_resource *r;
	const struct cover *found;
};

static void
find_cover_of(struct cover *c, void *arg)
{
	struct search_of_cover *s = arg;

	if (c->r == s->r)
		s->found = c;
}

/* It has no cover, or one of which no more is said by the store that is on its way.  */
static bool
is_known_gone(const struct lk_resource *r)
{
	struct search_of_cover s = { r, NULL };

	each_cover(find_cover_of, &s);
	return (r->word.v & WORD_FREEZE) != 0 &&
	       (s.found == NULL || s.found->is_lost || s.found->state != COVER_ASKS);
}

/* The word lets nobody in whom the record does not allow.  (CO2, AB1, AB4) */
static void
check_entry(const struct lk_resource *r)
{
	const struct remote *m = play.m->remote;
	const uint64_t w = r->word.v;
	const void *name;
	size_t len;
	bool is_id;
	lk_mode mode;

	if (m == NULL)
		return;
	name = resource_name(r, &len, &is_id);
	if (abroad_name_number(name, len) >= 0 && is_known_gone(r))
		play.abroad.broken[abroad_here()][abroad_name_number(name, len)] = false;
	if ((w & (WORD_FREEZE | WORD_DEAD)) != 0 || is_id || abroad_is_over_unseen() ||
	    abroad_is_broken_unseen(name, len))
		return;
	if (!m->has_session) {
		if (m->latch.word.v == LATCH_FREE)
			fail("a session is over, and %.*s is not frozen (AB4)", (int)len,
			     (const char *)name);
		return;
	}
	mode = stored_mode(name, len, &m->session);
	for (lk_mode want = LK_IS; want <= LK_X; want++) {
		if ((w & word_modes.conflict[want]) == 0 && !book_covers(mode, want))
			fail("the word of %.*s lets %s in, and the record says %s (CO2)", (int)len,
			     (const char *)name, lk_modename(want), lk_modename(mode));
	}
}

bool
abroad_has_units(const struct lk_resource *r, uint32_t *units)
{
	const struct remote *m = play.m->remote;
	const bool quiet = world.quiet;
	const struct record *record;
	bool is_id;
	size_t len;
	const void *name = resource_name(r, &len, &is_id);

	if (m == NULL || !m->has_session || abroad_is_over_unseen() || is_id ||
	    abroad_is_broken_unseen(name, len) || (r->word.v & WORD_FREEZE) != 0)
		return false;
	world.quiet = true;
	record = stored_record(name, len);
	*units = 0;
	if (record != NULL)
		(void)record_held(record, (const struct record_id *)&m->session, units);
	world.quiet = quiet;
	return true;
}

static void
check_entry_of(struct cover *c, void *arg)
{
	(void)arg;
	check_entry(c->r);
	units_check_reserve(c->r);
}

/* By the book.  (SU9) */
static void
check_units_held(const struct record *record, const struct lk_session_id *id, int number)
{
	uint32_t units = 0;
	uint32_t used = 0;

	if (record != NULL)
		(void)record_held(record, (const struct record_id *)id, &units);
	for (unsigned i = 0; i < BOOK_MAX; i++) {
		const struct entry_of_book *e = &play.book[i];

		if (book_is_of(e, abroad_here()) && e->name == (unsigned)number &&
		    !leased_is_over(e))
			used += e->units;
	}
	if (used > units)
		fail("%u units of %s are used here, and the record says %u (SU9)", used,
		     play_script->name[number], units);
}

/* What is held in a process is what its record says, at least.  (AB2) */
void
abroad_check_held(const void *name, size_t len)
{
	const struct remote *m = play.m->remote;
	const int number = abroad_name_number(name, len);
	lk_mode mode;

	if (number < 0 || m == NULL || !m->has_session || abroad_is_over_unseen() ||
	    abroad_is_broken_unseen(name, len))
		return;
	mode = stored_mode(name, len, &m->session);
	check_units_held(stored_record(name, len), &m->session, number);
	for (unsigned i = 0; i < world.n_fibers; i++) {
		if (play_script->process_of[i] == abroad_here() &&
		    !book_covers(mode, book_held(i, (unsigned)number)))
			fail("%s has %.*s in %s, and the record says %s (AB2)",
			     play_script->fiber[i], (int)len, (const char *)name,
			     lk_modename(book_held(i, (unsigned)number)), lk_modename(mode));
	}
}

void
abroad_check_record(const void *name, size_t len)
{
	const unsigned me = abroad_here();

	for (unsigned i = 0; i < play_script->n_processes; i++) {
		if (play.abroad.manager[i] == NULL)
			continue;
		abroad_look_at(i);
		abroad_check_held(name, len);
		each_cover(check_entry_of, NULL);
	}
	abroad_look_at(me);
}

/* What is lost is frozen whenever somebody may look: nothing that is heard meanwhile opens it.  (AB4, CO6) */
static void
check_lost(struct cover *c, void *arg)
{
	(void)arg;
	if (c->is_lost && (c->r->word.v & WORD_FREEZE) == 0)
		fail("what was lost is not frozen (CO6)");
	check_entry(c->r);
}

static bool
is_latch_opened(uintptr_t at)
{
	const struct remote *m = play.m != NULL ? play.m->remote : NULL;

	return m != NULL && at == (uintptr_t)&m->latch.word && m->latch.word.v == LATCH_FREE;
}

void
abroad_written(uintptr_t at)
{
	const bool quiet = world.quiet;

	if (play_script->n_processes == 0 || !sched_in_fiber())
		return;
	turned();
	world.quiet = true;
	if (is_latch_opened(at))
		each_cover(check_lost, NULL);
	else if (check_is_entry(at))
		check_entry((const struct lk_resource *)at);
	world.quiet = quiet;
}

/* ---------------------------------------------------------------- questions (CO3) */

/* Where in the line it stands, from 1; 0: it does not. */
static unsigned
place_of(const struct record *r, const struct lk_session_id *id)
{
	for (unsigned i = 0; r != NULL && i < r->n_waiters; i++) {
		if (record_id_is(&r->waiter[i].who, (const struct record_id *)id))
			return i + 1;
	}
	return 0;
}

void
abroad_check_question(unsigned process, const struct stored *of, const struct record *old,
		      const struct record *fresh, bool is_answered)
{
	const struct lk_manager *m = play.abroad.manager[process];
	const struct lk_session_id *id;
	unsigned was;
	unsigned is;
	uint32_t units;

	if (m == NULL || m->remote == NULL)
		return;
	id = &m->remote->session;
	was = place_of(old, id);
	is = place_of(fresh, id);
	if (play.abroad.unsure[process].of == of && was != 0 && is != 0 &&
	    fresh->waiter[is - 1].want == play.abroad.unsure[process].want &&
	    record_held(fresh, (const struct record_id *)id, &units) ==
		    play.abroad.unsure[process].has) {
		if (fresh->waiter[is - 1].request != play.abroad.unsure[process].request)
			fail("what was asked for, and never answered, is asked for as something "
			     "else (CO3)");
		if (is > was)
			fail("who asks again loses its place (CO3)");
	}
	play.abroad.unsure[process].of = NULL;
	if (is_answered || is == 0)
		return;
	play.abroad.unsure[process].of = of;
	play.abroad.unsure[process].request = fresh->waiter[is - 1].request;
	play.abroad.unsure[process].want = fresh->waiter[is - 1].want;
	play.abroad.unsure[process].has = record_held(fresh, (const struct record_id *)id, &units);
}

/* ------------------------------------------------------------------------- steps */

/* As the thread does that minds the store: until all others have ended. */
static int
tend(void)
{
	struct timers *t = &play.m->errands.timers;
	uint32_t seen;
	uint64_t due_ns;

	do {
		seen = shim_load(&t->news, SHIM_ACQUIRE); /* (J3) */
		due_ns = timers_run(t);
	} while (sched_tend((uintptr_t)&t->news, seen, due_ns == SHIM_NEVER ? NEVER : due_ns));
	return 0;
}

/* As the thread does to which the store says what has changed. */
static int
hear(void)
{
	const unsigned process = abroad_here();
	a32 *word = play.abroad.heard[process].word;
	uint32_t seen;

	do {
		seen = shim_load(word, SHIM_ACQUIRE);
		while (stored_hear(process))
			;
	} while (sched_tend((uintptr_t)word, seen, NEVER));
	return 0;
}

/* A moment in which others may go on, as what the store does is seen by all. */
static void
moment(void)
{
	if (sched_in_fiber())
		shim_add(play.abroad.word, 1u, SHIM_SEQ_CST);
}

static int
spoil(enum fault f, unsigned n)
{
	moment();
	play.abroad.fault[abroad_here()] = f;
	play.abroad.n_faults[abroad_here()] = n != 0 ? n : 1;
	return 0;
}

bool
abroad_step(const struct step *t, int *rc)
{
	struct timers *timers = &play.m->errands.timers;

	*rc = 0;
	switch (t->verb) {
	case VERB_TENDING:
		*rc = tend();
		return true;
	case VERB_HEARING:
		*rc = hear();
		return true;
	case VERB_UNANSWERED:
		*rc = spoil(FAULT_UNANSWERED, t->named);
		return true;
	case VERB_UNMADE:
		*rc = spoil(FAULT_UNMADE, t->named);
		return true;
	case VERB_REFUSES:
		*rc = spoil(FAULT_REFUSED, t->named);
		return true;
	case VERB_DIES:
		moment();
		*rc = losses_session_dies();
		return true;
	case VERB_BROKEN:
		moment();
		*rc = losses_break(t->name[0]);
		return true;
	case VERB_BEATS:
		timer_set(timers, &play.m->remote->beat, 0);
		return true;
	case VERB_POLLS:
		timer_set(timers, &play.m->remote->poll, 0);
		return true;
	case VERB_LINGERS:
		shim_store(&play.m->linger_ns, t->within_ns != 0 ? (uint64_t)t->within_ns : LK_OFF,
			   SHIM_RELAXED);
		remote_lingers(play.m->remote);
		return true;
	default:
		return false;
	}
}

/* ------------------------------------------------ when nobody can go on by himself */

/* What the word should count for others, beside what is held. */
static uint64_t
phantom_of(const struct cover *c)
{
	if (c->state == COVER_YIELDS && c->waiter.state.v == WAITER_GRANTED)
		return word_add(abroad_phantom(c->leaves));
	return c->has != LK_NL && !c->dozes ? word_add(abroad_phantom(c->has)) : 0;
}

static void
tell_phantom(struct cover *c, void *arg)
{
	void (**each)(struct lk_resource * r, uint64_t counts) = arg;

	if (c->state == COVER_FREE)
		fail("a cover is free, and in the table");
	(*each)(c->r, phantom_of(c));
}

void
abroad_each_phantom(void (*each)(struct lk_resource *r, uint64_t counts))
{
	each_cover(tell_phantom, &each);
}

bool
abroad_has_cover(const struct lk_resource *r)
{
	struct search_of_cover s = { r, NULL };

	each_cover(find_cover_of, &s);
	return s.found != NULL;
}

/* Frozen if and only if it has no cover, or that is lost.  (AB1, AB4) */
void
abroad_check_entry(const struct lk_resource *r)
{
	struct search_of_cover s = { r, NULL };
	bool bare;

	if (play.m->remote == NULL)
		return;
	check_entry(r);
	each_cover(find_cover_of, &s);
	if (s.found != NULL && s.found->is_busy)
		fail("somebody works on a cover, and everybody sleeps (CO1)");
	if (s.found != NULL && s.found->dozes && (r->word.v & WORD_WAITERS) != 0)
		fail("somebody waits for what dozes, and all sleep (LG3)");
	if (s.found != NULL && s.found->state == COVER_YIELDS &&
	    s.found->waiter.state.v == WAITER_GRANTED &&
	    (!s.found->timer.is_set || s.found->timer.due_ns > world.now + ALONG_NS))
		fail("what others may have is kept for longer than a question may take along "
		     "(LG6)");
	bare = s.found == NULL || s.found->has == LK_NL || s.found->dozes || s.found->is_lost;
	if (bare != ((r->word.v & WORD_FREEZE) != 0) &&
	    (s.found == NULL || s.found->state != COVER_YIELDS))
		fail("FREEZE of an entry says otherwise than its cover (AB1)");
}

void
abroad_check(void)
{
	const struct remote *m = play.m->remote;
	const struct timer *first = play.m->errands.timers.first;

	if (m == NULL)
		return;
	if (m->latch.word.v != LATCH_FREE)
		fail("the latch of the covers is held by nobody who runs");
	for (unsigned i = 0; i < world.n_fibers; i++) {
		const struct fiber *f = &world.fiber[i];

		if (f->is_endless && f->futex == (uintptr_t)&play.m->errands.timers.news &&
		    play_script->process_of[i] == abroad_here() && first != NULL &&
		    first->due_ns < f->deadline)
			fail("who minds the store sleeps longer than until a timer is due (J3)");
	}
}
