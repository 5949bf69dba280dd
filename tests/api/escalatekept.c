/* SPDX-License-Identifier: MIT */
/* Escalation beside leases, requests that nobody waits for, conditions; and without memory. */
#include "async.h"
#include "escalate.h"
#include "lease_stage.h"
#include "state.h"

/* ------------------------------------------------------------------------- leases */

Test(escalate_leases, a_lease_goes_on_and_ends_for_its_grant_alone)
{
	struct lease_stage s;
	lk_grant g[MANY], leased, own;

	lease_stage_open(&s, "memory:?escalate_after=16");
	own = take_leased(s.w[0], "t", LK_IS, 5000); /* which covers nothing */
	leased = take_leased(s.w[0], "t/leased", LK_X, 10000);
	take_range(s.w[0], "t", 0, AFTER, LK_X, g);
	cr_expect_eq(escalations(s.m), 1);
	cr_expect(is_implied(s.w[0], leased));
	cr_expect_eq(grant_info(s.w[0], leased).lease_ns, 10000);
	take_range(s.w[0], "t", AFTER, AFTER + 1, LK_X, g); /* implied at once */
	cr_expect(is_implied(s.w[0], g[AFTER]));
	test_world_advance(&s.world, 6000);
	serve(&s);
	is(lk_check(s.w[0], own), LK_E_LOST);
	ok(lk_check(s.w[0], leased));
	for (int i = 0; i < AFTER + 1; i++)
		ok(lk_check(s.w[0], g[i]));
	cr_expect(is_held_in(s.m, "t", LK_X));
	ok(lk_renew(s.w[0], leased, 0));
	test_world_advance(&s.world, 10001);
	serve(&s);
	is(lk_check(s.w[0], leased), LK_E_LOST);
	for (int i = 0; i < AFTER + 1; i++)
		ok(lk_release(s.w[0], g[i]));
	cr_expect(is_held_in(s.m, "t", LK_NL));
	lease_stage_close(&s);
}

/* A grant of its own on the name above is lost with what it implies; what was escalated is not. */
Test(escalate_leases, what_a_lost_grant_implied_goes_with_it_and_no_more)
{
	struct lease_stage s;
	lk_grant g[MANY], below, cover;

	lease_stage_open(&s, "memory:?escalate_after=16");
	take_range(s.w[0], "t", 0, AFTER, LK_S, g);
	cover = take_leased(s.w[0], "t", LK_S, 5000);
	below = take(s.w[0], "t/below", LK_S); /* implied by that grant */
	cr_expect(is_implied(s.w[0], below));
	cr_expect_eq(escalations(s.m), 0);
	for (int i = AFTER; i < AFTER + 2; i++) {
		lk_grant p;
		const struct lk_options parents = { .size = sizeof(parents), .flags = LK_PARENTS };

		ok(lk_acquire(s.w[0], child("t", i), LK_IS, &parents, &p));
		g[i] = p;
	}
	/* 16 are not too many; one more is, if it is a lock of its own: upgraded from what is implied */
	ok(lk_upgrade(s.w[0], below, &nowait));
	cr_expect_eq(escalations(s.m), 1);
	cr_expect(is_held_in(s.m, "t", LK_X));
	below = take(s.w[0], "t/late", LK_S); /* by the grant, or by the X: by the grant */
	test_world_advance(&s.world, 6000);
	serve(&s);
	is(lk_check(s.w[0], cover), LK_E_LOST);
	is(lk_check(s.w[0], below), LK_E_LOST);
	for (int i = 0; i < AFTER; i++) {
		ok(lk_check(s.w[0], g[i]));
		cr_expect(is_implied(s.w[0], g[i]));
	}
	lease_stage_close(&s);
}

/* What covers others by a lease keeps them; and what would be kept from others stays as it is. */
Test(escalate_leases, leases_that_others_hang_on_stay_locks_of_their_own)
{
	struct lease_stage s;
	lk_grant g[MANY], cover, below, leased;

	lease_stage_open(&s, "memory:?escalate_after=16");
	cover = take_leased(s.w[0], "t/c", LK_X, 5000);
	below = take(s.w[0], "t/c/d", LK_X);
	take_range(s.w[0], "t", 0, AFTER + 1, LK_X, g);
	cr_expect_eq(escalations(s.m), 1);
	cr_expect(!is_implied(s.w[0], cover));
	cr_expect(is_held_in(s.m, "t/c", LK_X));
	test_world_advance(&s.world, 6000);
	serve(&s);
	is(lk_check(s.w[0], below), LK_E_LOST);
	ok(lk_check(s.w[0], g[0]));
	lease_stage_close(&s);

	lease_stage_open(&s, "memory:?escalate_after=16&lock_delay_ns=50000");
	leased = take_leased(s.w[0], "t/leased", LK_X, 5000);
	take_range(s.w[0], "t", 0, AFTER + 1, LK_X, g);
	cr_expect_eq(escalations(s.m), 1);
	cr_expect(!is_implied(s.w[0], leased));
	for (int i = 0; i < AFTER + 1; i++)
		ok(lk_release(s.w[0], g[i]));
	test_world_advance(&s.world, 6000);
	serve(&s);
	cr_expect(!is_open_to(s.w[1], "t/leased", LK_S)); /* kept */
	test_world_advance(&s.world, 50001);
	serve(&s);
	cr_expect(is_open_to(s.w[1], "t/leased", LK_X));
	lease_stage_close(&s);
}

Test(escalate_leases, the_way_back_takes_leases_along)
{
	struct lease_stage s;
	lk_grant g[MANY], leased;

	lease_stage_open(&s, "memory:?escalate_after=16");
	leased = take_leased(s.w[0], "t/leased", LK_X, 5000);
	take_range(s.w[0], "t", 0, AFTER, LK_X, g);
	cr_expect(is_implied(s.w[0], leased));
	is(lk_deescalate(s.w[0], "t", 1), AFTER + 1);
	cr_expect(is_held_in(s.m, "t/leased", LK_X));
	test_world_advance(&s.world, 6000);
	serve(&s);
	is(lk_check(s.w[0], leased), LK_E_LOST);
	cr_expect(is_open_to(s.w[1], "t/leased", LK_X));
	lease_stage_close(&s);
}

/* ------------------------------------------------------------------ without a thread */

Test(escalate_async, what_is_submitted_counts_and_the_next_call_looks)
{
	struct loop l;

	loop_open(&l, "memory:?escalate_after=16", 2);
	for (int i = 0; i < AFTER; i++) {
		ok(submit(&l, 0, child("t", i), LK_X));
		next_done(&l, 0);
	}
	cr_expect_eq(escalations(l.m), 0);
	ok(submit(&l, 0, "t/last", LK_X));
	next_done(&l, 0);
	cr_expect_eq(escalations(l.m), 1);
	cr_expect(is_held_in(l.m, "t", LK_X));
	cr_expect(is_implied(l.w[0], l.c.grant));
	loop_close(&l);
}

/* A request of its own that waits to make a grant stronger needs that as it is; and is not disturbed. */
Test(escalate_async, what_a_request_needs_stays_a_lock_of_its_own)
{
	struct loop l;
	lk_grant g[MANY], other, mine;

	loop_open(&l, "memory:?escalate_after=16&deadlock_delay_ns=off", 2);
	mine = take(l.w[0], "t/mine", LK_S);
	take(l.w[0], "t/writes", LK_X); /* so "t" is held in IX already */
	other = take(l.w[1], "t/mine", LK_S);
	ok(lk_submit_convert(l.q, l.w[0], mine, LK_X, NULL, NULL, NULL, &l.id));
	take_range(l.w[0], "t", 0, AFTER + 4, LK_S, g);
	cr_expect_eq(line(l.m, "t/mine"), 1);
	cr_expect(!is_implied(l.w[0], mine));
	cr_expect(is_implied(l.w[0], g[0]));
	cr_expect_eq(holders(l.m, "t", LK_SIX), 1);
	ok(lk_release(l.w[1], other));
	next_done(&l, 0);
	cr_expect_eq(grant_info(l.w[0], mine).mode, LK_X);
	cr_expect(is_held_in(l.m, "t/mine", LK_X));
	ok(lk_release_all(l.w[0]));
	loop_close(&l);
}

/* It waits to hold the name above itself in more: the attempt gives way. */
Test(escalate_async, a_request_for_the_name_above_is_not_disturbed)
{
	struct loop l;
	lk_grant g[MANY], other;

	loop_open(&l, "memory:?escalate_after=16&deadlock_delay_ns=off", 2);
	take_range(l.w[0], "t", 0, 1, LK_S, g);
	other = take(l.w[1], "t/other", LK_S);
	ok(submit(&l, 0, "t", LK_X));
	take_range(l.w[0], "t", 1, AFTER + 1, LK_S, g);
	cr_expect_eq(escalations(l.m), 0);
	cr_expect_eq(refused(l.m), 1);
	cr_expect_eq(line(l.m, "t"), 1);
	ok(lk_release(l.w[1], other));
	next_done(&l, 0);
	cr_expect(is_held_in(l.m, "t", LK_X));
	take_range(l.w[0], "t", AFTER + 1, AFTER + 2, LK_S, g);
	cr_expect(is_implied(l.w[0], g[AFTER + 1]));
	ok(lk_release_all(l.w[0]));
	loop_close(&l);
}

/* -------------------------------------------------------------------- other readers */

static int
is_set(void *arg)
{
	return atomic_load((atomic_int *)arg);
}

/* Who watches below is told when what covers has gone. */
Test(escalate_waits, a_condition_is_asked_again_when_the_writer_has_left)
{
	atomic_int value = 0;
	struct lk_options o = { .size = sizeof(o), .condition = is_set, .condition_arg = &value };
	struct lk_manager *m = open_manager("memory:?escalate_after=16");
	struct lk_owner *w[2];
	lk_grant g[MANY];
	struct asker a = { .name = "t/3", .mode = LK_S, .options = &o };
	const uint64_t parks = stats_of(m).parks;

	open_owners(m, w, 2);
	a.owner = w[1];
	asker_start(&a);
	wait_until(stats_of(m).parks > parks);
	take_range(w[0], "t", 0, AFTER + 1, LK_X, g);
	cr_expect_eq(escalations(m), 1);
	atomic_store(&value, 1);
	ok(lk_release_all(w[0]));
	ok(answer(&a));
	close_all(m, w, 2);
}

/* What was read before does not count as valid once the writer has been there. */
Test(escalate_waits, optimistic_readers_see_the_writer)
{
	struct lk_manager *m = open_manager("memory:?escalate_after=16");
	struct lk_resource *r;
	struct lk_owner *w;
	uint64_t stamp;
	lk_grant g[MANY];

	open_owners(m, &w, 1);
	ok(lk_resource_open(m, "t/3", &r));
	ok(lk_read_begin(r, &stamp));
	take_range(w, "t", 0, AFTER, LK_X, g);
	is(lk_read_validate(r, stamp), LK_E_STALE);
	is(lk_read_begin(r, &stamp), LK_E_BUSY);
	take_range(w, "t", AFTER, AFTER + 1, LK_X, g);
	cr_expect(is_implied(w, g[3]));
	is(lk_read_begin(r, &stamp), LK_E_BUSY);
	is(lk_deescalate(w, "t", 1), AFTER + 1);
	is(lk_read_begin(r, &stamp), LK_E_BUSY);
	ok(lk_release(w, g[3]));
	ok(lk_read_begin(r, &stamp));
	ok(lk_read_validate(r, stamp));
	lk_resource_close(r);
	close_all(m, &w, 1);
}

/* A thread that ends leaves its mark on what it wrote, implied or not. */
struct mortal {
	struct lk_manager *m;
};

static void
die(void *arg, unsigned index)
{
	struct mortal *mortal = arg;
	struct lk_owner *w = lk_self(mortal->m);

	(void)index;
	for (int i = 0; i < AFTER + 1; i++)
		must(lk_try_acquire(w, child("t", i), LK_X, NULL) == 0);
}

Test(escalate_waits, the_next_holder_is_told_of_a_death)
{
	struct mortal mortal = { open_manager("memory:?escalate_after=16") };
	struct lk_owner *w;
	lk_grant g;

	test_threads(1, die, &mortal);
	cr_expect_eq(escalations(mortal.m), 1);
	open_owners(mortal.m, &w, 1);
	g = take(w, "t/7", LK_X);
	cr_expect_eq(grant_info(w, g).flags, LK_OWNER_DIED);
	close_all(mortal.m, &w, 1);
}

/* --------------------------------------------------------------------------- memory */

/* Whatever cannot be had: the locks are there, in one form or the other. */
Test(escalate_memory, without_memory_it_is_not_done)
{
	static struct state before, after;
	bool failed = true;

	for (uint64_t nth = 1; failed; nth++) {
		struct test_heap heap;
		struct lk_manager *m;
		struct lk_owner *w;
		lk_grant g[200];
		int n = 0;

		test_heap_init(&heap);
		m = open_with("memory:?escalate_after=100&sample_every=off", &heap, NULL);
		open_owners(m, &w, 1);
		take_range(w, "d/t", 0, 100, LK_X, g);
		state_read(&before, m, &w, 1);
		test_heap_fail(&heap, nth, true);
		n = lk_try_acquire(w, "d/t/100", LK_X, &g[100]);
		failed = atomic_load(&heap.failures) > 0;
		test_heap_fail(&heap, 0, false);
		if (n == LK_E_NOMEM) {
			state_read(&after, m, &w, 1);
			state_same(&before, &after, "no memory for the lock");
		} else {
			const bool done = escalations(m) == 1;

			cr_expect_eq(n, 0);
			cr_expect(done || failed);
			expect_range(m, w, "d/t", 0, 101, LK_X, g, done);
			cr_expect(is_held_in(m, "d/t", done ? LK_X : LK_IX));
		}
		if (failed) { /* the next one does it */
			for (int i = 100; escalations(m) == 0; i++) {
				cr_assert_lt(i, 100 + 100 / 4 + 2);
				(void)take(w, child("d/t", i), LK_X);
			}
		}
		ok(lk_release_all(w));
		cr_expect_eq(stats_of(m).holds, 0);
		ok(lk_owner_close(w));
		ok(lk_close(m));
	}
}
