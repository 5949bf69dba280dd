/* SPDX-License-Identifier: MIT */
/*
 * Bytes that come in at the end and go out at the start: what a client sent, what it will be sent.
 *
 * A buffer that could not grow, for want of memory or because of its limit, is `failed` and stays
 * so: whoever fills it need not look at every step, but once at the end.
 */
#ifndef RESPD_BUFFER_H
#define RESPD_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "bytes.h"

struct buffer {
	char *data;
	size_t start; /* the first byte in it */
	size_t end;   /* behind the last */
	size_t cap;
	size_t max; /* bytes that may be in it */
	bool failed;
};

void buffer_init(struct buffer *b, size_t max);
void buffer_fini(struct buffer *b);

/* Room for `n` more bytes at the end, or NULL; then buffer_filled() says how many came. */
char *buffer_room(struct buffer *b, size_t n);
void buffer_filled(struct buffer *b, size_t n);

void buffer_append(struct buffer *b, const void *data, size_t n);
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Take `n` bytes away from the start. */
void buffer_consume(struct buffer *b, size_t n);

/* Empty it, and clear the failure; memory above `keep` bytes goes back. */
void buffer_reset(struct buffer *b, size_t keep);

static inline size_t
buffer_len(const struct buffer *b)
{
	return b->end - b->start;
}

static inline struct bytes
buffer_bytes(const struct buffer *b)
{
	return (struct bytes){ .data = b->data == NULL ? "" : b->data + b->start,
			       .len = buffer_len(b) };
}

#endif /* RESPD_BUFFER_H */
