/* SPDX-License-Identifier: MIT */
/*
 * A small client of the Redis protocol: requests are collected, sent together, and answered in order.
 * Once something went wrong (no connection, no reply, nonsense), the client is `broken`, says why, and
 * every later call fails; so the checks look at the end of a step only.
 */
#ifndef RESPD_CHECK_CLIENT_H
#define RESPD_CHECK_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reply_kind { REPLY_STATUS, REPLY_ERROR, REPLY_INTEGER, REPLY_BULK, REPLY_NULL, REPLY_ARRAY };

/* One reply.  The elements of an array are replies of their own, and are read after it. */
struct reply {
	enum reply_kind kind;
	int64_t integer;  /* of an array: its elements */
	const char *text; /* ended by a NUL; valid until the next call */
	size_t len;
};

struct client {
	int fd;
	bool is_broken;
	char why[128];
	char *out; /* requests not sent yet */
	size_t out_len;
	size_t out_cap;
	char *in; /* what came: from in_start to in_end */
	size_t in_start;
	size_t in_end;
	size_t in_cap;
	char *text; /* of the last reply */
	size_t text_cap;
};

/* Connect to 127.0.0.1; look at is_broken. */
void client_open(struct client *c, uint16_t port);
void client_close(struct client *c);

/* Another request of `n` words. */
void client_add(struct client *c, const char *const word[], size_t n);

/* Read the next reply; sends first what was collected. */
bool client_read(struct client *c, struct reply *r);

/* One request and its reply.  The words end with NULL. */
bool client_ask(struct client *c, struct reply *r, ...) __attribute__((sentinel));

/* … whose reply must be of this kind, else the client is broken. */
bool client_want(struct client *c, enum reply_kind kind, const struct reply *r);

/* Say that something went wrong. */
void client_break(struct client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif /* RESPD_CHECK_CLIENT_H */
