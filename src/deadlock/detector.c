/* SPDX-License-Identifier: MIT */
/* From a search to the end of a ring.  (D5-D7) */
#include <string.h>

#include "deadlock/detector.h"
#include "deadlock/order.h"
#include "deadlock/report.h"
#include "deadlock/victim.h"

enum { ROUNDS_MOST = 64 };

bool
detector_init(struct detector *d, struct env *env, struct lot *lot, bool looks)
{
	latch_init(&d->latch);
	d->env = env;
	d->lot = lot;
	CDS_INIT_LIST_HEAD(&d->outside);
	if (!looks)
		return true;
	d->kept = env_zalloc(env, DEADLOCKS_KEPT * sizeof(*d->kept), LK_LINE);
	return d->kept != NULL;
}

void
detector_fini(struct detector *d)
{
	env_free(d->env, d->kept, d->kept != NULL ? DEADLOCKS_KEPT * sizeof(*d->kept) : 0);
}

bool
detector_keeps(const struct detector *d)
{
	return d->kept != NULL;
}

void
detector_set_victim(struct detector *d, enum lk_victim victim)
{
	latch_lock(&d->latch);
	d->victim = victim;
	latch_unlock(&d->latch);
}

/* What became of one round. */
enum round { ROUND_NO_RING, ROUND_ENDED, ROUND_CHANGED, ROUND_OUTSIDE, ROUND_LATER };

static bool
find_ring(struct detector *d, struct ring_search *s, enum search_edges edges)
{
	s->edges = edges;
	s->run = ++d->runs;
	return search_run(s);
}

static bool
is_soft(const struct ring_search *s)
{
	const struct party *p = s->root;

	while (!member_is_soft(p) && p->edge.waits != s->root)
		p = p->edge.waits;
	return member_is_soft(p);
}

static bool
all_wait(const struct ring_search *s)
{
	const struct party *p = s->root;

	do {
		if (!member_waits(p))
			return false;
		p = p->edge.waits;
	} while (p != s->root);
	return true;
}

static struct sighting
sighting_of(struct party *p)
{
	return (struct sighting){ p, p->edge.sequence };
}

/* (D5) */
static enum round
reorder(struct detector *d, struct ring_search *s)
{
	struct order_change c;

	if (!all_wait(s))
		return ROUND_CHANGED;
	if (!order_choose(s, &d->runs, &c))
		return ROUND_LATER;
	if (!line_let_pass(d->lot, c.r, c.behind, c.ahead))
		return ROUND_CHANGED;
	owner_tally(party_owner(s->root), &party_owner(s->root)->count.reorders);
	return ROUND_ENDED;
}

/* The member with this id that can be a victim, or NULL. */
static struct party *
member_with_id(const struct ring_search *s, uint64_t id)
{
	struct party *p = s->root;

	do {
		if (p->edge.r != NULL && shim_load(&party_owner(p)->id, SHIM_RELAXED) == id)
			return p;
		p = p->edge.waits;
	} while (p != s->root);
	return NULL;
}

/*
 * Ask the caller whom to choose, with nothing latched; what it says counts if there still is a ring with that
 * owner in it.
 */
static struct party *
ask(struct detector *d, struct ring_search *s, const struct lk_deadlock *report)
{
	uint32_t choice;

	latch_unlock(&d->latch);
	choice = d->on_victim(d->on_victim_arg, report);
	latch_lock(&d->latch);
	if (choice >= report->kept || (report->member[choice].flags & LK_EXTERNAL) != 0)
		choice = report->victim;
	if (!find_ring(d, s, EDGES_HARD))
		return NULL;
	return member_with_id(s, report->member[choice].owner_id);
}

void
detector_keep(struct detector *d, struct lk_deadlock *report)
{
	report->number = ++d->number;
	d->kept[d->number % DEADLOCKS_KEPT] = *report;
}

/* The ring in one number, whoever is its root. */
static uint64_t
print_of(const struct ring_search *s, bool *has_thread)
{
	const struct party *p = s->root;
	uint64_t print = 0;

	*has_thread = true;
	do {
		print +=
			((uint64_t)(uintptr_t)p ^ p->edge.sequence * UINT64_C(0x9e3779b97f4a7c15)) *
			UINT64_C(0xff51afd7ed558ccd);
		*has_thread &= party_has_thread(p);
		p = p->edge.waits;
	} while (p != s->root);
	return print;
}

/* Was it there a delay ago, and has nobody in it moved since?  (D8) */
static bool
persists(const struct detector *d, struct ring_search *s, uint64_t now)
{
	struct party *root = s->root;
	bool have_threads;
	const uint64_t print = print_of(s, &have_threads);

	if (likely(have_threads))
		return true;
	if (root->ring_seen == print)
		return now - root->ring_at >= shim_load(&d->delay_ns, SHIM_RELAXED);
	root->ring_seen = print;
	root->ring_at = now;
	return false;
}

/* The ring is one of hard edges: a request of it ends.  (D6) */
static enum round
end_request(struct detector *d, struct ring_search *s)
{
	struct party *victim = victim_of_ring(s, d->victim);
	const uint64_t now = env_now(d->env);
	struct lk_deadlock report;

	if (victim == NULL)
		return ROUND_OUTSIDE;
	if (!persists(d, s, now))
		return ROUND_LATER;
	if (!report_ring(s, victim, now, &report))
		return ROUND_CHANGED;
	if (d->on_victim != NULL) {
		victim = ask(d, s, &report);
		if (victim == NULL || !report_ring(s, victim, now, &report))
			return ROUND_CHANGED;
	}
	if (!line_expel(d->lot, victim->edge.r, sighting_of(victim), d->number + 1))
		return ROUND_CHANGED;
	detector_keep(d, &report);
	return ROUND_ENDED;
}

static enum round
one_round(struct detector *d, struct ring_search *s)
{
	if (!find_ring(d, s, EDGES_ALL))
		return ROUND_NO_RING;
	if (!is_soft(s) || find_ring(d, s, EDGES_HARD))
		return end_request(d, s);
	if (!find_ring(d, s, EDGES_ALL) || !is_soft(s))
		return ROUND_CHANGED;
	return reorder(d, s);
}

static enum round
end_rings(struct detector *d, struct ring_search *s)
{
	enum round round = ROUND_CHANGED;

	owner_tally(party_owner(s->root), &party_owner(s->root)->count.searches);
	for (int i = 0; i < ROUNDS_MOST; i++) {
		if (s->r != NULL) /* it may have been moved in its line */
			s->sequence = party_sequence(s->root);
		if (s->r != NULL && !sequence_waits(s->sequence))
			return ROUND_NO_RING;
		round = one_round(d, s);
		if (round == ROUND_NO_RING || round == ROUND_OUTSIDE || round == ROUND_LATER)
			break;
	}
	return round;
}

struct follower {
	const struct waiter *q;
	bool met;
	bool follows;
};

static void
look_behind(void *arg, const struct waiter *q)
{
	struct follower *f = arg;

	f->follows |= f->met;
	f->met |= q == f->q;
}

/* Who holds nothing, and is the last in its line, keeps nobody waiting, unless outside. */
static bool
is_waited_for(const struct detector *d, const struct lk_owner *w, const struct waiter *q)
{
	struct follower f = { .q = q };

	if (holds_n(&w->holds) != 0 || q->together != NULL ||
	    shim_load(&d->n_outside, SHIM_ACQUIRE) != 0)
		return true;
	line_each(d->lot, q->r, look_behind, &f);
	return f.follows;
}

bool
detector_look(struct detector *d, struct lk_owner *w, const struct waiter *q)
{
	struct ring_search s = {
		.lot = d->lot, .outside = &d->outside, .root = &w->party, .r = q->r
	};
	enum round round;

	if (!is_waited_for(d, w, q))
		return true;
	if (!latch_try(&d->latch))
		return false; /* (D7) */
	round = end_rings(d, &s);
	latch_unlock(&d->latch);
	return round == ROUND_NO_RING;
}

bool
detector_look_for(struct detector *d, struct party *p, struct lk_resource *r)
{
	struct ring_search s = { .lot = d->lot, .outside = &d->outside, .root = p, .r = r };
	enum round round;

	if (!latch_try(&d->latch))
		return false; /* (D7) */
	round = end_rings(d, &s);
	latch_unlock(&d->latch);
	return round == ROUND_NO_RING;
}

static void
set_outside(struct detector *d, struct outside *o, struct lk_owner *w, struct lk_owner *on)
{
	WR(o->on, &on->party);
	WR(o->on_id, shim_load(&on->id, SHIM_ACQUIRE));
	WR(o->id, shim_load(&w->id, SHIM_RELAXED));
	WR(o->sequence, RD(o->sequence) + 1);
	if (RD(o->is_listed))
		return;
	cds_list_add_tail(&o->node, &d->outside);
	WR(o->is_listed, true);
	shim_store(&d->n_outside, shim_load(&d->n_outside, SHIM_RELAXED) + 1, SHIM_RELEASE);
}

/* Of this opening of the owner, not of one that never came to its end? */
static bool
waits_outside(const struct lk_owner *w)
{
	return RD(w->outside.on) != NULL && RD(w->outside.id) == shim_load(&w->id, SHIM_RELAXED);
}

static void
unset_outside(struct detector *d, struct outside *o)
{
	WR(o->on, NULL);
	WR(o->sequence, RD(o->sequence) + 1);
	WR(o->is_listed, false);
	cds_list_del(&o->node);
	shim_store(&d->n_outside, shim_load(&d->n_outside, SHIM_RELAXED) - 1, SHIM_RELEASE);
}

int
detector_begin_outside(struct detector *d, struct lk_owner *w, struct lk_owner *on)
{
	struct ring_search s = { .lot = d->lot, .outside = &d->outside, .root = &w->party };
	int rc = 0;

	latch_lock(&d->latch);
	if (waits_outside(w)) {
		rc = LK_E_BUSY;
	} else {
		set_outside(d, &w->outside, w, on);
		s.sequence = outside_sequence(w);
		if (d->kept != NULL && end_rings(d, &s) == ROUND_OUTSIDE)
			rc = LK_E_DEADLOCK;
		if (rc != 0)
			unset_outside(d, &w->outside);
	}
	latch_unlock(&d->latch);
	return rc;
}

void
detector_look_outside(struct detector *d, struct lk_owner *w)
{
	struct ring_search s = { .lot = d->lot, .outside = &d->outside, .root = &w->party };

	if (d->kept == NULL || shim_load(&d->n_outside, SHIM_ACQUIRE) == 0)
		return;
	latch_lock(&d->latch);
	if (waits_outside(w)) {
		s.sequence = RD(w->outside.sequence);
		(void)end_rings(d, &s);
	}
	latch_unlock(&d->latch);
}

bool
detector_end_outside(struct detector *d, struct lk_owner *w)
{
	bool waited;

	latch_lock(&d->latch);
	waited = waits_outside(w);
	if (waited)
		unset_outside(d, &w->outside);
	latch_unlock(&d->latch);
	return waited;
}

bool
detector_copy(struct detector *d, uint64_t after, struct lk_deadlock *out)
{
	uint64_t number;

	latch_lock(&d->latch);
	number = d->number >= DEADLOCKS_KEPT ? d->number - DEADLOCKS_KEPT + 1 : 1;
	if (number <= after)
		number = after + 1;
	if (number <= d->number)
		*out = d->kept[number % DEADLOCKS_KEPT];
	latch_unlock(&d->latch);
	return number <= d->number;
}

/* Whom `w` waits for outside; NULL: for nobody. */
static struct lk_owner *
outside_partner(const struct lk_owner *w)
{
	struct lk_owner *on;

	if (!waits_outside(w))
		return NULL;
	on = party_owner(RD(w->outside.on));
	return RD(w->outside.on_id) == shim_load(&on->id, SHIM_ACQUIRE) &&
			       shim_load(&on->state, SHIM_ACQUIRE) != OWNER_FREE
		       ? on
		       : NULL;
}

void
detector_each_outside(struct detector *d,
		      bool (*see)(void *arg, const struct lk_owner *w, const struct lk_owner *on),
		      void *arg)
{
	struct cds_list_head *node;

	latch_lock(&d->latch);
	cds_list_for_each(node, &d->outside)
	{
		struct outside *o = container_of(node, struct outside, node);
		struct lk_owner *w = container_of(o, struct lk_owner, outside);
		struct lk_owner *on = outside_partner(w);

		if (on != NULL && !see(arg, party_owner(&w->party), on))
			break;
	}
	latch_unlock(&d->latch);
}
