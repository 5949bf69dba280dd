/* SPDX-License-Identifier: MIT */
/* The checker's client: see check_client.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "check_client.h"

#define N_WORDS_MAX 64
#define PATIENCE_S  60 /* longer than the server lets a command wait for a lock */

void
client_break(struct client *c, const char *format, ...)
{
	va_list args;

	if (c->is_broken)
		return;
	c->is_broken = true;
	va_start(args, format);
	vsnprintf(c->why, sizeof(c->why), format, args);
	va_end(args);
}

void
client_open(struct client *c, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int yes = 1;

	*c = (struct client){ 0 };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		client_break(c, "cannot connect: %s", strerror(errno));
		return;
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

void
client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->out);
	free(c->in);
	free(c->text);
}

/* Make `*memory` at least `need` bytes. */
static bool
grow(struct client *c, char **memory, size_t *cap, size_t need)
{
	size_t larger = *cap == 0 ? 4096 : *cap;
	char *m;

	if (need <= *cap)
		return true;
	while (larger < need)
		larger *= 2;
	m = realloc(*memory, larger);
	if (m == NULL) {
		client_break(c, "out of memory");
		return false;
	}
	*memory = m;
	*cap = larger;
	return true;
}

/* -------------------------------------------------------------------- requests */

void
client_add(struct client *c, const char *const word[], size_t n)
{
	size_t need = 32;

	for (size_t i = 0; i < n; i++)
		need += strlen(word[i]) + 32;
	if (c->is_broken || !grow(c, &c->out, &c->out_cap, c->out_len + need))
		return;
	c->out_len += (size_t)sprintf(c->out + c->out_len, "*%zu\r\n", n);
	for (size_t i = 0; i < n; i++)
		c->out_len += (size_t)sprintf(c->out + c->out_len, "$%zu\r\n%s\r\n",
					      strlen(word[i]), word[i]);
}

static void
flush(struct client *c)
{
	size_t sent = 0;

	while (!c->is_broken && sent < c->out_len) {
		ssize_t n = send(c->fd, c->out + sent, c->out_len - sent, MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		else if (errno != EINTR)
			client_break(c, "cannot send: %s", strerror(errno));
	}
	c->out_len = 0;
}

/* --------------------------------------------------------------------- replies */

/* Wait for more. */
static bool
fill(struct client *c)
{
	ssize_t n;

	if (c->is_broken)
		return false;
	if (c->in_start > 0) {
		memmove(c->in, c->in + c->in_start, c->in_end - c->in_start);
		c->in_end -= c->in_start;
		c->in_start = 0;
	}
	if (!grow(c, &c->in, &c->in_cap, c->in_end + 4096))
		return false;
	do
		n = recv(c->fd, c->in + c->in_end, c->in_cap - c->in_end, 0);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		client_break(c, "the server closed the connection");
	else if (n < 0)
		client_break(c, "cannot receive: %s", strerror(errno));
	else
		c->in_end += (size_t)n;
	return !c->is_broken;
}

/* Take `n` bytes and the line end behind them as the text of the reply. */
static bool
take(struct client *c, size_t n, struct reply *r)
{
	while (c->in_end - c->in_start < n + 2) {
		if (!fill(c))
			return false;
	}
	if (!grow(c, &c->text, &c->text_cap, n + 1))
		return false;
	memcpy(c->text, c->in + c->in_start, n);
	c->text[n] = '\0';
	c->in_start += n + 2;
	r->text = c->text;
	r->len = n;
	return true;
}

static bool
take_line(struct client *c, struct reply *r)
{
	char *end = NULL;

	do {
		if (c->in_end > c->in_start)
			end = memchr(c->in + c->in_start, '\n', c->in_end - c->in_start);
	} while (end == NULL && fill(c));
	if (end == NULL)
		return false;
	return take(c, (size_t)(end - (c->in + c->in_start)) - 1, r);
}

/* The kind of reply that the line begins, and the number in it. */
static bool
understand(struct client *c, struct reply *r)
{
	r->integer = strtoll(r->text + 1, NULL, 10);
	switch (r->text[0]) {
	case '+':
		r->kind = REPLY_STATUS;
		return true;
	case '-':
		r->kind = REPLY_ERROR;
		return true;
	case ':':
		r->kind = REPLY_INTEGER;
		return true;
	case '$':
		r->kind = r->integer < 0 ? REPLY_NULL : REPLY_BULK;
		return true;
	case '*':
		r->kind = REPLY_ARRAY;
		return true;
	default:
		client_break(c, "not a reply: %.40s", r->text);
		return false;
	}
}

bool
client_read(struct client *c, struct reply *r)
{
	flush(c);
	if (c->is_broken || !take_line(c, r) || !understand(c, r))
		return false;
	if (r->kind == REPLY_BULK)
		return take(c, (size_t)r->integer, r);
	r->text++;
	r->len--;
	return true;
}

bool
client_ask(struct client *c, struct reply *r, ...)
{
	const char *word[N_WORDS_MAX];
	size_t n = 0;
	va_list args;

	va_start(args, r);
	while (n < N_WORDS_MAX && (word[n] = va_arg(args, const char *)) != NULL)
		n++;
	va_end(args);
	client_add(c, word, n);
	return client_read(c, r);
}

bool
client_want(struct client *c, enum reply_kind kind, const struct reply *r)
{
	if (!c->is_broken && r->kind != kind)
		client_break(c, "unexpected reply: %.80s", r->text);
	return !c->is_broken;
}
