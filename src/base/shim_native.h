/* SPDX-License-Identifier: MIT */
/* The shim on the processor itself: C11 atomics by the compiler's builtins. */
#ifndef LK_BASE_SHIM_NATIVE_H
#define LK_BASE_SHIM_NATIVE_H

#include <ck_pr.h>

#include "base/compiler.h"

typedef struct a32 {
	uint32_t v;
} a32;
typedef struct a64 {
	uint64_t v;
} a64;
typedef struct aptr {
	void *v;
} aptr;

#define SHIM_RELAXED            __ATOMIC_RELAXED
#define SHIM_ACQUIRE            __ATOMIC_ACQUIRE
#define SHIM_RELEASE            __ATOMIC_RELEASE
#define SHIM_ACQ_REL            __ATOMIC_ACQ_REL
#define SHIM_SEQ_CST            __ATOMIC_SEQ_CST

#define shim_init(p, x)         __atomic_store_n(&(p)->v, (x), __ATOMIC_RELAXED)
#define shim_load(p, order)     __atomic_load_n(&(p)->v, (order))
#define shim_own(p)             ((p)->v)
#define shim_store(p, x, order) __atomic_store_n(&(p)->v, (x), (order))
#define shim_xchg(p, x, order)  __atomic_exchange_n(&(p)->v, (x), (order))
#define shim_add(p, x, order)   __atomic_fetch_add(&(p)->v, (x), (order))
#define shim_sub(p, x, order)   __atomic_fetch_sub(&(p)->v, (x), (order))
#define shim_and(p, x, order)   __atomic_fetch_and(&(p)->v, (x), (order))
#define shim_or(p, x, order)    __atomic_fetch_or(&(p)->v, (x), (order))
#define shim_cas(p, expected, x, order) \
	__atomic_compare_exchange_n(&(p)->v, (expected), (x), 0, (order), __ATOMIC_RELAXED)

#define RD(x)             (x)
#define WR(x, y)          ((void)((x) = (y)))

#define shim_keep_order() __asm__ __volatile__("" ::: "memory")
#define shim_pause()      ck_pr_stall()

/* Plain data of the caller's is on the other side, so nothing but a fence will do; x86 keeps this order anyway. */
#if defined(__x86_64__)
#define shim_order_stores() shim_keep_order()
#define shim_order_loads()  shim_keep_order()
#elif defined(__aarch64__)
#define shim_order_stores() __asm__ __volatile__("dmb ishst" ::: "memory")
#define shim_order_loads()  __asm__ __volatile__("dmb ishld" ::: "memory")
#else
#define shim_order_stores() __atomic_thread_fence(__ATOMIC_RELEASE)
#define shim_order_loads()  __atomic_thread_fence(__ATOMIC_ACQUIRE)
#endif

bool shim_barrier_all(void);
unsigned shim_cpus(void);

#endif /* LK_BASE_SHIM_NATIVE_H */
