/* SPDX-License-Identifier: MIT */
/*
 * Many locks held at once: in a process of its own, whose heap nobody has used before, so that what it
 * grows by is what they cost.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "entrant.h"

/* --------------------------------------------------------------- in that process */

/* Bytes of memory that the process has, as the system counts them. */
static double
resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long pages;

	if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1)
		bench_die("/proc/self/statm", "cannot be read");
	fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

struct child {
	const struct contestant *contestant;
	const struct settings *settings;
	struct run run;
	size_t n_names;
	double bytes_before;
	double bytes_held;
	double acquire_ns;
	double release_ns;
	uint64_t pace[2]; /* ticks, see clock_pace(): around the one, around the other */
};

static uint64_t
later_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void *
child_run(void *arg)
{
	struct child *d = arg;
	const struct contestant *c = d->contestant;
	uint64_t begin, between;

	affinity_pin(d->settings->cpu[0]);
	if (d->settings->want_fifo)
		lane_hurry();
	d->run.world = c->open != NULL ? c->open(d->n_names, d->n_names) : NULL;
	d->run.session = d->run.world;
	if (c->session_open != NULL)
		d->run.session = c->session_open(d->run.world, NULL, 0);
	d->pace[0] = clock_pace();
	begin = clock_ns();
	c->loop[LOOP_HOLD].pairs(&d->run);
	d->acquire_ns = (double)(clock_ns() - begin);
	d->bytes_held = resident();
	between = clock_pace();
	begin = clock_ns();
	c->loop[LOOP_DROP].pairs(&d->run);
	d->release_ns = (double)(clock_ns() - begin);
	d->pace[0] = later_of(d->pace[0], between);
	d->pace[1] = later_of(between, clock_pace());
	if (c->session_close != NULL)
		c->session_close(d->run.session);
	if (c->close != NULL)
		c->close(d->run.world);
	return NULL;
}

/* The names and the tickets are the caller's own: they are there, and in memory, before it begins. */
void
held_child(const struct contestant *c, const struct bench_case *b, size_t n,
	   const struct settings *s)
{
	struct child d = { .contestant = c, .settings = s };
	struct bench_name *names;
	pthread_t thread;
	int error;

	names = inputs_uniform(0, n, 0, 1, &d.run.n_names);
	d.run.names = names;
	d.run.mode = b->mode;
	d.run.n = d.n_names = n;
	d.run.tickets = malloc(n * c->ticket_size);
	if (d.run.tickets == NULL)
		bench_die("tickets", "out of memory");
	memset(d.run.tickets, 0, n * c->ticket_size);
	bench_barrier();
	malloc_trim(0);
	d.bytes_before = resident();
	error = pthread_create(&thread, NULL, child_run, &d);
	if (error != 0)
		bench_die("start a thread", strerror(error));
	pthread_join(thread, NULL);
	printf("%.17g %.17g %.17g %llu %llu\n", d.acquire_ns / (double)n, d.release_ns / (double)n,
	       (d.bytes_held - d.bytes_before) / (double)n, (unsigned long long)d.pace[0],
	       (unsigned long long)d.pace[1]);
	free(d.run.tickets);
	free(names);
}

/* ------------------------------------------------------------- in the main process */

/* Become that process; what it prints goes to `out`. */
static void
exec_child(const struct entrant *e, size_t n, int out)
{
	char number[32];

	snprintf(number, sizeof(number), "%zu", n);
	if (dup2(out, STDOUT_FILENO) < 0)
		_exit(1);
	execl("/proc/self/exe", "latchkey-bench", "--held-child", e->bench_case->name,
	      e->contestant->name, number, e->settings->want_fifo ? "fifo" : "normal",
	      (char *)NULL);
	_exit(1);
}

/* What the process said: its times, the bytes of a lock, and the paces. */
static void
read_child(const struct entrant *e, int in, double number[5])
{
	FILE *f = fdopen(in, "r");

	if (f == NULL || fscanf(f, "%lf %lf %lf %lf %lf", &number[0], &number[1], &number[2],
				&number[3], &number[4]) != 5)
		bench_die(e->contestant->name, "the process that holds many locks failed");
	fclose(f);
}

void
held_measure(struct entrant *acquire, struct entrant *release, size_t n)
{
	const double tick_ns = acquire->settings->tick_ns;
	double number[5];
	int ends[2];
	pid_t child;
	int status;

	if (pipe(ends) != 0)
		bench_die("pipe", strerror(errno));
	child = fork();
	if (child < 0)
		bench_die("fork", strerror(errno));
	if (child == 0) {
		close(ends[0]);
		exec_child(acquire, n, ends[1]);
	}
	close(ends[1]);
	read_child(acquire, ends[0], number);
	if (waitpid(child, &status, 0) != child || status != 0)
		bench_die(acquire->contestant->name, "the process that holds many locks failed");
	acquire->pace[acquire->n_samples] = number[3] * tick_ns;
	release->pace[release->n_samples] = number[4] * tick_ns;
	acquire->sample[acquire->n_samples++] = number[0];
	release->sample[release->n_samples++] = number[1];
	if (acquire->held_bytes == 0 || number[2] < acquire->held_bytes)
		acquire->held_bytes = number[2];
}
