/* SPDX-License-Identifier: MIT */
/*
 * Beacons: bytes of a file, far behind its end, that the kernel keeps locked for an opening of a store: one for each of
 * its sessions.  It unlocks them when the last descriptor of that opening is gone: so when the process is killed.
 *
 * BE1  a description does not see its own locks: what this opening has is in a list beside them.
 * BE2  no two beacons are neighbours: the kernel never joins locks of one description, so that to put one out never means
 *      to split another, for which it may lack memory.
 */
#ifndef LK_ADAPTERS_BEACONS_H
#define LK_ADAPTERS_BEACONS_H

#include <latchkey/store.h>

#include <pthread.h>
#include <stdbool.h>

#include "common/place.h"

#define BEACON_BYTE(slot) ((UINT64_C(1) << 41) + 2 * (uint64_t)(slot)) /* (BE2) */

struct beacon;

struct beacons {
	const struct place *place;
	int fd; /* whoever opened it closes it */
	pthread_mutex_t lock;
	struct beacon *own; /* with the lock */
};

void beacons_init(struct beacons *b, const struct place *place);

/* In a child, where the lock may be taken for ever, `is_foreign`. */
void beacons_fini(struct beacons *b, bool is_foreign);

/*
 * Light the beacon of that slot for the session.  0; EAGAIN: it is lit, by us or by others; ENOMEM, or another errno.
 */
int beacons_light(struct beacons *b, uint64_t slot, const struct lk_session_id *id);

/* Has this opening that session? */
bool beacons_have(struct beacons *b, const struct lk_session_id *id, uint64_t *slot);

/* Put out that of the session, or with NULL any.  False: there is none. */
bool beacons_put_out(struct beacons *b, const struct lk_session_id *id);

/* Is it lit, by us or by others?  0 or an errno. */
int beacons_is_lit(struct beacons *b, uint64_t slot, bool *is);

#endif /* LK_ADAPTERS_BEACONS_H */
