/* SPDX-License-Identifier: MIT */
/* Backward from a party that waits for another process. */
#include "deadlock/reach.h"
#include "deadlock/victim.h"

struct reach {
	struct ring_search s;
	const struct reach_told *told;
};

static uint64_t
mix(const struct party *p, uint64_t sequence)
{
	return ((uint64_t)(uintptr_t)p ^ sequence * UINT64_C(0x9e3779b97f4a7c15)) *
	       UINT64_C(0xff51afd7ed558ccd);
}

/* The way from `p` to the root, in one number. */
static uint64_t
print_of(const struct ring_search *s, const struct party *p)
{
	uint64_t print = mix(s->root, s->sequence);

	for (; p != s->root; p = p->edge.waits)
		print = print * UINT64_C(0x2545f4914f6cdd1d) + mix(p, p->edge.sequence);
	return print;
}

/* Does whoever of that way waits for the root wait for its place alone? */
static bool
is_by_order(const struct ring_search *s, const struct party *p)
{
	bool is_soft = false;

	for (; p != s->root; p = p->edge.waits)
		is_soft = member_is_soft(p);
	return is_soft;
}

static void
meet(struct ring_search *s, const struct party *p, struct lk_resource *r, lk_mode mode)
{
	const struct reach *reach = container_of(s, struct reach, s);

	reach->told->hold(reach->told->arg, r, mode, print_of(s, p), is_by_order(s, p));
}

static void
tell_parties(const struct reach *reach)
{
	const struct ring_search *s = &reach->s;

	for (const struct party *p = s->root->edge.next; p != NULL; p = p->edge.next)
		reach->told->party(reach->told->arg, p, p->edge.r, print_of(s, p),
				   is_by_order(s, p));
}

bool
reach_search(struct detector *d, struct sighting p, struct lk_resource *r,
	     const struct reach_told *told)
{
	struct reach reach = {
		.s = { .lot = d->lot,
		       .outside = &d->outside,
		       .root = p.party,
		       .r = r,
		       .sequence = p.sequence,
		       .edges = EDGES_ALL,
		       .meet = meet },
		.told = told,
	};
	bool is_ring;

	if (party_owner(p.party) == NULL || !latch_try(&d->latch))
		return false;
	reach.s.run = ++d->runs;
	is_ring = search_run(&reach.s);
	if (!is_ring)
		tell_parties(&reach);
	latch_unlock(&d->latch);
	return !is_ring && party_sequence(p.party) == p.sequence;
}

uint64_t
reach_merit(struct detector *d, struct party *p, uint64_t since_ns)
{
	enum lk_victim policy;

	latch_lock(&d->latch);
	policy = d->victim;
	latch_unlock(&d->latch);
	return policy == LK_VICTIM_REQUESTER ? since_ns : victim_merit(p, policy);
}

bool
reach_end(struct detector *d, struct sighting p, struct lk_resource *r, struct lk_deadlock *report)
{
	bool has_ended;

	latch_lock(&d->latch);
	has_ended = line_expel(d->lot, r, p, d->number + 1);
	if (has_ended)
		detector_keep(d, report);
	latch_unlock(&d->latch);
	return has_ended;
}
