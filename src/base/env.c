/* SPDX-License-Identifier: MIT */
/* The standard memory, time, sleep and chance. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* madvise */
#endif
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/env.h"

static void *
system_alloc(void *state, size_t size, size_t align)
{
	void *p = NULL;
	int saved = errno;

	(void)state;
	if (posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, size) != 0)
		p = NULL;
	shim_keep_order(); /* compilers believe that posix_memalign() leaves errno alone */
	errno = saved;
	return p;
}

/* What comes fresh from the system is zero already, and stays untouched until it is used. */
static void *
system_zalloc(size_t size)
{
	int saved = errno;
	void *p = calloc(1, size);

	shim_keep_order();
	errno = saved;
	return p;
}

static void
system_free(void *state, void *p, size_t size)
{
	(void)state;
	(void)size;
	free(p);
}

static uint64_t
system_now(void *state)
{
	(void)state;
	return shim_now();
}

static void
system_wait(void *state, const uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	(void)state;
	(void)shim_futex_wait(container_of(word, a32, v), value, deadline_ns);
}

static void
system_wake(void *state, const uint32_t *word)
{
	(void)state;
	shim_futex_wake(container_of(word, a32, v), 1);
}

static uint64_t
system_random(void *state)
{
	(void)state;
	return shim_random();
}

void
env_init(struct env *e, const struct lk_allocator *memory, const struct lk_environment *world)
{
	static const struct lk_allocator system_memory = { system_alloc, system_free, NULL };
	static const struct lk_environment system_world = { system_now, system_wait, system_wake,
							    system_random, NULL };

	e->memory = memory != NULL ? *memory : system_memory;
	e->world = world != NULL ? *world : system_world;
	e->is_callers = world != NULL;
	shim_init(&e->bytes, (uint64_t)0);
}

void *
env_alloc(struct env *e, size_t size, size_t align)
{
	void *p = e->memory.alloc(e->memory.state, size, align);

	if (p != NULL)
		shim_add(&e->bytes, (uint64_t)size, SHIM_RELAXED); /* a statistic */
	return p;
}

void *
env_zalloc(struct env *e, size_t size, size_t align)
{
	void *p;

	if (e->memory.alloc == system_alloc && align <= _Alignof(max_align_t)) {
		p = system_zalloc(size);
		if (p != NULL)
			shim_add(&e->bytes, (uint64_t)size, SHIM_RELAXED);
		return p;
	}
	p = env_alloc(e, size, align);
	if (p != NULL)
		memset(p, 0, size);
	return p;
}

enum { HUGE_PAGE = 2 << 20 };

/* A wish: where there are none, all is as before. */
static void
wish_huge(void *p, size_t size)
{
#ifdef MADV_HUGEPAGE
	int saved = errno;

	(void)madvise(p, size / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
	errno = saved;
#else
	(void)p;
	(void)size;
#endif
}

void *
env_alloc_large(struct env *e, size_t size, size_t align)
{
	void *p;

	if (e->memory.alloc != system_alloc || size < HUGE_PAGE)
		return env_alloc(e, size, align);
	p = env_alloc(e, size, align < HUGE_PAGE ? HUGE_PAGE : align);
	if (p != NULL)
		wish_huge(p, size);
	return p;
}

void
env_free(struct env *e, void *p, size_t size)
{
	if (p == NULL)
		return;
	shim_sub(&e->bytes, (uint64_t)size, SHIM_RELAXED);
	e->memory.free(e->memory.state, p, size);
}
