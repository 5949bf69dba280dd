/* SPDX-License-Identifier: MIT */
/*
 * Batches: several names, all or nothing.
 *
 * The names are taken in one order, that of paths: a name before all that is below it.  And each name,
 * an ancestor too, is at once taken in the supremum of all that the batch will need there: of a name
 * that is asked for twice the modes together, of an ancestor the intents of all that is below it.  So
 * nothing becomes stronger later, and two batches never wait for each other in a ring.
 *
 *   db S, db/a S, db/b X     reserve db in SIX; db S; db/a: implied; reserve …; db/b X; forget the reserves
 *
 * What is taken in advance is a count on a hold, as ancestors have (H6): a *reserve*.  When all grants are
 * there they need the same, and it goes.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* qsort_r */
#endif
#include <stdlib.h>

#include "core/acquire.h"
#include "core/ancestors.h"
#include "core/implied.h"
#include "core/release.h"
#include "index/path.h"

enum { ITEMS_ON_STACK = 16 };

/* One element of a batch, as it will be taken. */
struct item {
	struct name name;
	lk_mode mode;
	size_t index; /* in the caller's array */
	lk_grant grant;
};

/* A count that was taken in advance. */
struct reserve {
	struct lk_resource *r;
	lk_mode mode;
};

struct batch {
	struct lk_owner *w;
	struct index *x;
	struct request *q;
	struct item *item; /* in the order of paths */
	size_t n;
	size_t taken;
	struct reserve *reserve;
	size_t n_reserves;
	struct reserve few[ITEMS_ON_STACK];
};

static int
compare_items(const void *x, const void *y, void *index)
{
	const struct item *a = x;
	const struct item *b = y;
	int order = path_compare(index, &a->name, &b->name);

	return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

static int
read_item(struct item *item, const struct lk_request *r, size_t index, uint64_t seed)
{
	const void *name = r->name;
	uint64_t id;

	if (name == NULL || !mode_valid(r->mode) || (r->flags & ~LK_NAME_IS_ID) != 0)
		return LK_E_INVAL;
	item->mode = r->mode;
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
		int rc = read_item(&b->item[i], &r[i], i, b->x->seed);

		if (rc != 0)
			return rc;
	}
	qsort_r(b->item, b->n, sizeof(*b->item), compare_items, b->x);
	return 0;
}

/* How many elements from `first` on are the first `len` bytes of its name, or below that. */
static size_t
family(const struct batch *b, size_t first, uint32_t len)
{
	size_t n = 1;

	while (first + n < b->n &&
	       path_shares(b->x, &b->item[first].name, len, &b->item[first + n].name))
		n++;
	return n;
}

/* All that `n` elements from `first` on need on the name that is the first `len` bytes of each. */
static lk_mode
need_of(const struct batch *b, size_t first, size_t n, uint32_t len)
{
	const bool parents = (b->q->flags & LK_PARENTS) != 0;
	lk_mode need = LK_NL;

	for (size_t i = first; i < first + n; i++) {
		lk_mode mode = b->item[i].mode;

		need = mode_supremum(need, b->item[i].name.len == len
						   ? mode
						   : ancestors_mode(mode, parents));
	}
	return need;
}

/* Is this the first element that is, or is below, the first `len` bytes of its name? */
static bool
comes_first(const struct batch *b, size_t i, uint32_t len)
{
	return i == 0 || !path_shares(b->x, &b->item[i].name, len, &b->item[i - 1].name);
}

/*
 * Should there be a reserve on the first `len` bytes of this element's name?  What one element alone needs
 * it takes at once by itself.
 */
static bool
wants_reserve(const struct batch *b, size_t i, uint32_t len)
{
	return comes_first(b, i, len) && family(b, i, len) > 1;
}

/* The lengths of a name's ancestors and its own, from the root down: 0 after the last. */
static uint32_t
next_level(const struct batch *b, size_t i, uint32_t len)
{
	const struct name *n = &b->item[i].name;

	if (len == n->len)
		return 0;
	return path_is_flat(b->x, n) ? n->len : path_child(b->x, n, len);
}

static size_t
count_reserves(const struct batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		for (uint32_t len = next_level(b, i, 0); len != 0; len = next_level(b, i, len))
			n += wants_reserve(b, i, len);
	}
	return n;
}

static int
result_of_index(enum index_outcome outcome)
{
	switch (outcome) {
	case INDEX_PINNED:
	case INDEX_HELD:
		return 0;
	case INDEX_NOMEM:
		return LK_E_NOMEM;
	case INDEX_BUSY:
		return LK_E_BUSY;
	case INDEX_BAD_HASH:
		break;
	}
	return LK_E_INVAL;
}

/* Does what the owner holds above give all that anyway?  Then its grants there will be implied. */
static bool
is_covered(const struct batch *b, const struct lk_resource *r, lk_mode mode)
{
	uint32_t slot = hold_find(&b->w->holds, r);
	const struct hold *s;

	if ((b->q->flags & LK_PARENTS) != 0)
		return false;
	if (slot == SLOT_NONE)
		return implied_cover(b->w, resource_parent(r), mode) != SLOT_NONE;
	s = hold_at(&b->w->holds, slot);
	return hold_is(s, HEAD_IMPLIED) && implied_covers(b->w, s, mode);
}

static int
reserve(struct batch *b, size_t i, uint32_t len)
{
	struct lk_owner *w = b->w;
	lk_mode mode = need_of(b, i, family(b, i, len), len);
	struct name n = b->item[i].name;
	struct lk_resource *r;
	bool covered;
	int rc;

	if (len < n.len)
		path_ancestor(b->x, &b->item[i].name, len, &n);
	rc = result_of_index(path_enter(b->x, &w->cache, &n, (b->q->flags & LK_NOWAIT) == 0, &r));
	if (rc != 0)
		return rc;
	covered = is_covered(b, r, mode);
	if (!covered)
		rc = count_take(w, r, mode, b->q);
	resource_unpin(r); /* the hold keeps it */
	request_drop(w, b->q);
	if (rc == 0 && !covered)
		b->reserve[b->n_reserves++] = (struct reserve){ r, mode };
	return rc;
}

static int
reserve_for(struct batch *b, size_t i)
{
	int rc = 0;

	for (uint32_t len = next_level(b, i, 0); rc == 0 && len != 0; len = next_level(b, i, len)) {
		if (wants_reserve(b, i, len))
			rc = reserve(b, i, len);
	}
	return rc;
}

static void
forget_reserves(struct batch *b)
{
	while (b->n_reserves > 0) {
		const struct reserve *r = &b->reserve[--b->n_reserves];

		count_give(b->w, hold_find(&b->w->holds, r->r), r->mode);
	}
}

static int
take_item(struct batch *b, size_t i)
{
	struct item *item = &b->item[i];
	int rc = reserve_for(b, i);

	if (rc != 0)
		return rc;
	b->q->mode = item->mode;
	rc = acquire_inside(b->w, &item->name, NULL, b->q, &item->grant);
	b->taken += rc == 0;
	return rc;
}

static void
roll_back(struct batch *b)
{
	while (b->taken > 0) {
		lk_grant g = b->item[--b->taken].grant;

		grant_untell_died(b->w, g);
		(void)release_inside(b->w, g);
	}
}

static int
take_all(struct batch *b)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < b->n; i++)
		rc = take_item(b, i);
	if (rc != 0)
		roll_back(b);
	else
		b->w->made_real = 0; /* what the batch made real stays so (H10) */
	forget_reserves(b);
	b->w->made_real = 0;
	return rc;
}

static int
acquire_items(struct batch *b, const struct lk_request *r, lk_grant *out)
{
	struct env *env = &b->w->manager->env;
	size_t reserves;
	int rc = read_items(b, r);

	if (rc != 0)
		return rc;
	reserves = count_reserves(b);
	b->reserve = b->few;
	if (reserves > ITEMS_ON_STACK)
		b->reserve = env_alloc(env, reserves * sizeof(*b->reserve), sizeof(void *));
	if (b->reserve == NULL)
		return LK_E_NOMEM;
	rc = owner_enter(b->w);
	if (rc == 0)
		rc = take_all(b);
	owner_leave(b->w);
	if (b->reserve != b->few)
		env_free(env, b->reserve, reserves * sizeof(*b->reserve));
	for (size_t i = 0; rc == 0 && out != NULL && i < b->n; i++)
		out[b->item[i].index] = b->item[i].grant;
	return rc;
}

int
lk_acquire_many(struct lk_owner *w, const struct lk_request *r, size_t n,
		const struct lk_options *o, lk_grant *out)
{
	struct item on_stack[ITEMS_ON_STACK];
	struct request q;
	struct batch b = { .w = w, .q = &q, .item = on_stack, .n = n };
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
	b.x = &w->manager->index;
	if (n > ITEMS_ON_STACK)
		b.item = env_alloc(&w->manager->env, n * sizeof(*b.item), LK_LINE);
	if (b.item == NULL)
		return LK_E_NOMEM;
	rc = acquire_items(&b, r, out);
	if (b.item != on_stack)
		env_free(&w->manager->env, b.item, n * sizeof(*b.item));
	return rc;
}
