/* SPDX-License-Identifier: MIT */
/*
 * What processes lose: sessions that are over, locks that an operator breaks, threads that end as they write.  Who had
 * what was lost is told, and so is the first who comes after a writer that did not end well (AB4, CO7, CO8).
 */
#include "core/grant.h"
#include "remote/inside.h"
#include "stored.h"

/* What is held under a grant, or NULL. */
static const struct lk_resource *
held_by(const struct entry_of_book *e)
{
	struct lk_owner *w = family_holder(play.owner[e->fiber]);
	const struct lk_resource *r = NULL;
	struct hold *s;
	uint32_t slot;

	s = w != NULL ? grant_find(w, play.grant[e->fiber][e->label], &slot) : NULL;
	if (s == NULL)
		return NULL;
	s = grant_hold(w, s);
	if (hold_is(s, HEAD_IMPLIED))
		s = hold_at(&w->holds, hold_extra(s)->cover);
	r = hold_resource(s);
	return r;
}

bool
abroad_is_known_lost(const struct entry_of_book *e)
{
	const bool quiet = world.quiet;
	const struct lk_resource *r;
	bool is_lost;

	if (play_script->n_processes == 0)
		return false;
	world.quiet = true;
	r = held_by(e);
	is_lost = r != NULL && abroad_lost(r);
	world.quiet = quiet;
	return is_lost;
}

bool
abroad_stands_for(const struct entry_of_book *e)
{
	const bool quiet = world.quiet;
	const struct lk_resource *r;
	bool stands;

	if (play_script->n_processes == 0)
		return true;
	world.quiet = true;
	r = held_by(e);
	stands = r != NULL && (r->word.v & (WORD_WAITERS | WORD_AWAKE)) == WORD_WAITERS;
	for (unsigned i = 0; i < world.n_fibers; i++) {
		if (play_script->process_of[i] == abroad_here() && play.owner[i] != NULL &&
		    sequence_waits(play.owner[i]->party.sequence.v))
			stands = false;
	}
	world.quiet = quiet;
	return stands;
}

void
abroad_thread_ends(unsigned fiber)
{
	for (unsigned i = 0; i < play_script->n_names; i++) {
		if (book_writes(fiber, i) != LK_NL)
			play.abroad.mark[i] = MARK_MUST;
		if (book_writes(fiber, i) != LK_NL)
			valued_ends(i, true);
	}
}

/* The first who gets the name after a writer that did not end well is told, whatever process he is of, and no other. */
static void
check_mark(const struct entry_of_book *e)
{
	struct lk_grant_info info = { .size = sizeof(info) };
	bool told;

	if (play_script->mortal != 0 ||
	    lk_grant_info(play.owner[e->fiber], play.grant[e->fiber][e->label], &info) != 0)
		return;
	told = (info.flags & LK_OWNER_DIED) != 0;
	if (told && play.upkept.had_token[e->name])
		return;
	/* of readers, who may come at the same time, one is told */
	if (told ? play.abroad.mark[e->name] == MARK_NONE
		 : play.abroad.mark[e->name] == MARK_MUST &&
			    book_writes(e->fiber, e->name) != LK_NL)
		fail("%s is%s told that the last writer of %s has ended",
		     play_script->fiber[e->fiber], told ? "" : " not", play_script->name[e->name]);
	if (told && play.abroad.mark[e->name] == MARK_MUST)
		play.abroad.mark[e->name] = MARK_NONE;
}

bool
abroad_is_over(const struct entry_of_book *e)
{
	const struct lk_manager *m = play.abroad.manager[play_script->process_of[e->fiber]];
	const struct lk_session_id *id;

	if (e->session == 0)
		return false;
	id = &play.abroad.session[e->session - 1].id;
	return !stored_is_alive(id) || memcmp(&m->remote->session, id, sizeof(*id)) != 0;
}

/* Nobody is let in by a session whose time had come when he asked.  (CO8) */
static void
check_session(struct entry_of_book *e, uint64_t began_at)
{
	const struct remote *m = play.m->remote;

	for (unsigned i = 0; i < play.abroad.n_sessions && play_script->mortal; i++) {
		if (memcmp(&play.abroad.session[i].id, &m->session, sizeof(m->session)) != 0)
			continue;
		e->session = i + 1;
		if (m->has_session && play.abroad.session[i].ends_at <= began_at)
			fail("%s is granted %s by a session that was over when it asked (CO8)",
			     play_script->fiber[e->fiber], play_script->name[e->name]);
	}
}

void
abroad_granted(struct entry_of_book *e, uint64_t began_at)
{
	const bool quiet = world.quiet;
	const char *name = play_script->name[e->name];

	if (play_script->n_processes == 0)
		return;
	world.quiet = true;
	check_session(e, began_at);
	check_mark(e);
	e->is_forfeit = abroad_is_over_unseen() || abroad_is_broken_unseen(name, strlen(name)) ||
			!play.m->remote->has_session /* it is being frozen */ ||
			abroad_is_known_lost(e);
	abroad_check_held(name, strlen(name));
	world.quiet = quiet;
}

/* All of a process, or what it has of one name, may be had by others now. */
static void
forfeit_of(unsigned process, int name)
{
	play.abroad.losses[process]++;
	for (unsigned i = 0; i < play_script->n_names; i++) {
		play.abroad.mark[i] = MARK_MAY;
		if (name < 0 || i == (unsigned)name)
			valued_ends(i, false); /* until somebody notices it may end well */
	}
	for (unsigned i = 0; i < BOOK_MAX; i++) {
		struct entry_of_book *e = &play.book[i];

		if (book_is_of(e, process) && (name < 0 || book_seen(e, (unsigned)name) != LK_NL))
			e->is_forfeit = true;
	}
}

static void
forfeit(int name)
{
	forfeit_of(abroad_here(), name);
}

/* Tokens lose it too. */
static void
forfeit_detached(unsigned name)
{
	play.upkept.had_break[name] = true;
	for (unsigned i = 0; i < BOOK_MAX; i++) {
		struct entry_of_book *e = &play.book[i];

		if (e->held && e->is_detached && book_seen(e, name) != LK_NL)
			e->is_forfeit = true;
	}
}

static lk_mode
held_in(const struct record *r, const struct lk_session_id *id)
{
	uint32_t units;

	return r != NULL ? record_held(r, (const struct record_id *)id, &units) : LK_NL;
}

/* What a process has goes by its own doing, or an operator's. */
void
abroad_check_taken(unsigned process, const char *name, size_t len, const struct record *old,
		   const struct record *fresh)
{
	const bool breaks = play.upkept.breaks[world.current - world.fiber];
	const int number = abroad_name_number(name, len);

	if (number < 0)
		return;
	if (breaks)
		forfeit_detached((unsigned)number);
	for (unsigned i = 0; i < play_script->n_processes; i++) {
		const struct lk_manager *m = play.abroad.manager[i];
		const struct remote *of = m != NULL ? m->remote : NULL;

		if (of == NULL || !of->has_session || !stored_is_alive(&of->session) ||
		    (i == process && !breaks) ||
		    book_covers(held_in(fresh, &of->session), held_in(old, &of->session)))
			continue;
		if (!breaks)
			fail("%s takes %.*s from %s", world.current->name, (int)len, name,
			     play_script->process[i]);
		play.abroad.broken[i][number] = true;
		forfeit_of(i, number);
	}
}

void
abroad_mended(const char *name, size_t len)
{
	const int number = abroad_name_number(name, len);

	if (number < 0)
		return;
	play.abroad.spoilt[number] = false;
	play.abroad.mark[number] = MARK_MAY;
	for (unsigned i = 0; i < play_script->n_processes; i++) {
		play.abroad.losses[i]++;
		play.abroad.broken[i][number] = true;
	}
	upkept_mended((unsigned)number);
}

/* The session is over, and the manager does not know. */
int
losses_session_dies(void)
{
	const struct remote *m = play.m->remote;

	for (unsigned i = 0; i < play.abroad.n_sessions; i++) {
		if (memcmp(&play.abroad.session[i].id, &m->session, sizeof(m->session)) == 0)
			play.abroad.session[i].is_alive = false;
	}
	play.abroad.unsure[abroad_here()].of = NULL;
	forfeit(-1);
	return 0;
}

int
losses_break(unsigned name)
{
	const struct remote *m = play.m->remote;
	const char *text = play_script->name[name];
	const bool quiet = world.quiet;

	world.quiet = true;
	if (stored_mode(text, strlen(text), &m->session) != LK_NL) {
		play.abroad.broken[abroad_here()][name] = true;
		forfeit((int)name);
		stored_break(text, &m->session);
	}
	world.quiet = quiet;
	return 0;
}
