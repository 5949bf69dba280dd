/* SPDX-License-Identifier: MIT */
/*
 * Running one contestant in one case.
 *
 * The timed loops always run in threads made for the purpose, never in the main one: glibc leaves
 * the atomics out of a mutex while a process has a single thread, and that is not the lock that
 * anybody needs.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "entrant.h"
#include "machine.h"
#include "place.h"

#define CHUNK_ALONE  1024u /* pairs between two looks at the clock: nobody in the way */
#define CHUNK_SHARED 64u /* … threads that exclude each other: none shall be left alone for long */
#define CHUNK_CONVOY 4u /* … and outnumber processors: those who are late make them after the end */
#define CHUNK_OPEN   16u /* … that come by a timetable */
#define CHUNK_STORE  8u  /* … of which each asks a store */
#define WARM_PART    4   /* a warm-up is this part of a sample … */
#define WARM_LEAST   2   /* … or this part of one that is not stretched, if that is more */
#define N_GAPS       4096
#define N_PILOTS     3 /* samples that find out what a contestant can bear */
#define LEAST_NICE   (-20)
#define N_SPINS      1000 /* looks at the other threads before the processor is offered */
#define STOLEN_PART \
	0.1 /* of a sample, in which a processor was not there: then it says nothing … */
#define LATE_PART 0.5 /* … or after which it came back too late by so much */
#define N_RETAKES 3   /* of one sample, one after the other */

/* ----------------------------------------------------------------- in the thread */

bool
lane_hurry(void)
{
	const struct sched_param priority = { .sched_priority = 1 };

	return pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) == 0;
}

/* Nearly all of the time that others want too; among themselves the threads share as usual. */
void
lane_favor(void)
{
	setpriority(PRIO_PROCESS, 0,
		    LEAST_NICE); /* this thread only, on Linux; if it is permitted */
}

static void
lane_settle(struct lane *l)
{
	const struct settings *s = l->entrant->settings;
	const struct bench_case *b = l->entrant->bench_case;

	l->is_pinned = affinity_pin(affinity_of_lane(b->affinity, s, l->number));
	if (s->want_fifo && b->is_normal)
		lane_favor();
	else if (s->want_fifo)
		l->is_fifo = lane_hurry();
}

/* Make at least `n` pairs, and go on until `deadline`; how many. */
static uint64_t
lane_pairs(struct lane *l, uint64_t n, uint64_t deadline)
{
	const struct bench_loop *loop = l->entrant->loop;
	uint64_t done = 0;

	l->run.n = l->entrant->chunk;
	l->run.due = bench_ticks();
	do {
		loop->pairs(&l->run);
		done += l->run.n;
	} while (done < n || (int64_t)(bench_ticks() - deadline) < 0);
	return done;
}

static void
lane_warm(struct lane *l)
{
	struct entrant *e = l->entrant;

	lane_pairs(l, e->n_warm, bench_ticks() + e->warm_ticks);
	if (l->run.hist != NULL)
		memset(l->run.hist, 0, sizeof(*l->run.hist));
}

/* Start together; when it ends. */
static uint64_t
lane_meet(struct lane *l)
{
	struct entrant *e = l->entrant;
	uint64_t deadline;

	if (atomic_fetch_add(&e->n_ready, 1) + 1 == e->bench_case->n_lanes)
		atomic_store(&e->deadline, bench_ticks() + e->sample_ticks);
	for (unsigned i = 1; (deadline = atomic_load(&e->deadline)) == 0; i++)
		if (i % N_SPINS == 0)
			sched_yield();
	return deadline;
}

static void
lane_note_pace(struct lane *l)
{
	const uint64_t pace = clock_pace();

	l->pace = pace > l->pace ? pace : l->pace;
}

static void *
lane_run(void *arg)
{
	struct lane *l = arg;
	struct entrant *e = l->entrant;
	const struct contestant *c = e->contestant;
	uint64_t deadline;

	lane_settle(l);
	l->run.session = e->world;
	if (c->session_open != NULL)
		l->run.session = c->session_open(e->world, e->target, l->number);
	if (e->loop->begin != NULL)
		e->loop->begin(&l->run);
	lane_warm(l);
	l->pace = clock_pace();
	deadline = lane_meet(l);
	l->begin = bench_ticks();
	l->n_pairs = lane_pairs(l, 0, deadline);
	l->end = bench_ticks();
	lane_note_pace(l);
	if (e->loop->end != NULL)
		e->loop->end(&l->run);
	if (c->session_close != NULL)
		c->session_close(l->run.session);
	return NULL;
}

/* ------------------------------------------------------------ in the main thread */

static void
entrant_start(struct entrant *e)
{
	atomic_store(&e->n_ready, 0);
	atomic_store(&e->deadline, 0);
	for (unsigned i = 0; i < e->bench_case->n_lanes; i++) {
		int error = pthread_create(&e->lane[i].thread, NULL, lane_run, &e->lane[i]);

		if (error != 0)
			bench_die("start a thread", strerror(error));
	}
	for (unsigned i = 0; i < e->bench_case->n_lanes; i++)
		pthread_join(e->lane[i].thread, NULL);
	e->n_warm = 0; /* once is enough: the world stays */
}

/* Did the lock exclude?  Who wrote counted, and who read compared. */
static void
entrant_check(const struct entrant *e)
{
	uint64_t n_writes = 0;
	uint64_t n_torn = 0;

	for (unsigned i = 0; i < e->bench_case->n_lanes; i++) {
		n_writes += e->lane[i].run.n_writes;
		n_torn += e->lane[i].run.n_torn;
	}
	if (e->data.count != n_writes || e->data.again != n_writes)
		bench_die(e->contestant->name, "two threads had the lock in X at once");
	if (n_torn != 0)
		bench_die(e->contestant->name, "two threads had the lock in S and X at once");
}

/*
 * Ticks from the first start to the last end.  Where threads outnumber processors that would count the
 * time until the last one is let run again, and the length of the sample says better how long they had.
 */
static uint64_t
entrant_span(const struct entrant *e)
{
	uint64_t begin = e->lane[0].begin;
	uint64_t end = e->lane[0].end;

	if (e->bench_case->n_lanes > e->settings->n_cpus || e->bench_case->n_threads > 1)
		return e->sample_ticks;
	for (unsigned i = 1; i < e->bench_case->n_lanes; i++) {
		begin = e->lane[i].begin < begin ? e->lane[i].begin : begin;
		end = e->lane[i].end > end ? e->lane[i].end : end;
	}
	return end - begin;
}

static uint64_t
entrant_pairs(const struct entrant *e)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < e->bench_case->n_lanes; i++)
		n += e->lane[i].n_pairs;
	return n;
}

/* Run all threads once; ns for each operation. */
static double
entrant_run(struct entrant *e)
{
	if (e->bench_case->in_processes)
		processes_run(e);
	else
		entrant_start(e);
	entrant_check(e);
	return (double)entrant_span(e) * e->settings->tick_ns / (double)entrant_pairs(e);
}

static void
entrant_note_shares(struct entrant *e)
{
	unsigned n = e->bench_case->n_lanes;
	double sum = (double)entrant_pairs(e);
	double least = sum;
	double squares = 0;

	for (unsigned i = 0; i < n; i++) {
		double mine = (double)e->lane[i].n_pairs;

		least = mine < least ? mine : least;
		squares += mine * mine;
		e->n_pairs[i] += e->lane[i].n_pairs;
	}
	e->slowest[e->n_samples] = least * n / sum;
	e->jain[e->n_samples] = sum * sum / (n * squares);
}

/* Of the slower processor, ns; 0 if that is not known, or threads that want the same one count each other. */
static double
entrant_pace(const struct entrant *e)
{
	uint64_t pace = 0;

	if (e->bench_case->in_processes || e->bench_case->is_normal)
		return 0;
	for (unsigned i = 0; i < e->bench_case->n_lanes; i++)
		pace = e->lane[i].pace > pace ? e->lane[i].pace : pace;
	return (double)pace * e->settings->tick_ns;
}

static void
entrant_note_waits(struct entrant *e)
{
	static const double part[N_WAITS] = { 0.5, 0.99, 0.999 };
	static struct hist mine; /* of this sample; the main thread's */

	memset(&mine, 0, sizeof(mine));
	for (unsigned i = 0; i < e->bench_case->n_lanes; i++)
		hist_merge(&mine, e->lane[i].run.hist);
	for (unsigned i = 0; i < N_WAITS; i++)
		e->wait[i][e->n_waits] =
			(double)hist_quantile(&mine, part[i]) * e->settings->tick_ns;
	e->wait_pace[e->n_waits++] = entrant_pace(e);
	hist_merge(e->hist, &mine);
}

/*
 * Was a processor not there for a part of the sample that is now over?  The system counts what its host keeps from it in steps of
 * some milliseconds, so a little of that is not seen; and a thread that was away when the sample was to end, ended late.  A lock
 * can do neither: who waits for it waits with the processor or without, but the processor is there.
 */
static bool
was_away(const struct entrant *e, double stolen_ns)
{
	const double sample_ns = (double)e->sample_ticks * e->settings->tick_ns;
	const double span_ns = (double)entrant_span(e) * e->settings->tick_ns;

	return stolen_ns > STOLEN_PART * sample_ns || span_ns > (1 + LATE_PART) * sample_ns;
}

/*
 * One sample; taken again if the machine was not whole meanwhile.  Two threads of which one stands still meet nobody, and a lock
 * would look the better for it.  Not for ever: a host that is never quiet is what there is to measure on.
 */
static double
entrant_sample(struct entrant *e)
{
	for (unsigned n = 0;; n++) {
		const double before = machine_stolen_ns();
		const double ns = entrant_run(e);

		if (e->settings->is_quick || e->bench_case->in_processes || n == N_RETAKES ||
		    e->n_retaken >= e->n_rounds || !was_away(e, machine_stolen_ns() - before))
			return ns;
		e->n_retaken++;
	}
}

/* In a timetable, and from one process to another, every acquire is timed. */
static bool
notes_all_waits(const struct bench_case *b)
{
	return b->loop == LOOP_OPEN || b->loop == LOOP_HAND_OVER;
}

bool
entrant_times_waits(const struct entrant *e)
{
	return e->bench_case->hist_modes != 0 && !notes_all_waits(e->bench_case);
}

void
entrant_measure(struct entrant *e)
{
	if (e->drop != NULL) {
		held_measure(e, e->drop, e->feed->n_names);
		return;
	}
	e->loop = &e->contestant->loop[e->bench_case->loop];
	e->sample[e->n_samples] = entrant_sample(e);
	entrant_note_shares(e);
	e->pace[e->n_samples] = entrant_pace(e);
	if (notes_all_waits(e->bench_case))
		entrant_note_waits(e);
	e->n_samples++;
}

void
entrant_measure_waits(struct entrant *e)
{
	e->loop = &e->contestant->loop[LOOP_TIMED];
	(void)entrant_sample(e);
	entrant_note_waits(e);
}

struct privileges
entrant_privileges(const struct entrant *e)
{
	struct privileges p = { .pinned = true, .fifo = true };

	for (unsigned i = 0; i < e->bench_case->n_lanes; i++) {
		p.pinned = p.pinned && e->lane[i].is_pinned;
		p.fifo = p.fifo && (e->lane[i].is_fifo || e->bench_case->is_normal);
	}
	return p;
}

/* ---------------------------------------------------------------------- set-up */

static void *
room(size_t n, size_t size)
{
	void *memory = calloc(n, size);

	if (memory == NULL)
		bench_die("samples", "out of memory");
	return memory;
}

static size_t
chunk_of(const struct entrant *e)
{
	const struct bench_case *b = e->bench_case;

	if (b->loop == LOOP_SEARCH)
		return 1;
	if (b->n_lanes > e->settings->n_cpus)
		return CHUNK_CONVOY;
	if (b->loop == LOOP_OPEN)
		return CHUNK_OPEN;
	if (b->realm == REALM_FILE || b->realm == REALM_SQLITE || b->realm == REALM_REDIS)
		return CHUNK_STORE;
	if (b->batch > 0)
		return (CHUNK_ALONE + b->batch - 1) / b->batch * b->batch;
	if (b->n_lanes > 1 && b->shared && (MODES_SELF & MODE_BIT(b->mode)) != 0)
		return CHUNK_SHARED;
	return CHUNK_ALONE;
}

/* Do all threads of the case want one and the same lock?  Then it can guard something. */
static bool
is_one_lock(const struct bench_case *b)
{
	return (b->n_lanes > 1 || b->guards) && b->shared &&
	       (b->by == BY_HANDLE || b->n_names == 1);
}

static void
lane_init(struct entrant *e, unsigned i)
{
	const struct bench_case *b = e->bench_case;
	struct lane *l = &e->lane[i];

	l->entrant = e;
	l->number = i;
	l->run = (struct run){
		.world = e->world,
		.target = e->target,
		.crowd = e->crowd,
		.tickets = room(BATCH_MAX, e->contestant->ticket_size),
		.held = room(N_LEVELS, e->contestant->ticket_size),
		.names = e->feed->names[i],
		.paths = e->feed->paths[i],
		.n_names = e->feed->n_uses,
		.modes = e->feed->modes[i],
		.n_modes = N_MODES,
		.mode = b->mode,
		.to = b->to,
		.batch = b->batch,
		.n_work = settings_steps(e->settings, b->section_ns),
		.data = is_one_lock(b) ? &e->data : NULL,
		.hist = b->hist_modes != 0 ? room(1, sizeof(struct hist)) : NULL,
		.hist_modes = b->hist_modes,
	};
}

/* It stays for all samples. */
static void *
crowd_open(const struct contestant *c, const struct bench_case *b, const struct feed *f)
{
	const struct bench_crowd crowd = {
		.names = f->names[0],
		.n_owners = b->n_owners,
		.n_each = f->n_names / b->n_owners,
		.order = b->order,
	};

	return c->crowd_open(&crowd);
}

/* Arrivals by the case's own rate, or by what the contestant can bear when nobody keeps a timetable. */
static void
entrant_schedule(struct entrant *e)
{
	const struct bench_case *b = e->bench_case;
	double least = 0;
	double mean;

	e->offered = b->load;
	e->loop = &e->contestant->loop[LOOP_PAIRS];
	for (int i = 0; i < N_PILOTS && b->load_percent > 0; i++) {
		double ns = entrant_run(e);

		least = i == 0 || ns < least ? ns : least;
		e->offered = 1e9 / least * b->load_percent / 100;
	}
	mean = b->n_lanes / e->offered * 1e9 / e->settings->tick_ns;
	for (unsigned i = 0; i < b->n_lanes; i++) {
		e->lane[i].run.gaps = inputs_gaps(N_GAPS, mean, i + 1);
		e->lane[i].run.n_gaps = N_GAPS;
	}
}

/* What it starts for itself, threads and servers, runs as the lanes do, if their places are not by turns. */
static void *
world_open(const struct entrant *e, size_t n_names, size_t n_held)
{
	const struct bench_case *b = e->bench_case;
	const struct settings *s = e->settings;
	const int nice = getpriority(PRIO_PROCESS, 0);
	cpu_set_t before;
	void *world;

	if (b->affinity == AFFINITY_IN_TURN)
		return e->contestant->open(n_names, n_held);
	if (sched_getaffinity(0, sizeof(before), &before) != 0)
		bench_die("processors", strerror(errno));
	affinity_serve_on(affinity_of_server(b->affinity, s));
	(void)affinity_pin(affinity_of_lane(b->affinity, s, 0));
	if (s->want_fifo)
		lane_favor();
	world = e->contestant->open(n_names, n_held);
	(void)setpriority(PRIO_PROCESS, 0, nice);
	(void)sched_setaffinity(0, sizeof(before), &before);
	affinity_serve_on(-1);
	return world;
}

/* How many samples, and room for them. */
static void
entrant_plan(struct entrant *e)
{
	const struct bench_case *b = e->bench_case;
	const unsigned most = e->settings->n_samples;
	unsigned n;

	e->n_rounds = b->n_samples_most > 0 && b->n_samples_most < most ? b->n_samples_most : most;
	n = N_TIMES_MOST * e->n_rounds;
	e->sample = room(n, sizeof(*e->sample));
	e->slowest = room(n, sizeof(*e->slowest));
	e->jain = room(n, sizeof(*e->jain));
	e->pace = room(n, sizeof(*e->pace));
	if (b->hist_modes == 0)
		return;
	e->n_wait_rounds = (e->n_rounds + 1) / 2;
	if (e->n_wait_rounds > e->settings->n_latency_samples)
		e->n_wait_rounds = e->settings->n_latency_samples;
	for (unsigned i = 0; i < N_WAITS; i++)
		e->wait[i] = room(n, sizeof(*e->wait[i]));
	e->wait_pace = room(n, sizeof(*e->wait_pace));
	e->hist = room(1, sizeof(*e->hist));
}

void
entrant_init(struct entrant *e, const struct contestant *c, const struct bench_case *b,
	     const struct feed *f, const struct settings *s)
{
	const double stretch = b->stretch > 0 && !s->is_quick ? b->stretch : 1;

	memset(e, 0, sizeof(*e));
	e->contestant = c;
	e->bench_case = b;
	e->settings = s;
	e->feed = f;
	entrant_plan(e);
	e->sample_ticks = (uint64_t)(s->sample_ns * stretch / s->tick_ns);
	e->warm_ticks =
		(uint64_t)(s->sample_ns * fmax(stretch / WARM_PART, 1.0 / WARM_LEAST) / s->tick_ns);
	e->chunk = chunk_of(e);
	if (b->loop == LOOP_HOLD || b->loop == LOOP_DROP)
		return; /* the rest is in a process of its own */
	if ((c->traits & PEER_KEEPS) != 0)
		e->n_warm = b->realm == REALM_MEMORY ? f->n_uses : f->n_names;
	if (b->realm != REALM_MEMORY && !b->in_processes)
		(void)place_fresh();
	if (c->open != NULL && !b->in_processes)
		e->world = world_open(e, f->n_names * (b->shared ? 1 : b->n_lanes), case_held(b));
	if (c->target_open != NULL && !b->in_processes)
		e->target = c->target_open(e->world, "user:0000000");
	if (b->loop == LOOP_SEARCH)
		e->crowd = crowd_open(c, b, f);
	for (unsigned i = 0; i < b->n_lanes; i++)
		lane_init(e, i);
	if (b->loop == LOOP_OPEN)
		entrant_schedule(e);
}

static void
lane_fini(struct lane *l)
{
	free(l->run.tickets);
	free(l->run.held);
	free(l->run.hist);
	free((void *)l->run.gaps);
}

void
entrant_fini(struct entrant *e)
{
	const struct contestant *c = e->contestant;

	for (unsigned i = 0; i < e->bench_case->n_lanes; i++)
		lane_fini(&e->lane[i]);
	if (e->crowd != NULL)
		c->crowd_close(e->crowd);
	if (c->target_close != NULL && e->target != NULL)
		c->target_close(e->world, e->target);
	if (c->close != NULL && e->world != NULL)
		c->close(e->world);
	free(e->sample);
	free(e->slowest);
	free(e->jain);
	free(e->pace);
	free(e->wait_pace);
	for (unsigned i = 0; i < N_WAITS; i++)
		free(e->wait[i]);
	free(e->hist);
}
