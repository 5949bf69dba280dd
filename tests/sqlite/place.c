/* SPDX-License-Identifier: MIT */
/* Where a store may be, and what its tables are called. */
#include <sys/stat.h>

#include "stage.h"

Test(place, prefixes_are_stores_of_their_own)
{
	static const char *const tables[] = { "", "?table=a_", "?table=B", "?table=_x9" };
	struct lk_session_id id = { { 3 } };
	struct lk_store *s[countof(tables)], *again;
	struct stage g;
	char url[160];

	stage_make(&g);
	for (size_t i = 0; i < countof(tables); i++) {
		(void)snprintf(url, sizeof(url), "%s%s", g.url, tables[i]);
		s[i] = store_open(url);
		ok(put(s[i], "n", "abcdef", i + 1));
		ok(s[i]->ops->session_open(s[i], &id, 1, tables[i], NEVER));
	}
	for (size_t i = 0; i < countof(tables); i++) {
		cr_assert_eq(get(s[i], "n"), (int)i + 1);
		ok(s[i]->ops->session_close(s[i], &id, NEVER));
		cr_assert(!is_alive(s[i], &id), "the beacon of another store is not its");
	}
	(void)snprintf(url, sizeof(url), "%s?table=b", g.url); /* as SQLite sees it, the same */
	again = store_open(url);
	cr_assert_eq(get(again, "n"), 3);
	ok(s[2]->ops->session_open(s[2], &id, 1, "B", NEVER));
	cr_assert(is_alive(again, &id));
	lk_store_close(again);
	for (size_t i = 0; i < countof(tables); i++)
		lk_store_close(s[i]);
	stage_remove(&g);
}

Test(place, databases_are_stores_of_their_own)
{
	struct lk_store *s[2];
	struct stage g[2];

	for (int i = 0; i < 2; i++) {
		stage_make(&g[i]);
		s[i] = store_open(g[i].url);
		ok(put(s[i], "n", "ab", (size_t)i + 1));
	}
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(get(s[i], "n"), i + 1);
		lk_store_close(s[i]);
		stage_remove(&g[i]);
	}
}

static void
refuse(const char *url, uint32_t flags, int code, const char *why)
{
	char report[320];

	is(store_try(url, flags, report), code);
	cr_assert_not_null(strstr(report, why), "%s: %s", url, report);
}

Test(place, what_the_url_says_is_checked)
{
	static const char *const tables[] = { "",
					      "1a",
					      "a%20b",
					      "a%22",
					      "a-b",
					      "a;b",
					      "%25",
					      "sqlite_",
					      "SQLite_x",
					      "caf%C3%A9",
					      "a23456789012345678901234567890123456789x" };
	struct stage g;
	char url[256];

	stage_make(&g);
	for (size_t i = 0; i < countof(tables); i++) {
		(void)snprintf(url, sizeof(url), "%s?table=%s", g.url, tables[i]);
		refuse(url, 0, LK_E_INVAL, "table");
	}
	refuse("sqlite:", 0, LK_E_INVAL, "missing");
	refuse("sqlite::memory:", 0, LK_E_UNSUPPORTED, "memory");
	(void)snprintf(url, sizeof(url), "%s?max_size=9", g.url);
	refuse(url, 0, LK_E_INVAL, "max_size");
	(void)snprintf(url, sizeof(url), "%s?any_fs=2", g.url);
	refuse(url, 0, LK_E_INVAL, "any_fs");
	(void)snprintf(url, sizeof(url), "%s?stripes=2", g.url);
	refuse(url, 0, LK_E_INVAL, "stripes");
	(void)snprintf(url, sizeof(url), "sqlite:%s/", g.top);
	refuse(url, 0, LK_E_INVAL, "folder");
	(void)snprintf(url, sizeof(url), "sqlite:%s/none/a.db", g.top);
	refuse(url, 0, LK_E_STORE, "No such file");
	cr_assert_neq(access(g.path, F_OK), 0, "something was made of it");
	stage_remove(&g);
}

/* What others could write, or is no file. */
Test(place, only_what_is_ours_is_opened)
{
	char other[96], url[160];
	struct stage g;

	stage_make(&g);
	cr_assert_eq(chmod(g.top, 0770), 0);
	refuse(g.url, 0, LK_E_PERM, "others may write");
	cr_assert_eq(chmod(g.top, 0700), 0);
	ok(store_try(g.url, 0, (char[320]){ 0 }));
	cr_assert_eq(chmod(g.path, 0620), 0);
	refuse(g.url, 0, LK_E_PERM, "ours");
	cr_assert_eq(chmod(g.path, 0600), 0);
	cr_assert_eq(symlink(g.path, stage_file(&g, "link.db", other)), 0);
	(void)snprintf(url, sizeof(url), "sqlite:%s", other);
	refuse(url, 0, LK_E_PERM, "ours");
	cr_assert_eq(mkdir(stage_file(&g, "folder", other), 0700), 0);
	(void)snprintf(url, sizeof(url), "sqlite:%s", other);
	refuse(url, 0, LK_E_PERM, "ours");
	cr_assert_eq(chmod(stage_file(&g, "a.db-latchkey_beacons", other), 0622), 0);
	refuse(g.url, 0, LK_E_PERM, "ours");
	stage_remove(&g);
}

/* A network's locks are not what SQLite relies on; /proc stands for what is not a local disk. */
Test(place, file_systems_that_will_not_do_are_refused)
{
	struct stage g;

	stage_make(&g);
	refuse("sqlite:/proc/a.db", 0, LK_E_UNSUPPORTED, "file system");
	stage_remove(&g);
}

Test(place, files_are_for_their_owner)
{
	struct stat is;
	struct lk_store *s;
	struct stage g;
	char path[96];

	stage_make(&g);
	s = store_open(g.url);
	ok(put(s, "n", "x", 1));
	cr_assert_eq(stat(g.path, &is), 0);
	cr_assert_eq(is.st_mode & 0777, 0600);
	cr_assert_eq(stat(stage_file(&g, "a.db-wal", path), &is), 0);
	cr_assert_eq(is.st_mode & 0777, 0600);
	cr_assert_eq(stat(stage_file(&g, "a.db-latchkey_beacons", path), &is), 0);
	cr_assert_eq(is.st_mode & 0777, 0600);
	lk_store_close(s);
	stage_remove(&g);
}

Test(place, to_look_only_changes_nothing)
{
	const struct lk_store_open o = { .size = sizeof(o), .flags = LK_STORE_READ_ONLY };
	struct lk_session_id id = { { 9 } };
	struct lk_store *s, *look;
	struct stage g;

	stage_make(&g);
	refuse(g.url, LK_STORE_READ_ONLY, LK_E_STORE, "no database");
	(void)sqlite3_close(sql_open(g.path));
	refuse(g.url, LK_STORE_READ_ONLY, LK_E_STORE, "no store");
	s = store_open(g.url);
	ok(put(s, "n", "abc", 3));
	ok(s->ops->session_open(s, &id, 1, "one", NEVER));
	ok(lk_store_open(g.url, &o, &look));
	cr_assert_eq(get(look, "n"), 3);
	cr_assert(is_alive(look, &id));
	is(put(look, "n", "x", 1), LK_E_PERM);
	is(look->ops->session_open(look, &(struct lk_session_id){ { 8 } }, 1, "two", NEVER),
	   LK_E_PERM);
	ok(put(s, "n", "abcd", 4));
	cr_assert_eq(get(look, "n"), 4);
	lk_store_close(look);
	lk_store_close(s);
	stage_remove(&g);
}

/* The program's own tables are not touched. */
Test(place, beside_the_tables_of_a_program)
{
	struct lk_store *s;
	struct stage g;
	sqlite3 *db;

	stage_make(&g);
	db = sql_open(g.path);
	sql(db, "CREATE TABLE orders (id INTEGER PRIMARY KEY); INSERT INTO orders VALUES (1), (2)");
	s = store_open(g.url);
	ok(put(s, "n", "abc", 3));
	cr_assert_eq(sql_number(db, "SELECT sum(id) FROM orders"), 3);
	sql(db, "INSERT INTO orders VALUES (3)");
	lk_store_close(s);
	cr_assert_eq(sql_number(db, "SELECT sum(id) FROM orders"), 6);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	stage_remove(&g);
}

Test(place, what_it_gives_is_said)
{
	struct lk_guarantee give = { .size = sizeof(give) };
	struct lk_store *s;
	struct stage g;

	stage_make(&g);
	s = store_open(g.url);
	ok(s->ops->level(s, &give));
	cr_assert_eq(give.level, LK_LEVEL_GUARDED);
	cr_assert_not_null(strstr(give.words, "lk_sqlite_guard"));
	cr_assert_lt(strlen(give.words), sizeof(give.words) - 1, "it is cut off");
	lk_store_close(s);
	stage_remove(&g);
}
