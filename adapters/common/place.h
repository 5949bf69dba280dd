/* SPDX-License-Identifier: MIT */
/* Where a store lives: the memory and the time that it was opened with. */
#ifndef LK_ADAPTERS_PLACE_H
#define LK_ADAPTERS_PLACE_H

#include <latchkey.h>
#include <string.h>

struct place {
	const struct lk_allocator *memory;
	const struct lk_environment *world;
};

static inline void *
place_alloc(const struct place *p, size_t size)
{
	return p->memory->alloc(p->memory->state, size, _Alignof(max_align_t));
}

static inline void *
place_zalloc(const struct place *p, size_t size)
{
	void *memory = place_alloc(p, size);

	if (memory != NULL)
		memset(memory, 0, size);
	return memory;
}

static inline void
place_free(const struct place *p, void *memory, size_t size)
{
	if (memory != NULL)
		p->memory->free(p->memory->state, memory, size);
}

static inline uint64_t
place_now(const struct place *p)
{
	return p->world->now(p->world->state);
}

static inline uint64_t
place_random(const struct place *p)
{
	return p->world->random(p->world->state);
}

/* Sleep until `until_ns`, or for a shorter time: whoever calls looks again. */
static inline void
place_nap(const struct place *p, uint64_t until_ns)
{
	const uint32_t word = 0;

	p->world->wait(p->world->state, &word, 0, until_ns);
}

#endif /* LK_ADAPTERS_PLACE_H */
