/* SPDX-License-Identifier: MIT */
/*
 * What `latchkey top` knows: which names are in demand, how often they change hands, and how long that took.
 *
 * All of it is seen from outside, by comparing what the store says now with what it said before: who came and went in
 * between is not seen, and what a process keeps for its own threads is one hold.
 */
#ifndef LATCHKEY_CLI_BOARD_H
#define LATCHKEY_CLI_BOARD_H

#include "rows.h"
#include "times.h"

/* One name. */
struct board_name {
	unsigned char *name; /* NULL: the store does not know it */
	size_t len;
	bool is_number;
	lk_mode held; /* the strongest that somebody has */
	unsigned holders, waiters;
	uint64_t grants;             /* that were seen, since the board began */
	uint64_t before;             /* … at the latest turn */
	double rate;                 /* … a second between the last two turns */
	uint64_t held_ns, waited_ns; /* the longest of those who hold, and wait */
	char *who;                   /* who has it for the longest time */
};

struct board {
	struct rows rows; /* of the latest look */
	uint64_t looked_ns;
	uint64_t turned_ns;
	struct board_name *all; /* by name */
	size_t n;
	unsigned holders, waiters, dead, detached, damaged;
	uint64_t grants, grants_before;
	double rate;
	struct times waits, holds; /* that have ended */
};

enum board_order { BY_WAITERS, BY_RATE, BY_AGE, BY_NAME };

/* Look at all that fits the pattern; a result of the library's.  After a failure it is as it was. */
int board_look(struct board *b, struct lk_manager *m, const char *pattern);

/* Rates are those since the last turn. */
void board_turn(struct board *b);

/* The names that are in demand, the most so first; only those that somebody has or wants, or had since the last turn. */
void board_sort(const struct board *b, enum board_order order, const struct board_name **out,
		size_t *n);
void board_free(struct board *b);

#endif /* LATCHKEY_CLI_BOARD_H */
