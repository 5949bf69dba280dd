/* SPDX-License-Identifier: MIT */
/* By how much the clocks of a child are wrong. */
#ifndef TESTS_PROCESSES_SHIFT_H
#define TESTS_PROCESSES_SHIFT_H

#include <stdatomic.h>

struct shift {
	_Atomic long long realtime_s;
	_Atomic long long boottime_s;
};

#endif /* TESTS_PROCESSES_SHIFT_H */
