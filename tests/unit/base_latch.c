/* SPDX-License-Identifier: MIT */
/* The latch: it excludes, whoever waits for it gets it, and the awake way in gives up. */
#define _GNU_SOURCE 1
#include <sched.h>
#include <sys/resource.h>

#include "harness.h"

#include "base/latch.h"

static uint32_t
word(struct latch *l)
{
	return shim_load(&l->word, SHIM_RELAXED);
}

Test(latch, free_held_free)
{
	struct latch l;

	latch_init(&l);
	cr_expect_eq(word(&l), 0);
	latch_lock(&l);
	cr_expect_eq(word(&l), 1);
	cr_expect_not(latch_try(&l));
	cr_expect_eq(word(&l), 1);
	latch_unlock(&l);
	cr_expect_eq(word(&l), 0);
	cr_expect(latch_try(&l));
	latch_unlock(&l);
	cr_expect(latch_lock_awake(&l));
	cr_expect_eq(word(&l), 1);
	latch_unlock(&l);
	cr_expect_eq(word(&l), 0);
}

/* It leaves no trace either. */
Test(latch, awake_gives_up)
{
	struct latch l;

	latch_init(&l);
	latch_lock(&l);
	cr_expect_not(latch_lock_awake(&l));
	cr_expect_eq(word(&l), 1);
	latch_unlock(&l);
	cr_expect_eq(word(&l), 0);
}

/* -------------------------------------------------------------------- waiting */

enum { COMERS = 3, ROUNDS_HELD = 100 };

struct room {
	struct latch latch;
	atomic_uint arrived;
	unsigned entered; /* plain: under the latch */
};

static void
enter(void *arg, unsigned index)
{
	struct room *r = arg;

	(void)index;
	atomic_fetch_add(&r->arrived, 1);
	latch_lock(&r->latch);
	r->entered++;
	latch_unlock(&r->latch);
}

/* However long it is held, nobody gets in; and when it is open, all who came get in. */
Test(latch, all_who_wait_get_in)
{
	struct room r = { .entered = 0 };
	struct test_thread t[COMERS];

	latch_init(&r.latch);
	for (unsigned round = 1; round <= ROUNDS_HELD; round++) {
		latch_lock(&r.latch);
		test_spawn(t, COMERS, enter, &r);
		wait_until(atomic_load(&r.arrived) == round * COMERS);
		for (unsigned i = 0; i < round * 10; i++) /* long enough for some to sleep */
			sched_yield();
		cr_expect_eq(r.entered, (round - 1) * COMERS);
		latch_unlock(&r.latch);
		test_join(t, COMERS);
		cr_expect_eq(r.entered, round * COMERS);
		cr_expect_eq(word(&r.latch), 0);
	}
}

/* ------------------------------------------------------------------ exclusion */

enum { THREADS = 4, ROUNDS = 30000 };

struct shared {
	struct latch latch;
	uint64_t counter; /* plain */
	bool inside;
	_Atomic uint64_t entered;
};

static bool
get_in(struct latch *l, unsigned way)
{
	if (way == 0)
		return latch_try(l);
	if (way == 1)
		return latch_lock_awake(l);
	latch_lock(l);
	return true;
}

static void
count(void *arg, unsigned index)
{
	struct shared *s = arg;
	uint64_t entered = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		if (!get_in(&s->latch, (i + index) % 4))
			continue;
		cr_expect_not(s->inside);
		s->inside = true;
		s->counter++;
		entered++;
		s->inside = false;
		latch_unlock(&s->latch);
	}
	atomic_fetch_add(&s->entered, entered);
}

/* (L1) */
Test(latch, excludes)
{
	struct shared s = { .counter = 0 };

	latch_init(&s.latch);
	test_threads(THREADS, count, &s);
	cr_expect_eq(s.counter, atomic_load(&s.entered));
	cr_expect_ge(s.counter, THREADS * ROUNDS / 2);
	cr_expect_eq(word(&s.latch), 0);
}

/* ------------------------------------------------------------- one processor for two */

enum { TURNS = 200 };

struct turns {
	struct latch latch;
	atomic_uint held;   /* in so many turns the one has had it … */
	atomic_uint wanted; /* … and in so many the other was about to take it */
	long naps;
};

static void
hold_until_wanted(struct turns *t)
{
	for (unsigned i = 1; i <= TURNS; i++) {
		latch_lock(&t->latch);
		atomic_store(&t->held, i);
		while (atomic_load(&t->wanted) < i)
			sched_yield();
		latch_unlock(&t->latch);
		while (atomic_load(&t->held) == i && i < TURNS) /* until the other has had it */
			sched_yield();
	}
}

static void
want_what_is_held(struct turns *t)
{
	struct rusage before, after;

	(void)getrusage(RUSAGE_THREAD, &before);
	for (unsigned i = 1; i <= TURNS; i++) {
		while (atomic_load(&t->held) < i)
			sched_yield();
		atomic_store(&t->wanted, i);
		latch_lock(&t->latch);
		latch_unlock(&t->latch);
		atomic_store(&t->held, 0);
	}
	(void)getrusage(RUSAGE_THREAD, &after);
	t->naps = after.ru_nvcsw - before.ru_nvcsw;
}

static void
take_turns(void *arg, unsigned index)
{
	cpu_set_t set, one;

	CPU_ZERO(&one);
	(void)sched_getaffinity(0, sizeof(set), &set);
	for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++) {
		if (CPU_ISSET(i, &set))
			CPU_SET(i, &one);
	}
	(void)sched_setaffinity(0, sizeof(one), &one);
	if (index == 0)
		hold_until_wanted(arg);
	else
		want_what_is_held(arg);
}

/* Who has taken the processor from the one who holds it gives it back; he would nap in each turn else.  (L2) */
Test(latch, its_holder_may_have_the_processor)
{
	struct turns t = { .naps = 0 };

	latch_init(&t.latch);
	atomic_init(&t.held, 0);
	atomic_init(&t.wanted, 0);
	test_threads(2, take_turns, &t);
	cr_expect_lt(t.naps, TURNS * 9 / 10, "%ld naps", t.naps);
}
