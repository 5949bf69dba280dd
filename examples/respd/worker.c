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

/* One new connection, or the order to stop. */
static void
take_from_inbox(struct source *s, uint32_t events)
{
	struct worker *w = container_of(s, struct worker, arrivals);
	int fd;
	ssize_t n = read(w->inbox[0], &fd, sizeof(fd));

	(void)events;
	if (n == (ssize_t)sizeof(fd))
		conn_open(&w->loop, fd);
	else if (n >= 0 || errno != EINTR)
		w->loop.is_over = true;
}

static void *
worker_run(void *arg)
{
	struct worker *w = arg;

	loop_run(&w->loop);
	return NULL;
}

static void
close_inbox(struct worker *w)
{
	close(w->inbox[0]);
	if (w->inbox[1] >= 0)
		close(w->inbox[1]);
}

/* An error number. */
static int
start_thread(struct worker *w)
{
	int rc;

	if (pipe2(w->inbox, O_CLOEXEC) != 0)
		return errno;
	w->arrivals.ready = take_from_inbox;
	rc = loop_add(&w->loop, w->inbox[0], &w->arrivals, EPOLLIN) ? 0 : errno;
	if (rc == 0)
		rc = pthread_create(&w->thread, NULL, worker_run, w);
	if (rc != 0)
		close_inbox(w);
	return rc;
}

bool
worker_start(struct worker *w, struct server *s)
{
	int rc;

	if (!loop_init(&w->loop, s, false)) {
		fprintf(stderr, "respd: worker: %s\n", strerror(errno));
		return false;
	}
	rc = start_thread(w);
	if (rc == 0)
		return true;
	fprintf(stderr, "respd: worker: %s\n", strerror(rc));
	loop_fini(&w->loop);
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
	close_inbox(w);
	loop_fini(&w->loop);
}
