/* SPDX-License-Identifier: MIT */
/*
 * Isolation: which locks a command needs, and how it gets them.  All of it is here.
 *
 *	GET k            S on "db0/k"                                LOCK_KEYS
 *	SET k v          X on "db0/k"
 *	MSET a 1 b 2     X on "db0/a" and "db0/b", at once
 *	DBSIZE, KEYS     S on "db0": nobody writes any key of it     LOCK_DB
 *	FLUSHALL         X on "db0" to "db15": nobody is anywhere    LOCK_ALL_DBS
 *	PING             nothing                                     LOCK_NOTHING
 *	EXEC             all that its parts need, at once            LOCK_PARTS
 *
 * A name is a path: to hold "db0/k" is to hold "db0" in an intent mode (IS below S, IX below X), which
 * is how a lock on a database meets the locks on its keys.  Latchkey does that by itself.  A key may
 * be any bytes, "/" too; lk_name_escape() makes one segment of it.
 *
 * Why nobody can wait for ever: a command takes all its locks in one call, holding none before it, and
 * the call takes them in one order whatever the order of the keys.  So commands never wait in a ring.
 *
 * Who waits: without a queue, the thread, in lk_acquire_many().  With one, nobody: what cannot be had at
 * once is asked for with lk_submit_many(), and the answer comes when the queue is dispatched.
 */
#ifndef RESPD_LOCKS_H
#define RESPD_LOCKS_H

#include <stdint.h>

#include <latchkey.h>

#include "buffer.h"

struct call;

enum lock_scope { LOCK_NOTHING, LOCK_KEYS, LOCK_DB, LOCK_ALL_DBS, LOCK_PARTS };

/* Not a code of Latchkey's: the answer comes later. */
#define LOCKS_LATER 1

/* What one connection locks with. */
struct locks {
	struct lk_owner *owner; /* NULL: the server runs without locks, and wrong */
	struct lk_queue *queue; /* where answers come from; NULL: the thread waits for them */
	lk_request_id asked;    /* … for which one is outstanding */
	void (*answer)(struct locks *l, int rc); /* … and who gets it */
	struct buffer names;                     /* of the present command, each with a NUL */
	struct lk_request *request;
	lk_grant *grant;
	size_t n;   /* locks of the present command */
	size_t cap; /* of `request` and `grant` */
};

/* All but `queue` and `answer`; `manager` may be NULL.  An LK_E_ code. */
int locks_init(struct locks *l, struct lk_manager *manager, const char *label);

/* Nothing may be held or outstanding. */
void locks_fini(struct locks *l);

/*
 * Take what the call's command needs, or nothing.  An LK_E_ code; LK_E_NAME: a key is too long.  Or,
 * if there is a queue, LOCKS_LATER: `answer` will be called once, with 0 if they were taken, or a code.
 */
int locks_take(struct locks *l, const struct call *c);

/* Nobody wants the answer that is outstanding: let it come soon.  It may be a yes all the same. */
void locks_cancel(struct locks *l);

/* Give all of it back. */
void locks_release(struct locks *l);

#endif /* RESPD_LOCKS_H */
