/* SPDX-License-Identifier: MIT */
/*
 * What a search for a ring has to go through at worst: a thousand owners that wait, directly or not, for one.
 *
 * The searches are those of lk_external_wait_begin(), which makes one at once, in the thread that calls it.
 * The root, which holds what the first of the crowd waits for, says that it waits for an owner that does
 * nothing.  There is no ring, so all of them are seen, with all that they hold.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crowd.h"

#define STACK_BYTES (128 * 1024)   /* a thread only waits, but sanitizers want some room */
#define NEVER_NS    3600000000000u /* an hour: none of those who wait looks for a ring itself */
#define PATIENCE_NS 1000000        /* between two looks whether all wait */
#define ROOT_NAME   "root"

struct crowd {
	struct lk_manager *m;
	struct lk_owner *root;
	struct lk_owner *idle;
	struct member *member;
	size_t n;
};

/* One that waits. */
struct member {
	struct lk_owner *owner;
	const char *wants;
	pthread_t thread;
	int result;
};

static void
must(int rc, const char *what)
{
	if (rc != 0)
		bench_die(what, lk_strerror(rc));
}

static struct lk_owner *
open_owner(struct lk_manager *m)
{
	struct lk_owner *w;

	must(lk_owner_open(m, NULL, &w), "crowd: open an owner");
	return w;
}

/* ------------------------------------------------------------------------- who waits */

/* Until the crowd is closed. */
static void *
member_run(void *arg)
{
	struct member *q = arg;

	q->result = lk_acquire(q->owner, q->wants, LK_X, NULL, NULL);
	must(lk_release_all(q->owner), "crowd: release all");
	return NULL;
}

static void
start_all(struct crowd *c)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (size_t i = 0; i < c->n; i++) {
		struct member *q = &c->member[i];
		int error = pthread_create(&q->thread, &attr, member_run, q);

		if (error != 0)
			bench_die("start a thread of the crowd", strerror(error));
	}
	pthread_attr_destroy(&attr);
}

static void
await_all(const struct crowd *c)
{
	const struct timespec pause = { .tv_nsec = PATIENCE_NS };
	struct lk_stats stats = { .size = sizeof(stats) };

	for (;;) {
		must(lk_stats(c->m, &stats), "crowd: statistics");
		if (stats.waiting == c->n)
			return;
		nanosleep(&pause, NULL);
	}
}

/* ------------------------------------------------------------------- what they hold */

/* The name `k` of the owner `i`. */
static const char *
name_of(const struct bench_crowd *shape, size_t i, size_t k)
{
	return shape->names[k * shape->n_owners + i].text;
}

/* One name each in turn, so that in memory, too, what one owner holds lies far apart. */
static void
hold_all(const struct crowd *c, const struct bench_crowd *shape)
{
	must(lk_acquire(c->root, ROOT_NAME, LK_X, NULL, NULL), "crowd: acquire");
	for (size_t k = 0; k < shape->n_each; k++)
		for (size_t i = 0; i < c->n; i++)
			must(lk_acquire(c->member[i].owner, name_of(shape, i, k), LK_X, NULL, NULL),
			     "crowd: acquire");
}

static const char *
wish_of(const struct bench_crowd *shape, size_t i)
{
	if (i == 0 || shape->order == ORDER_LINE)
		return ROOT_NAME;
	return name_of(shape, i - 1, shape->n_each / 2);
}

/* --------------------------------------------------------------------------- the crowd */

void *
crowd_open(const struct bench_crowd *shape)
{
	struct lk_config config = LK_CONFIG_INIT;
	struct crowd *c = calloc(1, sizeof(*c));

	if (c == NULL)
		bench_die("crowd", "out of memory");
	c->n = shape->n_owners;
	c->member = calloc(c->n, sizeof(*c->member));
	if (c->member == NULL)
		bench_die("crowd", "out of memory");
	config.deadlock_delay_ns = NEVER_NS;
	must(lk_open("memory:", &config, &c->m), "crowd: open");
	c->root = open_owner(c->m);
	c->idle = open_owner(c->m);
	for (size_t i = 0; i < c->n; i++)
		c->member[i] = (struct member){ open_owner(c->m), .wants = wish_of(shape, i) };
	hold_all(c, shape);
	start_all(c);
	await_all(c);
	return c;
}

void
crowd_search(void *crowd)
{
	const struct crowd *c = crowd;

	must(lk_external_wait_begin(c->root, c->idle), "crowd: wait outside");
	must(lk_external_wait_end(c->root), "crowd: end of the wait outside");
}

/* The root waits for the last one: had the searches not gone that far, this ring would not be found. */
static void
close_ring(const struct crowd *c)
{
	must(lk_external_wait_begin(c->root, c->member[c->n - 1].owner), "crowd: wait outside");
	must(lk_external_wait_end(c->root), "crowd: end of the wait outside");
}

/* How many requests have ended with LK_E_DEADLOCK. */
static size_t
join_all(const struct crowd *c)
{
	size_t n_victims = 0;

	for (size_t i = 0; i < c->n; i++) {
		struct member *q = &c->member[i];

		pthread_join(q->thread, NULL);
		if (q->result == LK_E_DEADLOCK)
			n_victims++;
		else
			must(q->result, "crowd: acquire");
		must(lk_owner_close(q->owner), "crowd: close an owner");
	}
	return n_victims;
}

void
crowd_close(void *crowd)
{
	struct crowd *c = crowd;

	close_ring(c);
	must(lk_release_all(c->root), "crowd: release all");
	if (join_all(c) != 1)
		bench_die("crowd", "the one ring that there was has not been found");
	must(lk_owner_close(c->root), "crowd: close an owner");
	must(lk_owner_close(c->idle), "crowd: close an owner");
	must(lk_close(c->m), "crowd: close");
	free(c->member);
	free(c);
}
