/* SPDX-License-Identifier: MIT */
/* One question at a time.  (RD7) */
#define _GNU_SOURCE
#include "redis/connection.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"

enum { PIECE = 16384 };

void
connection_init(struct connection *c, const struct transport *on)
{
	memset(c, 0, sizeof(*c));
	wire_init(&c->wire, on);
}

static void
explain(struct connection *c, const char *what, const char *why)
{
	(void)snprintf(c->why, sizeof(c->why), "%s: %.120s", what, why);
}

static void
explain_errno(struct connection *c, const char *what, int error)
{
	c->is_late = error == ETIMEDOUT;
	if (c->wire.why[0] != '\0')
		explain(c, what, c->wire.why);
	else
		explain(c, what, error == ETIMEDOUT ? "not in time" : io_text(error));
}

int
connection_open(struct connection *c, const struct where *to, struct patience p)
{
	int error = wire_open(&c->wire, to, p);

	if (error != 0) {
		explain_errno(c, "it cannot be reached", error);
		return error;
	}
	c->reader = redisReaderCreate();
	if (c->reader != NULL)
		return 0;
	wire_close(&c->wire);
	return ENOMEM;
}

void
connection_close(struct connection *c)
{
	if (c->given != NULL) {
		c->is_broken = true;
		return;
	}
	wire_close(&c->wire);
	if (c->reader != NULL)
		redisReaderFree(c->reader);
	c->reader = NULL;
}

bool
connection_is_sound(struct connection *c)
{
	if (c->given != NULL)
		return !c->is_broken && c->given->err == 0;
	return c->reader != NULL && !wire_has_news(&c->wire);
}

/* ------------------------------------------------------------------------- sending */

static enum heard
fail_to_send(struct connection *c, int error)
{
	explain_errno(c, "a request cannot be sent", error);
	connection_close(c);
	return HEARD_NOTHING; /* its end is missing: no server carries that out */
}

/* hiredis may be told by a signal that nobody reads any more; the program is not. */
static int
write_given(redisContext *c, int *is_done)
{
	const struct timespec now = { 0, 0 };
	sigset_t pipe, before, pending;
	int rc;

	(void)sigemptyset(&pipe);
	(void)sigaddset(&pipe, SIGPIPE);
	(void)sigpending(&pending);
	(void)pthread_sigmask(SIG_BLOCK, &pipe, &before);
	rc = redisBufferWrite(c, is_done);
	if (rc != REDIS_OK && sigismember(&pending, SIGPIPE) == 0)
		(void)sigtimedwait(&pipe, NULL, &now);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == REDIS_OK ? 0 : EPIPE;
}

/* Over the program's connection, which may be one that blocks: it does not, as there is room. */
static enum heard
say_on_given(struct connection *c, const char *bytes, size_t n, const struct patience *p)
{
	int error = 0, is_done = 0;

	if (redisAppendFormattedCommand(c->given, bytes, n) != REDIS_OK)
		error = ENOMEM;
	while (error == 0 && !is_done) {
		error = wire_wait(c->given->fd, POLLOUT, p);
		if (error == 0)
			error = write_given(c->given, &is_done);
	}
	return error != 0 ? fail_to_send(c, error) : HEARD;
}

/* Room for "*3\r\n" or "$3\r\n". */
enum { HEAD_MOST = 1 + DECIMAL_MOST + 2 };

static size_t
room_for(const struct command *q)
{
	size_t n = HEAD_MOST;

	for (int i = 0; i < q->n; i++)
		n += HEAD_MOST + q->len[i] + 2;
	return n;
}

static char *
put_head(char *at, char kind, size_t number)
{
	*at++ = kind;
	at += decimal_put(at, number);
	*at++ = '\r';
	*at++ = '\n';
	return at;
}

/* An array of strings (RESP); hiredis would print each length by printf(). */
static char *
put_command(char *at, const struct command *q)
{
	at = put_head(at, '*', (size_t)q->n);
	for (int i = 0; i < q->n; i++) {
		at = put_head(at, '$', q->len[i]);
		if (q->len[i] > 0)
			memcpy(at, q->argv[i], q->len[i]);
		at += q->len[i];
		*at++ = '\r';
		*at++ = '\n';
	}
	return at;
}

/* All of them, one after the other, in memory of malloc().  NULL: there is none. */
static char *
format_all(const struct command *q, size_t n, size_t *len)
{
	size_t room = 0;
	char *bytes, *at;

	for (size_t i = 0; i < n; i++)
		room += room_for(&q[i]);
	bytes = at = malloc(room);
	for (size_t i = 0; bytes != NULL && i < n; i++)
		at = put_command(at, &q[i]);
	*len = bytes != NULL ? (size_t)(at - bytes) : 0;
	return bytes;
}

static enum heard
say(struct connection *c, const char *bytes, size_t n, const struct patience *p)
{
	int error;

	if (c->given != NULL)
		return say_on_given(c, bytes, n, p);
	error = wire_send(&c->wire, bytes, n, *p);
	return error != 0 ? fail_to_send(c, error) : HEARD;
}

static enum heard
say_all(struct connection *c, const struct command *q, size_t n, const struct patience *p)
{
	enum heard heard;
	size_t len;
	char *bytes = format_all(q, n, &len);

	c->is_late = false;
	if (bytes == NULL)
		return HEARD_NOMEM;
	heard = say(c, bytes, len, p);
	free(bytes);
	return heard;
}

enum heard
connection_say(struct connection *c, const struct command *q, struct patience p)
{
	return say_all(c, q, 1, &p);
}

/* ------------------------------------------------------------------------- hearing */

/* What was read so far: an answer, or NULL: there is more to come.  An errno: nonsense, or no memory. */
static int
take_reply(struct connection *c, redisReply **out)
{
	void *reply = NULL;
	const int rc = c->given != NULL ? redisGetReplyFromReader(c->given, &reply)
					: redisReaderGetReply(c->reader, &reply);

	*out = reply;
	return rc == REDIS_OK ? 0 : EPROTO;
}

/* Some more bytes.  0 or an errno; ECONNRESET: there will be no more. */
static int
read_piece(struct connection *c, const struct patience *p)
{
	char piece[PIECE];
	ssize_t n;

	if (c->given != NULL) {
		const int error = wire_wait(c->given->fd, POLLIN, p);

		if (error != 0)
			return error;
		return redisBufferRead(c->given) == REDIS_OK ? 0 : ECONNRESET;
	}
	n = wire_receive(&c->wire, piece, sizeof(piece), *p);
	if (n <= 0)
		return n == 0 ? ECONNRESET : (int)-n;
	return redisReaderFeed(c->reader, piece, (size_t)n) == REDIS_OK ? 0 : ENOMEM;
}

/* 0 or an errno. */
static int
hear(struct connection *c, const struct patience *p, redisReply **out)
{
	*out = NULL;
	for (;;) {
		int error = take_reply(c, out);

		if (error != 0 || *out != NULL)
			return error;
		error = read_piece(c, p);
		if (error != 0)
			return error;
	}
}

enum heard
connection_hear(struct connection *c, struct patience p, redisReply **out)
{
	const int error = hear(c, &p, out);

	if (error == 0)
		return HEARD;
	if (error == ETIMEDOUT)
		return HEARD_NOTHING;
	explain_errno(c, "the connection ended", error);
	connection_close(c);
	return HEARD_PERHAPS;
}

static enum heard
hear_no_more(struct connection *c, int error)
{
	explain_errno(c, "no answer came", error);
	connection_close(c); /* (RD7) */
	return HEARD_PERHAPS;
}

enum heard
connection_ask(struct connection *c, const struct command *q, struct patience p, redisReply **out)
{
	const enum heard heard = connection_say(c, q, p);
	int error;

	*out = NULL;
	if (heard != HEARD)
		return heard;
	error = hear(c, &p, out);
	return error != 0 ? hear_no_more(c, error) : HEARD;
}

enum heard
connection_ask_all(struct connection *c, const struct command *q, size_t n, struct patience p,
		   redisReply **out)
{
	enum heard heard = say_all(c, q, n, &p);

	memset(out, 0, n * sizeof(*out));
	if (heard == HEARD_NOTHING && n > 1) /* the end of the last is missing, not of the first */
		return HEARD_PERHAPS;
	for (size_t i = 0; i < n && heard == HEARD; i++) {
		const int error = hear(c, &p, &out[i]);

		if (error != 0)
			heard = hear_no_more(c, error);
	}
	for (size_t i = 0; i < n && heard != HEARD; i++) {
		if (out[i] != NULL)
			freeReplyObject(out[i]);
		out[i] = NULL;
	}
	return heard;
}
