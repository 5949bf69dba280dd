/* SPDX-License-Identifier: MIT */
/* Memory of one call.  Most need no more than what is on the stack. */
#include "common/arena.h"

enum { BLOCK = 65536 };

static size_t
room(const struct arena *a)
{
	return a->blocks != NULL ? a->blocks->size - sizeof(struct arena_block) : sizeof(a->begin);
}

static unsigned char *
base(struct arena *a)
{
	return a->blocks != NULL ? (unsigned char *)(a->blocks + 1) : a->begin;
}

static int
grow(struct arena *a, size_t need)
{
	const size_t size = sizeof(struct arena_block) + (need < BLOCK ? BLOCK : need);
	struct arena_block *b = place_alloc(a->place, size);

	if (b == NULL)
		return 0;
	b->next = a->blocks;
	b->size = size;
	a->blocks = b;
	a->used = 0;
	return 1;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	void *p;

	size = (size + 7) & ~(size_t)7;
	if (size > room(a) - a->used && !grow(a, size))
		return NULL;
	p = base(a) + a->used;
	a->used += size;
	return p;
}

void
arena_fini(struct arena *a)
{
	while (a->blocks != NULL) {
		struct arena_block *b = a->blocks;

		a->blocks = b->next;
		place_free(a->place, b, b->size);
	}
}
