/* SPDX-License-Identifier: MIT */
/*
 * A small transactional store: tables of rows, each a key and a value of any bytes.
 *
 * Transactions are serializable, in the order in which they commit: each row is locked before it is looked at or
 * changed, a table before it is scanned, and all locks are kept to the end of the transaction (strict two-phase
 * locking; see locks.h).  What was committed is in the file, and is there again after a crash; what was not is not.
 *
 * Results are 0, a code of Latchkey's (negative, LK_E_…) or one of ours (positive, KV_…).
 *
 * A lock that is refused (LK_E_DEADLOCK, LK_E_CONVERSION_DEADLOCK, LK_E_TIMEDOUT) *dooms* its transaction: all that is
 * asked of it afterwards says the same code, until it is aborted or rolled back to a savepoint.  So nobody commits half
 * of what was meant because a result was not looked at.
 */
#ifndef TXNKV_KV_H
#define TXNKV_KV_H

#include <stdbool.h>
#include <stdint.h>

#include <latchkey.h>

#include "bytes.h"

#define KV_TABLE_MAX  256 /* bytes; so that the name of every row's lock fits into LK_NAME_MAX */
#define KV_KEY_MAX    1024
#define KV_VALUE_MAX  (1 << 20)
#define KV_TABLES_MAX 1024

/* X(name, what happened) */
#define KV_RESULT_LIST(X)                                                                     \
	X(NOT_FOUND, "there is no such row")                                                  \
	X(TOO_LONG, "a table has at most 256 bytes, a key 1024, a value 1048576")             \
	X(TABLES, "there are 1024 tables already")                                            \
	X(NO_SAVEPOINT, "the transaction has no such savepoint")                              \
	X(DISK, "the file could not be written: the transaction is aborted, nothing changed") \
	X(DOUBT, "whether the last commit is in the file is not known: open it again")        \
	X(IN_USE, "somebody else has the file open")                                          \
	X(NOT_OURS, "the file is there, but is not one of txnkv's")                           \
	X(CANNOT_OPEN, "the file cannot be opened or made")

enum kv_result {
	KV_OK,
#define KV_RESULT_ENUM(name, text) KV_##name,
	KV_RESULT_LIST(KV_RESULT_ENUM)
#undef KV_RESULT_ENUM
};

/* The text of any result, also of Latchkey's; never NULL. */
const char *kv_strerror(int rc);
const char *kv_errname(int rc);

/* Would it perhaps go well if the transaction began again? */
bool kv_is_conflict(int rc);

/* ------------------------------------------------------------------ databases */

/* What a commit that has returned outlives.  A killed process: in all three. */
enum db_sync {
	DB_SYNC_FULL, /* the machine losing power, too: each group of commits waits for the disk */
	DB_SYNC_NORMAL, /* … but perhaps for the last ones; the file stays whole */
	DB_SYNC_OFF     /* … perhaps not even that */
};

/* Who keeps transactions apart. */
enum db_locks {
	DB_LOCK_ROWS,   /* Latchkey: rows, and tables above them */
	DB_LOCK_TABLES, /* a pthread_mutex_t for each table, to compare with */
	DB_LOCK_NO_READING /* Latchkey, but who reads locks nothing: wrong, to show what is seen then */
};

struct history;

struct db_options {
	const char *file; /* NULL: in memory only */
	enum db_sync sync;
	enum db_locks locks;
	uint64_t
		timeout_ns; /* how long a lock is waited for; 0: for ever, deadlocks are found all the same */
	uint64_t
		escalate_after; /* locks of rows below one table before the table is locked instead; 0: any */
	unsigned max_tries;      /* of txn_run(); 0: 1000 */
	bool explains;           /* keep who was in the way of a lock that was refused: txn_why() */
	struct history *history; /* NULL, or who read and wrote which version: see history.h */
};

struct db;
struct txn;

/* 0; KV_CANNOT_OPEN, KV_IN_USE, KV_NOT_OURS, or a code of Latchkey's: `*out` is not written. */
int db_open(const struct db_options *o, struct db **out);

/* No transaction may be left. */
void db_close(struct db *db);

/* What SQLite said last, when a result was KV_DISK or KV_DOUBT: "" if it never did. */
void db_why(struct db *db, char *buf, size_t cap);

struct db_counts {
	uint64_t commits, aborts;
	uint64_t retries; /* transactions that txn_run() began again */
	uint64_t groups;  /* commits of SQLite: each is of one or more of ours */
	uint64_t grouped; /* … and of so many together */
};

void db_count(struct db *db, struct db_counts *out);

/* The locks, for who wants to look at them (lk_tree(), lk_stats()); NULL with DB_LOCK_TABLES. */
struct lk_manager *db_manager(struct db *db);

/* --------------------------------------------------------------- transactions */

/*
 * Run `body` as a transaction and commit it if it returns 0.  If it was in a deadlock it is aborted and begun
 * again, after a random while that grows, and with a higher priority, so that at last others yield to it.
 *
 * `body` must not keep anything of a run that went wrong.  What it returns, if not 0, aborts the transaction and is
 * returned, unless a lock was refused.
 */
int txn_run(struct db *db, int (*body)(struct txn *t, void *arg), void *arg);

/*
 * The same by hand.  A transaction is used by one thread at a time.  Keys and values are copied in; a value that
 * comes out is the transaction's and stays until its end.
 */
int txn_begin(struct db *db, struct txn **out);

/* For a transaction that begins again: `attempt` (0: the first) is its priority. */
int txn_begin_again(struct db *db, unsigned attempt, struct txn **out);

/* S on the row.  KV_NOT_FOUND dooms nothing; that there is no such row stays so to the end. */
int txn_get(struct txn *t, struct bytes table, struct bytes key, struct bytes *value);

/*
 * The same for who may write the row afterwards: U.  Others still read it, but nobody else can mean to write it, so
 * no two transactions ever wait for each other to stop reading what both will write.
 */
int txn_get_for_update(struct txn *t, struct bytes table, struct bytes key, struct bytes *value);

/* X on the row, whatever was held before. */
int txn_put(struct txn *t, struct bytes table, struct bytes key, struct bytes value);

/* … KV_NOT_FOUND: there was none; nothing was changed. */
int txn_delete(struct txn *t, struct bytes table, struct bytes key);

/*
 * S on the table, then `fn` for each row in the order of keys, with what the transaction itself has changed, until it
 * returns non-zero, which is returned.  No row comes or goes to the end of the transaction.  `fn` may use the
 * transaction; it does not see what it changes meanwhile.
 */
int txn_scan(struct txn *t, struct bytes table,
	     int (*fn)(void *arg, struct bytes key, struct bytes value), void *arg);

/*
 * txn_savepoint - mark a place; the savepoints of a transaction are numbered from 1.
 *
 * txn_rollback - undo what was written since, and give the locks back that were taken since.  The savepoint stays, later
 * ones go.  *What was read since must be forgotten*: nothing keeps it as it was any more (Gray and Reuter 1993, 10.11).
 *
 * txn_forget - take the savepoint and all later ones away, and leave everything else as it is.
 */
int txn_savepoint(struct txn *t, unsigned *number);
int txn_rollback(struct txn *t, unsigned number);
int txn_forget(struct txn *t, unsigned number);

/*
 * The end, whatever it returns.  0: all that was written is in the file, and is seen by others from now on.  Otherwise
 * nothing is: the code that doomed the transaction, KV_DISK, or KV_DOUBT (after which no commit succeeds).
 */
int txn_commit(struct txn *t);
void txn_abort(struct txn *t);

/* Why it is doomed: 0, it is not. */
int txn_doom(const struct txn *t);

/* Who was in the way of the lock that was refused last, in words; nothing without db_options.explains. */
int txn_why(const struct txn *t, lk_write_fn *write, void *arg);

#endif /* TXNKV_KV_H */
