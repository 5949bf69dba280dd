/* SPDX-License-Identifier: MIT */
/*
 * What must hold of those who wait for each other (Y1, Y2, D1-D3, D6).  Whenever somebody begins or ends to wait,
 * or is moved in his line, the graph of who waits for whom is made anew from lines, holds and waits outside,
 * with the book's own matrix of modes.  So it is known who is in a ring of hard edges, and who was while
 * the detector looked.
 */
#include "core/grant.h"
#include "stored.h"
#include "wait/composite.h"

enum { NOBODY = -1, IDLE_MOST = 40, PARTS_MAX = 12, REQUESTS_MAX = 12 };

/* A waiter of an owner in one line; of a batch there are several. */
struct part {
	const struct waiter *q;
	const struct lk_resource *r;
	unsigned ahead; /* those before it there, one bit each */
};

/* One owner, as the graph has it. */
struct node {
	struct part part[PARTS_MAX];
	unsigned n_parts;                        /* 0: it does not wait in a line */
	const struct composite *together;        /* the last it had */
	const struct waiter *late[REQUESTS_MAX]; /* of its requests without a thread */
	unsigned n_late;
	uint64_t in_ring_since;  /* the time */
	uint64_t found_since;    /* … as it was when the detector began */
	bool late_may_be_victim; /* … as below, of one of those */
	unsigned waits_for;      /* hard edges */
	unsigned is_behind;      /* soft ones */
	uint64_t sequence;       /* when its line was last looked at */
	unsigned joined;         /* step at which it began to wait, or was moved */
	unsigned looked;         /* … at which it had the detector for itself */
	unsigned left;           /* … at which it was in a ring no more */
	bool moved;              /* and it has not looked since */
	bool told;               /* that it is a victim; and its call has not ended */
	bool may_be_victim; /* when its wait ended, it was in a ring, or had been since the detector began */
};

static struct {
	struct node node[FIBERS_MAX];
	unsigned in_ring; /* one bit each */
	struct {
		int who;        /* has its latch */
		unsigned begun; /* step at which he took it */
	} detector[PROCESSES_MAX];
	unsigned idle; /* how often time has passed, and nothing else happened */
} rings;

void
graph_begin(void)
{
	memset(&rings, 0, sizeof(rings));
	for (unsigned i = 0; i < PROCESSES_MAX; i++)
		rings.detector[i].who = NOBODY;
	wide_begin();
}

/* Who has the detector of the manager that is looked at? */
static int
detector(void)
{
	return rings.detector[abroad_here()].who;
}

static unsigned
begun(void)
{
	return rings.detector[abroad_here()].begun;
}

static bool
looks_for_rings(void)
{
	return play.m->deadlock_delay_ns.v != LK_OFF;
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

static struct part *
part_of(struct node *n, const struct lk_resource *r)
{
	for (unsigned i = 0; i < n->n_parts; i++) {
		if (n->part[i].r == r)
			return &n->part[i];
	}
	return NULL;
}

static void
add_part(int fiber, const struct waiter *q)
{
	struct node *n = &rings.node[fiber];
	struct part *part = &n->part[n->n_parts];

	if (n->n_parts == PARTS_MAX)
		fail("a batch of more names than the tester can look at");
	*part = (struct part){ q, q->r, 0 };
	for (int k = 0; k < (int)world.n_fibers; k++) {
		if (part_of(&rings.node[k], q->r) != NULL)
			part->ahead |= bit(k);
	}
	n->n_parts++;
	n->together = q->together;
}

/* Whose request without a thread is it? */
static int
owner_of(const struct party *p)
{
	for (unsigned i = 0; p->moves.v != NULL && i < world.n_fibers; i++) {
		if (play.owner[i] != NULL && p->owner.v == play.owner[i])
			return (int)i;
	}
	return NOBODY;
}

static void
add_late(int fiber, const struct waiter *q)
{
	struct node *n = &rings.node[fiber];

	if (n->n_late == REQUESTS_MAX)
		fail("more requests than the tester can look at");
	n->late[n->n_late++] = q;
}

/* Who stands in which line behind whom. */
static void
take_lines_of(const struct lot *l)
{
	struct cds_list_head *node;

	for (uint32_t i = 0; i <= l->mask; i++) {
		cds_list_for_each(node, &l->bucket[i].waiters)
		{
			const struct waiter *q = container_of(node, struct waiter, node);
			const int fiber = fiber_of(q->party);

			if (fiber != NOBODY)
				add_part(fiber, q);
			else if (owner_of(q->party) != NOBODY)
				add_late(owner_of(q->party), q);
		}
	}
}

static void
take_lines(void)
{
	const struct lk_manager *m = play.m;

	for (unsigned i = 0; i < FIBERS_MAX; i++)
		rings.node[i].n_parts = rings.node[i].n_late = 0;
	for (unsigned i = 0; i < abroad_managers(); i++) {
		abroad_look_at(i);
		take_lines_of(&play.m->lot);
	}
	abroad_look_at(abroad_number(m));
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
	return rings.node[fiber].n_parts != 0 || rings.node[fiber].n_late != 0 ||
	       outside_of(fiber) != NOBODY;
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

/* Is `p` ahead of a part of another's in its line, and keeps it back?  (K4) */
static bool
keeps_back(int p, const struct part *part)
{
	const struct waiter *other;

	if ((part->ahead & bit(p)) == 0)
		return false;
	other = part_of(&rings.node[p], part->r)->q;
	return (other->together == NULL || other->together->holds_back.v != 0) &&
	       (book_conflict(other->want, part->q->want) ||
		(other->units.n != 0 && part->q->units.n != 0));
}

static void
take_edges_of_part(struct node *n, const struct part *part, int p)
{
	const bool behind = keeps_back(p, part);

	if (is_in_the_way(play.owner[p], part->r, part->q->want) ||
	    units_in_the_way(play.owner[p], part->q) ||
	    (behind && part_of(&rings.node[p], part->r)->q->passed >= PASSED_MOST))
		n->waits_for |= bit(p);
	n->is_behind |= behind ? bit(p) : 0;
}

/* What its owner's requests without a thread wait for, it waits for, as far as rings go. */
static void
take_edges_of_late(int fiber)
{
	struct node *n = &rings.node[fiber];

	for (unsigned i = 0; i < n->n_late; i++) {
		for (int p = 0; p < (int)world.n_fibers; p++) {
			if (p != fiber && play.owner[p] != NULL && waits(p) &&
			    (is_in_the_way(play.owner[p], n->late[i]->r, n->late[i]->want) ||
			     units_in_the_way(play.owner[p], n->late[i])))
				n->waits_for |= bit(p);
		}
	}
}

/* What of its waiting makes a ring: who holds what it wants, who is ahead of it in the line. */
static void
take_edges(int fiber)
{
	struct node *n = &rings.node[fiber];
	const int on = outside_of(fiber);

	n->waits_for = on != NOBODY ? bit(on) : 0;
	n->is_behind = 0;
	for (unsigned i = 0; i < n->n_parts; i++) {
		for (int p = 0; p < (int)world.n_fibers; p++) {
			if (p != fiber && play.owner[p] != NULL && waits(p))
				take_edges_of_part(n, &n->part[i], p);
		}
	}
	take_edges_of_late(fiber);
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
	unsigned local[FIBERS_MAX];

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
		if ((~before & rings.in_ring & bit(i)) != 0)
			rings.node[i].in_ring_since = world.now;
	}
	for (unsigned i = 0; i < FIBERS_MAX; i++)
		local[i] = edges_of((int)i, true);
	wide_take(local);
	world.quiet = quiet;
}

/* ------------------------------------------------------------------- at steps */

/*
 * Who is in a ring of which an owner runs was there for a delay at least, when the detector began: what moves while it looks is not
 * seen by it.  (D8)
 */
static void
check_patience(int fiber)
{
	const struct node *n = &rings.node[fiber];
	const uint64_t since =
		n->found_since < n->in_ring_since ? n->found_since : n->in_ring_since;
	bool has_late = false;

	for (unsigned i = 0; i < world.n_fibers; i++)
		has_late |= rings.node[i].n_late != 0 && rings.node[i].n_parts == 0;
	if (has_late && (rings.in_ring & bit(fiber)) != 0 &&
	    world.now - since < play.m->deadlock_delay_ns.v)
		fail("%s is the victim of a ring that was there for %llu ns (D8)", name_of(fiber),
		     (unsigned long long)(world.now - since));
}

/* A request begins to wait, or ends, or is moved.  (Y1, Y2) */
static void
turned(int fiber, bool moved)
{
	struct node *n = &rings.node[fiber];
	const bool was_in_wide = wide_turns((unsigned)fiber);

	n->may_be_victim =
		detector() != NOBODY && (was_in_wide || (rings.in_ring & bit(fiber)) != 0 ||
					 (n->left >= begun() && n->left > n->joined));
	if (detector() == (int)(world.current - world.fiber) && !moved)
		check_patience(fiber);
	n->joined = world.steps;
	n->moved = moved;
	rings.idle = 0;
	take_graph();
}

/* Whoever is in a ring with an owner that moves is in another one now.  (D8) */
void
graph_moved(const struct lk_owner *w)
{
	const int fiber = fiber_of(&w->party);

	take_graph();
	if (fiber == NOBODY || rings.node[fiber].n_late == 0 || (rings.in_ring & bit(fiber)) == 0)
		return;
	for (unsigned i = 0; i < world.n_fibers; i++)
		rings.node[i].in_ring_since = world.now;
}

void
graph_of_request(const struct party *p, bool expelled)
{
	const int fiber = owner_of(p);
	struct node *n;

	if (fiber == NOBODY)
		return;
	n = &rings.node[fiber];
	if (expelled) {
		if (detector() == NOBODY || !n->late_may_be_victim)
			fail("a request of %s is the victim of a ring that there never was (D2)",
			     name_of(fiber));
		return;
	}
	n->late_may_be_victim =
		detector() != NOBODY && ((rings.in_ring & bit(fiber)) != 0 || n->left >= begun());
	if (detector() == (int)(world.current - world.fiber))
		check_patience(fiber);
	rings.idle = 0;
	take_graph();
}

/* A request ends with LK_E_DEADLOCK.  (D2, D6) */
static void
expelled(int fiber)
{
	if (detector() == NOBODY)
		fail("a request is ended, and nobody has the detector (D1)");
	if (fiber == NOBODY)
		return;
	if (!rings.node[fiber].may_be_victim)
		fail("%s is the victim of a ring that there never was (D2)", name_of(fiber));
	rings.node[fiber].told = true;
}

/* Whose request, alone or of several names, has its state there?  NOBODY: it is no state. */
static int
fiber_of_state(const char *by, uintptr_t at)
{
	if (strcmp(by, "line_expel") == 0)
		return fiber_of(container_of((a32 *)at, struct waiter, state)->party);
	for (int i = 0; strcmp(by, "finish") == 0 && i < (int)world.n_fibers; i++) {
		if (rings.node[i].together != NULL &&
		    at == (uintptr_t)&rings.node[i].together->state)
			return i;
	}
	return NOBODY;
}

static bool
lines_are_open(const struct lot *l)
{
	for (uint32_t i = 0; i <= l->mask; i++) {
		if (l->bucket[i].latch.word.v != LATCH_FREE)
			return false;
	}
	return true;
}

static bool
all_lines_open(void)
{
	const struct lk_manager *m = play.m;
	bool open = true;

	for (unsigned i = 0; i < abroad_managers(); i++) {
		abroad_look_at(i);
		open &= lines_are_open(&play.m->lot);
	}
	abroad_look_at(abroad_number(m));
	return open;
}

/* One that was ahead of another is behind it now, and neither has begun to wait since.  (Y2) */
static void
check_order(int fiber, const struct part *was)
{
	const struct part *now = part_of(&rings.node[fiber], was->r);

	if (now == NULL || now->q != was->q)
		return;
	for (int p = 0; p < (int)world.n_fibers; p++) {
		const struct part *other = part_of(&rings.node[p], was->r);

		if ((was->ahead & ~now->ahead & bit(p)) != 0 && other != NULL &&
		    (other->ahead & bit(fiber)) != 0)
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
		if (((w->party.sequence.v & 1) != 0) != (rings.node[i].n_parts != 0))
			fail("%s %s, and its sequence is %llu (Y1)", name_of(i),
			     rings.node[i].n_parts != 0 ? "waits" : "does not wait",
			     (unsigned long long)w->party.sequence.v);
		for (unsigned k = 0; k < was[i].n_parts; k++) {
			if (was[i].sequence == w->party.sequence.v)
				check_order(i, &was[i].part[k]);
		}
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
		rings.detector[abroad_here()].who = fiber;
		rings.detector[abroad_here()].begun = world.steps;
		for (int i = 0; i < (int)world.n_fibers; i++)
			rings.node[i].found_since = (rings.in_ring & bit(i)) != 0
							    ? rings.node[i].in_ring_since
							    : UINT64_MAX;
	} else {
		rings.node[fiber].looked = begun();
		rings.detector[abroad_here()].who = NOBODY;
	}
}

static void
line_written(uint64_t is)
{
	if (is == LATCH_FREE)
		lines_opened();
	else if (detector() == (int)(world.current - world.fiber))
		take_graph(); /* he may have said meanwhile that somebody waits outside */
}

void
graph_written(const char *by, uintptr_t at, uint64_t was, uint64_t is)
{
	if (play.m == NULL || !sched_in_fiber())
		return;
	if (at == (uintptr_t)&play.m->detector.latch.word) {
		detector_written(is);
	} else if (is_latch_of_line(at)) {
		line_written(is);
	} else if (is == WAITER_DEADLOCK && was == WAITER_WAITING &&
		   (strcmp(by, "line_expel") == 0 || fiber_of_state(by, at) != NOBODY)) {
		expelled(fiber_of_state(by, at));
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
graph_step(void)
{
	rings.idle = 0;
	if (world.current != NULL)
		rings.node[world.current - world.fiber].told = false;
}

/* … since it began to wait, and, if that counts, since there was a hard ring anywhere? */
static bool
has_looked(int fiber, bool all)
{
	const struct node *n = &rings.node[fiber];

	for (int i = 0; all && i < (int)world.n_fibers; i++) {
		if (rings.node[i].left >= n->looked)
			return false;
	}
	return n->n_parts == 0 || n->looked > n->joined;
}

/*
 * The last of a ring to wait, or to be moved, has looked, and all others too: it should be over.  (D3)  A
 * ring with soft edges (`all`) is left as it is as long as there is one of hard edges.
 */
static void
check_looked(bool all)
{
	int member = NOBODY;

	for (int i = 0; i < (int)world.n_fibers; i++) {
		if (!is_in_ring(i, all))
			continue;
		if (!has_looked(i, all) || rings.node[i].n_late != 0)
			return; /* one without a thread is looked for now and then (D8) */
		member = i;
	}
	if (member != NOBODY)
		fail("%s is in a ring of which everybody has looked, and all sleep (D3)",
		     name_of(member));
}

void
graph_check(void)
{
	if (!looks_for_rings())
		return;
	take_graph();
	check_looked(false);
	if (rings.in_ring == 0)
		check_looked(true);
	for (int i = 0; i < (int)world.n_fibers; i++) {
		if (rings.node[i].moved && rings.node[i].n_parts != 0)
			fail("%s was moved in its line, and sleeps without a look (D3)",
			     name_of(i));
		if (rings.node[i].told)
			fail("%s is a victim, and sleeps", name_of(i));
	}
	if (++rings.idle > IDLE_MOST && play_script->n_processes == 0)
		fail("everybody sleeps, and nobody will wake them");
}
