/* SPDX-License-Identifier: MIT */
/*
 * The *levels* of a batch that has to wait: all distinct names of it and all their ancestors, in the order of
 * paths.  What is needed there, beside what the owner has, is a part of what is waited for; but not what
 * will be covered, by a hold above that is there or by what the batch itself needs above.
 */
#ifndef LK_CORE_LEVELS_H
#define LK_CORE_LEVELS_H

#include "core/batch.h"

#define LEVEL_NONE UINT32_MAX

struct level {
	struct lk_resource *r; /* pinned */
	uint32_t len;          /* of its name */
	uint32_t above;        /* the level of its parent, or LEVEL_NONE */
	lk_mode need;          /* of the batch */
	lk_mode held;          /* what the owner's hold is, in effect */
	lk_mode counted;       /* … and in the word or its slot: LK_NL of an IMPLIED one */
	lk_mode want;          /* held and needed together */
	bool covered;
	bool is_part; /* of what is waited for */
};

struct levels {
	struct level *at;
	size_t n;
	size_t room;
};

/* How many there are; finding them, each after those above it: 0 or the code to return. */
size_t levels_count(const struct batch *b);
int levels_find(struct batch *b, struct levels *l);
void levels_unpin(struct levels *l);

/* Which of them are parts, and of what.  Returns how many. */
uint32_t levels_weigh(struct batch *b, struct levels *l);
void levels_add_parts(const struct batch *b, const struct levels *l, struct composite *c);

/* Does the batch, which is one name, take units there?  (core/semaphore.h) */
bool level_takes_units(const struct batch *b, const struct level *v);

/* The owner's slot, if what it holds there is counted in it; else NULL. */
a64 *level_seat(const struct batch *b, const struct level *v);

/*
 * All words count the parts: write them down as reserves, from the root down.  0, or the code to return: then all
 * of it has gone back.  Or give it back at once.
 */
int levels_adopt(struct batch *b, struct levels *l);
void levels_undo(struct batch *b, const struct levels *l);

/* Can they be written down, although the owner has gone on since they were weighed? */
bool levels_stand(const struct batch *b, const struct levels *l);

#endif /* LK_CORE_LEVELS_H */
