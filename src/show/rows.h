/* SPDX-License-Identifier: MIT */
/* All rows of a snapshot, kept and put in order, for views that must see them together. */
#ifndef LK_SHOW_ROWS_H
#define LK_SHOW_ROWS_H

#include "core/manager.h"
#include "show/say.h"

/* One holder or waiter; its pointers lead to copies. */
struct row {
	struct lk_snapshot_row is;
	struct name name;
	struct row *outside; /* whose owner it waits for outside; NULL: it does not */
	bool in_graph;       /* its owner waits here, or is waited for */
	bool owner_waits;    /* … somewhere */
};

struct rows_chunk;

struct rows {
	struct lk_manager *m;
	struct rows_chunk *chunk; /* the newest */
	struct row **at;          /* in order; room for as many again follows, for sorting */
	size_t n;
	int rc;
};

typedef int rows_compare(const struct rows *rows, const struct row *a, const struct row *b);

/*
 * 0, or LK_E_NOMEM; rows_free() after either.  `outside`: two rows without a name for each wait outside,
 * of who waits and of who is waited for.
 */
int rows_collect(struct rows *rows, struct lk_manager *m, bool outside);
void rows_free(struct rows *rows);

/* What is equal stays in the order in which it was. */
void rows_sort(struct rows *rows, rows_compare *compare);

/* By paths, each name's holders before its waiters, those in the order of the line. */
int rows_by_name(const struct rows *rows, const struct row *a, const struct row *b);
int rows_by_owner(const struct rows *rows, const struct row *a, const struct row *b);

/* In order of names: how many rows from `first` on are of the same name. */
size_t rows_same_name(const struct rows *rows, size_t first);

struct said row_name(const struct row *r);
struct said row_tag(const struct row *r);

LK_HOT bool
row_waits(const struct row *r)
{
	return r->is.wanted != LK_NL;
}

#endif /* LK_SHOW_ROWS_H */
