/* SPDX-License-Identifier: MIT */
/* Detached grants without a store: they outlive their owner, not the manager.  (DG1, DG2) */
#include "lease_stage.h"

#define SECOND UINT64_C(1000000000)

static struct lk_options
leased(uint64_t lease_ns)
{
	return (struct lk_options){ .size = sizeof(struct lk_options),
				    .flags = LK_NOWAIT,
				    .lease_ns = lease_ns };
}

static void
detach(struct lk_manager *m, const char *name, lk_mode mode, char token[LK_TOKEN_MAX])
{
	const struct lk_options o = leased(SECOND);

	ok(lk_detach(m, name, mode, &o, token, LK_TOKEN_MAX));
}

Test(detach, is_held_until_its_token_gives_it_back)
{
	struct lk_token_info info = { .size = sizeof(info) };
	char token[LK_TOKEN_MAX];
	struct lease_stage s;
	lk_grant g;

	lease_stage_open(&s, "memory:");
	detach(s.m, "a/b", LK_X, token);
	is(lk_try_acquire(s.w[0], "a/b", LK_IS, &g), LK_E_BUSY);
	is(lk_try_acquire(s.w[0], "a", LK_S, &g), LK_E_BUSY);
	ok(lk_token_check(s.m, token));
	ok(lk_token_parse(token, &info));
	cr_expect_neq(info.fence, 0);
	ok(lk_token_release(s.m, token));
	is(lk_token_release(s.m, token), LK_E_STALE);
	is(lk_token_check(s.m, token), LK_E_STALE);
	ok(lk_release(s.w[0], take(s.w[0], "a", LK_X)));
	lease_stage_close(&s);
}

Test(detach, ends_with_its_lease_unless_it_is_renewed)
{
	char token[LK_TOKEN_MAX];
	struct lease_stage s;

	lease_stage_open(&s, "memory:");
	detach(s.m, "n", LK_S, token);
	pass(&s, SECOND - 1);
	ok(lk_token_renew(s.m, token, 0));
	pass(&s, SECOND - 1);
	is(lk_token_check(s.m, token), LK_E_SUSPECT);
	ok(lk_token_renew(s.m, token, 2 * SECOND));
	pass(&s, 2 * SECOND - 1);
	is(lk_try_acquire(s.w[0], "n", LK_X, NULL), LK_E_BUSY);
	pass(&s, 1);
	is(lk_token_renew(s.m, token, 0), LK_E_LOST);
	is(lk_token_release(s.m, token), LK_E_LOST);
	is(lk_token_release(s.m, token), LK_E_STALE);
	ok(lk_release(s.w[0], take(s.w[0], "n", LK_X)));
	lease_stage_close(&s);
}

/* It is another name than that of the same bytes. */
Test(detach, a_name_that_is_a_number)
{
	const uint64_t id = UINT64_C(0x3131313131313131);
	const struct lk_options o = leased(SECOND);
	char token[LK_TOKEN_MAX];
	struct lease_stage s;

	lease_stage_open(&s, "memory:");
	ok(lk_detach_id(s.m, id, LK_X, &o, token, sizeof(token)));
	is(lk_acquire_id(s.w[0], id, LK_IS, &o, NULL), LK_E_BUSY);
	ok(lk_release(s.w[0], take(s.w[0], "11111111", LK_X)));
	ok(lk_token_check(s.m, token));
	ok(lk_token_release(s.m, token));
	ok(lk_acquire_id(s.w[0], id, LK_X, &o, NULL));
	is(lk_detach_id(s.m, id, LK_S, &o, token, sizeof(token)), LK_E_BUSY);
	cr_expect_str_eq(token, "");
	is(lk_detach_id(s.m, id, LK_S, NULL, token, sizeof(token)), LK_E_INVAL);
	is(lk_detach_id(NULL, id, LK_S, &o, token, sizeof(token)), LK_E_INVAL);
	lease_stage_close(&s);
}

Test(detach, a_manager_that_closes_ends_it)
{
	char token[LK_TOKEN_MAX];
	struct lease_stage s;

	lease_stage_open(&s, "memory:");
	for (int i = 0; i < 10; i++)
		detach(s.m, "n", LK_S, token);
	lease_stage_close(&s);
}

/* However many there were, there is not much left of them.  (DG2) */
Test(detach, what_is_over_takes_no_memory)
{
	char token[LK_TOKEN_MAX];
	struct lease_stage s;
	uint64_t owners;

	lease_stage_open(&s, "memory:");
	for (int i = 0; i < 100; i++) {
		detach(s.m, "n", LK_X, token);
		if (i % 2 == 0)
			ok(lk_token_release(s.m, token));
		else
			pass(&s, SECOND);
	}
	owners = atomic_load(&s.heap.bytes);
	for (int i = 0; i < 1000; i++) {
		detach(s.m, "n", LK_X, token);
		ok(lk_token_release(s.m, token));
	}
	cr_expect_eq(atomic_load(&s.heap.bytes), owners);
	lease_stage_close(&s);
}

Test(detach, needs_a_lease_and_nothing_else)
{
	struct lk_report report = { .size = sizeof(report) };
	char token[LK_TOKEN_MAX] = "x";
	struct lk_options o = { .size = sizeof(o) };
	struct lease_stage s;

	lease_stage_open(&s, "memory:");
	is(lk_detach(s.m, "n", LK_X, &o, token, sizeof(token)), LK_E_INVAL);
	cr_expect_str_eq(token, "");
	is(lk_detach(s.m, "n", LK_X, NULL, token, sizeof(token)), LK_E_INVAL);
	o.lease_ns = LK_OFF;
	is(lk_detach(s.m, "n", LK_X, &o, token, sizeof(token)), LK_E_INVAL);
	o.lease_ns = SECOND;
	is(lk_detach(s.m, "n", LK_NL, &o, token, sizeof(token)), LK_E_INVAL);
	is(lk_detach(s.m, "n", LK_X, &o, token, sizeof(token) - 1), LK_E_INVAL);
	is(lk_detach(s.m, "n", LK_X, &o, NULL, sizeof(token)), LK_E_INVAL);
	is(lk_detach(s.m, NULL, LK_X, &o, token, sizeof(token)), LK_E_INVAL);
	is(lk_detach(NULL, "n", LK_X, &o, token, sizeof(token)), LK_E_INVAL);
	is(lk_detach(s.m, "", LK_X, &o, token, sizeof(token)), LK_E_NAME);
	o.flags = LK_RENEW;
	is(lk_detach(s.m, "n", LK_X, &o, token, sizeof(token)), LK_E_UNSUPPORTED);
	o.flags = 0;
	o.max_hold_ns = SECOND;
	is(lk_detach(s.m, "n", LK_X, &o, token, sizeof(token)), LK_E_UNSUPPORTED);
	o.max_hold_ns = 0;
	o.report = &report;
	is(lk_detach(s.m, "n", LK_X, &o, token, sizeof(token)), LK_E_UNSUPPORTED);
	o.report = NULL;
	detach(s.m, "n", LK_X, token);
	o.flags = LK_NOWAIT;
	is(lk_detach(s.m, "n", LK_S, &o, token, sizeof(token)), LK_E_BUSY);
	ok(lk_shutdown(s.m, &(struct lk_options){ .size = sizeof(o), .flags = LK_NOWAIT }));
	is(lk_detach(s.m, "m", LK_S, &o, token, sizeof(token)), LK_E_CLOSED);
	lease_stage_close(&s);
}

Test(detach, takes_the_lease_of_the_manager)
{
	const struct lk_options o = { .size = sizeof(o) };
	char token[LK_TOKEN_MAX];
	struct lease_stage s;

	lease_stage_open(&s, "memory:?lease_ns=1s");
	ok(lk_detach_bytes(s.m, "a\0b", 3, LK_X, &o, token, sizeof(token)));
	is(lk_detach_bytes(s.m, "a\0b", 3, LK_S,
			   &(struct lk_options){ .size = sizeof(o), .flags = LK_NOWAIT }, token,
			   sizeof(token)),
	   LK_E_BUSY);
	pass(&s, SECOND);
	ok(lk_detach_bytes(s.m, "a\0b", 3, LK_X, &o, token, sizeof(token)));
	lease_stage_close(&s);
}

Test(detach, without_memory)
{
	char token[LK_TOKEN_MAX];
	struct lease_stage s;
	int rc = LK_E_NOMEM;

	for (uint32_t at = 1; rc != 0; at++) {
		const struct lk_options o = leased(SECOND);

		lease_stage_open(&s, "memory:");
		test_heap_fail(&s.heap, at, false);
		rc = lk_detach(s.m, "a/b", LK_X, &o, token, sizeof(token));
		test_heap_fail(&s.heap, 0, false);
		if (rc != 0) {
			is(rc, LK_E_NOMEM);
			cr_expect_str_eq(token, "");
			ok(lk_release(s.w[0], take(s.w[0], "a", LK_X)));
		}
		lease_stage_close(&s);
	}
}

/* What a token of a store says is nothing here. */
Test(detach, a_token_of_a_store_is_stale_here)
{
	static const char token[] =
		"lk2-0000000000000001-0000000000000002-0000000000000003-0000000000000004";
	struct lk_token_info info = { .size = sizeof(info) };
	struct lease_stage s;

	lease_stage_open(&s, "memory:");
	is(lk_token_check(s.m, token), LK_E_STALE);
	is(lk_token_renew(s.m, token, 0), LK_E_STALE);
	is(lk_token_release(s.m, token), LK_E_STALE);
	ok(lk_token_parse(token, &info));
	cr_expect(info.fence == 1 && info.owner_id == 0 && info.grant == 0);
	lease_stage_close(&s);
}
