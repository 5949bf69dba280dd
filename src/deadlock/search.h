/* SPDX-License-Identifier: MIT */
/*
 * The search for a ring of owners that wait for each other, and the proof that it is one.
 *
 * Nothing keeps a list of who holds a name.  So the search goes backward: from what an owner holds to those
 * who wait for it, to what they hold, and so on, until it comes to where it began.
 *
 *   root holds A <- q waits for A, holds B <- p waits for B, holds C <- root waits for C
 *
 * An edge is *hard* if the one holds what the other waits for, and *soft* if it is only ahead of it in the
 * line (one who has been passed too often counts as hard).  Who waits outside Latchkey is an edge, too.
 *
 * D1  one search at a time: the edges of parties are the detector's, and it has a latch.  Latches of lines are taken
 *     while that one is held, never the other way round.
 * D2  a party's sequence is noted when it is seen to wait, under the latch of its line; what it holds is
 *     read after that.  If the sequence is the same once all is seen, it waited all the time, held what was
 *     read (Y3), and was where it was in its line (Y2).  So all edges of a ring whose members are unchanged
 *     were true at one moment: the one before the first of them was looked at again.
 * D3  a ring of hard edges cannot dissolve by itself, but by a timeout or a cancel.  Every such ring is found by the
 *     member that was the last to wait or to be moved: all edges were there when it looked.
 * D4  nothing is allocated.
 *
 * The holds are read as lk_snapshot() reads them (H3).  Source: Gray 1978; soft edges: PostgreSQL.
 */
#ifndef LK_DEADLOCK_SEARCH_H
#define LK_DEADLOCK_SEARCH_H

#include "owner/owner.h"

/* Which edges count. */
enum search_edges { EDGES_HARD, EDGES_ALL };

enum { SEEN_LINES = 64 };

/* Lines that were looked through for those who wait for a mode; of many, the latest. */
struct seen_line {
	const struct lk_resource *r;
	mode_set held;
};

struct ring_search {
	struct lot *lot;
	struct cds_list_head *outside; /* who waits there: struct outside in owner.h */
	struct party *root;
	struct lk_resource *r; /* in whose line it waits; NULL: outside */
	uint64_t sequence;     /* of it, when it began to look */
	uint64_t run;          /* number of this search */
	enum search_edges edges;
	struct party *last; /* of those found */
	bool found;
	/* Told of what they hold that others wait for; NULL: nobody is (reach.h). */
	void (*meet)(struct ring_search *s, const struct party *p, struct lk_resource *r,
		     lk_mode mode);
	struct seen_line seen[SEEN_LINES];
};

/* Is the root in a ring?  True: from it on, their edges lead through all members and back to it. */
bool search_run(struct ring_search *s);

/* Does a member wait as it did when it was seen?  (D2) */
bool member_waits(const struct party *p);

/* Does it wait for the next one because of its place in a line alone? */
LK_HOT bool
member_is_soft(const struct party *p)
{
	return p->edge.r != NULL && p->edge.blocked == LK_NL;
}

/* Of one that waits outside; of a member of a family it changes with what that holds, too.  (Y3) */
LK_HOT uint64_t
outside_sequence(const struct lk_owner *w)
{
	const a64 *moves = shim_load(&w->party.moves, SHIM_RELAXED);

	return RD(w->outside.sequence) + (moves != NULL ? shim_load(moves, SHIM_ACQUIRE) : 0);
}

LK_HOT struct lk_owner *
party_owner(const struct party *p)
{
	return shim_load(&p->owner, SHIM_ACQUIRE);
}

#endif /* LK_DEADLOCK_SEARCH_H */
