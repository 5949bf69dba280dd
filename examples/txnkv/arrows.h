/* SPDX-License-Identifier: MIT */
/* A graph of who must come before whom, and rings in it.  Points are numbers from 0. */
#ifndef TXNKV_ARROWS_H
#define TXNKV_ARROWS_H

#include <stddef.h>

enum arrow_kind { ARROW_WR, ARROW_RW, ARROW_WW };

struct arrow {
	size_t from, to;
	size_t row; /* because of it */
	enum arrow_kind kind;
};

/* All zeros is none. */
struct arrows {
	struct arrow *arrow;
	size_t n, cap;
	size_t *begin; /* when they are sorted: where those of a point begin, and one more */
	size_t n_points;
};

void arrows_free(struct arrows *a);

/* One more; none from a point to itself.  0 or LK_E_NOMEM. */
int arrows_add(struct arrows *a, enum arrow_kind kind, size_t from, size_t to, size_t row);

/* When all are there.  0 or LK_E_NOMEM. */
int arrows_sort(struct arrows *a, size_t n_points);

/*
 * The shortest ring that goes through one arrow, which comes first.  `ring` has room for one for each point.
 *
 * Returns 0, with `*n` 0 if it is in none; LK_E_NOMEM.
 */
int arrows_ring(const struct arrows *a, const struct arrow *through, const struct arrow **ring,
		size_t *n);

#endif /* TXNKV_ARROWS_H */
