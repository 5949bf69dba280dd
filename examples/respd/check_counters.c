/* SPDX-License-Identifier: MIT */
/* Checks that nothing is lost: what many clients add up is all there in the end. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define N_COUNTERS 3
#define BATCH      10 /* requests sent together */

/* ------------------------------------------------------------------------ incr */

/* Every INCR says another number, from 1 to as many as there were. */
struct counters {
	atomic_uint_least8_t *is_seen[N_COUNTERS]; /* [n]: somebody was told n */
	size_t n_max;
	atomic_size_t n_added[N_COUNTERS]; /* acknowledged */
};

static const char *const counter_name[N_COUNTERS] = { "counter/0", "counter/1", "counter/2" };

static void
note_count(struct check *ch, size_t counter, int64_t n)
{
	struct counters *s = ch->state;

	if (n < 1 || (uint64_t)n > s->n_max)
		check_violated(ch, "%s was said to be %" PRId64, counter_name[counter], n);
	else if (atomic_exchange(&s->is_seen[counter][n], 1) != 0)
		check_violated(ch, "%s was %" PRId64 " twice: an increment is lost",
			       counter_name[counter], n);
	atomic_fetch_add(&s->n_added[counter], 1);
}

static void
incr_batch(struct party *p, size_t round)
{
	struct reply r;

	for (size_t i = 0; i < BATCH; i++) {
		const char *word[] = { "INCR", counter_name[(round + i) % N_COUNTERS] };

		client_add(&p->client, word, 2);
	}
	for (size_t i = 0; i < BATCH; i++) {
		if (!client_read(&p->client, &r) || !client_want(&p->client, REPLY_INTEGER, &r))
			return;
		note_count(p->check, (round + i) % N_COUNTERS, r.integer);
	}
}

static void
incr_client(struct party *p)
{
	for (size_t i = 0; i < p->check->settings->n_rounds && check_goes_on(p->check); i++) {
		incr_batch(p, i);
		if (p->client.is_broken)
			return;
	}
}

/* The counters must be what was added. */
static void
incr_sum(struct check *ch)
{
	struct counters *s = ch->state;
	struct client c;
	struct reply r = { 0 };
	size_t sum = 0;

	if (check_connect(ch, &c)) {
		for (size_t i = 0; i < N_COUNTERS; i++) {
			size_t added = atomic_load(&s->n_added[i]);

			if (!client_ask(&c, &r, "GET", counter_name[i], NULL) ||
			    !client_want(&c, REPLY_BULK, &r))
				break;
			if (strtoull(r.text, NULL, 10) != added)
				check_violated(ch, "%s is %s after %zu increments", counter_name[i],
					       r.text, added);
			sum += added;
		}
	}
	if (c.is_broken)
		check_broken(ch, &c);
	client_close(&c);
	check_sum(ch, "%zu increments, each number once, sum right", sum);
}

void
check_incr(struct check *ch)
{
	struct counters s = { .n_max = ch->settings->n_clients * ch->settings->n_rounds * BATCH };

	for (size_t i = 0; i < N_COUNTERS; i++) {
		s.is_seen[i] = calloc(s.n_max + 1, sizeof(*s.is_seen[i]));
		if (s.is_seen[i] == NULL)
			abort();
	}
	ch->state = &s;
	check_run(ch, incr_client);
	if (check_goes_on(ch))
		incr_sum(ch);
	for (size_t i = 0; i < N_COUNTERS; i++)
		free(s.is_seen[i]);
}

/* ---------------------------------------------------------------------- append */

#define RECORD     "%02zu.%06zu;"
#define RECORD_LEN 10

static void
append_client(struct party *p)
{
	for (size_t i = 0; i < p->check->settings->n_rounds && check_goes_on(p->check); i++) {
		char record[32];
		struct reply r = { 0 };

		snprintf(record, sizeof(record), RECORD, p->number, i % 1000000);
		if (!client_ask(&p->client, &r, "APPEND", "journal", record, NULL) ||
		    !client_want(&p->client, REPLY_INTEGER, &r))
			return;
		atomic_fetch_add(&p->check->n_seen, 1);
	}
}

/* Is it the next record of its client? */
static bool
is_next_record(const char *text, size_t n_clients, size_t next[])
{
	char record[32];
	size_t number = (size_t)(text[0] - '0') * 10 + (size_t)(text[1] - '0');

	if (number >= n_clients)
		return false;
	snprintf(record, sizeof(record), RECORD, number, next[number]++ % 1000000);
	return memcmp(record, text, RECORD_LEN) == 0;
}

static void
read_journal(struct check *ch, const struct reply *r)
{
	size_t next[N_CLIENTS_MAX] = { 0 };
	size_t n = atomic_load(&ch->n_seen);

	if (r->len != n * RECORD_LEN)
		check_violated(ch, "the journal has %zu bytes after %zu appends of %d", r->len, n,
			       RECORD_LEN);
	for (size_t at = 0; at + RECORD_LEN <= r->len; at += RECORD_LEN) {
		if (!is_next_record(r->text + at, ch->settings->n_clients, next)) {
			check_violated(ch, "record %zu of the journal is out of its client's order",
				       at / RECORD_LEN);
			return;
		}
	}
	check_sum(ch, "%zu appends, none lost, each client's in order", n);
}

void
check_append(struct check *ch)
{
	struct client c;
	struct reply r = { 0 };

	check_run(ch, append_client);
	if (check_connect(ch, &c) && client_ask(&c, &r, "GET", "journal", NULL) &&
	    client_want(&c, REPLY_BULK, &r))
		read_journal(ch, &r);
	if (c.is_broken)
		check_broken(ch, &c);
	client_close(&c);
}

/* ----------------------------------------------------------------------- mutex */

/* SET … NX as a mutex between clients: what it guards is in the checker, where nothing else does. */
struct guarded {
	atomic_size_t n_inside;
	atomic_size_t n_entered;
};

static void
inside(struct check *ch)
{
	struct guarded *s = ch->state;

	if (atomic_fetch_add(&s->n_inside, 1) != 0)
		check_violated(ch, "two clients were told that SET NX had set the key");
	atomic_fetch_add(&s->n_entered, 1);
	atomic_fetch_sub(&s->n_inside, 1);
}

/* The mutex is free again, unless it was never ours alone. */
static bool
leave(struct party *p)
{
	struct reply r = { 0 };

	if (!client_ask(&p->client, &r, "DEL", "mutex", NULL) ||
	    !client_want(&p->client, REPLY_INTEGER, &r))
		return false;
	if (r.integer != 1)
		check_violated(p->check, "the mutex was gone while a client had it");
	return true;
}

static void
mutex_client(struct party *p)
{
	for (size_t i = 0; i < p->check->settings->n_rounds && check_goes_on(p->check);) {
		struct reply r = { 0 };

		if (!client_ask(&p->client, &r, "SET", "mutex", "taken", "NX", "EX", "1000", NULL))
			return;
		if (r.kind == REPLY_NULL)
			continue;
		if (!client_want(&p->client, REPLY_STATUS, &r))
			return;
		inside(p->check);
		if (!leave(p))
			return;
		i++;
	}
}

void
check_mutex(struct check *ch)
{
	struct guarded s = { 0 };

	ch->state = &s;
	check_run(ch, mutex_client);
	check_sum(ch, "%zu times SET NX and DEL, never two clients inside",
		  atomic_load(&s.n_entered));
}
