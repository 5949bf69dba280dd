/* SPDX-License-Identifier: MIT */
/* A thread that listens, and connects again when it has to.  (RH1, RH2) */
#define _GNU_SOURCE
#include "redis/hints.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/host.h"
#include "common/io.h"
#include "common/quiet.h"
#include "redis/greeting.h"
#include "redis/keys.h"
#include "redis/sentinel.h"
#include "redis/trouble.h"

enum {
	NAP_NS = 10000000,        /* until it tries again, and each time twice as long … */
	NAP_MOST_NS = 1000000000, /* … up to this */
	QUIET_MS = 5000           /* nothing came: is there anybody? */
};

void
hints_init(struct redis_store *s)
{
	connection_init(&s->hints.connection, &wire_plain);
	connection_init(&s->hints.sentinel, &wire_plain);
	s->hints.stop = -1;
	s->hints.fn = NULL;
}

/* ------------------------------------------------------------------------ listening */

/* The answer to SUBSCRIBE. */
static int
check_answer(struct redis_store *s, redisReply *r)
{
	int rc = 0;

	if (r->type != REDIS_REPLY_ARRAY || r->elements != 3)
		rc = trouble_say(s, "hints", r);
	freeReplyObject(r);
	return rc;
}

static int
subscribe(struct redis_store *s, struct connection *c, struct patience p)
{
	char channel[KEY_SHORT];
	const char *argv[2] = { "SUBSCRIBE", channel };
	size_t len[2] = { 9, 0 };
	const struct command q = { argv, len, 2, 2 };
	enum heard heard;
	redisReply *r;

	key_short(s, 'h', channel);
	len[1] = strlen(channel);
	heard = connection_ask(c, &q, p, &r);
	return heard == HEARD ? check_answer(s, r) : greeting_failed(s, c, heard);
}

/* 0 or a code, said. */
static int
begin_to_listen(struct redis_store *s)
{
	struct connection *c = &s->hints.connection;
	const struct patience p = patience_of(&s->place, s->timeout_ns, UINT64_MAX);
	int rc;

	connection_close(c);
	rc = greeting_connect(s, c, p);
	if (rc == 0)
		rc = subscribe(s, c, p);
	if (rc != 0)
		connection_close(c);
	return rc;
}

/* ------------------------------------------------------------------------- hearing */

/* A hint about a record, in pieces; all but the key only if `epoch_len` is not 0. */
struct told {
	const struct redis_store *s;
	const char *key, *epoch, *was, *value;
	size_t key_len, epoch_len, len;
	const char *name; /* behind the key's prefix; NULL: it is none of ours */
	size_t name_len;
};

static _Thread_local const struct told *heard_now; /* in whose function this thread is */

/* Four hexadecimal digits.  SIZE_MAX: they are none. */
static size_t
length_in(const char *digits)
{
	size_t n = 0;

	for (int i = 0; i < SCRIPT_LEN; i++) {
		const char c = digits[i];

		if (c >= '0' && c <= '9')
			n = n * 16 + (size_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n * 16 + (size_t)(c - 'a') + 10;
		else
			return SIZE_MAX;
	}
	return n;
}

/* False: nobody who knows our form has said that. */
static bool
take_apart(struct redis_store *s, const char *text, size_t len, struct told *h)
{
	size_t left = len - SCRIPT_TOLD;

	*h = (struct told){ .s = s, .key = text + SCRIPT_TOLD };
	h->key_len = length_in(text + SCRIPT_WHO);
	h->epoch_len = length_in(text + SCRIPT_WHO + SCRIPT_LEN);
	if (h->key_len > left)
		return false;
	left -= h->key_len;
	if (h->epoch_len != 0) {
		if (h->epoch_len > left || left - h->epoch_len <= 2 * (size_t)STORE_VERSION)
			return false;
		h->epoch = h->key + h->key_len;
		h->was = h->epoch + h->epoch_len;
		h->value = h->was + STORE_VERSION;
		h->len = left - h->epoch_len - STORE_VERSION;
	}
	h->name = key_name(s, h->key, h->key_len, &h->name_len);
	return h->name != NULL;
}

/* (RH3) */
static bool
may_follow(struct redis_store *s, const struct told *h)
{
	bool is_ours;

	pthread_mutex_lock(&s->lock);
	is_ours = strlen(s->epoch) == h->epoch_len && memcmp(s->epoch, h->epoch, h->epoch_len) == 0;
	pthread_mutex_unlock(&s->lock);
	return is_ours && s->replicas == 0;
}

/* What is told of it; what is not told has to be read. */
static void
take_guess(struct redis_store *s, const struct told *h)
{
	if (h->epoch_len == 0)
		cache_forget(&s->cache, h->name, h->name_len);
	else
		cache_hear(&s->cache, h->name, h->name_len, may_follow(s, h) ? h->was : NULL,
			   h->value, h->len);
}

bool
hints_are_about(const struct redis_store *s, const void *name, size_t len)
{
	const struct told *h = heard_now;

	return h != NULL && h->s == s && h->name_len == len && memcmp(h->name, name, len) == 0;
}

static void
tell(struct redis_store *s, const redisReply *r)
{
	struct told h = { .name = NULL };
	const redisReply *text;

	if (r->type != REDIS_REPLY_ARRAY || r->elements != 3 ||
	    r->element[0]->type != REDIS_REPLY_STRING || strcmp(r->element[0]->str, "message") != 0)
		return;
	text = r->element[2];
	if (text->type == REDIS_REPLY_STRING && text->len > SCRIPT_TOLD) {
		if (memcmp(text->str, s->opening, SCRIPT_WHO) == 0)
			return; /* who made it knows of it */
		if (take_apart(s, text->str, text->len, &h))
			take_guess(s, &h);
	}
	heard_now = &h;
	s->hints.fn(s->hints.arg, h.name, h.name != NULL ? h.name_len : 0);
	heard_now = NULL;
}

/* All that has come.  False: it is over. */
static bool
hear_all(struct redis_store *s)
{
	const struct patience none = { &s->place, 0 };
	enum heard heard;
	redisReply *r;

	while ((heard = connection_hear(&s->hints.connection, none, &r)) == HEARD) {
		tell(s, r);
		freeReplyObject(r);
	}
	return heard == HEARD_NOTHING;
}

enum news { NEWS_STOP, NEWS_SENTINEL, NEWS_SOME, NEWS_NONE };

/* Wait for that long.  A connection that is closed has no news. */
static enum news
wait_for_news(struct redis_store *s, int ms)
{
	struct pollfd fds[3] = { { .fd = s->hints.stop, .events = POLLIN },
				 { .fd = s->hints.sentinel.wire.fd, .events = POLLIN },
				 { .fd = s->hints.connection.wire.fd, .events = POLLIN } };
	int n;

	do
		n = poll(fds, 3, ms);
	while (n < 0 && errno == EINTR);
	if (fds[0].revents != 0 || n < 0)
		return NEWS_STOP;
	if (fds[1].revents != 0)
		return NEWS_SENTINEL;
	return n > 0 ? NEWS_SOME : NEWS_NONE;
}

static bool
ping(struct redis_store *s, struct connection *c)
{
	const char *argv[1] = { "PING" };
	size_t len[1] = { 4 };
	const struct command q = { argv, len, 1, 1 };

	return connection_say(c, &q, patience_of(&s->place, s->timeout_ns, UINT64_MAX)) == HEARD;
}

/* --------------------------------------------------------------------- sentinels: (RH2) */

/* All that it has said.  True: there is another master. */
static bool
hear_sentinel(struct redis_store *s)
{
	const struct patience none = { &s->place, 0 };
	bool is_elsewhere = false;
	redisReply *r;

	while (connection_hear(&s->hints.sentinel, none, &r) == HEARD) {
		s->hints.is_sentinel_asked = false;
		is_elsewhere |= sentinel_hear(s, r);
		freeReplyObject(r);
	}
	return is_elsewhere;
}

/* Now and then: is it there, and if not, another one?  True: there is another master. */
static bool
tend_sentinel(struct redis_store *s)
{
	struct hints *h = &s->hints;
	const uint64_t now = host_now();
	const unsigned before = atomic_load(&s->generation);

	if (s->where.sentinels[0] == '\0' ||
	    (h->tended_ns != 0 && now - h->tended_ns < QUIET_MS * UINT64_C(1000000)))
		return false;
	h->tended_ns = now;
	if (h->is_sentinel_asked)
		connection_close(&h->sentinel);
	h->is_sentinel_asked = connection_is_open(&h->sentinel) && ping(s, &h->sentinel);
	if (!h->is_sentinel_asked)
		(void)sentinel_listen(s, &h->sentinel,
				      patience_of(&s->place, s->timeout_ns, UINT64_MAX));
	return atomic_load(&s->generation) != before;
}

/* Until the connection ends, or all is to end: then false. */
static bool
listen_on(struct redis_store *s)
{
	bool is_asked = false;

	for (;;) {
		if (tend_sentinel(s))
			return true;
		switch (wait_for_news(s, QUIET_MS)) {
		case NEWS_STOP:
			return false;
		case NEWS_SENTINEL:
			if (hear_sentinel(s))
				return true;
			break;
		case NEWS_SOME:
			is_asked = false;
			if (!hear_all(s))
				return true;
			break;
		case NEWS_NONE: /* twice, with a question in between: it is dead */
			if (is_asked || !ping(s, &s->hints.connection))
				return true;
			is_asked = true;
			break;
		}
	}
}

static void *
listen_to(void *arg)
{
	struct redis_store *s = arg;
	struct hints *h = &s->hints;
	uint64_t nap_ns = NAP_NS;

	for (;;) {
		if (connection_is_open(&h->connection)) {
			nap_ns = NAP_NS;
			h->fn(h->arg, NULL, 0); /* (RH1) */
			if (!listen_on(s))
				return NULL;
			connection_close(&h->connection);
		}
		switch (wait_for_news(s, (int)(nap_ns / 1000000))) {
		case NEWS_STOP:
			return NULL;
		case NEWS_SENTINEL:
			(void)hear_sentinel(s);
			break;
		case NEWS_SOME:
		case NEWS_NONE:
			break;
		}
		nap_ns = nap_ns < NAP_MOST_NS ? nap_ns * 2 : nap_ns;
		(void)begin_to_listen(s);
	}
}

/* ------------------------------------------------------------------ beginning and end */

static int
start_thread(struct redis_store *s)
{
	sigset_t all, before;
	int error;

	(void)sigfillset(&all); /* signals are for the threads of the program */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&s->hints.thread, NULL, listen_to, s);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

/* The server may be away for a moment; that it forbids to listen does not pass. */
static int
start(struct redis_store *s)
{
	struct hints *h = &s->hints;
	int rc = begin_to_listen(s);

	if (rc != 0 && rc != LK_E_STORE)
		return rc;
	h->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->stop >= 0 && start_thread(s) == 0)
		return 0;
	io_close(&h->stop);
	connection_close(&h->connection);
	return store_complain(s, LK_E_LIMIT, "hints: no thread, or no descriptor, is left");
}

static int
watch(struct redis_store *s, lk_store_hint_fn *fn, void *arg)
{
	int rc;

	if (fork_note_is_foreign(&s->fork))
		return LK_E_FORKED;
	if (s->is_given)
		return LK_E_UNSUPPORTED; /* it cannot listen and ask */
	if (fn == NULL || s->hints.fn != NULL)
		return fn == NULL ? LK_E_INVAL : LK_E_BUSY;
	connection_init(&s->hints.connection, &s->transport);
	connection_init(&s->hints.sentinel, &s->transport);
	s->hints.is_sentinel_asked = false;
	s->hints.tended_ns = 0;
	s->hints.fn = fn;
	s->hints.arg = arg;
	rc = start(s);
	if (rc != 0)
		s->hints.fn = NULL;
	return rc;
}

int
hints_watch(struct lk_store *base, lk_store_hint_fn *fn, void *arg)
{
	const struct quiet q = quiet_enter();
	int rc = watch(redis_store_of(base), fn, arg);

	return quiet_leave(q, rc == LK_E_PERM ? LK_E_STORE : rc);
}

static void
stop(struct redis_store *s)
{
	const uint64_t one = 1;

	while (write(s->hints.stop, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	(void)pthread_join(s->hints.thread, NULL);
	io_close(&s->hints.stop);
	connection_close(&s->hints.connection);
	connection_close(&s->hints.sentinel);
	s->hints.fn = NULL;
}

void
hints_unwatch(struct lk_store *base)
{
	struct redis_store *s = redis_store_of(base);
	const struct quiet q = quiet_enter();

	if (!fork_note_is_foreign(&s->fork) && s->hints.fn != NULL)
		stop(s);
	(void)quiet_leave(q, 0);
}
