/* SPDX-License-Identifier: MIT */
/* The locks of a store moved to another, with managers at work in it, and movers that end in the middle. */
#include <latchkey/breaker.h>
#include <latchkey/migrate.h>

#include "stores.h"

/* Stores for tests are gone with the last who has them open. */
struct both {
	struct lk_store *keeps[2];
};

static void
both_open(struct both *b)
{
	b->keeps[0] = open_vandal("test:old?as=vandal");
	b->keeps[1] = open_vandal("test:new?as=vandal");
}

static void
both_close(struct both *b)
{
	lk_store_close(b->keeps[0]);
	lk_store_close(b->keeps[1]);
}

static struct lk_manager *
open_in(const char *store, char as, struct lk_owner **w)
{
	struct lk_manager *m;
	char url[96];

	snprintf(url, sizeof(url), "test:%s?as=%c&breaker_threshold=off&poll_max_ns=10ms", store,
		 as);
	m = open_manager(url);
	open_owners(m, w, 1);
	return m;
}

static void
open_is(const char *url, int code, const char *word)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_manager *m;
	char why[256];

	cfg.report = why;
	cfg.report_cap = sizeof(why);
	is(lk_open(url, &cfg, &m), code);
	cr_expect_not_null(strstr(why, word), "\"%s\" does not say %s", why, word);
}

/* With some patience, and what it says. */
static int
migrate(const char *from, const char *to, struct lk_migration *out)
{
	static char why[512];

	*out = (struct lk_migration){ .size = sizeof(*out),
				      .report = why,
				      .report_cap = sizeof(why),
				      .timeout_ns = 60 * SECOND };
	return lk_migrate(from, to, out);
}

static void
migrates(const char *from, const char *to)
{
	struct lk_migration how;
	int rc = migrate(from, to, &how);

	cr_assert_eq(rc, 0, "%s: %s", lk_errname(rc), how.report);
	cr_expect_str_eq(how.report, "");
}

static uint64_t
fence_in(const char *store, const char *name)
{
	struct lk_owner *w;
	struct lk_manager *m = open_in(store, 'z', &w);
	lk_grant g = get(w, name, LK_X);
	const uint64_t fence = grant_info(w, g).fence;

	give(w, g);
	close_all(m, &w, 1);
	return fence;
}

Test(migrate, of_an_empty_store)
{
	struct both b;

	both_open(&b);
	migrates("test:old", "test:new");
	open_is("test:old", LK_E_MOVED, "test:new");
	cr_expect_gt(fence_in("new", "n"), 0);
	both_close(&b);
}

Test(migrate, takes_fences_and_values_along)
{
	struct both b;
	struct lk_migration how;
	struct lk_manager *m;
	struct lk_owner *w;
	struct lk_value v;
	uint64_t fence[2], version;
	lk_grant g;

	both_open(&b);
	m = open_in("old", 'a', &w);
	g = get(w, "plain", LK_X);
	fence[0] = grant_info(w, g).fence;
	give(w, g);
	g = get(w, "value/of", LK_X);
	fence[1] = grant_info(w, g).fence;
	ok(lk_value_write(w, g, "kept", 4));
	v = (struct lk_value){ .size = sizeof(v) };
	ok(lk_value_read(w, g, &v));
	version = v.version;
	give(w, g);
	ok(lk_acquire_id(w, 77, LK_X, NULL, &g));
	give(w, g);
	close_all(m, &w, 1);
	ok(migrate("test:old?linger_ns=off", "test:new?ttl_ns=5s", &how));
	cr_expect_eq(how.names, 4);
	cr_expect_eq(how.copied, 1);
	cr_expect_eq(how.attempts, 1);
	cr_expect_gt(fence_in("new", "plain"), fence[0]);
	cr_expect_gt(fence_in("new", "value/of"), fence[1]);
	m = open_in("new", 'a', &w);
	g = get(w, "value/of", LK_X);
	ok(lk_value_read(w, g, &v));
	cr_expect_eq(v.version, version);
	cr_expect_eq(v.len, 4);
	cr_expect_eq(memcmp(v.bytes, "kept", 4), 0);
	cr_expect_eq(v.flags & LK_VALUE_INVALID, 0);
	ok(lk_value_write(w, g, "new", 3));
	ok(lk_value_read(w, g, &v));
	cr_expect_gt(v.version, version);
	give(w, g);
	close_all(m, &w, 1);
	both_close(&b);
}

/* A detached grant has its lease anew, and is what it was. */
Test(migrate, takes_detached_grants_along)
{
	struct lk_options o = { .size = sizeof(o), .lease_ns = 3600 * SECOND };
	char token[LK_TOKEN_MAX];
	struct both b;
	struct lk_migration how;
	struct lk_manager *m;
	struct lk_owner *w;

	both_open(&b);
	m = open_in("old", 'a', &w);
	ok(lk_detach(m, "jobs/17", LK_X, &o, token, sizeof(token)));
	close_all(m, &w, 1);
	ok(migrate("test:old", "test:new", &how));
	cr_expect_eq(how.tokens, 1);
	m = open_in("new", 'a', &w);
	is(lk_try_acquire(w, "jobs/17", LK_S, NULL), LK_E_BUSY);
	ok(lk_token_check(m, token));
	ok(lk_token_renew(m, token, 0));
	ok(lk_token_release(m, token));
	give(w, take(w, "jobs/17", LK_X));
	close_all(m, &w, 1);
	both_close(&b);
}

struct mover {
	const char *from, *to;
	struct lk_migration how;
	char why[512];
	int rc;
	pthread_t thread;
};

static void *
run_mover(void *arg)
{
	struct mover *v = arg;

	v->rc = lk_migrate(v->from, v->to, &v->how);
	return NULL;
}

static void
start(struct mover *v, const char *from, const char *to, uint64_t freeze_ns)
{
	*v = (struct mover){ .from = from, .to = to };
	v->how = (struct lk_migration){ .size = sizeof(v->how),
					.timeout_ns = 60 * SECOND,
					.freeze_ns = freeze_ns,
					.report = v->why,
					.report_cap = sizeof(v->why) };
	cr_assert_eq(pthread_create(&v->thread, NULL, run_mover, v), 0);
}

static void
finishes(struct mover *v, int rc)
{
	pthread_join(v->thread, NULL);
	cr_assert_eq(v->rc, rc, "%s: %s", lk_errname(v->rc), v->why);
}

/* Somebody holds the name; who asks for others waits, and all go on where they are not moved. */
Test(migrate, waits_for_who_holds_a_lock)
{
	struct both b;
	struct mover v;
	struct lk_manager *m;
	struct lk_owner *w;
	char why[200];
	lk_grant g;

	both_open(&b);
	m = open_in("old", 'a', &w);
	g = get(w, "held", LK_X);
	give(w, get(w, "kept", LK_X));
	start(&v, "test:old", "test:new", 20000000);
	for (int i = 0; i < 20; i++) { /* it lets go in between */
		give(w, get(w, "other", LK_X));
		ok(lk_check(w, g));
	}
	while (record_len(b.keeps[1], "f", LK_STORE_DURABLE) <= sizeof(uint64_t))
		sched_yield(); /* until it is claimed */
	open_is("test:new", LK_E_BUSY, "moved here");
	is(lk_stored_set(b.keeps[1], "timeout_ns", "5s", why, sizeof(why)), LK_E_BUSY);
	cr_expect_not_null(strstr(why, "moved here, from test:old"), "%s", why);
	wait_until(lk_stored_set(b.keeps[0], "timeout_ns", "5s", why, sizeof(why)) == LK_E_BUSY);
	cr_expect_not_null(strstr(why, "moved to test:new"), "%s", why);
	give(w, g);
	finishes(&v, 0);
	is(lk_stored_set(b.keeps[0], "timeout_ns", "5s", why, sizeof(why)), LK_E_MOVED);
	cr_expect_not_null(strstr(why, "in test:new"), "%s", why);
	ok(lk_stored_set(b.keeps[1], "timeout_ns", "5s", why, sizeof(why)));
	is(lk_acquire(w, "held", LK_X, NULL, NULL), LK_E_MOVED);
	is(lk_try_acquire(w, "unheard of", LK_S, NULL), LK_E_MOVED);
	close_all(m, &w, 1);
	cr_expect_gt(fence_in("new", "held"), 0);
	both_close(&b);
}

/* The mover has frozen something, and waits for who holds a lock, when it is over with him. */
static void
leave_in_the_middle(struct both *b)
{
	struct lk_manager *m;
	struct lk_owner *w;
	struct mover v;
	lk_grant g;

	m = open_in("old", 'a', &w);
	g = get(w, "held", LK_X);
	start(&v, "test:old?as=mover", "test:new?as=mover", 60 * SECOND);
	wait_until(lk_stored_set(b->keeps[0], "timeout_ns", "7s", NULL, 0) == LK_E_BUSY);
	ok(lk_test_store_crash("old", "mover"));
	ok(lk_test_store_crash("new", "mover"));
	pthread_join(v.thread, NULL);
	cr_assert_neq(v.rc, 0);
	is(lk_release(w, g), 0);
	close_all(m, &w, 1);
}

/* Nothing that is stored while somebody moves the locks is lost; by one who died in the middle nobody is kept.  (MV2) */
Test(migrate, that_was_left_lets_settings_be_stored)
{
	struct both b;
	struct lk_migration how;
	struct lk_manager *m;
	char text[LK_CONFIG_TEXT_MAX];
	char why[200];

	both_open(&b);
	leave_in_the_middle(&b);
	ok(lk_stored_set(b.keeps[0], "timeout_ns", "5s", why, sizeof(why)));
	ok(migrate("test:old", "test:new", &how));
	m = open_manager("test:new");
	ok(lk_config_get(m, "timeout_ns", text, sizeof(text)));
	cr_expect_str_eq(text, "5000000000");
	ok(lk_close(m));
	both_close(&b);
}

struct waiter {
	struct lk_manager *m;
	struct lk_owner *w;
	const char *name;
	int rc;
	pthread_t thread;
};

static void *
wait_for_it(void *arg)
{
	struct waiter *q = arg;

	q->rc = lk_acquire(q->w, q->name, LK_X, NULL, NULL);
	if (q->rc == 0) /* it came before the mover */
		must(lk_release_all(q->w) == 0);
	return NULL;
}

static bool
is_in_line(const struct lk_manager *m)
{
	return stats_of((struct lk_manager *)(uintptr_t)m).waiting != 0;
}

/* Who waits behind the mover hears that it has moved; nobody waits for ever. */
Test(migrate, tells_those_who_wait)
{
	struct both b;
	struct mover v;
	struct lk_manager *m[2];
	struct lk_owner *w[2];
	struct waiter q[2];
	size_t alone;
	lk_grant g;

	both_open(&b);
	m[0] = open_in("old", 'a', &w[0]);
	m[1] = open_in("old", 'b', &w[1]);
	g = get(w[0], "n", LK_X);
	alone = record_len(b.keeps[0], "nn", 0);
	start(&v, "test:old", "test:new", 60 * SECOND);
	while (record_len(b.keeps[0], "nn", 0) == alone) /* the mover is in its line */
		sched_yield();
	for (int i = 0; i < 2; i++) {
		q[i] = (struct waiter){ .m = m[i], .name = "n" };
		open_owners(m[i], &q[i].w, 1);
		cr_assert_eq(pthread_create(&q[i].thread, NULL, wait_for_it, &q[i]), 0);
		while (!is_in_line(m[i]))
			sched_yield();
	}
	give(w[0], g);
	finishes(&v, 0);
	for (int i = 0; i < 2; i++) {
		pthread_join(q[i].thread, NULL);
		cr_expect(q[i].rc == 0 || q[i].rc == LK_E_MOVED, "%s", lk_errname(q[i].rc));
		close_owners(&q[i].w, 1);
		close_all(m[i], &w[i], 1);
	}
	both_close(&b);
}

/* … it is given up: all is as it was, and nobody is told that a writer died, as the mover wrote nothing. */
Test(migrate, is_given_up_when_a_lock_is_held_for_too_long)
{
	struct both b;
	struct lk_migration how;
	struct lk_manager *m;
	struct lk_owner *w;
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 60 * SECOND };
	char why[256];
	lk_grant g;

	both_open(&b);
	m = open_in("old", 'a', &w);
	g = get(w, "held", LK_S);
	give(w, get(w, "free", LK_X));
	how = (struct lk_migration){ .size = sizeof(how),
				     .timeout_ns = 100000000,
				     .freeze_ns = 10000000,
				     .report = why,
				     .report_cap = sizeof(why) };
	do { /* on a busy machine it may be over before the name that is free was looked at */
		is(lk_migrate("test:old", "test:new", &how), LK_E_TIMEDOUT);
		how.timeout_ns *= 2;
	} while (how.in_use != 1);
	cr_expect_not_null(strstr(why, "1 of 2 names"), "%s", why);
	ok(lk_check(w, g));
	ok(lk_acquire(w, "free", LK_X, &o, NULL));
	ok(lk_acquire(w, "new name", LK_X, &o, NULL));
	ok(lk_release_all(w));
	ok(lk_acquire(w, "held", LK_X, &o, &g));
	cr_expect_eq(grant_info(w, g).flags & LK_OWNER_DIED, 0);
	ok(lk_release_all(w));
	close_all(m, &w, 1);
	cr_expect_gt(fence_in("new", "n"), 0); /* and that one is open to all */
	both_close(&b);
}

/* … also the numbers of names in the new one that nobody uses: they go on from where they were. */
Test(migrate, that_is_given_up_takes_no_numbers_back)
{
	struct both b;
	struct lk_migration how = { .size = sizeof(how),
				    .timeout_ns = 100000000,
				    .freeze_ns = 10000000 };
	struct lk_manager *m;
	struct lk_owner *w;
	uint64_t fence = 0;

	both_open(&b);
	for (int i = 0; i < 5; i++)
		fence = fence_in("new", "n");
	m = open_in("old", 'a', &w);
	(void)get(w, "held", LK_S);
	is(lk_migrate("test:old", "test:new", &how), LK_E_TIMEDOUT);
	cr_expect_gt(fence_in("new", "n"), fence);
	ok(lk_release_all(w));
	close_all(m, &w, 1);
	both_close(&b);
}

Test(migrate, refuses_a_store_in_use_or_with_locks)
{
	struct both b;
	struct lk_migration how;
	struct lk_manager *m;
	struct lk_owner *w;
	lk_grant g;

	both_open(&b);
	m = open_in("new", 'a', &w);
	is(migrate("test:old", "test:new", &how), LK_E_BUSY);
	cr_expect_not_null(strstr(how.report, "in use"), "%s", how.report);
	g = get(w, "n", LK_X);
	ok(lk_value_write(w, g, "v", 1));
	give(w, g);
	close_all(m, &w, 1);
	is(migrate("test:old", "test:new", &how), LK_E_BUSY);
	cr_expect_not_null(strstr(how.report, "locks or values"), "%s", how.report);
	m = open_in("new", 'a', &w); /* it was left as it was */
	give(w, get(w, "n", LK_X));
	close_all(m, &w, 1);
	cr_expect_gt(fence_in("old", "n"), 0);
	both_close(&b);
}

Test(migrate, refuses_what_makes_no_sense)
{
	struct both b;
	struct lk_migration how;

	both_open(&b);
	is(lk_migrate(NULL, "test:new", NULL), LK_E_INVAL);
	is(lk_migrate("test:old", NULL, NULL), LK_E_INVAL);
	is(migrate("test:old", "test:old", &how), LK_E_INVAL);
	cr_expect_not_null(strstr(how.report, "one store"), "%s", how.report);
	is(migrate("memory:", "test:old", &how), LK_E_UNSUPPORTED);
	is(migrate("test:old", "nonsense", &how), LK_E_INVAL);
	how = (struct lk_migration){ .size = sizeof(how), .flags = 0x80 };
	is(lk_migrate("test:old", "test:new", &how), LK_E_INVAL);
	how = (struct lk_migration){ .size = 2 };
	is(lk_migrate("test:old", "test:new", &how), LK_E_INVAL);
	cr_expect_gt(fence_in("old", "n"), 0);
	both_close(&b);
}

Test(migrate, may_be_run_again_and_back)
{
	struct both b;
	struct lk_migration how;
	struct lk_store *third = open_vandal("test:third");
	uint64_t fence[3];

	both_open(&b);
	fence[0] = fence_in("old", "n");
	migrates("test:old", "test:new");
	migrates("test:old", "test:new");
	is(migrate("test:old", "test:third", &how), LK_E_MOVED);
	cr_expect_not_null(strstr(how.report, "test:new"), "%s", how.report);
	fence[1] = fence_in("new", "n");
	migrates("test:new", "test:old");
	open_is("test:new", LK_E_MOVED, "test:old");
	fence[2] = fence_in("old", "n");
	cr_expect_lt(fence[0], fence[1]);
	cr_expect_lt(fence[1], fence[2]);
	migrates("test:old", "test:third");
	cr_expect_lt(fence[2], fence_in("third", "n"));
	lk_store_close(third);
	both_close(&b);
}

Test(migrate, only_looks_if_told_so)
{
	struct both b;
	struct lk_migration how = { .size = sizeof(how), .flags = LK_MIGRATE_DRY_RUN };
	struct lk_manager *m;
	struct lk_owner *w;
	lk_grant g;

	both_open(&b);
	m = open_in("old", 'a', &w);
	g = get(w, "held", LK_X);
	ok(lk_migrate("test:old", "test:new", &how));
	cr_expect_eq(how.names, 1);
	cr_expect_eq(how.in_use, 1);
	ok(lk_check(w, g));
	give(w, g);
	give(w, get(w, "other", LK_X));
	close_all(m, &w, 1);
	cr_expect_gt(fence_in("new", "n"), 0);
	cr_expect_gt(fence_in("old", "n"), 0);
	both_close(&b);
}

/* A damaged record: it is found out, and all is as it was. */
Test(migrate, stops_at_damage)
{
	struct both b;
	struct lk_migration how;

	both_open(&b);
	(void)fence_in("old", "good");
	put_record(b.keeps[0], "nbad", "no record", 9, 0);
	is(migrate("test:old", "test:new", &how), LK_E_CORRUPT);
	put_record(b.keeps[0], "nbad", NULL, 0, 0);
	cr_expect_gt(fence_in("old", "good"), 0);
	cr_expect_gt(fence_in("new", "n"), 0);
	migrates("test:old", "test:new");
	both_close(&b);
}

/* Two at once: one of them does it, or neither; and never are both stores open. */
Test(migrate, by_two_at_once)
{
	for (int i = 0; i < 10; i++) {
		struct both b;
		struct mover v[2];
		int done;

		both_open(&b);
		(void)fence_in("old", "n");
		start(&v[0], "test:old", "test:new", 0);
		start(&v[1], i % 2 == 0 ? "test:old" : "test:new",
		      i % 2 == 0 ? "test:new" : "test:old", 0);
		for (int k = 0; k < 2; k++)
			pthread_join(v[k].thread, NULL);
		done = (v[0].rc == 0) + (v[1].rc == 0);
		for (int k = 0; k < 2; k++)
			cr_expect(v[k].rc == 0 || v[k].rc == LK_E_BUSY || v[k].rc == LK_E_MOVED,
				  "%s: %s", lk_errname(v[k].rc), v[k].why);
		if (i % 2 == 0 && done != 0)
			open_is("test:old", LK_E_MOVED, "test:new");
		if (done == 0)
			cr_expect_gt(fence_in("old", "n"), 0);
		both_close(&b);
	}
}

Test(migrate, without_memory_changes_nothing)
{
	static struct test_heap heap;
	struct both b;
	int rc = LK_E_NOMEM;

	both_open(&b);
	(void)fence_in("old", "n");
	for (uint64_t n = 1; rc != 0; n++) {
		struct lk_migration how = { .size = sizeof(how) };

		test_heap_init(&heap);
		how.allocator = &heap.allocator;
		test_heap_fail(&heap, n, false);
		rc = lk_migrate("test:old", "test:new", &how);
		cr_assert(rc == 0 || rc == LK_E_NOMEM, "%s", lk_errname(rc));
		cr_assert_eq(atomic_load(&heap.bytes), 0);
		if (rc != 0)
			cr_assert_gt(fence_in("old", "n"), 0);
	}
	open_is("test:old", LK_E_MOVED, "test:new");
	both_close(&b);
}
