/* SPDX-License-Identifier: MIT */
/*
 * A shelf with room for a few, filled by one thread and emptied by another: each takes the lock only when there
 * is something to do under it.  No condition variable, and nobody signals.  Exit 1 if something is missing.
 */
#include <pthread.h>
#include <stdio.h>

#include <latchkey.h>

enum { ROOM = 4, THINGS = 10000 };

static struct lk_manager *m;
static int shelf[ROOM];
static int n;

static int
has_room(void *unused)
{
	(void)unused;
	return n < ROOM;
}

static int
has_something(void *unused)
{
	(void)unused;
	return n > 0;
}

static int
put(void *thing)
{
	shelf[n++] = *(int *)thing;
	return 0;
}

static int
take(void *thing)
{
	*(int *)thing = shelf[--n];
	return 0;
}

static int
with_shelf(int (*condition)(void *), int (*body)(void *), int *thing)
{
	struct lk_options o = LK_OPTIONS_INIT;

	o.condition = condition;
	return lk_with(lk_self(m), "shelf", LK_X, &o, body, thing, NULL);
}

static void *
fill(void *failed)
{
	for (int i = 1; i <= THINGS; i++) {
		if (with_shelf(has_room, put, &i) != 0) {
			*(int *)failed = 1;
			break;
		}
	}
	return NULL;
}

int
main(void)
{
	pthread_t filler;
	int failed = 0;
	long sum = 0;

	if (lk_open(NULL, NULL, &m) != 0)
		return 1;
	if (pthread_create(&filler, NULL, fill, &failed) != 0)
		return 1;
	for (int i = 0; i < THINGS; i++) {
		int thing = 0;

		if (with_shelf(has_something, take, &thing) != 0)
			return 1;
		sum += thing;
	}
	if (pthread_join(filler, NULL) != 0)
		return 1;
	printf("%d things, their sum is %ld\n", THINGS, sum);
	return failed || sum != (long)THINGS * (THINGS + 1) / 2 || n != 0 || lk_close(m) != 0;
}
