/* SPDX-License-Identifier: MIT */
/*
 * A choice that need not be taken back.  (D5)
 *
 * Each order that ends all rings agrees with the hard edges: who waits for another by them, however far, comes
 * after it.  So if the one ahead waits for the one behind, the edge is turned round in all of these orders; if
 * the one behind waits for the one ahead, in none; and of a ring at least one edge is not of the latter kind.
 */
#include "deadlock/order.h"

enum {
	EDGES_MOST = 16, /* soft ones, of a ring; further ones are not considered */
	PASSED_OFTEN = 8
};

enum merit { MERIT_NEVER, MERIT_FREE, MERIT_ALWAYS };

struct soft_edge {
	struct order_change change;
	uint32_t passed;
};

static struct sighting
sighting_of(struct party *p)
{
	return (struct sighting){ p, p->edge.sequence };
}

static unsigned
soft_edges(const struct ring_search *s, struct soft_edge edge[EDGES_MOST])
{
	struct party *p = s->root;
	unsigned n = 0;

	do {
		if (member_is_soft(p) && n < EDGES_MOST)
			edge[n++] = (struct soft_edge){
				{ sighting_of(p), sighting_of(p->edge.waits), p->edge.r },
				p->edge.passed,
			};
		p = p->edge.waits;
	} while (p != s->root);
	return n;
}

/* Does `from` wait for `to`, by hard edges alone?  `*ring`: `to` waits for itself. */
static bool
waits_for(const struct ring_search *s, uint64_t *runs, const struct party *from, struct sighting to,
	  struct lk_resource *r, bool *ring)
{
	struct ring_search back = {
		.lot = s->lot,
		.outside = s->outside,
		.root = to.party,
		.r = r,
		.sequence = to.sequence,
		.run = ++*runs,
		.edges = EDGES_HARD,
	};

	*ring |= search_run(&back);
	return from->edge.run == back.run;
}

static enum merit
merit_of(const struct ring_search *s, uint64_t *runs, const struct order_change *c, bool *ring)
{
	if (waits_for(s, runs, c->ahead.party, c->behind, c->r, ring))
		return MERIT_ALWAYS;
	return waits_for(s, runs, c->behind.party, c->ahead, c->r, ring) ? MERIT_NEVER : MERIT_FREE;
}

/*
 * Of two edges that orders differ about: where the one ahead was passed less.  But once both were passed often,
 * either, by chance: or rings that share waiters could take each other's change back for ever.
 */
static bool
is_rather(const struct soft_edge *e, const struct soft_edge *than, uint64_t chance)
{
	if (e->passed < PASSED_OFTEN || than->passed < PASSED_OFTEN)
		return e->passed < than->passed;
	return (chance * UINT64_C(0x9e3779b97f4a7c15) >> 63) != 0;
}

bool
order_choose(const struct ring_search *s, uint64_t *runs, struct order_change *out)
{
	struct soft_edge edge[EDGES_MOST];
	const unsigned n = soft_edges(s, edge);
	enum merit best = MERIT_NEVER;
	bool ring = false;
	unsigned at = 0;

	for (unsigned i = 0; i < n && !ring; i++) {
		enum merit merit = merit_of(s, runs, &edge[i].change, &ring);

		if (merit > best || (merit == best && is_rather(&edge[i], &edge[at], *runs))) {
			best = merit;
			at = i;
		}
	}
	*out = edge[at].change;
	return !ring;
}
