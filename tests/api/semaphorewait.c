/* SPDX-License-Identifier: MIT */
/* Waiting for units: rings of owners, leases that end, requests without a thread, many threads. */
#include "async.h"
#include "lease_stage.h"
#include "semaphore_stage.h"

/* Some time goes by in which those who wait look for rings. */
static void
let_them_look(struct lk_manager *m)
{
	const uint64_t before = stats_of(m).searches;

	wait_until(stats_of(m).searches > before + 3);
}

/* ------------------------------------------------------------------ deadlocks */

/* Owner 1 is the one whose request ends. */
static void
ring_open(struct stage *s)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;

	stage_open(s, NULL);
	ok(lk_owner_close(s->w[1]));
	o.priority = -1;
	ok(lk_owner_open(s->m, &o, &s->w[1]));
}

Test(semaphorewait, ends_a_ring_through_the_units_of_one_holder)
{
	static struct stage s;

	ring_open(&s);
	take_units(s.w[0], "n", 2, 2);
	take(s.w[1], "m", LK_X);
	ask(s.m, &s.a[0], s.w[0], "m", LK_X);
	s.o[1] = want(1, 2);
	is(lk_acquire(s.w[1], "n", LK_IX, &s.o[1], NULL), LK_E_DEADLOCK);
	ok(lk_release_all(s.w[1]));
	granted(&s.a[0]);
	cr_expect_eq(stats_of(s.m).deadlocks, 1);
	stage_close(&s);
}

/* … or of two, as all are wanted. */
Test(semaphorewait, ends_a_ring_if_all_holders_must_give_back)
{
	static struct stage s;

	ring_open(&s);
	take_units(s.w[0], "n", 1, 3);
	take_units(s.w[2], "n", 2, 3);
	take(s.w[1], "m", LK_X);
	ask(s.m, &s.a[0], s.w[0], "m", LK_X);
	s.o[1] = want(3, 3);
	is(lk_acquire(s.w[1], "n", LK_IX, &s.o[1], NULL), LK_E_DEADLOCK);
	ok(lk_release_all(s.w[1]));
	granted(&s.a[0]);
	stage_close(&s);
}

/* Any of two holders would do, so nobody is the victim of a ring with one of them. */
Test(semaphorewait, ends_no_request_that_another_holder_can_serve)
{
	static struct stage s;

	stage_open(&s, NULL);
	take_units(s.w[0], "n", 1, 2);
	take_units(s.w[2], "n", 1, 2);
	take(s.w[1], "m", LK_X);
	ask_units(&s, 1, "n", 1, 2);
	ask(s.m, &s.a[0], s.w[0], "m", LK_X);
	let_them_look(s.m);
	cr_expect_eq(stats_of(s.m).deadlocks, 0);
	ok(lk_release_all(s.w[2]));
	granted(&s.a[1]);
	ok(lk_release_all(s.w[1]));
	granted(&s.a[0]);
	cr_expect_eq(stats_of(s.m).deadlocks, 0);
	stage_close(&s);
}

/* What its own owner has already counts against the holder. */
Test(semaphorewait, ends_a_ring_of_one_who_has_units_already)
{
	static struct stage s;

	ring_open(&s);
	take_units(s.w[0], "n", 2, 4);
	take_units(s.w[1], "n", 1, 4);
	take(s.w[1], "m", LK_X);
	ask(s.m, &s.a[0], s.w[0], "m", LK_X);
	s.o[1] = want(2, 4); /* three with what it has, and the other has two */
	is(lk_acquire(s.w[1], "n", LK_IX, &s.o[1], NULL), LK_E_DEADLOCK);
	ok(lk_release_all(s.w[1]));
	granted(&s.a[0]);
	stage_close(&s);
}

/* n: held by 0, one unit;  1 wants all three;  2 wants one, there are two, but 1 is ahead; and has m, which 0 wants. */
Test(semaphorewait, dissolves_a_ring_that_is_due_to_the_order)
{
	static struct stage s;

	stage_open(&s, NULL);
	take_units(s.w[0], "n", 1, 3);
	ask_units(&s, 1, "n", 3, 3);
	take(s.w[2], "m", LK_X);
	ask_units(&s, 2, "n", 1, 3);
	s.a[0] = (struct asker){ .owner = s.w[0], .name = "m", .mode = LK_X };
	asker_start(&s.a[0]);
	granted(&s.a[2]);
	cr_expect_eq(stats_of(s.m).deadlocks, 0);
	wait_until(stats_of(s.m).reorders >= 1); /* counted once it has moved */
	ok(lk_release_all(s.w[2]));
	granted(&s.a[0]);
	ok(lk_release_all(s.w[0]));
	granted(&s.a[1]);
	stage_close(&s);
}

/* --------------------------------------------------------------------- leases */

Test(semaphorewait, units_of_a_lease_that_ends_go_to_the_next)
{
	static struct lease_stage s;
	struct lk_options o = want(2, 3);
	struct asker a;
	lk_grant g;

	lease_stage_open(&s, NULL);
	o.lease_ns = 100000;
	ok(lk_acquire(s.w[0], "n", LK_IX, &o, &g));
	o.lease_ns = 0;
	ask_with(s.m, &a, s.w[1], "n", LK_IX, &o);
	pass(&s, 99999);
	cr_expect_not(is_answered(&a));
	pass(&s, 1);
	granted(&a);
	is(lk_check(s.w[0], g), LK_E_LOST);
	expect_units(s.m, "n", 3, 2, 0, 0);
	is(lk_release(s.w[0], g), LK_E_LOST);
	expect_units(s.m, "n", 3, 2, 0, 0);
	lease_stage_close(&s);
}

Test(semaphorewait, units_of_one_of_several_grants_are_lost_alone)
{
	static struct lease_stage s;
	struct lk_options o = want(1, 3);
	lk_grant g;

	lease_stage_open(&s, NULL);
	take_units(s.w[0], "n", 1, 3);
	o.lease_ns = 100000;
	ok(lk_acquire(s.w[0], "n", LK_IX, &o, &g));
	pass(&s, 100000);
	expect_units(s.m, "n", 3, 1, 0, 0);
	is(lk_release(s.w[0], g), LK_E_LOST);
	lease_stage_close(&s);
}

Test(semaphorewait, units_are_not_kept_from_others_but_the_name_is)
{
	static struct lease_stage s;
	struct lk_options o = want(3, 3);

	lease_stage_open(&s, "memory:?lock_delay_ns=1000000");
	o.lease_ns = 100000;
	ok(lk_acquire(s.w[0], "n", LK_IX, &o, NULL));
	pass(&s, 100000);
	expect_units(s.m, "n", 0, 0, 0, 0);
	take_units(s.w[1], "n", 3, 3);
	ok(lk_release_all(s.w[1]));
	cr_expect_not(is_open_to(s.w[1], "n", LK_X));
	pass(&s, 1000000);
	cr_expect(is_open_to(s.w[1], "n", LK_X));
	lease_stage_close(&s);
}

/* Whose lease ends while it waits for units begins anew, behind nobody that it was ahead of but for that. */
Test(semaphorewait, is_begun_anew_when_a_lease_ends_meanwhile)
{
	static struct lease_stage s;
	struct lk_options o = want(2, 3);
	struct asker a;
	lk_grant g;

	lease_stage_open(&s, NULL);
	g = take_units(s.w[0], "n", 2, 3);
	take_leased(s.w[1], "other", LK_X, 100000);
	ask_with(s.m, &a, s.w[1], "n", LK_IX, &o);
	pass(&s, 100000);
	wait_until(is_open_to(s.w[2], "other", LK_X));
	wait_until(units_of(s.m, "n").waiting == 1);
	ok(lk_release(s.w[0], g));
	granted(&a);
	expect_units(s.m, "n", 3, 2, 0, 0);
	lease_stage_close(&s);
}

/* ---------------------------------------------------- requests without a thread */

static int
submit_units(struct loop *l, int owner, const char *name, uint32_t units, uint32_t permits)
{
	const struct lk_options o = want(units, permits);

	return lk_submit(l->q, l->w[owner], name, LK_IX, &o, NULL, NULL, &l->id);
}

static void
wait_without_a_thread(const char *name)
{
	struct loop l;
	lk_grant g;

	loop_open(&l, NULL, 3);
	g = take_units(l.w[0], name, 2, 3);
	ok(submit_units(&l, 1, name, 1, 3));
	ok(submit_units(&l, 1, name, 1, 3));
	ok(submit_units(&l, 2, name, 1, 3));
	next_done(&l, 0);
	cr_expect_eq(grant_info(l.w[1], l.c.grant).units, 1);
	nothing_more(&l);
	expect_units(l.m, name, 3, 3, 2, 2);
	ok(lk_release(l.w[0], g));
	for (int i = 0; i < 2; i++) { /* in which order, depends on who settles them */
		next_done_soon(&l, 0);
		cr_expect_eq(grant_info(l.c.owner, l.c.grant).units, 1);
	}
	nothing_more(&l);
	expect_units(l.m, name, 3, 3, 0, 0);
	ok(lk_release_all(l.w[2]));
	ok(lk_release_all(l.w[1]));
	expect_units(l.m, name, 0, 0, 0, 0);
	loop_close(&l);
}

Test(semaphorewait, needs_no_thread)
{
	wait_without_a_thread("n");
}

Test(semaphorewait, needs_no_thread_on_a_path)
{
	wait_without_a_thread("db/pool/n");
}

Test(semaphorewait, without_a_thread_is_refused_at_once_or_told)
{
	const struct lk_request r = { .name = "n", .mode = LK_IX };
	struct lk_options o = want(1, 2);
	struct loop l;
	lk_grant g;

	loop_open(&l, NULL, 3);
	g = take_units(l.w[0], "n", 2, 2);
	is(submit_units(&l, 1, "n", 1, 3), LK_E_INVAL);
	is(submit_units(&l, 1, "n", 3, 2), LK_E_INVAL);
	is(lk_submit(l.q, l.w[1], "n", LK_X, &o, NULL, NULL, NULL), LK_E_INVAL);
	is(lk_submit_many(l.q, l.w[1], &r, 1, &o, NULL, NULL, NULL, NULL), LK_E_UNSUPPORTED);
	is(lk_submit_convert(l.q, l.w[0], g, LK_X, NULL, NULL, NULL, NULL), LK_E_UNSUPPORTED);
	ok(submit_units(&l, 0, "n", 1, 2));
	next_done(&l, LK_E_LIMIT);
	o.flags = LK_NOWAIT;
	ok(lk_submit(l.q, l.w[1], "n", LK_IX, &o, NULL, NULL, &l.id));
	next_done(&l, LK_E_BUSY);
	o.flags = 0;
	o.timeout_ns = 1000000;
	ok(lk_submit(l.q, l.w[1], "n", LK_IX, &o, NULL, NULL, &l.id));
	next_done_soon(&l, LK_E_TIMEDOUT);
	ok(submit_units(&l, 1, "n", 1, 2));
	ok(lk_cancel(l.w[1], l.id));
	next_done(&l, LK_E_CANCELED);
	expect_units(l.m, "n", 2, 2, 0, 0);
	ok(lk_release(l.w[0], g));
	expect_units(l.m, "n", 0, 0, 0, 0);
	loop_close(&l);
}

/* It was granted, and its owner closes before anybody reaps; or it still waits. */
Test(semaphorewait, without_a_thread_ends_with_its_owner)
{
	struct loop l;
	lk_grant g;

	for (int granted_first = 0; granted_first < 2; granted_first++) {
		loop_open(&l, NULL, 2);
		g = take_units(l.w[0], "a/n", 2, 2);
		ok(submit_units(&l, 1, "a/n", 1, 2));
		if (granted_first)
			ok(lk_release(l.w[0], g));
		ok(lk_owner_close(l.w[1]));
		expect_units(l.m, "a/n", granted_first ? 0 : 2, granted_first ? 0 : 2, 0, 0);
		next_done(&l, LK_E_CANCELED);
		l.n_owners = 1;
		loop_close(&l);
	}
}

/* What its owner takes meanwhile counts: together there would never be enough, so it is told. */
Test(semaphorewait, without_a_thread_does_not_wait_for_its_own_owner)
{
	struct loop l;
	lk_grant g;

	loop_open(&l, NULL, 2);
	take(l.w[0], "n", LK_X);
	ok(submit_units(&l, 1, "n", 3, 4));
	nothing_more(&l);
	ok(lk_release_all(l.w[0]));
	next_done(&l, 0);
	ok(lk_release_all(l.w[1]));

	g = take_units(l.w[0], "n", 3, 4);
	ok(submit_units(&l, 1, "n", 4, 4));
	is(try_units(l.w[1], "n", 1, 4, NULL), LK_E_BUSY); /* who waits keeps it back too */
	nothing_more(&l);
	ok(lk_release(l.w[0], g));
	next_done(&l, 0);
	loop_close(&l);
}

/* The same of what is taken while the other waits, by the order of the line. */
Test(semaphorewait, without_a_thread_is_told_what_its_owner_took_first)
{
	struct asker a;
	struct lk_options first = want(3, 4);
	struct loop l;
	lk_grant g;

	loop_open(&l, NULL, 2);
	g = take_units(l.w[0], "n", 4, 4);
	ok(submit_units(&l, 1, "n", 2, 4));
	first.priority = 1;
	ask_with(l.m, &a, l.w[1], "n", LK_IX, &first);
	ok(lk_release(l.w[0], g));
	granted(&a);
	next_done(&l, LK_E_LIMIT);
	expect_units(l.m, "n", 4, 3, 0, 0);
	loop_close(&l);
}

/* A grant of its owner's goes back while it waits: it is not taken for one that must wait. */
Test(semaphorewait, without_a_thread_goes_by_what_its_owner_has_left)
{
	struct loop l;
	lk_grant g;
	lk_grant h;

	loop_open(&l, NULL, 3);
	g = take_units(l.w[0], "n", 2, 4);
	take(l.w[0], "n", LK_IX);
	h = take_units(l.w[1], "n", 2, 4);
	ok(submit_units(&l, 0, "n", 2, 4));
	ok(lk_release(l.w[0], g));
	next_done(&l, 0);
	expect_units(l.m, "n", 4, 4, 0, 0);
	ok(lk_release(l.w[1], h));
	loop_close(&l);
}

/* Whatever is short: all of it is as if it had not been asked for, or waits. */
Test(semaphorewait, without_a_thread_leaves_nothing_behind_without_memory)
{
	static const char *const name[] = { "n", "a/n" };
	struct test_heap heap;
	struct loop l;
	bool failed;

	for (unsigned i = 0; i < 2; i++) {
		failed = true;
		for (uint64_t nth = 1; failed; nth++) {
			lk_grant g;
			int rc;

			memset(&l, 0, sizeof(l));
			test_heap_init(&heap);
			l.m = open_with(NULL, &heap, NULL);
			loop_begin(&l, 2);
			g = take_units(l.w[0], name[i], 2, 2);
			test_heap_fail(&heap, nth, false);
			rc = submit_units(&l, 1, name[i], 1, 2);
			failed = atomic_load(&heap.failures) != 0;
			cr_expect(rc == 0 || rc == LK_E_NOMEM, "%s", lk_errname(rc));
			expect_units(l.m, name[i], 2, 2, rc == 0, rc == 0);
			ok(lk_release(l.w[0], g));
			if (rc == 0) {
				struct lk_completion c = { .size = sizeof(c) };

				is(lk_queue_reap(l.q, &c, 1), 1);
				failed |= atomic_load(&heap.failures) != 0;
				cr_expect(c.code == 0 || c.code == LK_E_NOMEM, "%s",
					  lk_errname(c.code));
				expect_units(l.m, name[i], c.code == 0 ? 2 : 0, c.code == 0, 0, 0);
			}
			test_heap_fail(&heap, 0, false);
			loop_close(&l);
			cr_expect_eq(atomic_load(&heap.blocks), 0);
		}
	}
}

/* -------------------------------------------------------------------- notices */

Test(semaphorewait, tells_holders_whose_units_are_wanted)
{
	struct told t[2] = { { .n = 0 }, { .n = 0 } };
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lk_owner *w[2];
	struct loop l;
	lk_grant g;

	loop_open(&l, NULL, 2);
	o.flags = LK_NOTIFY_BLOCKING;
	o.on_notice = keep_notice;
	for (int i = 0; i < 2; i++) {
		o.notice_arg = &t[i];
		ok(lk_owner_open(l.m, &o, &w[i]));
	}
	g = take_units(w[0], "n", 2, 3);
	take(w[1], "n", LK_IX); /* has none */
	ok(submit_units(&l, 0, "n", 1, 3));
	cr_expect_eq(t[0].n, 0);
	ok(submit_units(&l, 1, "n", 1, 3));
	cr_expect_eq(t[0].n, 1);
	cr_expect_eq(t[1].n, 0);
	expect_told(&t[0], 0, LK_NOTICE_BLOCKING, g);
	ok(lk_release(w[0], g));
	next_done(&l, 0);
	next_done(&l, 0);
	ok(lk_owner_close(w[0]));
	ok(lk_owner_close(w[1]));
	loop_close(&l);
}

/* --------------------------------------------------------------- many threads */

enum { THREADS = 8, NAMES = 2, PERMITS = 7, ENOUGH = 100 };

static const char *const names[NAMES] = { "n", "a/n" };

struct crowd {
	struct lk_manager *m;
	_Atomic int used[NAMES];
	_Atomic int writers[NAMES];
	_Atomic uint64_t granted;
	uint64_t end;
};

static void
come(struct crowd *c, struct lk_owner *w, uint64_t *random, unsigned name, uint32_t units, bool has)
{
	struct lk_options o = want(units, PERMITS);
	lk_grant g;
	int rc;

	/* Several who have some and want more may wait for each other, and nobody finds out. */
	o.timeout_ns = has || test_random(random) % 4 == 0 ? 50000 : LK_FOREVER;
	o.priority = (int32_t)(test_random(random) % 3);
	rc = lk_acquire(w, names[name], LK_IX, &o, &g);
	if (rc != 0) {
		must(rc == LK_E_TIMEDOUT || rc == LK_E_CONVERSION_DEADLOCK || rc == LK_E_LIMIT ||
		     rc == LK_E_DEADLOCK);
		return;
	}
	must(atomic_fetch_add(&c->used[name], (int)units) + (int)units <= PERMITS);
	must(atomic_load(&c->writers[name]) == 0);
	atomic_fetch_add(&c->granted, 1);
	if (test_random(random) % 4 == 0)
		come(c, w, random, name, 1 + (uint32_t)test_random(random) % 2, true);
	else if (test_random(random) % 2 == 0)
		sched_yield();
	atomic_fetch_sub(&c->used[name], (int)units);
	must(lk_release(w, g) == 0);
}

static void
write_alone(struct crowd *c, struct lk_owner *w, unsigned name)
{
	lk_grant g;
	int rc = lk_acquire(w, names[name], LK_X, NULL, &g);

	must(rc == 0);
	must(atomic_load(&c->used[name]) == 0);
	must(atomic_fetch_add(&c->writers[name], 1) == 0);
	atomic_fetch_sub(&c->writers[name], 1);
	must(lk_release(w, g) == 0);
}

static void
mill(void *arg, unsigned index)
{
	struct crowd *c = arg;
	uint64_t random = index;
	struct lk_owner *w;

	must(lk_owner_open(c->m, NULL, &w) == 0);
	while (test_now() < c->end || atomic_load(&c->granted) <= ENOUGH) {
		const unsigned name = (unsigned)test_random(&random) % NAMES;

		if (test_random(&random) % 16 == 0)
			write_alone(c, w, name);
		else
			come(c, w, &random, name, 1 + (uint32_t)test_random(&random) % PERMITS,
			     false);
	}
	must(lk_owner_close(w) == 0);
}

static void
crowd(const char *url)
{
	struct crowd c = { .m = open_manager(url) };

	c.end = test_now() + (uint64_t)(test_seconds(0.5) * 1e9);
	test_threads(THREADS, mill, &c);
	cr_expect_gt(atomic_load(&c.granted), ENOUGH);
	for (unsigned i = 0; i < NAMES; i++) {
		expect_units(c.m, names[i], 0, 0, 0, 0);
		cr_expect_eq(info_of(c.m, names[i]).holders[LK_IX], 0);
	}
	cr_expect_eq(stats_of(c.m).holds, 0);
	ok(lk_close(c.m));
}

Test(semaphorewait, never_gives_more_than_there_are)
{
	crowd(NULL);
}

Test(semaphorewait, never_gives_more_than_there_are_in_strict_lines)
{
	crowd("memory:?strict=1");
}

Test(semaphorewait, never_gives_more_than_there_are_of_names_that_come_and_go)
{
	crowd("memory:?max_idle=1&lot_buckets=1&index_buckets=1");
}
