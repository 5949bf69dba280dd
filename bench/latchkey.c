/* SPDX-License-Identifier: MIT */
/* Latchkey as a contestant: by handle and by name, each session an owner. */
#include <stdio.h>

#include "crowd.h"
#include "ours.h"

enum { MANY_HELD = 10000 };

/* Default settings: nothing is said of what will come. */
static void *
unready_open(size_t n_names, size_t n_held)
{
	struct lk_manager *m;

	(void)n_names;
	(void)n_held;
	must(lk_open("memory:", NULL, &m), "latchkey: open");
	return m;
}

/* … but how many locks will be held, if they are many: whoever has such a setting is told (Berkeley DB too). */
static void *
latchkey_open(size_t n_names, size_t n_held)
{
	struct lk_manager *m;
	char url[64];

	if (n_held < MANY_HELD)
		return unready_open(n_names, n_held);
	(void)snprintf(url, sizeof(url), "memory:?reserve=%zu", n_held);
	must(lk_open(url, NULL, &m), "latchkey: open");
	return m;
}

/* … in which nobody ever looks for a ring. */
static void *
no_search_open(size_t n_names, size_t n_held)
{
	struct lk_manager *m;

	(void)n_names;
	(void)n_held;
	must(lk_open("memory:?deadlock_delay_ns=off", NULL, &m), "latchkey: open");
	return m;
}

/* … in which every name stays in the index once it was used. */
static void *
idle_open(size_t n_names, size_t n_held)
{
	struct lk_manager *m;

	(void)n_names;
	(void)n_held;
	must(lk_open("memory:?max_idle=off", NULL, &m), "latchkey: open");
	return m;
}

BENCH_INLINE void
convert(void *session, const void *target, lk_grant *grant, lk_mode from, lk_mode to)
{
	(void)target;
	(void)from;
	must(lk_convert((struct lk_owner *)session, *grant, to, NULL), "latchkey: convert");
}

/* ------------------------------------------------------------------- by handle */

static void *
handle_open(void *world, const char *name)
{
	struct lk_resource *r;

	must(lk_resource_open((struct lk_manager *)world, name, &r), "latchkey: open a handle");
	return r;
}

static void
handle_close(void *world, void *target)
{
	(void)world;
	lk_resource_close((struct lk_resource *)target);
}

BENCH_INLINE void
handle_acquire(void *session, const void *target, lk_mode mode, lk_grant *grant)
{
	must(lk_acquire_on((struct lk_owner *)session, (struct lk_resource *)target, mode, NULL,
			   grant),
	     "latchkey: acquire by handle");
}

#define PEER               latchkey_by_handle
#define PEER_NAME          "latchkey"
#define PEER_WHAT          "lk_acquire_on() and lk_release(), default settings"
#define PEER_BY            BY_HANDLE
#define PEER_MODES         MODES_ALL
#define PEER_TICKET        lk_grant
#define PEER_OPEN          latchkey_open
#define PEER_CLOSE         latchkey_close
#define PEER_TARGET_OPEN   handle_open
#define PEER_TARGET_CLOSE  handle_close
#define PEER_SESSION_OPEN  session_open
#define PEER_SESSION_CLOSE session_close
#define PEER_ACQUIRE       handle_acquire
#define PEER_RELEASE       release
#define PEER_CONVERT       convert
#include "contestant.h"

/* The same code, for another copy of the loop might lie better or worse: only the setting is another. */
extern const struct contestant peer_latchkey_handle_no_search;
const struct contestant peer_latchkey_handle_no_search = {
	.name = "latchkey_no_search",
	.what = "… without deadlock detection: deadlock_delay_ns=off",
	.by = BY_HANDLE,
	.modes = MODES_ALL,
	.traits = PEER_VARIANT,
	.ticket_size = sizeof(lk_grant),
	.open = no_search_open,
	.close = latchkey_close,
	.target_open = handle_open,
	.target_close = handle_close,
	.session_open = session_open,
	.session_close = session_close,
	.loop[LOOP_PAIRS].pairs = latchkey_by_handle_pairs,
};

/* --------------------------------------------------------------------- by name */

/* The ancestors come with the row. */
BENCH_INLINE void
path_acquire(void *session, const struct bench_path *path, lk_mode mode, lk_grant *grant)
{
	name_acquire(session, path->level[N_LEVELS - 1].text, mode, grant);
}

BENCH_INLINE void
path_release(void *session, const struct bench_path *path, lk_grant *grant)
{
	(void)path;
	must(lk_release((struct lk_owner *)session, *grant), "latchkey: release");
}

BENCH_INLINE void
release_all(void *session)
{
	must(lk_release_all((struct lk_owner *)session), "latchkey: release all");
}

/* Making the array of requests is part of the price. */
BENCH_INLINE void
many_acquire(void *session, const struct bench_name *names, size_t n, lk_mode mode, lk_grant *grant)
{
	struct lk_request request[BATCH_MAX];

	for (size_t i = 0; i < n; i++)
		request[i] = (struct lk_request){ .name = names[i].text, .mode = mode };
	must(lk_acquire_many((struct lk_owner *)session, request, n, NULL, grant),
	     "latchkey: acquire many");
}

BENCH_INLINE void
many_release(void *session, const struct bench_name *names, size_t n, lk_grant *grant)
{
	(void)names;
	must(lk_release_many((struct lk_owner *)session, grant, n, NULL), "latchkey: release many");
}

#define PEER               latchkey_by_name
#define PEER_NAME          "latchkey"
#define PEER_WHAT          "lk_acquire() and lk_release(), default settings; reserve=… where many are held"
#define PEER_BY            BY_NAME
#define PEER_MODES         MODES_ALL
#define PEER_TICKET        lk_grant
#define PEER_OPEN          latchkey_open
#define PEER_CLOSE         latchkey_close
#define PEER_SESSION_OPEN  session_open
#define PEER_SESSION_CLOSE session_close
#define PEER_ACQUIRE       name_acquire
#define PEER_RELEASE       release
#define PEER_CONVERT       convert
#define PEER_PATH_ACQUIRE  path_acquire
#define PEER_PATH_RELEASE  path_release
#define PEER_RELEASE_ALL   release_all
#define PEER_MANY_ACQUIRE  many_acquire
#define PEER_MANY_RELEASE  many_release
#define PEER_OWNER_OPEN    owner_open
#define PEER_OWNER_CLOSE   owner_close
#define PEER_CROWD_OPEN    crowd_open
#define PEER_CROWD_CLOSE   crowd_close
#define PEER_CROWD_SEARCH  crowd_search
#include "contestant.h"

extern const struct contestant peer_latchkey_name_no_search;
const struct contestant peer_latchkey_name_no_search = {
	.name = "latchkey_no_search",
	.what = "… without deadlock detection: deadlock_delay_ns=off",
	.by = BY_NAME,
	.modes = MODES_ALL,
	.traits = PEER_VARIANT,
	.ticket_size = sizeof(lk_grant),
	.open = no_search_open,
	.close = latchkey_close,
	.session_open = session_open,
	.session_close = session_close,
	.loop[LOOP_PAIRS].pairs = latchkey_by_name_pairs,
};

extern const struct contestant peer_latchkey_idle;
const struct contestant peer_latchkey_idle = {
	.name = "latchkey_idle",
	.what = "… that keeps all names in its index: max_idle=off",
	.by = BY_NAME,
	.modes = MODES_ALL,
	.traits = PEER_VARIANT | PEER_KEEPS,
	.ticket_size = sizeof(lk_grant),
	.open = idle_open,
	.close = latchkey_close,
	.session_open = session_open,
	.session_close = session_close,
	.loop[LOOP_TX].pairs = latchkey_by_name_transactions,
	.loop[LOOP_BATCH].pairs = latchkey_by_name_batches,
};

extern const struct contestant peer_latchkey_unready;
const struct contestant peer_latchkey_unready = {
	.name = "latchkey_unready",
	.what = "… which is not told how many will be held: default settings",
	.by = BY_NAME,
	.modes = MODES_ALL,
	.traits = PEER_HOLDS,
	.ticket_size = sizeof(lk_grant),
	.open = unready_open,
	.close = latchkey_close,
	.session_open = session_open,
	.session_close = session_close,
	.loop[LOOP_HOLD].pairs = latchkey_by_name_hold,
	.loop[LOOP_DROP].pairs = latchkey_by_name_drop,
};
