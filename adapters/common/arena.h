/* SPDX-License-Identifier: MIT */
/* Memory of one call: pieces that stay where they are until all of it ends. */
#ifndef LK_ADAPTERS_ARENA_H
#define LK_ADAPTERS_ARENA_H

#include "common/place.h"

struct arena_block {
	struct arena_block *next;
	size_t size; /* of all of it */
};

struct arena {
	const struct place *place;
	struct arena_block *blocks;
	size_t used; /* of the first block, or of `begin` */
	_Alignas(16) unsigned char begin[6144];
};

static inline void
arena_init(struct arena *a, const struct place *place)
{
	a->place = place;
	a->blocks = NULL;
	a->used = 0;
}

/* Aligned to 8; NULL: out of memory. */
void *arena_alloc(struct arena *a, size_t size);
void arena_fini(struct arena *a);

#endif /* LK_ADAPTERS_ARENA_H */
