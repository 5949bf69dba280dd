/* SPDX-License-Identifier: MIT */
/* Rows and beacons.  (SS1 to SS3) */
#include "sqlite/sessions.h"

#include <errno.h>
#include <stdio.h>

#include "common/arena.h"
#include "common/io.h"
#include "common/quiet.h"
#include "sqlite/transaction.h"

static int
fail_beacon(struct sqlite_store *s, int error)
{
	return store_say_errno(s, error == ENOMEM ? LK_E_NOMEM : LK_E_STORE, s->sidecar, error);
}

static void
bind_id(sqlite3_stmt *st, const struct lk_session_id *id)
{
	(void)sqlite3_bind_blob(st, 1, id->bytes, sizeof(id->bytes), SQLITE_STATIC);
}

static void
done(sqlite3_stmt *st)
{
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
}

/* Its row; `who` may be NULL. */
static int
find_row(struct transaction *t, const struct lk_session_id *id, bool *is_there, uint64_t *slot,
	 char who[LK_STORE_WHO_MAX + 1])
{
	int rc;
	sqlite3_stmt *st = transaction_statement(t, ST_SESSION, &rc);

	if (st == NULL)
		return rc;
	bind_id(st, id);
	rc = transaction_step(t, st, is_there);
	if (rc == 0 && *is_there) {
		const char *text = (const char *)sqlite3_column_text(st, 1);

		*slot = (uint64_t)sqlite3_column_int64(st, 0);
		if (who != NULL)
			(void)snprintf(who, LK_STORE_WHO_MAX + 1, "%s", text != NULL ? text : "");
	}
	done(st);
	return rc;
}

static int
remove_row(struct transaction *t, const struct lk_session_id *id)
{
	int rc;
	sqlite3_stmt *st = transaction_statement(t, ST_SESSION_REMOVE, &rc);

	if (st == NULL)
		return rc;
	bind_id(st, id);
	return transaction_do(t, st);
}

/* ---------------------------------------------------------------------------------- begin */

/* What rows there are: their slots in order, and the sessions of those that are dead. */
struct table {
	struct arena arena;
	uint64_t *slots;
	struct lk_session_id *dead;
	size_t n, n_dead, room;
	bool is_taken; /* somebody who lives has that id */
};

static int
make_room(struct table *x)
{
	const size_t room = x->room == 0 ? 64 : x->room * 2;
	uint64_t *slots = arena_alloc(&x->arena, room * sizeof(*slots));
	struct lk_session_id *dead = arena_alloc(&x->arena, room * sizeof(*dead));

	if (slots == NULL || dead == NULL)
		return LK_E_NOMEM;
	if (x->room > 0) {
		memcpy(slots, x->slots, x->n * sizeof(*slots));
		memcpy(dead, x->dead, x->n_dead * sizeof(*dead));
	}
	x->slots = slots;
	x->dead = dead;
	x->room = room;
	return 0;
}

static int
take_row(struct sqlite_store *s, struct table *x, sqlite3_stmt *st, const struct lk_session_id *id)
{
	const void *bytes = sqlite3_column_blob(st, 0);
	const uint64_t slot = (uint64_t)sqlite3_column_int64(st, 1);
	bool is_lit = false;
	int error;

	if (sqlite3_column_bytes(st, 0) != (int)sizeof(*id))
		return store_complain(s, LK_E_CORRUPT, "sessions", "an id that nobody wrote");
	if (x->n == x->room && make_room(x) != 0)
		return LK_E_NOMEM;
	error = beacons_is_lit(&s->beacons, slot, &is_lit);
	if (error != 0)
		return fail_beacon(s, error);
	x->slots[x->n++] = slot;
	if (!is_lit)
		memcpy(&x->dead[x->n_dead++], bytes, sizeof(x->dead[0]));
	else if (memcmp(bytes, id, sizeof(*id)) == 0)
		x->is_taken = true;
	return 0;
}

static int
read_table(struct transaction *t, struct table *x, const struct lk_session_id *id)
{
	bool is_row;
	int rc;
	sqlite3_stmt *st = transaction_statement(t, ST_SESSIONS, &rc);

	if (st == NULL)
		return rc;
	do {
		rc = transaction_step(t, st, &is_row);
		if (rc == 0 && is_row)
			rc = take_row(t->s, x, st, id);
	} while (rc == 0 && is_row);
	done(st);
	return rc;
}

/* The first that no row has, and nobody's beacon.  (SS2) */
static int
light_one(struct transaction *t, const struct table *x, const struct lk_session_id *id,
	  uint64_t *slot)
{
	size_t i = 0;

	for (*slot = 0;; ++*slot) {
		int error;

		while (i < x->n && x->slots[i] < *slot)
			i++;
		if (i < x->n && x->slots[i] == *slot)
			continue;
		error = beacons_light(&t->s->beacons, *slot, id);
		if (error != EAGAIN)
			return error == 0 ? 0 : fail_beacon(t->s, error);
	}
}

static int
put_row(struct transaction *t, const struct lk_session_id *id, uint64_t slot, const char *who)
{
	const size_t len = who != NULL ? strnlen(who, LK_STORE_WHO_MAX) : 0;
	int rc;
	sqlite3_stmt *st = transaction_statement(t, ST_SESSION_PUT, &rc);

	if (st == NULL)
		return rc;
	bind_id(st, id);
	(void)sqlite3_bind_int64(st, 2, (sqlite3_int64)slot);
	(void)sqlite3_bind_text(st, 3, who != NULL ? who : "", (int)len, SQLITE_STATIC);
	return transaction_do(t, st);
}

static int
replace_rows(struct transaction *t, struct table *x, const struct lk_session_id *id,
	     const char *who)
{
	uint64_t slot;
	int rc = read_table(t, x, id);

	if (rc == 0 && x->is_taken)
		rc = LK_E_INVAL;
	for (size_t i = 0; i < x->n_dead && rc == 0; i++)
		rc = remove_row(t, &x->dead[i]);
	if (rc == 0)
		rc = light_one(t, x, id, &slot); /* (SS3) */
	if (rc == 0)
		rc = put_row(t, id, slot, who);
	return rc == 0 ? transaction_count(t, 1) : rc;
}

static int
begin(struct sqlite_store *s, const struct lk_session_id *id, const char *who, uint64_t deadline_ns)
{
	struct transaction t;
	struct table x = { .room = 0 };
	int rc = transaction_begin(&t, s, true, deadline_ns);

	if (rc != 0)
		return rc;
	arena_init(&x.arena, &s->place);
	rc = replace_rows(&t, &x, id, who);
	if (rc == 0)
		rc = transaction_commit(&t);
	else
		transaction_abandon(&t);
	arena_fini(&x.arena);
	if (rc != 0 && rc != LK_E_UNKNOWN && !x.is_taken)
		(void)beacons_put_out(&s->beacons, id);
	return rc;
}

int
session_open(struct lk_store *base, const struct lk_session_id *id, uint64_t ttl_ns,
	     const char *who, uint64_t deadline_ns)
{
	static const struct lk_session_id none;
	struct sqlite_store *s = sqlite_store_of(base);
	const struct quiet q = quiet_enter();
	uint64_t slot;
	int rc;

	(void)ttl_ns; /* the kernel says who lives */
	if (fork_note_is_foreign(&s->fork))
		rc = LK_E_FORKED;
	else if (s->is_read_only)
		rc = store_complain(s, LK_E_PERM, "", "opened to look only");
	else if (memcmp(id, &none, sizeof(none)) == 0 || beacons_have(&s->beacons, id, &slot))
		rc = LK_E_INVAL;
	else
		rc = begin(s, id, who, deadline_ns);
	return quiet_leave(q, rc);
}

/* -------------------------------------------------------------------------- renew and end */

/* Nothing is written: what is looked at is whether others still see it. */
static int
renew(struct sqlite_store *s, const struct lk_session_id *id, uint64_t deadline_ns)
{
	struct transaction t;
	uint64_t slot, in_row = UINT64_MAX;
	bool is_row = false;
	int rc;

	if (!beacons_have(&s->beacons, id, &slot))
		return LK_E_LOST;
	atomic_store(&s->looked, 0); /* (SQ10) */
	rc = transaction_begin(&t, s, false, deadline_ns);
	if (rc != 0)
		return rc != LK_E_CORRUPT ? rc : t.is_elsewhere ? LK_E_LOST : LK_E_STORE;
	rc = find_row(&t, id, &is_row, &in_row, NULL);
	transaction_abandon(&t);
	if (rc == 0 && (!is_row || in_row != slot))
		rc = store_complain(s, LK_E_LOST, "sessions", "somebody took the session out");
	return rc;
}

int
session_renew(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns)
{
	struct sqlite_store *s = sqlite_store_of(base);
	const struct quiet q = quiet_enter();

	return quiet_leave(q, fork_note_is_foreign(&s->fork) ? LK_E_FORKED
							     : renew(s, id, deadline_ns));
}

/* Dead as soon as the beacon is out, whether its row can be removed or not.  (SS1) */
static int
end(struct sqlite_store *s, const struct lk_session_id *id, uint64_t deadline_ns)
{
	struct transaction t;
	int rc = transaction_begin(&t, s, true, deadline_ns);

	if (rc == 0) {
		rc = remove_row(&t, id);
		if (rc == 0)
			rc = transaction_count(&t, 1);
		if (rc == 0)
			(void)transaction_commit(&t);
		else
			transaction_abandon(&t);
	}
	(void)beacons_put_out(&s->beacons, id);
	return 0;
}

int
session_close(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns)
{
	struct sqlite_store *s = sqlite_store_of(base);
	const struct quiet q = quiet_enter();
	uint64_t slot;
	int rc = 0;

	if (fork_note_is_foreign(&s->fork))
		rc = LK_E_FORKED;
	else if (beacons_have(&s->beacons, id, &slot))
		rc = end(s, id, deadline_ns);
	return quiet_leave(q, rc);
}

void
sessions_end(struct sqlite_store *s)
{
	while (beacons_put_out(&s->beacons, NULL))
		; /* rows of the dead are taken out by whoever opens a session */
}

/* ---------------------------------------------------------------------------------- alive */

/* 0: it is dead, or never was; 1. */
struct look {
	const struct lk_session_id *ids;
	size_t n;
	unsigned char *alive;
	uint64_t *slots;
};

static int
look_at_rows(struct sqlite_store *s, struct look *l, bool is_again, uint64_t deadline_ns)
{
	struct transaction t;
	int rc = transaction_begin(&t, s, false, deadline_ns);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < l->n && rc == 0; i++) {
		uint64_t slot = 0;
		bool is_row = false;

		if (is_again && l->alive[i] == 0)
			continue;
		rc = find_row(&t, &l->ids[i], &is_row, &slot, NULL);
		l->alive[i] = is_row && (!is_again || slot == l->slots[i]);
		l->slots[i] = slot;
	}
	transaction_abandon(&t);
	return rc;
}

static int
look_at_beacons(struct sqlite_store *s, struct look *l, bool *is_any)
{
	*is_any = false;
	for (size_t i = 0; i < l->n; i++) {
		bool is_lit = false;
		int error = 0;

		if (l->alive[i] != 0)
			error = beacons_is_lit(&s->beacons, l->slots[i], &is_lit);
		if (error != 0)
			return fail_beacon(s, error);
		l->alive[i] = is_lit;
		*is_any |= is_lit;
	}
	return 0;
}

/* (SS2) */
static int
look_for(struct sqlite_store *s, struct look *l, uint64_t deadline_ns)
{
	bool is_any;
	int rc = look_at_rows(s, l, false, deadline_ns);

	if (rc == 0)
		rc = look_at_beacons(s, l, &is_any);
	if (rc == 0 && is_any)
		rc = look_at_rows(s, l, true, deadline_ns);
	return rc;
}

int
session_alive(struct lk_store *base, const struct lk_session_id *ids, size_t n,
	      unsigned char *alive, uint64_t deadline_ns)
{
	struct sqlite_store *s = sqlite_store_of(base);
	const struct quiet q = quiet_enter();
	struct look l = { .ids = ids, .n = n, .alive = alive };
	struct arena a;
	int rc;

	if (fork_note_is_foreign(&s->fork))
		return quiet_leave(q, LK_E_FORKED);
	if (n == 0)
		return quiet_leave(q, 0);
	arena_init(&a, &s->place);
	l.slots = arena_alloc(&a, n * sizeof(*l.slots));
	rc = l.slots != NULL ? look_for(s, &l, deadline_ns) : LK_E_NOMEM;
	arena_fini(&a);
	return quiet_leave(q, rc);
}

static int
find_who(struct sqlite_store *s, const struct lk_session_id *id, char who[LK_STORE_WHO_MAX + 1],
	 uint64_t deadline_ns)
{
	unsigned char alive = 0;
	uint64_t slot = 0;
	bool is_row = false;
	struct look l = { .ids = id, .n = 1, .alive = &alive, .slots = &slot };
	struct transaction t;
	int rc = look_for(s, &l, deadline_ns);

	if (rc != 0 || alive == 0)
		return rc != 0 ? rc : LK_E_NOENT;
	rc = transaction_begin(&t, s, false, deadline_ns);
	if (rc != 0)
		return rc;
	rc = find_row(&t, id, &is_row, &slot, who);
	transaction_abandon(&t);
	return rc == 0 && !is_row ? LK_E_NOENT : rc;
}

int
session_who(struct lk_store *base, const struct lk_session_id *id, char *buf, size_t cap,
	    uint64_t deadline_ns)
{
	struct sqlite_store *s = sqlite_store_of(base);
	const struct quiet q = quiet_enter();
	char who[LK_STORE_WHO_MAX + 1] = "";
	int rc = fork_note_is_foreign(&s->fork) ? LK_E_FORKED : find_who(s, id, who, deadline_ns);

	if (cap > 0) {
		const size_t len = rc == 0 ? strlen(who) : 0;
		const size_t n = len < cap ? len : cap - 1;

		memcpy(buf, who, n);
		buf[n] = '\0';
	}
	return quiet_leave(q, rc);
}
