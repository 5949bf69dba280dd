/* SPDX-License-Identifier: MIT */
/* A manager without a thread, on a clock that only the test moves; and what owners are told. */
#ifndef LATCHKEY_TESTS_API_LEASE_STAGE_H
#define LATCHKEY_TESTS_API_LEASE_STAGE_H

#include "support.h"

enum { STAGE_OWNERS = 4, TOLD_MAX = 64 };

struct told {
	struct lk_notice notice[TOLD_MAX];
	unsigned n;
};

struct lease_stage {
	struct test_heap heap;
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w[STAGE_OWNERS];
	struct told told[STAGE_OWNERS];
};

static inline void
keep_notice(void *arg, const struct lk_notice *notice)
{
	struct told *t = arg;

	must(t->n < TOLD_MAX && notice->size == sizeof(*notice));
	t->notice[t->n++] = *notice;
}

static inline void
open_listener(struct lk_manager *m, struct told *t, struct lk_owner **w)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;

	o.on_notice = keep_notice;
	o.notice_arg = t;
	ok(lk_owner_open(m, &o, w));
}

/* `url` with settings, or "memory:". */
static inline void
lease_stage_open(struct lease_stage *s, const char *url)
{
	struct lk_config cfg = LK_CONFIG_INIT;

	memset(s, 0, sizeof(*s));
	test_heap_init(&s->heap);
	test_world_init(&s->world);
	s->world.manual = true;
	cfg.allocator = &s->heap.allocator;
	cfg.environment = &s->world.environment;
	cfg.flags = LK_MANUAL;
	ok(lk_open(url, &cfg, &s->m));
	test_world_advance(&s->world, 1000000);
	for (int i = 0; i < STAGE_OWNERS; i++)
		open_listener(s->m, &s->told[i], &s->w[i]);
}

static inline void
lease_stage_close(struct lease_stage *s)
{
	close_all(s->m, s->w, STAGE_OWNERS);
	cr_expect_eq(atomic_load(&s->heap.blocks), 0);
}

static inline void
serve(struct lease_stage *s)
{
	ok(lk_serve(s->m, NULL));
}

/* Time passes, and the manager does what is due. */
static inline void
pass(struct lease_stage *s, uint64_t ns)
{
	test_world_advance(&s->world, ns);
	serve(s);
}

static inline uint64_t
next_due(struct lease_stage *s)
{
	uint64_t ns;

	ok(lk_serve(s->m, &ns));
	return ns;
}

static inline uint64_t
stage_now(struct lease_stage *s)
{
	return atomic_load(&s->world.time_ns);
}

static inline lk_grant
take_leased(struct lk_owner *w, const char *name, lk_mode mode, uint64_t lease_ns)
{
	struct lk_options o = { .size = sizeof(o), .lease_ns = lease_ns };
	lk_grant g = 0;

	ok(lk_acquire(w, name, mode, &o, &g));
	return g;
}

/* What that owner was told: this, about that grant, and nothing after it. */
static inline void
expect_told(const struct told *t, unsigned i, enum lk_kind kind, lk_grant g)
{
	cr_assert_gt(t->n, i, "not told of %u", (unsigned)kind);
	cr_expect_eq(t->notice[i].kind, kind);
	cr_expect_eq(t->notice[i].grant, g);
}

#endif /* LATCHKEY_TESTS_API_LEASE_STAGE_H */
