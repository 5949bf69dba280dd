/* SPDX-License-Identifier: MIT */
/*
 * Batch: several names on their way to being held, all or none.
 *
 * First all are tried without waiting (batch.c).  If somebody is in the way, everything goes back, and what is
 * needed is waited for by one request for all of it, which holds nothing meanwhile (together.c).
 *
 * K7  When a composite is granted, all its words count it already.  Each part is written down as a *reserve*,
 *     a count on a hold that is made, or made stronger, without its word; or, if there is no memory, it
 *     goes back like any other.  With the reserves there, nothing that the batch takes has to wait.
 */
#ifndef LK_CORE_BATCH_H
#define LK_CORE_BATCH_H

#include "core/acquire.h"
#include "index/path.h"

enum { ITEMS_ON_STACK = 16 };

/* One element of a batch, as it will be taken. */
struct item {
	struct name name;
	lk_mode mode;
	bool is_simple; /* a short name without ancestors, or a number */
	size_t index;   /* in the caller's array */
	lk_grant grant;
};

/* An element on its way to its place, and what mostly says where that is. */
struct ranked {
	uint64_t rank;
	struct item *item;
};

/* A count that was taken in advance. */
struct reserve {
	struct lk_resource *r;
	lk_mode mode;
};

/* An element and its places in the order. */
enum { ITEM_BYTES = sizeof(struct item) + 2 * sizeof(struct ranked) };

struct batch {
	struct lk_owner *w;
	struct index *x;
	struct request *q;
	struct item *item; /* as the caller gave them */
	struct ranked *at; /* in the order of paths; and room for as many again */
	size_t n;
	bool is_simple; /* all are, and no name comes twice: so no reserves */
	size_t taken;
	size_t last; /* of those that were tried */
	struct reserve *reserve;
	size_t n_reserves;
	uint32_t made_real; /* mark of what it made real, once all is taken (H10) */
	struct reserve few[ITEMS_ON_STACK];
};

LK_HOT struct item *
item_at(const struct batch *b, size_t i)
{
	return b->at[i].item;
}

/* Is this the first element that is, or is below, the first `len` bytes of its name? */
bool batch_comes_first(const struct batch *b, size_t i, uint32_t len);

/* All that the batch needs on the first `len` bytes of this element's name, which is the first there. */
lk_mode batch_need(const struct batch *b, size_t i, uint32_t len);

/* The lengths of a name's ancestors and its own, from the root down: 0 after the last. */
uint32_t batch_next_level(const struct batch *b, size_t i, uint32_t len);

/* How many names it takes reserves on, by itself. */
size_t batch_count_reserves(const struct batch *b);

/* A pin on the entry of the first `len` bytes of this element's name.  0 or the code to return. */
int batch_enter(struct batch *b, size_t i, uint32_t len, struct lk_resource **r);

/* At most BATCH_PLAIN elements, without options, the quick way.  False: nothing was done, and it is to go the long one. */
enum { BATCH_PLAIN = 64 };
bool batch_plain(struct lk_owner *w, const struct lk_request *r, size_t n, lk_grant *out);

/* Names and modes from the caller's array, in order.  0 or the code to return. */
int batch_read(struct batch *b, const struct lk_request *r);

/* The hook is asked about all elements before any is taken: 0, or LK_E_PERM.  And told what became of them. */
int batch_ask(struct batch *b);
void batch_tell(struct batch *b, int rc);

/* All elements without waiting: LK_E_BUSY leaves nothing behind, not even a count. */
int batch_attempt(struct batch *b);

/* All elements, and then the reserves go; or all goes back.  The owner was entered. */
int batch_take(struct batch *b);

/* The same after a wait for all of it together. */
int batch_take_together(struct batch *b);

void batch_forget_reserves(struct batch *b);

#endif /* LK_CORE_BATCH_H */
