/* SPDX-License-Identifier: MIT */
/*
 * Calls into the system that fail on demand.  The linker puts fault_..., in faults.c, before the calls
 * that the library makes (--wrap in the Makefile).  A thread's calls fail only after faults_here(true),
 * so the test around it is not disturbed.
 */
#ifndef LATCHKEY_TESTS_FAILURE_FAULTS_H
#define LATCHKEY_TESTS_FAILURE_FAULTS_H

#include "../api/support.h"

enum fault {
	FAULT_FUTEX,       /* FUTEX_WAIT: it does not sleep */
	FAULT_MEMBARRIER,  /* membarrier(2) */
	FAULT_CLOCK,       /* clock_gettime() */
	FAULT_RANDOM,      /* getrandom() */
	FAULT_AFFINITY,    /* sched_getaffinity() */
	FAULT_MEMORY,      /* posix_memalign() */
	FAULT_REALLOC,     /* realloc() */
	FAULT_KEY,         /* pthread_key_create() */
	FAULT_SETSPECIFIC, /* pthread_setspecific() */
	FAULT_THREAD,      /* pthread_create(), by whomever */
	FAULTS
};

/* From now on the n-th call fails with `error`, and with `keep` all later ones; 0: none. */
void fault_at(enum fault f, uint64_t nth, bool keep, int error);

/* Calls since then, and how many of them were made to fail; of all threads that take part. */
uint64_t fault_calls(enum fault f);
uint64_t fault_hits(enum fault f);

/* Does the calling thread take part? */
void faults_here(bool here);

#endif /* LATCHKEY_TESTS_FAILURE_FAULTS_H */
