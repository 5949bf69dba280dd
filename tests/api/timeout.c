/* SPDX-License-Identifier: MIT */
/* How long a request waits: every way to say it, and what counts when several do. */
#include "support.h"

#define SECOND UINT64_C(1000000000)

/* A manager on a clock that only the test moves, and a name that owner 0 holds. */
struct stage {
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w[3];
};

static void
stage_open(struct stage *s, const char *url)
{
	test_world_init(&s->world);
	s->world.manual = true;
	s->m = open_with(url, NULL, &s->world);
	open_owners(s->m, s->w, 3);
	take(s->w[0], "n", LK_X);
	test_world_advance(&s->world, 1000 * SECOND);
}

static uint64_t
stage_now(struct stage *s)
{
	return atomic_load(&s->world.time_ns);
}

static void
stage_close(struct stage *s)
{
	close_all(s->m, s->w, 3);
}

/* The request in the line ends at the time `after_ns` from now, and not before. */
static void
expect_end(struct stage *s, struct asker *a, uint64_t after_ns)
{
	test_world_advance(&s->world, after_ns - 1);
	cr_expect(!is_answered(a));
	cr_expect_eq(line(s->m, "n"), 1);
	test_world_advance(&s->world, 1);
	is(answer(a), LK_E_TIMEDOUT);
	cr_expect_eq(line(s->m, "n"), 0);
	cr_expect_eq(holds(a->owner, "n"), LK_NL);
}

Test(timeout, a_request_that_must_not_wait_is_busy)
{
	struct lk_options both = { .size = sizeof(both), .flags = LK_NOWAIT, .timeout_ns = 1 };
	struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g = 5;

	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	is(lk_try_acquire(w[1], "n", LK_X, &g), LK_E_BUSY);
	is(lk_acquire(w[1], "n", LK_S, &nowait, &g), LK_E_BUSY);
	is(lk_acquire(w[1], "n", LK_S, &both, &g), LK_E_BUSY);
	cr_expect_eq(g, 5);
	cr_expect_eq(line(m, "n"), 0);
	ok(lk_release_all(w[0]));
	ok(lk_acquire(w[1], "n", LK_S, &nowait, &g));
	close_all(m, w, 2);
}

Test(timeout, lasts_at_least_as_long_as_asked)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 5000000 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	uint64_t start;

	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	start = test_now();
	is(lk_acquire(w[1], "n", LK_X, &o, NULL), LK_E_TIMEDOUT);
	cr_expect_ge(test_now() - start, 5000000);
	start = test_now();
	o = (struct lk_options){ .size = sizeof(o), .deadline_ns = start + 5000000 };
	is(lk_acquire(w[1], "n", LK_X, &o, NULL), LK_E_TIMEDOUT);
	cr_expect_ge(test_now(), start + 5000000);
	close_all(m, w, 2);
}

Test(timeout, a_relative_time_begins_with_the_call)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = (int64_t)SECOND };
	struct stage s;
	struct asker a;

	stage_open(&s, NULL);
	ask_with(s.m, &a, s.w[1], "n", LK_S, &o);
	expect_end(&s, &a, SECOND);
	stage_close(&s);
}

Test(timeout, an_absolute_time_is_the_clock_s)
{
	struct stage s;
	struct asker a;
	struct lk_options o = { .size = sizeof(o) };

	stage_open(&s, NULL);
	o.deadline_ns = stage_now(&s) + 3 * SECOND;
	ask_with(s.m, &a, s.w[1], "n", LK_S, &o);
	expect_end(&s, &a, 3 * SECOND);
	stage_close(&s);
}

Test(timeout, of_two_the_earlier_counts)
{
	struct stage s;
	struct asker a;
	struct lk_options o = { .size = sizeof(o), .timeout_ns = (int64_t)SECOND };

	stage_open(&s, NULL);
	o.deadline_ns = stage_now(&s) + 3 * SECOND;
	ask_with(s.m, &a, s.w[1], "n", LK_S, &o);
	expect_end(&s, &a, SECOND);
	o.timeout_ns = LK_FOREVER;
	o.deadline_ns = stage_now(&s) + 2 * SECOND;
	ask_with(s.m, &a, s.w[1], "n", LK_S, &o);
	expect_end(&s, &a, 2 * SECOND);
	stage_close(&s);
}

Test(timeout, a_time_that_has_passed_still_allows_one_try)
{
	struct lk_options past = { .size = sizeof(past), .deadline_ns = 1 };
	struct stage s;
	lk_grant g;

	stage_open(&s, NULL);
	is(lk_acquire(s.w[1], "n", LK_S, &past, NULL), LK_E_TIMEDOUT);
	ok(lk_acquire(s.w[1], "free", LK_S, &past, &g));
	ok(lk_upgrade(s.w[1], g, &past));
	cr_expect_eq(stats_of(s.m).timeouts, 1);
	stage_close(&s);
}

Test(timeout, an_owner_s_deadline_bounds_every_wait)
{
	struct lk_options forever = { .size = sizeof(forever), .timeout_ns = LK_FOREVER };
	struct lk_owner_options o = { .size = sizeof(o) };
	struct lk_owner *hurried;
	struct stage s;
	struct asker a;

	stage_open(&s, NULL);
	o.deadline_ns = stage_now(&s) + 5 * SECOND;
	ok(lk_owner_open(s.m, &o, &hurried));
	ask_with(s.m, &a, hurried, "n", LK_S, &forever);
	expect_end(&s, &a, 5 * SECOND);
	is(lk_acquire(hurried, "n", LK_S, &forever, NULL), LK_E_TIMEDOUT);
	take(hurried, "free", LK_X);
	ok(lk_owner_close(hurried));
	stage_close(&s);
}

Test(timeout, the_manager_s_counts_for_calls_that_say_nothing)
{
	struct lk_options longer = { .size = sizeof(longer), .timeout_ns = 4 * (int64_t)SECOND };
	struct stage s;
	struct asker a;

	stage_open(&s, "memory:?timeout_ns=2000000000");
	ask(s.m, &a, s.w[1], "n", LK_S);
	expect_end(&s, &a, 2 * SECOND);
	ask_with(s.m, &a, s.w[1], "n", LK_S, &longer);
	expect_end(&s, &a, 4 * SECOND);
	stage_close(&s);
}

Test(timeout, for_ever_is_for_ever)
{
	struct lk_options forever = { .size = sizeof(forever), .timeout_ns = LK_FOREVER };
	struct stage s;
	struct asker a;

	stage_open(&s, "memory:?timeout_ns=2000000000");
	ask_with(s.m, &a, s.w[1], "n", LK_S, &forever);
	test_world_advance(&s.world, UINT64_C(1) << 62);
	cr_expect_eq(line(s.m, "n"), 1);
	cr_expect(!is_answered(&a));
	ok(lk_release_all(s.w[0]));
	granted(&a);
	stage_close(&s);
}

Test(timeout, less_than_nothing_is_refused)
{
	static const int64_t bad[] = { -1, -1000000, INT64_MIN };
	struct stage s;

	stage_open(&s, NULL);
	for (size_t i = 0; i < countof(bad); i++) {
		struct lk_options o = { .size = sizeof(o), .timeout_ns = bad[i] };

		is(lk_acquire(s.w[1], "free", LK_S, &o, NULL), LK_E_INVAL);
		is(lk_acquire(s.w[1], "n", LK_S, &o, NULL), LK_E_INVAL);
		is(lk_shutdown(s.m, &o), LK_E_INVAL);
	}
	cr_expect_eq(holds(s.w[1], "free"), LK_NL);
	stage_close(&s);
}

Test(timeout, bounds_a_conversion_as_well)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = (int64_t)SECOND };
	struct stage s;
	struct asker a;
	lk_grant g;

	stage_open(&s, NULL);
	ok(lk_release_all(s.w[0]));
	take(s.w[0], "n", LK_S);
	g = take(s.w[1], "n", LK_S);
	a = (struct asker){
		.owner = s.w[1], .mode = LK_X, .options = &o, .converts = true, .grant = g
	};
	asker_start(&a);
	wait_until(line(s.m, "n") == 1);
	test_world_advance(&s.world, SECOND - 1);
	cr_expect(!is_answered(&a));
	test_world_advance(&s.world, 1);
	is(answer(&a), LK_E_TIMEDOUT);
	cr_expect_eq(grant_info(s.w[1], g).mode, LK_S);
	cr_expect_eq(holds(s.w[1], "n"), LK_S);
	stage_close(&s);
}

/* A world in which a sleeper, once asleep, is only let go when the test says so. */
struct gate {
	struct test_world world;
	struct lk_environment plain;
	atomic_bool asleep;
	atomic_bool open;
};

static void
gate_wait(void *state, const uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	struct gate *gate = state;

	(void)word;
	(void)value;
	(void)deadline_ns;
	atomic_store(&gate->asleep, true);
	while (!atomic_load(&gate->open))
		sched_yield();
}

static uint64_t
gate_now(void *state)
{
	struct gate *gate = state;

	return gate->plain.now(gate->plain.state);
}

static void
gate_wake(void *state, const uint32_t *word)
{
	struct gate *gate = state;

	gate->plain.wake(gate->plain.state, word);
}

static uint64_t
gate_random(void *state)
{
	struct gate *gate = state;

	return gate->plain.random(gate->plain.state);
}

/* The sleeper is granted, and only then its time passes, before it looks. */
Test(timeout, a_grant_that_came_first_is_a_grant)
{
	static struct gate gate;
	struct lk_environment environment = { gate_now, gate_wait, gate_wake, gate_random, &gate };
	struct lk_options o = { .size = sizeof(o), .timeout_ns = (int64_t)SECOND };
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_manager *m;
	struct lk_owner *w[2];
	struct asker a;

	test_world_init(&gate.world);
	gate.world.manual = true;
	gate.plain = gate.world.environment;
	cfg.environment = &environment;
	ok(lk_open("memory:?strict=1", &cfg, &m));
	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	ask_with(m, &a, w[1], "n", LK_X, &o);
	wait_until(atomic_load(&gate.asleep));
	ok(lk_release_all(w[0])); /* strict: the lock goes to the sleeper here and now */
	cr_expect_eq(info_of(m, "n").holders[LK_X], 1);
	test_world_advance(&gate.world, 2 * SECOND);
	atomic_store(&gate.open, true);
	granted(&a);
	cr_expect_eq(holds(w[1], "n"), LK_X);
	cr_expect_eq(stats_of(m).timeouts, 0);
	close_all(m, w, 2);
}
