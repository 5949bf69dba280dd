/* SPDX-License-Identifier: MIT */
/*
 * The detector of a manager: looks for rings in the thread of a waiter, and ends what it finds.
 *
 * D5  a ring with a soft edge, when there is none of hard edges alone, is dissolved by letting the waiter behind
 *     go past the one ahead, of an edge where that need not be taken back (order.h); so the order that ends
 *     all rings is found, if the same one is not passed too often.  Else one request ends.
 * D6  a request is ended under the latch of its line, if it still waits as it did when it was seen (D2).
 * D8  a ring with a member that has no thread is ended only when it is found again, a delay later, with the same
 *     sequences: its owner goes on, and may yet give up what the others wait for.  (Y3)
 * D7  the owner that looks is not the only one who can: whoever finds the latch taken comes again soon, as
 *     does one whose ring changed while it looked.
 */
#ifndef LK_DEADLOCK_DETECTOR_H
#define LK_DEADLOCK_DETECTOR_H

#include <latchkey/deadlock.h>

#include "deadlock/search.h"

enum { DEADLOCKS_KEPT = 8 };

struct detector {
	struct latch latch; /* (D1) */
	struct env *env;
	struct lot *lot;
	uint64_t runs;
	a64 delay_ns;          /* (D8) */
	enum lk_victim victim; /* under the latch, once others know of it */
	lk_victim_fn *on_victim;
	void *on_victim_arg;
	struct cds_list_head outside;
	a32 n_outside;            /* how many wait there, or closed while they did */
	uint64_t number;          /* of the latest deadlock */
	struct lk_deadlock *kept; /* number n is at n % DEADLOCKS_KEPT */
};

/* From `delay_ns` the caller knows whether anybody looks; without, nothing is kept.  False: no memory. */
bool detector_init(struct detector *d, struct env *env, struct lot *lot, bool looks);
void detector_fini(struct detector *d);

/* Does it keep what it finds?  Else nobody may look. */
bool detector_keeps(const struct detector *d);

void detector_set_victim(struct detector *d, enum lk_victim victim);

/*
 * `w` waits, as `q`, in the calling thread: is it in a ring?  Then that ends, perhaps with this request.
 * False: look again soon (D7).
 */
bool detector_look(struct detector *d, struct lk_owner *w, const struct waiter *q);

/* The same of a party without a thread, which waits in the line of `r`; any thread. */
bool detector_look_for(struct detector *d, struct party *p, struct lk_resource *r);

/* `w` is about to wait outside for `on`.  0, LK_E_BUSY, LK_E_DEADLOCK. */
int detector_begin_outside(struct detector *d, struct lk_owner *w, struct lk_owner *on);

/* `w` has come to hold more: if it waits outside, is it in a ring by now?  With nothing latched. */
void detector_look_outside(struct detector *d, struct lk_owner *w);

/* False: it did not. */
bool detector_end_outside(struct detector *d, struct lk_owner *w);

/* With the latch: the report of a deadlock that has ended, as the next number. */
void detector_keep(struct detector *d, struct lk_deadlock *report);

/* A copy of the oldest deadlock kept with a number above `after`; false: none. */
bool detector_copy(struct detector *d, uint64_t after, struct lk_deadlock *out);

/*
 * Who waits outside, and for whom, if that one is still open: `see` copies what it needs, with the latch
 * held, and says whether to go on.
 */
void detector_each_outside(struct detector *d,
			   bool (*see)(void *arg, const struct lk_owner *w,
				       const struct lk_owner *on),
			   void *arg);

#endif /* LK_DEADLOCK_DETECTOR_H */
