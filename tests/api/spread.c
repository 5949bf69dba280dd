/* SPDX-License-Identifier: MIT */
/*
 * Names that become spread because threads meet on them.  Nothing in the interface says that they did, but
 * the first takes two blocks of memory that nothing else takes; so these tests watch the heap.
 */
#define _GNU_SOURCE /* sched_getaffinity() */

#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

enum { THREADS = 3, MANY = 2000 };

/* Threads that take and give back names, until they are told to stop: one name, or each its own below "db". */
struct crowd {
	struct lk_manager *m;
	struct test_heap heap;
	const char *name; /* NULL: below "db" */
	bool by_handle;
	uint64_t blocks; /* of a crowd that does not spread it */
	atomic_uint grants[THREADS];
	atomic_bool go;
	atomic_bool stop;
	struct test_thread threads[THREADS];
};

static void
come_and_go(void *arg, unsigned index)
{
	struct crowd *c = arg;
	struct lk_resource *r = NULL;
	struct lk_owner *w;
	char mine[16];

	(void)snprintf(mine, sizeof(mine), "db/%u", index);
	must(lk_owner_open(c->m, NULL, &w) == 0);
	must(!c->by_handle || lk_resource_open(c->m, c->name, &r) == 0);
	while (!atomic_load_explicit(&c->stop, memory_order_relaxed)) {
		const char *name = c->name != NULL ? c->name : mine;
		const lk_mode mode = c->name != NULL ? LK_S : LK_X;
		lk_grant g;
		int rc = r != NULL ? lk_acquire_on(w, r, mode, NULL, &g)
				   : lk_acquire(w, name, mode, NULL, &g);

		must(rc == 0);
		must(lk_release(w, g) == 0);
		atomic_fetch_add_explicit(&c->grants[index], 1, memory_order_relaxed);
		while (!atomic_load_explicit(&c->go, memory_order_relaxed))
			sched_yield(); /* after the first, for which all needed memory */
	}
	lk_resource_close(r);
	must(lk_owner_close(w) == 0);
}

/* All of them have made `n` more grants. */
static bool
have_made(struct crowd *c, const unsigned *before, unsigned n)
{
	for (unsigned i = 0; i < THREADS; i++) {
		if (atomic_load(&c->grants[i]) - before[i] < n)
			return false;
	}
	return true;
}

static void
let_make(struct crowd *c, unsigned n)
{
	unsigned before[THREADS];

	for (unsigned i = 0; i < THREADS; i++)
		before[i] = atomic_load(&c->grants[i]);
	wait_until(have_made(c, before, n));
}

/* All have what they need, and have not met yet. */
static void
crowd_gather(struct crowd *c, const char *url)
{
	test_heap_init(&c->heap);
	c->m = open_with(url, &c->heap, NULL);
	atomic_store(&c->go, false);
	atomic_store(&c->stop, false);
	for (unsigned i = 0; i < THREADS; i++)
		atomic_store(&c->grants[i], 0);
	test_spawn(c->threads, THREADS, come_and_go, c);
	wait_until(have_made(c, (const unsigned[THREADS]){ 0 }, 1));
}

static void
crowd_start(struct crowd *c, const char *url)
{
	crowd_gather(c, url);
	atomic_store(&c->go, true);
	let_make(c, MANY);
}

static void
crowd_stop(struct crowd *c)
{
	atomic_store(&c->stop, true);
	test_join(c->threads, THREADS);
}

static void
crowd_end(struct crowd *c)
{
	ok(lk_close(c->m));
	cr_expect_eq(atomic_load(&c->heap.blocks), 0);
}

/* On one processor nobody is ever in another's way, and nothing is spread. */
static bool
have_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 1;
}

static bool
has_slots(struct crowd *c)
{
	return atomic_load(&c->heap.blocks) >= c->blocks + 2;
}

/* A crowd that never spreads anything; what it takes of memory is what this one takes without. */
static void
crowd_measure(struct crowd *c)
{
	crowd_start(c, "memory:?spread_after=off");
	let_make(c, MANY);
	c->blocks = atomic_load(&c->heap.blocks);
	let_make(c, 10 * MANY);
	cr_expect_eq(atomic_load(&c->heap.blocks), c->blocks, "nothing was spread");
	crowd_stop(c);
	crowd_end(c);
}

/* Until the threads have met often enough, and then still a while. */
static void
crowd_meets(struct crowd *c)
{
	if (have_processors())
		wait_until(has_slots(c));
	let_make(c, MANY);
}

static void
expect_matrix(struct lk_manager *m, const char *name)
{
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (lk_mode held = LK_IS; held <= LK_X; held++) {
		for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++) {
			take(w[0], name, held);
			cr_expect_eq(info_of(m, name).holders[held], 1);
			cr_expect_eq(is_open_to(w[1], name, wanted), compatible[wanted][held],
				     "%s wanted, %s held", mode_name(wanted), mode_name(held));
			ok(lk_release_all(w[0]));
		}
	}
	close_owners(w, 2);
}

/* The whole of a name's life: it is spread, excludes as ever, idles, goes, and comes back. */
static void
live(struct crowd *c, const char *name)
{
	struct lk_info info;
	size_t removed;

	crowd_measure(c);
	crowd_start(c, "memory:?spread_after=1");
	crowd_meets(c);
	crowd_stop(c);
	info = info_of(c->m, name);
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++)
		cr_expect_eq(info.holders[mode], 0, "%s", mode_name(mode));
	expect_matrix(c->m, name);
	ok(lk_sweep(c->m, &removed));
	cr_expect_ge(removed, 1);
	cr_expect_eq(stats_of(c->m).names, 0);
	expect_matrix(c->m, "another");
	expect_matrix(c->m, name);
	crowd_end(c);
}

Test(spread, a_name_by_handle, .timeout = 60)
{
	struct crowd c = { .name = "n", .by_handle = true };

	live(&c, "n");
}

Test(spread, a_name, .timeout = 60)
{
	struct crowd c = { .name = "n" };

	live(&c, "n");
}

Test(spread, the_root_of_a_hierarchy, .timeout = 60)
{
	struct crowd c = { .name = NULL };

	live(&c, "db");
}

/* Whoever wants all of it gets it, from a crowd that never ends.  (promise A3, A4) */
Test(spread, a_writer_among_readers, .timeout = 60)
{
	struct crowd c = { .name = "n" };
	struct lk_owner *w[1];

	crowd_measure(&c);
	crowd_start(&c, "memory:?spread_after=1&fair_after_ns=1000000");
	crowd_meets(&c);
	open_owners(c.m, w, 1);
	for (int i = 0; i < 200; i++) {
		lk_grant g;

		ok(lk_acquire(w[0], "n", LK_X, NULL, &g));
		cr_assert_eq(info_of(c.m, "n").holders[LK_X], 1);
		ok(lk_release(w[0], g));
	}
	crowd_stop(&c);
	close_owners(w, 1);
	crowd_end(&c);
}

/* It stays as it is, and nobody is refused for it; later there is memory.  (promise A8) */
Test(spread, without_memory, .timeout = 60)
{
	struct crowd c = { .name = "n", .by_handle = true };

	crowd_measure(&c);
	crowd_gather(&c, "memory:?spread_after=16");
	test_heap_fail(&c.heap, 1, true);
	atomic_store(&c.go, true);
	if (have_processors())
		wait_until(atomic_load(&c.heap.failures) > 0);
	let_make(&c, 10 * MANY);
	cr_expect_not(has_slots(&c));
	test_heap_fail(&c.heap, 0, false);
	crowd_meets(&c);
	crowd_stop(&c);
	expect_matrix(c.m, "n");
	crowd_end(&c);
}

/* The child holds nothing, and the parent does not notice.  (promise A11) */
Test(spread, fork, .timeout = 60)
{
	struct crowd c = { .name = "n" };
	struct lk_owner *w[2];
	int status = 0;
	lk_grant g;
	pid_t child;

	crowd_measure(&c);
	crowd_start(&c, "memory:?spread_after=1");
	crowd_meets(&c);
	crowd_stop(&c);
	open_owners(c.m, w, 2);
	g = take(w[0], "n", LK_S);
	child = fork();
	cr_assert_ge(child, 0);
	if (child == 0)
		_exit(lk_release(w[0], g) == LK_E_FORKED &&
				      lk_acquire(w[1], "n", LK_S, NULL, NULL) == LK_E_FORKED &&
				      lk_owner_close(w[0]) == LK_E_FORKED
			      ? 0
			      : 1);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	is(lk_try_acquire(w[1], "n", LK_X, NULL), LK_E_BUSY);
	ok(lk_release(w[0], g));
	take(w[1], "n", LK_X);
	close_owners(w, 2);
	crowd_end(&c);
}
