/* SPDX-License-Identifier: MIT */
/*
 * How long a process keeps what none of its threads has: in time that stands still but when it is told to go on, with timers that are
 * served when they are told to.  What it has is read in the record.
 */
#include <latchkey/store.h>
#include <latchkey/test_store.h>

#include "support.h"

#define SECOND UINT64_C(1000000000)

struct stage {
	struct test_world world;
	struct lk_manager *m[2];
	struct lk_owner *w[2];
};

static void
stage_open(struct stage *s, const char *linger)
{
	memset(s, 0, sizeof(*s));
	test_world_init(&s->world);
	s->world.manual = true;
	for (int i = 0; i < 2; i++) {
		char url[160];

		snprintf(url, sizeof(url),
			 "test:linger?as=%c&manual=1&ttl_ns=3600s&breaker_threshold=off&linger_ns=%"
			 "s",
			 'a' + i, linger);
		s->m[i] = open_with(url, NULL, &s->world);
		open_owners(s->m[i], &s->w[i], 1);
	}
}

static void
stage_close(struct stage *s)
{
	for (int i = 0; i < 2; i++)
		close_all(s->m[i], &s->w[i], 1);
}

/* All that is due in any of them, until nothing is: what one does may concern the other. */
static void
serve(struct stage *s)
{
	for (int i = 0; i < 8; i++)
		ok(lk_serve(s->m[i % 2], NULL));
}

static void
pass(struct stage *s, uint64_t ns)
{
	test_world_advance(&s->world, ns);
	serve(s);
}

static uint32_t
holders(struct stage *s, const char *name)
{
	struct lk_record_info info = { .size = sizeof(info) };

	ok(lk_record_info(s->m[0], name, strlen(name), &info));
	return info.holders;
}

static void
use(struct stage *s, int i, const char *name, lk_mode mode)
{
	lk_grant g;

	ok(lk_acquire(s->w[i], name, mode, NULL, &g));
	ok(lk_release(s->w[i], g));
}

/* The other one gives back what it does not use, as somebody asks: its timers are ours to serve. */
static void
use_from_other(struct stage *s, int i, const char *name)
{
	struct lk_queue *q;
	struct lk_completion c = { .size = sizeof(c) };

	ok(lk_queue_open(s->m[i], &q));
	ok(lk_submit(q, s->w[i], name, LK_X, NULL, NULL, NULL, NULL));
	for (int n = 0; lk_queue_reap(q, &c, 1) == 0; n++) {
		cr_assert_lt(n, 1000, "nobody gives it back");
		pass(s, SECOND / 10);
	}
	ok(c.code);
	ok(lk_release(s->w[i], c.grant));
	ok(lk_queue_close(q));
	serve(s);
}

Test(lingertime, what_nobody_uses_goes_back_by_itself)
{
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		struct stage s;

		stage_open(&s, "100s");
		use(&s, 0, "n", mode);
		for (int i = 0; i < 99; i++) {
			pass(&s, SECOND);
			cr_expect_eq(holders(&s, "n"), 1, "%s after %d s", mode_name(mode), i + 1);
		}
		for (int i = 0; i < 101; i++)
			pass(&s, SECOND);
		cr_expect_eq(holders(&s, "n"), 0, "%s", mode_name(mode));
		use(&s, 0, "n", mode);
		cr_expect_eq(holders(&s, "n"), 1);
		stage_close(&s);
	}
}

/* Each use begins the time anew, and needs no store. */
Test(lingertime, what_is_used_stays)
{
	struct lk_test_faults cut = { .size = sizeof(cut), .flags = LK_TEST_PARTITIONED };
	struct stage s;

	stage_open(&s, "100s");
	use(&s, 0, "n", LK_X);
	ok(lk_test_store_faults("linger", "a", &cut));
	for (int i = 0; i < 30; i++) {
		for (int k = 0; k < 99; k++) {
			test_world_advance(&s.world, SECOND);
			ok(lk_serve(s.m[0], NULL));
		}
		use(&s, 0, "n", i % 2 == 0 ? LK_X : LK_S);
	}
	cut.flags = 0;
	ok(lk_test_store_faults("linger", "a", &cut));
	cr_expect_eq(holders(&s, "n"), 1);
	for (int i = 0; i < 201; i++)
		pass(&s, SECOND);
	cr_expect_eq(holders(&s, "n"), 0);
	stage_close(&s);
}

Test(lingertime, what_is_held_stays)
{
	struct stage s;
	lk_grant g;

	stage_open(&s, "100s");
	ok(lk_acquire(s.w[0], "n", LK_S, NULL, &g));
	for (int i = 0; i < 500; i++)
		pass(&s, SECOND);
	ok(lk_check(s.w[0], g));
	ok(lk_release(s.w[0], g));
	for (int i = 0; i < 99; i++)
		pass(&s, SECOND);
	cr_expect_eq(holders(&s, "n"), 1, "the time begins with the end of the last use");
	for (int i = 0; i < 102; i++)
		pass(&s, SECOND);
	cr_expect_eq(holders(&s, "n"), 0);
	stage_close(&s);
}

/* What dozes is there for others at once, and for a try of ours. */
Test(lingertime, what_dozes_is_given_back_when_asked_for, .timeout = 60)
{
	struct stage s;

	stage_open(&s, "100s");
	use(&s, 0, "n", LK_X);
	for (int i = 0; i < 150; i++)
		pass(&s, SECOND);
	cr_expect_eq(holders(&s, "n"), 1);
	use_from_other(&s, 1, "n");
	use_from_other(&s, 0, "n");
	for (int i = 0; i < 150; i++)
		pass(&s, SECOND);
	ok(lk_release(s.w[0], take(s.w[0], "n", LK_X)));
	stage_close(&s);
}

Test(lingertime, is_changed_while_names_are_there)
{
	struct stage s;

	stage_open(&s, "0");
	use(&s, 0, "n", LK_X);
	for (int i = 0; i < 300; i++)
		pass(&s, SECOND);
	cr_expect_eq(holders(&s, "n"), 1, "until it is asked for");
	ok(lk_config_set(s.m[0], "linger_ns", "10s", NULL, 0));
	for (int i = 0; i < 9; i++)
		pass(&s, SECOND);
	cr_expect_eq(holders(&s, "n"), 1);
	for (int i = 0; i < 12; i++)
		pass(&s, SECOND);
	cr_expect_eq(holders(&s, "n"), 0);
	use(&s, 0, "n", LK_X);
	for (int i = 0; i < 15; i++) /* it dozes */
		pass(&s, SECOND);
	ok(lk_config_set(s.m[0], "linger_ns", "default", NULL, 0));
	for (int i = 0; i < 300; i++)
		pass(&s, SECOND);
	cr_expect_eq(holders(&s, "n"), 1, "until it is asked for");
	use(&s, 0, "n", LK_X);
	ok(lk_config_set(s.m[0], "linger_ns", "off", NULL, 0));
	serve(&s);
	cr_expect_eq(holders(&s, "n"), 0, "not at all");
	use(&s, 0, "n", LK_X);
	serve(&s);
	cr_expect_eq(holders(&s, "n"), 0, "not at all");
	ok(lk_config_set(s.m[0], "linger_ns", "1000s", NULL, 0));
	use(&s, 0, "n", LK_X);
	pass(&s, SECOND);
	cr_expect_eq(holders(&s, "n"), 1);
	stage_close(&s);
}

/* The session ends while it dozes. */
Test(lingertime, what_dozes_can_be_lost)
{
	struct stage s;
	lk_grant g;

	stage_open(&s, "100s");
	use(&s, 0, "n", LK_X);
	for (int i = 0; i < 150; i++)
		pass(&s, SECOND);
	test_world_advance(&s.world, 4000 * SECOND);
	use(&s, 1, "n", LK_X);
	for (int i = 0; i < 250; i++)
		pass(&s, SECOND);
	ok(lk_acquire(s.w[0], "n", LK_X, NULL, &g));
	ok(lk_check(s.w[0], g));
	ok(lk_release(s.w[0], g));
	stage_close(&s);
}

/*
 * A name that goes to and fro is not kept after a while, so nobody has to ask for it; and is again when the other one does not
 * come any more.
 */
Test(lingertime, what_others_ask_for_again_and_again_goes_back_by_itself, .timeout = 60)
{
	struct stage s;
	int kept;

	stage_open(&s, "0");
	for (int i = 0; i < 6; i++)
		use_from_other(&s, i % 2, "n");
	use_from_other(&s, 0, "n");
	cr_expect_eq(holders(&s, "n"), 0, "it goes to and fro");
	use(&s, 1, "n", LK_X); /* without the other one's doing */
	serve(&s);
	cr_expect_eq(holders(&s, "n"), 0, "it goes to and fro");
	for (kept = 0; holders(&s, "n") == 0; kept++) {
		cr_assert_lt(kept, 20, "nobody comes, and it is not kept");
		use(&s, 0, "n", LK_X);
		serve(&s);
	}
	cr_expect_gt(kept, 1, "it was kept at once");
	use(&s, 0, "other", LK_X);
	serve(&s);
	cr_expect_eq(holders(&s, "other"), 1, "a name of its own");
	stage_close(&s);
}

/* One that is used here many times between two uses of others is worth keeping. */
Test(lingertime, what_is_mostly_ours_is_kept, .timeout = 60)
{
	struct stage s;

	stage_open(&s, "0");
	for (int i = 0; i < 20; i++) {
		use_from_other(&s, 0, "n");
		for (int k = 0; k < 4; k++)
			use(&s, 0, "n", LK_X);
		serve(&s);
		cr_expect_eq(holders(&s, "n"), 1, "round %d", i);
		use_from_other(&s, 1, "n");
	}
	stage_close(&s);
}
