/* SPDX-License-Identifier: MIT */
/*
 * Resplit: what one owner has on a name becomes another's, in one step of the word.
 *
 * Let one go from E to what it has left, E', and the other from F to F', where E and F together are E' and F' together: a
 * grant moves.  The word loses E and F and has E' and F' instead, in one compare-and-swap.
 *
 * TR1  for everybody else nothing changes: what E and F kept out, E' and F' keep out, and no more, as the supremum of modes
 *      conflicts with what one of them conflicts with (M2).  So nobody is let in, nobody who waits for it has waited
 *      in vain, and the step is right whatever the flags of the word say.
 * TR2  it is made under the latch of the line, so that whoever found there that many parts fit at once finds so until he
 *      takes them (K5), and the line is planned with it, as counts that were full may not be so any more.
 * TR3  what changes and was in a slot comes to be in the word first, and leaves the slot then (C5); what only gets weaker
 *      stays where it is.
 * TR4  it is refused if the two would be in each other's way, or a count is full.  To undo it minds no limit, so
 *      that always works: what it puts back was there a moment ago.  (Of holds beyond a limit there is one for each
 *      thread that is about to undo one, far fewer than a count has room for: W7.)
 */
#ifndef LK_WAIT_RESPLIT_H
#define LK_WAIT_RESPLIT_H

#include "wait/line.h"

/* One owner's hold, before and after.  `seat`: where `from` is counted; NULL: in the word. */
struct resplit_part {
	lk_mode from;
	lk_mode to;
	a64 *seat;
};

struct resplit {
	struct lk_resource *r;     /* one of them holds it */
	struct resplit_part gives; /* gets weaker, or stays as it is */
	struct resplit_part
		takes; /* gets stronger, and is in the word then; or stays where it is */
	bool undoes;   /* (TR4) */
};

/* LINE_GRANTED; or LINE_BUSY, LINE_LIMIT, and nothing changed. */
enum line_outcome line_resplit(struct lot *l, const struct resplit *s, const struct line_tally *t);

#endif /* LK_WAIT_RESPLIT_H */
