/* SPDX-License-Identifier: MIT */
/* What a transaction has written: see writes.h. */
#define _GNU_SOURCE /* tdestroy, twalk_r */
#include <search.h>
#include <stdlib.h>

#include <latchkey.h>

#include "writes.h"

static int
compare(const void *a, const void *b)
{
	const struct written *x = a;
	const struct written *y = b;

	if (x->table != y->table)
		return x->table->number < y->table->number ? -1 : 1;
	return bytes_compare(x->key, y->key);
}

static struct written *
find(const struct writes *w, const struct table *t, struct bytes key)
{
	const struct written wanted = { .table = (struct table *)t, .key = key };
	struct written **place = tfind(&wanted, &w->tree, compare);

	return place == NULL ? NULL : *place;
}

const struct write *
writes_find(const struct writes *w, const struct table *t, struct bytes key)
{
	const struct written *r = find(w, t, key);

	return r == NULL ? NULL : r->latest;
}

/* A row that was not written yet; it is in the tree, and needs a write. */
static struct written *
add_row(struct writes *w, struct arena *a, struct table *t, struct bytes key)
{
	struct written *r = arena_take(a, sizeof(*r));

	if (r == NULL)
		return NULL;
	*r = (struct written){ .table = t };
	if (arena_copy(a, key, &r->key) != 0 || tsearch(r, &w->tree, compare) == NULL)
		return NULL;
	return r;
}

int
writes_add(struct writes *w, struct arena *a, struct table *t, struct bytes key,
	   struct value *value)
{
	struct write *one = arena_take(a, sizeof(*one));
	struct written *r;

	if (one == NULL)
		return LK_E_NOMEM;
	r = find(w, t, key);
	if (r == NULL)
		r = add_row(w, a, t, key);
	if (r == NULL)
		return LK_E_NOMEM;
	*one = (struct write){
		.of = r, .before = w->last, .before_here = r->latest, .value = value
	};
	r->latest = one;
	w->last = one;
	w->n++;
	return 0;
}

void
writes_undo(struct writes *w, size_t n)
{
	while (w->n > n) {
		struct write *one = w->last;

		if (one->before_here == NULL)
			tdelete(one->of, &w->tree, compare);
		one->of->latest = one->before_here;
		w->last = one->before;
		w->n--;
		free(one->value);
	}
}

struct walk {
	int (*fn)(void *arg, struct written *r);
	void *arg;
	int rc;
};

static void
visit(const void *place, VISIT which, void *arg)
{
	struct walk *walk = arg;

	if (walk->rc == 0 && (which == postorder || which == leaf))
		walk->rc = walk->fn(walk->arg, *(struct written *const *)place);
}

int
writes_each(const struct writes *w, int (*fn)(void *arg, struct written *r), void *arg)
{
	struct walk walk = { fn, arg, 0 };

	twalk_r(w->tree, visit, &walk);
	return walk.rc;
}
