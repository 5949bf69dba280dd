/* SPDX-License-Identifier: MIT */
/* Around every call of a store: errno stays what it was, and the thread is not cancelled inside. */
#ifndef LK_ADAPTERS_QUIET_H
#define LK_ADAPTERS_QUIET_H

#include <errno.h>
#include <pthread.h>
#include <stddef.h>

struct quiet {
	int cancel_state;
	int error;
};

static inline struct quiet
quiet_enter(void)
{
	struct quiet q = { .error = errno };

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &q.cancel_state);
	return q;
}

static inline int
quiet_leave(struct quiet q, int rc)
{
	(void)pthread_setcancelstate(q.cancel_state, NULL);
	errno = q.error;
	return rc;
}

#endif /* LK_ADAPTERS_QUIET_H */
