/* SPDX-License-Identifier: MIT */
/*
 * A table of records by name, all of one size, for what is not hot: chains behind latches, of which a name
 * has one by its hash.  Records are never removed before the table goes.  The plainest is a mark of 64 bits.
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

/* A table of marks; NULL: out of memory. */
struct table *table_create(struct env *e);

/* A table of records of `record` bytes, which are zeros when new. */
struct table *table_create_of(struct env *e, size_t record);

void table_destroy(struct table *t);

enum table_outcome { TABLE_RAISED, TABLE_BELOW, TABLE_NOMEM };

/* Raise the mark of a name to `mark`, unless it is above that already.  Equal is raised. */
enum table_outcome table_raise(struct table *t, const void *name, size_t len, uint64_t hash,
			       uint64_t mark);

/* A name; `kind` tells apart names of the same bytes. */
struct table_key {
	const void *name;
	size_t len;
	uint64_t hash;
	uint32_t kind;
};

/*
 * Call `look` for the record of a name with its latch held: it copies, or writes, and returns.  False: there is
 * none, and if it was to be made (`make`) no memory for it.  (T2)
 */
bool table_visit(struct table *t, const struct table_key *k, bool make,
		 void (*look)(void *arg, void *record), void *arg);

#endif /* LK_BASE_TABLE_H */
