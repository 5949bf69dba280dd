/* SPDX-License-Identifier: MIT */
/* One thread for all: see single.h. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "conn.h"
#include "server.h"
#include "single.h"

#define ACCEPT_WAIT_NS 100000000 /* when the system is short of something */

struct single {
	struct server *server;
	struct loop loop;
	struct source clients; /* that want to come in */
	struct source stop;
	struct source timer; /* … of a pause in accepting */
	int stop_fd;
	int timer_fd;
};

/* Accept nothing for a while. */
static void
pause_accepting(struct single *s)
{
	struct itimerspec end = { .it_value.tv_nsec = ACCEPT_WAIT_NS };

	timerfd_settime(s->timer_fd, 0, &end, NULL);
	loop_change(&s->loop, s->server->listener, &s->clients, 0);
}

static void
end_pause(struct source *source, uint32_t events)
{
	struct single *s = container_of(source, struct single, timer);
	struct itimerspec none = { 0 };

	(void)events;
	timerfd_settime(s->timer_fd, 0, &none, NULL);
	loop_change(&s->loop, s->server->listener, &s->clients, EPOLLIN);
}

static void
accept_client(struct source *source, uint32_t events)
{
	struct single *s = container_of(source, struct single, clients);
	int fd = server_accept(s->server);

	(void)events;
	if (fd >= 0)
		conn_open(&s->loop, fd);
	else if (fd == -2)
		pause_accepting(s);
}

/* What is begun is done; the loop turns until all connections have ended. */
static void
stop(struct source *source, uint32_t events)
{
	struct single *s = container_of(source, struct single, stop);

	(void)events;
	loop_remove(&s->loop, s->stop_fd);
	loop_remove(&s->loop, s->server->listener);
	loop_remove(&s->loop, s->timer_fd);
	s->loop.is_over = true;
}

static bool
watch(struct single *s)
{
	s->clients.ready = accept_client;
	s->stop.ready = stop;
	s->timer.ready = end_pause;
	return loop_add(&s->loop, s->server->listener, &s->clients, EPOLLIN) &&
	       loop_add(&s->loop, s->stop_fd, &s->stop, EPOLLIN) &&
	       loop_add(&s->loop, s->timer_fd, &s->timer, EPOLLIN);
}

static bool
run(struct single *s)
{
	bool is_watched;
	int error;

	if (!loop_init(&s->loop, s->server, true))
		return false;
	is_watched = watch(s);
	error = errno;
	if (is_watched)
		loop_run(&s->loop);
	loop_fini(&s->loop);
	errno = error;
	return is_watched;
}

bool
single_run(struct server *server, int stop_fd)
{
	struct single s = { .server = server, .stop_fd = stop_fd };
	bool has_run;
	int error;

	s.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (s.timer_fd < 0)
		return false;
	has_run = run(&s);
	error = errno;
	close(s.timer_fd);
	errno = error;
	return has_run;
}
