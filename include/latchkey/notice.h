/* SPDX-License-Identifier: MIT */
/*
 * Notices: what a holder is told about a grant of its, without having asked at that moment.
 *
 * Who wants to be told says so when it opens the owner: lk_owner_options.queue, on_notice and notice_arg, and
 * LK_NOTIFY_BLOCKING in its flags for notices that it is in the way.
 *
 *   with a queue      the notice comes through it, in the order in which things happened: lk_queue_dispatch() calls
 *                     on_notice, lk_queue_reap() gives it as a completion of its kind.
 *   without one       on_notice is called at once, in the thread that found out: that of another owner, or
 *                     the manager's own (lk_serve() with LK_MANUAL).  It must not be slow.
 *
 * on_notice is called with nothing latched.  It may call anything but, without a queue, a call that takes an
 * owner which is in a call at that moment, its own for example: of that lk_owner_cancel() alone.
 *
 * A completion comes before every notice about its grant.  Notices of an owner that is closed are dropped.
 */
#include <latchkey.h> /* all parts, in their order, whichever is asked for first */

#ifndef LATCHKEY_NOTICE_H
#define LATCHKEY_NOTICE_H

#ifdef __cplusplus
extern "C" {
#endif

#define LK_NOTICE_NAME_MAX 64 /* bytes kept of a name */

/* What comes out of a queue. */
enum lk_kind {
	LK_DONE = 1, /* a request has ended: see queue.h */
	LK_NOTICE_BLOCKING, /* the grant is in somebody's way: once for each rise of `wanted` or `priority` */
	LK_NOTICE_SUSPECT, /* its lease, or the session in the store, was not renewed in time: begin nothing new */
	LK_NOTICE_LOST /* … has ended, or somebody broke the lock, and the grant ended with it */
};

/* Fields that a kind does not name are zero. */
struct lk_notice {
	uint32_t size;
	enum lk_kind kind;
	struct lk_owner *owner;
	uint64_t owner_id;  /* of this opening, as in lk_snapshot() */
	lk_grant grant;     /* of LK_NOTICE_BLOCKING: one of the owner's on that name */
	lk_mode held;       /* in effect */
	lk_mode wanted;     /* blocking: the strongest that somebody wants beside it */
	uint32_t n_waiters; /* … how many wait in that line, as of the moment of the notice */
	int32_t priority;   /* … the highest of those that it blocks */
	enum lk_loss loss;  /* lost: why, see lease.h */
	uint32_t flags;     /* LK_NAME_IS_ID */
	uint64_t fence;     /* suspect, lost: of the grant */
	uint64_t at_ns; /* suspect, lost: when its lease ends, or ended, on the clock of leases */
	uint32_t name_len; /* of the whole name; LK_NOTICE_NAME_MAX bytes of it are kept */
	unsigned char name[LK_NOTICE_NAME_MAX];
};

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_NOTICE_H */
