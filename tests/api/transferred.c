/* SPDX-License-Identifier: MIT */
/* Transfers, and whatever else goes on: leases, requests without a thread, threads, the end of the manager. */
#include <sys/wait.h>
#include <unistd.h>

#include "async.h"
#include "lease_stage.h"

enum { MS = 1000000 };

static lk_grant
hand(struct lk_owner *w, lk_grant g, struct lk_owner *to)
{
	lk_grant out = 0;

	ok(lk_transfer(w, g, to, &out));
	cr_assert_neq(out, 0);
	return out;
}

static struct lk_owner *
open_shared(struct lk_manager *m)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lk_owner *w = NULL;

	o.flags = LK_OWNER_SHARED;
	ok(lk_owner_open(m, &o, &w));
	return w;
}

/* -------------------------------------------------------------------- leases */

Test(transferred, a_lease_goes_on_with_its_grant)
{
	struct lease_stage s;
	lk_grant g;
	uint64_t ends;

	lease_stage_open(&s, "memory:");
	g = take_leased(s.w[0], "db/n", LK_X, 10 * MS);
	ends = grant_info(s.w[0], g).lease_ends_ns;
	g = hand(s.w[0], g, s.w[1]);
	cr_expect_eq(grant_info(s.w[1], g).lease_ends_ns, ends);
	is(lk_check(s.w[1], g), 0);
	pass(&s, 5 * MS);
	ok(lk_renew(s.w[1], g, 0));
	pass(&s, 9 * MS);
	is(lk_check(s.w[1], g), LK_E_SUSPECT);
	pass(&s, MS);
	is(lk_check(s.w[1], g), LK_E_LOST);
	cr_expect_eq(s.told[0].n, 0);
	expect_told(&s.told[1], 0, LK_NOTICE_SUSPECT, g);
	expect_told(&s.told[1], 1, LK_NOTICE_LOST, g);
	is(lk_release(s.w[1], g), LK_E_LOST);
	is(lk_release(s.w[1], g), LK_E_STALE);
	(void)take(s.w[2], "db", LK_X);
	lease_stage_close(&s);
}

Test(transferred, a_lease_makes_the_owner_shared_that_it_comes_to)
{
	struct lease_stage s;
	struct lk_owner *plain;
	lk_grant g;

	lease_stage_open(&s, "memory:");
	ok(lk_owner_open(s.m, NULL, &plain));
	g = hand(s.w[0], take_leased(s.w[0], "n", LK_X, 10 * MS), plain);
	pass(&s, 10 * MS);
	(void)take(s.w[0], "n", LK_X);
	is(lk_release(plain, g), LK_E_LOST);
	ok(lk_owner_close(plain));
	lease_stage_close(&s);
}

/* What is suspect is news to who gets it. */
Test(transferred, a_suspect_lease_is_told_to_both)
{
	struct lease_stage s;
	lk_grant g;

	lease_stage_open(&s, "memory:");
	g = take_leased(s.w[0], "n", LK_X, 10 * MS);
	pass(&s, 8 * MS);
	expect_told(&s.told[0], 0, LK_NOTICE_SUSPECT, g);
	g = hand(s.w[0], g, s.w[1]);
	serve(&s);
	expect_told(&s.told[1], 0, LK_NOTICE_SUSPECT, g);
	ok(lk_renew(s.w[1], g, 0));
	is(lk_check(s.w[1], g), 0);
	lease_stage_close(&s);
}

Test(transferred, a_renewal_by_itself_goes_on)
{
	const struct lk_options o = {
		.size = sizeof(o),
		.lease_ns = 10 * MS,
		.flags = LK_RENEW,
	};
	struct lease_stage s;
	lk_grant g;

	lease_stage_open(&s, "memory:");
	ok(lk_acquire(s.w[0], "n", LK_X, &o, &g));
	g = hand(s.w[0], g, s.w[1]);
	for (int i = 0; i < 50; i++) {
		pass(&s, MS);
		is(lk_check(s.w[1], g), 0);
	}
	ok(lk_release(s.w[1], g));
	pass(&s, 50 * MS);
	cr_expect_eq(stats_of(s.m).leases_expired, 0);
	lease_stage_close(&s);
}

Test(transferred, what_is_over_does_not_go)
{
	struct lease_stage s;
	lk_grant g;

	lease_stage_open(&s, "memory:");
	g = take_leased(s.w[0], "n", LK_X, 10 * MS);
	test_world_advance(&s.world, 10 * MS); /* nobody has served */
	is(lk_transfer(s.w[0], g, s.w[1], NULL), LK_E_LOST);
	is(lk_transfer(s.w[0], g, s.w[0], NULL), LK_E_LOST);
	cr_expect_eq(holds(s.w[1], "n"), LK_NL);
	is(lk_release(s.w[0], g), LK_E_LOST);
	lease_stage_close(&s);
}

/* What was lost and is kept from others is in the way of them still; who lost it has it again. */
Test(transferred, what_is_kept_stays_with_who_lost_it)
{
	struct lease_stage s;
	lk_grant g;
	lk_grant kept;

	lease_stage_open(&s, "memory:?lock_delay_ns=100000000");
	kept = take_leased(s.w[1], "a/n", LK_S, 10 * MS);
	pass(&s, 10 * MS);
	is(lk_try_acquire(s.w[2], "a/n", LK_X, NULL), LK_E_BUSY);
	g = hand(s.w[0], take(s.w[0], "a/n", LK_S), s.w[1]);
	ok(lk_release(s.w[1], g));
	ok(lk_release(s.w[2], take(s.w[2], "a", LK_X)));
	is(lk_release(s.w[1], kept), LK_E_LOST);
	/* … and of the one who hands over it is something that it has left */
	g = take_leased(s.w[0], "a/n", LK_X, 10 * MS);
	pass(&s, 10 * MS);
	is(lk_release(s.w[0], g), LK_E_LOST);
	g = take(s.w[0], "a/n", LK_S);
	is(lk_transfer(s.w[0], g, s.w[1], NULL), LK_E_BUSY);
	lease_stage_close(&s);
}

/* --------------------------------------------------------------- those who wait */

struct shared_stage {
	struct lk_manager *m;
	struct lk_owner *w[3];
};

static void
stage_open(struct shared_stage *s)
{
	s->m = open_manager(NULL);
	for (int i = 0; i < 3; i++)
		s->w[i] = open_shared(s->m);
}

Test(transferred, not_to_an_owner_whose_call_waits)
{
	struct shared_stage s;
	struct asker a;
	lk_grant g[2];

	stage_open(&s);
	g[0] = take(s.w[0], "n", LK_X);
	g[1] = take(s.w[0], "other", LK_X);
	ask(s.m, &a, s.w[1], "n", LK_X);
	is(lk_transfer(s.w[0], g[1], s.w[1], NULL), LK_E_BUSY);
	is(lk_transfer(s.w[0], g[0], s.w[1], NULL), LK_E_BUSY);
	ok(lk_release(s.w[0], g[0]));
	ok(lk_release(a.owner, granted(&a)));
	g[1] = hand(s.w[0], g[1], s.w[1]);
	close_all(s.m, s.w, 3);
}

/* Who waits for a name goes on waiting for it, and gets it from its new holder. */
Test(transferred, a_line_waits_for_the_new_holder)
{
	struct shared_stage s;
	struct asker a;
	lk_grant g;

	stage_open(&s);
	g = take(s.w[0], "a/n", LK_X);
	ask(s.m, &a, s.w[2], "a/n", LK_X);
	for (int i = 0; i < 20; i++)
		g = hand(s.w[i % 2], g, s.w[(i + 1) % 2]);
	cr_expect_eq(line(s.m, "a/n"), 1);
	cr_expect(!is_answered(&a));
	ok(lk_release(s.w[0], g));
	ok(lk_release(a.owner, granted(&a)));
	close_all(s.m, s.w, 3);
}

static void
keep_blocking(void *arg, const struct lk_notice *n)
{
	struct told *t = arg;

	must(t->n < TOLD_MAX);
	t->notice[t->n++] = *n;
}

Test(transferred, the_new_holder_hears_of_those_who_wait)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lk_manager *m = open_manager(NULL);
	struct told told = { .n = 0 };
	struct lk_owner *w[3];
	struct asker a;
	lk_grant g;

	open_owners(m, w, 2);
	o.flags = LK_NOTIFY_BLOCKING;
	o.on_notice = keep_blocking;
	o.notice_arg = &told;
	ok(lk_owner_open(m, &o, &w[2]));
	g = take(w[0], "n", LK_S);
	ask(m, &a, w[1], "n", LK_X);
	g = hand(w[0], g, w[2]);
	cr_assert_eq(told.n, 1);
	expect_told(&told, 0, LK_NOTICE_BLOCKING, g);
	cr_expect_eq(told.notice[0].wanted, LK_X);
	cr_expect_eq(told.notice[0].held, LK_S);
	cr_expect_eq(told.notice[0].n_waiters, 1);
	ok(lk_release(w[2], g));
	ok(lk_release(a.owner, granted(&a)));
	close_all(m, w, 3);
}

/* ----------------------------------------------------------- submitted requests */

/* `to` has submitted a request for the very name: with the grant it has what it asked for. */
Test(transferred, what_was_submitted_is_granted_beside_what_comes)
{
	struct loop l;
	lk_grant g;

	loop_open(&l, NULL, 3);
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		g = take(l.w[0], "a/n", LK_X);
		ok(submit(&l, 1, "a/n", mode));
		nothing_more(&l);
		g = hand(l.w[0], g, l.w[1]);
		ok(lk_release(l.w[1], next_done_soon(&l, 0)->grant));
		cr_expect_eq(holds(l.w[1], "a/n"), LK_X);
		ok(lk_release(l.w[1], g));
		cr_expect(is_open_to(l.w[2], "a", LK_X));
	}
	loop_close(&l);
}

/* A conversion of `to` waits for the readers; one of them gives it what it has. */
Test(transferred, what_strengthens_a_name_begins_anew)
{
	struct loop l;
	lk_grant own;
	lk_grant g;

	loop_open(&l, NULL, 3);
	own = take(l.w[1], "n", LK_U);
	g = take(l.w[0], "n", LK_S);
	ok(lk_submit_convert(l.q, l.w[1], own, LK_X, NULL, NULL, NULL, &l.id));
	nothing_more(&l);
	g = hand(l.w[0], g, l.w[1]);
	(void)next_done_soon(&l, 0);
	cr_expect_eq(holds(l.w[1], "n"), LK_X);
	cr_expect_eq(info_of(l.m, "n").holders[LK_X], 1);
	ok(lk_release(l.w[1], own));
	cr_expect_eq(holds(l.w[1], "n"), LK_S);
	ok(lk_release(l.w[1], g));
	cr_expect(is_open_to(l.w[2], "n", LK_X));
	loop_close(&l);
}

/* … and what `w` has submitted keeps what it relies on. */
Test(transferred, what_submitted_requests_rely_on_stays)
{
	struct loop l;
	lk_request_id id;
	lk_grant g;
	lk_grant h;

	loop_open(&l, NULL, 3);
	g = take(l.w[0], "n", LK_S);
	h = take(l.w[2], "n", LK_S);
	ok(lk_submit_convert(l.q, l.w[0], g, LK_X, NULL, NULL, NULL, &id));
	is(lk_transfer(l.w[0], g, l.w[1], NULL), LK_E_BUSY); /* it is being converted */
	ok(lk_cancel(l.w[0], id));
	(void)next_done_soon(&l, LK_E_CANCELED);
	ok(submit(&l, 0, "n", LK_X)); /* by another grant on it */
	nothing_more(&l);
	g = hand(l.w[0], g, l.w[1]);
	cr_expect_eq(holds(l.w[0], "n"), LK_S); /* it counts on that */
	ok(lk_release(l.w[1], g));
	ok(lk_release(l.w[2], h));
	ok(lk_release(l.w[0], next_done_soon(&l, 0)->grant));
	cr_expect(is_open_to(l.w[2], "n", LK_X));
	g = take(l.w[0], "a", LK_IX);
	h = take(l.w[2], "a/n", LK_X);
	ok(submit(&l, 0, "a/n", LK_X));
	g = hand(l.w[0], g, l.w[1]);
	ok(lk_release(l.w[1], g));
	cr_expect_eq(holds(l.w[0], "a"), LK_IX);
	ok(lk_release(l.w[2], h));
	ok(lk_release(l.w[0], next_done_soon(&l, 0)->grant));
	cr_expect(is_open_to(l.w[2], "a", LK_X));
	loop_close(&l);
}

/* A ring that is complete only with what comes: found, though all in it have looked long ago. */
Test(transferred, completes_a_ring_that_is_found)
{
	struct loop l;
	struct asker a;
	int n = 0;
	lk_grant g;

	loop_open(&l, "memory:?deadlock_delay_ns=10000000", 3);
	(void)take(l.w[2], "goods", LK_X);
	g = take(l.w[0], "till", LK_X);
	ok(submit(&l, 1, "goods", LK_X));
	ask(l.m, &a, l.w[2], "till", LK_X);
	(void)hand(l.w[0], g, l.w[1]);
	wait_until(stats_of(l.m).deadlocks == 1);
	l.c = (struct lk_completion){ .size = sizeof(l.c) };
	wait_until(is_answered(&a) || (n = lk_queue_reap(l.q, &l.c, 1)) == 1);
	if (n == 1) {
		is(l.c.code, LK_E_DEADLOCK);
		ok(lk_release_all(l.w[1]));
		(void)granted(&a);
	} else {
		is(answer(&a), LK_E_DEADLOCK);
		ok(lk_release_all(l.w[2]));
		(void)next_done_soon(&l, 0);
	}
	loop_close(&l);
}

/* … soon: though those who wait have looked in vain for so long that they hardly look any more. */
Test(transferred, has_requests_look_for_rings_at_once)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct test_world world;
	struct loop l = { .n_owners = 0 };
	lk_grant g;

	test_world_init(&world);
	world.manual = true;
	cfg.environment = &world.environment;
	cfg.flags = LK_MANUAL;
	ok(lk_open("memory:?deadlock_delay_ns=1000000", &cfg, &l.m));
	loop_begin(&l, 3);
	(void)take(l.w[2], "goods", LK_X);
	g = take(l.w[0], "till", LK_X);
	ok(submit(&l, 1, "goods", LK_X));
	ok(submit(&l, 2, "till", LK_X));
	for (int i = 0; i < 100; i++) { /* it looks after 1, 3, 7, 15, 31, 63, 127 ms */
		test_world_advance(&world, MS);
		ok(lk_serve(l.m, NULL));
	}
	g = hand(l.w[0], g, l.w[1]);
	ok(lk_serve(l.m, NULL));
	test_world_advance(&world, MS); /* and is believed when it was there for so long */
	ok(lk_serve(l.m, NULL));
	(void)next_done(&l, LK_E_DEADLOCK);
	ok(lk_release_all(l.w[1]));
	ok(lk_release_all(l.w[2]));
	(void)next_done(&l, 0);
	loop_close(&l);
}

/* … by way of a wait that Latchkey was told of. */
Test(transferred, completes_a_ring_through_outside)
{
	struct lk_manager *m = open_manager("memory:?deadlock_delay_ns=1000000000");
	struct lk_owner *w[3];
	struct asker a;
	lk_grant g;

	open_owners(m, w, 3);
	ok(lk_external_wait_begin(w[1], w[2]));
	g = take(w[0], "n", LK_X);
	ask(m, &a, w[2], "n", LK_X);
	g = hand(w[0], g, w[1]);
	is(answer(&a), LK_E_DEADLOCK); /* at once, not after a second */
	ok(lk_external_wait_end(w[1]));
	ok(lk_release(w[1], g));
	close_all(m, w, 3);
}

/* ---------------------------------------------------------------------- threads */

enum { HANDS = 3, ROUNDS = 2000 };

struct round_trip {
	struct lk_manager *m;
	struct lk_owner *hand[HANDS];
	_Atomic uint64_t at; /* the grant; 0: on its way */
	_Atomic int with;    /* whose it is */
	lk_mode mode;
	bool parents;
	atomic_bool done;
	uint64_t data; /* which the lock guards */
};

/* As soon as it is with this one it goes on. */
static void *
pass_on(void *arg)
{
	struct round_trip *t = ((struct round_trip **)arg)[0];
	const int me = (int)(uintptr_t)((void **)arg)[1];
	const int next = (me + 1) % HANDS;

	while (!atomic_load(&t->done)) {
		lk_grant g = 0;

		if (atomic_load(&t->with) != me) {
			sched_yield();
			continue;
		}
		must(++t->data % 2 == 1);
		must(++t->data % 2 == 0);
		must(lk_transfer(t->hand[me], atomic_load(&t->at), t->hand[next], &g) == 0);
		atomic_store(&t->at, g);
		atomic_store(&t->with, next);
	}
	return NULL;
}

/* Now and then somebody else asks for it, and must not get what does not go with it. */
static void *
hammer(void *arg)
{
	const struct round_trip *t = arg;
	const lk_mode above = t->parents ? t->mode : t->mode == LK_S ? LK_IS : LK_IX;
	struct lk_owner *w;

	must(lk_owner_open(t->m, NULL, &w) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		const struct lk_options o = { .size = sizeof(o), .timeout_ns = 20000 };
		const lk_mode mode = (lk_mode)(LK_IS + i % LK_X);
		const bool on_leaf = i % 3 != 0;
		const char *name = on_leaf ? "db/n" : "db";
		lk_grant g;
		int rc = i % 8 == 0 ? lk_acquire(w, name, mode, &o, &g)
				    : lk_try_acquire(w, name, mode, &g);

		must(rc == 0 || rc == LK_E_BUSY || rc == LK_E_TIMEDOUT);
		if (rc != 0)
			continue;
		must(compatible[mode][on_leaf ? t->mode : above]);
		must(lk_release(w, g) == 0);
	}
	must(lk_owner_close(w) == 0);
	return NULL;
}

static void
go_round(const char *url, lk_mode mode, const struct lk_options *o)
{
	struct round_trip t = {
		.mode = mode,
		.parents = o != NULL && (o->flags & LK_PARENTS) != 0,
	};
	void *arg[HANDS][2];
	pthread_t hands[HANDS];
	pthread_t hammers[2];
	lk_grant g;

	t.m = open_manager(url);
	for (int i = 0; i < HANDS; i++)
		t.hand[i] = open_shared(t.m);
	ok(lk_acquire(t.hand[0], "db/n", mode, o, &g));
	atomic_store(&t.at, g);
	for (int i = 0; i < HANDS; i++) {
		arg[i][0] = &t;
		arg[i][1] = (void *)(uintptr_t)i;
		cr_assert_eq(pthread_create(&hands[i], NULL, pass_on, arg[i]), 0);
	}
	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&hammers[i], NULL, hammer, &t), 0);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_join(hammers[i], NULL), 0);
	wait_until(stats_of(t.m).transfers > 0); /* however late the hands came to run */
	atomic_store(&t.done, true);
	for (int i = 0; i < HANDS; i++)
		cr_assert_eq(pthread_join(hands[i], NULL), 0);
	cr_expect_eq(info_of(t.m, "db/n").holders[mode], 1);
	ok(lk_release(t.hand[t.with], t.at));
	for (lk_mode any = LK_IS; any <= LK_X; any++) {
		cr_expect_eq(info_of(t.m, "db/n").holders[any], 0);
		cr_expect_eq(info_of(t.m, "db").holders[any], 0);
	}
	close_all(t.m, t.hand, HANDS);
}

Test(transferred, goes_round_and_nobody_gets_in_between, .timeout = 60)
{
	const struct lk_options parents = { .size = sizeof(parents), .flags = LK_PARENTS };
	const struct lk_options leased = { .size = sizeof(leased), .lease_ns = 3600000000000 };

	go_round(NULL, LK_X, &parents);
	go_round(NULL, LK_X, NULL);
	go_round("memory:?strict=1", LK_X, &leased);
	go_round("memory:?spread_after=1", LK_S, NULL);
	go_round("memory:?spread_after=1", LK_IX, NULL);
}

/* Two that exchange what they have, all the time. */
static void *
exchange(void *arg)
{
	struct lk_owner **w = arg;

	for (int i = 0; i < ROUNDS; i++) {
		lk_grant g;
		lk_grant h;

		must(lk_acquire(w[0], i % 2 != 0 ? "a/x" : "a/y", LK_S, NULL, &g) == 0);
		must(lk_transfer(w[0], g, w[1], &h) == 0);
		must(lk_release(w[1], h) == 0);
	}
	return NULL;
}

Test(transferred, in_opposite_directions, .timeout = 60)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2] = { open_shared(m), open_shared(m) };
	struct lk_owner *back[2] = { w[1], w[0] };
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, exchange, back), 0);
	(void)exchange(w);
	cr_assert_eq(pthread_join(t, NULL), 0);
	cr_expect_eq(stats_of(m).holds, 0);
	cr_expect_eq(info_of(m, "a").holders[LK_IS], 0);
	close_all(m, w, 2);
}

/* ------------------------------------------------------------------------ the end */

Test(transferred, not_in_a_manager_that_shuts_down)
{
	const struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	g = take(w[0], "n", LK_X);
	ok(lk_shutdown(m, &now)); /* it releases by itself */
	is(lk_transfer(w[0], g, w[1], NULL), LK_E_CLOSED);
	is(lk_transfer(w[0], g, w[0], NULL), LK_E_CLOSED);
	close_all(m, w, 2);
}

/* A grant that goes round while the manager shuts down: in the end nobody has it. */
static void *
pass_until_shut(void *arg)
{
	struct lk_owner **w = arg;
	lk_grant g = 0;
	int rc = lk_acquire(w[0], "db/n", LK_X, NULL, &g);

	must(rc == 0);
	for (int i = 0; rc == 0; i = !i)
		rc = lk_transfer(w[i], g, w[!i], &g);
	must(rc == LK_E_CLOSED || rc == LK_E_STALE);
	return NULL;
}

Test(transferred, while_the_manager_shuts_down, .timeout = 60)
{
	for (int i = 0; i < 20; i++) {
		const struct lk_options o = { .size = sizeof(o), .timeout_ns = 2 * MS };
		struct lk_manager *m = open_manager(NULL);
		struct lk_owner *w[2];
		pthread_t t;
		int rc;

		if (i % 2 != 0)
			w[0] = open_shared(m), w[1] = open_shared(m);
		else
			open_owners(m, w, 2);
		cr_assert_eq(pthread_create(&t, NULL, pass_until_shut, w), 0);
		wait_until(stats_of(m).transfers > 2);
		rc = lk_shutdown(m, &o);
		cr_assert_eq(pthread_join(t, NULL), 0);
		cr_assert(rc == 0 || rc == LK_E_TIMEDOUT, "%d", rc);
		if (rc == 0)
			cr_expect_eq(stats_of(m).holds, 0);
		close_all(m, w, 2);
	}
}

Test(transferred, not_in_a_child)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];
	int status = 0;
	pid_t child;
	lk_grant g;

	open_owners(m, w, 2);
	w[2] = open_shared(m);
	g = take(w[0], "n", LK_X);
	child = fork();
	cr_assert_ge(child, 0);
	if (child == 0) {
		alarm(90);
		_exit(lk_transfer(w[0], g, w[1], NULL) == LK_E_FORKED &&
				      lk_transfer(w[0], g, w[2], NULL) == LK_E_FORKED &&
				      lk_transfer(w[0], g, w[0], NULL) == LK_E_FORKED
			      ? 0
			      : 1);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	g = hand(w[0], g, w[2]);
	ok(lk_release(w[2], g));
	close_all(m, w, 3);
}
