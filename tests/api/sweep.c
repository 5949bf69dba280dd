/* SPDX-License-Identifier: MIT */
/* Sweeps of stores: what is over goes, nobody who lives loses anything, and numbers rise.  (HR1, HR2) */
#include "stores.h"

/* Records of locks in the store. */
static int
count_one(void *arg, const struct lk_store_record *r)
{
	const char *name = r->name;

	*(size_t *)arg += name != NULL && (name[0] == 'n' || name[0] == 'i');
	return 0;
}

static size_t
records(struct lk_store *s)
{
	size_t n = 0;

	ok(s->ops->scan(s, NULL, 0, count_one, &n, UINT64_MAX));
	return n;
}

static uint64_t
fence_of(struct lk_owner *w, const char *name)
{
	lk_grant g = get(w, name, LK_X);
	uint64_t fence = lk_fence(w, g);

	give(w, g);
	return fence;
}

Test(sweep, removes_records_of_nothing)
{
	struct lk_store *s;
	struct pair p;
	size_t removed, all;
	char name[32];

	pair_open(&p, "&poll_max_ns=10ms");
	s = open_vandal("test:pair?as=v");
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "row%d", i);
		(void)fence_of(p.w[0], name);
	}
	ok(lk_acquire_id(p.w[0], 7, LK_X, NULL, NULL));
	ok(lk_release_id(p.w[0], 7));
	get(p.w[0], "row50", LK_S);
	cr_expect_eq(records(s), 101);
	ok(lk_sweep(p.m[0], &removed));
	cr_expect_eq(records(s), 1);
	all = removed; /* entries, and records; but for an entry that somebody looks at just then */
	wait_until(all >= 200 || (lk_sweep(p.m[0], &removed) == 0 && (all += removed) >= 200));
	cr_expect_eq(all, 200);
	ok(lk_sweep(p.m[0], &removed));
	cr_expect_eq(removed, 0);
	cr_expect_eq(lk_holds(p.w[0], "row50", 5), LK_S);
	is(lk_try_acquire(p.w[1], "row50", LK_X, NULL), LK_E_BUSY);
	lk_store_close(s);
	pair_close(&p);
}

Test(sweep, leaves_what_others_keep_or_hold_or_wait_for)
{
	struct lk_store *s;
	struct asker a;
	struct pair p;
	lk_grant g;

	pair_open(&p, "&poll_max_ns=10ms");
	s = open_vandal("test:pair?as=v");
	(void)fence_of(p.w[0], "kept");
	g = get(p.w[0], "held", LK_X);
	ask(p.m[1], &a, p.w[1], "held", LK_S);
	ok(lk_sweep(p.m[1], NULL));
	cr_expect_gt(record_len(s, "nkept", 0), 0);
	cr_expect_gt(record_len(s, "nheld", 0), 0);
	ok(lk_check(p.w[0], g));
	give(p.w[0], g);
	is(answer(&a), 0);
	lk_store_close(s);
	pair_close(&p);
}

/* The name's next fences are above all that it had.  (HR1) */
Test(sweep, fences_rise_over_a_removal)
{
	struct lk_store *s;
	uint64_t last = 0;
	struct pair p;

	pair_open(&p, "&poll_max_ns=10ms");
	s = open_vandal("test:pair?as=v");
	for (int i = 0; i < 10; i++) {
		uint64_t fence;

		if (i % 3 == 1) { /* a block is wasted, and so the name is ahead of all others */
			get(p.w[0], "n", LK_X);
			ok(lk_test_store_crash("pair", "a"));
			(void)!lk_release_all(p.w[0]);
			close_all(p.m[0], &p.w[0], 1);
			p.m[0] = open_manager("test:pair?as=a&poll_max_ns=10ms");
			open_owners(p.m[0], &p.w[0], 1);
			last += UINT32_MAX;
		}
		fence = fence_of(p.w[1], "n");
		cr_expect_gt(fence, last, "%d", i);
		last = fence;
		ok(lk_test_store_step("pair", 61 * SECOND)); /* who was killed is forgotten */
		ok(lk_sweep(p.m[1], NULL));
		cr_expect_eq(record_len(s, "nn", 0), 0);
		cr_expect_ge(floor_of(s), last);
	}
	lk_store_close(s);
	pair_close(&p);
}

Test(sweep, clears_the_dead_away)
{
	struct lk_record_info info = { .size = sizeof(info) };
	struct pair p;
	struct lk_grant_info grant;
	lk_grant g;

	pair_open(&p, "&poll_max_ns=10ms");
	get(p.w[0], "written", LK_X);
	get(p.w[0], "read", LK_S);
	ok(lk_test_store_crash("pair", "a"));
	ok(lk_record_info(p.m[1], "written", 7, &info));
	cr_expect_eq(info.dead, 1);
	cr_expect_eq(info.status, LK_HEALTH_WARN);
	ok(lk_sweep(p.m[1], NULL));
	ok(lk_record_info(p.m[1], "written", 7, &info));
	cr_expect_eq(info.dead, 0);
	cr_expect_eq(info.holders, 0);
	cr_expect_eq(info.flags, LK_RECORD_ORPHANED);
	g = get(p.w[1], "written", LK_X); /* the mark outlives the sweep */
	grant = (struct lk_grant_info){ .size = sizeof(grant) };
	ok(lk_grant_info(p.w[1], g, &grant));
	cr_expect_eq(grant.flags & LK_OWNER_DIED, LK_OWNER_DIED);
	give(p.w[1], g);
	pair_close(&p);
}

/* Others go on locking, and making records of names, while somebody sweeps and sweeps. */
struct storm {
	struct pair p;
	struct lk_owner *w[2];
	atomic_bool over;
	int both; /* under the locks */
	uint64_t last;
};

static void
work(void *arg, unsigned index)
{
	struct storm *s = arg;

	for (int i = 0; i < 150; i++) {
		const struct lk_options o = { .size = sizeof(o), .timeout_ns = 60 * SECOND };
		lk_grant g = 0;

		must(lk_acquire(s->w[index], "n", LK_X, &o, &g) == 0);
		must(s->both++ == 0);
		must(lk_fence(s->w[index], g) > s->last);
		s->last = lk_fence(s->w[index], g);
		s->both--;
		must(lk_release(s->w[index], g) == 0);
	}
}

static void
sweep_and_work(void *arg, unsigned index)
{
	struct storm *s = arg;

	if (index < 2) {
		work(arg, index);
		atomic_store(&s->over, true);
		return;
	}
	while (!atomic_load(&s->over))
		must(lk_sweep(s->p.m[index % 2], NULL) == 0);
}

Test(sweep, while_others_lock, .timeout = 120)
{
	struct storm s = { .both = 0 };

	pair_open(&s.p, "&poll_max_ns=10ms&linger_ns=off");
	for (int i = 0; i < 2; i++)
		s.w[i] = s.p.w[i];
	test_threads(3, sweep_and_work, &s);
	pair_close(&s.p);
}

/* The manager's own thread, as the setting says; time is the test's. */
Test(sweep, comes_by_itself_if_it_is_asked_for)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w;
	struct lk_store *s;
	char name[32];
	uint64_t next;

	test_world_init(&world);
	world.manual = true;
	cfg.environment = &world.environment;
	cfg.sweep_ns = 3600 * (uint64_t)SECOND;
	ok(lk_open("test:pair?as=a&manual=1&linger_ns=off", &cfg, &m));
	open_owners(m, &w, 1);
	s = open_vandal("test:pair?as=v");
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "row%d", i);
		(void)fence_of(w, name);
		ok(lk_serve(m, NULL));
	}
	cr_assert_eq(records(s), 300);
	test_world_advance(&world, 3599 * (uint64_t)SECOND);
	ok(lk_serve(m, &next));
	cr_assert_eq(records(s), 300);
	test_world_advance(&world, SECOND);
	ok(lk_serve(m, &next));
	cr_expect_eq(records(s), 300 - 256, "a step has a bound");
	test_world_advance(&world, SECOND / 10);
	ok(lk_serve(m, &next));
	cr_expect_eq(records(s), 0);
	lk_store_close(s);
	close_all(m, &w, 1);
}

Test(sweep, says_what_the_store_says)
{
	struct pair p;

	pair_open(&p, "");
	(void)fence_of(p.w[0], "n");
	cut_off("a", true);
	is(lk_sweep(p.m[0], NULL), LK_E_STORE);
	cut_off("a", false);
	ok(lk_sweep(p.m[0], NULL));
	pair_close(&p);
}

Test(sweep, passes_over_what_is_damaged)
{
	struct lk_store *s;
	struct pair p;

	pair_open(&p, "");
	s = open_vandal("test:pair?as=v");
	(void)fence_of(p.w[0], "good");
	put_record(s, "nbad", "garbage", 7, 0);
	ok(lk_sweep(p.m[0], NULL));
	cr_expect_eq(record_len(s, "nbad", 0), 7);
	cr_expect_eq(record_len(s, "ngood", 0), 0);
	lk_store_close(s);
	pair_close(&p);
}

Test(sweep, in_a_folder)
{
	struct lk_manager *m;
	struct lk_owner *w;
	struct lk_store *s;
	struct place at;
	uint64_t fence;

	place_make(&at);
	m = open_manager(at.url);
	open_owners(m, &w, 1);
	s = open_vandal(at.url);
	fence = fence_of(w, "n");
	get(w, "held", LK_X);
	ok(lk_sweep(m, NULL));
	cr_expect_eq(record_len(s, "nn", 0), 0);
	cr_expect_gt(record_len(s, "nheld", 0), 0);
	cr_expect_gt(fence_of(w, "n"), fence);
	lk_store_close(s);
	close_all(m, &w, 1);
	place_remove(&at);
}

Test(sweep, without_memory)
{
	for (uint32_t at = 0;; at++) {
		struct test_heap heap;
		struct lk_config cfg = LK_CONFIG_INIT;
		struct lk_manager *m;
		struct lk_owner *w;
		int rc;

		test_heap_init(&heap);
		cfg.allocator = &heap.allocator;
		ok(lk_open("test:pair", &cfg, &m));
		open_owners(m, &w, 1);
		(void)fence_of(w, "n");
		get(w, "held", LK_X);
		test_heap_fail(&heap, at + 1, true);
		rc = lk_sweep(m, NULL);
		test_heap_fail(&heap, 0, false);
		cr_expect_eq(lk_holds(w, "held", 4), LK_X);
		close_all(m, &w, 1);
		cr_expect_eq(heap.bytes, 0);
		if (rc == 0)
			break;
		is(rc, LK_E_NOMEM);
	}
}
