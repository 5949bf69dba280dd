/* SPDX-License-Identifier: MIT */
/*
 * More than a million names held at once: by number, by name, under one table, by many owners.  Every
 * one is a lock of its own, each costs no more than it should, and all of the room is used again.
 */
#include "../api/support.h"

#ifdef LK_SANITIZE
enum { NAMES = 60000 }; /* the sanitizers want many times the memory and time */
#else
enum { NAMES = 1200000 };
#endif
enum { OWNERS = 1000 };

typedef size_t write_name(char *name, uint64_t n);

static size_t
write_short(char *name, uint64_t n)
{
	return (size_t)snprintf(name, 64, "item %llu", (unsigned long long)n);
}

static size_t
write_row(char *name, uint64_t n)
{
	return (size_t)snprintf(name, 64, "shop/orders/%llu", (unsigned long long)n);
}

static size_t
write_deep(char *name, uint64_t n)
{
	return (size_t)snprintf(name, 64, "shop/%llu/%llu", (unsigned long long)n / 1000,
				(unsigned long long)n);
}

/* The n-th name is free (LK_NL), or held by `w` in X. */
static void
expect_held(struct lk_owner *w, write_name *write, uint64_t n, int mode)
{
	char name[64];

	cr_assert_eq(lk_holds(w, name, write(name, n)), mode, "name %d", (int)n);
}

/* Who comes back to names has a table of where they are. */
enum { GUESSES = 4 * 4096 };

/* One owner takes all, `extra` names come with them, and another finds each of a sample taken. */
static void
hold_all(write_name *write, uint64_t extra, uint64_t bytes_each)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	uint64_t full, seed = 1;
	char name[64];

	open_owners(m, w, 2);
	for (int round = 0; round < 2; round++) {
		for (uint64_t n = 0; n < NAMES; n++)
			ok(lk_acquire_bytes(w[0], name, write(name, n), LK_X, NULL, NULL));
		cr_expect_eq(stats_of(m).holds, NAMES + extra);
		if (round == 0)
			full = stats_of(m).bytes;
		cr_expect_le(stats_of(m).bytes, full + GUESSES,
			     "the second time is not in the same memory");
		cr_expect_le(full / NAMES, bytes_each, "%d bytes a name", (int)(full / NAMES));
		for (int i = 0; i < 20000; i++) {
			uint64_t n = test_random(&seed) % NAMES;

			expect_held(w[0], write, n, LK_X);
			write(name, n);
			is(lk_try_acquire(w[1], name, LK_IS, NULL), LK_E_BUSY);
		}
		expect_held(w[0], write, NAMES, LK_NL);
		for (uint64_t n = 0; n < NAMES; n += 2)
			ok(lk_release_name(w[0], name, write(name, n)));
		for (uint64_t n = 0; n < NAMES; n += 97)
			expect_held(w[0], write, n, n % 2 == 0 ? LK_NL : LK_X);
		ok(lk_release_all(w[0]));
		cr_expect_eq(stats_of(m).holds, 0);
	}
	close_all(m, w, 2);
}

Test(many, names_are_held_at_once, .timeout = 200)
{
	hold_all(write_short, 0, 200);
}

Test(many, rows_of_one_table_are_held_at_once, .timeout = 200)
{
	hold_all(write_row, 2, 320);
}

Test(many, rows_of_many_tables_are_held_at_once, .timeout = 200)
{
	hold_all(write_deep, 1 + NAMES / 1000, 320);
}

/* A hold for each of many owners on each name of its own, and all of them on one. */
Test(many, names_are_held_by_many_owners, .timeout = 200)
{
	struct lk_manager *m = open_manager("memory:?index_buckets=1");
	static struct lk_owner *w[OWNERS];

	open_owners(m, w, OWNERS);
	for (uint64_t n = 0; n < NAMES; n++)
		ok(lk_acquire_id(w[n % OWNERS], n, LK_X, NULL, NULL));
	for (int i = 0; i < OWNERS; i++)
		take(w[i], "all of them", LK_S);
	cr_expect_eq(stats_of(m).holds, NAMES + OWNERS);
	cr_expect_eq(info_of(m, "all of them").holders[LK_S], OWNERS);
	for (uint64_t n = 0; n < NAMES; n += 61) {
		cr_assert_eq(lk_holds_id(w[n % OWNERS], n), LK_X);
		cr_assert_eq(lk_holds_id(w[(n + 1) % OWNERS], n), LK_NL);
	}
	for (int i = 0; i < OWNERS; i += 2)
		ok(lk_owner_close(w[i]));
	cr_expect_eq(stats_of(m).holds, (NAMES + OWNERS) / 2);
	for (int i = 0; i < OWNERS; i += 2)
		ok(lk_owner_open(m, NULL, &w[i]));
	for (uint64_t n = 0; n < NAMES; n += 2)
		ok(lk_acquire_id(w[n % OWNERS], n, LK_X, NULL, NULL));
	close_owners(w, OWNERS);
	cr_expect_eq(stats_of(m).holds, 0);
	ok(lk_sweep(m, NULL));
	cr_expect_eq(stats_of(m).names, 0);
	ok(lk_close(m));
}

#ifndef LK_SANITIZE
/* As many grants as a grant has numbers for; one more is refused, and room is made by a release. */
Test(many, grants_of_one_owner_end_at_two_to_the_24th, .timeout = 200)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	uint64_t n = 0;
	lk_grant g;
	int rc;

	open_owners(m, &w, 1);
	while ((rc = lk_acquire(w, "n", LK_S, NULL, &g)) == 0)
		n++;
	is(rc, LK_E_LIMIT);
	cr_expect_gt(n, (1 << 24) - 100);
	cr_expect_le(n, 1 << 24);
	is(lk_acquire(w, "other", LK_S, NULL, NULL), LK_E_LIMIT);
	cr_expect_eq(holds(w, "other"), LK_NL);
	ok(lk_release_name(w, "n", 1));
	ok(lk_acquire(w, "other", LK_S, NULL, NULL));
	ok(lk_release_all(w));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}
#endif
