/* SPDX-License-Identifier: MIT */
/*
 * Transfers between accounts by two-phase locking, from several threads at once, while an
 * auditor adds up all accounts again and again.  Money must neither appear nor vanish.
 *
 * Deadlock is avoided by manners rather than by order: a transfer waits for its first account
 * holding nothing, and for its second not at all (or only for a while, --wait).  If the second
 * is taken, it gives the first back and starts again.
 */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <latchkey.h>

#define OPENING_BALANCE 1000
#define N_THREADS_MAX   256
#define N_ACCOUNTS_MAX  1000000
#define N_TRANSFERS_MAX 1000000000

struct bank {
	struct lk_manager *locks;
	int64_t *balance; /* [i] is guarded by the lock of account i, and by nothing else */
	size_t n_accounts;
	size_t n_transfers; /* of each teller */
	int64_t wait_ns;    /* for the second account; 0: not at all */
	bool by_text;       /* accounts are "account/17" rather than 17 */
	atomic_bool closing;
	pthread_barrier_t door; /* all tellers begin together */
};

/* One thread, and what it did. */
struct teller {
	pthread_t thread;
	struct bank *bank;
	uint64_t random;
	uint64_t done;    /* transfers, or audits */
	uint64_t retries; /* transfers begun again because of a conflict */
	uint64_t wrong;   /* audits that found another sum */
	int rc;           /* why it gave up; 0: it did not */
};

static const char usage[] =
	"usage: bank [-t THREADS] [-a ACCOUNTS] [-n TRANSFERS] [-w USEC] [-s]\n"
	"Threads move money between accounts under locks; the sum must stay as it was.\n"
	"  -t, --threads N     threads that transfer (4)\n"
	"  -a, --accounts N    accounts, at least 2 (64)\n"
	"  -n, --transfers N   transfers of each thread (20000)\n"
	"  -w, --wait USEC     wait so long for the second account before a retry (0)\n"
	"  -s, --strings       name accounts \"account/17\" rather than by number\n"
	"  -h, --help          this text\n"
	"Exit status: 0 the sum is as it was, 1 it is not or something failed, 2 usage.\n";

/* xorshift64*: good enough to choose accounts, and a thread's own. */
static size_t
draw(struct teller *t, size_t below)
{
	t->random ^= t->random >> 12;
	t->random ^= t->random << 25;
	t->random ^= t->random >> 27;
	return (size_t)((t->random * 0x2545f4914f6cdd1du) >> 33) % below;
}

/* Lock account `i`; the grant is given back when the owner closes. */
static int
lock(const struct bank *b, struct lk_owner *w, size_t i, lk_mode mode, const struct lk_options *o)
{
	char name[32];

	if (!b->by_text)
		return lk_acquire_id(w, i, mode, o, NULL);
	snprintf(name, sizeof(name), "account/%zu", i);
	return lk_acquire(w, name, mode, o, NULL);
}

/* Lock both accounts and move the money.  LK_E_BUSY, _TIMEDOUT, _DEADLOCK: a conflict, try again. */
static int
move(struct bank *b, struct lk_owner *w, size_t from, size_t to, int64_t amount)
{
	struct lk_options second = LK_OPTIONS_INIT;
	int rc = lock(b, w, from, LK_X, NULL);

	if (rc != 0)
		return rc;
	if (b->wait_ns == 0)
		second.flags = LK_NOWAIT;
	else
		second.timeout_ns = b->wait_ns;
	rc = lock(b, w, to, LK_X, &second);
	if (rc != 0)
		return rc;
	if (amount > b->balance[from])
		amount = b->balance[from];
	b->balance[from] -= amount;
	b->balance[to] += amount;
	return 0;
}

/* One transfer: an owner of its own, which holds both locks until the work is done. */
static int
transfer(struct bank *b, size_t from, size_t to, int64_t amount)
{
	struct lk_owner *w;
	int rc = lk_owner_open(b->locks, NULL, &w);
	int closed;

	if (rc != 0)
		return rc;
	rc = move(b, w, from, to, amount);
	closed = lk_owner_close(w);
	return rc != 0 ? rc : closed;
}

static void *
teller_run(void *arg)
{
	struct teller *t = arg;
	struct bank *b = t->bank;

	pthread_barrier_wait(&b->door);
	while (t->done < b->n_transfers) {
		size_t from = draw(t, b->n_accounts);
		size_t to = (from + 1 + draw(t, b->n_accounts - 1)) % b->n_accounts;
		int64_t amount = (int64_t)draw(t, 100) + 1;

		while ((t->rc = transfer(b, from, to, amount)) != 0) {
			if (t->rc != LK_E_BUSY && t->rc != LK_E_TIMEDOUT && t->rc != LK_E_DEADLOCK)
				return NULL;
			t->retries++;
			sched_yield();
		}
		t->done++;
	}
	return NULL;
}

/*
 * Add up all accounts, each locked in S until the last is read.  The auditor waits while it holds
 * locks: of a ring with tellers it is never the victim, as its priority is higher.
 */
static int
audit(struct bank *b, int64_t *sum)
{
	struct lk_owner_options important = LK_OWNER_OPTIONS_INIT;
	struct lk_owner *w;
	int closed;
	int rc;

	important.priority = 1;
	rc = lk_owner_open(b->locks, &important, &w);
	if (rc != 0)
		return rc;
	*sum = 0;
	for (size_t i = 0; rc == 0 && i < b->n_accounts; i++) {
		rc = lock(b, w, i, LK_S, NULL);
		if (rc == 0)
			*sum += b->balance[i];
	}
	closed = lk_owner_close(w);
	return rc != 0 ? rc : closed;
}

static int64_t
right_sum(const struct bank *b)
{
	return (int64_t)b->n_accounts * OPENING_BALANCE;
}

/* Audit until the bank closes, and once more then. */
static void *
auditor_run(void *arg)
{
	struct teller *t = arg;
	bool last;
	int64_t sum;

	do {
		last = atomic_load(&t->bank->closing);
		t->rc = audit(t->bank, &sum);
		if (t->rc != 0)
			return NULL;
		t->done++;
		if (sum != right_sum(t->bank))
			t->wrong++;
		sched_yield();
	} while (!last);
	return NULL;
}

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "bank: %s: %s\n", what, why);
	exit(1);
}

static void
check(int rc, const char *what)
{
	if (rc != 0)
		die(what, lk_strerror(rc));
}

static void
start(struct teller *t, struct bank *b, void *(*run)(void *), size_t seed)
{
	int error;

	t->bank = b;
	t->random = (seed + 1) * 0x9e3779b97f4a7c15u;
	error = pthread_create(&t->thread, NULL, run, t);
	if (error != 0)
		die("start a thread", strerror(error));
}

/* Wait for the thread; add what it did to `sum`. */
static void
finish(struct teller *t, struct teller *sum)
{
	int error = pthread_join(t->thread, NULL);

	if (error != 0)
		die("join a thread", strerror(error));
	check(t->rc, "a thread gave up");
	sum->done += t->done;
	sum->retries += t->retries;
	sum->wrong += t->wrong;
}

/* All threads are gone: the balances can be read without locks.  Is all as it should be? */
static bool
report(const struct bank *b, const struct teller *tellers, const struct teller *auditor)
{
	int64_t sum = 0;
	int64_t lowest = INT64_MAX;
	bool good;

	for (size_t i = 0; i < b->n_accounts; i++) {
		sum += b->balance[i];
		if (b->balance[i] < lowest)
			lowest = b->balance[i];
	}
	good = sum == right_sum(b) && lowest >= 0 && auditor->wrong == 0;
	printf("bank: %zu accounts, %" PRIu64 " transfers, %" PRIu64 " retries after a conflict\n",
	       b->n_accounts, tellers->done, tellers->retries);
	printf("bank: %" PRIu64 " audits meanwhile, %" PRIu64 " of them wrong\n", auditor->done,
	       auditor->wrong);
	printf("bank: sum before %" PRId64 ", after %" PRId64 ", lowest balance %" PRId64 ": %s\n",
	       right_sum(b), sum, lowest, good ? "conserved" : "NOT CONSERVED");
	return good;
}

static bool
run(struct bank *b, size_t n_threads)
{
	struct teller tellers[N_THREADS_MAX] = { 0 };
	struct teller auditor = { 0 };
	struct teller tellers_sum = { 0 };
	struct teller auditor_sum = { 0 };

	if (pthread_barrier_init(&b->door, NULL, (unsigned)n_threads) != 0)
		die("barrier", strerror(ENOMEM));
	start(&auditor, b, auditor_run, n_threads);
	for (size_t i = 0; i < n_threads; i++)
		start(&tellers[i], b, teller_run, i);
	for (size_t i = 0; i < n_threads; i++)
		finish(&tellers[i], &tellers_sum);
	atomic_store(&b->closing, true);
	finish(&auditor, &auditor_sum);
	pthread_barrier_destroy(&b->door);
	return report(b, &tellers_sum, &auditor_sum);
}

static void
open_bank(struct bank *b)
{
	b->balance = calloc(b->n_accounts, sizeof(*b->balance));
	if (b->balance == NULL)
		die("accounts", strerror(ENOMEM));
	for (size_t i = 0; i < b->n_accounts; i++)
		b->balance[i] = OPENING_BALANCE;
	check(lk_open("memory:", NULL, &b->locks), "open");
}

/* A whole number from `lowest` to `highest`, or the end of the program. */
static size_t
number(const char *text, size_t lowest, size_t highest)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || n < lowest || n > highest) {
		fprintf(stderr, "bank: %s is not a number from %zu to %zu\n%s", text, lowest,
			highest, usage);
		exit(2);
	}
	return (size_t)n;
}

static void
read_options(int argc, char **argv, struct bank *b, size_t *n_threads)
{
	static const struct option options[] = {
		{ "threads", required_argument, NULL, 't' },
		{ "accounts", required_argument, NULL, 'a' },
		{ "transfers", required_argument, NULL, 'n' },
		{ "wait", required_argument, NULL, 'w' },
		{ "strings", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "t:a:n:w:sh", options, NULL)) != -1) {
		switch (c) {
		case 't':
			*n_threads = number(optarg, 1, N_THREADS_MAX);
			break;
		case 'a':
			b->n_accounts = number(optarg, 2, N_ACCOUNTS_MAX);
			break;
		case 'n':
			b->n_transfers = number(optarg, 1, N_TRANSFERS_MAX);
			break;
		case 'w':
			b->wait_ns = (int64_t)number(optarg, 0, 1000000) * 1000;
			break;
		case 's':
			b->by_text = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind != argc) {
		fputs(usage, stderr);
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	struct bank b = { .n_accounts = 64, .n_transfers = 20000 };
	size_t n_threads = 4;
	bool good;

	read_options(argc, argv, &b, &n_threads);
	open_bank(&b);
	good = run(&b, n_threads);
	check(lk_close(b.locks), "close");
	free(b.balance);
	return good ? 0 : 1;
}
