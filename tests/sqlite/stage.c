/* SPDX-License-Identifier: MIT */
/* Folders, stores, SQL. */
#define _GNU_SOURCE
#include "stage.h"

#include <ftw.h>
#include <sys/stat.h>

/* In memory if there is such a place: what is tested is not the disk. */
void
stage_make(struct stage *g)
{
	const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	int rc = lk_store_register(lk_store_sqlite());

	cr_assert(rc == 0 || rc == LK_E_BUSY);
	(void)snprintf(g->top, sizeof(g->top), "%s/latchkey-XXXXXX", place);
	cr_assert_not_null(mkdtemp(g->top));
	(void)snprintf(g->path, sizeof(g->path), "%s/a.db", g->top);
	(void)snprintf(g->url, sizeof(g->url), "sqlite:%s", g->path);
}

static int
remove_one(const char *path, const struct stat *is, int type, struct FTW *at)
{
	(void)is;
	(void)type;
	(void)at;
	return remove(path);
}

void
stage_remove(struct stage *g)
{
	(void)nftw(g->top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *
stage_file(const struct stage *g, const char *name, char buf[96])
{
	(void)snprintf(buf, 96, "%s/%s", g->top, name);
	return buf;
}

/* --------------------------------------------------------------------------------- stores */

static int
try_open(const char *url, uint32_t flags, sqlite3 *db, char report[320], struct lk_store **out)
{
	const struct lk_store_open o = {
		.size = sizeof(o), .flags = flags, .handle = db, .report = report, .report_cap = 320
	};

	*out = NULL;
	return lk_store_open(url, &o, out);
}

static struct lk_store *
must_open(const char *url, sqlite3 *db)
{
	char report[320];
	struct lk_store *s;
	int rc = try_open(url, 0, db, report, &s);

	cr_assert_eq(rc, 0, "%s: %s", lk_errname(rc), report);
	return s;
}

struct lk_store *
store_open(const char *url)
{
	return must_open(url, NULL);
}

struct lk_store *
store_open_in(sqlite3 *db, const char *url)
{
	return must_open(url, db);
}

int
store_try(const char *url, uint32_t flags, char report[320])
{
	struct lk_store *s;
	int rc = try_open(url, flags, NULL, report, &s);

	lk_store_close(s);
	return rc;
}

int
store_try_in(sqlite3 *db, const char *url, char report[320])
{
	struct lk_store *s;
	int rc = try_open(url, 0, db, report, &s);

	lk_store_close(s);
	return rc;
}

/* -------------------------------------------------------------------------------- records */

struct bytes {
	const void *bytes;
	size_t n;
};

static int
set_fresh(void *arg, struct lk_store_record *r, size_t n)
{
	const struct bytes *b = arg;

	for (size_t i = 0; i < n; i++) {
		r[i].fresh = b->bytes;
		r[i].fresh_len = b->n;
		r[i].changed = 1;
	}
	return 0;
}

int
put_flags(struct lk_store *s, const char *name, const void *bytes, size_t n, uint32_t flags,
	  uint64_t deadline_ns)
{
	struct lk_store_record r = { .name = name, .len = strlen(name), .flags = flags };
	struct bytes b = { bytes, n };

	return s->ops->update(s, &r, 1, set_fresh, &b, deadline_ns);
}

int
put(struct lk_store *s, const char *name, const void *bytes, size_t n)
{
	return put_flags(s, name, bytes, n, 0, NEVER);
}

static int
note_len(void *arg, struct lk_store_record *r, size_t n)
{
	(void)n;
	*(size_t *)arg = r[0].old_len;
	return 0;
}

int
get_until(struct lk_store *s, const char *name, uint64_t deadline_ns)
{
	struct lk_store_record r = { .name = name, .len = strlen(name) };
	size_t len = 0;
	int rc = s->ops->read(s, &r, 1, note_len, &len, deadline_ns);

	return rc != 0 ? rc : (int)len;
}

int
get(struct lk_store *s, const char *name)
{
	return get_until(s, name, NEVER);
}

bool
is_alive(struct lk_store *s, const struct lk_session_id *id)
{
	unsigned char alive = 7;

	ok(s->ops->session_alive(s, id, 1, &alive, NEVER));
	cr_assert_le(alive, 1);
	return alive == 1;
}

/* ------------------------------------------------------------------------------------ SQL */

sqlite3 *
sql_open(const char *path)
{
	sqlite3 *db = NULL;
	const int result =
		sqlite3_open_v2(path, &db,
				SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX,
				NULL);

	cr_assert_eq(result, SQLITE_OK, "%s: %d", path, result);
	return db;
}

int
sql_try(sqlite3 *db, const char *text)
{
	return sqlite3_exec(db, text, NULL, NULL, NULL);
}

void
sql(sqlite3 *db, const char *text)
{
	const int result = sql_try(db, text);

	cr_assert_eq(result, SQLITE_OK, "%s: %s", text, sqlite3_errmsg(db));
}

long long
sql_number(sqlite3 *db, const char *text)
{
	sqlite3_stmt *st;
	long long number;

	cr_assert_eq(sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK, "%s: %s", text,
		     sqlite3_errmsg(db));
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW, "%s", text);
	number = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return number;
}
