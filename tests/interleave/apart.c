/* SPDX-License-Identifier: MIT */
/*
 * Grants that belong to a token (DT1-DT3, DG1): for the book they are an owner's of their own.  With a store, what is
 * promised is in all records of the grant, and in the one that says which they are.
 */
#include "base/token_text.h"
#include "stored.h"

static struct lk_session_id
id_of(const char *token)
{
	struct lk_session_id id = { { 0 } };
	struct token_text x;

	if (token_text_read(token, &x)) {
		memcpy(id.bytes, &x.owner, sizeof(x.owner));
		memcpy(id.bytes + sizeof(x.owner), &x.grant, sizeof(x.grant));
	}
	return id;
}

static const char *
token_of(const struct entry_of_book *e)
{
	return play.token[e->fiber][e->label];
}

/* When the record of that name says that it is over; 0: it is not there. */
static uint64_t
end_in_record(const struct entry_of_book *e, const char *name)
{
	const struct lk_session_id id = id_of(token_of(e));
	struct record *r = (struct record *)stored_record(name, strlen(name));
	const struct record_holder *h;

	h = r != NULL ? record_holder_of(r, (const struct record_id *)&id) : NULL;
	return h != NULL ? h->renewed + h->lease : 0;
}

static void
check_term(struct entry_of_book *e, uint64_t began_at, uint64_t lease_ns)
{
	const bool quiet = world.quiet;
	uint64_t ends_at;

	e->ends_at = began_at + lease_ns;
	if (play_script->n_processes == 0) {
		e->flags |= LK_RENEW; /* or a little longer */
		return;
	}
	world.quiet = true;
	ends_at = end_in_record(e, play_script->name[e->name]);
	for (unsigned i = 0; ends_at > world.now && i < play_script->n_names; i++) {
		if (book_seen(e, i) != LK_NL && end_in_record(e, play_script->name[i]) != ends_at)
			fail("a detached grant ends at one time, and above it at another (DT2)");
	}
	if (!leased_is_over(e) && ends_at < e->ends_at)
		fail("the lease of a detached grant is shorter than what was asked for (DT2)");
	if (ends_at > e->ends_at)
		e->ends_at = ends_at;
	world.quiet = quiet;
}

static int
detach(const struct step *t)
{
	struct lk_options o = play_options(t);
	const uint64_t began_at = world.now;
	char *token = play.token[t->fiber][t->label];
	struct token_text x = { 0 };
	struct entry_of_book *e;
	int rc;

	o.lease_ns = t->lease_ns;
	rc = lk_detach(play.m, play_script->name[t->name[0]], t->mode[0], &o, token, LK_TOKEN_MAX);
	if (rc != 0)
		return rc;
	e = book_add(t->fiber, t->label, t->name[0], t->mode[0], 0);
	e->is_detached = true;
	play.upkept.had_token[e->name] = true;
	check_term(e, began_at, t->lease_ns);
	book_check(e);
	if (play_script->n_processes != 0 && token_text_read(token, &x) && !leased_is_over(e))
		book_check_fence(t->fiber, t->name[0], LK_NL, t->mode[0], x.fence);
	return 0;
}

/* As promised: another term, from when it was asked for. */
void
apart_renewed(struct entry_of_book *e, uint64_t began_at, uint64_t lease_ns)
{
	if (e->is_detached)
		check_term(e, began_at, lease_ns);
}

static bool
is_noted(const struct lk_session_id *id)
{
	for (unsigned i = 0; i < STORED_MAX; i++) {
		const struct stored *s = &play.abroad.record[i];

		if (s->n != 0 && s->place == stored_home() && s->len == 1 + sizeof(*id) &&
		    s->name[0] == 'd' && memcmp(s->name + 1, id, sizeof(*id)) == 0)
			return true;
	}
	return false;
}

/* In the record of each name above it, and of its own.  (DT1) */
static void
check_one(const struct entry_of_book *e)
{
	const struct lk_session_id id = id_of(token_of(e));

	for (unsigned i = 0; i < play_script->n_names; i++) {
		const char *name = play_script->name[i];
		const lk_mode least = book_seen(e, i);

		if (least != LK_NL && !book_covers(stored_mode(name, strlen(name), &id), least))
			fail("%s is promised to a token in %s, and the record says otherwise (DT1)",
			     name, lk_modename(least));
	}
	if (!is_noted(&id))
		fail("%s is promised to a token of which nobody knows (DT1)",
		     play_script->name[e->name]);
}

/* The store has changed: all is there that was promised. */
void
apart_check(void)
{
	for (unsigned i = 0; i < BOOK_MAX; i++) {
		const struct entry_of_book *e = &play.book[i];

		if (e->held && e->is_detached && !leased_is_over(e))
			check_one(e);
	}
}

/* It was given back: nothing of it is left.  (DT1) */
void
apart_released(const char *token)
{
	const struct lk_session_id id = id_of(token);
	const bool quiet = world.quiet;

	world.quiet = true;
	if (is_noted(&id))
		fail("a detached grant was given back, and its token stands in the store (DT1)");
	for (unsigned i = 0; i < play_script->n_names; i++) {
		const char *name = play_script->name[i];

		if (stored_mode(name, strlen(name), &id) != LK_NL)
			fail("a detached grant was given back, and %s is not free (DT1)", name);
	}
	world.quiet = quiet;
}

bool
apart_step(const struct step *t, int *rc)
{
	if (t->verb != VERB_DETACH)
		return false;
	*rc = detach(t);
	return true;
}
