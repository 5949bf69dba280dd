/* SPDX-License-Identifier: MIT */
/* Locks that end with the code that needs them: lk_with() and guards. */
#include <string.h>

#include "support.h"

struct visit {
	struct lk_manager *m;
	struct lk_owner *w;
	int seen; /* the mode in which the name was held */
	bool releases;
	int result;
};

static int
look(void *arg)
{
	struct visit *v = arg;

	v->seen = lk_holds(v->w, "n", 1);
	if (v->releases)
		ok(lk_release_all(v->w));
	return v->result;
}

Test(with, runs_the_body_under_the_lock_and_releases)
{
	struct lk_manager *m = open_manager(NULL);
	struct visit v = { .m = m, .result = 42 };
	int body_rc = 0;

	open_owners(m, &v.w, 1);
	ok(lk_with(v.w, "n", LK_U, NULL, look, &v, &body_rc));
	cr_expect_eq(v.seen, LK_U);
	cr_expect_eq(body_rc, 42);
	cr_expect_eq(lk_holds(v.w, "n", 1), LK_NL);
	ok(lk_with(v.w, "n", LK_X, NULL, look, &v, NULL));
	close_all(m, &v.w, 1);
}

Test(with, says_that_the_lock_did_not_last)
{
	struct lk_manager *m = open_manager(NULL);
	struct visit v = { .m = m, .releases = true, .result = 1 };
	int body_rc = 0;

	open_owners(m, &v.w, 1);
	is(lk_with(v.w, "n", LK_X, NULL, look, &v, &body_rc), LK_E_STALE);
	cr_expect_eq(body_rc, 1);
	close_all(m, &v.w, 1);
}

Test(with, does_not_run_the_body_without_the_lock)
{
	struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };
	struct lk_manager *m = open_manager(NULL);
	struct visit v = { .m = m, .seen = -1 };
	struct lk_owner *w[2];
	int body_rc = 7;

	open_owners(m, w, 2);
	v.w = w[0];
	take(w[1], "n", LK_S);
	is(lk_with(w[0], "n", LK_X, &nowait, look, &v, &body_rc), LK_E_BUSY);
	is(lk_with(w[0], "n", LK_X, NULL, NULL, &v, &body_rc), LK_E_INVAL);
	is(lk_with(NULL, "n", LK_X, NULL, look, &v, &body_rc), LK_E_INVAL);
	cr_expect_eq(v.seen, -1);
	cr_expect_eq(body_rc, 7);
	close_all(m, w, 2);
}

static int
leave_early(struct lk_owner *w, bool early)
{
	LK_GUARD(guard);

	ok(lk_guard_acquire(&guard, w, "n", LK_X, NULL));
	cr_expect_eq(lk_holds(w, "n", 1), LK_X);
	is(lk_guard_acquire(&guard, w, "other", LK_X, NULL), LK_E_INVAL);
	if (early)
		return 1;
	lk_guard_release(&guard);
	cr_expect_eq(lk_holds(w, "n", 1), LK_NL);
	ok(lk_guard_acquire(&guard, w, "n", LK_S, NULL));
	return 2;
}

Test(with, a_guard_releases_when_its_scope_is_left)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	cr_expect_eq(leave_early(w, true), 1);
	cr_expect_eq(lk_holds(w, "n", 1), LK_NL);
	cr_expect_eq(leave_early(w, false), 2);
	cr_expect_eq(lk_holds(w, "n", 1), LK_NL);
	close_all(m, &w, 1);
}

Test(with, a_guard_that_got_nothing_releases_nothing)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	g = take(w[1], "n", LK_X);
	{
		LK_GUARD(guard);

		is(lk_guard_acquire(&guard, w[0], "n", LK_X, &nowait), LK_E_BUSY);
		cr_expect_eq(guard.grant, 0);
	}
	lk_guard_release(NULL);
	is(lk_guard_acquire(NULL, w[0], "n", LK_X, &nowait), LK_E_INVAL);
	ok(lk_release(w[1], g));
	close_all(m, w, 2);
}
