/* SPDX-License-Identifier: MIT */
/* Sleeping on a word.  The only place that sleeps; its callers always look again. */
#ifndef LK_BASE_FUTEX_H
#define LK_BASE_FUTEX_H

#include "base/atomic.h"

#define SHIM_NEVER UINT64_MAX /* a deadline that does not come */

/*
 * Sleep while *word == value, until woken, for any reason at all, or until `deadline_ns`
 * (CLOCK_MONOTONIC).  True: timed out.
 */
bool shim_futex_wait(const a32 *word, uint32_t value, uint64_t deadline_ns);

/* Whoever else wants this processor has it first. */
void shim_yield(void);

/* Wake at most `n` threads that sleep on `word`.  Async-signal-safe. */
void shim_futex_wake(const a32 *word, int n);

#endif /* LK_BASE_FUTEX_H */
