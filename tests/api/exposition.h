/* SPDX-License-Identifier: MIT */
/*
 * A strict reader of OpenMetrics 1.0 text, after its specification and not after the library: it stops at the first
 * thing that is not as it must be.
 */
#ifndef LATCHKEY_TESTS_API_EXPOSITION_H
#define LATCHKEY_TESTS_API_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>

/* One sample.  `series` is its name and its labels, unescaped, in the order in which they came. */
struct exposed {
	const char *family;
	const char *type;
	const char *series;
	double value;
	bool only_grows; /* by its type */
};

/* What is wrong with `text`, in words, with its line; or NULL.  `fn` (not NULL) is called for every sample. */
const char *exposition_fault(const char *text, size_t len,
			     void (*fn)(void *arg, const struct exposed *x), void *arg);

#endif /* LATCHKEY_TESTS_API_EXPOSITION_H */
