/* SPDX-License-Identifier: MIT */
/*
 * A server with a thread for each request, and a pool of four owners: never more than four requests work at a time, the
 * others wait in the order in which they came.  One forgets to release; the pool does, and counts it.  Exit 1 if money
 * is lost, or more than four were at work.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <latchkey.h>

enum { REQUESTS = 32, ACCOUNTS = 5, OWNERS = 4, START = 1000 };

static struct lk_pool *pool;
static long balance[ACCOUNTS];
static atomic_int at_work;
static atomic_int most_at_work;

static void
must(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "pool: %s: %s (%s)\n", what, lk_strerror(rc), lk_errname(rc));
	exit(1);
}

static void
note_work(void)
{
	int now = atomic_fetch_add(&at_work, 1) + 1;
	int most = atomic_load(&most_at_work);

	while (now > most && !atomic_compare_exchange_weak(&most_at_work, &most, now)) {
	}
}

/* A request has more to do than to lock. */
static void
work(void)
{
	const struct timespec t = { 0, 1000000 };

	nanosleep(&t, NULL);
}

/* One amount from one account to another, both locked at once. */
static void
move(struct lk_owner *w, unsigned from, unsigned to, int amount)
{
	char names[2][24];
	struct lk_request both[2] = { { .name = names[0], .mode = LK_X },
				      { .name = names[1], .mode = LK_X } };
	lk_grant g[2];

	snprintf(names[0], sizeof(names[0]), "bank/%u", from);
	snprintf(names[1], sizeof(names[1]), "bank/%u", to);
	must(lk_acquire_many(w, both, 2, NULL, g), "lock two accounts");
	balance[from] -= amount;
	balance[to] += amount;
	if (amount == 13) /* a mistake: what was locked stays locked */
		return;
	must(lk_release_many(w, g, 2, NULL), "release");
}

static void *
request(void *arg)
{
	struct lk_options patience = LK_OPTIONS_INIT;
	unsigned n = (unsigned)(size_t)arg;
	struct lk_owner *w;

	patience.timeout_ns = INT64_C(10000000000);
	must(lk_pool_take(pool, &patience, &w), "take an owner");
	note_work();
	work();
	move(w, n % ACCOUNTS, (n + 1 + n / ACCOUNTS % (ACCOUNTS - 1)) % ACCOUNTS, (int)n);
	atomic_fetch_sub(&at_work, 1);
	must(lk_pool_give(pool, w), "give the owner back");
	return NULL;
}

int
main(void)
{
	struct lk_pool_options o = LK_POOL_OPTIONS_INIT;
	struct lk_pool_stats s = { .size = sizeof(s) };
	struct lk_manager *m;
	pthread_t thread[REQUESTS];
	long sum = 0;

	o.min = 1;
	o.max = OWNERS;
	must(lk_open("memory:", NULL, &m), "open");
	must(lk_pool_open(m, &o, &pool), "open a pool");
	for (unsigned i = 0; i < ACCOUNTS; i++)
		balance[i] = START;
	for (size_t i = 0; i < REQUESTS; i++) {
		if (pthread_create(&thread[i], NULL, request, (void *)i) != 0)
			return 1;
	}
	for (size_t i = 0; i < REQUESTS; i++)
		pthread_join(thread[i], NULL);

	must(lk_pool_stats(pool, &s), "ask the pool");
	for (unsigned i = 0; i < ACCOUNTS; i++)
		sum += balance[i];
	printf("%llu requests, at most %d at work, %llu waited for %.3f ms at the most, %llu "
	       "forgot to release\n",
	       (unsigned long long)s.takes, atomic_load(&most_at_work), (unsigned long long)s.waits,
	       (double)s.longest_wait_ns / 1e6, (unsigned long long)s.given_holding);
	must(lk_pool_close(pool), "close the pool");
	must(lk_close(m), "close");
	return sum != (long)ACCOUNTS * START || s.given_holding != 1 || s.takes != REQUESTS ||
	       atomic_load(&most_at_work) > OWNERS;
}
