/* SPDX-License-Identifier: MIT */
/* Two words in memory that processes share, which are the same but for while somebody writes both. */
#ifndef TESTS_PROCESSES_TWINS_H
#define TESTS_PROCESSES_TWINS_H

#include <stdatomic.h>
#include <stdint.h>

#define TWINS_NAME "twins/both"

struct twins {
	_Atomic uint64_t one;
	_Atomic uint64_t two;
	_Atomic uint64_t good;  /* reads */
	_Atomic uint64_t torn;  /* … of which the words were not the same */
	_Atomic uint64_t wrong; /* calls that said what they must not, by their codes */
	_Atomic uint32_t is_over;
};

#endif /* TESTS_PROCESSES_TWINS_H */
