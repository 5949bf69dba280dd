/* SPDX-License-Identifier: MIT */
/*
 * Checks that what is written together is seen together: half of the clients write a group of keys
 * to one value, in different orders, the others read the group.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"

#define N_KEYS 8 /* of the group */

/* The group's names, from the `first` on and around. */
static void
group_words(const char *word[], size_t first, size_t step)
{
	static const char *const key[N_KEYS] = { "group/0", "group/1", "group/2", "group/3",
						 "group/4", "group/5", "group/6", "group/7" };

	for (size_t i = 0; i < N_KEYS; i++)
		word[i * step] = key[(first + i) % N_KEYS];
}

static bool
write_group(struct party *p, size_t round)
{
	const char *word[1 + 2 * N_KEYS] = { "MSET" };
	struct reply r = { 0 };
	char value[32];

	group_words(word + 1, p->number + round, 2);
	snprintf(value, sizeof(value), "%zu.%zu", p->number, round);
	for (size_t i = 0; i < N_KEYS; i++)
		word[2 + 2 * i] = value;
	client_add(&p->client, word, 1 + 2 * N_KEYS);
	return client_read(&p->client, &r) && client_want(&p->client, REPLY_STATUS, &r);
}

/* What one MGET said. */
struct view {
	char value[32]; /* of the first key that was there */
	size_t n_there;
	bool is_torn; /* two keys had different values */
};

static bool
read_group(struct party *p, size_t round, struct view *view)
{
	const char *word[1 + N_KEYS] = { "MGET" };
	struct reply r = { 0 };

	*view = (struct view){ 0 };
	group_words(word + 1, p->number + round, 1);
	client_add(&p->client, word, 1 + N_KEYS);
	if (!client_read(&p->client, &r) || !client_want(&p->client, REPLY_ARRAY, &r))
		return false;
	for (size_t i = 0; i < N_KEYS; i++) {
		if (!client_read(&p->client, &r))
			return false;
		if (r.kind == REPLY_NULL)
			continue;
		if (!client_want(&p->client, REPLY_BULK, &r))
			return false;
		if (view->n_there++ == 0)
			snprintf(view->value, sizeof(view->value), "%s", r.text);
		else if (strcmp(view->value, r.text) != 0)
			view->is_torn = true;
	}
	atomic_fetch_add(&p->check->n_seen, 1);
	return true;
}

/* Read until the writers are done; a group may be all there, or (if allowed) not at all. */
static void
reader(struct party *p, bool may_be_absent)
{
	struct view view;

	for (size_t i = 0; check_goes_on(p->check) && atomic_load(&p->check->n_working) > 0; i++) {
		if (!read_group(p, i, &view))
			return;
		if (view.is_torn)
			check_violated(p->check, "an MGET saw values of different MSETs");
		else if (view.n_there != N_KEYS && !(may_be_absent && view.n_there == 0))
			check_violated(p->check, "an MGET saw %zu of %d keys", view.n_there,
				       N_KEYS);
	}
}

/* ------------------------------------------------------------------------ mset */

/* Even numbers write.  Readers do not count as working. */
static void
mset_client(struct party *p)
{
	struct check *ch = p->check;

	if (p->number % 2 != 0) {
		atomic_fetch_sub(&ch->n_working, 1);
		reader(p, false);
		return;
	}
	for (size_t i = 0; i < ch->settings->n_rounds && check_goes_on(ch); i++) {
		if (!write_group(p, i))
			break;
	}
	atomic_fetch_sub(&ch->n_working, 1);
}

/* One whole group before the clients start: from then on it is always there. */
void
check_mset(struct check *ch)
{
	struct party first = { .check = ch };

	if (check_connect(ch, &first.client) && !write_group(&first, 0))
		check_broken(ch, &first.client);
	client_close(&first.client);
	if (!check_goes_on(ch))
		return;
	check_run(ch, mset_client);
	check_sum(ch, "%zu reads of %d keys while they were written, none torn",
		  atomic_load(&ch->n_seen), N_KEYS);
}

/* -------------------------------------------------------------------- flushall */

/* DBSIZE, KEYS: the whole database is the group, or nothing. */
static bool
count_keys(struct party *p, bool by_name)
{
	struct reply r = { 0 };
	struct reply key;

	if (by_name ? !client_ask(&p->client, &r, "KEYS", "group/*", NULL) ||
			      !client_want(&p->client, REPLY_ARRAY, &r)
		    : !client_ask(&p->client, &r, "DBSIZE", NULL) ||
			      !client_want(&p->client, REPLY_INTEGER, &r))
		return false;
	if (r.integer != 0 && r.integer != N_KEYS)
		check_violated(p->check, "%s said %d of %d keys", by_name ? "KEYS" : "DBSIZE",
			       (int)r.integer, N_KEYS);
	for (int64_t i = 0; by_name && i < r.integer; i++) {
		if (!client_read(&p->client, &key))
			return false;
	}
	atomic_fetch_add(&p->check->n_seen, 1);
	return true;
}

static void
counter(struct party *p)
{
	for (size_t i = 0; check_goes_on(p->check) && atomic_load(&p->check->n_working) > 0; i++) {
		if (!count_keys(p, i % 2 != 0))
			return;
	}
}

/* A command of one word or two that says OK. */
static bool
told(struct party *p, const char *command, const char *argument)
{
	struct reply r = { 0 };

	return client_ask(&p->client, &r, command, argument, NULL) &&
	       client_want(&p->client, REPLY_STATUS, &r);
}

static bool
delete_by_name(struct party *p, size_t round)
{
	const char *word[1 + N_KEYS] = { "DEL" };
	struct reply r = { 0 };

	group_words(word + 1, round, 1);
	client_add(&p->client, word, 1 + N_KEYS);
	return client_read(&p->client, &r) && client_want(&p->client, REPLY_INTEGER, &r);
}

/* Delete the group, in one of three ways; FLUSHALL reaches it from another database. */
static bool
delete_group(struct party *p, size_t round)
{
	switch (round % 3) {
	case 0:
		return told(p, "SELECT", "0") && told(p, "FLUSHALL", NULL) &&
		       told(p, "SELECT", p->check->database);
	case 1:
		return told(p, "FLUSHDB", NULL);
	default:
		return delete_by_name(p, round);
	}
}

/* Write it, and every other time delete all. */
static void
flusher(struct party *p)
{
	struct check *ch = p->check;

	for (size_t i = 0; i < ch->settings->n_rounds && check_goes_on(ch); i++) {
		if (!write_group(p, i))
			break;
		if ((i + p->number / 2) % 2 == 0 && !delete_group(p, i / 2))
			break;
	}
	atomic_fetch_sub(&ch->n_working, 1);
}

static void
flushall_client(struct party *p)
{
	if (p->number % 2 == 0) {
		flusher(p);
		return;
	}
	atomic_fetch_sub(&p->check->n_working, 1);
	if (p->number % 4 == 1)
		reader(p, true);
	else
		counter(p);
}

void
check_flushall(struct check *ch)
{
	check_run(ch, flushall_client);
	check_sum(ch, "%zu reads while all was written and deleted: all of it or nothing",
		  atomic_load(&ch->n_seen));
}
