/* SPDX-License-Identifier: MIT */
/*
 * Grants by their tokens (TK1-TK3): each is given back once, by its owner or by whoever has the token, and what a
 * token says of it was true.
 */
#include "play.h"

/* The grant of the fiber that is named in the step. */
static unsigned
owner_of(const struct step *t)
{
	return t->name[0];
}

static const char *
token_of(const struct step *t)
{
	return play.token[owner_of(t)][t->label];
}

static int
make(const struct step *t)
{
	return lk_token(play.owner[t->fiber], play.grant[t->fiber][t->label],
			play.token[t->fiber][t->label], LK_TOKEN_MAX);
}

static int
check(const struct step *t)
{
	const struct entry_of_book *e = book_find(owner_of(t), t->label);
	const bool was_over = leased_was_over(e);
	int rc = lk_token_check(play.m, token_of(t));

	leased_said(t, e, was_over, rc);
	return rc;
}

static int
renew(const struct step *t)
{
	struct entry_of_book *e = book_find(owner_of(t), t->label);
	const bool was_over = leased_was_over(e);
	const unsigned serial = e != NULL ? e->serial : 0;
	const uint64_t began_at = world.now;
	int rc = lk_token_renew(play.m, token_of(t), t->lease_ns);

	leased_said(t, e, was_over, rc);
	if (rc == 0 && e != NULL && e->held && e->serial == serial) {
		e->ends_at = began_at + t->lease_ns;
		apart_renewed(e, began_at, t->lease_ns);
	}
	return rc;
}

/* From here on it is not relied on, as in a release of the owner's. */
static int
release(const struct step *t)
{
	const struct entry_of_book *e = book_find(owner_of(t), t->label);
	struct entry_of_book was = e != NULL ? *e : (struct entry_of_book){ 0 };
	const bool was_over = leased_was_over(e);
	int rc;

	book_remove(owner_of(t), t->label);
	rc = lk_token_release(play.m, token_of(t));
	was.is_forfeit |= was.is_detached && play.upkept.had_break[was.name];
	leased_said(t, e != NULL ? &was : NULL, was_over, rc);
	if (rc == 0 && was.is_detached && play_script->n_processes != 0)
		apart_released(token_of(t));
	return rc;
}

bool
tokens_step(const struct step *t, int *rc)
{
	switch (t->verb) {
	case VERB_TOKEN:
		*rc = make(t);
		return true;
	case VERB_TOKEN_CHECK:
		*rc = check(t);
		return true;
	case VERB_TOKEN_RENEW:
		*rc = renew(t);
		return true;
	case VERB_TOKEN_RELEASE:
		*rc = release(t);
		return true;
	default:
		return false;
	}
}

/* Nobody can go on by himself: what was left to a thread is done.  (TK2) */
void
tokens_check(const struct lk_owner *w)
{
	if (w->has_left)
		fail("a token has given something back, everybody sleeps, and it is still there "
		     "(TK2)");
}
