/* SPDX-License-Identifier: MIT */
/* Gathering an update: new extents, entries and heads.  Nothing is written here but room that is reserved. */
#include "file/batch.h"

#include <errno.h>

#include "file/log.h"
#include "file/map.h"

/* ------------------------------------------------------------------------- patches */

static void
patches_init(struct file_patches *p, const struct place *place)
{
	p->place = place;
	p->bytes = p->first;
	p->len = 0;
	p->room = sizeof(p->first);
}

static void
patches_fini(struct file_patches *p)
{
	if (p->bytes != p->first)
		place_free(p->place, p->bytes, p->room);
}

static int
grow(struct file_patches *p, size_t need)
{
	size_t room = p->room;
	unsigned char *bytes;

	while (room < p->len + need)
		room *= 2;
	bytes = place_alloc(p->place, room);
	if (bytes == NULL)
		return LK_E_NOMEM;
	memcpy(bytes, p->bytes, p->len);
	patches_fini(p);
	p->bytes = bytes;
	p->room = room;
	return 0;
}

/* Room for `len` bytes of a patch, zeros; NULL: out of memory. */
static void *
add_patch(struct file_patches *p, uint32_t stripe, uint64_t at, size_t len)
{
	const size_t padded = (len + 7) & ~(size_t)7;
	const size_t need = sizeof(struct file_patch) + padded;
	struct file_patch *head;

	if (p->len + need > p->room && grow(p, need) != 0)
		return NULL;
	head = (struct file_patch *)(void *)(p->bytes + p->len);
	*head = (struct file_patch){ stripe, (uint32_t)len, at };
	memset(head + 1, 0, padded);
	p->len += need;
	return head + 1;
}

/* ------------------------------------------------------------------------- extents */

/*
 * The first free extent of a size, or 0.  A list that makes no sense is forgotten: what is in it is lost until the file is
 * written anew, and nothing else.
 */
static int
pop_free(struct file_batch *b, uint32_t stripe, unsigned class, uint64_t *at)
{
	struct file_stripe *t = &b->s->stripes[stripe];
	struct file_extent x = { .magic = 0 };
	size_t got = 0;
	int error = 0;

	*at = t->head.free[class];
	if (*at == 0)
		return 0;
	error = file_get(b->s, stripe, &x, sizeof(x), *at, &got);
	if (error != 0)
		return file_say(b->s, LK_E_STORE, "a stripe", error);
	if (got == sizeof(x) && x.magic == FILE_FREE_MAGIC && x.size == file_class_size(class) &&
	    file_extent_is_sealed(&x, *at, b->s->key)) {
		t->head.free[class] = x.next;
	} else {
		t->head.free[class] = 0;
		*at = 0;
	}
	return 0;
}

static int
allocate(struct file_batch *b, uint32_t stripe, unsigned class, uint64_t *at)
{
	struct file_head *h = &b->s->stripes[stripe].head;
	int rc = pop_free(b, stripe, class, at);

	if (rc != 0)
		return rc;
	if (*at == 0) {
		*at = h->end;
		h->end += file_class_size(class);
	}
	h->live_bytes += file_class_size(class);
	return 0;
}

static int
release(struct file_batch *b, uint32_t stripe, uint64_t at, uint32_t size)
{
	struct file_head *h = &b->s->stripes[stripe].head;
	const unsigned class = file_class_of(size);
	struct file_extent *x = add_patch(&b->patches, stripe, at, sizeof(*x));

	if (x == NULL)
		return LK_E_NOMEM;
	*x = (struct file_extent){
		.magic = FILE_FREE_MAGIC, .at = at, .size = size, .next = h->free[class]
	};
	file_extent_seal(x, b->s->key);
	h->free[class] = at;
	h->live_bytes -= size;
	return 0;
}

/* ------------------------------------------------------------------------- records */

static int
put_entry(struct file_batch *b, uint32_t stripe, uint64_t index, uint32_t unit, uint64_t hash)
{
	struct file_entry *e =
		add_patch(&b->patches, stripe, FILE_PAGE + index * sizeof(*e), sizeof(*e));

	if (e == NULL)
		return LK_E_NOMEM;
	*e = (struct file_entry){ .hash = hash, .unit = unit };
	file_entry_seal(e, index, b->s->key);
	return 0;
}

static int
put_extent(struct file_batch *b, size_t i, uint64_t at, uint32_t size)
{
	const struct lk_store_record *r = &b->r[i];
	struct file_extent *x = add_patch(&b->patches, b->items[i].stripe, at,
					  file_record_at(r->len) + r->fresh_len);

	if (x == NULL)
		return LK_E_NOMEM;
	*x = (struct file_extent){ .magic = FILE_LIVE_MAGIC,
				   .at = at,
				   .size = size,
				   .name_len = (uint32_t)r->len,
				   .len = (uint32_t)r->fresh_len,
				   .hash = b->items[i].hash };
	memcpy(x + 1, r->name, r->len);
	memcpy((char *)x + file_record_at(r->len), r->fresh, r->fresh_len);
	file_extent_seal(x, b->s->key);
	return 0;
}

/* Large enough, and not far too large. */
static bool
fits(const struct file_find *f, unsigned class)
{
	return f->found == FILE_FOUND && f->size >= file_class_size(class) &&
	       f->size / 4 <= file_class_size(class);
}

/* Has one of the first `n` this entry?  Two of a batch may have found the same empty one: the second goes on looking. */
static bool
is_given_away(const struct file_batch *b, size_t n, uint32_t stripe, uint64_t index)
{
	for (size_t k = 0; k < n; k++) {
		if (b->items[k].stripe == stripe && b->r[k].changed != 0 &&
		    b->items[k].find.index == index)
			return true;
	}
	return false;
}

static int
next_free(struct file_batch *b, size_t i, struct file_find *f)
{
	const uint32_t stripe = b->items[i].stripe;
	const uint64_t n = b->s->stripes[stripe].head.n_entries;
	struct file_entry e = { .unit = f->was_gone ? ENTRY_GONE : ENTRY_EMPTY };

	for (uint64_t left = n; left > 0; left--) {
		int rc;

		if (e.unit <= ENTRY_GONE && !is_given_away(b, i, stripe, f->index)) {
			f->was_gone = e.unit == ENTRY_GONE;
			return 0;
		}
		f->index = (f->index + 1) % n;
		rc = file_read_entries(b->s, stripe, f->index, 1, &e);
		if (rc != 0)
			return rc;
	}
	return file_complain(b->s, LK_E_CORRUPT, "a stripe", "its entries are damaged");
}

static int
put_new(struct file_batch *b, size_t i, unsigned class)
{
	struct file_item *item = &b->items[i];
	struct file_head *h = &b->s->stripes[item->stripe].head;
	uint64_t at;
	int rc = 0;

	if (item->find.found == FILE_ABSENT) {
		rc = next_free(b, i, &item->find);
		h->n_live += rc == 0;
		h->n_gone -= rc == 0 && item->find.was_gone && h->n_gone > 0;
	}
	if (rc == 0)
		rc = allocate(b, item->stripe, class, &at);
	if (rc == 0)
		rc = put_extent(b, i, at, file_class_size(class));
	if (rc == 0)
		rc = put_entry(b, item->stripe, item->find.index, (uint32_t)(at / FILE_UNIT),
			       item->hash);
	return rc;
}

/*
 * An entry before an empty one need not be remembered, as nobody looks further anyway; if this update puts nothing there.
 */
static int
remove_one(struct file_batch *b, size_t i)
{
	struct file_item *item = &b->items[i];
	struct file_head *h = &b->s->stripes[item->stripe].head;

	struct file_entry next;
	uint64_t index;
	int rc;

	index = (item->find.index + 1) % h->n_entries;
	rc = file_read_entries(b->s, item->stripe, index, 1, &next);
	if (rc != 0)
		return rc;
	h->n_live -= h->n_live > 0;
	if (next.unit == ENTRY_EMPTY && !is_given_away(b, b->n, item->stripe, index))
		return put_entry(b, item->stripe, item->find.index, ENTRY_EMPTY, 0);
	h->n_gone++;
	return put_entry(b, item->stripe, item->find.index, ENTRY_GONE, 0);
}

static int
gather_one(struct file_batch *b, size_t i)
{
	const struct lk_store_record *r = &b->r[i];
	const struct file_find *f = &b->items[i].find;
	const unsigned class = file_class_of(file_record_at(r->len) + r->fresh_len);

	if (fits(f, class))
		return put_extent(b, i, f->at, f->size);
	return put_new(b, i, class);
}

/* After all that is new has its place, so that nothing is freed and used in one update. */
static int
end_one(struct file_batch *b, size_t i)
{
	const struct lk_store_record *r = &b->r[i];
	const struct file_item *item = &b->items[i];
	int rc = r->fresh_len == 0 ? remove_one(b, i) : 0;

	if (rc != 0 || item->find.found != FILE_FOUND)
		return rc;
	if (r->fresh_len != 0 &&
	    fits(&item->find, file_class_of(file_record_at(r->len) + r->fresh_len)))
		return 0;
	return release(b, item->stripe, item->find.at, item->find.size);
}

/* To remove what is not there is no change. */
static void
drop_idle(struct file_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->r[i].fresh_len == 0 && b->items[i].find.found == FILE_ABSENT)
			b->r[i].changed = 0;
	}
}

static int
gather_records(struct file_batch *b)
{
	int rc = 0;

	for (size_t i = 0; i < b->n && rc == 0; i++) {
		if (b->r[i].changed != 0 && b->r[i].fresh_len != 0)
			rc = gather_one(b, i);
	}
	for (size_t i = 0; i < b->n && rc == 0; i++) {
		if (b->r[i].changed != 0)
			rc = end_one(b, i);
	}
	return rc;
}

/* --------------------------------------------------------------------------- heads */

static void
count_changes(struct file_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->r[i].changed == 0)
			continue;
		b->changed |= file_bit(b->items[i].stripe);
		if (b->r[i].is_quiet == 0)
			b->items[i].hint = ++b->s->stripes[b->items[i].stripe].head.hints;
	}
}

static int
gather_heads(struct file_batch *b)
{
	for (uint32_t i = file_next(b->changed, 0); i < FILE_STRIPES_ALL;
	     i = file_next(b->changed, i + 1)) {
		struct file_head *h = &b->s->stripes[i].head;
		struct file_head *two = add_patch(&b->patches, i, 0, 2 * sizeof(*h));

		if (two == NULL)
			return LK_E_NOMEM;
		h->generation++; /* (SF7) */
		file_seal(h, b->s->key);
		two[0] = two[1] = *h;
	}
	return 0;
}

/* ---------------------------------------------------------------------------- room */

static uint64_t
count_new(const struct file_batch *b, uint32_t stripe)
{
	uint64_t n = 0;

	for (size_t i = 0; i < b->n; i++)
		n += b->items[i].stripe == stripe && b->r[i].changed != 0 &&
		     b->r[i].fresh_len != 0 && b->items[i].find.found == FILE_ABSENT;
	return n;
}

/* A stripe that moved to another file has its records elsewhere. */
static int
find_again(struct file_batch *b, uint32_t stripe)
{
	int rc = 0;

	for (size_t i = 0; i < b->n && rc == 0; i++) {
		struct arena a;

		if (b->items[i].stripe != stripe)
			continue;
		arena_init(&a, &b->s->place);
		rc = file_find(b->s, stripe, b->r[i].name, b->r[i].len, b->items[i].hash, &a,
			       &b->items[i].find);
		arena_fini(&a);
	}
	return rc;
}

static int
make_room(struct file_batch *b)
{
	for (uint32_t i = file_next(b->stripes, 0); i < FILE_STRIPES_ALL;
	     i = file_next(b->stripes, i + 1)) {
		const uint64_t before = b->s->stripes[i].head.generation;
		int rc = file_stripe_make_room(b->s, i, count_new(b, i));

		if (rc == 0 && b->s->stripes[i].head.generation != before)
			rc = find_again(b, i);
		if (rc != 0)
			return rc;
		b->reserved_from[i] = b->s->stripes[i].head.end;
	}
	return 0;
}

/* So that nothing fails for want of room once the update is logged. */
static int
reserve(struct file_batch *b, uint32_t stripe)
{
	struct file_store *s = b->s;
	const uint64_t from = b->reserved_from[stripe];
	const uint64_t to = s->stripes[stripe].head.end;
	char name[16];
	int error;

	if (to <= from)
		return 0;
	file_stripe_name(stripe, name);
	if (to > s->max_size || to > FILE_END_MAX)
		return file_complain(s, LK_E_LIMIT, name, "max_size is reached");
	if (file_reserved(from) == file_reserved(to))
		return 0;
	error = io_reserve(s->stripes[stripe].fd, file_reserved(from),
			   file_reserved(to) - file_reserved(from));
	return error == 0 ? 0 : file_say(s, LK_E_STORE, name, error);
}

static int
reserve_all(struct file_batch *b)
{
	int rc = 0;

	for (uint32_t i = file_next(b->changed, 0); i < FILE_STRIPES_ALL && rc == 0;
	     i = file_next(b->changed, i + 1))
		rc = reserve(b, i);
	return rc;
}

/* What we have written we have seen.  (SF7) */
static void
note_seen(struct file_batch *b)
{
	for (uint32_t i = file_next(b->changed, 0); i < FILE_STRIPES_ALL;
	     i = file_next(b->changed, i + 1))
		b->s->stripes[i].seen = b->s->stripes[i].head.generation;
}

int
file_batch_write(struct file_batch *b)
{
	int rc;

	drop_idle(b);
	rc = make_room(b);
	patches_init(&b->patches, &b->s->place);
	b->changed = 0;
	if (rc == 0)
		rc = gather_records(b);
	count_changes(b);
	if (rc == 0)
		rc = gather_heads(b);
	if (rc == 0)
		rc = reserve_all(b);
	if (rc == 0 && b->changed != 0)
		rc = file_log_write(b->s, b->changed, b->patches.bytes, b->patches.len);
	patches_fini(&b->patches);
	if (rc == 0)
		note_seen(b);
	return rc;
}
