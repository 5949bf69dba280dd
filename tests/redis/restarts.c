/* SPDX-License-Identifier: MIT */
/* Servers that forget scripts, close connections, stop, start again, or lose everything. */
#include <signal.h>

#include "stage.h"

static const char *const with_log[] = { "--appendonly", "yes", "--appendfsync", "always", NULL };

Test(restarts, scripts_that_are_forgotten_are_sent_again)
{
	const struct lk_session_id id = session_id(1);
	struct lk_store *s;
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.url);
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	for (unsigned i = 0; i < 10; i++) {
		server_do(&g.server, "SCRIPT FLUSH");
		ok(count(s, "n", NEVER));
		server_do(&g.server, "SCRIPT FLUSH");
		cr_assert_eq(counted(s, "n"), i + 1);
		server_do(&g.server, "SCRIPT FLUSH");
		ok(s->ops->session_renew(s, &id, NEVER));
	}
	server_do(&g.server, "SCRIPT FLUSH");
	ok(s->ops->session_close(s, &id, NEVER));
	lk_store_close(s);
	stage_remove(&g);
}

Test(restarts, connections_that_are_killed_are_replaced)
{
	const struct lk_session_id id = session_id(1);
	struct lk_store *s;
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.socket_url);
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	for (unsigned i = 0; i < 20; i++) {
		cr_assert_gt(server_do(&g.server, "CLIENT KILL USER app"), 0);
		ok(count(s, "n", NEVER));
		cr_assert_gt(server_do(&g.server, "CLIENT KILL USER app"), 0);
		ok(s->ops->session_renew(s, &id, NEVER)); /* the same server, the same run */
	}
	cr_assert_eq(counted(s, "n"), 20);
	lk_store_close(s);
	stage_remove(&g);
}

/* Writes wait, and are made in the end or not at all, when nobody waits for them any more. */
Test(restarts, a_server_that_pauses, .timeout = 60)
{
	struct lk_store *s, *other;
	struct stage g;
	int rc;

	stage_make(&g, NULL);
	s = store_open(g.url);
	other = store_open(g.url);
	ok(count(s, "n", NEVER));
	server_do(&g.server, "CLIENT PAUSE 1000000 WRITE");
	rc = count(s, "n", test_now() + 200000000);
	cr_assert(rc == LK_E_UNKNOWN || rc == LK_E_TIMEDOUT, "%s", lk_errname(rc));
	server_do(&g.server, "CLIENT UNPAUSE");
	ok(count(other, "n", NEVER));
	cr_assert(counted(other, "n") == 2 || (rc == LK_E_UNKNOWN && counted(other, "n") == 3));
	lk_store_close(s);
	lk_store_close(other);
	stage_remove(&g);
}

Test(restarts, a_server_that_is_stopped, .timeout = 60)
{
	const struct lk_session_id id = session_id(1);
	struct lk_store *s;
	struct stage g;
	int rc;

	stage_make(&g, NULL);
	s = store_open(g.socket_url);
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	ok(kill(g.server.pid, SIGSTOP));
	rc = s->ops->session_renew(s, &id, test_now() + 200000000);
	cr_assert(rc == LK_E_UNKNOWN || rc == LK_E_TIMEDOUT, "%s", lk_errname(rc));
	rc = get(s, "n", NULL, 0, test_now() + 200000000);
	cr_assert(rc == LK_E_TIMEDOUT, "%s", lk_errname(rc));
	ok(kill(g.server.pid, SIGCONT));
	ok(s->ops->session_renew(s, &id, NEVER));
	cr_assert(is_alive(s, &id));
	lk_store_close(s);
	stage_remove(&g);
}

Test(restarts, a_server_that_is_gone_is_said_to_be_so)
{
	struct lk_store *s;
	struct stage g;
	char report[320];

	stage_make(&g, NULL);
	s = store_open(g.url);
	ok(count(s, "n", NEVER));
	server_kill(&g.server);
	is(get(s, "n", NULL, 0, NEVER), LK_E_STORE);
	is(count(s, "n", NEVER), LK_E_STORE); /* not UNKNOWN: it was surely not sent */
	cr_assert(says(s, "cannot be reached: Connection refused") && !says(s, "cret"));
	is(store_try(g.url, 0, NULL, report), LK_E_STORE);
	cr_assert(strstr(report, "Connection refused") != NULL && strstr(report, "cret") == NULL,
		  "%s", report);
	lk_store_close(s); /* does not wait for it */
	stage_remove(&g);
}

/* -------------------------------------------------------------------- another store */

/* What is known of a session, in a store that is another one: RD4, RD5, RD6. */
static void
see_that_all_is_lost(struct lk_store *s, const struct lk_session_id *id)
{
	const struct lk_session_id next = session_id(77);

	is(count(s, "n", NEVER), LK_E_STORE); /* who does not know it yet is given nothing */
	is(get(s, "n", NULL, 0, NEVER), LK_E_STORE);
	cr_assert(says(s, "restarted or emptied"));
	is(s->ops->session_renew(s, id, NEVER), LK_E_LOST);
	is(count(s, "n", NEVER), LK_E_STORE);
	ok(s->ops->session_open(s, &next, LONG_TTL_NS, "next", NEVER));
	is(s->ops->session_renew(s, id, NEVER), LK_E_LOST);
	ok(s->ops->session_renew(s, &next, NEVER));
	ok(count(s, "n", NEVER));
}

Test(restarts, after_flushall_it_is_another_store)
{
	const struct lk_session_id id = session_id(1), none = session_id(2);
	struct lk_store *s, *other;
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.url);
	other = store_open(g.url);
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	ok(count(s, "n", NEVER));
	ok(count(s, "n", NEVER));
	server_do(&g.server, "FLUSHALL");
	see_that_all_is_lost(s, &id);
	cr_assert_eq(counted(s, "n"), 1);
	ok(count(other, "n", NEVER)); /* it had no session, so it has nothing to lose */
	cr_assert_eq(counted(s, "n"), 2);
	cr_assert(!is_alive(other, &id) && !is_alive(other, &none));
	lk_store_close(s);
	lk_store_close(other);
	stage_remove(&g);
}

Test(restarts, without_a_log_it_is_another_store)
{
	const struct lk_session_id id = session_id(1);
	struct lk_guarantee level = { .size = sizeof(level) };
	struct lk_store *s;
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.socket_url);
	ok(s->ops->level(s, &level));
	cr_assert_eq(level.level, LK_LEVEL_LEASE);
	cr_assert_not_null(strstr(level.words, "keeps no log"));
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	ok(count(s, "n", NEVER));
	server_restart(&g.server);
	see_that_all_is_lost(s, &id);
	cr_assert_eq(counted(s, "n"), 1);
	cr_assert(!is_alive(s, &id));
	lk_store_close(s);
	stage_remove(&g);
}

/*
 * With a log the records are there still, but nobody can tell whether it is all of it, or another server that has taken
 * over.  So sessions are lost to those who had them; to all others they live until their time is over.
 */
Test(restarts, with_a_log_records_stay_and_sessions_are_lost)
{
	const struct lk_session_id id = session_id(1);
	struct lk_guarantee level = { .size = sizeof(level) };
	struct lk_store *s;
	struct stage g;

	stage_make(&g, with_log);
	s = store_open(g.socket_url);
	ok(s->ops->level(s, &level));
	cr_assert_eq(level.level, LK_LEVEL_FENCED);
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	ok(count(s, "n", NEVER));
	server_restart(&g.server);
	see_that_all_is_lost(s, &id);
	cr_assert_eq(counted(s, "n"), 2);
	cr_assert(is_alive(s, &id));
	lk_store_close(s);
	stage_remove(&g);
}

/* Who comes later than the restart finds what is there, and the epoch that the first one made. */
Test(restarts, all_openings_come_to_the_same_epoch)
{
	const struct lk_session_id id[3] = { session_id(1), session_id(2), session_id(3) };
	struct lk_store *s[3];
	struct stage g;

	stage_make(&g, with_log);
	s[0] = store_open(g.socket_url);
	s[1] = store_open(g.socket_url);
	ok(s[0]->ops->session_open(s[0], &id[0], LONG_TTL_NS, "0", NEVER));
	server_restart(&g.server);
	s[2] = store_open(g.socket_url);
	for (int i = 2; i > 0; i--)
		ok(s[i]->ops->session_open(s[i], &id[i], LONG_TTL_NS, "i", NEVER));
	is(s[0]->ops->session_renew(s[0], &id[0], NEVER), LK_E_LOST);
	ok(s[0]->ops->session_close(s[0], &id[0], NEVER));
	for (int i = 0; i < 3; i++)
		ok(count(s[i], "n", NEVER));
	ok(s[1]->ops->session_renew(s[1], &id[1], NEVER));
	ok(s[2]->ops->session_renew(s[2], &id[2], NEVER));
	for (int i = 0; i < 3; i++)
		lk_store_close(s[i]);
	stage_remove(&g);
}

/* Who looks only makes no epoch. */
Test(restarts, who_only_looks_leaves_all_as_it_is)
{
	char report[320];
	struct stage g;

	stage_make(&g, NULL);
	ok(store_try(g.url, LK_STORE_READ_ONLY, NULL, report));
	cr_assert_eq(server_do(&g.server, "DBSIZE"), 0);
	stage_remove(&g);
}
