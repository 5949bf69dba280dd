/* SPDX-License-Identifier: MIT */
/*
 * Connections: see conn.h.
 *
 * A client that sends and never reads stops itself: above OUT_HIGH bytes of replies that wait, no
 * request of it is carried out and nothing more is read, until it has taken some.  So what one
 * client can make the server hold is bounded: one request, one reply, and these.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "reply.h"
#include "server.h"

#define READ_MIN  ((size_t)16 << 10)
#define READ_MAX  ((size_t)1 << 20)
#define IN_MAX    (REQUEST_MAX + READ_MAX)
#define OUT_HIGH  ((size_t)1 << 20)
#define OUT_MAX   ((size_t)512 << 20) /* a reply that is longer ends the connection */
#define IDLE_KEPT ((size_t)64 << 10)  /* memory that an empty buffer keeps */

static void conn_ready(struct source *s, uint32_t events);
static void locks_answered(struct locks *l, int rc);

/* ------------------------------------------------------------------ open and close */

static void
conn_link(struct conn *c)
{
	struct loop *l = c->loop;

	c->next = l->conns;
	if (c->next != NULL)
		c->next->prev = c;
	l->conns = c;
}

static void
conn_unlink(struct conn *c)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->loop->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
}

static void
hang_up(struct server *s, int fd)
{
	close(fd);
	atomic_fetch_sub(&s->n_clients, 1);
}

/* A connection that nobody serves yet.  NULL: no memory. */
static struct conn *
conn_create(struct loop *l, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));
	char label[LK_LABEL_MAX + 1];

	if (c == NULL)
		return NULL;
	snprintf(label, sizeof(label), "client %d", fd);
	if (task_init(&c->task, l->server->locks, label) != 0) {
		free(c);
		return NULL;
	}
	c->task.locks.queue = l->queue;
	c->task.locks.answer = locks_answered;
	c->source.ready = conn_ready;
	c->loop = l;
	c->fd = fd;
	buffer_init(&c->in, IN_MAX);
	buffer_init(&c->out, OUT_MAX);
	return c;
}

static void
conn_free(struct conn *c)
{
	buffer_fini(&c->in);
	buffer_fini(&c->out);
	request_fini(&c->request);
	task_fini(&c->task);
	free(c);
}

void
conn_open(struct loop *l, int fd)
{
	struct conn *c = conn_create(l, fd);

	if (c == NULL || !loop_add(l, fd, &c->source, EPOLLIN)) {
		if (c != NULL)
			conn_free(c);
		hang_up(l->server, fd);
		return;
	}
	c->waits_for = EPOLLIN;
	conn_link(c);
}

/* Is a request being carried out? */
static bool
is_busy(const struct conn *c)
{
	return c->has_request;
}

void
conn_close(struct conn *c)
{
	if (c->fd < 0) /* gone already */
		return;
	hang_up(c->loop->server, c->fd);
	c->fd = -1;
	if (c->task.state == TASK_WAITS)
		locks_cancel(&c->task.locks);
	if (is_busy(c))
		return;
	conn_unlink(c);
	conn_free(c);
}

/* ------------------------------------------------------------------ read and write */

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

/* ---------------------------------------------------------------------- carry out */

static void
begin_request(struct conn *c)
{
	struct server *s = c->loop->server;

	c->has_request = true;
	c->task.call.db = c->db;
	c->task.call.is_last = false;
	if (c->request.n_args > 0)
		task_begin(&c->task, s, c->db, &c->request, &c->out);
	if (c->task.state == TASK_WAITS)
		s->n_waiting++;
}

static void
end_request(struct conn *c)
{
	c->has_request = false;
	c->db = c->task.call.db;
	c->is_closing = c->task.call.is_last;
	buffer_consume(&c->in, c->request.pos);
	request_reset(&c->request);
}

/* Go on with the request that is being carried out.  False: it is not done, and has been put aside. */
static bool
go_on(struct conn *c)
{
	if (!is_busy(c))
		return true;
	if (c->task.state == TASK_RUNS)
		task_go_on(&c->task, c->loop->n_steps);
	if (c->task.state == TASK_RUNS)
		loop_later(c->loop, c);
	if (c->task.state != TASK_NONE)
		return false;
	end_request(c);
	return true;
}

/*
 * The locks that it waited for were granted, or refused.  It goes on in its turn; if the client is gone
 * it does not begin.
 */
static void
locks_answered(struct locks *l, int rc)
{
	struct conn *c = container_of(l, struct conn, task.locks);

	c->loop->server->n_waiting--;
	task_answered(&c->task, rc);
	if (rc == 0 && c->fd < 0)
		task_drop(&c->task);
	loop_later(c->loop, c);
}

/* Carry out what has come, as long as the replies find room. */
static void
conn_run(struct conn *c)
{
	while (go_on(c) && !c->is_closing && !is_congested(c)) {
		switch (request_parse(&c->request, &c->in)) {
		case REQUEST_MORE:
			c->is_closing = c->is_at_end;
			return;
		case REQUEST_READY:
			begin_request(c);
			break;
		case REQUEST_BAD:
			reply_error(&c->out, "Protocol error: %s", c->request.error);
			c->is_closing = true;
			break;
		}
	}
}

/* ------------------------------------------------------------------------- events */

/*
 * Ask epoll for what the connection can use now.  It can use no input while it is busy; but as that
 * rarely comes then, it is called off only when it has come: `events`.
 */
static bool
conn_wait(struct conn *c, uint32_t events)
{
	uint32_t wanted = 0;

	if (is_busy(c))
		wanted |= c->waits_for & EPOLLIN & ~events;
	else if (!c->is_closing && !c->is_at_end && !is_congested(c))
		wanted |= EPOLLIN;
	if (buffer_len(&c->out) > 0)
		wanted |= EPOLLOUT;
	if (wanted == c->waits_for)
		return true;
	c->waits_for = wanted;
	return loop_change(c->loop, c->fd, &c->source, wanted);
}

/* Carry out and write what can be.  False: the connection is to be closed. */
static bool
conn_advance(struct conn *c)
{
	bool was_congested;

	do {
		conn_run(c);
		was_congested = is_congested(c);
		if (c->out.failed || !conn_write(c))
			return false;
	} while (was_congested && !is_congested(c) && !is_busy(c));
	if (!is_busy(c) && c->is_closing && buffer_len(&c->out) == 0)
		return false;
	if (buffer_len(&c->in) == 0)
		buffer_reset(&c->in, IDLE_KEPT);
	if (buffer_len(&c->out) == 0)
		buffer_reset(&c->out, IDLE_KEPT);
	return conn_wait(c, 0);
}

static bool
conn_serve(struct conn *c, uint32_t events)
{
	if ((events & (EPOLLERR | EPOLLHUP)) != 0)
		return false;
	if (is_busy(c))
		return conn_write(c) && conn_wait(c, events);
	if ((events & EPOLLIN) != 0 && !conn_read(c))
		return false;
	return conn_advance(c);
}

static void
conn_ready(struct source *s, uint32_t events)
{
	struct conn *c = container_of(s, struct conn, source);

	if (!conn_serve(c, events))
		conn_close(c);
}

void
conn_go_on(struct conn *c)
{
	if (c->fd >= 0) {
		if (!conn_advance(c))
			conn_close(c);
	} else if (go_on(c)) {
		conn_unlink(c);
		conn_free(c);
	}
}
