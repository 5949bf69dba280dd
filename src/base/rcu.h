/* SPDX-License-Identifier: MIT */
/*
 * Read-copy-update, by liburcu's "bp" flavour: readers need no registration.
 *
 * Used where a walk over other owners' memory (snapshots) meets an owner that gives large
 * memory back.  The path of a lock does not need it: its memory is type-stable (src/README.md).
 *
 * RC1  memory retired with shim_rcu_synchronize() before it is freed is not read afterwards.
 */
#ifndef LK_BASE_RCU_H
#define LK_BASE_RCU_H

#include "base/atomic.h"

void shim_rcu_read_lock(void);
void shim_rcu_read_unlock(void);
void shim_rcu_synchronize(void); /* waits for all readers; not inside a reader */

/* Around fork(), from the handlers of thread.c. */
void shim_rcu_before_fork(void);
void shim_rcu_after_fork_parent(void);
void shim_rcu_after_fork_child(void);

#endif /* LK_BASE_RCU_H */
