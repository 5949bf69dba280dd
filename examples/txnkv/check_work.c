/* SPDX-License-Identifier: MIT */
/* Random transactions of many threads, and whether they could have run one by one: see check.h. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"
#include "numbers.h"

#define OPENING_BALANCE 100
#define ACCOUNT_MAX     16 /* bytes of its key */

/* Not a code of anybody's: the transaction is to be aborted. */
#define ABORT 1000

struct bank {
	const struct work *work;
	struct db *db;
	_Atomic uint64_t n_audits, n_wrong;
	_Atomic int trouble; /* a result that should not be */
};

/* One transaction, drawn before it is run: if it begins again it does the same. */
struct turn {
	struct bank *bank;
	uint64_t kind;
	char from[ACCOUNT_MAX], to[ACCOUNT_MAX], other[ACCOUNT_MAX];
	int64_t amount;
	int64_t sum; /* an audit's */
};

static const struct bytes accounts = { "accounts", 8 };
static const struct bytes vault = { "vault", 5 };
static const struct bytes rest = { "rest", 4 };

typedef int getter(struct txn *t, struct bytes table, struct bytes key, struct bytes *value);

static int64_t
right_sum(const struct bank *b)
{
	return (int64_t)b->work->n_accounts * OPENING_BALANCE;
}

/* ----------------------------------------------------------------- transactions */

/* Money from one account to another; none if they are the same, or one is closed. */
static int
move(struct txn *t, const char *from, const char *to, int64_t amount, getter *get)
{
	int64_t a = 0;
	int64_t b = 0;
	int rc;

	if (strcmp(from, to) == 0)
		return 0;
	rc = get_number(t, accounts, bytes_of(from), get, &a);

	if (rc == 0)
		rc = get_number(t, accounts, bytes_of(to), get, &b);
	if (rc == 0)
		rc = put_number(t, accounts, bytes_of(from), a - amount);
	if (rc == 0)
		rc = put_number(t, accounts, bytes_of(to), b + amount);
	return rc == KV_NOT_FOUND ? 0 : rc;
}

/* Rows in any order: deadlocks come about. */
static int
transfer(struct txn *t, void *arg)
{
	const struct turn *turn = arg;

	return move(t, turn->from, turn->to, turn->amount, txn_get_for_update);
}

/* Without saying that the rows will be written: conversions that wait for each other come about too. */
static int
transfer_unannounced(struct txn *t, void *arg)
{
	const struct turn *turn = arg;

	return move(t, turn->from, turn->to, turn->amount, txn_get);
}

static int
add(void *arg, struct bytes key, struct bytes value)
{
	int64_t *sum = arg;

	(void)key;
	*sum += number_of(value);
	return 0;
}

static int
audit(struct txn *t, void *arg)
{
	struct turn *turn = arg;
	int rc = get_number(t, vault, rest, txn_get, &turn->sum);

	return rc != 0 ? rc : txn_scan(t, accounts, add, &turn->sum);
}

/* An account that is closed gets some of the vault's money; one that is open is closed, and the vault gets it. */
static int
open_or_close(struct txn *t, void *arg)
{
	const struct turn *turn = arg;
	struct bytes key = bytes_of(turn->from);
	int64_t in_vault = 0;
	int64_t balance = 0;
	int rc = get_number(t, vault, rest, txn_get_for_update, &in_vault);

	if (rc == 0)
		rc = get_number(t, accounts, key, txn_get_for_update, &balance);
	if (rc == KV_NOT_FOUND) {
		rc = put_number(t, vault, rest, in_vault - turn->amount);
		return rc != 0 ? rc : put_number(t, accounts, key, turn->amount);
	}
	if (rc == 0)
		rc = txn_delete(t, accounts, key);
	if (rc == KV_NOT_FOUND)
		return 0; /* gone since it was read, which cannot be if reading locks; the judge will tell */
	return rc != 0 ? rc : put_number(t, vault, rest, in_vault + balance);
}

/* Something that stays, something in two savepoints that does not, something that does. */
static int
change_mind(struct txn *t, void *arg)
{
	const struct turn *turn = arg;
	unsigned first, second;
	int rc = move(t, turn->from, turn->to, turn->amount, txn_get_for_update);

	if (rc == 0)
		rc = txn_savepoint(t, &first);
	if (rc == 0)
		rc = move(t, turn->to, turn->other, 2 * turn->amount, txn_get);
	if (rc == 0)
		rc = txn_savepoint(t, &second);
	if (rc == 0)
		rc = txn_put(t, accounts, bytes_of(turn->other), bytes_of("1000000"));
	if (rc == 0)
		rc = txn_rollback(t, turn->amount % 2 == 0 ? second : first);
	return rc != 0 ? rc : move(t, turn->other, turn->from, 1, txn_get_for_update);
}

static int
think_better_of_it(struct txn *t, void *arg)
{
	int rc = transfer(t, arg);

	return rc != 0 ? rc : ABORT;
}

/* The accounts of a scan, which does not see what is written meanwhile. */
struct levy {
	struct txn *txn;
	int64_t taken;
};

static int
take_one(void *arg, struct bytes key, struct bytes value)
{
	struct levy *l = arg;

	l->taken++;
	return put_number(l->txn, accounts, key, number_of(value) - 1);
}

/* Every account pays one to the vault. */
static int
levy(struct txn *t, void *arg)
{
	struct levy l = { .txn = t };
	int64_t in_vault = 0;
	int rc = get_number(t, vault, rest, txn_get_for_update, &in_vault);

	(void)arg;
	if (rc == 0)
		rc = txn_scan(t, accounts, take_one, &l);
	return rc != 0 ? rc : put_number(t, vault, rest, in_vault + l.taken);
}

/* --------------------------------------------------------------------- threads */

static const struct {
	int (*body)(struct txn *t, void *arg);
	uint64_t of_100;
} kinds[] = {
	{ transfer, 35 },    { transfer_unannounced, 15 }, { audit, 15 }, { open_or_close, 15 },
	{ change_mind, 10 }, { think_better_of_it, 5 },    { levy, 5 },
};

static size_t
draw_kind(uint64_t *random)
{
	uint64_t n = draw(random, 100);
	size_t i = 0;

	while (n >= kinds[i].of_100)
		n -= kinds[i++].of_100;
	return i;
}

static void
draw_account(const struct bank *b, uint64_t *random, char out[ACCOUNT_MAX])
{
	snprintf(out, ACCOUNT_MAX, "a%u", (unsigned)draw(random, b->work->n_accounts));
}

static void
judge_audit(struct bank *b, const struct turn *turn)
{
	atomic_fetch_add(&b->n_audits, 1);
	if (turn->sum != right_sum(b))
		atomic_fetch_add(&b->n_wrong, 1);
}

static int
take_turn(struct bank *b, uint64_t *random)
{
	size_t kind = draw_kind(random);
	struct turn turn = { .bank = b, .amount = (int64_t)draw(random, 50) };
	int rc;

	draw_account(b, random, turn.from);
	draw_account(b, random, turn.to);
	draw_account(b, random, turn.other);
	rc = txn_run(b->db, kinds[kind].body, &turn);
	if (rc == 0 && kinds[kind].body == audit)
		judge_audit(b, &turn);
	return rc == ABORT ? 0 : rc;
}

struct teller {
	pthread_t thread;
	struct bank *bank;
	uint64_t random;
};

static void *
tell(void *arg)
{
	struct teller *t = arg;
	struct bank *b = t->bank;

	for (uint64_t i = 0; i < b->work->n_rounds && atomic_load(&b->trouble) == 0; i++) {
		int rc = take_turn(b, &t->random);

		if (rc != 0)
			atomic_store(&b->trouble, rc);
	}
	return NULL;
}

static void
run_threads(struct bank *b)
{
	struct teller *tellers = calloc(b->work->n_threads, sizeof(*tellers));
	unsigned n = 0;

	while (tellers != NULL && n < b->work->n_threads) {
		tellers[n].bank = b;
		tellers[n].random = draw_from(b->work->seed + n);
		if (pthread_create(&tellers[n].thread, NULL, tell, &tellers[n]) != 0)
			break;
		n++;
	}
	if (n < b->work->n_threads)
		atomic_store(&b->trouble, LK_E_NOMEM);
	while (n-- > 0)
		pthread_join(tellers[n].thread, NULL);
	free(tellers);
}

/* --------------------------------------------------------------------- the whole */

/* What a file had before goes. */
static int
delete_account(void *arg, struct bytes key, struct bytes value)
{
	(void)value;
	return txn_delete(arg, accounts, key);
}

static int
found_bank(struct txn *t, void *arg)
{
	const struct bank *b = arg;
	int rc = txn_scan(t, accounts, delete_account, t);
	char key[ACCOUNT_MAX];

	for (unsigned i = 0; rc == 0 && i < b->work->n_accounts; i++) {
		snprintf(key, sizeof(key), "a%u", i);
		rc = put_number(t, accounts, bytes_of(key), OPENING_BALANCE);
	}
	return rc != 0 ? rc : put_number(t, vault, rest, 0);
}

static int
audit_once(struct bank *b)
{
	struct turn turn = { .bank = b };
	int rc = txn_run(b->db, audit, &turn);

	if (rc == 0)
		judge_audit(b, &turn);
	return rc;
}

static int
run_bank(struct bank *b, FILE *out)
{
	struct db_counts n;
	int rc = txn_run(b->db, found_bank, b);

	if (rc == 0) {
		run_threads(b);
		rc = atomic_load(&b->trouble);
	}
	if (rc == 0)
		rc = audit_once(b);
	db_count(b->db, &n);
	fprintf(out,
		"%" PRIu64 " commits, %" PRIu64 " begun again after a deadlock, %" PRIu64
		" other aborts\n",
		n.commits, n.retries, n.aborts - n.retries);
	if (n.groups > 0)
		fprintf(out, "%" PRIu64 " of them written in %" PRIu64 " groups\n", n.grouped,
			n.groups);
	return rc;
}

/* What is in the file now. */
static int
audit_file(struct bank *b)
{
	struct db_options o = b->work->db;
	int rc;

	if (o.file == NULL)
		return 0;
	rc = db_open(&o, &b->db);
	if (rc != 0)
		return rc;
	rc = audit_once(b);
	db_close(b->db);
	return rc;
}

static int
write_log(const struct history *h, const char *path)
{
	FILE *f = path == NULL ? NULL : fopen(path, "w");
	int rc;

	if (f == NULL)
		return path == NULL ? 0 : LK_E_IO;
	rc = history_print(h, f);
	return fclose(f) == 0 ? rc : LK_E_IO;
}

static enum finding
conclude(struct bank *b, struct history *h, FILE *out)
{
	enum verdict verdict;

	fprintf(out, "%" PRIu64 " sums of all accounts, %" PRIu64 " of them wrong\n",
		atomic_load(&b->n_audits), atomic_load(&b->n_wrong));
	if (judge(h, out, &verdict) != 0)
		return FOUND_TROUBLE;
	return verdict != JUDGE_SERIAL || atomic_load(&b->n_wrong) > 0 ? FOUND_VIOLATION
								       : FOUND_NOTHING;
}

enum finding
work_check(const struct work *w, FILE *out)
{
	struct bank bank = { .work = w };
	struct db_options o = w->db;
	enum finding found = FOUND_TROUBLE;
	struct history history;
	char why[256] = "";
	int rc;

	history_init(&history);
	o.history = &history;
	rc = db_open(&o, &bank.db);
	if (rc == 0) {
		rc = run_bank(&bank, out);
		db_why(bank.db, why, sizeof(why));
		db_close(bank.db);
	}
	if (rc == 0)
		rc = audit_file(&bank);
	if (rc == 0)
		rc = write_log(&history, w->log);
	if (rc == 0)
		found = conclude(&bank, &history, out);
	else
		fprintf(out, "%s %s\n", kv_strerror(rc), why);
	history_fini(&history);
	return found;
}
