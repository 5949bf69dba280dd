/* SPDX-License-Identifier: MIT */
/* Rows whose values are numbers, and chance: what the checker and the benchmark do with a store. */
#ifndef TXNKV_NUMBERS_H
#define TXNKV_NUMBERS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "kv.h"

/* xorshift64*: good enough to choose rows, and a thread's own.  The state is never 0. */
static inline uint64_t
draw(uint64_t *state, uint64_t below)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return ((*state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % below;
}

static inline uint64_t
draw_from(uint64_t seed)
{
	return seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

/* A value of ours as a number. */
static inline int64_t
number_of(struct bytes value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.*s", (int)value.len, value.data);
	return strtoll(text, NULL, 10);
}

static inline int
put_number(struct txn *t, struct bytes table, struct bytes key, int64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	return txn_put(t, table, key, bytes_of(text));
}

/* By txn_get() or txn_get_for_update(). */
static inline int
get_number(struct txn *t, struct bytes table, struct bytes key,
	   int (*get)(struct txn *t, struct bytes table, struct bytes key, struct bytes *value),
	   int64_t *number)
{
	struct bytes value;
	int rc = get(t, table, key, &value);

	if (rc == 0)
		*number = number_of(value);
	return rc;
}

#endif /* TXNKV_NUMBERS_H */
