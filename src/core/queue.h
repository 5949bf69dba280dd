/* SPDX-License-Identifier: MIT */
/*
 * Queue: what has happened, on its way to a program's loop.
 *
 *   ended   requests without a thread that wait no more: somebody is to write down what became of them
 *   ready   completions and notices, to be reaped in this order
 *
 * A1  a post is in at most one list of one queue, and that changes under the latch of that queue.  Its queue is
 *     set and taken away under it, too.
 * A2  if `ended` or `ready` has something that nobody has been called for yet, the bell is rung, or will be by one of
 *     `n_ringing`.  Who reaps silences the bell before it looks, and rings it again if it leaves something.
 * A3  what is posted is there since it was asked for: delivering takes no memory.
 * A4  queues are type-stable: who rings late finds a queue, if another one, and by A1 that the post is not its.
 */
#ifndef LK_CORE_QUEUE_H
#define LK_CORE_QUEUE_H

#include "core/manager.h"

enum post_place { POST_NOWHERE, POST_ENDED, POST_READY };

struct post {
	struct cds_list_head node;
	aptr queue; /* NULL: it is expected in none (A1) */
	enum post_place place;
	enum lk_kind kind;
};

struct lk_queue {
	struct lk_manager *manager;
	struct latch latch;
	bool is_open;
	bool is_rung; /* (A2) */
	int fd;
	uint32_t n_settling; /* who is about to look, so that what they post need not ring */
	a32 n_ringing;
	a32 n_owners; /* whose notices come here */
	uint64_t n_expected;
	struct cds_list_head ended;
	struct cds_list_head ready;
	aptr link; /* in the slab's free list */
};

/* It will be posted to `q`, once. */
void queue_expect(struct lk_queue *q, struct post *p);

/* It will not. */
void queue_forget(struct lk_queue *q, struct post *p);

/* Any thread, late or not: if it is expected, and nowhere, it has ended. */
void queue_bring(struct post *p);

/* It is ready, unless it is already. */
void queue_post(struct lk_queue *q, struct post *p);

/* Around taking things out; between the first two nobody is called.  (A2) */
void queue_begin(struct lk_queue *q);
void queue_settled(struct lk_queue *q);
void queue_end(struct lk_queue *q);

/* The first that has ended; the first that is ready, which is expected no more.  NULL: none. */
struct post *queue_take_ended(struct lk_queue *q);
struct post *queue_take_ready(struct lk_queue *q);

/*
 * Do `change` to a post that is ready and was not taken yet, under the latch.  False: it was taken.
 */
bool queue_change(struct lk_queue *q, struct post *p, void (*change)(struct post *p));

#endif /* LK_CORE_QUEUE_H */
