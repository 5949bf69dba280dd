/* SPDX-License-Identifier: MIT */
/*
 * Notices: what a holder is told without asking.
 *
 * X1  a notice goes through the queue of its owner, or if that has none to its function, at once.  Who reaps it
 *     compares the owner's id: notices of an owner that is closed are dropped.
 * X2  a function is begun to be called while the owner is open, and is in its list of *tellings* until it has returned.
 *     A close sees to it that no other is begun, and then waits for those; but for those of its own thread,
 *     in which the caller closes the owner from inside.  So nobody is told after a close has returned.
 * X3  of a grant that is in the way its owner has one notice, `told`, which says how strong a mode, and how
 *     high a priority, it was told of: it is told again when one of them rises, or the hold is another by now.
 */
#ifndef LK_CORE_NOTIFY_H
#define LK_CORE_NOTIFY_H

#include "core/queue.h"

struct notice {
	struct post post;
	struct lk_notice says;
	struct lk_owner *w;
	lk_notice_fn *fn;
	void *arg;
	/* Of LK_NOTICE_BLOCKING: under the manager's `told_latch`. */
	struct cds_list_head node; /* of its owner */
	const struct lk_resource *r;
	uint64_t head;  /* of the hold, as it was told of */
	bool is_listed; /* else it goes when it was reaped */
	bool is_on_its_way;
	aptr link; /* in the slab's free list */
};

/* A function that is being called, in the frame of the thread that does it.  (X2) */
struct telling {
	struct telling *next;
	struct thread by;
	struct lk_owner *w;
};

/* In lk_owner_open(): what its options say.  0 or the code to return; and then, for the owner. */
int notify_check(struct lk_manager *m, const struct lk_owner_options *o);
void notify_begin(struct lk_owner *w, const struct lk_owner_options *o);

/* Its owner closes: nothing is begun any more.  Then, without its latch: what was begun has ended.  (X2) */
void notify_end(struct lk_owner *w);
void notify_drain(struct lk_owner *w);

/* Does `w` want to know at all? */
LK_HOT bool
notify_wanted(const struct lk_owner *w)
{
	return w->queue != NULL || w->on_notice != NULL;
}

/* One of `kind` about the grant `g` on `r`, which cannot go away now: the rest of it is the caller's. */
void notify_fill(struct lk_notice *says, struct lk_owner *w, enum lk_kind kind, lk_grant g,
		 const struct lk_resource *r);

/*
 * Tell it, by the owner's queue or its function.  With the owner's latch, which is open while the function runs.
 * False: no memory, and it was not told.
 */
bool notify_tell(struct lk_owner *w, const struct lk_notice *says);

/* It was reaped: what it says, and to whom; false: nobody wants to know any more.  `n` is gone. */
bool notify_take(struct notice *n, struct lk_notice *says, lk_notice_fn **fn, void **arg);

enum { NOTIFY_CALLS = 4 };

/* Functions to be called when nothing is latched. */
struct notify_call {
	lk_notice_fn *fn;
	void *arg;
	struct telling telling;
	struct lk_notice says;
};

struct notify_calls {
	uint32_t n;
	struct notify_call call[NOTIFY_CALLS];
};

void notify_run(struct notify_calls *calls);

/* Who has joined a line. */
struct blocked_by {
	struct lk_resource *r;
	lk_mode want;
	int32_t priority;
	uint32_t units;     /* of a semaphore, that it wants */
	uint32_t n_waiters; /* found out here */
	bool lacks_units;   /* … there are too few: who has some is in the way */
};

/*
 * A request of `who` has joined: tell those who are in its way, if they want to know.  No latch of a line or
 * above is held, but perhaps that of `who`.  `calls` NULL: only those with queues.
 */
void notify_blocked_slow(struct lk_owner *who, struct blocked_by b, struct notify_calls *calls);

/* `w` has come to hold `r`: tell it of those who wait there already.  With its latch. */
void notify_came(struct lk_owner *w, struct lk_resource *r, struct notify_calls *calls);

LK_HOT bool
notify_is_wanted(const struct lk_manager *m)
{
	return unlikely(shim_load(&m->n_told, SHIM_ACQUIRE) != 0);
}

LK_HOT void
notify_blocked(struct lk_owner *who, const struct waiter *q, struct notify_calls *calls)
{
	const struct blocked_by b = {
		.r = q->r, .want = q->want, .priority = q->priority, .units = q->units.n
	};

	if (notify_is_wanted(who->manager))
		notify_blocked_slow(who, b, calls);
}

#endif /* LK_CORE_NOTIFY_H */
