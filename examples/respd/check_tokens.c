/* SPDX-License-Identifier: MIT */
/* Checks that what is one stays one: a token that is moved, a prize that is won. */
#include <stdio.h>
#include <string.h>

#include "check.h"

/* ---------------------------------------------------------------------- rename */

/* Move the token from wherever it is to the other key.  Somebody else may be faster. */
static void
mover(struct party *p)
{
	struct check *ch = p->check;

	for (size_t i = 0; i < ch->settings->n_rounds && check_goes_on(ch); i++) {
		struct reply r = { 0 };
		bool back = (i + p->number) % 2 != 0;

		if (!client_ask(&p->client, &r, "RENAME", back ? "right" : "left",
				back ? "left" : "right", NULL))
			break;
		if (r.kind == REPLY_ERROR && strcmp(r.text, "ERR no such key") == 0)
			continue;
		if (!client_want(&p->client, REPLY_STATUS, &r))
			break;
		atomic_fetch_add(&ch->n_seen, 1);
	}
	atomic_fetch_sub(&ch->n_working, 1);
}

/* Exactly one of the two keys must have the token. */
static bool
look(struct party *p)
{
	struct reply r = { 0 };
	size_t n = 0;

	if (!client_ask(&p->client, &r, "MGET", "left", "right", NULL) ||
	    !client_want(&p->client, REPLY_ARRAY, &r))
		return false;
	for (int i = 0; i < 2; i++) {
		if (!client_read(&p->client, &r))
			return false;
		n += r.kind == REPLY_BULK && strcmp(r.text, "token") == 0;
	}
	if (n != 1)
		check_violated(p->check, "while it was renamed, the token was seen %zu times", n);
	return true;
}

static void
rename_client(struct party *p)
{
	if (p->number % 2 == 0) {
		mover(p);
		return;
	}
	atomic_fetch_sub(&p->check->n_working, 1);
	while (check_goes_on(p->check) && atomic_load(&p->check->n_working) > 0) {
		if (!look(p))
			return;
	}
}

void
check_rename(struct check *ch)
{
	struct party p = { .check = ch };
	struct reply r = { 0 };

	if (!check_connect(ch, &p.client) ||
	    !client_ask(&p.client, &r, "SET", "left", "token", NULL) ||
	    !client_want(&p.client, REPLY_STATUS, &r))
		check_broken(ch, &p.client);
	if (check_goes_on(ch))
		check_run(ch, rename_client);
	if (check_goes_on(ch) && !look(&p))
		check_broken(ch, &p.client);
	client_close(&p.client);
	check_sum(ch, "%zu moves of one token, at every look in exactly one place",
		  atomic_load(&ch->n_seen));
}

/* ---------------------------------------------------------------------- msetnx */

/* One round of a contest: every client tries, exactly one must win. */
struct contest {
	bool (*try)(struct party *p, size_t round, bool *has_won);
	atomic_size_t n_winners; /* of this round */
	const char *what;
};

static void
judge(struct check *ch, size_t round)
{
	struct contest *contest = ch->state;
	size_t n = atomic_exchange(&contest->n_winners, 0);

	if (n != 1 && check_goes_on(ch))
		check_violated(ch, "%zu clients won round %zu of %s", n, round, contest->what);
	atomic_fetch_add(&ch->n_seen, 1);
}

/*
 * All begin a round together, and one of them judges it when all are done.  Whether to go on is
 * decided behind the last barrier, where nobody changes it: all decide alike.
 */
static void
contestant(struct party *p)
{
	struct check *ch = p->check;
	struct contest *contest = ch->state;

	for (size_t i = 0; i < ch->settings->n_rounds; i++) {
		bool has_won = false;

		pthread_barrier_wait(&ch->barrier);
		if (!contest->try(p, i, &has_won))
			check_broken(ch, &p->client);
		if (has_won)
			atomic_fetch_add(&contest->n_winners, 1);
		if (pthread_barrier_wait(&ch->barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			judge(ch, i);
		pthread_barrier_wait(&ch->barrier);
		if (!check_goes_on(ch))
			return;
	}
}

/* Two keys of each round, in either order. */
static bool
try_msetnx(struct party *p, size_t round, bool *has_won)
{
	struct reply r = { 0 };
	char key[2][32];
	size_t first = p->number % 2;

	snprintf(key[0], sizeof(key[0]), "prize/%zu/a", round);
	snprintf(key[1], sizeof(key[1]), "prize/%zu/b", round);
	if (!client_ask(&p->client, &r, "MSETNX", key[first], "won", key[1 - first], "won", NULL) ||
	    !client_want(&p->client, REPLY_INTEGER, &r))
		return false;
	*has_won = r.integer == 1;
	return true;
}

void
check_msetnx(struct check *ch)
{
	struct contest contest = { .try = try_msetnx, .what = "MSETNX" };

	ch->state = &contest;
	check_run(ch, contestant);
	check_sum(ch, "%zu rounds of MSETNX, exactly one winner in each", atomic_load(&ch->n_seen));
}
