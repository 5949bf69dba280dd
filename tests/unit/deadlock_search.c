/* SPDX-License-Identifier: MIT */
/* Who is in a ring: rings made by hand, and thousands at random against a reference that tries all ways. */
#include "rings.h"

enum { SOME_OWNERS = 7, SOME_NAMES = 5, ROUNDS = 3000 };

static struct rings t;

static void
set_up(void)
{
	rings_open(&t, "memory:?lot_buckets=4&spin_ns=off&strict=1", NULL, NULL);
}

static void
tear_down(void)
{
	rings_close(&t);
}

#define SearchTest(name) Test(deadlock_search, name, .init = set_up, .fini = tear_down)

SearchTest(finds_rings_of_any_length_from_each_member)
{
	for (int n = 2; n <= 20; n++) {
		make_ring(&t, n);
		for (int i = 0; i < n; i++) {
			cr_assert_eq(ring_of(&t, i, EDGES_HARD), n);
			cr_assert_eq(ring_of(&t, i, EDGES_ALL), n);
		}
		for (int i = 0; i < n; i++) {
			stops(&t, i);
			ok(lk_release_all(t.w[i]));
		}
	}
}

SearchTest(finds_no_ring_in_a_chain)
{
	has(&t, 0, "a", LK_X);
	has(&t, 1, "b", LK_X);
	has(&t, 2, "c", LK_X);
	wants(&t, 1, "a", LK_X);
	wants(&t, 2, "b", LK_X);
	wants(&t, 3, "c", LK_X);
	for (int i = 1; i <= 3; i++)
		cr_assert_eq(ring_of(&t, i, EDGES_ALL), 0);
}

SearchTest(does_not_count_who_waits_for_a_ring_but_is_not_in_it)
{
	make_ring(&t, 3);
	has(&t, 5, "x", LK_X);
	wants(&t, 5, "n0", LK_S);
	cr_assert_eq(ring_of(&t, 5, EDGES_ALL), 0);
	cr_assert_eq(ring_of(&t, 0, EDGES_HARD), 3);
}

SearchTest(takes_a_hold_for_an_edge_if_the_modes_conflict)
{
	for (lk_mode held = LK_IS; held <= LK_X; held++) {
		for (lk_mode want = LK_IS; want <= LK_X; want++) {
			if (compatible[want][held])
				continue;
			has(&t, 0, "a", held);
			has(&t, 1, "b", LK_X);
			wants(&t, 1, "a", want);
			wants(&t, 0, "b", LK_S);
			cr_assert_eq(ring_of(&t, 0, EDGES_HARD), 2, "%s %s", mode_name(held),
				     mode_name(want));
			stops(&t, 0);
			stops(&t, 1);
			ok(lk_release_all(t.w[0]));
			ok(lk_release_all(t.w[1]));
		}
	}
}

/* A third one is in the way, and the modes of these two go together. */
SearchTest(takes_no_hold_for_an_edge_if_the_modes_go_together)
{
	for (lk_mode held = LK_IS; held <= LK_X; held++) {
		for (lk_mode want = LK_IS; want <= LK_X; want++) {
			lk_mode other = LK_IS;

			while (other <= LK_X &&
			       (compatible[want][other] || !compatible[other][held]))
				other++;
			if (!compatible[want][held] || other > LK_X)
				continue;
			has(&t, 0, "a", held);
			has(&t, 2, "a", other);
			has(&t, 1, "b", LK_X);
			wants(&t, 1, "a", want);
			wants(&t, 0, "b", LK_S);
			cr_assert_eq(ring_of(&t, 0, EDGES_ALL), 0, "%s %s", mode_name(held),
				     mode_name(want));
			for (int i = 0; i < 3; i++) {
				stops(&t, i);
				ok(lk_release_all(t.w[i]));
			}
		}
	}
}

SearchTest(finds_the_order_of_a_line_soft)
{
	has(&t, 0, "a", LK_S);
	has(&t, 1, "b", LK_X);
	wants(&t, 0, "b", LK_X);
	wants(&t, 2, "a", LK_X);
	wants(&t, 1, "a", LK_U);
	cr_assert_eq(ring_of(&t, 0, EDGES_HARD), 0);
	cr_assert_eq(ring_of(&t, 0, EDGES_ALL), 3);
	t.q[2].passed = PASSED_MOST;
	cr_assert_eq(ring_of(&t, 0, EDGES_HARD), 3, "who was passed so often is not passed again");
}

SearchTest(finds_a_conversion_that_waits_for_a_reader)
{
	has(&t, 0, "n", LK_S);
	has(&t, 1, "n", LK_S);
	has(&t, 0, "b", LK_X);
	wants(&t, 0, "n", LK_X);
	wants(&t, 1, "b", LK_S);
	cr_assert_eq(ring_of(&t, 0, EDGES_HARD), 2);
	cr_assert_eq(ring_of(&t, 1, EDGES_HARD), 2);
}

SearchTest(finds_two_conversions_of_two_names)
{
	for (int i = 0; i < 2; i++) {
		has(&t, i, "n", LK_S);
		has(&t, i, "m", LK_S);
	}
	wants(&t, 0, "n", LK_X);
	wants(&t, 1, "m", LK_X);
	cr_assert_eq(ring_of(&t, 0, EDGES_HARD), 2);
	cr_assert_eq(ring_of(&t, 1, EDGES_HARD), 2);
}

SearchTest(does_not_let_a_conversion_wait_for_itself)
{
	has(&t, 0, "n", LK_S);
	has(&t, 1, "n", LK_S);
	wants(&t, 0, "n", LK_X);
	cr_assert_eq(ring_of(&t, 0, EDGES_ALL), 0);
}

/* More holds than stand in the owner itself, and more lines than are noted as seen. */
SearchTest(looks_at_all_that_is_held)
{
	char name[16];

	for (int i = 0; i < 3 * SEEN_LINES; i++) {
		snprintf(name, sizeof(name), "many%d", i);
		has(&t, 0, name, LK_X);
		has(&t, 1, "b", LK_X);
		wants(&t, 0, "b", LK_S);
		wants(&t, 1, name, LK_S);
		if (i % 31 == 0 || i == 3 * SEEN_LINES - 1) {
			cr_assert_eq(ring_of(&t, 0, EDGES_HARD), 2, "%s", name);
			cr_assert_eq(ring_of(&t, 1, EDGES_HARD), 2, "%s", name);
		}
		stops(&t, 0);
		stops(&t, 1);
		ok(lk_release_all(t.w[1]));
	}
}

SearchTest(sees_that_a_member_went_on)
{
	struct ring_search s;

	make_ring(&t, 2);
	cr_assert_eq(search_from(&t, &s, 0, EDGES_HARD), 2);
	cr_assert(member_waits(&t.w[0]->party));
	cr_assert(member_waits(&t.w[1]->party));
	stops(&t, 1);
	cr_assert(member_waits(&t.w[0]->party));
	cr_assert(!member_waits(&t.w[1]->party));
	wants(&t, 1, "n0", LK_X);
	cr_assert_not(member_waits(&t.w[1]->party), "it waits there again, but it is another wait");
}

SearchTest(finds_who_waits_outside)
{
	has(&t, 1, "b", LK_X);
	ok(lk_external_wait_begin(t.w[1], t.w[0]));
	wants(&t, 0, "b", LK_X);
	cr_assert_eq(ring_of(&t, 0, EDGES_HARD), 2);
	cr_assert_null(t.w[1]->party.edge.r);
	ok(lk_external_wait_end(t.w[1]));
	cr_assert(!member_waits(&t.w[1]->party));
	cr_assert_eq(ring_of(&t, 0, EDGES_ALL), 0);
}

SearchTest(forgets_a_wait_for_an_owner_that_was_closed)
{
	struct lk_owner *was = t.w[0];

	has(&t, 1, "b", LK_X);
	ok(lk_external_wait_begin(t.w[1], was));
	ok(lk_owner_close(was));
	ok(lk_owner_open(t.m, NULL, &t.w[0]));
	cr_assert_eq(t.w[0], was, "the same memory is another owner");
	wants(&t, 0, "b", LK_X);
	cr_assert_eq(ring_of(&t, 0, EDGES_ALL), 0);
	ok(lk_external_wait_end(t.w[1]));
}

SearchTest(forgets_the_wait_of_an_owner_that_was_closed)
{
	struct lk_owner *was = t.w[1];

	ok(lk_external_wait_begin(was, t.w[0]));
	ok(lk_owner_close(was));
	ok(lk_owner_open(t.m, NULL, &t.w[1]));
	cr_assert_eq(t.w[1], was);
	has(&t, 1, "b", LK_X);
	wants(&t, 0, "b", LK_X);
	cr_assert_eq(ring_of(&t, 0, EDGES_ALL), 0);
	is(lk_external_wait_end(t.w[1]), LK_E_INVAL);
}

/* ----------------------------------------------------------------- at random */

/* Who waits for whom, by a look at all pairs: who holds what, and who stands where. */
struct graph {
	bool edge[SOME_OWNERS][SOME_OWNERS];
};

static const char *const some_name[SOME_NAMES] = { "a", "b", "c", "d", "e" };

static bool
is_ahead(const struct waiter *p, const struct waiter *q)
{
	const struct lot *l = &t.m->lot;

	for (uint32_t i = 0; i <= l->mask; i++) {
		struct cds_list_head *node;
		bool met = false;

		cds_list_for_each(node, &l->bucket[i].waiters)
		{
			if (node == &q->node)
				return met;
			met |= node == &p->node;
		}
	}
	return false;
}

static bool
is_edge(int i, int k, bool all)
{
	const struct waiter *q = &t.q[i];
	const struct waiter *p = &t.q[k];

	if (i == k || !waits(&t, i) || !waits(&t, k))
		return false;
	if (!compatible[q->want][held_by(&t, k, q->r)])
		return true;
	return (all || p->passed >= PASSED_MOST) && p->r == q->r && !compatible[q->want][p->want] &&
	       is_ahead(p, q);
}

static struct graph
graph_of(bool all)
{
	struct graph g;

	for (int i = 0; i < SOME_OWNERS; i++) {
		for (int k = 0; k < SOME_OWNERS; k++)
			g.edge[i][k] = is_edge(i, k, all);
	}
	for (int via = 0; via < SOME_OWNERS; via++) {
		for (int i = 0; i < SOME_OWNERS; i++) {
			for (int k = 0; k < SOME_OWNERS; k++)
				g.edge[i][k] |= g.edge[i][via] && g.edge[via][k];
		}
	}
	return g;
}

/* Whoever is found ahead or holding is what the reference says it is, all round. */
static void
check_ring(const struct ring_search *s, bool all)
{
	struct party *p = s->root;

	do {
		int i = 0;
		int k = 0;

		while (&t.w[i]->party != p)
			i++;
		while (&t.w[k]->party != p->edge.waits)
			k++;
		cr_assert(is_edge(i, k, all), "%d waits for %d", i, k);
		cr_assert_eq(p->edge.r, t.q[i].r);
		cr_assert_eq(member_is_soft(p), compatible[t.q[i].want][held_by(&t, k, p->edge.r)]);
		p = p->edge.waits;
	} while (p != s->root);
}

static void
check_all(bool all)
{
	const struct graph g = graph_of(all);
	struct ring_search s;

	for (int i = 0; i < SOME_OWNERS; i++) {
		if (!waits(&t, i))
			continue;
		cr_assert_eq(search_from(&t, &s, i, all ? EDGES_ALL : EDGES_HARD) != 0,
			     g.edge[i][i], "owner %d, %s edges", i, all ? "all" : "hard");
		if (s.found)
			check_ring(&s, all);
	}
}

static lk_mode
some_mode(uint64_t *seed)
{
	return (lk_mode)(LK_IS + test_random(seed) % (uint64_t)LK_X);
}

/* Whatever is free. */
static void
hold_something(uint64_t *seed)
{
	unsigned held = 0;

	for (int n = 0; n < 2 * SOME_OWNERS; n++) {
		const uint64_t x = test_random(seed);
		lk_grant g;

		held += lk_try_acquire(t.w[x % SOME_OWNERS], some_name[(x >> 8) % SOME_NAMES],
				       some_mode(seed), &g) == 0;
	}
	cr_assert_gt(held, 0);
}

static void
wait_for_something(uint64_t *seed)
{
	for (int i = 0; i < SOME_OWNERS; i++) {
		const uint64_t x = test_random(seed);
		const int k = (int)((x >> 32) % SOME_OWNERS);

		/* What is granted at once is not written down: it goes back. */
		if (t.q[k].r == NULL &&
		    asks(&t, k, some_name[x % SOME_NAMES], some_mode(seed)) == LINE_GRANTED) {
			const struct line_tally tally = rings_tally(&t);
			struct lk_resource *r = entry_named(&t, some_name[x % SOME_NAMES]);

			if (!line_weaken(r, t.q[k].want, t.q[k].held))
				line_pass_on(&t.m->lot, r, &tally);
			lk_resource_close(r);
		} else if (waits(&t, k) && x >> 60 == 0) {
			t.q[k].passed = PASSED_MOST;
		}
	}
}

/* Whose wait is over because of what went back. */
static void
stop_all(void)
{
	for (int i = 0; i < SOME_OWNERS; i++)
		stops(&t, i);
	for (int i = 0; i < SOME_OWNERS; i++)
		ok(lk_release_all(t.w[i]));
}

SearchTest(agrees_with_a_reference_about_waits_at_random)
{
	uint64_t seed = 17;
	unsigned hard = 0;
	unsigned soft = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		hold_something(&seed);
		wait_for_something(&seed);
		check_all(false);
		check_all(true);
		for (int i = 0; i < SOME_OWNERS; i++) {
			hard += graph_of(false).edge[i][i];
			soft += graph_of(true).edge[i][i] && !graph_of(false).edge[i][i];
		}
		stop_all();
	}
	cr_assert_gt(hard, 100, "there were rings to be found");
	cr_assert_gt(soft, 100);
}
