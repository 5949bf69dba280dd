/* SPDX-License-Identifier: MIT */
/* Looking for what a store without isolation does: by schedules, and by chance. */
#ifndef TXNKV_CHECK_H
#define TXNKV_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "judge.h"
#include "kv.h"

enum finding {
	FOUND_NOTHING,
	FOUND_VIOLATION, /* what transactions that run one by one cannot do */
	FOUND_TROUBLE    /* the check could not be made */
};

/* ------------------------------------------------------------------- schedules */

/*
 * Known ways to go wrong, each step by step in one thread.  With locks one step is refused, as it would have to wait,
 * and the rest can have run one by one; with DB_LOCK_NO_READING no step is, and it cannot.
 */
extern const size_t n_schedules;

const char *schedule_name(size_t i);

/* What was found is said in `out`.  FOUND_TROUBLE: it did not go as described above. */
enum finding schedule_check(size_t i, enum db_locks locks, FILE *out);

/* ---------------------------------------------------------------------- random */

struct work {
	struct db_options db; /* `history` is set by work_check() */
	unsigned n_threads;
	unsigned n_accounts; /* at least 3 */
	uint64_t n_rounds;   /* transactions of each thread */
	uint64_t seed;
	const char *log; /* where to write the history; NULL: nowhere */
};

/*
 * Threads move money among accounts, open and close some, add all up, roll back, abort.  The history must be
 * serializable in the order of the commits, and the sum always the same; in the file too, when it is opened again.
 */
enum finding work_check(const struct work *w, FILE *out);

#endif /* TXNKV_CHECK_H */
