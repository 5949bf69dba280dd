/* SPDX-License-Identifier: MIT */
/*
 * Value blocks: what goes with a name beyond its locks.  One table for all of a manager, made by the first
 * write; a name's block stays until the manager is closed.
 *
 * VB1 a block is read and written with the latch of its shard: whole, with its version and flags.
 * VB2 versions of a name grow with each write, and begin above the floor that fences begin with; the highest
 *     of all is told the process when the manager is closed, so those of the next begin above.
 * VB3 it takes no memory to mark a value as invalid: a name that has none needs no mark.
 * VB4 with a store a value is the name's, for all processes: remote/values.h.  Nothing of it is in the table, and the store
 *     is asked with the call away (Z2).
 */
#ifndef LK_CORE_VALUE_H
#define LK_CORE_VALUE_H

#include "core/manager.h"

/* A writer of `r`, which is held or pinned, ended otherwise than by a release: what he wrote may be half done. */
void value_invalidate(struct lk_manager *m, const struct lk_resource *r);

#endif /* LK_CORE_VALUE_H */
