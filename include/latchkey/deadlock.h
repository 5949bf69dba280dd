/* SPDX-License-Identifier: MIT */
/*
 * Deadlocks: rings of owners that wait for each other, found, ended and remembered.
 *
 * A request that has waited for lk_config.deadlock_delay_ns looks whether its owner is in a ring.  If part of
 * the ring is only the order of a line, that order is changed and nobody notices.  Else one request of the
 * ring ends with LK_E_DEADLOCK: of those whose owners have the lowest priority the one that
 * lk_config.victim, or lk_config.on_victim, says.  What its owner holds stays.
 *
 * What is found is a ring at that moment: no request ever ends with LK_E_DEADLOCK that could have been granted.
  * What waits outside Latchkey is part of it if lk_external_wait_begin() says so.
 *
 * With a store rings go through other processes too.  Each process looks at its own part, and they put them together, as
 * docs/deadlocks.md says: later, with the same choice by priority and policy, but lk_config.on_victim is not asked, and a
 * request may be ended that a change of order would have saved.
 *
 * Source: Gray 1978; reordering before aborting: PostgreSQL's deadlock.c.
 */
#ifndef LATCHKEY_DEADLOCK_H
#define LATCHKEY_DEADLOCK_H

#include <latchkey.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LK_DEADLOCK_NAME_MAX    64 /* bytes kept of a name */
#define LK_DEADLOCK_MEMBERS_MAX 16 /* members kept of a ring */

/* One owner of a ring.  It waits for the next one in the array, the last for the first. */
struct lk_deadlock_member {
	uint64_t owner_id; /* as in lk_snapshot() */
	int32_t priority;
	uint32_t flags; /* LK_VICTIM, LK_NAME_IS_ID, LK_EXTERNAL, LK_ABROAD */
	lk_mode held;   /* what it holds on that name itself */
	lk_mode wanted; /* what it waits for; LK_NL: it waits outside */
	lk_mode blocked; /* what the next one holds there; LK_NL: the next one is ahead in the line */
	uint32_t n_grants; /* holds and further grants of the owner */
	uint64_t waited_ns;
	uint64_t opened_ns; /* when the owner was opened; 0: not noted (see lk_victim) */
	uint32_t name_len;  /* of the whole name; LK_DEADLOCK_NAME_MAX bytes of it are kept */
	uint32_t tag_len;
	unsigned char name[LK_DEADLOCK_NAME_MAX];
	unsigned char tag[LK_DEADLOCK_NAME_MAX]; /* as much of it */
	char owner_label[LK_LABEL_MAX + 1];
};

#define LK_VICTIM   0x8u  /* its request ended */
#define LK_EXTERNAL 0x10u /* it waits outside: lk_external_wait_begin() */
#define LK_ABROAD   0x20u /* it is another process's: its owner_id and waited_ns are 0 */

struct lk_deadlock {
	uint32_t size;
	uint32_t n;      /* members of the ring */
	uint32_t kept;   /* … of which so many are below; the victim always is */
	uint32_t victim; /* its place below */
	uint64_t number; /* from 1, in the order in which they were found */
	uint64_t at_ns;  /* CLOCK_MONOTONIC */
	struct lk_deadlock_member member[LK_DEADLOCK_MEMBERS_MAX];
};

/*
 * lk_deadlock_each - call `fn` for each of the latest deadlocks (eight are kept), the oldest first, until it
 * returns non-zero.
 *
 * Threads     any.  `fn` gets a copy, and may call anything but lk_close().
 * Returns     0, or what `fn` returned; LK_E_NOMEM.
 */
LK_API LK_NODISCARD int lk_deadlock_each(struct lk_manager *m,
					 int (*fn)(void *arg, const struct lk_deadlock *d),
					 void *arg);

/*
 * lk_external_wait_begin - say that `w` is about to wait, outside Latchkey, for something that `on` must do:
 * a mutex of the host, a reply, a place in a pool.
 *
 * Until lk_external_wait_end() the two are part of the search for rings; `w` is never the victim.  It looks
 * for a ring at once.
 *
 * Ownership   `on` may end meanwhile: then nobody is waited for.
 * Threads     the thread that uses `w`, which must not use it until the end, lk_external_wait_end() excepted;
 *             `on` is any open owner of the same manager.
 * Blocking    no.
 * Returns     0; LK_E_DEADLOCK: it would be a ring in which every member waits outside; nothing changed.
 *             LK_E_BUSY: `w` waits outside already.  LK_E_INVAL: `w` is `on`, or they are of two managers.
 *             LK_E_CLOSED.
 */
LK_API LK_NODISCARD int lk_external_wait_begin(struct lk_owner *w, struct lk_owner *on);

/* lk_external_wait_end - the wait is over.  Returns 0; LK_E_INVAL if there was none. */
LK_API int lk_external_wait_end(struct lk_owner *w);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_DEADLOCK_H */
