/* SPDX-License-Identifier: MIT */
/*
 * Why is this taking so long?  An import reads a table while a clerk wants to change one of its rows: the
 * clerk's refusal says who is in the way, lk_why() says so before anything is asked for, and the whole is shown
 * as a tree and as a graph of who waits for whom.  Exit 1 if anything is not what the manual says.
 */
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <latchkey.h>

#define TABLE "shop/orders"
#define ROW   TABLE "/17"

static int surprises;

/* What must work for the program to go on at all. */
static void
must(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "why: %s: %s (%s)\n", what, lk_strerror(rc), lk_errname(rc));
	exit(1);
}

static void
expect(bool as_promised, const char *what)
{
	if (as_promised)
		return;
	printf("  <- not as promised: %s\n", what);
	surprises++;
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

/* A lock that tells others what it is for. */
static void
take(struct lk_owner *w, const char *name, lk_mode mode, const char *tag)
{
	struct lk_options o = LK_OPTIONS_INIT;

	o.flags = LK_TIMED;
	o.tag = tag;
	o.tag_len = strlen(tag);
	must(lk_acquire(w, name, mode, &o, NULL), name);
}

/* Not to be had at once: the report is in the caller's memory, and names who is in the way. */
static void
refused(struct lk_owner *clerk)
{
	struct lk_report report = LK_REPORT_INIT;
	struct lk_options o = LK_OPTIONS_INIT;
	int rc;

	o.flags = LK_NOWAIT;
	o.report = &report;
	rc = lk_acquire(clerk, ROW, LK_X, &o, NULL);
	printf("The clerk tries to change " ROW ":\n");
	must(lk_report_text(&report, LK_TEXT, lk_write_file, stdout), "print the report");
	expect(rc == LK_E_BUSY && report.n == 1, "one owner is in the way");
	expect(report.kept == 1 && report.blocker[0].held == LK_S &&
		       strcmp(report.blocker[0].owner_label, "import") == 0,
	       "it is the import, and reads");
}

static int
count(void *arg, const struct lk_blocker *b)
{
	(void)b;
	++*(int *)arg;
	return 0;
}

/* The same question without asking for anything. */
static void
asked_before(struct lk_manager *m)
{
	int n = 0;

	printf("\nWhy would one have to wait?\n");
	must(lk_why_text(m, ROW, strlen(ROW), LK_X, LK_TEXT, lk_write_file, stdout), "ask why");
	must(lk_why_text(m, ROW, strlen(ROW), LK_S, LK_TEXT, lk_write_file, stdout), "ask why");
	must(lk_why(m, ROW, strlen(ROW), LK_S, count, &n), "count who is in the way");
	expect(n == 0, "nobody is in the way of another reader");
}

static void *
wait_for_row(void *arg)
{
	struct lk_options patience = LK_OPTIONS_INIT;

	patience.timeout_ns = 10000000000; /* only a broken library needs it */
	must(lk_acquire(arg, ROW, LK_X, &patience, NULL), "wait for the row");
	return NULL;
}

/* Somebody waits on the table: the intent to write below it is what cannot be had. */
static void
until_in_line(struct lk_manager *m)
{
	struct lk_info info = { .size = (uint32_t)sizeof(info) };

	do {
		sched_yield();
		must(lk_info(m, TABLE, strlen(TABLE), &info), "look at the line");
	} while (info.waiters == 0);
}

static void
seen_as_a_whole(struct lk_manager *m)
{
	printf("\nThe clerk waits.  What is held, and wanted:\n");
	must(lk_tree(m, LK_TEXT, lk_write_file, stdout), "print the tree");
	printf("\nWho waits for whom:\n");
	must(lk_graph(m, LK_TEXT, lk_write_file, stdout), "print the graph");
	printf("\nThe same for a program, and for dot -Tsvg:\n");
	must(lk_graph(m, LK_JSON, lk_write_file, stdout), "print the graph as JSON");
	must(lk_graph(m, LK_DOT, lk_write_file, stdout), "print the graph as DOT");
}

int
main(void)
{
	struct lk_manager *m;
	struct lk_owner *import;
	struct lk_owner *clerk;
	pthread_t thread;

	must(lk_open("memory:", NULL, &m), "open");
	import = owner(m, "import");
	clerk = owner(m, "clerk");
	take(import, TABLE, LK_S, "nightly, started by hand");
	refused(clerk);
	asked_before(m);
	must(-pthread_create(&thread, NULL, wait_for_row, clerk), "start a thread");
	until_in_line(m);
	seen_as_a_whole(m);
	must(lk_owner_close(import), "close the import");
	must(-pthread_join(thread, NULL), "join the thread");
	must(lk_owner_close(clerk), "close the clerk");
	must(lk_close(m), "close");
	printf("\nwhy: %s\n", surprises == 0 ? "all as promised" : "NOT as promised");
	return surprises == 0 ? 0 : 1;
}
