/* SPDX-License-Identifier: MIT */
/* How many connections there are, who waits for one, and how many questions a scan asks. */
#include <latchkey/health.h>

#include "stage.h"

/* Of the least user; one more is ours. */
static long long
connected(struct server *s)
{
	return server_info(s, "connected_clients:") - 1;
}

static bool
tells(struct lk_store *s, const char *part)
{
	char text[300];

	(void)s->ops->state(s, text, sizeof(text));
	return strstr(text, part) != NULL;
}

static void
count_20(void *arg, unsigned index)
{
	(void)index;
	for (int i = 0; i < 20; i++)
		cr_expect_eq(count(arg, "n", NEVER), 0);
}

Test(connections, are_opened_at_once_and_again)
{
	char url[300];
	struct lk_store *s;
	struct stage g;

	stage_make(&g, NULL);
	snprintf(url, sizeof(url), "%s&pool_min=3&pool_max=4", g.socket_url);
	s = store_open(url);
	cr_assert_eq(connected(&g.server), 3);
	cr_assert(tells(s, "3 connections (0 in use, at most 3 of 4)"));
	ok(count(s, "n", NEVER));
	cr_assert_eq(connected(&g.server), 3);
	cr_assert_eq(server_do(&g.server, "CLIENT KILL USER app"), 3);
	ok(count(s, "n", NEVER));
	cr_assert(tells(s, "4 opened, 0 closed, 1 broken"));
	lk_store_close(s);
	stage_remove(&g);
}

static int
keep(void *arg, const char *text, size_t len)
{
	char *page = arg;

	strncat(page, text, len);
	return 0;
}

/* What the manager's page says of the pool, and what it counts. */
Test(connections, are_in_the_metrics)
{
	static char page[1 << 18];
	struct lk_manager *m;
	struct stage g;
	char url[300];

	stage_make(&g, NULL);
	snprintf(url, sizeof(url), "%s&pool_min=3&pool_max=4", g.socket_url);
	ok(lk_open(url, NULL, &m));
	ok(lk_metrics(m, keep, page));
	cr_expect_not_null(strstr(page, "\n# TYPE latchkey_store_connections_open gauge\n"));
	cr_expect_not_null(strstr(page, "\nlatchkey_store_connections_open 3\n"));
	cr_expect_not_null(strstr(page, "\nlatchkey_store_connections_busy 0\n"));
	cr_expect_not_null(strstr(page, "\nlatchkey_store_connections_allowed 4\n"));
	cr_expect_not_null(strstr(page, "\nlatchkey_store_connections_made_total 3\n"));
	cr_expect_not_null(strstr(page, "\nlatchkey_store_connections_broken_total 0\n"));
	cr_expect_not_null(strstr(page, "\n# UNIT latchkey_store_connection_wait_seconds "
					"seconds\n"));
	cr_expect_not_null(strstr(page, "\nlatchkey_store_connection_wait_seconds_total 0"));
	ok(lk_close(m));
	stage_remove(&g);
}

/* One call waits with each connection; then they are not needed any more. */
Test(connections, that_nobody_needs_are_closed, .timeout = 60)
{
	struct test_thread threads[4];
	struct lk_store *s;
	struct stage g;
	char url[300];

	stage_make(&g, NULL);
	stage_make_proxy(&g);
	snprintf(url, sizeof(url), "%s&pool_min=1&pool_max=4&pool_idle_ms=1", g.proxy_url);
	s = store_open(url);
	ok(count(s, "n", NEVER));
	proxy_set(&g.proxy, PROXY_ANSWERS, PROXY_HOLD, 0);
	test_spawn(threads, 4, count_20, s);
	wait_until(tells(s, "(4 in use"));
	proxy_set(&g.proxy, PROXY_ANSWERS, PROXY_PASS, 0);
	test_join(threads, 4);
	wait_until(count(s, "n", NEVER) == 0 && connected(&g.server) == 1);
	cr_assert(!tells(s, " 0 closed") && tells(s, " 0 broken"));
	lk_store_close(s);
	stage_remove(&g);
}

Test(connections, one_waits_for_one_only_so_long, .timeout = 60)
{
	struct test_thread thread;
	struct lk_store *s;
	struct stage g;
	char url[300];

	stage_make(&g, NULL);
	stage_make_proxy(&g);
	snprintf(url, sizeof(url), "%s&pool_max=1&pool_wait_ms=50", g.proxy_url);
	s = store_open(url);
	proxy_set(&g.proxy, PROXY_ANSWERS, PROXY_HOLD, 0);
	test_spawn(&thread, 1, count_20, s);
	wait_until(tells(s, "(1 in use"));
	is(get(s, "n", NULL, 0, NEVER), LK_E_TIMEDOUT);
	cr_assert(says(s, "all connections are in use"));
	cr_assert(tells(s, " 1 gave up") && tells(s, " 1 waited"));
	proxy_set(&g.proxy, PROXY_ANSWERS, PROXY_PASS, 0);
	test_join(&thread, 1);
	lk_store_close(s);
	stage_remove(&g);
}

/* The same in the health of a manager. */
Test(connections, are_told_with_the_health_of_a_manager)
{
	struct lk_health h = { .size = sizeof(h) };
	struct lk_manager *m;
	struct stage g;

	stage_make(&g, NULL);
	ok(lk_open(g.url, NULL, &m));
	ok(lk_health(m, &h));
	cr_assert_not_null(strstr(h.part[LK_HEALTH_PART_store].words, " connections ("), "%s",
			   h.part[LK_HEALTH_PART_store].words);
	ok(lk_close(m));
	stage_remove(&g);
}

/* ------------------------------------------------------------------------------- questions */

enum { RECORDS = 500 };

struct tally {
	struct lk_store *s;
	unsigned n, wrong;
	bool asks; /* the store, meanwhile */
};

static int
tally_one(void *arg, const struct lk_store_record *r)
{
	struct tally *t = arg;

	t->n++;
	t->wrong += r->status != 0 || r->old_len != r->len || memcmp(r->old, r->name, r->len) != 0;
	if (t->asks && t->n % 100 == 0)
		ok(put_text(t->s, "other", "x"));
	return 0;
}

Test(connections, a_scan_asks_for_many_records_at_once)
{
	long long before, asked;
	struct tally t = { 0 };
	struct stage g;

	stage_make(&g, NULL);
	t.s = store_open(g.url);
	for (int i = 0; i < RECORDS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "r%d", i);
		ok(put_text(t.s, name, name));
	}
	before = server_info(&g.server, "cmdstat_evalsha:calls=");
	ok(t.s->ops->scan(t.s, "r", 1, tally_one, &t, NEVER));
	asked = server_info(&g.server, "cmdstat_evalsha:calls=") - before;
	cr_assert(t.n >= RECORDS && t.wrong == 0, "%u, %u", t.n, t.wrong);
	cr_assert_lt(asked, RECORDS / 10);
	t.n = 0;
	t.asks = true;
	ok(t.s->ops->scan(t.s, "r", 1, tally_one, &t, NEVER));
	cr_assert(t.n >= RECORDS && t.wrong == 0);
	lk_store_close(t.s);
	stage_remove(&g);
}
