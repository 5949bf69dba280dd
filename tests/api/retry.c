/* SPDX-License-Identifier: MIT */
/* Attempts at what a store did not answer, the pauses between them, and transactions begun again. */
#include "stores.h"

/* A manager "a" that is cut off from its store, and what happens in the pauses. */
struct loop {
	struct pair p;
	uint32_t calls; /* of next_pause() */
	uint32_t heal_at;
	uint64_t pause_ns;
	uint64_t last_ns;
	struct lk_owner *cancel;
	struct lk_manager *shut;
};

static uint64_t
next_pause(void *arg, uint32_t attempt, uint64_t last_ns)
{
	struct loop *l = arg;

	l->calls++;
	cr_expect_eq(attempt, l->calls + 1);
	cr_expect_eq(last_ns, l->last_ns);
	if (l->calls == l->heal_at)
		cut_off("a", false);
	if (l->cancel != NULL)
		ok(lk_owner_cancel(l->cancel));
	if (l->shut != NULL)
		(void)!lk_shutdown(l->shut, NULL);
	l->last_ns = l->pause_ns;
	return l->pause_ns;
}

static struct lk_retry
retry_of(struct loop *l)
{
	return (struct lk_retry){
		.size = sizeof(struct lk_retry),
		.strategy = LK_RETRY_CUSTOM,
		.max_attempts = 100,
		.next = next_pause,
		.arg = l,
	};
}

static void
loop_open(struct loop *l)
{
	*l = (struct loop){ .pause_ns = 1000 };
	pair_open(&l->p, "&poll_max_ns=10ms");
}

Test(retry, goes_on_until_the_store_answers)
{
	struct loop l;
	struct lk_retry r;
	struct lk_options o = { .size = sizeof(o), .timeout_ns = LK_FOREVER, .retry = &r };
	lk_grant g = 0;

	loop_open(&l);
	r = retry_of(&l);
	cut_off("a", true);
	l.heal_at = 3;
	ok(lk_acquire(l.p.w[0], "db/a", LK_X, &o, &g));
	cr_expect_eq(l.calls, 3);
	ok(lk_check(l.p.w[0], g));
	is(lk_try_acquire(l.p.w[1], "db/a", LK_S, NULL), LK_E_BUSY);
	give(l.p.w[0], g);
	pair_close(&l.p);
}

Test(retry, of_numbers_handles_batches_and_conversions)
{
	const struct lk_request names[] = { { .name = "x/1", .mode = LK_X },
					    { .name = "x/2", .mode = LK_S } };
	struct loop l;
	struct lk_retry r;
	struct lk_options o = { .size = sizeof(o), .retry = &r };
	struct lk_resource *handle;
	lk_grant g[2];

	for (int i = 0; i < 4; i++) {
		loop_open(&l);
		r = retry_of(&l);
		g[0] = i == 3 ? get(l.p.w[0], "c", LK_S) : 0;
		if (i == 3)
			give(l.p.w[1],
			     get(l.p.w[1], "c", LK_S)); /* so that more is to be asked for */
		ok(lk_resource_open(l.p.m[0], "h", &handle));
		cut_off("a", true);
		l.heal_at = 2;
		if (i == 0)
			ok(lk_acquire_id(l.p.w[0], 7, LK_U, &o, NULL));
		else if (i == 1)
			ok(lk_acquire_on(l.p.w[0], handle, LK_X, &o, NULL));
		else if (i == 2)
			ok(lk_acquire_many(l.p.w[0], names, 2, &o, g));
		else
			ok(lk_convert(l.p.w[0], g[0], LK_X, &o));
		cr_expect_eq(l.calls, 2, "%d: %u", i, l.calls);
		if (i == 2)
			is(lk_try_acquire(l.p.w[1], "x/2", LK_X, NULL), LK_E_BUSY);
		lk_resource_close(handle);
		pair_close(&l.p);
	}
}

Test(retry, ends_after_so_many_attempts)
{
	struct loop l;
	struct lk_retry r;
	struct lk_options o = { .size = sizeof(o), .retry = &r };

	loop_open(&l);
	r = retry_of(&l);
	r.max_attempts = 4;
	cut_off("a", true);
	is(lk_acquire(l.p.w[0], "n", LK_X, &o, NULL), LK_E_STORE);
	cr_expect_eq(l.calls, 3);
	cr_expect_eq(lk_holds(l.p.w[0], "n", 1), LK_NL);
	l.calls = 0;
	l.last_ns = 0;
	o.max_retries = 1; /* of this request */
	is(lk_acquire(l.p.w[0], "n", LK_X, &o, NULL), LK_E_STORE);
	cr_expect_eq(l.calls, 1);
	cut_off("a", false);
	pair_close(&l.p);
}

/* A pause that would end after it is not waited for. */
Test(retry, ends_with_the_deadline)
{
	struct loop l;
	struct lk_retry r;
	struct lk_options o = { .size = sizeof(o), .retry = &r, .timeout_ns = 5 * SECOND };
	const uint64_t begun = test_now();

	loop_open(&l);
	r = retry_of(&l);
	l.pause_ns = 3600 * SECOND;
	cut_off("a", true);
	is(lk_acquire(l.p.w[0], "n", LK_X, &o, NULL), LK_E_STORE);
	cr_expect_eq(l.calls, 1);
	cr_expect_lt(test_now() - begun, (uint64_t)(600 * SECOND));
	cut_off("a", false);
	pair_close(&l.p);
}

Test(retry, does_not_happen_to_a_try)
{
	struct loop l;
	struct lk_retry r;
	struct lk_options o = { .size = sizeof(o), .retry = &r, .flags = LK_NOWAIT };

	loop_open(&l);
	r = retry_of(&l);
	cut_off("a", true);
	is(lk_acquire(l.p.w[0], "n", LK_X, &o, NULL), LK_E_STORE);
	cr_expect_eq(l.calls, 0);
	cut_off("a", false);
	pair_close(&l.p);
}

Test(retry, does_not_happen_for_what_a_wait_is_for)
{
	struct loop l;
	struct lk_retry r;
	struct lk_options o = { .size = sizeof(o), .retry = &r, .timeout_ns = 1000000 };
	lk_grant g;

	loop_open(&l);
	r = retry_of(&l);
	g = get(l.p.w[1], "n", LK_X);
	is(lk_acquire(l.p.w[0], "n", LK_X, &o, NULL), LK_E_TIMEDOUT);
	cr_expect_eq(l.calls, 0);
	give(l.p.w[1], g);
	pair_close(&l.p);
}

Test(retry, a_pause_ends_with_a_cancel_and_with_a_shutdown)
{
	struct loop l;
	struct lk_retry r;
	struct lk_options o = { .size = sizeof(o), .retry = &r };

	loop_open(&l);
	r = retry_of(&l);
	l.pause_ns = 3600 * SECOND;
	l.cancel = l.p.w[0];
	cut_off("a", true);
	is(lk_acquire(l.p.w[0], "n", LK_X, &o, NULL), LK_E_CANCELED);
	l.cancel = NULL;
	l.shut = l.p.m[0];
	l.calls = 0;
	l.last_ns = 0;
	is(lk_acquire(l.p.w[0], "n", LK_X, &o, NULL), LK_E_CLOSED);
	cut_off("a", false);
	pair_close(&l.p);
}

/* It cannot be reached; so much of the time that passes in pauses is waited for. */
static atomic_int naps;

static void
heal_and_wait(void *state, const uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	const struct lk_environment *real = state;

	if (atomic_fetch_add(&naps, 1) == 20)
		cut_off("a", false);
	real->wait(real->state, word, value, deadline_ns);
}

static uint64_t
real_now(void *state)
{
	const struct lk_environment *real = state;

	return real->now(real->state);
}

static void
real_wake(void *state, const uint32_t *word)
{
	const struct lk_environment *real = state;

	real->wake(real->state, word);
}

static uint64_t
real_random(void *state)
{
	const struct lk_environment *real = state;

	return real->random(real->state);
}

Test(retry, as_the_settings_say)
{
	static const char *const ways[] = { "decorrelated", "fixed", "linear", "exponential" };

	for (size_t i = 0; i < countof(ways); i++) {
		struct test_world world;
		struct lk_config cfg = LK_CONFIG_INIT;
		struct lk_environment env = { real_now, heal_and_wait, real_wake, real_random,
					      &world.environment };
		struct lk_manager *m;
		struct lk_owner *w;
		char url[128];

		snprintf(url, sizeof(url),
			 "test:pair?as=a&max_retries=1M&retry=%s&retry_first_ns=1ms&retry_cap_ns="
			 "2ms",
			 ways[i]);
		test_world_init(&world);
		cfg.environment = &env;
		ok(lk_open(url, &cfg, &m));
		open_owners(m, &w, 1);
		cut_off("a", true);
		atomic_store(&naps, 0);
		ok(lk_acquire(w, "n", LK_X, NULL, NULL)); /* without options */
		cr_expect_gt(atomic_load(&naps), 20);
		close_all(m, &w, 1);
	}
}

Test(retry, is_off_unless_it_is_asked_for)
{
	struct pair p;

	pair_open(&p, "");
	cut_off("a", true);
	is(lk_acquire(p.w[0], "n", LK_X, NULL, NULL), LK_E_STORE);
	cut_off("a", false);
	pair_close(&p);
}

Test(retry, is_refused_where_nobody_could_pause)
{
	struct lk_manager *m = open_manager(NULL);
	const struct lk_retry r = LK_RETRY_INIT;
	struct lk_options o = { .size = sizeof(o), .retry = &r };
	struct lk_owner *w;
	struct lk_queue *queue;

	open_owners(m, &w, 1);
	ok(lk_queue_open(m, &queue));
	is(lk_submit(queue, w, "n", LK_X, &o, NULL, NULL, NULL), LK_E_UNSUPPORTED);
	is(lk_shutdown(m, &o), LK_E_UNSUPPORTED);
	o = (struct lk_options){ .size = sizeof(o), .max_retries = 1 };
	is(lk_submit(queue, w, "n", LK_X, &o, NULL, NULL, NULL), LK_E_UNSUPPORTED);
	is(lk_shutdown(m, &o), LK_E_UNSUPPORTED);
	ok(lk_acquire(w, "n", LK_X, &o, NULL)); /* in memory it has no effect */
	ok(lk_queue_close(queue));
	close_all(m, &w, 1);
}

/* ------------------------------------------------------------------------- the pauses */

static uint64_t
nothing(void *arg, uint32_t attempt, uint64_t last_ns)
{
	(void)arg;
	(void)attempt;
	(void)last_ns;
	return LK_OFF;
}

Test(pauses, structures_that_are_wrong)
{
	struct lk_retry bad[] = {
		{ .size = 0 },
		{ .size = sizeof(bad[0]), .strategy = LK_RETRY_CUSTOM },
		{ .size = sizeof(bad[0]), .strategy = LK_RETRY_CUSTOM + 1 },
		{ .size = sizeof(bad[0]), .next = nothing },
		{ .size = sizeof(bad[0]), .factor_pct = 99 },
		{ .size = sizeof(bad[0]), .factor_pct = 100001 },
		{ .size = sizeof(bad[0]), .first_ns = 2, .cap_ns = 1 },
	};
	struct lk_manager *m = open_manager(NULL);
	struct lk_retry_state state = { .size = sizeof(state) };
	struct lk_options o = { .size = sizeof(o) };
	struct lk_owner *w;
	uint64_t ns;

	open_owners(m, &w, 1);
	for (size_t i = 0; i < countof(bad); i++) {
		is(lk_retry_next(m, &bad[i], &state, &ns), LK_E_INVAL);
		o.retry = &bad[i];
		is(lk_acquire(w, "n", LK_S, &o, NULL), LK_E_INVAL);
	}
	is(lk_retry_next(NULL, NULL, &state, &ns), LK_E_INVAL);
	is(lk_retry_next(m, NULL, NULL, &ns), LK_E_INVAL);
	is(lk_retry_next(m, NULL, &state, NULL), LK_E_INVAL);
	cr_expect_eq(state.attempts, 0);
	state.size = 0;
	is(lk_retry_next(m, NULL, &state, &ns), LK_E_INVAL);
	close_all(m, &w, 1);
}

/* All pauses of one loop; returns how many. */
static size_t
pauses_of(struct lk_manager *m, const struct lk_retry *r, uint64_t *ns, size_t most)
{
	struct lk_retry_state state = { .size = sizeof(state) };
	size_t n = 0;

	while (n < most && lk_retry_next(m, r, &state, &ns[n]) == 0) {
		n++;
		cr_expect_eq(state.attempts, n);
		cr_expect_eq(state.last_ns, ns[n - 1]);
	}
	if (n < most)
		is(lk_retry_next(m, r, &state, &ns[n]), LK_E_LIMIT);
	return n;
}

Test(pauses, that_are_not_drawn)
{
	const struct lk_retry fixed = {
		.size = sizeof(fixed), .strategy = LK_RETRY_FIXED, .max_attempts = 4, .first_ns = 7
	};
	const struct lk_retry linear = { .size = sizeof(linear),
					 .strategy = LK_RETRY_LINEAR,
					 .max_attempts = 6,
					 .first_ns = 10,
					 .cap_ns = 35 };
	struct lk_manager *m = open_manager(NULL);
	uint64_t ns[16];

	cr_assert_eq(pauses_of(m, &fixed, ns, 16), 3);
	cr_expect(ns[0] == 7 && ns[1] == 7 && ns[2] == 7);
	cr_assert_eq(pauses_of(m, &linear, ns, 16), 5);
	cr_expect(ns[0] == 10 && ns[1] == 20 && ns[2] == 30 && ns[3] == 35 && ns[4] == 35);
	ok(lk_close(m));
}

Test(pauses, that_are_drawn_keep_to_their_bounds)
{
	const struct lk_retry grows = { .size = sizeof(grows),
					.strategy = LK_RETRY_EXPONENTIAL,
					.max_attempts = 12,
					.factor_pct = 300,
					.first_ns = 100,
					.cap_ns = 5000 };
	static const uint64_t most[] = { 100, 300, 900, 2700, 5000, 5000 };
	const struct lk_retry steps = {
		.size = sizeof(steps), .max_attempts = 12, .first_ns = 100, .cap_ns = 5000
	};
	struct lk_manager *m = open_manager(NULL);
	uint64_t highest[2][6] = { { 0 } };
	uint64_t ns[16];

	for (int i = 0; i < 2000; i++) {
		cr_assert_eq(pauses_of(m, &grows, ns, 16), 11);
		for (size_t k = 0; k < 6; k++) {
			cr_assert_le(ns[k], most[k]);
			highest[0][k] = ns[k] > highest[0][k] ? ns[k] : highest[0][k];
		}
		cr_assert_eq(pauses_of(m, &steps, ns, 16), 11);
		for (size_t k = 0; k < 6; k++) {
			const uint64_t last = k != 0 ? ns[k - 1] : 100;

			cr_assert_ge(ns[k], 100);
			cr_assert_le(ns[k], last * 3 < 5000 ? last * 3 : 5000);
			highest[1][k] = ns[k] > highest[1][k] ? ns[k] : highest[1][k];
		}
	}
	for (size_t k = 0; k < 6; k++) { /* and use them */
		cr_expect_gt(highest[0][k], most[k] * 9 / 10);
		cr_expect_gt(highest[1][k], k == 0 ? 250 : 600);
	}
	cr_assert_eq(pauses_of(m, NULL, ns, 16), 7); /* the defaults: eight attempts */
	for (size_t k = 0; k < 7; k++)
		cr_expect(ns[k] >= 10000000 && ns[k] <= 1000000000);
	ok(lk_close(m));
}

/* ---------------------------------------------------------------------- transactions */

struct work {
	struct lk_owner *w;
	int calls;
	int results[4]; /* of the calls; after them 0 */
};

static int
transact(void *arg)
{
	struct work *k = arg;
	char name[16];
	int rc;

	snprintf(name, sizeof(name), "row/%d", k->calls);
	ok(lk_acquire(k->w, name, LK_X, NULL, NULL));
	rc = k->calls < 4 ? k->results[k->calls] : 0;
	k->calls++;
	return rc;
}

Test(run, begins_again_after_a_deadlock_with_nothing_of_the_attempt_held)
{
	const struct lk_retry r = { .size = sizeof(r), .strategy = LK_RETRY_FIXED, .first_ns = 1 };
	struct lk_manager *m = open_manager(NULL);
	struct work k = { .results = { LK_E_DEADLOCK, LK_E_CONVERSION_DEADLOCK, LK_E_STORE } };
	struct lk_owner *w;

	open_owners(m, &w, 1);
	k.w = w;
	take(w, "before", LK_S);
	ok(lk_retry_run(w, &r, NULL, transact, &k));
	cr_expect_eq(k.calls, 4);
	for (int i = 0; i < 4; i++) {
		char name[16];

		snprintf(name, sizeof(name), "row/%d", i);
		cr_expect_eq(lk_holds(w, name, strlen(name)), i == 3 ? LK_X : LK_NL);
	}
	cr_expect_eq(lk_holds(w, "before", 6), LK_S);
	close_all(m, &w, 1);
}

Test(run, ends_with_what_cannot_be_mended)
{
	const struct lk_retry r = {
		.size = sizeof(r), .strategy = LK_RETRY_FIXED, .first_ns = 1, .max_attempts = 2
	};
	const struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	struct lk_manager *m = open_manager(NULL);
	struct work k[] = { { .results = { 4711 } },
			    { .results = { LK_E_TIMEDOUT } },
			    { .results = { LK_E_DEADLOCK, LK_E_DEADLOCK, LK_E_DEADLOCK } },
			    { .results = { LK_E_DEADLOCK } } };
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (size_t i = 0; i < countof(k); i++)
		k[i].w = w;
	is(lk_retry_run(w, &r, NULL, transact, &k[0]), 4711);
	is(lk_retry_run(w, &r, NULL, transact, &k[1]), LK_E_TIMEDOUT);
	cr_expect(k[0].calls == 1 && k[1].calls == 1);
	is(lk_retry_run(w, &r, NULL, transact, &k[2]), LK_E_DEADLOCK);
	cr_expect_eq(k[2].calls, 2);
	is(lk_retry_run(w, &r, &now, transact, &k[3]), LK_E_DEADLOCK);
	cr_expect_eq(k[3].calls, 1);
	cr_expect_eq(stats_of(m).holds, 0);
	is(lk_retry_run(NULL, &r, NULL, transact, &k[3]), LK_E_INVAL);
	is(lk_retry_run(w, &r, NULL, NULL, NULL), LK_E_INVAL);
	ok(lk_shutdown(m, NULL));
	is(lk_retry_run(w, &r, NULL, transact, &k[3]), LK_E_CLOSED);
	cr_expect_eq(k[3].calls, 1);
	close_all(m, &w, 1);
}
