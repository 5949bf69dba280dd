/* SPDX-License-Identifier: MIT */
/* Families: children and their parents are one to others; each has its own grants. */
#include "family.h"

static int
never(void *arg)
{
	(void)arg;
	return 0;
}

static int
zero(void *arg)
{
	(void)arg;
	return 0;
}

Test(family, keeps_out_others_and_not_its_own)
{
	struct family f;

	family_open(&f, NULL, 2);
	for (lk_mode a = LK_IS; a <= LK_X; a++) {
		for (lk_mode b = LK_IS; b <= LK_X; b++) {
			const lk_grant g = take(f.child[0], "n", a);
			const lk_grant h = take(f.child[1], "n", b);

			cr_assert_eq(is_open_to(f.other, "n", LK_S),
				     compatible[LK_S][supremum[a][b]], "%d %d", a, b);
			cr_assert_eq(holds(f.head, "n"), supremum[a][b]);
			cr_assert_eq(info_of(f.m, "n").holders[supremum[a][b]], 1);
			ok(lk_release(f.child[0], g));
			cr_assert_eq(holds(f.child[0], "n"), b);
			ok(lk_release(f.child[1], h));
			cr_assert_eq(holds(f.child[1], "n"), LK_NL);
		}
	}
	family_close(&f);
}

Test(family, gives_each_member_its_own_grants)
{
	const struct lk_options leased = { .size = sizeof(leased), .lease_ns = LK_FOREVER / 4 };
	struct lk_grant_info info = { .size = sizeof(info) };
	struct lk_value value = { .size = sizeof(value) };
	struct lk_owner *members[3];
	struct family f;
	lk_grant g;

	family_open(&f, NULL, 2);
	members[0] = f.head;
	members[1] = f.child[0];
	members[2] = f.child[1];
	for (int i = 0; i < 3; i++) {
		struct lk_owner *w = members[i];
		struct lk_owner *other = members[(i + 1) % 3];

		for (int k = 0; k < 2; k++) {
			ok(lk_acquire(w, "n", LK_X, k == 0 ? NULL : &leased, &g));
			is(lk_release(other, g), LK_E_STALE);
			is(lk_release_many(other, &g, 1, NULL), LK_E_STALE);
			is(lk_convert(other, g, LK_S, NULL), LK_E_STALE);
			is(lk_downgrade(other, g), LK_E_STALE);
			is(lk_can_convert(other, g, LK_S), LK_E_STALE);
			is(lk_check(other, g), LK_E_STALE);
			is(lk_renew(other, g, 1000000), LK_E_STALE);
			is(lk_grant_info(other, g, &info), LK_E_STALE);
			is(lk_value_read(other, g, &value), LK_E_STALE);
			is(lk_value_write(other, g, "v", 1), LK_E_STALE);
			is(lk_release_name(other, "n", 1), LK_E_STALE);
			cr_assert_eq(lk_fence(other, g), 0);
			cr_assert_neq(lk_fence(w, g), 0);
			ok(lk_check(w, g));
			ok(lk_value_write(w, g, "v", 1));
			ok(lk_renew(w, g, LK_FOREVER / 4));
			ok(lk_can_convert(w, g, LK_S));
			ok(lk_downgrade(w, g));
			cr_assert_eq(grant_info(w, g).mode, LK_S);
			ok(lk_release(w, g));
			is(lk_release(w, g), LK_E_STALE);
		}
	}
	family_close(&f);
}

static int
count_grant(void *arg, const struct lk_grant_info *grant)
{
	unsigned *n = arg;

	cr_assert_neq(grant->grant, 0);
	++*n;
	return 0;
}

static unsigned
grants_of(struct lk_owner *w)
{
	unsigned n = 0;

	ok(lk_owner_each(w, count_grant, &n));
	return n;
}

Test(family, releases_what_a_member_took_and_no_more)
{
	struct family f;

	family_open(&f, NULL, 2);
	for (int i = 0; i < 30; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		(void)take(f.head, name, LK_S);
		(void)take(f.child[0], name, LK_X);
		(void)take(f.child[1], name, LK_U);
	}
	cr_assert_eq(grants_of(f.head), 30);
	cr_assert_eq(grants_of(f.child[0]), 30);
	ok(lk_release_all(f.child[0]));
	cr_assert_eq(grants_of(f.child[0]), 0);
	cr_assert_eq(holds(f.child[0], "n7"), LK_U);
	ok(lk_release_name(f.child[1], "n7", 2));
	is(lk_release_name(f.child[1], "n7", 2), LK_E_STALE);
	cr_assert_eq(holds(f.child[0], "n7"), LK_S);
	ok(lk_release_all(f.head));
	cr_assert_eq(grants_of(f.child[1]), 29);
	cr_assert(is_open_to(f.other, "n7", LK_X));
	cr_assert(!is_open_to(f.other, "n8", LK_U));
	ok(lk_owner_close(f.child[1]));
	cr_assert(is_open_to(f.other, "n8", LK_X));
	f.n = 1;
	family_close(&f);
}

Test(family, passes_grants_up_as_they_are)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lk_owner *w[3];
	struct family f;
	lk_grant g[3];
	uint64_t fence;

	family_open(&f, NULL, 1);
	w[0] = f.child[0];
	for (int i = 1; i < 3; i++) {
		o.parent = w[i - 1];
		ok(lk_owner_open(f.m, &o, &w[i]));
	}
	for (int i = 0; i < 3; i++)
		g[i] = take(w[2], i == 2 ? "a/b" : i == 1 ? "b" : "a", LK_X);
	fence = lk_fence(w[2], g[1]);
	for (int i = 2; i > 0; i--) {
		ok(lk_owner_pass(w[i]));
		cr_assert_eq(grants_of(w[i]), 0);
		cr_assert_eq(grants_of(w[i - 1]), 3);
		is(lk_release(w[i], g[0]), LK_E_STALE);
		cr_assert_eq(lk_fence(w[i - 1], g[1]), fence);
		is(lk_owner_close(w[i - 1]), LK_E_BUSY);
		ok(lk_owner_close(w[i]));
	}
	ok(lk_owner_pass(w[0]));
	ok(lk_owner_close(w[0]));
	f.n = 0;
	cr_assert(!is_open_to(f.other, "b", LK_IS));
	cr_assert_eq(lk_fence(f.head, g[1]), fence);
	for (int i = 0; i < 3; i++)
		ok(lk_release(f.head, g[i]));
	is(lk_owner_pass(f.head), LK_E_INVAL);
	is(lk_owner_pass(f.other), LK_E_INVAL);
	is(lk_owner_pass(NULL), LK_E_INVAL);
	family_close(&f);
}

Test(family, goes_back_when_a_child_is_closed)
{
	struct family f;

	family_open(&f, NULL, 1);
	(void)take(f.head, "kept", LK_X);
	(void)take(f.child[0], "gone", LK_X);
	(void)take(f.child[0], "kept", LK_X);
	ok(lk_owner_close(f.child[0]));
	is(lk_owner_close(f.child[0]), LK_E_STALE);
	is(lk_owner_pass(f.child[0]), LK_E_STALE);
	f.n = 0;
	cr_assert(is_open_to(f.other, "gone", LK_X));
	cr_assert(!is_open_to(f.other, "kept", LK_IS));
	family_close(&f);
}

Test(family, is_not_closed_before_its_children)
{
	struct family f;

	family_open(&f, NULL, 2);
	is(lk_owner_close(f.head), LK_E_BUSY);
	ok(lk_owner_close(f.child[1]));
	is(lk_owner_close(f.head), LK_E_BUSY);
	(void)take(f.head, "n", LK_X);
	is(lk_close(f.m), LK_E_BUSY);
	f.n = 1;
	family_close(&f);
}

Test(family, refuses_what_no_member_can_have)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lk_options conditional = LK_OPTIONS_INIT;
	struct lk_request one = { .name = "n", .mode = LK_X };
	struct lk_pool_options pool = LK_POOL_OPTIONS_INIT;
	struct lk_owner *w = NULL;
	struct lk_manager *m;
	struct lk_pool *p;
	lk_grant g;
	struct lk_queue *q;
	struct family f;

	family_open(&f, NULL, 1);
	conditional.condition = never;
	is(lk_acquire(f.child[0], "n", LK_X, &conditional, NULL), LK_E_UNSUPPORTED);
	is(lk_acquire(f.head, "n", LK_X, &conditional, NULL), LK_E_UNSUPPORTED);
	is(lk_acquire_many(f.child[0], &one, 1, &conditional, NULL), LK_E_UNSUPPORTED);
	g = take(f.child[0], "n", LK_X);
	is(lk_transfer(f.child[0], g, f.head, NULL), LK_E_UNSUPPORTED);
	is(lk_transfer(f.child[0], g, f.other, NULL), LK_E_UNSUPPORTED);
	is(lk_transfer(f.other, g, f.child[0], NULL), LK_E_UNSUPPORTED);
	is(lk_move(f.child[0], g, "m", 1, NULL, NULL), LK_E_UNSUPPORTED);
	ok(lk_release(f.child[0], g));
	o.parent = lk_self(f.m);
	is(lk_owner_open(f.m, &o, &w), LK_E_UNSUPPORTED);
	pool.owner = &o;
	o.parent = f.head;
	is(lk_pool_open(f.m, &pool, &p), LK_E_UNSUPPORTED);
	ok(lk_pool_open(f.m, NULL, &p));
	ok(lk_pool_take(p, NULL, &o.parent));
	is(lk_owner_open(f.m, &o, &w), LK_E_UNSUPPORTED);
	ok(lk_pool_give(p, o.parent));
	ok(lk_pool_close(p));
	o.parent = f.child[0];
	ok(lk_queue_open(f.m, &q));
	o.queue = q;
	is(lk_owner_open(f.m, &o, &w), LK_E_UNSUPPORTED);
	o.queue = NULL;
	m = open_manager(NULL);
	is(lk_owner_open(m, &o, &w), LK_E_INVAL);
	ok(lk_close(m));
	is(lk_external_wait_begin(f.child[0], f.head), LK_E_INVAL);
	is(lk_external_wait_begin(f.head, f.child[0]), LK_E_INVAL);
	cr_assert_null(w);
	ok(lk_queue_close(q));
	ok(lk_owner_close(f.child[0]));
	is(lk_owner_open(f.m, &o, &w), LK_E_STALE);
	f.n = 0;
	family_close(&f);
}

Test(family, may_begin_with_an_owner_that_has_all_sorts_of_things)
{
	const struct lk_options leased = { .size = sizeof(leased), .lease_ns = LK_FOREVER / 4 };
	struct lk_completion c = { .size = sizeof(c) };
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lk_owner *child;
	lk_request_id id;
	struct lk_queue *q;
	struct family f;
	lk_grant plain;
	lk_grant lease;
	lk_grant g;

	family_open(&f, NULL, 0);
	ok(lk_queue_open(f.m, &q));
	plain = take(f.head, "a/b", LK_S);
	ok(lk_acquire(f.head, "l", LK_X, &leased, &lease));
	g = take(f.other, "n", LK_S);
	ok(lk_submit(q, f.head, "n", LK_X, NULL, NULL, NULL, &id));
	o.parent = f.head;
	ok(lk_owner_open(f.m, &o, &child));
	is(lk_release(child, plain), LK_E_STALE);
	is(lk_check(child, lease), LK_E_STALE);
	is(lk_cancel(child, id), LK_E_STALE);
	ok(lk_release(child, take(child, "l", LK_X)));
	ok(lk_release(f.other, g));
	is(lk_queue_reap(q, &c, 1), 1);
	ok(c.code);
	cr_assert_eq(c.owner, f.head);
	is(lk_release(child, c.grant), LK_E_STALE);
	(void)take(child, "n", LK_X);
	ok(lk_release(f.head, c.grant));
	ok(lk_release(f.head, plain));
	ok(lk_release(f.head, lease));
	cr_assert(is_open_to(f.other, "a", LK_X));
	cr_assert(!is_open_to(f.other, "n", LK_IS));
	ok(lk_owner_close(child));
	ok(lk_queue_close(q));
	family_close(&f);
}

Test(family, covers_for_all_members_what_one_holds_above)
{
	struct family f;
	lk_grant above;
	lk_grant below;

	family_open(&f, NULL, 2);
	above = take(f.child[0], "db", LK_X);
	below = take(f.child[1], "db/t/1", LK_X);
	cr_assert_eq(grant_info(f.child[1], below).flags & LK_IMPLIED, LK_IMPLIED);
	ok(lk_release(f.child[0], above));
	cr_assert(!is_open_to(f.other, "db/t/1", LK_S));
	ok(lk_owner_pass(f.child[1]));
	cr_assert(!is_open_to(f.other, "db/t/1", LK_S));
	ok(lk_release(f.head, below));
	cr_assert(is_open_to(f.other, "db", LK_X));
	family_close(&f);
}

Test(family, counts_reentries_of_all_members_together)
{
	struct family f;
	lk_grant g;

	family_open(&f, "memory:?max_reentry=2", 2);
	(void)take(f.child[0], "n", LK_X);
	g = take(f.child[1], "n", LK_X);
	is(lk_try_acquire(f.head, "n", LK_X, NULL), LK_E_LIMIT);
	ok(lk_release(f.child[1], g));
	(void)take(f.head, "n", LK_X);
	family_close(&f);
}

Test(family, ends_guards_and_scopes_of_members)
{
	struct lk_guard guard = { NULL, 0 };
	struct family f;

	family_open(&f, NULL, 1);
	ok(lk_guard_acquire(&guard, f.child[0], "n", LK_X, NULL));
	cr_assert(!is_open_to(f.other, "n", LK_S));
	lk_guard_release(&guard);
	cr_assert(is_open_to(f.other, "n", LK_X));
	ok(lk_with(f.child[0], "n", LK_X, NULL, zero, NULL, NULL));
	cr_assert(is_open_to(f.other, "n", LK_X));
	family_close(&f);
}

Test(family, rolls_back_what_that_member_took_since, .timeout = 60)
{
	struct lk_owner *grandchild;
	struct family f;
	lk_mark mark[2];
	size_t n;

	family_open(&f, NULL, 2);
	(void)take(f.child[0], "before", LK_X);
	mark[0] = lk_savepoint(f.child[0]);
	mark[1] = lk_savepoint(f.child[1]);
	(void)take(f.child[0], "a", LK_X);
	(void)take(f.child[1], "b", LK_X);
	grandchild = open_child(f.m, f.child[0]);
	(void)take(grandchild, "c", LK_X);
	ok(lk_owner_pass(grandchild));
	ok(lk_owner_close(grandchild));
	is(lk_rollback(f.child[0], mark[1], &n), LK_E_STALE);
	ok(lk_rollback(f.child[0], mark[0], &n));
	cr_assert_eq(n, 2);
	cr_assert(is_open_to(f.other, "a", LK_X));
	cr_assert(is_open_to(f.other, "c", LK_X));
	cr_assert(!is_open_to(f.other, "b", LK_S));
	cr_assert(!is_open_to(f.other, "before", LK_S));
	family_close(&f);
}

Test(family, has_tokens_of_a_members_grants, .timeout = 60)
{
	char token[LK_TOKEN_MAX];
	struct family f;
	lk_grant g;

	family_open(&f, NULL, 2);
	g = take(f.child[0], "n", LK_X);
	is(lk_token(f.child[1], g, token, sizeof(token)), LK_E_STALE);
	ok(lk_token(f.child[0], g, token, sizeof(token)));
	ok(lk_token_check(f.m, token));
	ok(lk_token_renew(f.m, token, 3600000000000));
	ok(lk_owner_pass(f.child[0]));
	ok(lk_token_check(f.m, token));
	ok(lk_token_release(f.m, token));
	is(lk_release(f.head, g), LK_E_STALE);
	cr_assert(is_open_to(f.other, "n", LK_X));
	g = take(f.child[1], "n", LK_X);
	ok(lk_token(f.child[1], g, token, sizeof(token)));
	ok(lk_token_release(f.m, token));
	is(lk_token_check(f.m, token), LK_E_STALE);
	is(lk_release(f.child[1], g), LK_E_STALE);
	family_close(&f);
}

Test(family, does_not_escalate, .timeout = 60)
{
	struct family f;
	lk_grant g;

	family_open(&f, "memory:?escalate_after=16", 1);
	for (int i = 0; i < 40; i++) {
		char name[16];

		snprintf(name, sizeof(name), "t/%d", i);
		(void)take(i % 2 == 0 ? f.head : f.child[0], name, LK_X);
	}
	cr_assert_eq(stats_of(f.m).escalations, 0);
	cr_assert(is_open_to(f.other, "t/40", LK_X));
	/* What covers the rest is taken back as with other owners. */
	g = take(f.child[0], "u", LK_X);
	(void)take(f.head, "u/1", LK_X);
	is(lk_deescalate(f.child[0], "u", 1), 1);
	ok(lk_release(f.child[0], g));
	cr_assert(is_open_to(f.other, "u/2", LK_X));
	cr_assert(!is_open_to(f.other, "u/1", LK_S));
	family_close(&f);
}

Test(family, counts_units_of_all_members_one_by_one, .timeout = 60)
{
	const struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	struct lk_semaphore_info info = { .size = sizeof(info) };
	struct family f;
	lk_grant g[3];

	family_open(&f, NULL, 2);
	ok(lk_acquire_units(f.child[0], "s", 1, 2, 5, &now, &g[0]));
	ok(lk_acquire_units(f.child[1], "s", 1, 2, 5, &now, &g[1]));
	is(lk_acquire_units(f.head, "s", 1, 2, 5, NULL, &g[2]), LK_E_LIMIT); /* as of one owner */
	ok(lk_acquire_units(f.head, "s", 1, 1, 5, &now, &g[2]));
	ok(lk_owner_pass(f.child[0]));
	is(lk_release(f.child[0], g[0]), LK_E_STALE);
	ok(lk_release(f.head, g[0]));
	ok(lk_acquire_units(f.other, "s", 1, 2, 5, &now, NULL));
	ok(lk_owner_close(f.child[1]));
	f.n = 1;
	ok(lk_semaphore_info(f.m, "s", 1, &info));
	cr_assert_eq(info.used, 3);
	ok(lk_release_all(f.head));
	family_close(&f);
}
