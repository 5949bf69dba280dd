/* SPDX-License-Identifier: MIT */
/* Timers: in order, each once, whatever is set, moved and unset between. */
#include <stdlib.h>

#include "../lib/harness.h"
#include "lease/timer.h"

enum { MANY = 2000 };

struct alarm {
	struct timer timer;
	uint64_t due_ns;
	unsigned fired;
	struct scene *scene;
};

struct scene {
	struct test_world world;
	struct env env;
	struct timers timers;
	uint64_t latest; /* that was fired */
	unsigned disorder;
	struct alarm alarm[MANY];
};

static struct scene scene;

static void
ring(struct timer *t, uint64_t now)
{
	struct alarm *a = container_of(t, struct alarm, timer);
	struct scene *s = a->scene;

	cr_assert(now >= a->due_ns);
	s->disorder += a->due_ns < s->latest;
	s->latest = a->due_ns;
	a->fired++;
}

static struct scene *
set_scene(void)
{
	struct scene *s = &scene;

	memset(s, 0, sizeof(*s));
	test_world_init(&s->world);
	s->world.manual = true;
	atomic_store(&s->world.time_ns, 0);
	env_init(&s->env, NULL, &s->world.environment);
	timers_init(&s->timers, &s->env);
	for (int i = 0; i < MANY; i++) {
		s->alarm[i].scene = s;
		s->alarm[i].timer.fire = ring;
	}
	return s;
}

static void
set(struct scene *s, int i, uint64_t due_ns)
{
	s->alarm[i].due_ns = due_ns;
	timer_set(&s->timers, &s->alarm[i].timer, due_ns);
}

Test(timer, none_is_due_never)
{
	struct scene *s = set_scene();

	cr_expect_eq(timers_run(&s->timers), SHIM_NEVER);
}

Test(timer, fires_once_when_it_is_due)
{
	struct scene *s = set_scene();

	set(s, 0, 10);
	cr_expect_eq(timers_run(&s->timers), 10u);
	cr_expect_eq(s->alarm[0].fired, 0u);
	test_world_advance(&s->world, 10);
	cr_expect_eq(timers_run(&s->timers), SHIM_NEVER);
	cr_expect_eq(s->alarm[0].fired, 1u);
	cr_expect_not(timer_unset(&s->timers, &s->alarm[0].timer));
}

Test(timer, that_was_unset_does_not_fire)
{
	struct scene *s = set_scene();

	set(s, 0, 10);
	set(s, 1, 20);
	cr_expect(timer_unset(&s->timers, &s->alarm[0].timer));
	cr_expect_eq(timers_run(&s->timers), 20u);
	test_world_advance(&s->world, 100);
	(void)timers_run(&s->timers);
	cr_expect_eq(s->alarm[0].fired, 0u);
	cr_expect_eq(s->alarm[1].fired, 1u);
}

Test(timer, that_comes_first_wakes_who_sleeps)
{
	struct scene *s = set_scene();
	uint32_t news = shim_load(&s->timers.news, SHIM_RELAXED);

	set(s, 0, 100);
	cr_expect_neq(shim_load(&s->timers.news, SHIM_RELAXED), news);
	news = shim_load(&s->timers.news, SHIM_RELAXED);
	set(s, 1, 200);
	cr_expect_eq(shim_load(&s->timers.news, SHIM_RELAXED), news);
	set(s, 1, 50);
	cr_expect_neq(shim_load(&s->timers.news, SHIM_RELAXED), news);
}

/* He wakes up once for what was unset, and is not woken for each that comes in its place. */
Test(timer, that_comes_after_he_wakes_wakes_nobody)
{
	struct scene *s = set_scene();
	uint32_t news;

	set(s, 0, 100);
	cr_expect_eq(timers_run(&s->timers), 100u); /* he sleeps until then */
	cr_expect(timer_unset(&s->timers, &s->alarm[0].timer));
	news = shim_load(&s->timers.news, SHIM_RELAXED);
	set(s, 0, 150);
	cr_expect_eq(shim_load(&s->timers.news, SHIM_RELAXED), news);
	set(s, 1, 90);
	cr_expect_neq(shim_load(&s->timers.news, SHIM_RELAXED), news);
	cr_expect_eq(timers_run(&s->timers), 90u);
}

/* What is due soon goes with others, one after the other: he naps, and is not woken for each.  Once that is over he sleeps.  (J4) */
Test(timer, that_others_take_wakes_nobody_who_naps)
{
	const uint64_t soon = 1000000;
	const uint64_t late = 1000 * soon;
	struct scene *s = set_scene();
	uint32_t news;

	set(s, 1, late);
	set(s, 0, soon);
	cr_expect_eq(timers_serve(&s->timers), soon);
	test_world_advance(&s->world, soon);
	cr_expect_eq(timers_take(&s->timers, ring, soon), &s->alarm[0].timer);
	cr_expect_eq(timers_serve(&s->timers), 2 * soon);
	news = shim_load(&s->timers.news, SHIM_RELAXED);
	set(s, 0, 2 * soon + 1);
	cr_expect_eq(shim_load(&s->timers.news, SHIM_RELAXED), news);
	test_world_advance(&s->world, soon);
	cr_expect_eq(timers_serve(&s->timers), 2 * soon + 1,
		     "what is there is not waited for longer");
	test_world_advance(&s->world, soon);
	cr_expect_eq(timers_serve(&s->timers), late);
	cr_expect_eq(s->alarm[0].fired, 1u);
}

/* What is lazy waits for the end of his nap, and for nothing longer.  (J4) */
Test(timer, that_is_lazy_wakes_who_sleeps_and_not_who_naps)
{
	const uint64_t soon = 1000000;
	struct scene *s = set_scene();
	struct timer *t = &s->alarm[0].timer;
	uint32_t news;

	set(s, 1, 1000 * soon);
	cr_expect_eq(timers_serve(&s->timers), 1000 * soon);
	news = shim_load(&s->timers.news, SHIM_RELAXED);
	timer_set_lazily(&s->timers, t, soon / 2);
	cr_expect_neq(shim_load(&s->timers.news, SHIM_RELAXED), news, "he sleeps");
	cr_expect_eq(timers_take(&s->timers, ring, soon / 2), t);
	cr_expect_eq(timers_serve(&s->timers), soon);
	news = shim_load(&s->timers.news, SHIM_RELAXED);
	timer_set_lazily(&s->timers, t, soon / 2);
	cr_expect_eq(shim_load(&s->timers.news, SHIM_RELAXED), news, "he naps");
	set(s, 0, soon / 2);
	cr_expect_neq(shim_load(&s->timers.news, SHIM_RELAXED), news, "that was not lazy");
	test_world_advance(&s->world, soon);
	cr_expect_eq(timers_serve(&s->timers), 1000 * soon);
	cr_expect_eq(s->alarm[0].fired, 1u);
}

/* What takes longer than the time until it is due again. */
static void
ring_slowly(struct timer *t, uint64_t now)
{
	struct alarm *a = container_of(t, struct alarm, timer);
	struct scene *s = a->scene;

	cr_assert_lt(a->fired, 10u, "it does nothing else any more");
	a->fired++;
	test_world_advance(&s->world, 20);
	timer_set(&s->timers, t, now + 10);
}

/* He who serves looks each time whether he is to go on.  (J5) */
Test(timer, that_is_due_again_before_it_is_done_leaves_its_server_free)
{
	struct scene *s = set_scene();

	s->alarm[0].timer.fire = ring_slowly;
	timer_set(&s->timers, &s->alarm[0].timer, 10);
	set(s, 1, 25);
	test_world_advance(&s->world, 10);
	cr_expect_eq(timers_serve(&s->timers), 20u);
	cr_expect_eq(s->alarm[0].fired, 1u);
	cr_expect_eq(timers_serve(&s->timers), 40u);
	cr_expect_eq(s->alarm[0].fired, 2u);
	cr_expect_eq(s->alarm[1].fired, 1u);
}

/* The clock is set back while it is fired. */
static void
ring_and_set_back(struct timer *t, uint64_t now)
{
	struct alarm *a = container_of(t, struct alarm, timer);
	struct scene *s = a->scene;

	cr_assert_lt(a->fired, 10u, "it is fired until the clock is again what it was");
	if (a->fired++ == 0)
		atomic_store(&s->world.time_ns, 100);
	else
		cr_expect_lt(now, 1000u);
	timer_set(&s->timers, t, atomic_load(&s->world.time_ns) + 10);
}

Test(timer, is_due_by_the_clock_that_there_is)
{
	struct scene *s = set_scene();

	s->alarm[0].timer.fire = ring_and_set_back;
	timer_set(&s->timers, &s->alarm[0].timer, 1000);
	test_world_advance(&s->world, 1000);
	cr_expect_eq(timers_serve(&s->timers), 110u);
	cr_expect_eq(s->alarm[0].fired, 1u);
	test_world_advance(&s->world, 10);
	cr_expect_eq(timers_serve(&s->timers), 120u);
	cr_expect_eq(s->alarm[0].fired, 2u);
}

/* Thousands, set, moved and unset at random. */
Test(timer, keep_their_order)
{
	struct scene *s = set_scene();
	unsigned set_now = 0;
	unsigned fired = 0;

	for (int i = 0; i < MANY; i++)
		set(s, i, 1 + shim_random() % 1000);
	for (int i = 0; i < MANY; i += 3)
		set(s, i, 1 + shim_random() % 1000);
	for (int i = 1; i < MANY; i += 3)
		cr_assert(timer_unset(&s->timers, &s->alarm[i].timer));
	for (int step = 0; step < 100; step++) {
		s->latest = 0;
		test_world_advance(&s->world, 10);
		(void)timers_run(&s->timers);
	}
	cr_expect_eq(timers_run(&s->timers), SHIM_NEVER);
	for (int i = 0; i < MANY; i++) {
		fired += s->alarm[i].fired;
		set_now += s->alarm[i].timer.is_set;
		cr_assert_eq(s->alarm[i].fired, i % 3 != 1);
	}
	cr_expect_eq(s->disorder, 0u);
	cr_expect_eq(set_now, 0u);
	cr_expect(fired > MANY / 2);
}
