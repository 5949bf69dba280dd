/* SPDX-License-Identifier: MIT */
/* What is done to records whose stripes are locked. */
#include "file/change.h"

#include "common/records.h"
#include "file/hints.h"

/* ---------------------------------------------------------------- find the records */

void
file_change_place(struct file_change *c)
{
	struct file_item *items = c->items;

	c->stripes = 0;
	for (size_t i = 0; i < c->n; i++) {
		const uint64_t hash = file_hash(c->s, c->r[i].name, c->r[i].len);

		items[i].hash = hash;
		items[i].hint = 0;
		items[i].stripe = file_stripe_of(c->s, hash, c->r[i].flags);
		c->stripes |= file_bit(items[i].stripe);
	}
}

/* Can a damaged one be written anew? */
static bool
is_repaired(const struct file_change *c, size_t i)
{
	return (c->r[i].flags & LK_STORE_REPAIR) != 0 && c->items[i].find.index != FILE_NOWHERE;
}

/* `*is_damaged`: one of them is, and nobody has said that he repairs it. */
static int
find_items(struct file_change *c, bool *is_damaged)
{
	*is_damaged = false;
	for (size_t i = 0; i < c->n; i++) {
		struct lk_store_record *r = &c->r[i];
		struct file_find *f = &c->items[i].find;
		int rc = file_find(c->s, c->items[i].stripe, r->name, r->len, c->items[i].hash,
				   &c->arena, f);

		if (rc != 0)
			return rc;
		r->status = f->found == FILE_DAMAGED ? LK_E_CORRUPT : 0;
		r->old = f->found == FILE_FOUND ? f->record : NULL;
		r->old_len = f->found == FILE_FOUND ? f->len : 0;
		*is_damaged |= r->status != 0 && !is_repaired(c, i);
	}
	return 0;
}

static int
say_damaged(struct file_change *c)
{
	size_t i = 0;
	char name[16];

	while (i + 1 < c->n && c->r[i].status == 0)
		i++;
	file_stripe_name(c->items[i].stripe, name);
	return file_complain(c->s, LK_E_CORRUPT, name, "a record is damaged");
}

/* ------------------------------------------------------------------ change or look */

static int
write_changes(struct file_change *c)
{
	struct file_batch b;
	int rc;

	b.s = c->s;
	b.r = c->r;
	b.items = c->items;
	b.n = c->n;
	b.stripes = c->stripes;
	rc = file_batch_write(&b);
	c->is_torn = rc != 0;
	return rc;
}

int
file_change_make(struct file_change *c)
{
	bool is_damaged;
	int rc = find_items(c, &is_damaged);

	if (rc == 0 && is_damaged)
		rc = say_damaged(c);
	if (rc == 0)
		rc = records_change(c->r, c->n, c->fn, c->arg);
	if (rc == 0 && records_are_changed(c->r, c->n))
		rc = write_changes(c);
	return rc;
}

int
file_change_look(struct file_change *c)
{
	bool is_damaged;
	int rc = find_items(c, &is_damaged);

	if (rc != 0)
		return rc;
	rc = c->fn(c->arg, c->r, c->n);
	return rc == 0 && is_damaged ? say_damaged(c) : rc;
}

void
file_change_tell(const struct file_change *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct file_item *item = &c->items[i];

		if (item->hint != 0)
			file_hint_write(c->s, item->stripe, item->hint, c->r[i].name, c->r[i].len);
	}
}
