/* SPDX-License-Identifier: MIT */
/*
 * What every test includes: the same test bodies run under Criterion, or, with
 * -DLK_MINI_RUNNER, under the small runner of runner.c, which the sanitizers like better.
 *
 * Tests use this subset of Criterion, and no more:
 *
 *	Test(suite, name, .timeout = 20, .init = f, .fini = f, .signal = SIGABRT, .exit_code = 3)
 *	cr_assert, cr_expect, and both with _eq _neq _lt _le _gt _ge _null _not_null
 *	_str_eq _str_neq _fail; each takes a message last, whose format is a string literal
 *
 * In a thread other than the test's own use cr_expect, not cr_assert: Criterion ends a test
 * with a jump that must not leave the thread.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <latchkey.h>

#ifdef LK_MINI_RUNNER
#include "runner.h"
#else
#include <criterion/criterion.h>
#define cr_assert_le cr_assert_leq
#define cr_assert_ge cr_assert_geq
#define cr_expect_le cr_expect_leq
#define cr_expect_ge cr_expect_geq
#endif

#define countof(array) (sizeof(array) / sizeof((array)[0]))

/* --------------------------------------------------------------------- time */

/* CLOCK_MONOTONIC in nanoseconds, the same clock as lk_options.deadline_ns. */
uint64_t test_now(void);

/* How long a stress test runs: `standard`, or LK_TEST_SECONDS if that is set. */
double test_seconds(double standard);

/*
 * Where a test of random things begins: what the environment says of `variable`, or else of LK_TEST_SEED, as a number; "clock": another
 * one each time, for runs that are to find something new.  With neither always the same, so that what fails fails again.
 */
uint64_t test_seed(const char *variable);

#define TEST_PATIENCE_NS UINT64_C(90000000000)

/* Yield until `cond` is true.  Fails, naming the condition, after a time that is generous on a busy machine too. */
#define wait_until(cond)                                                            \
	do {                                                                        \
		const uint64_t patience_end_ = test_now() + TEST_PATIENCE_NS;       \
		while (!(cond)) {                                                   \
			cr_assert(test_now() < patience_end_, "waited for " #cond); \
			sched_yield();                                              \
		}                                                                   \
	} while (0)

/* The next number of a stream that depends on `*state` alone (splitmix64). */
uint64_t test_random(uint64_t *state);

/* ------------------------------------------------------------------ threads */

typedef void test_body(void *arg, unsigned index);

struct test_thread {
	pthread_t id;
	test_body *body;
	void *arg;
	unsigned index; /* 0 .. n - 1 */
};

/* Start `n` threads on body(arg, index); the array lives until test_join(). */
void test_spawn(struct test_thread *threads, unsigned n, test_body *body, void *arg);
void test_join(struct test_thread *threads, unsigned n);

/* Start `n` (at most 64) threads, and wait for them. */
void test_threads(unsigned n, test_body *body, void *arg);

/* --------------------------------------------------------------- allocation */

/*
 * An allocator that counts, checks the size that comes back, and fails on demand.
 *
 *	struct test_heap heap;
 *	struct lk_config cfg = LK_CONFIG_INIT;
 *
 *	test_heap_init(&heap);
 *	cfg.allocator = &heap.allocator;
 */
struct test_heap {
	struct lk_allocator allocator;
	_Atomic uint64_t calls;    /* of alloc, the failed ones too */
	_Atomic uint64_t failures; /* calls that returned NULL on demand */
	_Atomic uint64_t blocks;   /* live */
	_Atomic uint64_t bytes;    /* live */
	_Atomic uint64_t fail_at;  /* the value of `calls` that fails; 0: none */
	_Atomic bool keep_failing; /* … and all after it */
};

void test_heap_init(struct test_heap *h);

/* The n-th call from now (1 is the next) fails, and with `keep` all later ones; 0: none. */
void test_heap_fail(struct test_heap *h, uint64_t nth, bool keep);

/* -------------------------------------------------------------- environment */

/*
 * Counts what the library asks of its surroundings, and asks the system.  With `manual` set
 * (before lk_open) time is `time_ns` and only test_world_advance() moves it: sleepers see the
 * new time within a millisecond.
 */
struct test_world {
	struct lk_environment environment;
	_Atomic uint64_t nows;
	_Atomic uint64_t waits;
	_Atomic uint64_t sleeping; /* threads inside wait() at present */
	_Atomic uint64_t wakes;
	_Atomic uint64_t randoms;
	_Atomic uint64_t time_ns;
	_Atomic uint64_t seed;
	bool manual;
};

void test_world_init(struct test_world *w);
void test_world_advance(struct test_world *w, uint64_t ns);

/* All calls so far, in one number: 0 if the library never left its own code. */
uint64_t test_world_calls(struct test_world *w);

#endif /* TESTS_HARNESS_H */
