/* SPDX-License-Identifier: MIT */
/* The guard: what is written in a transaction that asked it is written by who holds the lock.  (GU1, GU2) */
#include "stage.h"

struct play {
	struct stage g;
	struct lk_manager *m;
	struct lk_owner *w;
	sqlite3 *db; /* the program's */
};

static void
play_open(struct play *p)
{
	stage_make(&p->g);
	ok(lk_open(p->g.url, NULL, &p->m));
	p->w = lk_self(p->m);
	p->db = sql_open(p->g.path);
	sql(p->db, "CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT);"
		   "INSERT INTO orders VALUES (1, 'new')");
}

static void
play_close(struct play *p)
{
	ok(lk_close(p->m));
	cr_assert_eq(sqlite3_close(p->db), SQLITE_OK);
	stage_remove(&p->g);
}

static int
ask(struct play *p, const char *name, uint64_t fence)
{
	int rc;

	sql(p->db, "BEGIN IMMEDIATE");
	rc = lk_sqlite_guard(p->db, NULL, name, strlen(name), fence);
	sql(p->db, rc == 0 ? "COMMIT" : "ROLLBACK");
	return rc;
}

Test(guard, lets_the_holder_write_and_nobody_else)
{
	struct play p;
	lk_grant grant;
	uint64_t fence, next;

	play_open(&p);
	is(ask(&p, "orders/1", 5), LK_E_LOST);
	ok(lk_acquire(p.w, "orders/1", LK_X, NULL, &grant));
	fence = lk_fence(p.w, grant);
	cr_assert_neq(fence, 0);
	ok(ask(&p, "orders/1", fence));
	ok(ask(&p, "orders/1", fence));
	is(ask(&p, "orders/1", fence - 1), LK_E_LOST);
	is(ask(&p, "orders/2", fence), LK_E_LOST);
	ok(lk_release(p.w, grant));
	ok(lk_acquire(p.w, "orders/1", LK_X, NULL, &grant));
	next = lk_fence(p.w, grant);
	cr_assert_gt(next, fence);
	ok(ask(&p, "orders/1", next));
	is(ask(&p, "orders/1", fence), LK_E_STALE); /* the same process's, but an older one */
	ok(lk_release(p.w, grant));
	play_close(&p);
}

Test(guard, refuses_what_another_process_took)
{
	struct lk_manager *other;
	struct lk_owner *w;
	struct play p;
	lk_grant mine, its;
	uint64_t old, fence;

	play_open(&p);
	ok(lk_open(p.g.url, NULL, &other)); /* as another process would */
	ok(lk_owner_open(other, NULL, &w));
	ok(lk_acquire(p.w, "orders/1", LK_X, NULL, &mine));
	old = lk_fence(p.w, mine);
	ok(lk_release(p.w, mine));
	ok(lk_acquire(w, "orders/1", LK_X, NULL, &its));
	fence = lk_fence(w, its);
	is(ask(&p, "orders/1", old), LK_E_LOST);
	ok(ask(&p, "orders/1", fence));
	ok(lk_release(w, its));
	ok(lk_owner_close(w));
	ok(lk_close(other));
	is(ask(&p, "orders/1", fence), LK_E_LOST); /* which it gave back */
	play_close(&p);
}

/* From the guard to the end of the transaction nobody can take the lock away in the store. */
Test(guard, holds_until_the_transaction_ends)
{
	struct lk_store *s;
	struct play p;
	lk_grant grant;

	play_open(&p);
	s = store_open(p.g.url);
	ok(lk_acquire(p.w, "orders/1", LK_X, NULL, &grant));
	sql(p.db, "BEGIN"); /* not IMMEDIATE: the guard takes the lock */
	ok(lk_sqlite_guard(p.db, NULL, "orders/1", 8, lk_fence(p.w, grant)));
	is(put_flags(s, "x", "y", 1, 0, test_now() + 20000000), LK_E_TIMEDOUT);
	sql(p.db, "UPDATE orders SET state = 'paid' WHERE id = 1; COMMIT");
	ok(put(s, "x", "y", 1));
	cr_assert_eq(sql_number(p.db, "SELECT count(*) FROM orders WHERE state = 'paid'"), 1);
	ok(lk_release(p.w, grant));
	lk_store_close(s);
	play_close(&p);
}

/* A transaction that has read what is older than the lock's last change cannot be told that it is held. */
Test(guard, does_not_answer_from_the_past)
{
	struct lk_store *s;
	struct play p;
	lk_grant grant;

	play_open(&p);
	s = store_open(p.g.url);
	ok(lk_acquire(p.w, "orders/1", LK_X, NULL, &grant));
	sql(p.db, "BEGIN; SELECT * FROM orders");
	ok(put(s, "x", "y", 1));
	is(lk_sqlite_guard(p.db, NULL, "orders/1", 8, lk_fence(p.w, grant)), LK_E_BUSY);
	sql(p.db, "ROLLBACK");
	ok(ask(&p, "orders/1", lk_fence(p.w, grant)));
	ok(lk_release(p.w, grant));
	lk_store_close(s);
	play_close(&p);
}

/* What did not pass leaves no trace, even if the program commits. */
Test(guard, a_fence_that_nobody_had_does_not_pass_later)
{
	struct play p;
	lk_grant grant;
	uint64_t fence;

	play_open(&p);
	ok(lk_acquire(p.w, "orders/1", LK_X, NULL, &grant));
	fence = lk_fence(p.w, grant);
	sql(p.db, "BEGIN IMMEDIATE");
	is(lk_sqlite_guard(p.db, NULL, "orders/1", 8, UINT64_C(1) << 62), LK_E_LOST);
	sql(p.db, "COMMIT");
	ok(ask(&p, "orders/1", fence));
	ok(lk_release(p.w, grant));
	play_close(&p);
}

/* To read is not to write. */
Test(guard, a_lock_to_read_has_no_fence_that_passes)
{
	struct play p;
	lk_grant grant, up;
	uint64_t fence;

	play_open(&p);
	ok(lk_acquire(p.w, "orders/1", LK_X, NULL, &grant));
	fence = lk_fence(p.w, grant);
	ok(lk_release(p.w, grant));
	ok(lk_acquire(p.w, "orders/2", LK_S, NULL, &up));
	is(ask(&p, "orders/2", fence), LK_E_LOST);
	is(ask(&p, "orders/2", fence + 1), LK_E_LOST);
	ok(lk_release(p.w, up));
	play_close(&p);
}

Test(guard, names_are_bytes_and_numbers_a_space_of_their_own)
{
	struct play p;
	lk_grant grant[2];
	uint64_t fence[2];

	play_open(&p);
	ok(lk_acquire_bytes(p.w, "a\0b'\"%", 6, LK_X, NULL, &grant[0]));
	ok(lk_acquire_id(p.w, 17, LK_X, NULL, &grant[1]));
	fence[0] = lk_fence(p.w, grant[0]);
	fence[1] = lk_fence(p.w, grant[1]);
	sql(p.db, "BEGIN");
	ok(lk_sqlite_guard(p.db, NULL, "a\0b'\"%", 6, fence[0]));
	is(lk_sqlite_guard(p.db, NULL, "a", 1, fence[0]), LK_E_LOST);
	ok(lk_sqlite_guard_id(p.db, NULL, 17, fence[1]));
	is(lk_sqlite_guard_id(p.db, NULL, 18, fence[1]), LK_E_LOST);
	sql(p.db, "COMMIT");
	ok(lk_release(p.w, grant[0]));
	ok(lk_release(p.w, grant[1]));
	play_close(&p);
}

Test(guard, from_sql)
{
	struct play p;
	lk_grant grant;
	char text[160];

	play_open(&p);
	ok(lk_sqlite_functions(p.db, NULL));
	ok(lk_acquire(p.w, "orders/1", LK_X, NULL, &grant));
	(void)snprintf(text, sizeof(text),
		       "BEGIN; SELECT latchkey_guard('orders/1', %llu); "
		       "UPDATE orders SET state = 'paid'; COMMIT",
		       (unsigned long long)lk_fence(p.w, grant));
	sql(p.db, text);
	cr_assert_eq(sql_number(p.db, "SELECT count(*) FROM orders WHERE state = 'paid'"), 1);
	ok(lk_release(p.w, grant));
	sql(p.db, "BEGIN");
	cr_assert_eq(sql_try(p.db, "SELECT latchkey_guard('orders/1', 1)"), SQLITE_CONSTRAINT);
	cr_assert_eq(sql_try(p.db, "SELECT latchkey_guard(17, 1)"), SQLITE_CONSTRAINT);
	cr_assert_eq(sql_try(p.db, "SELECT latchkey_guard(NULL, 1)"), SQLITE_CONSTRAINT);
	sql(p.db, "ROLLBACK");
	cr_assert_eq(sql_try(p.db, "SELECT latchkey_guard('orders/1', 1)"), SQLITE_CONSTRAINT,
		     "no transaction is open");
	is(lk_sqlite_functions(p.db, "no good"), LK_E_INVAL);
	is(lk_sqlite_functions(NULL, NULL), LK_E_INVAL);
	play_close(&p);
}

Test(guard, wrong_questions_are_refused)
{
	static const char longest[LK_NAME_MAX + 1];
	struct play p;
	sqlite3 *none;
	char path[96];

	play_open(&p);
	is(lk_sqlite_guard(p.db, NULL, "n", 1, 5), LK_E_INVAL); /* no transaction */
	sql(p.db, "BEGIN");
	is(lk_sqlite_guard(p.db, NULL, "n", 1, 0), LK_E_INVAL);
	is(lk_sqlite_guard(p.db, NULL, "n", 1, UINT64_MAX), LK_E_INVAL);
	is(lk_sqlite_guard(p.db, NULL, NULL, 1, 5), LK_E_INVAL);
	is(lk_sqlite_guard(NULL, NULL, "n", 1, 5), LK_E_INVAL);
	is(lk_sqlite_guard(p.db, NULL, "n", 0, 5), LK_E_NAME);
	is(lk_sqlite_guard(p.db, NULL, longest, sizeof(longest), 5), LK_E_NAME);
	is(lk_sqlite_guard(p.db, "x; DROP TABLE orders", "n", 1, 5), LK_E_INVAL);
	is(lk_sqlite_guard(p.db, "other_", "n", 1, 5), LK_E_NOENT);
	sql(p.db, "UPDATE latchkey_meta SET format = 7");
	is(lk_sqlite_guard(p.db, NULL, "n", 1, 5), LK_E_VERSION);
	sql(p.db, "ROLLBACK");
	none = sql_open(stage_file(&p.g, "none.db", path));
	sql(none, "BEGIN");
	is(lk_sqlite_guard(none, NULL, "n", 1, 5), LK_E_NOENT);
	sql(none, "ROLLBACK");
	cr_assert_eq(sqlite3_close(none), SQLITE_OK);
	play_close(&p);
}

Test(guard, a_damaged_record_holds_nobody_s_writes)
{
	struct play p;
	lk_grant grant;

	play_open(&p);
	ok(lk_acquire(p.w, "n", LK_X, NULL, &grant));
	sql(p.db, "BEGIN; UPDATE latchkey_records SET bytes = zeroblob(100) WHERE name = x'6e6e'");
	is(lk_sqlite_guard(p.db, NULL, "n", 1, lk_fence(p.w, grant)), LK_E_CORRUPT);
	sql(p.db, "ROLLBACK; BEGIN");
	ok(lk_sqlite_guard(p.db, NULL, "n", 1, lk_fence(p.w, grant)));
	sql(p.db, "COMMIT");
	ok(lk_release(p.w, grant));
	play_close(&p);
}
