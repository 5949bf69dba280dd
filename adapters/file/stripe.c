/* SPDX-License-Identifier: MIT */
/* Looking into a stripe.  (SF4, SF5, SF6, SF7) */
#include "file/stripe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "file/map.h"

void
file_stripe_name(uint32_t stripe, char name[16])
{
	if (stripe == FILE_DURABLE)
		(void)snprintf(name, 16, "durable");
	else
		(void)snprintf(name, 16, "s%02u", stripe);
}

uint64_t
file_hash(const struct file_store *s, const void *name, size_t len)
{
	return XXH3_64bits_withSeed(name, len, s->key);
}

uint32_t
file_stripe_of(const struct file_store *s, uint64_t hash, uint32_t flags)
{
	if ((flags & LK_STORE_DURABLE) != 0)
		return FILE_DURABLE;
	return (uint32_t)((hash >> 40) % s->n_stripes);
}

/* ------------------------------------------------------------------------- the file */

static bool
is_it(const struct file_ident *ident, const struct stat *is)
{
	return ident->dev == is->st_dev && ident->ino == is->st_ino;
}

static int
reopen(struct file_store *s, uint32_t stripe, const char *name)
{
	struct file_stripe *t = &s->stripes[stripe];
	struct stat is;
	int error;

	file_map_drop(t);
	io_close(&t->fd);
	error = io_open(s->dir, name, s->is_read_only ? O_RDONLY : O_RDWR, &t->fd);
	if (error == 0)
		error = io_stat(t->fd, &is);
	if (error == ENOENT)
		return file_complain(s, LK_E_CORRUPT, name, "the file was removed");
	if (error != 0)
		return file_say(s, LK_E_STORE, name, error);
	t->ident = (struct file_ident){ is.st_dev, is.st_ino };
	return 0;
}

static int
look_by_name(struct file_store *s, uint32_t stripe, const char *name)
{
	const struct file_stripe *t = &s->stripes[stripe];
	struct stat is;
	int error;

	error = io_stat_at(s->dir, name, &is);
	if (error == ENOENT)
		return file_complain(s, LK_E_CORRUPT, name, "the file was removed");
	if (error != 0)
		return file_say(s, LK_E_STORE, name, error);
	return t->fd >= 0 && is_it(&t->ident, &is) ? 0 : reopen(s, stripe, name); /* (SF6) */
}

int
file_stripe_use(struct file_store *s, uint32_t stripe, uint64_t names)
{
	struct file_stripe *t = &s->stripes[stripe];
	char name[16];
	int error;

	if (names == 0 || t->names != names || t->fd < 0) {
		int rc;

		file_stripe_name(stripe, name);
		t->names = 0;
		rc = look_by_name(s, stripe, name);
		if (rc != 0)
			return rc;
		t->names = names; /* (SF9) */
	}
	error = file_map_use(s, stripe);
	if (error == 0)
		return 0;
	file_stripe_name(stripe, name);
	return file_say(s, LK_E_STORE, name, error);
}

bool
file_head_is_good(const struct file_store *s, uint32_t stripe, const struct file_head *h)
{
	return h->magic == FILE_STRIPE_MAGIC && file_is_sealed(h, s->key) &&
	       h->format == FILE_FORMAT && h->stripe == stripe &&
	       memcmp(h->id, s->id, sizeof(h->id)) == 0 && h->n_entries >= FILE_ENTRIES_MIN &&
	       (h->n_entries & (h->n_entries - 1)) == 0 && h->end >= file_extents_at(h->n_entries);
}

/*
 * The first that is good.  One that is, to the bit, what was found to be good last, or what we have written, need not be summed: so it is
 * as long as nobody else changes the stripe.
 */
static bool
take_head(struct file_store *s, uint32_t stripe, const struct file_head head[2])
{
	struct file_head *is = &s->stripes[stripe].head;

	if (is->magic == FILE_STRIPE_MAGIC && memcmp(is, &head[0], sizeof(*is)) == 0)
		return true;
	for (int i = 0; i < 2; i++) {
		if (!file_head_is_good(s, stripe, &head[i]))
			continue;
		*is = head[i];
		return true;
	}
	return false;
}

/* Of the system, or, with `why`, ours.  Its name is spelled here, as each update loads a stripe. */
static int
say_load(struct file_store *s, uint32_t stripe, int rc, int error, const char *why)
{
	char name[16];

	file_stripe_name(stripe, name);
	return why != NULL ? file_complain(s, rc, name, why) : file_say(s, rc, name, error);
}

int
file_stripe_load(struct file_store *s, uint32_t stripe, uint64_t names, bool *is_dirty)
{
	struct file_stripe *t = &s->stripes[stripe];
	struct {
		struct file_head head[2];
		uint64_t log;
	} page;
	int rc = file_stripe_use(s, stripe, names);
	size_t got;
	int error;

	if (rc != 0)
		return rc;
	error = file_get(s, stripe, &page, sizeof(page), 0, &got);
	if (error == 0 && got < sizeof(page))
		error = IO_SHORT;
	*is_dirty = error == 0 && page.log != 0;
	if (*is_dirty)
		return 0;
	if (error != 0)
		return say_load(s, stripe, error == IO_SHORT ? LK_E_CORRUPT : LK_E_STORE, error,
				NULL);
	if (!take_head(s, stripe, page.head))
		return say_load(s, stripe, LK_E_CORRUPT, 0, "its head is damaged");
	if (t->head.generation < t->seen)
		return say_load(s, stripe, LK_E_CORRUPT, 0, "an older file is in its place");
	t->seen = t->head.generation; /* (SF7) */
	return 0;
}

/* --------------------------------------------------------------------- its contents */

static int
say(struct file_store *s, uint32_t stripe, int error)
{
	char name[16];

	file_stripe_name(stripe, name);
	return file_say(s, LK_E_STORE, name, error);
}

/* As they are; those beyond the end of the file are zeros, which no seal fits. */
static int
read_entries(struct file_store *s, uint32_t stripe, uint64_t index, size_t n,
	     struct file_entry *out)
{
	const size_t len = n * sizeof(*out);
	size_t got;
	int error = file_get(s, stripe, out, len, FILE_PAGE + index * sizeof(*out), &got);

	if (error != 0)
		return say(s, stripe, error);
	memset((char *)out + got, 0, len - got);
	return 0;
}

static void
check_entry(const struct file_store *s, uint64_t index, struct file_entry *e)
{
	if (!file_entry_is_sealed(e, index, s->key))
		e->unit = ENTRY_DAMAGED; /* (SF4) */
}

int
file_read_entries(struct file_store *s, uint32_t stripe, uint64_t index, size_t n,
		  struct file_entry *out)
{
	int rc = read_entries(s, stripe, index, n, out);

	for (size_t i = 0; i < n && rc == 0; i++)
		check_entry(s, index + i, &out[i]);
	return rc;
}

/* Can an extent be there, and can its head be what it says? */
static bool
is_possible(const struct file_head *h, const struct file_extent *x, uint64_t at)
{
	return x->magic == FILE_LIVE_MAGIC && x->at == at && x->name_len > 0 &&
	       x->name_len <= LK_STORE_NAME_MAX && x->len <= LK_STORE_RECORD_MAX &&
	       x->size <= file_class_size(FILE_CLASSES - 1) && file_extent_used(x) <= x->size &&
	       at + x->size <= h->end;
}

enum { GLIMPSE = 512 }; /* most extents are read at once */

/*
 * An extent into the arena, whole.  `*out` NULL: what is there can be none.  It is not yet known whether its sum is right.
 */
static int
read_extent(struct file_store *s, uint32_t stripe, uint64_t at, struct arena *a,
	    struct file_extent **out)
{
	const struct file_stripe *t = &s->stripes[stripe];
	struct file_extent *x = arena_alloc(a, GLIMPSE);
	size_t got = 0;
	int error = 0;

	*out = NULL;
	if (x == NULL)
		return LK_E_NOMEM;
	memset(x, 0, sizeof(*x));
	if (at % FILE_UNIT == 0 && at >= file_extents_at(t->head.n_entries) && at < t->head.end)
		error = file_get(s, stripe, x, GLIMPSE, at, &got);
	if (error == 0 && got >= sizeof(*x) && is_possible(&t->head, x, at)) {
		const size_t used = file_extent_used(x);

		*out = x;
		if (used > GLIMPSE) {
			*out = arena_alloc(a, used);
			if (*out == NULL)
				return LK_E_NOMEM;
			error = file_get(s, stripe, *out, used, at, &got);
		}
		if (got < used)
			*out = NULL;
	}
	return error == 0 ? 0 : say(s, stripe, error);
}

int
file_read_extent(struct file_store *s, uint32_t stripe, uint64_t at, struct arena *a,
		 struct file_extent **out)
{
	int rc = read_extent(s, stripe, at, a, out);

	/* It was read twice if it is long: the head as it is now must fit too. */
	if (rc == 0 && *out != NULL &&
	    (!is_possible(&s->stripes[stripe].head, *out, at) ||
	     !file_extent_is_sealed(*out, at, s->key)))
		*out = NULL;
	return rc;
}

/* ------------------------------------------------------------------------ a search */

struct search {
	struct file_store *s;
	uint32_t stripe;
	const void *name;
	size_t len;
	uint64_t hash;
	struct arena *arena;
	struct file_find *out;
	bool is_over;
	bool saw_damage; /* an entry that may be anybody's (SF5) */
};

static void
found(struct search *q, const struct file_extent *x, uint64_t index)
{
	q->out->found = FILE_FOUND;
	q->out->index = index;
	q->out->at = x->at;
	q->out->size = x->size;
	q->out->record = (const char *)x + file_record_at(x->name_len);
	q->out->len = x->len;
	q->is_over = true;
}

/* An entry with the hash of the name: is it the name's? */
static int
look_at_extent(struct search *q, const struct file_entry *e, uint64_t index)
{
	struct file_extent *x;
	int rc = file_read_extent(q->s, q->stripe, file_entry_at(e), q->arena, &x);

	if (rc != 0)
		return rc;
	if (x == NULL) {
		q->out->found = FILE_DAMAGED; /* of 2^64 names this one's */
		q->out->index = index;
		q->out->was_gone = true;
	} else if (x->name_len == q->len && memcmp(x + 1, q->name, q->len) == 0) {
		found(q, x, index);
	}
	return 0;
}

static void
note_free(struct search *q, uint64_t index, bool was_gone)
{
	if (q->out->found != FILE_ABSENT || q->out->index != FILE_NOWHERE)
		return;
	q->out->index = index;
	q->out->was_gone = was_gone;
}

static int
look_at_entry(struct search *q, const struct file_entry *e, uint64_t index)
{
	switch (e->unit) {
	case ENTRY_EMPTY:
		note_free(q, index, false);
		q->is_over = true;
		return 0;
	case ENTRY_GONE:
		note_free(q, index, true);
		return 0;
	case ENTRY_DAMAGED:
		q->saw_damage = true;
		return 0;
	default:
		return e->hash == q->hash ? look_at_extent(q, e, index) : 0;
	}
}

/* Entries that are read at once; most often the first of them is enough, so each is checked in its turn. */
enum { GULP = 16 };

static int
look_from(struct search *q, uint64_t first, uint64_t n_entries)
{
	struct file_entry e[GULP];
	uint64_t index = first;
	uint64_t left = n_entries;

	while (left > 0 && !q->is_over) {
		const uint64_t to_end = n_entries - index;
		const size_t n = (size_t)(to_end < GULP ? to_end : GULP);
		int rc = read_entries(q->s, q->stripe, index, n, e);

		for (size_t i = 0; i < n && rc == 0 && !q->is_over; i++) {
			check_entry(q->s, index + i, &e[i]);
			rc = look_at_entry(q, &e[i], index + i);
		}
		if (rc != 0)
			return rc;
		left -= n < left ? n : left;
		index = (index + n) % n_entries;
	}
	return 0;
}

int
file_find(struct file_store *s, uint32_t stripe, const void *name, size_t len, uint64_t hash,
	  struct arena *a, struct file_find *out)
{
	const uint64_t n_entries = s->stripes[stripe].head.n_entries;
	struct search q = { .s = s,
			    .stripe = stripe,
			    .name = name,
			    .len = len,
			    .hash = hash,
			    .arena = a,
			    .out = out };
	int rc;

	*out = (struct file_find){ .found = FILE_ABSENT, .index = FILE_NOWHERE };
	rc = look_from(&q, hash & (n_entries - 1), n_entries);
	if (rc == 0 && out->found == FILE_ABSENT && q.saw_damage)
		*out = (struct file_find){ .found = FILE_DAMAGED, .index = FILE_NOWHERE };
	return rc;
}
