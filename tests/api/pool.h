/* SPDX-License-Identifier: MIT */
/* Pools of a test, and threads that take. */
#ifndef LATCHKEY_TESTS_API_POOL_H
#define LATCHKEY_TESTS_API_POOL_H

#include "support.h"

static inline struct lk_pool *
open_pool(struct lk_manager *m, uint32_t min, uint32_t max)
{
	struct lk_pool_options o = LK_POOL_OPTIONS_INIT;
	struct lk_pool *p = NULL;

	o.min = min;
	o.max = max;
	ok(lk_pool_open(m, &o, &p));
	cr_assert_not_null(p);
	return p;
}

static inline struct lk_pool_stats
pool_stats(struct lk_pool *p)
{
	struct lk_pool_stats s = { .size = sizeof(s) };

	ok(lk_pool_stats(p, &s));
	return s;
}

static inline struct lk_owner *
take_owner(struct lk_pool *p)
{
	struct lk_options o = { .size = sizeof(o), .flags = LK_NOWAIT };
	struct lk_owner *w = NULL;

	ok(lk_pool_take(p, &o, &w));
	cr_assert_not_null(w);
	return w;
}

static inline int
try_take(struct lk_pool *p)
{
	struct lk_options o = { .size = sizeof(o), .flags = LK_NOWAIT };
	struct lk_owner *w = NULL;
	int rc = lk_pool_take(p, &o, &w);

	cr_expect_eq(w == NULL, rc != 0, "written only on success");
	return rc;
}

static inline void
close_pool(struct lk_manager *m, struct lk_pool *p)
{
	ok(lk_pool_close(p));
	ok(lk_close(m));
}

/* A thread that takes. */
struct taker {
	pthread_t thread;
	struct lk_pool *p;
	const struct lk_options *o;
	struct lk_owner *w;
	int rc;
};

static inline void *
taker_main(void *arg)
{
	struct taker *t = arg;

	t->rc = lk_pool_take(t->p, t->o, &t->w);
	return NULL;
}

/* Back when it waits, or has waited. */
static inline void
taker_start(struct taker *t, struct lk_pool *p, const struct lk_options *o)
{
	const uint64_t before = pool_stats(p).waits;

	*t = (struct taker){ .p = p, .o = o };
	cr_assert_eq(pthread_create(&t->thread, NULL, taker_main, t), 0);
	wait_until(pool_stats(p).waits > before);
}

static inline int
taker_end(struct taker *t)
{
	cr_assert_eq(pthread_join(t->thread, NULL), 0);
	return t->rc;
}

#endif /* LATCHKEY_TESTS_API_POOL_H */
