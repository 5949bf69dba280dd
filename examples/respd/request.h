/* SPDX-License-Identifier: MIT */
/*
 * What a client asks: either an array of bulk strings, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", which is how
 * programs do it, or a line of words, "GET k\r\n", for people.
 *
 * A request may come in pieces of any size.  The parser remembers how far it came, so that no
 * argument is looked at twice, and believes no announcement: memory is taken for what has come.
 */
#ifndef RESPD_REQUEST_H
#define RESPD_REQUEST_H

#include <stdbool.h>

#include "buffer.h"

#define REQUEST_BULK_MAX   ((size_t)64 << 20)  /* bytes in one argument */
#define REQUEST_ARGS_MAX   ((size_t)1 << 20)   /* arguments */
#define REQUEST_INLINE_MAX ((size_t)64 << 10)  /* bytes in a line of words */
#define REQUEST_MAX        ((size_t)256 << 20) /* bytes in one request */

enum request_state {
	REQUEST_MORE,  /* it has not all come yet */
	REQUEST_READY, /* `arg` is what it says; no arguments: nothing to do */
	REQUEST_BAD    /* `error` says why; nothing after it can be understood */
};

struct request {
	struct bytes *arg; /* when ready: valid as long as the input is not touched */
	size_t n_args;
	size_t pos; /* bytes of the input that were parsed; when ready: those of this request */
	char error[64];

	/* The parser's own. */
	size_t *offset;  /* of each argument, from the start of the input, which may move */
	size_t cap;      /* of `arg` and `offset` */
	size_t n_wanted; /* arguments announced; 0: the header has not come */
	size_t bulk_len; /* of the argument that comes now, if is_in_bulk */
	bool is_in_bulk;
};

void request_fini(struct request *r);

/* Forget the request, for the next one. */
void request_reset(struct request *r);

/* Go on parsing.  In a line of words, quoted ones are unquoted in the input itself. */
enum request_state request_parse(struct request *r, struct buffer *in);

/* How many bytes are surely still to come: a hint for reading. */
size_t request_missing(const struct request *r, const struct buffer *in);

/* For inline.c: one more argument. */
bool request_add(struct request *r, size_t offset, size_t len);

#endif /* RESPD_REQUEST_H */
