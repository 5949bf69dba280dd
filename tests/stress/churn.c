/* SPDX-License-Identifier: MIT */
/*
 * Names that are entered, found, evicted and entered again by many threads: a lock on a name
 * is a lock on that name.  Each name counts, in a plain number, what was done under its X; a
 * lock that was another's, or two entries of one name, loses counts.
 */
#include "../api/support.h"

enum { THREADS = 6, NAMES = 100000, HELD = 4 };

typedef size_t write_name(uint64_t number, char *name);

struct churn {
	const char *url;
	uint64_t names;
	write_name *write;
	struct lk_manager *m;
	uint64_t end;
	uint64_t counter[NAMES]; /* plain: under X */
	uint64_t done[THREADS];
};

/* From 3 to 60 bytes: some in the entry itself, some beside it. */
static size_t
write_text(uint64_t number, char *name)
{
	return (size_t)snprintf(name, 64, "%0*llu", (int)(5 + number % 56),
				(unsigned long long)number);
}

/* Numbers as bytes, the same length all, different in one place. */
static size_t
write_bytes(uint64_t number, char *name)
{
	memset(name, 0, 32);
	memcpy(name + number % 24, &number, sizeof(number));
	name[31] = (char)(number % 24);
	return 32;
}

/* A transaction: some names in one order, then all of them given back. */
static void
transact(struct churn *churn, struct lk_owner *w, uint64_t *seed, uint64_t *done)
{
	uint64_t number = test_random(seed) % churn->names;
	unsigned n = 1 + (unsigned)(test_random(seed) % HELD);
	struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };
	char name[64];

	for (unsigned i = 0; i < n; i++, number = (number + 7919) % churn->names) {
		size_t len = churn->write(number, name);
		int rc = lk_acquire_bytes(w, name, len, LK_X, i == 0 ? NULL : &nowait, NULL);

		must(rc == 0 || (i > 0 && rc == LK_E_BUSY));
		if (rc != 0)
			continue;
		churn->counter[number]++;
		++*done;
	}
	must(lk_release_all(w) == 0);
}

static void
work(void *arg, unsigned index)
{
	struct churn *churn = arg;
	uint64_t seed = index + 1, done = 0;

	while (test_now() < churn->end || done == 0) {
		struct lk_owner *w;

		must(lk_owner_open(churn->m, NULL, &w) == 0);
		for (int i = 0; i < 20; i++)
			transact(churn, w, &seed, &done);
		must(lk_owner_close(w) == 0);
		if (test_random(&seed) % 64 == 0)
			must(lk_sweep(churn->m, NULL) == 0);
	}
	churn->done[index] = done;
}

static void
run(struct churn *churn)
{
	uint64_t done = 0, counted = 0;

	churn->m = open_manager(churn->url);
	churn->end = test_now() + (uint64_t)(test_seconds(1.0) * 1e9);
	test_threads(THREADS, work, churn);
	for (int i = 0; i < THREADS; i++)
		done += churn->done[i];
	for (uint64_t i = 0; i < churn->names; i++)
		counted += churn->counter[i];
	cr_expect_gt(done, 0);
	cr_expect_eq(counted, done);
	cr_expect_eq(stats_of(churn->m).grants, done);
	cr_expect_eq(stats_of(churn->m).holds, 0);
	cr_expect_eq(stats_of(churn->m).owners, 0);
	ok(lk_sweep(churn->m, NULL));
	cr_expect_eq(stats_of(churn->m).names, 0);
	ok(lk_close(churn->m));
}

Test(churn, many_names_with_the_usual_index, .timeout = 1000)
{
	static struct churn churn = { .url = "memory:", .names = NAMES, .write = write_text };

	run(&churn);
}

Test(churn, many_names_of_which_hardly_any_stay, .timeout = 1000)
{
	static struct churn churn = { .url = "memory:?max_idle=1&index_buckets=1",
				      .names = NAMES,
				      .write = write_bytes };

	run(&churn);
}

Test(churn, few_names_that_are_always_evicted, .timeout = 1000)
{
	static struct churn churn = { .url = "memory:?max_idle=1&index_buckets=1&lot_buckets=1",
				      .names = 20,
				      .write = write_text };

	run(&churn);
}

Test(churn, names_that_all_stay_while_the_index_grows, .timeout = 1000)
{
	static struct churn churn = { .url = "memory:?max_idle=4294967295&index_buckets=1",
				      .names = NAMES,
				      .write = write_bytes };

	run(&churn);
}
