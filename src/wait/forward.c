/* SPDX-License-Identifier: MIT */
/* One who waits goes forward in its line, and stays there.  (Q12) */
#include "wait/inside.h"
#include "wait/units.h"

static struct waiter *
entry(struct cds_list_head *node)
{
	return container_of(node, struct waiter, node);
}

/* Does `q` wait for `p` by its place in the line alone?  What `p` holds keeps it waiting wherever it stands. */
static bool
goes_first(const struct waiter *p, const struct waiter *q)
{
	return (waiter_keeps_back(p) & waiter_asks(q)) != 0 &&
	       !waiter_must_wait(q, p->held, p->units.has);
}

/* The node to stand before; its own: it stays. */
static struct cds_list_head *
place_behind(struct lot_bucket *b, struct waiter *q, uint64_t most)
{
	struct cds_list_head *node;

	for (node = b->waiters.next; node != &q->node; node = node->next) {
		const struct waiter *p = entry(node);

		if (p->r == q->r && goes_first(p, q) && most-- == 0)
			return node;
	}
	return node;
}

static void
move_before(struct lot_bucket *b, struct waiter *q, struct cds_list_head *place, struct plan *plan)
{
	const struct cds_list_head *was = q->node.next;

	cds_list_del(&q->node);
	cds_list_add_tail(&q->node, place);
	line_note_passed(b, q, was);
	party_passes(q->party);           /* (Y2) */
	(void)line_let_ahead(b, q, plan); /* (Q7) */
}

/* It stays where it is, and nobody goes past those before it. */
static void
close_behind(struct lot_bucket *b, struct waiter *q)
{
	for (struct cds_list_head *node = b->waiters.next; node != &q->node; node = node->next) {
		if (entry(node)->r == q->r)
			WR(entry(node)->overdue, true);
	}
	WR(q->overdue, true);
	if (RD(q->passed) < PASSED_BY_PRIORITY)
		WR(q->passed, PASSED_BY_PRIORITY);
}

void
line_bring_forward(struct lot *l, struct waiter *q, uint64_t most, const struct line_tally *t)
{
	struct lot_bucket *b = lot_bucket_of(l, q->r);
	struct plan plan = PLAN_INIT;

	latch_lock(&b->latch);
	if (waiter_state(q) == WAITER_WAITING) {
		struct cds_list_head *place = place_behind(b, q, most);

		if (place != &q->node)
			move_before(b, q, place, &plan);
		close_behind(b, q);
		line_replan(l, b, q->r, LK_NL, LK_NL, &plan);
	}
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, q->r, t);
}
