/* SPDX-License-Identifier: MIT */
/*
 * Latch: a short internal lock of 32 bits, held for some tens of nanoseconds.
 *
 *   0 FREE --try--> 1 HELD --somebody sleeps--> 2 HELD, SLEEPERS
 *
 * L1  whoever changed the word from FREE holds the latch.
 * L2  a thread sleeps only while the word is 2, and whoever opens a latch that was 2 wakes
 *     one sleeper; the one that was woken takes the latch as 2, as it cannot know whether it
 *     was the last.
 *
 * It spins a little, then sleeps: the holder may have lost its processor.
 * Source: U. Drepper, "Futexes are tricky", mutex 2.
 */
#ifndef LK_BASE_LATCH_H
#define LK_BASE_LATCH_H

#include "base/futex.h"

struct latch {
	a32 word;
};

enum { LATCH_FREE, LATCH_HELD, LATCH_SLEEPERS };

void latch_lock_slow(struct latch *l);
bool latch_lock_awake_slow(struct latch *l);

LK_HOT void
latch_init(struct latch *l)
{
	shim_init(&l->word, LATCH_FREE);
}

LK_HOT bool
latch_try(struct latch *l)
{
	uint32_t free = LATCH_FREE;

	return shim_cas(&l->word, &free, LATCH_HELD, SHIM_ACQUIRE);
}

LK_HOT void
latch_lock(struct latch *l)
{
	if (unlikely(!latch_try(l)))
		latch_lock_slow(l);
}

/* As latch_lock(), for those who promised never to sleep: false after a good while. */
LK_HOT bool
latch_lock_awake(struct latch *l)
{
	return likely(latch_try(l)) || latch_lock_awake_slow(l);
}

LK_HOT void
latch_unlock(struct latch *l)
{
	if (unlikely(shim_xchg(&l->word, LATCH_FREE, SHIM_RELEASE) == LATCH_SLEEPERS))
		shim_futex_wake(&l->word, 1); /* (L2) */
}

#endif /* LK_BASE_LATCH_H */
