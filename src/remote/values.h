/* SPDX-License-Identifier: MIT */
/*
 * Values of names that several processes share.  The value travels in the record; a process has a copy of it with its cover,
 * under the latch of the remote.
 *
 *   cover   others may   a read is                         a write is
 *   X       nothing      of the copy                       to the copy; the record gets it as the cover falls, or
 *                                                          at the next look, which is within `poll_max_ns`
 *   U, SIX  read         of the copy                       to both, before it returns
 *   IX      read         of the copy                       -
 *   S, IS   write        of the record                     -
 *
 * VC1  `said` is what the record lets this process have, at least, from now until the latch is taken to ask for
 *     less: it falls before the record is asked, and rises with the answer.  So as long as it says that nobody else can
 *     write (read), nobody can.
 * VC2  what the record does not have yet is sent with whatever is asked of it, the latest that there is when `said` falls:
 *     so it is there before others can see the name.  What is written after that finds `said` lower.  Until it is there it
 *     is newer than the record: who reads that from here on takes the later of the two, and looks at ours first.
 * VC3  versions of ours are above all fences that were given out before this process began to write, and, as long as
 *     the record does not have them, not above the fences that are ours.  So when we are lost, and they with us, nobody
 *     ever gives them to something else: who comes next begins above our fences (DE5).
 * VC4  when the cover is lost, so is what the record does not have yet; there the value is invalid (DE7).
 *
 * An owner that has the name by what it holds above has no cover on the name itself.  It borrows one: another process may
 * still keep the name, without using it, and have a value of it at home.
 */
#ifndef LK_REMOTE_VALUES_H
#define LK_REMOTE_VALUES_H

#include "remote/ask.h"

/*
 * The value of a name that an owner here holds: itself, or (`is_implied`) by what it holds above.  0; LK_E_LOST; LK_E_BUSY:
 * it was to be borrowed, and another process did not give it back; or what the store says.
 */
int remote_value_read(struct remote *m, struct lk_resource *r, bool is_implied,
		      struct lk_value *out);

/* … in a mode that writes.  What the store says: it has the value later, unless that is LK_E_LOST. */
int remote_value_write(struct remote *m, struct lk_resource *r, bool is_implied, const void *bytes,
		       size_t len);

/* A writer here ended otherwise than by a release. */
void remote_value_invalidate(struct remote *m, const struct lk_resource *r);

/* -------------------------------------------- for whoever has the name by what it holds above */

/* With the latch: the cover, if the record says that it is ours in that mode; NULL: it does not.  (VC1) */
struct cover *value_cover(struct remote *m, const struct lk_resource *r, lk_mode mode);

/* Nobody holds it abroad, but somebody may keep it: he gives it back.  0: it was ours, a moment ago; or why not. */
int value_borrow(struct remote *m, struct lk_resource *r, lk_mode mode);

/* ---------------------------------------------------- for who works on a cover (cover.c) */

/* With the latch: it is about to be asked for no more than it has.  True: this value is to be sent with that. */
bool value_leaves(struct cover *c, struct lk_value *value);

/* With the latch: the answer to that, before it is believed otherwise.  `sent` NULL: none was. */
void value_arrives(struct cover *c, const struct answer *a, const struct lk_value *sent);

/* What the record does not have yet, it gets, if it can. */
void value_settle(struct cover *c);

/* With the latch: nothing is known of it. */
void value_forget(struct cover *c);

#endif /* LK_REMOTE_VALUES_H */
