/* SPDX-License-Identifier: MIT */
/*
 * Locks that a store keeps, in files: Latchkey's, and the bare calls of the system that they are made of.  Two of the
 * bare calls stand for the two times that a lock and its release must change something that others see; they keep no
 * line, know no modes, and what they protect is not said anywhere.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "each.h"
#include "ours.h"
#include "place.h"
#include "updates.h"

/* ------------------------------------------------------------------------ Latchkey */

static void *
manager_open(const char *url)
{
	struct lk_manager *m;

	must(lk_open(url, NULL, &m), url);
	return m;
}

static void *
memory_open(size_t n_names, size_t n_held)
{
	(void)n_names;
	(void)n_held;
	return manager_open("memory:");
}

static void *
store_open(const char *parameters)
{
	char path[PLACE_MAX], url[PLACE_MAX + 32];

	place_path(path, "store");
	snprintf(url, sizeof(url), "file:%s%s", path, parameters);
	return manager_open(url);
}

static void *
kept_open(size_t n_names, size_t n_held)
{
	(void)n_names;
	(void)n_held;
	return store_open("");
}

static void *
asked_open(size_t n_names, size_t n_held)
{
	(void)n_names;
	(void)n_held;
	return store_open("?linger_ns=off");
}

#define PEER               latchkey_kept
#define PEER_NAME          "latchkey"
#define PEER_WHAT          "lk_acquire() and lk_release() over file:, whose cover is kept"
#define PEER_BY            BY_NAME
#define PEER_REALM         REALM_KEPT
#define PEER_MODES         MODES_ALL
#define PEER_TICKET        lk_grant
#define PEER_OPEN          kept_open
#define PEER_CLOSE         latchkey_close
#define PEER_SESSION_OPEN  session_open
#define PEER_SESSION_CLOSE session_close
#define PEER_ACQUIRE       name_acquire
#define PEER_RELEASE       release
#include "contestant.h"

/* The same code: only where the locks are is another. */
#define OURS(symbol, shown, text, where, opens)                        \
	extern const struct contestant peer_##symbol;                  \
	const struct contestant peer_##symbol = {                      \
		.name = shown,                                         \
		.what = text,                                          \
		.by = BY_NAME,                                         \
		.modes = MODES_ALL,                                    \
		.ticket_size = sizeof(lk_grant),                       \
		.open = opens,                                         \
		.close = latchkey_close,                               \
		.session_open = session_open,                          \
		.session_close = session_close,                        \
		.loop[LOOP_PAIRS].pairs = latchkey_kept_pairs,         \
		.loop[LOOP_HAND_OVER].pairs = latchkey_kept_hand_over, \
		.realm = where,                                        \
	}

OURS(latchkey_memory, "latchkey_memory", "the same over memory:", REALM_KEPT, memory_open);
OURS(latchkey_file, "latchkey", "… over file:, which is asked each time: linger_ns=off", REALM_FILE,
     asked_open);
OURS(latchkey_file_two, "latchkey", "… over file:, two processes", REALM_FILE_TWO, kept_open);
OURS(latchkey_file_many, "latchkey", "… over file:, two processes of eight threads",
     REALM_FILE_MANY, kept_open);

static void *
file_each_open(size_t n_names, size_t n_held)
{
	char path[PLACE_MAX], url[PLACE_MAX + 32];

	(void)n_names;
	(void)n_held;
	place_path(path, "store");
	snprintf(url, sizeof(url), "file:%s", path);
	return each_open(url);
}

#define PEER      file_each
#define PEER_NAME "latchkey_store"
#define PEER_WHAT                                                                                    \
	"… by the store alone, which is asked each time: an update that takes it, one that frees " \
	"it"
#define PEER_BY      BY_NAME
#define PEER_REALM   REALM_FILE_MANY
#define PEER_MODES   MODES_ALL
#define PEER_TICKET  char
#define PEER_OPEN    file_each_open
#define PEER_CLOSE   each_close
#define PEER_ACQUIRE each_acquire
#define PEER_RELEASE each_release
#include "contestant.h"

static void *
file_updates_open(size_t n_names, size_t n_held)
{
	char path[PLACE_MAX], url[PLACE_MAX + 8];

	(void)n_names;
	(void)n_held;
	place_path(path, "store");
	snprintf(url, sizeof(url), "file:%s", path);
	return updates_open(url);
}

#define PEER         file_updates
#define PEER_NAME    "latchkey_store"
#define PEER_WHAT    "two updates of a record, by the store alone"
#define PEER_BY      BY_NAME
#define PEER_REALM   REALM_FILE
#define PEER_MODES   MODES_ALL
#define PEER_TICKET  char
#define PEER_OPEN    file_updates_open
#define PEER_CLOSE   updates_close
#define PEER_ACQUIRE updates_acquire
#define PEER_RELEASE updates_release
#include "contestant.h"

/* ------------------------------------------------------------- locks of the system */

static void *
path_open(size_t n_names, size_t n_held)
{
	char *path = malloc(PLACE_MAX);

	(void)n_names;
	(void)n_held;
	if (path == NULL)
		bench_die("path", "out of memory");
	place_path(path, "turns");
	return path;
}

static void
path_close(void *world)
{
	free(world);
}

static int
file_open(const char *path)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		bench_die(path, strerror(errno));
	return fd;
}

static void *
ofd_session_open(void *world, void *target, unsigned lane)
{
	int *fd = malloc(sizeof(*fd));

	(void)target;
	(void)lane;
	if (fd == NULL)
		bench_die("ofd_locks", "out of memory");
	*fd = file_open(world);
	return fd;
}

static void
ofd_session_close(void *session)
{
	(void)close(*(int *)session);
	free(session);
}

BENCH_INLINE void
ofd_pair(void *session)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 7, .l_len = 1 };

	if (fcntl(*(int *)session, F_OFD_SETLKW, &lock) != 0)
		bench_die("ofd_locks", strerror(errno));
	lock.l_type = F_UNLCK;
	if (fcntl(*(int *)session, F_OFD_SETLK, &lock) != 0)
		bench_die("ofd_locks", strerror(errno));
}

BENCH_INLINE void
ofd_acquire(void *session, const void *target, lk_mode mode, char *ticket)
{
	(void)target;
	(void)mode;
	(void)ticket;
	ofd_pair(session);
}

BENCH_INLINE void
ofd_release(void *session, const void *target, char *ticket)
{
	(void)target;
	(void)ticket;
	ofd_pair(session);
}

#define PEER               ofd_locks
#define PEER_WHAT          "two times fcntl(F_OFD_SETLKW) and its unlocking, of one byte"
#define PEER_BY            BY_NAME
#define PEER_REALM         REALM_FILE
#define PEER_MODES         MODES_ALL
#define PEER_TICKET        char
#define PEER_OPEN          path_open
#define PEER_CLOSE         path_close
#define PEER_SESSION_OPEN  ofd_session_open
#define PEER_SESSION_CLOSE ofd_session_close
#define PEER_ACQUIRE       ofd_acquire
#define PEER_RELEASE       ofd_release
#include "contestant.h"

/* The same lock, and that it is held is what excludes: who comes waits in the kernel. */
BENCH_INLINE void
ofd_set(void *session, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = 7, .l_len = 1 };

	if (fcntl(*(int *)session, F_OFD_SETLKW, &lock) != 0)
		bench_die("ofd_lock", strerror(errno));
}

BENCH_INLINE void
ofd_take(void *session, const void *target, lk_mode mode, char *ticket)
{
	(void)target;
	(void)mode;
	(void)ticket;
	ofd_set(session, F_WRLCK);
}

BENCH_INLINE void
ofd_give(void *session, const void *target, char *ticket)
{
	(void)target;
	(void)ticket;
	ofd_set(session, F_UNLCK);
}

#define PEER ofd_lock
#define PEER_WHAT                                                                             \
	"fcntl(F_OFD_SETLKW) of one byte, for which all threads wait in the kernel, and its " \
	"unlocking"
#define PEER_BY            BY_NAME
#define PEER_REALM         REALM_FILE_MANY
#define PEER_MODES         MODES_ALL
#define PEER_TICKET        char
#define PEER_OPEN          path_open
#define PEER_CLOSE         path_close
#define PEER_SESSION_OPEN  ofd_session_open
#define PEER_SESSION_CLOSE ofd_session_close
#define PEER_ACQUIRE       ofd_take
#define PEER_RELEASE       ofd_give
#include "contestant.h"

/* --------------------------------------------------------------- turns, by a file */

struct turns {
	int fd;
	int notify;
	unsigned lane;
};

#define NOBODY 2u /* one has ended: the other may go on */

static void *
turns_open(void *world, void *target, unsigned lane)
{
	struct turns *t = malloc(sizeof(*t));

	(void)target;
	if (t == NULL)
		bench_die("turns", "out of memory");
	*t = (struct turns){ file_open(world), inotify_init1(IN_CLOEXEC | IN_NONBLOCK), lane };
	if (t->notify < 0 || inotify_add_watch(t->notify, world, IN_MODIFY) < 0)
		bench_die("turns", strerror(errno));
	return t;
}

BENCH_INLINE void
turns_say(struct turns *t, unsigned whose)
{
	if (pwrite(t->fd, &whose, sizeof(whose), 0) != (ssize_t)sizeof(whose))
		bench_die("turns", strerror(errno));
}

/* An empty file: it is the turn of the first. */
BENCH_INLINE unsigned
turns_whose(const struct turns *t)
{
	unsigned whose = 0;

	if (pread(t->fd, &whose, sizeof(whose), 0) < 0)
		bench_die("turns", strerror(errno));
	return whose;
}

static void
turns_close(void *session)
{
	struct turns *t = session;

	turns_say(t, NOBODY);
	(void)close(t->fd);
	(void)close(t->notify);
	free(t);
}

BENCH_INLINE void
turns_acquire(void *session, const void *target, lk_mode mode, char *ticket)
{
	struct turns *t = (struct turns *)session;
	struct pollfd fd = { .fd = t->notify, .events = POLLIN };
	char events[1024];
	unsigned whose;

	(void)target;
	(void)mode;
	(void)ticket;
	while ((whose = turns_whose(t)) != t->lane && whose != NOBODY) {
		if (poll(&fd, 1, -1) != 1)
			bench_die("turns", strerror(errno));
		(void)!read(t->notify, events, sizeof(events));
	}
}

BENCH_INLINE void
turns_release(void *session, const void *target, char *ticket)
{
	struct turns *t = (struct turns *)session;

	(void)target;
	(void)ticket;
	turns_say(t, 1 - t->lane);
}

#define PEER               inotify_turns
#define PEER_WHAT          "two processes that write whose turn it is in a file, and wait by inotify(7)"
#define PEER_BY            BY_NAME
#define PEER_REALM         REALM_FILE_TWO
#define PEER_MODES         MODES_ALL
#define PEER_TICKET        char
#define PEER_OPEN          path_open
#define PEER_CLOSE         path_close
#define PEER_SESSION_OPEN  turns_open
#define PEER_SESSION_CLOSE turns_close
#define PEER_ACQUIRE       turns_acquire
#define PEER_RELEASE       turns_release
#include "contestant.h"
