/* SPDX-License-Identifier: MIT */
/* inotify on one file, and a thread that waits for it. */
#define _GNU_SOURCE
#include "common/listener.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/io.h"

void
listener_init(struct listener *l)
{
	l->notify = l->stop = -1;
}

void
listener_close(struct listener *l)
{
	io_close(&l->notify);
	io_close(&l->stop);
}

/*
 * What the kernel says does not matter but that it says something; if there is more, it will be heard next.  False: it will
 * say no more.
 */
static bool
drain(int fd)
{
	_Alignas(struct inotify_event) char buf[4096];
	const ssize_t n = read(fd, buf, sizeof(buf));
	bool goes_on = true;

	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e =
			(const struct inotify_event *)(const void *)(buf + at);

		goes_on &= (e->mask & IN_IGNORED) == 0;
		at += (ssize_t)(sizeof(*e) + e->len);
	}
	return goes_on;
}

static void *
listen_to(void *arg)
{
	struct listener *l = arg;
	struct pollfd fds[2] = { { .fd = l->stop, .events = POLLIN },
				 { .fd = l->notify, .events = POLLIN } };

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[0].revents != 0)
			return NULL;
		if (fds[1].revents == 0)
			continue;
		if (!drain(l->notify))
			fds[1].fd = -1; /* the file is gone: who waits looks by himself */
		l->news(l->arg, fds[1].fd < 0);
	}
}

static int
start_thread(struct listener *l)
{
	sigset_t all, before;
	int error;

	(void)sigfillset(&all); /* signals are for the threads of the program */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&l->thread, NULL, listen_to, l);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

static int
open_files(struct listener *l, int fd)
{
	char path[40];

	l->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	l->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->notify < 0 || l->stop < 0)
		return errno;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return inotify_add_watch(l->notify, path, IN_MODIFY | IN_DELETE_SELF) < 0 ? errno : 0;
}

int
listener_start(struct listener *l, int fd, void (*begin)(void *arg),
	       void (*news)(void *arg, bool is_last), void *arg)
{
	int error = open_files(l, fd);

	l->arg = arg;
	l->news = news;
	if (error == 0 && begin != NULL)
		begin(arg);
	if (error == 0)
		error = start_thread(l);
	if (error != 0)
		listener_close(l);
	return error;
}

void
listener_stop(struct listener *l)
{
	const uint64_t one = 1;

	while (write(l->stop, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	(void)pthread_join(l->thread, NULL);
	listener_close(l);
}
