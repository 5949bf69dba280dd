/* SPDX-License-Identifier: MIT */
/*
 * What a transaction has written and nobody else sees yet.
 *
 * Each write knows the one before it, and the one before it of the same row: that is the undo list.  To
 * roll back is to take the latest away until those are left that there were.
 */
#ifndef TXNKV_WRITES_H
#define TXNKV_WRITES_H

#include "arena.h"
#include "store.h"

/* A row that has been written, once, however often. */
struct written {
	struct table *table;
	struct bytes key;
	struct write *latest; /* never NULL */
	struct row *row;      /* reserved in the store, while it commits */
};

struct write {
	struct written *of;
	struct write *before;      /* of any row */
	struct write *before_here; /* of this row; NULL: it is the first */
	struct value *value;       /* NULL: deleted */
};

/* All zeros is none. */
struct writes {
	void *tree; /* of struct written, by table and key, by tsearch() */
	struct write *last;
	size_t n;
};

/* The row's latest write; NULL: it has none. */
const struct write *writes_find(const struct writes *w, const struct table *t, struct bytes key);

/* `value` (NULL: delete) becomes the transaction's if the result is 0; else it is LK_E_NOMEM. */
int writes_add(struct writes *w, struct arena *a, struct table *t, struct bytes key,
	       struct value *value);

/* Undo all but the first `n`. */
void writes_undo(struct writes *w, size_t n);

/* Call `fn` for each row that was written, in the order of tables and keys, until it returns non-zero. */
int writes_each(const struct writes *w, int (*fn)(void *arg, struct written *r), void *arg);

#endif /* TXNKV_WRITES_H */
