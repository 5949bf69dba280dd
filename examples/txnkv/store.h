/* SPDX-License-Identifier: MIT */
/*
 * What is committed, in memory: the rows of a table are in trees, spread over stripes.
 *
 * The latch of a stripe keeps its tree whole during one call, and that is all.  That a row is the same when it is
 * looked at again, or a sum is one of a moment, is the business of locks (locks.h).
 *
 * A commit writes in two steps, so that the second cannot fail: store_reserve() makes room for a row before the file is
 * written, store_write() fills it afterwards.  Who does that holds the row's lock in X.
 */
#ifndef TXNKV_STORE_H
#define TXNKV_STORE_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "bytes.h"

/* The bytes of a value. */
struct value {
	size_t len;
	char data[];
};

/* NULL: no memory.  It is given back with free(). */
struct value *value_make(struct bytes b);

struct row {
	struct value *value; /* NULL: there is no such row; it was deleted, or is reserved */
	uint64_t
		version; /* number of the commit that wrote it; 0: from the file, or never written */
	struct bytes key;
	char data[];
};

#define STORE_STRIPES 16

struct stripe {
	alignas(64) pthread_rwlock_t latch;
	void *tree; /* of rows, by tsearch() */
};

struct table {
	struct table *next;
	size_t number;          /* from 0, in the order in which they were made */
	struct bytes name;      /* … */
	struct bytes lock_name; /* … escaped: a segment of a path */
	struct stripe stripe[STORE_STRIPES];
};

struct store {
	_Atomic(struct table *)
		first; /* tables are put in front and never go: read without a latch */
	pthread_mutex_t making;
	size_t n_tables;
	bool keeps_deleted; /* rows stay when they are deleted, for their versions */
};

void store_init(struct store *s, bool keeps_deleted);
void store_fini(struct store *s);

/* The table of that name, made if need be.  0, KV_TABLES, LK_E_NOMEM. */
int store_table(struct store *s, struct bytes name, struct table **out);

/* A copy of the row's value in `a`.  0, KV_NOT_FOUND, LK_E_NOMEM; `*version` in the first two cases. */
int store_read(struct table *t, struct bytes key, struct arena *a, struct bytes *value,
	       uint64_t *version);

/*
 * Call `fn` for each row, in no order, those without a value too, until it returns non-zero.  Something is latched: `fn`
 * must not come back here.
 */
int store_each(struct table *t, int (*fn)(void *arg, const struct row *r), void *arg);

/* The row, made without a value if need be; it stays until it is written or left.  NULL: no memory. */
struct row *store_reserve(struct table *t, struct bytes key);

/* Nothing will be written to it: if it has no value it goes. */
void store_leave(struct store *s, struct table *t, struct row *r);

/* Put `value` there, which is the store's from now on; NULL: delete it. */
void store_write(struct store *s, struct table *t, struct row *r, struct value *value,
		 uint64_t version);

#endif /* TXNKV_STORE_H */
