/* SPDX-License-Identifier: MIT */
/*
 * Conditions: a request that is granted only if a function of the caller's says yes, with the locks held.
 *
 *   take -> ask -> yes: granted
 *            `---> no: watch all names and their ancestors -> give back -> sleep -> take again
 *
 * The order of the middle part is CW1's (wait/watch.h).
 */
#ifndef LK_CORE_CONDITION_H
#define LK_CORE_CONDITION_H

#include "core/request.h"

/* A request that can be taken, given back, and taken again. */
struct taking {
	int (*take)(void *arg); /* 0, or the code to return: then nothing is left behind */
	void (*undo)(void *arg);
	lk_grant (*grant)(void *arg, size_t i); /* that was taken */
	size_t n;                               /* of those */
	void *arg;
};

/* Take, once the condition of `q` is true.  The owner was entered.  0, or the code to return. */
int condition_take(struct lk_owner *w, struct request *q, const struct taking *t);

#endif /* LK_CORE_CONDITION_H */
