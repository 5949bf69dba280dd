/* SPDX-License-Identifier: MIT */
/*
 * Latch: a short internal lock of 32 bits, held for some tens of nanoseconds.
 *
 * L1  whoever changed the word from LATCH_FREE holds the latch, until it stores LATCH_FREE.
 * L2  nobody is woken: who finds it held for longer than it should be (its holder has lost its
 *     processor) lets others have his a few times, as it is most often he who took it, by waking up;
 *     then he naps for NAP_NS and looks again.  So opening it is one plain store, and a nap that
 *     was not needed costs the one who napped, nobody else: a tenth of a millisecond and more, as
 *     the system's timers are late by as much again.
 *
 * The other way, a sleepers' bit and a wake-up, costs every opening a locked instruction to find out
 * that nobody sleeps; here openings are counted in millions and naps in none to a few.
 */
#ifndef LK_BASE_LATCH_H
#define LK_BASE_LATCH_H

#include "base/futex.h"

struct latch {
	a32 word;
};

enum { LATCH_FREE, LATCH_HELD };

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

	return shim_cas(&l->word, &free, LATCH_HELD, SHIM_ACQUIRE); /* (L1) */
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
	shim_store(&l->word, LATCH_FREE, SHIM_RELEASE);
}

#endif /* LK_BASE_LATCH_H */
