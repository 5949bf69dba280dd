/* SPDX-License-Identifier: MIT */
/*
 * Isolation: which locks a transaction needs, and how it gets them.
 *
 *	get              S on "table/key"        ACCESS_READ
 *	get_for_update   U on "table/key"        ACCESS_UPDATE
 *	put, delete      X on "table/key"        ACCESS_WRITE
 *	scan             S on "table"            locks_table()
 *
 * A name is a path: to hold "table/key" is to hold "table" in an intent mode (IS below S, IX below U and X).  Latchkey does
 * that by itself, and it is how a scan meets writers of rows, also of rows that do not exist yet: there are no phantoms.
 *
 * All is kept to the end of the transaction.  There are two kinds: of Latchkey (locks_rows.c), with one owner to a
 * transaction, and, to compare with, one mutex to a table (locks_tables.c).
 */
#ifndef TXNKV_LOCKS_H
#define TXNKV_LOCKS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <latchkey.h>

#include "bytes.h"
#include "kv.h"

struct table;
struct holder;

enum access { ACCESS_READ, ACCESS_UPDATE, ACCESS_WRITE };

/* Of a database. */
struct locks {
	const struct locks_kind *kind;
	struct lk_manager *manager; /* rows */
	bool reads_lock; /* … false: who reads takes no locks, and sees what it should not */
	bool explains;
	_Atomic uint64_t n_begun; /* … if it does, transactions have numbers */
	pthread_mutex_t *table;   /* tables: a mutex for each, by its number */
};

/* Of a transaction. */
struct holder {
	struct locks *locks;
	struct lk_owner *owner;             /* rows */
	struct lk_report *report;           /* … who was in the way; NULL: nobody wants to know */
	uint64_t table[KV_TABLES_MAX / 64]; /* tables: a bit for each whose mutex is held … */
	size_t next_table;                  /* … and the number after the last of them */
};

struct locks_kind {
	int (*open)(struct locks *l, const struct db_options *o);
	void (*close)(struct locks *l);
	int (*begin)(struct holder *h, unsigned attempt);
	void (*end)(struct holder *h);
	int (*row)(struct holder *h, const struct table *t, struct bytes key, enum access access);
	int (*table)(struct holder *h, const struct table *t);
	uint64_t (*mark)(struct holder *h);
	int (*rollback)(struct holder *h, uint64_t mark);
};

extern const struct locks_kind locks_rows;
extern const struct locks_kind locks_tables;

/* `l` is all zeros. */
int locks_open(struct locks *l, const struct db_options *o);
void locks_close(struct locks *l);

/* A transaction that has been begun so often before gets a priority for it. */
int locks_begin(struct holder *h, struct locks *l, unsigned attempt);

/* Give all back. */
void locks_end(struct holder *h);

/* 0 or an LK_E_ code, after which what was held is still held. */
int locks_row(struct holder *h, const struct table *t, struct bytes key, enum access access);
int locks_table(struct holder *h, const struct table *t);

/* A mark, and back to it: what was taken since is given back, or (tables) kept, which is no mistake. */
uint64_t locks_mark(struct holder *h);
int locks_rollback(struct holder *h, uint64_t mark);

#endif /* TXNKV_LOCKS_H */
