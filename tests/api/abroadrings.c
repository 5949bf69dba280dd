/* SPDX-License-Identifier: MIT */
/*
 * Rings of waiters through several processes: here managers of one store "test:", each with its part of the ring.  Nobody has a
 * deadline, so each ring that is not found is a test that does not end.
 */
#include <latchkey/deadlock.h>
#include <latchkey/store.h>
#include <latchkey/test_store.h>

#include "support.h"

enum { SIDES = 4 };

/* So many managers, with two owners each. */
struct circle {
	int n;
	struct lk_manager *m[SIDES];
	struct lk_owner *w[SIDES][2];
	struct asker a[SIDES];
};

static void
circle_open(struct circle *c, int n, const char *parameters)
{
	c->n = n;
	for (int i = 0; i < n; i++) {
		char url[128];

		snprintf(url, sizeof(url), "test:circle?as=%c%s", 'a' + i, parameters);
		c->m[i] = open_manager(url);
		open_owners(c->m[i], c->w[i], 2);
	}
}

static void
circle_close(struct circle *c)
{
	for (int i = 0; i < c->n; i++)
		close_all(c->m[i], c->w[i], 2);
}

static const char *
name_of(int i)
{
	static const char *const name[] = { "apple", "bear", "cherry", "dog" };

	return name[i];
}

static uint64_t
deadlocks(const struct circle *c)
{
	uint64_t n = 0;

	for (int i = 0; i < c->n; i++)
		n += stats_of(c->m[i]).deadlocks;
	return n;
}

/* Each has its own name, and asks for the next one's: exactly one is refused, then the others get what they want. */
static int
turn(struct circle *c, struct lk_owner *w[])
{
	bool is_over[SIDES] = { false };
	int victim = -1;

	for (int i = 0; i < c->n; i++)
		ok(lk_acquire(w[i], name_of(i), LK_X, NULL, NULL));
	for (int i = 0; i < c->n; i++) {
		c->a[i] = (struct asker){ .owner = w[i],
					  .name = name_of((i + 1) % c->n),
					  .mode = LK_X };
		asker_start(&c->a[i]);
	}
	for (int done = 0; done < c->n;) {
		for (int i = 0; i < c->n; i++) {
			int rc;

			if (is_over[i] || !is_answered(&c->a[i]))
				continue;
			rc = answer(&c->a[i]);
			if (rc != 0) {
				is(rc, LK_E_DEADLOCK);
				cr_assert_eq(victim, -1, "%d and %d were refused", victim, i);
				victim = i;
			}
			ok(lk_release_all(w[i]));
			is_over[i] = true;
			done++;
		}
		sched_yield();
	}
	cr_assert_neq(victim, -1);
	return victim;
}

static void
play_on(struct circle *c)
{
	for (int i = 0; i < 3; i++) {
		struct lk_owner *w[SIDES];

		for (int k = 0; k < c->n; k++)
			w[k] = c->w[k][i % 2];
		(void)turn(c, w);
		cr_assert_eq(deadlocks(c), (uint64_t)i + 1);
	}
	circle_close(c);
}

static void
play(int n, const char *parameters)
{
	struct circle c;

	circle_open(&c, n, parameters);
	play_on(&c);
}

Test(abroadrings, one_of_two_processes_is_refused)
{
	play(2, "");
}

Test(abroadrings, one_of_three_processes_is_refused)
{
	play(3, "");
}

Test(abroadrings, one_of_four_processes_is_refused)
{
	play(4, "");
}

Test(abroadrings, without_hints_too)
{
	const struct lk_test_faults f = { .size = sizeof(f), .hints_lost = 1000 };
	struct circle c;

	circle_open(&c, 3, "&poll_max_ns=20000000");
	for (int i = 0; i < 3; i++)
		ok(lk_test_store_faults("circle", (char[]){ (char)('a' + i), '\0' }, &f));
	play_on(&c);
}

Test(abroadrings, also_when_covers_are_not_kept)
{
	play(2, "&linger_ns=off");
}

/* Whose owner has the lowest priority; wherever it is, and whoever came first. */
Test(abroadrings, the_least_important_is_refused)
{
	struct circle c;

	circle_open(&c, 3, "");
	for (int i = 0; i < 3; i++) {
		const struct lk_owner_options low = { .size = sizeof(low), .priority = -1 };
		struct lk_owner *w[SIDES] = { c.w[0][0], c.w[1][0], c.w[2][0] };
		struct lk_owner *clerk;

		ok(lk_owner_open(c.m[i], &low, &clerk));
		w[i] = clerk;
		cr_assert_eq(turn(&c, w), i);
		ok(lk_owner_close(clerk));
	}
	circle_close(&c);
}

static int
copy_ring(void *arg, const struct lk_deadlock *d)
{
	*(struct lk_deadlock *)arg = *d;
	return 0;
}

Test(abroadrings, the_report_says_who_is_abroad)
{
	struct lk_deadlock d = { .n = 0 };
	const struct lk_deadlock_member *of = d.member;
	struct circle c;
	int victim;

	circle_open(&c, 2, "");
	victim = turn(&c, (struct lk_owner *[]){ c.w[0][0], c.w[1][0] });
	ok(lk_deadlock_each(c.m[victim], copy_ring, &d));
	cr_assert_eq(d.n, 2);
	cr_assert_eq(d.kept, 2);
	cr_assert_eq(d.victim, 0);
	cr_assert_eq(of[0].flags, LK_VICTIM);
	cr_assert_neq(of[0].owner_id, 0);
	cr_assert_gt(of[0].waited_ns, 0);
	cr_assert_eq(of[1].flags, LK_ABROAD);
	cr_assert_eq(of[1].owner_id, 0);
	for (int i = 0; i < 2; i++) {
		const char *name = name_of((victim + 1 + i) % 2);

		cr_assert_eq(of[i].name_len, strlen(name));
		cr_assert_eq(memcmp(of[i].name, name, strlen(name)), 0);
		cr_assert_eq(of[i].held, LK_NL);
		cr_assert_eq(of[i].wanted, LK_X);
		cr_assert_eq(of[i].blocked, LK_X);
		cr_assert_eq(of[i].n_grants, 1);
	}
	d.n = 0;
	ok(lk_deadlock_each(c.m[!victim], copy_ring, &d)); /* it was not his */
	cr_assert_eq(d.n, 0);
	circle_close(&c);
}

/* Here one waits for another, who waits abroad: who is waited for is not who waits. */
Test(abroadrings, through_several_owners_of_a_process)
{
	const struct lk_owner_options low = { .size = sizeof(low), .priority = -1 };
	struct lk_owner *clerk;
	struct circle c;
	struct asker a[3];

	circle_open(&c, 2, "");
	ok(lk_owner_open(c.m[1], &low, &clerk));
	ok(lk_acquire(c.w[0][0], "apple", LK_X, NULL, NULL));
	ok(lk_acquire(c.w[0][1], "bear", LK_S, NULL, NULL));
	ok(lk_acquire(clerk, "cherry", LK_U, NULL, NULL));
	ask(c.m[0], &a[0], c.w[0][0], "cherry", LK_X); /* abroad */
	ask(c.m[0], &a[1], c.w[0][1], "apple", LK_S);  /* here */
	ask(c.m[1], &a[2], clerk, "bear", LK_IX);      /* abroad, and the ring is there */
	is(answer(&a[2]), LK_E_DEADLOCK);
	ok(lk_release_all(clerk));
	ok(answer(&a[0]));
	ok(lk_release_all(c.w[0][0]));
	ok(answer(&a[1]));
	ok(lk_release_all(c.w[0][1]));
	ok(lk_owner_close(clerk));
	cr_assert_eq(deadlocks(&c), 1);
	circle_close(&c);
}

/* Of the same name others of this process have something too, which the other process does not wait for. */
Test(abroadrings, with_names_that_are_shared)
{
	struct circle c;
	struct asker a[2];
	int victim;

	circle_open(&c, 2, "");
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 2; k++)
			ok(lk_acquire(c.w[i][k], name_of(i), LK_IS, NULL, NULL));
		ok(lk_acquire(c.w[i][0], name_of(i), LK_IX, NULL, NULL));
	}
	for (int i = 0; i < 2; i++)
		ask(c.m[i], &a[i], c.w[i][0], name_of(!i), LK_S);
	wait_until(is_answered(&a[0]) || is_answered(&a[1]));
	victim = is_answered(&a[0]) ? 0 : 1;
	is(answer(&a[victim]), LK_E_DEADLOCK);
	ok(lk_release_all(c.w[victim][0]));
	ok(answer(&a[!victim]));
	ok(lk_release_all(c.w[!victim][0]));
	for (int i = 0; i < 2; i++)
		ok(lk_release_all(c.w[i][1]));
	circle_close(&c);
}

/* What the one holds is a name below what the other asks for; and one of them strengthens what he has. */
Test(abroadrings, on_paths_and_conversions)
{
	struct circle c;
	struct asker a[2];
	lk_grant g;
	int victim;

	circle_open(&c, 2, "");
	ok(lk_acquire(c.w[0][0], "db/orders/1", LK_X, NULL, NULL));
	ok(lk_acquire(c.w[0][0], "log", LK_S, NULL, &g));
	ok(lk_acquire(c.w[1][0], "log", LK_S, NULL, NULL));
	ask(c.m[1], &a[1], c.w[1][0], "db", LK_S);
	ask_convert(c.m[0], &a[0], c.w[0][0], g, LK_X);
	wait_until(is_answered(&a[0]) || is_answered(&a[1]));
	victim = is_answered(&a[0]) ? 0 : 1;
	is(answer(&a[victim]), LK_E_DEADLOCK);
	ok(lk_release_all(c.w[victim][0]));
	ok(answer(&a[!victim]));
	ok(lk_release_all(c.w[!victim][0]));
	circle_close(&c);
}

/* A request that no thread waits for, and a batch. */
Test(abroadrings, of_requests_of_all_kinds)
{
	const struct lk_owner_options low = { .size = sizeof(low), .priority = -1 };
	const struct lk_request r[] = { { "apple", LK_X, 0, 0 }, { "cherry", LK_X, 0, 0 } };
	struct lk_completion done = { .size = sizeof(done) };
	struct lk_owner *clerk;
	struct lk_queue *q;
	struct circle c;
	struct asker a;

	circle_open(&c, 2, "");
	ok(lk_queue_open(c.m[1], &q));
	ok(lk_owner_open(c.m[1], &low, &clerk));
	ok(lk_acquire(c.w[0][0], "apple", LK_X, NULL, NULL));
	ok(lk_acquire(clerk, "bear", LK_X, NULL, NULL));
	ask(c.m[0], &a, c.w[0][0], "bear", LK_X);
	for (int i = 0; i < 2; i++) {
		if (i == 0)
			ok(lk_submit(q, clerk, "apple", LK_X, NULL, NULL, NULL, NULL));
		else
			ok(lk_submit_many(q, clerk, r, 2, NULL, NULL, NULL, NULL, NULL));
		wait_until(lk_queue_reap(q, &done, 1) == 1);
		is(done.code, LK_E_DEADLOCK); /* and it still has its own, so it can do so again */
	}
	cr_assert(!is_answered(&a));
	ok(lk_release_all(clerk));
	ok(answer(&a));
	ok(lk_release_all(c.w[0][0]));
	ok(lk_owner_close(clerk));
	ok(lk_queue_close(q));
	circle_close(&c);
}

/* ------------------------------------------------------------------------ many at a time */

enum { ROUNDS = 40, NAMES = 4 };

struct crowd {
	struct circle c;
	bool in_order; /* so there are no rings */
	_Atomic uint64_t refused;
};

/* Two or three names, one after the other, without a deadline; who is refused gives back all. */
static void
one_round(struct crowd *crowd, struct lk_owner *w, uint64_t *chance)
{
	int name = (int)(test_random(chance) % NAMES);
	const int step = crowd->in_order ? 1 : 1 + (int)(test_random(chance) % (NAMES - 1));
	const int n = 2 + (int)(test_random(chance) % 2);
	int rc = 0;

	for (int i = 0; i < n && rc == 0; i++) {
		const lk_mode mode = test_random(chance) % 3 == 0 ? LK_S : LK_X;

		if (!crowd->in_order || name < NAMES)
			rc = lk_acquire(w, name_of(name % NAMES), mode, NULL, NULL);
		name += step;
	}
	if (rc != 0) {
		must(rc == LK_E_DEADLOCK || rc == LK_E_CONVERSION_DEADLOCK);
		atomic_fetch_add(&crowd->refused, 1);
	}
	must(lk_release_all(w) == 0);
}

static void
member(void *arg, unsigned index)
{
	struct crowd *crowd = arg;
	struct lk_owner *w = crowd->c.w[index % 3][index / 3];
	uint64_t chance = index + 1;

	for (int i = 0; i < ROUNDS; i++)
		one_round(crowd, w, &chance);
}

/* Whoever is in a ring is refused, and all the others go on: else this does not end. */
Test(abroadrings, a_crowd_without_deadlines_comes_to_its_end, .timeout = 120)
{
	struct crowd crowd = { .in_order = false };

	circle_open(&crowd.c, 3, "");
	test_threads(6, member, &crowd);
	cr_assert_le(deadlocks(&crowd.c), atomic_load(&crowd.refused));
	circle_close(&crowd.c);
}

/* Names in one order: there is no ring, so nobody is refused, however long some wait. */
Test(abroadrings, nobody_is_refused_without_a_ring, .timeout = 120)
{
	struct crowd crowd = { .in_order = true };

	circle_open(&crowd.c, 3, "&deadlock_delay_ns=100000");
	test_threads(6, member, &crowd);
	cr_assert_eq(atomic_load(&crowd.refused), 0);
	cr_assert_eq(deadlocks(&crowd.c), 0);
	circle_close(&crowd.c);
}
