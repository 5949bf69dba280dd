/* SPDX-License-Identifier: MIT */
/* What a database is made of, for the files that make it. */
#ifndef TXNKV_DB_H
#define TXNKV_DB_H

#include <stdatomic.h>

#include "commit.h"
#include "history.h"
#include "kv.h"
#include "locks.h"
#include "store.h"

struct db {
	struct locks locks;
	struct store store;
	struct file *file; /* NULL: in memory only */
	struct committer committer;
	struct history *history;
	unsigned max_tries;
	_Atomic uint64_t number; /* of the latest commit */
	_Atomic uint64_t n_aborts, n_retries;
};

#endif /* TXNKV_DB_H */
