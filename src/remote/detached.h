/* SPDX-License-Identifier: MIT */
/*
 * Detached grants in a store: holders of their own in the records of a name and its ancestors, whose id is the token's,
 * and who have no session.
 *
 *   "d" and the id     which name it is, and in what mode: so the token need not say it
 *   "n" and the name   the holder, with its lease; so in each ancestor; "i" and the eight bytes of a number, which has none
 *
 * DT1  all records of one grant are changed in one step of the store, and "d" with them: it is there iff a grant of
 *     that token was made that nobody released, or was found to be over.
 * DT2  its end by time is the record's to decide, by the store's clock (DE9): nobody's timer here ends it.
 * DT3  for this process's covers it is another process.
 */
#ifndef LK_REMOTE_DETACHED_H
#define LK_REMOTE_DETACHED_H

#include "index/name.h"
#include "remote/remote.h"

struct detached_request {
	const struct name *name;
	lk_mode mode;
	uint64_t lease_ns;
	int32_t priority;
	uint64_t deadline_ns; /* on the clock of env_now(); 0: at once */
};

/* A token: who has it, in the records. */
struct detached_id {
	uint64_t half[2];
};

/* Take it.  0, and `*id`, `*fence`; LK_E_BUSY, LK_E_TIMEDOUT, LK_E_CLOSED, LK_E_LIMIT, or what the store says. */
int detached_take(struct remote *m, const struct detached_request *q, struct detached_id *id,
		  uint64_t *fence);

/* Is it held?  0, LK_E_SUSPECT (more than `suspect_pct` of its time is over), LK_E_LOST, LK_E_STALE, what the store says. */
int detached_check(struct remote *m, const struct detached_id *id, uint32_t suspect_pct);

/* Another term; `lease_ns` 0: as long as before.  0, LK_E_LOST, LK_E_STALE, what the store says. */
int detached_renew(struct remote *m, const struct detached_id *id, uint64_t lease_ns);

int detached_release(struct remote *m, const struct detached_id *id);

/* What is left of grants that are over goes. */
void detached_sweep(struct remote *m);

#endif /* LK_REMOTE_DETACHED_H */
