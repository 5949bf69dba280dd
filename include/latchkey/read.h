/* SPDX-License-Identifier: MIT */
/* Reading without a lock: look, read, and ask afterwards whether that was good. */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_READ_H
#define LATCHKEY_READ_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * lk_read_begin - begin to read what `r` protects without a lock, and without a write to shared memory.
 *
 *	do {
 *		if (lk_read_begin(r, &stamp) != 0)
 *			return read_under_a_lock();
 *		copy = what `r` protects;
 *	} while (lk_read_validate(r, stamp) != 0);
 *
 * What is read in between may be half written: copy it, follow no pointer in it, and use the copy only once it
 * was validated.  A writer may be at it at the same time, so for C both sides' accesses have to be atomic
 * (relaxed ones will do).
 *
 * This is about the name itself, as an S there would be without what it says of names below: who holds one of
 * those in X has this one in IX, and is not seen.
 *
 * Ownership   `r` stays open in between.  Needs no owner, and blocks nobody.
 * Threads     any.
 * Blocking    no.
 * Ordering    reads after it see what every writer wrote who has released, or weakened, before.
 * Returns     0, and `*stamp` is for lk_read_validate(); LK_E_BUSY: somebody holds the name, or an
 *             ancestor, in U, SIX or X; LK_E_UNSUPPORTED: the manager has a store, and writers of other processes
 *             would not be noticed.  `*stamp` is not written then.
 * Source      sequence locks, as in Linux; Boehm 2012 on their memory orders.
 */
LK_API LK_NODISCARD int lk_read_begin(struct lk_resource *r, uint64_t *stamp);

/*
 * lk_read_validate - could nobody have written since lk_read_begin()?
 *
 * Ownership, threads, blocking: as lk_read_begin().  As often as you like with one stamp.
 * Ordering    reads before it are over when it looks.
 * Returns     0: nobody came to hold the name, or an ancestor, in U, SIX or X since, so what was read is
 *             whole, and of one moment.  LK_E_STALE: somebody did; read again.
 */
LK_API LK_NODISCARD int lk_read_validate(struct lk_resource *r, uint64_t stamp);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_READ_H */
