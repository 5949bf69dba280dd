/* SPDX-License-Identifier: MIT */
/* Writing hints, and listening to them. */
#define _GNU_SOURCE
#include "file/hints.h"

#include <errno.h>

#include "common/quiet.h"

static uint64_t
cell_at(uint32_t stripe, uint64_t number)
{
	return ((uint64_t)stripe * FILE_HINT_CELLS + (number - 1) % FILE_HINT_CELLS) *
	       FILE_HINT_CELL;
}

void
file_hint_write(struct file_store *s, uint32_t stripe, uint64_t number, const void *name,
		size_t len)
{
	struct file_hint h = { .number = number, .len = UINT32_MAX };

	if (s->hints < 0)
		return;
	if (len <= sizeof(h.name)) {
		h.len = (uint32_t)len;
		memcpy(h.name, name, len);
	}
	file_hint_seal(&h, stripe, s->key);
	atomic_store(&s->stripes[stripe].own[(number - 1) % FILE_HINT_CELLS], number);
	(void)io_write(s->hints, &h, sizeof(h), cell_at(stripe, number)); /* it may be lost */
}

/* So that it need not be read beyond its end. */
void
file_hints_set_up(const struct file_store *s)
{
	const uint64_t size = cell_at(FILE_STRIPES_ALL, 1);
	struct stat is;

	if (!s->is_read_only && s->hints >= 0 && io_stat(s->hints, &is) == 0 &&
	    (uint64_t)is.st_size < size)
		(void)io_truncate(s->hints, size);
}

/* ------------------------------------------------------------------------- reading */

/* The highest number there is, if it is above `number`. */
static uint64_t
newest(const struct file_store *s, const struct file_hint *cells, uint32_t stripe, uint64_t number)
{
	for (int i = 0; i < FILE_HINT_CELLS; i++) {
		if (cells[i].number > number && file_hint_is_sealed(&cells[i], stripe, s->key))
			number = cells[i].number;
	}
	return number;
}

static bool
tell_one(struct file_store *s, const struct file_hint *cells, uint32_t stripe, uint64_t number)
{
	const size_t cell = (number - 1) % FILE_HINT_CELLS;
	const struct file_hint *h = &cells[cell];

	if (atomic_load(&s->stripes[stripe].own[cell]) == number)
		return true; /* who made it knows of it */
	if (h->number != number || h->len > sizeof(h->name) ||
	    !file_hint_is_sealed(h, stripe, s->key))
		return false;
	s->watch.fn(s->watch.arg, h->name, h->len);
	return true;
}

/* The news of a stripe.  False: there are some whose names are not known. */
static bool
tell_stripe(struct file_store *s, const struct file_hint *cells, uint32_t stripe)
{
	uint64_t seen = s->watch.seen[stripe];
	const uint64_t last = newest(s, cells, stripe, seen);
	bool is_known = last - seen <= FILE_HINT_CELLS;

	if (last <= seen)
		return true;
	if (!is_known)
		seen = last - FILE_HINT_CELLS;
	while (seen < last)
		is_known &= tell_one(s, cells, stripe, ++seen);
	s->watch.seen[stripe] = last;
	return is_known;
}

enum { READ_AT_ONCE = FILE_STRIPES_STANDARD }; /* stripes, whose cells follow each other */

/* Those of so many stripes, and of the durable one. */
struct cells {
	struct file_hint of[READ_AT_ONCE + 1][FILE_HINT_CELLS];
};

/* The cells of `n` stripes from `first` on; zeros where there are none yet. */
static bool
read_cells(const struct file_store *s, uint32_t first, uint32_t n,
	   struct file_hint cells[][FILE_HINT_CELLS])
{
	const size_t len = n * sizeof(cells[0]);
	size_t got = 0;

	if (io_read_some(s->hints, cells, len, cell_at(first, 1), &got) != 0)
		return false; /* of a file that has its full length one call reads all of it */
	memset((char *)cells + got, 0, len - got);
	return true;
}

/* `fn` is called if `is_told`; else what is there is taken note of. */
static bool
take_cells(struct file_store *s, uint32_t first, uint32_t n,
	   struct file_hint cells[][FILE_HINT_CELLS], bool is_told)
{
	bool is_known = true;

	for (uint32_t i = 0; i < n; i++) {
		if (is_told)
			is_known &= tell_stripe(s, cells[i], first + i);
		else
			s->watch.seen[first + i] = newest(s, cells[i], first + i, 0);
	}
	return is_known;
}

/* What is durable changes seldom, and is told first: so of most stores all is read before anybody is told. */
static bool
read_all(struct file_store *s, bool is_told)
{
	struct cells cells;
	struct file_hint(*durable)[FILE_HINT_CELLS] = &cells.of[READ_AT_ONCE];
	bool is_known = true;

	for (uint32_t i = 0; i < s->n_stripes; i += READ_AT_ONCE) {
		const uint32_t left = s->n_stripes - i;
		const uint32_t n = left < READ_AT_ONCE ? left : READ_AT_ONCE;

		if (!read_cells(s, i, n, cells.of) ||
		    (i == 0 && !read_cells(s, FILE_DURABLE, 1, durable)))
			return false;
		if (i == 0)
			is_known &= take_cells(s, FILE_DURABLE, 1, durable, is_told);
		is_known &= take_cells(s, i, n, cells.of, is_told);
	}
	return is_known;
}

/* ------------------------------------------------------------------------ the thread */

/* Before anything is heard: what there is already is no news. */
static void
see_all(void *arg)
{
	(void)read_all(arg, false);
}

static void
hear(void *arg, bool is_last)
{
	struct file_store *s = arg;

	if (!read_all(s, true) || is_last)
		s->watch.fn(s->watch.arg, NULL, 0);
}

static int
watch(struct file_store *s, lk_store_hint_fn *fn, void *arg)
{
	int error;

	if (fork_note_is_foreign(&s->fork))
		return LK_E_FORKED;
	if (fn == NULL || s->watch.fn != NULL)
		return fn == NULL ? LK_E_INVAL : LK_E_BUSY;
	if (s->hints < 0)
		return LK_E_UNSUPPORTED;
	s->watch.fn = fn;
	s->watch.arg = arg;
	error = listener_start(&s->watch.listener, s->hints, see_all, hear, s);
	if (error == 0)
		return 0;
	s->watch.fn = NULL;
	return file_say(s,
			error == EMFILE || error == ENFILE || error == ENOSPC ? LK_E_LIMIT
									      : LK_E_STORE,
			"hints, to watch it", error);
}

int
file_watch(struct lk_store *base, lk_store_hint_fn *fn, void *arg)
{
	const struct quiet q = quiet_enter();

	return quiet_leave(q, watch(file_store_of(base), fn, arg));
}

void
file_unwatch(struct lk_store *base)
{
	struct file_store *s = file_store_of(base);
	const struct quiet q = quiet_enter();

	if (!fork_note_is_foreign(&s->fork) && s->watch.fn != NULL) {
		listener_stop(&s->watch.listener);
		s->watch.fn = NULL;
	}
	(void)quiet_leave(q, 0);
}
