/* SPDX-License-Identifier: MIT */
/* Sessions: alive while their process is, dead after it, and never alive again. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define TTL_NS      UINT64_C(400000000) /* of those that are to end */
#define LONG_TTL_NS UINT64_C(60000000000)
#define AT_ONCE_NS  UINT64_C(1000000000) /* of asking: a busy machine lets us ask late */

static struct lk_session_id
make_id(unsigned number)
{
	struct lk_session_id id;
	uint64_t lot = run.seed + number;
	uint64_t words[2] = { check_random(&lot), check_random(&lot) };

	memcpy(id.bytes, words, sizeof(id.bytes));
	return id;
}

static bool
is_alive(struct lk_store *s, const struct lk_session_id *id)
{
	unsigned char alive = 7;

	OK(s->ops->session_alive(s, id, 1, &alive, NEVER));
	CHECK(alive <= 1, "neither alive nor dead");
	return alive == 1;
}

static void
a_session_lives_and_ends(void)
{
	struct lk_store *s = check_open(), *other = check_open();
	const struct lk_session_id id = make_id(1), never = make_id(2);
	char who[64];

	CHECK(!is_alive(s, &id), "alive before it was opened");
	OK(s->ops->session_open(s, &id, LONG_TTL_NS, "host 7, process 12", NEVER));
	CHECK(is_alive(s, &id) && is_alive(other, &id), "not alive");
	CHECK(!is_alive(s, &never), "alive without being opened");
	OK(other->ops->session_who(other, &id, who, sizeof(who), NEVER));
	CHECK(strcmp(who, "host 7, process 12") == 0, "who: %s", who);
	OK(s->ops->session_who(s, &id, who, 5, NEVER));
	CHECK(strcmp(who, "host") == 0, "who: %s", who);
	IS(s->ops->session_who(s, &never, who, sizeof(who), NEVER), LK_E_NOENT);
	OK(s->ops->session_renew(s, &id, NEVER));
	OK(s->ops->session_close(s, &id, NEVER));
	CHECK(!is_alive(s, &id) && !is_alive(other, &id), "alive after its end");
	IS(s->ops->session_renew(s, &id, NEVER), LK_E_LOST);
	CHECK(!is_alive(s, &id), "alive again");
	OK(s->ops->session_close(s, &id, NEVER));
	lk_store_close(s);
	lk_store_close(other);
}

static void
an_id_is_taken_once(void)
{
	struct lk_store *s = check_open(), *other = check_open();
	const struct lk_session_id id = make_id(1), none = { { 0 } };

	OK(s->ops->session_open(s, &id, LONG_TTL_NS, "first", NEVER));
	IS(s->ops->session_open(s, &id, LONG_TTL_NS, "second", NEVER), LK_E_INVAL);
	IS(other->ops->session_open(other, &id, LONG_TTL_NS, "second", NEVER), LK_E_INVAL);
	IS(s->ops->session_open(s, &none, LONG_TTL_NS, "none", NEVER), LK_E_INVAL);
	CHECK(is_alive(s, &id), "not alive");
	lk_store_close(other);
	CHECK(is_alive(s, &id), "not alive");
	lk_store_close(s);
}

enum { SESSIONS = 150 };

static void
many_sessions_are_told_apart(void)
{
	struct lk_store *s[2] = { check_open(), check_open() };
	struct lk_session_id ids[SESSIONS];
	unsigned char alive[SESSIONS];

	for (unsigned i = 0; i < SESSIONS; i++) {
		ids[i] = make_id(i);
		OK(s[i % 2]->ops->session_open(s[i % 2], &ids[i], LONG_TTL_NS, "one of many",
					       NEVER));
	}
	for (unsigned i = 0; i < SESSIONS; i += 3)
		OK(s[i % 2]->ops->session_close(s[i % 2], &ids[i], NEVER));
	OK(s[0]->ops->session_alive(s[0], ids, SESSIONS, alive, NEVER));
	for (unsigned i = 0; i < SESSIONS; i++)
		CHECK(alive[i] == (i % 3 != 0), "session %u", i);
	lk_store_close(s[1]); /* its sessions end with it */
	OK(s[0]->ops->session_alive(s[0], ids, SESSIONS, alive, NEVER));
	for (unsigned i = 0; i < SESSIONS; i++)
		CHECK(alive[i] == (i % 3 != 0 && i % 2 == 0), "session %u after a close", i);
	lk_store_close(s[0]);
}

/* A short time to live ends what is not renewed, if the store does not see deaths by itself. */
static void
a_session_ends_with_its_time(void)
{
	struct lk_store *s = check_open();
	const struct lk_session_id id = make_id(1);

	if ((run.capabilities & LK_STORE_SEES_DEATH) != 0) {
		OK(s->ops->session_open(s, &id, 1, "lives as long as its process", NEVER));
		CHECK(is_alive(s, &id), "it sees deaths, and this is none");
	} else {
		OK(s->ops->session_open(s, &id, TTL_NS, "lives for a moment", NEVER));
		WAIT_UNTIL(!is_alive(s, &id));
		IS(s->ops->session_renew(s, &id, NEVER), LK_E_LOST);
		CHECK(!is_alive(s, &id), "alive again");
	}
	lk_store_close(s);
}

/* ------------------------------------------------------------------ other processes */

static uint64_t
ttl(void)
{
	return (run.capabilities & LK_STORE_SEES_DEATH) != 0 ? LONG_TTL_NS : TTL_NS;
}

static struct lk_store *
live_with(unsigned number)
{
	const struct lk_session_id id = make_id(number);
	struct lk_store *s = check_open();

	run.capabilities = s->ops->capabilities;
	OK(s->ops->session_open(s, &id, ttl(), "to be killed", NEVER));
	return s;
}

static int
play_living(const char *argument)
{
	(void)live_with((unsigned)strtoul(argument, NULL, 10));
	say('r');
	wait_for_word();
	return 0;
}

/* The same, with a child that goes on when it is killed. */
static int
play_parent(const char *argument)
{
	const struct lk_session_id id = make_id((unsigned)strtoul(argument, NULL, 10));
	struct lk_store *s = live_with((unsigned)strtoul(argument, NULL, 10));

	if (fork() == 0) {
		unsigned char alive;

		IS(s->ops->session_alive(s, &id, 1, &alive, NEVER), LK_E_FORKED);
		IS(s->ops->session_renew(s, &id, NEVER), LK_E_FORKED);
		IS(put(s, "n", 1, "x", 1), LK_E_FORKED);
		IS((int)get(s, "n", 1, NULL, 0), LK_E_FORKED);
		lk_store_close(s); /* nothing to the parent */
		say('r');
		wait_for_word();
		exit(0);
	}
	wait_for_word();
	return 0;
}

/* … or with a program that it has started. */
static int
play_starter(const char *argument)
{
	(void)live_with((unsigned)strtoul(argument, NULL, 10));
	if (fork() == 0) {
		(void)execl("/bin/sh", "sh", "-c", "printf r; read line", (char *)NULL);
		_exit(127);
	}
	pause();
	return 0;
}

/* How long this process has run for. */
static uint64_t
spent_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static void
check_death(const char *role, unsigned number)
{
	struct lk_store *s = check_open();
	const struct lk_session_id id = make_id(number);
	const bool sees_death = (run.capabilities & LK_STORE_SEES_DEATH) != 0;
	const uint64_t begun = check_now();
	char argument[16];
	struct other o;
	uint64_t killed;

	(void)snprintf(argument, sizeof(argument), "%u", number);
	other_start(&o, role, argument);
	MUST(other_next(&o) == 'r', "it does not begin");
	/* on a machine that has much to do its time may be over already */
	CHECK(is_alive(s, &id) || check_now() - begun >= ttl(), "not alive");
	(void)kill(o.pid, SIGKILL);
	(void)waitpid(o.pid, NULL, 0);
	killed = spent_ns();
	WAIT_UNTIL(!is_alive(s, &id));
	CHECK(!sees_death || spent_ns() - killed < AT_ONCE_NS, "dead after %llu ms",
	      (unsigned long long)(spent_ns() - killed) / 1000000);
	(void)close(o.to); /* what it left behind ends */
	(void)close(o.from);
	lk_store_close(s);
}

static void
a_killed_process_is_dead(void)
{
	for (unsigned i = 0; i < 10; i++)
		check_death("living", i);
}

static void
children_do_not_keep_a_session_alive(void)
{
	check_death("parent", 1);
	check_death("starter", 2);
}

/* A killed process's place is taken by others: what was dead stays dead. */
static void
the_dead_stay_dead(void)
{
	struct lk_store *s = check_open();
	const struct lk_session_id id = make_id(100);

	check_death("living", 100);
	for (unsigned i = 0; i < 20; i++) {
		const struct lk_session_id next = make_id(i);

		OK(s->ops->session_open(s, &next, LONG_TTL_NS, "next", NEVER));
		CHECK(!is_alive(s, &id), "alive again");
		CHECK(is_alive(s, &next), "not alive");
	}
	lk_store_close(s);
}

/* The parent goes on as if there had been no fork. */
static void
a_fork_changes_nothing_for_the_parent(void)
{
	struct lk_store *s = check_open();
	const struct lk_session_id id = make_id(1);
	struct name n;
	int status;
	pid_t pid;

	OK(s->ops->session_open(s, &id, LONG_TTL_NS, "parent", NEVER));
	pid = fork();
	if (pid == 0) {
		lk_store_close(s);
		_exit(0);
	}
	(void)waitpid(pid, &status, 0);
	CHECK(status == 0, "the child did not end well");
	CHECK(is_alive(s, &id), "not alive");
	OK(s->ops->session_renew(s, &id, NEVER));
	OK(put_name(s, check_name(&n, "parent", 0), "x", 1));
	lk_store_close(s);
}

const struct check_case cases_sessions[] = {
	{ "a session lives and ends", a_session_lives_and_ends, 0, false },
	{ "an id is taken once", an_id_is_taken_once, 0, false },
	{ "many sessions are told apart", many_sessions_are_told_apart, 0, false },
	{ "a session ends with its time", a_session_ends_with_its_time, 0, false },
	{ "a killed process is dead", a_killed_process_is_dead, 0, true },
	{ "children do not keep a session alive", children_do_not_keep_a_session_alive, 0, true },
	{ "the dead stay dead", the_dead_stay_dead, 0, true },
	{ "a fork changes nothing for the parent", a_fork_changes_nothing_for_the_parent, 0,
	  false },
	{ NULL, NULL, 0, false },
};

const struct role roles_sessions[] = { { "living", play_living },
				       { "parent", play_parent },
				       { "starter", play_starter },
				       { NULL, NULL } };
