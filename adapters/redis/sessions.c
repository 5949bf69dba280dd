/* SPDX-License-Identifier: MIT */
/* The time to live is the server's; that of who holds something ends sooner, on his own clock. */
#include "redis/sessions.h"

#include <stdio.h>

#include "common/quiet.h"
#include "redis/ask.h"
#include "redis/keys.h"
#include "redis/pool.h"

enum { END_NS = 1000000000 }; /* so long close() waits for the server */

#define TTL_MOST_MS UINT64_C(315360000000) /* ten years */

struct own_session {
	struct own_session *next;
	struct lk_session_id id;
};

/* ---------------------------------------------------------------- those of this opening */

static bool
is_it(const struct own_session *o, const struct lk_session_id *id)
{
	return memcmp(&o->id, id, sizeof(*id)) == 0;
}

/* The list, or `one` of it, goes. */
static void
forget(struct redis_store *s, const struct lk_session_id *one)
{
	struct own_session **at = &s->sessions;

	pthread_mutex_lock(&s->lock);
	while (*at != NULL) {
		struct own_session *o = *at;

		if (one != NULL && !is_it(o, one)) {
			at = &o->next;
			continue;
		}
		*at = o->next;
		place_free(&s->place, o, sizeof(*o));
	}
	pthread_mutex_unlock(&s->lock);
}

bool
sessions_are_open(struct redis_store *s)
{
	bool is;

	pthread_mutex_lock(&s->lock);
	is = s->sessions != NULL;
	pthread_mutex_unlock(&s->lock);
	return is;
}

static void
note(struct redis_store *s, struct own_session *o, const struct lk_session_id *id)
{
	o->id = *id;
	pthread_mutex_lock(&s->lock);
	o->next = s->sessions;
	s->sessions = o;
	pthread_mutex_unlock(&s->lock);
}

/* ----------------------------------------------------------------------- one question */

/* KEYS: the epoch, the session. */
static bool
begin_command(struct ask *a, struct command *q, const struct lk_session_id *id)
{
	char *epoch = arena_alloc(&a->arena, KEY_SHORT);
	char *key = arena_alloc(&a->arena, KEY_SESSION);

	if (epoch == NULL || key == NULL || !command_begin(q, &a->arena, 8))
		return false;
	key_short(a->s, 'e', epoch);
	q->n = 2;
	command_say(q, "2");
	command_say(q, epoch);
	command_add(q, key, key_of(a->s, 's', id->bytes, sizeof(id->bytes), key));
	return true;
}

static bool
is_number(const struct ask *a, long long number)
{
	return a->reply->type == REDIS_REPLY_INTEGER && a->reply->integer == number;
}

/* -------------------------------------------------------------------------------- open */

/* "TTL_MS EPOCH;NONCE WHO" */
struct text {
	char milliseconds[24];
	char bytes[STORE_EPOCH + LK_STORE_WHO_MAX + 80];
	size_t len;
};

/* `nonce`: so that nobody takes another's session of the same words for his own. */
static void
make_text(struct text *t, const struct ask *a, uint64_t ttl_ns, uint64_t nonce, const char *who)
{
	const uint64_t ms = ttl_ns / 1000000 + (ttl_ns % 1000000 != 0);
	uint64_t opening;

	memcpy(&opening, a->s->opening, sizeof(opening));
	(void)snprintf(t->milliseconds, sizeof(t->milliseconds), "%llu",
		       (unsigned long long)(ms == 0            ? 1
					    : ms > TTL_MOST_MS ? TTL_MOST_MS
							       : ms));
	t->len = (size_t)snprintf(t->bytes, sizeof(t->bytes), "%s %s;%016llx%016llx %.*s",
				  t->milliseconds, a->epoch, (unsigned long long)opening,
				  (unsigned long long)nonce, LK_STORE_WHO_MAX,
				  who != NULL ? who : "");
}

static int
open_once(struct ask *a, const struct lk_session_id *id, const struct text *t)
{
	struct command q;
	int rc;

	if (!begin_command(a, &q, id))
		return LK_E_NOMEM;
	command_say(&q, a->epoch);
	command_say(&q, t->milliseconds);
	command_add(&q, t->bytes, t->len);
	rc = ask_script(a, SCRIPT_SESSION_OPEN, &q);
	if (rc != 0)
		return rc;
	if (a->reply->type != REDIS_REPLY_STRING) /* it was over at once */
		return a->reply->type == REDIS_REPLY_NIL ? 0 : ask_complain(a);
	return a->reply->len == t->len && memcmp(a->reply->str, t->bytes, t->len) == 0 ? 0
										       : LK_E_INVAL;
}

/* Whoever opens one knows that those before it, of another epoch, are over.  (RD5) */
static int
open_in_epoch(struct ask *a, const struct lk_session_id *id, uint64_t ttl_ns, const char *who)
{
	const uint64_t nonce =
		atomic_fetch_add_explicit(&a->s->last_version, 1, memory_order_relaxed);
	struct text t;
	int rc;

	make_text(&t, a, ttl_ns, nonce, who);
	while ((rc = open_once(a, id, &t)) == ASK_OTHER_EPOCH) {
		rc = ask_next_epoch(a, true);
		if (rc != 0)
			return rc;
		forget(a->s, NULL);
		make_text(&t, a, ttl_ns, nonce, who);
	}
	return rc;
}

static int
open_session(struct redis_store *s, const struct lk_session_id *id, uint64_t ttl_ns,
	     const char *who, uint64_t deadline_ns)
{
	static const struct lk_session_id none;
	struct own_session *own;
	struct ask a;
	int rc;

	if (s->is_read_only)
		return store_complain(s, LK_E_PERM, "opened to look only");
	if (memcmp(id, &none, sizeof(none)) == 0)
		return LK_E_INVAL;
	own = place_alloc(&s->place, sizeof(*own));
	if (own == NULL)
		return LK_E_NOMEM;
	rc = ask_begin(&a, s, deadline_ns);
	if (rc == 0)
		rc = ask_end(&a, open_in_epoch(&a, id, ttl_ns, who));
	if (rc == 0)
		note(s, own, id);
	else
		place_free(&s->place, own, sizeof(*own));
	return rc;
}

int
sessions_open(struct lk_store *base, const struct lk_session_id *id, uint64_t ttl_ns,
	      const char *who, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();

	return quiet_leave(q, open_session(redis_store_of(base), id, ttl_ns, who, deadline_ns));
}

/* --------------------------------------------------------------------- renew and close */

static int
renew(struct ask *a, const struct lk_session_id *id)
{
	struct command q;
	int rc;

	if (!begin_command(a, &q, id))
		return LK_E_NOMEM;
	rc = ask_script(a, SCRIPT_SESSION_RENEW, &q);
	if (rc != 0 || is_number(a, 1))
		return rc;
	if (!is_number(a, 0))
		return ask_complain(a);
	return store_complain(a->s, LK_E_LOST,
			      "the session is over, or the server was restarted or emptied");
}

int
sessions_renew(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct ask a;
	int rc = ask_begin(&a, redis_store_of(base), deadline_ns);

	return quiet_leave(q, rc == 0 ? ask_end(&a, renew(&a, id)) : rc);
}

static int
close_session(struct ask *a, const struct lk_session_id *id)
{
	char channel[KEY_SHORT];
	struct command q;
	int rc;

	if (!begin_command(a, &q, id))
		return LK_E_NOMEM;
	key_short(a->s, 'h', channel);
	command_say(&q, channel);
	rc = ask_script(a, SCRIPT_SESSION_CLOSE, &q);
	if (rc == 0)
		forget(a->s, id);
	return rc;
}

int
sessions_close(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct ask a;
	int rc = ask_begin(&a, redis_store_of(base), deadline_ns);

	return quiet_leave(q, rc == 0 ? ask_end(&a, close_session(&a, id)) : rc);
}

static bool
first_of(struct redis_store *s, struct lk_session_id *id)
{
	bool is;

	pthread_mutex_lock(&s->lock);
	is = s->sessions != NULL;
	if (is)
		*id = s->sessions->id;
	pthread_mutex_unlock(&s->lock);
	return is;
}

void
sessions_end(struct redis_store *s)
{
	const uint64_t now = place_now(&s->place);
	struct lk_session_id id;
	int rc = 0;

	while (rc == 0 && first_of(s, &id)) {
		struct ask a;

		rc = ask_begin(&a, s, now + END_NS);
		if (rc == 0)
			rc = ask_end(&a, close_session(&a, &id));
	}
	forget(s, NULL); /* what is left ends by its time */
}

/* --------------------------------------------------------------------------- who lives */

/* The texts of n sessions, nil: none; they are in the reply, from its second element on. */
static int
look_at(struct ask *a, const struct lk_session_id *ids, size_t n)
{
	char *keys = arena_alloc(&a->arena, n * KEY_SESSION);
	char epoch[KEY_SHORT];
	struct command q;
	int rc;

	if (keys == NULL || !command_begin(&q, &a->arena, n + 2))
		return LK_E_NOMEM;
	key_short(a->s, 'e', epoch);
	command_say(&q, "MGET");
	command_say(&q, epoch);
	for (size_t i = 0; i < n; i++) {
		char *key = keys + i * KEY_SESSION;

		command_add(&q, key, key_of(a->s, 's', ids[i].bytes, sizeof(ids[i].bytes), key));
	}
	rc = ask_command(a, &q);
	if (rc == 0 && (a->reply->type != REDIS_REPLY_ARRAY || a->reply->elements != n + 1))
		rc = ask_complain(a);
	return rc;
}

/* Is it the store that we know?  In another one nobody is known; his locks are not there either.  (RD5) */
static int
look_in_epoch(struct ask *a, const struct lk_session_id *ids, size_t n)
{
	for (;;) {
		const redisReply *epoch;
		int rc = look_at(a, ids, n);

		if (rc != 0)
			return rc;
		epoch = a->reply->element[0];
		if (epoch->type == REDIS_REPLY_STRING ? strcmp(epoch->str, a->epoch) == 0
						      : a->epoch[0] == '\0')
			return 0;
		rc = ask_next_epoch(a, false);
		if (rc != 0)
			return rc;
	}
}

static int
see_who_lives(struct ask *a, const struct lk_session_id *ids, size_t n, unsigned char *alive)
{
	int rc = look_in_epoch(a, ids, n);

	for (size_t i = 0; i < n && rc == 0; i++)
		alive[i] = a->reply->element[i + 1]->type == REDIS_REPLY_STRING;
	return rc;
}

int
sessions_alive(struct lk_store *base, const struct lk_session_id *ids, size_t n,
	       unsigned char *alive, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct ask a;
	int rc = ask_begin(&a, redis_store_of(base), deadline_ns);

	return quiet_leave(q, rc == 0 ? ask_end(&a, see_who_lives(&a, ids, n, alive)) : rc);
}

static int
say_who(struct ask *a, const struct lk_session_id *id, char *buf, size_t cap)
{
	const redisReply *text;
	const char *at;
	int rc = look_in_epoch(a, id, 1);

	if (cap > 0)
		buf[0] = '\0';
	if (rc != 0)
		return rc;
	text = a->reply->element[1];
	if (text->type != REDIS_REPLY_STRING)
		return LK_E_NOENT;
	at = strchr(text->str, ';');
	at = at != NULL ? strchr(at, ' ') : NULL;
	if (cap > 0)
		(void)snprintf(buf, cap, "%s", at != NULL ? at + 1 : "");
	return 0;
}

int
sessions_who(struct lk_store *base, const struct lk_session_id *id, char *buf, size_t cap,
	     uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct ask a;
	int rc = ask_begin(&a, redis_store_of(base), deadline_ns);

	return quiet_leave(q, rc == 0 ? ask_end(&a, say_who(&a, id, buf, cap)) : rc);
}
