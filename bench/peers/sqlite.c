/* SPDX-License-Identifier: MIT */
/*
 * Locks that a database keeps: Latchkey's over sqlite:, and bare transactions of one row with the same settings (WAL,
 * synchronous=NORMAL).  They keep no line, know no modes, no dead sessions: they are the floor.
 *
 * Needs: libsqlite3-dev <sqlite3.h> pkg-config:sqlite3
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <latchkey/sqlite.h>
#include <sqlite3.h>

#include "each.h"
#include "ours.h"
#include "place.h"
#include "updates.h"

enum { PATIENCE_MS = 10000 };

/* ------------------------------------------------------------------------ Latchkey */

static void
make_url(char url[PLACE_MAX + 32], const char *parameters)
{
	const int rc = lk_store_register(lk_store_sqlite());
	char path[PLACE_MAX];

	if (rc != LK_E_BUSY) /* it is registered */
		must(rc, "sqlite: register");
	place_path(path, "db");
	snprintf(url, PLACE_MAX + 32, "sqlite:%s%s", path, parameters);
}

static void *
sqlite_open(const char *parameters)
{
	char url[PLACE_MAX + 32];
	struct lk_manager *m;

	make_url(url, parameters);
	must(lk_open(url, NULL, &m), url);
	return m;
}

static void *
asked_open(size_t n_names, size_t n_held)
{
	(void)n_names;
	(void)n_held;
	return sqlite_open("?linger_ns=off");
}

static void *
kept_open(size_t n_names, size_t n_held)
{
	(void)n_names;
	(void)n_held;
	return sqlite_open("");
}

#define PEER               latchkey_sqlite
#define PEER_NAME          "latchkey"
#define PEER_WHAT          "… over sqlite:, which is asked each time: linger_ns=off"
#define PEER_BY            BY_NAME
#define PEER_REALM         REALM_SQLITE
#define PEER_MODES         MODES_ALL
#define PEER_TICKET        lk_grant
#define PEER_OPEN          asked_open
#define PEER_CLOSE         latchkey_close
#define PEER_SESSION_OPEN  session_open
#define PEER_SESSION_CLOSE session_close
#define PEER_ACQUIRE       name_acquire
#define PEER_RELEASE       release
#include "contestant.h"

#define PEER               latchkey_sqlite_two
#define PEER_NAME          "latchkey"
#define PEER_WHAT          "… over sqlite:, two processes"
#define PEER_BY            BY_NAME
#define PEER_REALM         REALM_SQLITE_TWO
#define PEER_MODES         MODES_ALL
#define PEER_TICKET        lk_grant
#define PEER_OPEN          kept_open
#define PEER_CLOSE         latchkey_close
#define PEER_SESSION_OPEN  session_open
#define PEER_SESSION_CLOSE session_close
#define PEER_ACQUIRE       name_acquire
#define PEER_RELEASE       release
#include "contestant.h"

#define PEER               latchkey_sqlite_many
#define PEER_NAME          "latchkey"
#define PEER_WHAT          "… over sqlite:, two processes of eight threads"
#define PEER_BY            BY_NAME
#define PEER_REALM         REALM_SQLITE_MANY
#define PEER_MODES         MODES_ALL
#define PEER_TICKET        lk_grant
#define PEER_OPEN          kept_open
#define PEER_CLOSE         latchkey_close
#define PEER_SESSION_OPEN  session_open
#define PEER_SESSION_CLOSE session_close
#define PEER_ACQUIRE       name_acquire
#define PEER_RELEASE       release
#include "contestant.h"

static void *
sqlite_each_open(size_t n_names, size_t n_held)
{
	char url[PLACE_MAX + 32];

	(void)n_names;
	(void)n_held;
	make_url(url, "");
	return each_open(url);
}

#define PEER      sqlite_each
#define PEER_NAME "latchkey_store"
#define PEER_WHAT                                                                                    \
	"… by the store alone, which is asked each time: an update that takes it, one that frees " \
	"it"
#define PEER_BY      BY_NAME
#define PEER_REALM   REALM_SQLITE_MANY
#define PEER_MODES   MODES_ALL
#define PEER_TICKET  char
#define PEER_OPEN    sqlite_each_open
#define PEER_CLOSE   each_close
#define PEER_ACQUIRE each_acquire
#define PEER_RELEASE each_release
#include "contestant.h"

static void *
sqlite_updates_open(size_t n_names, size_t n_held)
{
	char url[PLACE_MAX + 32];

	(void)n_names;
	(void)n_held;
	make_url(url, "");
	return updates_open(url);
}

#define PEER         sqlite_updates
#define PEER_NAME    "latchkey_store"
#define PEER_WHAT    "two updates of a record, by the store alone"
#define PEER_BY      BY_NAME
#define PEER_REALM   REALM_SQLITE
#define PEER_MODES   MODES_ALL
#define PEER_TICKET  char
#define PEER_OPEN    sqlite_updates_open
#define PEER_CLOSE   updates_close
#define PEER_ACQUIRE updates_acquire
#define PEER_RELEASE updates_release
#include "contestant.h"

/* ---------------------------------------------------------------- a row of a database */

struct row {
	sqlite3 *db;
	sqlite3_stmt *begin;
	sqlite3_stmt *commit;
	sqlite3_stmt *write;
	sqlite3_stmt *read;
	int hint; /* a file that is written when something has changed */
	int notify;
	unsigned lane;
};

struct rows {
	char path[PLACE_MAX];
	char hint[PLACE_MAX];
	size_t n_names;
};

static void
sql_must(sqlite3 *db, int result, const char *what)
{
	if (__builtin_expect(result != SQLITE_OK && result != SQLITE_DONE, 0))
		bench_die(what, sqlite3_errmsg(db));
}

/* The first to come may find the other at it. */
static void
sql_do(sqlite3 *db, const char *sql)
{
	int result;

	while ((result = sqlite3_exec(db, sql, NULL, NULL, NULL)) == SQLITE_BUSY)
		usleep(1000);
	sql_must(db, result, sql);
}

static sqlite3_stmt *
prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st;

	sql_must(db, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL), sql);
	return st;
}

BENCH_INLINE void
step(const struct row *r, sqlite3_stmt *st)
{
	const int result = sqlite3_step(st);

	sql_must(r->db, result, "sqlite: a step");
	sqlite3_reset(st);
}

static void *
rows_open(size_t n_names, size_t n_held)
{
	struct rows *w = malloc(sizeof(*w));

	(void)n_held;
	if (w == NULL)
		bench_die("sqlite", "out of memory");
	place_path(w->path, "bare.db");
	place_path(w->hint, "hint");
	w->n_names = n_names;
	return w;
}

static void
rows_close(void *world)
{
	free(world);
}

/* A row for each name, and one that says whose turn it is. */
static void
fill(struct row *r, size_t n_names)
{
	sqlite3_stmt *st;

	sql_do(r->db,
	       "CREATE TABLE IF NOT EXISTS rows(name TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID");
	sql_do(r->db, "BEGIN IMMEDIATE");
	sql_do(r->db, "INSERT OR IGNORE INTO rows VALUES('turn', 0)");
	st = prepare(r->db, "INSERT OR IGNORE INTO rows VALUES(?, 0)");
	for (size_t i = 0; i < n_names; i++) {
		char name[32];

		snprintf(name, sizeof(name), "user:%07zu", i);
		sql_must(r->db, sqlite3_bind_text(st, 1, name, -1, SQLITE_TRANSIENT), "bind");
		step(r, st);
	}
	sqlite3_finalize(st);
	sql_do(r->db, "COMMIT");
}

static struct row *
row_open(const struct rows *w, unsigned lane)
{
	struct row *r = calloc(1, sizeof(*r));

	if (r == NULL)
		bench_die("sqlite", "out of memory");
	r->lane = lane;
	if (sqlite3_open_v2(w->path, &r->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
	    SQLITE_OK)
		bench_die("sqlite", sqlite3_errmsg(r->db));
	(void)sqlite3_busy_timeout(r->db, PATIENCE_MS);
	sql_do(r->db, "PRAGMA journal_mode = WAL");
	sql_do(r->db, "PRAGMA mmap_size = 0; PRAGMA synchronous = NORMAL");
	fill(r, w->n_names);
	r->begin = prepare(r->db, "BEGIN IMMEDIATE");
	r->commit = prepare(r->db, "COMMIT");
	return r;
}

static void
row_close(struct row *r)
{
	sqlite3_finalize(r->begin);
	sqlite3_finalize(r->commit);
	sqlite3_finalize(r->write);
	sqlite3_finalize(r->read);
	sql_must(r->db, sqlite3_close(r->db), "sqlite: close");
	free(r);
}

BENCH_INLINE void
transact(const struct row *r)
{
	step(r, r->begin);
	step(r, r->write);
	step(r, r->commit);
}

static void *
row_session_open(void *world, void *target, unsigned lane)
{
	struct row *r = row_open(world, lane);

	(void)target;
	r->write = prepare(r->db, "UPDATE rows SET n = n + 1 WHERE name = ?");
	return r;
}

static void
row_session_close(void *session)
{
	row_close(session);
}

BENCH_INLINE void
row_acquire(void *session, const void *target, lk_mode mode, char *ticket)
{
	struct row *r = (struct row *)session;

	(void)mode;
	(void)ticket;
	sql_must(r->db, sqlite3_bind_text(r->write, 1, (const char *)target, -1, SQLITE_STATIC),
		 "bind");
	transact(r);
}

BENCH_INLINE void
row_release(void *session, const void *target, char *ticket)
{
	(void)target;
	(void)ticket;
	transact((struct row *)session);
}

#define PEER               sqlite_row
#define PEER_WHAT          "two times BEGIN IMMEDIATE, UPDATE of a row by its name, COMMIT"
#define PEER_BY            BY_NAME
#define PEER_REALM         REALM_SQLITE
#define PEER_MODES         MODES_ALL
#define PEER_TICKET        char
#define PEER_OPEN          rows_open
#define PEER_CLOSE         rows_close
#define PEER_SESSION_OPEN  row_session_open
#define PEER_SESSION_CLOSE row_session_close
#define PEER_ACQUIRE       row_acquire
#define PEER_RELEASE       row_release
#include "contestant.h"

/* -------------------------------------------------------------------- turns, by a row */

#define NOBODY 2u /* one has ended: the other may go on */

static void *
turns_open(void *world, void *target, unsigned lane)
{
	const struct rows *w = world;
	struct row *r = row_open(w, lane);

	(void)target;
	r->write = prepare(r->db, "UPDATE rows SET n = ? WHERE name = 'turn'");
	r->read = prepare(r->db, "SELECT n FROM rows WHERE name = 'turn'");
	r->hint = open(w->hint, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	r->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (r->hint < 0 || r->notify < 0 || inotify_add_watch(r->notify, w->hint, IN_MODIFY) < 0)
		bench_die("sqlite_turns", strerror(errno));
	return r;
}

BENCH_INLINE void
turns_say(struct row *r, unsigned whose)
{
	sql_must(r->db, sqlite3_bind_int64(r->write, 1, whose), "bind");
	transact(r);
	if (pwrite(r->hint, &whose, sizeof(whose), 0) != (ssize_t)sizeof(whose))
		bench_die("sqlite_turns", strerror(errno));
}

BENCH_INLINE unsigned
turns_whose(const struct row *r)
{
	unsigned whose;

	if (sqlite3_step(r->read) != SQLITE_ROW)
		bench_die("sqlite_turns", sqlite3_errmsg(r->db));
	whose = (unsigned)sqlite3_column_int64(r->read, 0);
	sqlite3_reset(r->read);
	return whose;
}

static void
turns_close(void *session)
{
	struct row *r = session;

	turns_say(r, NOBODY);
	(void)close(r->hint);
	(void)close(r->notify);
	row_close(r);
}

BENCH_INLINE void
turns_acquire(void *session, const void *target, lk_mode mode, char *ticket)
{
	struct row *r = (struct row *)session;
	struct pollfd fd = { .fd = r->notify, .events = POLLIN };
	char events[1024];
	unsigned whose;

	(void)target;
	(void)mode;
	(void)ticket;
	while ((whose = turns_whose(r)) != r->lane && whose != NOBODY) {
		if (poll(&fd, 1, -1) != 1)
			bench_die("sqlite_turns", strerror(errno));
		(void)!read(r->notify, events, sizeof(events));
	}
}

BENCH_INLINE void
turns_release(void *session, const void *target, char *ticket)
{
	struct row *r = (struct row *)session;

	(void)target;
	(void)ticket;
	turns_say(r, 1 - r->lane);
}

#define PEER sqlite_turns
#define PEER_WHAT \
	"two processes that write whose turn it is in a row, and wait by inotify(7) of a file"
#define PEER_BY            BY_NAME
#define PEER_REALM         REALM_SQLITE_TWO
#define PEER_MODES         MODES_ALL
#define PEER_TICKET        char
#define PEER_OPEN          rows_open
#define PEER_CLOSE         rows_close
#define PEER_SESSION_OPEN  turns_open
#define PEER_SESSION_CLOSE turns_close
#define PEER_ACQUIRE       turns_acquire
#define PEER_RELEASE       turns_release
#include "contestant.h"
