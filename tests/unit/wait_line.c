/* SPDX-License-Identifier: MIT */
/*
 * The line, without threads: requests made by hand join, look, leave and are granted, and after
 * each step the word is what it should be.
 */
#include <time.h>

#include "harness.h"

#include "wait/line.h"
#include "wait/plan.h"

enum { MANY = 4 * PLAN_MAX };

static struct test_world world;
static struct env env;
static struct lot lot;
static a32 gate;
static struct lk_resource one;
static struct lk_resource two; /* its line is in the same bucket */
static struct party parties[MANY];
static struct waiter requests[MANY];
static a64 handovers;
static a64 wakes;
static a64 closings;
static const struct line_tally tallies = { &handovers, &wakes, &closings };

static void
start(bool strict)
{
	test_world_init(&world);
	env_init(&env, NULL, &world.environment);
	cr_assert(lot_init(&lot, &env, 1, strict, &gate));
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
	cr_expect_eq(lot.bucket[0].conversions, 0);
	lot_fini(&lot);
	cr_expect_eq(shim_load(&env.bytes, SHIM_RELAXED), 0);
}

#define LineTest(name)   Test(line, name, .init = set_up, .fini = tear_down)
#define StrictTest(name) Test(line, name, .init = set_up_strict, .fini = tear_down)

/* The word of a resource is this. */
#define word_is(r, expected)                                                        \
	do {                                                                        \
		char is_[256], should_[256];                                        \
		word_format(shim_load(&(r)->word, SHIM_RELAXED), is_, sizeof(is_)); \
		word_format((expected), should_, sizeof(should_));                  \
		cr_assert_str_eq(is_, should_, "line %d", __LINE__);                \
	} while (0)

static void
hold(struct lk_resource *r, lk_mode m)
{
	uint64_t w = shim_load(&r->word, SHIM_RELAXED);

	shim_store(&r->word, word_change(w, LK_NL, m), SHIM_RELAXED);
}

static struct waiter *
request(unsigned i, struct lk_resource *r, lk_mode held, lk_mode want)
{
	requests[i] = (struct waiter){ .r = r, .party = &parties[i], .held = held, .want = want };
	party_init(&parties[i]);
	return &requests[i];
}

/* Request i joins; `head`: where it should come to stand. */
static void
joins(unsigned i, struct lk_resource *r, lk_mode held, lk_mode want, bool head)
{
	struct waiter *q = request(i, r, held, want);
	bool is_head = !head;

	cr_assert_eq(line_join(&lot, q, true, &is_head, &tallies), LINE_JOINED, "request %u", i);
	cr_assert_eq(is_head, head, "request %u", i);
	cr_assert_eq(waiter_state(q), WAITER_WAITING);
}

static enum line_outcome
asks(unsigned i, struct lk_resource *r, lk_mode held, lk_mode want)
{
	bool head = false;

	return line_join(&lot, request(i, r, held, want), true, &head, &tallies);
}

static void
gives_up(struct lk_resource *r, lk_mode from, lk_mode to)
{
	if (!line_weaken(r, from, to))
		line_pass_on(&lot, r, &tallies);
}

/* Request i looks at the line; true: it still waits. */
static bool
looks(unsigned i, bool overdue, bool head)
{
	bool is_head = false;
	bool waits = line_look(&lot, &requests[i], &overdue, &is_head, &tallies);

	cr_expect_eq(is_head, head, "request %u", i);
	return waits;
}

static bool
leaves(unsigned i, enum waiter_state state)
{
	return line_leave(&lot, &requests[i], state, &tallies);
}

/* Was request i woken?  Takes the news. */
static bool
woken(unsigned i)
{
	return park_take(&parties[i].parker);
}

static bool
granted(unsigned i)
{
	return waiter_state(&requests[i]) == WAITER_GRANTED;
}

static void
tallies_are(uint64_t h, uint64_t w, uint64_t c)
{
	cr_expect_eq(shim_load(&handovers, SHIM_RELAXED), h);
	cr_expect_eq(shim_load(&wakes, SHIM_RELAXED), w);
	cr_expect_eq(shim_load(&closings, SHIM_RELAXED), c);
}

struct rows {
	char text[256];
};

static void
show(void *arg, const struct waiter *q, uint32_t position)
{
	struct rows *rows = arg;
	size_t n = strlen(rows->text);

	snprintf(rows->text + n, sizeof(rows->text) - n, "%s%c%td.%u", n > 0 ? " " : "",
		 q->r == &one ? 'a' : 'b', q - requests, position);
}

/* "a0.1 b2.1 a1.2": line a (of `one`) has requests 0 and 1, line b request 2. */
#define lines_are(expected)                                                    \
	do {                                                                   \
		struct rows rows_ = { "" };                                    \
		lot_each(&lot, 0, show, &rows_);                               \
		cr_assert_str_eq(rows_.text, (expected), "line %d", __LINE__); \
	} while (0)

/* ---------------------------------------------------------------- a line that is open */

LineTest(a_free_name_is_granted_at_once)
{
	cr_expect_eq(asks(0, &one, LK_NL, LK_X), LINE_GRANTED);
	word_is(&one, WORD_X);
	gives_up(&one, LK_X, LK_NL);
	word_is(&one, UINT64_C(0));
	for (lk_mode m = LK_IS; m <= LK_IX; m++)
		cr_expect_eq(asks(0, &one, LK_NL, m), LINE_GRANTED);
	word_is(&one, WORD_IS_ONE + WORD_IX_ONE);
	cr_expect_not(woken(0));
	tallies_are(0, 0, 0);
}

LineTest(who_is_blocked_joins)
{
	hold(&one, LK_X);
	joins(0, &one, LK_NL, LK_S, true);
	word_is(&one, WORD_X | WORD_WAITERS);
	joins(1, &one, LK_NL, LK_IS, false);
	word_is(&one, WORD_X | WORD_WAITERS);
	lines_are("a0.1 a1.2");
	cr_expect_eq(line_length(&lot, &one), 2);
	cr_expect_eq(line_length(&lot, &two), 0);
	cr_expect_eq(lot_length(&lot), 2);
	cr_expect(leaves(0, WAITER_TIMEDOUT));
	word_is(&one, WORD_X | WORD_WAITERS);
	cr_expect(leaves(1, WAITER_CANCELED));
	word_is(&one, WORD_X);
	cr_expect_eq(waiter_state(&requests[0]), WAITER_TIMEDOUT);
	cr_expect_eq(waiter_state(&requests[1]), WAITER_CANCELED);
}

/* Whoever is not patient does not join, and leaves no trace. */
LineTest(the_impatient_do_not_join)
{
	bool head = false;

	hold(&one, LK_X);
	cr_expect_eq(line_join(&lot, request(0, &one, LK_NL, LK_S), false, &head, &tallies),
		     LINE_BUSY);
	word_is(&one, WORD_X);
	cr_expect_eq(line_join(&lot, request(0, &two, LK_NL, LK_S), false, &head, &tallies),
		     LINE_GRANTED);
	word_is(&two, WORD_S_ONE);
	latch_lock(&lot.bucket[0].latch);
	cr_expect_eq(line_join(&lot, request(0, &two, LK_NL, LK_S), false, &head, &tallies),
		     LINE_BUSY, "not even for the latch do they wait");
	latch_unlock(&lot.bucket[0].latch);
}

static atomic_bool has_begun;
static enum line_outcome outcome;

static void
try_to_join(void *arg, unsigned index)
{
	bool head = false;

	(void)index;
	atomic_store(&has_begun, true);
	outcome = line_join(&lot, arg, false, &head, &tallies);
}

/* With a store, where a try may wait for an answer: a latch is nobody who has the name. */
LineTest(the_impatient_wait_for_a_latch_beside_a_store)
{
	struct test_thread thread;

	lot.is_shared = true;
	latch_lock(&lot.bucket[0].latch);
	test_spawn(&thread, 1, try_to_join, request(0, &two, LK_NL, LK_S));
	wait_until(atomic_load(&has_begun));
	(void)nanosleep(&(struct timespec){ 0, 20000000 }, NULL); /* it would give up, if it did */
	latch_unlock(&lot.bucket[0].latch);
	test_join(&thread, 1);
	cr_expect_eq(outcome, LINE_GRANTED, "outcome %d", (int)outcome);
	word_is(&two, WORD_S_ONE);
}

/* Giving up wakes the head, once; newcomers may be faster; the head looks. */
LineTest(a_release_wakes_the_head)
{
	hold(&one, LK_X);
	joins(0, &one, LK_NL, LK_X, true);
	joins(1, &one, LK_NL, LK_X, false);
	gives_up(&one, LK_X, LK_NL);
	word_is(&one, WORD_WAITERS | WORD_AWAKE);
	cr_expect(woken(0));
	cr_expect_not(woken(1));
	tallies_are(0, 1, 0);

	/* A newcomer barges, and gives up by the short way: the head is on its way anyhow. */
	cr_expect(line_try_enter(&one, LK_X));
	word_is(&one, WORD_X | WORD_WAITERS | WORD_AWAKE);
	cr_expect(line_weaken(&one, LK_X, LK_NL));
	word_is(&one, WORD_WAITERS | WORD_AWAKE);

	/* The same with the latch, as a giver may find it that comes late: no second wake.  (Q10) */
	cr_expect_eq(asks(2, &one, LK_NL, LK_X), LINE_GRANTED);
	gives_up(&one, LK_X, LK_NL);
	line_pass_on(&lot, &one, &tallies);
	word_is(&one, WORD_WAITERS | WORD_AWAKE);
	cr_expect_not(woken(0));
	tallies_are(0, 1, 0);

	cr_expect_not(looks(0, false, false));
	cr_expect(granted(0));
	word_is(&one, WORD_X | WORD_WAITERS);
	gives_up(&one, LK_X, LK_NL);
	cr_expect(woken(1));
	cr_expect_not(looks(1, false, false));
	word_is(&one, WORD_X);
	tallies_are(2, 2, 0);
}

/* (Q6) who looks in vain clears AWAKE, so the next release wakes again. */
LineTest(a_look_in_vain)
{
	hold(&one, LK_X);
	joins(0, &one, LK_NL, LK_S, true);
	gives_up(&one, LK_X, LK_NL);
	cr_expect(line_try_enter(&one, LK_X));
	cr_expect(woken(0));
	cr_expect(looks(0, false, true));
	word_is(&one, WORD_X | WORD_WAITERS);
	gives_up(&one, LK_X, LK_NL);
	cr_expect(woken(0));
	cr_expect_not(looks(0, false, false));
	word_is(&one, WORD_S_ONE);
}

/* What one grants, it grants to all who fit, and tells the others only. */
LineTest(a_look_grants_whoever_fits)
{
	hold(&one, LK_X);
	joins(0, &one, LK_NL, LK_S, true);
	joins(1, &one, LK_NL, LK_S, false);
	joins(2, &one, LK_NL, LK_U, false);
	joins(3, &one, LK_NL, LK_U, false);
	joins(4, &one, LK_NL, LK_IS, false);
	gives_up(&one, LK_X, LK_NL);
	cr_expect_not(looks(0, false, false));
	word_is(&one, (2 * WORD_S_ONE + WORD_U + WORD_IS_ONE) | WORD_WAITERS);
	cr_expect(woken(1) && woken(2) && woken(4));
	cr_expect_not(woken(3));
	lines_are("a3.1");
	cr_expect_not(leaves(1, WAITER_TIMEDOUT), "a grant that came first is a grant");
	cr_expect(granted(1));
	cr_expect(leaves(3, WAITER_TIMEDOUT));
	word_is(&one, 2 * WORD_S_ONE + WORD_U + WORD_IS_ONE);
}

/* (Q5) the head that was woken leaves instead, and passes on what woke it. */
LineTest(a_head_that_leaves_passes_the_wake_on)
{
	hold(&one, LK_X);
	joins(0, &one, LK_NL, LK_X, true);
	joins(1, &one, LK_NL, LK_X, false);
	gives_up(&one, LK_X, LK_NL);
	cr_expect(woken(0));
	cr_expect(leaves(0, WAITER_CANCELED));
	cr_expect(granted(1));
	cr_expect(woken(1));
	word_is(&one, WORD_X);
}

/* (Q5) it may have been all that was in the way of those behind. */
LineTest(who_leaves_lets_in_those_behind)
{
	hold(&one, LK_S);
	joins(0, &one, LK_NL, LK_X, true);
	cr_expect(looks(0, true, true));
	joins(1, &one, LK_NL, LK_S, false);
	joins(2, &one, LK_NL, LK_IS, false);
	word_is(&one, WORD_S_ONE | WORD_WAITERS | WORD_CLOSED);
	cr_expect(leaves(0, WAITER_TIMEDOUT));
	cr_expect(granted(1) && granted(2));
	word_is(&one, 2 * WORD_S_ONE + WORD_IS_ONE);
	tallies_are(2, 0, 1);
}

/* ---------------------------------------------------------------- a line that is closed */

LineTest(a_head_that_is_overdue_closes_the_line)
{
	hold(&one, LK_S);
	joins(0, &one, LK_NL, LK_X, true);
	joins(1, &one, LK_NL, LK_IX, false);
	cr_expect(line_try_enter(&one, LK_S));
	word_is(&one, 2 * WORD_S_ONE | WORD_WAITERS);

	cr_expect(looks(1, true, false), "not the head: no right to it");
	word_is(&one, 2 * WORD_S_ONE | WORD_WAITERS);
	cr_expect(looks(0, true, true));
	word_is(&one, 2 * WORD_S_ONE | WORD_WAITERS | WORD_CLOSED);
	cr_expect(looks(0, true, true));
	tallies_are(0, 0, 1);

	cr_expect_not(line_try_enter(&one, LK_S));
	cr_expect_not(line_try_enter(&one, LK_IS));
	joins(2, &one, LK_NL, LK_S, false);

	/* Closed: the giver grants; nobody gets in between. */
	cr_expect_not(line_weaken(&one, LK_S, LK_NL));
	cr_expect_not(line_try_enter(&one, LK_IS));
	line_pass_on(&lot, &one, &tallies);
	word_is(&one, WORD_S_ONE | WORD_WAITERS | WORD_CLOSED);
	cr_expect_not(woken(0));
	gives_up(&one, LK_S, LK_NL);
	cr_expect(granted(0));
	cr_expect(woken(0));
	/* The next head is not overdue yet. */
	word_is(&one, WORD_X | WORD_WAITERS);
	lines_are("a1.1 a2.2");
	cr_expect(leaves(1, WAITER_TIMEDOUT) && leaves(2, WAITER_TIMEDOUT));
	word_is(&one, WORD_X);
	tallies_are(1, 0, 1);
}

/* Closed to those that would be in somebody's way, not to all. */
LineTest(a_closed_line_lets_in_who_is_in_nobodys_way)
{
	hold(&one, LK_S);
	joins(0, &one, LK_NL, LK_IX, true);
	cr_expect(looks(0, true, true));
	cr_expect_eq(asks(1, &one, LK_NL, LK_IS), LINE_GRANTED);
	word_is(&one, (WORD_S_ONE + WORD_IS_ONE) | WORD_WAITERS | WORD_CLOSED);
	joins(2, &one, LK_NL, LK_S, false);
	gives_up(&one, LK_S, LK_NL);
	cr_expect(granted(0));
	word_is(&one, (WORD_IX_ONE + WORD_IS_ONE) | WORD_WAITERS);
	cr_expect(leaves(2, WAITER_TIMEDOUT));
}

StrictTest(a_strict_line_is_closed_from_the_start)
{
	hold(&one, LK_S);
	joins(0, &one, LK_NL, LK_X, true);
	word_is(&one, WORD_S_ONE | WORD_WAITERS | WORD_CLOSED);
	joins(1, &one, LK_NL, LK_S, false);
	joins(2, &one, LK_NL, LK_S, false);
	gives_up(&one, LK_S, LK_NL);
	cr_expect(granted(0));
	word_is(&one, WORD_X | WORD_WAITERS | WORD_CLOSED);
	gives_up(&one, LK_X, LK_NL);
	cr_expect(granted(1) && granted(2));
	word_is(&one, 2 * WORD_S_ONE);
	tallies_are(3, 0, 0);
}

/* (Q8) */
StrictTest(a_plan_goes_from_the_head_to_the_end)
{
	hold(&one, LK_X);
	joins(0, &one, LK_NL, LK_S, true);
	joins(1, &one, LK_NL, LK_IX, false);
	joins(2, &one, LK_NL, LK_S, false);
	joins(3, &one, LK_NL, LK_IS, false);
	joins(4, &one, LK_NL, LK_X, false);
	joins(5, &one, LK_NL, LK_IS, false);
	gives_up(&one, LK_X, LK_NL);
	cr_expect(granted(0), "S");
	cr_expect(granted(3), "IS: neither S nor the IX that waits minds it");
	lines_are("a1.1 a2.2 a4.3 a5.4");
	word_is(&one, (WORD_S_ONE + WORD_IS_ONE) | WORD_WAITERS | WORD_CLOSED);

	gives_up(&one, LK_S, LK_NL);
	cr_expect(granted(1), "IX");
	lines_are("a2.1 a4.2 a5.3");
	word_is(&one, (WORD_IX_ONE + WORD_IS_ONE) | WORD_WAITERS | WORD_CLOSED);

	gives_up(&one, LK_IX, LK_NL);
	cr_expect(granted(2), "S");
	gives_up(&one, LK_S, LK_NL);
	cr_expect_not(granted(4), "IS is held");
	gives_up(&one, LK_IS, LK_NL);
	cr_expect(granted(4), "X");
	word_is(&one, WORD_X | WORD_WAITERS | WORD_CLOSED);
	gives_up(&one, LK_X, LK_NL);
	cr_expect(granted(5));
	word_is(&one, WORD_IS_ONE);
}

/* A weakening lets in whom it no longer keeps out. */
StrictTest(giving_up_a_part)
{
	hold(&one, LK_X);
	joins(0, &one, LK_NL, LK_U, true);
	joins(1, &one, LK_NL, LK_IX, false);
	joins(2, &one, LK_NL, LK_S, false);
	gives_up(&one, LK_X, LK_S);
	cr_expect(granted(0));
	word_is(&one, (WORD_S_ONE + WORD_U) | WORD_WAITERS | WORD_CLOSED);
	gives_up(&one, LK_U, LK_NL);
	gives_up(&one, LK_S, LK_IS);
	cr_expect(granted(1));
	word_is(&one, (WORD_IS_ONE + WORD_IX_ONE) | WORD_WAITERS | WORD_CLOSED);
	cr_expect(leaves(2, WAITER_TIMEDOUT));
	word_is(&one, WORD_IS_ONE + WORD_IX_ONE);
}

/* -------------------------------------------------------------------- conversions */

/* (Q7) before the first whom its owner is in the way of already. */
LineTest(a_conversion_goes_before_whom_it_blocks)
{
	hold(&one, LK_IX); /* of somebody else */
	hold(&one, LK_IS); /* of the owner of request 2 */
	joins(0, &one, LK_NL, LK_S, true);
	joins(1, &one, LK_NL, LK_X, false);
	joins(2, &one, LK_IS, LK_X, false);
	lines_are("a0.1 a2.2 a1.3");
	word_is(&one, (WORD_IX_ONE + WORD_IS_ONE) | WORD_WAITERS | WORD_CLOSED);
	gives_up(&one, LK_IX, LK_NL);
	cr_expect(granted(0));
	gives_up(&one, LK_S, LK_NL);
	cr_expect(granted(2));
	/* No conversion waits any more, and in an open line one may barge. */
	word_is(&one, WORD_X | WORD_WAITERS);
	cr_expect(leaves(1, WAITER_TIMEDOUT));
}

LineTest(a_conversion_becomes_the_head)
{
	hold(&one, LK_S);
	hold(&one, LK_S);
	joins(0, &one, LK_NL, LK_IX, true);
	joins(1, &one, LK_NL, LK_X, false);
	word_is(&one, 2 * WORD_S_ONE | WORD_WAITERS);
	joins(2, &one, LK_S, LK_X, true);
	word_is(&one, 2 * WORD_S_ONE | WORD_WAITERS | WORD_CLOSED);
	lines_are("a2.1 a0.2 a1.3");
	joins(3, &one, LK_NL, LK_S, false);
	gives_up(&one, LK_S, LK_NL);
	cr_expect(granted(2));
	word_is(&one, WORD_X | WORD_WAITERS);
	for (unsigned i = 0; i < 4; i++)
		cr_expect(i == 2 || leaves(i, WAITER_TIMEDOUT));
	word_is(&one, WORD_X);
}

/* A request of somebody who holds nothing stands at the tail, whatever waits there. */
LineTest(a_new_request_stands_at_the_tail)
{
	hold(&one, LK_X);
	for (unsigned i = 0; i < 6; i++)
		joins(i, &one, LK_NL, (lk_mode)(LK_IS + i), i == 0);
	lines_are("a0.1 a1.2 a2.3 a3.4 a4.5 a5.6");
	for (unsigned i = 0; i < 6; i++)
		cr_expect(leaves(i, WAITER_TIMEDOUT));
}

LineTest(two_conversions_in_each_others_way)
{
	hold(&one, LK_S);
	hold(&one, LK_S);
	joins(0, &one, LK_S, LK_X, true);
	cr_expect_eq(line_probe(&lot, request(1, &one, LK_S, LK_X)), LINE_DEADLOCK);
	cr_expect_eq(asks(1, &one, LK_S, LK_X), LINE_DEADLOCK);
	word_is(&one, 2 * WORD_S_ONE | WORD_WAITERS | WORD_CLOSED);
	lines_are("a0.1");
	cr_expect_eq(asks(1, &one, LK_S, LK_IX), LINE_DEADLOCK);
	/* U does not have to wait for the other's S. */
	cr_expect_eq(line_probe(&lot, request(1, &one, LK_S, LK_U)), LINE_GRANTED);
	/* The other's wish is no obstacle on another name, nor for one who holds nothing. */
	hold(&two, LK_S);
	hold(&two, LK_S);
	cr_expect_eq(line_probe(&lot, request(1, &two, LK_S, LK_X)), LINE_JOINED);
	cr_expect_eq(line_probe(&lot, request(1, &one, LK_NL, LK_X)), LINE_JOINED);
	cr_expect(leaves(0, WAITER_TIMEDOUT));
	word_is(&one, 2 * WORD_S_ONE);
}

/* U waits for readers, who cannot become writers meanwhile; but they can wait for it. */
LineTest(conversions_that_do_not_wait_for_each_other)
{
	hold(&one, LK_U);
	hold(&one, LK_IS);
	joins(0, &one, LK_U, LK_X, true);
	joins(1, &one, LK_NL, LK_S, false);
	cr_expect_eq(asks(2, &one, LK_IS, LK_IX), LINE_DEADLOCK, "X waits for IS, IX for U");
	/* S from IS: nobody is in its way but him who waits for it. */
	cr_expect_eq(asks(2, &one, LK_IS, LK_S), LINE_GRANTED);
	word_is(&one, (WORD_U + WORD_S_ONE) | WORD_WAITERS | WORD_CLOSED);
	gives_up(&one, LK_S, LK_NL);
	cr_expect(granted(0));
	word_is(&one, WORD_X | WORD_WAITERS);
	cr_expect(leaves(1, WAITER_TIMEDOUT));
}

/* Two conversions of which one waits for the other are no deadlock. */
LineTest(conversions_in_a_row)
{
	hold(&one, LK_IS);
	hold(&one, LK_IS);
	hold(&one, LK_IX);
	joins(0, &one, LK_IS, LK_S, true);
	joins(1, &one, LK_IS, LK_U, false);
	word_is(&one, (2 * WORD_IS_ONE + WORD_IX_ONE) | WORD_WAITERS | WORD_CLOSED);
	gives_up(&one, LK_IX, LK_NL);
	cr_expect(granted(0) && granted(1));
	word_is(&one, WORD_S_ONE + WORD_U);
}

/* The second waits for the first, but the first does not wait for the second. */
LineTest(a_conversion_behind_another)
{
	hold(&one, LK_U); /* of a third */
	hold(&one, LK_S);
	hold(&one, LK_IS);
	joins(0, &one, LK_S, LK_U, true);
	joins(1, &one, LK_IS, LK_IX, false);
	gives_up(&one, LK_U, LK_NL);
	cr_expect(granted(0));
	word_is(&one, (WORD_U + WORD_IS_ONE) | WORD_WAITERS | WORD_CLOSED);
	gives_up(&one, LK_U, LK_NL);
	cr_expect(granted(1));
	word_is(&one, WORD_IX_ONE);
}

/* From S to IX one gives something up as well: that lets others in, in the same step. */
LineTest(a_conversion_that_also_gives_up)
{
	uint32_t lost = 0;

	hold(&one, LK_S);
	joins(0, &one, LK_NL, LK_IX, true);
	joins(1, &one, LK_NL, LK_X, false);
	cr_expect_not(line_try_take(&one, LK_S, LK_IX, &lost), "not past those who wait");
	cr_expect_eq(asks(2, &one, LK_S, LK_IX), LINE_GRANTED);
	cr_expect(granted(0));
	cr_expect(woken(0));
	word_is(&one, 2 * WORD_IX_ONE | WORD_WAITERS);
	cr_expect(leaves(1, WAITER_TIMEDOUT));
}

/* A conversion that leaves opens the line again. */
LineTest(a_conversion_that_gives_up_waiting)
{
	hold(&one, LK_S);
	hold(&one, LK_S);
	joins(0, &one, LK_S, LK_X, true);
	joins(1, &one, LK_NL, LK_X, false);
	joins(2, &one, LK_NL, LK_S, false);
	cr_expect(leaves(0, WAITER_TIMEDOUT));
	word_is(&one, 2 * WORD_S_ONE | WORD_WAITERS);
	lines_are("a1.1 a2.2");
	cr_expect(leaves(1, WAITER_TIMEDOUT));
	cr_expect(granted(2));
	word_is(&one, 3 * WORD_S_ONE);
}

/* ---------------------------------------------------------------- refused at once */

LineTest(limits)
{
	shim_store(&one.word, 8192 * WORD_S_ONE, SHIM_RELAXED);
	cr_expect_eq(asks(0, &one, LK_NL, LK_S), LINE_LIMIT);
	cr_expect_eq(asks(0, &one, LK_NL, LK_U), LINE_LIMIT);
	cr_expect_eq(line_probe(&lot, request(0, &one, LK_NL, LK_S)), LINE_LIMIT);
	cr_expect_not(line_try_enter(&one, LK_S));
	word_is(&one, 8192 * WORD_S_ONE);
	cr_expect_eq(asks(0, &one, LK_S, LK_U), LINE_GRANTED);
	word_is(&one, 8191 * WORD_S_ONE + WORD_U);
	joins(1, &one, LK_NL, LK_X, true);
	cr_expect(leaves(1, WAITER_TIMEDOUT));
}

LineTest(a_shut_gate)
{
	hold(&one, LK_X);
	shim_store(&gate, 1u, SHIM_RELEASE);
	cr_expect_eq(asks(0, &one, LK_NL, LK_S), LINE_SHUT);
	cr_expect_eq(asks(0, &two, LK_NL, LK_S), LINE_SHUT);
	word_is(&one, WORD_X);
	word_is(&two, UINT64_C(0));
	gives_up(&one, LK_X, LK_NL);
	word_is(&one, UINT64_C(0));
}

/* What line_join() would say, and nothing is done. */
LineTest(probes)
{
	hold(&one, LK_S);
	cr_expect_eq(line_probe(&lot, request(0, &one, LK_NL, LK_S)), LINE_GRANTED);
	cr_expect_eq(line_probe(&lot, request(0, &one, LK_NL, LK_X)), LINE_JOINED);
	cr_expect_eq(line_probe(&lot, request(0, &one, LK_S, LK_X)), LINE_GRANTED);
	joins(1, &one, LK_NL, LK_X, true);
	cr_expect_eq(line_probe(&lot, request(0, &one, LK_NL, LK_S)), LINE_GRANTED);
	cr_expect(looks(1, true, true));
	cr_expect_eq(line_probe(&lot, request(0, &one, LK_NL, LK_S)), LINE_JOINED);
	cr_expect_eq(line_probe(&lot, request(0, &one, LK_S, LK_X)), LINE_GRANTED);
	word_is(&one, WORD_S_ONE | WORD_WAITERS | WORD_CLOSED);
	lines_are("a1.1");
	gives_up(&one, LK_S, LK_NL);
	cr_expect(granted(1));
}

/* ------------------------------------------------------------------ lines together */

LineTest(two_lines_in_one_bucket)
{
	hold(&one, LK_X);
	hold(&two, LK_X);
	joins(0, &one, LK_NL, LK_X, true);
	joins(1, &two, LK_NL, LK_S, true);
	joins(2, &one, LK_NL, LK_X, false);
	joins(3, &two, LK_NL, LK_S, false);
	joins(4, &two, LK_NL, LK_X, false);
	lines_are("a0.1 b1.1 a2.2 b3.2 b4.3");
	cr_expect_eq(line_length(&lot, &one), 2);
	cr_expect_eq(line_length(&lot, &two), 3);
	gives_up(&two, LK_X, LK_NL);
	word_is(&one, WORD_X | WORD_WAITERS);
	word_is(&two, WORD_WAITERS | WORD_AWAKE);
	cr_expect(woken(1));
	cr_expect_not(woken(0));
	cr_expect_not(looks(1, false, false));
	word_is(&two, 2 * WORD_S_ONE | WORD_WAITERS);
	lines_are("a0.1 a2.2 b4.1");
	cr_expect(leaves(4, WAITER_TIMEDOUT));
	word_is(&two, 2 * WORD_S_ONE);
	gives_up(&one, LK_X, LK_NL);
	cr_expect_not(looks(0, false, false));
	cr_expect(leaves(2, WAITER_TIMEDOUT));
	word_is(&one, WORD_X);
}

static void
many_readers(void)
{
	hold(&one, LK_X);
	for (unsigned i = 0; i < MANY; i++)
		joins(i, &one, LK_NL, LK_S, i == 0);
}

static void
all_are_granted(void)
{
	word_is(&one, MANY * WORD_S_ONE);
	for (unsigned i = 0; i < MANY; i++) {
		cr_expect(granted(i), "request %u", i);
		cr_expect(woken(i), "request %u", i);
	}
}

/* More than one plan has room for. */
StrictTest(one_release_grants_a_long_line)
{
	many_readers();
	gives_up(&one, LK_X, LK_NL);
	all_are_granted();
	tallies_are(MANY, 0, 0);
}

LineTest(one_look_grants_a_long_line)
{
	many_readers();
	gives_up(&one, LK_X, LK_NL);
	cr_expect_not(looks(0, false, false));
	all_are_granted();
	tallies_are(MANY, 1, 0);
}

LineTest(one_that_leaves_lets_in_a_long_line)
{
	hold(&one, LK_S);
	joins(0, &one, LK_NL, LK_X, true);
	cr_expect(looks(0, true, true));
	for (unsigned i = 1; i < MANY; i++)
		joins(i, &one, LK_NL, LK_S, false);
	cr_expect(leaves(0, WAITER_CANCELED));
	word_is(&one, MANY * WORD_S_ONE); /* one of them was there before */
	for (unsigned i = 1; i < MANY; i++)
		cr_expect(granted(i) && woken(i), "request %u", i);
}

LineTest(closing_the_lot)
{
	hold(&one, LK_X);
	hold(&two, LK_S);
	hold(&two, LK_S);
	for (unsigned i = 0; i < MANY - 2; i++)
		joins(i, i % 3 == 0 ? &two : &one, LK_NL, LK_X, i < 2);
	joins(MANY - 2, &two, LK_S, LK_X, true);
	shim_store(&gate, 1u, SHIM_RELEASE);
	lot_close(&lot);
	word_is(&one, WORD_X);
	word_is(&two, 2 * WORD_S_ONE);
	for (unsigned i = 0; i < MANY - 1; i++) {
		cr_expect_eq(waiter_state(&requests[i]), WAITER_CLOSED, "request %u", i);
		cr_expect(woken(i), "request %u", i);
		cr_expect_not(leaves(i, WAITER_TIMEDOUT));
		cr_expect_not(looks(i, true, false));
	}
	lot_close(&lot);
}

Test(line, the_lot_is_spread_over_buckets)
{
	static const struct {
		uint64_t asked;
		uint32_t mask;
	} sizes[] = { { 1, 0 }, { 2, 1 }, { 64, 63 }, { 65, 127 } };
	struct test_heap heap;

	for (size_t i = 0; i < countof(sizes); i++) {
		test_heap_init(&heap);
		env_init(&env, &heap.allocator, NULL);
		cr_assert(lot_init(&lot, &env, sizes[i].asked, false, &gate));
		cr_expect_eq(lot.mask, sizes[i].mask);
		cr_expect_eq(lot_length(&lot), 0);
		lot_close(&lot);
		lot_fini(&lot);
		cr_expect_eq(atomic_load(&heap.blocks), 0);
	}
	test_heap_fail(&heap, 1, true);
	cr_expect_not(lot_init(&lot, &env, 4, false, &gate));
}
