/* SPDX-License-Identifier: MIT */
/* Update, read, scan. */
#include "sqlite/rows.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/quiet.h"
#include "common/records.h"
#include "sqlite/hints.h"

uint64_t
rows_hash(const void *bytes, size_t len, uint64_t seed)
{
	return XXH3_64bits_withSeed(bytes, len, seed);
}

/* A row that was copied to another name, or another store, is not right there. */
static int64_t
sum_of(const struct sqlite_store *s, const void *name, size_t len, const void *bytes, size_t n)
{
	return (int64_t)rows_hash(bytes, n, rows_hash(name, len, s->key));
}

/* ---------------------------------------------------------------------- find the records */

/* What is in columns `at` and `at` + 1, copied; a row that is not right has no `old`. */
static int
take_bytes(struct sqlite_store *s, struct arena *a, sqlite3_stmt *st, int at,
	   struct lk_store_record *r)
{
	const void *bytes = sqlite3_column_blob(st, at);
	const size_t len = (size_t)sqlite3_column_bytes(st, at);
	void *copy;

	if (bytes == NULL && sqlite3_errcode(sqlite3_db_handle(st)) == SQLITE_NOMEM)
		return LK_E_NOMEM;
	if (sqlite3_column_type(st, at) != SQLITE_BLOB || len == 0 || len > LK_STORE_RECORD_MAX ||
	    sqlite3_column_int64(st, at + 1) != sum_of(s, r->name, r->len, bytes, len)) {
		r->status = LK_E_CORRUPT;
		return 0;
	}
	copy = arena_alloc(a, len);
	if (copy == NULL)
		return LK_E_NOMEM;
	r->old = memcpy(copy, bytes, len);
	r->old_len = len;
	return 0;
}

static int
find_row(struct change *c, struct lk_store_record *r)
{
	int rc;
	bool is_row;
	sqlite3_stmt *st = transaction_statement(&c->t, ST_GET, &rc);

	if (st == NULL)
		return rc;
	(void)sqlite3_bind_blob(st, 1, r->name, (int)r->len, SQLITE_STATIC);
	rc = transaction_step(&c->t, st, &is_row);
	if (rc == 0 && is_row)
		rc = take_bytes(c->t.s, &c->arena, st, 0, r);
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	return rc;
}

/* … or it was written last: copied too, as what is written next takes its place.  (SQ12) */
static int
find_one(struct change *c, struct lk_store_record *r)
{
	size_t len = 0;
	const void *bytes =
		c->t.writes ? latest_find(&c->t.s->latest, r->name, r->len, &len) : NULL;
	void *copy;

	r->status = 0;
	r->old = NULL;
	r->old_len = 0;
	if (bytes == NULL)
		return find_row(c, r);
	copy = arena_alloc(&c->arena, len);
	if (copy == NULL)
		return LK_E_NOMEM;
	r->old = memcpy(copy, bytes, len);
	r->old_len = len;
	return 0;
}

int
rows_find(struct change *c, bool *is_damaged)
{
	int rc = 0;

	*is_damaged = false;
	for (size_t i = 0; i < c->n && rc == 0; i++) {
		rc = find_one(c, &c->r[i]);
		*is_damaged |= c->r[i].status != 0 && (c->r[i].flags & LK_STORE_REPAIR) == 0;
	}
	return rc;
}

int
rows_say_damaged(struct change *c)
{
	return store_complain(c->t.s, LK_E_CORRUPT, "records", "a record is damaged");
}

/* -------------------------------------------------------------------------------- update */

static int
write_one(struct change *c, const struct lk_store_record *r)
{
	const bool is_put = r->fresh_len > 0;
	int rc;
	sqlite3_stmt *st = transaction_statement(&c->t, is_put ? ST_PUT : ST_REMOVE, &rc);

	if (st == NULL)
		return rc;
	(void)sqlite3_bind_blob(st, 1, r->name, (int)r->len, SQLITE_STATIC);
	if (is_put) {
		(void)sqlite3_bind_blob(st, 2, r->fresh, (int)r->fresh_len, SQLITE_STATIC);
		(void)sqlite3_bind_int64(st, 3,
					 sum_of(c->t.s, r->name, r->len, r->fresh, r->fresh_len));
	}
	latest_write(&c->t.s->latest, r->name, r->len, is_put ? r->fresh : NULL, r->fresh_len);
	return transaction_do(&c->t, st);
}

int
rows_write(struct change *c, struct tally *tally)
{
	int rc = 0;

	for (size_t i = 0; i < c->n && rc == 0; i++) {
		if (c->r[i].changed == 0)
			continue;
		rc = write_one(c, &c->r[i]);
		tally->hints += c->r[i].is_quiet == 0;
		tally->quiet += c->r[i].is_quiet != 0;
	}
	return rc;
}

int
rows_count(struct transaction *t, const struct tally *tally)
{
	return tally->hints != 0 || t->c->is_durable
		       ? transaction_count(t, hints_count(tally->hints, tally->quiet))
		       : transaction_count_quiet(t, hints_count(0, tally->quiet));
}

uint64_t
rows_first_hint(const struct transaction *t, const struct tally *tally)
{
	return hints_latest(t->changes + t->added) - tally->hints + 1;
}

bool
rows_change_durable(const struct change *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->r[i].changed != 0 && (c->r[i].flags & LK_STORE_DURABLE) != 0)
			return true;
	}
	return false;
}

/* What the function makes of it; the transaction is open, or all is over. */
static int
look_and_decide(struct change *c)
{
	bool is_damaged;
	int rc = rows_find(c, &is_damaged);

	if (rc == 0 && is_damaged)
		rc = rows_say_damaged(c);
	return rc == 0 ? records_change(c->r, c->n, c->fn, c->arg) : rc;
}

static int
commit(struct change *c)
{
	struct tally tally = { 0, 0 };
	int rc = rows_write(c, &tally);

	if (rc == 0)
		rc = rows_count(&c->t, &tally);
	if (rc != 0) {
		transaction_abandon(&c->t);
		return rc;
	}
	rc = transaction_commit(&c->t);
	if (rc == 0 || rc == LK_E_UNKNOWN)
		hints_write(c->t.s, c->r, c->n, rows_first_hint(&c->t, &tally));
	return rc;
}

/*
 * Few updates change a durable record, and whether one does is known when its function has run: then it is all done
 * again, to be synced.
 */
static int
update_open(struct change *c)
{
	int rc = look_and_decide(c);

	if (rc == 0 && rows_change_durable(c)) {
		rc = transaction_harden(&c->t);
		if (rc != 0)
			return rc;
		arena_fini(&c->arena);
		arena_init(&c->arena, &c->t.s->place);
		rc = look_and_decide(c);
	}
	if (rc == 0 && records_are_changed(c->r, c->n))
		return commit(c);
	transaction_abandon(&c->t);
	return rc;
}

static int
check(struct sqlite_store *s, const struct change *c)
{
	int rc = records_check(c->r, c->n);

	if (rc != 0 || c->fn == NULL)
		return rc != 0 ? rc : LK_E_INVAL;
	return fork_note_is_foreign(&s->fork) ? LK_E_FORKED : 0;
}

int
rows_update(struct lk_store *base, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
	    void *arg, uint64_t deadline_ns)
{
	struct sqlite_store *s = sqlite_store_of(base);
	const struct quiet q = quiet_enter();
	struct change c;
	int rc;

	c.r = r;
	c.n = n;
	c.fn = fn;
	c.arg = arg;
	rc = check(s, &c);
	if (rc == 0 && s->is_read_only)
		rc = store_complain(s, LK_E_PERM, "", "opened to look only");
	if (rc != 0)
		return quiet_leave(q, rc);
	arena_init(&c.arena, &s->place);
	rc = transaction_begin(&c.t, s, true, deadline_ns);
	if (rc == 0)
		rc = update_open(&c);
	records_end(r, n);
	arena_fini(&c.arena);
	return quiet_leave(q, rc);
}

/* ---------------------------------------------------------------------------------- read */

static int
read_open(struct change *c)
{
	bool is_damaged;
	int rc = rows_find(c, &is_damaged);

	transaction_abandon(&c->t);
	if (rc == 0)
		rc = c->fn(c->arg, c->r, c->n);
	else
		return rc;
	return rc == 0 && is_damaged ? rows_say_damaged(c) : rc;
}

int
rows_read(struct lk_store *base, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
	  void *arg, uint64_t deadline_ns)
{
	struct sqlite_store *s = sqlite_store_of(base);
	const struct quiet q = quiet_enter();
	struct change c;
	int rc;

	c.r = r;
	c.n = n;
	c.fn = fn;
	c.arg = arg;
	rc = check(s, &c);
	if (rc != 0)
		return quiet_leave(q, rc);
	arena_init(&c.arena, &s->place);
	rc = transaction_begin(&c.t, s, false, deadline_ns);
	if (rc == 0)
		rc = read_open(&c);
	records_end(r, n);
	arena_fini(&c.arena);
	return quiet_leave(q, rc);
}

/* ---------------------------------------------------------------------------------- scan */

enum { SCAN_AT_ONCE = 64 };

struct sweep {
	struct sqlite_store *s;
	const unsigned char *prefix;
	size_t len;
	uint64_t deadline_ns;
	unsigned char last[LK_STORE_NAME_MAX]; /* the name that was told last */
	size_t last_len;
	bool is_first;
	bool is_over;
	struct arena arena;
	struct lk_store_record found[SCAN_AT_ONCE];
	size_t n;
};

static int
take_row(struct sweep *w, sqlite3_stmt *st)
{
	const unsigned char *name = sqlite3_column_blob(st, 0);
	const size_t len = (size_t)sqlite3_column_bytes(st, 0);
	struct lk_store_record r = { .len = len };
	void *copy;

	if (len == 0 || len > LK_STORE_NAME_MAX)
		return store_complain(w->s, LK_E_CORRUPT, "records", "a name that nobody wrote");
	if (len < w->len || memcmp(name, w->prefix, w->len) != 0) {
		w->is_over = true;
		return 0;
	}
	copy = arena_alloc(&w->arena, len);
	if (copy == NULL)
		return LK_E_NOMEM;
	r.name = memcpy(copy, name, len);
	w->found[w->n++] = r;
	return take_bytes(w->s, &w->arena, st, 1, &w->found[w->n - 1]);
}

/* Names are in the order of their bytes: the first slice begins with the prefix itself, each other behind the last name. */
static int
read_rows(struct sweep *w, struct transaction *t, sqlite3_stmt *st)
{
	bool is_row;
	int rc;

	do {
		rc = transaction_step(t, st, &is_row);
		if (rc != 0)
			return rc;
		if (is_row)
			rc = take_row(w, st);
		else
			w->is_over = true;
	} while (rc == 0 && !w->is_over && w->n < SCAN_AT_ONCE);
	return rc;
}

static int
read_slice(struct sweep *w)
{
	struct transaction t;
	sqlite3_stmt *st;
	int rc = transaction_begin(&t, w->s, false, w->deadline_ns);

	if (rc != 0)
		return rc;
	st = transaction_statement(&t, w->is_first ? ST_SCAN_FIRST : ST_SCAN, &rc);
	if (st != NULL) {
		(void)sqlite3_bind_blob(st, 1, w->last_len > 0 ? w->last : (const void *)"",
					(int)w->last_len, SQLITE_STATIC);
		rc = read_rows(w, &t, st);
		(void)sqlite3_reset(st);
		(void)sqlite3_clear_bindings(st);
	}
	transaction_abandon(&t);
	return rc;
}

static void
note_last(struct sweep *w)
{
	const struct lk_store_record *r = w->n > 0 ? &w->found[w->n - 1] : NULL;

	w->is_first = false;
	if (r == NULL || r->name == NULL)
		return;
	memcpy(w->last, r->name, r->len);
	w->last_len = r->len;
}

static int
tell_slice(struct sweep *w, lk_store_each_fn *fn, void *arg)
{
	int rc = 0;

	for (size_t i = 0; i < w->n && rc == 0; i++)
		rc = fn(arg, &w->found[i]);
	return rc;
}

static int
sweep(struct sweep *w, lk_store_each_fn *fn, void *arg)
{
	int rc = 0;

	while (rc == 0 && !w->is_over) {
		arena_init(&w->arena, &w->s->place);
		w->n = 0;
		rc = read_slice(w);
		if (rc == 0) {
			note_last(w);
			rc = tell_slice(w, fn, arg);
		}
		arena_fini(&w->arena);
	}
	return rc;
}

int
rows_scan(struct lk_store *base, const void *prefix, size_t len, lk_store_each_fn *fn, void *arg,
	  uint64_t deadline_ns)
{
	struct sqlite_store *s = sqlite_store_of(base);
	const struct quiet q = quiet_enter();
	struct sweep *w;
	int rc = 0;

	if (fn == NULL || (prefix == NULL && len > 0))
		return quiet_leave(q, LK_E_INVAL);
	if (fork_note_is_foreign(&s->fork))
		return quiet_leave(q, LK_E_FORKED);
	if (len > LK_STORE_NAME_MAX)
		return quiet_leave(q, 0); /* no name is that long */
	w = place_zalloc(&s->place, sizeof(*w));
	if (w == NULL)
		return quiet_leave(q, LK_E_NOMEM);
	w->s = s;
	w->prefix = len > 0 ? prefix : (const void *)"";
	w->len = len;
	w->deadline_ns = deadline_ns;
	w->is_first = true;
	w->last_len = len;
	if (len > 0)
		memcpy(w->last, prefix, len);
	rc = sweep(w, fn, arg);
	place_free(&s->place, w, sizeof(*w));
	return quiet_leave(q, rc);
}
