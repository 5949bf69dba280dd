/* SPDX-License-Identifier: MIT */
/* Waiting for several names at once, and holding none of them meanwhile.  (K1-K6) */
#include "wait/composite.h"
#include "wait/inside.h"
#include "wait/units.h"

enum { RIPE_MAX = 8 };

/* ------------------------------------------------------------------- memory */

static size_t
bytes_for(uint32_t room)
{
	return sizeof(struct composite) +
	       room * (sizeof(struct waiter) + sizeof(struct lot_bucket *));
}

struct composite *
composite_create(struct lot *l, struct party *party, uint32_t room)
{
	struct composite *c;

	composite_free_unused(l);
	c = env_zalloc(l->env, bytes_for(room), LK_LINE);
	if (c == NULL)
		return NULL;
	shim_init(&c->pins, 1u);
	shim_init(&c->state, (uint32_t)WAITER_WAITING);
	shim_init(&c->holds_back, 0u);
	shim_init(&c->duty, 0u);
	c->party = party;
	c->is_shared = l->is_shared;
	c->room = room;
	c->bucket = (struct lot_bucket **)(void *)&c->part[room];
	return c;
}

static bool
was_last_pin(struct composite *c)
{
	return shim_sub(&c->pins, 1u, SHIM_ACQ_REL) == 1;
}

void
composite_destroy(struct lot *l, struct composite *c)
{
	if (was_last_pin(c))
		env_free(l->env, c, bytes_for(c->room));
}

void
composite_unpin(struct lot *l, struct composite *c)
{
	if (likely(!was_last_pin(c)))
		return;
	latch_lock(&l->age);
	cds_list_add(&c->node, &l->unused);
	latch_unlock(&l->age);
}

static struct composite *
take_unused(struct lot *l)
{
	struct composite *c = NULL;

	latch_lock(&l->age);
	if (!cds_list_empty(&l->unused)) {
		c = container_of(l->unused.next, struct composite, node);
		cds_list_del(&c->node);
	}
	latch_unlock(&l->age);
	return c;
}

void
composite_free_unused(struct lot *l)
{
	struct composite *c;

	while ((c = take_unused(l)) != NULL)
		env_free(l->env, c, bytes_for(c->room));
}

void
composite_add(struct composite *c, struct lk_resource *r, lk_mode held, a64 *seat, lk_mode want)
{
	struct waiter *q = &c->part[c->n_parts++];

	q->together = c;
	q->r = r;
	q->party = c->party;
	q->held = held;
	q->want = want;
	q->seat = seat;
}

/* ------------------------------------------------------------------ latches */

/* In order, by insertion over distances that shrink (Shell): no memory is needed. */
static void
sort_buckets(struct lot_bucket **b, uint32_t n)
{
	for (uint32_t gap = n / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11) {
		for (uint32_t i = gap; i < n; i++) {
			struct lot_bucket *one = b[i];
			uint32_t k = i;

			for (; k >= gap && b[k - gap] > one; k -= gap)
				b[k] = b[k - gap];
			b[k] = one;
		}
	}
}

static void
find_buckets(const struct lot *l, struct composite *c)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->n_parts; i++)
		c->bucket[i] = lot_bucket_of(l, c->part[i].r);
	sort_buckets(c->bucket, c->n_parts);
	for (uint32_t i = 0; i < c->n_parts; i++) {
		if (i == 0 || c->bucket[i] != c->bucket[i - 1])
			c->bucket[n++] = c->bucket[i];
	}
	c->n_buckets = n;
}

static void
lock_all(struct composite *c)
{
	for (uint32_t i = 0; i < c->n_buckets; i++)
		latch_lock(&c->bucket[i]->latch);
}

static void
unlock_all(struct composite *c)
{
	for (uint32_t i = c->n_buckets; i > 0; i--)
		latch_unlock(&c->bucket[i - 1]->latch);
}

/* ---------------------------------------------------------------------- age */

static struct composite *
oldest(const struct lot *l)
{
	if (l->composites.next == &l->composites)
		return NULL;
	return container_of(l->composites.next, struct composite, node);
}

static bool
is_oldest(struct lot *l, const struct composite *c)
{
	bool is;

	latch_lock(&l->age);
	is = oldest(l) == c;
	latch_unlock(&l->age);
	return is;
}

/* Into the order of age; with all latches. */
static void
age_join(struct lot *l, struct composite *c)
{
	latch_lock(&l->age);
	c->number = ++l->last_number;
	cds_list_add_tail(&c->node, &l->composites);
	shim_store(&c->holds_back, (uint32_t)(l->strict && oldest(l) == c),
		   SHIM_RELAXED); /* (K4) */
	latch_unlock(&l->age);
}

/* Out of it: who is the oldest instead, pinned; NULL: nobody, or who it was. */
static struct composite *
age_leave(struct lot *l, struct composite *c)
{
	struct composite *next = NULL;

	latch_lock(&l->age);
	if (oldest(l) == c && c->node.next != &l->composites)
		next = container_of(c->node.next, struct composite, node);
	cds_list_del(&c->node);
	if (next != NULL)
		composite_pin(next);
	if (next != NULL && l->strict) { /* its lines are closed already (K4) */
		shim_store(&next->holds_back, 1u, SHIM_RELAXED);
		shim_store(&next->part[0].disturbed, 1u, SHIM_RELAXED);
	}
	latch_unlock(&l->age);
	return next;
}

/* ------------------------------------------------------ with all latches held */

/* What those before `q` in its line keep others from. */
static mode_set
blocked_before(struct lot_bucket *b, const struct waiter *q)
{
	struct cds_list_head *node;
	mode_set blocked = 0;

	for (node = b->waiters.next; node != &q->node; node = node->next) {
		const struct waiter *other = container_of(node, struct waiter, node);

		if (other->r == q->r && waiter_holds_back(other))
			blocked |= waiter_keeps_back(other);
	}
	return blocked;
}

/* Would a plan of its line grant this part?  (Q8)  Its line has WAITERS (C3). */
static bool
part_fits(const struct lot *l, const struct waiter *q, mode_set blocked)
{
	const uint64_t w = shim_load(&q->r->word, SHIM_ACQUIRE);

	return (blocked & waiter_asks(q)) == 0 && others_admit(plan_others(l, q, w), q->want) &&
	       units_fit(q, 0);
}

static bool
all_fit(const struct lot *l, const struct composite *c)
{
	for (uint32_t i = 0; i < c->n_parts; i++) {
		const struct waiter *q = &c->part[i];

		if (!part_fits(l, q, blocked_before(lot_bucket_of(l, q->r), q)))
			return false;
	}
	return true;
}

/* From here on nobody comes in without a latch.  (K5) */
static void
close_all(const struct composite *c)
{
	for (uint32_t i = 0; i < c->n_parts; i++)
		shim_or(&c->part[i].r->word, WORD_WAITERS | WORD_CLOSED, SHIM_ACQ_REL);
}

/* All words say so, one after the other, with nobody between.  (K5) */
static void
take_all(struct composite *c, struct plan *plan)
{
	for (uint32_t i = 0; i < c->n_parts; i++) {
		const struct waiter *q = &c->part[i];
		uint64_t w = shim_load(&q->r->word, SHIM_RELAXED);

		while (!shim_cas(&q->r->word, &w, word_change(w, waiter_in_word(q), q->want),
				 SHIM_ACQ_REL))
			;
		units_take(q);
		plan_unseat(plan, q);
	}
}

/* Plan all lines; what is left to do then is for the party's thread.  (K2) */
static void
plan_all(struct lot *l, struct composite *c, struct plan *plan)
{
	bool more = false;

	for (uint32_t i = 0; i < c->n_parts; i++) {
		struct lk_resource *r = c->part[i].r;

		line_replan(l, lot_bucket_of(l, r), r, LK_NL, LK_NL, plan);
		more |= plan->more;
	}
	if (more || plan->ripe)
		shim_store(&c->duty, 1u, SHIM_RELEASE);
	plan->more = plan->ripe = false;
}

/* Out of all lines.  Returns who is the oldest now, for take_over(). */
static struct composite *
finish(struct lot *l, struct composite *c, enum waiter_state state, struct plan *plan)
{
	struct composite *next = age_leave(l, c);

	for (uint32_t i = 0; i < c->n_parts; i++) {
		line_dequeue(l, lot_bucket_of(l, c->part[i].r), &c->part[i]);
		shim_store(&c->part[i].state, (uint32_t)state, SHIM_RELAXED);
	}
	plan_all(l, c, plan);
	party_turns(c->party);                                /* (Y1) */
	shim_store(&c->state, (uint32_t)state, SHIM_RELEASE); /* last: (K1, K2) */
	return next;
}

/* ------------------------------------------------------------------ joining */

/* WAITERS first, and CLOSED, in all words: so what is found in the way comes for a latch when it goes (Q4). */
static void
close_for_join(const struct lot *l, struct composite *c)
{
	for (uint32_t i = 0; i < c->n_parts; i++) {
		const struct waiter *q = &c->part[i];

		if ((line_close_slots(l, q) & WORD_SPREAD) == 0)
			shim_or(&q->r->word, WORD_WAITERS | WORD_CLOSED, SHIM_ACQ_REL);
	}
}

/* The worst that is said of any part. */
static enum line_outcome
judge_all(const struct lot *l, struct composite *c)
{
	enum line_outcome all = LINE_GRANTED;

	for (uint32_t i = 0; i < c->n_parts; i++) {
		const struct waiter *q = &c->part[i];
		struct lot_bucket *b = lot_bucket_of(l, q->r);
		enum line_outcome outcome;
		mode_set ahead;

		(void)line_place(b, q, &ahead);
		outcome = line_judge(l, b, q, shim_load(&q->r->word, SHIM_ACQUIRE), ahead);
		if (outcome == LINE_DEADLOCK || outcome == LINE_LIMIT)
			return outcome;
		if (outcome == LINE_JOINED)
			all = LINE_JOINED;
	}
	return all;
}

static void
enqueue_all(struct lot *l, struct composite *c, struct plan *plan)
{
	for (uint32_t i = 0; i < c->n_parts; i++) {
		struct waiter *q = &c->part[i];
		struct lot_bucket *b = lot_bucket_of(l, q->r);
		mode_set ahead;

		line_enqueue(b, q, line_place(b, q, &ahead));
		(void)line_let_ahead(b, q, plan);
	}
}

/* LINE_GRANTED: all units are there to be judged; else what is to be said. */
static enum line_outcome
find_units(struct lot *l, struct composite *c)
{
	enum line_outcome all = LINE_GRANTED;

	for (uint32_t i = 0; i < c->n_parts; i++) {
		struct waiter *q = &c->part[i];
		enum line_outcome outcome = units_find(l, lot_bucket_of(l, q->r), q);

		if (all == LINE_GRANTED)
			all = outcome;
	}
	return all;
}

static void
forget_units(struct lot *l, struct composite *c)
{
	for (uint32_t i = 0; i < c->n_parts; i++)
		units_forget(l, &c->part[i]);
}

static enum line_outcome
join_locked(struct lot *l, struct composite *c, struct plan *plan)
{
	enum line_outcome outcome = find_units(l, c);

	if (shim_load(l->gate, SHIM_ACQUIRE) != 0)
		outcome = LINE_SHUT;
	if (outcome != LINE_GRANTED) {
		forget_units(l, c);
		return outcome;
	}
	close_for_join(l, c);
	outcome = judge_all(l, c);
	if (outcome == LINE_GRANTED) {
		take_all(c, plan);
		shim_store(&c->state, (uint32_t)WAITER_GRANTED, SHIM_RELAXED);
	} else if (outcome == LINE_JOINED) {
		age_join(l, c);
		enqueue_all(l, c, plan);
		party_turns(c->party);
	} else {
		forget_units(l, c);
	}
	plan_all(l, c, plan); /* opens the lines again that need not be closed */
	return outcome;
}

enum line_outcome
composite_join(struct lot *l, struct composite *c)
{
	struct plan plan = PLAN_INIT;
	enum line_outcome outcome;

	find_buckets(l, c);
	for (uint32_t i = 0; i < c->n_parts; i++)
		c->part[i].since_ns = c->since_ns;
	lock_all(c);
	outcome = join_locked(l, c, &plan);
	unlock_all(c);
	plan_wake(&plan, l->env, NULL);
	return outcome;
}

/* ------------------------------------------------------------------- ending */

/* `next`, pinned, is the oldest now: its thread knows when that is to mean something. */
static void
take_over(struct lot *l, struct composite *next)
{
	if (next == NULL)
		return;
	park_wake(l->env, &next->party->parker);
	composite_unpin(l, next);
}

/* `who` NULL: however it waits. */
static bool
end(struct lot *l, struct composite *c, enum waiter_state state, const struct sighting *who,
    uint64_t verdict)
{
	struct plan plan = PLAN_INIT;
	struct composite *next = NULL;
	bool waiting;

	lock_all(c);
	waiting = composite_state(c) == WAITER_WAITING &&
		  (who == NULL || party_sequence(c->party) == who->sequence);
	if (waiting && verdict != 0)
		WR(c->party->verdict, verdict);
	if (waiting)
		next = finish(l, c, state, &plan);
	unlock_all(c);
	plan_wake(&plan, l->env, NULL);
	take_over(l, next);
	return waiting;
}

bool
composite_leave(struct lot *l, struct composite *c, enum waiter_state state)
{
	return end(l, c, state, NULL, 0);
}

bool
composite_expel(struct lot *l, struct composite *c, struct sighting who, uint64_t verdict)
{
	if (!end(l, c, WAITER_DEADLOCK, &who, verdict))
		return false;
	park_wake(l->env, &c->party->parker);
	return true;
}

void
composite_close(struct lot *l, struct composite *c)
{
	if (end(l, c, WAITER_CLOSED, NULL, 0))
		park_wake(l->env, &c->party->parker);
}

/* An order of names that all processes have. */
static bool
is_earlier(const struct lk_resource *a, const struct lk_resource *b)
{
	size_t a_len, b_len;
	bool a_is_id, b_is_id;
	const void *a_name = resource_name(a, &a_len, &a_is_id);
	const void *b_name = resource_name(b, &b_len, &b_is_id);
	const int x = memcmp(a_name, b_name, a_len < b_len ? a_len : b_len);

	if (a_is_id != b_is_id)
		return b_is_id;
	return x < 0 || (x == 0 && a_len < b_len);
}

bool
composite_lacks_earlier(const struct waiter *q)
{
	const struct composite *c = q->together;

	for (uint32_t i = 0; i < c->n_parts; i++) {
		const struct waiter *p = &c->part[i];
		const uint64_t w = shim_load(&p->r->word, SHIM_ACQUIRE);

		if (is_earlier(p->r, q->r) &&
		    (shim_load(&p->fits, SHIM_RELAXED) == 0 || (w & WORD_FREEZE) != 0 ||
		     !word_admits(w, p->held, p->want)))
			return true;
	}
	return false;
}

void
composite_refuse(struct lot *l, struct composite *c, enum waiter_state state)
{
	if (end(l, c, state, NULL, 0))
		park_wake(l->env, &c->party->parker);
}

/* Is there a line in which it keeps back others since it has more of the names, and that is open yet?  (AB6) */
static bool
keeps_more(const struct composite *c)
{
	if (!c->is_shared || composite_state(c) != WAITER_WAITING)
		return false;
	for (uint32_t i = 0; i < c->n_parts; i++) {
		const struct waiter *q = &c->part[i];

		if (waiter_holds_back(q) &&
		    (shim_load(&q->r->word, SHIM_RELAXED) & WORD_CLOSED) == 0)
			return true;
	}
	return false;
}

/* A part of it fits: grant it, if they all do. */
static void
try_all(struct lot *l, struct composite *c, const struct line_tally *t)
{
	struct plan plan = PLAN_INIT;
	struct composite *next = NULL;
	bool granted = false;
	bool closed = false;

	lock_all(c);
	if (composite_state(c) == WAITER_WAITING && shim_load(l->gate, SHIM_ACQUIRE) == 0 &&
	    all_fit(l, c)) {
		close_all(c);
		closed = true;
		granted = all_fit(l, c); /* a newcomer may have been quicker (K5) */
		if (granted) {
			take_all(c, &plan);
			next = finish(l, c, WAITER_GRANTED, &plan);
		} else {
			plan_all(l, c, &plan);
		}
	} else if (keeps_more(c)) {
		closed = true;
		plan_all(l, c, &plan);
	}
	unlock_all(c);
	if (!closed)
		return;
	plan_wake(&plan, l->env, t);
	take_over(l, next);
	if (granted && t != NULL)
		tally(t->handovers);
	park_wake(l->env, &c->party->parker); /* it is granted, or has a duty */
}

/* --------------------------------------------------------------- being ripe */

/* The oldest of those in the line of `r` that are younger than `after` and would fit there, pinned. */
static unsigned
gather(const struct lot *l, const struct lk_resource *r, uint64_t after,
       struct composite *ripe[RIPE_MAX])
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	struct cds_list_head *node;
	mode_set blocked = 0;
	unsigned n = 0;

	cds_list_for_each(node, &b->waiters)
	{
		const struct waiter *q = container_of(node, struct waiter, node);
		struct composite *c = q->together;
		unsigned i;

		if (q->r != r)
			continue;
		if (c != NULL && RD(c->number) > after && part_fits(l, q, blocked)) {
			for (i = n; i > 0 && ripe[i - 1]->number > c->number; i--) {
				if (i < RIPE_MAX)
					ripe[i] = ripe[i - 1];
			}
			if (i < RIPE_MAX)
				ripe[i] = c;
			n += n < RIPE_MAX;
		}
		if (waiter_holds_back(q))
			blocked |= waiter_keeps_back(q);
	}
	for (unsigned i = 0; i < n; i++)
		composite_pin(ripe[i]);
	return n;
}

void
composite_ripen(struct lot *l, struct lk_resource *r, const struct line_tally *t)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	struct composite *ripe[RIPE_MAX];
	uint64_t after = 0;
	unsigned n;

	do {
		latch_lock(&b->latch);
		n = gather(l, r, after, ripe);
		if (n > 0)
			after = ripe[n - 1]->number;
		latch_unlock(&b->latch);
		for (unsigned i = 0; i < n; i++) {
			try_all(l, ripe[i], t);
			composite_unpin(l, ripe[i]);
		}
	} while (n == RIPE_MAX);
}

void
composite_look_after(struct lot *l, struct composite *c, const struct line_tally *t)
{
	if (shim_load(&c->duty, SHIM_RELAXED) == 0 || shim_xchg(&c->duty, 0u, SHIM_ACQ_REL) == 0)
		return;
	for (uint32_t i = 0; i < c->n_parts; i++)
		line_plan(l, c->part[i].r, t);
}

/* ------------------------------------------------------- holding back others */

bool
composite_look(struct lot *l, struct composite *c, const struct line_tally *t)
{
	struct plan plan = PLAN_INIT;
	bool holds_back;

	if (!is_oldest(l, c))
		return false;
	lock_all(c);
	holds_back = composite_state(c) == WAITER_WAITING && is_oldest(l, c);
	if (holds_back && shim_load(&c->holds_back, SHIM_RELAXED) == 0) {
		shim_store(&c->holds_back, 1u, SHIM_RELAXED); /* (K4) */
		shim_store(&c->part[0].disturbed, 1u, SHIM_RELAXED);
		plan_all(l, c, &plan);
		tally(t->closings);
	}
	unlock_all(c);
	plan_wake(&plan, l->env, t);
	return holds_back;
}
