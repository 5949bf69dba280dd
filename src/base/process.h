/* SPDX-License-Identifier: MIT */
/*
 * What the library knows of the process: which managers are open, which owner a thread has in each of
 * them, and that a fork happened.  The only state outside managers.
 *
 * F1  a member's gate is set to `forked` in the child before fork() returns there: every call looks
 *     at the gate first.
 * F2  a thread's owners are ended when it ends, under the registry's lock: a member found there by its
 *     serial cannot be closed meanwhile, and one that was closed before is not found.
 * F3  a thread's spare is of the member whose serial it has, and given back there as in F2 when the thread ends; with another
 *     serial nobody touches it.  So it may outlive the member's memory.
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
	/* … that has it as its spare. */
	void (*spare_returns)(struct member *me, void *owner);
};

/*
 * The memory of an owner that the thread closed last: the next one that it opens has it, and shares no line with
 * other threads for that, not even the lock of a free list.  (F3)
 */
struct spare {
	uint64_t serial; /* of its member; 0: the end of the thread is not heard of */
	void *owner;     /* NULL: none */
};

extern LK_HIDDEN __thread struct spare process_spare __attribute__((tls_model("initial-exec")));

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

/* NULL: the thread has none of this member. */
LK_HOT void *
process_take_spare(const struct member *me)
{
	void *owner = process_spare.owner;

	if (unlikely(owner == NULL) || unlikely(process_spare.serial != me->serial))
		return NULL;
	process_spare.owner = NULL;
	return owner;
}

/* Of a thread that has one, or had none of this member before. */
bool process_keep_another(const struct member *me, void *owner);

/* False: the thread has one already, or cannot be told of when it ends. */
LK_HOT bool
process_keep_spare(const struct member *me, void *owner)
{
	if (unlikely(process_spare.owner != NULL) || unlikely(process_spare.serial != me->serial))
		return process_keep_another(me, owner);
	process_spare.owner = owner;
	return true;
}

#endif /* LK_BASE_PROCESS_H */
