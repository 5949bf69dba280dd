/* SPDX-License-Identifier: MIT */
/* Workers: see worker.h. */
#define _GNU_SOURCE 1 /* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "conn.h"
#include "server.h"
#include "worker.h"

#define N_EVENTS  64
#define VALUE_MAX ((size_t)512 << 20)

/* One new connection, or the order to stop: false. */
static bool
take_from_inbox(struct worker *w)
{
	int fd;
	ssize_t n = read(w->inbox[0], &fd, sizeof(fd));

	if (n < 0)
		return errno == EINTR;
	if (n != (ssize_t)sizeof(fd))
		return false;
	if (conn_open(w, fd) == NULL)
		atomic_fetch_sub(&w->server->n_clients, 1);
	return true;
}

/* False: it is time to stop.  An event without a connection is the inbox's. */
static bool
serve(struct worker *w, const struct epoll_event *event)
{
	struct conn *c = event->data.ptr;

	if (c == NULL)
		return take_from_inbox(w);
	if (!conn_serve(w, c, event->events))
		conn_close(w, c);
	return true;
}

static void *
worker_run(void *arg)
{
	struct worker *w = arg;
	struct epoll_event event[N_EVENTS];
	bool goes_on = true;

	while (goes_on) {
		int n = epoll_wait(w->epoll, event, N_EVENTS, -1);

		if (n < 0 && errno != EINTR)
			break;
		for (int i = 0; i < n; i++) {
			if (!serve(w, &event[i]))
				goes_on = false;
		}
	}
	while (w->conns != NULL)
		conn_close(w, w->conns);
	return NULL;
}

static bool
open_descriptors(struct worker *w)
{
	struct epoll_event event = { .events = EPOLLIN };

	w->inbox[0] = w->inbox[1] = -1;
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	return w->epoll >= 0 && pipe2(w->inbox, O_CLOEXEC) == 0 &&
	       epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->inbox[0], &event) == 0;
}

static void
close_descriptors(struct worker *w)
{
	if (w->epoll >= 0)
		close(w->epoll);
	if (w->inbox[0] >= 0)
		close(w->inbox[0]);
	if (w->inbox[1] >= 0)
		close(w->inbox[1]);
}

bool
worker_start(struct worker *w, struct server *s, size_t number)
{
	const char *why;
	char label[LK_LABEL_MAX + 1];
	int rc;

	*w = (struct worker){ .server = s };
	buffer_init(&w->value, VALUE_MAX);
	snprintf(label, sizeof(label), "worker %zu", number);
	rc = locks_init(&w->locks, s->locks, label);
	if (rc != 0) {
		fprintf(stderr, "respd: worker: %s\n", lk_strerror(rc));
		return false;
	}
	if (!open_descriptors(w)) {
		why = strerror(errno);
	} else {
		rc = pthread_create(&w->thread, NULL, worker_run, w);
		if (rc == 0)
			return true;
		why = strerror(rc);
	}
	fprintf(stderr, "respd: worker: %s\n", why);
	close_descriptors(w);
	locks_fini(&w->locks);
	return false;
}

bool
worker_hand(struct worker *w, int fd)
{
	ssize_t n;

	do
		n = write(w->inbox[1], &fd, sizeof(fd));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(fd);
}

void
worker_stop(struct worker *w)
{
	int fd;

	close(w->inbox[1]);
	w->inbox[1] = -1;
	pthread_join(w->thread, NULL);
	/* It may have seen the end of a loop before the end of its inbox. */
	while (read(w->inbox[0], &fd, sizeof(fd)) == (ssize_t)sizeof(fd))
		close(fd);
	close_descriptors(w);
	locks_fini(&w->locks);
	buffer_fini(&w->value);
}
