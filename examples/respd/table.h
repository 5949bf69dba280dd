/* SPDX-License-Identifier: MIT */
/* A hash table from bytes to bytes; whoever uses it holds the latch of its stripe. */
#ifndef RESPD_TABLE_H
#define RESPD_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

struct entry {
	struct entry *next; /* in its bucket */
	uint64_t hash;
	uint64_t expires_ns; /* 0: never */
	char *value;
	size_t value_len;
	size_t key_len;
	char key[];
};

/* All zeros is an empty table. */
struct table {
	struct entry **bucket;
	size_t n_buckets; /* a power of 2, or 0 */
	size_t n_entries;
};

/* The place that points to the entry, or NULL. */
struct entry **table_find(const struct table *t, uint64_t hash, struct bytes key);

/* A new entry for a key that has none, with an empty value; NULL: no memory. */
struct entry *table_insert(struct table *t, uint64_t hash, struct bytes key);

/* Take an entry away, by the place that table_find() said. */
void table_remove(struct table *t, struct entry **place);

/* Take all away, and give the memory back. */
void table_clear(struct table *t);

/* Make the value a copy.  False: no memory, and it is what it was. */
bool entry_set(struct entry *e, struct bytes value);

#endif /* RESPD_TABLE_H */
