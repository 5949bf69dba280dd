/* SPDX-License-Identifier: MIT */
/*
 * A long run: ten million operations of all kinds, or as many as fit into LK_TEST_SECONDS, or
 * LK_SOAK_OPERATIONS of them.  After a warm-up neither the library's memory nor the process's grows.
 */
#include <stdlib.h>
#include <unistd.h>

#include "../api/support.h"

enum { THREADS = 4, NAMES = 20000, TABLES = 20, PER_ROUND = 16 };

struct soak {
	struct lk_manager *m;
	struct lk_resource *handle;
	_Atomic uint64_t operations;
	uint64_t until;          /* operations */
	uint64_t end;            /* test_now(), if not 0 */
	uint64_t counter[NAMES]; /* plain: under X */
	uint64_t counted[THREADS];
};

static uint64_t
resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long size = 0, pages = 0;

	cr_assert_not_null(f);
	cr_assert_eq(fscanf(f, "%lu %lu", &size, &pages), 2);
	fclose(f);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Few names often, many names seldom; a row of some table. */
static uint64_t
some_name(uint64_t chance, char *name)
{
	uint64_t n = chance % 4 ? chance / 4 % 50 : chance / 4 % NAMES;

	snprintf(name, 64, "soak/table %d/%d", (int)(n % TABLES), (int)n);
	return n;
}

static bool
refused(int rc)
{
	must(rc == 0 || rc == LK_E_BUSY || rc == LK_E_TIMEDOUT || rc == LK_E_CONVERSION_DEADLOCK ||
	     rc == LK_E_DEADLOCK);
	return rc != 0;
}

static void
write_row(struct soak *s, struct lk_owner *w, uint64_t chance, unsigned index)
{
	struct lk_options brief = { .size = sizeof(brief), .timeout_ns = 20000 };
	char name[64];
	uint64_t n = some_name(chance, name);

	if (refused(lk_acquire(w, name, LK_X, &brief, NULL)))
		return;
	s->counter[n]++;
	s->counted[index]++;
}

static void
read_then_write(struct soak *s, struct lk_owner *w, uint64_t chance, unsigned index)
{
	struct lk_options brief = {
		.size = sizeof(brief), .timeout_ns = 20000, .tag = "soak", .tag_len = 4
	};
	lk_mode mode = chance & 0x10000 ? LK_U : LK_S;
	char name[64];
	uint64_t n = some_name(chance, name);
	lk_grant g;

	if (refused(lk_acquire(w, name, mode, &brief, &g)))
		return;
	brief.tag = NULL;
	brief.tag_len = 0;
	if (refused(lk_upgrade(w, g, &brief)))
		return;
	s->counter[n]++;
	s->counted[index]++;
	must(lk_downgrade(w, g) == 0);
}

static void
take_table(struct lk_owner *w, uint64_t chance)
{
	struct lk_options brief = { .size = sizeof(brief), .timeout_ns = 20000 };
	char table[64];

	snprintf(table, sizeof(table), "soak/table %d", (int)(chance % TABLES));
	(void)refused(lk_acquire(w, table, chance & 0x10000 ? LK_S : LK_IX, &brief, NULL));
}

static void
take_batch(struct lk_owner *w, uint64_t chance)
{
	struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };
	uint64_t id[3] = { chance % 977, chance % 983, chance % 991 };
	struct lk_request r[3];

	for (int i = 0; i < 3; i++)
		r[i] = (struct lk_request){ .name = (const char *)&id[i],
					    .mode = LK_X,
					    .flags = LK_NAME_IS_ID };
	(void)refused(lk_acquire_many(w, r, 3, &nowait, NULL));
}

static void
one(struct soak *s, struct lk_owner *w, uint64_t chance, unsigned index)
{
	struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };

	switch (chance >> 60) {
	case 0:
	case 1:
		read_then_write(s, w, chance, index);
		break;
	case 2:
		take_table(w, chance);
		break;
	case 3:
		take_batch(w, chance);
		break;
	case 4:
		(void)refused(lk_acquire_on(w, s->handle, LK_S, &nowait, NULL));
		break;
	case 5:
		(void)refused(lk_acquire_id(w, chance % 100000, LK_X, &nowait, NULL));
		break;
	default:
		write_row(s, w, chance, index);
	}
	if (chance & 0x100000)
		must(lk_release_all(w) == 0);
}

static bool
goes_on(struct soak *s)
{
	return atomic_load(&s->operations) < s->until && (s->end == 0 || test_now() < s->end);
}

static void
work(void *arg, unsigned index)
{
	struct soak *s = arg;
	uint64_t seed = index + 1 + atomic_load(&s->operations);

	while (goes_on(s)) {
		struct lk_owner *w;

		must(lk_owner_open(s->m, NULL, &w) == 0);
		for (int i = 0; i < PER_ROUND; i++) {
			for (int j = 0; j < 8; j++)
				one(s, w, test_random(&seed), index);
			must(lk_release_all(w) == 0);
		}
		must(lk_owner_close(w) == 0);
		atomic_fetch_add(&s->operations, 8 * PER_ROUND);
	}
}

/* A part of the run, and what it leaves: nothing held, nothing lost, every X was one. */
static void
run_to(struct soak *s, uint64_t operations)
{
	uint64_t found = 0, counted = 0;

	s->until = operations;
	test_threads(THREADS, work, s);
	for (int i = 0; i < NAMES; i++)
		found += s->counter[i];
	for (int i = 0; i < THREADS; i++)
		counted += s->counted[i];
	cr_assert_eq(found, counted);
	cr_assert_eq(stats_of(s->m).holds, 0);
	cr_assert_eq(stats_of(s->m).waiting, 0);
	cr_assert_eq(stats_of(s->m).owners, 0);
}

static uint64_t
operations_wanted(void)
{
	const char *text = getenv("LK_SOAK_OPERATIONS");

	if (text != NULL)
		return strtoull(text, NULL, 10);
#ifdef LK_SANITIZE
	return 300000;
#else
	return 10000000;
#endif
}

/*
 * A quarter of the run is warm-up.  After it the library's own count may move by some chunks of
 * 64 KiB, as what is held at one time is chance; what leaks a little all the time would be far beyond.
 */
Test(soak, takes_no_more_memory_the_longer_it_lasts, .timeout = 3600)
{
	const uint64_t wanted = operations_wanted();
	static struct soak s;
	uint64_t bytes, pages;

	s.m = open_manager("memory:?index_buckets=1");
	ok(lk_resource_open(s.m, "handle", &s.handle));
	if (test_seconds(0) > 0 && getenv("LK_SOAK_OPERATIONS") == NULL)
		s.end = test_now() + (uint64_t)(test_seconds(0) * 1e9);
	run_to(&s, wanted / 4);
	bytes = stats_of(s.m).bytes;
	pages = resident();
	run_to(&s, s.end != 0 ? UINT64_MAX : wanted);
	cr_expect_le(stats_of(s.m).bytes, bytes + (256 << 10), "%d KiB after %d",
		     (int)(stats_of(s.m).bytes >> 10), (int)(bytes >> 10));
#ifndef LK_SANITIZE
	cr_expect_le(resident(), pages + (4 << 20), "%d KiB after %d", (int)(resident() >> 10),
		     (int)(pages >> 10));
#else
	(void)pages; /* of the sanitizer, mostly */
#endif
	fprintf(stderr, "%llu operations, %llu KiB, %llu KiB resident\n",
		(unsigned long long)atomic_load(&s.operations),
		(unsigned long long)stats_of(s.m).bytes >> 10,
		(unsigned long long)resident() >> 10);
	lk_resource_close(s.handle);
	ok(lk_sweep(s.m, NULL));
	cr_expect_eq(stats_of(s.m).names, 0);
	ok(lk_close(s.m));
}
