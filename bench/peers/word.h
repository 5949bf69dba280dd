/* SPDX-License-Identifier: MIT */
/*
 * A lock of one word, for those peers that are indexes: all that it takes to have something to lock.  It
 * spins, then yields; it knows one mode and no order.
 */
#ifndef BENCH_PEERS_WORD_H
#define BENCH_PEERS_WORD_H

#include <sched.h>
#include <stdatomic.h>

#include "bench.h"

#define WORD_SPINS 100 /* looks before the processor is offered to others */

struct word {
	atomic_uint taken;
};

/* One look after another; `n` counts them. */
static inline void
word_pause(unsigned *n)
{
	if (++*n % WORD_SPINS == 0)
		sched_yield();
	else
#if defined(__x86_64__)
		__builtin_ia32_pause();
#else
		bench_barrier();
#endif
}

static inline bool
word_try(struct word *w)
{
	unsigned nobody = 0;

	return atomic_compare_exchange_strong_explicit(&w->taken, &nobody, 1, memory_order_acquire,
						       memory_order_relaxed);
}

static inline void
word_lock(struct word *w)
{
	unsigned n = 0;

	while (__builtin_expect(!word_try(w), 0))
		while (atomic_load_explicit(&w->taken, memory_order_relaxed) != 0)
			word_pause(&n);
}

static inline void
word_unlock(struct word *w)
{
	atomic_store_explicit(&w->taken, 0, memory_order_release);
}

#endif /* BENCH_PEERS_WORD_H */
