/* SPDX-License-Identifier: MIT */
/*
 * Vigil: one who waits for another process stays awake for a moment.
 *
 * A name that goes from one process to another and back again is there within some ten microseconds; a processor that has
 * gone to sleep, a virtual one above all, takes as long to wake, and so does a thread.  Who stays awake lets all others run who
 * want to: he spends what nobody else needs.
 *
 * VG1  in a process one at a time stays awake, and for no longer than he would wait.
 * VG2  if it was in vain, those who come next sleep at once: one, three, seven … of them, and never more than 63.  So who always
 *      waits for long stays awake in one of 64 waits.
 */
#ifndef LK_WAIT_VIGIL_H
#define LK_WAIT_VIGIL_H

#include "wait/line.h"

struct vigil {
	a32 is_kept; /* who has it has the rest (VG1) */
	uint32_t in_vain;
	uint32_t sleepers; /* so many go to sleep at once before the next stays awake (VG2) */
};

void vigil_init(struct vigil *v);

/* Until `q` has news, or this process has the name, or for a while, but not beyond `deadline_ns`. */
void vigil_keep(struct vigil *v, const struct env *e, const struct waiter *q, uint64_t deadline_ns);

#endif /* LK_WAIT_VIGIL_H */
