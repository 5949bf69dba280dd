/* SPDX-License-Identifier: MIT */
/* Memory: what happens without it, that none is lost, and that warm calls take none. */
#include "support.h"

/* ------------------------------------------------ the n-th allocation fails, for every n */

struct scene {
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w[2];
	lk_grant g;
	uint64_t ids; /* numbers that owner 0 holds */
	int expected; /* without a failure */
};

static int
call_owner_open(struct scene *s)
{
	struct lk_owner *w = NULL;
	int rc = lk_owner_open(s->m, NULL, &w);

	cr_assert_eq(w == NULL, rc != 0);
	if (rc == 0)
		ok(lk_owner_close(w));
	return rc;
}

/* Many at a time, so that whatever comes in blocks must grow. */
static int
call_owners_open(struct scene *s)
{
	struct lk_owner *w[200];
	int n, rc = 0;

	for (n = 0; n < 200 && rc == 0; n++)
		rc = lk_owner_open(s->m, NULL, &w[n]);
	close_owners(w, rc == 0 ? n : n - 1);
	return rc;
}

static int
call_self(struct scene *s)
{
	return lk_self(s->m) != NULL ? 0 : LK_E_NOMEM;
}

static int
call_acquire(struct scene *s)
{
	return lk_acquire(s->w[0], "n", LK_X, NULL, NULL);
}

static int
call_acquire_long(struct scene *s)
{
	char name[3000];

	memset(name, 'n', sizeof(name));
	return lk_acquire_bytes(s->w[0], name, sizeof(name), LK_X, NULL, NULL);
}

static int
call_acquire_tagged(struct scene *s)
{
	char tag[LK_TAG_MAX] = "tag";
	struct lk_options o = { .size = sizeof(o), .tag = tag, .tag_len = sizeof(tag) };

	return lk_acquire(s->w[0], "n", LK_X, &o, NULL);
}

/* All that was granted before the failure is held, and no more. */
static int
call_acquire_many(struct scene *s)
{
	uint64_t end = s->ids + 3000;
	int rc = 0;

	while (s->ids < end && rc == 0) {
		rc = lk_acquire_id(s->w[0], s->ids, LK_X, NULL, NULL);
		s->ids += rc == 0;
	}
	cr_assert_eq(stats_of(s->m).holds, s->ids + 3);
	for (uint64_t id = 0; id < end; id++)
		cr_assert_eq(lk_holds_id(s->w[0], id), id < s->ids ? LK_X : LK_NL);
	return rc;
}

static int
call_reenter_many(struct scene *s)
{
	int rc = 0;

	for (int i = 0; i < 2000 && rc == 0; i++)
		rc = lk_acquire(s->w[0], "again", LK_S, NULL, NULL);
	return rc;
}

static int
call_wait(struct scene *s)
{
	struct lk_options past = { .size = sizeof(past), .deadline_ns = 1 };

	s->expected = LK_E_TIMEDOUT;
	return lk_acquire(s->w[0], "held", LK_X, &past, NULL);
}

static int
call_convert(struct scene *s)
{
	struct lk_options past = { .size = sizeof(past), .deadline_ns = 1 };

	s->expected = LK_E_TIMEDOUT;
	return lk_convert(s->w[0], s->g, LK_X, &past);
}

static int
call_resource_open(struct scene *s)
{
	struct lk_resource *r = NULL;
	int rc = lk_resource_open(s->m, "n", &r);

	cr_assert_eq(r == NULL, rc != 0);
	lk_resource_close(r);
	return rc;
}

static int
call_fence_pass(struct scene *s)
{
	return lk_fence_pass(s->m, "n", 1, 5);
}

static int
nothing(void *arg, const struct lk_snapshot_row *row)
{
	(void)arg;
	(void)row;
	return 0;
}

static int
call_snapshot(struct scene *s)
{
	return lk_snapshot(s->m, nothing, NULL);
}

static int
call_sweep(struct scene *s)
{
	return lk_sweep(s->m, NULL);
}

static const struct {
	const char *name;
	int (*call)(struct scene *s);
} calls[] = {
	{ "lk_owner_open", call_owner_open },
	{ "lk_owner_open, many", call_owners_open },
	{ "lk_self", call_self },
	{ "lk_acquire", call_acquire },
	{ "lk_acquire, long name", call_acquire_long },
	{ "lk_acquire, tag", call_acquire_tagged },
	{ "lk_acquire_id, many", call_acquire_many },
	{ "lk_acquire, re-entry", call_reenter_many },
	{ "lk_acquire, waiting", call_wait },
	{ "lk_convert, waiting", call_convert },
	{ "lk_resource_open", call_resource_open },
	{ "lk_fence_pass", call_fence_pass },
	{ "lk_snapshot", call_snapshot },
	{ "lk_sweep", call_sweep },
};

/* A manager in which "shared" is held by both owners in S, and "held" by one of them. */
static void
scene_open(struct scene *s)
{
	*s = (struct scene){ 0 };
	test_heap_init(&s->heap);
	s->m = open_with("memory:?index_buckets=1&lot_buckets=1", &s->heap, NULL);
	open_owners(s->m, s->w, 2);
	s->g = take(s->w[0], "shared", LK_S);
	take(s->w[1], "shared", LK_S);
	take(s->w[1], "held", LK_S);
}

/* Let the n-th allocation fail once.  Returns false if the call did not need so many. */
static bool
fail_nth(int (*call)(struct scene *s), const char *name, uint64_t n)
{
	struct scene s;
	bool failed;
	int rc;

	scene_open(&s);
	test_heap_fail(&s.heap, n, false);
	rc = call(&s);
	failed = atomic_load(&s.heap.failures) > 0;
	cr_assert(rc == s.expected || (failed && rc == LK_E_NOMEM), "%s, allocation %d: %s", name,
		  (int)n, lk_errname(rc));
	test_heap_fail(&s.heap, 0, false);
	cr_assert_eq(holds(s.w[0], "shared"), LK_S);
	cr_assert_eq(grant_info(s.w[0], s.g).mode, LK_S);
	if (rc == LK_E_NOMEM) {
		cr_assert_eq(holds(s.w[0], "n"), LK_NL);
		cr_assert_eq(line(s.m, "held"), 0);
		is(call(&s), s.expected);
	}
	close_all(s.m, s.w, 2);
	cr_assert_eq(atomic_load(&s.heap.blocks), 0, "%s, allocation %d", name, (int)n);
	cr_assert_eq(atomic_load(&s.heap.bytes), 0);
	return failed;
}

Test(memory, any_failure_in_any_call_leaves_nothing_taken_or_lost, .timeout = 120)
{
	uint64_t needed = 0;

	for (size_t i = 0; i < countof(calls); i++)
		for (uint64_t n = 1; fail_nth(calls[i].call, calls[i].name, n); n++)
			needed++;
	cr_expect_ge(needed, 5); /* else nothing was tried */
}

Test(memory, lk_open_fails_clean_at_every_allocation)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct test_heap heap;
	uint64_t n = 1;

	cfg.allocator = &heap.allocator;
	for (int rc = LK_E_NOMEM; rc == LK_E_NOMEM; n++) {
		struct lk_manager *m = NULL;

		test_heap_init(&heap);
		test_heap_fail(&heap, n, false);
		rc = lk_open(NULL, &cfg, &m);
		cr_assert(rc == 0 || rc == LK_E_NOMEM);
		cr_assert_eq(m == NULL, rc != 0);
		if (rc == 0)
			ok(lk_close(m));
		cr_assert_eq(atomic_load(&heap.blocks), 0);
	}
	cr_expect_gt(n, 2);
}

Test(memory, what_gives_back_never_asks_for_any)
{
	enum { N = 2000 };
	static lk_grant g[N];
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w[2];
	uint64_t before;

	test_heap_init(&heap);
	m = open_with(NULL, &heap, NULL);
	open_owners(m, w, 2);
	for (uint64_t i = 0; i < N; i++)
		ok(lk_acquire_id(w[i % 2], i, LK_X, NULL, &g[i]));
	before = atomic_load(&heap.calls);
	test_heap_fail(&heap, 1, true);
	for (uint64_t i = 0; i < N; i++) {
		ok(lk_downgrade(w[i % 2], g[i]));
		if (i % 4 == 0)
			ok(lk_release(w[i % 2], g[i]));
		else if (i % 4 == 1)
			ok(lk_release_id(w[i % 2], i));
		ok(lk_owner_cancel(w[i % 2]));
	}
	ok(lk_release_all(w[0]));
	ok(lk_owner_close(w[0]));
	ok(lk_owner_close(w[1]));
	cr_expect_eq(atomic_load(&heap.calls), before);
	cr_expect_eq(stats_of(m).holds, 0);
	ok(lk_close(m));
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

/* ---------------------------------------------------------------------- warm calls */

static void
take_and_release(struct lk_owner *w, const char *name)
{
	lk_grant g;

	ok(lk_acquire(w, name, LK_X, NULL, &g));
	ok(lk_release(w, g));
}

struct warm {
	struct lk_manager *m;
	struct lk_owner *w;
	struct lk_resource *r;
	struct lk_options hashed;
};

static void
one_of_each(struct warm *s, uint64_t i)
{
	lk_mode mode = (lk_mode)(LK_IS + i % LK_X);
	lk_grant g;

	ok(lk_acquire(s->w, "by name", mode, NULL, &g));
	ok(lk_release(s->w, g));
	ok(lk_acquire_id(s->w, i % 16, mode, NULL, &g));
	ok(lk_convert(s->w, g, LK_X, NULL));
	ok(lk_downgrade(s->w, g));
	ok(lk_release(s->w, g));
	ok(lk_acquire_on(s->w, s->r, mode, NULL, &g));
	ok(lk_acquire_on(s->w, s->r, LK_S, NULL, NULL)); /* re-entry */
	ok(lk_release_all(s->w));
	ok(lk_acquire_bytes(s->w, "hashed", 6, mode, &s->hashed, &g));
	ok(lk_release_name(s->w, "hashed", 6));
}

Test(memory, a_million_warm_pairs_take_no_memory_and_read_no_clock, .timeout = 120)
{
	struct test_world world;
	struct test_heap heap;
	struct warm s;
	uint64_t calls_before, world_before;

	test_heap_init(&heap);
	test_world_init(&world);
	s.m = open_with("memory:?sample_every=off", &heap, &world);
	open_owners(s.m, &s.w, 1);
	ok(lk_resource_open(s.m, "by handle", &s.r));
	s.hashed = (struct lk_options){ .size = sizeof(s.hashed),
					.name_hash = lk_name_hash(s.m, "hashed", 6) };
	for (uint64_t i = 0; i < 1000; i++)
		one_of_each(&s, i);
	calls_before = atomic_load(&heap.calls);
	world_before = test_world_calls(&world);
	for (uint64_t i = 0; i < 200000; i++) /* five pairs each */
		one_of_each(&s, i);
	cr_expect_eq(atomic_load(&heap.calls), calls_before);
	cr_expect_eq(test_world_calls(&world), world_before);
	lk_resource_close(s.r);
	close_all(s.m, &s.w, 1);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

/* A try neither sleeps nor asks for the time, be it granted or refused, by name, number or handle. */
Test(memory, a_try_asks_nothing_of_the_system)
{
	const struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };
	struct test_world world;
	struct test_heap heap;
	struct lk_resource *r;
	struct lk_manager *m;
	struct lk_owner *w[2];
	uint64_t asked, allocated;
	lk_grant g;

	test_heap_init(&heap);
	test_world_init(&world);
	m = open_with("memory:?sample_every=off", &heap, &world);
	open_owners(m, w, 2);
	ok(lk_resource_open(m, "taken", &r));
	take(w[1], "taken", LK_X);
	ok(lk_acquire_id(w[1], 7, LK_X, NULL, NULL));
	for (int i = 0; i < 1000; i++) { /* until it has its table of guesses */
		ok(lk_try_acquire(w[0], "free", LK_X, &g));
		ok(lk_release(w[0], g));
	}
	asked = test_world_calls(&world);
	allocated = atomic_load(&heap.calls);
	for (int i = 0; i < 100000; i++) {
		is(lk_try_acquire(w[0], "taken", LK_S, NULL), LK_E_BUSY);
		is(lk_acquire_id(w[0], 7, LK_S, &nowait, NULL), LK_E_BUSY);
		is(lk_acquire_on(w[0], r, LK_S, &nowait, NULL), LK_E_BUSY);
		ok(lk_try_acquire(w[0], "free", LK_X, &g));
		ok(lk_release(w[0], g));
	}
	cr_expect_eq(test_world_calls(&world), asked);
	cr_expect_eq(atomic_load(&heap.calls), allocated);
	cr_expect_eq(stats_of(m).busy, 300000);
	lk_resource_close(r);
	close_all(m, w, 2);
}

enum { UNTIL_IT_GUESSES = 400, TABLE_BYTES = 16384 };

/* So often that it remembers where the name was. */
static void
come_back(struct lk_owner *w)
{
	for (int i = 0; i < UNTIL_IT_GUESSES; i++)
		take_and_release(w, "a");
}

/* An owner that comes back to names remembers where they were, and so does the thread's next one: in the same table. */
Test(memory, what_is_guessed_is_kept_for_the_thread_s_next_owner)
{
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w;
	uint64_t asked;
	uint64_t bytes;

	test_heap_init(&heap);
	m = open_with("memory:?sample_every=off", &heap, NULL);
	ok(lk_owner_open(m, NULL, &w));
	take_and_release(w, "a");
	bytes = atomic_load(&heap.bytes) + TABLE_BYTES;
	come_back(w);
	cr_expect_eq(atomic_load(&heap.bytes), bytes);
	asked = atomic_load(&heap.calls);
	for (int i = 0; i < 10; i++) {
		ok(lk_owner_close(w));
		ok(lk_owner_open(m, NULL, &w));
		come_back(w);
	}
	cr_expect_eq(atomic_load(&heap.calls), asked);
	cr_expect_eq(atomic_load(&heap.bytes), bytes);
	close_all(m, &w, 1);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

Test(memory, who_cannot_guess_for_want_of_memory_goes_on)
{
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w;
	uint64_t bytes;

	test_heap_init(&heap);
	m = open_with("memory:?sample_every=off", &heap, NULL);
	ok(lk_owner_open(m, NULL, &w));
	take_and_release(w, "a");
	bytes = atomic_load(&heap.bytes);
	test_heap_fail(&heap, 1, true);
	for (int i = 0; i < 5; i++)
		come_back(w);
	cr_expect_eq(atomic_load(&heap.bytes), bytes);
	test_heap_fail(&heap, 0, false);
	close_all(m, &w, 1);
}

static void
open_and_close(void *arg, unsigned index)
{
	struct lk_manager *m = arg;
	struct lk_owner *w;

	(void)index;
	for (int i = 0; i < 2; i++) {
		ok(lk_owner_open(m, NULL, &w));
		ok(lk_owner_close(w));
	}
}

static void
come_back_once(void *arg, unsigned index)
{
	struct lk_owner *w;

	(void)index;
	ok(lk_owner_open(arg, NULL, &w));
	come_back(w);
	ok(lk_owner_close(w));
}

static void
come_back_as_oneself(void *arg, unsigned index)
{
	(void)index;
	come_back(lk_self(arg));
}

/* One thread keeps one table: what another owner had, a thread that has ended, or one that waits in a pool, goes back.  (GS4) */
Test(memory, what_is_guessed_goes_back_with_an_owner_that_is_nobody_s_next)
{
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w[2];
	struct lk_pool *p;
	uint64_t bytes;

	test_heap_init(&heap);
	m = open_with("memory:?sample_every=off", &heap, NULL);
	ok(lk_pool_open(m, NULL, &p));
	ok(lk_pool_take(p, NULL, &w[0])); /* all that is needed is there */
	ok(lk_pool_give(p, w[0]));
	open_owners(m, w, 2);
	take_and_release(lk_self(m), "a");
	test_threads(1, open_and_close, m);
	bytes = atomic_load(&heap.bytes);
	for (int i = 0; i < 2; i++)
		come_back(w[i]);
	cr_expect_eq(atomic_load(&heap.bytes), bytes + 2 * TABLE_BYTES);
	close_owners(w, 2);
	bytes += TABLE_BYTES;
	cr_expect_eq(atomic_load(&heap.bytes), bytes);
	test_threads(1, come_back_once, m);
	test_threads(1, come_back_as_oneself, m);
	cr_expect_eq(atomic_load(&heap.bytes), bytes);
	ok(lk_pool_take(p, NULL, &w[0]));
	come_back(w[0]);
	cr_expect_eq(atomic_load(&heap.bytes), bytes + TABLE_BYTES);
	ok(lk_pool_give(p, w[0]));
	cr_expect_eq(atomic_load(&heap.bytes), bytes);
	ok(lk_pool_close(p));
	come_back(lk_self(m)); /* which need not be closed before its manager */
	ok(lk_close(m));
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

/* A thread keeps the memory of the owner that it closed last, until it ends. */
Test(memory, an_owner_is_opened_in_what_a_thread_that_ended_kept)
{
	struct test_heap heap;
	struct lk_manager *m;
	uint64_t before;

	test_heap_init(&heap);
	m = open_with("memory:?sample_every=off", &heap, NULL);
	test_threads(4, open_and_close, m);
	before = atomic_load(&heap.bytes);
	for (int i = 0; i < 1000; i++)
		test_threads(4, open_and_close, m);
	cr_expect_eq(atomic_load(&heap.bytes), before);
	open_and_close(m, 0);
	ok(lk_close(m)); /* what this thread has kept goes with it */
	cr_expect_eq(atomic_load(&heap.blocks), 0);
	m = open_with(NULL, &heap, NULL);
	open_and_close(m, 0);
	ok(lk_close(m));
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

Test(memory, warm_owners_take_no_memory)
{
	struct test_world world;
	struct test_heap heap;
	struct lk_manager *m;
	uint64_t before = 0, clock = 0;

	test_heap_init(&heap);
	test_world_init(&world);
	m = open_with("memory:?sample_every=off", &heap, &world);
	for (int i = 0; i < 20000; i++) {
		struct lk_owner *w;

		if (i == 1000) {
			before = atomic_load(&heap.calls);
			clock = test_world_calls(&world);
		}
		open_owners(m, &w, 1);
		take(w, "n", LK_X);
		ok(lk_owner_close(w));
	}
	cr_expect_eq(atomic_load(&heap.calls), before);
	cr_expect_eq(test_world_calls(&world), clock);
	ok(lk_close(m));
}

/* ------------------------------------------------------------------------- bounds */

Test(memory, is_bounded_by_what_is_held_and_max_idle, .timeout = 120)
{
	enum { IDLE = 64, HELD = 1000, NAMES = 1000000 };
	struct lk_manager *m = open_manager("memory:?max_idle=64");
	uint64_t early = 0;
	struct lk_owner *w[2];
	size_t removed = 0;

	open_owners(m, w, 2);
	for (uint64_t id = 0; id < HELD; id++)
		ok(lk_acquire_id(w[0], ~id, LK_X, NULL, NULL));
	for (uint64_t id = 0; id < NAMES; id++) {
		lk_grant g;

		ok(lk_acquire_id(w[1], id, LK_X, NULL, &g));
		ok(lk_release(w[1], g));
		if (id == NAMES / 100)
			early = stats_of(m).bytes;
		if (id % 5000 == 0)
			cr_assert_le(stats_of(m).names, HELD + IDLE + stats_of(m).buckets,
				     "%d names at %d", (int)stats_of(m).names, (int)id);
	}
	cr_expect_le(stats_of(m).buckets, HELD, "an index for %d names", HELD);
	cr_expect_le(stats_of(m).bytes, early);
	ok(lk_sweep(m, &removed));
	cr_expect_eq(stats_of(m).names, HELD);
	cr_expect_gt(removed, 0);
	cr_expect_eq(stats_of(m).evicted + HELD, stats_of(m).created);
	close_all(m, w, 2);
}

/* Names below others enter the index another way; what a mass release of them left goes too. */
Test(memory, of_paths_is_bounded_too, .timeout = 120)
{
	enum { IDLE = 64, ONCE = 20000, LATER = 200000 };
	struct lk_manager *m = open_manager("memory:?max_idle=64");
	struct lk_owner *w;
	char name[32];

	open_owners(m, &w, 1);
	for (int i = 0; i < ONCE; i++) {
		(void)snprintf(name, sizeof(name), "held/%d", i);
		ok(lk_acquire(w, name, LK_S, NULL, NULL));
	}
	ok(lk_release_all(w));
	for (int i = 0; i < LATER; i++) {
		lk_grant g;

		(void)snprintf(name, sizeof(name), "later/%d", i);
		ok(lk_acquire(w, name, LK_S, NULL, &g));
		ok(lk_release(w, g));
	}
	cr_expect_le(stats_of(m).names, 2 * IDLE + stats_of(m).buckets);
	cr_expect_le(stats_of(m).buckets, IDLE);
	close_all(m, &w, 1);
}

Test(memory, a_sweep_drops_all_that_is_idle_and_nothing_that_is_held)
{
	enum { N = 3000 };
	struct lk_manager *m = open_manager(NULL);
	size_t removed = 7;
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (uint64_t id = 0; id < N; id++)
		ok(lk_acquire_id(w, id, LK_X, NULL, NULL));
	cr_expect_eq(stats_of(m).names, N);
	ok(lk_sweep(m, &removed));
	cr_expect_eq(removed, 0);
	for (uint64_t id = 0; id < N; id += 3)
		ok(lk_release_id(w, id));
	ok(lk_sweep(m, &removed));
	cr_expect_eq(removed, N / 3);
	for (uint64_t id = 0; id < N; id++)
		cr_assert_eq(lk_holds_id(w, id), id % 3 ? LK_X : LK_NL);
	ok(lk_release_all(w));
	ok(lk_sweep(m, NULL));
	cr_expect_eq(stats_of(m).names, 0);
	close_all(m, &w, 1);
}

Test(memory, without_a_bound_every_name_stays)
{
	struct lk_config cfg = { .size = sizeof(cfg), .max_idle = LK_OFF, .index_buckets = 1 };
	struct lk_manager *m;
	struct lk_owner *w;

	ok(lk_open(NULL, &cfg, &m));
	open_owners(m, &w, 1);
	for (uint64_t id = 0; id < 20000; id++) {
		ok(lk_acquire_id(w, id, LK_X, NULL, NULL));
		ok(lk_release_all(w));
	}
	cr_expect_eq(stats_of(m).names, 20000);
	cr_expect_gt(stats_of(m).buckets, 1000);
	cr_expect_eq(stats_of(m).evicted, 0);
	close_all(m, &w, 1);
}

Test(memory, is_all_given_back_at_the_end)
{
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w[20];
	char name[400];

	test_heap_init(&heap);
	m = open_with("memory:?index_buckets=1", &heap, NULL);
	open_owners(m, w, 20);
	memset(name, 'n', sizeof(name));
	for (size_t i = 0; i < 2000; i++) {
		ok(lk_acquire_bytes(w[i % 20], name, 1 + i % sizeof(name), LK_IS, NULL, NULL));
		ok(lk_acquire_id(w[i % 20], i, LK_X, NULL, NULL));
		ok(lk_fence_pass(m, name, 1 + i % sizeof(name), i));
	}
	cr_assert_not_null(lk_self(m));
	cr_expect_eq(stats_of(m).bytes, atomic_load(&heap.bytes));
	close_all(m, w, 20);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
	cr_expect_eq(atomic_load(&heap.bytes), 0);
}
