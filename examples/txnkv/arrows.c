/* SPDX-License-Identifier: MIT */
/* A graph of who must come before whom: see arrows.h. */
#include <stdlib.h>

#include <latchkey.h>

#include "arrows.h"

void
arrows_free(struct arrows *a)
{
	free(a->arrow);
	free(a->begin);
}

int
arrows_add(struct arrows *a, enum arrow_kind kind, size_t from, size_t to, size_t row)
{
	if (from == to)
		return 0;
	if (a->n == a->cap) {
		size_t cap = a->cap == 0 ? 256 : a->cap * 2;
		struct arrow *larger = realloc(a->arrow, cap * sizeof(*larger));

		if (larger == NULL)
			return LK_E_NOMEM;
		a->arrow = larger;
		a->cap = cap;
	}
	a->arrow[a->n++] = (struct arrow){ from, to, row, kind };
	return 0;
}

static int
by_from(const void *a, const void *b)
{
	const struct arrow *x = a;
	const struct arrow *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

int
arrows_sort(struct arrows *a, size_t n_points)
{
	size_t i = 0;

	a->n_points = n_points;
	a->begin = malloc((n_points + 1) * sizeof(*a->begin));
	if (a->begin == NULL)
		return LK_E_NOMEM;
	if (a->n > 0)
		qsort(a->arrow, a->n, sizeof(*a->arrow), by_from);
	for (size_t point = 0; point <= n_points; point++) {
		while (i < a->n && a->arrow[i].from < point)
			i++;
		a->begin[point] = i;
	}
	return 0;
}

/* Breadth first from `first`: how[p] is the arrow by which p was reached; until `last` is. */
static void
search(const struct arrows *a, size_t first, size_t last, const struct arrow **how, size_t *todo)
{
	size_t n = 0;

	todo[n++] = first;
	for (size_t i = 0; i < n && how[last] == NULL; i++) {
		size_t from = todo[i];

		for (size_t k = a->begin[from]; k < a->begin[from + 1]; k++) {
			size_t to = a->arrow[k].to;

			if (to == first || how[to] != NULL)
				continue;
			how[to] = &a->arrow[k];
			todo[n++] = to;
		}
	}
}

/* The way back from `last`, in its order behind the first of the ring. */
static size_t
put_way(const struct arrow **how, size_t first, size_t last, const struct arrow **ring)
{
	size_t n = 1;

	for (size_t p = last; p != first; p = how[p]->from)
		n++;
	for (size_t p = last, i = n; p != first; p = how[p]->from)
		ring[--i] = how[p];
	return n;
}

int
arrows_ring(const struct arrows *a, const struct arrow *through, const struct arrow **ring,
	    size_t *n)
{
	const struct arrow **how = calloc(a->n_points, sizeof(struct arrow *));
	size_t *todo = malloc(a->n_points * sizeof(*todo));
	int rc = how == NULL || todo == NULL ? LK_E_NOMEM : 0;

	*n = 0;
	if (rc == 0) {
		search(a, through->to, through->from, how, todo);
		if (how[through->from] != NULL) {
			ring[0] = through;
			*n = put_way(how, through->to, through->from, ring);
		}
	}
	free(how);
	free(todo);
	return rc;
}
