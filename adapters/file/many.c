/* SPDX-License-Identifier: MIT */
/* Groups of updates, each with its stripes locked once.  (SF12, SF13) */
#include "file/many.h"

#include "common/quiet.h"
#include "common/records.h"
#include "file/change.h"
#include "file/lock.h"

/* What is known of one of them. */
struct seat {
	uint64_t stripes; /* in which its records are; 0: it was made, or left */
	struct file_item *items;
	bool is_untold; /* it was made just now, and others are to hear of it */
};

struct many {
	struct file_store *s;
	struct lk_store_update *u;
	size_t n;
	uint64_t deadline_ns;
	struct seat *seats;
	struct arena arena; /* of seats and items */
};

static void
set_change(struct file_change *c, const struct many *m, size_t i)
{
	c->s = m->s;
	c->r = m->u[i].r;
	c->n = m->u[i].n;
	c->fn = m->u[i].fn;
	c->arg = m->u[i].arg;
	c->items = m->seats[i].items;
	c->stripes = m->seats[i].stripes;
	c->is_torn = false;
}

/* ------------------------------------------------------------------------- seats */

static bool
is_durable(const struct lk_store_update *u)
{
	for (size_t i = 0; i < u->n; i++) {
		if ((u->r[i].flags & LK_STORE_DURABLE) != 0)
			return true;
	}
	return false;
}

/* Alone it hears what is wrong with it; and nobody waits for a disk with it.  False: no memory. */
static bool
take_seat(struct many *m, size_t i)
{
	struct lk_store_update *u = &m->u[i];
	struct seat *seat = &m->seats[i];
	struct file_change c;

	u->rc = 0;
	u->is_left = records_check(u->r, u->n) != 0 || u->fn == NULL || is_durable(u);
	*seat = (struct seat){ .stripes = 0 };
	if (u->is_left != 0)
		return true;
	seat->items = arena_alloc(&m->arena, u->n * sizeof(*seat->items));
	if (seat->items == NULL)
		return false;
	set_change(&c, m, i);
	file_change_place(&c);
	seat->stripes = c.stripes;
	return true;
}

static bool
take_seats(struct many *m)
{
	m->seats = arena_alloc(&m->arena, m->n * sizeof(*m->seats));
	for (size_t i = 0; m->seats != NULL && i < m->n; i++) {
		if (!take_seat(m, i))
			return false;
	}
	return m->seats != NULL;
}

/* ------------------------------------------------------------------------- groups */

/* Those of the first that is not made.  0: all are made, or left. */
static uint64_t
next_stripes(const struct many *m)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->seats[i].stripes != 0)
			return m->seats[i].stripes;
	}
	return 0;
}

static bool
is_among(const struct seat *seat, uint64_t stripes)
{
	return seat->stripes != 0 && (seat->stripes & ~stripes) == 0;
}

/* It has been answered. */
static void
end_one(struct many *m, size_t i, int rc)
{
	m->u[i].rc = rc;
	m->seats[i].stripes = 0;
	m->seats[i].is_untold = rc == 0 || rc == LK_E_UNKNOWN;
	records_end(m->u[i].r, m->u[i].n);
}

/* False: what is known of the stripes is not so any more.  (SF13) */
static bool
make_one(struct many *m, size_t i)
{
	struct file_change c; /* of which the arena is not cleared */

	set_change(&c, m, i);
	arena_init(&c.arena, &m->s->place);
	end_one(m, i, file_change_make(&c));
	arena_fini(&c.arena);
	return !c.is_torn;
}

static void
tell_those_made(struct many *m)
{
	for (size_t i = 0; i < m->n; i++) {
		struct file_change c;

		if (!m->seats[i].is_untold)
			continue;
		m->seats[i].is_untold = false;
		set_change(&c, m, i);
		file_change_tell(&c);
	}
}

/* Those whose records are all in these stripes.  (SF12) */
static void
make_group(struct many *m, uint64_t stripes)
{
	const int rc = file_lock(m->s, stripes, IO_LOCK_EXCLUSIVE, m->deadline_ns);
	bool goes_on = true;

	for (size_t i = 0; i < m->n && goes_on; i++) {
		if (!is_among(&m->seats[i], stripes))
			continue;
		if (rc != 0)
			end_one(m, i, rc);
		else
			goes_on = make_one(m, i);
	}
	if (rc == 0)
		file_unlock(m->s, stripes);
	tell_those_made(m);
}

/* ---------------------------------------------------------------------- all of them */

static void
make_all(struct many *m)
{
	uint64_t stripes;

	arena_init(&m->arena, &m->s->place);
	if (take_seats(m)) {
		while ((stripes = next_stripes(m)) != 0)
			make_group(m, stripes);
	} else { /* alone they need less memory at a time */
		for (size_t i = 0; i < m->n; i++)
			m->u[i].is_left = 1;
	}
	arena_fini(&m->arena);
}

static void
refuse_all(const struct many *m, int rc)
{
	for (size_t i = 0; i < m->n; i++) {
		m->u[i].rc = rc;
		m->u[i].is_left = 0;
	}
}

void
file_update_many(struct lk_store *base, struct lk_store_update *u, size_t n, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct many m;

	m.s = file_store_of(base);
	m.u = u;
	m.n = n;
	m.deadline_ns = deadline_ns;
	if (fork_note_is_foreign(&m.s->fork))
		refuse_all(&m, LK_E_FORKED);
	else if (m.s->is_read_only)
		refuse_all(&m, file_complain(m.s, LK_E_PERM, "", "opened to look only"));
	else
		make_all(&m);
	(void)quiet_leave(q, 0);
}
