/* SPDX-License-Identifier: MIT */
/*
 * The back end of the shim that counts cache lines: the processor's own operations, each of which is noted
 * first.  Put under the core with -DLK_SHIM_H='"tests/lines/backend.h"'.
 */
#ifndef LK_LINES_BACKEND_H
#define LK_LINES_BACKEND_H

#include "base/shim_native.h"

enum lines_access { LINES_READ, LINES_WRITE, LINES_RMW };

/* Note an access; returns the address.  A number, as a compiler thinks that a pointer will be followed. */
void *lines_note(uintptr_t at, enum lines_access access);

#define LINES_AT(p, access) ((__typeof__(p))lines_note((uintptr_t)(p), (access)))

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
#undef RD
#undef WR

#define shim_init(p, x)         __atomic_store_n(&LINES_AT(p, LINES_WRITE)->v, (x), __ATOMIC_RELAXED)
#define shim_load(p, order)     __atomic_load_n(&LINES_AT(p, LINES_READ)->v, (order))
#define shim_own(p)             (LINES_AT(p, LINES_READ)->v)
#define shim_store(p, x, order) __atomic_store_n(&LINES_AT(p, LINES_WRITE)->v, (x), (order))
#define shim_xchg(p, x, order)  __atomic_exchange_n(&LINES_AT(p, LINES_RMW)->v, (x), (order))
#define shim_add(p, x, order)   __atomic_fetch_add(&LINES_AT(p, LINES_RMW)->v, (x), (order))
#define shim_sub(p, x, order)   __atomic_fetch_sub(&LINES_AT(p, LINES_RMW)->v, (x), (order))
#define shim_and(p, x, order)   __atomic_fetch_and(&LINES_AT(p, LINES_RMW)->v, (x), (order))
#define shim_or(p, x, order)    __atomic_fetch_or(&LINES_AT(p, LINES_RMW)->v, (x), (order))

/* One that fails has had the line to itself as well. */
#define shim_cas(p, expected, x, order)                                                      \
	__atomic_compare_exchange_n(&LINES_AT(p, LINES_RMW)->v, (expected), (x), 0, (order), \
				    __ATOMIC_RELAXED)

#define RD(x)    (*(const __typeof__(x) *)lines_note((uintptr_t) & (x), LINES_READ))
#define WR(x, y) ((void)(*(__typeof__(x) *)lines_note((uintptr_t) & (x), LINES_WRITE) = (y)))

#endif /* LK_LINES_BACKEND_H */
