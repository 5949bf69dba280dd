/* SPDX-License-Identifier: MIT */
/*
 * A holder that hangs: its lease ends, the next one goes on, and what the first one writes when it wakes up is
 * refused by the place where the data is.  The lock alone could not do that.  Exit 1 if a late write gets through.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <latchkey.h>

enum { LEASE_MS = 20 };

static void
must(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "lease: %s: %s (%s)\n", what, lk_strerror(rc), lk_errname(rc));
	exit(1);
}

/* Think of it as far away: a database, a device.  It keeps the largest fence that has written, and who that was. */
static struct {
	uint64_t fence;
	const char *written_by;
} page;

/* The rule that protects the data: who comes with an older fence is too late. */
static int
store(const char *who, uint64_t fence)
{
	if (fence < page.fence)
		return LK_E_STALE;
	page.fence = fence;
	page.written_by = who;
	return 0;
}

static void
hang(void)
{
	const struct timespec t = { 0, LEASE_MS * 2 * 1000000 };

	nanosleep(&t, NULL);
}

static void
told(void *arg, const struct lk_notice *n)
{
	(void)arg;
	if (n->kind == LK_NOTICE_LOST)
		printf("worker 1 is told: %.*s is lost (%s)\n", (int)n->name_len, n->name,
		       lk_lossname(n->loss));
}

int
main(void)
{
	struct lk_owner_options owner = LK_OWNER_OPTIONS_INIT;
	struct lk_options leased = LK_OPTIONS_INIT;
	struct lk_manager *m;
	struct lk_owner *w[2];
	lk_grant g[2];
	uint64_t fence;

	owner.on_notice = told;
	leased.lease_ns = LEASE_MS * 1000000;
	must(lk_open("memory:", NULL, &m), "open");
	must(lk_owner_open(m, &owner, &w[0]), "worker 1");
	must(lk_owner_open(m, NULL, &w[1]), "worker 2");

	must(lk_acquire(w[0], "page", LK_X, &leased, &g[0]), "worker 1 locks");
	fence = lk_fence(w[0], g[0]);
	must(store("worker 1", fence), "worker 1 writes");
	hang(); /* for longer than its lease, in a system call perhaps */

	must(lk_acquire(w[1], "page", LK_X, NULL, &g[1]), "worker 2 locks");
	must(store("worker 2", lk_fence(w[1], g[1])), "worker 2 writes");

	if (lk_check(w[0], g[0]) != LK_E_LOST) /* worker 1 wakes up; if it asks, it learns it */
		return 1;
	if (store("worker 1", fence) != LK_E_STALE) /* if it does not, the data says no */
		return 1;
	printf("a late write was refused; the page is of %s\n", page.written_by);

	if (lk_release(w[0], g[0]) != LK_E_LOST)
		return 1;
	must(lk_release(w[1], g[1]), "worker 2 releases");
	must(lk_owner_close(w[0]), "close");
	must(lk_owner_close(w[1]), "close");
	return lk_close(m) != 0;
}
