/* SPDX-License-Identifier: MIT */
/*
 * Semaphores of managers that share a store, as processes do: the permits of a name are one number for all.  (decision 37)
 */
enum { OWNERS = 4 };

#define STAGE_OWNERS OWNERS
#include "semaphore.h"
#include "stage.h"

/* Granted in the end. */
static lk_grant
get_units(struct lk_owner *w, const char *name, uint32_t units, uint32_t permits)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 120 * SECOND };
	lk_grant g = 0;

	ok(lk_acquire_units(w, name, strlen(name), units, permits, &o, &g));
	cr_assert_neq(g, 0);
	return g;
}

static void
give(struct lk_owner *w, lk_grant g)
{
	ok(lk_release(w, g));
}

/* One who waits for units, in its line here and then in the store's. */
static void
ask_units(struct lk_manager *m, struct asker *a, struct lk_owner *w, const char *name,
	  uint32_t units, uint32_t permits)
{
	static _Thread_local struct lk_options o[2 * OWNERS];
	static _Thread_local unsigned n;

	n = (n + 1) % (2 * OWNERS);
	o[n] = want(units, permits);
	ask_with(m, a, w, name, LK_IX, &o[n]);
}

Test(abroadunits, the_permits_are_one_number_for_all)
{
	struct stage s;
	lk_grant g;
	lk_grant h;

	stage_open(&s);
	g = get_units(s.w[0][0], "n", 3, 4);
	is(try_units(s.w[1][0], "n", 2, 4, NULL), LK_E_BUSY);
	h = take_units(s.w[1][0], "n", 1, 4);
	is(try_units(s.w[1][1], "n", 1, 4, NULL), LK_E_BUSY);
	is(try_units(s.w[0][1], "n", 1, 4, NULL), LK_E_BUSY);
	give(s.w[0][0], g);
	g = get_units(s.w[1][1], "n", 3, 4);
	is(try_units(s.w[0][1], "n", 1, 4, NULL), LK_E_BUSY);
	give(s.w[1][1], g);
	give(s.w[1][0], h);
	give(s.w[0][0], get_units(s.w[0][0], "n", 4, 4));
	give(s.w[1][0], get_units(s.w[1][0], "n", 4, 4));
	stage_close(&s);
}

Test(abroadunits, who_waits_gets_them_as_they_come_back)
{
	struct stage s;
	struct asker a;
	lk_grant g[3];

	stage_open(&s);
	for (int i = 0; i < 3; i++)
		g[i] = get_units(s.w[i % 2][i / 2], "n", 1, 3);
	ask_units(s.m[1], &a, s.w[1][2], "n", 3, 3);
	give(s.w[0][0], g[0]);
	give(s.w[0][1], g[2]);
	cr_expect(!is_answered(&a));
	give(s.w[1][0], g[1]);
	give(s.w[1][2], granted(&a));
	stage_close(&s);
}

Test(abroadunits, what_is_kept_needs_no_store)
{
	struct stage s;
	lk_grant g;

	stage_open(&s);
	give(s.w[0][0], get_units(s.w[0][0], "n", 3, 4));
	cut_off("a", true);
	for (uint32_t i = 0; i < 9; i++)
		give(s.w[0][i % 2], take_units(s.w[0][i % 2], "n", i % 3 + 1, 4));
	g = take_units(s.w[0][0], "n", 3, 4);
	is(try_units(s.w[0][1], "n", 1, 4, NULL), LK_E_STORE);
	cut_off("a", false);
	give(s.w[0][0], g);
	give(s.w[1][0], get_units(s.w[1][0], "n", 4, 4)); /* it is asked back */
	stage_close(&s);
}

/* Does somebody who came before keep it from a unit that is free?  Else it is given back. */
static bool
is_kept_out(struct lk_owner *w, const char *name, uint32_t permits)
{
	lk_grant g;
	int rc = try_units(w, name, 1, permits, &g);

	if (rc == 0)
		give(w, g);
	else
		is(rc, LK_E_BUSY);
	return rc != 0;
}

Test(abroadunits, nobody_overtakes_one_who_waits_for_many)
{
	struct stage s;
	struct asker many;
	struct asker few[2];
	lk_grant g[2];

	stage_open(&s);
	g[0] = get_units(s.w[0][0], "n", 1, 4);
	g[1] = get_units(s.w[1][0], "n", 1, 4);
	give(s.w[0][1], get_units(s.w[0][1], "n", 2, 4)); /* and these are kept there */
	ask_units(s.m[1], &many, s.w[1][1], "n", 3, 4);
	wait_until(is_kept_out(s.w[0][1], "n", 4));
	ask_units(s.m[0], &few[0], s.w[0][1], "n", 1, 4);
	ask_units(s.m[1], &few[1], s.w[1][2], "n", 1, 4);
	cr_expect(!is_answered(&many) && !is_answered(&few[0]) && !is_answered(&few[1]));
	give(s.w[0][0], g[0]);
	g[0] = granted(&many);
	cr_expect(!is_answered(&few[0]) && !is_answered(&few[1]));
	give(s.w[1][1], g[0]);
	give(s.w[0][1], granted(&few[0]));
	give(s.w[1][2], granted(&few[1]));
	give(s.w[1][0], g[1]);
	stage_close(&s);
}

/* What comes back while others wait is theirs, however busy it is here. */
Test(abroadunits, the_users_of_one_process_do_not_keep_them)
{
	struct stage s;
	struct asker a;
	lk_grant g[3];

	stage_open(&s);
	for (int i = 0; i < 3; i++)
		g[i] = get_units(s.w[0][i], "n", 1, 3);
	ask_units(s.m[1], &a, s.w[1][0], "n", 3, 3);
	for (int i = 0; i < 3; i++) {
		give(s.w[0][i], g[i]);
		wait_until(is_answered(&a) || is_kept_out(s.w[0][3], "n", 3));
	}
	g[0] = granted(&a);
	is(try_units(s.w[0][0], "n", 1, 3, NULL), LK_E_BUSY);
	give(s.w[1][0], g[0]);
	stage_close(&s);
}

Test(abroadunits, all_must_say_the_same_number)
{
	struct lk_options o = want(2, 3);
	struct lk_completion c = { .size = sizeof(c) };
	struct lk_queue *q;
	struct stage s;
	lk_grant g;

	stage_open(&s);
	ok(lk_queue_open(s.m[1], &q));
	g = get_units(s.w[0][0], "n", 1, 2);
	is(lk_acquire(s.w[1][0], "n", LK_IX, &o, NULL), LK_E_INVAL);
	is(try_units(s.w[1][0], "n", 1, 3, NULL), LK_E_INVAL);
	ok(lk_submit(q, s.w[1][1], "n", LK_IX, &o, NULL, NULL, NULL));
	wait_until(lk_queue_reap(q, &c, 1) == 1);
	is(c.code, LK_E_INVAL);
	give(s.w[1][0], take_units(s.w[1][0], "n", 1, 2));
	give(s.w[0][0], g);
	is(lk_acquire(s.w[1][0], "n", LK_IX, &o, NULL), LK_E_INVAL); /* it is kept there */
	ok(lk_sweep(s.m[0], NULL));
	give(s.w[1][0], get_units(s.w[1][0], "n", 3, 3));
	give(s.w[1][0], get_units(s.w[1][0], "n", 3, 5));
	give(s.w[1][0], take_units(s.w[1][0], "n", 4, 4));
	ok(lk_queue_close(q));
	stage_close(&s);
}

Test(abroadunits, other_modes_keep_them_out_and_are_kept_out)
{
	struct stage s;
	struct asker a;
	lk_grant g;
	lk_grant h;

	stage_open(&s);
	g = take(s.w[0][0], "n", LK_X);
	is(try_units(s.w[1][0], "n", 1, 2, NULL), LK_E_BUSY);
	ask_units(s.m[1], &a, s.w[1][0], "n", 2, 2);
	give(s.w[0][0], g);
	h = granted(&a);
	is(lk_try_acquire(s.w[0][0], "n", LK_S, NULL), LK_E_BUSY);
	ok(lk_acquire(s.w[0][0], "n", LK_IX, NULL, &g)); /* that takes none */
	ask(s.m[0], &a, s.w[0][1], "n", LK_X);
	give(s.w[0][0], g);
	cr_expect(!is_answered(&a));
	give(s.w[1][0], h);
	give(s.w[0][1], granted(&a));
	h = get_units(s.w[1][0], "n", 2, 2);
	g = get_units(s.w[1][1], "a/b", 1, 2); /* with its intents */
	is(lk_try_acquire(s.w[0][0], "a", LK_S, NULL), LK_E_BUSY);
	give(s.w[1][0], h);
	give(s.w[1][1], g);
	stage_close(&s);
}

Test(abroadunits, a_killed_process_gives_back_what_it_had)
{
	struct stage s;
	struct asker a;

	stage_open(&s);
	(void)get_units(s.w[0][0], "n", 2, 3);
	(void)get_units(s.w[0][1], "n", 1, 3);
	ask_units(s.m[1], &a, s.w[1][0], "n", 3, 3);
	ok(lk_test_store_crash("stage", "a"));
	give(s.w[1][0], granted(&a));
	stage_close(&s);
}

/* All units were there, and the session did not end meanwhile. */
static bool
has_all_again(struct lk_owner *w)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 120 * SECOND };
	lk_grant g;
	int rc = lk_acquire_units(w, "n", 1, 3, 3, &o, &g);

	if (rc == 0)
		rc = lk_release(w, g);
	cr_expect(rc == 0 || rc == LK_E_LOST || rc == LK_E_STORE || rc == LK_E_BREAKER, "%s",
		  lk_errname(rc));
	return rc == 0;
}

Test(abroadunits, a_session_that_is_over_takes_them_with_it, .timeout = 60)
{
	struct stage s;
	lk_grant g;

	stage_open_with(&s, "&ttl_ns=10s&poll_max_ns=10ms");
	g = get_units(s.w[0][0], "n", 2, 3);
	cut_off("a", true);
	ok(lk_test_store_step("stage",
			      20 * SECOND)); /* for both: the other one finds another session */
	wait_until(lk_check(s.w[0][0], g) == LK_E_LOST);
	cut_off("a", false);
	wait_until(has_all_again(s.w[1][0]));
	is(lk_release(s.w[0][0], g), LK_E_LOST);
	wait_until(has_all_again(s.w[0][0]));
	stage_close(&s);
}

Test(abroadunits, who_gives_up_waiting_leaves_nothing)
{
	struct lk_options o = want(2, 2);
	struct stage s;
	struct asker a;
	lk_grant g;

	stage_open(&s);
	g = get_units(s.w[0][0], "n", 2, 2);
	o.timeout_ns = 30000000;
	is(lk_acquire(s.w[1][0], "n", LK_IX, &o, NULL), LK_E_TIMEDOUT);
	ask_units(s.m[1], &a, s.w[1][1], "n", 1, 2);
	ok(lk_owner_cancel(s.w[1][1]));
	is(answer(&a), LK_E_CANCELED);
	give(s.w[0][0], g);
	give(s.w[0][1], get_units(s.w[0][1], "n", 2, 2));
	stage_close(&s);
}

Test(abroadunits, without_a_thread)
{
	struct lk_completion c = { .size = sizeof(c) };
	struct lk_options o = want(2, 2);
	struct lk_queue *q;
	struct stage s;
	lk_grant g;

	stage_open(&s);
	ok(lk_queue_open(s.m[1], &q));
	g = get_units(s.w[0][0], "n", 1, 2);
	ok(lk_submit(q, s.w[1][0], "n", LK_IX, &o, NULL, NULL, NULL));
	cr_expect_eq(lk_queue_reap(q, &c, 1), 0);
	give(s.w[0][0], g);
	wait_until(lk_queue_reap(q, &c, 1) == 1);
	ok(c.code);
	is(try_units(s.w[0][0], "n", 1, 2, NULL), LK_E_BUSY);
	give(s.w[1][0], c.grant);
	ok(lk_queue_close(q));
	stage_close(&s);
}

/* Each has half, and wants the other half too: whoever comes second is told. */
Test(abroadunits, of_two_who_want_more_one_is_refused)
{
	struct lk_options o = want(2, 4);
	struct stage s;
	struct asker a[2];
	lk_grant g[2];
	int refused;

	stage_open(&s);
	for (int i = 0; i < 2; i++)
		g[i] = get_units(s.w[i][0], "n", 2, 4);
	for (int i = 0; i < 2; i++)
		ask_with(s.m[i], &a[i], s.w[i][0], "n", LK_IX, &o);
	wait_until(is_answered(&a[0]) || is_answered(&a[1]));
	refused = is_answered(&a[0]) ? 0 : 1;
	is(answer(&a[refused]), LK_E_CONVERSION_DEADLOCK);
	cr_expect(!is_answered(&a[1 - refused]));
	give(s.w[refused][0], g[refused]);
	give(s.w[1 - refused][0], granted(&a[1 - refused]));
	give(s.w[1 - refused][0], g[1 - refused]);
	stage_close(&s);
}

/* But not if others of the same process will give some back. */
Test(abroadunits, nobody_is_refused_for_what_others_have)
{
	struct stage s;
	struct asker a[2];
	lk_grant g[2];

	stage_open(&s);
	for (int i = 0; i < 2; i++)
		g[i] = get_units(s.w[i][0], "n", 2, 4);
	for (int i = 0; i < 2; i++)
		ask_units(s.m[i], &a[i], s.w[i][1], "n", 2, 4);
	give(s.w[1][0], g[1]);
	give(s.w[0][0], g[0]);
	for (int i = 0; i < 2; i++)
		give(s.w[i][1], granted(&a[i]));
	stage_close(&s);
}

/* ----------------------------------------------------------------- many at a time */

enum { PERMITS = 5 };

struct crowd {
	struct stage s;
	atomic_uint used;
	unsigned rounds;
};

static void
use(void *arg, unsigned index)
{
	struct crowd *c = arg;
	struct lk_owner *w = c->s.w[index % 2][index / 2];
	uint64_t seed = index + 1;

	for (unsigned i = 0; i < c->rounds; i++) {
		const uint32_t n = (uint32_t)(test_random(&seed) % PERMITS) + 1;
		struct lk_options o = { .size = sizeof(o), .timeout_ns = 60 * SECOND };
		lk_grant g;

		must(lk_acquire_units(w, "hot", 3, n, PERMITS, &o, &g) == 0);
		must(atomic_fetch_add(&c->used, n) + n <= PERMITS);
		sched_yield();
		must(atomic_fetch_sub(&c->used, n) >= n);
		must(lk_release(w, g) == 0);
	}
}

static void
crowd(struct crowd *c, unsigned rounds)
{
	c->rounds = rounds;
	atomic_init(&c->used, 0);
	test_threads(2 * (OWNERS - 1), use, c);
	give(c->s.w[0][0], get_units(c->s.w[0][0], "hot", PERMITS, PERMITS));
	give(c->s.w[1][0], get_units(c->s.w[1][0], "hot", PERMITS, PERMITS));
}

Test(abroadunits, never_more_than_there_are_and_everybody_in_turn, .timeout = 120)
{
	struct crowd c;

	stage_open(&c.s);
	crowd(&c, 60);
	stage_close(&c.s);
}

Test(abroadunits, without_keeping_them, .timeout = 120)
{
	struct crowd c;

	stage_open_with(&c.s, "&linger_ns=off");
	crowd(&c, 30);
	stage_close(&c.s);
}

Test(abroadunits, answers_that_are_lost_change_nothing, .timeout = 120)
{
	struct crowd c;

	stage_open(&c.s);
	set_faults(NULL, (struct lk_test_faults){ .seed = 7,
						  .lose_before = 100,
						  .lose_after = 150,
						  .again = 200,
						  .hints_lost = 300,
						  .hints_twice = 200 });
	crowd(&c, 20);
	set_faults(NULL, (struct lk_test_faults){ .seed = 1 });
	stage_close(&c.s);
}
