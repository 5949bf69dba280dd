/* SPDX-License-Identifier: MIT */
/* Who is in the way of a lock, as the store says it: on its name, and on those above it. */
#ifndef LATCHKEY_CLI_INWAY_H
#define LATCHKEY_CLI_INWAY_H

#include "rows.h"

/*
 * Calls `fn` for each of them, until it returns non-zero; with `others` only those that are not this process.
 * 0, or what `fn` returned, or a result of the library's.
 */
int inway_each(struct lk_manager *m, const void *name, size_t len, lk_mode mode, bool others,
	       int (*fn)(void *arg, const struct row *r), void *arg);

#endif /* LATCHKEY_CLI_INWAY_H */
