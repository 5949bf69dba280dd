/* SPDX-License-Identifier: MIT */
/*
 * Memory that really ends: a child may have so many bytes of address space, the library has its own
 * standard allocator.  (Sanitizers reserve terabytes, so there the limit cannot be set.)
 */
#ifndef LK_SANITIZE
#include <sys/resource.h>
#include <unistd.h>

#include "../api/support.h"

enum { MEGABYTE = 1 << 20 };

/* Bytes of address space in use. */
static rlim_t
in_use(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	cr_assert_not_null(f);
	cr_assert_eq(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Let the process have `more` bytes beside what it has; each test is a process of its own. */
static void
set_limit(rlim_t more)
{
	struct rlimit limit;

	cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
	limit.rlim_cur = more == RLIM_INFINITY ? limit.rlim_max : in_use() + more;
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

typedef int take_nth(struct lk_owner *w, uint64_t n);

static int
take_number(struct lk_owner *w, uint64_t n)
{
	return lk_acquire_id(w, n, LK_X, NULL, NULL);
}

static int
take_long_name(struct lk_owner *w, uint64_t n)
{
	char name[600];

	memset(name, 'n', sizeof(name));
	memcpy(name, &n, sizeof(n));
	return lk_acquire_bytes(w, name, sizeof(name), LK_X, NULL, NULL);
}

static int
take_path(struct lk_owner *w, uint64_t n)
{
	char name[64];

	snprintf(name, sizeof(name), "database/table %d/row %d", (int)(n / 1000), (int)n);
	return lk_acquire(w, name, LK_X, NULL, NULL);
}

/* How many names can be taken before there is no memory. */
static uint64_t
take_all(struct lk_owner *w, take_nth *take_it)
{
	uint64_t n = 0;
	int rc;

	while ((rc = take_it(w, n)) == 0)
		n++;
	is(rc, LK_E_NOMEM);
	return n;
}

/*
 * To the end of memory, twice: giving back works there, and what was given back can be had again, by
 * other names too.
 */
static void
fill(take_nth *take_it)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	uint64_t first, second;
	struct lk_stats full;

	open_owners(m, w, 2);
	take(w[1], "kept", LK_U);
	set_limit(32 * MEGABYTE);
	first = take_all(w[0], take_it);
	full = stats_of(m);
	cr_expect_gt(first, 10000);
	cr_expect_eq(holds(w[1], "kept"), LK_U);
	ok(lk_release_all(w[0]));
	cr_expect_eq(stats_of(m).holds, 1);
	cr_expect_eq(stats_of(m).bytes, full.bytes);
	second = take_all(w[0], take_it);
	cr_expect_ge(second, first - first / 10, "%d names after %d", (int)second, (int)first);
	ok(lk_owner_close(w[0]));
	cr_expect_eq(stats_of(m).holds, 1);
	set_limit(RLIM_INFINITY);
	open_owners(m, w, 1);
	cr_expect_eq(holds(w[1], "kept"), LK_U);
	for (uint64_t n = first; n < first + 1000; n++)
		ok(take_it(w[0], n));
	close_all(m, w, 2);
}

Test(space, ends_among_numbers_and_all_goes_on, .timeout = 120)
{
	fill(take_number);
}

Test(space, ends_among_long_names_and_all_goes_on, .timeout = 120)
{
	fill(take_long_name);
}

Test(space, ends_among_paths_and_all_goes_on, .timeout = 120)
{
	fill(take_path);
}

/* Owners, managers, handles: each until there is no more, and then all of it back. */
Test(space, ends_among_owners_and_managers, .timeout = 120)
{
	enum { MOST = 1 << 20 };
	static struct lk_manager *m[MOST];
	static struct lk_owner *w[MOST];
	int n_managers = 0, n_owners = 0, rc;

	set_limit(32 * MEGABYTE);
	while ((rc = lk_open(NULL, NULL, &m[n_managers])) == 0)
		n_managers++;
	is(rc, LK_E_NOMEM);
	cr_assert_gt(n_managers, 10);
	for (int i = n_managers / 2; i < n_managers; i++)
		ok(lk_close(m[i]));
	n_managers /= 2;
	while ((rc = lk_owner_open(m[0], NULL, &w[n_owners])) == 0)
		n_owners++;
	is(rc, LK_E_NOMEM);
	cr_expect_gt(n_owners, 1000);
	close_owners(w, n_owners);
	for (int i = 0; i < n_managers; i++)
		ok(lk_close(m[i]));
}
#endif
