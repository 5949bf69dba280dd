/* SPDX-License-Identifier: MIT */
/* Connections that end, scripts that are not known, places that have moved, epochs that are over. */
#include "redis/ask.h"

#include <stdio.h>

#include "redis/greeting.h"
#include "redis/keys.h"
#include "redis/pool.h"
#include "redis/sessions.h"
#include "redis/trouble.h"

enum { TRIES = 4 }; /* connections of one call */

static void
know_epoch(struct ask *a)
{
	pthread_mutex_lock(&a->s->lock);
	memcpy(a->epoch, a->s->epoch, sizeof(a->epoch));
	pthread_mutex_unlock(&a->s->lock);
}

int
ask_begin(struct ask *a, struct redis_store *s, uint64_t deadline_ns)
{
	if (fork_note_is_foreign(&s->fork))
		return LK_E_FORKED;
	a->s = s;
	a->deadline_ns = deadline_ns;
	a->reply = a->former = NULL;
	a->perhaps = false;
	a->acks = 0;
	a->c = pool_take(s, deadline_ns);
	if (a->c == NULL)
		return store_complain(s, LK_E_TIMEDOUT, "all connections are in use");
	arena_init(&a->arena, &s->place);
	know_epoch(a);
	return 0;
}

static void
drop(redisReply **r)
{
	if (*r != NULL)
		freeReplyObject(*r);
	*r = NULL;
}

static void
begin_question(struct ask *a)
{
	drop(&a->former);
	a->former = a->reply;
	a->reply = NULL;
	a->perhaps = false;
}

int
ask_end(struct ask *a, int rc)
{
	drop(&a->reply);
	drop(&a->former);
	arena_fini(&a->arena);
	pool_give(a->s, a->c);
	return rc;
}

/* Something may be written, and not be told as written.  (RD8) */
static void
doubt(struct ask *a)
{
	if (a->s->replicas > 0)
		atomic_fetch_add(&a->s->doubts, 1);
}

/* What to say of a failure, as an earlier try may have come through. */
static int
code_of(struct ask *a, int rc)
{
	if (a->perhaps && rc != 0) {
		doubt(a);
		return LK_E_UNKNOWN;
	}
	return rc == LK_E_STORE && place_now(&a->s->place) >= a->deadline_ns ? LK_E_TIMEDOUT : rc;
}

static struct patience
patience(const struct ask *a)
{
	return patience_of(&a->s->place, a->s->timeout_ns, a->deadline_ns);
}

static bool
leads_there(struct ask *a)
{
	return a->c->given != NULL ||
	       a->c->generation == atomic_load(&a->s->generation); /* (RS2) */
}

/* Open it, unless it is. */
static int
ready(struct ask *a)
{
	if (connection_is_sound(a->c) && leads_there(a))
		return 0;
	if (a->c->given != NULL)
		return greeting_failed(a->s, a->c, HEARD_NOTHING);
	if (connection_is_open(a->c) && leads_there(a))
		pool_count_broken(a->s);
	connection_close(a->c);
	return greeting_open(a->s, a->c, patience(a));
}

/* … and have so many replicas acknowledge it, in the same round trip.  (RD8) */
static enum heard
ask_and_wait(struct ask *a, const struct command *q, struct patience p)
{
	char replicas[16], milliseconds[24];
	const char *argv[3] = { "WAIT", replicas, milliseconds };
	size_t len[3] = { 4, 0, 0 };
	const struct command both[2] = { *q, { argv, len, 3, 3 } };
	redisReply *replies[2];
	enum heard heard;

	len[1] = (size_t)snprintf(replicas, sizeof(replicas), "%u", a->s->replicas);
	len[2] = (size_t)snprintf(milliseconds, sizeof(milliseconds), "%llu",
				  (unsigned long long)a->s->replica_wait_ms);
	heard = connection_ask_all(a->c, both, 2, p, replies);
	if (heard != HEARD)
		return heard;
	a->reply = replies[0];
	a->acks = replies[1]->type == REDIS_REPLY_INTEGER ? replies[1]->integer : -1;
	freeReplyObject(replies[1]);
	return HEARD;
}

/* Once, over one connection.  0: there is an answer.  `*again`: the connection ended, and it need not stay so. */
static int
try_once(struct ask *a, const struct command *q, bool counts, bool *again)
{
	enum heard heard;
	int rc = ready(a);

	*again = false;
	if (rc != 0)
		return rc;
	drop(&a->reply);
	heard = counts && a->s->replicas > 0 ? ask_and_wait(a, q, patience(a))
					     : connection_ask(a->c, q, patience(a), &a->reply);
	if (heard == HEARD)
		return 0;
	a->perhaps |= heard == HEARD_PERHAPS;
	*again = heard != HEARD_NOMEM && a->c->given == NULL && !a->c->is_late;
	pool_count_broken(a->s);
	return greeting_failed(a->s, a->c, heard);
}

/* It is not where it was: in a cluster, or there is another master now. */
static bool
is_elsewhere(struct ask *a)
{
	return greeting_moves(a->s, a->reply) ||
	       (trouble_is(a->reply, "READONLY") && a->c->given == NULL);
}

/* An answer, an error or not.  `counts`: it changes something. */
static int
exchange(struct ask *a, const struct command *q, bool counts)
{
	bool again;
	int rc, tries = 0;

	do {
		rc = try_once(a, q, counts, &again);
		if (rc == 0 && is_elsewhere(a)) {
			connection_close(a->c);
			again = true;
			rc = trouble_say(a->s, "", a->reply);
		}
	} while (again && ++tries < TRIES);
	return rc;
}

static int
judge(struct ask *a)
{
	if (a->reply->type != REDIS_REPLY_ERROR)
		return 0;
	if (trouble_is(a->reply, SCRIPT_OTHER_EPOCH))
		return ASK_OTHER_EPOCH;
	return trouble_say(a->s, "", a->reply);
}

/* ------------------------------------------------------------------------------ replicas */

static int
say_missing(struct ask *a, int rc)
{
	char text[120];

	if (a->acks < 0)
		return store_complain(a->s, rc, "it does not let us wait for replicas (WAIT)");
	(void)snprintf(text, sizeof(text), "%lld of %u replicas have acknowledged in %llu ms",
		       a->acks, a->s->replicas, (unsigned long long)a->s->replica_wait_ms);
	return store_complain(a->s, rc, text);
}

/* WAIT is about what this connection has written, so it writes something.  0: all that is there is acknowledged; or a code, said. */
static int
write_and_wait(struct ask *a)
{
	char key[KEY_SHORT];
	const char *argv[5] = { "SET", key, "1", "PX", "60000" };
	size_t len[5] = { 3, 0, 1, 2, 5 };
	const struct command q = { argv, len, 5, 5 };
	int rc;

	key_short(a->s, 'w', key);
	len[1] = strlen(key);
	rc = exchange(a, &q, true);
	if (rc == 0)
		rc = judge(a);
	if (rc == 0 && a->acks < (long long)a->s->replicas)
		rc = say_missing(a, a->acks < 0 ? LK_E_PERM : LK_E_STORE);
	return rc;
}

/* Whatever was in doubt before that is settled. */
static int
settle(struct ask *a)
{
	const uint64_t doubts = atomic_load(&a->s->doubts);
	uint64_t assured = atomic_load(&a->s->assured);
	const int rc = write_and_wait(a);

	while (rc == 0 && assured < doubts &&
	       !atomic_compare_exchange_weak(&a->s->assured, &assured, doubts))
		;
	return rc;
}

int
ask_replicas(struct ask *a)
{
	int rc;

	begin_question(a);
	rc = write_and_wait(a);
	a->perhaps = false;
	return code_of(a, rc);
}

bool
ask_is_in_doubt(const struct ask *a)
{
	return a->s->replicas > 0 && !a->s->is_read_only &&
	       atomic_load(&a->s->doubts) != atomic_load(&a->s->assured);
}

int
ask_assure(struct ask *a)
{
	const bool perhaps = a->perhaps;
	redisReply *const reply = a->reply;
	int rc;

	if (a->s->replicas == 0)
		return 0;
	a->reply = NULL; /* what it says is still needed */
	rc = write_and_wait(a);
	drop(&a->reply);
	a->reply = reply;
	a->perhaps = perhaps;
	if (rc != 0)
		doubt(a);
	return rc != 0 ? LK_E_UNKNOWN : 0;
}

/* ------------------------------------------------------------------------------- questions */

/* Those after which the answer stands for something that others must not lose. */
static bool
is_counted(enum script script)
{
	return script == SCRIPT_WRITE || script == SCRIPT_WRITE_MANY ||
	       script == SCRIPT_SESSION_OPEN || script == SCRIPT_SESSION_RENEW;
}

/* Each of many says by itself whether it was written. */
static bool
has_written_one(const redisReply *all)
{
	for (size_t i = 0; i < all->elements; i++) {
		if (all->element[i]->type == REDIS_REPLY_INTEGER)
			return true;
	}
	return false;
}

/* Did it do something, by its answer? */
static bool
has_done(const struct ask *a, enum script script)
{
	switch (a->reply->type) {
	case REDIS_REPLY_INTEGER:
		return script == SCRIPT_WRITE || a->reply->integer == 1;
	case REDIS_REPLY_STRING:
		return script == SCRIPT_SESSION_OPEN;
	case REDIS_REPLY_ARRAY:
		return script == SCRIPT_WRITE_MANY && has_written_one(a->reply);
	default:
		return false;
	}
}

/* (RD8) */
static int
check_acks(struct ask *a, enum script script)
{
	if (a->s->replicas == 0 || !is_counted(script) || !has_done(a, script))
		return 0;
	if (a->perhaps) /* it may have been done over a connection before this one */
		return ask_assure(a);
	if (a->acks >= (long long)a->s->replicas)
		return 0;
	doubt(a);
	return say_missing(a, LK_E_UNKNOWN);
}

static int
ask_for_script(struct ask *a, enum script script, struct command *q)
{
	int rc;

	q->argv[0] = "EVALSHA";
	q->len[0] = 7;
	q->argv[1] = a->s->scripts.sha[script];
	q->len[1] = 40;
	rc = exchange(a, q, is_counted(script));
	if (rc == 0 && trouble_is(a->reply, "NOSCRIPT")) {
		q->argv[0] = "EVAL";
		q->len[0] = 4;
		q->argv[1] = script_text[script];
		q->len[1] = strlen(script_text[script]);
		rc = exchange(a, q, is_counted(script));
	}
	return rc == 0 ? judge(a) : rc;
}

int
ask_script(struct ask *a, enum script script, struct command *q)
{
	int rc = 0;

	if (ask_is_in_doubt(a) && script != SCRIPT_SESSION_CLOSE) {
		begin_question(a);
		rc = settle(a);
		a->perhaps = false;
		if (rc != 0) /* what a try before this one has written may be there */
			return script == SCRIPT_READ ? code_of(a, rc) : LK_E_UNKNOWN;
		drop(&a->reply);
		a->reply = a->former; /* … stays the one before */
		a->former = NULL;
	}
	begin_question(a);
	rc = ask_for_script(a, script, q);
	if (rc == 0)
		rc = check_acks(a, script);
	if (rc == LK_E_UNKNOWN)
		return rc;
	if (script == SCRIPT_READ)
		a->perhaps = false;
	return rc == ASK_OTHER_EPOCH && !a->perhaps ? rc : code_of(a, rc);
}

int
ask_command(struct ask *a, const struct command *q)
{
	int rc;

	begin_question(a);
	rc = exchange(a, q, false);
	if (rc == 0)
		rc = judge(a);
	a->perhaps = false;
	return code_of(a, rc);
}

int
ask_next_epoch(struct ask *a, bool opens)
{
	struct redis_store *s = a->s;
	char epoch[STORE_EPOCH];
	int rc;

	if (!opens && sessions_are_open(s))
		return store_complain(s, LK_E_STORE,
				      "it was restarted or emptied: what was held is lost");
	rc = ready(a);
	if (rc == 0)
		rc = greeting_enter(s, a->c, s->is_read_only ? ENTER_LOOKING : ENTER_WRITING, epoch,
				    patience(a));
	if (rc != 0)
		return code_of(a, rc);
	pthread_mutex_lock(&s->lock);
	memcpy(s->epoch, epoch, sizeof(epoch));
	pthread_mutex_unlock(&s->lock);
	know_epoch(a);
	return 0;
}

int
ask_complain(struct ask *a)
{
	return trouble_say(a->s, "", a->reply);
}
