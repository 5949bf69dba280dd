/* SPDX-License-Identifier: MIT */
/* What the tests of the store in SQLite share: a folder, stores in it, and the program's own connections. */
#ifndef TESTS_SQLITE_STAGE_H
#define TESTS_SQLITE_STAGE_H

#include <latchkey/sqlite.h>

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"

#define NEVER UINT64_MAX

#define is(call, code)                                                                        \
	do {                                                                                  \
		int is_rc = (call);                                                           \
		cr_assert(is_rc == (code), "%s:%d: %s is %d (%s)", __FILE__, __LINE__, #call, \
			  is_rc, lk_errname(is_rc));                                          \
	} while (0)
#define ok(call) is(call, 0)

struct stage {
	char top[40];  /* a folder, made and removed by us */
	char path[64]; /* of a database in it that is not there yet */
	char url[96];
};

/* The store's library is linked, so it is registered first. */
void stage_make(struct stage *g);
void stage_remove(struct stage *g);

/* The path of something in it. */
const char *stage_file(const struct stage *g, const char *name, char buf[96]);

struct lk_store *store_open(const char *url);

/* With what `o` says; NULL: nothing.  The code; the store is closed again. */
int store_try(const char *url, uint32_t flags, char report[320]);

/* In a connection of the program's. */
struct lk_store *store_open_in(sqlite3 *db, const char *url);
int store_try_in(sqlite3 *db, const char *url, char report[320]);

int put(struct lk_store *s, const char *name, const void *bytes, size_t n);
int put_flags(struct lk_store *s, const char *name, const void *bytes, size_t n, uint32_t flags,
	      uint64_t deadline_ns);

/* Bytes of the record, or a code. */
int get(struct lk_store *s, const char *name);
int get_until(struct lk_store *s, const char *name, uint64_t deadline_ns);

bool is_alive(struct lk_store *s, const struct lk_session_id *id);

/* A connection of the program's to the database of the stage; SQL in it. */
sqlite3 *sql_open(const char *path);
void sql(sqlite3 *db, const char *text);
int sql_try(sqlite3 *db, const char *text);
long long sql_number(sqlite3 *db, const char *text);

#endif /* TESTS_SQLITE_STAGE_H */
