/* SPDX-License-Identifier: MIT */
/*
 * Spread counters: shared modes that do not meet in one word.
 *
 * When the compatible holders of a name keep colliding in its word, the name is *spread*: it gets an
 * array of slots, a cache line each, and a hold in a shared mode is counted in the slot of its owner.
 * A slot counts as the word does.  What is held is the word and all slots together.
 *
 *   SPREAD, FAMILY=0   IS and IX use the slots: the root of a hierarchy
 *   SPREAD, FAMILY=1   IS and S  use the slots: what is read by many
 *
 * All other modes, and holds that a line grants, are counted in the word as ever.  Two families,
 * because IX and S conflict: in two slots they would not see each other.
 *
 *   enter   add to the slot, then load the word: in, iff it still says so (word_modes.seat_is)
 *   leave   subtract from the slot, then load the word: if somebody waits, look after the line
 *   strong  set WAITERS and CLOSED in the word, then sum the slots (wait/line.c)
 *
 * C1  an owner's slot is written before the word is read, and the word is closed before the slots are
 *     read, all seq_cst: so either the one who enters sees the word closed, or the one who sums sees
 *     the slot.  Whoever finds the word closed after all undoes what it added, as a release.
 * C2  likewise who leaves a slot either is seen by the sum, or sees WAITERS and comes for the latch.
 * C3  the slots are summed for a decision only while WAITERS is set, or DEAD (C6): then they only fall,
 *     but for what is being undone.
 * C4  SPREAD and FAMILY are set by a compare-and-swap from an open word without a hold that the
 *     family's modes conflict with; they are cleared under the latch, with WAITERS set before the
 *     slots were summed, when the sum is 0 (folded).
 * C5  a hold is given up where it is counted: the hold says where (HEAD_SEAT).  A conversion out of a
 *     slot comes to be in the word first and is subtracted from the slot then.  Nothing moves from the
 *     word into a slot.  So who reads the slots before the word, without a latch, misses nobody.
 * C6  an entry that is spread is retired when its word has nothing but SPREAD and FAMILY, and its
 *     slots, summed after DEAD is set, are 0.
 * C7  an array belongs to its entry until the manager closes, whatever names that has, and is never
 *     zeroed: one who comes late may still have something to subtract.
 * C8  so the address of an owner's slot of an entry never changes, and the owner may keep it, whatever becomes of the name.
 *
 * The ideas are those of brlocks, of Linux's percpu_rw_semaphore, and of BRAVO (Dice and Kogan, 2019).
 */
#ifndef LK_WORD_SPREAD_H
#define LK_WORD_SPREAD_H

#include "base/env.h"
#include "base/latch.h"
#include "word/word.h"

enum { SPREAD_MAX = 1024, SEATS_MAX = 128, STRONG_MAX = 8, FOLDS_MAX = 10 };

/* So many names are spread early at most (core/seat.h): the others are for those that collide. */
enum { SPREAD_EARLY = SPREAD_MAX / 2 };

struct seat {
	a64 count;
} LK_ALIGNED;

struct spread_array {
	uint32_t strong; /* under the line's latch: strong requests since it was last spread */
	a32 folds;       /* how often it was folded; FOLDS_MAX and no more */
	struct seat seat[] LK_ALIGNED;
};

/* The arrays of a manager, numbered from 1. */
struct spread {
	struct env *env;
	a64 after; /* attempts lost before a name is spread; LK_OFF: never.  It may change at any time */
	uint32_t seats; /* in an array; a power of 2 */
	struct latch latch;
	a32 n;       /* how many there are; changes under the latch */
	aptr *array; /* SPREAD_MAX; under the latch until it is there */
};

void spread_init(struct spread *s, struct env *env, uint64_t after);
void spread_fini(struct spread *s);

/* A new array's number; 0: no memory, or there are as many as there may be. */
uint32_t spread_make(struct spread *s);

/* All slots together, for a test of zero and not zero: a sum could run over.  (C3) */
uint64_t spread_sum(const struct spread *s, uint32_t number);

/* The same without what the owner of `own` counts there in `held`. */
uint64_t spread_sum_without(const struct spread *s, uint32_t number, const a64 *own, lk_mode held);

/* How many are counted in `m` in slots. */
uint32_t spread_holders(const struct spread *s, uint32_t number, lk_mode m);

LK_HOT struct spread_array *
spread_array(const struct spread *s, uint32_t number)
{
	return shim_load(&s->array[number - 1], SHIM_ACQUIRE);
}

/* Where in every array the slot of an owner is, by its number; and the slot. */
LK_HOT uint32_t
seat_offset(const struct spread *s, uint32_t owner)
{
	return (uint32_t)(sizeof(struct spread_array) +
			  (owner & (s->seats - 1)) * sizeof(struct seat));
}

LK_HOT a64 *
spread_seat(const struct spread *s, uint32_t number, uint32_t offset)
{
	char *array = shim_load(&s->array[number - 1], SHIM_ACQUIRE);

	return &((struct seat *)(void *)(array + offset))->count;
}

/* Is `m` of the family for which the word is spread? */
LK_HOT bool
seat_in_family(uint64_t w, lk_mode m)
{
	const uint64_t mask = word_modes.seat_mask[m] & (WORD_SPREAD | WORD_FAMILY);

	return mask != 0 && (w & mask) == word_modes.seat_is[m];
}

/* Does the word let mode `m` use slots, now? */
LK_HOT bool
seat_open(uint64_t w, lk_mode m)
{
	return (w & word_modes.seat_mask[m]) == word_modes.seat_is[m];
}

/* Count `to` instead of `from` (LK_NL: nothing).  False: it did not work, and seat_leave() is next. (C1) */
LK_HOT bool
seat_enter(a64 *seat, const a64 *word, lk_mode from, lk_mode to)
{
	uint64_t before = shim_add(seat, word_modes.add[to] - word_add(from), SHIM_SEQ_CST);

	return likely(seat_open(shim_load(word, SHIM_SEQ_CST), to)) &&
	       likely((before & word_modes.guard[to]) == 0);
}

/*
 * The same of who begins, having `seen` the word open: it is in if nothing has changed since, which is all there is to look at.
 * False: seat_entered() says.
 */
LK_HOT bool
seat_enter_unchanged(a64 *seat, const a64 *word, uint64_t seen, lk_mode to)
{
	uint64_t before = shim_add(seat, word_modes.add[to], SHIM_SEQ_CST);

	return likely(shim_load(word, SHIM_SEQ_CST) == seen) &&
	       likely((before & word_modes.guard[to]) == 0);
}

/* Was it in all the same?  False: seat_leave() is next. */
LK_HOT bool
seat_entered(const a64 *seat, const a64 *word, lk_mode to)
{
	return seat_open(shim_load(word, SHIM_SEQ_CST), to) &&
	       (word_without(shim_load(seat, SHIM_RELAXED), to) & word_modes.guard[to]) == 0;
}

/* The opposite, or a weakening.  False: somebody waits, and the line is to be looked after.  (C2) */
LK_HOT bool
seat_leave(a64 *seat, const a64 *word, lk_mode from, lk_mode to)
{
	shim_sub(seat, word_modes.add[from] - word_add(to), SHIM_SEQ_CST);
	return likely((shim_load(word, SHIM_SEQ_CST) & WORD_WAITERS) == 0);
}

#endif /* LK_WORD_SPREAD_H */
