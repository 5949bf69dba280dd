/* SPDX-License-Identifier: MIT */
/*
 * Tokens: grants that other threads act on, by a text.
 *
 * TK1  an owner is shared before the first token of a grant of its is out: so what is done by tokens is done under its
 *      latch (Z1), and the opening that a token says is compared under it.
 * TK2  what a token gives back while a call of the owner is away is marked (EXTRA_LEFT), and left to its thread, which
 *      releases it at the end of that call at the latest (Z3).  For all tokens, and for releases that this call
 *      comes to later, it is STALE from the mark on: so it is given back once.
 * TK3  a release by a token is told in the thread that asked for it, once: the ring has it before the name is free.
 */
#ifndef LK_CORE_TOKEN_H
#define LK_CORE_TOKEN_H

#include "owner/directory.h"

/* Made by the first token of a manager. */
struct tokens {
	uint64_t key[2];            /* of the check */
	struct directory directory; /* of owners that made tokens */
};

void tokens_destroy(struct tokens *t, struct env *env);

/* With the latch: was it given back by a token, and is still there?  (TK2) */
bool token_left(struct lk_owner *w, lk_grant g);

/* In the owner's thread, with the latch: release what was left to it.  (TK2) */
void token_catch_up(struct lk_owner *w);

#endif /* LK_CORE_TOKEN_H */
