/* SPDX-License-Identifier: MIT */
/* Several updates in one transaction, one after the other: the lock of the database is taken once for all.  (SQ11) */
#include "sqlite/many.h"

#include "common/quiet.h"
#include "common/records.h"
#include "sqlite/hints.h"
#include "sqlite/rows.h"

struct many {
	struct lk_store_update *u;
	size_t n;
	struct tally tally;
	struct change c; /* each of them in turn: one transaction, one arena */
};

/* ----------------------------------------------------------------------- outcomes */

/* That of all that have not been left. */
static void
end_all(struct many *m, int rc)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->u[i].is_left != 0)
			continue;
		m->u[i].rc = rc;
		records_end(m->u[i].r, m->u[i].n);
	}
}

static void
leave_all(struct many *m)
{
	for (size_t i = 0; i < m->n; i++)
		m->u[i].is_left = 1;
}

static bool
has_written(const struct lk_store_update *u)
{
	return u->is_left == 0 && u->rc == 0 && records_are_changed(u->r, u->n) != 0;
}

/* Perhaps none of it is there; and who wrote nothing has perhaps seen it.  (SQ11) */
static void
doubt_all(struct many *m)
{
	for (size_t i = 0; i < m->n; i++) {
		if (has_written(&m->u[i]))
			m->u[i].rc = LK_E_UNKNOWN;
		else
			m->u[i].is_left = 1;
	}
}

/* ------------------------------------------------------------------------ one of them */

/* It is read, decided and written, so that the next one sees it; else all of the transaction has failed. */
static int
make(struct many *m, struct lk_store_update *u)
{
	struct change *c = &m->c;
	bool is_damaged;
	int rc = rows_find(c, &is_damaged);

	if (rc != 0)
		return rc;
	u->rc = is_damaged ? rows_say_damaged(c) : records_change(c->r, c->n, c->fn, c->arg);
	if (u->rc != 0)
		return 0;
	if (rows_change_durable(c)) {
		u->is_left = 1; /* alone it is synced, and nobody else waits for that (SQ2) */
		return 0;
	}
	return rows_write(c, &m->tally);
}

static int
make_in_turn(struct many *m)
{
	int rc = 0;

	for (size_t i = 0; i < m->n && rc == 0; i++) {
		struct lk_store_update *u = &m->u[i];

		if (u->is_left != 0)
			continue;
		m->c.r = u->r;
		m->c.n = u->n;
		m->c.fn = u->fn;
		m->c.arg = u->arg;
		arena_init(&m->c.arena, &m->c.t.s->place);
		rc = make(m, u);
		records_end(u->r, u->n);
		arena_fini(&m->c.arena);
	}
	return rc;
}

/* ------------------------------------------------------------------------ all of them */

static void
tell_all(struct many *m)
{
	uint64_t first = rows_first_hint(&m->c.t, &m->tally);

	for (size_t i = 0; i < m->n; i++) {
		if (!has_written(&m->u[i]))
			continue;
		hints_write(m->c.t.s, m->u[i].r, m->u[i].n, first);
		for (size_t k = 0; k < m->u[i].n; k++)
			first += m->u[i].r[k].changed != 0 && m->u[i].r[k].is_quiet == 0;
	}
}

/* What failed for one reason or another is asked for alone: so each hears what is wrong with it. */
static void
commit(struct many *m)
{
	int rc = rows_count(&m->c.t, &m->tally);

	if (rc != 0) {
		transaction_abandon(&m->c.t);
		leave_all(m);
		return;
	}
	rc = transaction_commit(&m->c.t);
	if (rc == 0 || rc == LK_E_UNKNOWN)
		tell_all(m);
	if (rc == LK_E_UNKNOWN)
		doubt_all(m);
	else if (rc == LK_E_TIMEDOUT)
		end_all(m, rc); /* the time of all of them is over */
	else if (rc != 0)
		leave_all(m);
}

static void
make_all(struct many *m)
{
	const int rc = make_in_turn(m);

	if (rc == 0 && m->tally.hints + m->tally.quiet != 0) {
		commit(m);
		return;
	}
	transaction_abandon(&m->c.t);
	if (rc != 0)
		leave_all(m);
}

/* Alone it hears what is wrong with it.  False: there is nothing left to do. */
static bool
check(struct lk_store_update *u, size_t n)
{
	bool is_any = false;

	for (size_t i = 0; i < n; i++) {
		u[i].rc = 0;
		u[i].is_left = records_check(u[i].r, u[i].n) != 0 || u[i].fn == NULL;
		is_any |= u[i].is_left == 0;
	}
	return is_any;
}

void
many_update(struct lk_store *base, struct lk_store_update *u, size_t n, uint64_t deadline_ns)
{
	struct sqlite_store *s = sqlite_store_of(base);
	const struct quiet q = quiet_enter();
	struct many m;
	int rc;

	m.u = u;
	m.n = n;
	m.tally = (struct tally){ 0, 0 };
	if (!check(u, n)) {
		(void)quiet_leave(q, 0);
		return;
	}
	if (fork_note_is_foreign(&s->fork))
		rc = LK_E_FORKED;
	else if (s->is_read_only)
		rc = store_complain(s, LK_E_PERM, "", "opened to look only");
	else
		rc = transaction_begin(&m.c.t, s, true, deadline_ns);
	if (rc == 0)
		make_all(&m);
	else
		end_all(&m, rc);
	(void)quiet_leave(q, 0);
}
