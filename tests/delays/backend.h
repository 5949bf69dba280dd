/* SPDX-License-Identifier: MIT */
/*
 * The back end of the shim that takes its time: the processor's own operations, before any of which the thread
 * may sleep for a while (delays.c).  `make DELAYS=1` puts it under the library.
 */
#ifndef LK_DELAYS_BACKEND_H
#define LK_DELAYS_BACKEND_H

#include "base/shim_native.h"

/* Sleep, or do not; returns the address.  A number, as a compiler thinks that a pointer will be followed. */
uintptr_t delays_before(uintptr_t at);

#define DELAYS_AT(p) ((__typeof__(p))delays_before((uintptr_t)(p)))

#undef shim_init
#undef shim_load
#undef shim_own
#undef shim_store
#undef shim_xchg
#undef shim_add
#undef shim_sub
#undef shim_and
#undef shim_or
#undef shim_cas

#define shim_init(p, x)         __atomic_store_n(&DELAYS_AT(p)->v, (x), __ATOMIC_RELAXED)
#define shim_load(p, order)     __atomic_load_n(&DELAYS_AT(p)->v, (order))
#define shim_own(p)             (DELAYS_AT(p)->v)
#define shim_store(p, x, order) __atomic_store_n(&DELAYS_AT(p)->v, (x), (order))
#define shim_xchg(p, x, order)  __atomic_exchange_n(&DELAYS_AT(p)->v, (x), (order))
#define shim_add(p, x, order)   __atomic_fetch_add(&DELAYS_AT(p)->v, (x), (order))
#define shim_sub(p, x, order)   __atomic_fetch_sub(&DELAYS_AT(p)->v, (x), (order))
#define shim_and(p, x, order)   __atomic_fetch_and(&DELAYS_AT(p)->v, (x), (order))
#define shim_or(p, x, order)    __atomic_fetch_or(&DELAYS_AT(p)->v, (x), (order))
#define shim_cas(p, expected, x, order) \
	__atomic_compare_exchange_n(&DELAYS_AT(p)->v, (expected), (x), 0, (order), __ATOMIC_RELAXED)

#endif /* LK_DELAYS_BACKEND_H */
