/* SPDX-License-Identifier: MIT */
/*
 * Late: grants that were made when the time of the session had come already, as the process was stopped, or the machine.
 * In a manager whose session may end by time each grant is looked at once it is made: the word first, then the
 * deadline, then the clock (CO8).  Such a manager's grants are all noted (LK_TIMED), so no plain way is gone.
 */
#ifndef LK_CORE_LATE_H
#define LK_CORE_LATE_H

#include "core/batch.h"

/* It was just made: too late?  Then it is lost, and so is all that the manager had. */
bool late_is(struct lk_owner *w, lk_grant g);

/* In a call of `w`: a grant that was made in time, under another session if need be; or the code to return. */
int late_acquire(struct lk_owner *w, const struct name *n, struct lk_resource *r, struct request *q,
		 lk_grant *out);

/* Of a batch that was granted: true, one was late, and all have gone back. */
bool late_undo(struct lk_owner *w, struct batch *b);

#endif /* LK_CORE_LATE_H */
