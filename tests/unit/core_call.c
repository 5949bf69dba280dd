/* SPDX-License-Identifier: MIT */
/* Owners that are shared: what they hold changes under their latch alone, and never while a call is away. */
#include "../api/support.h"
#include "core/call.h"
#include "core/release.h"

/* From now on the owner is shared. */
static void
share(struct lk_owner *w)
{
	cr_assert_eq(release_enter(w), 0);
	owner_share(w);
	call_end(w);
}

static uint64_t
id_of(const struct lk_owner *w)
{
	return shim_load(&w->id, SHIM_ACQUIRE);
}

Test(call, a_shared_owner_works_like_any_other)
{
	const struct lk_request many[] = { { "a", LK_X, 0, 0 }, { "db/b", LK_S, 0, 0 } };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g[2];
	lk_grant h;

	open_owners(m, w, 2);
	share(w[0]);
	h = take(w[0], "n", LK_S);
	is(lk_try_acquire(w[1], "n", LK_X, NULL), LK_E_BUSY);
	ok(lk_convert(w[0], h, LK_X, NULL));
	ok(lk_downgrade(w[0], h));
	ok(lk_acquire(w[0], "n", LK_S, NULL, &g[0]));
	ok(lk_release(w[0], g[0]));
	ok(lk_release(w[0], h));
	is(lk_release(w[0], h), LK_E_STALE);
	ok(lk_acquire_many(w[0], many, 2, NULL, g));
	cr_expect_eq(holds(w[0], "db"), LK_IS);
	ok(lk_release_many(w[0], g, 2, NULL));
	close_all(m, w, 2);
}

Test(call, an_owner_that_was_shared_is_plain_when_it_is_opened_again)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	share(w);
	cr_expect_neq(owner_enter(w), 0);
	owner_leave(w);
	ok(lk_owner_close(w));
	is(lk_owner_close(w), LK_E_STALE);
	open_owners(m, &w, 1);
	cr_expect_eq(owner_enter(w), 0);
	owner_leave(w);
	close_all(m, &w, 1);
}

Test(call, who_seizes_an_idle_owner_may_change_what_it_holds)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	share(w[0]);
	g = take(w[0], "n", LK_X);
	cr_assert(owner_seize(w[0], id_of(w[0])));
	release_undone(w[0], g);
	owner_moves(w[0]);
	latch_unlock(&w[0]->latch);
	is(lk_release(w[0], g), LK_E_STALE);
	ok(lk_try_acquire(w[1], "n", LK_X, NULL));
	cr_expect_not(owner_seize(w[0], id_of(w[0]) + OWNER_OPENING), "another opening");
	close_all(m, w, 2);
}

/* In a line, in those of a batch, or as a conversion: interrupted, a request begins anew. */
static void
wait_through_interrupts(struct lk_manager *m, struct lk_owner **w, struct asker *a,
			const char *name)
{
	for (int i = 0; i < 3; i++) {
		uint64_t before;

		wait_until(line(m, name) == 1);
		before = stats_of(m).waits;
		cr_assert_not(owner_seize(w[0], id_of(w[0])));
		wait_until(stats_of(m).waits > before);
	}
	cr_expect_not(is_answered(a));
	cr_expect_not(w[0]->is_due);
}

Test(call, who_seizes_an_owner_that_waits_interrupts_it)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct asker a;

	open_owners(m, w, 2);
	share(w[0]);
	take(w[1], "db/n", LK_X);
	ask(m, &a, w[0], "db/n", LK_S);
	wait_through_interrupts(m, w, &a, "db/n");
	ok(lk_release_all(w[1]));
	ok(answer(&a));
	cr_expect_eq(holds(w[0], "db/n"), LK_S);
	close_all(m, w, 2);
}

Test(call, a_conversion_that_is_interrupted_begins_anew)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct asker a;
	lk_grant g;

	open_owners(m, w, 2);
	share(w[0]);
	g = take(w[0], "n", LK_S);
	take(w[1], "n", LK_S);
	ask_convert(m, &a, w[0], g, LK_X);
	wait_through_interrupts(m, w, &a, "n");
	ok(lk_release_all(w[1]));
	ok(answer(&a));
	cr_expect_eq(holds(w[0], "n"), LK_X);
	close_all(m, w, 2);
}

struct batch_thread {
	struct asker asker; /* only to see whether it is answered */
	struct lk_owner *w;
};

static void *
take_batch(void *arg)
{
	const struct lk_request many[] = { { "a", LK_X, 0, 0 }, { "db/b", LK_X, 0, 0 } };
	struct batch_thread *b = arg;

	b->asker.rc = lk_acquire_many(b->w, many, 2, NULL, NULL);
	atomic_store(&b->asker.answered, true);
	return NULL;
}

Test(call, a_batch_that_is_interrupted_begins_anew)
{
	struct lk_manager *m = open_manager(NULL);
	struct batch_thread b = { .asker.rc = -1 };
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	share(w[0]);
	b.w = w[0];
	take(w[1], "db/b", LK_X);
	cr_assert_eq(pthread_create(&b.asker.thread, NULL, take_batch, &b), 0);
	wait_through_interrupts(m, w, &b.asker, "db/b");
	ok(lk_release_all(w[1]));
	ok(answer(&b.asker));
	cr_expect_eq(holds(w[0], "a"), LK_X);
	close_all(m, w, 2);
}

Test(call, an_interrupted_request_keeps_its_deadline)
{
	struct test_world world;
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 1000 };
	struct lk_manager *m;
	struct lk_owner *w[2];
	struct asker a;

	test_world_init(&world);
	world.manual = true;
	cfg.environment = &world.environment;
	ok(lk_open(NULL, &cfg, &m));
	open_owners(m, w, 2);
	share(w[0]);
	take(w[1], "n", LK_X);
	ask_with(m, &a, w[0], "n", LK_S, &o);
	test_world_advance(&world, 900);
	wait_through_interrupts(m, w, &a, "n");
	test_world_advance(&world, 100);
	is(answer(&a), LK_E_TIMEDOUT);
	close_all(m, w, 2);
}

Test(call, shutdown_ends_the_waits_of_shared_owners_and_takes_back_what_they_hold)
{
	struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct asker a;

	open_owners(m, w, 2);
	share(w[0]);
	share(w[1]);
	take(w[1], "n", LK_X);
	ask(m, &a, w[0], "n", LK_S);
	while (lk_shutdown(m, &now) != 0)
		;
	is(answer(&a), LK_E_CLOSED);
	is(lk_acquire(w[0], "o", LK_S, NULL, NULL), LK_E_CLOSED);
	close_all(m, w, 2);
}
