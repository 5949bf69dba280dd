/* SPDX-License-Identifier: MIT */
/* Running the cases: all contestants of a case side by side, sample by sample. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "run.h"
#include "table.h"

#define N_ENTRANTS_MAX 32    /* contestants in one case */
#define KEPT_BYTES     256.0 /* of a name that stays in a table: a guess, rather high */
#define HELD_BYTES     1024.0

static struct entrant entrants[N_ENTRANTS_MAX];
static struct entrant releases[N_ENTRANTS_MAX]; /* the other half of what holds many locks */

/* ----------------------------------------------------------------- what is to run */

/* Part of a name is enough, but for cases that nobody wants by accident. */
static bool
matches(const struct bench_case *b, const char *filter)
{
	if (filter == NULL)
		return !b->is_large;
	if (b->is_large)
		return strcmp(b->name, filter) == 0;
	return strstr(b->name, filter) != NULL;
}

/* What holds many locks is measured with what releases them, and counts as one. */
bool
run_wants(const struct bench_case *b, const struct settings *s)
{
	if (b->loop == LOOP_DROP)
		return false;
	return matches(b, s->filter) || (b->twin != NULL && matches(case_find(b->twin), s->filter));
}

/* Is `name` one of those in `list`, between commas? */
static bool
is_listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = list; at != NULL; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, name, len) == 0 && (at[len] == ',' || at[len] == '\0'))
			return true;
	}
	return false;
}

bool
run_takes_part(const struct contestant *c, const struct bench_case *b, const struct settings *s)
{
	if (!case_suits(b, c))
		return false;
	return s->contestant == NULL || strcmp(c->name, "latchkey") == 0 ||
	       is_listed(s->contestant, c->name);
}

static unsigned
count_wanted(const struct settings *s)
{
	unsigned n = 0;

	for (const struct bench_case *b = bench_cases; b->name != NULL; b++)
		n += run_wants(b, s);
	return n;
}

/* ----------------------------------------------------------------------- one case */

static unsigned
n_samples_of(const struct bench_case *b, const struct settings *s)
{
	if (b->n_samples_most > 0 && b->n_samples_most < s->n_samples)
		return b->n_samples_most;
	return s->n_samples;
}

/* A crowd is not cut down, for it is soon made. */
static size_t
n_names_of(const struct bench_case *b, const struct settings *s)
{
	return b->n_names < s->n_names_most || b->n_owners > 0 ? b->n_names : s->n_names_most;
}

/* One sample of each in turn, so that what slows the machine for a while slows all. */
static void
measure(unsigned n, const struct bench_case *b, const struct settings *s)
{
	for (unsigned i = 0; i < n_samples_of(b, s); i++)
		for (unsigned k = 0; k < n; k++)
			entrant_measure(&entrants[(k + i) % n]);
	if (b->hist_modes == 0 || b->loop == LOOP_OPEN || b->loop == LOOP_HAND_OVER)
		return;
	for (unsigned i = 0; i < s->n_latency_samples && i < n_samples_of(b, s); i++)
		for (unsigned k = 0; k < n; k++)
			entrant_measure_waits(&entrants[(k + i) % n]);
}

static void
measure_held(unsigned n, const struct bench_case *b, const struct settings *s,
	     const struct feed *feed)
{
	for (unsigned k = 0; k < n; k++)
		entrant_init(&releases[k], entrants[k].contestant, case_find(b->twin), feed, s);
	for (unsigned i = 0; i < n_samples_of(b, s); i++)
		for (unsigned k = 0; k < n; k++)
			held_measure(&entrants[(k + i) % n], &releases[(k + i) % n], feed->n_names);
}

static void
note_privileges(struct privileges *p, const struct entrant *e)
{
	struct privileges mine = entrant_privileges(e);

	p->pinned = p->pinned && mine.pinned;
	p->fifo = p->fifo && mine.fifo;
}

/* Keep the figures of `n` entrants, show them, and clear away what they were measured with. */
static void
finish(struct entrant *e, unsigned n, const struct settings *s, struct results *rs)
{
	size_t first = rs->n;

	for (unsigned k = 0; k < n; k++) {
		results_add(rs, &e[k]);
		entrant_fini(&e[k]);
	}
	table_case(rs, first, s);
}

static unsigned
enter(const struct bench_case *b, const struct settings *s, const struct feed *feed)
{
	unsigned n = 0;

	for (size_t i = 0; contestant_names[i] != NULL; i++) {
		if (!run_takes_part(contestants[i], b, s))
			continue;
		if (n == N_ENTRANTS_MAX)
			bench_die(b->name, "has more contestants than there is room for");
		entrant_init(&entrants[n++], contestants[i], b, feed, s);
	}
	return n;
}

static void
run_case(const struct bench_case *b, const struct settings *s, struct results *rs,
	 struct privileges *p)
{
	struct feed feed;
	unsigned n;

	feed_init(&feed, b, n_names_of(b, s));
	n = enter(b, s, &feed);
	if (b->loop == LOOP_HOLD)
		measure_held(n, b, s, &feed);
	else
		measure(n, b, s);
	table_progress_end(s);
	for (unsigned k = 0; k < n && b->loop != LOOP_HOLD; k++)
		note_privileges(p, &entrants[k]);
	finish(entrants, n, s, rs);
	if (b->loop == LOOP_HOLD)
		finish(releases, n, s, rs);
	feed_fini(&feed);
}

/* ---------------------------------------------------------------------- all cases */

/* About how much memory the case wants, by the names and by those who keep them. */
static double
bytes_wanted(const struct bench_case *b, const struct settings *s)
{
	double n = (double)n_names_of(b, s);
	double each = NAME_SIZE;

	if (b->loop == LOOP_HOLD)
		each += HELD_BYTES;
	for (size_t i = 0; contestant_names[i] != NULL; i++)
		if (run_takes_part(contestants[i], b, s) && (contestants[i]->traits & PEER_KEEPS))
			each += KEPT_BYTES;
	return n * b->n_lanes * each;
}

/* Why the case cannot be run here; or NULL. */
static const char *
obstacle(const struct bench_case *b, const struct settings *s)
{
	double available = machine_available();

	if (b->n_lanes > s->n_cpus && !b->is_normal)
		return "there are not as many processors as threads";
	if (available > 0 && bytes_wanted(b, s) > available)
		return "there is not enough memory";
	return NULL;
}

void
run_all(const struct settings *s, struct results *rs, struct privileges *p)
{
	unsigned n = count_wanted(s);
	unsigned done = 0;

	for (const struct bench_case *b = bench_cases; b->name != NULL; b++) {
		const char *why;

		if (!run_wants(b, s))
			continue;
		table_progress(s, b->name, done++, n);
		why = obstacle(b, s);
		if (why == NULL) {
			run_case(b, s, rs, p);
			continue;
		}
		table_progress_end(s);
		printf("\n%s: left out, %s\n", b->name, why);
	}
}
