/* SPDX-License-Identifier: MIT */
/*
 * Retries: another attempt at a request that the store did not answer, after a pause.  See latchkey/retry.h.
 *
 *   attempt -> LK_E_STORE, LK_E_BREAKER, LK_E_UNKNOWN -> is there another one, and before the deadline?  no: that code
 *      ^                                     yes |
 *      `------------- pause: outside of a call, holding what it held, ended by a cancel or a shutdown
 *
 * Nothing of a request that has failed is left (all or nothing), so it is begun anew with the options as they were
 * read, but for the deadline, which was fixed by the first attempt.
 */
#ifndef LK_CORE_RETRY_H
#define LK_CORE_RETRY_H

#include <latchkey/retry.h>

#include "core/request.h"

/* The caller's, which may be NULL: 0, LK_E_INVAL, LK_E_VERSION. */
int retry_check(const struct lk_retry *r);

/* A failure that another attempt may mend. */
LK_HOT bool
retry_is_for(int rc)
{
	return rc == LK_E_STORE || rc == LK_E_BREAKER || rc == LK_E_UNKNOWN;
}

/*
 * The request came to `*rc`, for which retry_is_for(), and no call of `w` is under way.  True: try again.  False: that is
 * its result, or `*rc` says that it was cancelled, or the manager shut down, meanwhile.
 */
bool retry_again(struct lk_owner *w, struct request *q, int *rc);

#endif /* LK_CORE_RETRY_H */
