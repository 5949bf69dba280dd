/* SPDX-License-Identifier: MIT */
/* Logging in; the run and the epoch.  (RD4) */
#define _GNU_SOURCE
#include "redis/greeting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "redis/keys.h"
#include "redis/pool.h"
#include "redis/sentinel.h"
#include "redis/trouble.h"

enum { MOVES = 5 };

int
greeting_failed(struct redis_store *s, const struct connection *c, enum heard heard)
{
	if (heard == HEARD_NOMEM)
		return LK_E_NOMEM;
	return store_complain(s, LK_E_STORE,
			      c->given != NULL && c->why[0] == '\0'
				      ? "the connection that was given is broken"
				      : c->why);
}

int
greeting_ask(struct redis_store *s, struct connection *c, const struct command *q, const char *what,
	     struct patience p, redisReply **out)
{
	const enum heard heard = connection_ask(c, q, p, out);
	int rc;

	if (heard != HEARD)
		return greeting_failed(s, c, heard);
	if ((*out)->type != REDIS_REPLY_ERROR)
		return 0;
	rc = trouble_say(s, what, *out);
	freeReplyObject(*out);
	*out = NULL;
	return rc;
}

/* -------------------------------------------------------------------------- logging in */

/* An error may cite what it was told, so of it only the first word is passed on: it is the kind. */
static int
refuse_login(struct redis_store *s, const redisReply *r)
{
	char text[80];

	(void)snprintf(text, sizeof(text), "the server does not let us in (%.*s)",
		       (int)strcspn(r->str, " "), r->str);
	return store_complain(s, LK_E_PERM, text);
}

static int
log_in(struct redis_store *s, struct connection *c, const struct where *w, struct patience p)
{
	const char *argv[3] = { "AUTH", w->user, w->password };
	size_t len[3] = { 4, strlen(w->user), strlen(w->password) };
	struct command q = { argv, len, 3, 3 };
	enum heard heard;
	redisReply *r;
	int rc = 0;

	if (w->password[0] == '\0')
		return 0;
	if (w->user[0] == '\0') {
		argv[1] = argv[2];
		len[1] = len[2];
		q.n = 2;
	}
	heard = connection_ask(c, &q, p, &r);
	if (heard != HEARD)
		return greeting_failed(s, c, heard);
	if (r->type == REDIS_REPLY_ERROR)
		rc = refuse_login(s, r);
	freeReplyObject(r);
	return rc;
}

static int
choose_db(struct redis_store *s, struct connection *c, const struct where *w, struct patience p)
{
	char number[16];
	const char *argv[2] = { "SELECT", number };
	size_t len[2] = { 6, 0 };
	const struct command q = { argv, len, 2, 2 };
	redisReply *r;
	int rc;

	if (w->db == 0)
		return 0;
	len[1] = (size_t)snprintf(number, sizeof(number), "%u", w->db);
	rc = greeting_ask(s, c, &q, "the database", p, &r);
	if (rc == 0)
		freeReplyObject(r);
	return rc;
}

/* What went wrong there, which is not where the store is if it is a sentinel's. */
static int
complain_of(struct redis_store *s, const struct where *w, const char *why)
{
	return words_say(&s->words, LK_E_STORE, "%.150s: %.160s", w->text, why);
}

int
greeting_visit(struct redis_store *s, struct connection *c, const struct where *w,
	       struct patience p)
{
	int error = connection_open(c, w, p);
	int rc;

	if (error != 0)
		return error == ENOMEM ? LK_E_NOMEM : complain_of(s, w, c->why);
	c->generation = w->generation;
	rc = log_in(s, c, w, p);
	if (rc == 0)
		rc = choose_db(s, c, w, p);
	if (rc != 0)
		connection_close(c);
	return rc;
}

int
greeting_connect(struct redis_store *s, struct connection *c, struct patience p)
{
	struct where w;
	int rc;

	store_where(s, &w);
	rc = w.sentinels[0] != '\0' ? sentinel_connect(s, c, p) : greeting_visit(s, c, &w, p);
	where_forget(&w);
	return rc;
}

/* -------------------------------------------------------------------- who the server is */

/* The value of a line "name:value" of INFO; its length. */
static const char *
find_line(const redisReply *r, const char *name, size_t *len)
{
	const size_t n = strlen(name);
	const char *at = r->str;

	while (at != NULL && *at != '\0') {
		if (strncmp(at, name, n) == 0 && at[n] == ':') {
			*len = strcspn(at + n + 1, "\r\n");
			return at + n + 1;
		}
		at = strchr(at, '\n');
		if (at != NULL)
			at++;
	}
	*len = 0;
	return "";
}

static bool
line_is(const redisReply *r, const char *name, const char *value)
{
	size_t len;
	const char *at = find_line(r, name, &len);

	return len == strlen(value) && memcmp(at, value, len) == 0;
}

static void
read_info(const redisReply *r, struct server *out)
{
	size_t len;
	const char *run = find_line(r, "run_id", &len);

	memset(out, 0, sizeof(*out));
	if (len > 0 && len < sizeof(out->run) && memchr(run, ' ', len) == NULL)
		memcpy(out->run, run, len);
	out->is_master = line_is(r, "role", "master");
	out->is_loading = line_is(r, "loading", "1");
	out->may_evict =
		!line_is(r, "maxmemory", "0") && !line_is(r, "maxmemory_policy", "noeviction");
	out->has_log = line_is(r, "aof_enabled", "1");
	out->version = (unsigned)strtoul(find_line(r, "redis_version", &len), NULL, 10);
}

int
greeting_look(struct redis_store *s, struct connection *c, struct server *out, struct patience p)
{
	const char *argv[1] = { "INFO" };
	const size_t len[1] = { 4 };
	const struct command q = { argv, (size_t *)len, 1, 1 };
	redisReply *r;
	int rc = greeting_ask(s, c, &q, "INFO", p, &r);

	if (rc != 0)
		return rc;
	if (r->type == REDIS_REPLY_STRING)
		read_info(r, out);
	else
		memset(out, 0, sizeof(*out));
	freeReplyObject(r);
	return 0;
}

static int
check_server(struct redis_store *s, const struct server *is)
{
	if (is->run[0] == '\0')
		return store_complain(s, LK_E_UNSUPPORTED, "it does not say which run it is");
	if (is->is_loading)
		return store_complain(s, LK_E_STORE, "it is still reading its data");
	if (!is->is_master && !s->is_read_only)
		return store_complain(s, LK_E_STORE, "it is a replica");
	if (is->version < 5)
		return store_complain(s, LK_E_UNSUPPORTED, "it is older than Redis 5");
	if (is->may_evict)
		return store_complain(s, LK_E_UNSUPPORTED,
				      "it may remove keys when its memory is full: it needs "
				      "maxmemory-policy noeviction");
	return 0;
}

/* ------------------------------------------------------------------------- the epoch */

/* What begins if there is none of this run. */
static void
make_epoch(const char *run, char epoch[STORE_EPOCH])
{
	uint64_t bits[2] = { 0, 0 };

	(void)!getrandom(bits, sizeof(bits), 0);
	(void)snprintf(epoch, STORE_EPOCH, "1 %s %016llx%016llx", run, (unsigned long long)bits[0],
		       (unsigned long long)bits[1]);
}

static int
take_epoch(struct redis_store *s, const redisReply *r, char epoch[STORE_EPOCH])
{
	if (r->type != REDIS_REPLY_STRING || r->len >= STORE_EPOCH)
		return store_complain(s, LK_E_CORRUPT, "its epoch is damaged");
	memcpy(epoch, r->str, r->len);
	epoch[r->len] = '\0';
	return 0;
}

/* The reply is the caller's, an error or not. */
static int
ask_to_enter(struct redis_store *s, struct connection *c, enum entrance how, const char *run,
	     struct patience p, redisReply **out)
{
	char fresh[STORE_EPOCH], key[KEY_SHORT], probe[KEY_SHORT], channel[KEY_SHORT];
	const char mode[2] = { (char)how, '\0' };
	const char *argv[9] = {
		"EVAL", script_text[SCRIPT_ENTER], "2", key, probe, run, fresh, mode, channel
	};
	size_t len[9];
	const struct command q = { argv, len, 9, 9 };
	enum heard heard;

	make_epoch(run, fresh);
	key_short(s, 'e', key);
	key_short(s, 't', probe);
	key_short(s, 'h', channel);
	for (int i = 0; i < 9; i++)
		len[i] = strlen(argv[i]);
	heard = connection_ask(c, &q, p, out);
	return heard == HEARD ? 0 : greeting_failed(s, c, heard);
}

int
greeting_enter(struct redis_store *s, struct connection *c, enum entrance how,
	       char epoch[STORE_EPOCH], struct patience p)
{
	redisReply *r;
	int rc = ask_to_enter(s, c, how, c->run, p, &r);

	if (rc != 0)
		return rc;
	if (r->type == REDIS_REPLY_ERROR) {
		rc = greeting_moves(s, r) ? LK_E_STORE : trouble_say(s, "", r);
		if (trouble_is(r, "READONLY"))
			connection_close(c); /* a replica now: the next one leads to the master */
	} else {
		rc = take_epoch(s, r, epoch);
	}
	freeReplyObject(r);
	return rc;
}

bool
greeting_moves(struct redis_store *s, const redisReply *r)
{
	const char *at, *colon;
	bool is_so = false;

	if (s->is_given || r->type != REDIS_REPLY_ERROR || strncmp(r->str, "MOVED ", 6) != 0)
		return false;
	at = strchr(r->str + 6, ' ');
	colon = at != NULL ? strrchr(at, ':') : NULL;
	if (colon == NULL)
		return false;
	pthread_mutex_lock(&s->lock);
	is_so = where_move(&s->where, at + 1, (size_t)(colon - at - 1), colon + 1);
	pthread_mutex_unlock(&s->lock);
	return is_so;
}

/* --------------------------------------------------------------------------- all of it */

/* A store that knows no epoch yet takes this one.  (RD5) */
static void
keep(struct redis_store *s, const char *epoch)
{
	pthread_mutex_lock(&s->lock);
	if (s->epoch[0] == '\0')
		memcpy(s->epoch, epoch, STORE_EPOCH);
	pthread_mutex_unlock(&s->lock);
}

static int
meet(struct redis_store *s, struct connection *c, bool *has_moved, struct patience p)
{
	char epoch[STORE_EPOCH];
	const bool is_first = s->scripts.sha[0][0] == '\0'; /* so far one thread has it */
	struct server is;
	redisReply *r;
	int rc = greeting_look(s, c, &is, p);

	if (rc == 0)
		rc = check_server(s, &is);
	if (rc != 0)
		return rc;
	rc = ask_to_enter(s, c,
			  s->is_read_only ? ENTER_LOOKING
			  : is_first      ? ENTER_TRYING
					  : ENTER_WRITING,
			  is.run, p, &r);
	if (rc != 0)
		return rc;
	*has_moved = greeting_moves(s, r);
	if (r->type == REDIS_REPLY_ERROR)
		rc = trouble_say(s, "", r);
	else
		rc = take_epoch(s, r, epoch);
	freeReplyObject(r);
	if (rc != 0)
		return rc;
	memcpy(c->run, is.run, sizeof(c->run));
	keep(s, epoch);
	return is_first ? greeting_learn(s, c, p) : 0;
}

int
greeting_open(struct redis_store *s, struct connection *c, struct patience p)
{
	bool has_moved = true;
	int rc = LK_E_STORE;

	for (int i = 0; has_moved && i < MOVES; i++) {
		has_moved = false;
		rc = c->given != NULL ? 0 : greeting_connect(s, c, p);
		if (rc == 0)
			rc = meet(s, c, &has_moved, p);
		if (rc != 0)
			connection_close(c);
	}
	if (rc == 0)
		pool_count_opened(s);
	return rc;
}

static bool
take_names(struct redis_store *s, const redisReply *r)
{
	if (r->type != REDIS_REPLY_ARRAY || r->elements != SCRIPTS)
		return false;
	for (int i = SCRIPTS; i-- > 0;) {
		if (r->element[i]->type != REDIS_REPLY_STRING || r->element[i]->len != 40)
			return false;
		memcpy(s->scripts.sha[i], r->element[i]->str, 41);
	}
	return true;
}

int
greeting_learn(struct redis_store *s, struct connection *c, struct patience p)
{
	const char *argv[3 + SCRIPTS] = {
		"EVAL",
		"local t = {} for i = 1, #ARGV do t[i] = redis.sha1hex(ARGV[i]) end return t", "0"
	};
	size_t len[3 + SCRIPTS];
	const struct command q = { argv, len, 3 + SCRIPTS, 3 + SCRIPTS };
	redisReply *r;
	int rc;

	for (int i = 0; i < SCRIPTS; i++)
		argv[3 + i] = script_text[i];
	for (int i = 0; i < 3 + SCRIPTS; i++)
		len[i] = strlen(argv[i]);
	rc = greeting_ask(s, c, &q, "", p, &r);
	if (rc != 0)
		return rc;
	if (!take_names(s, r))
		rc = trouble_say(s, "", r);
	freeReplyObject(r);
	return rc;
}
