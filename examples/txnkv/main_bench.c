/* SPDX-License-Identifier: MIT */
/*
 * txnkv-bench - how many transactions a second, with a lock for each row and with a mutex for each table.
 *
 * All else is the same code.  Each line is one kind of work; its figures are of databases of their own, one after the
 * other, so that none finds what another has left.
 */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "numbers.h"
#include "options.h"

static const char usage[] =
	"usage: txnkv-bench [--ms N] [--repeat N] [--keys N] [--ordered] [--think US]\n"
	"                   [--file FILE [--sync full|normal|off]]\n"
	"Measure transactions per second with Latchkey's locks of rows, and with a mutex\n"
	"for each table.\n"
	"  --ms N         how long each figure is measured (500)\n"
	"  --repeat N     each is the best of so many, as others use the machine too (1)\n"
	"  --keys N       rows (10000)\n"
	"  --ordered      rows are taken in the order of keys: no deadlocks\n"
	"  --think US     how long a transaction waits for its client before it commits (0)\n"
	"  --file FILE    in that file, which is deleted before and after.  Without: memory\n"
	"  --sync WHICH   what a commit waits for (full)\n"
	"  --help         this text\n"
	"Exit status: 0 measured, 1 something went wrong, 2 usage.\n";

static const unsigned thread_counts[] = { 1, 2, 4, 8 };

#define N_COUNTS    (sizeof(thread_counts) / sizeof(thread_counts[0]))
#define THREADS_MAX 8
#define N_READS     4  /* rows that a reader looks at … */
#define N_HOT       10 /* … and how many nine of ten are chosen from, if some are hot */

struct settings {
	struct db_options db;
	uint64_t ms, n_repeats, n_keys, think_us;
	bool is_ordered;
};

/* What the transactions do. */
struct kind {
	const char *name;
	bool is_hot;
	unsigned readers_of_100; /* transactions that only read; the others change two rows */
};

static const struct kind kinds[] = {
	{ "read-mostly, any rows", false, 95 },
	{ "read-mostly, hot rows", true, 95 },
	{ "write-heavy, any rows", false, 20 },
	{ "write-heavy, hot rows", true, 20 },
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* One measurement. */
struct run {
	const struct settings *settings;
	const struct kind *kind;
	struct db *db;
	pthread_barrier_t door;
	atomic_bool is_over;
	_Atomic int trouble;
};

struct client {
	pthread_t thread;
	struct run *run;
	uint64_t random;
	uint64_t n_done;
	char key[N_READS][24]; /* of the present transaction */
};

static const struct bytes table = { "t", 1 };

static void
make_key(char out[24], uint64_t number)
{
	snprintf(out, 24, "%08" PRIu64, number);
}

/* ----------------------------------------------------------------- transactions */

static void
think(const struct run *r)
{
	struct timespec pause = { .tv_nsec = (long)r->settings->think_us * 1000 };

	if (pause.tv_nsec > 0)
		nanosleep(&pause, NULL);
}

static int
look(struct txn *t, void *arg)
{
	struct client *c = arg;
	int64_t n;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < N_READS; i++)
		rc = get_number(t, table, bytes_of(c->key[i]), txn_get, &n);
	think(c->run);
	return rc;
}

static int
change(struct txn *t, void *arg)
{
	struct client *c = arg;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < 2; i++) {
		int64_t n = 0;

		rc = get_number(t, table, bytes_of(c->key[i]), txn_get_for_update, &n);
		if (rc == 0)
			rc = put_number(t, table, bytes_of(c->key[i]), n + 1);
	}
	think(c->run);
	return rc;
}

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
draw_keys(struct client *c)
{
	const struct run *r = c->run;

	for (size_t i = 0; i < N_READS; i++) {
		bool is_hot = r->kind->is_hot && draw(&c->random, 10) < 9;

		make_key(c->key[i], draw(&c->random, is_hot ? N_HOT : r->settings->n_keys));
	}
	if (r->settings->is_ordered)
		qsort(c->key, N_READS, sizeof(c->key[0]), by_bytes);
}

static void *
run_client(void *arg)
{
	struct client *c = arg;
	struct run *r = c->run;

	pthread_barrier_wait(&r->door);
	while (!atomic_load_explicit(&r->is_over, memory_order_relaxed)) {
		bool is_reader = draw(&c->random, 100) < r->kind->readers_of_100;
		int rc;

		draw_keys(c);
		rc = txn_run(r->db, is_reader ? look : change, c);
		if (rc != 0) {
			atomic_store(&r->trouble, rc);
			break;
		}
		c->n_done++;
	}
	return NULL;
}

/* ------------------------------------------------------------------------ measure */

static void
die(const char *what, int rc)
{
	fprintf(stderr, "txnkv-bench: %s: %s\n", what, kv_strerror(rc));
	exit(1);
}

static int
fill(struct txn *t, void *arg)
{
	const struct settings *s = arg;
	char key[24];
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < s->n_keys; i++) {
		make_key(key, i);
		rc = put_number(t, table, bytes_of(key), 0);
	}
	return rc;
}

static void
delete_file(const char *file)
{
	static const char *const endings[] = { "", "-wal", "-shm", "-journal" };
	char path[4096];

	for (size_t i = 0; file != NULL && i < sizeof(endings) / sizeof(endings[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", file, endings[i]);
		unlink(path);
	}
}

static struct db *
open_filled(const struct settings *s, enum db_locks locks)
{
	struct db_options o = s->db;
	struct db *db;
	int rc;

	o.locks = locks;
	delete_file(o.file);
	rc = db_open(&o, &db);
	if (rc != 0)
		die(o.file == NULL ? "memory" : o.file, rc);
	rc = txn_run(db, fill, (void *)s);
	if (rc != 0)
		die("fill the store", rc);
	return db;
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
start(struct client *c, struct run *r, size_t number)
{
	*c = (struct client){ .run = r, .random = draw_from(number + 1) };
	if (pthread_create(&c->thread, NULL, run_client, c) != 0)
		die("start a thread", LK_E_NOMEM);
}

/* Transactions per second. */
static double
measure(struct run *r, unsigned n_threads)
{
	struct client clients[THREADS_MAX];
	struct timespec pause = { (time_t)(r->settings->ms / 1000),
				  (long)(r->settings->ms % 1000) * 1000000 };
	uint64_t n_done = 0;
	double begin;

	pthread_barrier_init(&r->door, NULL, n_threads + 1);
	for (unsigned i = 0; i < n_threads; i++)
		start(&clients[i], r, i);
	pthread_barrier_wait(&r->door);
	begin = seconds();
	nanosleep(&pause, NULL);
	atomic_store(&r->is_over, true);
	for (unsigned i = 0; i < n_threads; i++) {
		pthread_join(clients[i].thread, NULL);
		n_done += clients[i].n_done;
	}
	begin = seconds() - begin;
	pthread_barrier_destroy(&r->door);
	if (atomic_load(&r->trouble) != 0)
		die("a transaction", atomic_load(&r->trouble));
	return (double)n_done / begin;
}

/* What is kept of several: the most transactions, and how often some began again then. */
struct figure {
	double per_second;
	uint64_t n_retries;
};

static void
measure_once(const struct settings *s, const struct kind *kind, enum db_locks locks,
	     unsigned n_threads, struct figure *best)
{
	struct run r = { .settings = s, .kind = kind, .db = open_filled(s, locks) };
	struct db_counts n;
	double per_second = measure(&r, n_threads);

	db_count(r.db, &n);
	db_close(r.db);
	delete_file(s->db.file);
	if (per_second > best->per_second)
		*best = (struct figure){ per_second, n.retries };
}

/* In turns, so that both have good times and bad ones. */
static void
measure_line(const struct settings *s, const struct kind *kind, size_t i)
{
	struct figure rows = { 0 };
	struct figure tables = { 0 };

	for (uint64_t n = 0; n < s->n_repeats; n++) {
		measure_once(s, kind, DB_LOCK_ROWS, thread_counts[i], &rows);
		measure_once(s, kind, DB_LOCK_TABLES, thread_counts[i], &tables);
	}
	printf("%-23s %8u %14.0f %14.0f %7.2f %9" PRIu64 "\n", i == 0 ? kind->name : "",
	       thread_counts[i], rows.per_second, tables.per_second,
	       rows.per_second / tables.per_second, rows.n_retries);
	fflush(stdout);
}

static void
measure_all(const struct settings *s)
{
	printf("%-23s %8s %14s %14s %7s %9s\n", "transactions/s", "threads", "row locks",
	       "table mutexes", "ratio", "retries");
	for (size_t k = 0; k < N_KINDS; k++)
		for (size_t i = 0; i < N_COUNTS; i++)
			measure_line(s, &kinds[k], i);
}

static void
read_options(int argc, char **argv, struct settings *s)
{
	static const struct option options[] = {
		{ "ms", required_argument, NULL, 'm' },
		{ "repeat", required_argument, NULL, 'r' },
		{ "keys", required_argument, NULL, 'k' },
		{ "ordered", no_argument, NULL, 'o' },
		{ "think", required_argument, NULL, 't' },
		{ "file", required_argument, NULL, 'f' },
		{ "sync", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "m:r:k:ot:f:s:h", options, NULL)) != -1) {
		switch (c) {
		case 'm':
			s->ms = option_number(optarg, 1, 60000);
			break;
		case 'r':
			s->n_repeats = option_number(optarg, 1, 1000);
			break;
		case 'k':
			s->n_keys = option_number(optarg, N_HOT, 10000000);
			break;
		case 'o':
			s->is_ordered = true;
			break;
		case 't':
			s->think_us = option_number(optarg, 0, 999999);
			break;
		case 'f':
			s->db.file = optarg;
			break;
		case 's':
			s->db.sync = option_sync(optarg);
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
	struct settings s = { .ms = 500, .n_repeats = 1, .n_keys = 10000 };

	read_options(argc, argv, &s);
	measure_all(&s);
	return 0;
}
