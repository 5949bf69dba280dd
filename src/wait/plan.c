/* SPDX-License-Identifier: MIT */
/* Deciding who is next, and telling them. */
#include "wait/plan.h"

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
	shim_sub(q->seat, word_row[q->held].add, SHIM_SEQ_CST);
	p->more = true; /* what it gave up there was not planned with */
}

/* The flags of a line whose first waiter is `head` once the chosen are gone; the word will be `w`. */
static uint64_t
flags_of(const struct lot *l, const struct waiter *head, uint32_t conversions, uint64_t w)
{
	if (head == NULL)
		return 0;
	return WORD_WAITERS |
	       (l->strict || RD(head->overdue) || conversions > 0 || (w & WORD_SPREAD) != 0
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
	unsigned n;
	bool more;
};

/* Choose whom to grant, from the head to the end.  (Q8)  Marks the waiters, changes nothing else. */
static struct choice
choose(struct lot *l, struct lot_bucket *b, const struct lk_resource *r, uint64_t base,
       unsigned room)
{
	const uint64_t fold = fold_of(l, r, base);
	struct choice c = { base & ~(WORD_WAITERS | WORD_AWAKE | WORD_CLOSED | fold), 0, false };
	const struct waiter *head = NULL; /* of those who are left */
	uint32_t conversions = RD(b->conversions);
	mode_set blocked = 0;
	struct cds_list_head *node;

	cds_list_for_each(node, &b->waiters)
	{
		struct waiter *q = entry(node);
		bool fits;

		if (q->r != r)
			continue;
		fits = (blocked & MODE_BIT(q->want)) == 0 &&
		       others_admit(plan_others(l, q, c.word), q->want);
		WR(q->chosen, fits && c.n < room);
		c.more |= fits && !RD(q->chosen);
		if (RD(q->chosen)) {
			c.word = word_change(c.word, waiter_in_word(q), q->want);
			conversions -= q->held != LK_NL;
			c.n++;
			continue;
		}
		if (head == NULL)
			head = q;
		blocked |= mode_conflicts(q->want);
		if (blocked == MODE_ALL)
			break; /* nobody further back can be granted */
	}
	c.word |= flags_of(l, head, conversions, c.word);
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
		WR(b->conversions, RD(b->conversions) - (q->held != LK_NL));
		cds_list_del(node);
		party_turns(q->party);
		plan_unseat(p, q);
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
}
