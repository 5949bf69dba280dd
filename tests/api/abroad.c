/* SPDX-License-Identifier: MIT */
/*
 * Managers that share a store, as processes do: over the store "test:", which all of one process share.  What is held
 * in one is held for all.
 */
#include "stage.h"

/* Granted in the end: what another manager keeps without using it is given back. */
static lk_grant
get(struct lk_owner *w, const char *name, lk_mode mode)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = 120 * SECOND };
	lk_grant g = 0;

	ok(lk_acquire(w, name, mode, &o, &g));
	cr_assert_neq(g, 0);
	return g;
}

static void
give(struct lk_owner *w, lk_grant g)
{
	ok(lk_release(w, g));
}

/* One that does not wait, either: as a thread that tries. */
static int
tried_in(struct lk_queue *q, struct lk_owner *w, const char *name, lk_mode mode)
{
	const struct lk_options o = { .size = sizeof(o), .flags = LK_NOWAIT };
	struct lk_completion c = { .size = sizeof(c) };

	ok(lk_submit(q, w, name, mode, &o, NULL, NULL, NULL));
	wait_until(lk_queue_reap(q, &c, 1) == 1);
	if (c.code == 0)
		give(w, c.grant);
	return c.code;
}

Test(abroad, modes_get_along_as_they_do_at_home)
{
	struct stage s;

	stage_open(&s);
	for (lk_mode held = LK_IS; held <= LK_X; held++) {
		for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++) {
			lk_grant g = get(s.w[0][0], "n", held);
			lk_grant h;

			if (compatible[wanted][held]) {
				h = get(s.w[1][0], "n", wanted);
				give(s.w[1][0], h);
			} else {
				is(lk_try_acquire(s.w[1][0], "n", wanted, &h), LK_E_BUSY);
			}
			give(s.w[0][0], g);
		}
	}
	stage_close(&s);
}

Test(abroad, what_nobody_uses_is_given_back)
{
	struct stage s;

	stage_open(&s);
	for (int i = 0; i < 20; i++)
		give(s.w[i % 2][0], get(s.w[i % 2][0], "n", LK_X));
	give(s.w[0][0], get(s.w[0][0], "n", LK_S));
	give(s.w[1][0], get(s.w[1][0], "n", LK_U));
	give(s.w[0][1], get(s.w[0][1], "n", LK_SIX));
	stage_close(&s);
}

Test(abroad, numbers_are_names_of_their_own)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 120 * SECOND };
	const uint64_t id = 0x6e;
	struct stage s;
	lk_grant g;
	lk_grant h;

	stage_open(&s);
	ok(lk_acquire_id(s.w[0][0], id, LK_X, &o, &g));
	h = get(s.w[1][0], "n", LK_X); /* is 0x6e */
	is(lk_acquire_id(s.w[1][0], id, LK_S,
			 &(struct lk_options){ .size = sizeof(o), .flags = LK_NOWAIT }, NULL),
	   LK_E_BUSY);
	give(s.w[1][0], h);
	give(s.w[0][0], g);
	ok(lk_acquire_id(s.w[1][0], id, LK_X, &o, &g));
	give(s.w[1][0], g);
	stage_close(&s);
}

Test(abroad, long_and_odd_names)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 120 * SECOND };
	struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	static char name[LK_NAME_MAX];
	struct stage s;
	lk_grant g;

	memset(name, 'x', sizeof(name));
	name[7] = '\0';
	stage_open_with(&s, "&separator=off");
	ok(lk_acquire_bytes(s.w[0][0], name, sizeof(name), LK_X, &o, &g));
	is(lk_acquire_bytes(s.w[1][0], name, sizeof(name), LK_X, &now, NULL), LK_E_BUSY);
	ok(lk_acquire_bytes(s.w[1][1], name, sizeof(name) - 1, LK_X, &now, NULL));
	ok(lk_acquire_bytes(s.w[1][1], name, 7, LK_X, &now, NULL));
	give(s.w[0][0], g);
	ok(lk_acquire_bytes(s.w[1][0], name, sizeof(name), LK_X, &o, NULL));
	stage_close(&s);
}

Test(abroad, what_is_kept_needs_no_store)
{
	struct lk_queue *q;
	struct stage s;

	stage_open(&s);
	give(s.w[0][0], get(s.w[0][0], "n", LK_X));
	cut_off("a", true);
	for (int i = 0; i < 10; i++)
		give(s.w[0][i % 2], take(s.w[0][i % 2], "n", (lk_mode)(LK_IS + i % 6)));
	is(lk_acquire(s.w[0][0], "other", LK_S, NULL, NULL), LK_E_STORE);
	is(lk_try_acquire(s.w[0][0], "other", LK_S, NULL), LK_E_STORE);
	ok(lk_queue_open(s.m[0], &q));
	is(tried_in(q, s.w[0][0], "another", LK_S), LK_E_STORE);
	ok(lk_queue_close(q));
	cut_off("a", false);
	give(s.w[0][0], get(s.w[0][0], "other", LK_S));
	stage_close(&s);
}

Test(abroad, the_one_who_waits_gets_it)
{
	struct stage s;
	struct asker a;
	lk_grant g;

	stage_open(&s);
	g = get(s.w[0][0], "n", LK_X);
	ask(s.m[1], &a, s.w[1][0], "n", LK_S);
	cr_expect(!is_answered(&a));
	give(s.w[0][0], g);
	give(s.w[1][0], granted(&a));
	stage_close(&s);
}

/* A stream of users in one manager does not keep the other out. */
struct user {
	pthread_t thread;
	struct lk_owner *w;
	atomic_bool *stop;
	_Atomic(uint64_t) *fence; /* the highest so far */
	atomic_int *inside;
	uint64_t n;
};

static void *
use(void *arg)
{
	struct user *u = arg;

	while (!atomic_load(u->stop)) {
		const struct lk_options o = { .size = sizeof(o), .timeout_ns = 60 * SECOND };
		lk_grant g;
		uint64_t fence;

		must(lk_acquire(u->w, "hot", LK_X, &o, &g) == 0);
		must(atomic_fetch_add(u->inside, 1) == 0);
		fence = lk_fence(u->w, g);
		must(fence > atomic_exchange(u->fence, fence));
		must(atomic_fetch_sub(u->inside, 1) == 1);
		must(lk_release(u->w, g) == 0);
		u->n++;
	}
	return NULL;
}

static void
hammer(struct stage *s, int rounds)
{
	_Atomic(uint64_t) fence = 0;
	atomic_bool stop = false;
	atomic_int inside = 0;
	struct user u[2];

	for (int i = 0; i < 2; i++) {
		u[i] = (struct user){
			.w = s->w[i][0], .stop = &stop, .fence = &fence, .inside = &inside
		};
		cr_assert_eq(pthread_create(&u[i].thread, NULL, use, &u[i]), 0);
	}
	for (int i = 0; i < rounds; i++)
		give(s->w[i % 2][1], get(s->w[i % 2][1], "hot", i % 3 == 0 ? LK_S : LK_X));
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(pthread_join(u[i].thread, NULL), 0);
		cr_expect_gt(u[i].n, 0);
	}
}

Test(abroad, one_at_a_time_and_everybody_in_turn, .timeout = 120)
{
	struct stage s;

	stage_open(&s);
	hammer(&s, 100);
	stage_close(&s);
}

Test(abroad, without_keeping_it_is_lock_and_unlock, .timeout = 120)
{
	struct stage s;

	stage_open_with(&s, "&linger_ns=off");
	hammer(&s, 50);
	stage_close(&s);
}

Test(abroad, answers_that_are_lost_change_nothing, .timeout = 120)
{
	struct stage s;

	stage_open(&s);
	set_faults(NULL, (struct lk_test_faults){ .seed = 7,
						  .lose_before = 100,
						  .lose_after = 150,
						  .again = 200,
						  .hints_lost = 300,
						  .hints_twice = 200 });
	hammer(&s, 50);
	set_faults(NULL, (struct lk_test_faults){ .seed = 1 });
	stage_close(&s);
}

Test(abroad, paths_have_their_intents_in_the_store)
{
	struct stage s;
	lk_grant g;
	lk_grant h;

	stage_open(&s);
	g = get(s.w[0][0], "db/t/1", LK_X);
	h = get(s.w[1][0], "db/t/2", LK_X);
	is(lk_try_acquire(s.w[1][1], "db/t/1", LK_S, NULL), LK_E_BUSY);
	is(lk_try_acquire(s.w[1][1], "db", LK_S, NULL), LK_E_BUSY);
	give(s.w[1][0], h);
	give(s.w[0][0], g);
	g = get(s.w[1][1], "db", LK_S);
	h = get(s.w[0][1], "db/t/1", LK_S);
	is(lk_try_acquire(s.w[0][0], "db/t/1", LK_X, NULL), LK_E_BUSY);
	give(s.w[0][1], h);
	give(s.w[1][1], g);
	stage_close(&s);
}

Test(abroad, conversions)
{
	struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	struct stage s;
	lk_grant g;
	lk_grant h;

	stage_open(&s);
	g = get(s.w[0][0], "n", LK_S);
	h = get(s.w[1][0], "n", LK_S);
	is(lk_convert(s.w[0][0], g, LK_X, &now), LK_E_BUSY);
	cr_expect_eq(holds(s.w[0][0], "n"), LK_S);
	give(s.w[1][0], h);
	ok(lk_upgrade(s.w[0][0], g, NULL));
	is(lk_try_acquire(s.w[1][0], "n", LK_IS, NULL), LK_E_BUSY);
	ok(lk_downgrade(s.w[0][0], g));
	h = get(s.w[1][0], "n", LK_S);
	give(s.w[1][0], h);
	give(s.w[0][0], g);
	stage_close(&s);
}

/* Asked, not tried: what the other process has, and waits for, counts as what others here have. */
Test(abroad, whether_a_conversion_would_wait)
{
	struct stage s;
	struct asker a;
	lk_grant g, h, near;

	stage_open(&s);
	g = get(s.w[0][0], "d/n", LK_S);
	ok(lk_can_convert(s.w[0][0], g, LK_X));
	cr_expect_eq(holds(s.w[0][0], "d/n"), LK_S);
	near = get(s.w[0][1], "d/n", LK_S);
	is(lk_can_convert(s.w[0][0], g, LK_X), LK_E_BUSY);
	ok(lk_can_convert(s.w[0][0], g, LK_U));
	give(s.w[0][1], near);
	h = get(s.w[1][0], "d/n", LK_S);
	is(lk_can_convert(s.w[0][0], g, LK_X), LK_E_BUSY);
	wait_until(lk_can_convert(s.w[0][0], g, LK_U) == 0); /* or it is looked at just then */
	ask_convert(s.m[1], &a, s.w[1][0], h, LK_X);         /* which waits for us */
	wait_until(lk_can_convert(s.w[0][0], g, LK_X) == LK_E_CONVERSION_DEADLOCK);
	ok(lk_owner_cancel(s.w[1][0]));
	is(answer(&a), LK_E_CANCELED);
	give(s.w[1][0], h);
	ask(s.m[1], &a, s.w[1][0], "d/n", LK_X); /* who holds goes before who waits for him */
	wait_until(lk_can_convert(s.w[0][0], g, LK_X) == 0);
	ok(lk_upgrade(s.w[0][0], g, NULL));
	ok(lk_can_convert(s.w[0][0], g, LK_S));
	give(s.w[0][0], g);
	granted(&a);
	stage_close(&s);
}

enum { UPGRADES = 1500 };

/* U is there so that whoever has it may have X: of one process after the other. */
static void
upgrade_often(void *arg, unsigned index)
{
	struct stage *s = arg;
	struct lk_owner *w = s->w[index][0];

	for (int i = 0; i < UPGRADES; i++) {
		const lk_grant g = get(w, "n", LK_U);

		must(lk_upgrade(w, g, NULL) == 0);
		give(w, g);
		sched_yield(); /* the other one shall have its turn */
	}
}

Test(abroad, who_has_u_is_not_refused_x, .timeout = 120)
{
	struct stage s;

	stage_open(&s);
	test_threads(2, upgrade_often, &s);
	stage_close(&s);
}

Test(abroad, of_two_upgraders_one_is_refused)
{
	struct stage s;
	struct asker a[2];
	lk_grant g[2];
	int refused;

	stage_open(&s);
	for (int i = 0; i < 2; i++)
		g[i] = get(s.w[i][0], "n", LK_S);
	for (int i = 0; i < 2; i++)
		ask_convert(s.m[i], &a[i], s.w[i][0], g[i], LK_X);
	wait_until(is_answered(&a[0]) || is_answered(&a[1]));
	refused = is_answered(&a[0]) ? 0 : 1;
	is(answer(&a[refused]), LK_E_CONVERSION_DEADLOCK);
	cr_expect_eq(holds(s.w[refused][0], "n"), LK_S);
	cr_expect(!is_answered(&a[1 - refused]));
	give(s.w[refused][0], g[refused]);
	ok(answer(&a[1 - refused]));
	give(s.w[1 - refused][0], g[1 - refused]);
	stage_close(&s);
}

Test(abroad, a_batch_is_all_or_nothing)
{
	const struct lk_request all[] = { { "a", LK_X, 0, 0 },
					  { "b/c", LK_S, 0, 0 },
					  { "d", LK_X, 0, 0 } };
	struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = 120 * SECOND };
	struct stage s;
	lk_grant g[3];
	lk_grant h;

	stage_open(&s);
	h = get(s.w[1][0], "d", LK_S);
	is(lk_acquire_many(s.w[0][0], all, 3, &now, g), LK_E_BUSY);
	cr_expect_eq(holds(s.w[0][0], "a"), LK_NL);
	give(s.w[1][0], h);
	ok(lk_acquire_many(s.w[0][0], all, 3, &o, g));
	is(lk_try_acquire(s.w[1][0], "a", LK_S, NULL), LK_E_BUSY);
	is(lk_try_acquire(s.w[1][0], "b", LK_X, NULL), LK_E_BUSY);
	ok(lk_release_many(s.w[0][0], g, 3, NULL));
	ok(lk_acquire_many(s.w[1][0], all, 3, &o, g));
	ok(lk_release_all(s.w[1][0]));
	stage_close(&s);
}

Test(abroad, requests_without_a_thread)
{
	struct lk_completion c = { .size = sizeof(c) };
	struct lk_queue *q;
	struct stage s;
	lk_grant g;

	stage_open(&s);
	ok(lk_queue_open(s.m[1], &q));
	g = get(s.w[0][0], "n", LK_X);
	ok(lk_submit(q, s.w[1][0], "n", LK_S, NULL, NULL, NULL, NULL));
	cr_expect_eq(lk_queue_reap(q, &c, 1), 0);
	give(s.w[0][0], g);
	wait_until(lk_queue_reap(q, &c, 1) == 1);
	cr_expect_eq(c.code, 0);
	cr_expect_eq(holds(s.w[1][0], "n"), LK_S);
	give(s.w[1][0], c.grant);
	ok(lk_queue_close(q));
	stage_close(&s);
}

Test(abroad, requests_that_do_not_wait_get_what_nobody_uses)
{
	struct lk_queue *q;
	struct stage s;
	lk_grant g;

	stage_open(&s);
	ok(lk_queue_open(s.m[1], &q));
	is(tried_in(q, s.w[1][0], "free", LK_X), 0);
	give(s.w[0][0], get(s.w[0][0], "a/b", LK_X)); /* it is kept */
	wait_until(tried_in(q, s.w[1][0], "a/b", LK_X) == 0);
	g = get(s.w[0][0], "a/b", LK_S);
	wait_until(tried_in(q, s.w[1][0], "a/b", LK_S) == 0);
	is(tried_in(q, s.w[1][0], "a/b", LK_X), LK_E_BUSY);
	wait_until(tried_in(q, s.w[1][0], "a", LK_IX) == 0);
	wait_until(tried_in(q, s.w[1][0], "a", LK_SIX) == 0);
	is(tried_in(q, s.w[1][0], "a", LK_X), LK_E_BUSY);
	give(s.w[0][0], g);
	g = get(s.w[1][1], "a/b", LK_X);
	is(tried_in(q, s.w[1][0], "a/b", LK_S), LK_E_BUSY); /* a thread of ours */
	give(s.w[1][1], g);
	ok(lk_queue_close(q));
	stage_close(&s);
}

Test(abroad, who_is_in_a_family_tries_as_others_do)
{
	const struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	struct lk_owner_options child = { .size = sizeof(child) };
	const struct lk_request all[2] = { { "x", LK_X, 0, 0 }, { "y", LK_X, 0, 0 } };
	struct lk_owner *w;
	struct stage s;
	lk_grant g[3];

	stage_open(&s);
	child.parent = s.w[1][0];
	ok(lk_owner_open(s.m[1], &child, &w));
	ok(lk_try_acquire(w, "free", LK_X, &g[0]));
	give(s.w[0][0], get(s.w[0][0], "n", LK_X));
	wait_until(lk_try_acquire(w, "n", LK_S, &g[1]) == 0);
	give(s.w[0][0], get(s.w[0][0], "n", LK_S)); /* there is a cover of S now */
	wait_until(lk_convert(w, g[1], LK_X, &now) == 0);
	give(w, g[1]);
	g[1] = get(s.w[0][0], "n", LK_S);
	is(lk_try_acquire(w, "n", LK_X, NULL), LK_E_BUSY);
	give(s.w[0][0], g[1]);
	give(s.w[0][0], get(s.w[0][0], "x", LK_X));
	give(s.w[0][0], get(s.w[0][0], "y", LK_X));
	wait_until(lk_acquire_many(w, all, 2, &now, &g[1]) == 0);
	ok(lk_release_many(w, &g[1], 2, NULL));
	g[1] = get(s.w[0][0], "y", LK_IS);
	is(lk_acquire_many(w, all, 2, &now, &g[1]), LK_E_BUSY);
	ok(lk_release_all(s.w[0][0]));
	give(w, g[0]);
	ok(lk_owner_close(w));
	stage_close(&s);
}

Test(abroad, who_gives_up_waiting_leaves_nothing)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = 30000000 };
	struct stage s;
	struct asker a;
	lk_grant g;

	stage_open(&s);
	g = get(s.w[0][0], "n", LK_X);
	is(lk_acquire(s.w[1][0], "n", LK_X, &o, NULL), LK_E_TIMEDOUT);
	ask(s.m[1], &a, s.w[1][1], "n", LK_X);
	ok(lk_owner_cancel(s.w[1][1]));
	is(answer(&a), LK_E_CANCELED);
	give(s.w[0][0], g);
	give(s.w[0][1], get(s.w[0][1], "n", LK_X));
	stage_close(&s);
}

Test(abroad, a_manager_that_closes_gives_all_back)
{
	struct stage s;

	stage_open(&s);
	give(s.w[0][0], get(s.w[0][0], "n", LK_X));
	give(s.w[0][0], get(s.w[0][0], "a/b/c", LK_X));
	close_all(s.m[0], s.w[0], 2);
	ok(lk_acquire(s.w[1][0], "n", LK_X, NULL, NULL));
	ok(lk_acquire(s.w[1][0], "a", LK_X, NULL, NULL));
	close_all(s.m[1], s.w[1], 2);
}

Test(abroad, a_sweep_gives_back_what_nobody_uses)
{
	struct stage s;
	lk_grant g;

	stage_open(&s);
	give(s.w[0][0], get(s.w[0][0], "n", LK_X));
	g = get(s.w[0][0], "m", LK_X);
	ok(lk_sweep(s.m[0], NULL));
	cut_off("a", true); /* nobody can ask it to */
	ok(lk_acquire(s.w[1][0], "n", LK_X, NULL, NULL));
	cut_off("a", false);
	give(s.w[0][0], g);
	stage_close(&s);
}

Test(abroad, a_shutdown_sends_home_who_waits)
{
	struct stage s;
	struct asker a;
	lk_grant g;

	stage_open(&s);
	g = get(s.w[0][0], "n", LK_X);
	ask(s.m[1], &a, s.w[1][0], "n", LK_S);
	ok(lk_shutdown(s.m[1], NULL));
	is(answer(&a), LK_E_CLOSED);
	close_all(s.m[1], s.w[1], 2);
	give(s.w[0][0], g);
	close_all(s.m[0], s.w[0], 2);
}

Test(abroad, the_dead_are_cleared_away)
{
	struct stage s;
	struct lk_grant_info info;
	lk_grant g;

	stage_open(&s);
	ok(lk_acquire(s.w[0][0], "n", LK_X, NULL, NULL));
	is(lk_try_acquire(s.w[1][0], "n", LK_X, NULL), LK_E_BUSY);
	ok(lk_test_store_crash("stage", "a"));
	g = get(s.w[1][0], "n", LK_X);
	info = grant_info(s.w[1][0], g);
	cr_expect(info.flags & LK_OWNER_DIED);
	give(s.w[1][0], g);
	stage_close(&s);
}

/* The same, when sessions end: as long as there is none, the store says nothing. */
static lk_grant
get_again(struct lk_owner *w, const char *name, lk_mode mode)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = 120 * SECOND };
	lk_grant g = 0;
	int rc;

	wait_until((rc = lk_acquire(w, name, mode, &o, &g)) != LK_E_STORE);
	ok(rc);
	return g;
}

Test(abroad, a_session_that_is_over_takes_its_locks_with_it, .timeout = 60)
{
	struct stage s;
	lk_grant g;
	lk_grant p;

	stage_open_with(&s, "&ttl_ns=5s&poll_max_ns=10ms");
	g = get(s.w[0][0], "n", LK_X);
	p = get(s.w[0][1], "p/q", LK_S);
	ok(lk_check(s.w[0][0], g));
	cut_off("a", true);
	ok(lk_test_store_step("stage", 6 * SECOND));
	wait_until(lk_check(s.w[0][0], g) == LK_E_LOST);
	wait_until(lk_check(s.w[0][1], p) == LK_E_LOST);
	is(lk_convert(s.w[0][0], g, LK_S, NULL), LK_E_LOST);
	is(lk_can_convert(s.w[0][0], g, LK_S), LK_E_LOST);
	cut_off("a", false);
	give(s.w[1][0], get_again(s.w[1][0], "n", LK_X)); /* whose session is over as well */
	is(lk_release(s.w[0][0], g), LK_E_LOST);
	is(lk_release(s.w[0][1], p), LK_E_LOST);
	is(lk_release(s.w[0][0], g), LK_E_STALE);
	give(s.w[0][0], get_again(s.w[0][0], "n", LK_X)); /* under another session */
	give(s.w[0][1], get_again(s.w[0][1], "p/q", LK_X));
	stage_close(&s);
}

/* Bytes that nobody wrote: the record of a name is damaged. */
static int
write_garbage(void *arg, struct lk_store_record *r, size_t n)
{
	(void)arg;
	(void)n;
	r->fresh = "garbage";
	r->fresh_len = 7;
	r->changed = 1;
	return 0;
}

Test(abroad, a_damaged_record_is_an_error_not_a_lock)
{
	struct lk_store_record r = { .name = "nbad", .len = 4 };
	struct lk_store *store;
	struct stage s;

	stage_open(&s);
	ok(lk_store_open("test:stage?as=vandal", NULL, &store));
	ok(store->ops->update(store, &r, 1, write_garbage, NULL, UINT64_MAX));
	lk_store_close(store);
	is(lk_acquire(s.w[0][0], "bad", LK_X, NULL, NULL), LK_E_CORRUPT);
	is(lk_try_acquire(s.w[0][0], "bad", LK_X, NULL), LK_E_CORRUPT);
	give(s.w[0][0], get(s.w[0][0], "good", LK_X));
	stage_close(&s);
}

Test(abroad, a_url_that_cannot_be_opened_says_why)
{
	char report[200];
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_manager *m;

	cfg.report = report;
	cfg.report_cap = sizeof(report);
	is(lk_open("nosuch:thing", &cfg, &m), LK_E_UNSUPPORTED);
	cr_expect(strstr(report, "nosuch") != NULL, "%s", report);
	is(lk_open("test:x?colour=red", &cfg, &m), LK_E_INVAL);
	cr_expect(strstr(report, "colour") != NULL, "%s", report);
	is(lk_open("test:x?ttl_ns=red", &cfg, &m), LK_E_INVAL);
	cr_expect(strstr(report, "ttl_ns") != NULL, "%s", report);
	is(lk_open("test:x?linger_ns=5x", &cfg, &m), LK_E_INVAL);
	cr_expect(strstr(report, "linger_ns") != NULL, "%s", report);
}

Test(abroad, without_memory)
{
	for (uint32_t at = 0;; at++) {
		struct test_heap heap;
		struct lk_config cfg = LK_CONFIG_INIT;
		struct lk_manager *m;
		struct lk_owner *w;
		int rc;

		test_heap_init(&heap);
		cfg.allocator = &heap.allocator;
		test_heap_fail(&heap, at + 1, false);
		rc = lk_open("test:heap", &cfg, &m);
		if (rc == 0) {
			rc = lk_owner_open(m, NULL, &w);
			if (rc == 0) {
				rc = lk_acquire(w, "a/b", LK_X, NULL, NULL);
				ok(lk_owner_close(w));
			}
			ok(lk_close(m));
		}
		cr_expect_eq(heap.bytes, 0);
		if (rc == 0)
			break;
		is(rc, LK_E_NOMEM);
	}
}
