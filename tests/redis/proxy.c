/* SPDX-License-Identifier: MIT */
/* One thread, poll() over all pairs. */
#define _GNU_SOURCE
#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un
address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	return a;
}

static void
end_pair(struct proxy_pair *pair)
{
	for (int i = 0; i < 2; i++) {
		if (pair->fd[i] >= 0)
			(void)close(pair->fd[i]);
		pair->fd[i] = -1;
	}
}

/* Connected to where it leads, or -1. */
static int
reach(const struct proxy *p)
{
	const char *to = atomic_load(&p->to);
	const struct sockaddr_un local = address(to);
	struct sockaddr_in port = { .sin_family = AF_INET };
	const bool is_local = to[0] == '/';
	const int fd = socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	port.sin_port = htons((uint16_t)atoi(to));
	port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	rc = is_local ? connect(fd, (const struct sockaddr *)&local, sizeof(local))
		      : connect(fd, (const struct sockaddr *)&port, sizeof(port));
	if (rc == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static void
take_one(struct proxy *p)
{
	const int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
	int up;

	if (fd < 0)
		return;
	up = reach(p);
	for (int i = 0; i < PROXY_PAIRS && up >= 0 && !atomic_load(&p->refuses); i++) {
		struct proxy_pair *pair = &p->pairs[i];

		if (pair->fd[0] >= 0)
			continue;
		pair->fd[0] = fd;
		pair->fd[1] = up;
		atomic_fetch_add(&p->accepted, 1);
		return;
	}
	if (up >= 0)
		(void)close(up);
	(void)close(fd);
}

static bool
pass_on(int to, const char *bytes, size_t n)
{
	while (n > 0) {
		const ssize_t sent = send(to, bytes, n, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return false;
		if (sent > 0) {
			bytes += sent;
			n -= (size_t)sent;
		}
	}
	return true;
}

/* So many of them until the cut, which is then. */
static bool
pass_until_cut(struct proxy *p, int way, int to, const char *bytes, size_t n)
{
	const long left = atomic_fetch_sub(&p->after[way], (long)n);

	if (left >= (long)n)
		return pass_on(to, bytes, n);
	atomic_store(&p->mode[way], PROXY_PASS);
	atomic_fetch_add(&p->cuts, 1);
	(void)pass_on(to, bytes, left > 0 ? (size_t)left : 0);
	return false;
}

/* False: this pair has ended. */
static bool
move(struct proxy *p, struct proxy_pair *pair, int way)
{
	char bytes[4096];
	const enum proxy_mode mode = atomic_load(&p->mode[way]);
	const bool drips = mode == PROXY_DRIP;
	ssize_t n;

	if (mode == PROXY_RESET) { /* a socket that is closed with bytes in it is reset */
		atomic_store(&p->mode[way], PROXY_PASS);
		atomic_fetch_add(&p->cuts, 1);
		return false;
	}
	n = recv(pair->fd[way], bytes, drips ? 1 : sizeof(bytes), MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	atomic_fetch_add(&p->seen[way], (unsigned long)n);
	switch (mode) {
	case PROXY_SWALLOW:
		return true;
	case PROXY_CUT:
		return pass_until_cut(p, way, pair->fd[1 - way], bytes, (size_t)n);
	case PROXY_PASS:
	case PROXY_HOLD:
	case PROXY_DRIP:
	case PROXY_RESET:
		break;
	}
	return pass_on(pair->fd[1 - way], bytes, (size_t)n);
}

static void
move_all(struct proxy *p, const struct pollfd *fds)
{
	for (int i = 0; i < PROXY_PAIRS; i++) {
		bool goes_on = p->pairs[i].fd[0] >= 0;

		for (int way = 0; way < 2 && goes_on; way++) {
			if (fds[2 + 2 * i + way].revents != 0)
				goes_on = move(p, &p->pairs[i], way);
		}
		if (!goes_on)
			end_pair(&p->pairs[i]);
	}
}

static void *
serve(void *arg)
{
	struct proxy *p = arg;
	struct pollfd fds[2 + 2 * PROXY_PAIRS];

	for (;;) {
		atomic_fetch_add(&p->rounds, 1);
		fds[0] = (struct pollfd){ .fd = p->stop, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = p->listener, .events = POLLIN };
		for (int i = 0; i < 2 * PROXY_PAIRS; i++) {
			const bool is_held = atomic_load(&p->mode[i % 2]) == PROXY_HOLD;

			fds[2 + i] =
				(struct pollfd){ .fd = is_held ? -1 : p->pairs[i / 2].fd[i % 2],
						 .events = POLLIN };
		}
		if (poll(fds, 2 + 2 * PROXY_PAIRS, 5) < 0 && errno != EINTR)
			return NULL;
		if (fds[0].revents != 0)
			return NULL;
		if (atomic_load(&p->ends_all)) {
			for (int i = 0; i < PROXY_PAIRS; i++)
				end_pair(&p->pairs[i]);
			atomic_store(&p->ends_all, false);
			continue;
		}
		move_all(p, fds);
		if (fds[1].revents != 0)
			take_one(p);
	}
}

void
proxy_start(struct proxy *p, const char *path, const char *to)
{
	struct sockaddr_un a;

	memset(p, 0, sizeof(*p));
	snprintf(p->path, sizeof(p->path), "%s", path);
	atomic_store(&p->to, to);
	a = address(p->path);
	for (int i = 0; i < PROXY_PAIRS; i++)
		p->pairs[i].fd[0] = p->pairs[i].fd[1] = -1;
	p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	p->stop = eventfd(0, EFD_CLOEXEC);
	cr_assert(p->listener >= 0 && p->stop >= 0);
	cr_assert_eq(bind(p->listener, (const struct sockaddr *)&a, sizeof(a)), 0);
	cr_assert_eq(listen(p->listener, 128), 0);
	cr_assert_eq(pthread_create(&p->thread, NULL, serve, p), 0);
}

void
proxy_stop(struct proxy *p)
{
	const uint64_t one = 1;

	cr_assert_eq(write(p->stop, &one, sizeof(one)), (ssize_t)sizeof(one));
	(void)pthread_join(p->thread, NULL);
	for (int i = 0; i < PROXY_PAIRS; i++)
		end_pair(&p->pairs[i]);
	(void)close(p->listener);
	(void)close(p->stop);
	(void)unlink(p->path);
}

void
proxy_set(struct proxy *p, enum proxy_way way, enum proxy_mode mode, long after)
{
	unsigned round;

	atomic_store(&p->after[way], after);
	atomic_store(&p->mode[way], mode);
	round = atomic_load(&p->rounds);
	wait_until(atomic_load(&p->rounds) - round >= 2); /* it has looked at the new one */
}

void
proxy_cut_all(struct proxy *p)
{
	atomic_store(&p->ends_all, true);
	wait_until(!atomic_load(&p->ends_all));
}

void
proxy_lead(struct proxy *p, const char *to)
{
	atomic_store(&p->to, to);
	proxy_cut_all(p);
}
