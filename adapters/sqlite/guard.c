/* SPDX-License-Identifier: MIT */
/*
 * The guard: the record is read, and decided on, in the transaction of whoever asks.
 *
 * GU1  it writes before it reads: so the transaction has the write lock, and what is read stays so until it ends.  If the
 *      transaction has read an older state before, SQLite refuses that write (SQLITE_BUSY_SNAPSHOT).
 * GU2  `…guards` has the highest fence that passed, by record: it rises in the same transaction.  So of two grants in
 *      one process, which are one hold of the record, the older one does not pass after the newer.
 */
#include <latchkey/sqlite.h>

#include <sqlite3.h>
#include <stdio.h>

#include "common/host.h"
#include "common/quiet.h"
#include "record/decide.h"
#include "sqlite/prefix.h"
#include "sqlite/rows.h"
#include "sqlite/trouble.h"

/* Of one question; the records are large. */
struct question {
	sqlite3 *db;
	char prefix[SQLITE_STORE_PREFIX];
	uint64_t fence;
	uint64_t key; /* of sums */
	size_t name_len;
	unsigned char name[LK_STORE_NAME_MAX]; /* of the record */
	struct record old;
	struct record fresh;
};

static int
code_of(int result)
{
	return trouble_passes(result) ? LK_E_BUSY : trouble_code(result);
}

/* A statement with the prefix put in, and the name bound; NULL: `*rc` says why. */
static sqlite3_stmt *
prepare(const struct question *q, const char *format, int *rc)
{
	char *sql = sqlite3_mprintf(format, q->prefix);
	sqlite3_stmt *st = NULL;
	int result = sql != NULL ? sqlite3_prepare_v2(q->db, sql, -1, &st, NULL) : SQLITE_NOMEM;

	sqlite3_free(sql);
	if (result == SQLITE_OK && sqlite3_bind_parameter_count(st) > 0)
		result = sqlite3_bind_blob(st, 1, q->name, (int)q->name_len, SQLITE_STATIC);
	*rc = code_of(result);
	if (result == SQLITE_OK)
		*rc = 0;
	return st;
}

/* A write that changes nothing.  (GU1) */
static int
take_lock(const struct question *q)
{
	int rc;
	sqlite3_stmt *st =
		prepare(q, "UPDATE main.\"%wguards\" SET fence = fence WHERE name = ?1", &rc);

	if (rc == 0 && sqlite3_step(st) != SQLITE_DONE)
		rc = code_of(sqlite3_extended_errcode(q->db));
	(void)sqlite3_finalize(st);
	return rc;
}

/* (GU2) 0: one row, the fence did not go back; LK_E_STALE. */
static int
pass(const struct question *q)
{
	int rc, result;
	sqlite3_stmt *st = prepare(q,
				   "INSERT INTO main.\"%wguards\" (name, fence) VALUES (?1, ?2) "
				   "ON CONFLICT (name) DO UPDATE SET fence = excluded.fence "
				   "WHERE excluded.fence >= fence RETURNING fence",
				   &rc);

	if (rc == 0) {
		(void)sqlite3_bind_int64(st, 2, (sqlite3_int64)q->fence);
		result = sqlite3_step(st);
		rc = result == SQLITE_ROW    ? 0
		     : result == SQLITE_DONE ? LK_E_STALE
					     : code_of(sqlite3_extended_errcode(q->db));
	}
	(void)sqlite3_finalize(st);
	return rc;
}

/* Is there a store, of a format that is known here? */
static int
read_meta(struct question *q)
{
	int rc;
	sqlite3_stmt *st =
		prepare(q, "SELECT format, store FROM main.\"%wmeta\" WHERE one = 1", &rc);

	if (rc == 0) {
		const int result = sqlite3_step(st);

		if (result != SQLITE_ROW)
			rc = result == SQLITE_DONE ? LK_E_CORRUPT
						   : code_of(sqlite3_extended_errcode(q->db));
		else if (sqlite3_column_int64(st, 0) != SQLITE_STORE_FORMAT)
			rc = LK_E_VERSION;
		else
			q->key = rows_hash(sqlite3_column_blob(st, 1),
					   (size_t)sqlite3_column_bytes(st, 1), 0);
	} else if (rc == LK_E_CORRUPT && sqlite3_errcode(q->db) == SQLITE_ERROR) {
		rc = LK_E_NOENT; /* no such table */
	}
	(void)sqlite3_finalize(st);
	return rc;
}

/* ------------------------------------------------------------------------------ the record */

/* Who may write with that name: at most one. */
static const struct record_holder *
writer_of(const struct record *r)
{
	for (unsigned i = 0; i < r->n_holders; i++) {
		if ((r->holder[i].flags & HOLDER_KEPT) == 0 &&
		    mode_writes((lk_mode)r->holder[i].mode))
			return &r->holder[i];
	}
	return NULL;
}

static int
decide_on(struct question *q)
{
	const struct record_holder *h = writer_of(&q->old);
	struct decide_request ask = { .op = DECIDE_GUARD,
				      .name = q->name + 1,
				      .name_len = q->name_len - 1,
				      .fence = q->fence };
	struct decide_view view = { .now = host_now(),
				    .clock = host_clock_id(),
				    .settings = q->old.settings,
				    .epoch = q->old.epoch };
	struct decide_outcome out;
	int rc;

	if (h == NULL)
		return LK_E_LOST;
	ask.who = h->who;
	rc = decide(&q->old, &ask, &view, &q->fresh, &out);
	if (rc != 0)
		return rc;
	return out.result == DECIDE_DONE ? 0 : LK_E_LOST;
}

static int
decide_row(struct question *q, sqlite3_stmt *st)
{
	const void *bytes = sqlite3_column_blob(st, 0);
	const size_t len = (size_t)sqlite3_column_bytes(st, 0);
	const uint64_t seed = rows_hash(q->name, q->name_len, q->key);
	enum record_fault fault;

	if ((uint64_t)sqlite3_column_int64(st, 1) != rows_hash(bytes, len, seed))
		return LK_E_CORRUPT;
	fault = record_decode(&q->old, bytes, len, q->name + 1, q->name_len - 1);
	return fault == RECORD_FINE ? decide_on(q) : record_fault_code(fault);
}

static int
look(struct question *q)
{
	int rc;
	sqlite3_stmt *st =
		prepare(q, "SELECT bytes, sum FROM main.\"%wrecords\" WHERE name = ?1", &rc);

	if (rc == 0) {
		const int result = sqlite3_step(st);

		rc = result == SQLITE_ROW    ? decide_row(q, st)
		     : result == SQLITE_DONE ? LK_E_LOST
					     : code_of(sqlite3_extended_errcode(q->db));
	}
	(void)sqlite3_finalize(st);
	return rc;
}

/* ------------------------------------------------------------------------------- the calls */

static int
ask(struct question *q)
{
	int rc = read_meta(q);

	if (rc == 0)
		rc = take_lock(q);
	if (rc == 0)
		rc = look(q);
	return rc == 0 ? pass(q) : rc;
}

/* With the mutex, so that what went wrong is of our statements. */
static int
ask_locked(struct question *q)
{
	int rc = LK_E_INVAL;

	sqlite3_mutex_enter(sqlite3_db_mutex(q->db));
	if (sqlite3_get_autocommit(q->db) == 0)
		rc = ask(q);
	sqlite3_mutex_leave(sqlite3_db_mutex(q->db));
	return rc;
}

static int
guard(sqlite3 *db, const char *table, char kind, const void *name, size_t len, uint64_t fence)
{
	const struct quiet calm = quiet_enter();
	struct question *q;
	int rc;

	if (db == NULL || name == NULL || fence == 0 || fence >= RECORD_FENCE_MAX)
		return quiet_leave(calm, LK_E_INVAL);
	if (len == 0 || len > LK_NAME_MAX)
		return quiet_leave(calm, LK_E_NAME);
	q = sqlite3_malloc64(sizeof(*q));
	if (q == NULL)
		return quiet_leave(calm, LK_E_NOMEM);
	q->db = db;
	q->fence = fence;
	q->name[0] = (unsigned char)kind; /* as the core names records */
	memcpy(q->name + 1, name, len);
	q->name_len = len + 1;
	rc = prefix_set(q->prefix, table) ? ask_locked(q) : LK_E_INVAL;
	sqlite3_free(q);
	return quiet_leave(calm, rc);
}

int
lk_sqlite_guard(struct sqlite3 *db, const char *table, const void *name, size_t len, uint64_t fence)
{
	return guard(db, table, 'n', name, len, fence);
}

int
lk_sqlite_guard_id(struct sqlite3 *db, const char *table, uint64_t id, uint64_t fence)
{
	return guard(db, table, 'i', &id, sizeof(id), fence);
}

/* ------------------------------------------------------------------------------- from SQL */

static int
guard_value(sqlite3_context *context, sqlite3_value *name, uint64_t fence)
{
	sqlite3 *db = sqlite3_context_db_handle(context);
	const char *table = sqlite3_user_data(context);
	const void *bytes;

	if (sqlite3_value_type(name) == SQLITE_INTEGER)
		return lk_sqlite_guard_id(db, table, (uint64_t)sqlite3_value_int64(name), fence);
	bytes = sqlite3_value_blob(name);
	return lk_sqlite_guard(db, table, bytes, (size_t)sqlite3_value_bytes(name), fence);
}

static void
call_guard(sqlite3_context *context, int n, sqlite3_value **values)
{
	const int rc = guard_value(context, values[0], (uint64_t)sqlite3_value_int64(values[1]));
	char text[64];

	(void)n;
	if (rc == 0) {
		sqlite3_result_int(context, 1);
		return;
	}
	(void)snprintf(text, sizeof(text), "latchkey_guard: %d", rc);
	sqlite3_result_error(context, text, -1);
	if (rc == LK_E_NOMEM)
		sqlite3_result_error_nomem(context);
	else if (rc == LK_E_BUSY)
		sqlite3_result_error_code(context, SQLITE_BUSY);
	else
		sqlite3_result_error_code(context, SQLITE_CONSTRAINT);
}

int
lk_sqlite_functions(struct sqlite3 *db, const char *table)
{
	const struct quiet q = quiet_enter();
	char prefix[SQLITE_STORE_PREFIX];
	char *copy;
	int result;

	if (db == NULL || !prefix_set(prefix, table))
		return quiet_leave(q, LK_E_INVAL);
	copy = sqlite3_mprintf("%s", prefix);
	if (copy == NULL)
		return quiet_leave(q, LK_E_NOMEM);
	result = sqlite3_create_function_v2(db, "latchkey_guard", 2, SQLITE_UTF8, copy, call_guard,
					    NULL, NULL, sqlite3_free);
	return quiet_leave(q, result == SQLITE_OK      ? 0
			      : result == SQLITE_NOMEM ? LK_E_NOMEM
						       : LK_E_STORE);
}
