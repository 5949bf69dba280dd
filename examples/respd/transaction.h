/* SPDX-License-Identifier: MIT */
/*
 * Transactions: MULTI, commands that are kept, EXEC.
 *
 * EXEC carries out all of them as if they were alone: it takes the locks of all, in one call, before
 * the first and gives them back after the last.  To locks.c it is one command more.
 */
#ifndef RESPD_TRANSACTION_H
#define RESPD_TRANSACTION_H

#include "command.h"

/* A command that is kept, with copies of its arguments. */
struct part {
	struct part *next;
	const struct command *command;
	unsigned db; /* where it will be carried out */
	size_t n_args;
	struct bytes arg[]; /* and their bytes behind them */
};

struct transaction {
	bool is_open;
	bool is_spoiled; /* something was refused: EXEC will be */
	unsigned db;     /* where the next part will be carried out */
	struct part *first;
	struct part *last;
	size_t n_parts;
	size_t n_bytes;
	struct call call;   /* EXEC: of the part that is being carried out … */
	struct part *being; /* … which is this one */
};

/* Forget all of it; the connection is not in one any more. */
void transaction_reset(struct transaction *t);

/* A command was refused: if `t` is open, it cannot be carried out any more. */
void transaction_spoil(struct transaction *t);

/* If `t` is open and `c` is a command to keep, keep it, and say so.  False: carry it out now. */
bool transaction_keeps(struct transaction *t, struct call *c);

#endif /* RESPD_TRANSACTION_H */
