/* SPDX-License-Identifier: MIT */
/* What is done in a line under its latch: for the other half of waiting, composite.c. */
#ifndef LK_WAIT_INSIDE_H
#define LK_WAIT_INSIDE_H

#include "wait/plan.h"

struct lot_bucket *lot_bucket_of(const struct lot *l, const struct lk_resource *r);

/* Where `q` belongs: the node to stand before.  `ahead`: what those before it keep others from.  (Q7) */
struct cds_list_head *line_place(struct lot_bucket *b, const struct waiter *q, mode_set *ahead);

/* May `q` be granted now, with the word `w`?  In an open line it may overtake. */
enum line_outcome line_judge(const struct lot *l, struct lot_bucket *b, const struct waiter *q,
			     uint64_t w, mode_set ahead);

/*
 * The word as it is to be judged by; of a name that is spread, closed, so that the slots can be summed
 * (C1).  Whoever does not join plans the line, which opens it again.
 */
uint64_t line_close_slots(const struct lot *l, const struct waiter *q);

/* Into the list and out of it; the turn of the party is the caller's (Y1). */
void line_enqueue(struct lot_bucket *b, struct waiter *q, struct cds_list_head *before);
void line_dequeue(struct lot *l, struct lot_bucket *b, struct waiter *q);

/* `q` went past those between it and `end`, or past all. */
void line_note_passed(struct lot_bucket *b, const struct waiter *q,
		      const struct cds_list_head *end);

/* Those who came before `q` and go ahead of it all the same (Q7); true: the line is to be planned. */
bool line_let_ahead(struct lot_bucket *b, struct waiter *q, struct plan *plan);

/* Make the plan for the line of `r` the word, on top of a change of the caller's own hold. */
void line_replan(struct lot *l, struct lot_bucket *b, struct lk_resource *r, lk_mode from,
		 lk_mode to, struct plan *plan);

/* Who waits for `r` is planned for, or woken to look. */
void line_pass_on_locked(struct lot *l, struct lot_bucket *b, struct lk_resource *r,
			 struct plan *plan);

#endif /* LK_WAIT_INSIDE_H */
