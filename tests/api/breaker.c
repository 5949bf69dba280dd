/* SPDX-License-Identifier: MIT */
/*
 * A manager whose store fails: requests that need it end at once, what it has goes on, and it begins again by itself.  Time stands
 * still but for where a test moves it, and nothing is done but what the test serves.
 */
#include <latchkey/breaker.h>

#include "stores.h"

struct broken {
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w[2];
};

static void
open_broken(struct broken *b, const char *parameters)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	char url[160];

	test_world_init(&b->world);
	b->world.manual = true;
	b->world.time_ns = SECOND;
	cfg.environment = &b->world.environment;
	cfg.flags = LK_MANUAL;
	snprintf(url, sizeof(url), "test:pair?as=a%s", parameters);
	ok(lk_open(url, &cfg, &b->m));
	open_owners(b->m, b->w, 2);
}

static void
serve(struct broken *b)
{
	ok(lk_serve(b->m, NULL));
}

static void
pass(struct broken *b, uint64_t ns)
{
	test_world_advance(&b->world, ns);
	serve(b);
}

static struct lk_breaker
status(struct lk_manager *m, const char *name)
{
	struct lk_breaker s = { .size = sizeof(s) };

	ok(lk_breaker_status(m, name, name != NULL ? strlen(name) : 0, &s));
	return s;
}

/* Until it is open: the codes before that are the store's. */
static void
open_by_failing(struct broken *b, unsigned times)
{
	unsigned n = 0;

	cut_off("a", true);
	while (status(b->m, NULL).state == LK_BREAKER_CLOSED) {
		is(lk_try_acquire(b->w[0], "n", LK_S, NULL), LK_E_STORE);
		cr_assert_le(++n, times);
	}
	is(lk_try_acquire(b->w[0], "n", LK_S, NULL), LK_E_BREAKER);
}

Test(breaker, refuses_at_once_what_needs_the_store)
{
	struct broken b;
	struct lk_breaker s;

	open_broken(&b, "");
	open_by_failing(&b, 5);
	s = status(b.m, NULL);
	cr_expect_eq(s.state, LK_BREAKER_OPEN);
	cr_expect_eq(s.failures, 5);
	cr_expect_eq(s.opened, 1);
	cr_expect_eq(s.next_attempt_ns, 30 * SECOND);
	cr_expect_eq(s.last_code, LK_E_STORE);
	cr_expect_str_eq(s.store, "test:pair");
	is(lk_acquire(b.w[1], "m", LK_X, NULL, NULL), LK_E_BREAKER);
	is(lk_sweep(b.m, NULL), LK_E_BREAKER);
	cr_expect_gt(status(b.m, NULL).refused, s.refused);
	cut_off("a", false);
	is(lk_try_acquire(b.w[0], "n", LK_S, NULL), LK_E_BREAKER);
	close_all(b.m, b.w, 2);
}

Test(breaker, leaves_alone_what_the_process_has)
{
	struct broken b;
	lk_grant g;

	open_broken(&b, "");
	give(b.w[0], take(b.w[0], "kept", LK_X));
	g = take(b.w[0], "held", LK_X);
	open_by_failing(&b, 5);
	for (int i = 0; i < 10; i++)
		give(b.w[1], take(b.w[1], "kept", i % 2 != 0 ? LK_X : LK_S));
	ok(lk_check(b.w[0], g));
	give(b.w[0], g);
	give(b.w[1], take(b.w[1], "held", LK_X));
	cut_off("a", false);
	close_all(b.m, b.w, 2);
}

Test(breaker, is_closed_when_the_store_answers_after_the_time)
{
	struct broken b;

	open_broken(&b, "&breaker_reset_ns=5s&ttl_ns=3600s");
	open_by_failing(&b, 5);
	cut_off("a", false);
	test_world_advance(&b.world, 5 * SECOND);
	cr_expect_eq(status(b.m, NULL).state, LK_BREAKER_HALF_OPEN);
	give(b.w[0], take(b.w[0], "n", LK_X));
	cr_expect_eq(status(b.m, NULL).state, LK_BREAKER_CLOSED);
	cr_expect_eq(status(b.m, NULL).failures, 0);
	close_all(b.m, b.w, 2);
}

Test(breaker, is_open_for_as_long_again_if_it_does_not)
{
	struct broken b;

	open_broken(&b, "&breaker_reset_ns=5s&ttl_ns=3600s");
	open_by_failing(&b, 5);
	test_world_advance(&b.world, 5 * SECOND);
	is(lk_try_acquire(b.w[0], "n", LK_S, NULL), LK_E_STORE);
	is(lk_try_acquire(b.w[0], "n", LK_S, NULL), LK_E_BREAKER);
	cr_expect_eq(status(b.m, NULL).next_attempt_ns, 5 * SECOND);
	cr_expect_eq(status(b.m, NULL).opened, 1);
	cut_off("a", false);
	close_all(b.m, b.w, 2);
}

/* The session lives through it, and its next heartbeat makes the store be tried again, long before the time. */
Test(breaker, hears_from_the_heartbeat_that_the_store_is_back)
{
	struct broken b;
	lk_grant g;

	open_broken(&b, "&breaker_reset_ns=3600s");
	g = take(b.w[0], "held", LK_X);
	open_by_failing(&b, 5);
	for (int i = 0; i < 5; i++)
		pass(&b, 2 * SECOND); /* heartbeats, in vain */
	cr_expect_eq(status(b.m, NULL).state, LK_BREAKER_OPEN);
	cut_off("a", false);
	pass(&b, 2 * SECOND);
	pass(&b, 2 * SECOND);
	cr_expect_neq(status(b.m, NULL).state, LK_BREAKER_OPEN);
	give(b.w[1], take(b.w[1], "n", LK_X));
	cr_expect_eq(status(b.m, NULL).state, LK_BREAKER_CLOSED);
	ok(lk_check(b.w[0], g));
	pass(&b, 25 * SECOND);
	ok(lk_check(b.w[0], g));
	give(b.w[0], g);
	close_all(b.m, b.w, 2);
}

/* All was lost meanwhile: another session is begun, without anybody's asking. */
Test(breaker, begins_anew_when_the_session_is_over)
{
	struct broken b;
	lk_grant g;

	open_broken(&b, "&breaker_reset_ns=3600s");
	g = take(b.w[0], "held", LK_X);
	open_by_failing(&b, 5);
	for (int i = 0; i < 20; i++)
		pass(&b, 2 * SECOND);
	is(lk_check(b.w[0], g), LK_E_LOST);
	is(lk_release(b.w[0], g), LK_E_LOST);
	is(lk_try_acquire(b.w[1], "n", LK_S, NULL), LK_E_BREAKER);
	cut_off("a", false);
	for (int i = 0; i < 5; i++)
		pass(&b, 2 * SECOND);
	cr_expect_eq(status(b.m, NULL).state, LK_BREAKER_CLOSED);
	give(b.w[1], take(b.w[1], "n", LK_X));
	close_all(b.m, b.w, 2);
}

Test(breaker, takes_no_contention_for_a_failure)
{
	const struct lk_options o = { .size = sizeof(o), .flags = LK_NOWAIT };
	struct pair p;
	lk_grant g;

	for (int i = 0; i < 2; i++) {
		p.m[i] = open_manager(i == 0 ? "test:pair?as=a&breaker_threshold=1"
					     : "test:pair?as=b&breaker_threshold=1");
		open_owners(p.m[i], &p.w[i], 1);
	}
	g = get(p.w[0], "n", LK_X);
	for (int i = 0; i < 10; i++)
		is(lk_acquire(p.w[1], "n", LK_S, &o, NULL), LK_E_BUSY);
	cr_expect_eq(status(p.m[1], NULL).state, LK_BREAKER_CLOSED);
	cr_expect_eq(status(p.m[1], NULL).failures, 0);
	give(p.w[0], g);
	pair_close(&p);
}

/* With retries a request outlives that it is open: nobody is in the store meanwhile. */
Test(breaker, is_waited_for_by_who_tries_again)
{
	struct pair p;
	const struct lk_options o = { .size = sizeof(o),
				      .timeout_ns = 600 * SECOND,
				      .max_retries = 1u << 20 };
	const struct lk_test_faults three = { .size = sizeof(three), .fail = 900, .seed = 1 };
	const struct lk_test_faults none = { .size = sizeof(none) };
	lk_grant g;

	p.m[0] =
		open_manager("test:pair?as=a&breaker_threshold=1&breaker_reset_ns=1ms&retry_cap_ns="
			     "10ms&ttl_ns=600s");
	open_owners(p.m[0], p.w, 1);
	ok(lk_test_store_faults("pair", "a", &three));
	ok(lk_acquire(p.w[0], "n", LK_X, &o, &g));
	cr_expect_gt(status(p.m[0], NULL).opened, 0);
	ok(lk_test_store_faults("pair", "a", &none));
	give(p.w[0], g);
	close_all(p.m[0], p.w, 1);
}

/* ------------------------------------------------------------------ looking and setting */

struct rows {
	unsigned n;
	unsigned stop_at;
	char name[4][16];
};

static int
note(void *arg, const struct lk_breaker *row)
{
	struct rows *r = arg;

	cr_assert_eq(row->size, sizeof(*row));
	snprintf(r->name[r->n % 4], sizeof(r->name[0]), "%.*s", (int)row->name_len,
		 row->name != NULL ? (const char *)row->name : "");
	return ++r->n == r->stop_at ? 7 : 0;
}

Test(breaker, tells_of_names_that_fail)
{
	struct broken b;
	struct rows r = { .n = 0 };

	open_broken(&b, "");
	ok(lk_breaker_each(b.m, note, &r));
	cr_expect_eq(r.n, 1);
	cut_off("a", true);
	is(lk_try_acquire(b.w[0], "one", LK_S, NULL), LK_E_STORE);
	is(lk_try_acquire(b.w[0], "two", LK_S, NULL), LK_E_STORE);
	is(lk_acquire_id(b.w[0], 7, LK_S, NULL, NULL), LK_E_STORE);
	r.n = 0;
	ok(lk_breaker_each(b.m, note, &r));
	cr_expect_eq(r.n, 4);
	cr_expect_str_eq(r.name[0], "");
	cr_expect_str_eq(r.name[1], "one");
	cr_expect_str_eq(r.name[2], "two");
	cr_expect_eq(status(b.m, "two").failures, 1);
	cr_expect_eq(status(b.m, "two").last_code, LK_E_STORE);
	cr_expect_eq(status(b.m, "three").failures, 0);
	r = (struct rows){ .stop_at = 2 };
	is(lk_breaker_each(b.m, note, &r), 7);
	cr_expect_eq(r.n, 2);
	ok(lk_breaker_reset(b.m, "one", 3));
	cr_expect_eq(status(b.m, "one").failures, 0);
	cr_expect_eq(status(b.m, "two").failures, 1);
	cut_off("a", false);
	close_all(b.m, b.w, 2);
}

Test(breaker, is_closed_by_hand)
{
	struct broken b;

	open_broken(&b, "");
	open_by_failing(&b, 5);
	cut_off("a", false);
	ok(lk_breaker_reset(b.m, NULL, 0));
	cr_expect_eq(status(b.m, NULL).state, LK_BREAKER_CLOSED);
	give(b.w[0], take(b.w[0], "n", LK_X));
	close_all(b.m, b.w, 2);
}

Test(breaker, is_set_while_the_manager_is_open)
{
	struct broken b;

	open_broken(&b, "");
	ok(lk_config_set(b.m, "breaker_threshold", "2", NULL, 0));
	ok(lk_config_set(b.m, "breaker_reset_ns", "7s", NULL, 0));
	ok(lk_config_set(b.m, "max_failure_entries", "1", NULL, 0));
	open_by_failing(&b, 2);
	cr_expect_eq(status(b.m, NULL).next_attempt_ns, 7 * SECOND);
	ok(lk_config_set(b.m, "breaker_threshold", "off", NULL, 0));
	ok(lk_breaker_reset(b.m, NULL, 0));
	for (int i = 0; i < 20; i++)
		is(lk_try_acquire(b.w[0], "n", LK_S, NULL), LK_E_STORE);
	cut_off("a", false);
	close_all(b.m, b.w, 2);
}

Test(breaker, is_not_there_if_it_is_off)
{
	struct broken b;
	char why[200];

	open_broken(&b, "&breaker_threshold=off");
	cut_off("a", true);
	for (int i = 0; i < 20; i++)
		is(lk_try_acquire(b.w[0], "n", LK_S, NULL), LK_E_STORE);
	is(lk_config_set(b.m, "breaker_threshold", "5", why, sizeof(why)), LK_E_UNSUPPORTED);
	cr_expect_not_null(strstr(why, "was off"), "%s", why);
	cr_expect_eq(status(b.m, NULL).failures, 0);
	cut_off("a", false);
	close_all(b.m, b.w, 2);
}

static int
collect(void *arg, const char *text, size_t len)
{
	strncat(arg, text, len);
	return 0;
}

Test(breaker, is_in_the_health_the_metrics_and_the_words)
{
	static char page[1 << 16];
	struct lk_health h = { .size = sizeof(h) };
	const struct lk_health_part *part = &h.part[LK_HEALTH_PART_breaker];
	struct broken b;
	char words[256];

	page[0] = '\0';
	open_broken(&b, "");
	ok(lk_health(b.m, &h));
	cr_expect_eq(part->status, LK_HEALTH_OK);
	open_by_failing(&b, 5);
	ok(lk_health(b.m, &h));
	cr_expect_eq(part->status, LK_HEALTH_BAD);
	cr_expect_not_null(strstr(part->words, "30s"), "%s", part->words);
	ok(lk_store_error(b.m, words, sizeof(words)));
	cr_expect_eq(strncmp(words, "test:pair: 5 failures in a row", 30), 0, "%s", words);
	cr_expect_not_null(strstr(words, "asked again in 30s"), "%s", words);
	ok(lk_metrics(b.m, collect, page));
	cr_expect_not_null(strstr(page, "latchkey_breaker_state 2\n"));
	cr_expect_not_null(strstr(page, "latchkey_breaker_openings_total 1\n"));
	cut_off("a", false);
	close_all(b.m, b.w, 2);
}

Test(breaker, of_a_manager_in_memory_is_closed)
{
	struct lk_manager *m = open_manager("memory:");
	struct rows r = { .n = 0 };

	cr_expect_eq(status(m, NULL).state, LK_BREAKER_CLOSED);
	cr_expect_eq(status(m, "n").last_failure_ns, LK_OFF);
	ok(lk_breaker_each(m, note, &r));
	cr_expect_eq(r.n, 0);
	ok(lk_breaker_reset(m, NULL, 0));
	ok(lk_config_set(m, "breaker_threshold", "7", NULL, 0));
	ok(lk_close(m));
}

Test(breaker, refuses_what_makes_no_sense)
{
	struct lk_manager *m = open_manager("memory:");
	struct lk_breaker s = { .size = sizeof(s) };

	is(lk_breaker_status(NULL, NULL, 0, &s), LK_E_INVAL);
	is(lk_breaker_status(m, NULL, 0, NULL), LK_E_INVAL);
	is(lk_breaker_status(m, NULL, 1, &s), LK_E_INVAL);
	is(lk_breaker_status(m, "", 0, &s), LK_E_NAME);
	is(lk_breaker_status(m, "n", LK_NAME_MAX + 1, &s), LK_E_NAME);
	is(lk_breaker_each(m, NULL, NULL), LK_E_INVAL);
	is(lk_breaker_each(NULL, note, NULL), LK_E_INVAL);
	is(lk_breaker_reset(NULL, NULL, 0), LK_E_INVAL);
	is(lk_breaker_reset(m, NULL, 1), LK_E_INVAL);
	is(lk_breaker_reset(m, "", 0), LK_E_NAME);
	cr_expect_str_eq(lk_breakername(LK_BREAKER_CLOSED), "closed");
	cr_expect_str_eq(lk_breakername(LK_BREAKER_OPEN), "open");
	cr_expect_str_eq(lk_breakername(LK_BREAKER_HALF_OPEN), "half-open");
	cr_expect_str_eq(lk_breakername(0), "?");
	cr_expect_str_eq(lk_breakername(4), "?");
	ok(lk_close(m));
}

/* Without memory a failure is not counted for its name, and a list is LK_E_NOMEM; nothing else suffers. */
Test(breaker, does_without_memory)
{
	static struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w;
	struct rows r = { .n = 0 };

	test_heap_init(&heap);
	m = open_with("test:pair?as=a&manual=1", &heap, NULL);
	open_owners(m, &w, 1);
	cut_off("a", true);
	is(lk_try_acquire(w, "n", LK_S, NULL), LK_E_STORE);
	ok(lk_breaker_reset(m, NULL, 0));
	test_heap_fail(&heap, 1, true);
	is(lk_try_acquire(w, "n", LK_S, NULL), LK_E_STORE);
	is(lk_breaker_each(m, note, &r), LK_E_NOMEM);
	test_heap_fail(&heap, 0, false);
	cr_expect_eq(r.n, 0);
	cr_expect_eq(status(m, "n").failures, 0);
	cr_expect_gt(status(m, NULL).failures, 0);
	ok(lk_breaker_each(m, note, &r));
	cr_expect_eq(r.n, 1);
	cut_off("a", false);
	close_all(m, &w, 1);
	cr_expect_eq(atomic_load(&heap.bytes), 0);
}
