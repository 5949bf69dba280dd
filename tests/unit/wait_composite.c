/* SPDX-License-Identifier: MIT */
/* Composites, without threads: parts join their lines, and all are granted at one moment or none. */
#include "harness.h"

#include "wait/composite.h"
#include "wait/plan.h"

enum { BUCKETS = 4, NAMES = 3, PARTIES = 24 };

static struct test_world world;
static struct env env;
static struct lot lot;
static a32 gate;
static struct lk_resource names[NAMES];
static struct party parties[PARTIES];
static struct composite *made[PARTIES];
static a64 handovers, wakes, closings;
static const struct line_tally tallies = { &handovers, &wakes, &closings };

static void
start(bool strict)
{
	test_world_init(&world);
	env_init(&env, NULL, &world.environment);
	cr_assert(lot_init(&lot, &env, BUCKETS, strict, &gate));
	for (int i = 0; i < PARTIES; i++)
		party_init(&parties[i]);
}

static void
set_up(void)
{
	start(false);
}

static void
set_up_strict(void)
{
	start(true);
}

static void
tear_down(void)
{
	cr_expect_eq(lot_length(&lot), 0);
	for (int i = 0; i < PARTIES; i++) {
		if (made[i] != NULL)
			composite_destroy(&lot, made[i]);
	}
	lot_fini(&lot);
	cr_expect_eq(shim_load(&env.bytes, SHIM_RELAXED), 0);
}

#define CompositeTest(name) Test(composite, name, .init = set_up, .fini = tear_down)
#define StrictTest(name)    Test(composite, name, .init = set_up_strict, .fini = tear_down)

static uint64_t
word(int name)
{
	return shim_load(&names[name].word, SHIM_RELAXED) & ~WORD_GEN_MASK;
}

static void
hold(int name, lk_mode m)
{
	shim_add(&names[name].word, word_modes.add[m], SHIM_RELAXED);
}

static void
gives_up(int name, lk_mode m)
{
	if (!line_exit(&names[name], m, &(uint64_t){ 0 }))
		line_pass_on(&lot, &names[name], &tallies);
}

/* Party `i` asks for names 0 and 1, in these modes. */
static enum line_outcome
asks(int i, lk_mode first, lk_mode second)
{
	struct composite *c = composite_create(&lot, &parties[i], 2);

	made[i] = c;
	composite_add(c, &names[0], LK_NL, NULL, first);
	composite_add(c, &names[1], LK_NL, NULL, second);
	return composite_join(&lot, c);
}

static bool
waits(int i)
{
	return composite_state(made[i]) == WAITER_WAITING;
}

static bool
granted(int i)
{
	return composite_state(made[i]) == WAITER_GRANTED;
}

CompositeTest(is_granted_at_once_if_all_is_free)
{
	cr_expect_eq(asks(0, LK_X, LK_S), LINE_GRANTED);
	cr_expect_eq(word(0), WORD_X);
	cr_expect_eq(word(1), WORD_S_ONE); /* and no flag is left (W4) */
	cr_expect_eq(party_sequence(&parties[0]), 0);
}

CompositeTest(holds_nothing_while_it_waits_and_has_all_at_one_moment)
{
	hold(0, LK_X);
	hold(1, LK_X);
	cr_expect_eq(asks(0, LK_X, LK_X), LINE_JOINED);
	cr_expect(sequence_waits(party_sequence(&parties[0])));
	gives_up(0, LK_X);
	cr_expect(waits(0));
	cr_expect_eq(word(0), WORD_WAITERS); /* free, and open to others (K4) */
	cr_expect_not(park_has_news(&parties[0].parker));
	gives_up(1, LK_X);
	cr_expect(granted(0));
	cr_expect(park_has_news(&parties[0].parker));
	cr_expect_not(sequence_waits(party_sequence(&parties[0])));
	cr_expect_eq(word(0), WORD_X);
	cr_expect_eq(word(1), WORD_X);
	cr_expect_eq(shim_load(&handovers, SHIM_RELAXED), 1);
}

CompositeTest(only_the_oldest_keeps_others_back)
{
	hold(1, LK_X);
	cr_expect_eq(asks(0, LK_X, LK_X), LINE_JOINED);
	cr_expect_eq(asks(1, LK_X, LK_S), LINE_JOINED);
	cr_expect_not(composite_look(&lot, made[1], &tallies));
	cr_expect_eq(word(0), WORD_WAITERS);
	cr_expect(composite_look(&lot, made[0], &tallies));
	cr_expect_eq(word(0), WORD_WAITERS | WORD_CLOSED);
	cr_expect_eq(shim_load(&closings, SHIM_RELAXED), 1);
	/* it leaves: the next is woken, and may look */
	cr_expect(composite_leave(&lot, made[0], WAITER_TIMEDOUT));
	cr_expect_not(composite_leave(&lot, made[0], WAITER_CANCELED));
	cr_expect_eq(word(0), WORD_WAITERS);
	cr_expect(park_has_news(&parties[1].parker));
	cr_expect(composite_look(&lot, made[1], &tallies));
	cr_expect_eq(word(0), WORD_WAITERS | WORD_CLOSED);
	gives_up(1, LK_X);
	cr_expect(granted(1));
}

StrictTest(in_a_strict_manager_the_oldest_keeps_others_back_at_once)
{
	hold(1, LK_X);
	cr_expect_eq(asks(0, LK_X, LK_X), LINE_JOINED);
	cr_expect(waiter_holds_back(&made[0]->part[0]));
	cr_expect_eq(asks(1, LK_X, LK_X), LINE_JOINED);
	cr_expect_not(waiter_holds_back(&made[1]->part[0]));
	cr_expect(composite_leave(&lot, made[0], WAITER_TIMEDOUT));
	cr_expect(waiter_holds_back(&made[1]->part[1]));
	gives_up(1, LK_X);
	cr_expect(granted(1));
}

/* More than a round of trying takes: the oldest that can be granted, and then nobody else. */
CompositeTest(of_many_the_oldest_is_granted)
{
	hold(0, LK_X);
	for (int i = 0; i < PARTIES; i++)
		cr_expect_eq(asks(i, LK_X, LK_IS), LINE_JOINED);
	for (int i = 0; i < PARTIES; i++) {
		gives_up(0, LK_X);
		for (int k = 0; k < PARTIES; k++)
			cr_expect_eq(granted(k), k <= i, "%d after %d", k, i);
	}
	cr_expect_eq(word(0), WORD_X);
	cr_expect_eq(word(1), PARTIES * WORD_IS_ONE);
}

CompositeTest(two_conversions_in_each_other_s_way_are_told)
{
	struct composite *c = made[1] = composite_create(&lot, &parties[1], 1);
	struct waiter one = { .r = &names[0], .party = &parties[0], .held = LK_S, .want = LK_X };
	bool head;

	hold(0, LK_S);
	hold(0, LK_S);
	cr_expect_eq(line_join(&lot, &one, true, &head, &tallies), LINE_JOINED);
	composite_add(c, &names[0], LK_S, NULL, LK_X);
	cr_expect_eq(composite_join(&lot, c), LINE_DEADLOCK);
	gives_up(0, LK_S);
	cr_expect_eq(waiter_state(&one), WAITER_GRANTED);
}

CompositeTest(the_end_of_the_manager_ends_it)
{
	hold(1, LK_X);
	cr_expect_eq(asks(0, LK_X, LK_X), LINE_JOINED);
	shim_store(&gate, 1u, SHIM_RELAXED);
	lot_close(&lot);
	cr_expect_eq(composite_state(made[0]), WAITER_CLOSED);
	cr_expect_eq(asks(1, LK_X, LK_X), LINE_SHUT);
	cr_expect_eq(word(0), 0);
	cr_expect_eq(word(1), WORD_X);
}

/* A pin that is the last with a latch held frees nothing; who makes the next one does.  (K6) */
CompositeTest(memory_waits_for_the_next)
{
	const uint64_t before = shim_load(&env.bytes, SHIM_RELAXED);
	struct composite *c = composite_create(&lot, &parties[0], 1);

	composite_pin(c);
	composite_destroy(&lot, c);
	cr_expect_gt(shim_load(&env.bytes, SHIM_RELAXED), before);
	composite_unpin(&lot, c);
	cr_expect_gt(shim_load(&env.bytes, SHIM_RELAXED), before);
	composite_free_unused(&lot);
	cr_expect_eq(shim_load(&env.bytes, SHIM_RELAXED), before);
}

CompositeTest(the_victim_of_a_ring_is_expelled_if_it_waits_as_it_did)
{
	struct sighting who = { &parties[0], 0 };

	hold(1, LK_X);
	cr_expect_eq(asks(0, LK_X, LK_X), LINE_JOINED);
	cr_expect_not(line_expel(&lot, &names[1], who, 7));
	who.sequence = party_sequence(&parties[0]);
	cr_expect(line_expel(&lot, &names[1], who, 7));
	cr_expect_eq(composite_state(made[0]), WAITER_DEADLOCK);
	cr_expect_eq(parties[0].verdict, 7);
	cr_expect_eq(word(0), 0);
}
