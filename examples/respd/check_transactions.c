/* SPDX-License-Identifier: MIT */
/* A check that a transaction is one: money goes from one database to another, and the sum is always 0. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

#define ELSEWHERE "15" /* the other database */
#define N_PARTS   4

/* Nothing there is nothing. */
static int64_t
amount_of(const struct reply *r)
{
	return r->kind == REPLY_BULK      ? strtoll(r->text, NULL, 10)
	       : r->kind == REPLY_INTEGER ? r->integer
					  : 0;
}

/*
 * MULTI, a command on "here", one on "there", and EXEC, all sent together: `reply` is EXEC's for
 * the two commands.  `by` may be NULL.
 */
static bool
both(struct party *p, const char *command, const char *by, int64_t amount[2])
{
	const char *here[] = { command, "here", by };
	const char *there[] = { command, "there", by != NULL && *by == '-' ? by + 1 : by };
	const char *away[] = { "SELECT", ELSEWHERE };
	const char *back[] = { "SELECT", p->check->database };
	size_t n = by != NULL ? 3 : 2;
	struct client *c = &p->client;
	struct reply r = { 0 };

	client_add(c, (const char *[]){ "MULTI" }, 1);
	client_add(c, here, n);
	client_add(c, away, 2);
	client_add(c, there, n);
	client_add(c, back, 2);
	client_add(c, (const char *[]){ "EXEC" }, 1);
	for (int i = 0; i < 1 + N_PARTS; i++) {
		if (!client_read(c, &r) || !client_want(c, REPLY_STATUS, &r))
			return false;
	}
	if (!client_read(c, &r) || !client_want(c, REPLY_ARRAY, &r))
		return false;
	for (int i = 0; i < N_PARTS; i++) {
		if (!client_read(c, &r))
			return false;
		if (i % 2 != 0 && !client_want(c, REPLY_STATUS, &r))
			return false;
		if (i % 2 == 0)
			amount[i / 2] = amount_of(&r);
	}
	return true;
}

static void
judge(struct party *p, const int64_t amount[2])
{
	if (amount[0] + amount[1] != 0)
		check_violated(p->check, "there was %" PRId64 " here and %" PRId64 " there",
			       amount[0], amount[1]);
	atomic_fetch_add(&p->check->n_seen, 1);
}

/* Take from here what comes there: INCRBY by "-n", and by "n". */
static void
mover(struct party *p)
{
	struct check *ch = p->check;
	int64_t amount[2];
	char by[24];

	for (size_t i = 0; i < ch->settings->n_rounds && check_goes_on(ch); i++) {
		snprintf(by, sizeof(by), "-%zu", 1 + (i + p->number) % 100);
		if (!both(p, "INCRBY", by, amount))
			break;
		judge(p, amount);
	}
	atomic_fetch_sub(&ch->n_working, 1);
}

static void
exec_client(struct party *p)
{
	int64_t amount[2];

	if (p->number % 2 == 0) {
		mover(p);
		return;
	}
	atomic_fetch_sub(&p->check->n_working, 1);
	while (check_goes_on(p->check) && atomic_load(&p->check->n_working) > 0) {
		if (!both(p, "GET", NULL, amount))
			return;
		judge(p, amount);
	}
}

void
check_exec(struct check *ch)
{
	check_run(ch, exec_client);
	check_sum(ch, "%zu transactions over two databases, at every look the sum was 0",
		  atomic_load(&ch->n_seen));
}
