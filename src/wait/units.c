/* SPDX-License-Identifier: MIT */
/* Semaphores: found or made, waited for, given back; all under the latch of a bucket of the lot.  (SU1-SU6) */
#include "wait/units.h"
#include "wait/inside.h"

static struct semaphore *
find(struct lot_bucket *b, const struct lk_resource *r)
{
	struct cds_list_head *node;

	cds_list_for_each(node, &b->semaphores)
	{
		struct semaphore *s = container_of(node, struct semaphore, node);

		if (s->r == r)
			return s;
	}
	return NULL;
}

/* Nobody has units of it or waits for them: it goes.  (SU1, SU5, SU9) */
static void
settle(struct lot *l, struct semaphore *s)
{
	if (RD(s->used) != 0 || RD(s->waiting) != 0 || (l->is_shared && RD(s->reserve) != 0))
		return;
	cds_list_del(&s->node);
	slab_put(l->semaphores, s);
}

static void
make(const struct lot *l, struct lot_bucket *b, struct semaphore *s, struct lk_resource *r,
     uint32_t permits)
{
	s->r = r;
	s->permits = permits;
	s->keeper = NULL;
	WR(s->is_shed, false);
	WR(s->reserve, l->is_shared ? 0 : permits);
	WR(s->used, 0);
	WR(s->waiting, 0);
	WR(s->wanted, 0);
	cds_list_add(&s->node, &b->semaphores);
}

/* It is there only for the sake of what is reserved: others may say another number. */
static bool
is_idle(const struct lot *l, const struct semaphore *s)
{
	return l->is_shared && RD(s->used) == 0 && RD(s->waiting) == 0;
}

static void
begin_anew(struct semaphore *s, uint32_t permits)
{
	if (likely(s->permits == permits))
		return;
	s->permits = permits;
	WR(s->reserve, 0); /* what was reserved goes back with the next word to the store */
}

enum line_outcome
units_find(struct lot *l, struct lot_bucket *b, struct waiter *q)
{
	struct semaphore *s;

	if (likely(q->units.n == 0))
		return LINE_GRANTED;
	s = find(b, q->r);
	if (s == NULL) {
		make(l, b, q->units.of, q->r, q->units.permits);
	} else {
		slab_put(l->semaphores, q->units.of);
		q->units.of = s;
	}
	if (q->units.of->permits != q->units.permits && !is_idle(l, q->units.of))
		return LINE_PERMITS;
	begin_anew(q->units.of, q->units.permits);
	return (uint64_t)q->units.has + q->units.n > q->units.permits ? LINE_LIMIT : LINE_GRANTED;
}

enum line_outcome
units_not_asked(struct lot *l, const struct waiter *q)
{
	if (unlikely(q->units.n != 0))
		slab_put(l->semaphores, q->units.of);
	return LINE_BUSY;
}

void
units_forget(struct lot *l, struct waiter *q)
{
	if (unlikely(q->units.n != 0))
		settle(l, q->units.of);
}

void
units_wait(struct waiter *q)
{
	struct semaphore *s = q->units.of;

	if (likely(q->units.n == 0))
		return;
	WR(s->waiting, RD(s->waiting) + 1);
	WR(s->wanted, RD(s->wanted) + q->units.n);
}

static void
wait_no_more(const struct waiter *q)
{
	struct semaphore *s = q->units.of;

	WR(s->waiting, RD(s->waiting) - 1);
	WR(s->wanted, RD(s->wanted) - q->units.n);
}

void
units_leave(struct lot *l, struct waiter *q)
{
	if (likely(q->units.n == 0))
		return;
	wait_no_more(q);
	settle(l, q->units.of);
}

void
units_granted(struct waiter *q)
{
	if (likely(q->units.n == 0))
		return;
	units_take(q);
	wait_no_more(q);
	lk_assert(RD(q->units.of->used) <= RD(q->units.of->reserve)); /* (SU3) */
}

void
units_has(struct lot *l, struct waiter *q, uint32_t has)
{
	struct lot_bucket *b = lot_bucket_of(l, q->r);

	latch_lock(&b->latch);
	q->units.has = has;
	latch_unlock(&b->latch);
}

void
units_give(struct lot *l, struct semaphore *of, uint32_t n, const struct line_tally *t)
{
	struct lk_resource *r = of->r; /* it stays, as long as they are not given back (SU2) */
	struct lot_bucket *b = lot_bucket_of(l, r);
	struct plan plan = PLAN_INIT;

	latch_lock(&b->latch);
	lk_assert(RD(of->used) >= n); /* (SU3) */
	WR(of->used, RD(of->used) - n);
	if (unlikely(RD(of->is_shed)) && RD(of->reserve) > RD(of->used)) { /* (SU10) */
		WR(of->reserve, RD(of->used));
		plan_add_wake(&plan, of->keeper);
	}
	settle(l, of);
	line_pass_on_locked(l, b, r, &plan);
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, r, t);
}

bool
units_look(struct lot *l, const struct lk_resource *r, struct units_info *out)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	const struct semaphore *s;

	latch_lock(&b->latch);
	s = find(b, r);
	if (s != NULL && is_idle(l, s))
		s = NULL; /* what is kept for the next is nobody's */
	if (s != NULL)
		*out = (struct units_info){ s->permits, RD(s->used), RD(s->waiting),
					    RD(s->wanted) };
	latch_unlock(&b->latch);
	return s != NULL;
}

/* --------------------------------------------------------- other processes (SU9, SU10) */

/* The first that waits for units of `r`. */
static struct waiter *
first_for_units(struct lot_bucket *b, const struct lk_resource *r)
{
	struct cds_list_head *node;

	cds_list_for_each(node, &b->waiters)
	{
		struct waiter *q = container_of(node, struct waiter, node);

		if (q->r == r && q->units.n != 0)
			return q;
	}
	return NULL;
}

/* Would a plan of its line grant it, if there were enough?  (Q8)  Its line has WAITERS (C3). */
static bool
lacks_units_alone(const struct lot *l, const struct lot_bucket *b, const struct waiter *first)
{
	const uint64_t w = shim_load(&first->r->word, SHIM_ACQUIRE);
	mode_set ahead = 0;

	for (const struct cds_list_head *node = b->waiters.next; node != &first->node;
	     node = node->next) {
		const struct waiter *q = container_of(node, struct waiter, node);

		if (q->r == first->r && waiter_holds_back(q))
			ahead |= waiter_keeps_back(q);
	}
	return waiter_in_turn(first, w, ahead) &&
	       others_admit(plan_others(l, first, w), first->want);
}

/* Under the latch. */
static void
look_at(const struct lot *l, struct lot_bucket *b, const struct semaphore *s,
	struct units_state *out)
{
	const struct waiter *q;

	*out = (struct units_state){ .permits = 0 };
	if (s == NULL)
		return;
	out->permits = s->permits;
	out->used = RD(s->used);
	out->reserve = RD(s->reserve);
	out->waiting = RD(s->waiting);
	q = RD(s->waiting) != 0 ? first_for_units(b, s->r) : NULL;
	if (q == NULL || (uint64_t)out->used + q->units.n <= out->reserve)
		return;
	out->n = q->units.n;
	out->has = q->units.has < out->used ? q->units.has : out->used;
	out->is_next = lacks_units_alone(l, b, q);
}

void
units_state(struct lot *l, const struct lk_resource *r, struct units_state *out)
{
	struct lot_bucket *b = lot_bucket_of(l, r);

	latch_lock(&b->latch);
	look_at(l, b, find(b, r), out);
	latch_unlock(&b->latch);
}

void
units_fall(struct lot *l, struct lk_resource *r, struct units_state *out)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	struct semaphore *s;

	latch_lock(&b->latch);
	s = find(b, r);
	if (s != NULL)
		WR(s->reserve, RD(s->used));
	look_at(l, b, s, out);
	if (s != NULL)
		settle(l, s);
	latch_unlock(&b->latch);
}

bool
units_rise(struct lot *l, struct lk_resource *r, uint32_t permits, uint32_t n,
	   struct parker *keeper)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	struct semaphore *fresh = slab_get(l->semaphores);
	struct plan plan = PLAN_INIT;
	struct semaphore *s;

	latch_lock(&b->latch);
	s = find(b, r);
	if (s == NULL && fresh != NULL) {
		make(l, b, fresh, r, permits);
		s = fresh;
		fresh = NULL;
	}
	if (s != NULL && s->permits == permits) { /* else it is another's time, and they go back */
		s->keeper = keeper;
		WR(s->reserve, n > RD(s->used) ? n : RD(s->used));
		line_replan(l, b, r, LK_NL, LK_NL, &plan);
	}
	latch_unlock(&b->latch);
	if (fresh != NULL)
		slab_put(l->semaphores, fresh);
	plan_finish(&plan, l, b, r, NULL);
	return s != NULL;
}

void
units_shed(struct lot *l, struct lk_resource *r, bool is_shed)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	struct semaphore *s;

	latch_lock(&b->latch);
	s = find(b, r);
	if (s != NULL && s->keeper != NULL)
		WR(s->is_shed, is_shed);
	latch_unlock(&b->latch);
}

bool
units_lack(struct lot *l, const struct lk_resource *r, uint32_t n)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	const struct semaphore *s;
	bool lacks;

	if (n == 0)
		return false;
	latch_lock(&b->latch);
	s = find(b, r);
	lacks = s == NULL || (RD(s->waiting) == 0 && (uint64_t)RD(s->used) + n > RD(s->reserve));
	latch_unlock(&b->latch);
	return lacks;
}

/* One who waits for units is sent away.  False: there is none that `is_meant`. */
static bool
send_away(struct lot *l, struct lk_resource *r, enum waiter_state state, uint32_t demand)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	struct plan plan = PLAN_INIT;
	struct waiter *q;

	latch_lock(&b->latch);
	q = first_for_units(b, r);
	if (q != NULL && state == WAITER_REFUSED &&
	    (q->units.has == 0 || (uint64_t)q->units.has + demand <= q->units.permits))
		q = NULL;
	if (q != NULL) {
		struct parker *parker = &q->party->parker;

		line_dequeue(l, b, q);
		party_turns(q->party);
		shim_store(&q->state, (uint32_t)state, SHIM_RELEASE); /* (Q1, Q2) */
		plan_add_wake(&plan, parker);
		line_replan(l, b, r, LK_NL, LK_NL, &plan); /* (Q5) */
	}
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, r, NULL);
	return q != NULL;
}

void
units_misfit(struct lot *l, struct lk_resource *r)
{
	while (send_away(l, r, WAITER_MISFIT, 0))
		;
}

void
units_refuse(struct lot *l, struct lk_resource *r, uint32_t demand)
{
	(void)send_away(l, r, WAITER_REFUSED, demand);
}
