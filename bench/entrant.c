/* SPDX-License-Identifier: MIT */
/*
 * Running one contestant in one case.
 *
 * The timed loops always run in threads made for the purpose, never in the main one: glibc leaves
 * the atomics out of a mutex while a process has a single thread, and that is not the lock that
 * anybody needs.
 */
#define _GNU_SOURCE 1
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "entrant.h"

#define CHUNK       64   /* pairs between two looks at `stop` */
#define QUOTA_FIRST 1024 /* where the search for the quota begins */
#define WARM_PART   4    /* a warm-up is this part of a sample */
#define N_SPINS     1000 /* looks at the other thread before the processor is offered */

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ----------------------------------------------------------------- in the thread */

static void
lane_settle(struct lane *l)
{
	const struct sched_param priority = { .sched_priority = 1 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)l->cpu, &set);
	l->pinned = sched_setaffinity(0, sizeof(set), &set) == 0;
	l->fifo = l->entrant->settings->want_fifo &&
		  pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) == 0;
}

/* Make up to `n` pairs, fewer if another thread is done; how many. */
static uint64_t
lane_pairs(struct lane *l, uint64_t n)
{
	const struct contestant *c = l->entrant->contestant;
	uint64_t done = 0;

	l->run.n = CHUNK;
	while (done < n && !atomic_load_explicit(&l->entrant->stop, memory_order_relaxed)) {
		c->loop(&l->run);
		done += CHUNK;
	}
	return done;
}

/* Start together. */
static void
lane_meet(struct lane *l)
{
	struct entrant *e = l->entrant;

	atomic_fetch_add(&e->n_ready, 1);
	for (unsigned i = 1; atomic_load(&e->n_ready) < e->bench_case->n_lanes; i++)
		if (i % N_SPINS == 0)
			sched_yield();
}

static void *
lane_run(void *arg)
{
	struct lane *l = arg;
	struct entrant *e = l->entrant;
	const struct contestant *c = e->contestant;

	lane_settle(l);
	l->run.session = c->session_open != NULL ? c->session_open(e->world) : e->world;
	l->n_warm = lane_pairs(l, e->quota / WARM_PART);
	lane_meet(l);
	l->begin_ns = now_ns();
	l->n_pairs = lane_pairs(l, e->quota);
	l->end_ns = now_ns();
	atomic_store_explicit(&e->stop, true, memory_order_relaxed);
	if (c->session_close != NULL)
		c->session_close(l->run.session);
	return NULL;
}

/* ------------------------------------------------------------ in the main thread */

/* Run all threads once; the nanoseconds from the first start to the last end. */
static double
entrant_run(struct entrant *e)
{
	uint64_t begin = UINT64_MAX;
	uint64_t end = 0;
	unsigned n = e->bench_case->n_lanes;

	atomic_store(&e->n_ready, 0);
	atomic_store(&e->stop, false);
	for (unsigned i = 0; i < n; i++) {
		int error = pthread_create(&e->lane[i].thread, NULL, lane_run, &e->lane[i]);

		if (error != 0)
			bench_die("start a thread", strerror(error));
	}
	for (unsigned i = 0; i < n; i++) {
		pthread_join(e->lane[i].thread, NULL);
		if (e->lane[i].begin_ns < begin)
			begin = e->lane[i].begin_ns;
		if (e->lane[i].end_ns > end)
			end = e->lane[i].end_ns;
	}
	return (double)(end - begin);
}

static uint64_t
entrant_pairs(const struct entrant *e)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < e->bench_case->n_lanes; i++)
		n += e->lane[i].n_pairs;
	return n;
}

static double
entrant_share(const struct entrant *e)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < e->bench_case->n_lanes; i++)
		if (e->lane[i].n_pairs < least)
			least = e->lane[i].n_pairs;
	return (double)least * e->bench_case->n_lanes / (double)entrant_pairs(e);
}

/* Did the lock exclude?  The threads counted under it. */
static void
entrant_check(struct entrant *e)
{
	uint64_t n = entrant_pairs(e);

	if (e->lane[0].run.counter == NULL)
		return;
	for (unsigned i = 0; i < e->bench_case->n_lanes; i++)
		n += e->lane[i].n_warm;
	if (e->counter != n)
		bench_die(e->contestant->name, "two threads had the lock at once");
	e->counter = 0;
}

/* Double the quota until a sample is long enough to scale by. */
static void
entrant_calibrate(struct entrant *e)
{
	double wanted = e->settings->sample_ns;
	double took;

	for (e->quota = QUOTA_FIRST;; e->quota *= 2) {
		took = entrant_run(e);
		entrant_check(e);
		if (took >= wanted / 2)
			break;
	}
	e->quota = (uint64_t)((double)e->quota * wanted / took) / CHUNK * CHUNK + CHUNK;
}

void
entrant_measure(struct entrant *e)
{
	double took = entrant_run(e);

	entrant_check(e);
	e->sample[e->n_samples] = took / (double)entrant_pairs(e);
	e->share[e->n_samples] = entrant_share(e);
	e->n_samples++;
}

struct privileges
entrant_privileges(const struct entrant *e)
{
	struct privileges p = { .pinned = true, .fifo = true };

	for (unsigned i = 0; i < e->bench_case->n_lanes; i++) {
		p.pinned = p.pinned && e->lane[i].pinned;
		p.fifo = p.fifo && e->lane[i].fifo;
	}
	return p;
}

/* ---------------------------------------------------------------------- set-up */

static void
lane_init(struct entrant *e, unsigned i)
{
	const struct bench_case *b = e->bench_case;
	struct lane *l = &e->lane[i];

	l->entrant = e;
	l->cpu = e->settings->cpu[i];
	l->run.mode = b->mode;
	l->run.target = e->target;
	if (b->n_lanes > 1 && b->shared)
		l->run.counter = &e->counter;
	if (b->by == BY_NAME) {
		size_t first = b->shared ? 0 : i * b->n_names;

		e->names[i] = names_make(first, b->n_names, i + 1, &l->run.n_names);
		l->run.names = (const char(*)[NAME_SIZE])e->names[i];
	}
}

void
entrant_init(struct entrant *e, const struct contestant *c, const struct bench_case *b,
	     const struct settings *s)
{
	memset(e, 0, sizeof(*e));
	e->contestant = c;
	e->bench_case = b;
	e->settings = s;
	e->sample = calloc(s->n_samples, sizeof(*e->sample));
	e->share = calloc(s->n_samples, sizeof(*e->share));
	if (e->sample == NULL || e->share == NULL)
		bench_die("samples", "out of memory");
	if (c->open != NULL)
		e->world = c->open();
	if (c->target_open != NULL)
		e->target = c->target_open(e->world, "user:0000000");
	for (unsigned i = 0; i < b->n_lanes; i++)
		lane_init(e, i);
	entrant_calibrate(e);
}

void
entrant_fini(struct entrant *e)
{
	const struct contestant *c = e->contestant;

	if (c->target_close != NULL)
		c->target_close(e->world, e->target);
	if (c->close != NULL)
		c->close(e->world);
	for (unsigned i = 0; i < e->bench_case->n_lanes; i++)
		free(e->names[i]);
	free(e->sample);
	free(e->share);
}
