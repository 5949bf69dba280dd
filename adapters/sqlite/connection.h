/* SPDX-License-Identifier: MIT */
/* Connections: opening them, their statements, and whose turn it is to use one. */
#ifndef LK_ADAPTERS_SQLITE_CONNECTION_H
#define LK_ADAPTERS_SQLITE_CONNECTION_H

#include "sqlite/store.h"

/* One of ours to the database; SQLite's result, s->words says why. */
int connection_open(struct sqlite_store *s, struct connection *c, int flags, uint64_t deadline_ns);

/* Its statements, and if it is ours the connection itself. */
void connection_close(struct connection *c);

/* The statement, ready to be bound; NULL: `*result` says why. */
sqlite3_stmt *connection_statement(struct sqlite_store *s, struct connection *c,
				   enum statement which, int *result);

/* Run one that returns no rows and has nothing to bind.  SQLite's result. */
int connection_run(struct sqlite_store *s, struct connection *c, enum statement which);

/* `sql` with the prefix of the tables for each %, to be freed with sqlite3_free(); NULL: no memory. */
char *connection_spell(const struct sqlite_store *s, const char *sql);

/* Some SQL, in which each % is the prefix of the tables.  SQLite's result. */
int connection_sql(struct sqlite_store *s, struct connection *c, const char *sql);

/* The one row and column of "PRAGMA …", as text of at most `cap` bytes.  SQLite's result. */
int connection_pragma(struct connection *c, const char *sql, char *out, size_t cap);

/* Take the connection that writes, or one that reads, until connection_leave().  0; LK_E_TIMEDOUT, LK_E_STORE, … */
int connection_enter(struct sqlite_store *s, bool writes, uint64_t deadline_ns,
		     struct connection **out);
void connection_leave(struct sqlite_store *s, struct connection *c);

/* A pause before the next try. */
struct tries {
	uint64_t deadline_ns;
	unsigned n;
};

/* False: the deadline has passed. */
bool tries_again(struct sqlite_store *s, struct tries *t);

#endif /* LK_ADAPTERS_SQLITE_CONNECTION_H */
