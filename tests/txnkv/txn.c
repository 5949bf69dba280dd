/* SPDX-License-Identifier: MIT */
/* Transactions, one at a time and two in one thread: what each sees, and what it keeps others from. */
#include "history.h"
#include "stage.h"

/* A thread cannot wait for itself: whoever is in the way is a refusal. */
#define AT_ONCE 1

Test(txn, sees_what_it_has_written_and_others_see_it_after_the_commit)
{
	struct db *db = stage_memory(AT_ONCE);
	struct txn *t = stage_begin(db);

	stage_has(t, "t", "k", NULL);
	ok(txn_put(t, B("t"), B("k"), B("1")));
	ok(txn_put(t, B("t"), B("k"), B("2")));
	stage_has(t, "t", "k", "2");
	ok(txn_commit(t));
	stage_has_now(db, "t", "k", "2");
	db_close(db);
}

Test(txn, leaves_nothing_behind_when_it_is_aborted)
{
	struct db *db = stage_memory(AT_ONCE);
	struct txn *t;

	ok(stage_put(db, "t", "old", "1"));
	t = stage_begin(db);
	ok(txn_put(t, B("t"), B("old"), B("2")));
	ok(txn_put(t, B("t"), B("new"), B("2")));
	ok(txn_delete(t, B("t"), B("old")));
	txn_abort(t);
	stage_has_now(db, "t", "old", "1");
	stage_has_now(db, "t", "new", NULL);
	db_close(db);
}

Test(txn, deletes_what_is_there_and_says_so_of_what_is_not)
{
	struct db *db = stage_memory(AT_ONCE);
	struct txn *t = stage_begin(db);

	is(txn_delete(t, B("t"), B("k")), KV_NOT_FOUND);
	cr_expect_eq(txn_doom(t), 0);
	ok(txn_put(t, B("t"), B("k"), B("1")));
	ok(txn_delete(t, B("t"), B("k")));
	is(txn_delete(t, B("t"), B("k")), KV_NOT_FOUND);
	ok(txn_commit(t));
	stage_has_now(db, "t", "k", NULL);
	db_close(db);
}

Test(txn, scans_in_the_order_of_keys_with_its_own_changes)
{
	struct db *db = stage_memory(AT_ONCE);
	struct txn *t = stage_begin(db);

	cr_expect_str_eq(stage_scan(t, "t"), "");
	ok(txn_put(t, B("t"), B("b"), B("1")));
	ok(txn_put(t, B("t"), B("d"), B("1")));
	ok(txn_put(t, B("t"), B("c"), B("1")));
	ok(txn_put(t, B("other"), B("x"), B("1")));
	ok(txn_commit(t));

	t = stage_begin(db);
	ok(txn_put(t, B("t"), B("a"), B("2")));
	ok(txn_put(t, B("t"), B("c"), B("2")));
	ok(txn_put(t, B("t"), B("bb"), B("2")));
	ok(txn_delete(t, B("t"), B("d")));
	cr_expect_str_eq(stage_scan(t, "t"), "a=2 b=1 bb=2 c=2");
	txn_abort(t);
	t = stage_begin(db);
	cr_expect_str_eq(stage_scan(t, "t"), "b=1 c=1 d=1");
	ok(txn_commit(t));
	db_close(db);
}

static int
stop(void *arg, struct bytes key, struct bytes value)
{
	(void)key;
	(void)value;
	return ++*(int *)arg == 2 ? 77 : 0;
}

Test(txn, a_scan_ends_when_it_is_told_to)
{
	struct db *db = stage_memory(AT_ONCE);
	struct txn *t = stage_begin(db);
	int n = 0;

	ok(txn_put(t, B("t"), B("a"), B("")));
	ok(txn_put(t, B("t"), B("b"), B("")));
	ok(txn_put(t, B("t"), B("c"), B("")));
	is(txn_scan(t, B("t"), stop, &n), 77);
	cr_expect_eq(n, 2);
	ok(txn_commit(t));
	db_close(db);
}

Test(txn, names_keys_and_values_are_any_bytes)
{
	const struct bytes odd = { "a/\0%", 4 };
	const struct bytes none = { "", 0 };
	struct db *db = stage_memory(AT_ONCE);
	struct txn *t = stage_begin(db);
	struct bytes found;

	ok(txn_put(t, odd, none, odd));
	ok(txn_put(t, none, odd, none));
	ok(txn_commit(t));
	t = stage_begin(db);
	ok(txn_get(t, odd, none, &found));
	cr_expect_eq(bytes_compare(found, odd), 0);
	ok(txn_get(t, none, odd, &found));
	cr_expect_eq(found.len, 0);
	is(txn_get(t, odd, odd, &found), KV_NOT_FOUND);
	ok(txn_commit(t));
	db_close(db);
}

/* The longest that there may be, each byte of which needs three in the name of a lock. */
Test(txn, what_is_too_long_is_refused_and_what_just_fits_is_not)
{
	char *bytes = calloc(1, KV_VALUE_MAX + 1);
	const struct bytes table = { bytes, KV_TABLE_MAX };
	const struct bytes key = { bytes, KV_KEY_MAX };
	const struct bytes value = { bytes, KV_VALUE_MAX };
	struct db *db = stage_memory(AT_ONCE);
	struct txn *t = stage_begin(db);
	struct bytes found;

	ok(txn_put(t, table, key, value));
	ok(txn_get(t, table, key, &found));
	cr_expect_eq(found.len, KV_VALUE_MAX);
	is(txn_put(t, (struct bytes){ bytes, KV_TABLE_MAX + 1 }, key, value), KV_TOO_LONG);
	is(txn_put(t, table, (struct bytes){ bytes, KV_KEY_MAX + 1 }, value), KV_TOO_LONG);
	is(txn_put(t, table, key, (struct bytes){ bytes, KV_VALUE_MAX + 1 }), KV_TOO_LONG);
	is(txn_scan(t, (struct bytes){ bytes, KV_TABLE_MAX + 1 }, stop, NULL), KV_TOO_LONG);
	ok(txn_commit(t));
	db_close(db);
	free(bytes);
}

Test(txn, there_are_so_many_tables_and_no_more)
{
	struct db *db = stage_memory(AT_ONCE);
	struct txn *t = stage_begin(db);
	char name[16];

	for (unsigned i = 0; i < KV_TABLES_MAX; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		stage_has(t, name, "k", NULL);
	}
	is(txn_put(t, B("one more"), B("k"), B("v")), KV_TABLES);
	ok(txn_put(t, B("t7"), B("k"), B("v")));
	ok(txn_commit(t));
	db_close(db);
}

/* ------------------------------------------------------------------------ locks */

Test(locks, of_rows_are_as_their_names_say)
{
	struct db *db = stage_memory(AT_ONCE);
	struct lk_info info = { .size = sizeof(info) };
	struct txn *t = stage_begin(db);
	struct bytes value;

	ok(txn_put(t, B("t/1"), B("x"), B("")));
	is(txn_get(t, B("t/1"), B("s"), &value), KV_NOT_FOUND);
	is(txn_get_for_update(t, B("t/1"), B("u"), &value), KV_NOT_FOUND);
	ok(lk_info(db_manager(db), "t%2F1/x", 7, &info));
	cr_expect_eq(info.holders[LK_X], 1);
	ok(lk_info(db_manager(db), "t%2F1/s", 7, &info));
	cr_expect_eq(info.holders[LK_S], 1);
	ok(lk_info(db_manager(db), "t%2F1/u", 7, &info));
	cr_expect_eq(info.holders[LK_U], 1);
	ok(lk_info(db_manager(db), "t%2F1", 5, &info));
	cr_expect_eq(info.holders[LK_IX], 1);
	ok(txn_commit(t));
	ok(lk_info(db_manager(db), "t%2F1", 5, &info));
	cr_expect_eq(info.holders[LK_IX], 0);
	db_close(db);
}

/* What is covered is not asked for again: the owner has no more grants for it. */
Test(locks, are_not_taken_twice)
{
	struct db *db = stage_memory(AT_ONCE);
	struct lk_stats before = { .size = sizeof(before) };
	struct lk_stats after = { .size = sizeof(after) };
	struct txn *t = stage_begin(db);

	ok(txn_put(t, B("t"), B("k"), B("1")));
	stage_scan(t, "u");
	ok(lk_stats(db_manager(db), &before));
	stage_has(t, "t", "k", "1");
	ok(txn_put(t, B("t"), B("k"), B("2")));
	stage_has(t, "u", "any", NULL);
	stage_scan(t, "u");
	ok(lk_stats(db_manager(db), &after));
	cr_expect_eq(before.grants, after.grants);
	ok(txn_commit(t));
	db_close(db);
}

Test(locks, readers_go_together_and_keep_writers_out)
{
	struct db *db = stage_memory(AT_ONCE);
	struct txn *a = stage_begin(db);
	struct txn *b = stage_begin(db);
	struct txn *c = stage_begin(db);

	stage_has(a, "t", "k", NULL);
	stage_has(b, "t", "k", NULL);
	is(txn_put(c, B("t"), B("k"), B("1")), LK_E_TIMEDOUT);
	ok(txn_commit(a));
	ok(txn_commit(b));
	is(txn_commit(c), LK_E_TIMEDOUT);
	db_close(db);
}

Test(locks, who_means_to_write_lets_readers_in_but_nobody_of_its_kind)
{
	struct db *db = stage_memory(AT_ONCE);
	struct txn *a = stage_begin(db);
	struct txn *b = stage_begin(db);
	struct txn *c = stage_begin(db);
	struct bytes value;

	is(txn_get_for_update(a, B("t"), B("k"), &value), KV_NOT_FOUND);
	stage_has(b, "t", "k", NULL);
	is(txn_get_for_update(c, B("t"), B("k"), &value), LK_E_TIMEDOUT);
	txn_abort(c);
	ok(txn_commit(b));
	ok(txn_put(a, B("t"), B("k"), B("1"))); /* from U to X */
	ok(txn_commit(a));
	stage_has_now(db, "t", "k", "1");
	db_close(db);
}

static void
write_k(void *txn, unsigned index)
{
	(void)index;
	cr_expect_eq(txn_put(txn, B("t"), B("k"), B("1")), 0);
}

Test(locks, two_readers_who_both_write_are_told_at_once)
{
	struct db *db = stage_memory(0);
	struct test_thread thread;
	struct txn *a = stage_begin(db);
	struct txn *b = stage_begin(db);
	struct lk_stats n = { .size = sizeof(n) };

	stage_has(a, "t", "k", NULL);
	stage_has(b, "t", "k", NULL);
	test_spawn(&thread, 1, write_k, a);
	do {
		sched_yield();
		ok(lk_stats(db_manager(db), &n));
	} while (n.waiting == 0);
	is(txn_put(b, B("t"), B("k"), B("2")), LK_E_CONVERSION_DEADLOCK);
	cr_expect(kv_is_conflict(txn_doom(b)));
	txn_abort(b);
	test_join(&thread, 1);
	ok(txn_commit(a));
	db_close(db);
}

Test(locks, a_scan_keeps_new_rows_out)
{
	struct db *db = stage_memory(AT_ONCE);
	struct txn *a = stage_begin(db);
	struct txn *b = stage_begin(db);

	cr_expect_str_eq(stage_scan(a, "t"), "");
	is(txn_put(b, B("t"), B("new"), B("1")), LK_E_TIMEDOUT);
	txn_abort(b);
	ok(txn_put(a, B("t"), B("own"), B("1")));
	ok(txn_commit(a));
	db_close(db);
}

static int
into(void *arg, const char *text, size_t len)
{
	size_t used = strlen(arg);

	snprintf((char *)arg + used, 500 - used, "%.*s", (int)len, text);
	return 0;
}

Test(locks, a_refusal_says_who_was_in_the_way)
{
	struct db_options o = { .timeout_ns = AT_ONCE, .explains = true };
	char text[500] = "";
	struct txn *a, *b;
	struct db *db;

	ok(db_open(&o, &db));
	a = stage_begin(db);
	b = stage_begin(db);
	ok(txn_put(a, B("t"), B("k"), B("1")));
	ok(txn_why(b, into, text));
	cr_expect_str_eq(text, "");
	is(txn_put(b, B("t"), B("k"), B("2")), LK_E_TIMEDOUT);
	ok(txn_why(b, into, text));
	cr_expect_not_null(strstr(text, "t/k is held in X by owner"), "%s", text);
	txn_abort(b);
	ok(txn_commit(a));
	db_close(db);
}

/* Doomed: whatever comes after a refusal is refused, and so is the commit. */
Test(locks, a_refusal_dooms_the_transaction)
{
	struct db *db = stage_memory(AT_ONCE);
	struct txn *a = stage_begin(db);
	struct txn *b = stage_begin(db);
	struct bytes value;
	unsigned number;

	ok(txn_put(a, B("t"), B("k"), B("1")));
	ok(txn_put(b, B("t"), B("j"), B("1")));
	is(txn_get(b, B("t"), B("k"), &value), LK_E_TIMEDOUT);
	is(txn_doom(b), LK_E_TIMEDOUT);
	is(txn_put(b, B("t"), B("j"), B("2")), LK_E_TIMEDOUT);
	is(txn_scan(b, B("u"), stop, NULL), LK_E_TIMEDOUT);
	is(txn_delete(b, B("t"), B("j")), LK_E_TIMEDOUT);
	is(txn_savepoint(b, &number), LK_E_TIMEDOUT);
	is(txn_commit(b), LK_E_TIMEDOUT);
	ok(txn_commit(a));
	stage_has_now(db, "t", "j", NULL);
	db_close(db);
}

/* In the mode that the table is held in, one owner; and so many of its rows by locks of their own. */
static void
held_on_table(struct db *db, lk_mode mode, unsigned n_rows)
{
	struct lk_info info = { .size = sizeof(info) };
	unsigned n = 0;
	char name[16];

	ok(lk_info(db_manager(db), "t", 1, &info));
	cr_expect_eq(info.holders[mode], 1);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "t/%u", i);
		ok(lk_info(db_manager(db), name, strlen(name), &info));
		n += info.holders[LK_S] + info.holders[LK_X];
	}
	cr_expect_eq(n, n_rows);
}

Test(locks, of_many_rows_become_one_of_the_table)
{
	struct db_options o = { .timeout_ns = AT_ONCE, .escalate_after = 16 };
	struct txn *t;
	struct db *db;
	char key[16];

	ok(db_open(&o, &db));
	t = stage_begin(db);
	for (unsigned i = 0; i < 16; i++) {
		snprintf(key, sizeof(key), "%u", i);
		ok(txn_put(t, B("t"), B(key), B("1")));
	}
	held_on_table(db, LK_IX, 16);
	for (unsigned i = 16; i < 40; i++) {
		snprintf(key, sizeof(key), "%u", i);
		ok(txn_put(t, B("t"), B(key), B("1")));
	}
	held_on_table(db, LK_X, 0);
	ok(txn_commit(t));
	t = stage_begin(db);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(key, sizeof(key), "%u", i);
		stage_has(t, "t", key, "1");
	}
	held_on_table(db, LK_S, 0);
	ok(txn_commit(t));
	db_close(db);
}

/* ------------------------------------------------------------------- savepoints */

Test(savepoints, undo_what_was_written_since)
{
	struct db *db = stage_memory(AT_ONCE);
	struct txn *t;
	unsigned first, second;

	ok(stage_put(db, "t", "a", "0"));
	t = stage_begin(db);
	ok(txn_put(t, B("t"), B("b"), B("1")));
	ok(txn_savepoint(t, &first));
	ok(txn_put(t, B("t"), B("b"), B("2")));
	ok(txn_delete(t, B("t"), B("a")));
	ok(txn_savepoint(t, &second));
	ok(txn_put(t, B("t"), B("a"), B("3")));
	ok(txn_put(t, B("t"), B("c"), B("3")));
	cr_expect_str_eq(stage_scan(t, "t"), "a=3 b=2 c=3");
	ok(txn_rollback(t, second));
	cr_expect_str_eq(stage_scan(t, "t"), "b=2");
	ok(txn_put(t, B("t"), B("d"), B("4")));
	ok(txn_rollback(t, second));
	cr_expect_str_eq(stage_scan(t, "t"), "b=2");
	ok(txn_rollback(t, first));
	cr_expect_str_eq(stage_scan(t, "t"), "a=0 b=1");
	is(txn_rollback(t, second), KV_NO_SAVEPOINT);
	ok(txn_commit(t));
	stage_has_now(db, "t", "b", "1");
	stage_has_now(db, "t", "d", NULL);
	db_close(db);
}

Test(savepoints, are_forgotten_with_all_later_ones)
{
	struct db *db = stage_memory(AT_ONCE);
	struct txn *t = stage_begin(db);
	unsigned first, second, again;

	is(txn_rollback(t, 1), KV_NO_SAVEPOINT);
	is(txn_rollback(t, 0), KV_NO_SAVEPOINT);
	is(txn_forget(t, 1), KV_NO_SAVEPOINT);
	ok(txn_savepoint(t, &first));
	ok(txn_put(t, B("t"), B("k"), B("1")));
	ok(txn_savepoint(t, &second));
	ok(txn_forget(t, first));
	is(txn_rollback(t, second), KV_NO_SAVEPOINT);
	is(txn_rollback(t, first), KV_NO_SAVEPOINT);
	for (unsigned i = 0; i < 100; i++)
		ok(txn_savepoint(t, &again));
	cr_expect_eq(again, 100);
	ok(txn_commit(t));
	stage_has_now(db, "t", "k", "1");
	db_close(db);
}

/* Two go for the same rows in either order; one of them need not begin at the beginning. */
Test(savepoints, lift_the_doom_of_a_refused_lock)
{
	struct db *db = stage_memory(AT_ONCE);
	struct txn *a = stage_begin(db);
	struct txn *b = stage_begin(db);
	unsigned number;

	ok(txn_put(a, B("t"), B("k"), B("1")));
	ok(txn_put(b, B("t"), B("j"), B("1")));
	ok(txn_savepoint(b, &number));
	is(txn_put(b, B("t"), B("k"), B("2")), LK_E_TIMEDOUT);
	ok(txn_rollback(b, number));
	cr_expect_eq(txn_doom(b), 0);
	ok(txn_put(b, B("t"), B("i"), B("1")));
	ok(txn_commit(b));
	ok(txn_commit(a));
	stage_has_now(db, "t", "j", "1");
	stage_has_now(db, "t", "i", "1");
	db_close(db);
}

Test(savepoints, take_what_was_read_since_out_of_the_history)
{
	struct history h;
	struct db_options o = { .timeout_ns = AT_ONCE, .history = &h };
	const struct record *r;
	struct txn *t;
	struct db *db;
	unsigned number;

	history_init(&h);
	ok(db_open(&o, &db));
	t = stage_begin(db);
	stage_has(t, "t", "kept", NULL);
	ok(txn_savepoint(t, &number));
	stage_has(t, "t", "forgotten", NULL);
	stage_scan(t, "u");
	ok(txn_rollback(t, number));
	stage_scan(t, "v");
	ok(txn_commit(t));
	r = h.first;
	cr_assert_eq(h.n, 1);
	cr_assert_eq(r->n_seen, 1);
	cr_expect_str_eq(r->seen[0].key.data, "kept");
	cr_assert_eq(r->n_scans, 1);
	cr_expect_str_eq(r->scan[0].table.data, "v");
	db_close(db);
	history_fini(&h);
}

/* Who waits for them need not wait for the end of the transaction. */
Test(savepoints, give_back_the_locks_that_were_taken_since)
{
	struct db *db = stage_memory(AT_ONCE);
	struct txn *a = stage_begin(db);
	struct txn *b = stage_begin(db);
	struct txn *c = stage_begin(db);
	struct bytes value;
	unsigned number;

	is(txn_get_for_update(a, B("t"), B("kept"), &value), KV_NOT_FOUND);
	stage_has(a, "t", "read", NULL);
	ok(txn_savepoint(a, &number));
	ok(txn_put(a, B("t"), B("kept"), B("1")));
	ok(txn_put(a, B("t"), B("read"), B("1")));
	ok(txn_put(a, B("t"), B("new"), B("1")));
	stage_scan(a, "u");
	ok(txn_rollback(a, number));
	ok(txn_put(b, B("t"), B("new"), B("2")));
	ok(txn_put(b, B("u"), B("new"), B("2")));
	stage_has(b, "t", "kept", NULL); /* U admits readers, … */
	stage_has(b, "t", "read", NULL);
	is(txn_put(b, B("t"), B("read"), B("2")), LK_E_TIMEDOUT); /* … S no writers, … */
	is(txn_get_for_update(c, B("t"), B("kept"), &value), LK_E_TIMEDOUT); /* … and U no other */
	txn_abort(b);
	txn_abort(c);
	ok(txn_commit(a));
	db_close(db);
}
