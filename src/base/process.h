/* SPDX-License-Identifier: MIT */
/*
 * What the library knows of the process: which managers are open, which owner a thread has in each of
 * them, and that a fork happened.  The only state outside managers.
 *
 * F1  a member's gate is set to `forked` in the child before fork() returns there: every call looks
 *     at the gate first.
 * F2  a thread's owners are ended when it ends, under the registry's lock: a member found there by its
 *     serial cannot be closed meanwhile, and one that was closed before is not found.
 */
#ifndef LK_BASE_PROCESS_H
#define LK_BASE_PROCESS_H

#include "base/atomic.h"
#include "base/list.h"

/* Part of every manager. */
struct member {
	struct cds_list_head node;
	uint64_t serial; /* never used twice */
	a32 gate;        /* 0: open; else the result code that calls return */
	uint32_t forked; /* what a fork puts there, in the child */
	/* A thread that has `owner` here ends. */
	void (*thread_ends)(struct member *me, void *owner);
};

/* False: out of thread-specific keys. */
bool process_join(struct member *me);
void process_leave(struct member *me);

/* The largest of all values ever noted, `value` included: fences go on where closed managers ended. */
uint64_t process_highest(uint64_t value);

/* The calling thread's owner in `me`, or NULL. */
void *process_owner(const struct member *me);

/* False: out of memory. */
bool process_set_owner(const struct member *me, void *owner);

/* If `owner` is the calling thread's in `me`. */
void process_forget_owner(const struct member *me, const void *owner);

#endif /* LK_BASE_PROCESS_H */
