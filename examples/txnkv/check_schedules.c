/* SPDX-License-Identifier: MIT */
/*
 * Known ways to go wrong, step by step: see check.h.  They are lines for the shell; who does not say a session is
 * the first one, and without `begin` each line is a transaction.
 */
#include <stdlib.h>

#include "check.h"
#include "shell.h"

static const struct {
	const char *name;
	const char *lines;
} schedules[] = {
	{ "lost update", "put t x 0\n"
			 "1: begin\n2: begin\n"
			 "1: get t x\n2: get t x\n"
			 "1: put t x 1\n1: commit\n"
			 "2: put t x 2\n2: commit\n" },
	{ "lost update, announced", "put t x 0\n"
				    "1: begin\n2: begin\n"
				    "1: update t x\n2: update t x\n"
				    "1: put t x 1\n1: commit\n"
				    "2: put t x 2\n2: commit\n" },
	{ "write skew", "put t x 1\nput t y 1\n"
			"1: begin\n2: begin\n"
			"1: get t x\n1: get t y\n2: get t x\n2: get t y\n"
			"1: put t x 0\n2: put t y 0\n"
			"1: commit\n2: commit\n" },
	{ "read skew", "put t x 1\nput t y 1\n"
		       "1: begin\n1: get t x\n"
		       "2: begin\n2: put t x 2\n2: put t y 0\n2: commit\n"
		       "1: get t y\n1: commit\n" },
	{ "read skew of a deleted row", "put t x 1\nput t y 1\n"
					"1: begin\n1: get t x\n"
					"2: begin\n2: delete t x\n2: put t y 2\n2: commit\n"
					"1: get t y\n1: commit\n" },
	{ "phantom", "put t a 1\nput n t 1\n"
		     "1: begin\n1: scan t\n"
		     "2: begin\n2: put t b 1\n2: put n t 2\n2: commit\n"
		     "1: get n t\n1: commit\n" },
	{ "two phantoms", "put t a 1\n"
			  "1: begin\n2: begin\n"
			  "1: scan t\n2: scan t\n"
			  "1: put t b 1\n2: put t c 1\n"
			  "1: commit\n2: commit\n" },
	{ "row that is not there yet", "put t a 1\n"
				       "1: begin\n2: begin\n"
				       "1: get t x\n2: get t y\n"
				       "1: put t y 1\n2: put t x 1\n"
				       "1: commit\n2: commit\n" },
	{ "two observers who disagree", "put t x 0\nput t y 0\n"
					"3: begin\n4: begin\n"
					"3: get t y\n4: get t x\n"
					"1: put t x 1\n2: put t y 1\n"
					"3: get t x\n4: get t y\n"
					"3: commit\n4: commit\n" },
	{ "read-only transaction that sees too much",
	  "put t x 0\nput t y 0\n"
	  "1: begin\n1: get t x\n1: get t y\n"
	  "2: put t y 20\n"
	  "3: begin\n3: get t x\n3: get t y\n3: commit\n"
	  "1: put t x 11\n1: commit\n" },
};

const size_t n_schedules = sizeof(schedules) / sizeof(schedules[0]);

const char *
schedule_name(size_t i)
{
	return schedules[i].name;
}

/* How many steps were refused; what they say is not looked at. */
static size_t
play(struct db *db, const char *lines, FILE *nowhere)
{
	struct shell shell;
	char line[64];

	shell_init(&shell, db, nowhere);
	while (*lines != '\0') {
		size_t len = strcspn(lines, "\n");

		memcpy(line, lines, len);
		shell_line(&shell, line, len);
		lines += len + 1;
	}
	shell_fini(&shell);
	return shell.n_errors;
}

static enum finding
judge_schedule(struct history *h, size_t n_refused, enum db_locks locks, FILE *out)
{
	bool has_locks = locks != DB_LOCK_NO_READING;
	enum verdict verdict;

	if (judge(h, out, &verdict) != 0)
		return FOUND_TROUBLE;
	if ((n_refused > 0) != has_locks) {
		fprintf(out, "%zu steps were refused\n", n_refused);
		return FOUND_TROUBLE;
	}
	return verdict == JUDGE_SERIAL ? FOUND_NOTHING : FOUND_VIOLATION;
}

enum finding
schedule_check(size_t i, enum db_locks locks, FILE *out)
{
	/* The one thread cannot wait for itself. */
	struct db_options o = { .locks = locks, .timeout_ns = 1 };
	FILE *nowhere = fopen("/dev/null", "w");
	struct history history;
	enum finding found = FOUND_TROUBLE;
	struct db *db;
	size_t n_refused;

	history_init(&history);
	o.history = &history;
	if (nowhere == NULL || db_open(&o, &db) != 0) {
		fputs("there is no store to check\n", out);
	} else {
		n_refused = play(db, schedules[i].lines, nowhere);
		db_close(db);
		found = judge_schedule(&history, n_refused, locks, out);
	}
	if (nowhere != NULL)
		fclose(nowhere);
	history_fini(&history);
	return found;
}
