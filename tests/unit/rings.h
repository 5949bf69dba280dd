/* SPDX-License-Identifier: MIT */
/*
 * Rings made by hand: owners of a real manager hold names by public calls, and are put into lines without a
 * thread, so that nothing happens but what a test does.
 */
#ifndef LATCHKEY_TESTS_UNIT_RINGS_H
#define LATCHKEY_TESTS_UNIT_RINGS_H

#include "../api/support.h"

#include "core/grant.h"
#include "deadlock/detector.h"
#include "deadlock/report.h"
#include "deadlock/victim.h"

enum { RING_OWNERS = 40 };

struct rings {
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w[RING_OWNERS];
	struct waiter q[RING_OWNERS]; /* r == NULL: it waits for nothing */
	a64 count;
};

static inline struct line_tally
rings_tally(struct rings *t)
{
	return (struct line_tally){ &t->count, &t->count, &t->count };
}

/* With a world whose time stands still. */
static inline void
rings_open(struct rings *t, const char *url, lk_victim_fn *on_victim, void *arg)
{
	struct lk_config cfg = LK_CONFIG_INIT;

	memset(t, 0, sizeof(*t));
	test_world_init(&t->world);
	t->world.manual = true;
	atomic_store(&t->world.time_ns, 1000);
	cfg.environment = &t->world.environment;
	cfg.on_victim = on_victim;
	cfg.on_victim_arg = arg;
	ok(lk_open(url, &cfg, &t->m));
	for (int i = 0; i < RING_OWNERS; i++) {
		atomic_fetch_add(&t->world.time_ns, 1); /* one is younger than the other */
		ok(lk_owner_open(t->m, NULL, &t->w[i]));
	}
}

static inline void
has(struct rings *t, int i, const char *name, lk_mode mode)
{
	(void)take(t->w[i], name, mode);
}

static inline struct lk_resource *
entry_named(struct rings *t, const char *name)
{
	struct lk_resource *r;

	ok(lk_resource_open(t->m, name, &r));
	return r;
}

/* What owner `i` holds on `r` itself. */
static inline lk_mode
held_by(struct rings *t, int i, const struct lk_resource *r)
{
	const uint32_t slot = hold_find(&t->w[i]->holds, r);

	if (slot == SLOT_NONE)
		return LK_NL;
	return head_effective(shim_load(&hold_at(&t->w[i]->holds, slot)->head, SHIM_RELAXED));
}

/* Owner `i` asks for what it may hold in a mode; what came of it.  The entry stays as long as it waits. */
static inline enum line_outcome
asks_on(struct rings *t, int i, struct lk_resource *r, lk_mode mode)
{
	const struct line_tally tally = rings_tally(t);
	const lk_mode held = held_by(t, i, r);
	enum line_outcome outcome;
	bool head;

	t->q[i] = (struct waiter){
		.r = r,
		.party = &t->w[i]->party,
		.held = held,
		.want = mode_supremum(held, mode),
		.priority = party_priority(&t->w[i]->party),
		.since_ns = env_now(&t->m->env),
	};
	resource_pin(r);
	outcome = line_join(&t->m->lot, &t->q[i], true, &head, &tally);
	if (outcome != LINE_JOINED) {
		t->q[i].r = NULL;
		resource_unpin(r);
	}
	return outcome;
}

static inline enum line_outcome
asks(struct rings *t, int i, const char *name, lk_mode mode)
{
	struct lk_resource *r = entry_named(t, name);
	enum line_outcome outcome = asks_on(t, i, r, mode);

	lk_resource_close(r);
	return outcome;
}

static inline void
wants(struct rings *t, int i, const char *name, lk_mode mode)
{
	cr_assert_eq(asks(t, i, name, mode), LINE_JOINED, "%d, %s", i, name);
}

static inline bool
waits(struct rings *t, int i)
{
	return t->q[i].r != NULL && waiter_state(&t->q[i]) == WAITER_WAITING;
}

/* It waits no more; what it was granted is given back. */
static inline void
stops(struct rings *t, int i)
{
	const struct line_tally tally = rings_tally(t);
	struct waiter *q = &t->q[i];
	struct lk_resource *r = q->r;

	if (r == NULL)
		return;
	(void)line_leave(&t->m->lot, q, WAITER_TIMEDOUT, &tally);
	if (waiter_state(q) == WAITER_GRANTED && !line_weaken(r, q->want, q->held))
		line_pass_on(&t->m->lot, r, &tally);
	q->r = NULL;
	resource_unpin(r);
}

static inline void
rings_close(struct rings *t)
{
	for (int i = 0; i < RING_OWNERS; i++)
		stops(t, i);
	close_all(t->m, t->w, RING_OWNERS);
}

/* Owner i holds name i in X and wants the next, the last the first. */
static inline void
make_ring(struct rings *t, int n)
{
	char name[16];

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		has(t, i, name, LK_X);
	}
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "n%d", (i + 1) % n);
		wants(t, i, name, LK_X);
	}
}

static inline struct ring_search
search_of(struct rings *t, int i)
{
	return (struct ring_search){
		.lot = &t->m->lot,
		.outside = &t->m->detector.outside,
		.root = &t->w[i]->party,
		.r = t->q[i].r,
		.sequence = t->q[i].r != NULL ? party_sequence(&t->w[i]->party)
					      : t->w[i]->outside.sequence,
	};
}

/* Is owner `i` in a ring?  How many members has it?  0: it is not. */
static inline int
search_from(struct rings *t, struct ring_search *s, int i, enum search_edges edges)
{
	const struct party *p;
	int n = 0;

	*s = search_of(t, i);
	s->edges = edges;
	s->run = ++t->m->detector.runs;
	if (!search_run(s))
		return 0;
	p = s->root;
	do {
		n++;
		p = p->edge.waits;
	} while (p != s->root && n <= RING_OWNERS);
	return n;
}

static inline int
ring_of(struct rings *t, int i, enum search_edges edges)
{
	struct ring_search s;

	return search_from(t, &s, i, edges);
}

/* As lk_external_wait_begin(), but that nobody looks; `on` < 0: it ends. */
static inline void
set_outside_of(struct rings *t, int i, int on)
{
	struct outside *o = &t->w[i]->outside;

	o->on = on >= 0 ? &t->w[on]->party : NULL;
	if (on >= 0) {
		o->on_id = shim_load(&t->w[on]->id, SHIM_RELAXED);
		o->id = shim_load(&t->w[i]->id, SHIM_RELAXED);
	}
	o->sequence++;
	if (o->is_listed)
		cds_list_del(&o->node);
	o->is_listed = on >= 0;
	if (o->is_listed)
		cds_list_add_tail(&o->node, &t->m->detector.outside);
}

static inline bool
looks(struct rings *t, int i)
{
	return detector_look(&t->m->detector, t->w[i], &t->q[i]);
}

static inline bool
is_victim(struct rings *t, int i)
{
	return waiter_state(&t->q[i]) == WAITER_DEADLOCK;
}

#endif /* LATCHKEY_TESTS_UNIT_RINGS_H */
