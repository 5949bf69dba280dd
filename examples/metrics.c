/* SPDX-License-Identifier: MIT */
/*
 * What a program tells of its locks: some threads work on accounts, a few of which everybody wants; then the report is
 * printed, or what Prometheus would read.
 *
 *   metrics [report|json|openmetrics]
 *
 * Exit status: 0; 1 something did not add up; 2 usage.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <latchkey.h>

enum { WORKERS = 4, TRANSFERS = 20000, ACCOUNTS = 1000 };

static struct lk_manager *manager;
static long balance[ACCOUNTS]; /* each under its lock */

static void
must(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "metrics: %s: %s\n", what, lk_strerror(rc));
	exit(1);
}

/* One transfer in four is from account 0: it will be the first in the list. */
static unsigned
pick(unsigned *state)
{
	*state = *state * 1103515245u + 12345u;
	return (*state >> 16) % 4 == 0 ? 0 : (*state >> 16) % ACCOUNTS;
}

static void
transfer(struct lk_owner *me, unsigned from, unsigned to)
{
	char name[2][32];
	struct lk_request both[2] = {
		{ .name = name[0], .mode = LK_X },
		{ .name = name[1], .mode = LK_X },
	};
	lk_grant grant[2];

	snprintf(name[0], sizeof(name[0]), "account/%u", from);
	snprintf(name[1], sizeof(name[1]), "account/%u", to);
	must(lk_acquire_many(me, both, 2, NULL, grant), "acquire");
	balance[from]--;
	balance[to]++;
	must(lk_release_many(me, grant, 2, NULL), "release");
}

static void *
work(void *arg)
{
	unsigned state = (unsigned)(size_t)arg + 1;
	struct lk_owner *me = lk_self(manager);

	if (me == NULL)
		exit(1);
	for (int i = 0; i < TRANSFERS; i++) {
		unsigned from = pick(&state);

		transfer(me, from, pick(&state));
	}
	return NULL;
}

static int
print(const char *form)
{
	if (strcmp(form, "openmetrics") == 0)
		return lk_metrics(manager, lk_write_file, stdout);
	return lk_performance(manager, strcmp(form, "json") == 0 ? LK_JSON : LK_TEXT, lk_write_file,
			      stdout);
}

static int
check(void)
{
	struct lk_stats stats = { .size = sizeof(stats) };
	struct lk_histogram waits = { .size = sizeof(waits) };
	long sum = 0;

	must(lk_stats(manager, &stats), "lk_stats");
	must(lk_histogram(manager, LK_WAITS, &waits), "lk_histogram");
	for (unsigned i = 0; i < ACCOUNTS; i++)
		sum += balance[i];
	return sum == 0 && stats.grants == 2ul * WORKERS * TRANSFERS && waits.count == stats.waits
		       ? 0
		       : 1;
}

int
main(int argc, char **argv)
{
	const char *form = argc > 1 ? argv[1] : "report";
	pthread_t worker[WORKERS];
	int bad;

	if (argc > 2 || (strcmp(form, "report") != 0 && strcmp(form, "json") != 0 &&
			 strcmp(form, "openmetrics") != 0)) {
		fputs("usage: metrics [report|json|openmetrics]\n", stderr);
		return 2;
	}
	/* One grant in 64 is timed: the threads do not live long. */
	must(lk_open("memory:?label=bank&sample_every=64", NULL, &manager), "lk_open");
	for (size_t i = 0; i < WORKERS; i++) {
		if (pthread_create(&worker[i], NULL, work, (void *)i) != 0)
			return 1;
	}
	for (size_t i = 0; i < WORKERS; i++)
		pthread_join(worker[i], NULL);
	must(print(form), "print");
	bad = check();
	must(lk_close(manager), "lk_close");
	return bad;
}
