/* SPDX-License-Identifier: MIT */
/* Holds that are ended by force. */
#include "stores.h"

Test(broken, a_hold_of_another_process_ends)
{
	struct lk_break out = { .size = sizeof(out) };
	struct lk_grant_info info = { .size = sizeof(info) };
	struct pair p;
	uint64_t fence;
	lk_grant g, h;

	pair_open(&p, "&poll_max_ns=10ms");
	g = get(p.w[0], "n", LK_X);
	fence = lk_fence(p.w[0], g);
	ok(lk_break(p.m[1], "n", 1, NULL, &out));
	cr_expect_eq(out.n, 1);
	cr_expect_gt(out.fence, fence);
	h = get(p.w[1], "n", LK_X);
	cr_expect_gt(lk_fence(p.w[1], h), out.fence);
	ok(lk_grant_info(p.w[1], h, &info));
	cr_expect_eq(info.flags & LK_OWNER_DIED, LK_OWNER_DIED);
	wait_until(lk_check(p.w[0], g) == LK_E_LOST);
	is(lk_release(p.w[0], g), LK_E_LOST);
	ok(lk_check(p.w[1], h));
	give(p.w[1], h);
	give(p.w[0], get(p.w[0], "n", LK_X)); /* it may have it again */
	pair_close(&p);
}

Test(broken, a_hold_of_our_own_ends)
{
	struct pair p;
	lk_grant g;

	pair_open(&p, "");
	g = get(p.w[0], "a/b", LK_S);
	ok(lk_break(p.m[0], "a/b", 3, NULL, NULL));
	wait_until(lk_check(p.w[0], g) == LK_E_LOST);
	is(lk_release(p.w[0], g), LK_E_LOST);
	get(p.w[1], "a/b", LK_X);
	pair_close(&p);
}

struct found {
	struct lk_session_id ours;
	struct lk_session_id other;
};

static int
find(void *arg, const struct lk_record_row *row)
{
	struct found *f = arg;

	*((row->flags & LK_RECORD_OURS) != 0 ? &f->ours : &f->other) = row->session;
	return 0;
}

Test(broken, only_the_one_that_is_meant)
{
	struct lk_break out = { .size = sizeof(out) };
	struct lk_session_id nobody = { { 1 } };
	struct found f = { 0 };
	struct pair p;
	lk_grant g, h;

	pair_open(&p, "&poll_max_ns=10ms");
	g = get(p.w[0], "n", LK_S);
	h = get(p.w[1], "n", LK_S);
	is(lk_break(p.m[1], "n", 1, &nobody, &out), LK_E_NOENT);
	ok(lk_record_each(p.m[1], "n", 1, find, &f));
	ok(lk_break(p.m[1], "n", 1, &f.other, &out));
	cr_expect_eq(out.n, 1);
	cr_expect_eq(out.fence, 0); /* it did not write */
	wait_until(lk_check(p.w[0], g) == LK_E_LOST);
	ok(lk_check(p.w[1], h));
	is(lk_break(p.m[1], "n", 1, &f.other, &out), LK_E_NOENT);
	ok(lk_break(p.m[1], "n", 1, NULL, &out));
	wait_until(lk_check(p.w[1], h) == LK_E_LOST);
	is(lk_release(p.w[0], g), LK_E_LOST);
	is(lk_release(p.w[1], h), LK_E_LOST);
	pair_close(&p);
}

/* Nobody is granted it for the delay, and then the one who waited. */
Test(broken, the_name_is_kept_for_the_lock_delay)
{
	struct pair p;
	lk_grant g;

	pair_open(&p, "&poll_max_ns=10ms&lock_delay_ns=100s");
	g = get(p.w[0], "n", LK_X);
	ok(lk_break(p.m[1], "n", 1, NULL, NULL));
	wait_until(lk_check(p.w[0], g) == LK_E_LOST);
	is(lk_release(p.w[0], g), LK_E_LOST);
	is(lk_try_acquire(p.w[1], "n", LK_X, NULL), LK_E_BUSY);
	ok(lk_test_store_step("pair", 101 * SECOND));
	get(p.w[1], "n", LK_X);
	pair_close(&p);
}

/* Names that are numbers are others than those of the same bytes. */
Test(broken, a_name_that_is_a_number)
{
	struct lk_record_info info = { .size = sizeof(info) };
	struct lk_break out = { .size = sizeof(out) };
	const uint64_t id = UINT64_C(0x3131313131313131);
	lk_grant of_id;
	lk_grant g;
	struct pair p;

	pair_open(&p, "&poll_max_ns=10ms");
	ok(lk_acquire_id(p.w[0], id, LK_X, NULL, &of_id));
	g = get(p.w[0], "11111111", LK_S);
	ok(lk_record_info_id(p.m[1], id, &info));
	cr_expect_eq(info.holders, 1);
	is(lk_break_id(p.m[1], id + 1, NULL, &out), LK_E_NOENT);
	ok(lk_break_id(p.m[1], id, NULL, &out));
	cr_expect_eq(out.n, 1);
	cr_expect(out.fence >= lk_fence(p.w[0], of_id));
	wait_until(lk_check(p.w[0], of_id) == LK_E_LOST);
	is(lk_release(p.w[0], of_id), LK_E_LOST);
	ok(lk_check(p.w[0], g));
	ok(lk_record_info_id(p.m[1], id, &info));
	cr_expect_eq(info.holders, 0);
	ok(lk_record_info(p.m[1], "11111111", 8, &info));
	cr_expect_eq(info.holders, 1);
	give(p.w[0], g);
	is(lk_break_id(NULL, id, NULL, NULL), LK_E_INVAL);
	is(lk_record_info_id(NULL, id, &info), LK_E_INVAL);
	pair_close(&p);
}

Test(broken, what_cannot_be)
{
	struct lk_break small = { .size = sizeof(uint32_t) };
	struct lk_manager *m = open_manager(NULL);
	struct lk_store *s;
	struct pair p;

	is(lk_break(m, "n", 1, NULL, NULL), LK_E_UNSUPPORTED);
	ok(lk_close(m));
	pair_open(&p, "");
	is(lk_break(NULL, "n", 1, NULL, NULL), LK_E_INVAL);
	is(lk_break(p.m[0], NULL, 1, NULL, NULL), LK_E_INVAL);
	is(lk_break(p.m[0], "", 0, NULL, NULL), LK_E_NAME);
	is(lk_break(p.m[0], "n", 1, NULL, &small), LK_E_INVAL);
	is(lk_break(p.m[0], "n", 1, NULL, NULL), LK_E_NOENT);
	s = open_vandal("test:pair?as=v");
	put_record(s, "nbad", "garbage", 7, 0);
	is(lk_break(p.m[0], "bad", 3, NULL, NULL), LK_E_CORRUPT);
	cut_off("a", true);
	is(lk_break(p.m[0], "n", 1, NULL, NULL), LK_E_STORE);
	cut_off("a", false);
	lk_store_close(s);
	pair_close(&p);
}

Test(broken, in_a_folder)
{
	struct lk_break out = { .size = sizeof(out) };
	struct lk_manager *m[2];
	struct lk_owner *w[2];
	struct place at;
	lk_grant g;

	place_make(&at);
	for (int i = 0; i < 2; i++) {
		m[i] = open_manager(at.url);
		open_owners(m[i], &w[i], 1);
	}
	g = get(w[0], "n", LK_U);
	ok(lk_break(m[1], "n", 1, NULL, &out));
	cr_expect_gt(out.fence, lk_fence(w[0], g));
	wait_until(lk_check(w[0], g) == LK_E_LOST);
	is(lk_release(w[0], g), LK_E_LOST);
	get(w[1], "n", LK_X);
	for (int i = 0; i < 2; i++)
		close_all(m[i], &w[i], 1);
	place_remove(&at);
}
