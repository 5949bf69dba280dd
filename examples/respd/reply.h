/* SPDX-License-Identifier: MIT */
/* What a client is told: the five kinds of replies of the Redis protocol, version 2. */
#ifndef RESPD_REPLY_H
#define RESPD_REPLY_H

#include <stdint.h>

#include "buffer.h"

void reply_status(struct buffer *out, const char *text);

/* "-ERR …": line ends in it, which came from the client, become blanks. */
void reply_error(struct buffer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with another word than ERR. */
void reply_refusal(struct buffer *out, const char *kind, const char *text);

void reply_integer(struct buffer *out, int64_t n);
void reply_bulk(struct buffer *out, struct bytes b);
void reply_null(struct buffer *out); /* "there is no such value" */

/* `n` replies follow. */
void reply_array(struct buffer *out, size_t n);

#endif /* RESPD_REPLY_H */
