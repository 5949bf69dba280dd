/* SPDX-License-Identifier: MIT */
/* The parker, step by step: news before, during and after a sleep, and a cancel that stays. */
#include "harness.h"

#include "wait/park.h"

enum { WOKEN = 1, SLEEPING = 2, CANCEL = 4 };

/*
 * A world whose wait() does what another thread might at that moment, and then what a futex does:
 * sleep only if the word still is what it was told.
 */
struct world {
	struct lk_environment environment;
	struct env env;
	struct parker parker;
	uint32_t meanwhile; /* news that come just before the sleep */
	unsigned waits;
	unsigned slept; /* those that found the word unchanged */
	unsigned wakes;
	uint32_t word_asleep; /* as it was when wait() was called */
	uint64_t deadline;
};

static uint64_t
nothing(void *state)
{
	(void)state;
	return 0;
}

static void
world_wait(void *state, const uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	struct world *w = state;

	w->waits++;
	w->word_asleep = *word;
	w->deadline = deadline_ns;
	if ((w->meanwhile & WOKEN) != 0)
		park_wake(&w->env, &w->parker);
	if ((w->meanwhile & CANCEL) != 0)
		park_cancel(&w->env, &w->parker);
	w->slept += *word == value;
}

static void
world_wake(void *state, const uint32_t *word)
{
	struct world *w = state;

	cr_expect_eq((const void *)word, (const void *)&w->parker);
	w->wakes++;
}

static void
world_init(struct world *w)
{
	*w = (struct world){ .environment = { nothing, world_wait, world_wake, nothing, w } };
	env_init(&w->env, NULL, &w->environment);
	park_init(&w->parker);
}

static uint32_t
word(const struct world *w)
{
	return shim_load(&w->parker.word, SHIM_RELAXED);
}

static void
sleep_once(struct world *w)
{
	park_sleep(&w->env, &w->parker, SHIM_NEVER);
}

Test(park, sleep_without_news)
{
	struct world w;

	world_init(&w);
	cr_expect_eq(word(&w), 0);
	park_sleep(&w.env, &w.parker, 99);
	cr_expect_eq(w.waits, 1);
	cr_expect_eq(w.slept, 1);
	cr_expect_eq(w.word_asleep, SLEEPING);
	cr_expect_eq(w.deadline, 99);
	cr_expect_eq(word(&w), 0);
	cr_expect_not(park_has_news(&w.parker));
	cr_expect_not(park_take(&w.parker));
}

/* (P2) */
Test(park, news_before_the_sleep_keep_awake)
{
	struct world w;

	world_init(&w);
	park_wake(&w.env, &w.parker);
	cr_expect_eq(word(&w), WOKEN);
	cr_expect_eq(w.wakes, 0, "nobody sleeps");
	cr_expect(park_has_news(&w.parker));
	sleep_once(&w);
	sleep_once(&w);
	cr_expect_eq(w.waits, 0);
	cr_expect_eq(word(&w), WOKEN);
	/* (P3): taken once, and then there are none. */
	cr_expect(park_take(&w.parker));
	cr_expect_not(park_take(&w.parker));
	sleep_once(&w);
	cr_expect_eq(w.slept, 1);
}

/* (P2, P3) they are neither slept through nor lost with the sleep. */
Test(park, news_on_the_brink_of_sleep)
{
	struct world w;

	world_init(&w);
	w.meanwhile = WOKEN;
	sleep_once(&w);
	cr_expect_eq(w.waits, 1);
	cr_expect_eq(w.slept, 0);
	cr_expect_eq(w.wakes, 1);
	cr_expect_eq(word(&w), WOKEN);
	cr_expect(park_take(&w.parker));
	cr_expect_eq(word(&w), 0);
}

/* (P1) whoever waits next looks for nothing, once. */
Test(park, a_late_wake_does_no_harm)
{
	struct world w;

	world_init(&w);
	sleep_once(&w);
	park_wake(&w.env, &w.parker);
	cr_expect_eq(w.wakes, 0);
	sleep_once(&w);
	cr_expect_eq(w.waits, 1);
	cr_expect(park_take(&w.parker));
	sleep_once(&w);
	cr_expect_eq(w.slept, 2);
	cr_expect_eq(word(&w), 0);
}

Test(park, many_wakes_are_one)
{
	struct world w;

	world_init(&w);
	for (int i = 0; i < 10; i++)
		park_wake(&w.env, &w.parker);
	cr_expect_eq(word(&w), WOKEN);
	cr_expect(park_take(&w.parker));
	cr_expect_eq(word(&w), 0);
}

/* ---------------------------------------------------------------------- cancel */

Test(park, a_cancel_stays_until_it_is_cleared)
{
	struct world w;

	world_init(&w);
	cr_expect_not(park_canceled(&w.parker));
	park_cancel(&w.env, &w.parker);
	park_wake(&w.env, &w.parker);
	cr_expect_eq(word(&w), CANCEL | WOKEN);
	for (int i = 0; i < 3; i++) {
		sleep_once(&w);
		cr_expect_eq(park_take(&w.parker), i == 0);
		cr_expect(park_canceled(&w.parker));
		cr_expect(park_has_news(&w.parker));
	}
	cr_expect_eq(w.waits, 0);
	park_clear_cancel(&w.parker);
	cr_expect_eq(word(&w), 0);
	cr_expect_not(park_canceled(&w.parker));
	sleep_once(&w);
	cr_expect_eq(w.slept, 1);
}

Test(park, a_cancel_on_the_brink_of_sleep)
{
	struct world w;

	world_init(&w);
	w.meanwhile = CANCEL;
	sleep_once(&w);
	cr_expect_eq(w.slept, 0);
	cr_expect_eq(w.wakes, 1);
	cr_expect(park_canceled(&w.parker));
}

/* Clearing one kind of news leaves the other. */
Test(park, cancel_and_wake_are_apart)
{
	struct world w;

	world_init(&w);
	park_wake(&w.env, &w.parker);
	park_cancel(&w.env, &w.parker);
	park_clear_cancel(&w.parker);
	cr_expect_eq(word(&w), WOKEN);
	park_cancel(&w.env, &w.parker);
	cr_expect(park_take(&w.parker));
	cr_expect_eq(word(&w), CANCEL);
}

/* --------------------------------------------------------------------- threads */

enum { ROUNDS = 2000 };

struct pair {
	struct env env;
	struct parker parker[2];
	a32 turn;
	uint64_t counter; /* plain: of whose turn it is */
};

static void
take_turns(void *arg, unsigned index)
{
	struct pair *p = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		while ((void)park_take(&p->parker[index]),
		       shim_load(&p->turn, SHIM_ACQUIRE) != index)
			park_sleep(&p->env, &p->parker[index], SHIM_NEVER);
		p->counter++;
		shim_store(&p->turn, 1 - index, SHIM_RELEASE);
		park_wake(&p->env, &p->parker[1 - index]);
	}
}

/* Not one wake is lost: nobody here has a deadline. */
Test(park, two_threads_take_turns)
{
	struct pair p = { .counter = 0 };

	env_init(&p.env, NULL, NULL);
	park_init(&p.parker[0]);
	park_init(&p.parker[1]);
	shim_init(&p.turn, 0u);
	test_threads(2, take_turns, &p);
	cr_expect_eq(p.counter, 2 * ROUNDS);
}

static void
sleep_until_canceled(void *arg, unsigned index)
{
	struct pair *p = arg;

	(void)index;
	while (!park_canceled(&p->parker[0]))
		park_sleep(&p->env, &p->parker[0], SHIM_NEVER);
}

Test(park, a_cancel_ends_a_sleep)
{
	struct pair p = { .counter = 0 };
	struct test_thread t;

	env_init(&p.env, NULL, NULL);
	park_init(&p.parker[0]);
	test_spawn(&t, 1, sleep_until_canceled, &p);
	wait_until(shim_load(&p.parker[0].word, SHIM_RELAXED) == SLEEPING);
	park_cancel(&p.env, &p.parker[0]);
	test_join(&t, 1);
	cr_expect_eq(shim_load(&p.parker[0].word, SHIM_RELAXED), CANCEL);
}
