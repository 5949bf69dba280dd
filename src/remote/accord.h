/* SPDX-License-Identifier: MIT */
/*
 * Accord: what all managers of one store must have in common, as the record "s" of the store says it, and who said so.
 * Whoever begins a session adds it there.  One with other settings waits for nobody: it is refused as long as one of them
 * lives.
 *
 *   "LKagree1" | 8 settings | 48 in words | 16 each session
 */
#ifndef LK_REMOTE_ACCORD_H
#define LK_REMOTE_ACCORD_H

#include "remote/remote.h"

/* The session of `m` begins.  0; LK_E_INVAL: others have other settings, which `why` says; or what the store says. */
int accord_join(struct remote *m, const struct lk_session_id *id, char why[REMOTE_WHY]);

/* … and ends. */
void accord_leave(struct remote *m, const struct lk_session_id *id);

/* It goes on: should the record have been made anew meanwhile, it is added there again. */
void accord_stay(struct remote *m, const struct lk_session_id *id);

/*
 * How many sessions but `me` are there that live?  SIZE_MAX: more than there is room for.  0; LK_E_CORRUPT: the record is
 * damaged, and nobody knows; or what the store says.
 */
int accord_others(struct env *env, struct lk_store *store, const struct lk_session_id *me,
		  size_t *n);

/* Make the record anew, if it is damaged, without anybody: they add themselves (accord_stay).  UPKEEP_FINE (upkeep.h): it is not. */
int accord_mend(struct lk_store *store, uint64_t deadline_ns);

#endif /* LK_REMOTE_ACCORD_H */
