/* SPDX-License-Identifier: MIT */
/* The latch when somebody else has it. */
#include "base/clock.h"
#include "base/latch.h"

enum { SPINS = 128, SPINS_AWAKE = 4096, YIELDS = 4, NAP_NS = 50000 };

static bool
spin(struct latch *l, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		shim_pause();
		if (shim_load(&l->word, SHIM_RELAXED) == LATCH_FREE && latch_try(l))
			return true;
	}
	return false;
}

void
latch_lock_slow(struct latch *l)
{
	for (int i = 0; i < YIELDS; i++) {
		if (spin(l, SPINS))
			return;
		shim_yield(); /* its holder may want this very processor (L2) */
	}
	while (!spin(l, SPINS))
		shim_futex_wait(&l->word, LATCH_HELD, shim_now() + NAP_NS); /* (L2) */
}

bool
latch_lock_awake_slow(struct latch *l)
{
	return spin(l, SPINS_AWAKE);
}
