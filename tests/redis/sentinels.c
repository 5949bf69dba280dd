/* SPDX-License-Identifier: MIT */
/* Sentinels that say where the master is, and real failovers.  (RS1, RS2, RH2) */
#include <signal.h>
#include <stdlib.h>

#include "redis/where.h"
#include "stage.h"

/* A master, its replica, and a sentinel. */
struct trio {
	struct stage g;
	struct server replica;
	struct server sentinel;
	char url[300];
};

static void
make(struct trio *t)
{
	static const char *const quick[] = { "--repl-diskless-sync", "no", "--hz", "100", NULL };

	stage_make(&t->g, quick);
	server_start(&t->replica, quick);
	server_do(&t->replica, "REPLICAOF 127.0.0.1 %d", t->g.server.port);
	wait_until(server_says(&t->replica, "master_link_status:up"));
	server_start_sentinel(&t->sentinel, t->g.server.port);
	snprintf(t->url, sizeof(t->url),
		 "redis+sentinel://" APP "127.0.0.1:%d/mymaster?timeout_ms=20000",
		 t->sentinel.port);
}

static void
remove_all(struct trio *t)
{
	server_stop(&t->sentinel);
	server_stop(&t->replica);
	stage_remove(&t->g);
}

/* It was told to begin: it has to have seen the replica first. */
static bool
has_begun(struct trio *t)
{
	redisReply *r = redisCommand(t->sentinel.c, "SENTINEL FAILOVER mymaster");
	const bool is = r != NULL && r->type == REDIS_REPLY_STATUS;

	cr_assert_not_null(r);
	freeReplyObject(r);
	return is;
}

static bool
names_replica(struct trio *t)
{
	redisReply *r = redisCommand(t->sentinel.c, "SENTINEL get-master-addr-by-name mymaster");
	bool is;

	cr_assert(r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == 2);
	is = atoi(r->element[1]->str) == t->replica.port;
	freeReplyObject(r);
	return is;
}

/* Whoever was connected to a replica that becomes the master is cut off, we too. */
static void
reconnect(struct trio *t)
{
	cr_assert_eq(redisReconnect(t->replica.c), REDIS_OK);
}

static void
fail_over(struct trio *t)
{
	wait_until(has_begun(t));
	wait_until(names_replica(t));
	reconnect(t);
}

static void
see_that_all_is_lost(struct lk_store *s, const struct lk_session_id *id, unsigned number)
{
	const struct lk_session_id next = session_id(number);

	wait_until(s->ops->session_renew(s, id, NEVER) == LK_E_LOST);
	ok(s->ops->session_open(s, &next, LONG_TTL_NS, "next", NEVER));
	is(s->ops->session_renew(s, id, NEVER), LK_E_LOST);
	ok(s->ops->session_renew(s, &next, NEVER));
	ok(count(s, "n", NEVER));
}

struct ear {
	_Atomic unsigned any, named;
};

static void
hear(void *arg, const void *name, size_t len)
{
	struct ear *e = arg;

	(void)len;
	atomic_fetch_add(name == NULL ? &e->any : &e->named, 1);
}

Test(sentinels, what_is_said_in_a_url)
{
	static const struct {
		const char *rest, *sentinels, *master, *first, *port;
		unsigned n, db;
	} good[] = {
		{ "sentinel://a:1,b:2,[::1]:3/m/7", "a:1,b:2,[::1]:3", "m", "a", "1", 3, 7 },
		{ "sentinel://u:p@a/m", "a", "m", "a", "26379", 1, 0 },
		{ "sentinel://a,b/m/", "a,b", "m", "a", "26379", 2, 0 },
		{ "sentinel://[::1]:3/m", "[::1]:3", "m", "::1", "3", 1, 0 },
	};
	static const char *const bad[] = { "sentinel://",      "sentinel://a",     "sentinel://a/",
					   "sentinel://a:x/m", "sentinel://a/m/x", "sentinel:///m",
					   "sentinel:a/m",     "sentinel://a,b:/m" };
	char why[WHERE_WHY];
	struct where w, one;

	for (size_t i = 0; i < countof(good); i++) {
		cr_assert(where_parse(&w, "redis", good[i].rest, why), "%s: %s", good[i].rest, why);
		where_sentinel(&w, 0, &one);
		cr_expect_str_eq(w.sentinels, good[i].sentinels);
		cr_expect_str_eq(w.master, good[i].master);
		cr_expect_str_eq(one.host, good[i].first);
		cr_expect_str_eq(one.port, good[i].port);
		cr_expect_eq(where_count_sentinels(&w), good[i].n);
		cr_expect_eq(w.db, good[i].db);
	}
	for (size_t i = 0; i < countof(bad); i++)
		cr_expect(!where_parse(&w, "redis", bad[i], why), "%s", bad[i]);
}

Test(sentinels, who_is_dead_or_knows_nothing_is_passed_over, .timeout = 60)
{
	char url[400], report[320];
	struct server ignorant;
	struct lk_store *s;
	struct trio t;

	make(&t);
	server_start(&ignorant, NULL); /* it is no sentinel at all */
	snprintf(url, sizeof(url),
		 "redis+sentinel://" APP "127.0.0.1:1,127.0.0.1:%d,127.0.0.1:%d/mymaster"
		 "?timeout_ms=20000",
		 ignorant.port, t.sentinel.port);
	s = store_open(url);
	ok(count(s, "n", NEVER));
	lk_store_close(s);
	snprintf(url, sizeof(url),
		 "redis:sentinel://" APP "127.0.0.1:%d/mymaster/3?timeout_ms=20000",
		 t.sentinel.port);
	s = store_open(url); /* another database is another store */
	cr_assert_eq(counted(s, "n"), 0);
	lk_store_close(s);
	snprintf(url, sizeof(url), "redis+sentinel://" APP "127.0.0.1:%d/other", t.sentinel.port);
	is(store_try(url, 0, NULL, report), LK_E_STORE);
	cr_assert(strstr(report, "knows no master") != NULL && strstr(report, "cret") == NULL, "%s",
		  report);
	snprintf(url, sizeof(url), "redis+sentinel://" APP "127.0.0.1:1/mymaster");
	is(store_try(url, 0, NULL, report), LK_E_STORE);
	cr_assert(strstr(report, "127.0.0.1:1") != NULL && strstr(report, "cret") == NULL, "%s",
		  report);
	server_stop(&ignorant);
	remove_all(&t);
}

/* The sentinel says so, but the server there says that it is none.  Another one knows better.  (RS1) */
Test(sentinels, are_not_believed_by_their_word, .timeout = 60)
{
	struct server knows;
	char url[300], report[320];
	struct lk_store *s;
	struct trio t;

	make(&t);
	server_do(&t.replica, "REPLICAOF NO ONE");
	server_do(&t.g.server, "REPLICAOF 127.0.0.1 %d", t.replica.port);
	is(store_try(t.url, 0, NULL, report), LK_E_STORE);
	cr_assert_not_null(strstr(report, "it is a replica"), "%s", report);
	server_start_sentinel(&knows, t.replica.port);
	snprintf(url, sizeof(url),
		 "redis+sentinel://" APP "127.0.0.1:%d,127.0.0.1:%d/mymaster?timeout_ms=20000",
		 t.sentinel.port, knows.port);
	s = store_open(url);
	ok(count(s, "n", NEVER));
	cr_assert_eq(server_do(&t.replica, "EXISTS {latchkey}rn"), 1);
	lk_store_close(s);
	server_stop(&knows);
	remove_all(&t);
}

Test(sentinels, a_password_of_their_own, .timeout = 60)
{
	char url[500], path[64], report[320];
	struct trio t;
	FILE *f;

	make(&t);
	server_do(&t.sentinel, "ACL SETUSER guide on >hunter2 +@all &*");
	server_do(&t.sentinel, "ACL SETUSER default resetpass >hunter3");
	snprintf(path, sizeof(path), "%s/word", t.g.server.top);
	f = fopen(path, "w");
	cr_assert(f != NULL && fputs("hunter2\n", f) >= 0 && fclose(f) == 0);
	is(store_try(t.url, 0, NULL, report), LK_E_PERM);
	cr_assert_not_null(strstr(report, "NOAUTH"), "%s", report);
	snprintf(url, sizeof(url), "%s&sentinel_user=guide&sentinel_password_file=%s", t.url, path);
	ok(store_try(url, 0, NULL, report));
	snprintf(url, sizeof(url), "%s&sentinel_user=nobody&sentinel_password_file=%s", t.url,
		 path);
	is(store_try(url, 0, NULL, report), LK_E_PERM);
	cr_assert_null(strstr(report, "hunter"), "%s", report);
	remove_all(&t);
}

/* Calls go to the new master, where all sessions are lost; who listens goes there too. */
Test(sentinels, a_failover_is_followed, .timeout = 120)
{
	const struct lk_session_id id = session_id(1), other_id = session_id(2);
	struct lk_store *s, *other;
	struct ear e = { 0 };
	struct trio t;
	unsigned any;

	make(&t);
	s = store_open(t.url);
	other = store_open(t.url); /* it does not listen */
	ok(s->ops->watch(s, hear, &e));
	wait_until(atomic_load(&e.any) == 1);
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	ok(other->ops->session_open(other, &other_id, LONG_TTL_NS, "other", NEVER));
	ok(count(s, "n", NEVER));
	wait_until(server_do(&t.replica, "EXISTS {latchkey}rn") == 1);
	fail_over(&t);
	see_that_all_is_lost(s, &id, 77);
	server_kill(
		&t.g.server); /* else who does not listen stays until the sentinel makes it a replica */
	see_that_all_is_lost(other, &other_id, 78);
	cr_assert_eq(counted(s, "n"), 3);
	wait_until(atomic_load(&e.any) > 1);
	any = atomic_load(&e.named);
	ok(put_text(other, "n", "x"));
	wait_until(atomic_load(&e.named) > any);
	cr_assert_eq(server_do(&t.replica, "EXISTS {latchkey}rn"), 1);
	lk_store_close(s);
	lk_store_close(other);
	remove_all(&t);
}

/* The master that was neither answers nor ends: who listens to a sentinel does not wait for it.  (RH2, RS2) */
Test(sentinels, a_master_that_is_not_the_one_any_more_is_left, .timeout = 120)
{
	const struct lk_session_id id = session_id(1), next = session_id(2);
	struct ear e = { 0 };
	struct lk_store *s;
	struct trio t;

	make(&t);
	s = store_open(t.url);
	ok(s->ops->watch(s, hear, &e));
	wait_until(atomic_load(&e.any) == 1);
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	wait_until(has_begun(&t));
	ok(kill(t.g.server.pid, SIGSTOP));
	wait_until(names_replica(&t));
	reconnect(&t);
	wait_until(atomic_load(&e.any) > 1); /* it listens there, so it knows */
	is(s->ops->session_renew(s, &id, NEVER), LK_E_LOST);
	ok(s->ops->session_open(s, &next, LONG_TTL_NS, "next", NEVER));
	ok(count(s, "n", NEVER));
	cr_assert_eq(server_do(&t.replica, "EXISTS {latchkey}rn"), 1);
	lk_store_close(s);
	remove_all(&t);
}

/* Managers: who held something is told, and the next one has it in the new store, with a fence above. */
Test(sentinels, locks_are_lost_with_a_failover_and_their_holder_is_told, .timeout = 120)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = 2000000000 };
	struct lk_manager *m[2];
	struct lk_owner *w[2];
	struct trio t;
	uint64_t fence;
	char url[400];
	lk_grant g;

	make(&t);
	snprintf(url, sizeof(url), "%s&ttl_ns=5s", t.url);
	for (int i = 0; i < 2; i++) {
		ok(lk_open(url, NULL, &m[i]));
		ok(lk_owner_open(m[i], NULL, &w[i]));
	}
	wait_until(lk_acquire(w[0], "a", LK_X, &o, &g) == 0);
	fence = lk_fence(w[0], g);
	cr_assert_gt(fence, 0);
	fail_over(&t);
	wait_until(lk_check(w[0], g) == LK_E_LOST);
	is(lk_release(w[0], g), LK_E_LOST);
	for (int i = 0; i < 2; i++) {
		int rc;

		wait_until(lk_acquire(w[i], "a", LK_X, &o, &g) == 0);
		cr_assert_gt(lk_fence(w[i], g), fence, "the fence went back");
		fence = lk_fence(w[i], g);
		rc = lk_release(w[i], g);
		cr_assert(rc == 0 || rc == LK_E_LOST, "%s", lk_errname(rc)); /* it may be slow */
		ok(lk_owner_close(w[i]));
		ok(lk_close(m[i]));
	}
	remove_all(&t);
}
