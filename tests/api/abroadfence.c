/* SPDX-License-Identifier: MIT */
/* Fences of what is implied, where processes share the names: above all that were given out, wherever.  (FE1-FE5) */
#include <latchkey/health.h>
#include <latchkey/token.h>

#include "pair.h"

/* All stores that are built in, with covers that are kept and not. */
static void
in_each(void (*test)(struct pair *p))
{
	static const char *const parameters[] = { "", "&linger_ns=off" };

	for (int i = 0; i < 2 * PAIR_STORES; i++) {
		struct pair p;

		pair_open(&p, i / 2, parameters[i % 2]);
		test(&p);
		pair_close(&p);
	}
}

static uint64_t
fence_in(struct lk_owner *w, const char *name, lk_mode mode)
{
	const lk_grant g = get(w, name, mode);
	const uint64_t fence = lk_fence(w, g);

	give(w, g);
	return fence;
}

static uint64_t
fence_below(struct lk_owner *w, const char *top, const char *name, lk_mode mode)
{
	const lk_grant above = get(w, top, LK_X);
	const uint64_t fence = fence_in(w, name, mode);

	give(w, above);
	return fence;
}

static void
take_turns(struct pair *p)
{
	static const lk_mode writers[] = { LK_X, LK_U, LK_SIX };
	uint64_t last = 0;

	for (int i = 0; i < 24; i++) {
		struct lk_owner *w = p->w[i / 2 % 2][0];
		const lk_mode mode = writers[i % 3];
		const uint64_t fence = i % 4 < 2 ? fence_below(w, "db", "db/t/r", mode)
						 : fence_in(w, "db/t/r", mode);

		cr_expect_gt(fence, last, "%d: %llx", i, (unsigned long long)fence);
		last = fence;
	}
}

Test(abroad_fence, of_what_is_implied_is_above_those_of_other_processes, .timeout = 60)
{
	in_each(take_turns);
}

/* The other process keeps the name, with numbers that it did not use. */
static void
be_kept(struct pair *p)
{
	const uint64_t first = fence_in(p->w[1][0], "db/t", LK_X);
	const uint64_t ours = fence_below(p->w[0][0], "db", "db/t", LK_X);

	cr_expect_gt(ours, first);
	cr_expect_gt(fence_in(p->w[1][0], "db/t", LK_X), ours);
	cr_expect_gt(fence_below(p->w[1][1], "db", "db/t", LK_X), ours);
}

Test(abroad_fence, of_what_is_implied_is_above_those_of_who_keeps_the_name, .timeout = 60)
{
	in_each(be_kept);
}

/* It is the hold's: once it is known it stays, until the hold begins to write anew. */
static void
stay(struct pair *p)
{
	struct lk_owner *w = p->w[0][0];
	const lk_grant above = get(w, "db", LK_X);
	lk_grant g = get(w, "db/t", LK_X);
	struct lk_grant_info info = { .size = sizeof(info) };
	char token[LK_TOKEN_MAX];
	struct lk_token_info said = { .size = sizeof(said) };
	uint64_t fence;
	lk_grant again;

	ok(lk_grant_info(w, g, &info));
	cr_expect_eq(info.fence, 0, "nobody asked for it");
	fence = lk_fence(w, g);
	cr_assert_neq(fence, 0);
	cr_expect_eq(lk_fence(w, g), fence);
	ok(lk_grant_info(w, g, &info));
	cr_expect_eq(info.fence, fence);
	again = get(w, "db/t", LK_U);
	cr_expect_eq(lk_fence(w, again), fence, "the hold wrote already");
	give(w, again);
	ok(lk_downgrade(w, g));
	cr_expect_eq(lk_fence(w, g), fence);
	ok(lk_upgrade(w, g, NULL));
	cr_expect_gt(lk_fence(w, g), fence);
	fence = lk_fence(w, g);
	give(w, g);
	g = get(w, "db/t", LK_S);
	again = get(w, "db/t", LK_X);
	cr_expect_gt(lk_fence(w, again), fence);
	fence = lk_fence(w, g);
	ok(lk_token(w, g, token, sizeof(token)));
	ok(lk_token_parse(token, &said));
	cr_expect_eq(said.fence, fence);
	give(w, again);
	give(w, g);
	g = get(w, "db/t", LK_X);
	ok(lk_token(w, g, token, sizeof(token))); /* it is the first that asks */
	ok(lk_token_parse(token, &said));
	cr_expect_gt(said.fence, fence);
	cr_expect_eq(lk_fence(w, g), said.fence);
	give(w, g);
	give(w, above);
}

Test(abroad_fence, of_what_is_implied_stays_once_it_is_known, .timeout = 60)
{
	in_each(stay);
}

/* What is implied becomes real, with a fence that was asked for before, or not. */
static void
become_real(struct pair *p)
{
	const struct lk_options o = { .size = sizeof(o), .flags = LK_PARENTS };
	struct lk_owner *w = p->w[0][0];
	uint64_t last = fence_in(p->w[1][0], "db/t/r", LK_X);
	lk_grant again;

	for (int i = 0; i < 2; i++) {
		const lk_grant above = get(w, "db", LK_X);
		const lk_grant g = get(w, "db/t/r", LK_X);
		const uint64_t before = i == 0 ? 0 : lk_fence(w, g);

		ok(lk_acquire(w, "db/t/r", LK_X, &o, &again)); /* needs what is above itself */
		cr_expect_gt(lk_fence(w, g), last);
		cr_expect(before == 0 || lk_fence(w, g) == before);
		cr_expect_eq(lk_fence(w, again), lk_fence(w, g));
		last = lk_fence(w, g);
		give(w, again);
		give(w, g);
		give(w, above);
		cr_expect_gt(fence_in(p->w[1][0], "db/t/r", LK_X), last);
		last = fence_in(p->w[1][0], "db/t/r", LK_X);
	}
}

Test(abroad_fence, of_what_is_made_real_is_there, .timeout = 60)
{
	in_each(become_real);
}

/* Who has leases has its latch in each call, and may lose what it has while the store is asked. */
static void
with_leases(struct pair *p)
{
	const struct lk_options o = { .size = sizeof(o), .lease_ns = 3600 * SECOND };
	struct lk_owner *w = p->w[0][0];
	const uint64_t theirs = fence_in(p->w[1][0], "db/t", LK_X);
	lk_grant above;
	lk_grant g;

	ok(lk_acquire(w, "db", LK_X, &o, &above));
	ok(lk_acquire(w, "db/t", LK_X, &o, &g));
	cr_expect_gt(lk_fence(w, g), theirs);
	give(w, g);
	give(w, above);
}

Test(abroad_fence, of_owners_that_others_change, .timeout = 60)
{
	in_each(with_leases);
}

/* All of a batch, some of which the others imply. */
static void
together(struct pair *p)
{
	const struct lk_request r[] = { { .name = "db/t/2", .mode = LK_X },
					{ .name = "db", .mode = LK_X },
					{ .name = "db/t", .mode = LK_U } };
	const uint64_t theirs[] = { fence_in(p->w[1][0], r[0].name, LK_X),
				    fence_in(p->w[1][0], r[1].name, LK_X),
				    fence_in(p->w[1][0], r[2].name, LK_X) };
	lk_grant g[3];

	ok(lk_acquire_many(p->w[0][0], r, 3, NULL, g));
	for (int i = 0; i < 3; i++)
		cr_expect_gt(lk_fence(p->w[0][0], g[i]), theirs[i], "%s", r[i].name);
	ok(lk_release_all(p->w[0][0]));
}

Test(abroad_fence, of_a_batch, .timeout = 60)
{
	in_each(together);
}

Test(abroad_fence, is_none_as_long_as_the_store_does_not_answer, .timeout = 60)
{
	char token[LK_TOKEN_MAX];
	struct pair p;
	lk_grant above;
	lk_grant g;

	pair_open(&p, 0, "&breaker_threshold=off");
	above = get(p.w[0][0], "db", LK_X);
	g = get(p.w[0][0], "db/t", LK_X);
	pair_cut("a", true);
	cr_expect_eq(lk_fence(p.w[0][0], g), 0);
	cr_expect_lt(lk_token(p.w[0][0], g, token, sizeof(token)), 0);
	cr_expect_eq(token[0], '\0');
	pair_cut("a", false);
	wait_until(lk_fence(p.w[0][0], g) != 0);
	ok(lk_token(p.w[0][0], g, token, sizeof(token)));
	give(p.w[0][0], g);
	give(p.w[0][0], above);
	pair_close(&p);
}

/* The lock above was broken, and its holder has not looked since: he gets no number that is above those of the next. */
Test(abroad_fence, of_a_lock_that_was_broken_is_not_above_the_next, .timeout = 60)
{
	struct lk_break broken = { .size = sizeof(broken) };
	struct pair p;
	lk_grant above;
	lk_grant g;
	uint64_t theirs;
	uint64_t ours;

	for (int store = 0; store < PAIR_STORES; store++) {
		pair_open(&p, store, "&poll_max_ns=5s");
		above = get(p.w[0][0], "db", LK_X);
		g = get(p.w[0][0], "db/t", LK_X);
		ok(lk_break(p.m[1], "db", 2, NULL, &broken));
		theirs = fence_below(p.w[1][0], "db", "db/t", LK_X);
		ours = lk_fence(p.w[0][0], g);
		cr_expect(ours < theirs, "%llx, %llx", (unsigned long long)ours,
			  (unsigned long long)theirs);
		wait_until(lk_check(p.w[0][0], g) == LK_E_LOST);
		is(lk_release(p.w[0][0], g), LK_E_LOST);
		is(lk_release(p.w[0][0], above), LK_E_LOST);
		pair_close(&p);
	}
}
