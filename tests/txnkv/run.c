/* SPDX-License-Identifier: MIT */
/* Transactions that begin again: when, how often, and who is spared. */
#include "stage.h"

static int
count_and(struct txn *t, void *arg)
{
	int *n = arg; /* how often, and what to return */

	n[0]++;
	ok(txn_put(t, B("t"), B("k"), B("1")));
	return n[1];
}

Test(run, commits_if_the_body_says_0_and_aborts_if_not)
{
	struct db *db = stage_memory(1);
	int n[2] = { 0, 77 };

	is(txn_run(db, count_and, n), 77);
	stage_has_now(db, "t", "k", NULL);
	n[1] = 0;
	ok(txn_run(db, count_and, n));
	stage_has_now(db, "t", "k", "1");
	cr_expect_eq(n[0], 2);
	db_close(db);
}

Test(run, begins_again_so_often_and_no_more)
{
	struct db_options o = { .max_tries = 5 };
	int n[2] = { 0, LK_E_DEADLOCK };
	struct db_counts counts;
	struct db *db;

	ok(db_open(&o, &db));
	is(txn_run(db, count_and, n), LK_E_DEADLOCK);
	cr_expect_eq(n[0], 5);
	db_count(db, &counts);
	cr_expect_eq(counts.retries, 4);
	cr_expect_eq(counts.aborts, 5);
	n[1] = LK_E_TIMEDOUT;
	is(txn_run(db, count_and, n), LK_E_TIMEDOUT);
	cr_expect_eq(n[0], 6);
	db_close(db);
}

static int
look_and_forget(struct txn *t, void *arg)
{
	struct bytes value;

	(void)arg;
	is(txn_get(t, B("t"), B("k"), &value), LK_E_TIMEDOUT);
	return 77;
}

Test(run, a_refusal_is_the_result_whatever_the_body_makes_of_it)
{
	struct db *db = stage_memory(1);
	struct txn *t = stage_begin(db);

	ok(txn_put(t, B("t"), B("k"), B("1")));
	is(txn_run(db, look_and_forget, NULL), LK_E_TIMEDOUT);
	ok(txn_commit(t));
	db_close(db);
}

/* ------------------------------------------------------------------- deadlocks */

/* Two who take two rows, each the other's first one as its second. */
struct pair {
	struct db *db;
	pthread_barrier_t both_have_one;
	unsigned attempt[2]; /* with which each begins */
	int rc[2];
};

static const char *const rows[2] = { "x", "y" };

static int
take_both(struct pair *p, struct txn *t, unsigned index, bool is_first_time)
{
	int rc = txn_put(t, B("t"), B(rows[index]), B("1"));

	if (is_first_time)
		pthread_barrier_wait(&p->both_have_one);
	return rc != 0 ? rc : txn_put(t, B("t"), B(rows[1 - index]), B("1"));
}

struct one {
	struct pair *pair;
	unsigned index, n_times;
};

static int
take_in_turn(struct txn *t, void *arg)
{
	struct one *one = arg;

	return take_both(one->pair, t, one->index, one->n_times++ == 0);
}

static void
run_one(void *arg, unsigned index)
{
	struct pair *p = arg;
	struct one one = { p, index, 0 };

	p->rc[index] = txn_run(p->db, take_in_turn, &one);
}

static void
run_once(void *arg, unsigned index)
{
	struct pair *p = arg;
	struct txn *t;

	if (txn_begin_again(p->db, p->attempt[index], &t) != 0)
		abort();
	p->rc[index] = take_both(p, t, index, true);
	if (p->rc[index] == 0)
		p->rc[index] = txn_commit(t);
	else
		txn_abort(t);
}

static void
play(struct pair *p, test_body *body)
{
	p->db = stage_memory(0);
	pthread_barrier_init(&p->both_have_one, NULL, 2);
	test_threads(2, body, p);
	pthread_barrier_destroy(&p->both_have_one);
}

Test(run, both_of_a_deadlock_commit_in_the_end)
{
	struct pair p = { 0 };
	struct db_counts n;

	play(&p, run_one);
	ok(p.rc[0]);
	ok(p.rc[1]);
	db_count(p.db, &n);
	cr_expect_eq(n.commits, 2);
	cr_expect_ge(n.retries, 1);
	db_close(p.db);
}

Test(run, who_began_again_more_often_is_spared)
{
	for (unsigned spared = 0; spared < 2; spared++) {
		struct pair p = { 0 };

		p.attempt[spared] = 1;
		play(&p, run_once);
		is(p.rc[spared], 0);
		is(p.rc[1 - spared], LK_E_DEADLOCK);
		db_close(p.db);
	}
}

/* --------------------------------------------------------------- table mutexes */

Test(tables, are_waited_for_in_one_order_only)
{
	struct db_options o = { .locks = DB_LOCK_TABLES };
	struct txn *a;
	struct txn *b;
	struct db *db;

	ok(db_open(&o, &db));
	a = stage_begin(db);
	b = stage_begin(db);
	ok(txn_put(a, B("first"), B("k"), B("1")));
	ok(txn_put(b, B("second"), B("k"), B("1")));
	is(txn_put(b, B("first"), B("k"), B("2")), LK_E_BUSY);
	cr_expect(kv_is_conflict(txn_doom(b)));
	txn_abort(b);
	ok(txn_put(a, B("second"), B("k"), B("3")));
	ok(txn_put(a, B("first"), B("k"), B("3")));
	ok(txn_commit(a));
	b = stage_begin(db);
	stage_has(b, "second", "k", "3");
	stage_has(b, "first", "k", "3"); /* nobody is in the way */
	ok(txn_commit(b));
	db_close(db);
}
