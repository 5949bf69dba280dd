/* SPDX-License-Identifier: MIT */
/* What is in the file, and when: after a close, a crash, a full disk, a disk that does not answer. */
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db.h"
#include "numbers.h"
#include "stage.h"

static struct db *
reopen(struct db *db, const struct place *p)
{
	db_close(db);
	return stage_file(p);
}

Test(file, has_what_was_committed)
{
	const struct bytes odd = { "\0/'\"", 4 };
	const struct bytes none = { "", 0 };
	struct bytes found;
	struct place p;
	struct txn *t;
	struct db *db;

	stage_place(&p);
	db = stage_file(&p);
	ok(stage_put(db, "t", "a", "1"));
	ok(stage_put(db, "t", "b", "1"));
	t = stage_begin(db);
	ok(txn_put(t, B("t"), B("a"), B("2")));
	ok(txn_delete(t, B("t"), B("b")));
	ok(txn_put(t, odd, none, odd));
	ok(txn_put(t, none, odd, none));
	ok(txn_commit(t));
	t = stage_begin(db);
	ok(txn_put(t, B("t"), B("c"), B("3")));
	txn_abort(t);
	db = reopen(db, &p);
	t = stage_begin(db);
	cr_expect_str_eq(stage_scan(t, "t"), "a=2");
	ok(txn_get(t, odd, none, &found));
	cr_expect_eq(bytes_compare(found, odd), 0);
	ok(txn_get(t, none, odd, &found));
	cr_expect_eq(found.len, 0);
	ok(txn_commit(t));
	db_close(db);
	stage_remove(&p);
}

static void
cannot_open(const char *file, int code)
{
	struct db_options o = { .file = file };
	struct db *db;

	is(db_open(&o, &db), code);
}

static void
write_text(const char *file, const char *text)
{
	FILE *f = fopen(file, "w");

	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);
}

Test(file, that_is_not_ours_is_left_alone)
{
	struct place p;
	sqlite3 *other;
	char text[40] = "";
	FILE *f;

	stage_place(&p);
	cannot_open("/nowhere/at/all", KV_CANNOT_OPEN);
	cannot_open(p.folder, KV_CANNOT_OPEN);
	write_text(p.file, "a text of somebody's, and more of it");
	cannot_open(p.file, KV_NOT_OURS);
	f = fopen(p.file, "r");
	cr_expect_eq(fread(text, 1, sizeof(text) - 1, f), 36);
	fclose(f);
	cr_expect_str_eq(text, "a text of somebody's, and more of it");
	unlink(p.file);
	cr_assert_eq(sqlite3_open(p.file, &other), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(other, "CREATE TABLE mine (x)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	cannot_open(p.file, KV_NOT_OURS);
	stage_remove(&p);
}

Test(file, is_open_once)
{
	struct place p;
	struct db *db;

	stage_place(&p);
	db = stage_file(&p);
	cannot_open(p.file, KV_IN_USE);
	ok(stage_put(db, "t", "k", "1"));
	cannot_open(p.file, KV_IN_USE);
	db = reopen(db, &p);
	stage_has_now(db, "t", "k", "1");
	db_close(db);
	stage_remove(&p);
}

/* ------------------------------------------------------------------------- kill -9 */

#define N_ACCOUNTS 6
#define N_TELLERS  3
#define N_RECEIPTS 300

/* What the child says after each commit. */
struct receipt {
	unsigned teller;
	unsigned number;
};

struct crash {
	struct db *db;
	int out; /* of a pipe */
};

/* One transaction of a teller: money, and its number. */
struct deposit {
	unsigned teller, number;
	uint64_t *random;
};

static const char *
name(char out[16], char kind, unsigned number)
{
	snprintf(out, 16, "%c%u", kind, number);
	return out;
}

static int
deposit(struct txn *t, void *arg)
{
	const struct deposit *d = arg;
	char from[16], to[16], me[16];
	int64_t a = 0;
	int64_t b = 0;
	int rc;

	name(from, 'a', (unsigned)draw(d->random, N_ACCOUNTS));
	do
		name(to, 'a', (unsigned)draw(d->random, N_ACCOUNTS));
	while (strcmp(from, to) == 0);
	rc = get_number(t, B("accounts"), B(from), txn_get_for_update, &a);
	if (rc == 0)
		rc = get_number(t, B("accounts"), B(to), txn_get_for_update, &b);
	if (rc == 0)
		rc = put_number(t, B("accounts"), B(from), a - 1);
	if (rc == 0)
		rc = put_number(t, B("accounts"), B(to), b + 1);
	return rc != 0 ? rc : put_number(t, B("receipts"), B(name(me, 'r', d->teller)), d->number);
}

/* In the child: until it is killed. */
static void
tell(void *arg, unsigned index)
{
	struct crash *c = arg;
	uint64_t random = draw_from(index + 1);
	struct receipt r = { .teller = index };

	for (;;) {
		struct deposit d = { index, ++r.number, &random };

		if (txn_run(c->db, deposit, &d) != 0 || write(c->out, &r, sizeof(r)) < 0)
			_exit(1);
	}
}

static void
child(const struct place *p, int out)
{
	struct crash c = { .db = stage_file(p), .out = out };
	struct test_thread thread[N_TELLERS];
	struct txn *never = stage_begin(c.db);
	char key[16];

	for (unsigned i = 0; i < N_ACCOUNTS; i++)
		ok(stage_put(c.db, "accounts", name(key, 'a', i), "0"));
	ok(txn_put(never, B("t"), B("never"), B("committed")));
	test_spawn(thread, N_TELLERS, tell, &c);
	test_join(thread, N_TELLERS);
}

static int
add(void *arg, struct bytes key, struct bytes value)
{
	int64_t *sum = arg;

	(void)key;
	*sum += number_of(value);
	return 0;
}

/* Whatever was said to be committed is there, and at most one more of each teller. */
static void
look_after_crash(const struct place *p, const unsigned last[N_TELLERS])
{
	struct db *db = stage_file(p);
	struct txn *t = stage_begin(db);
	int64_t sum = 0;
	char key[16];

	ok(txn_scan(t, B("accounts"), add, &sum));
	cr_expect_eq(sum, 0);
	for (unsigned i = 0; i < N_TELLERS; i++) {
		int64_t number = 0;
		int rc = get_number(t, B("receipts"), B(name(key, 'r', i)), txn_get, &number);

		cr_expect(rc == 0 || (rc == KV_NOT_FOUND && last[i] == 0));
		cr_expect(number == last[i] || number == last[i] + 1, "teller %u: %u, but %lld", i,
			  last[i], (long long)number);
	}
	stage_has(t, "t", "never", NULL);
	ok(txn_commit(t));
	db_close(db);
}

Test(file, has_all_that_was_committed_when_the_process_is_killed, .timeout = 60)
{
	unsigned last[N_TELLERS] = { 0 };
	struct receipt r;
	struct place p;
	unsigned n = 0;
	pid_t pid;
	int end[2];

	stage_place(&p);
	cr_assert_eq(pipe(end), 0);
	pid = fork();
	cr_assert_ge(pid, 0);
	if (pid == 0) {
		close(end[0]);
		child(&p, end[1]);
		_exit(1);
	}
	close(end[1]);
	while (read(end[0], &r, sizeof(r)) == (ssize_t)sizeof(r)) {
		last[r.teller] = r.number;
		if (++n == N_RECEIPTS)
			kill(pid, SIGKILL);
	}
	close(end[0]);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	cr_assert_ge(n, N_RECEIPTS);
	look_after_crash(&p, last);
	stage_remove(&p);
}

/* ----------------------------------------------------------------------- full disk */

/* No file of this process gets larger than this; 0: as before. */
static void
limit_files(rlim_t size)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size == 0 ? limit.rlim_max : size;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static const struct bytes *
large(void)
{
	static char data[8192];
	static const struct bytes b = { data, sizeof(data) };

	return &b;
}

static int
count(void *arg, const struct row *r)
{
	(void)r;
	++*(int *)arg;
	return 0;
}

/* Rows in memory, those without a value too. */
static int
rows_in_memory(struct db *db, const char *table)
{
	struct table *t;
	int n = 0;

	ok(store_table(&db->store, B(table), &t));
	ok(store_each(t, count, &n));
	return n;
}

Test(file, that_cannot_grow_refuses_a_transaction_and_keeps_the_rest)
{
	char why[256];
	struct place p;
	struct txn *t;
	struct db *db;

	stage_place(&p);
	db = stage_file(&p);
	ok(stage_put(db, "t", "k", "1"));
	t = stage_begin(db);
	ok(txn_put(t, B("t"), B("k"), B("2")));
	for (char key[] = "a"; key[0] <= 'z'; key[0]++)
		ok(txn_put(t, B("t"), B(key), *large()));
	limit_files(100000);
	is(txn_commit(t), KV_DISK);
	limit_files(0);
	db_why(db, why, sizeof(why));
	cr_expect_str_neq(why, "");
	cr_expect_eq(rows_in_memory(db, "t"), 1);

	t = stage_begin(db); /* the locks are given back, nothing has changed */
	cr_expect_str_eq(stage_scan(t, "t"), "k=1");
	ok(txn_put(t, B("t"), B("k"), B("3")));
	ok(txn_commit(t));
	db = reopen(db, &p);
	t = stage_begin(db);
	cr_expect_str_eq(stage_scan(t, "t"), "k=3");
	ok(txn_commit(t));
	db_close(db);
	stage_remove(&p);
}
