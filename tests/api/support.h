/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the public API share: the tables of modes by hand, short names for
 * "this call succeeds" and "this call says that", and a thread that asks for a lock.
 */
#ifndef LATCHKEY_TESTS_API_SUPPORT_H
#define LATCHKEY_TESTS_API_SUPPORT_H

#include <stdlib.h>

#include "harness.h"

#define MODES (LK_X + 1)

/* Gray's matrix by hand, so that it cannot share a mistake with the library: [wanted][held]. */
static const bool compatible[MODES][MODES] = {
	[LK_NL] = { 1, 1, 1, 1, 1, 1, 1 },
	/*        NL IS IX  S SIX U  X */
	[LK_IS] = { 1, 1, 1, 1, 1, 1, 0 },
	[LK_IX] = { 1, 1, 1, 0, 0, 0, 0 },
	[LK_S] = { 1, 1, 0, 1, 0, 1, 0 },
	[LK_SIX] = { 1, 1, 0, 0, 0, 0, 0 },
	[LK_U] = { 1, 1, 0, 1, 0, 0, 0 },
	[LK_X] = { 1, 0, 0, 0, 0, 0, 0 },
};

/* The weakest mode that is at least both, by hand. */
static const lk_mode supremum[MODES][MODES] = {
	[LK_NL] = { LK_NL, LK_IS, LK_IX, LK_S, LK_SIX, LK_U, LK_X },
	[LK_IS] = { LK_IS, LK_IS, LK_IX, LK_S, LK_SIX, LK_U, LK_X },
	[LK_IX] = { LK_IX, LK_IX, LK_IX, LK_SIX, LK_SIX, LK_SIX, LK_X },
	[LK_S] = { LK_S, LK_S, LK_SIX, LK_S, LK_SIX, LK_U, LK_X },
	[LK_SIX] = { LK_SIX, LK_SIX, LK_SIX, LK_SIX, LK_SIX, LK_SIX, LK_X },
	[LK_U] = { LK_U, LK_U, LK_SIX, LK_U, LK_SIX, LK_U, LK_X },
	[LK_X] = { LK_X, LK_X, LK_X, LK_X, LK_X, LK_X, LK_X },
};

/* The call has this result. */
#define is(call, code)                                                                        \
	do {                                                                                  \
		int is_rc = (call);                                                           \
		cr_assert(is_rc == (code), "%s:%d: %s is %d (%s)", __FILE__, __LINE__, #call, \
			  is_rc, lk_errname(is_rc));                                          \
	} while (0)
#define ok(call) is(call, 0)

/* For threads other than the test's own: not the harness, but the end of the process. */
#define must(condition)                                                                         \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                \
		}                                                                               \
	} while (0)

static inline struct lk_manager *
open_manager(const char *url)
{
	struct lk_manager *m = NULL;

	ok(lk_open(url, NULL, &m));
	cr_assert_not_null(m);
	return m;
}

/* With a counting heap or a world of our own, or NULL; `url` as in lk_open(). */
static inline struct lk_manager *
open_with(const char *url, struct test_heap *heap, struct test_world *world)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_manager *m = NULL;

	cfg.allocator = heap != NULL ? &heap->allocator : NULL;
	cfg.environment = world != NULL ? &world->environment : NULL;
	ok(lk_open(url, &cfg, &m));
	return m;
}

static inline void
open_owners(struct lk_manager *m, struct lk_owner **w, int n)
{
	for (int i = 0; i < n; i++)
		ok(lk_owner_open(m, NULL, &w[i]));
}

static inline void
close_owners(struct lk_owner **w, int n)
{
	for (int i = 0; i < n; i++)
		ok(lk_owner_close(w[i]));
}

/* The end of most tests: nothing may be left that keeps the manager from closing. */
static inline void
close_all(struct lk_manager *m, struct lk_owner **w, int n)
{
	close_owners(w, n);
	ok(lk_close(m));
}

/* A grant that is there without a wait. */
static inline lk_grant
take(struct lk_owner *w, const char *name, lk_mode mode)
{
	lk_grant g = 0;

	ok(lk_try_acquire(w, name, mode, &g));
	cr_assert_neq(g, 0);
	return g;
}

/* Would an owner that holds nothing be granted `mode` now?  Nothing is left taken. */
static inline bool
is_open_to(struct lk_owner *w, const char *name, lk_mode mode)
{
	lk_grant g = 0;
	int rc = lk_try_acquire(w, name, mode, &g);

	if (rc == 0)
		ok(lk_release(w, g));
	else
		cr_assert(rc == LK_E_BUSY, "%s", lk_errname(rc));
	return rc == 0;
}

static inline lk_mode
holds(struct lk_owner *w, const char *name)
{
	int mode = lk_holds(w, name, strlen(name));

	cr_assert_ge(mode, 0);
	return (lk_mode)mode;
}

static inline const char *
mode_name(lk_mode mode)
{
	return lk_modename((int)mode);
}

static inline struct lk_grant_info
grant_info(struct lk_owner *w, lk_grant g)
{
	struct lk_grant_info info = { .size = sizeof(info) };

	ok(lk_grant_info(w, g, &info));
	return info;
}

static inline struct lk_info
info_of(struct lk_manager *m, const char *name)
{
	struct lk_info info = { .size = sizeof(info) };

	ok(lk_info(m, name, strlen(name), &info));
	return info;
}

static inline struct lk_stats
stats_of(struct lk_manager *m)
{
	struct lk_stats stats = { .size = sizeof(stats) };

	ok(lk_stats(m, &stats));
	return stats;
}

/* How many requests are in the line of `name`. */
static inline uint32_t
line(struct lk_manager *m, const char *name)
{
	return info_of(m, name).waiters;
}

/* A structure of a newer header: welcome as long as nothing in it is new. */
#define NEWER(type)                  \
	struct {                     \
		type known;          \
		uint64_t unknown[4]; \
	}

/* A thread that makes one request. */
struct asker {
	pthread_t thread;
	struct lk_owner *owner;
	const char *name;
	lk_mode mode;
	const struct lk_options *options;
	bool converts;
	lk_grant grant; /* to convert; of the answer */
	int rc;
	atomic_bool answered;
};

static inline void *
asker_main(void *arg)
{
	struct asker *a = arg;

	if (a->converts)
		a->rc = lk_convert(a->owner, a->grant, a->mode, a->options);
	else
		a->rc = lk_acquire(a->owner, a->name, a->mode, a->options, &a->grant);
	atomic_store(&a->answered, true);
	return NULL;
}

static inline void
asker_start(struct asker *a)
{
	a->rc = -1;
	atomic_init(&a->answered, false);
	cr_assert_eq(pthread_create(&a->thread, NULL, asker_main, a), 0);
}

/*
 * Back when the request stands in a line, or has stood there: what closes a ring may be over before
 * anybody can look.
 */
static inline void
ask_and_wait(struct lk_manager *m, struct asker *a)
{
	const uint64_t before = stats_of(m).waits;

	asker_start(a);
	wait_until(stats_of(m).waits > before);
}

/* Ask for what must wait. */
static inline void
ask_with(struct lk_manager *m, struct asker *a, struct lk_owner *w, const char *name, lk_mode mode,
	 const struct lk_options *o)
{
	*a = (struct asker){ .owner = w, .name = name, .mode = mode, .options = o };
	ask_and_wait(m, a);
}

static inline void
ask(struct lk_manager *m, struct asker *a, struct lk_owner *w, const char *name, lk_mode mode)
{
	ask_with(m, a, w, name, mode, NULL);
}

/* The same for the conversion of a grant. */
static inline void
ask_convert(struct lk_manager *m, struct asker *a, struct lk_owner *w, lk_grant g, lk_mode to)
{
	*a = (struct asker){ .owner = w, .mode = to, .grant = g, .converts = true };
	ask_and_wait(m, a);
}

static inline bool
is_answered(struct asker *a)
{
	return atomic_load(&a->answered);
}

/* What the request came to; waits for it. */
static inline int
answer(struct asker *a)
{
	cr_assert_eq(pthread_join(a->thread, NULL), 0);
	return a->rc;
}

/* The same, when it must be a grant. */
static inline lk_grant
granted(struct asker *a)
{
	ok(answer(a));
	return a->grant;
}

#endif /* LATCHKEY_TESTS_API_SUPPORT_H */
