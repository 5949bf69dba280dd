/* SPDX-License-Identifier: MIT */
/*
 * Commands as lines of text.
 *
 * A line may begin with the number of a session, `2:`; each session has at most one transaction.  All sessions
 * are in one thread, so a lock that is taken is waited for in vain: db_options.timeout_ns ends that.
 */
#ifndef TXNKV_SHELL_H
#define TXNKV_SHELL_H

#include <stdio.h>

#include "kv.h"
#include "words.h"

#define SHELL_SESSIONS   9
#define SHELL_SAVEPOINTS 32
#define SHELL_NAME_MAX   32

struct session {
	struct txn *txn; /* NULL: none is open; each command is one of its own */
	unsigned n_savepoints;
	char savepoint[SHELL_SAVEPOINTS][SHELL_NAME_MAX];
};

struct shell {
	struct db *db;
	FILE *out; /* for answers and errors */
	struct session session[SHELL_SESSIONS];
	size_t line;     /* for errors; 0: do not say */
	size_t n_errors; /* commands that could not be carried out */
	bool is_over;    /* `quit` */
};

void shell_init(struct shell *s, struct db *db, FILE *out);

/* What is open is aborted. */
void shell_fini(struct shell *s);

/* One line, which is written over. */
void shell_line(struct shell *s, char *line, size_t len);

/* Line by line, until `quit` or the end.  False: `in` could not be read. */
bool shell_run(struct shell *s, FILE *in, const char *prompt);

extern const char shell_help[];

#endif /* TXNKV_SHELL_H */
