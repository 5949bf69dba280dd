/* SPDX-License-Identifier: MIT */
/*
 * A stripe in a new file: to grow, to waste less, to drop what is damaged, or empty.  What is in it does not change by
 * that, so it is no part of an update; who dies in the middle leaves a file that nobody uses.  (SF6, SF7)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "file/map.h"
#include "file/stripe.h"

struct rewrite {
	struct file_store *s;
	uint32_t stripe;
	bool drops_damage;
	int fd;
	char name[16];
	char new_name[24];
	struct file_head head;
	struct file_entry *entries;
	unsigned char *buffer; /* extents on their way out */
	size_t buffered;
};

enum { BUFFER = 1 << 18 };

static size_t
entries_size(const struct rewrite *w)
{
	return w->head.n_entries * sizeof(*w->entries);
}

static int
fail(struct rewrite *w, int error)
{
	return file_say(w->s, LK_E_STORE, w->new_name, error);
}

/* ------------------------------------------------------------------- what goes out */

static int
flush(struct rewrite *w)
{
	int error = io_write(w->fd, w->buffer, w->buffered, w->head.end - w->buffered);

	w->buffered = 0;
	return error == 0 ? 0 : fail(w, error);
}

static int
append(struct rewrite *w, const void *bytes, uint32_t size, size_t used)
{
	if (w->buffered + size > BUFFER) {
		int rc = flush(w);

		if (rc != 0)
			return rc;
	}
	memcpy(w->buffer + w->buffered, bytes, used);
	memset(w->buffer + w->buffered + used, 0, size - used);
	w->buffered += size;
	w->head.end += size;
	return 0;
}

static void
put_entry(struct rewrite *w, uint64_t at, uint64_t hash)
{
	uint64_t index = hash & (w->head.n_entries - 1);

	while (w->entries[index].unit != ENTRY_EMPTY)
		index = (index + 1) & (w->head.n_entries - 1);
	w->entries[index] = (struct file_entry){ .hash = hash, .unit = (uint32_t)(at / FILE_UNIT) };
	w->head.n_live++;
}

/* ------------------------------------------------------------------- what comes in */

static int
copy_live(struct rewrite *w, struct file_extent *x)
{
	const uint32_t size = file_class_size(file_class_of(file_extent_used(x)));

	x->at = w->head.end;
	x->size = size;
	file_extent_seal(x, w->s->key);
	put_entry(w, x->at, x->hash);
	w->head.live_bytes += size;
	return append(w, x, size, file_extent_used(x));
}

/* What is damaged stays so: its entry says of which hash, and points to an extent that is none.  (SF4) */
static int
copy_damaged(struct rewrite *w, const struct file_entry *e)
{
	static const unsigned char nothing[FILE_UNIT];

	if (w->drops_damage)
		return 0;
	put_entry(w, w->head.end, e->hash);
	w->head.live_bytes += sizeof(nothing);
	return append(w, nothing, sizeof(nothing), sizeof(nothing));
}

static int
copy_entry(struct rewrite *w, const struct file_entry *e, struct arena *a)
{
	struct file_extent *x;
	int rc;

	if (e->unit == ENTRY_EMPTY || e->unit == ENTRY_GONE)
		return 0;
	if (e->unit == ENTRY_DAMAGED) {
		if (w->drops_damage)
			return 0;
		return file_complain(w->s, LK_E_CORRUPT, w->name,
				     "it has no room, and damaged entries cannot be moved");
	}
	rc = file_read_extent(w->s, w->stripe, file_entry_at(e), a, &x);
	if (rc != 0)
		return rc;
	return x != NULL && x->hash == e->hash ? copy_live(w, x) : copy_damaged(w, e);
}

static int
copy_all(struct rewrite *w)
{
	const uint64_t n = w->s->stripes[w->stripe].head.n_entries;
	struct file_entry e[FILE_ENTRIES_MIN];
	int rc = 0;

	for (uint64_t i = 0; i < n && rc == 0; i += FILE_ENTRIES_MIN) {
		rc = file_read_entries(w->s, w->stripe, i, FILE_ENTRIES_MIN, e);
		for (size_t k = 0; k < FILE_ENTRIES_MIN && rc == 0; k++) {
			struct arena a;

			arena_init(&a, &w->s->place);
			rc = copy_entry(w, &e[k], &a);
			arena_fini(&a);
		}
	}
	return rc != 0 ? rc : flush(w);
}

/* ------------------------------------------------------------------ the new file */

static void
seal_entries(struct rewrite *w)
{
	for (uint64_t i = 0; i < w->head.n_entries; i++)
		file_entry_seal(&w->entries[i], i, w->s->key);
}

static int
write_rest(struct rewrite *w)
{
	unsigned char page[FILE_PAGE] = { 0 };
	int error;

	seal_entries(w);
	file_seal(&w->head, w->s->key);
	memcpy(page, &w->head, sizeof(w->head));
	memcpy(page + sizeof(w->head), &w->head, sizeof(w->head));
	error = io_write(w->fd, w->entries, entries_size(w), FILE_PAGE);
	if (error == 0)
		error = io_reserve(w->fd, w->head.end, file_reserved(w->head.end) - w->head.end);
	if (error == 0)
		error = io_write(w->fd, page, sizeof(page), 0);
	if (error == 0 && w->stripe == FILE_DURABLE)
		error = io_sync(w->fd);
	return error == 0 ? 0 : fail(w, error);
}

static int
put_in_place(struct rewrite *w)
{
	struct file_stripe *t = &w->s->stripes[w->stripe];
	struct stat is;
	int error = io_stat(w->fd, &is);

	if (error == 0)
		error = io_rename(w->s->dir, w->new_name, w->name); /* (SF6) */
	if (error == 0 && w->stripe == FILE_DURABLE)
		error = io_sync(w->s->dir);
	if (error != 0)
		return fail(w, error);
	file_map_drop(t);
	io_close(&t->fd);
	t->fd = w->fd;
	t->names = 0; /* (SF9) */
	t->ident = (struct file_ident){ is.st_dev, is.st_ino };
	t->head = w->head;
	t->seen = w->head.generation;
	w->fd = -1;
	return 0;
}

static int
begin(struct rewrite *w, uint64_t n_entries, uint64_t generation, uint64_t hints)
{
	int error;

	file_stripe_name(w->stripe, w->name);
	(void)snprintf(w->new_name, sizeof(w->new_name), "%s.new", w->name);
	w->fd = -1;
	w->head = (struct file_head){ .magic = FILE_STRIPE_MAGIC,
				      .format = FILE_FORMAT,
				      .stripe = w->stripe,
				      .generation = generation,
				      .hints = hints,
				      .n_entries = n_entries,
				      .end = file_extents_at(n_entries) };
	memcpy(w->head.id, w->s->id, sizeof(w->head.id));
	w->buffered = 0;
	w->entries = place_zalloc(&w->s->place, entries_size(w));
	w->buffer = place_alloc(&w->s->place, BUFFER);
	if (w->entries == NULL || w->buffer == NULL)
		return LK_E_NOMEM;
	error = io_open(w->s->dir, w->new_name, O_RDWR | O_CREAT | O_TRUNC, &w->fd);
	return error == 0 ? 0 : fail(w, error);
}

static int
end(struct rewrite *w, int rc)
{
	if (rc != 0 && w->fd >= 0)
		io_remove(w->s->dir, w->new_name);
	io_close(&w->fd);
	place_free(&w->s->place, w->entries, entries_size(w));
	place_free(&w->s->place, w->buffer, BUFFER);
	return rc;
}

/* ------------------------------------------------------------------------ the calls */

int
file_stripe_make(struct file_store *s, uint32_t stripe)
{
	struct rewrite w = { .s = s, .stripe = stripe };
	int rc = begin(&w, FILE_ENTRIES_MIN, s->stripes[stripe].seen + 1, 0);

	if (rc == 0)
		rc = write_rest(&w);
	if (rc == 0)
		rc = put_in_place(&w);
	return end(&w, rc);
}

static int
rewrite(struct file_store *s, uint32_t stripe, uint64_t n_entries, bool drops_damage)
{
	const struct file_head *old = &s->stripes[stripe].head;
	struct rewrite w = { .s = s, .stripe = stripe, .drops_damage = drops_damage };
	int rc = begin(&w, n_entries, old->generation + 1, old->hints);

	if (rc == 0)
		rc = copy_all(&w);
	if (rc == 0)
		rc = write_rest(&w);
	if (rc == 0)
		rc = put_in_place(&w);
	return end(&w, rc);
}

/* So many that at most half are in use. */
static uint64_t
entries_for(uint64_t n)
{
	uint64_t entries = FILE_ENTRIES_MIN;

	while (entries < n * 2)
		entries *= 2;
	return entries;
}

enum { WASTE_ALLOWED = 1 << 18 };

static bool
is_wasteful(const struct file_head *h)
{
	const uint64_t bytes = h->end - file_extents_at(h->n_entries);

	return bytes > WASTE_ALLOWED && h->live_bytes < bytes / 4;
}

int
file_stripe_make_room(struct file_store *s, uint32_t stripe, uint64_t n)
{
	const struct file_head *h = &s->stripes[stripe].head;
	const bool is_full = (h->n_live + h->n_gone + n) * 4 > h->n_entries * 3;
	int rc;

	if (!is_full && !is_wasteful(h))
		return 0;
	rc = rewrite(s, stripe, entries_for(h->n_live + n), false);
	return is_full ? rc : 0; /* waste can wait */
}

int
file_stripe_purge(struct file_store *s, uint32_t stripe)
{
	return rewrite(s, stripe, entries_for(s->stripes[stripe].head.n_live), true);
}
