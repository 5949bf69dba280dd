/* SPDX-License-Identifier: MIT */
/* Latchkey's primitives, by name: each session an owner. */
#ifndef BENCH_OURS_H
#define BENCH_OURS_H

#include "bench.h"

BENCH_INLINE void
must(int rc, const char *what)
{
	if (__builtin_expect(rc != 0, 0))
		bench_die(what, lk_strerror(rc));
}

static inline void
latchkey_close(void *world)
{
	must(lk_close((struct lk_manager *)world), "latchkey: close");
}

BENCH_INLINE void *
owner_open(void *world)
{
	struct lk_owner *w;

	must(lk_owner_open((struct lk_manager *)world, NULL, &w), "latchkey: open an owner");
	return w;
}

BENCH_INLINE void
owner_close(void *owner)
{
	must(lk_owner_close((struct lk_owner *)owner), "latchkey: close an owner");
}

static inline void *
session_open(void *world, void *target, unsigned lane)
{
	(void)target;
	(void)lane;
	return owner_open(world);
}

static inline void
session_close(void *session)
{
	owner_close(session);
}

BENCH_INLINE void
release(void *session, const void *target, lk_grant *grant)
{
	(void)target;
	must(lk_release((struct lk_owner *)session, *grant), "latchkey: release");
}

BENCH_INLINE void
name_acquire(void *session, const void *target, lk_mode mode, lk_grant *grant)
{
	must(lk_acquire((struct lk_owner *)session, (const char *)target, mode, NULL, grant),
	     "latchkey: acquire by name");
}

#endif /* BENCH_OURS_H */
