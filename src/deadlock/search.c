/* SPDX-License-Identifier: MIT */
/* Backward from what is held to who waits for it.  (D2) */
#include "deadlock/search.h"

enum { HOLDS_AT_ONCE = 16 };

/* `q` was seen to wait for `p`, on `r` (NULL: outside), where `p` holds `blocked` (LK_NL: is ahead). */
static void
note_edge(struct ring_search *s, struct party *q, struct wait_edge edge)
{
	edge.run = s->run;
	if (q == s->root && edge.sequence == s->sequence) {
		s->found = true; /* and the search is over: nobody reads its `next` any more */
		q->edge = edge;
	} else if (q->edge.run != s->run) {
		q->edge = edge;
		s->last->edge.next = q;
		s->last = q;
	}
}

struct line_search {
	struct ring_search *s;
	struct party *p;
	struct lk_resource *r;
	lk_mode held;    /* by `p` on `r` */
	mode_set ahead;  /* `p` was met in the line: it stands in the way of these */
	uint32_t passed; /* … where it was passed so often */
};

/* From where `p` itself waits on, those who want what conflicts with that are behind it. */
static void
meet_itself(struct line_search *l, const struct waiter *q)
{
	l->passed = RD(q->passed);
	if (l->s->edges == EDGES_ALL || l->passed >= PASSED_MOST)
		l->ahead = mode_conflicts(q->want);
}

static void
look_at_waiter(void *arg, const struct waiter *q)
{
	struct line_search *l = arg;
	struct wait_edge edge = { .waits = l->p, .r = l->r, .sequence = party_sequence(q->party) };

	if (l->s->found)
		return;
	if (q->party == l->p) {
		meet_itself(l, q);
	} else if ((mode_conflicts(l->held) & MODE_BIT(q->want)) != 0) {
		edge.blocked = l->held;
		note_edge(l->s, q->party, edge);
	} else if ((l->ahead & MODE_BIT(q->want)) != 0) {
		edge.passed = l->passed;
		note_edge(l->s, q->party, edge);
	}
}

/* Who waits in the line of `r` for what `p` holds there, or behind it? */
static void
search_line(struct ring_search *s, struct party *p, struct lk_resource *r, lk_mode held)
{
	struct line_search l = { .s = s, .p = p, .r = r, .held = held };

	line_each(s->lot, r, look_at_waiter, &l);
}

struct held {
	struct lk_resource *r;
	lk_mode mode;
};

/* A slot of another owner: what it counts in a word.  (H3)  LK_NL: nothing. */
static struct held
read_hold(const struct hold *slot)
{
	const uint64_t head = shim_load(&slot->head, SHIM_ACQUIRE);
	struct lk_resource *r = shim_load(&slot->resource, SHIM_ACQUIRE);

	if (head == 0 || (head & (HEAD_REENTRY | HEAD_IMPLIED)) != 0 || r == NULL ||
	    ((uintptr_t)r & 1) != 0 || shim_load(&slot->head, SHIM_RELAXED) != head)
		return (struct held){ NULL, LK_NL };
	return (struct held){ r, head_effective(head) };
}

/* Some slots, from `first` on; their memory may be given back once its owner goes on.  (RC1) */
static uint32_t
read_holds(const struct holds *h, uint32_t first, struct held held[HOLDS_AT_ONCE])
{
	const uint32_t k = slot_segment(first);
	const uint32_t end = segment_first(k + 1);
	const struct hold *segment;
	uint32_t n = 0;

	shim_rcu_read_lock();
	segment = shim_load(&h->segment[k], SHIM_ACQUIRE);
	while (segment != NULL && n < HOLDS_AT_ONCE && first + n < end) {
		held[n] = read_hold(&segment[first + n - segment_first(k)]);
		if (held[n].mode != LK_NL)
			prefetch(held[n].r);
		n++;
	}
	shim_rcu_read_unlock();
	return segment != NULL ? n : end - first;
}

static void
search_holds(struct ring_search *s, struct party *p)
{
	const struct holds *h = &party_owner(p)->holds;
	const uint32_t slots = shim_load(&h->n_slots, SHIM_ACQUIRE);
	struct held held[HOLDS_AT_ONCE] = { { NULL, LK_NL } };

	for (uint32_t i = 0; i < slots && !s->found;) {
		uint32_t n = read_holds(h, i, held);

		for (uint32_t k = 0; k < n && k < HOLDS_AT_ONCE; k++) {
			if (held[k].mode != LK_NL &&
			    (shim_load(&held[k].r->word, SHIM_ACQUIRE) & WORD_WAITERS) != 0)
				search_line(s, p, held[k].r, held[k].mode);
			held[k].mode = LK_NL;
		}
		i += n;
	}
}

/* Who said that it waits for `p` outside? */
static void
search_outside(struct ring_search *s, struct party *p)
{
	struct cds_list_head *node;

	cds_list_for_each(node, s->outside)
	{
		struct outside *o = container_of(node, struct outside, node);
		struct lk_owner *w = container_of(o, struct lk_owner, outside);

		if (o->on == p && o->on_id == shim_load(&party_owner(p)->id, SHIM_ACQUIRE) &&
		    o->id == shim_load(&w->id, SHIM_ACQUIRE))
			note_edge(s, &w->party,
				  (struct wait_edge){ .waits = p, .sequence = o->sequence });
	}
}

static void
search_party(struct ring_search *s, struct party *p, struct lk_resource *waits_on)
{
	search_holds(s, p);
	if (waits_on != NULL && !s->found)
		search_line(s, p, waits_on, LK_NL);
	if (!s->found)
		search_outside(s, p);
}

bool
search_run(struct ring_search *s)
{
	struct party *root = s->root;

	s->last = root;
	s->found = false;
	root->edge = (struct wait_edge){ .run = s->run };
	search_party(s, root, s->r);
	for (struct party *p = root->edge.next; p != NULL && !s->found; p = p->edge.next)
		search_party(s, p, p->edge.r);
	return s->found;
}

bool
member_waits(const struct party *p)
{
	const struct lk_owner *w = container_of(p, struct lk_owner, party);

	if (p->edge.r == NULL)
		return RD(w->outside.sequence) == p->edge.sequence;
	return party_sequence(p) == p->edge.sequence;
}
