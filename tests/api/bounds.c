/* SPDX-License-Identifier: MIT */
/* How much comes first in a process when another one waits for a name.  (BN1-BN4, Q12) */
#include <latchkey/test_store.h>

#include "support.h"

#include "passes.h"

#define SECOND UINT64_C(1000000000)

Test(bounds, say_who_comes_first, .timeout = 120)
{
	for (size_t i = 0; i < countof(passes_bounds); i++) {
		const struct passes_bound *bound = &passes_bounds[i];
		struct lk_manager *m[2];
		struct passes_rival b;

		for (int k = 0; k < 2; k++) {
			char url[120];

			snprintf(url, sizeof(url), "test:bounds?as=%c&%s", 'a' + k,
				 bound->parameters);
			m[k] = open_manager(url);
		}
		rival_begin(&b, m[1]);
		passes_play(m[0],
			    &(struct passes_other){ &b, rival_asks, rival_has_it, rival_gives },
			    bound->place, bound->first);
		rival_end(&b);
		ok(lk_close(m[0]));
	}
}

/* ------------------------------------------------------ where time stands still but when it is told to go on */

struct stage {
	struct test_world world;
	struct lk_manager *m[2];
	struct passes p;
	struct passes_rival b;
};

static void
stage_open(struct stage *s, const char *parameters)
{
	memset(s, 0, sizeof(*s));
	test_world_init(&s->world);
	s->world.manual = true;
	for (int i = 0; i < 2; i++) {
		char url[160];

		snprintf(url, sizeof(url), "test:bounds?as=%c&manual=1&ttl_ns=3600s&%s", 'a' + i,
			 parameters);
		s->m[i] = open_with(url, NULL, &s->world);
	}
	passes_begin(&s->p, s->m[0]);
	rival_begin(&s->b, s->m[1]);
}

/* All that is due, in both. */
static void
serve(struct stage *s)
{
	for (int i = 0; i < 8; i++)
		ok(lk_serve(s->m[i % 2], NULL));
}

static void
pass(struct stage *s, uint64_t ns)
{
	for (uint64_t left = ns; left != 0;) {
		const uint64_t step = left < SECOND / 10 ? left : SECOND / 10;

		test_world_advance(&s->world, step);
		serve(s);
		left -= step;
	}
}

/* The other one asks, and that is heard here. */
static void
is_heard(struct stage *s)
{
	rival_asks(&s->b);
	for (int i = 0; passes_place(&s->p) == 0; i++) {
		cr_assert_lt(i, 1000);
		pass(s, SECOND / 100);
	}
}

static void
stage_close(struct stage *s)
{
	for (int i = 0; !rival_has_it(&s->b); i++) {
		cr_assert_lt(i, 1000);
		pass(s, SECOND / 10);
		passes_serve(&s->p);
	}
	rival_gives(&s->b);
	for (int i = 0; s->p.had != s->p.asked; i++) {
		cr_assert_lt(i, 1000);
		pass(s, SECOND / 10);
		passes_serve(&s->p);
	}
	passes_end(&s->p);
	rival_end(&s->b);
	ok(lk_close(s->m[0]));
}

Test(bounds, by_time_from_when_it_is_heard)
{
	struct stage s;

	stage_open(&s, "max_cover_ns=10s");
	pass(&s, 20 * SECOND); /* nobody asks */
	for (int i = 0; i < 3; i++)
		passes_ask(&s.p, 0);
	is_heard(&s);
	pass(&s, 9 * SECOND);
	cr_expect_eq(passes_place(&s.p), 4);
	pass(&s, SECOND);
	cr_expect_eq(passes_place(&s.p), 1);
	passes_ask(&s.p, 100);
	cr_expect_eq(passes_place(&s.p), 1);
	ok(lk_release(s.p.holder, s.p.grant));
	serve(&s);
	passes_serve(&s.p);
	cr_expect_eq(s.p.had, 0);
	stage_close(&s);
}

/* While the manager is open, from the next time that somebody asks. */
Test(bounds, can_be_changed)
{
	struct stage s;

	stage_open(&s, "max_local_passes=1");
	ok(lk_config_set(s.m[0], "max_local_passes", "2", NULL, 0));
	ok(lk_config_set(s.m[0], "max_cover_ns", "10s", NULL, 0));
	for (int i = 0; i < 3; i++)
		passes_ask(&s.p, 0);
	is_heard(&s);
	cr_expect_eq(passes_place(&s.p), 3);
	pass(&s, 11 * SECOND);
	cr_expect_eq(passes_place(&s.p), 1);
	ok(lk_release(s.p.holder, s.p.grant));
	stage_close(&s);
}

/* It stands in the line from the beginning, and that counts for nothing until somebody asks. */
Test(bounds, do_not_bind_what_goes_early)
{
	struct stage s;

	stage_open(&s, "linger_ns=off&max_local_passes=1&max_cover_ns=3s");
	serve(&s);
	cr_assert_eq(passes_place(&s.p), 1);
	for (int i = 0; i < 3; i++)
		passes_ask(&s.p, 100);
	pass(&s, 20 * SECOND);
	cr_expect_eq(passes_place(&s.p), 4);
	rival_asks(&s.b);
	pass(&s, 2 * SECOND); /* it looks once a second */
	cr_expect_eq(passes_place(&s.p), 2);
	pass(&s, 5 * SECOND);
	cr_expect_eq(passes_place(&s.p), 1);
	ok(lk_release(s.p.holder, s.p.grant));
	stage_close(&s);
}

/* Who holds the name, and wants more of it, is not somebody who comes first: nobody could have it before. */
Test(bounds, let_go_first_who_has_it)
{
	struct lk_completion c = { .size = sizeof(c) };
	struct lk_owner *w[2];
	struct stage s;
	lk_grant g[2];

	stage_open(&s, "max_local_passes=1&max_cover_ns=1us");
	ok(lk_release(s.p.holder, s.p.grant));
	open_owners(s.m[0], w, 2);
	for (int i = 0; i < 2; i++)
		ok(lk_acquire(w[i], "n", LK_S, NULL, &g[i]));
	is_heard(&s);
	pass(&s, SECOND);
	cr_assert_eq(passes_place(&s.p), 1);
	ok(lk_submit_convert(s.p.queue, w[0], g[0], LK_X, NULL, NULL, NULL, NULL));
	pass(&s, SECOND);
	cr_expect_eq(passes_place(&s.p), 2);
	ok(lk_release(w[1], g[1]));
	cr_assert_eq(lk_queue_reap(s.p.queue, &c, 1), 1);
	ok(c.code);
	cr_expect(!rival_has_it(&s.b));
	ok(lk_release(w[0], g[0]));
	for (int i = 0; i < 2; i++)
		ok(lk_owner_close(w[i]));
	stage_close(&s);
}

/* A line that was open is closed: a lock that is given back goes to the head, and to nobody who comes just then. */
Test(bounds, close_the_line, .timeout = 60)
{
	struct lk_manager *m[2] = { open_manager("test:bounds?as=a&fair_after_ns=3600s&"
						 "spin_ns=off&max_local_passes=1"),
				    open_manager("test:bounds?as=b") };
	struct lk_owner *w[3];
	struct asker head;
	struct passes p;
	struct passes_rival b;
	lk_grant g;

	open_owners(m[0], w, 3);
	passes_begin(&p, m[0]);
	rival_begin(&b, m[1]);
	ask(m[0], &head, w[0], "n", LK_X);
	rival_asks(&b);
	wait_until(passes_place(&p) == 2);
	ok(lk_release(p.holder, p.grant));
	is(lk_try_acquire(w[1], "n", LK_X, NULL), LK_E_BUSY);
	g = granted(&head);
	is(lk_try_acquire(w[1], "n", LK_X, NULL), LK_E_BUSY);
	ok(lk_release(w[0], g));
	wait_until(rival_has_it(&b));
	rival_gives(&b);
	passes_end(&p);
	rival_end(&b);
	close_all(m[0], w, 3);
}
