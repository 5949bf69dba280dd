/* SPDX-License-Identifier: MIT */
/* Claims, without threads: past all who wait, but not past who holds.  (Q11) */
#include "harness.h"

#include "wait/line.h"

static struct test_world world;
static struct env env;
static struct lot lot;
static a32 gate;
static struct lk_resource one;
static struct party parties[2];
static struct waiter requests[2];
static a64 handovers;
static a64 wakes;
static a64 closings;
static const struct line_tally tallies = { &handovers, &wakes, &closings };

static void
set_up(void)
{
	test_world_init(&world);
	env_init(&env, NULL, &world.environment);
	cr_assert(lot_init(&lot, &env, 1, true, &gate));
}

static void
tear_down(void)
{
	cr_expect_eq(lot_length(&lot), 0);
	lot_fini(&lot);
}

#define ClaimTest(name) Test(claim, name, .init = set_up, .fini = tear_down)

static struct waiter *
request(unsigned i, lk_mode held, lk_mode want)
{
	requests[i] =
		(struct waiter){ .r = &one, .party = &parties[i], .held = held, .want = want };
	party_init(&parties[i]);
	return &requests[i];
}

static enum line_outcome
claims(lk_mode held, lk_mode want)
{
	return line_claim(&lot, request(1, held, want), &tallies);
}

static uint64_t
word(void)
{
	return shim_load(&one.word, SHIM_RELAXED);
}

static void
gives_up(lk_mode mode)
{
	if (!line_weaken(&one, mode, LK_NL))
		line_pass_on(&lot, &one, &tallies);
}

/* Whoever waits there stays where he is, and is granted when the claim has gone too. */
ClaimTest(goes_past_all_who_wait)
{
	bool head;

	shim_store(&one.word, WORD_S_ONE, SHIM_RELAXED);
	cr_assert_eq(line_join(&lot, request(0, LK_NL, LK_X), true, &head, &tallies), LINE_JOINED);
	cr_expect_eq(word(), WORD_S_ONE | WORD_WAITERS | WORD_CLOSED);
	cr_expect_eq(line_probe(&lot, request(1, LK_NL, LK_S)), LINE_JOINED);
	cr_expect_eq(claims(LK_NL, LK_S), LINE_GRANTED);
	cr_expect_eq(word(), 2 * WORD_S_ONE | WORD_WAITERS | WORD_CLOSED);
	cr_expect_eq(line_length(&lot, &one), 1);
	gives_up(LK_S);
	cr_expect_eq(waiter_state(&requests[0]), WAITER_WAITING);
	gives_up(LK_S);
	cr_expect_eq(waiter_state(&requests[0]), WAITER_GRANTED);
	cr_expect_eq(word(), WORD_X);
}

ClaimTest(makes_a_hold_stronger)
{
	shim_store(&one.word, WORD_IS_ONE, SHIM_RELAXED);
	cr_expect_eq(claims(LK_IS, LK_IX), LINE_GRANTED);
	cr_expect_eq(word(), WORD_IX_ONE);
}

/* It is not granted beside what it does not agree with, nor past the limit, and it does not wait. */
ClaimTest(does_not_break_in)
{
	shim_store(&one.word, WORD_X, SHIM_RELAXED);
	cr_expect_eq(claims(LK_NL, LK_S), LINE_BUSY);
	cr_expect_eq(word(), WORD_X);
	shim_store(&one.word, 8192 * WORD_S_ONE, SHIM_RELAXED);
	cr_expect_eq(claims(LK_NL, LK_S), LINE_LIMIT);
	cr_expect_eq(word(), 8192 * WORD_S_ONE);
}
