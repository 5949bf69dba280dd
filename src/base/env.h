/* SPDX-License-Identifier: MIT */
/*
 * What a manager takes from outside: memory, time, sleep, chance.  Copied from struct
 * lk_config when it opens; nothing else in the core asks the system for them.
 */
#ifndef LK_BASE_ENV_H
#define LK_BASE_ENV_H

#include <latchkey/config.h>

#include "base/clock.h"
#include "base/futex.h"

struct env {
	struct lk_allocator memory;
	struct lk_environment world;
	bool is_callers; /* time is the caller's */
	a64 bytes;       /* taken from the allocator */
};

/* NULL: malloc; the system's clock, futex and random numbers. */
void env_init(struct env *e, const struct lk_allocator *memory, const struct lk_environment *world);

void *env_alloc(struct env *e, size_t size, size_t align);
void *env_zalloc(struct env *e, size_t size, size_t align);

/*
 * For much that will all be used: from malloc it is in huge pages, where the system has them, which spares it page faults and its
 * users a walk through tables of pages for each line.  A caller's memory is the caller's to advise on.  As env_alloc().
 */
void *env_alloc_large(struct env *e, size_t size, size_t align);
void env_free(struct env *e, void *p, size_t size);

LK_HOT uint64_t
env_now(const struct env *e)
{
	return e->world.now(e->world.state);
}

/* A clock that goes on while the machine is suspended: the caller's, or CLOCK_BOOTTIME. */
LK_HOT uint64_t
env_boottime(const struct env *e)
{
	return e->is_callers ? env_now(e) : shim_boottime();
}

LK_HOT void
env_wait(const struct env *e, const a32 *word, uint32_t value, uint64_t deadline_ns)
{
	e->world.wait(e->world.state, &word->v, value, deadline_ns);
}

LK_HOT void
env_wake(const struct env *e, const a32 *word)
{
	e->world.wake(e->world.state, &word->v);
}

LK_HOT uint64_t
env_random(const struct env *e)
{
	return e->world.random(e->world.state);
}

#endif /* LK_BASE_ENV_H */
