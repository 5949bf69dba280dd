/* SPDX-License-Identifier: MIT */
/*
 * Batches: several names, all or nothing.
 *
 * The names are taken in one order, that of their bytes, so that two batches never wait for each other
 * in a ring; a name that is asked for twice is taken at once in the supremum of the modes, and its
 * grants are then given the modes that were asked for.
 */
#include <stdlib.h>

#include "core/acquire.h"
#include "core/convert.h"
#include "core/release.h"

enum { ITEMS_ON_STACK = 16 };

/* One element of a batch, as it will be taken. */
struct item {
	struct name name;
	lk_mode mode;
	lk_mode together; /* of all elements with this name */
	size_t index;     /* in the caller's array */
	lk_grant grant;
};

struct batch {
	struct lk_owner *w;
	struct item *item;
	size_t n;
};

/* Numbers before bytes, then by the bytes, then by length: any order would do that all share. */
static int
compare_names(const struct item *a, const struct item *b)
{
	uint32_t least = a->name.len < b->name.len ? a->name.len : b->name.len;
	int order;

	if ((a->name.tail & NAME_ID) != (b->name.tail & NAME_ID))
		return (a->name.tail & NAME_ID) != 0 ? -1 : 1;
	order = memcmp(a->name.bytes, b->name.bytes, least);
	if (order != 0)
		return order;
	return (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

static int
compare_items(const void *x, const void *y)
{
	const struct item *a = x;
	const struct item *b = y;
	int order = compare_names(a, b);

	return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

static int
read_item(struct item *item, const struct lk_request *r, size_t index, uint64_t seed)
{
	const void *name = r->name;
	uint64_t id;

	if (name == NULL || !mode_valid(r->mode) || (r->flags & ~LK_NAME_IS_ID) != 0)
		return LK_E_INVAL;
	item->mode = item->together = r->mode;
	item->index = index;
	if ((r->flags & LK_NAME_IS_ID) != 0) {
		if (r->len != 0 && r->len != sizeof(id))
			return LK_E_INVAL;
		memcpy(&id, name, sizeof(id)); /* it need not be aligned */
		name_set_id(&item->name, &id, seed);
		item->name.bytes = name;
		return 0;
	}
	return name_set(&item->name, name, r->len != 0 ? r->len : strlen(r->name), 0, seed)
		       ? 0
		       : LK_E_NAME;
}

static int
read_items(struct batch *b, const struct lk_request *r)
{
	for (size_t i = 0; i < b->n; i++) {
		int rc = read_item(&b->item[i], &r[i], i, b->w->manager->index.seed);

		if (rc != 0)
			return rc;
	}
	qsort(b->item, b->n, sizeof(*b->item), compare_items);
	return 0;
}

/* How many elements from `first` on have the same name. */
static size_t
run_length(const struct batch *b, size_t first)
{
	size_t n = 1;

	while (first + n < b->n && compare_names(&b->item[first], &b->item[first + n]) == 0)
		n++;
	return n;
}

static void
roll_back(struct batch *b, size_t taken)
{
	while (taken > 0) {
		lk_grant g = b->item[--taken].grant;

		grant_untell_died(b->w, g);
		(void)release_inside(b->w, g);
	}
}

static int
take_item(struct batch *b, size_t i, lk_mode mode, struct request *q)
{
	q->mode = mode;
	return acquire_inside(b->w, &b->item[i].name, NULL, q, &b->item[i].grant);
}

/* All elements of one name: one wait, for the supremum.  `*taken` counts on. */
static int
take_run(struct batch *b, size_t first, size_t n, struct request *q, size_t *taken)
{
	lk_mode together = LK_NL;

	for (size_t i = first; i < first + n; i++)
		together = mode_supremum(together, b->item[i].mode);
	for (size_t i = first; i < first + n; i++) {
		int rc = take_item(b, i, i == first ? together : b->item[i].mode, q);

		if (rc != 0)
			return rc;
		++*taken;
	}
	if (together != b->item[first].mode)
		convert_weaker(b->w, b->item[first].grant, b->item[first].mode);
	return 0;
}

static int
take_all(struct batch *b, struct request *q)
{
	size_t taken = 0;

	for (size_t i = 0; i < b->n;) {
		size_t n = run_length(b, i);
		int rc = take_run(b, i, n, q, &taken);

		if (rc != 0) {
			roll_back(b, taken);
			return rc;
		}
		i += n;
	}
	return 0;
}

static int
acquire_items(struct batch *b, const struct lk_request *r, struct request *q, lk_grant *out)
{
	int rc = read_items(b, r);

	if (rc == 0)
		rc = owner_enter(b->w);
	if (rc == 0)
		rc = take_all(b, q);
	owner_leave(b->w);
	for (size_t i = 0; rc == 0 && out != NULL && i < b->n; i++)
		out[b->item[i].index] = b->item[i].grant;
	return rc;
}

int
lk_acquire_many(struct lk_owner *w, const struct lk_request *r, size_t n,
		const struct lk_options *o, lk_grant *out)
{
	struct item on_stack[ITEMS_ON_STACK];
	struct batch b = { .w = w, .item = on_stack, .n = n };
	struct request q;
	int rc;

	if (w == NULL || (r == NULL && n > 0))
		return LK_E_INVAL;
	rc = request_read(&q, LK_X, o);
	if (rc != 0)
		return rc;
	if (q.name_hash != 0)
		return LK_E_INVAL; /* of which name? */
	if (n > SLOT_MAX)
		return LK_E_LIMIT;
	if (n > ITEMS_ON_STACK)
		b.item = env_alloc(&w->manager->env, n * sizeof(*b.item), LK_LINE);
	if (b.item == NULL)
		return LK_E_NOMEM;
	rc = acquire_items(&b, r, &q, out);
	if (b.item != on_stack)
		env_free(&w->manager->env, b.item, n * sizeof(*b.item));
	return rc;
}
