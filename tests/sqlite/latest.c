/* SPDX-License-Identifier: MIT */
/* The row that was written last is told from memory only as long as it is what the database has.  (SQ12) */
#include "stage.h"

struct sight {
	char bytes[16];
	size_t len; /* 0: there is none */
};

/* What an update of it sees; it changes nothing. */
static int
note(void *arg, struct lk_store_record *r, size_t n)
{
	struct sight *s = arg;

	cr_assert_eq(n, 1u);
	cr_assert(r->old_len < sizeof(s->bytes));
	s->len = r->old_len;
	if (r->old_len > 0)
		memcpy(s->bytes, r->old, r->old_len);
	return 0;
}

static void
expect_seen(struct lk_store *s, const char *name, const char *wanted)
{
	struct lk_store_record r = { .name = name, .len = strlen(name) };
	struct sight sight = { .len = 0 };

	ok(s->ops->update(s, &r, 1, note, &sight, NEVER));
	cr_assert_eq(sight.len, strlen(wanted));
	cr_assert_eq(memcmp(sight.bytes, wanted, sight.len), 0);
}

Test(latest, row_is_what_others_made_of_it)
{
	struct lk_store *a, *b;
	struct stage g;
	sqlite3 *db;

	stage_make(&g);
	a = store_open(g.url);
	b = store_open(g.url);
	db = sql_open(g.path);
	ok(put(a, "n", "abcd", 4));
	expect_seen(a, "n", "abcd");
	expect_seen(a, "n", "abcd");
	ok(put(b, "n", "xy", 2));
	expect_seen(a, "n", "xy");
	ok(put(a, "n", "abc", 3));
	ok(put(a, "m", "efg", 3));
	expect_seen(a, "m", "efg");
	expect_seen(a, "n", "abc");
	sql(db, "DELETE FROM latchkey_records WHERE name = x'6d'");
	expect_seen(a, "m", "");
	ok(put(a, "n", NULL, 0));
	expect_seen(a, "n", "");
	lk_store_close(a);
	lk_store_close(b);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	stage_remove(&g);
}

/* What was written, and then taken back, never was. */
Test(latest, row_was_committed)
{
	struct lk_store *s;
	struct stage g;
	sqlite3 *db;

	stage_make(&g);
	s = store_open(g.url);
	db = sql_open(g.path);
	sql(db, "CREATE TRIGGER no AFTER UPDATE OF changes ON latchkey_meta "
		"WHEN (SELECT bytes FROM latchkey_records WHERE name = x'6e') = x'6261' "
		"BEGIN SELECT RAISE(ABORT, 'no'); END");
	ok(put(s, "n", "abcd", 4));
	cr_assert_neq(put(s, "n", "ba", 2), 0);
	expect_seen(s, "n", "abcd");
	cr_assert_eq(get(s, "n"), 4);
	lk_store_close(s);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	stage_remove(&g);
}

static int
swap(void *arg, struct lk_store_record *r, size_t n)
{
	(void)arg;
	cr_assert_eq(n, 2u);
	for (size_t i = 0; i < n; i++) {
		r[i].fresh = r[1 - i].old;
		r[i].fresh_len = r[1 - i].old_len;
		r[i].changed = 1;
	}
	return 0;
}

/* Its bytes stay what they are until all of the update is written. */
Test(latest, row_is_one_of_two)
{
	struct lk_store_record r[2] = { { .name = "m", .len = 1 }, { .name = "n", .len = 1 } };
	struct lk_store *a, *b;
	struct stage g;

	stage_make(&g);
	a = store_open(g.url);
	b = store_open(g.url);
	ok(put(a, "n", "abcd", 4));
	ok(put(a, "m", "xyz", 3));
	ok(a->ops->update(a, r, 2, swap, NULL, NEVER));
	expect_seen(a, "n", "xyz");
	expect_seen(b, "n", "xyz");
	expect_seen(b, "m", "abcd");
	lk_store_close(a);
	lk_store_close(b);
	stage_remove(&g);
}
