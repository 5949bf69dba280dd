/* SPDX-License-Identifier: MIT */
/*
 * Locks that are kept in an SQLite database: "sqlite:PATH", or a connection of the program's.
 *
 * All of it is in a library of its own, liblatchkey-sqlite, which lk_open() and lk_store_open() load when a URL says
 * "sqlite:".  Who calls one of these functions links it; who links it statically registers it first:
 *
 *	lk_store_register(lk_store_sqlite());
 *
 * A connection of the program's (lk_store_open.handle, and "sqlite:" without a path) is used for everything, is never
 * closed, and must stay open until the store is closed.  It is one with a mutex (SQLITE_OPEN_FULLMUTEX), of the same SQLite
 * that liblatchkey-sqlite is linked with.  As long as the program has a transaction open on it, calls of the store wait for
 * its end, two seconds at most: then they are LK_E_STORE.  So do not ask for a lock in the middle of one.
 *
 * A fence proves nothing as long as nobody looks at it.  The *guard* looks, in the program's own transaction, in the same
 * database: what is written there is written only if the lock is still held, and nobody else can get it before the
 * transaction has ended.
 *
 *	BEGIN IMMEDIATE;
 *	SELECT latchkey_guard('orders/17', ?);    -- the fence of the grant, lk_fence()
 *	UPDATE orders SET … WHERE id = 17;
 *	COMMIT;
 */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_SQLITE_H
#define LATCHKEY_SQLITE_H

#include <latchkey/store.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sqlite3;

#define LK_SQLITE_API __attribute__((visibility("default")))

/* lk_store_sqlite - the table of the store, a constant. */
LK_SQLITE_API const struct lk_store_ops *lk_store_sqlite(void);

/*
 * lk_sqlite_guard - is `fence` still the one with which the lock is held?
 *
 * To be asked in a transaction of `db`, before its COMMIT; the answer is true until the transaction ends.  It takes the write
 * lock of the database, if the transaction does not have it.  `table` is the prefix of the store's tables, NULL for the
 * standard one.  The name is that of the lock, not of what it covers.
 *
 * Among processes the store knows who holds the lock.  What threads of one process have from each other it does
 * not know; of those it refuses a fence that is smaller than one that has passed the guard, by name.
 *
 * Ownership   nothing is kept.
 * Threads     those that may use `db`.
 * Blocking    as long as the busy handler of `db` waits.
 * Returns     0: go on.  Roll back, if it is LK_E_LOST (somebody else has it, or nobody) or LK_E_STALE (a larger fence has
 *             passed).  LK_E_INVAL: no transaction is open, the fence is 0, or `table` is no prefix; LK_E_NAME; LK_E_NOENT:
 *             there is no store in that database; LK_E_BUSY: the database is (sqlite3_errmsg() says more); LK_E_CORRUPT,
 *             LK_E_VERSION, LK_E_PERM, LK_E_LIMIT, LK_E_STORE, LK_E_NOMEM.
 */
LK_SQLITE_API LK_NODISCARD int lk_sqlite_guard(struct sqlite3 *db, const char *table,
					       const void *name, size_t len, uint64_t fence);

/* lk_sqlite_guard_id - the same, of a lock that is a number. */
LK_SQLITE_API LK_NODISCARD int lk_sqlite_guard_id(struct sqlite3 *db, const char *table,
						  uint64_t id, uint64_t fence);

/*
 * lk_sqlite_functions - from now on `db` has the SQL function latchkey_guard(name, fence), which is 1, or ends the statement
 * with an error.  `name` is text or a blob, or an integer: then it is a number.
 *
 * Ownership   the function is `db`'s, and `table` is copied.
 * Returns     0; LK_E_INVAL, LK_E_NOMEM, LK_E_STORE.
 */
LK_SQLITE_API LK_NODISCARD int lk_sqlite_functions(struct sqlite3 *db, const char *table);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_SQLITE_H */
