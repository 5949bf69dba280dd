/* SPDX-License-Identifier: MIT */
/*
 * Where threads sleep in a library that was built with DELAYS=1: before some of their steps on shared words
 * (backend.h), and at the beginning and the end of some functions, of the tests too, for which the compiler
 * calls the two hooks at the end of this file.
 *
 * Schedulers stop a thread for milliseconds where it is stopped at all, which is after some million steps.
 * Here it is stopped within some thousand, anywhere: so windows of a few instructions are hit in each run,
 * and what is written as if the other thread were on time fails.
 *
 * DL1  how many steps go by until the next sleep, and how long that is, depends on the seed and on the how-manieth
 *     thread it is alone; both are by lot on a scale of powers of two, so that short ones and long ones meet.
 * DL2  a thread that has slept for its share sleeps fifty times more rarely from then on: tests come to their end.
 * DL3  who sleeps leaves errno as it was, is nowhere that a thread can be cancelled, and asks for no memory.
 *
 * LK_TEST_SEED=N   the seed (1)
 * LK_DELAYS="STEPS MICROSECONDS"   at most so many steps from sleep to sleep, at most so long (3000 5000); off
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define OURS __attribute__((no_instrument_function))

enum { SHARE_US = 2000000 };

OURS uintptr_t delays_before(uintptr_t at);
OURS __attribute__((visibility("default"))) void __cyg_profile_func_enter(void *function,
									  void *caller);
OURS __attribute__((visibility("default"))) void __cyg_profile_func_exit(void *function,
									 void *caller);

static uint64_t seed = 1;
static unsigned most_steps = 3000;
static unsigned most_us = 5000;
static bool on;
static _Atomic uint64_t threads;

/* In the thread's own block from the start: finding it must not ask for memory (DL3). */
static __thread __attribute__((tls_model("initial-exec"))) struct {
	uint64_t state; /* 0: it has not taken a step */
	uint64_t slept_us;
	unsigned steps; /* until it sleeps */
	bool inside;    /* a handler of a signal that came meanwhile does not begin again */
} me;

OURS __attribute__((constructor)) static void
read_settings(void)
{
	const char *number = getenv("LK_TEST_SEED");
	const char *how = getenv("LK_DELAYS");

	if (number)
		seed = strtoull(number, NULL, 0);
	if (how)
		(void)sscanf(how, "%u %u", &most_steps, &most_us);
	on = most_us > 0 && !(how && strcmp(how, "off") == 0);
}

/* splitmix64 */
OURS static uint64_t
draw(void)
{
	uint64_t z = me.state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0 to `most`, each power of two as often as any other (DL1). */
OURS static unsigned
draw_scaled(unsigned most)
{
	unsigned bits = 32 - (unsigned)__builtin_clz(most | 1);
	unsigned x = (unsigned)draw() & (unsigned)((UINT64_C(1) << (draw() % bits + 1)) - 1);

	return x < most ? x : most;
}

OURS static void
sleep_us(unsigned us)
{
	const struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
	int saved = errno;

	(void)syscall(SYS_nanosleep, &t,
		      NULL); /* nanosleep() is where threads are cancelled (DL3) */
	errno = saved;
	me.slept_us += us;
}

OURS static void
step(void)
{
	if (!on || me.inside)
		return;
	if (me.steps > 0) {
		me.steps--;
		return;
	}
	me.inside = true;
	if (me.state == 0)
		me.state = seed * UINT64_C(0x9e3779b97f4a7c15) +
			   ++threads * UINT64_C(0x5851f42d4c957f2d);
	else
		sleep_us(draw_scaled(most_us));
	me.steps = draw_scaled(most_steps) + 1;
	if (me.slept_us > SHARE_US) /* (DL2) */
		me.steps = me.steps * 50 + 20000;
	me.inside = false;
}

uintptr_t
delays_before(uintptr_t at)
{
	step();
	return at;
}

void
__cyg_profile_func_enter(void *function, void *caller)
{
	(void)function;
	(void)caller;
	step();
}

void
__cyg_profile_func_exit(void *function, void *caller)
{
	(void)function;
	(void)caller;
	step();
}
