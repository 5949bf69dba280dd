/* SPDX-License-Identifier: MIT */
/* The latch when somebody else has it. */
#include "base/latch.h"

enum { SPINS = 64, SPINS_AWAKE = 4096 };

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
	if (spin(l, SPINS))
		return;
	while (shim_xchg(&l->word, LATCH_SLEEPERS, SHIM_ACQUIRE) != LATCH_FREE) /* (L1, L2) */
		shim_futex_wait(&l->word, LATCH_SLEEPERS, SHIM_NEVER);
}

bool
latch_lock_awake_slow(struct latch *l)
{
	return spin(l, SPINS_AWAKE);
}
