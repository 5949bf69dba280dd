/* SPDX-License-Identifier: MIT */
/* A lock that goes to another name: there is no moment in which its owner has neither. */
#include "lease_stage.h"

static lk_grant
move(struct lk_owner *w, lk_grant g, const char *name)
{
	lk_grant out = 0;

	ok(lk_move(w, g, name, strlen(name), NULL, &out));
	cr_assert_neq(out, 0);
	return out;
}

Test(move, in_every_mode)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		lk_grant g = take(w[0], "old", mode);
		lk_grant h = move(w[0], g, "new/one");

		is(lk_release(w[0], g), LK_E_STALE);
		cr_expect_eq(holds(w[0], "old"), LK_NL);
		cr_expect_eq(holds(w[0], "new/one"), mode);
		cr_expect_eq(grant_info(w[0], h).mode, mode);
		cr_expect(is_open_to(w[1], "old", LK_X));
		for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++)
			cr_expect_eq(is_open_to(w[1], "new/one", wanted), compatible[wanted][mode]);
		ok(lk_release(w[0], h));
	}
	close_all(m, w, 2);
}

Test(move, to_a_number_and_back)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[1];
	lk_grant g;

	open_owners(m, w, 1);
	g = take(w[0], "old", LK_U);
	ok(lk_move_id(w[0], g, 17, NULL, &g));
	cr_expect_eq(lk_holds_id(w[0], 17), LK_U);
	g = move(w[0], g, "old");
	cr_expect_eq(lk_holds_id(w[0], 17), LK_NL);
	ok(lk_release(w[0], g));
	close_all(m, w, 1);
}

/* The new name has a fence of its own, and the request says what the new grant keeps. */
Test(move, makes_a_grant_of_its_own)
{
	const struct lk_options o = {
		.size = sizeof(o),
		.tag = "new",
		.tag_len = 3,
		.flags = LK_PARENTS,
	};
	struct lease_stage s;
	uint64_t fence[2];
	lk_grant g;

	lease_stage_open(&s, "memory:");
	for (int i = 0; i < 2; i++) { /* the new name has had writers before */
		g = take(s.w[1], "new/one", LK_X);
		fence[0] = lk_fence(s.w[1], g);
		ok(lk_release(s.w[1], g));
	}
	g = take_leased(s.w[0], "old", LK_X, 1000000);
	ok(lk_move(s.w[0], g, "new/one", 7, &o, &g));
	fence[1] = lk_fence(s.w[0], g);
	cr_expect_gt(fence[1], fence[0]);
	cr_expect_eq(grant_info(s.w[0], g).lease_ns, 0);
	cr_expect_eq(grant_info(s.w[0], g).tag_len, 3);
	cr_expect_eq(holds(s.w[0], "new"), LK_X);
	pass(&s, 2000000);
	is(lk_check(s.w[0], g), 0);
	lease_stage_close(&s);
}

Test(move, that_is_refused_leaves_what_is_held)
{
	const struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	const struct lk_options soon = { .size = sizeof(soon), .timeout_ns = 1000 };
	const struct lk_options bad = { .size = sizeof(bad), .max_retries = 1 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant out = 77;
	lk_grant g;
	lk_grant h;

	open_owners(m, w, 2);
	g = take(w[0], "old", LK_X);
	h = take(w[1], "new", LK_S);
	is(lk_move(w[0], g, "new", 3, &now, &out), LK_E_BUSY);
	is(lk_move(w[0], g, "new", 3, &soon, &out), LK_E_TIMEDOUT);
	is(lk_move(w[0], g, "new", 3, &bad, &out), LK_E_UNSUPPORTED);
	is(lk_move(w[0], g, "", 0, NULL, &out), LK_E_NAME);
	is(lk_move(w[0], g, NULL, 3, NULL, &out), LK_E_INVAL);
	is(lk_move(NULL, g, "new", 3, NULL, &out), LK_E_INVAL);
	is(lk_move_id(NULL, g, 1, NULL, &out), LK_E_INVAL);
	is(lk_move(w[0], h, "new", 3, NULL, &out), LK_E_STALE);
	is(lk_move_id(w[0], 0, 1, NULL, &out), LK_E_STALE);
	cr_expect_eq(out, 77);
	cr_expect_eq(holds(w[0], "old"), LK_X);
	cr_expect_eq(holds(w[0], "new"), LK_NL);
	ok(lk_release(w[1], h));
	g = move(w[0], g, "new");
	ok(lk_release(w[0], g));
	close_all(m, w, 2);
}

/* It waits holding what it has; and whoever waits for that is let in by the move. */
Test(move, waits_with_what_it_has)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];
	struct asker a;
	lk_grant g;
	lk_grant h;

	open_owners(m, w, 3);
	g = take(w[0], "old", LK_X);
	ask(m, &a, w[1], "old", LK_X);
	h = take(w[2], "other", LK_X);
	g = move(w[0], g, "new");
	(void)granted(&a);
	cr_expect_eq(holds(w[0], "new"), LK_X);
	ok(lk_release(w[0], g));
	ok(lk_release(w[2], h));
	close_all(m, w, 3);
}

struct mover {
	struct lk_owner *w;
	lk_grant g;
	const char *name;
	int rc;
	atomic_bool done;
};

static void *
move_main(void *arg)
{
	struct mover *a = arg;

	a->rc = lk_move(a->w, a->g, a->name, strlen(a->name), NULL, &a->g);
	atomic_store(&a->done, true);
	return NULL;
}

/* Two that want each other's names: one of them is told, and still has its own. */
Test(move, of_two_into_each_other_is_a_ring)
{
	struct lk_manager *m = open_manager(NULL);
	struct mover mover[2] = { { .name = "b" }, { .name = "a" } };
	struct lk_owner *w[2];
	pthread_t t[2];
	int lost;

	open_owners(m, w, 2);
	for (int i = 0; i < 2; i++) {
		mover[i].w = w[i];
		mover[i].g = take(w[i], mover[!i].name, LK_X);
	}
	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&t[i], NULL, move_main, &mover[i]), 0);
	wait_until(atomic_load(&mover[0].done) || atomic_load(&mover[1].done));
	lost = atomic_load(&mover[1].done);
	cr_assert_eq(pthread_join(t[lost], NULL), 0);
	is(mover[lost].rc, LK_E_DEADLOCK);
	cr_expect_eq(holds(w[lost], mover[!lost].name), LK_X); /* it has its own still */
	ok(lk_release(w[lost], mover[lost].g));
	cr_assert_eq(pthread_join(t[!lost], NULL), 0);
	ok(mover[!lost].rc);
	cr_expect_eq(holds(w[!lost], mover[!lost].name), LK_X);
	cr_expect_eq(holds(w[!lost], mover[lost].name), LK_NL);
	close_all(m, w, 2);
}

Test(move, below_itself_keeps_the_old_name_for_what_is_below)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	g = move(w[0], take(w[0], "db", LK_X), "db/a");
	cr_expect_eq(holds(w[0], "db/a"), LK_X);
	cr_expect(!is_open_to(w[1], "db", LK_IS));
	g = move(w[0], g, "db/b");
	ok(lk_release(w[0], g));
	cr_expect(is_open_to(w[1], "db", LK_X));
	/* … and upwards */
	g = move(w[0], take(w[0], "db/a", LK_X), "db");
	cr_expect_eq(info_of(m, "db/a").holders[LK_X], 0);
	ok(lk_release(w[0], g));
	cr_expect(is_open_to(w[1], "db", LK_X));
	close_all(m, w, 2);
}

Test(move, to_the_same_name)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	g = take(w[0], "n", LK_X);
	for (int i = 0; i < 3; i++)
		g = move(w[0], g, "n");
	cr_expect_eq(info_of(m, "n").holders[LK_X], 1);
	ok(lk_release(w[0], g));
	cr_expect(is_open_to(w[1], "n", LK_X));
	close_all(m, w, 2);
}

struct leased_move {
	struct lease_stage *s;
	lk_grant g;
	int rc;
};

static void *
move_leased(void *arg)
{
	struct leased_move *a = arg;

	a->rc = lk_move(a->s->w[0], a->g, "new", 3, NULL, NULL);
	return NULL;
}

/* Its lease ends while it waits for the new name: it has neither. */
Test(move, of_what_is_lost_meanwhile)
{
	struct lease_stage s;
	struct leased_move a = { .s = &s };
	pthread_t t;
	lk_grant h;

	lease_stage_open(&s, "memory:?deadlock_delay_ns=off&spin_ns=off");
	a.g = take_leased(s.w[0], "old", LK_X, 1000000);
	h = take(s.w[1], "new", LK_X);
	cr_assert_eq(pthread_create(&t, NULL, move_leased, &a), 0);
	wait_until(line(s.m, "new") == 1);
	test_world_advance(&s.world, 2000000);
	serve(&s);
	wait_until(lk_try_acquire(s.w[2], "old", LK_X, NULL) == 0);
	ok(lk_release(s.w[1], h));
	cr_assert_eq(pthread_join(t, NULL), 0);
	is(a.rc, LK_E_LOST);
	cr_expect_eq(holds(s.w[0], "new"), LK_NL);
	(void)take(s.w[1], "new", LK_X);
	lease_stage_close(&s);
}

Test(move, without_memory_changes_nothing)
{
	uint64_t n = 1;
	bool failed;

	do {
		const struct lk_options o = { .size = sizeof(o), .flags = LK_TIMED };
		struct test_heap heap;
		struct lk_manager *m;
		struct lk_owner *w[2];
		lk_grant g;
		int rc;

		test_heap_init(&heap);
		m = open_with("memory:?events=off", &heap, NULL);
		open_owners(m, w, 2);
		for (uint64_t id = 0; id < 15; id++)
			ok(lk_acquire_id(w[0], id, LK_S, NULL, NULL));
		g = take(w[0], "old", LK_X);
		test_heap_fail(&heap, n++, true);
		rc = lk_move(w[0], g, "this/name/is/too/long/to/be/in/an/entry", 39, &o, &g);
		failed = rc != 0;
		test_heap_fail(&heap, 0, false);
		cr_assert(rc == 0 || rc == LK_E_NOMEM);
		cr_expect_eq(holds(w[0], "old"), failed ? LK_X : LK_NL);
		ok(lk_release(w[0], g));
		close_all(m, w, 2);
		cr_expect_eq(atomic_load(&heap.blocks), 0);
	} while (failed);
	cr_expect_gt(n, 2);
}

Test(move, not_in_a_manager_that_shuts_down)
{
	const struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[1];
	lk_grant g;

	open_owners(m, w, 1);
	g = take(w[0], "old", LK_X);
	ok(lk_shutdown(m, &now));
	is(lk_move(w[0], g, "new", 3, NULL, NULL), LK_E_CLOSED);
	close_all(m, w, 1);
}
