/* SPDX-License-Identifier: MIT */
/* lk_deescalate(): what is implied is locked by itself again, without a wait. */
#include "escalate.h"
#include "state.h"

#define URL "memory:?escalate_after=16"

static int
deescalate(struct lk_owner *w, const char *name)
{
	return lk_deescalate(w, name, strlen(name));
}

Test(deescalate, what_was_escalated_is_locked_by_itself_again)
{
	static const lk_mode modes[] = { LK_S, LK_X };
	struct lk_manager *m = open_manager(URL);
	static struct state before, after;
	struct lk_owner *w[2];
	lk_grant g[MANY];

	open_owners(m, w, 2);
	for (size_t k = 0; k < countof(modes); k++) {
		uint64_t fence;

		take_range(w[0], "d/t", 0, AFTER, modes[k], g);
		state_read(&before, m, w, 2);
		fence = lk_fence(w[0], g[3]);
		take_range(w[0], "d/t", AFTER, AFTER + 1, modes[k], g);
		ok(lk_release(w[0], g[AFTER]));
		cr_expect(is_held_in(m, "d/t", modes[k]));
		is(deescalate(w[0], "d/t"), AFTER);
		state_read(&after, m, w, 2);
		state_same(&before, &after, "de-escalated");
		cr_expect_eq(lk_fence(w[0], g[3]), fence);
		cr_expect(is_open_to(w[1], "d/t/new", LK_X));
		is(deescalate(w[0], "d/t"), 0);
		ok(lk_release_all(w[0]));
		cr_expect_eq(stats_of(m).holds, 0);
	}
	close_all(m, w, 2);
}

/* By a grant of the owner's own, which stays; in all modes, by hand. */
Test(deescalate, what_a_grant_covers_is_locked_by_itself_too)
{
	static const struct {
		lk_mode cover, leaf, above;
	} rows[] = {
		{ LK_S, LK_IS, LK_S },    { LK_S, LK_S, LK_S },   { LK_U, LK_S, LK_U },
		{ LK_SIX, LK_S, LK_SIX }, { LK_X, LK_IS, LK_X },  { LK_X, LK_IX, LK_X },
		{ LK_X, LK_S, LK_X },     { LK_X, LK_SIX, LK_X }, { LK_X, LK_U, LK_X },
		{ LK_X, LK_X, LK_X },
	};
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (size_t i = 0; i < countof(rows); i++) {
		const bool reads = rows[i].leaf == LK_IS || rows[i].leaf == LK_S;
		lk_grant cover = take(w, "t", rows[i].cover);
		lk_grant leaf = take(w, "t/m/l", rows[i].leaf);
		lk_grant again = take(w, "t/m/l", LK_IS);

		cr_expect(is_implied(w, leaf));
		is(deescalate(w, "t"), 2);
		cr_expect(!is_implied(w, leaf));
		cr_expect(!is_implied(w, again));
		cr_expect(is_held_in(m, "t/m/l", rows[i].leaf), "row %zu", i);
		cr_expect(is_held_in(m, "t/m", reads ? LK_IS : LK_IX), "row %zu", i);
		cr_expect(is_held_in(m, "t", rows[i].above), "row %zu", i);
		ok(lk_release(w, cover));
		cr_expect(is_held_in(m, "t", reads ? LK_IS : LK_IX), "row %zu", i);
		ok(lk_release(w, leaf));
		ok(lk_release(w, again));
		cr_expect_eq(stats_of(m).holds, 0);
	}
	close_all(m, &w, 1);
}

/* The one covers the other no more, once both are locked by themselves. */
Test(deescalate, a_grant_below_another)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant t, a, b;

	open_owners(m, &w, 1);
	for (int order = 0; order < 2; order++) {
		t = take(w, "t", LK_X);
		a = take(w, order != 0 ? "t/a" : "t/a/b", LK_S);
		b = take(w, order != 0 ? "t/a/b" : "t/a", LK_X);
		is(deescalate(w, "t"), 2);
		cr_expect(is_held_in(m, "t/a", order != 0 ? LK_SIX : LK_X));
		cr_expect(is_held_in(m, "t/a/b", order != 0 ? LK_X : LK_S));
		ok(lk_release(w, t));
		cr_expect(is_held_in(m, "t", LK_IX));
		ok(lk_release(w, order != 0 ? b : a));
		ok(lk_release(w, order != 0 ? a : b));
		cr_expect_eq(stats_of(m).holds, 0);
	}
	close_all(m, &w, 1);
}

/* A batch waits in all its lines: it wants what is implied, and is the oldest, so it keeps others out of them. */
Test(deescalate, those_who_wait_are_not_in_the_way)
{
	struct lk_manager *m = open_manager("memory:?strict=1&deadlock_delay_ns=off");
	const struct lk_request r[] = { { .name = "t/a", .mode = LK_X },
					{ .name = "t/b", .mode = LK_X } };
	struct lk_queue *q;
	struct lk_owner *w[2];
	struct lk_completion c = { .size = sizeof(c) };
	lk_grant own, a;

	open_owners(m, w, 2);
	ok(lk_queue_open(m, &q));
	own = take(w[0], "t", LK_S);
	a = take(w[0], "t/a", LK_S);
	ok(lk_submit_many(q, w[1], r, countof(r), NULL, NULL, NULL, NULL, NULL));
	wait_until(line(m, "t/a") == 1);
	is(deescalate(w[0], "t"), 1);
	cr_expect(is_held_in(m, "t/a", LK_S));
	ok(lk_release(w[0], own));
	is(lk_queue_reap(q, &c, 1), 0);
	ok(lk_release(w[0], a));
	wait_until(lk_queue_reap(q, &c, 1) == 1);
	is(c.code, 0);
	close_owners(w, 2);
	ok(lk_queue_close(q));
	ok(lk_close(m));
}

Test(deescalate, others_come_in_as_soon_as_it_is_done)
{
	struct lk_manager *m = open_manager(URL);
	struct lk_owner *w[2];
	struct asker a;
	lk_grant g[MANY];

	open_owners(m, w, 2);
	take_range(w[0], "t", 0, AFTER + 1, LK_X, g);
	ask(m, &a, w[1], "t/other", LK_X);
	cr_expect(!is_answered(&a));
	is(deescalate(w[0], "t"), AFTER + 1);
	ok(answer(&a));
	cr_expect_eq(holders(m, "t", LK_IX), 2);
	close_all(m, w, 2);
}

/* It is what the owner wanted: the next attempt comes a quarter later, here or above. */
Test(deescalate, it_is_not_undone_by_the_next_lock)
{
	struct lk_manager *m = open_manager(URL);
	struct lk_owner *w;
	lk_grant g[MANY];

	open_owners(m, &w, 1);
	take_range(w, "d/t", 0, AFTER + 1, LK_X, g);
	is(deescalate(w, "d/t"), AFTER + 1);
	take_range(w, "d/t", AFTER + 1, AFTER + 4, LK_X, g);
	cr_expect_eq(escalations(m) + refused(m), 1);
	cr_expect(is_held_in(m, "d/t", LK_IX));
	take_range(w, "d/t", AFTER + 4, AFTER + 5, LK_X, g);
	cr_expect_eq(escalations(m), 2);
	cr_expect(is_held_in(m, "d/t", LK_X));
	cr_expect(is_held_in(m, "d", LK_IX));
	close_all(m, &w, 1);
}

Test(deescalate, what_is_no_cover_has_nothing_to_give_back)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	take(w[0], "t", LK_X);
	take(w[0], "t/a", LK_X); /* implied, and covers nothing */
	take(w[0], "flat", LK_X);
	take(w[1], "u", LK_S);
	is(deescalate(w[0], "t/a"), 0);
	is(deescalate(w[0], "flat"), 0);
	is(deescalate(w[1], "u"), 0);
	is(deescalate(w[0], "u"), LK_E_STALE);
	is(deescalate(w[0], "nowhere"), LK_E_STALE);
	is(lk_deescalate(w[0], "", 0), LK_E_NAME);
	is(lk_deescalate(w[0], NULL, 1), LK_E_INVAL);
	is(lk_deescalate(NULL, "t", 1), LK_E_INVAL);
	ok(lk_shutdown(m, &(struct lk_options){ .size = sizeof(struct lk_options),
						.flags = LK_NOWAIT }));
	is(deescalate(w[0], "t"), LK_E_CLOSED);
	close_all(m, w, 2);
}

/* Names between, that are held by nobody but for what is below them, take memory. */
Test(deescalate, without_memory_nothing_changes)
{
	static struct state before, after;
	int rc = LK_E_NOMEM;

	for (uint64_t nth = 1; rc == LK_E_NOMEM; nth++) {
		struct test_heap heap;
		struct lk_manager *m;
		struct lk_owner *w;

		test_heap_init(&heap);
		m = open_with("memory:?sample_every=off", &heap, NULL);
		open_owners(m, &w, 1);
		take(w, "t", LK_X);
		for (int i = 0; i < 40; i++) {
			char name[64];

			snprintf(name, sizeof(name), "t/%d/%d/%d", i % 20, i, i);
			take(w, name, i % 3 == 0 ? LK_X : LK_S);
		}
		state_read(&before, m, &w, 1);
		test_heap_fail(&heap, nth, true);
		rc = deescalate(w, "t");
		test_heap_fail(&heap, 0, false);
		state_read(&after, m, &w, 1);
		if (rc == LK_E_NOMEM)
			state_same(&before, &after, "de-escalated");
		else
			cr_expect_eq(rc, 40);
		cr_expect(nth > 1 || rc == LK_E_NOMEM);
		ok(lk_release_all(w));
		cr_expect_eq(stats_of(m).holds, 0);
		close_all(m, &w, 1);
		cr_expect_eq(atomic_load(&heap.blocks), 0);
	}
}
