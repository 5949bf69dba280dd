/* SPDX-License-Identifier: MIT */
/*
 * Party: an owner as those who wait for it, and those whom it waits for, see it.  It is part of the owner, so
 * it is type-stable (O1): whoever is late meets a party, if another one.  A request without a thread has one of its
 * own, and so has an owner several at a time.
 *
 * Y1  `sequence` is odd exactly while a request of the party is WAITING, and changes with the request's state,
 *     under the latch of its line (of a composite request: of all its lines).
 * Y2  it also changes, by two, when a waiting party no longer waits for somebody it waited for: when it goes
 *     past others in its line.  So what was seen of a party is still true as long as the sequence is what
 *     it was before that.
 * Y3  a party whose sequence is odd does not change what it holds: its thread is in the line.  One without a thread
 *     has an owner that goes on: there what the owner has `moves`, odd while somebody may change what it holds, is
 *     added to the sequence.  So if both are what they were, nothing has changed.
 */
#ifndef LK_WAIT_PARTY_H
#define LK_WAIT_PARTY_H

#include "base/list.h"
#include "index/resource.h"
#include "wait/park.h"

/* What a search for rings found out about a party: under the detector's latch (deadlock/search.h). */
struct wait_edge {
	uint64_t run; /* the search that found it; of another: nothing here is true */
	uint64_t sequence;
	struct party *next;    /* in the order in which they were found */
	struct party *waits;   /* for this one, … */
	struct lk_resource *r; /* … on this name; NULL: outside */
	lk_mode blocked;       /* by what that one holds there; LK_NL: by its place in the line */
	uint32_t passed;       /* … in which that one has been passed so often */
	bool order_seen;       /* those behind it were noted */
};

struct lk_owner;

struct party {
	struct parker parker;
	a32 priority; /* of its requests that say nothing else, an int32_t; the lowest is the victim */
	aptr owner;   /* whose party it is */
	aptr moves;   /* an a64 of its owner, if it has no thread (Y3); else NULL */
	a64 sequence; /* (Y1, Y2) */
	uint64_t
		verdict; /* number of the deadlock that ended its request; under the latch, then its own */
	struct wait_edge edge LK_ALIGNED;
	uint64_t ring_seen; /* under the detector's latch: a ring with one who has no thread, … */
	uint64_t ring_at;   /* … when it was seen first (D8) */
};

LK_HOT void
party_init(struct party *p)
{
	park_init(&p->parker);
	shim_init(&p->sequence, (uint64_t)0);
	shim_init(&p->owner, NULL);
	shim_init(&p->moves, NULL);
	shim_init(&p->priority, 0u);
}

LK_HOT bool
party_has_thread(const struct party *p)
{
	return shim_load(&p->moves, SHIM_RELAXED) == NULL;
}

LK_HOT int32_t
party_priority(const struct party *p)
{
	return (int32_t)shim_load(&p->priority, SHIM_RELAXED);
}

LK_HOT uint64_t
party_sequence(const struct party *p)
{
	const uint64_t sequence = shim_load(&p->sequence, SHIM_ACQUIRE);
	const a64 *moves = shim_load(&p->moves, SHIM_RELAXED);

	return likely(moves == NULL) ? sequence : sequence + shim_load(moves, SHIM_ACQUIRE);
}

LK_HOT bool
sequence_waits(uint64_t sequence)
{
	return (sequence & 1) != 0;
}

/* Under the latch: its request begins to wait, or ends (Y1); or goes past others (Y2). */
LK_HOT void
party_turns(struct party *p)
{
	shim_store(&p->sequence, shim_load(&p->sequence, SHIM_RELAXED) + 1, SHIM_RELEASE);
}

LK_HOT void
party_passes(struct party *p)
{
	shim_add(&p->sequence, (uint64_t)2,
		 SHIM_RELEASE); /* two lines of a composite may do so at once */
}

#endif /* LK_WAIT_PARTY_H */
