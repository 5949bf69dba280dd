/* SPDX-License-Identifier: MIT */
/* A pairing heap of timers.  (J1-J5) */
#include "lease/timer.h"

enum { NAP_NS = 1000000 };

void
timers_init(struct timers *ts, struct env *env)
{
	latch_init(&ts->latch);
	ts->env = env;
	ts->first = NULL;
	ts->sleeps_until = SHIM_NEVER;
	ts->are_taken = ts->naps = false;
	shim_init(&ts->news, 0u);
}

/* Two heaps, alone, into one. */
static struct timer *
meld(struct timer *a, struct timer *b)
{
	struct timer *t;

	if (a == NULL || b == NULL)
		return a != NULL ? a : b;
	if (b->due_ns < a->due_ns) {
		t = a;
		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (b->next != NULL)
		b->next->prev = b;
	a->child = b;
	return a;
}

/* Siblings into one heap: by pairs from the left, then all from the right. */
static struct timer *
meld_all(struct timer *t)
{
	struct timer *pairs = NULL;
	struct timer *all = NULL;

	while (t != NULL) {
		struct timer *a = t;
		struct timer *b = t->next;

		t = b != NULL ? b->next : NULL;
		a->next = NULL;
		if (b != NULL)
			b->next = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs != NULL) {
		struct timer *a = pairs;

		pairs = a->next;
		a->next = NULL;
		all = meld(all, a);
	}
	if (all != NULL)
		all->prev = NULL;
	return all;
}

static void
take_out(struct timers *ts, struct timer *t)
{
	if (t == ts->first) {
		ts->first = meld_all(t->child);
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next != NULL)
			t->next->prev = t->prev;
		ts->first = meld(ts->first, meld_all(t->child));
	}
	t->child = t->next = t->prev = NULL;
	t->is_set = false;
}

void
timers_wake(struct timers *ts)
{
	shim_add(&ts->news, 1u, SHIM_ACQ_REL);
	env_wake(ts->env, &ts->news);
}

static void
set(struct timers *ts, struct timer *t, uint64_t due_ns, bool is_lazy)
{
	bool is_early;

	latch_lock(&ts->latch);
	if (t->is_set)
		take_out(ts, t);
	t->due_ns = due_ns;
	t->is_set = true;
	t->child = t->next = t->prev = NULL;
	ts->first = meld(ts->first, t);
	is_early = due_ns < ts->sleeps_until && !(is_lazy && ts->naps); /* (J3, J4) */
	if (is_early)
		ts->sleeps_until = due_ns;
	latch_unlock(&ts->latch);
	if (is_early)
		timers_wake(ts);
}

void
timer_set(struct timers *ts, struct timer *t, uint64_t due_ns)
{
	set(ts, t, due_ns, false);
}

void
timer_set_lazily(struct timers *ts, struct timer *t, uint64_t due_ns)
{
	set(ts, t, due_ns, true);
}

bool
timer_unset(struct timers *ts, struct timer *t)
{
	bool was_set;

	latch_lock(&ts->latch);
	was_set = t->is_set;
	if (was_set)
		take_out(ts, t);
	latch_unlock(&ts->latch);
	return was_set;
}

/* The first, if it is due, out of the heap; else NULL, and when the first is. */
static struct timer *
next_due(struct timers *ts, uint64_t now, uint64_t *due_ns)
{
	struct timer *t;

	latch_lock(&ts->latch);
	t = ts->first;
	*due_ns = t != NULL ? t->due_ns : SHIM_NEVER;
	if (t != NULL && t->due_ns <= now)
		take_out(ts, t);
	else
		t = NULL;
	ts->sleeps_until = t != NULL ? 0 : *due_ns; /* (J3) */
	ts->naps = false;
	latch_unlock(&ts->latch);
	return t;
}

struct timer *
timers_take(struct timers *ts, void (*fire)(struct timer *t, uint64_t now), uint64_t now)
{
	struct timer *t;

	latch_lock(&ts->latch);
	t = ts->first;
	if (t != NULL && t->due_ns <= now && t->fire == fire) {
		take_out(ts, t);
		ts->are_taken = true;
	} else {
		t = NULL;
	}
	latch_unlock(&ts->latch);
	return t;
}

uint64_t
timers_run(struct timers *ts)
{
	const uint64_t began = env_boottime(ts->env);
	uint64_t now = began;
	uint64_t due_ns;
	struct timer *t;

	while ((t = next_due(ts, now < began ? now : began, &due_ns)) != NULL) { /* (J5) */
		t->fire(t, now);
		now = env_boottime(ts->env); /* which may have been set back */
	}
	return due_ns;
}

/* Less than what he was to sleep for: so whoever has set a timer meanwhile has woken him, or need not (J3). */
uint64_t
timers_serve(struct timers *ts)
{
	uint64_t until_ns = timers_run(ts);
	const uint64_t nap_ns = env_boottime(ts->env) + NAP_NS;

	latch_lock(&ts->latch);
	ts->naps = ts->are_taken && ts->sleeps_until > nap_ns;
	if (ts->naps)
		ts->sleeps_until = until_ns = nap_ns;
	ts->are_taken = false;
	latch_unlock(&ts->latch);
	return until_ns;
}

uint64_t
timers_due(struct timers *ts)
{
	uint64_t due_ns;

	latch_lock(&ts->latch);
	due_ns = ts->first != NULL ? ts->first->due_ns : SHIM_NEVER;
	latch_unlock(&ts->latch);
	return due_ns;
}
