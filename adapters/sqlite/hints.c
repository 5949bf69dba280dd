/* SPDX-License-Identifier: MIT */
/* Cells of the sidecar: written after a commit, read when the system says that somebody wrote. */
#include "sqlite/hints.h"

#include <errno.h>

#include "common/io.h"
#include "common/quiet.h"
#include "sqlite/rows.h"
#include "sqlite/sidecar.h"

static uint64_t
cell_at(uint64_t number)
{
	return SIDECAR_CELLS_AT + number % SIDECAR_CELLS * sizeof(struct sidecar_cell);
}

static uint32_t
sum_of(const struct sqlite_store *s, const struct sidecar_cell *cell)
{
	struct sidecar_cell c = *cell;

	c.sum = 0;
	return (uint32_t)rows_hash(&c, sizeof(c), s->key + HINTS_SHIFT); /* (SQ8) */
}

/* One cell for each; who reads too late finds some of them overwritten, and says "any". */
void
hints_write(struct sqlite_store *s, const struct lk_store_record *r, size_t n, uint64_t first)
{
	for (size_t i = 0; i < n; i++) {
		struct sidecar_cell cell = { .number = first, .len = UINT32_MAX };

		if (r[i].changed == 0 || r[i].is_quiet != 0)
			continue;
		if (r[i].len <= sizeof(cell.name)) {
			cell.len = (uint32_t)r[i].len;
			memcpy(cell.name, r[i].name, r[i].len);
		}
		cell.sum = sum_of(s, &cell);
		atomic_store(&s->hints_own[first % SIDECAR_CELLS], first);
		(void)io_write(s->beacons.fd, &cell, sizeof(cell),
			       cell_at(first)); /* may be lost */
		first++;
	}
}

/* -------------------------------------------------------------------------------- reading */

static bool
is_right(const struct sqlite_store *s, const struct sidecar_cell *c)
{
	return c->number != 0 && c->sum == sum_of(s, c);
}

/* `*newest`: the highest number there is, if it is above that one. */
static bool
read_cells(struct sqlite_store *s, struct sidecar_cell cells[SIDECAR_CELLS], uint64_t *newest)
{
	if (io_read(s->beacons.fd, cells, SIDECAR_CELLS * sizeof(cells[0]), SIDECAR_CELLS_AT) != 0)
		return false;
	for (int i = 0; i < SIDECAR_CELLS; i++) {
		if (cells[i].number > *newest && is_right(s, &cells[i]))
			*newest = cells[i].number;
	}
	return true;
}

static void
begin(void *arg)
{
	struct sidecar_cell cells[SIDECAR_CELLS];
	struct sqlite_store *s = arg;

	s->hints_seen = 0;
	(void)read_cells(s, cells, &s->hints_seen);
}

/* False: its name is not known. */
static bool
tell_one(struct sqlite_store *s, const struct sidecar_cell *c, uint64_t number)
{
	if (atomic_load(&s->hints_own[number % SIDECAR_CELLS]) == number)
		return true; /* who made it knows of it */
	if (c->number != number || c->len > sizeof(c->name) || !is_right(s, c))
		return false;
	s->hint(s->hint_arg, c->name, c->len);
	return true;
}

static void
news(void *arg, bool is_last)
{
	struct sidecar_cell cells[SIDECAR_CELLS];
	struct sqlite_store *s = arg;
	uint64_t newest = s->hints_seen;
	bool is_known = read_cells(s, cells, &newest) && !is_last;

	if (newest > s->hints_seen + SIDECAR_CELLS) {
		s->hints_seen = newest - SIDECAR_CELLS;
		is_known = false;
	}
	while (s->hints_seen < newest) {
		s->hints_seen++;
		is_known &= tell_one(s, &cells[s->hints_seen % SIDECAR_CELLS], s->hints_seen);
	}
	if (!is_known)
		s->hint(s->hint_arg, NULL, 0);
}

static int
watch(struct sqlite_store *s, lk_store_hint_fn *fn, void *arg)
{
	int error;

	if (fork_note_is_foreign(&s->fork))
		return LK_E_FORKED;
	if (fn == NULL || s->hint != NULL)
		return fn == NULL ? LK_E_INVAL : LK_E_BUSY;
	s->hint = fn;
	s->hint_arg = arg;
	error = listener_start(&s->listener, s->beacons.fd, begin, news, s);
	if (error == 0)
		return 0;
	s->hint = NULL;
	return store_say_errno(s,
			       error == EMFILE || error == ENFILE || error == ENOSPC ? LK_E_LIMIT
										     : LK_E_STORE,
			       s->sidecar, error);
}

int
hints_watch(struct lk_store *base, lk_store_hint_fn *fn, void *arg)
{
	const struct quiet q = quiet_enter();

	return quiet_leave(q, watch(sqlite_store_of(base), fn, arg));
}

void
hints_unwatch(struct lk_store *base)
{
	struct sqlite_store *s = sqlite_store_of(base);
	const struct quiet q = quiet_enter();

	if (!fork_note_is_foreign(&s->fork) && s->hint != NULL) {
		listener_stop(&s->listener);
		s->hint = NULL;
	}
	(void)quiet_leave(q, 0);
}
