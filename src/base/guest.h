/* SPDX-License-Identifier: MIT */
/*
 * Code of the caller's that runs in the middle of a call: what it does to errno is undone, and the thread
 * is not cancelled in it, as frames below it may be linked into lines.
 */
#ifndef LK_BASE_GUEST_H
#define LK_BASE_GUEST_H

#include "base/compiler.h"

struct guest {
	int cancel_state;
	int error;
};

void guest_enter(struct guest *g);
void guest_leave(const struct guest *g);

#endif /* LK_BASE_GUEST_H */
