/* SPDX-License-Identifier: MIT */
/* Threads of one opening, in order.  (TU1) */
#include "common/turns.h"

#include <time.h>

enum { SLICE_NS = 10000000 };

/* A thread in the line: on its stack. */
struct turn {
	struct turn *next;
	pthread_cond_t news;
	bool is_in;
};

void
turns_init(struct turns *t, unsigned places)
{
	pthread_mutex_init(&t->lock, NULL);
	t->n_free = places;
	t->first = NULL;
	t->last = &t->first;
}

void
turns_fini(struct turns *t)
{
	pthread_mutex_destroy(&t->lock);
}

static void
init_turn(struct turn *me)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&me->news, &attributes);
	pthread_condattr_destroy(&attributes);
	me->next = NULL;
	me->is_in = false;
}

/* The deadline is on the clock of the environment, which is not the system's in tests: so in slices. */
static void
wait_a_slice(struct turns *t, struct turn *me)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += SLICE_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	(void)pthread_cond_timedwait(&me->news, &t->lock, &until);
}

static void
give_up(struct turns *t, struct turn *me)
{
	struct turn **at = &t->first;

	while (*at != me)
		at = &(*at)->next;
	*at = me->next;
	if (t->last == &me->next)
		t->last = at;
}

/* With the lock. */
static bool
wait_in_line(struct turns *t, const struct place *place, uint64_t deadline_ns)
{
	struct turn me;

	init_turn(&me);
	*t->last = &me;
	t->last = &me.next;
	while (!me.is_in && place_now(place) < deadline_ns)
		wait_a_slice(t, &me);
	if (!me.is_in)
		give_up(t, &me);
	pthread_cond_destroy(&me.news);
	return me.is_in;
}

bool
turns_enter(struct turns *t, const struct place *place, uint64_t deadline_ns)
{
	bool is_in = true;

	pthread_mutex_lock(&t->lock);
	if (t->n_free > 0)
		t->n_free--; /* nobody waits: else it would have been given to him (TU1) */
	else
		is_in = wait_in_line(t, place, deadline_ns);
	pthread_mutex_unlock(&t->lock);
	return is_in;
}

void
turns_leave(struct turns *t)
{
	struct turn *next;

	pthread_mutex_lock(&t->lock);
	next = t->first;
	if (next == NULL) {
		t->n_free++;
	} else {
		t->first = next->next;
		if (t->first == NULL)
			t->last = &t->first;
		next->is_in = true;
		pthread_cond_signal(&next->news); /* with the lock: it is on the other's stack */
	}
	pthread_mutex_unlock(&t->lock);
}
