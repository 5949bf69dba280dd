/* SPDX-License-Identifier: MIT */
/* What the tests of examples/txnkv share: see stage.h. */
#include <unistd.h>

#include "stage.h"

static struct db *
open_db(const struct db_options *o)
{
	struct db *db = NULL;

	ok(db_open(o, &db));
	return db;
}

struct db *
stage_memory(uint64_t timeout_ns)
{
	return open_db(&(struct db_options){ .timeout_ns = timeout_ns });
}

void
stage_place(struct place *p)
{
	snprintf(p->folder, sizeof(p->folder), "/tmp/latchkey-txnkv-XXXXXX");
	cr_assert_not_null(mkdtemp(p->folder));
	snprintf(p->file, sizeof(p->file), "%s/db", p->folder);
}

void
stage_remove(const struct place *p)
{
	static const char *const endings[] = { "", "-wal", "-shm", "-journal" };
	char path[100];

	for (size_t i = 0; i < countof(endings); i++) {
		snprintf(path, sizeof(path), "%s%s", p->file, endings[i]);
		unlink(path);
	}
	cr_expect_eq(rmdir(p->folder), 0, "something else is in %s", p->folder);
}

struct db *
stage_file(const struct place *p)
{
	return open_db(&(struct db_options){ .file = p->file, .sync = DB_SYNC_OFF });
}

struct txn *
stage_begin(struct db *db)
{
	struct txn *t = NULL;

	ok(txn_begin(db, &t));
	return t;
}

void
stage_has(struct txn *t, const char *table, const char *key, const char *value)
{
	struct bytes found = { 0 };
	int rc = txn_get(t, B(table), B(key), &found);

	if (value == NULL) {
		is(rc, KV_NOT_FOUND);
		return;
	}
	is(rc, 0);
	cr_expect_eq(bytes_compare(found, B(value)), 0, "%s/%s is %.*s, not %s", table, key,
		     (int)found.len, found.data, value);
}

void
stage_has_now(struct db *db, const char *table, const char *key, const char *value)
{
	struct txn *t = stage_begin(db);

	stage_has(t, table, key, value);
	ok(txn_commit(t));
}

int
stage_put(struct db *db, const char *table, const char *key, const char *value)
{
	struct txn *t = stage_begin(db);

	ok(txn_put(t, B(table), B(key), B(value)));
	return txn_commit(t);
}

struct list {
	char text[1000];
	size_t len;
};

static int
add_row(void *arg, struct bytes key, struct bytes value)
{
	struct list *l = arg;

	l->len += (size_t)snprintf(l->text + l->len, sizeof(l->text) - l->len, "%s%.*s=%.*s",
				   l->len == 0 ? "" : " ", (int)key.len, key.data, (int)value.len,
				   value.data);
	return 0;
}

const char *
stage_scan(struct txn *t, const char *table)
{
	static struct list l;

	l = (struct list){ 0 };
	ok(txn_scan(t, B(table), add_row, &l));
	return l.text;
}
