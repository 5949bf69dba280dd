/* SPDX-License-Identifier: MIT */
/* Deciding who is next, and telling them. */
#include "wait/plan.h"

static struct waiter *
entry(struct cds_list_head *node)
{
	return container_of(node, struct waiter, node);
}

/* The flags of a line whose first waiter is `head` once the chosen are gone. */
static uint64_t
flags_of(const struct lot *l, const struct waiter *head, uint32_t conversions)
{
	if (head == NULL)
		return 0;
	return WORD_WAITERS | (l->strict || RD(head->overdue) || conversions > 0 ? WORD_CLOSED : 0);
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
	struct choice c = { base & ~(WORD_WAITERS | WORD_AWAKE | WORD_CLOSED), 0, false };
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
		fits = (blocked & MODE_BIT(q->want)) == 0 && word_admits(c.word, q->held, q->want);
		WR(q->chosen, fits && c.n < room);
		c.more |= fits && !RD(q->chosen);
		if (RD(q->chosen)) {
			c.word = word_change(c.word, q->held, q->want);
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
	c.word |= flags_of(l, head, conversions);
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
		plan_add_wake(p, q->parker);
		WR(b->conversions, RD(b->conversions) - (q->held != LK_NL));
		cds_list_del(node);
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
