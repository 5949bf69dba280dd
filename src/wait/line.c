/* SPDX-License-Identifier: MIT */
/* Joining, leaving, giving up: all under the latch of one bucket of the lot.  (Q1-Q9) */
#include "base/probe.h"
#include "wait/line.h"
#include "wait/composite.h"
#include "wait/inside.h"
#include "wait/units.h"
#include "wait/watch.h"

bool
lot_init(struct lot *l, struct env *env, uint64_t buckets, bool strict, const a32 *gate)
{
	uint32_t n = 1;

	while (n < buckets)
		n *= 2;
	l->env = env;
	l->mask = n - 1;
	l->strict = strict;
	l->gate = gate;
	l->spread = NULL;
	l->semaphores = NULL;
	latch_init(&l->age);
	CDS_INIT_LIST_HEAD(&l->composites);
	CDS_INIT_LIST_HEAD(&l->unused);
	l->last_number = 0;
	l->bucket = env_zalloc(env, n * sizeof(struct lot_bucket), LK_LINE);
	if (l->bucket == NULL)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		latch_init(&l->bucket[i].latch);
		CDS_INIT_LIST_HEAD(&l->bucket[i].waiters);
		CDS_INIT_LIST_HEAD(&l->bucket[i].watchers);
		CDS_INIT_LIST_HEAD(&l->bucket[i].semaphores);
	}
	return true;
}

void
lot_fini(struct lot *l)
{
	composite_free_unused(l);
	env_free(l->env, l->bucket, (l->mask + (size_t)1) * sizeof(struct lot_bucket));
}

struct lot_bucket *
lot_bucket_of(const struct lot *l, const struct lk_resource *r)
{
	uint64_t x = (uint64_t)(uintptr_t)r / LK_LINE * UINT64_C(0x9e3779b97f4a7c15);

	return &l->bucket[(uint32_t)(x >> 32) & l->mask];
}

static struct waiter *
entry(struct cds_list_head *node)
{
	return container_of(node, struct waiter, node);
}

/* The first that waits for `r` alone: a part of a composite is never woken to look.  (K3) */
static struct waiter *
head_of(struct lot_bucket *b, const struct lk_resource *r)
{
	struct cds_list_head *node;

	cds_list_for_each(node, &b->waiters)
	{
		if (entry(node)->r == r && entry(node)->together == NULL)
			return entry(node);
	}
	return NULL;
}

/* Is there somebody who can be woken to look?  (K3) */
static bool
has_looker(struct lot_bucket *b, const struct lk_resource *r)
{
	const struct waiter *head = head_of(b, r);

	return head != NULL && party_has_thread(head->party);
}

/* May `q` go past `other` for its priority?  Not if it could not be granted before it anyway. */
static bool
may_pass(const struct waiter *q, const struct waiter *other)
{
	return q->priority > other->priority && RD(other->passed) < PASSED_BY_PRIORITY &&
	       !waiter_must_wait(q, other->held, other->units.has);
}

/* The node that `q` stands before by its priority; then by arrival.  (Q7) */
static struct cds_list_head *
place_by_priority(struct lot_bucket *b, const struct waiter *q)
{
	struct cds_list_head *place = &b->waiters;

	for (struct cds_list_head *node = place->prev; node != &b->waiters; node = node->prev) {
		if (entry(node)->r != q->r)
			continue;
		if (!may_pass(q, entry(node)))
			break;
		place = node;
	}
	return place;
}

/* Where `q` belongs: the node to stand before.  `ahead`: what those before it want.  (Q7) */
struct cds_list_head *
line_place(struct lot_bucket *b, const struct waiter *q, mode_set *ahead)
{
	struct cds_list_head *place = place_by_priority(b, q);
	struct cds_list_head *node;

	*ahead = 0;
	for (node = b->waiters.next; node != place; node = node->next) {
		const struct waiter *other = entry(node);

		if (other->r != q->r)
			continue;
		if (waiter_must_wait(other, q->held, q->units.has))
			return node;
		if (waiter_holds_back(other))
			*ahead |= waiter_keeps_back(other);
	}
	return place;
}

/* `q` went past those between it and `end`, or past all. */
void
line_note_passed(struct lot_bucket *b, const struct waiter *q, const struct cds_list_head *end)
{
	for (struct cds_list_head *node = q->node.next; node != &b->waiters && node != end;
	     node = node->next) {
		if (entry(node)->r == q->r)
			WR(entry(node)->passed, RD(entry(node)->passed) + 1);
	}
}

/*
 * Does a waiting conversion wait for us, while we would wait for it?  Then neither can ever be
 * granted, and the one that comes second learns it at once.  Of what waits abroad the store says that.
 */
static bool
conversion_deadlock(struct lot_bucket *b, const struct waiter *q)
{
	struct cds_list_head *node;

	if (q->held == LK_NL || q->is_abroad)
		return false;
	cds_list_for_each(node, &b->waiters)
	{
		const struct waiter *p = entry(node);

		if (p->r == q->r && p->held != LK_NL && !p->is_abroad &&
		    waiter_must_wait(q, p->held, p->units.has) &&
		    waiter_must_wait(p, q->held, q->units.has))
			return true;
	}
	return false;
}

/* May `q` be granted now, with the word `w`?  In an open line it may overtake. */
enum line_outcome
line_judge(const struct lot *l, struct lot_bucket *b, const struct waiter *q, uint64_t w,
	   mode_set ahead)
{
	const struct others others = plan_others(l, q, w);

	if (waiter_in_turn(q, w, ahead) && others_admit(others, q->want) && units_fit(q, 0))
		return LINE_GRANTED;
	if (others_at_limit(others, q->want))
		return LINE_LIMIT;
	return conversion_deadlock(b, q) ? LINE_DEADLOCK : LINE_JOINED;
}

/* Under the latch: the waiter's grant, and what it lets in if it also gives something up. */
static bool
take_now(struct lot *l, struct lot_bucket *b, struct waiter *q, uint64_t w, struct plan *plan)
{
	const uint64_t after = word_change(w, waiter_in_word(q), q->want);

	bool taken;

	units_take(q); /* the plan counts them (SU2) */
	if ((w & WORD_SPREAD) == 0 && mode_covers(q->want, q->held))
		taken = shim_cas(&q->r->word, &w, after, SHIM_ACQ_REL);
	else
		taken = plan_try(plan, l, b, q->r, w, after);
	if (taken)
		plan_unseat(plan, q);
	else
		units_untake(q);
	return taken;
}

/*
 * Under the latch: the word as it is to be judged by; of a name that is spread, closed, so that the slots
 * can be summed (C1).  Whoever does not join plans the line, which opens it again.
 */
uint64_t
line_close_slots(const struct lot *l, const struct waiter *q)
{
	const uint64_t closed = WORD_WAITERS | WORD_CLOSED;
	struct lk_resource *r = q->r;
	uint64_t w = shim_load(&r->word, SHIM_ACQUIRE);

	while ((w & WORD_SPREAD) != 0) {
		struct spread_array *a;

		if (!shim_cas(&r->word, &w, w | closed, SHIM_SEQ_CST))
			continue;
		a = spread_array(l->spread, shim_load(&r->spread, SHIM_RELAXED));
		if (!seat_in_family(w, q->want) && RD(a->strong) < STRONG_MAX)
			WR(a->strong, RD(a->strong) + 1);
		return w | closed;
	}
	return w;
}

void
line_enqueue(struct lot_bucket *b, struct waiter *q, struct cds_list_head *before)
{
	shim_init(&q->state, (uint32_t)WAITER_WAITING);
	shim_init(&q->disturbed, 0u);
	shim_init(&q->fits, 0u);
	WR(q->passed, 0);
	cds_list_add_tail(&q->node, before);
	if (q->held == LK_NL)
		line_note_passed(b, q, NULL);
	WR(b->conversions, RD(b->conversions) + waiter_converts(q));
	units_wait(q);
}

void
line_dequeue(struct lot *l, struct lot_bucket *b, struct waiter *q)
{
	cds_list_del(&q->node);
	WR(b->conversions, RD(b->conversions) - waiter_converts(q));
	units_leave(l, q);
}

/*
 * Under the latch: make the plan for the line of `r` the word, on top of a change of the caller's
 * own hold.
 */
void
line_replan(struct lot *l, struct lot_bucket *b, struct lk_resource *r, lk_mode from, lk_mode to,
	    struct plan *plan)
{
	uint64_t w;

	do {
		w = shim_load(&r->word, SHIM_ACQUIRE);
	} while (!plan_try(plan, l, b, r, w, word_change(w, from, to)));
}

/*
 * For those who came before (Q7): a conversion for whose hold `q`, also a conversion, will wait goes ahead
 * of it, as it would if it came now.  Behind `q` it could wait for nothing but the order, and for ever.
 */
bool
line_let_ahead(struct lot_bucket *b, struct waiter *q, struct plan *plan)
{
	struct cds_list_head *node = q->node.next;
	bool moved = false;

	while (node != &b->waiters) {
		struct waiter *p = entry(node);

		node = node->next;
		if (p->r != q->r || !waiter_must_wait(q, p->held, p->units.has))
			continue;
		cds_list_del(&p->node);
		cds_list_add_tail(&p->node, &q->node);
		party_passes(p->party);
		shim_store(waiter_disturbed(p), 1u, SHIM_RELAXED);
		if (!plan_full(plan))
			plan_add_wake(plan, &p->party->parker);
		moved = true;
	}
	return moved;
}

enum line_outcome
line_join(struct lot *l, struct waiter *q, bool patient, bool *head, const struct line_tally *t)
{
	struct lot_bucket *b = lot_bucket_of(l, q->r);
	enum line_outcome outcome;
	enum line_outcome found;
	struct plan plan = PLAN_INIT;

	if (patient || l->is_shared) /* who waits for a store waits for a latch, too */
		latch_lock(&b->latch);
	else if (!latch_lock_awake(&b->latch))
		return units_not_asked(l, q);
	found = units_find(l, b, q);
	for (;;) {
		mode_set ahead;
		struct cds_list_head *before = line_place(b, q, &ahead);
		uint64_t w = line_close_slots(l, q);
		uint64_t flags = WORD_WAITERS;

		if (shim_load(l->gate, SHIM_ACQUIRE) != 0)
			outcome = LINE_SHUT;
		else
			outcome = found == LINE_GRANTED ? line_judge(l, b, q, w, ahead) : found;
		if (outcome == LINE_JOINED && !patient)
			outcome = LINE_BUSY;
		if (outcome == LINE_GRANTED && !take_now(l, b, q, w, &plan))
			continue;
		if (outcome != LINE_JOINED && outcome != LINE_GRANTED && (w & WORD_SPREAD) != 0 &&
		    !plan_try(&plan, l, b, q->r, w, w))
			continue;
		if (outcome != LINE_JOINED)
			break;
		if (l->strict || q->held != LK_NL)
			flags |= WORD_CLOSED;
		if ((w & WORD_SPREAD) == 0 &&
		    !shim_cas(&q->r->word, &w, w | flags, SHIM_ACQ_REL)) /* (Q4) */
			continue;
		line_enqueue(b, q, before);
		party_turns(q->party);
		if (line_let_ahead(b, q, &plan))
			line_replan(l, b, q->r, LK_NL, LK_NL, &plan);
		*head = head_of(b, q->r) == q;
		break;
	}
	if (outcome != LINE_JOINED && outcome != LINE_GRANTED)
		units_forget(l, q);
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, q->r, t);
	return outcome;
}

enum line_outcome
line_claim(struct lot *l, struct waiter *q, const struct line_tally *t)
{
	struct lot_bucket *b = lot_bucket_of(l, q->r);
	struct plan plan = PLAN_INIT;
	enum line_outcome outcome;
	bool done;

	latch_lock(&b->latch);
	do {
		const uint64_t w = line_close_slots(l, q);
		const struct others others = plan_others(l, q, w);

		outcome = LINE_BUSY;
		if (others_admit(others, q->want))
			outcome = LINE_GRANTED; /* (Q11) */
		else if (others_at_limit(others, q->want))
			outcome = LINE_LIMIT;
		if (outcome == LINE_GRANTED)
			done = take_now(l, b, q, w, &plan);
		else
			done = (w & WORD_SPREAD) == 0 || plan_try(&plan, l, b, q->r, w, w);
	} while (!done);
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, q->r, t);
	return outcome;
}

enum line_outcome
line_probe(struct lot *l, const struct waiter *q)
{
	struct lot_bucket *b = lot_bucket_of(l, q->r);
	enum line_outcome outcome;
	mode_set ahead;

	latch_lock(&b->latch);
	(void)line_place(b, q, &ahead);
	outcome = line_judge(l, b, q, shim_load(&q->r->word, SHIM_ACQUIRE), ahead);
	latch_unlock(&b->latch);
	return outcome;
}

/* Which family could use slots, of a word `w` that is not spread?  0: none.  (C4) */
static uint64_t
family_for(uint64_t w, lk_mode mode)
{
	const bool reads = mode == LK_S || (mode == LK_IS && (w & WORD_S_MASK) != 0);
	const uint64_t bits = reads ? WORD_SPREAD | WORD_FAMILY : WORD_SPREAD;
	const uint64_t conflicts = word_modes.conflict[reads ? LK_S : LK_IX];

	if ((w & (WORD_STOP | WORD_WAITERS | conflicts)) != 0 || word_modes.seat_mask[mode] == 0)
		return 0;
	return bits;
}

void
line_spread(struct lot *l, struct lk_resource *r, lk_mode mode)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	uint32_t number;
	uint64_t family;
	uint64_t w;

	latch_lock(&b->latch);
	number = shim_load(&r->spread, SHIM_RELAXED);
	if (number == 0)
		number = spread_make(l->spread);
	if (number != 0) {
		shim_store(&r->spread, number, SHIM_RELEASE); /* some look at it before the word */
		w = shim_load(&r->word, SHIM_RELAXED);
		do {
			family = family_for(w, mode);
		} while (family != 0 && !shim_cas(&r->word, &w, w | family, SHIM_SEQ_CST));
		PROBE2(spread, r, mode);
	}
	latch_unlock(&b->latch);
}

/* Under the latch, of an open line: see to it that the head looks. */
static bool
wake_head(struct lot_bucket *b, struct lk_resource *r, uint64_t w, struct plan *plan)
{
	const struct waiter *head = head_of(b, r);

	if ((w & WORD_AWAKE) != 0)
		return true;
	if (!watch_is_on(b, r) && /* or the next to leave would not come (CW2) */
	    !shim_cas(&r->word, &w, w | WORD_AWAKE, SHIM_ACQ_REL))
		return false;
	plan_add_wake(plan, &head->party->parker);
	return true;
}

/* Under the latch: who waits for `r` is planned for, or woken to look. */
void
line_pass_on_locked(struct lot *l, struct lot_bucket *b, struct lk_resource *r, struct plan *plan)
{
	bool done;

	do {
		uint64_t w = shim_load(&r->word, SHIM_ACQUIRE);

		if ((w & WORD_WAITERS) == 0)
			done = true;
		else if ((w & WORD_CLOSED) != 0 || !has_looker(b, r)) /* (K3) */
			done = plan_try(plan, l, b, r, w, w);
		else
			done = wake_head(b, r, w, plan);
	} while (!done);
}

void
line_pass_on(struct lot *l, struct lk_resource *r, const struct line_tally *t)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	struct plan plan = PLAN_INIT;

	latch_lock(&b->latch);
	line_pass_on_locked(l, b, r, &plan);
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, r, t);
}

void
line_pass_on_from_writer(struct lot *l, struct lk_resource *r, const struct line_tally *t)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	struct plan plan = PLAN_INIT;
	uint64_t last;
	bool more;

	latch_lock(&b->latch);
	last = RD(b->last_watcher);
	more = watch_stir(b, r, last, &plan); /* (CW3) */
	line_pass_on_locked(l, b, r, &plan);
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, r, t);
	while (more) {
		latch_lock(&b->latch);
		more = watch_stir(b, r, last, &plan);
		line_replan(l, b, r, LK_NL, LK_NL, &plan); /* without them, if all are gone (W4) */
		latch_unlock(&b->latch);
		plan_finish(&plan, l, b, r, t);
	}
}

void
line_plan(struct lot *l, struct lk_resource *r, const struct line_tally *t)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	struct plan plan = PLAN_INIT;

	latch_lock(&b->latch);
	line_replan(l, b, r, LK_NL, LK_NL, &plan);
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, r, t);
}

bool
line_look(struct lot *l, struct waiter *q, bool *overdue, bool *head, const struct line_tally *t)
{
	struct lot_bucket *b = lot_bucket_of(l, q->r);
	struct plan plan = PLAN_INIT;
	bool waiting;

	latch_lock(&b->latch);
	waiting = waiter_state(q) == WAITER_WAITING;
	if (waiting) {
		if (*overdue && !RD(q->overdue) && head_of(b, q->r) == q) {
			WR(q->overdue, true);
			tally(t->closings);
		}
		line_replan(l, b, q->r, LK_NL, LK_NL, &plan); /* (Q6) */
		waiting = waiter_state(q) == WAITER_WAITING;
		*head = waiting && head_of(b, q->r) == q;
		*overdue = RD(q->overdue);
	}
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, q->r, t);
	return waiting;
}

void
line_grow_old(struct lot *l, struct waiter *q, const struct line_tally *t)
{
	struct lot_bucket *b = lot_bucket_of(l, q->r);
	struct plan plan = PLAN_INIT;

	latch_lock(&b->latch);
	if (waiter_state(q) == WAITER_WAITING && !RD(q->overdue)) {
		WR(q->overdue, true);
		tally(t->closings);
		line_replan(l, b, q->r, LK_NL, LK_NL, &plan);
	}
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, q->r, t);
}

bool
line_leave(struct lot *l, struct waiter *q, enum waiter_state state, const struct line_tally *t)
{
	struct lot_bucket *b = lot_bucket_of(l, q->r);
	struct plan plan = PLAN_INIT;
	bool waiting;

	latch_lock(&b->latch);
	waiting = waiter_state(q) == WAITER_WAITING; /* (Q1) */
	if (waiting) {
		line_dequeue(l, b, q);
		party_turns(q->party);
		shim_store(&q->state, (uint32_t)state, SHIM_RELAXED);
		line_replan(l, b, q->r, LK_NL, LK_NL, &plan); /* (Q5) */
	}
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, q->r, t);
	return waiting;
}

/* Under the latch: who waits for `r` alone leaves with WAITER_CLOSED, as many as fit. */
static void
close_line(struct lot *l, struct lot_bucket *b, struct lk_resource *r, struct plan *plan)
{
	struct waiter *q;

	while (!plan_full(plan) && (q = head_of(b, r)) != NULL) {
		struct parker *p = &q->party->parker;

		line_dequeue(l, b, q);
		party_turns(q->party);
		shim_store(&q->state, (uint32_t)WAITER_CLOSED, SHIM_RELEASE); /* (Q2) */
		plan_add_wake(plan, p);
	}
	if (head_of(b, r) ==
	    NULL) /* all gone: the flags go too (W4), for which a full plan has room */
		line_replan(l, b, r, LK_NL, LK_NL, plan);
}

/* The first in a bucket that waits for one name alone, or the first part of a composite. */
static struct waiter *
first_of(struct lot_bucket *b, bool part)
{
	struct cds_list_head *node;

	cds_list_for_each(node, &b->waiters)
	{
		if ((entry(node)->together != NULL) == part)
			return entry(node);
	}
	return NULL;
}

/* False: nobody is left there who waits for one name alone. */
static bool
close_one(struct lot *l, struct lot_bucket *b)
{
	struct plan plan = PLAN_INIT;
	struct waiter *q;

	latch_lock(&b->latch);
	q = first_of(b, false);
	if (q != NULL)
		close_line(l, b, q->r, &plan);
	latch_unlock(&b->latch);
	plan_wake(&plan, l->env, NULL); /* what would be ripe is ended too */
	return q != NULL;
}

/* False: there is no part of a composite. */
static bool
close_composite(struct lot *l, struct lot_bucket *b)
{
	struct composite *c = NULL;
	struct waiter *q;

	latch_lock(&b->latch);
	q = first_of(b, true);
	if (q != NULL)
		c = composite_pin_of(q);
	latch_unlock(&b->latch);
	if (c == NULL)
		return false;
	composite_close(l, c);
	composite_unpin(l, c);
	return true;
}

/* Composites last: when one leaves its lines, nobody is left there who could come in. */
void
lot_close(struct lot *l)
{
	for (uint32_t i = 0; i <= l->mask; i++) {
		while (close_one(l, &l->bucket[i]))
			;
	}
	for (uint32_t i = 0; i <= l->mask; i++) {
		while (close_composite(l, &l->bucket[i]))
			;
	}
	for (uint32_t i = 0; i <= l->mask; i++)
		watch_close_all(l, &l->bucket[i]);
}

static uint32_t
position_of(struct lot_bucket *b, struct cds_list_head *node)
{
	uint32_t position = 1;

	for (struct cds_list_head *p = node->prev; p != &b->waiters; p = p->prev)
		position += entry(p)->r == entry(node)->r;
	return position;
}

void
lot_each(struct lot *l, uint32_t bucket,
	 void (*show)(void *arg, const struct waiter *q, uint32_t position), void *arg)
{
	struct lot_bucket *b = &l->bucket[bucket];
	const struct lk_resource *last = NULL;
	struct cds_list_head *node;
	uint32_t position = 0;

	latch_lock(&b->latch);
	cds_list_for_each(node, &b->waiters)
	{
		const struct waiter *q = entry(node);

		position = q->r == last ? position + 1 : position_of(b, node);
		last = q->r;
		show(arg, q, position);
	}
	latch_unlock(&b->latch);
}

uint32_t
line_length(struct lot *l, const struct lk_resource *r)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	struct cds_list_head *node;
	uint32_t n = 0;

	latch_lock(&b->latch);
	cds_list_for_each(node, &b->waiters) n += entry(node)->r == r;
	latch_unlock(&b->latch);
	return n;
}

void
line_each(struct lot *l, const struct lk_resource *r,
	  void (*look)(void *arg, const struct waiter *q), void *arg)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	struct cds_list_head *node;

	latch_lock(&b->latch);
	cds_list_for_each(node, &b->waiters)
	{
		if (entry(node)->r == r)
			look(arg, entry(node));
	}
	latch_unlock(&b->latch);
}

/* Under the latch: the waiter that was seen, if it is there as it was. */
static struct waiter *
sighted(struct lot_bucket *b, const struct lk_resource *r, struct sighting s)
{
	struct cds_list_head *node;

	cds_list_for_each(node, &b->waiters)
	{
		struct waiter *q = entry(node);

		if (q->r == r && q->party == s.party)
			return party_sequence(s.party) == s.sequence ? q : NULL;
	}
	return NULL;
}

static bool
is_before(struct lot_bucket *b, const struct waiter *p, const struct waiter *q)
{
	const struct cds_list_head *node = p->node.next;

	while (node != &b->waiters && node != &q->node)
		node = node->next;
	return node == &q->node;
}

bool
line_let_pass(struct lot *l, struct lk_resource *r, struct sighting behind, struct sighting ahead)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	struct plan plan = PLAN_INIT;
	struct waiter *q, *p;
	bool moves;

	latch_lock(&b->latch);
	q = sighted(b, r, behind);
	p = sighted(b, r, ahead);
	moves = q != NULL && p != NULL && RD(p->passed) < PASSED_MOST && is_before(b, p, q);
	if (moves) {
		struct cds_list_head *was = q->node.next;

		cds_list_del(&q->node);
		cds_list_add_tail(&q->node, &p->node);
		line_note_passed(b, q, was);
		party_passes(q->party); /* (Y2) */
		shim_store(waiter_disturbed(q), 1u, SHIM_RELAXED);
		plan_add_wake(&plan, &q->party->parker);
		WR(q->overdue, RD(q->overdue) || RD(p->overdue)); /* (Q12) */
		(void)line_let_ahead(b, q, &plan);                /* (Q7) */
		line_replan(l, b, r, LK_NL, LK_NL, &plan);
	}
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, r, NULL);
	return moves;
}

bool
line_expel(struct lot *l, struct lk_resource *r, struct sighting who, uint64_t verdict)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	struct plan plan = PLAN_INIT;
	struct composite *c = NULL;
	struct waiter *q;
	bool expelled;

	latch_lock(&b->latch);
	q = sighted(b, r, who);
	expelled = q != NULL;
	if (q != NULL)
		c = composite_pin_of(q);
	if (q != NULL && c == NULL) {
		line_dequeue(l, b, q);
		party_turns(q->party);
		WR(who.party->verdict, verdict);
		shim_store(&q->state, (uint32_t)WAITER_DEADLOCK, SHIM_RELEASE); /* (Q1, Q2) */
		plan_add_wake(&plan, &who.party->parker);
		line_replan(l, b, r, LK_NL, LK_NL, &plan); /* (Q5) */
	}
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, r, NULL);
	if (c != NULL) {
		expelled = composite_expel(l, c, who, verdict);
		composite_unpin(l, c);
	}
	return expelled;
}

static void
count_one(void *arg, const struct waiter *q, uint32_t position)
{
	(void)q;
	(void)position;
	++*(uint64_t *)arg;
}

uint64_t
lot_length(struct lot *l)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i <= l->mask; i++)
		lot_each(l, i, count_one, &n);
	return n;
}
