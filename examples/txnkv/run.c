/* SPDX-License-Identifier: MIT */
/* A function as a transaction, begun again after a deadlock. */
#include <time.h>

#include "db.h"

#define BACK_OFF_FIRST_NS UINT64_C(20000)
#define BACK_OFF_MOST_NS  UINT64_C(10000000)

/* Chance for who waits: splitmix64 of a number that nobody else has. */
static uint64_t
scatter(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/*
 * Wait for up to twice as long as the last time, but not all of us for as long: two who met in a deadlock would meet
 * again.
 */
static void
back_off(struct db *db, unsigned attempt)
{
	uint64_t ticket = atomic_fetch_add(&db->n_retries, 1);
	uint64_t most = attempt > 9 ? BACK_OFF_MOST_NS : BACK_OFF_FIRST_NS << attempt;
	struct timespec pause = { .tv_nsec = (long)(scatter(ticket) % most) };

	nanosleep(&pause, NULL);
}

/* If a lock was refused, that is the reason, whatever `body` made of it. */
static int
run_once(struct db *db, unsigned attempt, int (*body)(struct txn *t, void *arg), void *arg)
{
	struct txn *t;
	int rc = txn_begin_again(db, attempt, &t);

	if (rc != 0)
		return rc;
	rc = body(t, arg);
	if (txn_doom(t) != 0)
		rc = txn_doom(t);
	if (rc == 0)
		return txn_commit(t);
	txn_abort(t);
	return rc;
}

int
txn_run(struct db *db, int (*body)(struct txn *t, void *arg), void *arg)
{
	unsigned attempt = 0;

	for (;;) {
		int rc = run_once(db, attempt, body, arg);

		if (!kv_is_conflict(rc) || ++attempt >= db->max_tries)
			return rc;
		back_off(db, attempt);
	}
}
