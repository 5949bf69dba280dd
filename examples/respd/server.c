/* SPDX-License-Identifier: MIT */
/* The server: see server.h. */
#define _GNU_SOURCE 1 /* accept4 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"
#include "single.h"
#include "stats.h"
#include "worker.h"

#define BACKLOG        511
#define DESCRIPTORS    32  /* that the server needs for itself, and four for each worker */
#define ACCEPT_WAIT_MS 100 /* when the system is short of something */

/* Say what failed. */
static bool
fail(const char *what, const char *why)
{
	fprintf(stderr, "respd: %s: %s\n", what, why);
	return false;
}

/* ------------------------------------------------------------------------ start */

static bool
open_locks(struct server *s)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	int rc;

	if (!s->settings.has_locks)
		return true;
	cfg.timeout_ns = s->settings.timeout_ms * (uint64_t)MILLISECOND_NS;
	cfg.max_idle = SERVER_IDLE_NAMES;
	if (s->settings.is_async)
		cfg.flags |= LK_MANUAL; /* what is due for requests that wait, our loop does */
	rc = lk_open("memory:", &cfg, &s->locks);
	return rc == 0 || fail("open the locks", lk_strerror(rc));
}

static bool
open_store(struct server *s)
{
	s->store = store_open(s->settings.n_stripes, !s->settings.has_locks);
	return s->store != NULL || fail("open the store", strerror(ENOMEM));
}

static bool
open_listener(struct server *s)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int yes = 1;

	address.sin_port = htons(s->settings.port);
	if (inet_pton(AF_INET, s->settings.address, &address.sin_addr) != 1)
		return fail(s->settings.address, "not an IPv4 address");
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listener < 0)
		return fail("socket", strerror(errno));
	setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(s->listener, (struct sockaddr *)&address, len) != 0 ||
	    listen(s->listener, BACKLOG) != 0 ||
	    getsockname(s->listener, (struct sockaddr *)&address, &len) != 0)
		return fail("listen", strerror(errno));
	s->port = ntohs(address.sin_port);
	return true;
}

/* As many clients as there can be descriptors: accept() then never fails for want of one. */
static void
count_descriptors(struct server *s)
{
	size_t own = DESCRIPTORS + 4 * s->settings.n_threads;
	struct rlimit limit;

	s->max_clients = 64;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 && getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_cur > own + s->max_clients)
		s->max_clients = (size_t)limit.rlim_cur - own;
}

static bool
start_workers(struct server *s)
{
	if (s->settings.is_async)
		return true;
	s->worker = calloc(s->settings.n_threads, sizeof(*s->worker));
	if (s->worker == NULL)
		return fail("workers", strerror(ENOMEM));
	while (s->n_workers < s->settings.n_threads) {
		if (!worker_start(&s->worker[s->n_workers], s))
			return false;
		s->n_workers++;
	}
	return true;
}

/* Give everything back that is there. */
static void
give_back(struct server *s)
{
	if (s->listener >= 0)
		close(s->listener);
	for (size_t i = 0; i < s->n_workers; i++)
		worker_stop(&s->worker[i]);
	free(s->worker);
	store_close(s->store);
	if (s->locks != NULL) {
		int rc = lk_close(s->locks);

		if (rc != 0)
			fail("close the locks", lk_strerror(rc));
	}
}

bool
server_start(struct server *s, const struct settings *settings)
{
	*s = (struct server){ .settings = *settings, .listener = -1 };
	s->started_ns = store_now();
	count_descriptors(s);
	if (open_locks(s) && open_store(s) && open_listener(s) && start_workers(s))
		return true;
	give_back(s);
	return false;
}

/* -------------------------------------------------------------------------- run */

/* One more than there may be: say so, if the client's window takes it at once. */
static void
refuse(int fd)
{
	static const char text[] = "-ERR max number of clients reached\r\n";

	if (send(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		shutdown(fd, SHUT_WR);
	close(fd);
}

static bool
is_passing(int error)
{
	return error == EAGAIN || error == EINTR || error == ECONNABORTED;
}

int
server_accept(struct server *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	int yes = 1;

	if (fd < 0)
		return is_passing(errno) ? -1 : -2;
	if (atomic_fetch_add(&s->n_clients, 1) >= s->max_clients) {
		atomic_fetch_sub(&s->n_clients, 1);
		refuse(fd);
		return -1;
	}
	/* Replies are written when they are complete: waiting to fill packets only delays them. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	return fd;
}

/* Give a new connection to a worker. */
static void
hand_over(struct server *s, struct worker *w, int fd)
{
	if (worker_hand(w, fd))
		return;
	atomic_fetch_sub(&s->n_clients, 1);
	close(fd);
}

static void
run_workers(struct server *s, int stop_fd)
{
	struct pollfd wait[2] = {
		{ .fd = stop_fd, .events = POLLIN },
		{ .fd = s->listener, .events = POLLIN },
	};
	size_t next = 0;

	for (;;) {
		int fd;

		if (poll(wait, 2, -1) < 0 && errno != EINTR)
			return;
		if (wait[0].revents != 0)
			return;
		fd = server_accept(s);
		if (fd >= 0)
			hand_over(s, &s->worker[next++ % s->n_workers], fd);
		else if (fd == -2)
			poll(wait, 1, ACCEPT_WAIT_MS);
	}
}

bool
server_run(struct server *s, int stop_fd)
{
	if (!s->settings.is_async)
		run_workers(s, stop_fd);
	else if (!single_run(s, stop_fd))
		return fail("loop", strerror(errno));
	return true;
}

void
server_stop(struct server *s)
{
	/* The statistics come when the workers do nothing any more, and before the locks go. */
	for (size_t i = 0; i < s->n_workers; i++)
		worker_stop(&s->worker[i]);
	s->n_workers = 0;
	if (s->locks != NULL)
		stats_print(s->locks);
	give_back(s);
}
