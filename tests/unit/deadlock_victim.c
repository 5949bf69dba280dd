/* SPDX-License-Identifier: MIT */
/* Whose request of a ring ends: each policy, priorities, and those who cannot be victims. */
#include "rings.h"

enum { MEMBERS = 5 };

static const enum lk_victim policies[] = { LK_VICTIM_REQUESTER, LK_VICTIM_YOUNGEST,
					   LK_VICTIM_OLDEST, LK_VICTIM_FEWEST, LK_VICTIM_MOST };

static struct rings t;

static void
set_up(void)
{
	rings_open(&t, "memory:?spin_ns=off&victim=youngest", NULL, NULL); /* openings are noted */
}

static void
tear_down(void)
{
	rings_close(&t);
}

#define VictimTest(name) Test(deadlock_victim, name, .init = set_up, .fini = tear_down)

/* The victim of the ring as owner `i` finds it. */
static int
victim(int i, enum lk_victim policy)
{
	struct ring_search s;
	const struct party *p;
	int k = 0;

	cr_assert_neq(search_from(&t, &s, i, EDGES_HARD), 0);
	p = victim_of_ring(&s, policy);
	cr_assert_not_null(p);
	while (&t.w[k]->party != p)
		k++;
	return k;
}

VictimTest(is_the_one_who_looks)
{
	make_ring(&t, MEMBERS);
	for (int i = 0; i < MEMBERS; i++)
		cr_assert_eq(victim(i, LK_VICTIM_REQUESTER), i);
}

VictimTest(is_the_youngest_or_the_oldest)
{
	make_ring(&t, MEMBERS);
	for (int i = 0; i < MEMBERS; i++) {
		cr_assert_eq(victim(i, LK_VICTIM_YOUNGEST), MEMBERS - 1);
		cr_assert_eq(victim(i, LK_VICTIM_OLDEST), 0);
	}
}

VictimTest(has_the_fewest_or_the_most_grants)
{
	has(&t, 0, "more", LK_S);
	has(&t, 1, "more", LK_S);
	has(&t, 1, "still more", LK_S);
	has(&t, 2, "n2", LK_X); /* further grants on one name count too */
	has(&t, 2, "n2", LK_X);
	has(&t, 2, "n2", LK_X);
	has(&t, 4, "more", LK_S);
	make_ring(&t, MEMBERS);
	for (int i = 0; i < MEMBERS; i++) {
		cr_assert_eq(victim(i, LK_VICTIM_FEWEST), 3);
		cr_assert_eq(victim(i, LK_VICTIM_MOST), 2);
	}
}

VictimTest(has_the_lowest_priority_whatever_the_policy)
{
	make_ring(&t, MEMBERS);
	shim_store(&t.w[0]->party.priority, (uint32_t)7, SHIM_RELAXED);
	shim_store(&t.w[1]->party.priority, (uint32_t)INT32_MIN, SHIM_RELAXED);
	shim_store(&t.w[3]->party.priority, (uint32_t)-1, SHIM_RELAXED);
	for (size_t k = 0; k < countof(policies); k++) {
		for (int i = 0; i < MEMBERS; i++)
			cr_assert_eq(victim(i, policies[k]), 1);
	}
}

VictimTest(is_chosen_by_the_policy_among_those_of_one_priority)
{
	make_ring(&t, MEMBERS);
	shim_store(&t.w[0]->party.priority, (uint32_t)7, SHIM_RELAXED);
	shim_store(&t.w[4]->party.priority, (uint32_t)7, SHIM_RELAXED);
	cr_assert_eq(victim(4, LK_VICTIM_YOUNGEST), 3);
	cr_assert_eq(victim(4, LK_VICTIM_OLDEST), 1);
	cr_assert_eq(victim(2, LK_VICTIM_REQUESTER), 2);
}

VictimTest(waits_in_a_line)
{
	struct ring_search s;

	has(&t, 0, "a", LK_X);
	ok(lk_external_wait_begin(t.w[0], t.w[1]));
	wants(&t, 1, "a", LK_X);
	shim_store(&t.w[0]->party.priority, (uint32_t)-5, SHIM_RELAXED);
	for (size_t k = 0; k < countof(policies); k++)
		cr_assert_eq(victim(1, policies[k]), 1);
	ok(lk_external_wait_end(t.w[0]));
	stops(&t, 1);
	/* Two who wait outside: nobody. */
	ok(lk_external_wait_begin(t.w[2], t.w[3]));
	is(lk_external_wait_begin(t.w[3], t.w[2]), LK_E_DEADLOCK);
	set_outside_of(&t, 3, 2);
	cr_assert_eq(search_from(&t, &s, 3, EDGES_HARD), 2);
	cr_assert_null(victim_of_ring(&s, LK_VICTIM_MOST));
	set_outside_of(&t, 3, -1);
	ok(lk_external_wait_end(t.w[2]));
}

/* ------------------------------------------------------------- the whole way */

static uint64_t
searches(void)
{
	struct lk_stats s = { .size = sizeof(s) };

	ok(lk_stats(t.m, &s));
	return s.searches;
}

VictimTest(is_told_and_nobody_else)
{
	make_ring(&t, MEMBERS);
	cr_assert(looks(&t, 2));
	for (int i = 0; i < MEMBERS; i++)
		cr_assert_eq(is_victim(&t, i), i == MEMBERS - 1, "owner %d", i);
	cr_assert_eq(t.w[MEMBERS - 1]->party.verdict, 1);
	cr_assert(looks(&t, 2), "and there is no ring any more");
	for (int i = 0; i < MEMBERS - 1; i++)
		cr_assert(waits(&t, i));
}

VictimTest(is_one_for_each_ring)
{
	make_ring(&t, 4);
	for (int i = 10; i < 12; i++) { /* two more wait for owner 0, who waits for them */
		char name[16];

		snprintf(name, sizeof(name), "m%d", i);
		has(&t, i, name, LK_X);
		wants(&t, i, "n0", LK_S);
	}
	cr_assert(looks(&t, 0));
	cr_assert_eq(t.m->detector.number, 1);
	cr_assert(waits(&t, 10) && waits(&t, 11));
}

VictimTest(is_nobody_when_the_order_of_a_line_can_change)
{
	t.m->lot.strict = true;
	has(&t, 0, "a", LK_S);
	has(&t, 1, "b", LK_X);
	wants(&t, 0, "b", LK_X);
	wants(&t, 2, "a", LK_X);
	wants(&t, 1, "a", LK_S);
	cr_assert(looks(&t, 0));
	cr_assert_eq(waiter_state(&t.q[1]), WAITER_GRANTED);
	cr_assert(waits(&t, 0) && waits(&t, 2));
	cr_assert_eq(t.q[2].passed, 1);
	cr_assert_eq(t.m->detector.number, 0);
}

VictimTest(is_somebody_when_one_was_passed_too_often)
{
	t.m->lot.strict = true;
	has(&t, 0, "a", LK_S);
	has(&t, 1, "b", LK_X);
	wants(&t, 0, "b", LK_X);
	wants(&t, 2, "a", LK_X);
	wants(&t, 1, "a", LK_S);
	t.q[2].passed = PASSED_MOST;
	cr_assert(looks(&t, 0));
	cr_assert(is_victim(&t, 2), "the youngest");
	cr_assert_eq(waiter_state(&t.q[1]), WAITER_GRANTED, "and who was behind it comes in");
}

VictimTest(is_looked_for_by_those_who_may_be_waited_for)
{
	has(&t, 0, "a", LK_X);
	wants(&t, 1, "a", LK_X);
	cr_assert(looks(&t, 1));
	cr_assert_eq(searches(), 0, "it holds nothing, and nobody is behind it");
	wants(&t, 2, "a", LK_X);
	cr_assert(looks(&t, 1));
	cr_assert_eq(searches(), 1);
	stops(&t, 2);
	ok(lk_external_wait_begin(t.w[5], t.w[1]));
	cr_assert(looks(&t, 1));
	cr_assert_eq(searches(), 3, "one by the wait outside, and one because of it");
	ok(lk_external_wait_end(t.w[5]));
}

VictimTest(is_looked_for_again_when_somebody_else_looks)
{
	make_ring(&t, 2);
	latch_lock(&t.m->detector.latch);
	cr_assert(!looks(&t, 0));
	latch_unlock(&t.m->detector.latch);
	cr_assert(waits(&t, 0) && waits(&t, 1));
	cr_assert(looks(&t, 0));
	cr_assert(is_victim(&t, 1));
}

/* ------------------------------------------------------------ the program's say */

struct asked {
	unsigned times;
	uint32_t answer;
	int stops; /* this owner's wait ends while it thinks; 0: nobody's */
	struct lk_deadlock last;
};

static struct asked asked;

static uint32_t
think(void *arg, const struct lk_deadlock *d)
{
	struct asked *a = arg;

	a->times++;
	a->last = *d;
	if (a->stops != 0)
		stops(&t, a->stops);
	return a->answer;
}

static void
set_up_asking(void)
{
	asked = (struct asked){ 0 };
	rings_open(&t, "memory:?spin_ns=off", think, &asked);
}

#define AskTest(name) Test(deadlock_victim, name, .init = set_up_asking, .fini = tear_down)

AskTest(is_whom_the_program_chooses)
{
	make_ring(&t, 3);
	asked.answer = 2;
	cr_assert(looks(&t, 0));
	cr_assert_eq(asked.times, 1);
	cr_assert_eq(asked.last.n, 3);
	cr_assert_eq(asked.last.victim, 0, "as the policy says");
	for (int i = 0; i < 3; i++)
		cr_assert_eq(is_victim(&t, i),
			     asked.last.member[2].owner_id == shim_load(&t.w[i]->id, SHIM_RELAXED));
}

AskTest(is_as_the_policy_says_if_the_program_chooses_nobody)
{
	make_ring(&t, 3);
	asked.answer = UINT32_MAX;
	cr_assert(looks(&t, 1));
	cr_assert_eq(asked.times, 1);
	cr_assert(is_victim(&t, 1));
}

AskTest(is_as_the_policy_says_if_the_program_chooses_who_waits_outside)
{
	has(&t, 0, "a", LK_X);
	ok(lk_external_wait_begin(t.w[0], t.w[1]));
	wants(&t, 1, "a", LK_X);
	asked.answer = 1;
	cr_assert(looks(&t, 1));
	cr_assert_eq(asked.last.member[1].flags, LK_EXTERNAL);
	cr_assert_eq(asked.times, 1);
	cr_assert(is_victim(&t, 1));
	ok(lk_external_wait_end(t.w[0]));
}

AskTest(is_nobody_if_the_ring_is_over_when_the_program_has_chosen)
{
	make_ring(&t, 3);
	asked.answer = 0;
	asked.stops = 2;
	cr_assert(looks(&t, 0));
	cr_assert_eq(asked.times, 1);
	cr_assert(waits(&t, 0) && waits(&t, 1));
	cr_assert_eq(t.m->detector.number, 0);
}
