/* SPDX-License-Identifier: MIT */
/*
 * What is kept of keys beside their locks: by which value, and until when.  In the store it is a record of its own, "k" and the
 * key's segment, so that whoever opens the same store sees it; of a manager without one it is in memory.
 *
 * SH1  an entry says nothing by itself: it counts as long as the grant of its token is held.
 * SH2  of two for one key that with the larger fence stays, whoever writes last: the other one's grant is over.
 * SH3  an entry goes only with its own token: a newer one is left alone.
 */
#ifndef LATCHKEY_CLI_SHELF_H
#define LATCHKEY_CLI_SHELF_H

#include "serve.h"

struct kept {
	struct name segment; /* the key, as a name */
	struct name value;
	char token[LK_TOKEN_MAX];
	double created_ms; /* since 1970 */
	double expires_ms; /* INFINITY: not */
};

void kept_free(struct kept *e);

struct shelf;

/* `store`: NULL: in memory.  It is not closed by the shelf. */
struct shelf *shelf_make(struct lk_store *store);
void shelf_free(struct shelf *s);

/* 0: `*out` is to be freed; LK_E_NOENT: there is none; or what the store says. */
int shelf_read(struct shelf *s, const struct name *segment, struct kept *out);

/* All of them.  (SH2)  LK_E_LIMIT: a value is too long. */
int shelf_write(struct shelf *s, const struct kept *e, size_t n);

/* (SH3) */
int shelf_remove(struct shelf *s, const struct name *segment, const char *token);

/* A copy of all, to be freed with shelf_forget(). */
int shelf_copy(struct shelf *s, struct kept **all, size_t *n);
void shelf_forget(struct kept *all, size_t n);

#endif /* LATCHKEY_CLI_SHELF_H */
