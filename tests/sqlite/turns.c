/* SPDX-License-Identifier: MIT */
/* Turns: in the order in which threads came.  (TU1) */
#include "common/turns.h"

#include "harness.h"

enum { THREADS = 6 };

struct scene {
	struct test_world world;
	struct place place;
	struct turns turns;
	_Atomic unsigned served;
	_Atomic unsigned order[THREADS];
	_Atomic unsigned timed_out;
	uint64_t deadline_ns; /* of those who give up */
};

static void
scene_init(struct scene *c, unsigned places)
{
	memset(c, 0, sizeof(*c));
	test_world_init(&c->world);
	c->world.manual = true;
	c->place.world = &c->world.environment;
	c->deadline_ns = place_now(&c->place) + 1000;
	turns_init(&c->turns, places);
}

/* How many wait; without asking the threads. */
static unsigned
in_line(struct scene *c)
{
	unsigned n = 0;

	pthread_mutex_lock(&c->turns.lock);
	/* each turn begins with what comes next */
	for (void **at = (void *)c->turns.first; at != NULL; at = *at)
		n++;
	pthread_mutex_unlock(&c->turns.lock);
	return n;
}

struct guest {
	struct scene *scene;
	unsigned number;
};

static void
wait_and_note(void *arg, unsigned index)
{
	struct guest *g = arg;
	struct scene *c = g->scene;

	(void)index;
	if (turns_enter(&c->turns, &c->place, UINT64_MAX)) {
		atomic_store(&c->order[atomic_fetch_add(&c->served, 1)], g->number);
		turns_leave(&c->turns);
	}
}

Test(turns, go_to_those_who_came_first)
{
	struct test_thread threads[THREADS];
	struct guest guests[THREADS];
	struct scene c;

	scene_init(&c, 1);
	cr_assert(turns_enter(&c.turns, &c.place, 0));
	for (unsigned i = 0; i < THREADS; i++) {
		guests[i] = (struct guest){ &c, i };
		test_spawn(&threads[i], 1, wait_and_note, &guests[i]);
		wait_until(in_line(&c) == i + 1);
	}
	turns_leave(&c.turns);
	for (unsigned i = 0; i < THREADS; i++)
		test_join(&threads[i], 1);
	cr_assert_eq(atomic_load(&c.served), THREADS);
	for (unsigned i = 0; i < THREADS; i++)
		cr_assert_eq(atomic_load(&c.order[i]), i);
	cr_assert_eq(in_line(&c), 0);
	cr_assert(turns_enter(&c.turns, &c.place, 0));
	turns_leave(&c.turns);
	turns_fini(&c.turns);
}

static void
give_up(void *arg, unsigned index)
{
	struct scene *c = arg;

	(void)index;
	if (!turns_enter(&c->turns, &c->place, c->deadline_ns))
		atomic_fetch_add(&c->timed_out, 1);
}

/* Who gives up is not in the way of those behind, nor of those who come later. */
Test(turns, who_gives_up_is_out_of_the_line)
{
	struct test_thread threads[4];
	struct scene c;
	struct guest guest = { &c, 0 };

	scene_init(&c, 1);
	cr_assert(turns_enter(&c.turns, &c.place, 0));
	cr_assert(!turns_enter(&c.turns, &c.place, 0));
	test_spawn(&threads[0], 1, give_up, &c);
	wait_until(in_line(&c) == 1);
	test_spawn(&threads[1], 1, wait_and_note, &guest);
	wait_until(in_line(&c) == 2);
	test_spawn(&threads[2], 1, give_up, &c);
	wait_until(in_line(&c) == 3);
	test_world_advance(&c.world, 2000);
	wait_until(atomic_load(&c.timed_out) == 2);
	cr_assert_eq(in_line(&c), 1);
	test_spawn(&threads[3], 1, wait_and_note, &guest);
	wait_until(in_line(&c) == 2);
	turns_leave(&c.turns);
	for (unsigned i = 0; i < 4; i++)
		test_join(&threads[i], 1);
	cr_assert_eq(atomic_load(&c.served), 2);
	turns_fini(&c.turns);
}

Test(turns, as_many_as_there_are_places)
{
	struct scene c;

	scene_init(&c, 3);
	for (int i = 0; i < 3; i++)
		cr_assert(turns_enter(&c.turns, &c.place, 0));
	cr_assert(!turns_enter(&c.turns, &c.place, 0));
	turns_leave(&c.turns);
	cr_assert(turns_enter(&c.turns, &c.place, 0));
	cr_assert(!turns_enter(&c.turns, &c.place, 0));
	turns_fini(&c.turns);
}
