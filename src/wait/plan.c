/* SPDX-License-Identifier: MIT */
/* Deciding who is next, and telling them. */
#include "wait/plan.h"
#include "wait/units.h"
#include "wait/watch.h"

static struct waiter *
entry(struct cds_list_head *node)
{
	return container_of(node, struct waiter, node);
}

struct others
plan_others(const struct lot *l, const struct waiter *q, uint64_t w)
{
	struct others o = { word_without(w, waiter_in_word(q)), 0 };

	if (unlikely((w & WORD_SPREAD) != 0))
		o.slots = spread_sum_without(l->spread, shim_load(&q->r->spread, SHIM_RELAXED),
					     q->seat, q->held);
	return o;
}

void
plan_unseat(struct plan *p, const struct waiter *q)
{
	if (likely(q->seat == NULL))
		return;
	shim_sub(q->seat, word_modes.add[q->held], SHIM_SEQ_CST);
	p->more = true; /* what it gave up there was not planned with */
}

/* Who is left in a line once the chosen are gone. */
struct left {
	const struct waiter *head; /* that waits for this name alone */
	bool parts;                /* there are parts of composites */
	bool held_back;            /* … of the one that holds back others (K4) */
	bool watched;              /* somebody wants to know when a writer leaves (CW2) */
};

/* The flags of such a line; the word will be `w`. */
static uint64_t
flags_of(const struct lot *l, const struct left *left, uint32_t conversions, uint64_t w)
{
	if (left->head == NULL && !left->parts)
		return !left->watched           ? 0
		       : (w & WORD_SPREAD) != 0 ? WORD_WAITERS | WORD_CLOSED
						: WORD_WAITERS;
	return WORD_WAITERS |
	       (l->strict || conversions > 0 || (w & WORD_SPREAD) != 0 || left->held_back ||
				(left->head != NULL && RD(left->head->overdue))
			? WORD_CLOSED
			: 0);
}

/* SPREAD and FAMILY, if it is time that they go: strong requests are frequent, and nobody is in a slot. */
static uint64_t
fold_of(const struct lot *l, const struct lk_resource *r, uint64_t w)
{
	const uint32_t number = shim_load(&r->spread, SHIM_RELAXED);

	if (likely((w & WORD_SPREAD) == 0) || (w & WORD_WAITERS) == 0 ||
	    RD(spread_array(l->spread, number)->strong) < STRONG_MAX ||
	    spread_sum(l->spread, number) != 0)
		return 0;
	return WORD_SPREAD | WORD_FAMILY;
}

/* The word has changed, and is folded: it takes twice as many collisions to spread it again. */
static void
note_fold(const struct lot *l, const struct lk_resource *r)
{
	struct spread_array *a = spread_array(l->spread, shim_load(&r->spread, SHIM_RELAXED));
	uint32_t folds = shim_load(&a->folds, SHIM_RELAXED);

	WR(a->strong, 0);
	if (folds < FOLDS_MAX)
		shim_store(&a->folds, folds + 1, SHIM_RELAXED);
}

struct choice {
	uint64_t word;
	uint64_t units; /* that it takes */
	unsigned n;
	bool more;
	bool ripe;
};

/* A waiter that stays where it is. */
static void
leave_in_line(struct left *left, const struct waiter *q, mode_set *blocked)
{
	if (q->together == NULL && left->head == NULL)
		left->head = q;
	left->parts |= q->together != NULL;
	if (!waiter_holds_back(q))
		return;
	left->held_back |= q->together != NULL;
	*blocked |= waiter_keeps_back(q);
}

/* Choose whom to grant, from the head to the end.  (Q8)  Marks the waiters, changes nothing else. */
static struct choice
choose(struct lot *l, struct lot_bucket *b, const struct lk_resource *r, uint64_t base,
       unsigned room)
{
	const uint64_t fold = fold_of(l, r, base);
	struct choice c = { .word = base & ~(WORD_WAITERS | WORD_AWAKE | WORD_CLOSED | fold) };
	struct left left = { .head = NULL, .watched = watch_is_on(b, r) };
	uint32_t conversions = RD(b->conversions);
	mode_set blocked = 0;
	struct cds_list_head *node;

	cds_list_for_each(node, &b->waiters)
	{
		struct waiter *q = entry(node);
		bool fits;

		if (q->r != r)
			continue;
		fits = (blocked & waiter_asks(q)) == 0 &&
		       others_admit(plan_others(l, q, c.word), q->want) && units_fit(q, c.units);
		WR(q->chosen, fits && q->together == NULL && c.n < room);
		c.ripe |= fits && q->together != NULL; /* (K2) */
		if (q->together != NULL)
			shim_store(&q->fits, (uint32_t)fits, SHIM_RELAXED);
		c.more |= fits && q->together == NULL && !RD(q->chosen);
		if (RD(q->chosen)) {
			c.word = word_change(c.word, waiter_in_word(q), q->want);
			c.units += q->units.n;
			conversions -= waiter_converts(q);
			c.n++;
			continue;
		}
		leave_in_line(&left, q, &blocked);
		if ((blocked & MODE_ALL) == MODE_ALL)
			break; /* nobody further back can be granted */
	}
	c.word |= flags_of(l, &left, conversions, c.word);
	return c;
}

/* The word has changed: take the first `n` chosen out of the line and tell them.  (Q2, Q3) */
static void
grant_chosen(struct plan *p, struct lot_bucket *b, const struct lk_resource *r, unsigned n)
{
	struct cds_list_head *node;
	struct cds_list_head *next;

	for (node = b->waiters.next; n > 0; node = next) {
		struct waiter *q = entry(node);

		next = node->next;
		if (q->r != r || !RD(q->chosen))
			continue;
		n--;
		p->n_granted++;
		plan_add_wake(p, &q->party->parker);
		WR(b->conversions, RD(b->conversions) - waiter_converts(q));
		cds_list_del(node);
		party_turns(q->party);
		plan_unseat(p, q);
		units_granted(q);
		shim_store(&q->state, (uint32_t)WAITER_GRANTED, SHIM_RELEASE);
	}
}

bool
plan_try(struct plan *p, struct lot *l, struct lot_bucket *b, struct lk_resource *r, uint64_t w,
	 uint64_t base)
{
	struct choice c = choose(l, b, r, base, PLAN_MAX - p->n_wake);

	/* If nothing changes, nothing needs to: a giver that comes later sees WAITERS, no AWAKE. */
	if (c.word != w && !shim_cas(&r->word, &w, c.word, SHIM_ACQ_REL)) /* (Q6) */
		return false;
	if (unlikely((w & ~c.word & WORD_SPREAD) != 0))
		note_fold(l, r);
	p->more = c.more;
	p->ripe |= c.ripe;
	grant_chosen(p, b, r, c.n);
	return true;
}

void
plan_wake(struct plan *p, const struct env *e, const struct line_tally *t)
{
	for (unsigned i = 0; i < p->n_wake; i++)
		park_wake(e, p->wake[i]);
	if (t != NULL) {
		for (unsigned i = 0; i < p->n_granted; i++)
			tally(t->handovers);
		for (unsigned i = p->n_granted; i < p->n_wake; i++)
			tally(t->wakes);
	}
	p->n_wake = p->n_granted = 0;
}

void
plan_finish(struct plan *p, struct lot *l, struct lot_bucket *b, struct lk_resource *r,
	    const struct line_tally *t)
{
	plan_wake(p, l->env, t);
	while (p->more) {
		uint64_t w;

		latch_lock(&b->latch);
		do {
			w = shim_load(&r->word, SHIM_ACQUIRE);
		} while (!plan_try(p, l, b, r, w, w));
		latch_unlock(&b->latch);
		plan_wake(p, l->env, t);
	}
	if (unlikely(p->ripe))
		composite_ripen(l, r, t);
}
