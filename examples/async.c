/* SPDX-License-Identifier: MIT */
/*
 * One thread, many clients: an event loop that never waits for a lock.  Each client is an owner that transfers
 * money between two accounts; it asks for both at once, goes on, and is called back.
 * Exit 1 if anything is not what the manual says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <latchkey.h>

enum { CLIENTS = 50, ROUNDS = 20, ACCOUNTS = 8 };

struct client {
	struct lk_owner *owner;
	lk_grant grants[2];
	char from[16];
	char to[16];
	int rounds;
	unsigned random;
};

struct bank {
	struct lk_manager *m;
	struct lk_queue *queue;
	int balance[ACCOUNTS];
	int transfers;
	struct client client[CLIENTS];
};

static struct bank bank;

static void
must(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "async: %s: %s (%s)\n", what, lk_strerror(rc), lk_errname(rc));
	exit(1);
}

static void submit(struct client *c);

/* Both accounts are locked: move one unit, give the locks back, and ask again. */
static void
granted(void *arg, const struct lk_completion *done)
{
	struct client *c = arg;

	must(done->code, "transfer");
	bank.balance[atoi(c->from + 8)]--;
	bank.balance[atoi(c->to + 8)]++;
	bank.transfers++;
	must(lk_release_many(c->owner, c->grants, 2, NULL), "release");
	if (++c->rounds < ROUNDS)
		submit(c);
}

static unsigned
account(struct client *c)
{
	c->random = c->random * 1103515245u + 12345u;
	return (c->random >> 16) % ACCOUNTS;
}

static void
submit(struct client *c)
{
	const unsigned from = account(c);
	const unsigned to = (from + 1 + account(c) % (ACCOUNTS - 1)) % ACCOUNTS;

	snprintf(c->from, sizeof(c->from), "account/%u", from);
	snprintf(c->to, sizeof(c->to), "account/%u", to);
	must(lk_submit_many(bank.queue, c->owner,
			    (const struct lk_request[]){ { c->from, LK_X, 0, 0 },
							 { c->to, LK_X, 0, 0 } },
			    2, NULL, c->grants, granted, c, NULL),
	     "submit");
}

static void
loop(void)
{
	struct epoll_event e = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, lk_queue_fd(bank.queue), &e) != 0) {
		perror("async: epoll");
		exit(1);
	}
	while (bank.transfers < CLIENTS * ROUNDS) {
		if (epoll_wait(epoll, &e, 1, 10000) != 1) {
			fprintf(stderr, "async: nothing happens\n");
			exit(1);
		}
		must(lk_queue_dispatch(bank.queue, 64), "dispatch"); /* calls granted() */
	}
	close(epoll);
}

int
main(void)
{
	int sum = 0;

	must(lk_open("memory:", NULL, &bank.m), "open");
	must(lk_queue_open(bank.m, &bank.queue), "queue");
	for (unsigned i = 0; i < CLIENTS; i++) {
		bank.client[i].random = i;
		must(lk_owner_open(bank.m, NULL, &bank.client[i].owner), "owner");
	}
	for (int i = 0; i < CLIENTS; i++)
		submit(&bank.client[i]);
	loop();
	for (int i = 0; i < ACCOUNTS; i++)
		sum += bank.balance[i];
	for (int i = 0; i < CLIENTS; i++)
		must(lk_owner_close(bank.client[i].owner), "close");
	must(lk_queue_close(bank.queue), "close the queue");
	must(lk_close(bank.m), "close the manager");
	printf("%d transfers by %d clients in one thread; the accounts sum up to %d\n",
	       bank.transfers, CLIENTS, sum);
	return sum == 0 ? 0 : 1;
}
