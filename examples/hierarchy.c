/* SPDX-License-Identifier: MIT */
/*
 * Names that are paths: "shop/orders/17" is a row of the table "shop/orders" in the database
 * "shop".  One thread plays two owners, Ann and Bob, who only try, so nothing here ever waits.
 * Prints each step with its result; exit 1 if one is not what the manual says.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <latchkey.h>

#define SHOP      "shop"
#define ORDERS    SHOP "/orders"
#define ROW_17    ORDERS "/17"
#define ROW_18    ORDERS "/18"
#define ROW_19    ORDERS "/19"
#define CUSTOMERS SHOP "/customers"

struct story {
	struct lk_manager *locks;
	struct lk_owner *ann;
	struct lk_owner *bob;
};

static int surprises;

/* Print a line of the story; count it if it is not what was promised. */
static void
tell(const char *what, const char *outcome, bool as_promised)
{
	printf("  %-55s %s%s\n", what, outcome, as_promised ? "" : "   <- not as promised");
	if (!as_promised)
		surprises++;
}

static void
step(const char *what, int rc, int promised)
{
	tell(what, rc == 0 ? "ok" : lk_errname(rc), rc == promised);
}

/* In which mode does the owner hold this name, all told? */
static void
holds(const char *who, struct lk_owner *w, const char *name, lk_mode promised)
{
	int mode = lk_holds(w, name, strlen(name));
	char what[80];

	snprintf(what, sizeof(what), "  %s holds %s in", who, name);
	tell(what, mode < 0 ? lk_errname(mode) : lk_modename((lk_mode)mode), mode == (int)promised);
}

/* Is the grant covered by an ancestor, so that it needs no lock of its own? */
static void
implied(struct lk_owner *w, lk_grant g, bool promised)
{
	struct lk_grant_info info = { .size = (uint32_t)sizeof(info) };
	int rc = lk_grant_info(w, g, &info);
	bool is_implied = (info.flags & LK_IMPLIED) != 0;

	tell("  that grant is",
	     rc != 0      ? lk_errname(rc)
	     : is_implied ? "implied"
			  : "a lock",
	     rc == 0 && is_implied == promised);
}

/* What must work for the program to go on at all. */
static void
must(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "hierarchy: %s: %s (%s)\n", what, lk_strerror(rc), lk_errname(rc));
	exit(1);
}

/* A chapter ends with nothing held at any level: intents go with the grants that they were for. */
static void
chapter_ends(const struct story *s)
{
	struct lk_stats stats = { .size = (uint32_t)sizeof(stats) };

	must(lk_release_all(s->ann), "release what Ann holds");
	must(lk_release_all(s->bob), "release what Bob holds");
	must(lk_stats(s->locks, &stats), "count what is held");
	tell("Both release all; what is held then", stats.holds == 0 ? "nothing" : "something",
	     stats.holds == 0);
}

/* A lock on a row says at every level above that something is going on below: an intent. */
static void
a_row(const struct story *s)
{
	printf("One row, and what that says above it:\n");
	step("Ann locks row 17 to write", lk_try_acquire(s->ann, ROW_17, LK_X, NULL), 0);
	holds("Ann", s->ann, ROW_17, LK_X);
	holds("Ann", s->ann, ORDERS, LK_IX);
	holds("Ann", s->ann, SHOP, LK_IX);

	/* Intents agree with each other, so the rows themselves decide ... */
	step("Bob writes row 18 meanwhile", lk_try_acquire(s->bob, ROW_18, LK_X, NULL), 0);
	step("Bob reads row 17", lk_try_acquire(s->bob, ROW_17, LK_S, NULL), LK_E_BUSY);

	/* ... but they keep away who wants the whole table or database, without a look at any row. */
	step("Bob reads the whole table", lk_try_acquire(s->bob, ORDERS, LK_S, NULL), LK_E_BUSY);
	step("Bob drops the database", lk_try_acquire(s->bob, SHOP, LK_X, NULL), LK_E_BUSY);
	chapter_ends(s);
}

/* A lock on a table is a lock on everything below it, however many rows there are. */
static void
a_scan(const struct story *s)
{
	printf("A scan, one lock for all rows:\n");
	step("Bob reads the whole table", lk_try_acquire(s->bob, ORDERS, LK_S, NULL), 0);
	holds("Bob", s->bob, ROW_17, LK_S);
	step("Ann reads row 17 beside him", lk_try_acquire(s->ann, ROW_17, LK_S, NULL), 0);
	step("Ann writes row 18", lk_try_acquire(s->ann, ROW_18, LK_X, NULL), LK_E_BUSY);
	step("Ann writes a row of another table",
	     lk_try_acquire(s->ann, CUSTOMERS "/3", LK_X, NULL), 0);

	/* Bob himself may write a row that he finds: his S and the intent make SIX. */
	step("Bob writes row 19 that he found", lk_try_acquire(s->bob, ROW_19, LK_X, NULL), 0);
	holds("Bob", s->bob, ORDERS, LK_SIX);
	step("Ann reads row 19", lk_try_acquire(s->ann, ROW_19, LK_S, NULL), LK_E_BUSY);
	chapter_ends(s);
}

/* Who holds the table in X has its rows already: grants on them are counted on the table. */
static void
coverage(const struct story *s)
{
	struct lk_info info = { .size = (uint32_t)sizeof(info) };
	lk_grant table = 0;
	lk_grant row = 0;

	printf("Coverage, a row of a table that is locked:\n");
	step("Ann locks the table to write", lk_try_acquire(s->ann, ORDERS, LK_X, &table), 0);
	step("Ann locks row 17 as well", lk_try_acquire(s->ann, ROW_17, LK_X, &row), 0);
	implied(s->ann, row, true);
	must(lk_info(s->locks, ROW_17, strlen(ROW_17), &info), "look at row 17");
	tell("  the lock of row 17 itself is", info.holders[LK_X] == 0 ? "untouched" : "taken",
	     info.holders[LK_X] == 0);

	/* The grant on the row is worth the same when the one on the table has gone. */
	step("Ann gives the table back", lk_release(s->ann, table), 0);
	holds("Ann", s->ann, ORDERS, LK_X);
	step("Bob reads row 17", lk_try_acquire(s->bob, ROW_17, LK_S, NULL), LK_E_BUSY);
	step("Ann gives the row back", lk_release(s->ann, row), 0);
	holds("Ann", s->ann, ORDERS, LK_NL);
	step("Bob reads row 17", lk_try_acquire(s->bob, ROW_17, LK_S, &row), 0);
	implied(s->bob, row, false);
	chapter_ends(s);
}

/* LK_PARENTS: the ancestors are held as the name itself is, rather than in intents. */
static void
parents(const struct story *s)
{
	struct lk_options whole = LK_OPTIONS_INIT;

	whole.flags = LK_NOWAIT | LK_PARENTS;
	printf("LK_PARENTS, the whole path:\n");
	step("Ann locks row 17 and its parents", lk_acquire(s->ann, ROW_17, LK_X, &whole, NULL), 0);
	holds("Ann", s->ann, ORDERS, LK_X);
	holds("Ann", s->ann, SHOP, LK_X);
	step("Bob reads a row of another table", lk_try_acquire(s->bob, CUSTOMERS "/3", LK_S, NULL),
	     LK_E_BUSY);
	chapter_ends(s);
}

/* A batch takes its rows, and what is above them, all or none, in whatever order they are named. */
static void
batch(const struct story *s)
{
	const struct lk_request anns[] = {
		{ .name = ROW_18, .mode = LK_X },
		{ .name = ROW_17, .mode = LK_X },
		{ .name = CUSTOMERS "/3", .mode = LK_S },
	};
	const struct lk_request bobs[] = {
		{ .name = ROW_19, .mode = LK_X },
		{ .name = ROW_18, .mode = LK_X },
	};
	struct lk_options nowait = LK_OPTIONS_INIT;
	lk_grant g[3];

	nowait.flags = LK_NOWAIT;
	printf("A batch, all or none:\n");
	step("Ann locks rows 18 and 17, reads customer 3",
	     lk_acquire_many(s->ann, anns, 3, &nowait, g), 0);
	holds("Ann", s->ann, CUSTOMERS, LK_IS);
	holds("Ann", s->ann, SHOP, LK_IX);
	step("Bob locks rows 19 and 18", lk_acquire_many(s->bob, bobs, 2, &nowait, NULL),
	     LK_E_BUSY);
	holds("Bob", s->bob, ROW_19, LK_NL);
	holds("Bob", s->bob, SHOP, LK_NL);
	step("Ann gives all three back", lk_release_many(s->ann, g, 3, NULL), 0);
	step("Bob locks rows 19 and 18", lk_acquire_many(s->bob, bobs, 2, &nowait, NULL), 0);
	chapter_ends(s);
}

/* A key of a user's may have any bytes; escaped, it is one segment of a path and no more. */
static void
escape(const struct story *s)
{
	static const char key[] = "Smith/Jones";
	char segment[3 * sizeof(key)];
	char name[sizeof(CUSTOMERS "/") + sizeof(segment)];
	size_t len = lk_name_escape(key, strlen(key), segment, sizeof(segment));

	printf("A key with a slash in it:\n");
	snprintf(name, sizeof(name), "%s/%s", CUSTOMERS, segment);
	tell("\"Smith/Jones\" becomes", segment, strcmp(segment, "Smith%2FJones") == 0);
	tell("  which fits", len < sizeof(segment) ? "yes" : "no", len < sizeof(segment));
	step("Ann locks that customer", lk_try_acquire(s->ann, name, LK_X, NULL), 0);
	holds("Ann", s->ann, CUSTOMERS, LK_IX);
	holds("Ann", s->ann, CUSTOMERS "/Smith", LK_NL);
	step("Bob locks the customer Smith, who is another",
	     lk_try_acquire(s->bob, CUSTOMERS "/Smith", LK_X, NULL), 0);
	chapter_ends(s);
}

int
main(void)
{
	struct story s;

	must(lk_open("memory:", NULL, &s.locks), "open");
	must(lk_owner_open(s.locks, NULL, &s.ann), "open an owner");
	must(lk_owner_open(s.locks, NULL, &s.bob), "open an owner");
	a_row(&s);
	a_scan(&s);
	coverage(&s);
	parents(&s);
	batch(&s);
	escape(&s);
	must(lk_owner_close(s.ann), "close an owner");
	must(lk_owner_close(s.bob), "close an owner");
	must(lk_close(s.locks), "close");
	printf("hierarchy: %s\n", surprises == 0 ? "all as promised" : "NOT as promised");
	return surprises == 0 ? 0 : 1;
}
