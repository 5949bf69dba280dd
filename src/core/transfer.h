/* SPDX-License-Identifier: MIT */
/*
 * Transfer: a grant goes from one owner to another, in words, slots and lists, with nobody between.
 *
 *   made real    what `to` has on the way by implication comes to be in the words, if that can be at once    may fail
 *   written      `to` gets its counts on the ancestors, from the root down, then the grant                   may fail
 *   resplit      each word, from the root down, in one step (wait/resplit.h)                                 may fail
 *   passed on    what the grant keeps besides its slot: lease, tag, times
 *   forgotten    what `w` had, from the leaf up
 *
 * Both halves of what is written down are the same, but for whose they are; so what fails is undone by what would
 * have finished it, with the owners exchanged.
 *
 * TR5  it is done with the latches of both owners (Z4), no call of `to` being away (Z2), and calls nobody.  So what both
 *      hold changes for nobody else in between; both move (Y3).
 * TR6  what is written down and not yet, or no longer, in the word is never less than the word says of the two together:
 *      so who reads slots meanwhile may see both, and what the words keep out is kept out throughout.
 * TR7  each word is resplit above before it is below: at every moment what is below is held by somebody who, or whose
 *      partner, holds what is above for it.
 * TR8  nothing of it makes a fence (but LK_PARENTS above): there is a writer before and after, and no moment without (OR1).
 * TR9  of the requests that `w` submitted none is weighed with less than `w` has after it: their anchors stay (U3), and what is
 *      anchored does not go.  Those of `to` that would strengthen what gets stronger now are begun anew, as are those
 *      that would wait for it.
 */
#ifndef LK_CORE_TRANSFER_H
#define LK_CORE_TRANSFER_H

#include "core/grant.h"

/* A grant on its way. */
struct transfer {
	struct lk_owner *w;
	struct lk_owner *to;
	struct hold *s; /* the grant, of `w` */
	uint32_t slot;
	struct lk_resource *leaf;
	lk_mode mode;  /* on the leaf, … */
	lk_mode above; /* … and on each above it */
	bool parents;
	struct hold *taken; /* … as a grant of `to` */
	uint32_t taken_slot;
	uint64_t fence_before; /* of the hold of `to` that it came to */
	lk_grant out;
};

#endif /* LK_CORE_TRANSFER_H */
