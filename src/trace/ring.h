/* SPDX-License-Identifier: MIT */
/*
 * The latest events, written by many threads and read by anybody, without a latch.
 *
 * A writer draws a ticket; the ticket says which entry, and in which round of the ring.  It claims the entry,
 * fills it in and publishes it.  If somebody is still at the entry, a whole round late or early, the event is
 * dropped and counted: nobody ever waits for anybody.
 *
 *   turn of an entry    0  nothing yet      2t - 1  ticket t is being put down      2t  ticket t can be read
 *
 * E1  only who made `turn` odd, by a compare-and-swap from an even turn that is older than its own, writes
 *     the entry, until it stores the even turn.  So turns of an entry only grow.
 * E2  what a reader copied between two equal even turns is one whole event: a word of a later one would have
 *     brought that one's odd turn with it (words are stored with release and loaded with acquire).
 * E3  tickets count from 1 and are an event's `sequence`.  Each ticket is put down or counted in `dropped`.
 *
 * Entries come as they are needed, in segments each of which is twice the one before: most managers have few
 * events, and who has the first one should not wait for room for a thousand.
 */
#ifndef LK_TRACE_RING_H
#define LK_TRACE_RING_H

#include <latchkey.h>

#include "base/env.h"

enum {
	EVENT_WORDS = sizeof(struct lk_event) / 8,
	RING_FIRST = 16, /* entries of segment 0 */
	RING_SEGMENTS = 17,
	RING_MOST = RING_FIRST * ((1 << RING_SEGMENTS) - 1)
};

_Static_assert(sizeof(struct lk_event) % 8 == 0, "an event is whole words");

struct ring_entry {
	a64 turn; /* (E1) */
	a64 word[EVENT_WORDS];
};

struct ring {
	struct env *env;
	uint64_t n;                  /* entries; 0: none, nothing is kept */
	aptr segment[RING_SEGMENTS]; /* NULL: not yet */
	a64 tickets LK_ALIGNED;
	a64 dropped;
};

void ring_init(struct ring *r, struct env *env, uint64_t n);
void ring_fini(struct ring *r);

/* Have all entries now, for those who must not allocate later.  False: no memory. */
bool ring_prepare(struct ring *r);

/* Put an event down; its `sequence` is set, or 0 if it was dropped.  May allocate. */
void ring_put(struct ring *r, struct lk_event *event);

/* The latest ticket that was drawn; 0: none. */
uint64_t ring_last(const struct ring *r);

/* The oldest ticket that may still be there; one more than the latest if there is none. */
uint64_t ring_oldest(const struct ring *r);

/* A copy of the event with this ticket.  False: not put down yet, dropped, or overwritten.  (E2) */
bool ring_get(const struct ring *r, uint64_t ticket, struct lk_event *out);

#endif /* LK_TRACE_RING_H */
