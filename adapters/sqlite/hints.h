/* SPDX-License-Identifier: MIT */
/*
 * Hints: the names of changes, in the sidecar; and who listens to them.
 *
 * SQ8   meta.changes counts in its low bits what nobody need hear of, and above them the hints.  So hints have numbers without
 *       gaps, whatever is changed quietly between them; but if there was so much of that that it overflows: then one is missing,
 *       and who listens looks at everything once.
 */
#ifndef LK_ADAPTERS_SQLITE_HINTS_H
#define LK_ADAPTERS_SQLITE_HINTS_H

#include "sqlite/store.h"

#define HINTS_SHIFT 20

/* What meta.changes grows by, with `hints` of them and `quiet` others.  (SQ8) */
static inline uint64_t
hints_count(uint64_t hints, uint64_t quiet)
{
	return (hints << HINTS_SHIFT) + quiet;
}

/* The number of the latest hint. */
static inline uint64_t
hints_latest(uint64_t changes)
{
	return changes >> HINTS_SHIFT;
}

/* What was changed of these, but quietly; the first of them is hint number `first`. */
void hints_write(struct sqlite_store *s, const struct lk_store_record *r, size_t n, uint64_t first);

int hints_watch(struct lk_store *base, lk_store_hint_fn *fn, void *arg);
void hints_unwatch(struct lk_store *base);

#endif /* LK_ADAPTERS_SQLITE_HINTS_H */
