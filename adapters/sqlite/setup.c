/* SPDX-License-Identifier: MIT */
/* Opening: the folder and the file, the connection, the tables, the sidecar. */
#define _GNU_SOURCE
#include "sqlite/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/host.h"
#include "common/io.h"
#include "sqlite/connection.h"
#include "sqlite/rows.h"
#include "sqlite/sidecar.h"
#include "sqlite/trouble.h"

#define SETUP_NS UINT64_C(30000000000) /* how long others who set it up are waited for */

/* ------------------------------------------------------------------------------ the path */

static int
fail_path(struct sqlite_store *s, int error)
{
	return store_say_errno(s,
			       error == EACCES || error == EPERM || error == EROFS ? LK_E_PERM
										   : LK_E_STORE,
			       "", error);
}

/* s->path: the folder without links, and the name in it. */
static int
set_path(struct sqlite_store *s, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	char folder[PATH_MAX], real[PATH_MAX];
	int n;

	if (strcmp(path, ":memory:") == 0 || path[0] == '\0')
		return words_say(&s->words, LK_E_UNSUPPORTED,
				 "sqlite: a database in memory is nowhere for others to meet");
	if (name[0] == '\0' || strlen(path) >= sizeof(folder))
		return words_say(&s->words, LK_E_INVAL,
				 "sqlite: the path is that of a folder, or too long");
	(void)snprintf(s->path, sizeof(s->path), "%s", path);
	if (slash == NULL)
		(void)snprintf(folder, sizeof(folder), ".");
	else
		(void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path + 1), path);
	if (realpath(folder, real) == NULL)
		return fail_path(s, errno);
	n = snprintf(s->path, sizeof(s->path), "%s/%s", strcmp(real, "/") == 0 ? "" : real, name);
	return n < (int)sizeof(s->path)
		       ? 0
		       : words_say(&s->words, LK_E_INVAL, "sqlite: the path is too long");
}

static int
set_sidecar(struct sqlite_store *s)
{
	const int n = snprintf(s->sidecar, sizeof(s->sidecar), "%s-%sbeacons", s->path, s->prefix);

	return n < (int)sizeof(s->sidecar)
		       ? 0
		       : words_say(&s->words, LK_E_INVAL, "sqlite: the path is too long");
}

/* Others could put files of theirs where SQLite looks for its own. */
static int
check_folder_is_ours(struct sqlite_store *s)
{
	struct stat is;
	int error = io_stat(s->dir, &is);

	if (error != 0)
		return fail_path(s, error);
	if (is.st_uid != geteuid() && is.st_uid != 0)
		return store_complain(s, LK_E_PERM, "", "the folder is somebody else's");
	if ((is.st_mode & 022) != 0)
		return store_complain(s, LK_E_PERM, "", "others may write in the folder");
	return 0;
}

static int
check_folder(struct sqlite_store *s, const struct wishes *w)
{
	char folder[PATH_MAX];
	const char *objection;
	int error, rc;

	(void)snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(s->path, '/') - s->path + 1),
		       s->path);
	s->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return fail_path(s, errno);
	rc = w->handle == NULL ? check_folder_is_ours(s) : 0;
	if (rc != 0)
		return rc;
	objection = host_objection(s->dir, w->any_fs, &s->is_volatile, &error);
	if (objection == NULL)
		return 0;
	if (error != 0)
		return fail_path(s, error);
	return words_say(&s->words, LK_E_UNSUPPORTED,
			 "sqlite:%.150s: its file system is %s; a store needs a local one", s->path,
			 objection);
}

/* In a child the locks are not those that SQLite believes to have. */
static int
set_ident(struct sqlite_store *s, const struct stat *is)
{
	s->ident = (struct ident){ is->st_dev, is->st_ino };
	return !store_was_left(&s->ident)
		       ? 0
		       : store_complain(s, LK_E_FORKED, "",
					"the parent has the database open: exec() first");
}

/* It is looked at by name: nobody but SQLite opens it.  (SQ4) */
static int
check_file(struct sqlite_store *s, bool *is_new)
{
	struct stat is;
	const int error = io_stat_at(AT_FDCWD, s->path, &is);

	*is_new = error == ENOENT;
	if (*is_new)
		return s->is_read_only ? store_complain(s, LK_E_STORE, "", "there is no database")
				       : 0;
	if (error != 0)
		return fail_path(s, error);
	if (!S_ISREG(is.st_mode) || is.st_uid != geteuid() || (is.st_mode & 022) != 0)
		return store_complain(s, LK_E_PERM, "", "not a plain file of ours");
	return set_ident(s, &is);
}

/* ------------------------------------------------------------------------- the connection */

/* A database is for those who may read all of it. */
static int
open_own(struct sqlite_store *s)
{
	const int flags =
		s->is_read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	bool is_new;
	int result;
	int rc = check_file(s, &is_new);

	if (rc != 0)
		return rc;
	result = connection_open(s, &s->writer, flags, place_now(&s->place) + SETUP_NS);
	if (result != SQLITE_OK)
		return result == SQLITE_CANTOPEN_SYMLINK ? LK_E_PERM : trouble_code(result);
	if (is_new && chmod(s->path, 0600) != 0)
		return fail_path(s, errno);
	return 0;
}

static int
take_programs(struct sqlite_store *s, sqlite3 *db)
{
	s->writer.db = db;
	s->writer.is_programs = true;
	if (sqlite3_db_mutex(db) == NULL)
		return store_complain(
			s, LK_E_UNSUPPORTED, "",
			"the connection is one without a mutex (SQLITE_OPEN_NOMUTEX)");
	if (!s->is_read_only && sqlite3_db_readonly(db, "main") == 1)
		return store_complain(s, LK_E_PERM, "", "the connection is for reading only");
	return 0;
}

/* ----------------------------------------------------------------------------- its mode */

static int
say_pragma(struct sqlite_store *s, int result)
{
	return trouble_say(s, s->writer.db, "journal_mode", result);
}

/*
 * A record has some hundred bytes, and a commit writes and sums the whole page in which it is.  On half of SQLite's usual page
 * there is room for one with a few holders; on less, it would take several.  The pages of a database that is there already
 * stay as they are.
 */
static const char page_size[] = "PRAGMA main.page_size = 2048";

static int
set_wal(struct sqlite_store *s, uint64_t deadline_ns)
{
	struct tries t = { .deadline_ns = deadline_ns };
	char mode[16];
	int result;

	(void)connection_sql(s, &s->writer, page_size); /* else it is slower, and no more */
	do
		result = connection_pragma(&s->writer, "PRAGMA main.journal_mode = WAL", mode,
					   sizeof(mode));
	while (trouble_passes(result) && tries_again(s, &t));
	if (result != SQLITE_OK)
		return say_pragma(s, result);
	return strcmp(mode, "wal") == 0 ? 0
					: store_complain(s, LK_E_UNSUPPORTED, "journal_mode",
							 "the database cannot be in mode WAL");
}

/* A rollback journal that is not a file is none when the process is killed. */
static int
check_mode(struct sqlite_store *s, uint64_t deadline_ns)
{
	struct tries t = { .deadline_ns = deadline_ns };
	char mode[16];
	int result;

	do
		result = connection_pragma(&s->writer, "PRAGMA main.journal_mode", mode,
					   sizeof(mode));
	while (trouble_passes(result) && tries_again(s, &t));
	if (result != SQLITE_OK)
		return say_pragma(s, result);
	if (strcmp(mode, "wal") == 0)
		return 0;
	if (!s->writer.is_programs && !s->is_read_only)
		return set_wal(s, deadline_ns);
	if (strcmp(mode, "off") == 0 || strcmp(mode, "memory") == 0)
		return store_complain(s, LK_E_UNSUPPORTED, "journal_mode",
				      "without a journal in a file a killed process leaves half of "
				      "what it wrote");
	return 0;
}

/* ---------------------------------------------------------------------------- the tables */

/* With the transaction open. */
struct found {
	bool is_new;
	bool is_elsewhere; /* of another boot, or a copy: nobody who is in it lives (SI2) */
	bool has_sessions;
};

static int
fail_sql(struct sqlite_store *s, int result)
{
	return trouble_say(s, s->writer.db, "", result);
}

/* The first column of the first row: `*n`, 0 if there is none. */
static int
ask_number(struct sqlite_store *s, const char *sql, sqlite3_int64 *n)
{
	sqlite3_stmt *st = NULL;
	char *text = connection_spell(s, sql);
	int result =
		text != NULL ? sqlite3_prepare_v2(s->writer.db, text, -1, &st, NULL) : SQLITE_NOMEM;

	*n = 0;
	sqlite3_free(text);
	if (result == SQLITE_OK)
		result = sqlite3_step(st);
	if (result == SQLITE_ROW)
		*n = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return result == SQLITE_OK || result == SQLITE_ROW || result == SQLITE_DONE
		       ? 0
		       : fail_sql(s, result);
}

static const char tables[] =
	"CREATE TABLE main.\"%meta\" (one INTEGER PRIMARY KEY CHECK (one = 1), format INTEGER NOT "
	"NULL,"
	" store BLOB NOT NULL, changes INTEGER NOT NULL, boot BLOB NOT NULL, inode INTEGER NOT "
	"NULL);"
	"CREATE TABLE main.\"%records\" (name BLOB PRIMARY KEY NOT NULL, bytes BLOB NOT NULL,"
	" sum INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE main.\"%sessions\" (id BLOB PRIMARY KEY NOT NULL, slot INTEGER NOT NULL "
	"UNIQUE,"
	" who TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE main.\"%guards\" (name BLOB PRIMARY KEY NOT NULL, fence INTEGER NOT NULL)"
	" WITHOUT ROWID;";

/* The row of meta, new or of this boot: `sql` has places for the store's id, the boot, the inode. */
static int
put_meta(struct sqlite_store *s, const char *sql)
{
	unsigned char boot[16];
	sqlite3_stmt *st = NULL;
	char *text = connection_spell(s, sql);
	int result =
		text != NULL ? sqlite3_prepare_v2(s->writer.db, text, -1, &st, NULL) : SQLITE_NOMEM;

	sqlite3_free(text);
	if (result != SQLITE_OK)
		return fail_sql(s, result);
	host_boot(boot);
	(void)sqlite3_bind_blob(st, 1, s->id, sizeof(s->id), SQLITE_STATIC);
	(void)sqlite3_bind_blob(st, 2, boot, sizeof(boot), SQLITE_STATIC);
	(void)sqlite3_bind_int64(st, 3, (sqlite3_int64)s->ident.ino);
	result = sqlite3_step(st);
	(void)sqlite3_finalize(st);
	return result == SQLITE_DONE ? 0 : fail_sql(s, result);
}

static int
make_tables(struct sqlite_store *s)
{
	const uint64_t id[2] = { place_random(&s->place), place_random(&s->place) };
	const int result = connection_sql(s, &s->writer, tables);

	if (result != SQLITE_OK)
		return fail_sql(s, result);
	memcpy(s->id, id, sizeof(s->id));
	return put_meta(s, "INSERT INTO main.\"%meta\" (one, format, store, changes, boot, inode) "
			   "VALUES (1, 1, ?1, 1, ?2, ?3)");
}

static int
look_at_row(struct sqlite_store *s, sqlite3_stmt *st, struct found *f)
{
	const sqlite3_int64 format = sqlite3_column_int64(st, 0);
	unsigned char boot[16];

	if (format > SQLITE_STORE_FORMAT)
		return store_complain(s, LK_E_VERSION, "meta", "it is of a newer format");
	if (format != SQLITE_STORE_FORMAT || sqlite3_column_bytes(st, 1) != (int)sizeof(s->id))
		return store_complain(s, LK_E_CORRUPT, "meta", "it is damaged");
	memcpy(s->id, sqlite3_column_blob(st, 1), sizeof(s->id));
	host_boot(boot);
	f->is_elsewhere = sqlite3_column_bytes(st, 3) != (int)sizeof(boot) ||
			  memcmp(sqlite3_column_blob(st, 3), boot, sizeof(boot)) != 0 ||
			  sqlite3_column_int64(st, 4) != (sqlite3_int64)s->ident.ino;
	return 0;
}

static int
read_meta(struct sqlite_store *s, struct found *f)
{
	int result, rc;
	sqlite3_stmt *st = connection_statement(s, &s->writer, ST_META, &result);

	if (st == NULL)
		return fail_sql(s, result);
	result = sqlite3_step(st);
	if (result == SQLITE_ROW)
		rc = look_at_row(s, st, f);
	else
		rc = result == SQLITE_DONE ? store_complain(s, LK_E_CORRUPT, "meta", "it is empty")
					   : fail_sql(s, result);
	(void)sqlite3_reset(st);
	return rc;
}

static int
find_tables(struct sqlite_store *s, struct found *f)
{
	sqlite3_int64 n;
	int rc = ask_number(s,
			    "SELECT count(*) FROM main.sqlite_master WHERE type = 'table' AND "
			    "lower(name) = '%meta'",
			    &n);

	f->is_new = n == 0;
	if (rc != 0)
		return rc;
	if (f->is_new)
		return s->is_read_only
			       ? store_complain(s, LK_E_STORE, "", "there is no store in it")
			       : make_tables(s);
	rc = read_meta(s, f);
	if (rc == 0)
		rc = ask_number(s, "SELECT count(*) FROM main.\"%sessions\"", &n);
	f->has_sessions = n != 0;
	return rc;
}

static int
drop_sessions(struct sqlite_store *s)
{
	const int result = connection_sql(s, &s->writer, "DELETE FROM main.\"%sessions\"");

	if (result != SQLITE_OK)
		return fail_sql(s, result);
	return put_meta(s, "UPDATE main.\"%meta\" SET changes = changes + 1, boot = ?2, inode = ?3 "
			   "WHERE one = 1 AND store = ?1");
}

static int
set_up_open(struct sqlite_store *s)
{
	struct found f = { 0 };
	int rc = find_tables(s, &f);

	if (rc == 0 && f.is_elsewhere && !s->is_read_only)
		rc = drop_sessions(s);
	if (rc != 0)
		return rc;
	s->key = rows_hash(s->id, sizeof(s->id), 0);
	return sidecar_open(s, !s->is_read_only && (f.is_new || f.is_elsewhere || !f.has_sessions));
}

static int
begin_and_set_up(struct sqlite_store *s, uint64_t deadline_ns)
{
	struct tries t = { .deadline_ns = deadline_ns };
	const enum statement begin = s->is_read_only ? ST_BEGIN : ST_BEGIN_IMMEDIATE;
	int result, rc;

	do
		result = connection_run(s, &s->writer, begin);
	while (trouble_passes(result) && tries_again(s, &t));
	if (result != SQLITE_OK)
		return fail_sql(s, result);
	rc = set_up_open(s);
	do {
		result = rc == 0 ? connection_run(s, &s->writer, ST_COMMIT) : SQLITE_OK;
	} while (trouble_passes(result) && tries_again(s, &t));
	if (result != SQLITE_OK)
		rc = fail_sql(s, result);
	if (sqlite3_get_autocommit(s->writer.db) == 0)
		(void)connection_run(s, &s->writer, ST_ROLLBACK);
	return rc == LK_E_TIMEDOUT ? LK_E_STORE : rc;
}

/* What is made is on the disk before anybody builds on it. */
static int
set_up_tables(struct sqlite_store *s, uint64_t deadline_ns)
{
	const bool syncs = !s->writer.is_programs && !s->is_read_only;
	int result = SQLITE_OK;
	int rc;

	if (syncs)
		result = connection_sql(s, &s->writer, "PRAGMA main.synchronous = EXTRA");
	if (result != SQLITE_OK)
		return fail_sql(s, result);
	rc = begin_and_set_up(s, deadline_ns);
	if (rc == 0 && syncs)
		result = connection_sql(s, &s->writer, "PRAGMA main.synchronous = NORMAL");
	return rc == 0 && result != SQLITE_OK ? fail_sql(s, result) : rc;
}

static int
set_limit(struct sqlite_store *s)
{
	char sql[80];
	sqlite3_int64 page;
	int rc = ask_number(s, "PRAGMA main.page_size", &page);

	if (rc != 0 || s->max_size == UINT64_MAX)
		return rc;
	(void)snprintf(sql, sizeof(sql), "PRAGMA main.max_page_count = %llu",
		       (unsigned long long)(s->max_size / (uint64_t)page));
	return ask_number(s, sql, &page);
}

/* With the turn, and the mutex of the program's connection. */
static int
set_up(struct sqlite_store *s)
{
	const uint64_t deadline_ns = place_now(&s->place) + SETUP_NS;
	int rc = check_mode(s, deadline_ns);

	if (rc == 0)
		rc = set_up_tables(s, deadline_ns);
	if (rc == 0 && !s->writer.is_programs)
		rc = set_limit(s);
	return rc == LK_E_TIMEDOUT ? LK_E_STORE : rc;
}

static int
connect(struct sqlite_store *s, const struct wishes *w)
{
	struct connection *c;
	struct stat is;
	int rc = w->handle == NULL ? open_own(s) : take_programs(s, w->handle);

	if (rc == 0 && io_stat_at(AT_FDCWD, s->path, &is) != 0)
		rc = fail_path(s, errno);
	if (rc == 0)
		rc = set_ident(s, &is);
	if (rc == 0)
		rc = connection_enter(s, true, place_now(&s->place) + SETUP_NS, &c);
	if (rc != 0)
		return rc == LK_E_TIMEDOUT ? LK_E_STORE : rc;
	rc = set_up(s);
	connection_leave(s, c);
	return rc;
}

int
setup_open(struct sqlite_store *s, const struct wishes *w)
{
	const char *path = w->path;
	int rc;

	if (w->handle != NULL)
		path = sqlite3_db_filename(w->handle, "main");
	rc = set_path(s, path != NULL ? path : "");
	if (rc == 0)
		rc = set_sidecar(s);
	if (rc == 0)
		rc = check_folder(s, w);
	if (rc == 0)
		rc = connect(s, w);
	if (rc == 0 && !s->is_read_only)
		(void)io_sync(s->dir); /* the names of its files */
	return rc;
}
