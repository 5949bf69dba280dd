/* SPDX-License-Identifier: MIT */
/*
 * Who waits for whom, from what lk_snapshot() shows at a moment when nobody moves.
 *
 * Only *hard* edges: from who wants a name to each other owner that holds it in a mode which conflicts.  The
 * order of the lines is left out on purpose.  If there is no ring of hard edges, the owners can be served one
 * after the other, each after those it waits for, and lines in that order make no ring; so a change of order
 * can always dissolve what rings there are.  If there is one, no order helps, and a request must end.  Hence:
 * a ring of hard edges, and nothing else, costs a victim.
 */
#ifndef ISOLATION_GRAPH_H
#define ISOLATION_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <latchkey.h>
#include <latchkey/deadlock.h>

enum { GRAPH_OWNERS = 64, GRAPH_ROWS = 2048, GRAPH_NAME = 32 };

struct graph_row {
	int owner;
	lk_mode held;
	lk_mode wanted;
	uint64_t hash; /* of the name: what differs here need not be compared */
	char name[GRAPH_NAME];
};

struct graph {
	int (*owner_of)(void *arg, const char *label);
	void *arg;
	size_t n;
	struct graph_row row[GRAPH_ROWS];
	uint64_t waiting;             /* owners */
	uint64_t edge[GRAPH_OWNERS];  /* whom each waits for */
	uint64_t reach[GRAPH_OWNERS]; /* … and those wait for, and so on */
};

/* Fill it from a snapshot; `owner_of` makes a number of an owner's label.  False: it failed. */
bool graph_read(struct graph *g, struct lk_manager *m,
		int (*owner_of)(void *arg, const char *label), void *arg);

/* `from` waits for `to`, outside. */
void graph_add(struct graph *g, int from, int to);

/* After the last edge. */
void graph_close(struct graph *g);

static inline bool
graph_in_ring(const struct graph *g, int owner)
{
	return (g->reach[owner] >> owner & 1) != 0;
}

/* Owners that are in rings. */
uint64_t graph_stuck(const struct graph *g);

/* How many rings; -1: some have members in common, so that it is not clear how many victims are enough. */
int graph_rings(const struct graph *g);

/* A deadlock as it is remembered, for lk_deadlock_each(). */
int graph_show_deadlock(void *file, const struct lk_deadlock *d);

/* What is held and waited for, and the deadlocks that are remembered, in words. */
void graph_show(const struct graph *g, struct lk_manager *m, FILE *to);

/* Two waiting conversions of one name, each in the way of the other: one of them is `owner`'s. */
bool graph_conversions_meet(const struct graph *g, int owner, const char *name, lk_mode want);

/* No two owners hold one name in modes that conflict. */
bool graph_is_exclusive(const struct graph *g);

#endif /* ISOLATION_GRAPH_H */
