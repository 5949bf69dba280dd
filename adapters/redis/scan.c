/* SPDX-License-Identifier: MIT */
/* Some keys, then what is in them, many with one question; nothing is in use when the function is called. */
#include "redis/scan.h"

#include <stdio.h>

#include "common/quiet.h"
#include "redis/ask.h"
#include "redis/keys.h"

enum { AT_ONCE = 64 }; /* records of one question: none is longer than LK_STORE_RECORD_MAX */

struct sweep {
	struct redis_store *s;
	const void *prefix;
	size_t len;
	lk_store_each_fn *fn;
	void *arg;
	uint64_t deadline_ns;
	char cursor[24];
	char *pattern;
	size_t pattern_len;
};

/* Keys of the server that begin so: what means something in a pattern is escaped. */
static bool
make_pattern(struct sweep *w, struct arena *a)
{
	const unsigned char *from = w->prefix;
	char *at = arena_alloc(a, w->s->prefix_len + 2 * w->len + 3);

	if (at == NULL)
		return false;
	w->pattern = at;
	memcpy(at, w->s->prefix, w->s->prefix_len);
	at += w->s->prefix_len;
	*at++ = 'r';
	for (size_t i = 0; i < w->len; i++) {
		if (strchr("*?[]\\^-", from[i]) != NULL && from[i] != '\0')
			*at++ = '\\';
		*at++ = (char)from[i];
	}
	*at++ = '*';
	w->pattern_len = (size_t)(at - w->pattern);
	return true;
}

/* Some keys; they are the caller's, to be freed. */
static int
scan_some(struct sweep *w, redisReply **out)
{
	struct command q;
	struct ask a;
	int rc = ask_begin(&a, w->s, w->deadline_ns);

	if (rc != 0)
		return rc;
	if (!command_begin(&q, &a.arena, 6))
		return ask_end(&a, LK_E_NOMEM);
	command_say(&q, "SCAN");
	command_say(&q, w->cursor);
	command_say(&q, "MATCH");
	command_add(&q, w->pattern, w->pattern_len);
	command_say(&q, "COUNT");
	command_say(&q, "256");
	rc = ask_command(&a, &q);
	if (rc == 0 && (a.reply->type != REDIS_REPLY_ARRAY || a.reply->elements != 2 ||
			a.reply->element[0]->type != REDIS_REPLY_STRING ||
			a.reply->element[0]->len >= sizeof(w->cursor) ||
			a.reply->element[1]->type != REDIS_REPLY_ARRAY))
		rc = ask_complain(&a);
	if (rc == 0) {
		*out = a.reply;
		a.reply = NULL;
	}
	return ask_end(&a, rc);
}

/* What is in n keys, as READ has it: the first element is no record.  The answer is the caller's. */
static int
ask_some(struct ask *a, redisReply *const *keys, size_t n)
{
	char epoch[KEY_SHORT], gone[KEY_SHORT], number[16];
	struct command q;
	int rc;

	if (!command_begin(&q, &a->arena, AT_ONCE + 6))
		return LK_E_NOMEM;
	key_short(a->s, 'e', epoch);
	key_short(a->s, 'g', gone);
	(void)snprintf(number, sizeof(number), "%zu", n + 2);
	q.n = 2;
	command_say(&q, number);
	command_say(&q, epoch);
	command_say(&q, gone);
	for (size_t i = 0; i < n; i++)
		command_add(&q, keys[i]->str, keys[i]->len);
	command_say(&q, a->epoch);
	rc = ask_script(a, SCRIPT_READ, &q);
	if (rc == 0 && (a->reply->type != REDIS_REPLY_ARRAY || a->reply->elements != n + 1))
		rc = ask_complain(a);
	return rc;
}

static int
read_some(struct sweep *w, redisReply *const *keys, size_t n, redisReply **out)
{
	struct ask a;
	int rc = ask_begin(&a, w->s, w->deadline_ns);

	if (rc != 0)
		return rc;
	while ((rc = ask_some(&a, keys, n)) == ASK_OTHER_EPOCH) {
		rc = ask_next_epoch(&a, false);
		if (rc != 0)
			return ask_end(&a, rc);
	}
	if (rc == 0) {
		*out = a.reply;
		a.reply = NULL;
	}
	return ask_end(&a, rc);
}

/* What is there, if it still is. */
static int
tell_one(struct sweep *w, const redisReply *key, const redisReply *value)
{
	struct lk_store_record r = { 0 };
	const bool is_text = value->type == REDIS_REPLY_STRING;

	r.name = key_name(w->s, key->str, key->len, &r.len);
	if (!is_text && value->type != REDIS_REPLY_INTEGER)
		return 0;
	if (is_text && value->len > STORE_VERSION) {
		r.old = value->str + STORE_VERSION;
		r.old_len = value->len - STORE_VERSION;
	} else {
		r.status = LK_E_CORRUPT;
	}
	return w->fn(w->arg, &r);
}

/* A key of the answer that could be one of ours. */
static bool
is_ours(const struct sweep *w, const redisReply *key)
{
	size_t len;

	return key->type == REDIS_REPLY_STRING &&
	       key_name(w->s, key->str, key->len, &len) != NULL && len <= LK_STORE_NAME_MAX;
}

static int
tell_some(struct sweep *w, redisReply *const *keys, size_t n)
{
	redisReply *values = NULL;
	int rc = read_some(w, keys, n, &values);

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = tell_one(w, keys[i], values->element[i + 1]);
	if (values != NULL)
		freeReplyObject(values);
	return rc;
}

static int
tell_all(struct sweep *w, const redisReply *keys)
{
	redisReply *some[AT_ONCE];
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < keys->elements && rc == 0; i++) {
		if (is_ours(w, keys->element[i]))
			some[n++] = keys->element[i];
		if (n == AT_ONCE) {
			rc = tell_some(w, some, n);
			n = 0;
		}
	}
	return rc == 0 && n > 0 ? tell_some(w, some, n) : rc;
}

static int
scan(struct sweep *w)
{
	int rc;

	do {
		redisReply *some = NULL;

		rc = scan_some(w, &some);
		if (rc != 0)
			return rc;
		memcpy(w->cursor, some->element[0]->str, some->element[0]->len + 1);
		rc = tell_all(w, some->element[1]);
		freeReplyObject(some);
	} while (rc == 0 && strcmp(w->cursor, "0") != 0);
	return rc;
}

int
scan_rows(struct lk_store *base, const void *prefix, size_t len, lk_store_each_fn *fn, void *arg,
	  uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct sweep w = { .s = redis_store_of(base),
			   .prefix = len > 0 ? prefix : "",
			   .len = len,
			   .fn = fn,
			   .arg = arg,
			   .deadline_ns = deadline_ns,
			   .cursor = "0" };
	struct arena arena;
	int rc = LK_E_NOMEM;

	if (fn == NULL || (prefix == NULL && len > 0))
		return quiet_leave(q, LK_E_INVAL);
	if (fork_note_is_foreign(&w.s->fork))
		return quiet_leave(q, LK_E_FORKED);
	arena_init(&arena, &w.s->place);
	if (make_pattern(&w, &arena))
		rc = scan(&w);
	arena_fini(&arena);
	return quiet_leave(q, rc);
}
