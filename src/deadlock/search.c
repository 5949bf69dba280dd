/* SPDX-License-Identifier: MIT */
/* Backward from what is held to who waits for it.  (D2) */
#include <string.h>

#include "deadlock/search.h"
#include "wait/units.h"

enum { HOLDS_AT_ONCE = 16, PARTS_AT_ONCE = 16 };

/* `q` was seen to wait for `p`, on `r` (NULL: outside), where `p` holds `blocked` (LK_NL: is ahead). */
static void
note_edge(struct ring_search *s, struct party *q, struct wait_edge edge)
{
	edge.run = s->run;
	if (edge.r != NULL && !sequence_waits(edge.sequence))
		return; /* its owner changes what it holds at this moment (Y3) */
	if (q == s->root && edge.sequence == s->sequence) {
		s->found = true; /* and the search is over: nobody reads its `next` any more */
		WR(q->edge, edge);
	} else if (RD(q->edge.run) != s->run) {
		WR(q->edge, edge);
		s->last->edge.next = q;
		s->last = q;
	}
}

/* Some of the names for which a batch waits: those from `first` on. */
struct parts {
	struct party *of;
	uint32_t first;
	uint32_t n;
	struct lk_resource *r[PARTS_AT_ONCE];
};

/* What one who waits may wait for: a mode, and units. */
enum { ASKS_UNITS = MODE_N, ASKS_N };

struct line_search {
	struct ring_search *s;
	struct lk_resource *r;
	struct party *p;             /* … whose hold on `r` … */
	lk_mode held;                /* … is in the way */
	uint32_t has;                /* … units that it has there */
	struct party *ahead[ASKS_N]; /* or: of those met so far, by what they wait for */
	uint32_t passed[ASKS_N];
	struct parts *parts; /* to be copied on the way */
};

static struct wait_edge
edge_in_line(const struct line_search *l, const struct waiter *q, struct party *p)
{
	return (struct wait_edge){ .waits = p, .r = l->r, .sequence = party_sequence(q->party) };
}

/* What `p` has that counts against `q`: not what is of the same owner, which `q` says itself.  (SU6) */
static uint32_t
units_of(const struct line_search *l, const struct waiter *q)
{
	return l->has != 0 && party_owner(q->party) != party_owner(l->p) ? l->has : 0;
}

static void
look_for_held(void *arg, const struct waiter *q)
{
	struct line_search *l = arg;
	struct wait_edge edge = edge_in_line(l, q, l->p);

	edge.blocked = l->held;
	/* Of one owner's parties none keeps another waiting by what it holds. */
	if (party_owner(q->party) != party_owner(l->p) && !l->s->found &&
	    waiter_must_wait(q, l->held, units_of(l, q)))
		note_edge(l->s, q->party, edge);
}

/* Was this one looked at with this mode before, in this search?  It is from now on, if there is room. */
static bool
line_was_seen(struct ring_search *s, const struct lk_resource *r, lk_mode held)
{
	struct seen_line *seen = &s->seen[(uintptr_t)r / LK_LINE % SEEN_LINES];
	bool was;

	if (seen->r != r)
		*seen = (struct seen_line){ r, 0 };
	was = (seen->held & MODE_BIT(held)) != 0;
	seen->held |= MODE_BIT(held);
	return was;
}

/* Who waits in the line of `r` for what `p` holds there? */
static void
search_line(struct ring_search *s, struct party *p, struct lk_resource *r, lk_mode held,
	    uint32_t has)
{
	struct line_search l = { .s = s, .r = r, .p = p, .held = held, .has = has };

	if (s->meet != NULL)
		s->meet(s, p, r, held);
	/*
	 * Else all who wait for it were noted, for another holder; but for the root, if it was the root itself, and
	 * for those who wait for the units of this one.
	 */
	if (p == s->root || has != 0 || !line_was_seen(s, r, held))
		line_each(s->lot, r, look_for_held, &l);
}

/* Under the latch of a line that it is in: the composite is there (K1). */
static void
copy_parts(struct parts *parts, const struct composite *c)
{
	while (parts->n < PARTS_AT_ONCE && parts->first + parts->n < c->n_parts) {
		parts->r[parts->n] = c->part[parts->first + parts->n].r;
		parts->n++;
	}
}

/* One that was found stands in the way of those behind it; a part of a batch if that keeps back others (K4). */
static void
stand_ahead(struct line_search *l, const struct waiter *q)
{
	if (q->together == NULL)
		q->party->edge.order_seen = true;
	else if (l->parts->of == q->party)
		copy_parts(l->parts, q->together);
	if (!waiter_holds_back(q))
		return;
	if (l->s->edges != EDGES_ALL && RD(q->passed) < PASSED_MOST)
		return;
	l->ahead[q->want] = q->party;
	l->passed[q->want] = RD(q->passed);
	if (q->units.n != 0) {
		l->ahead[ASKS_UNITS] = q->party;
		l->passed[ASKS_UNITS] = RD(q->passed);
	}
}

/* … by one ahead that waits for a mode, or for units?  (SU4) */
static bool
is_kept_back(const struct waiter *q, int asks)
{
	if (asks == ASKS_UNITS)
		return q->units.n != 0;
	return (mode_conflicts((lk_mode)asks) & MODE_BIT(q->want)) != 0;
}

/* From the head on: who is behind one that was found, and so on. */
static void
look_for_order(void *arg, const struct waiter *q)
{
	struct line_search *l = arg;
	struct ring_search *s = l->s;

	for (int asks = LK_NL; asks < ASKS_N && !s->found; asks++) {
		struct wait_edge edge = edge_in_line(l, q, l->ahead[asks]);

		if (edge.waits == NULL || !is_kept_back(q, asks))
			continue;
		edge.passed = l->passed[asks];
		note_edge(s, q->party, edge);
		break;
	}
	if (!s->found && q->party->edge.run == s->run)
		stand_ahead(l, q);
}

/* Who waits in the line of `r` behind those that were found in it? */
static void
search_order(struct ring_search *s, struct lk_resource *r, struct parts *parts)
{
	struct line_search l = { .s = s, .r = r, .parts = parts };

	line_each(s->lot, r, look_for_order, &l);
}

/* … and, if `p` waits for others together with `r`, in their lines? */
static void
search_orders(struct ring_search *s, struct party *p, struct lk_resource *r)
{
	struct parts none = { .of = NULL };
	struct parts parts = { .of = p };

	do {
		parts.first += parts.n;
		parts.n = 0;
		search_order(s, r, &parts);
		for (uint32_t i = 0; i < parts.n && !s->found; i++) {
			if (parts.r[i] != r)
				search_order(s, parts.r[i], &none);
		}
	} while (parts.n == PARTS_AT_ONCE && !s->found);
}

struct held {
	struct lk_resource *r;
	lk_mode mode;
	uint32_t units;
};

/* A slot of another owner: what it counts in a word.  (H3)  LK_NL: nothing. */
static struct held
read_hold(const struct hold *slot)
{
	const uint64_t head = shim_load(&slot->head, SHIM_ACQUIRE);
	struct lk_resource *r = shim_load(&slot->resource, SHIM_ACQUIRE);

	if (head == 0 || (head & (HEAD_REENTRY | HEAD_IMPLIED)) != 0 || r == NULL ||
	    ((uintptr_t)r & 1) != 0 || shim_load(&slot->head, SHIM_RELAXED) != head)
		return (struct held){ NULL, LK_NL, 0 };
	return (struct held){ r, head_effective(head), hold_units(slot, head) };
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
	struct held held[HOLDS_AT_ONCE] = { { NULL, LK_NL, 0 } };

	for (uint32_t i = 0; i < slots && !s->found;) {
		uint32_t n = read_holds(h, i, held);

		for (uint32_t k = 0; k < n && k < HOLDS_AT_ONCE; k++) {
			if (held[k].mode != LK_NL &&
			    (shim_load(&held[k].r->word, SHIM_ACQUIRE) & WORD_WAITERS) != 0)
				search_line(s, p, held[k].r, held[k].mode, held[k].units);
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

		if (o->on == &party_owner(p)->party &&
		    o->on_id == shim_load(&party_owner(p)->id, SHIM_ACQUIRE) &&
		    o->id == shim_load(&w->id, SHIM_ACQUIRE))
			note_edge(s, &w->party,
				  (struct wait_edge){ .waits = p,
						      .sequence = outside_sequence(w) });
	}
}

static void
search_party(struct ring_search *s, struct party *p, struct lk_resource *waits_on)
{
	search_holds(s, p);
	if (waits_on != NULL && !p->edge.order_seen && !s->found)
		search_orders(s, p, waits_on);
	if (!s->found)
		search_outside(s, p);
}

bool
search_run(struct ring_search *s)
{
	struct party *root = s->root;

	s->last = root;
	s->found = false;
	memset(s->seen, 0, sizeof(s->seen));
	WR(root->edge, ((struct wait_edge){ .run = s->run }));
	search_party(s, root, s->r);
	for (struct party *p = root->edge.next; p != NULL && !s->found; p = p->edge.next)
		search_party(s, p, p->edge.r);
	return s->found;
}

bool
member_waits(const struct party *p)
{
	if (p->edge.r == NULL) /* who waits outside waits as itself, whosever the holds are */
		return outside_sequence(container_of(p, struct lk_owner, party)) ==
		       p->edge.sequence;
	return party_sequence(p) == p->edge.sequence;
}
