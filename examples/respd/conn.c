/* SPDX-License-Identifier: MIT */
/*
 * Connections: see conn.h.
 *
 * A client that sends and never reads stops itself: above OUT_HIGH bytes of replies that wait, no
 * request of it is carried out and nothing more is read, until it has taken some.  So what one
 * client can make the server hold is bounded: one request, one reply, and these.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "command.h"
#include "conn.h"
#include "reply.h"
#include "server.h"
#include "worker.h"

#define READ_MIN  ((size_t)16 << 10)
#define READ_MAX  ((size_t)1 << 20)
#define IN_MAX    (REQUEST_MAX + READ_MAX)
#define OUT_HIGH  ((size_t)1 << 20)
#define OUT_MAX   ((size_t)512 << 20) /* a reply that is longer ends the connection */
#define IDLE_KEPT ((size_t)64 << 10)  /* memory that an empty buffer keeps */

struct conn *
conn_open(struct worker *w, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return NULL;
	}
	event.data.ptr = c;
	if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
		close(fd);
		free(c);
		return NULL;
	}
	c->fd = fd;
	c->waits_for = event.events;
	buffer_init(&c->in, IN_MAX);
	buffer_init(&c->out, OUT_MAX);
	c->next = w->conns;
	if (c->next != NULL)
		c->next->prev = c;
	w->conns = c;
	return c;
}

void
conn_close(struct worker *w, struct conn *c)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		w->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	close(c->fd);
	buffer_fini(&c->in);
	buffer_fini(&c->out);
	request_fini(&c->request);
	free(c);
	atomic_fetch_sub(&w->server->n_clients, 1);
}

static bool
is_congested(const struct conn *c)
{
	return buffer_len(&c->out) >= OUT_HIGH;
}

/* Once per event, so that one busy client leaves room for others.  False: the connection is dead. */
static bool
conn_read(struct conn *c)
{
	size_t want = request_missing(&c->request, &c->in);
	char *room;
	ssize_t n;

	want = want < READ_MIN ? READ_MIN : want > READ_MAX ? READ_MAX : want;
	room = buffer_room(&c->in, want);
	if (room == NULL)
		return false;
	n = recv(c->fd, room, want, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		c->is_at_end = true;
	buffer_filled(&c->in, (size_t)n);
	return true;
}

/* False: the connection is dead. */
static bool
conn_write(struct conn *c)
{
	while (buffer_len(&c->out) > 0) {
		struct bytes out = buffer_bytes(&c->out);
		ssize_t n = send(c->fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		buffer_consume(&c->out, (size_t)n);
	}
	return true;
}

static void
run_request(struct worker *w, struct conn *c)
{
	struct call call = {
		.server = w->server,
		.store = w->server->store,
		.db = c->db,
		.arg = c->request.arg,
		.n_args = c->request.n_args,
		.out = &c->out,
		.value = &w->value,
	};

	if (call.n_args > 0)
		command_run(&call, &w->locks);
	c->db = call.db;
	c->is_closing = call.is_last;
	buffer_reset(&w->value, IDLE_KEPT);
	buffer_consume(&c->in, c->request.pos);
	request_reset(&c->request);
}

/* Carry out what has come, as long as the replies find room. */
static void
conn_run(struct worker *w, struct conn *c)
{
	while (!c->is_closing && !is_congested(c)) {
		switch (request_parse(&c->request, &c->in)) {
		case REQUEST_MORE:
			c->is_closing = c->is_at_end;
			return;
		case REQUEST_READY:
			run_request(w, c);
			break;
		case REQUEST_BAD:
			reply_error(&c->out, "Protocol error: %s", c->request.error);
			c->is_closing = true;
			break;
		}
	}
}

/* Ask epoll for what the connection can use now. */
static bool
conn_wait(struct worker *w, struct conn *c)
{
	struct epoll_event event = { .data.ptr = c };

	if (!c->is_closing && !c->is_at_end && !is_congested(c))
		event.events |= EPOLLIN;
	if (buffer_len(&c->out) > 0)
		event.events |= EPOLLOUT;
	if (event.events == c->waits_for)
		return true;
	c->waits_for = event.events;
	return epoll_ctl(w->epoll, EPOLL_CTL_MOD, c->fd, &event) == 0;
}

bool
conn_serve(struct worker *w, struct conn *c, uint32_t events)
{
	bool was_congested;

	if ((events & (EPOLLERR | EPOLLHUP)) != 0)
		return false;
	if ((events & EPOLLIN) != 0 && !conn_read(c))
		return false;
	do {
		conn_run(w, c);
		was_congested = is_congested(c);
		if (c->out.failed || !conn_write(c))
			return false;
	} while (was_congested && !is_congested(c));
	if (c->is_closing && buffer_len(&c->out) == 0)
		return false;
	if (buffer_len(&c->in) == 0)
		buffer_reset(&c->in, IDLE_KEPT);
	if (buffer_len(&c->out) == 0)
		buffer_reset(&c->out, IDLE_KEPT);
	return conn_wait(w, c);
}
