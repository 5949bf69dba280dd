/* SPDX-License-Identifier: MIT */
/* Paths that are refused: at whatever level and for whatever reason, nothing is left behind. */
#include "state.h"

#define SECOND UINT64_C(1000000000)

static const struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };

/* A manager on a clock that only the test moves; owner 0 asks, owner 1 is in its way. */
struct stage {
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w[3];
	struct state before, after;
};

static void
stage_open(struct stage *s, const char *url)
{
	test_world_init(&s->world);
	s->world.manual = true;
	s->m = open_with(url, NULL, &s->world);
	open_owners(s->m, s->w, 3);
	test_world_advance(&s->world, 1000 * SECOND);
}

static void
stage_close(struct stage *s)
{
	close_all(s->m, s->w, 3);
}

/* A request whose wait is not at the name it asks for. */
static void
ask_at(struct stage *s, struct asker *a, const char *level)
{
	uint32_t before = line(s->m, level);

	asker_start(a);
	wait_until(line(s->m, level) == before + 1);
}

/* --------------------------------------------------------- every level, every reason */

/* What owner 0 holds before. */
static const struct {
	const char *name;
	lk_mode mode;
} priors[] = { { NULL, LK_NL },      { "r/m/k", LK_S },  { "r/m/k", LK_X }, { "r/k", LK_U },
	       { "r", LK_IS },       { "r", LK_S },      { "r/m", LK_S },   { "r/m", LK_U },
	       { "r/m/l", LK_IS },   { "r/m/l", LK_S },  { "r/m/l", LK_U }, { "r/m/l/b", LK_S },
	       { "r/m/l/b", LK_IX }, { "r/m/l/b", LK_X } };

/* What owner 1 holds, and what owner 0 then asks for on "r/m/l"; the wait is at `level`. */
static const struct {
	const char *held;
	lk_mode mode;
	lk_mode wanted;
	uint32_t flags;
	const char *level;
} obstacles[] = {
	{ "r", LK_S, LK_X, 0, "r" },
	{ "r", LK_U, LK_IX, 0, "r" },
	{ "r", LK_SIX, LK_U, 0, "r" },
	{ "r", LK_X, LK_IS, 0, "r" },
	{ "r/m", LK_S, LK_X, 0, "r/m" },
	{ "r/m", LK_U, LK_SIX, 0, "r/m" },
	{ "r/m", LK_X, LK_S, 0, "r/m" },
	{ "r/m/l", LK_S, LK_X, 0, "r/m/l" },
	{ "r/m/l", LK_S, LK_IX, 0, "r/m/l" },
	{ "r/m/l", LK_IX, LK_S, 0, "r/m/l" },
	{ "r/m/l", LK_X, LK_IS, 0, "r/m/l" },
	{ "r/m/l/b", LK_X, LK_S, 0, "r/m/l" },
	{ "r/m/l/b", LK_S, LK_X, 0, "r/m/l" },
	{ "r", LK_S, LK_X, LK_PARENTS, "r" },
	{ "r/m", LK_IS, LK_X, LK_PARENTS, "r" },
	{ "r/m/s", LK_X, LK_S, LK_PARENTS, "r" },
	{ "s", LK_X, LK_X, LK_PARENTS, NULL }, /* not in the way at all */
};

enum way { TRY, PAST, TIMEOUT, CANCEL, CONVERT_TRY, CONVERT_TIMEOUT, CONVERT_CANCEL, WAYS };

static bool
is_conversion(enum way way)
{
	return way == CONVERT_TRY || way == CONVERT_TIMEOUT || way == CONVERT_CANCEL;
}

/* The request, and its result; it is refused in the way that is asked for. */
static int
refuse(struct stage *s, enum way way, const char *level, struct asker *a)
{
	struct lk_options o = { .size = sizeof(o), .flags = a->options->flags };

	a->options = &o;
	a->converts = is_conversion(way);
	if (way == TRY || way == CONVERT_TRY)
		o.flags |= LK_NOWAIT;
	else if (way == PAST)
		o.deadline_ns = 1;
	else if (way == TIMEOUT || way == CONVERT_TIMEOUT)
		o.timeout_ns = (int64_t)SECOND;
	if (way == TRY || way == PAST || way == CONVERT_TRY) {
		asker_main(a);
		return a->rc;
	}
	ask_at(s, a, level);
	if (way == CANCEL || way == CONVERT_CANCEL)
		ok(lk_owner_cancel(a->owner));
	else
		test_world_advance(&s->world, SECOND);
	return answer(a);
}

static int
expected(enum way way)
{
	switch (way) {
	case TRY:
	case CONVERT_TRY:
		return LK_E_BUSY;
	case PAST:
	case TIMEOUT:
	case CONVERT_TIMEOUT:
		return LK_E_TIMEDOUT;
	default:
		return LK_E_CANCELED;
	}
}

/* One cell of the table.  Returns false if it makes no sense: the two cannot both hold theirs. */
static bool
check_refusal(struct stage *s, size_t prior, size_t obstacle, enum way way)
{
	struct lk_options o = { .size = sizeof(o), .flags = obstacles[obstacle].flags };
	struct asker a = {
		.owner = s->w[0], .name = "r/m/l", .mode = obstacles[obstacle].wanted, .options = &o
	};
	const char *level = obstacles[obstacle].level;
	bool makes_sense = level != NULL;
	char what[120];

	(void)snprintf(what, sizeof(what), "prior %zu, obstacle %zu, way %d", prior, obstacle,
		       (int)way);
	if (priors[prior].name != NULL)
		a.grant = take(s->w[0], priors[prior].name, priors[prior].mode);
	if (is_conversion(way))
		makes_sense = makes_sense && a.grant != 0 && obstacles[obstacle].flags == 0 &&
			      strcmp(priors[prior].name, a.name) == 0;
	if (lk_try_acquire(s->w[1], obstacles[obstacle].held, obstacles[obstacle].mode, NULL) != 0)
		makes_sense = false;
	if (makes_sense) {
		lk_grant before = a.grant;

		state_read(&s->before, s->m, s->w, 3);
		is(refuse(s, way, level, &a), expected(way));
		cr_expect_eq(a.grant, before, "%s", what);
		state_read(&s->after, s->m, s->w, 3);
		state_same(&s->before, &s->after, what);
	}
	ok(lk_release_all(s->w[0]));
	ok(lk_release_all(s->w[1]));
	cr_expect_eq(stats_of(s->m).holds, 0, "%s", what);
	return makes_sense;
}

Test(pathfail, leaves_all_as_it_was_at_every_level_and_for_every_reason, .timeout = 120)
{
	static struct stage s;
	unsigned tried = 0;

	stage_open(&s, NULL);
	for (size_t prior = 0; prior < countof(priors); prior++)
		for (size_t obstacle = 0; obstacle < countof(obstacles); obstacle++)
			for (enum way way = TRY; way < WAYS; way++)
				tried += check_refusal(&s, prior, obstacle, way);
	cr_expect_ge(tried, 300, "only %u", tried);
	stage_close(&s);
}

/* The name between is implied, and would have to become real for what is below; then that fails. */
Test(pathfail, leaves_what_is_implied_between_as_it_was)
{
	struct lk_options past = { .size = sizeof(past), .deadline_ns = 1 };
	static struct stage s;
	lk_grant leaf;

	stage_open(&s, NULL);
	take(s.w[0], "r", LK_S);
	take(s.w[0], "r/m", LK_S);
	leaf = take(s.w[0], "r/m/l", LK_IS);
	take(s.w[1], "r/m/l", LK_S);
	take(s.w[1], "r/m/k", LK_S);
	state_read(&s.before, s.m, s.w, 3);
	is(lk_try_acquire(s.w[0], "r/m/k", LK_X, NULL), LK_E_BUSY);
	state_read(&s.after, s.m, s.w, 3);
	state_same(&s.before, &s.after, "another name below");
	is(lk_acquire(s.w[0], "r/m/l", LK_X, &past, NULL), LK_E_TIMEDOUT);
	state_read(&s.after, s.m, s.w, 3);
	state_same(&s.before, &s.after, "one that is implied itself");
	is(lk_convert(s.w[0], leaf, LK_IX, &nowait), LK_E_BUSY);
	state_read(&s.after, s.m, s.w, 3);
	state_same(&s.before, &s.after, "a conversion");
	stage_close(&s);
}

/* --------------------------------------------------------------------- the deadline */

/* Three seconds at the root, then seven more at the leaf: not a nanosecond beyond ten together. */
Test(pathfail, a_path_has_one_deadline)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = (int64_t)(10 * SECOND) };
	static struct stage s;
	struct asker a = { .name = "r/m/l", .mode = LK_X, .options = &o };
	lk_grant root;

	stage_open(&s, NULL);
	a.owner = s.w[0];
	take(s.w[1], "r/m/l", LK_S);
	root = take(s.w[2], "r", LK_S);
	ask_at(&s, &a, "r");
	test_world_advance(&s.world, 3 * SECOND);
	ok(lk_release(s.w[2], root));
	wait_until(line(s.m, "r/m/l") == 1);
	test_world_advance(&s.world, 7 * SECOND - 1);
	cr_expect(!is_answered(&a));
	cr_expect_eq(line(s.m, "r/m/l"), 1);
	cr_expect_eq(holds(s.w[1], "r/m/l"), LK_S);
	test_world_advance(&s.world, 1);
	is(answer(&a), LK_E_TIMEDOUT);
	cr_expect_eq(stats_of(s.m).holds, 3);
	stage_close(&s);
}

Test(pathfail, an_absolute_deadline_is_the_same_at_every_level)
{
	static const char *const levels[] = { "r", "r/m", "r/m/l" };
	static struct stage s;

	stage_open(&s, NULL);
	for (size_t i = 0; i < countof(levels); i++) {
		struct lk_options o = { .size = sizeof(o) };
		struct asker a = { .owner = s.w[0], .name = "r/m/l", .mode = LK_X, .options = &o };
		lk_grant g = take(s.w[1], levels[i], LK_S);

		o.deadline_ns = atomic_load(&s.world.time_ns) + 5 * SECOND;
		ask_at(&s, &a, levels[i]);
		test_world_advance(&s.world, 5 * SECOND - 1);
		cr_expect(!is_answered(&a));
		cr_expect_eq(line(s.m, levels[i]), 1);
		test_world_advance(&s.world, 1);
		is(answer(&a), LK_E_TIMEDOUT);
		ok(lk_release(s.w[1], g));
		cr_expect_eq(stats_of(s.m).holds, 0);
	}
	stage_close(&s);
}

/* The deadline of a conversion, from a level above to the name itself. */
Test(pathfail, a_conversion_has_one_deadline)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = (int64_t)(4 * SECOND) };
	static struct stage s;
	struct asker a = { .mode = LK_X, .options = &o, .converts = true };
	lk_grant middle;

	stage_open(&s, NULL);
	a.owner = s.w[0];
	a.grant = take(s.w[0], "r/m/l", LK_S);
	take(s.w[1], "r/m/l", LK_IS);
	middle = take(s.w[2], "r/m", LK_S);
	ask_at(&s, &a, "r/m");
	test_world_advance(&s.world, 3 * SECOND);
	ok(lk_release(s.w[2], middle));
	wait_until(line(s.m, "r/m/l") == 1);
	test_world_advance(&s.world, SECOND - 1);
	cr_expect(!is_answered(&a));
	test_world_advance(&s.world, 1);
	is(answer(&a), LK_E_TIMEDOUT);
	cr_expect_eq(grant_info(s.w[0], a.grant).mode, LK_S);
	cr_expect_eq(info_of(s.m, "r").holders[LK_IX], 0);
	stage_close(&s);
}

/* ----------------------------------------------------------------- who waits behind */

Test(pathfail, who_gives_up_above_lets_those_behind_in)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = (int64_t)SECOND };
	static struct stage s;

	stage_open(&s, "memory:?strict=1");
	for (int cancel = 0; cancel < 2; cancel++) {
		struct asker a = { .owner = s.w[0], .name = "r/m/l", .mode = LK_X };
		struct asker reader;

		a.options = cancel ? NULL : &o;
		take(s.w[1], "r", LK_S);
		ask_at(&s, &a, "r");
		ask(s.m, &reader, s.w[2], "r", LK_S);
		if (cancel)
			ok(lk_owner_cancel(s.w[0]));
		else
			test_world_advance(&s.world, SECOND);
		is(answer(&a), cancel ? LK_E_CANCELED : LK_E_TIMEDOUT);
		granted(&reader);
		ok(lk_release_all(s.w[1]));
		ok(lk_release_all(s.w[2]));
	}
	stage_close(&s);
}

/* The intents that it had already taken kept a reader out; now they are given back. */
Test(pathfail, who_gives_up_below_lets_those_in_that_its_intents_kept_out)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = (int64_t)SECOND };
	static struct stage s;

	stage_open(&s, NULL);
	for (int cancel = 0; cancel < 2; cancel++) {
		struct asker a = { .owner = s.w[0], .name = "r/m/l", .mode = LK_X };
		struct asker reader;

		a.options = cancel ? NULL : &o;
		take(s.w[1], "r/m/l", LK_S);
		ask_at(&s, &a, "r/m/l");
		ask(s.m, &reader, s.w[2], "r", LK_S);
		if (cancel)
			ok(lk_owner_cancel(s.w[0]));
		else
			test_world_advance(&s.world, SECOND);
		is(answer(&a), cancel ? LK_E_CANCELED : LK_E_TIMEDOUT);
		granted(&reader);
		ok(lk_release_all(s.w[1]));
		ok(lk_release_all(s.w[2]));
	}
	stage_close(&s);
}

Test(pathfail, a_shutdown_ends_a_wait_at_any_level)
{
	static const char *const levels[] = { "r", "r/m", "r/m/l" };

	for (size_t i = 0; i < countof(levels); i++) {
		struct lk_manager *m = open_manager(NULL);
		struct lk_owner *w[2];
		struct asker a = { .name = "r/m/l", .mode = LK_X };

		open_owners(m, w, 2);
		a.owner = w[0];
		take(w[1], levels[i], LK_S);
		asker_start(&a);
		wait_until(line(m, levels[i]) == 1);
		while (lk_shutdown(m, &nowait) != 0) /* while the waiter is still on its way out */
			sched_yield();
		is(answer(&a), LK_E_CLOSED);
		cr_expect_eq(stats_of(m).holds, 0);
		close_all(m, w, 2);
	}
}

/* -------------------------------------------------------------- conversion deadlocks */

/*
 * Both hold `held` on `level`; owner 0 waits to write below, which needs IX there.  Owner 1, who
 * wants the same, is told at once, keeps what it had, and lets the first in when it goes.
 */
static void
cross_at(struct stage *s, const char *level, lk_mode held, lk_mode wanted)
{
	struct asker a = { .owner = s->w[0], .name = "r/m/l/a", .mode = wanted };

	take(s->w[0], level, held);
	take(s->w[1], level, held);
	ask_at(s, &a, level);
	state_read(&s->before, s->m, s->w + 1, 1);
	is(lk_acquire(s->w[1], "r/m/l/b", wanted, NULL, NULL), LK_E_CONVERSION_DEADLOCK);
	state_read(&s->after, s->m, s->w + 1, 1);
	state_same(&s->before, &s->after, level);
	ok(lk_release_all(s->w[1]));
	granted(&a);
	cr_expect_eq(holds(s->w[0], level), LK_SIX);
	ok(lk_release_all(s->w[0]));
	cr_expect_eq(stats_of(s->m).holds, 0);
}

Test(pathfail, two_that_stand_in_each_other_s_way_above_are_found_at_once)
{
	static struct stage s;

	stage_open(&s, NULL);
	cross_at(&s, "r", LK_S, LK_X);
	cross_at(&s, "r/m", LK_S, LK_X);
	cross_at(&s, "r/m/l", LK_S, LK_X);
	cross_at(&s, "r/m", LK_S, LK_U);
	cross_at(&s, "r/m", LK_S, LK_IX);
	stage_close(&s);
}

/* A grant on the root and a conversion of an intent there; the second has its grant below. */
Test(pathfail, an_intent_that_must_grow_is_a_conversion)
{
	static struct stage s;
	struct asker a = { .mode = LK_X, .converts = true };

	stage_open(&s, NULL);
	a.owner = s.w[0];
	a.grant = take(s.w[0], "r/a", LK_S);
	take(s.w[1], "r", LK_S);
	ask_at(&s, &a, "r"); /* IS to IX, against S */
	state_read(&s.before, s.m, s.w + 1, 1);
	is(lk_acquire(s.w[1], "r", LK_X, NULL, NULL), LK_E_CONVERSION_DEADLOCK);
	state_read(&s.after, s.m, s.w + 1, 1);
	state_same(&s.before, &s.after, "S to X");
	ok(lk_acquire(s.w[1], "r/b", LK_X, NULL, NULL)); /* to SIX, which goes with an IS */
	cr_expect(!is_answered(&a));
	ok(lk_release_all(s.w[1]));
	granted(&a);
	stage_close(&s);
}

Test(pathfail, an_implied_grant_that_would_become_real_finds_the_deadlock)
{
	static struct stage s;
	struct asker a = { .name = "r/a", .mode = LK_X };
	lk_grant leaf;

	stage_open(&s, NULL);
	a.owner = s.w[0];
	take(s.w[0], "r", LK_S);
	take(s.w[1], "r", LK_S);
	leaf = take(s.w[1], "r/m/l", LK_S);
	ask_at(&s, &a, "r");
	state_read(&s.before, s.m, s.w + 1, 1);
	is(lk_can_convert(s.w[1], leaf, LK_X), LK_E_CONVERSION_DEADLOCK);
	is(lk_upgrade(s.w[1], leaf, NULL), LK_E_CONVERSION_DEADLOCK);
	state_read(&s.after, s.m, s.w + 1, 1);
	state_same(&s.before, &s.after, "S to X");
	cr_expect_eq(grant_info(s.w[1], leaf).flags, LK_IMPLIED);
	ok(lk_release_all(s.w[1]));
	granted(&a);
	stage_close(&s);
}

/* --------------------------------------------------------------------- other refusals */

Test(pathfail, a_limit_leaves_all_as_it_was)
{
	static const struct lk_options parents = { .size = sizeof(parents), .flags = LK_PARENTS };
	static struct stage s;

	stage_open(&s, "memory:?max_reentry=1");
	take(s.w[0], "r/m/l", LK_S);
	take(s.w[0], "i", LK_S);
	take(s.w[0], "i/m/l", LK_S);
	state_read(&s.before, s.m, s.w, 3);
	is(lk_acquire(s.w[0], "r/m/l", LK_X, NULL, NULL), LK_E_LIMIT);
	is(lk_acquire(s.w[0], "r/m/l", LK_X, &parents, NULL), LK_E_LIMIT);
	is(lk_acquire(s.w[0], "i/m/l", LK_S, NULL, NULL), LK_E_LIMIT);
	is(lk_acquire(s.w[0], "i/m/l", LK_X, NULL, NULL), LK_E_LIMIT);
	is(lk_acquire(s.w[0], "i", LK_X, NULL, NULL), LK_E_LIMIT);
	state_read(&s.after, s.m, s.w, 3);
	state_same(&s.before, &s.after, "max_reentry");
	stage_close(&s);
}

Test(pathfail, a_bad_argument_leaves_all_as_it_was)
{
	struct lk_options bad = { .size = sizeof(bad), .flags = 0x8000 };
	struct lk_options lease = { .size = sizeof(lease), .lease_ns = 1 };
	static struct stage s;

	stage_open(&s, NULL);
	take(s.w[0], "r/m/l", LK_S);
	state_read(&s.before, s.m, s.w, 3);
	is(lk_acquire(s.w[0], "r/m/x", LK_NL, NULL, NULL), LK_E_INVAL);
	is(lk_acquire(s.w[0], "r/m/x", LK_X, &lease, NULL), LK_E_INVAL);
	cr_expect_neq(lk_acquire(s.w[0], "r/m/x", LK_X, &bad, NULL), 0);
	state_read(&s.after, s.m, s.w, 3);
	state_same(&s.before, &s.after, "bad arguments");
	stage_close(&s);
}
