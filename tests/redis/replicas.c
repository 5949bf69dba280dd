/* SPDX-License-Identifier: MIT */
/* With replicas: what is told as written, and what is lost when one of them takes over.  (RD8) */
#include <signal.h>

#include "stage.h"

/* A master, and a replica of it that is up to date. */
struct couple {
	struct stage g;
	struct server replica;
	char url[300];
};

static bool
is_linked(struct server *s)
{
	return server_says(s, "master_link_status:up");
}

static void
follow(struct couple *c)
{
	server_do(&c->replica, "REPLICAOF 127.0.0.1 %d", c->g.server.port);
	wait_until(is_linked(&c->replica) && server_do(&c->g.server, "WAIT 1 100") == 1);
}

static void
make(struct couple *c, const char *parameters)
{
	static const char *const quick[] = { "--repl-diskless-sync", "no", "--hz", "100", NULL };

	stage_make(&c->g, quick);
	server_start(&c->replica, quick);
	follow(c);
	snprintf(c->url, sizeof(c->url), "%s%s", c->g.url, parameters);
}

static void
remove_all(struct couple *c)
{
	server_stop(&c->replica);
	stage_remove(&c->g);
}

static void
allow_waiting(struct couple *c)
{
	server_do(&c->g.server, "ACL SETUSER app +wait");
	server_do(&c->replica, "ACL SETUSER app +wait");
}

Test(replicas, have_what_was_told_as_written, .timeout = 60)
{
	const struct lk_session_id id = session_id(1);
	struct lk_guarantee level = { .size = sizeof(level) };
	struct lk_store *s;
	struct couple c;

	make(&c, "&replicas=1&replica_wait_ms=15000");
	allow_waiting(&c);
	s = store_open(c.url);
	ok(s->ops->level(s, &level));
	cr_assert_not_null(strstr(level.words, "1 replicas have"), "%s", level.words);
	for (int i = 1; i <= 20; i++) {
		ok(count(s, "n", NEVER));
		cr_assert_eq(server_do(&c.replica, "EXISTS {latchkey}rn"), 1);
	}
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	cr_assert_eq(server_do(&c.replica, "EXISTS {latchkey}s%b", id.bytes, sizeof(id.bytes)), 1);
	ok(s->ops->session_renew(s, &id, NEVER));
	ok(put(s, "n", NULL, 0, NEVER));
	cr_assert_eq(server_do(&c.replica, "EXISTS {latchkey}rn"), 0);
	server_do(&c.g.server, "SCRIPT FLUSH");
	ok(count(s, "n", NEVER));
	ok(s->ops->session_close(s, &id, NEVER));
	lk_store_close(s);
	remove_all(&c);
}

Test(replicas, have_to_be_there_when_the_store_is_opened, .timeout = 60)
{
	char url[400], report[320];
	struct couple c;

	make(&c, "&replicas=1&replica_wait_ms=15000");
	is(store_try(c.url, 0, NULL, report), LK_E_PERM); /* not without the right to wait */
	cr_assert_not_null(strstr(report, "WAIT"), "%s", report);
	allow_waiting(&c);
	ok(store_try(c.url, 0, NULL, report));
	snprintf(url, sizeof(url), "%s&replicas=2&replica_wait_ms=50", c.g.url);
	is(store_try(url, 0, NULL, report), LK_E_STORE);
	cr_assert_not_null(strstr(report, "1 of 2 replicas"), "%s", report);
	ok(store_try(url, LK_STORE_READ_ONLY, NULL, report));
	snprintf(url, sizeof(url), "%s&replicas=1&replica_wait_ms=20000", c.g.url);
	is(store_try(url, 0, NULL, report), LK_E_INVAL);
	remove_all(&c);
}

/* It is there at the master, so it is unknown; and nobody reads it before the replica has it. */
static void
see_doubt(struct lk_store *s, struct couple *c, const struct lk_session_id *id)
{
	is(count(s, "n", NEVER), LK_E_UNKNOWN);
	cr_assert(says(s, "0 of 1 replicas have acknowledged"));
	is(get(s, "n", NULL, 0, NEVER), LK_E_STORE);
	is(count(s, "n", NEVER), LK_E_UNKNOWN); /* … and this one was not made at all */
	is(s->ops->session_renew(s, id, NEVER), LK_E_UNKNOWN);
	cr_assert(says(s, "0 of 1 replicas have acknowledged"));
	(void)c;
}

Test(replicas, that_are_stopped_leave_it_unknown_until_they_go_on, .timeout = 60)
{
	const struct lk_session_id id = session_id(1);
	struct lk_store *s, *patient, *other;
	char url[400];
	struct couple c;

	make(&c, "&replicas=1&replica_wait_ms=15000");
	allow_waiting(&c);
	patient = store_open(c.url);
	snprintf(url, sizeof(url), "%s&replicas=1&replica_wait_ms=150", c.g.url);
	wait_until(lk_store_open(url, NULL, &s) == 0);
	other = store_open(c.g.url); /* it does not care */
	wait_until(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER) == 0);
	ok(kill(c.replica.pid, SIGSTOP));
	see_doubt(s, &c, &id);
	cr_assert_eq(counted(other, "n"), 1);
	ok(s->ops->session_close(s, &id, NEVER)); /* that nobody needs to have */
	ok(kill(c.replica.pid, SIGCONT));
	wait_until(get(s, "n", NULL, 0, NEVER) == 8);
	cr_assert_eq(counted(patient, "n"), 1);
	ok(count(patient, "n", NEVER));
	cr_assert_eq(counted(patient, "n"), 2);
	lk_store_close(s);
	lk_store_close(patient);
	lk_store_close(other);
	remove_all(&c);
}

static int
set_x(void *arg, struct lk_store_record *r, size_t n)
{
	(void)n;
	r->fresh = arg;
	r->fresh_len = 1;
	r->changed = 1;
	return 0;
}

/* Three updates in one exchange, which nobody but us has seen before. */
static void
put_three(struct lk_store *s, const char *names, int code)
{
	char text[] = "x";
	struct lk_store_record r[3];
	struct lk_store_update u[3];

	for (int i = 0; i < 3; i++) {
		r[i] = (struct lk_store_record){ .name = names + i, .len = 1 };
		u[i] = (struct lk_store_update){ .r = &r[i], .n = 1, .fn = set_x, .arg = text };
	}
	s->ops->update_many(s, u, 3, NEVER);
	for (int i = 0; i < 3; i++)
		cr_assert(u[i].is_left == 0 && u[i].rc == code, "%d: %s", i, lk_errname(u[i].rc));
}

Test(replicas, acknowledge_several_updates_in_one_exchange, .timeout = 60)
{
	struct lk_store *s;
	struct couple c;
	char url[400];

	make(&c, "&replicas=1&replica_wait_ms=15000");
	allow_waiting(&c);
	s = store_open(c.url);
	put_three(s, "abc", 0);
	cr_assert_eq(server_do(&c.replica, "EXISTS {latchkey}ra {latchkey}rb {latchkey}rc"), 3);
	lk_store_close(s);
	snprintf(url, sizeof(url), "%s&replicas=1&replica_wait_ms=150", c.g.url);
	wait_until(lk_store_open(url, NULL, &s) == 0);
	ok(kill(c.replica.pid, SIGSTOP));
	put_three(s, "def", LK_E_UNKNOWN);
	put_three(s, "def", LK_E_UNKNOWN);
	ok(kill(c.replica.pid, SIGCONT));
	wait_until(has_text(s, "f", "x"));
	lk_store_close(s);
	remove_all(&c);
}

Test(replicas, that_are_gone_leave_it_unknown_until_there_are_others, .timeout = 60)
{
	const struct lk_session_id id = session_id(1);
	struct lk_store *s;
	struct couple c;

	make(&c, "&replicas=1&replica_wait_ms=150");
	allow_waiting(&c);
	wait_until(lk_store_open(c.url, NULL, &s) == 0);
	wait_until(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER) == 0);
	server_kill(&c.replica);
	see_doubt(s, &c, &id);
	server_restart(&c.replica);
	follow(&c);
	wait_until(get(s, "n", NULL, 0, NEVER) == 8);
	wait_until(count(s, "n", NEVER) == 0);
	lk_store_close(s);
	remove_all(&c);
}

/* An answer that is lost on the way: what is found made is told only when the replica has it. */
Test(replicas, answers_that_are_cut, .timeout = 60)
{
	static const long cuts[] = { 0, 1, 4, 5, 7 }; /* it is ":1\r\n:1\r\n" */
	struct lk_store *s;
	struct couple c;
	char url[400];

	make(&c, "");
	allow_waiting(&c);
	stage_make_proxy(&c.g);
	snprintf(url, sizeof(url), "%s&replicas=1&replica_wait_ms=15000", c.g.proxy_url);
	s = store_open(url);
	ok(count(s, "n", NEVER));
	for (size_t i = 0; i < countof(cuts); i++) {
		proxy_set(&c.g.proxy, PROXY_ANSWERS, PROXY_CUT, cuts[i]);
		ok(count(s, "n", NEVER));
		cr_assert_eq(counted(s, "n"), i + 2, "cut after %ld bytes", cuts[i]);
	}
	lk_store_close(s);
	remove_all(&c);
}

Test(replicas, among_random_cuts_nothing_is_lost_or_made_twice, .timeout = 120)
{
	struct couple c;
	char url[400];

	make(&c, "");
	allow_waiting(&c);
	stage_make_proxy(&c.g);
	snprintf(url, sizeof(url), "%s&replicas=1&replica_wait_ms=15000", c.g.proxy_url);
	chaos_run(&c.g, url);
	remove_all(&c);
}

/* ------------------------------------------------------------------------------ failover */

/* Whoever was connected to the master that is a replica now, or is gone, loses what he had. */
static void
see_that_all_is_lost(struct lk_store *s, const struct lk_session_id *id)
{
	const struct lk_session_id next = session_id(77);

	wait_until(s->ops->session_renew(s, id, NEVER) == LK_E_LOST);
	ok(s->ops->session_open(s, &next, LONG_TTL_NS, "next", NEVER));
	is(s->ops->session_renew(s, id, NEVER), LK_E_LOST);
	ok(s->ops->session_renew(s, &next, NEVER));
	ok(count(s, "n", NEVER));
}

/* The proxy is what operators move to another server. */
Test(replicas, one_that_takes_over_is_another_store, .timeout = 60)
{
	const struct lk_session_id id = session_id(1);
	struct lk_store *s;
	struct couple c;

	make(&c, "");
	stage_make_proxy(&c.g);
	s = store_open(c.g.proxy_url);
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	for (int i = 0; i < 3; i++)
		ok(count(s, "n", NEVER));
	ok(put_text(s, "last", "x"));
	wait_until(server_do(&c.replica, "EXISTS {latchkey}rlast") == 1);
	server_kill(&c.g.server);
	server_do(&c.replica, "REPLICAOF NO ONE");
	proxy_lead(&c.g.proxy, c.replica.socket);
	see_that_all_is_lost(s, &id);
	cr_assert_eq(counted(s, "n"), 4); /* it had all of it, but who knows */
	lk_store_close(s);
	remove_all(&c);
}

Test(replicas, an_empty_server_that_takes_over_is_another_store, .timeout = 60)
{
	const struct lk_session_id id = session_id(1);
	struct lk_store *s;
	struct couple c;

	make(&c, "");
	server_do(&c.replica, "REPLICAOF NO ONE");
	server_do(&c.replica, "FLUSHALL");
	stage_make_proxy(&c.g);
	s = store_open(c.g.proxy_url);
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	ok(count(s, "n", NEVER));
	server_kill(&c.g.server);
	proxy_lead(&c.g.proxy, c.replica.socket);
	see_that_all_is_lost(s, &id);
	cr_assert_eq(counted(s, "n"), 1);
	cr_assert(!is_alive(s, &id));
	lk_store_close(s);
	remove_all(&c);
}

/* Connections go on, but it has become a replica: nothing is written, and nothing is told as written. */
Test(replicas, a_master_that_becomes_one, .timeout = 60)
{
	const struct lk_session_id id = session_id(1);
	struct lk_store *s;
	struct couple c;

	make(&c, "");
	stage_make_proxy(&c.g);
	s = store_open(c.g.proxy_url);
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	ok(count(s, "n", NEVER));
	wait_until(server_do(&c.replica, "EXISTS {latchkey}rn") == 1);
	server_do(&c.replica, "REPLICAOF NO ONE");
	server_do(&c.g.server, "REPLICAOF 127.0.0.1 %d", c.replica.port);
	is(count(s, "n", NEVER), LK_E_STORE);
	cr_assert(says(s, "replica"));
	atomic_store(&c.g.proxy.to, c.replica.socket); /* what is connected stays so */
	see_that_all_is_lost(s, &id);
	lk_store_close(s);
	remove_all(&c);
}

struct listener {
	struct lk_store *s;
	struct server *server;
	int rc;
	_Atomic unsigned any, named;
};

static int
change_nothing(void *arg, struct lk_store_record *r, size_t n)
{
	(void)arg;
	(void)r;
	(void)n;
	return 0;
}

/* While nobody is allowed to ask the server. */
static void
ask_as_heard(void *arg, const void *name, size_t len)
{
	struct lk_store_record r = { .name = name, .len = len };
	struct listener *l = arg;

	if (name == NULL) {
		atomic_fetch_add(&l->any, 1);
		return;
	}
	server_do(l->server, "ACL SETUSER app -evalsha");
	l->rc = l->s->ops->update(l->s, &r, 1, change_nothing, NULL, NEVER);
	server_do(l->server, "ACL SETUSER app +evalsha");
	atomic_fetch_add(&l->named, 1);
}

/* They may not have it yet: so a hint is no answer.  (RH3) */
Test(replicas, are_asked_for_what_a_hint_tells, .timeout = 60)
{
	struct listener l = { .rc = 0 };
	struct lk_store *other;
	struct couple c;

	make(&c, "&replicas=1&replica_wait_ms=15000");
	allow_waiting(&c);
	other = store_open(c.g.url);
	ok(put_text(other, "n", "one"));
	l.s = store_open(c.url);
	l.server = &c.g.server;
	ok(l.s->ops->watch(l.s, ask_as_heard, &l));
	wait_until(atomic_load(&l.any) == 1);
	cr_assert(has_text(l.s, "n", "one"));
	ok(put_text(other, "n", "two"));
	wait_until(atomic_load(&l.named) == 1);
	is(l.rc, LK_E_PERM);
	lk_store_close(l.s);
	lk_store_close(other);
	remove_all(&c);
}
