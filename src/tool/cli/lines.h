/* SPDX-License-Identifier: MIT */
/*
 * Lines in and out of `latchkey stdio`: taken apart from what comes, and kept until they can be written.
 *
 * LN1  who answers never waits for the other program to read: a line is put into memory, and one thread writes.
 * LN2  as long as more than LINES_FULL bytes wait to be written, nothing is read: memory is bounded by what is under way.
 */
#ifndef LATCHKEY_CLI_LINES_H
#define LATCHKEY_CLI_LINES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

enum { LINE_MAX_BYTES = 1 << 20, LINES_FULL = 1 << 20 };

struct lines {
	char *in;
	size_t n_in, cap_in;
	bool skips;            /* the rest of a line that is too long */
	pthread_mutex_t latch; /* of what follows */
	char *out;
	size_t from, n_out, cap_out; /* what waits begins at `from` */
	bool is_short;               /* of memory: a line is missing */
	int bell;                    /* an eventfd: there is something to write, or to look at */
};

/* 0, or an errno. */
int lines_init(struct lines *l);
void lines_fini(struct lines *l);

/* A line of its own, from any thread.  The value is the caller's. */
void lines_say(struct lines *l, const json_t *value);

/* The same of what may be left out if there is no room: false, it was. */
bool lines_mention(struct lines *l, const json_t *value);

/* Somebody is to look. */
void lines_ring(struct lines *l);

/* How much waits to be written. */
size_t lines_waiting(struct lines *l);

/* Write as much as a pipe takes at once that can be written to; 0, or an errno. */
int lines_write(struct lines *l, int fd);

/*
 * Read what there is; 1: something, 0: the end, -1: an errno.  For each line `each` is called; a line that is too long is
 * one with NULL.
 */
int lines_read(struct lines *l, int fd, void (*each)(void *arg, const char *line, size_t len),
	       void *arg);

/* What is left at the end, without its newline. */
void lines_rest(struct lines *l, void (*each)(void *arg, const char *line, size_t len), void *arg);

#endif /* LATCHKEY_CLI_LINES_H */
