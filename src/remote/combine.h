/* SPDX-License-Identifier: MIT */
/*
 * Combine: what several threads ask of the store at a time goes together.
 *
 *   asker     a thread, with one question or several      first    it goes by itself, at once
 *   queue     questions of those who came since           next     who has been longest in the queue goes, with all that
 *                                                                  is in it; the others wait for him
 *
 * CB1  a question is in the queue, or with one sender, or answered.
 * CB2  as long as there is a question in the queue, a sender is on his way; the last who comes back sends one out of the queue in his
 *      place.  So nobody waits who is waited for.
 * CB3  each asker reads his own answers, once they are all there; whoever brings the last one does not touch them any more.
 * CB4  what the store leaves is asked by its asker, by itself: so who takes long keeps nobody waiting.
 * CB5  nobody waits for others with a latch, or as anybody's sender.
 * CB8  on the way to a store that is elsewhere there is room for a second sender, once the queue is half of what there was lately, queued and
 *      sent: so whoever it is has not gone with a few, and the store works for the one as the other tells his answers.
 * CB9  to a store that updates several names at a time (LK_STORE_CONCURRENT) each goes by himself, at once, with all that he asks; and
 *      leaves what is to fall to the thread of the timers, which has several of them to ask for in one call.
 */
#ifndef LK_REMOTE_COMBINE_H
#define LK_REMOTE_COMBINE_H

#include <latchkey/store.h>

#include "base/latch.h"
#include "remote/cover.h"

/* Who asks: on his stack. */
struct asker {
	a32 word; /* how many answers he waits for; and ASKER_SENDS: he is to go, with `batch` */
	struct errand *batch;
};

/* One question: an update of the record of a name, and perhaps of the floor. */
struct errand {
	struct errand *next;
	struct asker *of;
	struct lk_store_update u;
};

struct combine {
	struct latch latch;
	struct errand *first; /* in the queue */
	struct errand **last;
	uint32_t n_away;   /* senders */
	uint32_t n_queued; /* questions in the queue, … */
	uint32_t n_sent;   /* … and with senders */
	uint32_t n_lately; /* of both, the most at a time; it falls slowly (CB8) */
};

void combine_init(struct combine *c);

/* Is it of any use: can the store do several at once? */
bool combine_may(const struct remote *m);

/* … and is it quicker to go with others than alone?  (CB9) */
bool combine_gathers(const struct remote *m);

/* Ask all of that list, and what others ask meanwhile.  Then combine_answer() says what came of each.  (CB4) */
void combine_ask(struct remote *m, struct errand *list);
int combine_answer(struct remote *m, struct errand *e);

/* The same of one update. */
int combine_update(struct remote *m, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
		   void *arg);

#endif /* LK_REMOTE_COMBINE_H */
