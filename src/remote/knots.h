/* SPDX-License-Identifier: MIT */
/*
 * Rings of waiters through several processes.  Each sees the part of a ring that is its own:
 *
 *   somebody abroad waits for m, which is held here  by an owner that waits, through others here, for one that waits
 *   for n, which is held abroad
 *
 * and says so on the board of the store (board.h) as soon as there is such a part; who has none says nothing, and asks the
 * store for nothing.  Whoever has said something looks at the board from time to time, puts the parts together, and, if
 * one of his own is the one to end, ends it.
 *
 * RG6  what is said was looked for after the board was read last: reach_search() begins anew for each look, and a part is
 *      only as old as that (RG2).
 * RG7  a request is ended only if it still waits as it did when what was said of it was looked for (D6).
 * RG9  who waits in the line of the store because of his place there, behind others that want what does not agree with what he
 *      wants, says whom he is behind, as the store said when it was asked last; and who has others behind him, that he has that
 *      place.  If there is a place in a ring, whoever has it gives it up first, a few times, before a request ends; as in memory
 *      (D5).
 * RG8  nothing is allocated for it but when the manager is opened.
 *
 * Source: the parts are the edges of Chandy, Misra, Haas 1983; that they are kept in one place, and believed when they were seen
 * twice, is ours.
 */
#ifndef LK_REMOTE_KNOTS_H
#define LK_REMOTE_KNOTS_H

#include "remote/inside.h"

struct knots;

/* NULL: no memory. */
struct knots *knots_open(struct remote *m);

/* What was said is taken back; its memory goes.  NULL: nothing. */
void knots_close(struct knots *g);

/* The next four: `g` NULL: nobody looks.  With the latch of the remote. */

/* The store has answered what that cover asked. */
void knots_note(struct knots *g, struct cover *c, const struct answer *a);

/* It does not wait, nor is waited for. */
void knots_forget(struct knots *g, struct cover *c);

/* The phantom of that cover has come to wait here. */
void knots_stir(struct knots *g, struct cover *c);

/* The board may have changed. */
void knots_hear(struct knots *g);

/* Not with the latch: the cover is about to ask the store, perhaps for something else. */
void knots_ask(struct knots *g, struct cover *c);

/* Is that the name of its record? */
bool knots_is_board(const void *record, size_t len);

#endif /* LK_REMOTE_KNOTS_H */
