/* SPDX-License-Identifier: MIT */
/* The server's wall clock is set: its times to live follow it, ours do not. */
#include "stage.h"

#define SECOND INT64_C(1000000000)
#define HALF   (1800 * SECOND)

enum { HOUR_S = 3600 };

static uint64_t
time_of(struct lk_store *s)
{
	uint64_t ns, clock;

	ok(s->ops->now(s, &ns, &clock, NEVER));
	return ns;
}

static long long
left_ms(struct stage *g, const struct lk_session_id *id)
{
	return server_do(&g->server, "PTTL {latchkey}s%b", id->bytes, sizeof(id->bytes));
}

/* It is as if an hour had passed there. */
Test(clocks, set_forward_end_sessions_and_that_is_told, .timeout = 60)
{
	const struct lk_session_id id = session_id(1), next = session_id(2);
	struct lk_store *s;
	struct stage g;
	uint64_t before;

	stage_make_shifted(&g);
	s = store_open(g.url);
	before = time_of(s);
	ok(s->ops->session_open(s, &id, HALF, "me", NEVER));
	ok(count(s, "n", NEVER));
	server_shift(&g.server, HOUR_S);
	wait_until(s->ops->session_renew(s, &id, NEVER) == LK_E_LOST);
	cr_assert(!is_alive(s, &id));
	ok(s->ops->session_open(s, &next, HALF, "next", NEVER));
	ok(count(s, "n", NEVER));
	wait_until(time_of(s) - before > HOUR_S * (uint64_t)SECOND);
	server_shift(&g.server, 0);
	ok(s->ops->session_renew(s, &next, NEVER));
	lk_store_close(s);
	stage_remove(&g);
}

/* Nobody is dead before his time, and who renews has the time that he asked for, not an hour more. */
Test(clocks, set_back_end_nothing, .timeout = 60)
{
	const struct lk_session_id id = session_id(1);
	struct lk_store *s;
	struct stage g;
	uint64_t before;

	stage_make_shifted(&g);
	s = store_open(g.url);
	ok(s->ops->session_open(s, &id, HALF, "me", NEVER));
	before = time_of(s);
	server_shift(&g.server, -HOUR_S);
	wait_until(left_ms(&g, &id) > (HOUR_S + 1000) * 1000);
	ok(s->ops->session_renew(s, &id, NEVER));
	cr_assert_le(left_ms(&g, &id), HALF / 1000000);
	cr_assert(is_alive(s, &id));
	for (int i = 0; i < 20; i++) {
		const uint64_t now = time_of(s);

		cr_assert_ge(now, before, "the store's clock went back");
		before = now;
		ok(count(s, "n", NEVER));
	}
	lk_store_close(s);
	stage_remove(&g);
}

/* A holder is told that he has lost it, whatever the clock says there, and the next fence is above his. */
Test(clocks, set_to_and_fro_lose_locks_only_with_notice, .timeout = 120)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = 25 * SECOND };
	struct lk_manager *m[2];
	struct lk_owner *w[2];
	struct stage g;
	lk_grant grant[2];
	uint64_t fence;
	char url[300];
	int rc;

	stage_make_shifted(&g);
	snprintf(url, sizeof(url), "%s&ttl_ns=6s", g.url);
	for (int i = 0; i < 2; i++) {
		ok(lk_open(url, NULL, &m[i]));
		ok(lk_owner_open(m[i], NULL, &w[i]));
	}
	wait_until(lk_acquire(w[0], "a", LK_X, &o, &grant[0]) == 0);
	fence = lk_fence(w[0], grant[0]);
	cr_assert_gt(fence, 0);
	server_shift(&g.server, -HOUR_S); /* his session would live for an hour there … */
	server_shift(&g.server, HOUR_S);  /* … and is over now */
	wait_until(lk_check(w[0], grant[0]) == LK_E_LOST);
	is(lk_release(w[0], grant[0]), LK_E_LOST);
	wait_until(lk_acquire(w[1], "a", LK_X, &o, &grant[1]) == 0);
	cr_assert_gt(lk_fence(w[1], grant[1]), fence);
	rc = lk_release(w[1], grant[1]);
	cr_assert(rc == 0 || rc == LK_E_LOST); /* the machine may be slow */
	for (int i = 0; i < 2; i++) {
		ok(lk_owner_close(w[i]));
		ok(lk_close(m[i]));
	}
	stage_remove(&g);
}
