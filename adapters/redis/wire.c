/* SPDX-License-Identifier: MIT */
/* Sockets that never block, and poll(). */
#define _GNU_SOURCE
#include "redis/wire.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/io.h"

/* ---------------------------------------------------------------------- a bare socket */

static int
begin_plain(struct wire *w, const struct where *to)
{
	(void)w;
	(void)to;
	return 0;
}

static ssize_t
send_plain(struct wire *w, const void *bytes, size_t n)
{
	const ssize_t sent = send(w->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);

	w->wants = POLLOUT;
	return sent >= 0 ? sent : -errno;
}

static ssize_t
receive_plain(struct wire *w, void *bytes, size_t n)
{
	const ssize_t got = recv(w->fd, bytes, n, MSG_DONTWAIT);

	w->wants = POLLIN;
	return got >= 0 ? got : -errno;
}

static bool
has_news_plain(struct wire *w)
{
	(void)w;
	return true;
}

static void
end_plain(struct wire *w)
{
	(void)w;
}

static const struct wire_kind plain = { begin_plain, send_plain, receive_plain, has_news_plain,
					end_plain };
const struct transport wire_plain = { &plain, NULL };

/* -------------------------------------------------------------------------- waiting */

int
wire_wait(int fd, short events, const struct patience *p)
{
	struct pollfd one = { .fd = fd, .events = events };

	for (;;) {
		const int ms = patience_ms(p);
		const int n = poll(&one, 1, ms);

		if (n > 0)
			return 0; /* an error, too, is news: the next call says which */
		if (n < 0 && errno != EINTR)
			return errno;
		if (ms == 0)
			return ETIMEDOUT;
	}
}

/* After -EAGAIN: 0, try again; or an errno. */
static int
wait_until_ready(struct wire *w, ssize_t rc, const struct patience *p)
{
	if (rc == -EINTR)
		return 0;
	return rc == -EAGAIN || rc == -EWOULDBLOCK ? wire_wait(w->fd, w->wants, p) : (int)-rc;
}

int
wire_send(struct wire *w, const void *bytes, size_t n, struct patience p)
{
	const char *at = bytes;

	w->has_asked = true;
	while (n > 0) {
		const ssize_t sent = w->on->kind->send(w, at, n);

		if (sent > 0) {
			at += sent;
			n -= (size_t)sent;
		} else {
			const int error = sent == 0 ? EPIPE : wait_until_ready(w, sent, &p);

			if (error != 0)
				return error;
		}
	}
	return 0;
}

/* No answer is there as soon as a question is sent: to look for one would be a call for nothing.  What is encrypted may be here already. */
static int
wait_for_answer(struct wire *w, const struct patience *p)
{
	if (!w->has_asked || w->on->kind != &plain)
		return 0;
	w->has_asked = false;
	return wire_wait(w->fd, POLLIN, p);
}

/* Who does not wait, and has just had all that there was, need not be told so by two calls of the system. */
static bool
has_had_all(struct wire *w, const struct patience *p)
{
	const bool had = w->is_drained && w->on->kind == &plain;

	w->is_drained = false;
	return had && patience_ms(p) == 0;
}

ssize_t
wire_receive(struct wire *w, void *bytes, size_t n, struct patience p)
{
	const int late = has_had_all(w, &p) ? ETIMEDOUT : wait_for_answer(w, &p);

	if (late != 0)
		return -late;
	for (;;) {
		const ssize_t got = w->on->kind->receive(w, bytes, n);
		int error;

		w->is_drained = got > 0 && (size_t)got < n;
		if (got >= 0)
			return got;
		error = wait_until_ready(w, got, &p);
		if (error != 0)
			return -error;
	}
}

bool
wire_has_news(struct wire *w)
{
	struct pollfd one = { .fd = w->fd, .events = POLLIN };

	return poll(&one, 1, 0) != 0 && w->on->kind->has_news(w);
}

/* ------------------------------------------------------------------------ connecting */

static int
finish_connect(int fd, const struct patience *p)
{
	socklen_t len = sizeof(int);
	int error = wire_wait(fd, POLLOUT, p);

	if (error == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	return error;
}

static int
connect_to(struct wire *w, int family, const struct sockaddr *to, socklen_t len,
	   const struct patience *p)
{
	const int one = 1;
	int error = 0;

	w->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (w->fd < 0)
		return errno;
	if (family != AF_UNIX) { /* small requests, and servers that vanish */
		(void)setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		(void)setsockopt(w->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	}
	if (connect(w->fd, to, len) != 0)
		error = errno == EINPROGRESS || errno == EINTR ? finish_connect(w->fd, p) : errno;
	if (error == EAGAIN) /* a local server whose line is full */
		error = ECONNREFUSED;
	if (error != 0)
		io_close(&w->fd);
	return error;
}

static int
connect_to_socket(struct wire *w, const char *path, const struct patience *p)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	memcpy(to.sun_path, path, strlen(path) + 1);
	return connect_to(w, AF_UNIX, (const struct sockaddr *)(const void *)&to, sizeof(to), p);
}

static int
connect_to_host(struct wire *w, const struct where *where, const struct patience *p)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	int error = getaddrinfo(where->host, where->port, &hints, &list);

	if (error != 0)
		return error == EAI_SYSTEM ? errno : error == EAI_MEMORY ? ENOMEM : ENOENT;
	error = ENOENT;
	for (const struct addrinfo *a = list; a != NULL && w->fd < 0; a = a->ai_next)
		error = connect_to(w, a->ai_family, a->ai_addr, a->ai_addrlen, p);
	freeaddrinfo(list);
	return error;
}

void
wire_init(struct wire *w, const struct transport *on)
{
	*w = (struct wire){ .fd = -1, .on = on };
}

static int
begin(struct wire *w, const struct where *to, const struct patience *p)
{
	int rc;

	while ((rc = w->on->kind->begin(w, to)) != 0) {
		const int error = wait_until_ready(w, rc, p);

		if (error != 0)
			return error;
	}
	return 0;
}

int
wire_open(struct wire *w, const struct where *to, struct patience p)
{
	int error;

	w->why[0] = '\0';
	w->has_asked = w->is_drained = false;
	error = to->socket[0] != '\0' ? connect_to_socket(w, to->socket, &p)
				      : connect_to_host(w, to, &p);
	if (error == 0) {
		error = begin(w, to, &p);
		if (error != 0)
			wire_close(w);
	}
	return error;
}

void
wire_close(struct wire *w)
{
	if (w->fd >= 0)
		w->on->kind->end(w);
	io_close(&w->fd);
}
