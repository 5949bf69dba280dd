/* SPDX-License-Identifier: MIT */
/*
 * Changing the mode of a grant: U to X and why U is there at all, two S that both want X, and
 * downgrades.  Prints each step with its result; exit 1 if one is not what the manual says.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <latchkey.h>

#define PAGE     "page/7"
#define PATIENCE 10000000000 /* ns; only a broken library needs it */

static int surprises;

/* Print a step; count it if its result is not the one that was promised. */
static void
step(const char *what, int rc, int promised)
{
	const char *verdict = rc == promised ? "" : "   <- not as promised";

	printf("  %-58s %s%s\n", what, rc == 0 ? "ok" : lk_errname(rc), verdict);
	if (rc != promised)
		surprises++;
}

/* What must work for the program to go on at all. */
static void
must(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "upgrade: %s: %s (%s)\n", what, lk_strerror(rc), lk_errname(rc));
	exit(1);
}

static struct lk_owner *
owner(struct lk_manager *m, const char *label)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lk_owner *w;

	o.label = label;
	must(lk_owner_open(m, &o, &w), "open an owner");
	return w;
}

/* U: read now, perhaps write later.  Only one at a time, so its upgrade cannot deadlock. */
static void
update_then_write(struct lk_manager *m)
{
	struct lk_options nowait = LK_OPTIONS_INIT;
	struct lk_owner *editor = owner(m, "editor");
	struct lk_owner *reader = owner(m, "reader");
	lk_grant mine = 0;
	lk_grant theirs = 0;

	nowait.flags = LK_NOWAIT;
	printf("U, then X:\n");
	step("editor takes U", lk_acquire(editor, PAGE, LK_U, NULL, &mine), 0);
	step("reader takes S beside it", lk_try_acquire(reader, PAGE, LK_S, &theirs), 0);
	step("reader tries U too", lk_try_acquire(reader, PAGE, LK_U, NULL), LK_E_BUSY);
	step("editor: could U become X now?", lk_can_convert(editor, mine, LK_X), LK_E_BUSY);
	step("editor upgrades, not waiting", lk_upgrade(editor, mine, &nowait), LK_E_BUSY);
	step("reader releases S", lk_release(reader, theirs), 0);
	step("editor upgrades to X", lk_upgrade(editor, mine, NULL), 0);
	step("reader tries S", lk_try_acquire(reader, PAGE, LK_S, &theirs), LK_E_BUSY);
	step("editor downgrades to S", lk_downgrade(editor, mine), 0);
	step("reader tries S again", lk_try_acquire(reader, PAGE, LK_S, &theirs), 0);
	must(lk_owner_close(reader), "close reader");
	must(lk_owner_close(editor), "close editor");
}

/* An upgrade that has to wait, and so runs in a thread of its own. */
struct upgrade {
	struct lk_owner *owner;
	lk_grant grant;
	int rc;
	atomic_bool ended;
};

static void *
upgrade_run(void *arg)
{
	struct upgrade *u = arg;
	struct lk_options o = LK_OPTIONS_INIT;

	o.timeout_ns = PATIENCE;
	u->rc = lk_upgrade(u->owner, u->grant, &o);
	atomic_store(&u->ended, true);
	return NULL;
}

/* Wait until the upgrade stands in line for PAGE. */
static void
until_in_line(struct lk_manager *m, struct upgrade *u)
{
	struct lk_info info = { .size = (uint32_t)sizeof(info) };

	do {
		sched_yield();
		must(lk_info(m, PAGE, sizeof(PAGE) - 1, &info), "look at the line");
	} while (info.waiters == 0 && !atomic_load(&u->ended));
}

/* Two owners hold S and both want X: each would wait for the other, for ever. */
static void
two_readers_want_to_write(struct lk_manager *m)
{
	struct upgrade first = { .owner = owner(m, "first") };
	struct lk_owner *second = owner(m, "second");
	pthread_t thread;
	lk_grant grant = 0;

	printf("two S, both wanting X:\n");
	step("first takes S", lk_acquire(first.owner, PAGE, LK_S, NULL, &first.grant), 0);
	step("second takes S", lk_acquire(second, PAGE, LK_S, NULL, &grant), 0);
	must(-pthread_create(&thread, NULL, upgrade_run, &first), "start a thread");
	until_in_line(m, &first);
	printf("  %-58s %s\n", "first asks for X, and waits for second", "waits");
	step("second asks for X: refused at once", lk_upgrade(second, grant, NULL),
	     LK_E_CONVERSION_DEADLOCK);
	step("second still has its S", lk_holds(second, PAGE, sizeof(PAGE) - 1) == LK_S ? 0 : -1,
	     0);
	step("second gives way", lk_release(second, grant), 0);
	must(-pthread_join(thread, NULL), "join the thread");
	step("first has X now", first.rc, 0);
	must(lk_owner_close(second), "close second");
	must(lk_owner_close(first.owner), "close first");
}

int
main(void)
{
	struct lk_manager *m;

	must(lk_open("memory:", NULL, &m), "open");
	update_then_write(m);
	two_readers_want_to_write(m);
	must(lk_close(m), "close");
	printf("upgrade: %s\n", surprises == 0 ? "all as promised" : "NOT as promised");
	return surprises == 0 ? 0 : 1;
}
