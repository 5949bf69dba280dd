/* SPDX-License-Identifier: MIT */
/* Connections, their statements, their turns. */
#include "sqlite/connection.h"

#include <sched.h>
#include <stdio.h>

#include "sqlite/trouble.h"

/* In which % is the prefix of the tables. */
static const char *const texts[STATEMENTS] = {
	[ST_BEGIN] = "BEGIN",
	[ST_BEGIN_IMMEDIATE] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_META] = "SELECT format, store, changes, boot, inode FROM main.\"%meta\" WHERE one = 1",
	[ST_COUNT] = "UPDATE main.\"%meta\" SET changes = changes + ?1 WHERE one = 1",
	[ST_GET] = "SELECT bytes, sum FROM main.\"%records\" WHERE name = ?1",
	/* The table has no other index: so this looks for the name once, where ON CONFLICT would do it twice. */
	[ST_PUT] = "REPLACE INTO main.\"%records\" (name, bytes, sum) VALUES (?1, ?2, ?3)",
	[ST_REMOVE] = "DELETE FROM main.\"%records\" WHERE name = ?1",
	[ST_SCAN_FIRST] =
		"SELECT name, bytes, sum FROM main.\"%records\" WHERE name >= ?1 ORDER BY name",
	[ST_SCAN] = "SELECT name, bytes, sum FROM main.\"%records\" WHERE name > ?1 ORDER BY name",
	[ST_SESSION] = "SELECT slot, who FROM main.\"%sessions\" WHERE id = ?1",
	[ST_SESSIONS] = "SELECT id, slot FROM main.\"%sessions\" ORDER BY slot",
	[ST_SESSION_PUT] = "INSERT INTO main.\"%sessions\" (id, slot, who) VALUES (?1, ?2, ?3)",
	[ST_SESSION_REMOVE] = "DELETE FROM main.\"%sessions\" WHERE id = ?1",
};

char *
connection_spell(const struct sqlite_store *s, const char *sql)
{
	sqlite3_str *text = sqlite3_str_new(NULL);

	for (; *sql != '\0'; sql++) {
		if (*sql == '%')
			sqlite3_str_appendall(text, s->prefix);
		else
			sqlite3_str_append(text, sql, 1);
	}
	return sqlite3_str_finish(text);
}

sqlite3_stmt *
connection_statement(struct sqlite_store *s, struct connection *c, enum statement which,
		     int *result)
{
	char *sql;

	*result = SQLITE_OK;
	if (c->statement[which] != NULL)
		return c->statement[which];
	sql = connection_spell(s, texts[which]);
	if (sql == NULL) {
		*result = SQLITE_NOMEM;
		return NULL;
	}
	*result = sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
				     &c->statement[which], NULL);
	sqlite3_free(sql);
	return c->statement[which];
}

int
connection_run(struct sqlite_store *s, struct connection *c, enum statement which)
{
	int result;
	sqlite3_stmt *st = connection_statement(s, c, which, &result);

	if (st == NULL)
		return result;
	result = sqlite3_step(st);
	(void)sqlite3_reset(st);
	return result == SQLITE_DONE || result == SQLITE_ROW ? SQLITE_OK : result;
}

int
connection_sql(struct sqlite_store *s, struct connection *c, const char *sql)
{
	char *text = connection_spell(s, sql);
	int result = text != NULL ? sqlite3_exec(c->db, text, NULL, NULL, NULL) : SQLITE_NOMEM;

	sqlite3_free(text);
	return result;
}

int
connection_pragma(struct connection *c, const char *sql, char *out, size_t cap)
{
	sqlite3_stmt *st = NULL;
	int result = sqlite3_prepare_v2(c->db, sql, -1, &st, NULL);

	out[0] = '\0';
	if (result == SQLITE_OK)
		result = sqlite3_step(st);
	if (result == SQLITE_ROW) {
		const unsigned char *text = sqlite3_column_text(st, 0);

		(void)snprintf(out, cap, "%s", text != NULL ? (const char *)text : "");
		result = SQLITE_OK;
	}
	(void)sqlite3_finalize(st);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

/* ------------------------------------------------------------------------------- tries */

enum { YIELDS = 4, NAP_FIRST_NS = 20000, NAP_MOST_NS = 2000000 };

/* Others hold it for some ten microseconds, or as long as the disk takes: naps grow, and differ, so that two do not meet. */
bool
tries_again(struct sqlite_store *s, struct tries *t)
{
	const uint64_t now = place_now(&s->place);
	uint64_t nap_ns = NAP_FIRST_NS;

	if (now >= t->deadline_ns)
		return false;
	if (t->n++ < YIELDS) {
		sched_yield();
		return true;
	}
	for (unsigned i = YIELDS; i < t->n && nap_ns < NAP_MOST_NS; i++)
		nap_ns *= 2;
	nap_ns = nap_ns / 2 + place_random(&s->place) % (nap_ns / 2 + 1);
	place_nap(&s->place, t->deadline_ns - now > nap_ns ? now + nap_ns : t->deadline_ns);
	return true;
}

/* ----------------------------------------------------------------------- open and close */

/* Our own are not the program's: nothing is in their way, and what they read is never mapped, which could be cut off. */
static int
set_up(struct sqlite_store *s, struct connection *c, uint64_t deadline_ns)
{
	struct tries t = { .deadline_ns = deadline_ns };
	int result;

	(void)sqlite3_extended_result_codes(c->db, 1);
	(void)sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	do
		result = connection_sql(s, c, "PRAGMA mmap_size = 0; PRAGMA synchronous = NORMAL");
	while (trouble_passes(result) && tries_again(s, &t));
	return result;
}

int
connection_open(struct sqlite_store *s, struct connection *c, int flags, uint64_t deadline_ns)
{
	int result = sqlite3_open_v2(s->path, &c->db,
				     flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
					     SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE,
				     NULL);

	if (result == SQLITE_OK)
		result = set_up(s, c, deadline_ns);
	if (result == SQLITE_OK)
		return result;
	(void)trouble_say(s, c->db, "to open it", result);
	(void)sqlite3_close(c->db);
	c->db = NULL;
	return result;
}

void
connection_close(struct connection *c)
{
	if (c->db == NULL)
		return;
	for (int i = 0; i < STATEMENTS; i++) {
		(void)sqlite3_finalize(c->statement[i]);
		c->statement[i] = NULL;
	}
	if (!c->is_programs)
		(void)sqlite3_close(c->db);
	c->is_stuck = c->knows_changes = false;
	c->db = NULL;
}

/* ----------------------------------------------------------------------- whose turn it is */

#define PATIENCE_NS UINT64_C(2000000000)

/* Nor is its mutex waited for without an end: whoever has it may wait for us, as we ask for others too. */
static bool
take_if_idle(struct connection *c)
{
	sqlite3_mutex *mutex = sqlite3_db_mutex(c->db);

	if (sqlite3_mutex_try(mutex) != SQLITE_OK)
		return false;
	if (sqlite3_get_autocommit(c->db) != 0 &&
	    sqlite3_txn_state(c->db, "main") == SQLITE_TXN_NONE)
		return true;
	sqlite3_mutex_leave(mutex);
	return false;
}

/*
 * With the mutex of the program's connection, once it has nothing open there.  A transaction of another thread ends; one
 * of this thread does not as long as we wait: so not for ever.  (SQ5)
 */
static int
seize(struct sqlite_store *s, struct connection *c, uint64_t deadline_ns)
{
	const uint64_t now = place_now(&s->place);
	const bool is_far = deadline_ns > now && deadline_ns - now > PATIENCE_NS;
	struct tries t = { .deadline_ns = is_far ? now + PATIENCE_NS : deadline_ns };

	for (;;) {
		if (take_if_idle(c))
			return 0;
		if (!tries_again(s, &t))
			return store_complain(s, is_far ? LK_E_STORE : LK_E_TIMEDOUT, "",
					      "the program has a transaction open on the "
					      "connection, or its mutex");
	}
}

/* A reader that nobody uses: there is one, as not more are let in than there are. */
static int
take_reader(struct sqlite_store *s, uint64_t deadline_ns, struct connection **out)
{
	struct connection *c;
	int result = SQLITE_OK;

	pthread_mutex_lock(&s->readers_lock);
	c = s->idle;
	s->idle = c->next;
	pthread_mutex_unlock(&s->readers_lock);
	if (c->is_stuck) /* one that reads: it can be opened anew */
		connection_close(c);
	if (c->db == NULL)
		result = connection_open(s, c, SQLITE_OPEN_READONLY, deadline_ns);
	*out = c;
	return result == SQLITE_OK ? 0 : trouble_code(result);
}

static void
put_reader(struct sqlite_store *s, struct connection *c)
{
	pthread_mutex_lock(&s->readers_lock);
	c->next = s->idle;
	s->idle = c;
	pthread_mutex_unlock(&s->readers_lock);
	turns_leave(&s->reading);
}

/* What is left open is ended first, or nothing is done.  (SQ7) */
static int
unstick(struct sqlite_store *s, struct connection *c)
{
	sqlite3_mutex_enter(sqlite3_db_mutex(c->db));
	(void)connection_run(s, c, ST_ROLLBACK);
	c->is_stuck = sqlite3_get_autocommit(c->db) == 0;
	if (!c->is_stuck && c->is_programs)
		return 0;
	sqlite3_mutex_leave(sqlite3_db_mutex(c->db));
	return !c->is_stuck ? 0
			    : store_complain(s, LK_E_STORE, "", "a transaction could not be ended");
}

int
connection_enter(struct sqlite_store *s, bool writes, uint64_t deadline_ns, struct connection **out)
{
	const bool shares = s->writer.is_programs;
	struct turns *t = writes || shares ? &s->writing : &s->reading;
	int rc = 0;

	if (!turns_enter(t, &s->place, deadline_ns))
		return store_complain(s, LK_E_TIMEDOUT, "", "other threads are at it");
	*out = &s->writer;
	if (t == &s->writing && s->writer.is_stuck)
		rc = unstick(s, &s->writer);
	else if (shares)
		rc = seize(s, *out, deadline_ns);
	else if (!writes)
		rc = take_reader(s, deadline_ns, out);
	if (rc == 0)
		return 0;
	if (t == &s->reading)
		put_reader(s, *out);
	else
		turns_leave(t);
	return rc;
}

void
connection_leave(struct sqlite_store *s, struct connection *c)
{
	if (c->is_programs)
		sqlite3_mutex_leave(sqlite3_db_mutex(c->db));
	if (c == &s->writer)
		turns_leave(&s->writing);
	else
		put_reader(s, c);
}
