/* SPDX-License-Identifier: MIT */
/* What the tests of examples/txnkv share: stores in memory and in files, rows as C strings. */
#ifndef TESTS_TXNKV_STAGE_H
#define TESTS_TXNKV_STAGE_H

#include <stdlib.h>

#include "harness.h"
#include "kv.h"

/* The call has this result. */
#define is(call, code)                                                                        \
	do {                                                                                  \
		int is_rc = (call);                                                           \
		cr_assert(is_rc == (code), "%s:%d: %s is %d (%s)", __FILE__, __LINE__, #call, \
			  is_rc, kv_errname(is_rc));                                          \
	} while (0)
#define ok(call) is(call, 0)

#define B(text)  bytes_of(text)

/* In memory; locks are waited for until `timeout_ns`. */
struct db *stage_memory(uint64_t timeout_ns);

/* A folder of its own, and a file in it that is not there yet; stage_remove() takes both away. */
struct place {
	char folder[64];
	char file[80];
};

void stage_place(struct place *p);
void stage_remove(const struct place *p);

/* The store in that file, without waiting for the disk. */
struct db *stage_file(const struct place *p);

struct txn *stage_begin(struct db *db);

/* A row is this, or (NULL) not there. */
void stage_has(struct txn *t, const char *table, const char *key, const char *value);

/* The same in a transaction of its own. */
void stage_has_now(struct db *db, const char *table, const char *key, const char *value);

/* A row in a transaction of its own: the result of its commit. */
int stage_put(struct db *db, const char *table, const char *key, const char *value);

/* A table as "a=1 b=2", in a buffer that stays until the next call. */
const char *stage_scan(struct txn *t, const char *table);

#endif /* TESTS_TXNKV_STAGE_H */
