/* SPDX-License-Identifier: MIT */
/* Who may do what, and that nobody ever reads a password.  All other tests run as the least user, too. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stage.h"

static int
open_as(struct stage *g, const char *who, char report[320])
{
	char url[200];

	snprintf(url, sizeof(url), "redis://%s127.0.0.1:%d/0?timeout_ms=20000", who,
		 g->server.port);
	return store_try(url, 0, NULL, report);
}

Test(rights, a_wrong_password_is_refused_and_not_repeated)
{
	char report[320];
	struct stage g;

	stage_make(&g, NULL);
	ok(open_as(&g, "app:se%3Fcret@1@", report));
	is(open_as(&g, "app:hunter2@", report), LK_E_PERM);
	cr_assert(strstr(report, "WRONGPASS") != NULL && strstr(report, "hunter2") == NULL, "%s",
		  report);
	is(open_as(&g, "nobody:hunter2@", report), LK_E_PERM);
	cr_assert_null(strstr(report, "hunter2"), "%s", report);
	server_do(&g.server, "CONFIG SET requirepass hunter2");
	is(open_as(&g, "", report), LK_E_PERM);
	cr_assert_not_null(strstr(report, "NOAUTH"), "%s", report);
	is(open_as(&g, "hunter3@", report), LK_E_PERM);
	cr_assert_null(strstr(report, "hunter3"), "%s", report);
	ok(open_as(&g, "hunter2@", report));
	ok(open_as(&g, ":hunter2@", report));
	stage_remove(&g);
}

/* A server that does not know the command cites what it was told. */
Test(rights, a_server_that_cites_a_password_is_not_cited)
{
	static const char *const options[] = { "--rename-command", "AUTH", "", NULL };
	char report[320];
	struct stage g;

	stage_make(&g, options);
	is(open_as(&g, "app:hunter2@", report), LK_E_PERM);
	cr_assert(strstr(report, "hunter2") == NULL && strstr(report, "ERR") != NULL, "%s", report);
	stage_remove(&g);
}

Test(rights, a_password_may_be_in_a_file)
{
	char url[300], file[80], report[320];
	struct stage g;
	int fd;

	stage_make(&g, NULL);
	snprintf(file, sizeof(file), "%.40s/password", g.server.top);
	fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	cr_assert(fd >= 0 && write(fd, "se?cret@1\n", 10) == 10 && close(fd) == 0);
	snprintf(url, sizeof(url), "redis://app:@127.0.0.1:%d?timeout_ms=20000&password_file=%s",
		 g.server.port, file);
	ok(store_try(url, 0, NULL, report));
	strcat(url, "x");
	is(store_try(url, 0, NULL, report), LK_E_INVAL);
	cr_assert_not_null(strstr(report, "cannot be read"), "%s", report);
	stage_remove(&g);
}

/* What is missing is said when the store is opened, not in the middle of an update. */
Test(rights, each_one_that_is_needed_is_missed_at_once)
{
	static const char *const rights[] = { "info",   "eval", "get", "set",     "mget",
					      "exists", "incr", "del", "pexpire", "publish" };
	char report[320];
	struct stage g;

	stage_make(&g, NULL);
	for (size_t i = 0; i < countof(rights); i++) {
		server_do(&g.server, "ACL SETUSER app -%s", rights[i]);
		is(store_try(g.url, 0, NULL, report), LK_E_PERM);
		cr_assert(strstr(report, "NOPERM") != NULL || strstr(report, "can't run") != NULL,
			  "%s: %s", rights[i], report);
		server_do(&g.server, "ACL SETUSER app +%s", rights[i]);
	}
	server_do(&g.server, "ACL SETUSER app resetkeys ~other*");
	is(store_try(g.url, 0, NULL, report), LK_E_PERM);
	server_do(&g.server, "ACL SETUSER app resetkeys ~{latchkey}* resetchannels");
	is(store_try(g.url, 0, NULL, report), LK_E_PERM);
	server_do(&g.server, "ACL SETUSER app &{latchkey}*");
	ok(store_try(g.url, 0, NULL, report));
	stage_remove(&g);
}

static void
hear_nothing(void *arg, const void *name, size_t len)
{
	(void)arg;
	(void)name;
	(void)len;
}

Test(rights, without_the_right_to_listen_there_are_no_hints)
{
	struct lk_store *s;
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.url);
	server_do(&g.server, "ACL SETUSER app -subscribe");
	is(s->ops->watch(s, hear_nothing, NULL), LK_E_STORE);
	cr_assert(says(s, "NOPERM"));
	server_do(&g.server, "ACL SETUSER app +subscribe");
	ok(s->ops->watch(s, hear_nothing, NULL));
	is(s->ops->watch(s, hear_nothing, NULL), LK_E_BUSY);
	lk_store_close(s);
	stage_remove(&g);
}

Test(rights, that_are_taken_away_later)
{
	struct lk_store *s;
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.url);
	ok(count(s, "n", NEVER));
	server_do(&g.server, "ACL SETUSER app resetpass >another");
	server_do(&g.server, "CLIENT KILL USER app");
	is(count(s, "n", NEVER), LK_E_PERM);
	is(get(s, "n", NULL, 0, NEVER), LK_E_PERM);
	cr_assert(!says(s, "cret") && says(s, "WRONGPASS"));
	server_do(&g.server, "ACL SETUSER app >se?cret@1");
	ok(count(s, "n", NEVER));
	server_do(&g.server, "ACL SETUSER app -set");
	is(count(s, "n", NEVER), LK_E_PERM);
	cr_assert_eq(counted(s, "n"), 2);
	lk_store_close(s);
	stage_remove(&g);
}

/* ---------------------------------------------------------------------------- memory */

static void
fill(struct server *s)
{
	server_do(s, "CONFIG SET maxmemory 1");
}

Test(rights, a_server_that_is_full_writes_nothing_and_loses_nothing)
{
	const struct lk_session_id id = session_id(1), next = session_id(2);
	struct lk_store *s;
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.url);
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	ok(put_text(s, "a", "here"));
	ok(put_text(s, "b", "here"));
	fill(&g.server);
	is(put_text(s, "a", "other"), LK_E_LIMIT);
	cr_assert(says(s, "OOM"));
	is(s->ops->session_open(s, &next, LONG_TTL_NS, "me", NEVER), LK_E_LIMIT);
	cr_assert(has_text(s, "a", "here") && is_alive(s, &id) && !is_alive(s, &next));
	ok(s->ops->session_renew(s, &id, NEVER));
	ok(put(s, "b", NULL, 0, NEVER)); /* to remove is allowed */
	ok(s->ops->session_close(s, &id, NEVER));
	server_do(&g.server, "CONFIG SET maxmemory 0");
	ok(put_text(s, "a", "other"));
	lk_store_close(s);
	stage_remove(&g);
}

Test(rights, a_server_that_removes_keys_when_it_is_full_is_refused)
{
	char report[320];
	struct stage g;

	stage_make(&g, NULL);
	server_do(&g.server, "CONFIG SET maxmemory 1gb");
	ok(store_try(g.url, 0, NULL, report));
	server_do(&g.server, "CONFIG SET maxmemory-policy volatile-ttl");
	is(store_try(g.url, 0, NULL, report), LK_E_UNSUPPORTED);
	cr_assert_not_null(strstr(report, "noeviction"), "%s", report);
	server_do(&g.server, "CONFIG SET maxmemory 0");
	ok(store_try(g.url, 0, NULL, report));
	stage_remove(&g);
}

Test(rights, a_replica_is_for_looking)
{
	struct stage g;
	char report[320];

	stage_make(&g, NULL);
	server_do(&g.server, "REPLICAOF 127.0.0.1 1");
	is(store_try(g.url, 0, NULL, report), LK_E_STORE);
	cr_assert_not_null(strstr(report, "replica"), "%s", report);
	ok(store_try(g.url, LK_STORE_READ_ONLY, NULL, report));
	stage_remove(&g);
}
