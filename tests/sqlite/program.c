/* SPDX-License-Identifier: MIT */
/* In a database, and a connection, that the program has already.  (SQ5) */
#include "stage.h"

enum { SOON_NS = 30000000 };

static void
make_orders(sqlite3 *db)
{
	sql(db, "CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT);"
		"INSERT INTO orders VALUES (1, 'new'), (2, 'new'), (3, 'new')");
}

Test(program, a_connection_is_used_and_stays_open)
{
	struct stage g;
	struct lk_store *s, *other;
	sqlite3 *db;

	stage_make(&g);
	db = sql_open(g.path);
	sql(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
	make_orders(db);
	s = store_open_in(db, "sqlite:");
	other = store_open(g.url);
	ok(put(s, "n", "abc", 3));
	cr_assert_eq(get(other, "n"), 3);
	ok(put_flags(other, "d", "abcd", 4, LK_STORE_DURABLE, NEVER));
	ok(put_flags(s, "d", "abcde", 5, LK_STORE_DURABLE, NEVER));
	cr_assert_eq(sql_number(db, "PRAGMA synchronous"), 0, "a setting of the program's");
	cr_assert_eq(get(other, "d"), 5);
	lk_store_close(s);
	lk_store_close(other);
	cr_assert_eq(sql_number(db, "SELECT count(*) FROM orders"), 3);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK, "something of ours is left in it");
	stage_remove(&g);
}

/* What the program has begun is its own to end. */
Test(program, a_transaction_that_is_open_is_waited_for_and_left_alone)
{
	struct stage g;
	struct lk_store *s;
	sqlite3 *db, *look;

	stage_make(&g);
	db = sql_open(g.path);
	sql(db, "PRAGMA journal_mode = WAL");
	make_orders(db);
	s = store_open_in(db, "sqlite:");
	look = sql_open(g.path);
	sql(db, "BEGIN; UPDATE orders SET state = 'paid'");
	is(put_flags(s, "n", "x", 1, 0, test_now() + SOON_NS), LK_E_TIMEDOUT);
	is(get_until(s, "n", test_now() + SOON_NS), LK_E_TIMEDOUT);
	cr_assert_eq(sqlite3_get_autocommit(db), 0);
	cr_assert_eq(sql_number(look, "SELECT count(*) FROM orders WHERE state = 'paid'"), 0);
	sql(db, "ROLLBACK");
	cr_assert_eq(sql_number(db, "SELECT count(*) FROM orders WHERE state = 'paid'"), 0);
	sql(db, "BEGIN"); /* one that has not read or written yet */
	is(put_flags(s, "n", "x", 1, 0, test_now() + SOON_NS), LK_E_TIMEDOUT);
	sql(db, "COMMIT");
	ok(put(s, "n", "x", 1));
	lk_store_close(s);
	cr_assert_eq(sqlite3_close(look), SQLITE_OK);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	stage_remove(&g);
}

struct keeper {
	sqlite3 *db;
	_Atomic bool has_it;
	_Atomic bool is_over;
};

static void
keep_mutex(void *arg, unsigned index)
{
	struct keeper *k = arg;

	(void)index;
	sqlite3_mutex_enter(sqlite3_db_mutex(k->db));
	atomic_store(&k->has_it, true);
	wait_until(atomic_load(&k->is_over));
	sqlite3_mutex_leave(sqlite3_db_mutex(k->db));
}

/* Who has it may wait for whoever asks. */
Test(program, its_mutex_is_not_waited_for_without_an_end, .timeout = 60)
{
	struct keeper k = { .db = NULL };
	struct test_thread thread;
	struct stage g;
	struct lk_store *s;

	stage_make(&g);
	k.db = sql_open(g.path);
	s = store_open_in(k.db, "sqlite:");
	test_spawn(&thread, 1, keep_mutex, &k);
	wait_until(atomic_load(&k.has_it));
	is(put_flags(s, "n", "x", 1, 0, test_now() + SOON_NS), LK_E_TIMEDOUT);
	is(put(s, "n", "x", 1), LK_E_STORE);
	atomic_store(&k.is_over, true);
	test_join(&thread, 1);
	ok(put(s, "n", "x", 1));
	lk_store_close(s);
	cr_assert_eq(sqlite3_close(k.db), SQLITE_OK);
	stage_remove(&g);
}

/* Whoever waits in the same thread would wait for himself. */
Test(program, a_transaction_of_the_same_thread_is_not_waited_for_for_ever)
{
	struct stage g;
	struct lk_store *s;
	sqlite3 *db;
	char words[320];

	stage_make(&g);
	db = sql_open(g.path);
	s = store_open_in(db, "sqlite:");
	sql(db, "BEGIN IMMEDIATE");
	is(put(s, "n", "x", 1), LK_E_STORE);
	(void)s->ops->error(s, words, sizeof(words));
	cr_assert_not_null(strstr(words, "transaction"), "%s", words);
	sql(db, "COMMIT");
	ok(put(s, "n", "x", 1));
	lk_store_close(s);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	stage_remove(&g);
}

/* A statement that is not at its end reads what was there when it began; so would we. */
Test(program, a_statement_that_reads_is_waited_for)
{
	struct stage g;
	struct lk_store *s, *other;
	sqlite3_stmt *st;
	sqlite3 *db;

	stage_make(&g);
	db = sql_open(g.path);
	sql(db, "PRAGMA journal_mode = WAL");
	make_orders(db);
	s = store_open_in(db, "sqlite:");
	other = store_open(g.url);
	cr_assert_eq(sqlite3_prepare_v2(db, "SELECT id FROM orders", -1, &st, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW);
	ok(put(other, "n", "new", 3));
	is(get_until(s, "n", test_now() + SOON_NS), LK_E_TIMEDOUT);
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW, "it goes on");
	(void)sqlite3_finalize(st);
	cr_assert_eq(get(s, "n"), 3);
	lk_store_close(s);
	lk_store_close(other);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	stage_remove(&g);
}

struct shared {
	struct lk_store *s;
	sqlite3 *db;
	_Atomic unsigned done;
	_Atomic unsigned wrong;
};

enum { ROUNDS = 200 };

/* The program's own work, on the connection that the store has too. */
static void
work_or_lock(void *arg, unsigned index)
{
	struct shared *x = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "n%u", i % 7);
		if (index % 2 == 0) {
			if (put(x->s, name, name, i % 3 + 1) != 0)
				atomic_fetch_add(&x->wrong, 1);
			continue;
		}
		/* two statements, one transaction: nobody else's may be between them */
		sqlite3_mutex_enter(sqlite3_db_mutex(x->db));
		if (sql_try(x->db, "BEGIN; UPDATE orders SET state = 'x' WHERE id = 1") != 0 ||
		    sql_try(x->db, "UPDATE orders SET state = 'y' WHERE id = 2; COMMIT") != 0)
			atomic_fetch_add(&x->wrong, 1);
		sqlite3_mutex_leave(sqlite3_db_mutex(x->db));
	}
	atomic_fetch_add(&x->done, 1);
}

Test(program, its_threads_and_the_store_share_a_connection, .timeout = 60)
{
	struct shared x = { .s = NULL };
	struct stage g;

	stage_make(&g);
	x.db = sql_open(g.path);
	sql(x.db, "PRAGMA journal_mode = WAL");
	make_orders(x.db);
	x.s = store_open_in(x.db, "sqlite:");
	test_threads(4, work_or_lock, &x);
	cr_assert_eq(atomic_load(&x.done), 4);
	cr_assert_eq(atomic_load(&x.wrong), 0);
	lk_store_close(x.s);
	cr_assert_eq(sqlite3_close(x.db), SQLITE_OK);
	stage_remove(&g);
}

static int
say_no(void *arg)
{
	return *(int *)arg;
}

Test(program, a_hook_that_refuses_the_commit_is_a_failure)
{
	int no = 0;
	struct stage g;
	struct lk_store *s;
	sqlite3 *db;

	stage_make(&g);
	db = sql_open(g.path);
	s = store_open_in(db, "sqlite:");
	ok(put(s, "n", "x", 1));
	(void)sqlite3_commit_hook(db, say_no, &no);
	no = 1;
	is(put(s, "n", "xy", 2), LK_E_STORE);
	no = 0;
	cr_assert_eq(get(s, "n"), 1);
	ok(put(s, "n", "xy", 2));
	(void)sqlite3_commit_hook(db, NULL, NULL);
	lk_store_close(s);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	stage_remove(&g);
}

/* Its journal is what the program wants; the store works with it. */
Test(program, a_database_with_a_rollback_journal_stays_one)
{
	struct lk_session_id id = { { 1 } };
	struct stage g;
	struct lk_store *s[2];
	sqlite3 *db[2];

	stage_make(&g);
	for (int i = 0; i < 2; i++) {
		db[i] = sql_open(g.path);
		s[i] = store_open_in(db[i], "sqlite:?table=locks_");
	}
	ok(s[0]->ops->session_open(s[0], &id, 1, "one", NEVER));
	for (int i = 0; i < 50; i++) {
		ok(put(s[i % 2], "n", "abcdefgh", (size_t)(i % 8) + 1));
		cr_assert_eq(get(s[(i + 1) % 2], "n"), i % 8 + 1);
		ok(put_flags(s[i % 2], "d", "abcdefgh", (size_t)(i % 8) + 1, LK_STORE_DURABLE,
			     NEVER));
	}
	cr_assert(is_alive(s[1], &id));
	lk_store_close(s[0]);
	cr_assert(!is_alive(s[1], &id));
	lk_store_close(s[1]);
	cr_assert_eq(sql_number(db[0], "SELECT count(*) FROM pragma_journal_mode "
				       "WHERE journal_mode = 'delete'"),
		     1);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(sqlite3_close(db[i]), SQLITE_OK);
	stage_remove(&g);
}

/* ------------------------------------------------------------------- what is not taken */

static void
refuse(sqlite3 *db, const char *url, int code, const char *why)
{
	char report[320];

	is(store_try_in(db, url, report), code);
	cr_assert_not_null(strstr(report, why), "%s", report);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

Test(program, connections_that_will_not_do_are_refused)
{
	struct stage g;
	sqlite3 *db;

	stage_make(&g);
	refuse(sql_open(":memory:"), "sqlite:", LK_E_UNSUPPORTED, "in memory");
	refuse(sql_open(""), "sqlite:", LK_E_UNSUPPORTED, "in memory");
	refuse(sql_open(g.path), "sqlite:somewhere.db", LK_E_INVAL, "a path");
	db = sql_open(g.path);
	sql(db, "CREATE TABLE t (x); PRAGMA journal_mode = MEMORY");
	refuse(db, "sqlite:", LK_E_UNSUPPORTED, "journal");
	db = sql_open(g.path);
	sql(db, "PRAGMA journal_mode = OFF");
	refuse(db, "sqlite:", LK_E_UNSUPPORTED, "journal");
	cr_assert_eq(sqlite3_open_v2(g.path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX,
				     NULL),
		     SQLITE_OK);
	refuse(db, "sqlite:", LK_E_PERM, "reading only");
	cr_assert_eq(sqlite3_open_v2(g.path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
				     NULL),
		     SQLITE_OK);
	refuse(db, "sqlite:", LK_E_UNSUPPORTED, "mutex");
	stage_remove(&g);
}

/* It is asked in the middle of something else of the program's: then there is nothing to be made. */
Test(program, opening_in_a_transaction_of_the_program_s_fails)
{
	struct stage g;
	sqlite3 *db;

	stage_make(&g);
	db = sql_open(g.path);
	sql(db, "CREATE TABLE t (x); BEGIN; INSERT INTO t VALUES (1)");
	{
		char report[320];

		is(store_try_in(db, "sqlite:", report), LK_E_STORE);
		cr_assert_not_null(strstr(report, "transaction"), "%s", report);
	}
	sql(db, "COMMIT");
	cr_assert_eq(sql_number(db, "SELECT count(*) FROM sqlite_master"), 1);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	stage_remove(&g);
}
