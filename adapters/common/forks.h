/* SPDX-License-Identifier: MIT */
/*
 * Stores that must hear of a fork: the child must not keep alive what is the parent's.
 *
 * FK1  `in_child` of every store in the list is called in the child before fork() returns there.  It may close descriptors
 *      and write flags, and nothing else: other threads may have left any lock taken.
 */
#ifndef LK_ADAPTERS_FORKS_H
#define LK_ADAPTERS_FORKS_H

#include <stdatomic.h>
#include <stdbool.h>

struct fork_note {
	struct fork_note *next;
	struct fork_note **at;   /* what points to it */
	_Atomic bool is_foreign; /* this process is a child of the one that made it */
	void (*in_child)(struct fork_note *note); /* may be NULL */
};

/* False: the system has no room for handlers. */
bool forks_join(struct fork_note *note);
void forks_leave(struct fork_note *note); /* nothing in the child */

static inline bool
fork_note_is_foreign(const struct fork_note *note)
{
	return atomic_load_explicit(&note->is_foreign, memory_order_relaxed);
}

#endif /* LK_ADAPTERS_FORKS_H */
