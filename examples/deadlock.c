/* SPDX-License-Identifier: MIT */
/*
 * Two transactions take two accounts in opposite order, and so wait for each other.  One of them is told
 * LK_E_DEADLOCK, gives back what it has, and begins again; nobody has to think of an order.  Prints the ring
 * as the manager remembers it; exit 1 if the money is not what it should be.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <latchkey.h>
#include <latchkey/deadlock.h>

#define ROUNDS 200
#define AMOUNT 5

struct account {
	const char *name;
	int64_t balance; /* guarded by the lock on `name` */
};

/* A thread that moves money one way, again and again. */
struct mover {
	struct lk_manager *locks;
	const char *label;
	int32_t priority;
	struct account *from;
	struct account *to;
	pthread_barrier_t *together;
	unsigned retries;
};

/* What must work for the program to go on at all. */
static void
must(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "deadlock: %s: %s (%s)\n", what, lk_strerror(rc), lk_errname(rc));
	exit(1);
}

/*
 * One attempt; LK_E_DEADLOCK: nothing was moved, and what was taken is still held.  In the first attempt of
 * each round both take their first account before either asks for its second, which is a ring for certain.
 */
static int
attempt(struct mover *m, struct lk_owner *w, bool first)
{
	int rc = lk_acquire(w, m->from->name, LK_X, NULL, NULL);

	if (first)
		pthread_barrier_wait(m->together);
	if (rc == 0)
		rc = lk_acquire(w, m->to->name, LK_X, NULL, NULL);
	if (rc != 0)
		return rc;
	m->from->balance -= AMOUNT;
	m->to->balance += AMOUNT;
	return 0;
}

/* A transaction: an owner of its own, and attempts until one succeeds. */
static void
move(struct mover *m)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lk_owner *w;
	int rc;

	o.label = m->label;
	o.priority = m->priority;
	must(lk_owner_open(m->locks, &o, &w), "open an owner");
	for (rc = attempt(m, w, true); rc == LK_E_DEADLOCK; rc = attempt(m, w, false)) {
		m->retries++;
		must(lk_release_all(w), "give back"); /* the other one goes on */
	}
	must(rc, m->label);
	must(lk_owner_close(w), "close an owner");
}

static void *
mover_run(void *arg)
{
	struct mover *m = arg;

	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(m->together); /* the round before is over for both */
		move(m);
	}
	return NULL;
}

static int
print_ring(void *arg, const struct lk_deadlock *d)
{
	(void)arg;
	printf("deadlock %llu:\n", (unsigned long long)d->number);
	for (uint32_t i = 0; i < d->kept; i++) {
		const struct lk_deadlock_member *m = &d->member[i];

		printf("  %-8s wants %s on %.*s, where the next one holds %s%s\n", m->owner_label,
		       lk_modename(m->wanted), (int)m->name_len, (const char *)m->name,
		       lk_modename(m->blocked),
		       (m->flags & LK_VICTIM) != 0 ? "; its request ended" : "");
	}
	return 1; /* one is enough */
}

int
main(void)
{
	struct account left = { "account/left", 1000 };
	struct account right = { "account/right", 1000 };
	pthread_barrier_t together;
	struct lk_manager *locks;
	struct mover there = { .label = "urgent", .priority = 1, .from = &left, .to = &right };
	struct mover back = { .label = "patient", .priority = 0, .from = &right, .to = &left };
	pthread_t thread[2];
	bool good;

	/* strict: what the victim gives back goes to the one that waits for it, not to the victim again */
	must(lk_open("memory:?strict=1&deadlock_delay_ns=100000", NULL, &locks), "open");
	pthread_barrier_init(&together, NULL, 2);
	there.locks = back.locks = locks;
	there.together = back.together = &together;
	if (pthread_create(&thread[0], NULL, mover_run, &there) != 0 ||
	    pthread_create(&thread[1], NULL, mover_run, &back) != 0)
		return 1;
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	pthread_barrier_destroy(&together);

	if (lk_deadlock_each(locks, print_ring, NULL) != 1)
		printf("no deadlock is remembered\n");
	printf("%d rounds: %u times the urgent one began again, %u times the patient one\n", ROUNDS,
	       there.retries, back.retries);
	good = left.balance == 1000 && right.balance == 1000 && there.retries == 0 &&
	       back.retries >= ROUNDS;
	printf("left %lld, right %lld: %s\n", (long long)left.balance, (long long)right.balance,
	       good ? "as it should be" : "NOT as it should be");
	must(lk_close(locks), "close");
	return good ? 0 : 1;
}
