/* SPDX-License-Identifier: MIT */
/* What a URL says, connections of the program's, databases, clusters. */
#include <stdlib.h>

#include "redis/where.h"
#include "stage.h"

/* ------------------------------------------------------------------------------- URLs */

static const struct {
	const char *rest, *host, *port, *socket, *user, *password;
	unsigned db;
} good[] = {
	{ "//h", "h", "6379", "", "", "", 0 },
	{ "//h:1", "h", "1", "", "", "", 0 },
	{ "//h:65535/15", "h", "65535", "", "", "", 15 },
	{ "//h/", "h", "6379", "", "", "", 0 },
	{ "//", "localhost", "6379", "", "", "", 0 },
	{ "///3", "localhost", "6379", "", "", "", 3 },
	{ "//:7", "localhost", "7", "", "", "", 0 },
	{ "//[::1]:7/2", "::1", "7", "", "", "", 2 },
	{ "//[::1]", "::1", "6379", "", "", "", 0 },
	{ "//pw@h", "h", "6379", "", "", "pw", 0 },
	{ "//:pw@h", "h", "6379", "", "", "pw", 0 },
	{ "//u:pw@h:1", "h", "1", "", "u", "pw", 0 },
	{ "//u:p:w@/@h:1/2", "h", "1", "", "u", "p:w@/", 2 },
	{ "//@h", "h", "6379", "", "", "", 0 },
	{ "/run/s", "", "", "/run/s", "", "", 0 },
	{ "unix:/run/s", "", "", "/run/s", "", "", 0 },
	{ "unix:u:p/w@/run/s", "", "", "/run/s", "u", "p/w", 0 },
};

Test(places, are_what_a_url_says)
{
	for (size_t i = 0; i < countof(good); i++) {
		char why[WHERE_WHY] = "";
		struct where w;

		cr_assert(where_parse(&w, "redis", good[i].rest, why), "%s: %s", good[i].rest, why);
		cr_expect_str_eq(w.host, good[i].host, "%s", good[i].rest);
		cr_expect_str_eq(w.port, good[i].port, "%s", good[i].rest);
		cr_expect_str_eq(w.socket, good[i].socket, "%s", good[i].rest);
		cr_expect_str_eq(w.user, good[i].user, "%s", good[i].rest);
		cr_expect_str_eq(w.password, good[i].password, "%s", good[i].rest);
		cr_expect_eq(w.db, good[i].db, "%s", good[i].rest);
		cr_expect(good[i].password[0] == '\0' || strstr(w.text, good[i].password) == NULL);
	}
}

Test(places, that_are_none)
{
	static const char *const bad[] = {
		"",           "h",         "h:1",        "//h:",      "//h:x",  "//h:65536",
		"//h:123456", "//h:-1",    "//h/x",      "//h/1/2",   "//h/-1", "unix:",
		"unix:s",     "unix:pw@s", "//[::1]:x/", "//h/99999", "//h:1x",
	};
	char longest[700], why[WHERE_WHY];
	struct where w;

	for (size_t i = 0; i < countof(bad); i++) {
		why[0] = '\0';
		cr_expect(!where_parse(&w, "redis", bad[i], why), "%s", bad[i]);
		cr_expect_neq(why[0], '\0', "%s", bad[i]);
	}
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "//", 2);
	longest[sizeof(longest) - 1] = '\0';
	cr_expect(!where_parse(&w, "redis", longest, why));
	longest[650] = '@';
	cr_expect(!where_parse(&w, "redis", longest, why));
	longest[400] = ':';
	cr_expect(!where_parse(&w, "redis", longest, why));
	memcpy(longest, "unix:/", 6);
	longest[650] = 'x';
	cr_expect(!where_parse(&w, "redis", longest, why));
}

Test(places, parameters_are_checked)
{
	static const char *const bad[] = {
		"redis:?prefix=x",
		"redis://h?prefix=",
		"redis://h?prefix=a%7Db",
		"redis://h?prefix=a*",
		"redis://h?timeout_ms=0",
		"redis://h?timeout_ms=x",
		"redis://h?pool_max=0",
		"redis://h?pool_max=65",
		"redis://h?db=x",
		"redis://h?nothing=1",
		"redis://h?prefix=0123456789012345678901234567890123456789012345678901234567890123",
	};
	char report[320];
	int rc = lk_store_register(lk_store_redis());

	cr_assert(rc == 0 || rc == LK_E_BUSY);
	for (size_t i = 0; i < countof(bad); i++) {
		report[0] = '\0';
		is(store_try(bad[i], 0, NULL, report), LK_E_INVAL);
		cr_expect_neq(report[0], '\0', "%s", bad[i]);
	}
}

/* ---------------------------------------------------------------- databases and prefixes */

Test(places, databases_and_prefixes_are_stores_of_their_own)
{
	char url[3][200];
	struct lk_store *s[3];
	struct stage g;

	stage_make(&g, NULL);
	server_do(&g.server, "ACL SETUSER app ~{other:1}* &{other:1}*");
	snprintf(url[0], sizeof(url[0]), "%s", g.url);
	snprintf(url[1], sizeof(url[1]), "%s&prefix=other:1", g.url);
	snprintf(url[2], sizeof(url[2]), "%s&db=3", g.socket_url);
	for (int i = 0; i < 3; i++) {
		s[i] = store_open(url[i]);
		cr_assert_eq(counted(s[i], "n"), 0);
		ok(count(s[i], "n", NEVER));
	}
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(counted(s[i], "n"), 1);
		lk_store_close(s[i]);
	}
	stage_remove(&g);
}

/* --------------------------------------------------------- a connection of the program's */

static struct lk_store *
open_given(redisContext *c)
{
	char report[320] = "";
	const struct lk_store_open o = {
		.size = sizeof(o), .handle = c, .report = report, .report_cap = 320
	};
	struct lk_store *s = NULL;
	int rc = lk_store_open("redis:?timeout_ms=20000", &o, &s);

	cr_assert_eq(rc, 0, "%s: %s", lk_errname(rc), report);
	return s;
}

static void
count_100(void *arg, unsigned index)
{
	(void)index;
	for (int i = 0; i < 100; i++)
		cr_expect_eq(count(arg, "n", NEVER), 0);
}

Test(places, a_connection_that_is_given_is_used_and_stays_open)
{
	const struct lk_session_id id = session_id(1);
	struct lk_store *s;
	struct stage g;
	redisContext *c;
	redisReply *r;
	uint64_t ns, clock;
	char *large = calloc(1, LK_STORE_RECORD_MAX);

	stage_make(&g, NULL);
	c = redisConnect("127.0.0.1", g.server.port);
	cr_assert(c != NULL && c->err == 0);
	s = open_given(c);
	test_threads(4, count_100, s);
	cr_assert_eq(counted(s, "n"), 400);
	ok(put(s, "large", large, LK_STORE_RECORD_MAX, NEVER));
	cr_assert_eq(get(s, "large", NULL, 0, NEVER), LK_STORE_RECORD_MAX);
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	ok(s->ops->now(s, &ns, &clock, NEVER));
	is(s->ops->watch(s, NULL, NULL), LK_E_UNSUPPORTED);
	lk_store_close(s);
	r = redisCommand(c, "PING");
	cr_assert(r != NULL && r->type == REDIS_REPLY_STATUS);
	freeReplyObject(r);
	redisFree(c);
	free(large);
	stage_remove(&g);
}

Test(places, a_connection_that_is_given_and_ends_is_not_replaced)
{
	struct lk_store *s;
	struct stage g;
	redisContext *c;
	char report[320];

	stage_make(&g, NULL);
	c = redisConnectUnix(g.server.socket);
	s = open_given(c);
	ok(count(s, "n", NEVER));
	server_do(&g.server, "CLIENT KILL TYPE normal SKIPME yes");
	cr_assert(count(s, "n", NEVER) != 0);
	is(count(s, "n", NEVER), LK_E_STORE);
	is(get(s, "n", NULL, 0, NEVER), LK_E_STORE);
	lk_store_close(s);
	is(store_try("redis://h", 0, c, report), LK_E_INVAL);
	is(store_try("redis:", 0, c, report), LK_E_INVAL); /* it is not open any more */
	redisFree(c);
	stage_remove(&g);
}

/* --------------------------------------------------------------------------- a cluster */

static const char *const as_cluster[] = { "--cluster-enabled", "yes", "--cluster-node-timeout",
					  "60000", NULL };

enum { BATCH = 20 };

static int
change_all(void *arg, struct lk_store_record *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		r[i].fresh = arg;
		r[i].fresh_len = 4;
		r[i].changed = 1;
	}
	return 0;
}

static void
put_batch(struct lk_store *s)
{
	struct lk_store_record r[BATCH];
	char names[BATCH][8];

	for (int i = 0; i < BATCH; i++) {
		const int len = snprintf(names[i], sizeof(names[i]), "b%d", i);

		r[i] = (struct lk_store_record){ .name = names[i], .len = (size_t)len };
	}
	ok(s->ops->update(s, r, BATCH, change_all, (char[]){ "text" }, NEVER));
}

/* All keys have one tag, so a batch is one script. */
Test(places, a_cluster_of_one, .timeout = 60)
{
	struct lk_store *s;
	struct stage g;

	stage_make(&g, as_cluster);
	server_do(&g.server, "CLUSTER ADDSLOTSRANGE 0 16383");
	wait_until(server_info(&g.server, "cluster_enabled:") == 1 &&
		   server_cluster_is_fine(&g.server));
	s = store_open(g.url);
	put_batch(s);
	cr_assert(has_text(s, "b7", "text"));
	lk_store_close(s);
	stage_remove(&g);
}

/* The place is another node's: whichever is asked, it says so, and the store goes there. */
Test(places, a_cluster_says_where_the_store_is, .timeout = 60)
{
	const struct lk_session_id id = session_id(1);
	struct stage g[2];
	struct lk_store *s;
	char report[320];

	stage_make(&g[0], as_cluster);
	stage_make(&g[1], as_cluster);
	is(store_try(g[0].url, 0, NULL, report), LK_E_STORE);
	cr_assert_not_null(strstr(report, "CLUSTERDOWN"), "%s", report);
	server_do(&g[1].server, "CLUSTER ADDSLOTSRANGE 0 16383");
	server_do(&g[0].server, "CLUSTER MEET 127.0.0.1 %d", g[1].server.port);
	wait_until(server_cluster_is_fine(&g[0].server) && server_cluster_is_fine(&g[1].server));
	s = store_open(g[0].url);
	put_batch(s);
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	cr_assert(has_text(s, "b7", "text") && is_alive(s, &id));
	cr_assert_gt(server_do(&g[1].server, "DBSIZE"), BATCH);
	lk_store_close(s);
	stage_remove(&g[0]);
	stage_remove(&g[1]);
}

enum { NODES = 3, SLOTS = 16384 };

/* Three nodes with a third of it each: every prefix is in one place, whichever node is named. */
Test(places, in_a_cluster_of_three_each_prefix_has_its_node, .timeout = 60)
{
	static const char *const prefixes[] = { "latchkey", "a", "b", "c" };
	struct stage g[NODES];
	long long records = 0;
	bool all_are_fine;

	for (int i = 0; i < NODES; i++) {
		stage_make(&g[i], as_cluster);
		server_do(&g[i].server, "CLUSTER ADDSLOTSRANGE %d %d", i * SLOTS / NODES,
			  (i + 1) * SLOTS / NODES - 1);
		server_do(&g[i].server, "ACL SETUSER app ~* &*");
		if (i > 0)
			server_do(&g[0].server, "CLUSTER MEET 127.0.0.1 %d", g[i].server.port);
	}
	do {
		all_are_fine = true;
		for (int i = 0; i < NODES; i++) {
			wait_until(server_cluster_is_fine(&g[i].server));
			all_are_fine &= server_knows(&g[i].server, NODES);
		}
	} while (!all_are_fine);
	for (size_t k = 0; k < countof(prefixes); k++) {
		for (int i = 0; i < NODES; i++) {
			struct lk_store *s;
			char url[300];

			snprintf(url, sizeof(url), "%s&prefix=%s", g[i].url, prefixes[k]);
			s = store_open(url);
			put_batch(s);
			ok(count(s, "n", NEVER));
			cr_assert_eq(counted(s, "n"), (uint64_t)i + 1);
			lk_store_close(s);
		}
	}
	for (int i = 0; i < NODES; i++) {
		const long long here = server_do(&g[i].server, "DBSIZE");

		cr_assert_lt(here, (long long)countof(prefixes) * (BATCH + 2));
		records += here;
	}
	cr_assert_eq(records, countof(prefixes) * (BATCH + 2)); /* with the epoch */
	for (int i = 0; i < NODES; i++)
		stage_remove(&g[i]);
}
