/* SPDX-License-Identifier: MIT */
/*
 * Who read and wrote which version of which row: what transactions have done, so that it can be judged afterwards.
 *
 * A version is the number of the commit that wrote it; 0 is what was there before all of them.  Only what was
 * committed is kept: an aborted transaction, and what was rolled back to a savepoint, has done nothing.
 *
 * As text, a history is lines of words; names are escaped as in the names of locks:
 *
 *	txn 12                the transaction that committed as number 12
 *	read accounts a1 7    it read the row as transaction 7 had left it (deleted it perhaps)
 *	scan accounts         it saw all rows of the table; up to `end` those that had ever been written
 *	read accounts a2 9
 *	end
 *	write accounts a1     it wrote the row, or deleted it
 */
#ifndef TXNKV_HISTORY_H
#define TXNKV_HISTORY_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

#include "arena.h"
#include "bytes.h"

struct seen {
	struct bytes table, key;
	uint64_t version;
	size_t row; /* for who judges: a number for each row */
};

struct scan {
	struct bytes table;
	size_t first, n; /* what it saw, in `seen` */
};

/* What one transaction has done. */
struct record {
	struct record *next;
	uint64_t number; /* of its commit */
	struct arena arena;
	struct seen *seen; /* read */
	size_t n_seen, cap_seen;
	struct scan *scan;
	size_t n_scans, cap_scans;
	struct seen *wrote;
	size_t n_wrote, cap_wrote;
};

struct history {
	pthread_mutex_t mutex;
	struct record *first, **end;
	size_t n;
};

void history_init(struct history *h);
void history_fini(struct history *h);

struct record *record_make(void); /* NULL: no memory */
void record_free(struct record *r);

/* 0 or LK_E_NOMEM.  The bytes are copied. */
int record_read(struct record *r, struct bytes table, struct bytes key, uint64_t version);
int record_scan(struct record *r, struct bytes table); /* reads that follow are its, … */
void record_scan_end(struct record *r);                /* … up to here */
int record_write(struct record *r, struct bytes table, struct bytes key);

/* A savepoint's mark, and back to it. */
struct record_mark {
	size_t n_seen, n_scans;
};

struct record_mark record_mark(const struct record *r);
void record_rollback(struct record *r, struct record_mark mark);

/* The transaction has committed as `number`; the record is the history's now. */
void history_add(struct history *h, struct record *r, uint64_t number);

/* As text.  0, LK_E_IO. */
int history_print(const struct history *h, FILE *out);

/* From text, into an empty one.  0, LK_E_NOMEM, LK_E_INVAL: `*line` says where. */
int history_scan(struct history *h, FILE *in, size_t *line);

#endif /* TXNKV_HISTORY_H */
