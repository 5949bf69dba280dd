/* SPDX-License-Identifier: MIT */
/* Transactions: begun, checked, ended.  (SQ1 to SQ6) */
#ifndef LK_ADAPTERS_SQLITE_TRANSACTION_H
#define LK_ADAPTERS_SQLITE_TRANSACTION_H

#include "sqlite/connection.h"

struct transaction {
	struct sqlite_store *s;
	struct connection *c;
	uint64_t deadline_ns;
	bool writes;
	bool is_elsewhere; /* it could not be begun, as the store is not the one any more that it was */
	uint64_t changes; /* as read in it */
	uint64_t added;   /* changes of its own */
};

/* 0: it is open, and its database is the one it was.  Else all of it is over. */
int transaction_begin(struct transaction *t, struct sqlite_store *s, bool writes,
		      uint64_t deadline_ns);

/* Begin anew, so that its commit is synced.  As transaction_begin(); nothing has been written yet.  (SQ2) */
int transaction_harden(struct transaction *t);

/* Count so many changes.  (SQ3) */
int transaction_count(struct transaction *t, uint64_t n);

/* So many that nobody need hear of: it is time to count them, or they are not.  (SQ9) */
int transaction_count_quiet(struct transaction *t, uint64_t n);

/* 0; LK_E_TIMEDOUT, LK_E_UNKNOWN, … (SQ6) */
int transaction_commit(struct transaction *t);

/* Nothing of it was. */
void transaction_abandon(struct transaction *t);

/* A statement of it, ready to be bound; NULL: `*rc` says why. */
sqlite3_stmt *transaction_statement(struct transaction *t, enum statement which, int *rc);

/* Step; 0, and `*is_row` says whether there is one.  Anything else: it is reset. */
int transaction_step(struct transaction *t, sqlite3_stmt *st, bool *is_row);

/* The same of one that returns no rows; then it is reset. */
int transaction_do(struct transaction *t, sqlite3_stmt *st);

#endif /* LK_ADAPTERS_SQLITE_TRANSACTION_H */
