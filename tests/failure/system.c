/* SPDX-License-Identifier: MIT */
/*
 * The system fails: every call that the library makes into it, the n-th time, for every n until the
 * library's call needs no more of them.  What is said is an error of the list or success, what is held
 * stays, and the same call works as soon as the system does.
 */
#include "faults.h"

#include <errno.h>

/* ------------------------------------------------------------------ one call after another */

struct scene {
	struct lk_manager *m;
	struct lk_owner *w[2];
	uint64_t n; /* names that w[0] holds beside "kept", or that were guarded */
};

static int
call_acquire(struct scene *s)
{
	return lk_acquire(s->w[0], "n", LK_X, NULL, NULL);
}

static int
call_acquire_path(struct scene *s)
{
	return lk_acquire(s->w[0], "a/path/of/several/names", LK_X, NULL, NULL);
}

static int
call_acquire_many(struct scene *s)
{
	int rc = 0;

	while (s->n < 3000 && rc == 0) {
		rc = lk_acquire_id(s->w[0], s->n, LK_X, NULL, NULL);
		s->n += rc == 0;
	}
	cr_assert_eq(stats_of(s->m).holds, s->n + 2);
	return rc;
}

static int
call_wait(struct scene *s)
{
	struct lk_options brief = { .size = sizeof(brief), .timeout_ns = 100000 };
	int rc = lk_acquire(s->w[0], "taken", LK_S, &brief, NULL);

	return rc == LK_E_TIMEDOUT ? 0 : rc;
}

static int
call_self(struct scene *s)
{
	if (lk_self(s->m) == NULL)
		return LK_E_NOMEM;
	return lk_owner_close(lk_self(s->m));
}

static int
call_open(struct scene *s)
{
	struct lk_manager *m = NULL;
	int rc = lk_open(NULL, NULL, &m);

	(void)s;
	cr_assert_eq(m == NULL, rc != 0);
	if (rc == 0)
		ok(lk_close(m));
	return rc;
}

static int
call_fence_pass(struct scene *s)
{
	return lk_fence_pass(s->m, "guarded", 7, 3);
}

/* Names enough for the table of guards to grow; what has passed stays, whatever fails. */
static int
call_fence_pass_many(struct scene *s)
{
	int rc = 0;

	while (s->n < 200 && rc == 0) {
		rc = lk_fence_pass(s->m, &s->n, sizeof(s->n), 3);
		s->n += rc == 0;
	}
	for (uint64_t i = 0; i < s->n; i++)
		is(lk_fence_pass(s->m, &i, sizeof(i), 2), LK_E_STALE);
	return rc;
}

static int
call_stats(struct scene *s)
{
	struct lk_stats stats = { .size = sizeof(stats) };

	return lk_stats(s->m, &stats);
}

static int
call_sweep(struct scene *s)
{
	return lk_sweep(s->m, NULL);
}

static const struct {
	const char *name;
	int (*call)(struct scene *s);
} calls[] = {
	{ "lk_acquire", call_acquire },
	{ "lk_acquire, a path", call_acquire_path },
	{ "lk_acquire_id, many", call_acquire_many },
	{ "lk_acquire, waiting", call_wait },
	{ "lk_self", call_self },
	{ "lk_open", call_open },
	{ "lk_fence_pass", call_fence_pass },
	{ "lk_fence_pass, many", call_fence_pass_many },
	{ "lk_stats", call_stats },
	{ "lk_sweep", call_sweep },
};

/* What fails, how, and what a call may say then. */
static const struct {
	enum fault fault;
	int error;
	int says;
} ways[] = {
	{ FAULT_FUTEX, EINTR, 0 },
	{ FAULT_FUTEX, EAGAIN, 0 },
	{ FAULT_FUTEX, ENOSYS, 0 },
	{ FAULT_FUTEX, ETIMEDOUT, 0 }, /* which it is not, yet */
	{ FAULT_CLOCK, EINVAL, 0 },
	{ FAULT_RANDOM, ENOSYS, 0 },
	{ FAULT_RANDOM, EAGAIN, 0 },
	{ FAULT_AFFINITY, EINVAL, 0 },
	{ FAULT_MEMORY, ENOMEM, LK_E_NOMEM },
	{ FAULT_SETSPECIFIC, ENOMEM, LK_E_NOMEM },
};

static void
scene_open(struct scene *s)
{
	*s = (struct scene){ .m = open_manager("memory:?index_buckets=1&lot_buckets=1") };
	open_owners(s->m, s->w, 2);
	take(s->w[0], "kept", LK_U);
	take(s->w[1], "taken", LK_X);
}

/* Returns false if the call did not come to its n-th. */
static bool
fail_nth(size_t call, size_t way, uint64_t nth, bool keep)
{
	struct scene s;
	bool hit;
	int rc;

	scene_open(&s);
	fault_at(ways[way].fault, nth, keep, ways[way].error);
	faults_here(true);
	errno = 4711;
	rc = calls[call].call(&s);
	if (ways[way].fault != FAULT_CLOCK) /* CLOCK_MONOTONIC does not fail, so nobody minds */
		cr_assert_eq(errno, 4711, "%s, way %d", calls[call].name, (int)way);
	faults_here(false);
	hit = fault_hits(ways[way].fault) > 0;
	cr_assert(rc == 0 || (hit && rc == ways[way].says), "%s, way %d, call %d: %s",
		  calls[call].name, (int)way, (int)nth, lk_errname(rc));
	fault_at(ways[way].fault, 0, false, 0);
	cr_assert_eq(holds(s.w[0], "kept"), LK_U);
	cr_assert_eq(line(s.m, "taken"), 0);
	ok(calls[call].call(&s));
	close_all(s.m, s.w, 2);
	return hit;
}

Test(system, any_call_into_it_may_fail_once, .timeout = 200)
{
	uint64_t tried[FAULTS] = { 0 };

	for (size_t call = 0; call < countof(calls); call++)
		for (size_t way = 0; way < countof(ways); way++)
			for (uint64_t nth = 1; nth < 200 && fail_nth(call, way, nth, false); nth++)
				tried[ways[way].fault]++;
	for (size_t way = 0; way < countof(ways); way++) /* else nothing was tried */
		cr_expect_gt(tried[ways[way].fault], 0, "way %d", (int)way);
}

/* A clock that has failed for good never gets to a deadline: not in this list. */
Test(system, memory_and_chance_may_fail_for_good, .timeout = 200)
{
	for (size_t call = 0; call < countof(calls); call++)
		for (size_t way = 0; way < countof(ways); way++)
			if (ways[way].fault != FAULT_CLOCK)
				fail_nth(call, way, 1, true);
}

/* ------------------------------------------------------------------------- sleeping */

struct sleeper {
	struct lk_owner *owner;
	atomic_int rc;
	atomic_bool done;
};

static void *
sleep_among_faults(void *arg)
{
	struct sleeper *s = arg;

	faults_here(true);
	atomic_store(&s->rc, lk_acquire(s->owner, "n", LK_X, NULL, NULL));
	faults_here(false);
	atomic_store(&s->done, true);
	return NULL;
}

/* The first sleep fails, or every sleep; then the lock is given up. */
static void
sleep_and_be_granted(int error, bool keep)
{
	struct lk_manager *m = open_manager(NULL);
	struct sleeper s = { .rc = -1 };
	struct lk_owner *w[2];
	pthread_t thread;

	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	s.owner = w[1];
	fault_at(FAULT_FUTEX, 1, keep, error);
	cr_assert_eq(pthread_create(&thread, NULL, sleep_among_faults, &s), 0);
	wait_until(fault_hits(FAULT_FUTEX) >= (keep ? 100 : 1));
	cr_expect(!atomic_load(&s.done));
	cr_expect_eq(line(m, "n"), 1);
	ok(lk_release_all(w[0]));
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_expect_eq(atomic_load(&s.rc), 0);
	cr_expect_eq(holds(w[1], "n"), LK_X);
	cr_expect_eq(line(m, "n"), 0);
	close_all(m, w, 2);
}

/* However often the futex fails, a request without a deadline ends with its grant, and not before. */
Test(system, a_futex_that_fails_ends_no_wait, .timeout = 120)
{
	static const int errors[] = { EINTR, EAGAIN, ENOSYS, ETIMEDOUT };

	for (size_t e = 0; e < countof(errors); e++) {
		sleep_and_be_granted(errors[e], false);
		sleep_and_be_granted(errors[e], true);
	}
}

/* ---------------------------------------------------------------- the owners of a thread */

/* The list of a thread's owners grows with the managers that it meets. */
Test(system, a_list_of_own_owners_that_cannot_grow_loses_none)
{
	enum { MANAGERS = 40 };
	struct lk_manager *m[MANAGERS];
	uint64_t hits = 0;

	for (int i = 0; i < MANAGERS; i++) {
		m[i] = open_manager(NULL);
		fault_at(FAULT_REALLOC, 1, true, ENOMEM);
		faults_here(true);
		if (lk_self(m[i]) == NULL)
			cr_expect_eq(fault_hits(FAULT_REALLOC), 1);
		faults_here(false);
		hits += fault_hits(FAULT_REALLOC);
		fault_at(FAULT_REALLOC, 0, false, 0);
		take(lk_self(m[i]), "n", LK_X);
	}
	cr_expect_gt(hits, 2);
	for (int i = 0; i < MANAGERS; i++) {
		cr_expect_eq(holds(lk_self(m[i]), "n"), LK_X);
		cr_expect_eq(stats_of(m[i]).owners, 1);
		ok(lk_release_all(lk_self(m[i])));
		ok(lk_close(m[i]));
	}
}

/* ------------------------------------------------------------------ once in a process */

Test(system, without_a_thread_key_nothing_is_opened)
{
	struct lk_manager *m = NULL;

	fault_at(FAULT_KEY, 1, false, EAGAIN);
	faults_here(true);
	is(lk_open(NULL, NULL, &m), LK_E_NOMEM);
	faults_here(false);
	cr_expect_eq(fault_hits(FAULT_KEY), 1);
	cr_expect_null(m);
}

/* Without membarrier(2) it may only end what nobody holds; then it says so, and works again later. */
Test(system, a_shutdown_without_barriers_breaks_no_lock)
{
	const struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };

	for (uint64_t nth = 1; nth <= 4; nth++) {
		struct lk_manager *m = open_manager(NULL);
		struct lk_owner *w[2];
		int rc;

		open_owners(m, w, 2);
		take(w[0], "n", LK_X);
		fault_at(FAULT_MEMBARRIER, nth, true, ENOSYS);
		faults_here(true);
		rc = lk_shutdown(m, &nowait);
		cr_assert(rc == 0 || (rc == LK_E_TIMEDOUT && fault_hits(FAULT_MEMBARRIER) > 0));
		cr_expect_eq(stats_of(m).holds, rc == 0 ? 0 : 1);
		faults_here(false);
		is(lk_acquire(w[1], "n", LK_S, NULL, NULL), LK_E_CLOSED);
		ok(lk_shutdown(m, &nowait));
		cr_expect_eq(stats_of(m).holds, 0);
		close_all(m, w, 2);
	}
	cr_expect_gt(fault_calls(FAULT_MEMBARRIER), 0);
}

/* ----------------------------------------------------------------- threads of its own */

/* It starts none, however many names are guarded: a host without threads to spare loses no fence. */
Test(system, guarding_many_names_starts_no_thread, .timeout = 120)
{
	enum { NAMES = 100000 };
	struct lk_manager *m = open_manager(NULL);

	fault_at(FAULT_THREAD, 1, true, EAGAIN);
	faults_here(true);
	for (uint64_t i = 0; i < NAMES; i++)
		ok(lk_fence_pass(m, &i, sizeof(i), 10));
	faults_here(false);
	cr_expect_eq(fault_calls(FAULT_THREAD), 0);
	fault_at(FAULT_THREAD, 0, false, 0);
	for (uint64_t i = 0; i < NAMES; i++) {
		is(lk_fence_pass(m, &i, sizeof(i), 9), LK_E_STALE);
		ok(lk_fence_pass(m, &i, sizeof(i), 11));
	}
	ok(lk_close(m));
}
