/* SPDX-License-Identifier: MIT */
/* What the compiler must be told, and nothing else. */
#ifndef LK_BASE_COMPILER_H
#define LK_BASE_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define LK_NOINLINE __attribute__((noinline))
#define LK_COLD     __attribute__((noinline, cold))
#define LK_HIDDEN   __attribute__((visibility("hidden"))) /* data: no detour by the GOT */
#define LK_HOT      static inline __attribute__((always_inline))
#define LK_LINE     64 /* bytes that two cores cannot write at once without a fight */
#define LK_ALIGNED  __attribute__((aligned(LK_LINE)))

/* This line will be written soon.  A wish: any address will do. */
#define prefetch(p)                   __builtin_prefetch((p), 1)

#define container_of(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

/* Checked in debug builds; elsewhere it costs nothing and is not evaluated. */
#ifdef LK_DEBUG
#include <assert.h>
#define lk_assert(x) assert(x)
#else
#define lk_assert(x) ((void)sizeof(x))
#endif

#endif /* LK_BASE_COMPILER_H */
