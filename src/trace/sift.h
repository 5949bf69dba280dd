/* SPDX-License-Identifier: MIT */
/* Events that fit a filter, out of the ring, in their order. */
#ifndef LK_TRACE_SIFT_H
#define LK_TRACE_SIFT_H

#include "trace/ring.h"

/*
 * 0, what `fn` returned, or LK_E_INVAL.  `filter` is complete, its size is not looked at.  `separator` is that of the
 * manager; below 0: there is none.
 */
int sift(const struct ring *r, const struct lk_event_filter *filter, int separator,
	 int (*fn)(void *arg, const struct lk_event *event), void *arg);

#endif /* LK_TRACE_SIFT_H */
