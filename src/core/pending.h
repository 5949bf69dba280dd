/* SPDX-License-Identifier: MIT */
/*
 * Pending: a request that no thread waits for, and what becomes of it.
 *
 *             pending_begin                  a plan, a deadline, a cancel, …         settled
 *   made ----------------------> WAITS --------------------------------------> … ------------> DONE -----> reaped
 *             |                    ^  `- in the line(s), with a party of its own    `- whoever dispatches, the
 *             |                    |                                                   service, or its owner's thread
 *             |                    `- withdrawn: its owner takes more of such a name
 *             `- granted or refused at once: DONE
 *
 * It is a batch, of one name or many: tried without waiting, then waited for in all its levels at once
 * (levels.h).  One level: an ordinary waiter; several: a composite.  When it is granted, all words count it, and its
 * party rings.  Then somebody *settles* it: writes the grants down, which changes what its owner holds, so under
 * the owner's latch and not while a call of its is away (Z2).
 *
 * U1  all of it but party, timer and post is under the latch of its owner.  It is in its owner's list from before it
 *     waits until it is reaped, or the owner closed; and its timer is set only while it is in that list.  (A late
 *     ring sets it once too often: who is fired looks at the list first.)
 * U2  memory is type-stable: whoever rings, or is fired, late meets a request, if another one, and looks in vain.
 * U3  what the owner has on its levels, counted in the words, stays what it was when it joined: an *anchor*, a
 *     count on each such hold, keeps it from getting weaker, and before the owner makes it stronger the request is
 *     withdrawn (pending_mind).  A hold that the owner makes where it had none is counted beside the request's part;
 *     both become one when it is settled, or, if the one keeps the other waiting, the request is begun anew
 *     (pending_note).  What is implied is looked at again when it is settled.  Of several requests of an owner that
 *     strengthen the same hold one waits in the line, the others until it has ended.
 * U4  the owner's thread settles what is due before it goes on (Z3).  Who rings, and finds it away, has the
 *     service see to that; who goes away, and finds that something has rung, does not sleep: each stores first and
 *     then looks.
 * U5  a request that was not told of is not kept: after the gate is shut nothing is written down.
 * U7  a request of a family's member (core/member.c) is as any other, but that its thread sleeps until it is done, and
 *     attends to it instead of a timer: `sleeper` is whose parker that is.  It has no queue.
 * U8  one that may not wait (LK_NOWAIT) does so in a manager with a store, if others may be in its way: for ten milliseconds,
 *     as a thread that tries does (remote_need).  It looks for no rings, and tells nobody that it waits.
 * U6  what a call of the owner withdraws is begun anew when that call ends, and does not keep it from sleeping: it
 *     would be withdrawn again, and so without end.  What is withdrawn while something is settled is due.
 */
#ifndef LK_CORE_PENDING_H
#define LK_CORE_PENDING_H

#include "core/call.h"
#include "core/levels.h"
#include "core/notify.h"
#include "core/queue.h"

enum pending_phase { PENDING_FREE, PENDING_WAITS, PENDING_DONE };

enum { PENDING_SMALL = 256 };

struct pending {
	struct post post;
	struct party party;
	struct timer timer;
	struct lk_manager *manager;
	aptr owner;   /* NULL: it is in no owner's list */
	aptr sleeper; /* the member whose thread waits for it; NULL: none does (U7) */
	/* Under the owner's latch (U1). */
	struct cds_list_head node;
	enum pending_phase phase;
	bool is_listed;
	bool is_joined;    /* in the line, or not settled since */
	bool is_withdrawn; /* (U3) */
	bool is_impatient; /* LK_NOWAIT: it waits for the store, and for a moment for other processes */
	int trouble;       /* … and what came of that */
	bool is_canceled;     /* while it was withdrawn */
	a32 has_parts;        /* it is a composite, whose end may leave something to do (K2) */
	struct lk_owner *who; /* asked for it: its owner, or of a family a member */
	uint64_t due_ns;      /* if it has a sleeper: when that is to look */
	struct batch b;
	struct request q;
	struct levels l;
	struct reserve *anchor; /* (U3) */
	size_t n_anchors;
	lk_grant converts; /* 0: it does not */
	struct waiter alone;
	struct composite *c; /* NULL: `alone` */
	uint64_t since_ns;
	uint64_t deadline_ns;
	uint64_t fair_at;  /* when it begins to keep out newcomers */
	uint64_t watch_at; /* when it looks whether it is in a ring; SHIM_NEVER */
	uint64_t watch_ns;
	char label[LK_LABEL_MAX + 1];
	/* For the completion. */
	lk_request_id id;
	lk_done_fn *done;
	void *arg;
	lk_grant *grants; /* the caller's, or NULL */
	int code;
	/* Memory. */
	void *names; /* items, names, tag; NULL: `small` */
	size_t names_bytes;
	void *room; /* levels, anchors, reserves */
	size_t room_bytes;
	size_t incarnation;
	aptr link; /* in the slab's free list */
	_Alignas(struct item) char small[PENDING_SMALL];
};

/* With room for `n` items and so many bytes of names; NULL: no memory. */
struct pending *pending_make(struct lk_manager *m, size_t n, size_t bytes);
void pending_free(struct pending *s);

/* For these names, of which it keeps a copy, as of `q`; `who` asks.  0 or the code to return. */
int pending_read(struct lk_owner *w, struct lk_owner *who, const struct lk_request *r, size_t n,
		 const struct request *q, struct pending **out);

/*
 * In a call of `w`, which is shared: begin.  0: it waits, or is done and posted.  Otherwise it was refused, and is
 * the caller's to free.  `queue` NULL: it has a sleeper.
 */
int pending_begin(struct pending *s, struct lk_owner *w, struct lk_queue *queue,
		  struct notify_calls *calls);

/* It has ended, as far as the queue knows: settle it, or leave that to its owner's thread.  Any thread. */
void pending_attend(struct pending *s);

/* It was taken out of the queue: out of its owner's list.  False: the owner has closed.  Nobody changes it any more. */
bool pending_leave_owner(struct pending *s);

/*
 * Before the owner makes what it has on `r` stronger than `from`, and after it has made it `to`.  0; or LK_E_BUSY: a
 * first attempt, which is to come again with its parts.  (U3)
 */
int pending_mind(struct lk_owner *w, struct lk_resource *r, lk_mode from, bool *seated,
		 const struct request *q);
void pending_note(struct lk_owner *w, const struct lk_resource *r, lk_mode to);

/* What the owner has of the units of `r` has changed.  (SU6) */
void pending_note_units(struct lk_owner *w, const struct lk_resource *r);

/* Requests of the owner that wait to strengthen what it has on `r` leave their lines, and are begun anew later. */
void pending_withdraw(struct lk_owner *w, const struct lk_resource *r);

/* The owner has come to hold more from outside: those that wait look soon whether they are in a ring.  (D3) */
void pending_disturb(struct lk_owner *w);

/* Does one of its requests wait to convert `g`? */
bool pending_converts(struct lk_owner *w, lk_grant g);

LK_HOT uint64_t
pending_bit(const struct lk_resource *r)
{
	return UINT64_C(1) << ((uintptr_t)r / LK_LINE * UINT64_C(0x9e3779b97f4a7c15) >> 58);
}

/* With the owner's latch, no call being away: settle what has ended, and begin anew what was withdrawn. */
void pending_catch_up(struct lk_owner *w);

/* Who asked for them closes: the owner, or a member of its family. */
void pending_end_all(struct lk_owner *w, const struct lk_owner *who);

#endif /* LK_CORE_PENDING_H */
