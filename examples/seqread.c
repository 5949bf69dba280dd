/* SPDX-License-Identifier: MIT */
/*
 * Reading without a lock: two accounts whose sum never changes, one thread that moves money between
 * them, and a reader that takes no lock unless it is disturbed too often.  Exit 1 if a sum is wrong.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include <latchkey.h>

enum { TOTAL = 1000, MOVES = 20000, READS = 20000, PATIENCE = 100 };

static struct lk_manager *m;
static struct lk_resource *accounts;
static _Atomic int savings = TOTAL, cash;

static int
load(const _Atomic int *x)
{
	return atomic_load_explicit(x, memory_order_relaxed);
}

static void *
move_money(void *unused)
{
	struct lk_owner *w = lk_self(m);
	lk_grant g;

	(void)unused;
	for (int i = 0; i < MOVES; i++) {
		if (lk_acquire_on(w, accounts, LK_X, NULL, &g) != 0)
			break;
		atomic_store_explicit(&savings, TOTAL - i % TOTAL, memory_order_relaxed);
		atomic_store_explicit(&cash, i % TOTAL, memory_order_relaxed);
		if (lk_release(w, g) != 0)
			break;
	}
	return NULL;
}

/* -1: it could not be read. */
static int
sum_under_a_lock(void)
{
	struct lk_owner *w = lk_self(m);
	lk_grant g;
	int sum;

	if (lk_acquire_on(w, accounts, LK_S, NULL, &g) != 0)
		return -1;
	sum = load(&savings) + load(&cash);
	return lk_release(w, g) == 0 ? sum : -1;
}

static int
sum(unsigned *locked)
{
	for (int i = 0; i < PATIENCE; i++) {
		uint64_t stamp;
		int seen;

		if (lk_read_begin(accounts, &stamp) != 0)
			continue;
		seen = load(&savings) + load(&cash);
		if (lk_read_validate(accounts, stamp) == 0)
			return seen;
	}
	++*locked;
	return sum_under_a_lock();
}

int
main(void)
{
	unsigned locked = 0;
	unsigned wrong = 0;
	pthread_t mover;

	if (lk_open(NULL, NULL, &m) != 0 || lk_resource_open(m, "accounts", &accounts) != 0)
		return 1;
	if (pthread_create(&mover, NULL, move_money, NULL) != 0)
		return 1;
	for (int i = 0; i < READS; i++)
		wrong += sum(&locked) != TOTAL;
	if (pthread_join(mover, NULL) != 0)
		return 1;
	printf("%d sums, %u of them under a lock, %u wrong\n", READS, locked, wrong);
	lk_resource_close(accounts);
	return wrong != 0 || lk_close(m) != 0;
}
