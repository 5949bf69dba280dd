/* SPDX-License-Identifier: MIT */
/*
 * The shim: every access to memory that threads share goes through here.
 *
 * Shared words are structs, so that a raw access does not compile.  The operations
 * come from a back end chosen when the library is built: the processor's own
 * (shim_native.h), or with -DLK_SHIM_H='"path"' a tester that decides at every one of
 * them which thread runs next.  A back end defines
 *
 *   a32, a64, aptr                     the words
 *   SHIM_RELAXED … SHIM_SEQ_CST        memory orders
 *   shim_init(p, x)                    (re-)initialise a word; racing readers are allowed
 *   shim_load(p, order)                shim_store(p, x, order)
 *   shim_own(p)                        a load by the one thread that may write it now: the compiler may make it part of
 *                                      another instruction, which it does not do with those above
 *   shim_xchg, shim_add, shim_sub, shim_and, shim_or (p, x, order): the old value
 *   shim_cas(p, &expected, x, order)   true if swapped; else `expected` is what was there
 *   shim_keep_order()                  the compiler keeps the order of what is around it; no instruction
 *   shim_order_stores()                stores before it are seen before those after it, …
 *   shim_order_loads()                 … by who makes the loads before it before those after it (core/read.c)
 *   shim_pause()                       in every loop that waits for another thread
 *   RD(x), WR(x, v)                    plain data that a latch guards
 *   shim_barrier_all()                 every thread of the process passes a full barrier; false if the system cannot
 *   shim_cpus()                        processors that this process may use
 *
 * and the calls of futex.h, clock.h and rcu.h.  Orders sit on the operation; there are no
 * free-standing fences, but for the two that go between our words and data of the caller's.
 */
#ifndef LK_BASE_ATOMIC_H
#define LK_BASE_ATOMIC_H

#include "base/compiler.h"

#ifdef LK_SHIM_H
#include LK_SHIM_H
#else
#include "base/shim_native.h"
#endif

/* Count on a word that only its owner writes, and anybody may read. */
LK_HOT void
tally(a64 *counter)
{
	shim_store(counter, shim_load(counter, SHIM_RELAXED) + 1, SHIM_RELAXED);
}

#endif /* LK_BASE_ATOMIC_H */
