/* SPDX-License-Identifier: MIT */
/* The processor's own clock: a few nanoseconds a reading, the same on all processors. */
#ifndef BENCH_TICKS_H
#define BENCH_TICKS_H

#include <stdint.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#elif !defined(__aarch64__)
#include <time.h>
#endif

/* Not before what comes earlier in the program is done, and before what comes later begins. */
static inline __attribute__((always_inline)) uint64_t
bench_ticks(void)
{
#if defined(__x86_64__)
	unsigned cpu;
	uint64_t t = __rdtscp(&cpu);

	_mm_lfence();
	return t;
#elif defined(__aarch64__)
	uint64_t t;

	__asm__ __volatile__("isb; mrs %0, cntvct_el0; isb" : "=r"(t) : : "memory");
	return t;
#else
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
#endif
}

#endif /* BENCH_TICKS_H */
