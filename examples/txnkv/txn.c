/* SPDX-License-Identifier: MIT */
/*
 * Transactions: lock first, then look or note what is to be changed; nothing is changed before the commit.
 *
 *	read     lock, then what the transaction itself has written, else what is committed
 *	write    lock, then a note in `writes`
 *	commit   make room in the store, write the file, change the store, give the locks back
 *
 * Until the file is written nobody can see anything of it, in memory or after a crash; and after that nothing can fail.
 * The locks go last: who waits for them finds all of it done.
 */
#include <stdlib.h>

#include "db.h"
#include "writes.h"

struct savepoint {
	size_t n_writes;
	uint64_t locks;
	struct record_mark record;
};

struct txn {
	struct db *db;
	struct holder holder;
	struct arena arena;
	struct writes writes;
	struct record *record; /* NULL: there is no history */
	struct savepoint *savepoint;
	unsigned n_savepoints, cap_savepoints;
	int doom;
};

/* ------------------------------------------------------------ begin, and the end */

/* Whatever was written is forgotten, the locks are given back. */
static void
end(struct txn *t)
{
	writes_undo(&t->writes, 0);
	if (t->holder.locks != NULL)
		locks_end(&t->holder);
	arena_free(&t->arena);
	record_free(t->record);
	free(t->savepoint);
	free(t);
}

int
txn_begin_again(struct db *db, unsigned attempt, struct txn **out)
{
	struct txn *t = calloc(1, sizeof(*t));
	int rc = 0;

	if (t == NULL)
		return LK_E_NOMEM;
	t->db = db;
	if (db->history != NULL) {
		t->record = record_make();
		rc = t->record == NULL ? LK_E_NOMEM : 0;
	}
	if (rc == 0)
		rc = locks_begin(&t->holder, &db->locks, attempt);
	if (rc != 0)
		end(t);
	else
		*out = t;
	return rc;
}

int
txn_begin(struct db *db, struct txn **out)
{
	return txn_begin_again(db, 0, out);
}

void
txn_abort(struct txn *t)
{
	atomic_fetch_add(&t->db->n_aborts, 1);
	end(t);
}

int
txn_doom(const struct txn *t)
{
	return t->doom;
}

int
txn_why(const struct txn *t, lk_write_fn *write, void *arg)
{
	if (t->holder.report == NULL || t->holder.report->code == 0)
		return 0;
	return lk_report_text(t->holder.report, LK_TEXT, write, arg);
}

/* A lock that is refused, or memory that is missing, leaves the transaction half done. */
static int
doom(struct txn *t, int rc)
{
	if (rc < 0)
		t->doom = rc;
	return rc;
}

/* ------------------------------------------------------------------ rows to lock */

/* Is there such a table, and may there be such a key? */
static int
find_table(struct txn *t, struct bytes name, size_t key_len, struct table **out)
{
	if (t->doom != 0)
		return t->doom;
	if (name.len > KV_TABLE_MAX || key_len > KV_KEY_MAX)
		return KV_TOO_LONG;
	return doom(t, store_table(&t->db->store, name, out));
}

static int
lock_row(struct txn *t, struct bytes table, struct bytes key, enum access access,
	 struct table **out)
{
	int rc = find_table(t, table, key.len, out);

	return rc != 0 ? rc : doom(t, locks_row(&t->holder, *out, key, access));
}

/* ----------------------------------------------------------------------- read */

/* A copy of what the transaction has written itself. */
static int
read_own(struct txn *t, const struct write *w, struct bytes *value)
{
	if (w->value == NULL)
		return KV_NOT_FOUND;
	return doom(t,
		    arena_copy(&t->arena, (struct bytes){ w->value->data, w->value->len }, value));
}

/* The row is locked. */
static int
read_row(struct txn *t, struct table *table, struct bytes key, struct bytes *value)
{
	const struct write *own = writes_find(&t->writes, table, key);
	uint64_t version = 0;
	int noted = 0;
	int rc;

	if (own != NULL)
		return read_own(t, own, value);
	rc = doom(t, store_read(table, key, &t->arena, value, &version));
	if (t->record != NULL && rc >= 0)
		noted = doom(t, record_read(t->record, table->name, key, version));
	return noted != 0 ? noted : rc;
}

static int
get(struct txn *t, struct bytes table, struct bytes key, enum access access, struct bytes *value)
{
	struct table *found;
	int rc = lock_row(t, table, key, access, &found);

	return rc != 0 ? rc : read_row(t, found, key, value);
}

int
txn_get(struct txn *t, struct bytes table, struct bytes key, struct bytes *value)
{
	return get(t, table, key, ACCESS_READ, value);
}

int
txn_get_for_update(struct txn *t, struct bytes table, struct bytes key, struct bytes *value)
{
	return get(t, table, key, ACCESS_UPDATE, value);
}

/* ---------------------------------------------------------------------- write */

/* The row is locked in X. */
static int
write_row(struct txn *t, struct table *table, struct bytes key, struct value *value)
{
	int rc = doom(t, writes_add(&t->writes, &t->arena, table, key, value));

	if (rc != 0)
		free(value);
	return rc;
}

int
txn_put(struct txn *t, struct bytes table, struct bytes key, struct bytes bytes)
{
	struct value *value;
	struct table *found;
	int rc = bytes.len > KV_VALUE_MAX ? KV_TOO_LONG
					  : lock_row(t, table, key, ACCESS_WRITE, &found);

	if (rc != 0)
		return rc;
	value = value_make(bytes);
	return value == NULL ? doom(t, LK_E_NOMEM) : write_row(t, found, key, value);
}

int
txn_delete(struct txn *t, struct bytes table, struct bytes key)
{
	struct bytes before;
	struct table *found;
	int rc = lock_row(t, table, key, ACCESS_WRITE, &found);

	if (rc == 0)
		rc = read_row(t, found, key, &before);
	return rc != 0 ? rc : write_row(t, found, key, NULL);
}

/* ----------------------------------------------------------------------- scan */

struct listed {
	struct listed *next;
	struct bytes key, value;
};

/* What is seen of a table; not in order. */
struct list {
	struct txn *txn;
	struct table *table;
	struct listed *first;
	size_t n;
};

static int
list_row(struct list *l, struct bytes key, const struct value *value)
{
	struct arena *a = &l->txn->arena;
	struct listed *one = arena_take(a, sizeof(*one));
	int rc = one == NULL ? LK_E_NOMEM : arena_copy(a, key, &one->key);

	if (rc == 0)
		rc = arena_copy(a, (struct bytes){ value->data, value->len }, &one->value);
	if (rc != 0)
		return rc;
	one->next = l->first;
	l->first = one;
	l->n++;
	return 0;
}

/* A row of the store.  What the transaction has written itself counts instead. */
static int
list_committed(void *arg, const struct row *r)
{
	struct list *l = arg;
	struct record *record = l->txn->record;
	int rc = 0;

	if (record != NULL)
		rc = record_read(record, l->table->name, r->key, r->version);
	if (rc != 0 || r->value == NULL || writes_find(&l->txn->writes, l->table, r->key) != NULL)
		return rc;
	return list_row(l, r->key, r->value);
}

static int
list_own(void *arg, struct written *w)
{
	struct list *l = arg;

	if (w->table != l->table || w->latest->value == NULL)
		return 0;
	return list_row(l, w->key, w->latest->value);
}

static int
list_table(struct list *l)
{
	struct record *record = l->txn->record;
	int rc = 0;

	if (record != NULL)
		rc = record_scan(record, l->table->name);
	if (rc == 0)
		rc = store_each(l->table, list_committed, l);
	if (rc == 0 && record != NULL)
		record_scan_end(record);
	return rc != 0 ? rc : writes_each(&l->txn->writes, list_own, l);
}

static int
by_key(const void *a, const void *b)
{
	return bytes_compare((*(struct listed *const *)a)->key, (*(struct listed *const *)b)->key);
}

/* In the order of keys; NULL: no memory. */
static const struct listed **
sort(const struct list *l)
{
	const struct listed **rows = arena_take(&l->txn->arena, l->n * sizeof(*rows));
	size_t n = 0;

	for (const struct listed *one = l->first; rows != NULL && one != NULL; one = one->next)
		rows[n++] = one;
	if (n > 0)
		qsort(rows, n, sizeof(*rows), by_key);
	return rows;
}

int
txn_scan(struct txn *t, struct bytes table,
	 int (*fn)(void *arg, struct bytes key, struct bytes value), void *arg)
{
	struct list l = { .txn = t };
	const struct listed **rows;
	int rc = find_table(t, table, 0, &l.table);

	if (rc == 0)
		rc = doom(t, locks_table(&t->holder, l.table));
	if (rc == 0)
		rc = doom(t, list_table(&l));
	if (rc != 0)
		return rc;
	rows = sort(&l);
	if (rows == NULL)
		return doom(t, LK_E_NOMEM);
	for (size_t i = 0; rc == 0 && i < l.n; i++)
		rc = fn(arg, rows[i]->key, rows[i]->value);
	return rc;
}

/* ----------------------------------------------------------------- savepoints */

int
txn_savepoint(struct txn *t, unsigned *number)
{
	if (t->doom != 0)
		return t->doom;
	if (t->n_savepoints == t->cap_savepoints) {
		unsigned cap = t->cap_savepoints == 0 ? 4 : t->cap_savepoints * 2;
		void *larger = realloc(t->savepoint, cap * sizeof(*t->savepoint));

		if (larger == NULL)
			return LK_E_NOMEM;
		t->savepoint = larger;
		t->cap_savepoints = cap;
	}
	t->savepoint[t->n_savepoints] =
		(struct savepoint){ .n_writes = t->writes.n, .locks = locks_mark(&t->holder) };
	if (t->record != NULL)
		t->savepoint[t->n_savepoints].record = record_mark(t->record);
	*number = ++t->n_savepoints;
	return 0;
}

/* What was written goes before its locks. */
int
txn_rollback(struct txn *t, unsigned number)
{
	const struct savepoint *s;

	if (number == 0 || number > t->n_savepoints)
		return KV_NO_SAVEPOINT;
	s = &t->savepoint[number - 1];
	t->n_savepoints = number;
	t->doom = 0;
	writes_undo(&t->writes, s->n_writes);
	if (t->record != NULL)
		record_rollback(t->record, s->record);
	return doom(t, locks_rollback(&t->holder, s->locks));
}

int
txn_forget(struct txn *t, unsigned number)
{
	if (number == 0 || number > t->n_savepoints)
		return KV_NO_SAVEPOINT;
	t->n_savepoints = number - 1;
	return 0;
}

/* --------------------------------------------------------------------- commit */

/* Before the file is written: all that might fail afterwards. */
static int
prepare_row(void *arg, struct written *w)
{
	struct txn *t = arg;

	w->row = store_reserve(w->table, w->key);
	if (w->row == NULL)
		return LK_E_NOMEM;
	return t->record == NULL ? 0 : record_write(t->record, w->table->name, w->key);
}

/* It will not be written after all. */
static int
unprepare_row(void *arg, struct written *w)
{
	struct txn *t = arg;

	if (w->row != NULL)
		store_leave(&t->db->store, w->table, w->row);
	return 0;
}

struct change {
	struct store *store;
	uint64_t version;
};

/* The value is the store's from now on. */
static int
change_row(void *arg, struct written *w)
{
	struct change *c = arg;

	store_write(c->store, w->table, w->row, w->latest->value, c->version);
	w->latest->value = NULL;
	return 0;
}

static int
write_file(struct txn *t)
{
	int rc = writes_each(&t->writes, prepare_row, t);

	if (rc == 0 && t->db->file != NULL)
		rc = committer_write(&t->db->committer, &t->writes);
	if (rc != 0)
		writes_each(&t->writes, unprepare_row, t);
	return rc;
}

/*
 * The number is drawn while all locks are held.  So of two transactions of which one must come before the other, it
 * has the lower one: the order of numbers is one in which they could have run one by one.
 */
static void
make_visible(struct txn *t)
{
	struct change c = { &t->db->store, atomic_fetch_add(&t->db->number, 1) + 1 };

	writes_each(&t->writes, change_row, &c);
	if (t->record != NULL)
		history_add(t->db->history, t->record, c.version);
	t->record = NULL;
}

int
txn_commit(struct txn *t)
{
	int rc = t->doom;

	if (rc == 0 && t->writes.n > 0)
		rc = write_file(t);
	if (rc != 0) {
		txn_abort(t);
		return rc;
	}
	make_visible(t);
	end(t);
	return 0;
}
