/* SPDX-License-Identifier: MIT */
/*
 * Running the cases, in heats: all contestants of all cases that a goal compares with each other, sample by sample.
 *
 * H1  Cases that a goal compares are in one heat, so all that is compared is sampled in the same rounds.
 * H2  A round takes one sample of each entrant that still has some to give; an entrant's sample `i` is that of round `i`.  If few of
 *     them are calm (J2) there are more rounds, up to twice as many.
 * H3  Nobody follows the same neighbour in all rounds: they begin at another entrant each time, and go forwards and backwards in turn.
 * H4  Latchkey's entrants are next to each other: what it does in one case is compared with what it does in another.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "run.h"
#include "table.h"

#define N_HEAT_MAX  16    /* cases in one heat */
#define CALM_ENOUGH 4     /* one sample in so many */
#define KEPT_BYTES  256.0 /* of a name that stays in a table: a guess, rather high */
#define HELD_BYTES  1024.0

/* A case in a heat. */
struct event {
	const struct bench_case *bench_case;
	struct feed feed;
	struct entrant *entrants; /* in the order of the contestants … */
	struct entrant *drops;    /* LOOP_HOLD: and the other halves */
	unsigned n;
};

struct heat {
	struct event event[N_HEAT_MAX];
	unsigned n_events;
	struct entrant **turn; /* … and of all events, in that of the rounds */
	unsigned n;
};

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

/* Does a case that the filter names want to be compared with this one? */
static bool
is_compared(const struct bench_case *b, const struct settings *s)
{
	for (const struct bench_case *other = bench_cases; other->name != NULL; other++)
		if (matches(other, s->filter) && goals_compare(other, b))
			return true;
	return false;
}

/* What holds many locks is measured with what releases them, and counts as one. */
bool
run_wants(const struct bench_case *b, const struct settings *s)
{
	if (b->loop == LOOP_DROP)
		return false;
	return matches(b, s->filter) || is_compared(b, s) ||
	       (b->twin != NULL && matches(case_find(b->twin), s->filter));
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

/* ---------------------------------------------------------------------- the rounds */

/* Of `n` entrants, whose turn it is in round `i` after `k` others (H3); rounds are `n_rounds`. */
static unsigned
whose_turn(unsigned i, unsigned k, unsigned n, unsigned n_rounds)
{
	const unsigned first = i * n / n_rounds;

	return i % 2 == 0 ? (first + k) % n : (first + n - 1 - k) % n;
}

static unsigned
most_rounds(const struct heat *h)
{
	unsigned most = 0;

	for (unsigned i = 0; i < h->n; i++)
		most = h->turn[i]->n_rounds > most ? h->turn[i]->n_rounds : most;
	return most;
}

/* The best pace of all samples so far, also of the heats before. */
static double
best_pace(const struct heat *h, double before)
{
	double best = before;

	for (unsigned k = 0; k < h->n; k++)
		for (unsigned i = 0; i < h->turn[k]->n_samples; i++)
			if (best == 0 || (h->turn[k]->pace[i] > 0 && h->turn[k]->pace[i] < best))
				best = h->turn[k]->pace[i];
	return best;
}

/* Had the processors their pace in a part of the event's samples that is enough, or is that not known of them? */
static bool
is_calm(const struct event *v, double best)
{
	unsigned n_calm = 0;
	unsigned n = 0;

	for (unsigned k = 0; k < v->n; k++)
		for (unsigned i = 0; i < v->entrants[k].n_samples; i++) {
			n++;
			n_calm += v->entrants[k].pace[i] <= CALM_PACE * best;
		}
	return n_calm * CALM_ENOUGH >= n;
}

/*
 * Who has given all samples of round `i` and before that he was to give?  In a time that is not calm that is twice as many.  The
 * same answer for all who have as many to give, so that a ratio has its two samples (H2).
 */
static void
see_who_is_done(struct heat *h, unsigned i, double before)
{
	const double best = best_pace(h, before);
	bool all_calm = true;

	for (unsigned v = 0; v < h->n_events; v++)
		all_calm = all_calm && is_calm(&h->event[v], best);
	for (unsigned k = 0; k < h->n; k++) {
		struct entrant *e = h->turn[k];

		if (i >= N_TIMES_MOST * e->n_rounds ||
		    (i >= e->n_rounds && (all_calm || e->pace[0] == 0)))
			e->is_done = true;
	}
}

/* H2. */
static void
measure(struct heat *h, double before)
{
	const unsigned n_rounds = most_rounds(h);

	for (unsigned i = 0; i < N_TIMES_MOST * n_rounds; i++) {
		see_who_is_done(h, i, before);
		for (unsigned k = 0; k < h->n; k++) {
			struct entrant *e = h->turn[whose_turn(i % n_rounds, k, h->n, n_rounds)];

			if (!e->is_done)
				entrant_measure(e);
		}
	}
}

static void
measure_waits(struct heat *h)
{
	const unsigned n_rounds = most_rounds(h);

	for (unsigned i = 0; i < n_rounds; i++)
		for (unsigned k = 0; k < h->n; k++) {
			struct entrant *e = h->turn[whose_turn(i, k, h->n, n_rounds)];

			if (entrant_times_waits(e) && i < e->n_wait_rounds)
				entrant_measure_waits(e);
		}
}

/* ------------------------------------------------------------------------ one heat */

/* A crowd is not cut down, for it is soon made. */
static size_t
n_names_of(const struct bench_case *b, const struct settings *s)
{
	return b->n_names < s->n_names_most || b->n_owners > 0 ? b->n_names : s->n_names_most;
}

static unsigned
count_part(const struct bench_case *b, const struct settings *s)
{
	unsigned n = 0;

	for (size_t i = 0; contestant_names[i] != NULL; i++)
		n += run_takes_part(contestants[i], b, s);
	return n;
}

static void *
room(size_t n, size_t size)
{
	void *memory = aligned_alloc(64, (n * size + 63) / 64 * 64);

	if (memory == NULL)
		bench_die("entrants", "out of memory");
	return memory;
}

static void
event_enter(struct event *v, const struct contestant *c, const struct settings *s)
{
	struct entrant *e = &v->entrants[v->n];

	entrant_init(e, c, v->bench_case, &v->feed, s);
	if (v->bench_case->loop == LOOP_HOLD) {
		e->drop = &v->drops[v->n];
		entrant_init(e->drop, c, case_find(v->bench_case->twin), &v->feed, s);
	}
	v->n++;
}

static void
event_init(struct event *v, const struct bench_case *b, const struct settings *s)
{
	const unsigned n = count_part(b, s);

	*v = (struct event){ .bench_case = b };
	feed_init(&v->feed, b, n_names_of(b, s));
	v->entrants = room(n + 1, sizeof(*v->entrants));
	v->drops = room(n + 1, sizeof(*v->drops));
	for (size_t i = 0; contestant_names[i] != NULL; i++)
		if (run_takes_part(contestants[i], b, s))
			event_enter(v, contestants[i], s);
}

static bool
is_ours(const struct entrant *e)
{
	return strcmp(e->contestant->name, "latchkey") == 0;
}

/* H4; the others case by case. */
static void
heat_order(struct heat *h)
{
	unsigned n = 0;

	for (unsigned i = 0; i < h->n_events; i++)
		h->n += h->event[i].n;
	h->turn = room(h->n + 1, sizeof(*h->turn));
	for (int pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < h->n_events; i++)
			for (unsigned k = 0; k < h->event[i].n; k++) {
				struct entrant *e = &h->event[i].entrants[k];

				if (is_ours(e) == (pass == 0))
					h->turn[n++] = e;
			}
}

static void
note_privileges(struct privileges *p, const struct entrant *e)
{
	struct privileges mine = entrant_privileges(e);

	if (e->drop != NULL)
		return; /* in a process of its own */
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

static void
event_finish(struct event *v, const struct settings *s, struct results *rs, struct privileges *p)
{
	for (unsigned k = 0; k < v->n; k++)
		note_privileges(p, &v->entrants[k]);
	finish(v->entrants, v->n, s, rs);
	if (v->bench_case->loop == LOOP_HOLD)
		finish(v->drops, v->n, s, rs);
	feed_fini(&v->feed);
	free(v->entrants);
	free(v->drops);
}

static void
run_heat(const struct bench_case *const *cases, unsigned n, const struct settings *s,
	 struct results *rs, struct privileges *p)
{
	struct heat h = { .n_events = n };

	for (unsigned i = 0; i < n; i++)
		event_init(&h.event[i], cases[i], s);
	heat_order(&h);
	measure(&h, rs->best_pace);
	measure_waits(&h);
	table_progress_end(s);
	for (unsigned i = 0; i < n; i++)
		event_finish(&h.event[i], s, rs, p);
	free(h.turn);
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

/* Why the case cannot be run here, beside others that want so many bytes; or NULL. */
static const char *
obstacle(const struct bench_case *b, const struct settings *s, double bytes)
{
	double available = machine_available();

	if (b->n_lanes > s->n_cpus && !b->is_normal)
		return "there are not as many processors as threads";
	if (available > 0 && bytes + bytes_wanted(b, s) > available)
		return "there is not enough memory";
	return NULL;
}

/* All that are to be measured with the first one, since goals compare them, directly or by others (H1). */
static unsigned
gather(const struct bench_case *b, const struct settings *s, const struct bench_case **heat)
{
	unsigned n = 1;

	heat[0] = b;
	for (unsigned i = 0; i < n; i++)
		for (b = bench_cases; b->name != NULL; b++) {
			bool is_in = !run_wants(b, s) ||
				     !(goals_compare(b, heat[i]) || goals_compare(heat[i], b));

			for (unsigned k = 0; k < n; k++)
				is_in = is_in || heat[k] == b;
			if (is_in)
				continue;
			if (n == N_HEAT_MAX)
				bench_die(b->name,
					  "is compared with more cases than there is room for");
			heat[n++] = b;
		}
	return n;
}

/* Take those out that cannot be run here, and say so; how many are left. */
static unsigned
leave_out(const struct bench_case **heat, unsigned n, const struct settings *s)
{
	double bytes = 0;
	unsigned left = 0;

	for (unsigned i = 0; i < n; i++) {
		const char *why = obstacle(heat[i], s, bytes);

		if (why == NULL) {
			bytes += bytes_wanted(heat[i], s);
			heat[left++] = heat[i];
			continue;
		}
		table_progress_end(s);
		printf("\n%s: left out, %s\n", heat[i]->name, why);
	}
	return left;
}

/* A heat is run when the first of its cases comes. */
void
run_all(const struct settings *s, struct results *rs, struct privileges *p)
{
	const struct bench_case *heat[N_HEAT_MAX];
	const unsigned n_wanted = count_wanted(s);
	unsigned n_done = 0;

	for (const struct bench_case *b = bench_cases; b->name != NULL; b++) {
		bool is_first = run_wants(b, s);
		unsigned n, left;

		n = is_first ? gather(b, s, heat) : 0;
		for (unsigned i = 0; i < n; i++)
			is_first = is_first && heat[i] >= b;
		if (!is_first)
			continue;
		left = leave_out(heat, n, s);
		table_progress(s, b->name, n_done, n_wanted);
		if (left > 0)
			run_heat(heat, left, s, rs, p);
		n_done += n;
	}
	results_sort(rs);
}
