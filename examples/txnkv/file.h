/* SPDX-License-Identifier: MIT */
/*
 * The file: a table of rows in an SQLite database, in write-ahead mode.
 *
 * It is read once, when it is opened, and then only written: rows are read from memory (store.h).  It is locked against
 * other processes as long as it is open, as what they changed would not be seen here.
 */
#ifndef TXNKV_FILE_H
#define TXNKV_FILE_H

#include "kv.h"
#include "writes.h"

struct file;

/* Open or make it.  0, KV_CANNOT_OPEN, KV_IN_USE, KV_NOT_OURS, LK_E_NOMEM. */
int file_open(const char *path, enum db_sync sync, struct file **out);
void file_close(struct file *f);

/* Give every row to `fn`, until it returns non-zero. */
int file_load(struct file *f,
	      int (*fn)(void *arg, struct bytes table, struct bytes key, struct bytes value),
	      void *arg);

/*
 * Write what `n` transactions have written, in one transaction of SQLite.  One thread at a time.
 *
 * Returns 0; KV_DISK: none of it is in the file; KV_DOUBT: perhaps it is.
 */
int file_write(struct file *f, const struct writes *const *batch, size_t n);

/* What SQLite said of what went wrong last. */
const char *file_why(const struct file *f);

#endif /* TXNKV_FILE_H */
