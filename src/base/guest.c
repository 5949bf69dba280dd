/* SPDX-License-Identifier: MIT */
/* Before and after code of the caller's that runs in the middle of a call. */
#include "base/guest.h"

#include <errno.h>
#include <pthread.h>

void
guest_enter(struct guest *g)
{
	g->error = errno;
	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &g->cancel_state);
}

void
guest_leave(const struct guest *g)
{
	(void)pthread_setcancelstate(g->cancel_state, NULL);
	errno = g->error;
}
