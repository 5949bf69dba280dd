/* SPDX-License-Identifier: MIT */
/* Memory that goes all at once, in pieces: see arena.h. */
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#include <latchkey.h>

#include "arena.h"

#define PIECE_SIZE ((size_t)2000)

struct arena_piece {
	struct arena_piece *before;
	size_t used, size;
	alignas(max_align_t) char memory[];
};

static struct arena_piece *
add_piece(struct arena *a, size_t size)
{
	struct arena_piece *p;

	if (size > SIZE_MAX - sizeof(*p))
		return NULL;
	p = malloc(sizeof(*p) + size);
	if (p == NULL)
		return NULL;
	*p = (struct arena_piece){ .before = a->piece, .size = size };
	a->piece = p;
	return p;
}

void *
arena_take(struct arena *a, size_t size)
{
	struct arena_piece *p = a->piece;
	void *memory;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (p == NULL || p->size - p->used < size)
		p = add_piece(a, size > PIECE_SIZE ? size : PIECE_SIZE);
	if (p == NULL)
		return NULL;
	memory = p->memory + p->used;
	p->used += size;
	return memory;
}

int
arena_copy(struct arena *a, struct bytes from, struct bytes *out)
{
	char *copy = arena_take(a, from.len + 1);

	if (copy == NULL)
		return LK_E_NOMEM;
	if (from.len > 0)
		memcpy(copy, from.data, from.len);
	copy[from.len] = '\0'; /* for those who print it */
	*out = (struct bytes){ copy, from.len };
	return 0;
}

void
arena_free(struct arena *a)
{
	while (a->piece != NULL) {
		struct arena_piece *p = a->piece;

		a->piece = p->before;
		free(p);
	}
}
