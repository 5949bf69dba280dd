/* SPDX-License-Identifier: MIT */
/*
 * The command line: what its commands share.  All of it is built from the public headers.
 *
 * A command is a row of the table in commands.c, and a function in a file of its own.  main.c has read the words for it:
 * options into values, all else into operands, and what stands behind "--" into a command to be started.
 */
#ifndef LATCHKEY_CLI_H
#define LATCHKEY_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <latchkey.h>

/* What a command ends with, beside 0 and the code of a command that it started.  They are stable. */
enum exit_code {
	EXIT_NOT_ACQUIRED = 1,
	EXIT_USAGE = 64,
	EXIT_CORRUPT = 65,
	EXIT_UNREACHABLE = 69,
	EXIT_SYSTEM = 71, /* no memory, no thread, no process */
	EXIT_IO = 74,
	EXIT_DENIED = 77,
	EXIT_LOST = 79,
	EXIT_NOT_STARTED = 126,
	EXIT_NOT_FOUND = 127,
	EXIT_SIGNAL = 128 /* and the number of the signal */
};

enum { OPTIONS_MAX = 16 };

/* An option of a command; all have long names. */
struct option {
	const char *name;    /* "wait": it is said as --wait; NULL: the end of the table */
	const char *metavar; /* what comes after it; NULL: nothing */
	const char *help;
};

struct call;

struct command {
	const char *name;
	const char *operands;         /* as shown: "NAME… -- COMMAND…" */
	const char *summary;          /* one line */
	const char *help;             /* more of it, or NULL */
	const struct option *options; /* may be NULL */
	int least, most;              /* operands; `most` -1: any number */
	bool starts;                  /* takes "-- COMMAND…" */
	int (*run)(struct call *c);
};

/* A result that changes nothing any more. */
static inline void
forget(int rc)
{
	(void)rc;
}

/* All commands, with NULL as the name of the last. */
extern const struct command commands[];

/* Those of all commands. */
extern const struct option common_options[];

/* What was said. */
struct call {
	const struct command *command;
	const char *store, *dir; /* --store, --dir; NULL: not said */
	char *url;               /* of the store, once place_url() has looked */
	bool json;
	const char *value
		[OPTIONS_MAX]; /* of its options, by their place in the table; NULL: not said */
	char **operands;
	int n_operands;
	char **start; /* behind "--", with NULL at the end; NULL: nothing */
};

/* ----------------------------------------------------------------------- words (words.c) */

/* The value of an option of this command; NULL: it was not said.  Of one without a value, "". */
const char *call_option(const struct call *c, const char *name);

/* An option that is a time, a number, a mode; true: it was wrong, and was complained of. */
bool call_time(const struct call *c, const char *name, uint64_t *ns);
bool call_number(const struct call *c, const char *name, uint64_t least, uint64_t most,
		 uint64_t *n);
bool call_mode(const struct call *c, const char *name, lk_mode *mode);

/* --wait and --nowait. */
bool call_patience(const struct call *c, struct lk_options *o);

/* The same of texts; false: it is none. */
bool text_time(const char *text, uint64_t *ns);
bool text_number(const char *text, uint64_t *n);
bool text_mode(const char *text, lk_mode *mode);

/* "FENCED" */
const char *level_name(uint32_t level);

/* The nearest of several words to one that is not there; NULL: none is near. */
struct nearest {
	const char *word;
	const char *best;
	unsigned distance;
};
void nearest_look(struct nearest *n, const char *candidate);

/* ----------------------------------------------------------------------- saying (say.c) */

/* A line on standard error: "latchkey run: …". */
void complain(const struct call *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Of a result of the library's about something: complains, with its advice, and returns the exit code. */
int complain_of(const struct call *c, const char *what, int rc);

int exit_of(int rc);

/* Why a lock was not acquired. */
const char *words_of(int rc);

/* Is standard output there, and did all of it arrive?  Complains, and returns the exit code: `code`, or EXIT_IO. */
int finish_output(const struct call *c, int code);

/* Is standard output a terminal that wants colour? */
bool has_colour(void);
void put_heading(const char *text);

/* Write a name, and what a terminal would not show as \xNN, in `most` columns at most; returns how many it took. */
size_t write_name(FILE *out, const void *name, size_t len, size_t most);
size_t write_end(FILE *out, const char *text, size_t most); /* … the end of it */
size_t put_name(const void *name, size_t len);

/* ----------------------------------------------------------------------- the store (place.c) */

/* The URL that counts: --store, --dir, LATCHKEY_URL, or the folder of this user.  NULL: complained. */
const char *place_url(struct call *c);

/* Opens a manager there; an exit code, 0: open. */
int place_open(struct call *c, struct lk_config *config, struct lk_manager **out);

/* All settings of managers, with NULL at the end. */
extern const char *const setting_names[];

/* Opens the store alone, to look. */
int place_open_store(struct call *c, uint32_t flags, struct lk_store **out);

#endif /* LATCHKEY_CLI_H */
