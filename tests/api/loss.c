/* SPDX-License-Identifier: MIT */
/* What is lost with a lease, what stays, who hears of it, and for how long nobody else comes. */
#include "lease_stage.h"

enum { LEASE = 100000 };

Test(loss, of_one_grant_leaves_the_others_on_the_name)
{
	static struct lease_stage s;
	lk_grant x;
	lk_grant r;

	lease_stage_open(&s, NULL);
	r = take(s.w[0], "db/n", LK_S);
	x = take_leased(s.w[0], "db/n", LK_X, LEASE);
	cr_expect_eq(holds(s.w[0], "db/n"), LK_X);
	pass(&s, LEASE);
	cr_expect_eq(holds(s.w[0], "db/n"), LK_S);
	cr_expect_eq(holds(s.w[0], "db"), LK_IS);
	is(lk_check(s.w[0], x), LK_E_LOST);
	ok(lk_check(s.w[0], r));
	cr_expect(is_open_to(s.w[1], "db/n", LK_S));
	cr_expect_not(is_open_to(s.w[1], "db/n", LK_X));
	ok(lk_release(s.w[0], r));
	is(lk_release(s.w[0], x), LK_E_LOST);
	cr_expect_eq(stats_of(s.m).holds, 0);
	lease_stage_close(&s);
}

Test(loss, of_the_first_grant_leaves_the_later_ones)
{
	static struct lease_stage s;
	lk_grant first;
	lk_grant later;

	lease_stage_open(&s, NULL);
	first = take_leased(s.w[0], "n", LK_X, LEASE);
	later = take_leased(s.w[0], "n", LK_S, 5 * LEASE);
	pass(&s, LEASE);
	is(lk_release(s.w[0], first), LK_E_LOST);
	ok(lk_check(s.w[0], later));
	cr_expect_eq(holds(s.w[0], "n"), LK_S);
	pass(&s, 4 * LEASE);
	is(lk_release(s.w[0], later), LK_E_LOST);
	cr_expect(is_open_to(s.w[1], "n", LK_X));
	lease_stage_close(&s);
}

Test(loss, of_an_ancestor_is_one_of_what_it_implied)
{
	static struct lease_stage s;
	lk_grant top;
	lk_grant below[4];

	lease_stage_open(&s, NULL);
	top = take_leased(s.w[0], "db", LK_X, LEASE);
	below[0] = take(s.w[0], "db/a", LK_X);
	below[1] = take(s.w[0], "db/a", LK_S);
	below[2] = take(s.w[0], "db/b/c", LK_S);
	below[3] = take_leased(s.w[0], "db/d", LK_U, 10 * LEASE);
	pass(&s, LEASE);
	is(lk_check(s.w[0], top), LK_E_LOST);
	for (int i = 0; i < 4; i++)
		is(lk_check(s.w[0], below[i]), LK_E_LOST);
	cr_expect(is_open_to(s.w[1], "db", LK_X));
	cr_expect_eq(stats_of(s.m).holds, 0);
	cr_expect_eq(stats_of(s.m).leases_expired, 5);
	serve(&s);
	for (unsigned i = 0, covers = 0; i < s.told[0].n; i++) {
		const struct lk_notice *n = &s.told[0].notice[i];

		covers += n->kind == LK_NOTICE_LOST && n->loss == LK_LOSS_COVER;
		cr_expect(i + 1 < s.told[0].n || covers == 4, "%u", covers);
	}
	for (int i = 0; i < 4; i++)
		is(lk_release(s.w[0], below[i]), LK_E_LOST);
	is(lk_release(s.w[0], top), LK_E_LOST);
	cr_expect_eq(next_due(&s), LK_OFF);
	lease_stage_close(&s);
}

Test(loss, of_an_ancestor_leaves_what_something_else_covers)
{
	static struct lease_stage s;
	lk_grant top;
	lk_grant keeps;
	lk_grant g[3];

	lease_stage_open(&s, NULL);
	keeps = take(s.w[0], "db", LK_S);
	top = take_leased(s.w[0], "db", LK_X, LEASE);
	g[0] = take(s.w[0], "db/read", LK_S);
	g[1] = take(s.w[0], "db/write", LK_X);
	g[2] = take(s.w[0], "db/both", LK_S);
	g[2] = take(s.w[0], "db/both", LK_X);
	pass(&s, LEASE);
	is(lk_check(s.w[0], top), LK_E_LOST);
	ok(lk_check(s.w[0], keeps));
	ok(lk_check(s.w[0], g[0]));
	is(lk_check(s.w[0], g[1]), LK_E_LOST);
	is(lk_check(s.w[0], g[2]), LK_E_LOST);
	cr_expect_eq(holds(s.w[0], "db/both"), LK_S, "what was read stays");
	cr_expect_eq(holds(s.w[0], "db"), LK_S);
	cr_expect(is_open_to(s.w[1], "db", LK_S));
	lease_stage_close(&s);
}

Test(loss, of_an_ancestor_moves_what_a_higher_one_covers)
{
	static struct lease_stage s;
	lk_grant mid;
	lk_grant top;
	lk_grant g;

	lease_stage_open(&s, NULL);
	mid = take_leased(s.w[0], "a/b", LK_X, LEASE);
	g = take(s.w[0], "a/b/c", LK_X); /* covered by a/b */
	top = take(s.w[0], "a", LK_X);
	pass(&s, LEASE);
	is(lk_release(s.w[0], mid), LK_E_LOST);
	ok(lk_check(s.w[0], g));
	cr_expect_eq(holds(s.w[0], "a/b/c"), LK_X);
	ok(lk_release(s.w[0], top));
	cr_expect_eq(holds(s.w[0], "a/b/c"), LK_X, "as after any release");
	ok(lk_release(s.w[0], g));
	cr_expect_eq(stats_of(s.m).holds, 0);
	cr_expect(is_open_to(s.w[1], "a", LK_X));
	lease_stage_close(&s);
}

Test(loss, leaves_what_is_held_below_by_itself)
{
	static struct lease_stage s;
	lk_grant g;
	lk_grant row;

	lease_stage_open(&s, NULL);
	row = take(s.w[0], "db/row", LK_X);
	g = take_leased(s.w[0], "db", LK_IX, LEASE);
	pass(&s, LEASE);
	is(lk_release(s.w[0], g), LK_E_LOST);
	ok(lk_check(s.w[0], row));
	cr_expect_eq(holds(s.w[0], "db"), LK_IX);
	ok(lk_release(s.w[0], row));
	cr_expect(is_open_to(s.w[1], "db", LK_X));
	lease_stage_close(&s);
}

/* Without memory for the losses of implied grants these are as if they had never been. */
Test(loss, without_memory_is_forgotten_of_implied_grants)
{
	enum { N = 2000 };
	static struct lease_stage s;
	lk_grant top;
	static lk_grant g[N];
	char name[16];
	unsigned lost = 0;
	unsigned stale = 0;

	lease_stage_open(&s, "memory:?event_ring=off");
	top = take_leased(s.w[0], "db", LK_X, LEASE);
	for (int i = 0; i < N; i++) {
		(void)snprintf(name, sizeof(name), "db/%d", i);
		g[i] = take(s.w[0], name, LK_X);
	}
	s.told[0].n = 0;
	test_heap_fail(&s.heap, 1, true);
	test_world_advance(&s.world, LEASE);
	is(lk_check(s.w[0], top), LK_E_LOST);
	test_heap_fail(&s.heap, 0, false);
	for (int i = 0; i < N; i++) {
		int rc = lk_check(s.w[0], g[i]);

		lost += rc == LK_E_LOST;
		stale += rc == LK_E_STALE;
		is(lk_release(s.w[0], g[i]), rc);
	}
	cr_expect_gt(lost, 0);
	cr_expect_gt(stale, 0);
	cr_expect_eq(lost + stale, N);
	cr_expect(is_open_to(s.w[1], "db", LK_X));
	lease_stage_close(&s);
}

Test(loss, is_forgotten_by_release_all)
{
	static struct lease_stage s;
	lk_grant g;
	lk_grant many[2];
	size_t n;

	lease_stage_open(&s, NULL);
	many[0] = take_leased(s.w[0], "a", LK_X, LEASE);
	many[1] = take(s.w[0], "b", LK_X);
	g = take_leased(s.w[0], "c", LK_X, LEASE);
	pass(&s, LEASE);
	is(lk_release_many(s.w[0], many, 2, &n), LK_E_LOST);
	cr_expect_eq(n, 1);
	ok(lk_release_all(s.w[0]));
	is(lk_check(s.w[0], g), LK_E_STALE);
	lease_stage_close(&s);
}

static void expect_events(struct lease_stage *s, unsigned n);

static int
count_expired(void *arg, const struct lk_event *e)
{
	unsigned *n = arg;

	must(e->kind == LK_EVENT_EXPIRE && e->code == LK_E_LOST && e->from == LK_X);
	must(e->name_len == 4 && memcmp(e->name, "db/n", 4) == 0 && e->fence != 0);
	++*n;
	return 0;
}

static void
expect_events(struct lease_stage *s, unsigned n)
{
	struct lk_event_filter f = LK_EVENT_FILTER_INIT;
	unsigned found = 0;

	f.kinds = LK_EVENT_EXPIRE;
	ok(lk_event_each(s->m, &f, count_expired, &found));
	cr_expect_eq(found, n);
}

Test(loss, is_an_event)
{
	static struct lease_stage s;

	lease_stage_open(&s, NULL);
	take_leased(s.w[0], "db/n", LK_X, LEASE);
	pass(&s, LEASE - 1);
	expect_events(&s, 0);
	pass(&s, 1);
	expect_events(&s, 1);
	lease_stage_close(&s);
}

static int
count_hooked(void *arg, const struct lk_event *e)
{
	unsigned *n = arg;

	must(e->kind == LK_EVENT_EXPIRE && e->sequence != 0 && e->grant != 0);
	++*n;
	return 0;
}

static void
keep_line(void *arg, enum lk_log_level level, const char *line)
{
	char *kept = arg;

	if (level == LK_LOG_WARN)
		(void)snprintf(kept, 256, "%s", line);
}

Test(loss, is_told_to_the_hook_and_the_log)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w;
	char line[256] = "";
	unsigned n = 0;

	test_world_init(&world);
	world.manual = true;
	cfg.environment = &world.environment;
	cfg.flags = LK_MANUAL;
	cfg.events = LK_EVENT_EXPIRE;
	cfg.on_event = count_hooked;
	cfg.on_event_arg = &n;
	cfg.log_level = LK_LOG_WARN;
	cfg.on_log = keep_line;
	cfg.on_log_arg = line;
	ok(lk_open(NULL, &cfg, &m));
	open_owners(m, &w, 1);
	take_leased(w, "db/n", LK_X, LEASE);
	test_world_advance(&world, LEASE);
	ok(lk_serve(m, NULL));
	cr_expect_eq(n, 1);
	cr_expect(strncmp(line, "expire db/n, X, LK_E_LOST", 25) == 0, "%s", line);
	close_all(m, &w, 1);
}

/* ------------------------------------------------------------------------- notices */

struct caller {
	struct lk_manager *m;
	struct lk_owner *w;
	lk_grant g;
	unsigned n;
	bool closes;
};

static void
call_back(void *arg, const struct lk_notice *notice)
{
	struct caller *c = arg;

	c->n++;
	must(notice->owner == c->w && notice->grant == c->g);
	must(notice->name_len == 1 && notice->name[0] == 'n');
	if (notice->kind == LK_NOTICE_SUSPECT && !c->closes) {
		must(lk_renew(c->w, c->g, 0) == 0);
	} else if (c->closes) {
		must(lk_owner_close(c->w) == 0);
		c->w = NULL;
	} else {
		must(lk_release(c->w, c->g) == LK_E_LOST);
		must(lk_try_acquire(c->w, "other", LK_X, NULL) == 0);
	}
}

Test(loss, notices_may_use_the_owner)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct caller c = { .n = 0 };
	static struct lease_stage s;

	lease_stage_open(&s, NULL);
	o.on_notice = call_back;
	o.notice_arg = &c;
	ok(lk_owner_open(s.m, &o, &c.w));
	c.g = take_leased(c.w, "n", LK_X, LEASE);
	for (int i = 0; i < 5; i++) {
		pass(&s, 70000);
		ok(lk_check(c.w, c.g)); /* it renewed */
	}
	test_world_advance(&s.world, 200000);
	serve(&s);
	cr_expect_eq(c.n, 6);
	cr_expect_eq(holds(c.w, "other"), LK_X);
	ok(lk_owner_close(c.w));
	lease_stage_close(&s);
}

Test(loss, notices_may_close_the_owner)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct caller c = { .closes = true };
	static struct lease_stage s;

	lease_stage_open(&s, NULL);
	o.on_notice = call_back;
	o.notice_arg = &c;
	ok(lk_owner_open(s.m, &o, &c.w));
	c.g = take_leased(c.w, "n", LK_X, LEASE);
	pass(&s, 70000);
	cr_expect_eq(c.n, 1);
	cr_expect_null(c.w);
	cr_expect(is_open_to(s.w[0], "n", LK_X));
	pass(&s, 70000);
	cr_expect_eq(c.n, 1);
	lease_stage_close(&s);
}

struct slow {
	atomic_bool inside;
	atomic_bool go_on;
	atomic_bool closed;
	atomic_uint after;
};

static void
be_slow(void *arg, const struct lk_notice *notice)
{
	struct slow *s = arg;

	(void)notice;
	if (atomic_load(&s->closed))
		atomic_fetch_add(&s->after, 1);
	atomic_store(&s->inside, true);
	while (!atomic_load(&s->go_on))
		sched_yield();
	if (atomic_load(&s->closed))
		atomic_fetch_add(&s->after, 1);
}

static void
let_go_on(void *arg, unsigned index)
{
	struct slow *s = arg;

	(void)index;
	for (int i = 0; i < 1000; i++)
		sched_yield();
	atomic_store(&s->go_on, true);
}

/* With the real thread. */
Test(loss, a_close_waits_for_the_notice_that_is_being_told)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct slow slow = { .inside = false };
	struct lk_manager *m = open_manager(NULL);
	struct test_thread thread;
	struct lk_owner *w;

	o.on_notice = be_slow;
	o.notice_arg = &slow;
	ok(lk_owner_open(m, &o, &w));
	take_leased(w, "n", LK_X, 1000000);
	wait_until(atomic_load(&slow.inside));
	test_spawn(&thread, 1, let_go_on, &slow);
	ok(lk_owner_close(w));
	atomic_store(&slow.closed, true);
	test_join(&thread, 1);
	ok(lk_close(m));
	cr_expect_eq(atomic_load(&slow.after), 0);
}

/* -------------------------------------------------------------------- waits, threads, ends */

Test(loss, reaches_an_owner_that_waits_for_something_else)
{
	static struct lease_stage s;
	struct asker a;
	lk_grant g;

	lease_stage_open(&s, "memory:?deadlock_delay_ns=off");
	g = take_leased(s.w[0], "n", LK_X, LEASE);
	take(s.w[1], "other", LK_X);
	ask(s.m, &a, s.w[0], "other", LK_X);
	pass(&s, LEASE);
	wait_until(is_open_to(s.w[2], "n", LK_X));
	cr_expect_not(is_answered(&a), "it goes on waiting");
	ok(lk_release_all(s.w[1]));
	granted(&a);
	serve(&s);
	expect_told(&s.told[0], 0, LK_NOTICE_LOST, g);
	is(lk_release(s.w[0], g), LK_E_LOST);
	lease_stage_close(&s);
}

Test(loss, ends_the_conversion_that_waits)
{
	static struct lease_stage s;
	struct asker a;
	lk_grant g;

	lease_stage_open(&s, "memory:?deadlock_delay_ns=off");
	g = take_leased(s.w[0], "db/n", LK_S, LEASE);
	take(s.w[1], "db/n", LK_S);
	ask_convert(s.m, &a, s.w[0], g, LK_X);
	pass(&s, LEASE);
	is(answer(&a), LK_E_LOST);
	cr_expect_eq(stats_of(s.m).waiting, 0);
	cr_expect_eq(stats_of(s.m).holds, 2, "what the other one has");
	lease_stage_close(&s);
}

Test(loss, lets_the_deadline_of_a_request_that_waits_be)
{
	static struct lease_stage s;
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 3 * LEASE };
	struct asker a;

	lease_stage_open(&s, "memory:?deadlock_delay_ns=off");
	take_leased(s.w[0], "n", LK_X, LEASE);
	take(s.w[1], "other", LK_X);
	ask_with(s.m, &a, s.w[0], "other", LK_X, &o);
	pass(&s, LEASE);
	wait_until(is_open_to(s.w[2], "n", LK_X));
	pass(&s, 2 * LEASE);
	is(answer(&a), LK_E_TIMEDOUT);
	lease_stage_close(&s);
}

Test(loss, ends_with_the_shutdown)
{
	static struct lease_stage s;
	struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	lk_grant g;

	lease_stage_open(&s, "memory:?lock_delay_ns=1000000");
	g = take_leased(s.w[0], "a", LK_X, LEASE);
	take_leased(s.w[1], "b", LK_X, 2 * LEASE);
	pass(&s, LEASE);
	cr_expect_eq(stats_of(s.m).holds, 2, "one of them kept");
	ok(lk_shutdown(s.m, &now));
	cr_expect_eq(stats_of(s.m).holds, 0);
	is(lk_release(s.w[0], g), LK_E_LOST);
	cr_expect_eq(next_due(&s), LK_OFF);
	lease_stage_close(&s);
}

static void
take_and_end(void *arg, unsigned index)
{
	struct lk_options o = { .size = sizeof(o), .lease_ns = UINT64_C(1) << 40 };
	struct lk_manager *m = arg;

	(void)index;
	must(lk_acquire(lk_self(m), "n", LK_X, &o, NULL) == 0);
}

Test(loss, does_not_come_after_the_thread_has_ended)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g;

	test_threads(1, take_and_end, m);
	open_owners(m, &w, 1);
	g = take(w, "n", LK_X);
	cr_expect_eq(grant_info(w, g).flags & LK_OWNER_DIED, LK_OWNER_DIED);
	close_all(m, &w, 1);
}

/* ---------------------------------------------------------------------- the lock delay */

static void
expect_delay(const char *name, const char *above)
{
	static struct lease_stage s;
	lk_grant g;

	lease_stage_open(&s, "memory:?lock_delay_ns=50000");
	g = take_leased(s.w[0], name, LK_X, LEASE);
	pass(&s, LEASE);
	is(lk_check(s.w[0], g), LK_E_LOST);
	cr_expect_not(is_open_to(s.w[1], name, LK_IS));
	cr_expect_not(is_open_to(s.w[1], above, LK_X));
	is(lk_release(s.w[0], g), LK_E_LOST);
	pass(&s, 49999);
	cr_expect_not(is_open_to(s.w[1], name, LK_IS));
	pass(&s, 1);
	cr_expect(is_open_to(s.w[1], name, LK_X));
	cr_expect(is_open_to(s.w[1], above, LK_X));
	cr_expect_eq(stats_of(s.m).holds, 0);
	cr_expect_eq(next_due(&s), LK_OFF);
	lease_stage_close(&s);
}

Test(delay, keeps_others_from_what_was_lost)
{
	expect_delay("n", "n");
	expect_delay("db/table/row", "db");
}

Test(delay, does_not_follow_a_release)
{
	static struct lease_stage s;
	lk_grant g;

	lease_stage_open(&s, "memory:?lock_delay_ns=50000");
	g = take_leased(s.w[0], "n", LK_X, LEASE);
	ok(lk_release(s.w[0], g));
	cr_expect(is_open_to(s.w[1], "n", LK_X));
	lease_stage_close(&s);
}

Test(delay, lets_the_same_owner_back_with_a_new_fence)
{
	static struct lease_stage s;
	lk_grant g;
	lk_grant h;

	lease_stage_open(&s, "memory:?lock_delay_ns=50000");
	g = take_leased(s.w[0], "db/n", LK_X, LEASE);
	pass(&s, LEASE);
	h = take(s.w[0], "db/n", LK_X);
	cr_expect_gt(lk_fence(s.w[0], h), lk_fence(s.w[0], g));
	cr_expect_not(is_open_to(s.w[1], "db/n", LK_IS));
	ok(lk_release(s.w[0], h));
	cr_expect(is_open_to(s.w[1], "db/n", LK_X), "a release is no loss");
	is(lk_release(s.w[0], g), LK_E_LOST);
	cr_expect_eq(next_due(&s), LK_OFF);
	cr_expect_eq(stats_of(s.m).holds, 0);
	lease_stage_close(&s);
}

Test(delay, goes_on_below_a_weaker_grant_of_the_same_owner)
{
	static struct lease_stage s;
	lk_grant h;

	lease_stage_open(&s, "memory:?lock_delay_ns=50000");
	take_leased(s.w[0], "n", LK_X, LEASE);
	pass(&s, LEASE);
	h = take(s.w[0], "n", LK_S);
	cr_expect_not(is_open_to(s.w[1], "n", LK_S));
	pass(&s, 50000);
	cr_expect(is_open_to(s.w[1], "n", LK_S));
	ok(lk_check(s.w[0], h));
	lease_stage_close(&s);
}

Test(delay, outlives_the_owner)
{
	static struct lease_stage s;
	struct lk_owner *w;

	lease_stage_open(&s, "memory:?lock_delay_ns=50000");
	open_owners(s.m, &w, 1);
	take_leased(w, "db/n", LK_X, LEASE);
	take_leased(w, "db/m", LK_S, LEASE);
	pass(&s, LEASE);
	ok(lk_owner_close(w));
	is(lk_owner_close(w), LK_E_STALE);
	is(lk_owner_cancel(w), LK_E_STALE);
	cr_expect_eq(stats_of(s.m).owners, STAGE_OWNERS);
	cr_expect_not(is_open_to(s.w[1], "db/n", LK_IS));
	cr_expect(is_open_to(s.w[1], "db/m", LK_S));
	pass(&s, 49999);
	cr_expect_not(is_open_to(s.w[1], "db/n", LK_IS));
	pass(&s, 1);
	cr_expect(is_open_to(s.w[1], "db", LK_X));
	cr_expect_eq(stats_of(s.m).holds, 0);
	lease_stage_close(&s);
}

Test(delay, does_not_keep_a_manager_from_closing)
{
	static struct lease_stage s;
	struct lk_owner *w;

	lease_stage_open(&s, "memory:?lock_delay_ns=50000");
	open_owners(s.m, &w, 1);
	take_leased(w, "db/n", LK_X, LEASE);
	pass(&s, LEASE);
	ok(lk_owner_close(w));
	lease_stage_close(&s);
}

Test(delay, holds_who_waits_that_long)
{
	static struct lease_stage s;
	struct asker a;

	lease_stage_open(&s, "memory:?lock_delay_ns=50000&deadlock_delay_ns=off");
	take_leased(s.w[0], "n", LK_X, LEASE);
	ask(s.m, &a, s.w[1], "n", LK_X);
	pass(&s, LEASE);
	pass(&s, 49999);
	cr_expect_not(is_answered(&a));
	pass(&s, 1);
	granted(&a);
	lease_stage_close(&s);
}

/* ---------------------------------------------------------------------- races, with the real thread */

struct race {
	struct lk_manager *m;
	atomic_uint lost;
	atomic_uint held;
};

static void
run_race(void *arg, unsigned index)
{
	static const char *const names[] = { "n", "db/n", "db" };
	struct race *r = arg;
	uint64_t seed = index + 1;
	struct lk_owner *w;

	must(lk_owner_open(r->m, NULL, &w) == 0);
	for (int i = 0; i < 2000; i++) {
		struct lk_options o = { .size = sizeof(o) };
		const char *name = names[test_random(&seed) % 3];
		lk_grant g[2];
		int rc;

		o.lease_ns = 1000 + test_random(&seed) % 60000;
		o.flags = test_random(&seed) % 4 == 0 ? LK_RENEW : 0;
		o.timeout_ns = 20000000;
		rc = lk_acquire(w, name, test_random(&seed) % 2 ? LK_X : LK_S, &o, &g[0]);
		must(rc == 0 || rc == LK_E_TIMEDOUT || rc == LK_E_DEADLOCK ||
		     rc == LK_E_CONVERSION_DEADLOCK);
		if (rc != 0)
			continue;
		rc = lk_acquire(w, names[test_random(&seed) % 3], LK_X, &o, &g[1]);
		if (rc == 0) {
			rc = lk_renew(w, g[1], 0);
			must(rc == 0 || rc == LK_E_LOST);
			rc = lk_convert(w, g[1], LK_S, NULL);
			must(rc == 0 || rc == LK_E_LOST);
			rc = lk_release(w, g[1]);
			must(rc == 0 || rc == LK_E_LOST);
		}
		rc = lk_release(w, g[0]);
		must(rc == 0 || rc == LK_E_LOST);
		atomic_fetch_add(rc == 0 ? &r->held : &r->lost, 1);
		if (test_random(&seed) % 16 == 0) {
			must(lk_owner_close(w) == 0);
			must(lk_owner_open(r->m, NULL, &w) == 0);
		}
	}
	must(lk_owner_close(w) == 0);
}

Test(loss, races_with_everything_else, .timeout = 120)
{
	struct race r = { .m = open_manager(
				  "memory:?lock_delay_ns=1000&deadlock_delay_ns=100000") };

	test_threads(4, run_race, &r);
	cr_expect_gt(atomic_load(&r.held) + atomic_load(&r.lost), 0);
	wait_until(stats_of(r.m).holds == 0);
	ok(lk_close(r.m));
}
