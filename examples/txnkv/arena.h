/* SPDX-License-Identifier: MIT */
/* Memory that goes all at once: what a transaction needs until its end. */
#ifndef TXNKV_ARENA_H
#define TXNKV_ARENA_H

#include "bytes.h"

struct arena_piece;

/* All zeros is an empty one. */
struct arena {
	struct arena_piece *piece; /* the latest */
};

/* Memory for anything, not set to anything; NULL: there is none. */
void *arena_take(struct arena *a, size_t size);

/* A copy.  0 or LK_E_NOMEM. */
int arena_copy(struct arena *a, struct bytes from, struct bytes *out);

void arena_free(struct arena *a);

#endif /* TXNKV_ARENA_H */
