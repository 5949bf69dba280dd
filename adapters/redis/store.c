/* SPDX-License-Identifier: MIT */
/* "redis://HOST", "redis:/SOCKET", "rediss://HOST": the tables of a store in a Redis server. */
#define _GNU_SOURCE
#include "redis/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/io.h"
#include "common/quiet.h"
#include "redis/ask.h"
#include "redis/clock.h"
#include "redis/greeting.h"
#include "redis/many.h"
#include "redis/pool.h"
#include "redis/rows.h"
#include "redis/scan.h"
#include "redis/sessions.h"
#include "redis/tls.h"
#include "redis/wishes.h"

int
store_complain(struct redis_store *s, int rc, const char *what)
{
	char text[sizeof(s->where.text)];

	pthread_mutex_lock(&s->lock);
	memcpy(text, s->where.text, sizeof(text));
	pthread_mutex_unlock(&s->lock);
	return words_say(&s->words, rc, "%.150s: %.160s", text, what);
}

void
store_where(struct redis_store *s, struct where *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->where;
	pthread_mutex_unlock(&s->lock);
}

/* ---------------------------------------------------------------------- what a fork leaves */

/* In a child connections are closed, and nothing is freed: any thread may have been in the middle of anything. */
static struct redis_store *left;

static void
in_child(struct fork_note *note)
{
	struct redis_store *s =
		(struct redis_store *)(void *)((char *)note - offsetof(struct redis_store, fork));

	for (unsigned i = 0; i < s->n_connections; i++)
		io_close(&s->connections[i].wire.fd);
	io_close(&s->hints.connection.wire.fd);
	io_close(&s->hints.sentinel.wire.fd);
	io_close(&s->hints.stop);
	clock_in_child();
	s->left = left;
	left = s;
}

/* --------------------------------------------------------------------------- open and close */

static void
init(struct redis_store *s, const struct lk_store_open *o)
{
	s->place = (struct place){ o->allocator, o->environment };
	s->fork.in_child = in_child;
	s->is_read_only = (o->flags & LK_STORE_READ_ONLY) != 0;
	s->transport = wire_plain;
	words_init(&s->words);
	s->words.say = o->say;
	s->words.say_arg = o->say_arg;
	pthread_mutex_init(&s->lock, NULL);
	cache_init(&s->cache, &s->place);
	hints_init(s);
	if (getrandom(s->opening, sizeof(s->opening), 0) != sizeof(s->opening))
		memcpy(s->opening, &(uint64_t){ place_random(&s->place) }, sizeof(s->opening));
}

static void
fini(struct redis_store *s)
{
	const struct place place = s->place;

	clock_leave(s);
	cache_fini(&s->cache);
	tls_free(&s->transport, &place);
	pthread_mutex_destroy(&s->lock);
	words_fini(&s->words);
	where_forget(&s->where);
	place_free(&place, s, sizeof(*s));
}

/* The first connection says what there is to be said against this server. */
static int
meet_server(struct redis_store *s)
{
	struct connection *c = pool_take(s, UINT64_MAX);
	int rc = greeting_open(s, c, patience_of(&s->place, s->timeout_ns, UINT64_MAX));

	pool_give(s, c);
	return rc;
}

/* Those without whom nothing would ever be told as written.  (RD8) */
static int
meet_replicas(struct redis_store *s)
{
	struct ask a;
	int rc;

	if (s->replicas == 0 || s->is_read_only)
		return 0;
	rc = ask_begin(&a, s, UINT64_MAX);
	return rc == 0 ? ask_end(&a, ask_replicas(&a)) : rc;
}

static int
meet_all(struct redis_store *s)
{
	int rc = meet_server(s);

	if (rc == 0)
		rc = meet_replicas(s);
	return rc == 0 ? pool_fill(s) : rc;
}

static int
set_up(struct redis_store *s, const struct lk_store_open *o)
{
	int rc = wishes_read(s, o);

	if (rc != 0)
		return rc;
	pool_init(s, o->handle);
	rc = forks_join(&s->fork) ? 0 : LK_E_NOMEM;
	if (rc == 0) {
		rc = meet_all(s);
		if (rc != 0)
			forks_leave(&s->fork);
	}
	if (rc != 0)
		pool_fini(s);
	return rc;
}

static int
open_store(const struct lk_store_open *o, struct lk_store **out)
{
	const struct place place = { o->allocator, o->environment };
	const struct quiet q = quiet_enter();
	struct redis_store *s = place_zalloc(&place, sizeof(*s));
	int rc;

	if (s == NULL)
		return quiet_leave(q, LK_E_NOMEM);
	init(s, o);
	rc = set_up(s, o);
	if (rc == 0) {
		*out = &s->base;
		return quiet_leave(q, 0);
	}
	if (o->report != NULL && o->report_cap > 0)
		(void)words_copy(&s->words, o->report, o->report_cap);
	fini(s);
	return quiet_leave(q, rc);
}

static void
close_store(struct lk_store *base)
{
	struct redis_store *s = redis_store_of(base);
	const struct quiet q = quiet_enter();

	if (!fork_note_is_foreign(&s->fork)) {
		hints_unwatch(base);
		sessions_end(s);
		forks_leave(&s->fork);
		pool_fini(s);
		fini(s);
	}
	(void)quiet_leave(q, 0);
}

/* ----------------------------------------------------------------------------- the rest of it */

/* What its settings are; false: it does not say. */
static bool
ask_fsync(struct ask *a, bool *is_always)
{
	const char *argv[3] = { "CONFIG", "GET", "appendfsync" };
	size_t len[3] = { 6, 3, 11 };
	const struct command q = { argv, len, 3, 3 };
	const redisReply *r;

	if (ask_command(a, &q) != 0)
		return false;
	r = a->reply;
	if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
	    r->element[1]->type != REDIS_REPLY_STRING)
		return false;
	*is_always = strcmp(r->element[1]->str, "always") == 0;
	return true;
}

static const char *
judge_log(struct ask *a, bool *is_fenced)
{
	struct server is;
	bool is_always = false;
	int rc = greeting_look(a->s, a->c, &is,
			       patience_of(&a->s->place, a->s->timeout_ns, a->deadline_ns));

	*is_fenced = false;
	if (rc != 0)
		return "It does not answer now.";
	if (!is.has_log)
		return "It keeps no log (appendonly no): after a restart all is lost, and fences "
		       "go "
		       "on only by the wall clock.";
	if (!ask_fsync(a, &is_always))
		return "It keeps a log, but does not say (CONFIG GET) when it is on the disk.";
	*is_fenced = is_always;
	return is_always
		       ? "Its log is on the disk before it answers (appendfsync always): fences go "
			 "on after a restart, not after a failover."
		       : "Its log is not on the disk at once (appendfsync): a restart may lose the "
			 "latest of it, fences too.";
}

static void
judge(struct redis_store *s, struct lk_guarantee *out)
{
	const char *words = "It does not answer now.";
	char replicas[100] = "";
	bool is_fenced = false;
	struct ask a;

	if (ask_begin(&a, s, place_now(&s->place) + s->timeout_ns) == 0) {
		words = judge_log(&a, &is_fenced);
		(void)ask_end(&a, 0);
	}
	if (s->replicas > 0)
		(void)snprintf(replicas, sizeof(replicas),
			       " What is granted %u replicas have in memory, too.", s->replicas);
	out->level = is_fenced ? LK_LEVEL_FENCED : LK_LEVEL_LEASE;
	(void)snprintf(
		out->words, sizeof(out->words),
		"At most one holder, if nobody is stopped for longer than his time to live "
		"and the server's wall clock is not set forward. A restart, a failover or an "
		"emptied server ends all locks; who held them learns it when he next renews "
		"his session.%s %s",
		replicas, words);
}

static int
level(struct lk_store *base, struct lk_guarantee *out)
{
	const struct quiet q = quiet_enter();

	judge(redis_store_of(base), out);
	return quiet_leave(q, 0);
}

static size_t
error(struct lk_store *base, char *buf, size_t cap)
{
	return words_copy(&redis_store_of(base)->words, buf, cap);
}

static size_t
state(struct lk_store *base, char *buf, size_t cap)
{
	struct redis_store *s = redis_store_of(base);
	const size_t n = pool_tell(s, buf, cap);
	char why[TLS_WHY];
	int more;

	tls_trouble(&s->transport, why);
	if (why[0] == '\0')
		return n;
	more = snprintf(n < cap ? buf + n : NULL, n < cap ? cap - n : 0,
			"; the files for TLS have changed, and cannot be used: %s", why);
	return n + (more > 0 ? (size_t)more : 0);
}

static size_t
figures(struct lk_store *base, struct lk_store_figure *out, size_t cap)
{
	struct redis_store *s = redis_store_of(base);
	const size_t n = pool_figures(s, out, cap);
	struct lk_store_figure more[] = {
		{ "tls_reloads", "times that changed certificates were taken into use", 0, 1, 0 },
		{ "tls_reloads_refused",
		  "connections made while changed certificates were unusable", 0, 1, 0 },
	};

	if (!tls_counts(&s->transport, &more[0].value, &more[1].value))
		return n;
	for (size_t i = 0; i < 2 && n + i < cap; i++)
		out[n + i] = more[i];
	return n + 2;
}

#define TABLE(scheme_is, parameters_are)                                                           \
	{                                                                                          \
		.version = LK_STORE_VERSION,                                                       \
		.capabilities = LK_STORE_CAN_WATCH | LK_STORE_HAS_CLOCK | LK_STORE_CAN_MANY |      \
				LK_STORE_CAN_HEAR,                                                 \
		.scheme = (scheme_is), .parameters = (parameters_are), .open = open_store,         \
		.close = close_store, .update = rows_update, .read = rows_read, .scan = scan_rows, \
		.session_open = sessions_open, .session_renew = sessions_renew,                    \
		.session_close = sessions_close, .session_alive = sessions_alive,                  \
		.session_who = sessions_who, .watch = hints_watch, .unwatch = hints_unwatch,       \
		.now = clock_now, .level = level, .error = error, .update_many = many_update,      \
		.state = state, .figures = figures,                                                \
	}

static const struct lk_store_ops plain = TABLE("redis", wishes_redis);
static const struct lk_store_ops with_tls = TABLE("rediss", wishes_rediss);

const struct lk_store_ops *
lk_store_redis(void)
{
	return &plain;
}

const struct lk_store_ops *
lk_store_rediss(void)
{
	return &with_tls;
}
