/* SPDX-License-Identifier: MIT */
/* From BEGIN to COMMIT. */
#include "sqlite/transaction.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/io.h"
#include "sqlite/trouble.h"

static int
fail(struct transaction *t, const char *what, int result)
{
	return trouble_say(t->s, t->c->db, what, result);
}

/* ------------------------------------------------------------------------- statements */

sqlite3_stmt *
transaction_statement(struct transaction *t, enum statement which, int *rc)
{
	int result;
	sqlite3_stmt *st = connection_statement(t->s, t->c, which, &result);

	*rc = st != NULL ? 0 : fail(t, "", result);
	return st;
}

int
transaction_step(struct transaction *t, sqlite3_stmt *st, bool *is_row)
{
	const int result = sqlite3_step(st);
	int rc;

	*is_row = result == SQLITE_ROW;
	if (result == SQLITE_ROW || result == SQLITE_DONE)
		return 0;
	rc = fail(t, "", result);
	(void)sqlite3_reset(st);
	return rc;
}

int
transaction_do(struct transaction *t, sqlite3_stmt *st)
{
	bool is_row;
	int rc = transaction_step(t, st, &is_row);

	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	return rc;
}

/* ------------------------------------------------------------------------------ begin */

static bool
is_there(const char *path, const struct ident *ident)
{
	struct stat is;

	return io_stat_at(AT_FDCWD, path, &is) == 0 && is.st_dev == ident->dev &&
	       is.st_ino == ident->ino;
}

/* It is not the store any more. */
static int
is_elsewhere(struct transaction *t, const char *what, const char *why)
{
	t->is_elsewhere = true;
	return store_complain(t->s, LK_E_CORRUPT, what, why);
}

static int
check_files(struct transaction *t)
{
	struct sqlite_store *s = t->s;
	const uint64_t names = names_now(&s->names, s->dir); /* before the look (SF9) */

	if (names != 0 && atomic_load(&s->looked) == names)
		return 0; /* (SQ10) */
	if (!is_there(s->path, &s->ident))
		return is_elsewhere(t, "", "the database was removed or replaced");
	if (!is_there(s->sidecar, &s->sidecar_ident))
		return is_elsewhere(t, s->sidecar, "the file was removed or replaced");
	atomic_store(&s->looked, names);
	return 0;
}

static int
check_row(struct transaction *t, sqlite3_stmt *st, uint64_t seen)
{
	struct sqlite_store *s = t->s;

	if (sqlite3_column_int64(st, 0) != SQLITE_STORE_FORMAT)
		return store_complain(s, LK_E_STORE, "meta", "it is of another format now");
	if (sqlite3_column_bytes(st, 1) != (int)sizeof(s->id) ||
	    memcmp(sqlite3_column_blob(st, 1), s->id, sizeof(s->id)) != 0)
		return is_elsewhere(t, "meta", "it is another store");
	t->changes = (uint64_t)sqlite3_column_int64(st, 2);
	if (t->changes < seen)
		return is_elsewhere(t, "meta",
				    "an older database was put in its place"); /* (SQ3) */
	return 0;
}

/*
 * Has nobody written since the last transaction of this connection, which did?  Then it is known what meta says.  SQLite finds out
 * as a writer begins; who reads finds out with the first thing that he reads.
 */
static bool
knows_meta(const struct transaction *t)
{
	const struct connection *c = t->c;
	uint32_t version;

	return t->writes && c->knows_changes &&
	       sqlite3_file_control(c->db, "main", SQLITE_FCNTL_DATA_VERSION, &version) ==
		       SQLITE_OK &&
	       version == c->data_version;
}

/* It was committed.  A connection of the program's writes what else it likes. */
static void
note_meta(const struct transaction *t)
{
	struct connection *c = t->c;

	c->changes = t->changes + t->added;
	c->knows_changes =
		!c->is_programs && sqlite3_file_control(c->db, "main", SQLITE_FCNTL_DATA_VERSION,
							&c->data_version) == SQLITE_OK;
}

/* The first that is read of the database: only here somebody may be in the way of a reader. */
static int
check_meta(struct transaction *t, uint64_t seen)
{
	struct tries tries = { .deadline_ns = t->deadline_ns };
	sqlite3_stmt *st;
	int result, rc;

	const bool knows = knows_meta(t) && t->c->changes >= seen;

	if (t->writes)
		latest_begin(&t->s->latest, knows); /* (SQ12) */
	if (knows) {
		t->changes = t->c->changes;
		return 0;
	}
	t->c->knows_changes = false;
	do {
		st = connection_statement(t->s, t->c, ST_META, &result);
		if (st == NULL)
			continue;
		result = sqlite3_step(st);
		if (trouble_passes(result))
			(void)sqlite3_reset(st);
	} while (trouble_passes(result) && tries_again(t->s, &tries));
	if (result != SQLITE_ROW)
		rc = result == SQLITE_DONE
			     ? store_complain(t->s, LK_E_CORRUPT, "meta", "it is empty")
			     : fail(t, "meta", result);
	else
		rc = check_row(t, st, seen);
	if (st != NULL)
		(void)sqlite3_reset(st);
	return rc;
}

/* (SQ7) */
static int
prepare_end(struct transaction *t)
{
	static const enum statement ends[] = { ST_COMMIT, ST_ROLLBACK };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		int result;

		if (connection_statement(t->s, t->c, ends[i], &result) == NULL)
			return fail(t, "", result);
	}
	return 0;
}

static int
open_it(struct transaction *t)
{
	struct tries tries = { .deadline_ns = t->deadline_ns };
	const uint64_t seen = atomic_load(&t->s->seen); /* before: what comes later may be newer */
	const enum statement begin = t->writes ? ST_BEGIN_IMMEDIATE : ST_BEGIN;
	int result;
	int rc = prepare_end(t);

	if (rc != 0)
		return rc;
	do
		result = connection_run(t->s, t->c, begin);
	while (trouble_passes(result) && tries_again(t->s, &tries));
	if (result != SQLITE_OK)
		return fail(t, "", result);
	rc = check_files(t); /* as nobody else can write */
	return rc == 0 ? check_meta(t, seen) : rc;
}

int
transaction_begin(struct transaction *t, struct sqlite_store *s, bool writes, uint64_t deadline_ns)
{
	int rc;

	*t = (struct transaction){ .s = s, .deadline_ns = deadline_ns, .writes = writes };
	rc = connection_enter(s, writes, deadline_ns, &t->c);
	if (rc == LK_E_STORE && check_files(t) != 0)
		return LK_E_CORRUPT; /* that is why */
	if (rc != 0)
		return rc;
	rc = open_it(t);
	if (rc != 0)
		transaction_abandon(t);
	return rc;
}

/* -------------------------------------------------------------------------- durability */

static int
set_synchronous(struct transaction *t, int level)
{
	static const char *const levels[] = { "PRAGMA main.synchronous = OFF",
					      "PRAGMA main.synchronous = NORMAL",
					      "PRAGMA main.synchronous = FULL",
					      "PRAGMA main.synchronous = EXTRA" };

	return connection_sql(t->s, t->c, levels[level]);
}

enum { SYNC_NORMAL = 1, SYNC_EXTRA = 3, TRIES_TO_END = 3 };

/* The program's connection has a setting of its own, which comes back. */
static int
note_synchronous(struct connection *c)
{
	char text[8];
	int result = SQLITE_OK;

	c->synchronous = SYNC_NORMAL;
	if (c->is_programs) {
		result = connection_pragma(c, "PRAGMA main.synchronous", text, sizeof(text));
		c->synchronous = (int)strtol(text, NULL, 10) & 3;
	}
	return result;
}

static void
roll_back(struct transaction *t)
{
	for (int i = 0; i < TRIES_TO_END && sqlite3_get_autocommit(t->c->db) == 0; i++)
		(void)connection_run(t->s, t->c, ST_ROLLBACK);
	t->c->is_stuck = sqlite3_get_autocommit(t->c->db) == 0; /* (SQ7) */
}

int
transaction_harden(struct transaction *t)
{
	int result, rc;

	roll_back(t); /* it cannot be set in a transaction */
	result = note_synchronous(t->c);
	if (result == SQLITE_OK)
		result = set_synchronous(t, SYNC_EXTRA);
	t->c->is_durable = result == SQLITE_OK;
	rc = result == SQLITE_OK ? open_it(t) : fail(t, "", result);
	if (rc != 0)
		transaction_abandon(t);
	return rc;
}

/* -------------------------------------------------------------------------------- end */

static void
leave(struct transaction *t)
{
	if (t->c->is_durable)
		(void)set_synchronous(t, t->c->synchronous);
	t->c->is_durable = false;
	connection_leave(t->s, t->c);
}

void
transaction_abandon(struct transaction *t)
{
	roll_back(t);
	leave(t);
}

int
transaction_count(struct transaction *t, uint64_t n)
{
	int rc;
	sqlite3_stmt *st = transaction_statement(t, ST_COUNT, &rc);

	if (st == NULL)
		return rc;
	(void)sqlite3_bind_int64(st, 1, (sqlite3_int64)n);
	t->added += n;
	return transaction_do(t, st);
}

/* A frame of the page of meta, in the log, costs a third of a bare transaction. */
enum { UNCOUNTED_MOST = 64, UNCOUNTED_NS = 10000000 };

int
transaction_count_quiet(struct transaction *t, uint64_t n)
{
	struct sqlite_store *s = t->s;

	if (s->counted_ns != 0 && s->uncounted + 1 < UNCOUNTED_MOST &&
	    place_now(&s->place) - s->counted_ns < UNCOUNTED_NS)
		return 0;
	return transaction_count(t, n);
}

/* With the turn.  (SQ9) */
static void
note_count(struct transaction *t)
{
	struct sqlite_store *s = t->s;

	if (t->added == 0) {
		s->uncounted++;
		return;
	}
	s->uncounted = 0;
	s->counted_ns = place_now(&s->place);
}

/* What is read is never older than this, from now on; by all threads.  (SQ3) */
static void
note_seen(struct transaction *t)
{
	const uint64_t now = t->changes + t->added;
	uint64_t seen = atomic_load(&t->s->seen);

	while (seen < now && !atomic_compare_exchange_weak(&t->s->seen, &seen, now))
		;
}

/* (SQ6) */
static int
code_of_commit(struct transaction *t, int result)
{
	const bool is_open = sqlite3_get_autocommit(t->c->db) == 0;
	int rc = fail(t, "to commit", result);

	if ((is_open && trouble_passes(result)) || (result & 0xff) == SQLITE_CONSTRAINT)
		return rc;
	return (result & 0xff) == SQLITE_FULL && !t->c->is_durable ? rc : LK_E_UNKNOWN;
}

int
transaction_commit(struct transaction *t)
{
	struct tries tries = { .deadline_ns = t->deadline_ns };
	int result;
	int rc = 0;

	do
		result = connection_run(t->s, t->c, ST_COMMIT);
	while (trouble_passes(result) && tries_again(t->s, &tries));
	t->c->knows_changes = false;
	if (result == SQLITE_OK) {
		note_seen(t);
		note_count(t);
		note_meta(t);
		latest_commit(&t->s->latest);
	} else {
		rc = code_of_commit(t, result);
	}
	transaction_abandon(t);
	return rc;
}
