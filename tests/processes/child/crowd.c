/* SPDX-License-Identifier: MIT */
/* One of a crowd: threads that take random names in random modes, and say on the board what they hold. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../board.h"
#include "child.h"

#define PATIENCE_NS INT64_C(60000000000)

struct worker {
	struct place place;
	struct lk_owner *w;
	struct worker *others;
	uint64_t random;
	pthread_t thread;
};

static uint64_t
draw(struct worker *k, uint64_t below)
{
	uint64_t z = k->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % below;
}

static void
complain(struct worker *k, const char *what, unsigned name, lk_mode mode, int rc)
{
	board_says(k->place.b, "process %u: %s of %s in %s is %s", k->place.process, what,
		   board_names[name], lk_modename(mode), lk_errname(rc));
}

/* A mode, and a hold of it for a while. */
static lk_mode
draw_mode(struct worker *k)
{
	static const lk_mode modes[] = { LK_X, LK_X, LK_X,  LK_S,  LK_S,
					 LK_S, LK_U, LK_IS, LK_IX, LK_SIX };

	return modes[draw(k, sizeof(modes) / sizeof(modes[0]))];
}

static void
hold_on(struct worker *k)
{
	const long ns = (long)draw(k, 200001);

	if (draw(k, 4) == 0)
		(void)nanosleep(&(struct timespec){ 0, ns }, NULL);
	else
		for (long i = 0; i < ns / 8; i++)
			atomic_signal_fence(memory_order_seq_cst);
}

static bool
writes(lk_mode mode)
{
	return mode == LK_U || mode == LK_SIX || mode == LK_X;
}

/* It was granted, in a mode in which it was not before. */
static void
enter(struct worker *k, unsigned slot, unsigned name, lk_mode mode, lk_grant g)
{
	struct lk_grant_info info = { .size = sizeof(info) };
	struct board *b = k->place.b;

	board_claims(&k->place, slot, name, mode);
	atomic_fetch_add(&b->processes[k->place.process].progress[k->place.thread], 1);
	atomic_fetch_add(&b->names[name].grants, 1);
	if (writes(mode))
		board_fence(&k->place, name, lk_fence(k->w, g));
	if (lk_grant_info(k->w, g, &info) != 0)
		board_says(b, "process %u: a grant of %s is not known", k->place.process,
			   board_names[name]);
	board_told(&k->place, name, mode, (info.flags & LK_OWNER_DIED) != 0);
}

static void
leave(struct worker *k, unsigned slot, unsigned name, lk_mode mode, lk_grant g)
{
	int rc;

	board_leaves(&k->place, slot);
	rc = lk_release(k->w, g);
	if (rc != 0)
		complain(k, "release", name, mode, rc);
}

/* ------------------------------------------------------------------------- requests */

/* How many of others went by while it waited; of who was stopped meanwhile nothing is known. */
static void
note_passed(struct worker *k, unsigned name, uint64_t before, uint32_t stops)
{
	struct board *b = k->place.b;
	const uint64_t passed = atomic_load(&b->names[name].grants) - before;
	uint64_t most = atomic_load(&b->most_passed);

	if (stops != atomic_load(&b->processes[k->place.process].stops))
		return;
	while (passed > most && !atomic_compare_exchange_weak(&b->most_passed, &most, passed))
		;
}

static void
acquire(struct worker *k, int64_t timeout_ns)
{
	struct board *b = k->place.b;
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = timeout_ns };
	const unsigned name = (unsigned)draw(k, BOARD_NAMES);
	const lk_mode mode = draw_mode(k);
	const uint64_t before = atomic_load(&b->names[name].grants);
	const uint32_t stops = atomic_load(&b->processes[k->place.process].stops);
	lk_grant g = 0;
	int rc = lk_acquire(k->w, board_names[name], mode, &o, &g);

	if (rc == LK_E_TIMEDOUT && timeout_ns < PATIENCE_NS) {
		board_counts(b, COUNT_timedout);
		return;
	}
	if (rc == LK_E_CANCELED || rc == LK_E_DEADLOCK) {
		board_counts(b, rc == LK_E_DEADLOCK ? COUNT_deadlocks : COUNT_canceled);
		return;
	}
	if (rc != 0) {
		complain(k, "acquire", name, mode, rc);
		return;
	}
	board_counts(b, COUNT_waited);
	note_passed(k, name, before, stops);
	enter(k, 0, name, mode, g);
	hold_on(k);
	leave(k, 0, name, mode, g);
}

static void
try(struct worker *k)
{
	const unsigned name = (unsigned)draw(k, BOARD_NAMES);
	const lk_mode mode = draw_mode(k);
	lk_grant g = 0;
	int rc = lk_try_acquire(k->w, board_names[name], mode, &g);

	if (rc == LK_E_BUSY) {
		board_counts(k->place.b, COUNT_busy);
		return;
	}
	if (rc != 0) {
		complain(k, "try", name, mode, rc);
		return;
	}
	board_counts(k->place.b, COUNT_tried);
	enter(k, 0, name, mode, g);
	hold_on(k);
	leave(k, 0, name, mode, g);
}

/* Some that do not lie below each other. */
static void
batch(struct worker *k)
{
	static const unsigned sets[][3] = { { 0, 1, 2 }, { 2, 3, 6 }, { 6, 7, 9 }, { 9, 1, 0 } };
	const unsigned *names = sets[draw(k, sizeof(sets) / sizeof(sets[0]))];
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = PATIENCE_NS };
	struct lk_request r[3];
	lk_grant g[3] = { 0 };
	int rc;

	for (int i = 0; i < 3; i++)
		r[i] = (struct lk_request){ board_names[names[i]], draw_mode(k), 0, 0 };
	rc = lk_acquire_many(k->w, r, 3, &o, g);
	if (rc == LK_E_CANCELED || rc == LK_E_DEADLOCK) {
		board_counts(k->place.b, rc == LK_E_DEADLOCK ? COUNT_deadlocks : COUNT_canceled);
		return;
	}
	if (rc != 0) {
		complain(k, "a batch, the first", names[0], r[0].mode, rc);
		return;
	}
	board_counts(k->place.b, COUNT_batches);
	for (unsigned i = 0; i < 3; i++)
		enter(k, i, names[i], r[i].mode, g[i]);
	hold_on(k);
	for (unsigned i = 0; i < 3; i++)
		leave(k, i, names[i], r[i].mode, g[i]);
}

static void
weaken(struct worker *k, unsigned name, lk_grant g)
{
	int rc;

	board_claims(&k->place, 0, name, LK_S);
	rc = lk_downgrade(k->w, g);
	if (rc != 0)
		complain(k, "downgrade", name, LK_S, rc);
	board_counts(k->place.b, COUNT_downgraded);
	hold_on(k);
}

/* A short patience, as others that want more may stand in each other's way: a ring takes some moments to be found. */
static void
upgrade(struct worker *k)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = PATIENCE_NS };
	const struct lk_options brief = { .size = sizeof(o), .timeout_ns = 20000000 };
	const unsigned name = (unsigned)draw(k, BOARD_NAMES);
	const lk_mode from = draw(k, 2) == 0 ? LK_S : LK_U;
	struct board *b = k->place.b;
	lk_mode has = from;
	lk_grant g = 0;
	int rc = lk_acquire(k->w, board_names[name], from, &o, &g);

	if (rc != 0) {
		if (rc != LK_E_CANCELED && rc != LK_E_DEADLOCK)
			complain(k, "acquire", name, from, rc);
		return;
	}
	enter(k, 0, name, from, g);
	rc = lk_upgrade(k->w, g, &brief);
	if (rc == 0) {
		has = LK_X;
		board_counts(b, COUNT_upgraded);
		board_claims(&k->place, 0, name, LK_X);
		if (from == LK_S)
			board_fence(&k->place, name, lk_fence(k->w, g));
		hold_on(k);
		if (draw(k, 2) == 0) {
			weaken(k, name, g);
			has = LK_S;
		}
	} else if (rc == LK_E_CONVERSION_DEADLOCK) {
		board_counts(b, COUNT_refused);
	} else if (rc == LK_E_DEADLOCK) {
		board_counts(b, COUNT_deadlocks);
	} else if (rc != LK_E_CANCELED && rc != LK_E_TIMEDOUT) {
		complain(k, "upgrade", name, LK_X, rc);
	}
	leave(k, 0, name, has, g);
}

static void *
work(void *arg)
{
	struct worker *k = arg;

	while (atomic_load(&k->place.b->stop) == 0) {
		const uint64_t what = draw(k, 100);

		if (what < 50)
			acquire(k, PATIENCE_NS);
		else if (what < 62)
			acquire(k, (int64_t)(1 + draw(k, 1000000)));
		else if (what < 74)
			try(k);
		else if (what < 84)
			batch(k);
		else if (what < 96)
			upgrade(k);
		else
			(void)!lk_owner_cancel(k->others[1 - k->place.thread].w);
	}
	return NULL;
}

int
crowd_main(char **args)
{
	struct board *b = board_open(args[0], false);
	const unsigned process = (unsigned)atoi(args[1]);
	struct lk_config cfg = LK_CONFIG_INIT;
	struct worker k[BOARD_THREADS];
	char report[256] = "";
	struct lk_manager *m;
	int rc;

	if (b == NULL)
		return 2;
	cfg.report = report;
	cfg.report_cap = sizeof(report);
	rc = lk_open(args[3], &cfg, &m);
	if (rc != 0) {
		board_says(b, "process %u: %s: %s: %s", process, args[3], lk_errname(rc), report);
		return 3;
	}
	for (unsigned i = 0; i < BOARD_THREADS; i++) {
		k[i] = (struct worker){
			.place = { b, process, i, atomic_load(&b->processes[process].life), 0 },
			.others = k,
			.random = strtoull(args[2], NULL, 0) * 2 + i,
		};
		if (lk_owner_open(m, NULL, &k[i].w) != 0)
			return 4;
	}
	for (unsigned i = 0; i < BOARD_THREADS; i++) {
		if (pthread_create(&k[i].thread, NULL, work, &k[i]) != 0)
			return 5;
	}
	for (unsigned i = 0; i < BOARD_THREADS; i++)
		(void)pthread_join(k[i].thread, NULL);
	for (unsigned i = 0; i < BOARD_THREADS; i++) {
		if (lk_owner_close(k[i].w) != 0)
			board_says(b, "process %u: an owner does not close", process);
	}
	rc = lk_close(m);
	if (rc != 0)
		board_says(b, "process %u: lk_close is %s", process, lk_errname(rc));
	board_close(b);
	return 0;
}
