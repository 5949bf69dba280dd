/* SPDX-License-Identifier: MIT */
/*
 * What must hold of those who wait for each other (Y1, Y2, D1-D3, D6).  Whenever somebody begins or ends to wait,
 * or is moved in his line, the graph of who waits for whom is made anew from lines, holds and waits outside,
 * with the book's own matrix of modes.  So it is known who is in a ring of hard edges, and who was while
 * the detector looked.
 */
#include "core/grant.h"
#include "play.h"
#include "wait/line.h"

enum { NOBODY = -1, IDLE_MOST = 40 };

/* One owner, as the graph has it. */
struct node {
	const struct waiter *q; /* it waits in a line; NULL: it does not */
	unsigned ahead;         /* those before it there, one bit each */
	unsigned waits_for;     /* hard edges */
	unsigned is_behind;     /* soft ones */
	uint64_t sequence;      /* when its line was last looked at */
	unsigned joined;        /* step at which it began to wait, or was moved */
	unsigned looked;        /* … at which it had the detector for itself */
	unsigned left;          /* … at which it was in a ring no more */
	bool moved;             /* and it has not looked since */
	bool told;              /* that it is a victim; and its call has not ended */
	bool may_be_victim; /* when its wait ended, it was in a ring, or had been since the detector began */
};

static struct {
	struct node node[FIBERS_MAX];
	unsigned in_ring; /* one bit each */
	int detector;     /* who has its latch */
	unsigned begun;   /* step at which he took it */
	unsigned idle;    /* how often time has passed, and nothing else happened */
} rings;

void
rings_begin(void)
{
	memset(&rings, 0, sizeof(rings));
	rings.detector = NOBODY;
}

static bool
looks_for_rings(void)
{
	return play.m->deadlock_delay_ns != LK_OFF;
}

static unsigned
bit(int fiber)
{
	return 1u << fiber;
}

static const char *
name_of(int fiber)
{
	return play_script->fiber[fiber];
}

static int
fiber_of(const struct party *p)
{
	for (unsigned i = 0; i < world.n_fibers; i++) {
		if (play.owner[i] != NULL && &play.owner[i]->party == p)
			return (int)i;
	}
	return NOBODY;
}

/* ------------------------------------------------------------------ the graph */

/* Who stands in which line behind whom. */
static void
take_lines(void)
{
	const struct lot *l = &play.m->lot;
	struct cds_list_head *node;

	for (unsigned i = 0; i < FIBERS_MAX; i++) {
		rings.node[i].q = NULL;
		rings.node[i].ahead = 0;
	}
	for (uint32_t i = 0; i <= l->mask; i++) {
		cds_list_for_each(node, &l->bucket[i].waiters)
		{
			const struct waiter *q = container_of(node, struct waiter, node);
			const int me = fiber_of(q->party);

			if (me == NOBODY)
				continue;
			for (int k = 0; k < (int)world.n_fibers; k++) {
				if (rings.node[k].q != NULL && rings.node[k].q->r == q->r)
					rings.node[me].ahead |= bit(k);
			}
			rings.node[me].q = q;
		}
	}
}

/* For whose owner does this one wait outside?  NOBODY: it does not. */
static int
outside_of(int fiber)
{
	const struct lk_owner *w = play.owner[fiber];
	int on;

	if (w == NULL || w->outside.on == NULL || w->outside.id != w->id.v)
		return NOBODY;
	on = fiber_of(w->outside.on);
	return on != NOBODY && w->outside.on_id == play.owner[on]->id.v ? on : NOBODY;
}

static bool
waits(int fiber)
{
	return rings.node[fiber].q != NULL || outside_of(fiber) != NOBODY;
}

/* Does an owner hold something on `r` that does not go with `want`? */
static bool
is_in_the_way(struct lk_owner *w, const struct lk_resource *r, lk_mode want)
{
	const uint32_t n = w->holds.n_slots.v;

	for (uint32_t i = 0; i < n; i++) {
		const struct hold *s = hold_at(&w->holds, i);

		if (s->head.v != 0 && (s->head.v & (HEAD_REENTRY | HEAD_IMPLIED)) == 0 &&
		    s->resource.v == r && book_conflict(head_effective(s->head.v), want))
			return true;
	}
	return false;
}

/* What of its waiting makes a ring: who holds what it wants, who is ahead of it in the line. */
static void
take_edges(int fiber)
{
	struct node *n = &rings.node[fiber];
	const int on = outside_of(fiber);

	n->waits_for = on != NOBODY ? bit(on) : 0;
	n->is_behind = 0;
	for (int p = 0; n->q != NULL && p < (int)world.n_fibers; p++) {
		const struct waiter *other = rings.node[p].q;
		const bool behind =
			(n->ahead & bit(p)) != 0 && book_conflict(other->want, n->q->want);

		if (p == fiber || play.owner[p] == NULL || !waits(p))
			continue;
		if (is_in_the_way(play.owner[p], n->q->r, n->q->want) ||
		    (behind && other->passed >= PASSED_MOST))
			n->waits_for |= bit(p);
		n->is_behind |= behind ? bit(p) : 0;
	}
}

static unsigned
edges_of(int fiber, bool all)
{
	return rings.node[fiber].waits_for | (all ? rings.node[fiber].is_behind : 0);
}

/* Does an owner wait for itself, by hard edges, or (`all`) by those of the order as well? */
static bool
is_in_ring(int fiber, bool all)
{
	unsigned reached = edges_of(fiber, all);
	unsigned before;

	do {
		before = reached;
		for (int i = 0; i < (int)world.n_fibers; i++) {
			if ((before & bit(i)) != 0)
				reached |= edges_of(i, all);
		}
	} while (reached != before);
	return (reached & bit(fiber)) != 0;
}

/* The graph as it is now. */
static void
take_graph(void)
{
	const unsigned before = rings.in_ring;
	const bool quiet = world.quiet;

	world.quiet = true;
	take_lines();
	for (int i = 0; i < (int)world.n_fibers; i++)
		take_edges(i);
	rings.in_ring = 0;
	for (int i = 0; i < (int)world.n_fibers; i++)
		rings.in_ring |= is_in_ring(i, false) ? bit(i) : 0;
	for (int i = 0; i < (int)world.n_fibers; i++) {
		if ((before & ~rings.in_ring & bit(i)) != 0)
			rings.node[i].left = world.steps;
	}
	world.quiet = quiet;
}

/* ------------------------------------------------------------------- at steps */

/* A request begins to wait, or ends, or is moved.  (Y1, Y2) */
static void
turned(int fiber, bool moved)
{
	struct node *n = &rings.node[fiber];

	n->may_be_victim =
		rings.detector != NOBODY && ((rings.in_ring & bit(fiber)) != 0 ||
					     (n->left >= rings.begun && n->left > n->joined));
	n->joined = world.steps;
	n->moved = moved;
	rings.idle = 0;
	take_graph();
}

/* A request ends with LK_E_DEADLOCK.  (D2, D6) */
static void
expelled(uintptr_t at)
{
	const struct waiter *q = container_of((a32 *)at, struct waiter, state);
	const int fiber = fiber_of(q->party);

	if (rings.detector == NOBODY)
		fail("a request is ended, and nobody has the detector (D1)");
	if (fiber != NOBODY && !rings.node[fiber].may_be_victim)
		fail("%s is the victim of a ring that there never was (D2)", name_of(fiber));
	if (fiber != NOBODY)
		rings.node[fiber].told = true;
}

static bool
all_lines_open(void)
{
	const struct lot *l = &play.m->lot;

	for (uint32_t i = 0; i <= l->mask; i++) {
		if (l->bucket[i].latch.word.v != LATCH_FREE)
			return false;
	}
	return true;
}

/* One that was ahead of another is behind it now, and neither has begun to wait since.  (Y2) */
static void
check_order(int fiber, const struct node *was)
{
	const struct node *n = &rings.node[fiber];
	const unsigned overtaken = was->ahead & ~n->ahead;

	if (was->q != n->q || was->q == NULL ||
	    was->sequence != play.owner[fiber]->party.sequence.v)
		return;
	for (int p = 0; p < (int)world.n_fibers; p++) {
		if ((overtaken & bit(p)) != 0 && rings.node[p].q != NULL &&
		    (rings.node[p].ahead & bit(fiber)) != 0)
			fail("%s went past %s, and its sequence is what it was (Y2)",
			     name_of(fiber), name_of(p));
	}
}

/* No line is being changed: is the sequence of each owner what it should be?  (Y1) */
static void
lines_opened(void)
{
	struct node was[FIBERS_MAX];

	if (!all_lines_open())
		return;
	memcpy(was, rings.node, sizeof(was));
	take_lines();
	for (int i = 0; i < (int)world.n_fibers; i++) {
		const struct lk_owner *w = play.owner[i];

		if (w == NULL)
			continue;
		if (((w->party.sequence.v & 1) != 0) != (rings.node[i].q != NULL))
			fail("%s %s, and its sequence is %llu (Y1)", name_of(i),
			     rings.node[i].q != NULL ? "waits" : "does not wait",
			     (unsigned long long)w->party.sequence.v);
		check_order(i, &was[i]);
		rings.node[i].sequence = w->party.sequence.v;
	}
}

static bool
is_latch_of_line(uintptr_t at)
{
	const struct lot *l = &play.m->lot;
	const uintptr_t first = (uintptr_t)l->bucket;

	return at >= first && at < first + (l->mask + (uintptr_t)1) * sizeof(*l->bucket) &&
	       (at - first) % sizeof(*l->bucket) == offsetof(struct lot_bucket, latch.word);
}

/* The detector's latch is taken, or opens.  (D1) */
static void
detector_written(uint64_t is)
{
	const int fiber = (int)(world.current - world.fiber);

	take_graph();
	if (is != LATCH_FREE) {
		rings.detector = fiber;
		rings.begun = world.steps;
	} else {
		rings.node[fiber].looked = rings.begun;
		rings.detector = NOBODY;
	}
}

static void
line_written(uint64_t is)
{
	if (is == LATCH_FREE)
		lines_opened();
	else if (rings.detector == (int)(world.current - world.fiber))
		take_graph(); /* he may have said meanwhile that somebody waits outside */
}

void
rings_written(const char *by, uintptr_t at, uint64_t was, uint64_t is)
{
	if (play.m == NULL || !sched_in_fiber())
		return;
	if (at == (uintptr_t)&play.m->detector.latch.word) {
		detector_written(is);
	} else if (is_latch_of_line(at)) {
		line_written(is);
	} else if (strcmp(by, "line_expel") == 0 && is == WAITER_DEADLOCK &&
		   was == WAITER_WAITING) {
		expelled(at);
	} else if (strcmp(by, "watch") == 0) {
		rings.node[world.current - world.fiber].moved = false;
	} else {
		for (int i = 0; i < (int)world.n_fibers; i++) {
			if (play.owner[i] != NULL &&
			    at == (uintptr_t)&play.owner[i]->party.sequence)
				turned(i, (is & 1) != 0 && (was & 1) != 0);
		}
	}
}

/* -------------------------------------------------------- when nobody can go on */

void
rings_step(void)
{
	rings.idle = 0;
	if (world.current != NULL)
		rings.node[world.current - world.fiber].told = false;
}

static bool
has_looked(int fiber)
{
	const struct node *n = &rings.node[fiber];

	return n->q == NULL || n->looked > n->joined;
}

/* The last of a ring to wait, or to be moved, has looked, and all others too: it should be over.  (D3) */
static void
check_looked(bool all)
{
	int member = NOBODY;

	for (int i = 0; i < (int)world.n_fibers; i++) {
		if (!is_in_ring(i, all))
			continue;
		if (!has_looked(i))
			return;
		member = i;
	}
	if (member != NOBODY)
		fail("%s is in a ring of which everybody has looked, and all sleep (D3)",
		     name_of(member));
}

void
rings_check(void)
{
	if (!looks_for_rings())
		return;
	take_graph();
	check_looked(false);
	check_looked(true);
	for (int i = 0; i < (int)world.n_fibers; i++) {
		if (rings.node[i].moved && rings.node[i].q != NULL)
			fail("%s was moved in its line, and sleeps without a look (D3)",
			     name_of(i));
		if (rings.node[i].told)
			fail("%s is a victim, and sleeps", name_of(i));
	}
	if (++rings.idle > IDLE_MOST)
		fail("everybody sleeps, and nobody will wake them");
}
