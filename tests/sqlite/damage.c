/* SPDX-License-Identifier: MIT */
/* A database that somebody changed, removed, or put another in the place of; and one that is full. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "stage.h"

static void
expect_words(struct lk_store *s, const char *wanted)
{
	char words[320];

	(void)s->ops->error(s, words, sizeof(words));
	cr_assert_not_null(strstr(words, wanted), "%s, not %s", words, wanted);
}

static int
count_damaged(void *arg, const struct lk_store_record *r)
{
	unsigned *n = arg;

	n[r->status == LK_E_CORRUPT]++;
	return r->status != 0 && r->old != NULL;
}

/* ------------------------------------------------------------------------------ one record */

Test(damage, of_a_record_is_of_that_record)
{
	static const char *const ways[] = {
		"UPDATE latchkey_records SET bytes = x'616263' WHERE name "
		"= x'6e'", /* other bytes */
		"UPDATE latchkey_records SET sum = sum + 1 WHERE name = "
		"x'6e'",
		"UPDATE latchkey_records SET bytes = x'' WHERE name = "
		"x'6e'",
		"UPDATE latchkey_records SET bytes = 7 WHERE name = x'6e'",
		"UPDATE latchkey_records SET bytes = zeroblob(70000) WHERE "
		"name = x'6e'",
		("UPDATE latchkey_records SET bytes = b.bytes, sum "
		 "= b.sum FROM latchkey_records b "
		 "WHERE latchkey_records.name = x'6e' AND b.name = "
		 "x'6d'"), /* another's */
	};
	struct stage g;
	struct lk_store *s;
	sqlite3 *db;

	stage_make(&g);
	s = store_open(g.url);
	db = sql_open(g.path);
	for (size_t i = 0; i < countof(ways); i++) {
		unsigned n[2] = { 0, 0 };

		ok(put_flags(s, "n", "abcd", 4, LK_STORE_REPAIR, NEVER));
		ok(put(s, "m", "xyz", 3));
		sql(db, ways[i]);
		is(get(s, "n"), LK_E_CORRUPT);
		is(put(s, "n", "x", 1), LK_E_CORRUPT);
		expect_words(s, "damaged");
		cr_assert_eq(get(s, "m"), 3);
		ok(s->ops->scan(s, "", 0, count_damaged, n, NEVER));
		cr_assert_eq(n[0], 1);
		cr_assert_eq(n[1], 1);
	}
	ok(put_flags(s, "n", "abcd", 4, LK_STORE_REPAIR, NEVER));
	cr_assert_eq(get(s, "n"), 4);
	lk_store_close(s);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	stage_remove(&g);
}

Test(damage, tables_that_are_gone_are_not_empty_ones)
{
	static const char *const ways[] = { "DROP TABLE latchkey_records",
					    "DROP TABLE latchkey_meta",
					    "DELETE FROM latchkey_meta" };

	for (size_t i = 0; i < countof(ways); i++) {
		struct lk_session_id id = { { 4 } };
		struct stage g;
		struct lk_store *s;
		sqlite3 *db;

		stage_make(&g);
		s = store_open(g.url);
		ok(put(s, "n", "x", 1));
		ok(s->ops->session_open(s, &id, 1, "one", NEVER));
		db = sql_open(g.path);
		sql(db, ways[i]);
		is(get(s, "n"), LK_E_CORRUPT);
		is(put(s, "n", "y", 1), LK_E_CORRUPT);
		lk_store_close(s);
		cr_assert_eq(sqlite3_close(db), SQLITE_OK);
		stage_remove(&g);
	}
}

/* ------------------------------------------------------------------------ pages of the file */

/* All pages from the second on are zeros, as if the disk had lost them. */
static void
wipe(const char *path)
{
	static const char zeros[4096];
	struct stat is;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	cr_assert_ge(fd, 0);
	cr_assert_eq(fstat(fd, &is), 0);
	for (off_t at = 4096; at < is.st_size; at += (off_t)sizeof(zeros))
		cr_assert_eq(pwrite(fd, zeros, sizeof(zeros), at), (ssize_t)sizeof(zeros));
	(void)close(fd);
}

Test(damage, pages_that_are_lost_are_found_out)
{
	char report[320];
	struct lk_store *s;
	struct stage g;

	stage_make(&g);
	s = store_open(g.url);
	ok(put(s, "n", "x", 1));
	lk_store_close(s); /* which moves all of it from the WAL to the file */
	wipe(g.path);
	is(store_try(g.url, 0, report), LK_E_CORRUPT);
	cr_assert_not_null(strstr(report, "malformed"), "%s", report);
	stage_remove(&g);
}

Test(damage, what_is_no_database_is_not_one)
{
	char report[320];
	struct stage g;
	FILE *f;

	stage_make(&g);
	f = fopen(g.path, "we");
	cr_assert_not_null(f);
	for (int i = 0; i < 500; i++)
		(void)fputs("a file of the program's that is no database\n", f);
	(void)fclose(f);
	cr_assert_eq(chmod(g.path, 0600), 0);
	is(store_try(g.url, 0, report), LK_E_CORRUPT);
	cr_assert_not_null(strstr(report, "not a database"), "%s", report);
	stage_remove(&g);
}

Test(damage, a_newer_format_is_left_alone)
{
	char report[320];
	struct lk_store *s;
	struct stage g;
	sqlite3 *db;

	stage_make(&g);
	s = store_open(g.url);
	ok(put(s, "n", "x", 1));
	db = sql_open(g.path);
	sql(db, "UPDATE latchkey_meta SET format = 2");
	is(put(s, "n", "y", 1), LK_E_STORE);
	is(get(s, "n"), LK_E_STORE);
	lk_store_close(s);
	is(store_try(g.url, 0, report), LK_E_VERSION);
	sql(db, "UPDATE latchkey_meta SET format = 0");
	is(store_try(g.url, 0, report), LK_E_CORRUPT);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	stage_remove(&g);
}

/* --------------------------------------------------------------------- another in its place */

Test(damage, a_database_that_was_removed_is_no_empty_one)
{
	static const char *const files[] = { "a.db", "a.db-latchkey_beacons" };

	for (size_t i = 0; i < countof(files); i++) {
		struct lk_session_id id = { { 5 } };
		struct lk_store *s;
		struct stage g;
		char path[96];

		stage_make(&g);
		s = store_open(g.url);
		ok(put(s, "n", "x", 1));
		ok(s->ops->session_open(s, &id, 1, "one", NEVER));
		cr_assert_eq(unlink(stage_file(&g, files[i], path)), 0);
		is(get(s, "n"), LK_E_CORRUPT);
		is(put(s, "n", "y", 1), LK_E_CORRUPT);
		expect_words(s, "removed");
		is(s->ops->session_renew(s, &id, NEVER), LK_E_LOST);
		lk_store_close(s);
		stage_remove(&g);
	}
}

/* Its own bytes, as they were before: by the same connection, so that the file is the same too.  (SQ3) */
Test(damage, an_older_database_is_found_out)
{
	struct lk_store *s;
	struct stage g;
	sqlite3 *db, *old;
	sqlite3_backup *copy;
	char path[96];

	stage_make(&g);
	s = store_open(g.url);
	ok(put(s, "n", "x", 1));
	db = sql_open(g.path);
	old = sql_open(stage_file(&g, "old.db", path));
	for (int back = 0; back < 2; back++) {
		copy = back ? sqlite3_backup_init(db, "main", old, "main")
			    : sqlite3_backup_init(old, "main", db, "main");
		cr_assert_not_null(copy);
		cr_assert_eq(sqlite3_backup_step(copy, -1), SQLITE_DONE);
		cr_assert_eq(sqlite3_backup_finish(copy), SQLITE_OK);
		if (!back)
			ok(put(s, "n", "xyz", 3));
	}
	is(get(s, "n"), LK_E_CORRUPT);
	is(put(s, "n", "y", 1), LK_E_CORRUPT);
	expect_words(s, "older");
	lk_store_close(s);
	cr_assert_eq(sqlite3_close(old), SQLITE_OK);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	stage_remove(&g);
}

static int
change_quietly(void *arg, struct lk_store_record *r, size_t n)
{
	(void)arg;
	(void)n;
	r[0].fresh = "quiet";
	r[0].fresh_len = 5;
	r[0].changed = r[0].is_quiet = 1;
	return 0;
}

static void
put_quietly(struct lk_store *s, int times)
{
	struct lk_store_record r = { .name = "q", .len = 1 };

	for (int i = 0; i < times; i++)
		ok(s->ops->update(s, &r, 1, change_quietly, NULL, NEVER));
}

static void
copy_all(sqlite3 *from, sqlite3 *to)
{
	sqlite3_backup *copy = sqlite3_backup_init(to, "main", from, "main");

	cr_assert_not_null(copy);
	cr_assert_eq(sqlite3_backup_step(copy, -1), SQLITE_DONE);
	cr_assert_eq(sqlite3_backup_finish(copy), SQLITE_OK);
}

/* Of those one in 64 is counted, or the first after 10 ms: so an older database is found out by these too.  (SQ9) */
Test(damage, an_older_database_is_found_out_by_quiet_changes)
{
	static const char changes[] = "SELECT changes FROM latchkey_meta";
	struct lk_store_open o = { .size = sizeof(o) };
	struct test_world world;
	struct lk_store *s;
	struct stage g;
	sqlite3 *db, *old;
	long long was;
	char path[96];

	test_world_init(&world);
	world.manual = true;
	o.environment = &world.environment;
	stage_make(&g);
	ok(lk_store_open(g.url, &o, &s));
	db = sql_open(g.path);
	old = sql_open(stage_file(&g, "old.db", path));
	was = sql_number(db, changes);
	put_quietly(s, 1); /* the first of an opening */
	cr_expect_eq(sql_number(db, changes), was + 1);
	put_quietly(s, 63);
	cr_expect_eq(sql_number(db, changes), was + 1);
	put_quietly(s, 1);
	cr_expect_eq(sql_number(db, changes), was + 2);
	put_quietly(s, 1);
	test_world_advance(&world, 10000000);
	put_quietly(s, 1);
	cr_expect_eq(sql_number(db, changes), was + 3);
	copy_all(db, old);
	put_quietly(s, 64);
	copy_all(old, db);
	is(put(s, "q", "y", 1), LK_E_CORRUPT);
	expect_words(s, "older");
	lk_store_close(s);
	cr_assert_eq(sqlite3_close(old), SQLITE_OK);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	stage_remove(&g);
}

/* So that the folder's time of change is believed: should a machine be slower, both files are looked at all the same. */
static void
let_names_settle(struct lk_store *s)
{
	const struct timespec long_enough = { .tv_nsec = 40000000 };

	for (int i = 0; i < 3; i++) {
		ok(put(s, "n", "x", 1));
		(void)nanosleep(&long_enough, NULL);
	}
}

/* What is known of names by the folder's time of change is known until something changes there.  (SQ10) */
Test(damage, is_seen_when_names_were_the_same_for_long)
{
	static const char *const files[] = { "a.db", "a.db-latchkey_beacons" };

	for (size_t i = 0; i < countof(files); i++) {
		struct lk_store *s;
		struct stage g;
		char path[96], other[96];

		stage_make(&g);
		s = store_open(g.url);
		let_names_settle(s);
		cr_assert_eq(rename(stage_file(&g, files[i], path), stage_file(&g, "else", other)),
			     0);
		is(put(s, "n", "y", 1), LK_E_CORRUPT);
		expect_words(s, "removed");
		lk_store_close(s);
		stage_remove(&g);
	}
}

/* A folder says nothing when one above it is moved: so files are looked for by their whole names with each heartbeat.  (SQ10) */
Test(damage, a_heartbeat_looks_for_the_whole_path)
{
	struct lk_session_id id = { { 8 } };
	struct lk_store *s;
	struct stage g, away;
	char folder[96], url[128];

	stage_make(&g);
	cr_assert_eq(mkdir(stage_file(&g, "folder", folder), 0700), 0);
	(void)snprintf(url, sizeof(url), "sqlite:%s/a.db", folder);
	s = store_open(url);
	ok(s->ops->session_open(s, &id, 1, "one", NEVER));
	let_names_settle(s);
	ok(s->ops->session_renew(s, &id, NEVER));
	let_names_settle(s);
	away = g;
	(void)snprintf(away.top, sizeof(away.top), "%.30s.away", g.top);
	cr_assert_eq(rename(g.top, away.top), 0);
	is(s->ops->session_renew(s, &id, NEVER), LK_E_LOST);
	is(put(s, "n", "y", 1), LK_E_CORRUPT);
	expect_words(s, "removed");
	lk_store_close(s);
	stage_remove(&away);
}

/* ----------------------------------------------------------------------------- the sidecar */

/* Whose sessions live is not known any more: so nobody is said to be dead.  (SI2) */
Test(damage, without_its_sidecar_a_store_with_sessions_is_not_opened)
{
	struct lk_session_id id = { { 6 } };
	char path[96], report[320];
	struct lk_store *s;
	struct stage g;

	stage_make(&g);
	s = store_open(g.url);
	ok(s->ops->session_open(s, &id, 1, "one", NEVER));
	cr_assert_eq(unlink(stage_file(&g, "a.db-latchkey_beacons", path)), 0);
	is(store_try(g.url, 0, report), LK_E_CORRUPT);
	cr_assert_not_null(strstr(report, "removed"), "%s", report);
	ok(s->ops->session_close(s, &id, NEVER)); /* which cannot take its row out */
	lk_store_close(s);
	is(store_try(g.url, 0, report), LK_E_CORRUPT);
	stage_remove(&g);
}

static void
break_head(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	cr_assert_ge(fd, 0);
	cr_assert_eq(pwrite(fd, "X", 1, 9), 1);
	(void)close(fd);
}

Test(damage, a_sidecar_is_made_anew_when_nobody_lives)
{
	struct lk_session_id id = { { 7 } };
	char path[96], report[320];
	struct lk_store *s;
	struct stage g;
	sqlite3 *db;

	stage_make(&g);
	(void)stage_file(&g, "a.db-latchkey_beacons", path);
	s = store_open(g.url);
	ok(put(s, "n", "x", 1));
	ok(s->ops->session_open(s, &id, 1, "one", NEVER));
	ok(s->ops->session_close(s, &id, NEVER));
	lk_store_close(s);
	break_head(path); /* no sessions: it does not matter */
	s = store_open(g.url);
	cr_assert_eq(get(s, "n"), 1);
	ok(s->ops->session_open(s, &id, 1, "one", NEVER));
	lk_store_close(s); /* its row stays */
	break_head(path);
	is(store_try(g.url, 0, report), LK_E_CORRUPT);
	db = sql_open(g.path);
	sql(db, "UPDATE latchkey_meta SET boot = zeroblob(16)"); /* the machine was started anew */
	s = store_open(g.url);
	cr_assert(!is_alive(s, &id));
	cr_assert_eq(get(s, "n"), 1);
	cr_assert_eq(sql_number(db, "SELECT count(*) FROM latchkey_sessions"), 0);
	lk_store_close(s);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	stage_remove(&g);
}

static void
copy_file(const char *from, const char *to)
{
	char buf[4096];
	size_t n;
	FILE *in = fopen(from, "re"), *out = fopen(to, "we");

	cr_assert(in != NULL && out != NULL);
	while ((n = fread(buf, 1, sizeof(buf), in)) > 0)
		cr_assert_eq(fwrite(buf, 1, n, out), n);
	(void)fclose(in);
	cr_assert_eq(fclose(out), 0);
	cr_assert_eq(chmod(to, 0600), 0);
}

/* Sessions of the database that it is a copy of are not those of the copy. */
Test(damage, a_copy_elsewhere_is_a_store_without_sessions)
{
	struct lk_session_id id = { { 8 } };
	struct lk_store *s, *copied;
	struct stage g, other;

	stage_make(&g);
	stage_make(&other);
	s = store_open(g.url);
	ok(put(s, "n", "x", 1));
	ok(s->ops->session_open(s, &id, 1, "one", NEVER));
	lk_store_close(s);
	copy_file(g.path, other.path);
	s = store_open(g.url);
	copied = store_open(other.url);
	cr_assert_eq(get(copied, "n"), 1);
	cr_assert(!is_alive(copied, &id));
	ok(put(copied, "n", "xy", 2));
	cr_assert_eq(get(s, "n"), 1);
	lk_store_close(copied);
	lk_store_close(s);
	stage_remove(&other);
	stage_remove(&g);
}

/* --------------------------------------------------------------------------------- no room */

Test(damage, a_store_that_is_full_says_so_and_goes_on)
{
	static char large[LK_STORE_RECORD_MAX];
	struct lk_store *s;
	struct stage g;
	char url[160], name[16];
	int rc = 0;
	int n = 0;

	stage_make(&g);
	(void)snprintf(url, sizeof(url), "%s?max_size=1M", g.url);
	s = store_open(url);
	for (; rc == 0 && n < 100; n++) {
		(void)snprintf(name, sizeof(name), "n%d", n);
		rc = put(s, name, large, sizeof(large));
	}
	is(rc, LK_E_LIMIT);
	expect_words(s, "full");
	cr_assert_eq(get(s, name), 0, "half of it was written");
	cr_assert_eq(get(s, "n0"), (int)sizeof(large));
	ok(put(s, "n0", NULL, 0));
	ok(put(s, name, large, sizeof(large)));
	lk_store_close(s);
	stage_remove(&g);
}

/* The system does not let the files grow; then it does. */
Test(damage, a_write_that_fails_leaves_nothing)
{
	static char large[LK_STORE_RECORD_MAX];
	struct rlimit was, limit;
	struct lk_store *s, *other;
	struct stage g;
	int rc = 0;

	stage_make(&g);
	(void)signal(SIGXFSZ, SIG_IGN);
	s = store_open(g.url);
	other = store_open(g.url);
	ok(put(s, "n", "x", 1));
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
	limit = was;
	limit.rlim_cur = 100000;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (int i = 0; i < 100 && rc == 0; i++)
		rc = put(s, "large", large, sizeof(large) - (size_t)i);
	cr_assert(rc == LK_E_UNKNOWN || rc == LK_E_LIMIT || rc == LK_E_STORE, "%d", rc);
	cr_assert_eq(get(other, "n"), 1);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
	ok(put(s, "n", "xy", 2));
	ok(put(other, "large", large, 7));
	cr_assert_eq(get(other, "n"), 2);
	cr_assert_eq(get(s, "large"), 7);
	lk_store_close(other);
	lk_store_close(s);
	stage_remove(&g);
}
