/* SPDX-License-Identifier: MIT */
/* Threads that count over a proxy that cuts connections at random. */
#include "stage.h"

enum { THREADS = 4, ROUNDS = 120 };

struct chaos {
	struct lk_store *s;
	_Atomic uint64_t made;
	_Atomic uint64_t unknown;
	_Atomic unsigned working;
};

static void
count_on(void *arg, unsigned index)
{
	struct chaos *c = arg;

	(void)index;
	for (int i = 0; i < ROUNDS; i++) {
		const int rc = count(c->s, "n", NEVER);

		if (rc == 0)
			atomic_fetch_add(&c->made, 1);
		else if (rc == LK_E_UNKNOWN)
			atomic_fetch_add(&c->unknown, 1);
		else
			cr_expect_eq(rc, LK_E_STORE, "%s", lk_errname(rc));
	}
	atomic_fetch_sub(&c->working, 1);
}

static void
cut_while_they_work(struct chaos *c, struct proxy *p, uint64_t *lot)
{
	while (atomic_load(&c->working) != 0) {
		const enum proxy_way way = test_random(lot) % 2 ? PROXY_ANSWERS : PROXY_REQUESTS;

		if (atomic_load(&p->mode[way]) == PROXY_PASS)
			proxy_set(p, way, PROXY_CUT, (long)(test_random(lot) % 20000));
		sched_yield();
	}
	proxy_set(p, PROXY_REQUESTS, PROXY_PASS, 0);
	proxy_set(p, PROXY_ANSWERS, PROXY_PASS, 0);
}

void
chaos_run(struct stage *g, const char *url)
{
	const uint64_t seed = test_seed("LK_TEST_SEED");
	struct test_thread threads[THREADS];
	uint64_t lot = seed, n = 0;
	struct chaos c = { .s = store_open(url), .working = THREADS };

	test_spawn(threads, THREADS, count_on, &c);
	cut_while_they_work(&c, &g->proxy, &lot);
	test_join(threads, THREADS);
	wait_until(get(c.s, "n", (char *)&n, sizeof(n), NEVER) >= 0);
	cr_assert(n >= c.made && n <= c.made + c.unknown, "%llu of %llu and %llu, seed %llu",
		  (unsigned long long)n, (unsigned long long)c.made, (unsigned long long)c.unknown,
		  (unsigned long long)seed);
	cr_assert_gt(n, 0);
	lk_store_close(c.s);
}
