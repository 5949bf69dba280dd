/* SPDX-License-Identifier: MIT */
/*
 * Locks that a server keeps: Latchkey's over redis:, and two bare scripts, called by their digests, on one connection: SET NX with a time to
 * live, and DEL if it is still ours.  They keep no line, know no modes, no sessions, no fences: they are the floor.
 *
 * The server is a process of the benchmark's own, on a socket in the folder of the case.  Who finds nobody there starts it;
 * it ends when nobody has been connected for some seconds.
 *
 * Needs: libhiredis-dev <hiredis/hiredis.h> pkg-config:hiredis
 * Needs: redis-server <hiredis/hiredis.h>
 */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hiredis/hiredis.h>
#include <latchkey/redis.h>

#include "affinity.h"
#include "each.h"
#include "ours.h"
#include "place.h"
#include "redis.h"
#include "updates.h"

/* ---------------------------------------------------------------------- the server */

enum { TRIES = 1000, NAP_US = 10000 };

static const char tend[] =
	"redis-server --port 0 --unixsocket \"$1\" --save '' --appendonly no --dir \"${1%/*}\" "
	"--logfile \"$1.log\" --maxmemory-policy noeviction & p=$!; idle=0\n"
	"while kill -0 $p 2>/dev/null && [ $idle -lt 2 ]; do sleep 3\n"
	"n=$(redis-cli -s \"$1\" info clients | sed -n "
	"'s/^connected_clients:\\([0-9]*\\).*/\\1/p')\n"
	"if [ \"${n:-0}\" -gt 1 ]; then idle=0; else idle=$((idle + 1)); fi; done\n"
	"kill $p";

/* Twice, so that it is nobody's child. */
static void
start(const char *socket)
{
	const pid_t pid = fork();

	if (pid < 0)
		bench_die("redis-server", "no process");
	if (pid > 0) {
		(void)waitpid(pid, NULL, 0);
		return;
	}
	if (fork() == 0) {
		const int null = open("/dev/null", O_RDWR);

		for (int i = 0; i < 3; i++)
			(void)dup2(null, i);
		(void)setsid();
		affinity_become_server();
		execl("/bin/sh", "sh", "-c", tend, "sh", socket, (char *)NULL);
	}
	_exit(0);
}

/* One of those who come starts it. */
static redisContext *
connect_to(const char *socket)
{
	char mark[PLACE_MAX + 8];
	int fd;

	snprintf(mark, sizeof(mark), "%s.mark", socket);
	fd = open(mark, O_CREAT | O_EXCL | O_CLOEXEC | O_WRONLY, 0600);
	if (fd >= 0) {
		(void)close(fd);
		start(socket);
	}
	for (int i = 0; i < TRIES; i++) {
		redisContext *c = redisConnectUnix(socket);

		if (c != NULL && c->err == 0)
			return c;
		if (c != NULL)
			redisFree(c);
		usleep(NAP_US);
	}
	bench_die("redis-server", "it does not answer");
}

void *
redis_served_open(size_t n_names, size_t n_held)
{
	struct redis_served *s = malloc(sizeof(*s));

	(void)n_names;
	(void)n_held;
	if (s == NULL)
		bench_die("redis", "out of memory");
	place_path(s->socket, "redis.sock");
	s->stays = connect_to(s->socket);
	return s;
}

void
redis_served_close(void *world)
{
	struct redis_served *s = world;

	redisFree(s->stays);
	free(s);
}

static redisReply *
ask(redisContext *c, int n, const char **argv)
{
	redisReply *r = redisCommandArgv(c, n, argv, NULL);

	if (r == NULL || r->type == REDIS_REPLY_ERROR)
		bench_die("redis", r != NULL ? r->str : c->errstr);
	return r;
}

static void
load(redisContext *c, const char *text, char sha[41])
{
	const char *argv[] = { "SCRIPT", "LOAD", text };
	redisReply *r = ask(c, 3, argv);

	snprintf(sha, 41, "%s", r->str);
	freeReplyObject(r);
}

/* ------------------------------------------------------------------------ Latchkey */

static void
make_url(char url[PLACE_MAX + 32], const char *parameters)
{
	const int rc = lk_store_register(lk_store_redis());
	char socket[PLACE_MAX];

	if (rc != LK_E_BUSY) /* it is registered */
		must(rc, "redis: register");
	place_path(socket, "redis.sock");
	redisFree(connect_to(socket));
	snprintf(url, PLACE_MAX + 32, "redis:%s%s", socket, parameters);
}

static void *
manager_open(const char *parameters)
{
	char url[PLACE_MAX + 32];
	struct lk_manager *m;

	make_url(url, parameters);
	must(lk_open(url, NULL, &m), url);
	return m;
}

static void *
asked_open(size_t n_names, size_t n_held)
{
	(void)n_names;
	(void)n_held;
	return manager_open("?linger_ns=off");
}

static void *
kept_open(size_t n_names, size_t n_held)
{
	(void)n_names;
	(void)n_held;
	return manager_open("");
}

#define PEER               latchkey_redis
#define PEER_NAME          "latchkey"
#define PEER_WHAT          "… over redis:, which is asked each time: linger_ns=off"
#define PEER_BY            BY_NAME
#define PEER_REALM         REALM_REDIS
#define PEER_MODES         MODES_ALL
#define PEER_TRAITS        PEER_KEEPS
#define PEER_TICKET        lk_grant
#define PEER_OPEN          asked_open
#define PEER_CLOSE         latchkey_close
#define PEER_SESSION_OPEN  session_open
#define PEER_SESSION_CLOSE session_close
#define PEER_ACQUIRE       name_acquire
#define PEER_RELEASE       release
#include "contestant.h"

#define PEER               latchkey_redis_two
#define PEER_NAME          "latchkey"
#define PEER_WHAT          "… over redis:, two processes"
#define PEER_BY            BY_NAME
#define PEER_REALM         REALM_REDIS_TWO
#define PEER_MODES         MODES_ALL
#define PEER_TICKET        lk_grant
#define PEER_OPEN          kept_open
#define PEER_CLOSE         latchkey_close
#define PEER_SESSION_OPEN  session_open
#define PEER_SESSION_CLOSE session_close
#define PEER_ACQUIRE       name_acquire
#define PEER_RELEASE       release
#include "contestant.h"

#define PEER               latchkey_redis_many
#define PEER_NAME          "latchkey"
#define PEER_WHAT          "… over redis:, two processes of eight threads"
#define PEER_BY            BY_NAME
#define PEER_REALM         REALM_REDIS_MANY
#define PEER_MODES         MODES_ALL
#define PEER_TICKET        lk_grant
#define PEER_OPEN          kept_open
#define PEER_CLOSE         latchkey_close
#define PEER_SESSION_OPEN  session_open
#define PEER_SESSION_CLOSE session_close
#define PEER_ACQUIRE       name_acquire
#define PEER_RELEASE       release
#include "contestant.h"

static void *
redis_each_open(size_t n_names, size_t n_held)
{
	char url[PLACE_MAX + 32];

	(void)n_names;
	(void)n_held;
	make_url(url, "");
	return each_open(url);
}

#define PEER      redis_each
#define PEER_NAME "latchkey_store"
#define PEER_WHAT                                                                                    \
	"… by the store alone, which is asked each time: an update that takes it, one that frees " \
	"it"
#define PEER_BY      BY_NAME
#define PEER_REALM   REALM_REDIS_MANY
#define PEER_MODES   MODES_ALL
#define PEER_TICKET  char
#define PEER_OPEN    redis_each_open
#define PEER_CLOSE   each_close
#define PEER_ACQUIRE each_acquire
#define PEER_RELEASE each_release
#include "contestant.h"

static void *
redis_updates_open(size_t n_names, size_t n_held)
{
	char url[PLACE_MAX + 32];

	(void)n_names;
	(void)n_held;
	make_url(url, "");
	return updates_open(url);
}

#define PEER         redis_updates
#define PEER_NAME    "latchkey_store"
#define PEER_WHAT    "two updates of a record, by the store alone"
#define PEER_BY      BY_NAME
#define PEER_REALM   REALM_REDIS
#define PEER_MODES   MODES_ALL
#define PEER_TRAITS  PEER_KEEPS
#define PEER_TICKET  char
#define PEER_OPEN    redis_updates_open
#define PEER_CLOSE   updates_close
#define PEER_ACQUIRE updates_acquire
#define PEER_RELEASE updates_release
#include "contestant.h"

/* --------------------------------------------------------------------- bare scripts */

struct bare {
	redisContext *c;
	redisContext *ear;
	char one[41];
	char two[41];
	unsigned lane;
	unsigned whose; /* turn it is, as heard last */
};

static struct bare *
bare_new(void *world, const char *one, const char *two)
{
	struct bare *b = calloc(1, sizeof(*b));

	if (b == NULL)
		bench_die("redis", "out of memory");
	b->c = connect_to((const char *)world);
	load(b->c, one, b->one);
	load(b->c, two, b->two);
	return b;
}

static void *
evalsha_open(void *world, void *target, unsigned lane)
{
	(void)target;
	(void)lane;
	return bare_new(world, "return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', 30000)",
			"if redis.call('GET', KEYS[1]) == ARGV[1] then\n"
			"  return redis.call('DEL', KEYS[1])\n"
			"end\n"
			"return 0");
}

static void
evalsha_close(void *session)
{
	struct bare *b = session;

	redisFree(b->c);
	free(b);
}

BENCH_INLINE void
evalsha_do(struct bare *b, const char *sha, const char *name)
{
	const char *argv[] = { "EVALSHA", sha, "1", name, "0123456789abcdef" };

	freeReplyObject(ask(b->c, 5, argv));
}

BENCH_INLINE void
evalsha_acquire(void *session, const void *target, lk_mode mode, char *ticket)
{
	struct bare *b = (struct bare *)session;

	(void)mode;
	(void)ticket;
	evalsha_do(b, b->one, (const char *)target);
}

BENCH_INLINE void
evalsha_release(void *session, const void *target, char *ticket)
{
	struct bare *b = (struct bare *)session;

	(void)ticket;
	evalsha_do(b, b->two, (const char *)target);
}

#define PEER               redis_evalsha
#define PEER_WHAT          "two EVALSHA on one connection: SET NX PX, and DEL if it is ours"
#define PEER_BY            BY_NAME
#define PEER_REALM         REALM_REDIS
#define PEER_MODES         MODES_ALL
#define PEER_TICKET        char
#define PEER_OPEN          redis_served_open
#define PEER_CLOSE         redis_served_close
#define PEER_SESSION_OPEN  evalsha_open
#define PEER_SESSION_CLOSE evalsha_close
#define PEER_ACQUIRE       evalsha_acquire
#define PEER_RELEASE       evalsha_release
#include "contestant.h"

/* ------------------------------------------------------------------ turns, by PUBLISH */

#define NOBODY 2u /* one has ended: the other may go on */

static unsigned
number_in(const redisReply *r)
{
	return r->type == REDIS_REPLY_STRING ? (unsigned)strtoul(r->str, NULL, 10) : 0;
}

/* Heard first, then looked: so nothing is missed. */
static void *
turns_open(void *world, void *target, unsigned lane)
{
	struct bare *b = bare_new(world,
				  "redis.call('SET', 'turn', ARGV[1])\n"
				  "return redis.call('PUBLISH', 'turns', ARGV[1])",
				  "return redis.call('GET', 'turn')");
	const char *listen[] = { "SUBSCRIBE", "turns" };
	const char *look[] = { "EVALSHA", b->two, "0" };
	redisReply *r;

	(void)target;
	b->lane = lane;
	b->ear = connect_to((const char *)world);
	freeReplyObject(ask(b->ear, 2, listen));
	r = ask(b->c, 3, look);
	b->whose = number_in(r);
	freeReplyObject(r);
	return b;
}

BENCH_INLINE void
turns_say(struct bare *b, unsigned whose)
{
	char number[8];
	const char *argv[] = { "EVALSHA", b->one, "0", number };

	snprintf(number, sizeof(number), "%u", whose);
	freeReplyObject(ask(b->c, 4, argv));
	b->whose = whose;
}

static void
turns_close(void *session)
{
	struct bare *b = session;

	turns_say(b, NOBODY);
	redisFree(b->ear);
	evalsha_close(b);
}

static void
turns_hear(struct bare *b)
{
	redisReply *r;

	if (redisGetReply(b->ear, (void **)&r) != REDIS_OK)
		bench_die("redis_turns", b->ear->errstr);
	if (r->type == REDIS_REPLY_ARRAY && r->elements == 3)
		b->whose = number_in(r->element[2]);
	freeReplyObject(r);
}

BENCH_INLINE void
turns_acquire(void *session, const void *target, lk_mode mode, char *ticket)
{
	struct bare *b = (struct bare *)session;

	(void)target;
	(void)mode;
	(void)ticket;
	while (b->whose != b->lane && b->whose != NOBODY)
		turns_hear(b);
}

BENCH_INLINE void
turns_release(void *session, const void *target, char *ticket)
{
	struct bare *b = (struct bare *)session;

	(void)target;
	(void)ticket;
	if (b->whose != NOBODY)
		turns_say(b, 1 - b->lane);
}

#define PEER               redis_turns
#define PEER_WHAT          "two processes that say by PUBLISH whose turn it is"
#define PEER_BY            BY_NAME
#define PEER_REALM         REALM_REDIS_TWO
#define PEER_MODES         MODES_ALL
#define PEER_TICKET        char
#define PEER_OPEN          redis_served_open
#define PEER_CLOSE         redis_served_close
#define PEER_SESSION_OPEN  turns_open
#define PEER_SESSION_CLOSE turns_close
#define PEER_ACQUIRE       turns_acquire
#define PEER_RELEASE       turns_release
#include "contestant.h"
