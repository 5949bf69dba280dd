/* SPDX-License-Identifier: MIT */
/* Who holds what in a store, and who waits: a copy of all that the store says, in order. */
#ifndef LATCHKEY_CLI_ROWS_H
#define LATCHKEY_CLI_ROWS_H

#include "json.h"

struct row {
	unsigned char *name; /* NULL: the store does not know */
	size_t len;
	uint32_t flags; /* LK_RECORD_… */
	lk_mode held, wanted;
	uint32_t position, units;
	uint64_t fence;
	uint64_t since_ns; /* so long ago; 0: not known */
	struct lk_session_id session;
	char *who;
};

struct rows {
	struct row *all; /* by name, holders before waiters, the oldest first */
	size_t n, cap;
	int separator; /* of the names */
};

/* All whose names begin with these bytes.  0, or a result of the library's; then there are none. */
int rows_read(struct lk_manager *m, const void *prefix, size_t len, struct rows *out);
/* LK_NO_SEPARATOR: names have none. */
int rows_separator(struct lk_manager *m);
void rows_free(struct rows *r);

/* Whether it is of a lock's name at all, and fits a pattern; NULL: all do. */
bool row_fits(const struct row *r, const char *pattern, int separator);

bool row_is_of(const struct row *r, const void *name, size_t len);

/* Names that fit a pattern begin with so many bytes of it. */
size_t pattern_prefix(const char *pattern);

/* "X", "X waits (1)", "X dead": what it has or wants, in `buf`. */
const char *row_state(const struct row *r, char *buf, size_t cap);

/* "3.2s"; "-" if it is not known. */
const char *row_since(const struct row *r, char *buf, size_t cap);

/* Who it is, without what a terminal would not show. */
void put_who(const struct row *r);

json_t *row_json(const struct row *r);

/* Opens the store that the words say and reads; an exit code.  `*m` is to be closed. */
int rows_open(struct call *c, struct lk_manager **m);

#endif /* LATCHKEY_CLI_ROWS_H */
