/* SPDX-License-Identifier: MIT */
/* The file, by SQLite: see file.h. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "file.h"

#define APPLICATION_ID 0x74786b76 /* "txkv" */
#define TEXT_(x)       #x
#define TEXT(x)        TEXT_(x)

struct file {
	sqlite3 *db;
	sqlite3_stmt *begin, *commit, *rollback, *put, *delete;
	char why[256];
};

const char *
file_why(const struct file *f)
{
	return f->why;
}

/* Remember what SQLite says, and return the code that it is to our callers. */
static int
failed(struct file *f, int code)
{
	snprintf(f->why, sizeof(f->why), "%s", sqlite3_errmsg(f->db));
	return code;
}

/* ----------------------------------------------------------------------- open */

/* What an error of opening means. */
static int
refusal(struct file *f)
{
	switch (sqlite3_errcode(f->db)) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return failed(f, KV_IN_USE);
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return failed(f, KV_NOT_OURS);
	case SQLITE_NOMEM:
		return failed(f, LK_E_NOMEM);
	default:
		return failed(f, KV_CANNOT_OPEN);
	}
}

static int
run(struct file *f, const char *sql)
{
	return sqlite3_exec(f->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : refusal(f);
}

/* The one number that a query answers with. */
static int
ask(struct file *f, const char *sql, sqlite3_int64 *out)
{
	sqlite3_stmt *s = NULL;
	int rc = 0;

	if (sqlite3_prepare_v2(f->db, sql, -1, &s, NULL) != SQLITE_OK ||
	    sqlite3_step(s) != SQLITE_ROW)
		rc = refusal(f);
	else
		*out = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return rc;
}

/* Ours, or empty: other people's databases are left as they are. */
static int
is_ours(struct file *f)
{
	sqlite3_int64 id = 0;
	sqlite3_int64 n_tables = 0;
	int rc = ask(f, "PRAGMA application_id", &id);

	if (rc == 0)
		rc = ask(f, "SELECT count(*) FROM sqlite_master", &n_tables);
	if (rc != 0)
		return rc;
	return id == APPLICATION_ID || (id == 0 && n_tables == 0) ? 0 : KV_NOT_OURS;
}

/* What the answers to a failed commit rest on; a file system may not be able to. */
static int
write_ahead(struct file *f)
{
	sqlite3_int64 is_wal = 0;
	int rc = run(f, "PRAGMA journal_mode = WAL");

	if (rc == 0)
		rc = ask(f, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &is_wal);
	return rc == 0 && !is_wal ? KV_CANNOT_OPEN : rc;
}

static int
prepare_file(struct file *f, enum db_sync sync)
{
	static const char *const syncs[] = {
		[DB_SYNC_FULL] = "PRAGMA synchronous = FULL",
		[DB_SYNC_NORMAL] = "PRAGMA synchronous = NORMAL",
		[DB_SYNC_OFF] = "PRAGMA synchronous = OFF",
	};
	/* The lock of the file is taken by the first that is read, and kept. */
	int rc = run(f, "PRAGMA locking_mode = EXCLUSIVE");

	if (rc == 0)
		rc = is_ours(f);
	if (rc == 0)
		rc = write_ahead(f);
	if (rc == 0)
		rc = run(f, syncs[sync]);
	if (rc == 0)
		rc = run(f,
			 "BEGIN IMMEDIATE;"
			 "CREATE TABLE IF NOT EXISTS rows (tbl BLOB, key BLOB, value BLOB NOT NULL,"
			 " PRIMARY KEY (tbl, key)) WITHOUT ROWID;"
			 "PRAGMA application_id = " TEXT(APPLICATION_ID) ";"
									 "COMMIT");
	return rc;
}

static int
prepare_statements(struct file *f)
{
	const struct {
		sqlite3_stmt **out;
		const char *sql;
	} all[] = {
		{ &f->begin, "BEGIN IMMEDIATE" },
		{ &f->commit, "COMMIT" },
		{ &f->rollback, "ROLLBACK" },
		{ &f->put, "INSERT OR REPLACE INTO rows VALUES (?1, ?2, ?3)" },
		{ &f->delete, "DELETE FROM rows WHERE tbl = ?1 AND key = ?2" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (sqlite3_prepare_v3(f->db, all[i].sql, -1, SQLITE_PREPARE_PERSISTENT, all[i].out,
				       NULL) != SQLITE_OK)
			return refusal(f);
	return 0;
}

int
file_open(const char *path, enum db_sync sync, struct file **out)
{
	struct file *f = calloc(1, sizeof(*f));
	int rc;

	if (f == NULL)
		return LK_E_NOMEM;
	if (sqlite3_open(path, &f->db) != SQLITE_OK) {
		rc = f->db == NULL ? LK_E_NOMEM : refusal(f);
	} else {
		rc = prepare_file(f, sync);
		if (rc == 0)
			rc = prepare_statements(f);
	}
	if (rc != 0)
		file_close(f);
	else
		*out = f;
	return rc;
}

void
file_close(struct file *f)
{
	sqlite3_finalize(f->begin);
	sqlite3_finalize(f->commit);
	sqlite3_finalize(f->rollback);
	sqlite3_finalize(f->put);
	sqlite3_finalize(f->delete);
	sqlite3_close(f->db);
	free(f);
}

/* ----------------------------------------------------------------------- read */

static struct bytes
column(sqlite3_stmt *s, int i)
{
	const char *data = sqlite3_column_blob(s, i); /* NULL: no bytes */

	return (struct bytes){ data == NULL ? "" : data, (size_t)sqlite3_column_bytes(s, i) };
}

int
file_load(struct file *f,
	  int (*fn)(void *arg, struct bytes table, struct bytes key, struct bytes value), void *arg)
{
	sqlite3_stmt *s = NULL;
	int step = SQLITE_DONE;
	int rc = 0;

	if (sqlite3_prepare_v2(f->db, "SELECT tbl, key, value FROM rows", -1, &s, NULL) !=
	    SQLITE_OK)
		return refusal(f);
	while (rc == 0 && (step = sqlite3_step(s)) == SQLITE_ROW)
		rc = fn(arg, column(s, 0), column(s, 1), column(s, 2));
	if (rc == 0 && step != SQLITE_DONE)
		rc = refusal(f);
	sqlite3_finalize(s);
	return rc;
}

/* ---------------------------------------------------------------------- write */

/* A statement that answers nothing, from its beginning; it is ready for the next time. */
static int
step(sqlite3_stmt *s)
{
	int rc = sqlite3_step(s);

	sqlite3_reset(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Bytes that stay until the statement was stepped.  NULL would be another value than no bytes. */
static int
bind(sqlite3_stmt *s, int i, const char *data, size_t len)
{
	return sqlite3_bind_blob64(s, i, len == 0 ? "" : data, len, SQLITE_STATIC);
}

static int
write_row(void *arg, struct written *r)
{
	const struct value *value = r->latest->value;
	struct file *f = arg;
	sqlite3_stmt *s = value == NULL ? f->delete : f->put;
	int rc = bind(s, 1, r->table->name.data, r->table->name.len);

	if (rc == SQLITE_OK)
		rc = bind(s, 2, r->key.data, r->key.len);
	if (rc == SQLITE_OK && value != NULL)
		rc = bind(s, 3, value->data, value->len);
	return rc == SQLITE_OK ? step(s) : rc;
}

/*
 * What a failed commit left behind.  The mark of a commit is the last that is written, so if writing itself failed
 * there is none.  If the disk did not confirm what it was given (fsync), nobody knows what a crash would leave.
 */
static int
failed_commit(struct file *f, int rc)
{
	bool is_out = (rc & 0xff) == SQLITE_FULL || rc == SQLITE_IOERR_WRITE ||
		      (rc & 0xff) == SQLITE_NOMEM || (rc & 0xff) == SQLITE_BUSY;

	return failed(f, is_out ? KV_DISK : KV_DOUBT);
}

int
file_write(struct file *f, const struct writes *const *batch, size_t n)
{
	int rc = step(f->begin) == SQLITE_OK ? 0 : failed(f, KV_DISK);

	for (size_t i = 0; rc == 0 && i < n; i++)
		if (writes_each(batch[i], write_row, f) != 0)
			rc = failed(f, KV_DISK);
	if (rc == 0) {
		rc = step(f->commit);
		if (rc != SQLITE_OK)
			rc = failed_commit(f, sqlite3_extended_errcode(f->db));
	}
	if (!sqlite3_get_autocommit(f->db))
		step(f->rollback);
	return rc;
}
