/* SPDX-License-Identifier: MIT */
/*
 * A table of 64-bit marks by name, for what is not hot: chains behind latches, of which a name has one
 * by its hash.  Entries are never removed before the table goes.
 *
 * T1  a mark only grows, and table_raise() is one atomic step: of two raises of one name, the smaller
 *     is refused if it comes second.
 * T2  memory is needed for a new name only.  TABLE_NOMEM leaves all as it was; chains that cannot be
 *     made more become longer instead, and nothing is refused for that.
 */
#ifndef LK_BASE_TABLE_H
#define LK_BASE_TABLE_H

#include "base/env.h"

struct table;

/* NULL: out of memory. */
struct table *table_create(struct env *e);
void table_destroy(struct table *t);

enum table_outcome { TABLE_RAISED, TABLE_BELOW, TABLE_NOMEM };

/* Raise the mark of a name to `mark`, unless it is above that already.  Equal is raised. */
enum table_outcome table_raise(struct table *t, const void *name, size_t len, uint64_t hash,
			       uint64_t mark);

#endif /* LK_BASE_TABLE_H */
