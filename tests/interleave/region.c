/* SPDX-License-Identifier: MIT */
/*
 * Memory of the world: an arena and the fibers' stacks, at a fixed address, so that a schedule is the
 * same in every run.  Freed blocks are poisoned and never given out again within a schedule.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "world.h"

enum { GRAIN_DEAD, GRAIN_LIVE, GRAIN_FREED, UNIT = 64 };

/* What the arena was when the setup had ended. */
static struct {
	char *bytes;
	struct world world;
	unsigned char state[ARENA_SIZE / UNIT];
} kept;

static unsigned char state[ARENA_SIZE / UNIT];

void
region_open(void)
{
	void *p = mmap((void *)(uintptr_t)REGION_START, REGION_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	kept.bytes = malloc(ARENA_SIZE);
	if (p != (void *)(uintptr_t)REGION_START || kept.bytes == NULL) {
		perror("memory at a fixed address");
		exit(2);
	}
	world.used = UNIT; /* for the scheduler itself */
	state[0] = GRAIN_LIVE;
}

static char *
arena(void)
{
	return (char *)(uintptr_t)REGION_START;
}

void *
fiber_stack(unsigned i)
{
	return arena() + ARENA_SIZE + (size_t)i * STACK_SIZE;
}

void *
region_alloc(size_t size, size_t align)
{
	size_t mask = (align < UNIT ? UNIT : align) - 1;
	size_t at = (world.used + mask) & ~mask;

	if (at + size > ARENA_SIZE)
		return NULL;
	world.used = (at + size + UNIT - 1) / UNIT * UNIT;
	memset(state + at / UNIT, GRAIN_LIVE, (world.used - at) / UNIT);
	world.live++;
	return arena() + at;
}

void
region_free(void *p, size_t size)
{
	size_t at = (size_t)((char *)p - arena());

	if (at >= ARENA_SIZE || state[at / UNIT] != GRAIN_LIVE)
		fail("free of memory that is not taken");
	memset(p, 0xdb, size);
	memset(state + at / UNIT, GRAIN_FREED, (size + UNIT - 1) / UNIT);
	world.live--;
}

void
region_keep(void)
{
	memcpy(kept.bytes, arena(), world.used);
	memcpy(kept.state, state, sizeof(state));
	kept.world = world;
}

void
region_restore(void)
{
	size_t had = kept.world.used;

	memcpy(arena(), kept.bytes, had);
	memcpy(state, kept.state, world.used / UNIT);
	memcpy(&world, &kept.world, sizeof(world));
}

/* A frame that its fiber has left: only a fiber that does not run has its end of the stack written down. */
static const char *
stack_fault(uintptr_t at)
{
	unsigned i = (unsigned)((at - REGION_START - ARENA_SIZE) / STACK_SIZE);
	const struct fiber *f = &world.fiber[i];

	if (f != world.current && (i >= world.n_fibers || at < fiber_frame(f)))
		return "a frame that is gone";
	return NULL;
}

const char *
region_fault(uintptr_t at, unsigned n)
{
	size_t offset = (size_t)(at - REGION_START);

	if (offset >= ARENA_SIZE)
		return stack_fault(at);
	switch (state[(offset + n - 1) / UNIT]) {
	case GRAIN_LIVE:
		return NULL;
	case GRAIN_FREED:
		return "memory that was freed";
	default:
		return "memory that nobody took";
	}
}
