/* SPDX-License-Identifier: MIT */
/* The policies, as one comparison of two members. */
#include "deadlock/victim.h"

/* A larger one is the better victim; the same in all: whoever comes first from the root on. */
uint64_t
victim_merit(struct party *p, enum lk_victim policy)
{
	const struct lk_owner *w = party_owner(p);
	const uint64_t grants =
		holds_n(&w->holds) + (uint64_t)shim_load(&w->holds.reentries, SHIM_RELAXED);

	switch (policy) {
	case LK_VICTIM_YOUNGEST:
		return w->opened_ns;
	case LK_VICTIM_OLDEST:
		return UINT64_MAX - w->opened_ns;
	case LK_VICTIM_FEWEST:
		return UINT64_MAX - grants;
	case LK_VICTIM_MOST:
		return grants;
	case LK_VICTIM_REQUESTER:
		break;
	}
	return 0;
}

static bool
is_better(struct party *p, struct party *than, enum lk_victim policy)
{
	if (party_priority(p) != party_priority(than))
		return party_priority(p) < party_priority(than);
	return victim_merit(p, policy) > victim_merit(than, policy);
}

struct party *
victim_of_ring(const struct ring_search *s, enum lk_victim policy)
{
	struct party *victim = NULL;
	struct party *p = s->root;

	do {
		if (p->edge.r != NULL && (victim == NULL || is_better(p, victim, policy)))
			victim = p;
		p = p->edge.waits;
	} while (p != s->root);
	return victim;
}
